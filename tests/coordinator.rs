//! CONTRACT 4, where it is decided: the coordinator alone, driven through its channels without a
//! thread, a socket or a clock.
//!
//! The first part goes through the table of CONTRACT 4 a row at a time. The second lets every
//! other thread do whatever it could do, in any order, at any time: small models of the readers,
//! the writers and the acceptor or connector produce events that the real ones could produce, and
//! a [`Referee`] who knows the table, and not the program, says what has to come of it.

use std::collections::VecDeque;
use std::io::{Error as IoError, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use proptest::prelude::*;
use threadchat::error::{Error, NoAddress};
use threadchat::platform::bell::Bell;
use threadchat::roles::{Number, Role, Sink, Source};
use threadchat::talk::coordinator::Coordinator;
use threadchat::talk::plan::{Calling, Outboxes, Outlets, Plan, Stdin};
use threadchat::threads::buffer::{BUFFERS, Block, Pool, Stopper};
use threadchat::threads::event::{Event, News, ReadError, Report};
use threadchat::threads::friend::{Friend, Line};
use threadchat::threads::notices::Notices;
use threadchat::threads::order::{Done, Order};
use threadchat::threads::outbox;
use threadchat::threads::permit::{Permit, Permits};
use threadchat::wire::fault::Fault;
use threadchat::wire::messages::{END_FRAME, Wire};
use threadchat::wire::space::Space;
use threadchat::wire::step::Oddity;

/// The friend, and whoever comes after her.
const SUSAN: Number = Number(1);

/// What leaving may take, counted from the signal.
const LEAVING: Duration = Duration::from_secs(2);

// The coordinator and what hangs on its channels.

/// What the coordinator has done to a connection besides sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Cut { reset: bool },
    Joined,
    Dropped,
}

/// A connection that only takes notes.
struct Telephone {
    notes: Sender<Did>,
}

impl Line for Telephone {
    fn cut(&self, reset: bool) {
        self.notes.send(Did::Cut { reset }).unwrap();
    }

    fn join(self: Box<Self>) {
        self.notes.send(Did::Joined).unwrap();
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        // The test may have let go of the call before.
        let _ = self.notes.send(Did::Dropped);
    }
}

/// Our end of what the coordinator believes to be a friend.
struct Call {
    /// The socket-writer's outbox; `None` once the socket-writer has ended.
    outbox: Option<Receiver<Order>>,
    notes: Receiver<Did>,
}

impl Call {
    /// Everything in the outbox, as bytes, and whether the coordinator has closed it.
    fn handed_over(&self) -> (Vec<u8>, bool) {
        let outbox = self.outbox.as_ref().expect("the socket-writer has ended");
        let mut bytes = Vec::new();
        loop {
            match outbox.try_recv() {
                Ok(order) => bytes.extend_from_slice(bytes_of(&order)),
                Err(why) => return (bytes, why == TryRecvError::Disconnected),
            }
        }
    }
}

fn bytes_of(order: &Order) -> &[u8] {
    match order {
        Order::Block(block) => block.bytes(),
        Order::Own(bytes) => bytes,
        Order::ToCopy(line) => line.as_bytes(),
        _ => b"",
    }
}

/// The coordinator, and the other ends of all its channels.
struct House {
    coordinator: Coordinator,
    now: Instant,
    /// What the last turn of the coordinator gave back.
    wake: Option<Instant>,
    /// The screen-writer's outbox; `None` once the screen-writer has ended.
    to_screen: Option<Receiver<Order>>,
    to_stderr: Receiver<Order>,
    may_read: Receiver<Permit>,
    asked: Receiver<()>,
    /// Every line that was said on stderr so far.
    lines: Vec<String>,
}

fn plan(stdin: Stdin) -> Plan {
    Plan {
        stdin,
        wire: Wire::Lines,
        calling: None,
        keep: false,
        room: None,
        name: None,
        editor: false,
        hints: false,
        transfer: None,
        terminal: None,
    }
}

fn calling(stdin: Stdin, wait: Option<Option<Duration>>) -> Plan {
    let timeout = Duration::from_secs(10);
    Plan { calling: Some(Calling { to: "friend:9999".into(), timeout, wait }), ..plan(stdin) }
}

impl House {
    fn new(plan: Plan) -> House {
        House::empty(plan, None)
    }

    /// A house with a friend in it, and with piped stdin whose reader can be woken.
    fn with_stopper(plan: Plan, stop_reading: Option<Stopper>) -> (House, Call) {
        let mut house = House::empty(plan, stop_reading);
        let call = house.friend_comes();
        (house, call)
    }

    fn empty(plan: Plan, stop_reading: Option<Stopper>) -> House {
        let (to_screen, screen) = outbox::open(Role::ScreenWriter, None);
        let (to_stderr, stderr) = outbox::open(Role::NoticeWriter, None);
        let (permits, may_read) = Permits::new(None);
        let (ask_friend, asked) = unbounded();
        let notices = Notices::new(to_stderr, false);
        let now = Instant::now();
        let outlets = Outlets { to_screen, to_transcript: None, notices };
        let out = Outboxes { outlets, bell: None, permits, stop_reading, ask_friend };
        House {
            coordinator: Coordinator::new(plan, out, None, now),
            now,
            wake: None,
            to_screen: Some(screen.waiting()),
            to_stderr: stderr.waiting(),
            may_read,
            asked,
            lines: Vec::new(),
        }
    }

    /// A house with a friend in it.
    fn talking(plan: Plan) -> (House, Call) {
        let mut house = House::new(plan);
        let call = house.friend_comes();
        (house, call)
    }

    fn hears(&mut self, event: Event) {
        self.wake = self.coordinator.on(event, self.now);
        while let Ok(order) = self.to_stderr.try_recv() {
            self.lines.push(String::from_utf8(bytes_of(&order).to_vec()).unwrap());
        }
    }

    /// The time that the coordinator wants to be woken at comes, and nothing else.
    fn time_comes(&mut self) {
        self.now = self.wake.expect("the coordinator waits for no time");
        self.hears(Event::Time);
    }

    /// A signal comes, and then nothing but the time: within 2 s it is over.
    #[track_caller]
    fn is_over_within_2_s_of_a_signal(&mut self) {
        let before = self.now;
        self.hears(Event::Signal);
        while self.code().is_none() {
            self.time_comes();
            assert!(self.now <= before + LEAVING);
        }
    }

    /// On frames, stdout takes nothing of what the friend says before the word `end`; and whatever time
    /// can bring has come.
    fn holds_all_buffers_of_a_friend_who_has_said_end(&mut self, call: &mut Call) {
        for _ in 0..BUFFERS {
            self.hears(friend_says(b"\x01\x00x"));
        }
        self.hears(Event::Read(Source::Friend(SUSAN), News::Goodbye));
        self.all_is_sent(call);
        while self.wake.is_some() && self.code().is_none() {
            self.time_comes();
        }
    }

    fn friend_comes(&mut self) -> Call {
        let (friend, call) = a_friend();
        self.hears(Event::Connected(friend));
        call
    }

    /// The socket-writer has sent everything and says its last word.
    fn all_is_sent(&mut self, call: &mut Call) {
        call.outbox = None;
        self.hears(Event::Written(Sink::Friend(SUSAN), ended_well()));
    }

    /// The screen-writer writes everything; it answers a flush.
    fn screen_writes(&mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        let orders: Vec<Order> = self.to_screen.as_ref().unwrap().try_iter().collect();
        for order in orders {
            shown.extend_from_slice(bytes_of(&order));
            if let Order::Flush = order {
                self.hears(Event::Written(Sink::Screen, Report::Flushed));
            }
        }
        shown
    }

    fn screen_fails(&mut self, kind: ErrorKind) {
        self.to_screen = None;
        self.hears(Event::Written(Sink::Screen, broke(kind, 0)));
    }

    fn code(&self) -> Option<u8> {
        self.coordinator.outcome().map(|outcome| outcome.code)
    }

    /// Whether a line on stderr holds this.
    fn said(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// How many lines on stderr hold this.
    fn times_said(&self, text: &str) -> usize {
        self.lines.iter().filter(|line| line.contains(text)).count()
    }

    #[track_caller]
    fn assert_over(&self, code: u8) {
        assert_eq!(self.code(), Some(code), "stderr was {:#?}", self.lines);
    }

    #[track_caller]
    fn assert_goes_on(&self) {
        assert_eq!(self.code(), None, "stderr was {:#?}", self.lines);
    }
}

/// A friend, as the coordinator gets one; and our end of that.
fn a_friend() -> (Friend, Call) {
    let (to_friend, orders) = outbox::open(Role::SocketWriter, None);
    let (notes, notes_out) = unbounded();
    let line = Box::new(Telephone { notes });
    let friend = Friend {
        number: SUSAN,
        done: Done::default(),
        writer: std::thread::current(),
        called_for: None,
        address: friend_address(),
        to_friend,
        line,
    };
    (friend, Call { outbox: Some(orders.waiting()), notes: notes_out })
}

fn friend_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 9999))
}

fn block(bytes: &[u8]) -> Block {
    let pool = Pool::new(1, bytes.len().max(1));
    let mut block = pool.take().unwrap();
    assert!(block.push(&[bytes]));
    block
}

fn typed(bytes: &[u8]) -> Event {
    Event::Read(Source::Stdin, News::Block(block(bytes)))
}

fn friend_says(bytes: &[u8]) -> Event {
    Event::Read(Source::Friend(SUSAN), News::Block(block(bytes)))
}

fn ends(source: Source) -> Event {
    Event::Read(source, News::Ended(Ok(())))
}

fn breaks(source: Source, kind: ErrorKind) -> Event {
    Event::Read(source, News::Ended(Err(ReadError::Io(kind.into()))))
}

fn breaks_rule(source: Source, fault: Fault) -> Event {
    Event::Read(source, News::Ended(Err(ReadError::Rule(fault))))
}

fn ended_well() -> Report {
    Report::Ended { result: Ok(()), left: 0 }
}

fn broke(kind: ErrorKind, left: u64) -> Report {
    Report::Ended { result: Err(kind.into()), left }
}

fn refused() -> Error {
    let tried = vec![(friend_address(), IoError::from(ErrorKind::ConnectionRefused))];
    Error::CannotConnect { to: "friend:9999".into(), port: 9999, tried }
}

fn no_such_name() -> Error {
    let why = IoError::other("Name or service not known");
    NoAddress::CannotResolve { host: "friend".into(), why }.into()
}

// The table of CONTRACT 4, a row at a time.

#[test]
fn when_my_stdin_ends_everything_is_sent_and_receiving_goes_on_until_the_friend_ends() {
    for stdin in [Stdin::Terminal, Stdin::Pipe] {
        let (mut house, mut call) = House::talking(plan(stdin));
        house.hears(typed(b"one "));
        house.hears(typed(b"two"));
        house.hears(ends(Source::Stdin));
        assert_eq!(call.handed_over(), (b"one two".to_vec(), true));
        house.all_is_sent(&mut call);
        house.hears(friend_says(b"late reply"));
        assert_eq!(house.wake, None, "a half-closed conversation has all the time");
        house.assert_goes_on();
        house.hears(ends(Source::Friend(SUSAN)));
        house.assert_goes_on();
        assert_eq!(house.screen_writes(), b"late reply");
        house.assert_over(0);
        assert!(house.said("friend has left"));
        assert!(call.notes.try_iter().eq([Did::Joined, Did::Dropped]));
    }
}

#[test]
fn a_friend_who_leaves_a_person_is_shown_first_and_then_told() {
    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    house.hears(typed(b"hello"));
    house.hears(friend_says(b"bye"));
    house.hears(ends(Source::Friend(SUSAN)));
    assert_eq!(call.handed_over(), (b"hello".to_vec(), true));
    house.all_is_sent(&mut call);
    assert!(!house.said("friend has left"), "said before the last words are shown");
    assert_eq!(house.screen_writes(), b"bye");
    assert!(house.said("friend has left"));
    house.assert_over(0);
}

#[test]
fn a_slow_reader_of_stdout_has_all_the_time_when_the_friend_has_left() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(plan(stdin));
        if stdin == Stdin::Pipe {
            house.hears(ends(Source::Stdin));
        }
        house.hears(friend_says(b"slowly"));
        house.hears(ends(Source::Friend(SUSAN)));
        house.all_is_sent(&mut call);
        assert_eq!(house.wake, None, "nobody is in a hurry");
        house.now += Duration::from_secs(3600);
        assert_eq!(house.screen_writes(), b"slowly");
        house.assert_over(0);
    }
}

/// The socket-reader needs an empty buffer to go on with, and all of its buffers are on their
/// way to a stdout that is not read. So behind the word `end` it stays silent for as long as
/// that takes; the conversation ended after 2 s, without what had arrived.
#[test]
fn a_slow_reader_of_stdout_has_all_the_time_when_the_friend_has_said_end() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(stdin) });
        if stdin == Stdin::Pipe {
            house.hears(ends(Source::Stdin));
        }
        house.holds_all_buffers_of_a_friend_who_has_said_end(&mut call);
        house.assert_goes_on();
        assert_eq!(house.screen_writes(), b"\x01\x00x".repeat(BUFFERS));
        house.hears(ends(Source::Friend(SUSAN)));
        if house.code().is_none() {
            house.screen_writes();
        }
        house.assert_over(0);
        assert!(!house.said("not written"));
    }
}

#[test]
fn when_the_friend_ends_first_what_is_piped_goes_on_and_one_notice_says_so() {
    let (mut house, mut call) = House::talking(plan(Stdin::Pipe));
    house.hears(typed(b"first "));
    house.hears(ends(Source::Friend(SUSAN)));
    assert_eq!(house.times_said("* the friend has ended"), 1);
    assert!(house.said("Ctrl-C"), "the notice says how to stop");
    house.now += Duration::from_secs(3600);
    house.hears(typed(b"second "));
    house.hears(typed(b"third"));
    assert_eq!(house.wake, None);
    house.hears(ends(Source::Stdin));
    assert_eq!(call.handed_over(), (b"first second third".to_vec(), true));
    house.now += Duration::from_secs(3600);
    assert_eq!(house.wake, None, "a friend who takes it slowly is waited for");
    house.all_is_sent(&mut call);
    house.screen_writes();
    house.assert_over(0);
    assert_eq!(house.times_said("* the friend has ended"), 1);
}

#[test]
fn when_the_friend_ends_first_and_then_refuses_what_is_piped_it_is_a_reset() {
    for plan in [plan(Stdin::Pipe), calling(Stdin::Pipe, None)] {
        let (mut house, mut call) = House::talking(plan);
        house.hears(typed(b"half of it"));
        // Long after it began: at once it would be a friend who is busy.
        house.now += Duration::from_secs(3);
        house.hears(ends(Source::Friend(SUSAN)));
        call.outbox = None;
        house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::BrokenPipe, 4)));
        house.screen_writes();
        house.assert_over(1);
        assert!(
            house.said("threadchat: the connection to 192.0.2.1:9999 broke"),
            "{:?}",
            house.lines
        );
        assert!(house.said("may not have arrived"));
    }
}

#[test]
fn ctrl_c_sends_what_the_coordinator_had_and_shows_what_arrives_until_the_friend_ends() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(plan(stdin));
        let before = house.now;
        if stdin != Stdin::Unread {
            house.hears(typed(b"before"));
        }
        house.hears(Event::Signal);
        assert!(house.wake.is_some_and(|at| at <= before + LEAVING));
        if stdin != Stdin::Unread {
            house.hears(typed(b"after"));
        }
        let sent: &[u8] = if stdin == Stdin::Unread { b"" } else { b"before" };
        assert_eq!(call.handed_over(), (sent.to_vec(), true));
        house.all_is_sent(&mut call);
        house.hears(friend_says(b"last word"));
        house.hears(ends(Source::Friend(SUSAN)));
        assert_eq!(house.screen_writes(), b"last word");
        house.assert_over(0);
        assert!(house.said("you have left"));
        assert!(call.notes.try_iter().all(|did| !matches!(did, Did::Cut { .. })));
    }
}

/// The system tells of a terminal that has gone, and so does the shell in it: that was taken for the
/// impatient second Ctrl-C, and what the friend still said was lost.
#[test]
fn a_window_that_is_closed_and_tells_so_twice_is_no_second_signal() {
    for first in [Event::Signal, Event::HungUp] {
        let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
        house.hears(typed(b"before"));
        house.hears(first);
        house.hears(Event::HungUp);
        assert_eq!(call.handed_over(), (b"before".to_vec(), true));
        house.all_is_sent(&mut call);
        house.hears(friend_says(b"last word"));
        house.hears(ends(Source::Friend(SUSAN)));
        assert_eq!(house.screen_writes(), b"last word");
        house.assert_over(0);
    }
}

#[test]
fn after_ctrl_c_a_friend_who_does_not_take_is_cut_off_within_2_s_and_the_loss_is_told() {
    let (mut house, mut call) = House::talking(plan(Stdin::Pipe));
    house.hears(typed(b"never taken"));
    let before = house.now;
    house.hears(Event::Signal);
    house.time_comes();
    assert_eq!(call.notes.try_recv(), Ok(Did::Cut { reset: true }), "a FIN would say: all sent");
    assert!(house.now >= before + Duration::from_secs(1), "cut off too early");
    call.outbox = None;
    house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::BrokenPipe, 11)));
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(1);
    assert!(house.now <= before + LEAVING);
    assert!(house.said("* not sent: at least 11 bytes"), "{:?}", house.lines);
}

#[test]
fn after_ctrl_c_a_friend_who_goes_on_sending_is_cut_off_within_2_s_without_a_reset() {
    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    let before = house.now;
    house.hears(Event::Signal);
    house.all_is_sent(&mut call);
    for _ in 0..20 {
        house.hears(friend_says(b"on and on "));
        house.screen_writes();
    }
    house.time_comes();
    assert_eq!(call.notes.try_recv(), Ok(Did::Cut { reset: false }));
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
    assert!(house.now <= before + LEAVING);
}

#[test]
fn after_ctrl_c_a_stdout_that_takes_nothing_is_left_within_2_s_and_the_loss_is_told() {
    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    house.hears(friend_says(b"stuck"));
    house.hears(ends(Source::Friend(SUSAN)));
    house.all_is_sent(&mut call);
    house.now += Duration::from_secs(100);
    house.is_over_within_2_s_of_a_signal();
    house.assert_over(1);
    assert!(house.said("* not written"), "{:?}", house.lines);
}

#[test]
fn after_ctrl_c_threads_that_cannot_be_woken_are_left_within_2_s() {
    let (mut house, _call) = House::talking(plan(Stdin::Pipe));
    house.hears(typed(b"stuck"));
    let before = house.now;
    house.is_over_within_2_s_of_a_signal();
    house.assert_over(1);
    assert!(house.said("* not sent"));
    let outcome = house.coordinator.outcome().unwrap();
    assert!(outcome.gone_by.is_some_and(|at| at <= before + LEAVING));
    assert!(outcome.stdin_reading, "main has to know that the stdin-reader is to be left");
}

/// The account of the end is handed to the notice-writer in the last moment; with no time left
/// to write it, two of ten runs ended without a word.
#[test]
fn some_of_the_2_s_are_left_for_telling_what_was_lost() {
    let (mut house, _call) = House::talking(plan(Stdin::Terminal));
    house.is_over_within_2_s_of_a_signal();
    let gone_by = house.coordinator.outcome().unwrap().gone_by.unwrap();
    assert!(gone_by > house.now, "no time is left for the last line");
}

/// The socket-reader waits for a buffer, without limit, as stdout is slow; a signal sets one.
#[test]
fn ctrl_c_ends_the_waiting_for_a_slow_stdout_also_when_the_friend_is_cut_off_already() {
    let frames = Plan { wire: Wire::Frames, ..plan(Stdin::Unread) };
    let (mut house, mut call) = House::talking(frames);
    house.holds_all_buffers_of_a_friend_who_has_said_end(&mut call);
    house.now += Duration::from_secs(100);
    house.is_over_within_2_s_of_a_signal();
    house.assert_over(1);
    assert!(house.said("* not written"));
}

#[test]
fn ctrl_c_before_any_conversation_is_130_at_once_with_one_line() {
    for plan in [
        plan(Stdin::Terminal),
        plan(Stdin::Pipe),
        plan(Stdin::Unread),
        Plan { keep: true, ..plan(Stdin::Terminal) },
        calling(Stdin::Terminal, None),
        calling(Stdin::Pipe, Some(None)),
    ] {
        let mut house = House::new(plan);
        house.hears(Event::Signal);
        house.assert_over(130);
        assert_eq!(house.lines.len(), 1, "{:?}", house.lines);
        assert!(house.coordinator.outcome().unwrap().still_asking);
    }
}

#[test]
fn a_second_signal_is_130_at_once() {
    let (mut house, _call) = House::talking(plan(Stdin::Terminal));
    house.hears(typed(b"not yet sent"));
    house.hears(Event::Signal);
    house.assert_goes_on();
    house.hears(Event::Signal);
    house.assert_over(130);
    assert!(house.coordinator.outcome().unwrap().gone_by.is_some_and(|at| at <= house.now));
}

#[test]
fn when_nobody_reads_stdout_any_more_the_conversation_is_closed_quietly() {
    for (stdin, stdin_ends, code) in [
        (Stdin::Terminal, false, 0),
        (Stdin::Unread, false, 0),
        (Stdin::Pipe, true, 0),
        (Stdin::Pipe, false, 1),
    ] {
        let (mut house, mut call) = House::talking(plan(stdin));
        if stdin_ends {
            house.hears(ends(Source::Stdin));
        }
        house.hears(friend_says(b"one line, and more"));
        let lines = house.lines.len();
        house.screen_fails(ErrorKind::BrokenPipe);
        let closed = code == 0;
        assert_eq!(call.handed_over(), (Vec::new(), closed), "stdin may be about to end");
        if !closed {
            house.time_comes();
            assert_eq!(call.handed_over(), (Vec::new(), true));
        }
        house.all_is_sent(&mut call);
        if house.code().is_none() {
            if call.notes.try_recv() != Ok(Did::Cut { reset: false }) {
                house.time_comes();
            }
            house.hears(ends(Source::Friend(SUSAN)));
        }
        house.assert_over(code);
        // Quietly, but where piped input was cut short by it.
        assert_eq!(house.lines.len() - lines, usize::from(code), "{:?}", house.lines);
    }
}

/// An empty stdin once counted as cut short, where its reader was slower than all the rest.
#[test]
fn when_nobody_reads_stdout_any_more_a_stdin_whose_end_is_found_late_was_not_cut_short() {
    let (mut house, mut call) = House::talking(plan(Stdin::Pipe));
    house.screen_fails(ErrorKind::BrokenPipe);
    house.hears(ends(Source::Friend(SUSAN)));
    assert_eq!(house.code(), None);
    house.hears(ends(Source::Stdin));
    house.all_is_sent(&mut call);
    house.assert_over(0);
}

/// It was said whatever stdin was about to do, and before that, mostly, overtaken by a reset.
#[test]
fn when_nobody_reads_stdout_any_more_end_is_said_where_stdin_was_not_cut_short_and_only_there() {
    for (stdin, then, said) in [
        (Stdin::Terminal, None, true),
        (Stdin::Unread, None, true),
        (Stdin::Pipe, Some(ends(Source::Stdin)), true),
        (Stdin::Pipe, Some(typed(b"\x04\0more")), false),
        (Stdin::Pipe, Some(Event::Time), false),
    ] {
        let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(stdin) });
        house.screen_fails(ErrorKind::BrokenPipe);
        match then {
            Some(Event::Time) => house.time_comes(),
            Some(event) => house.hears(event),
            None => {}
        }
        let expected = if said { END_FRAME.to_vec() } else { Vec::new() };
        assert_eq!(call.handed_over(), (expected, true), "{stdin:?}");
        if said {
            assert!(house.wake.is_some_and(|at| at > house.now), "a reset now could overtake it");
        }
        house.all_is_sent(&mut call);
        house.hears(ends(Source::Friend(SUSAN)));
        house.assert_over(u8::from(!said));
    }
}

/// It took 1.6 s.
#[test]
fn after_ctrl_c_a_friend_who_stays_is_left_when_nothing_has_come_for_half_a_second() {
    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    house.hears(Event::Signal);
    let half_a_second = Duration::from_millis(500);
    house.now += Duration::from_millis(100);
    house.all_is_sent(&mut call);
    house.screen_writes();
    assert_eq!(house.wake, Some(house.now + half_a_second));
    house.now += Duration::from_millis(300);
    house.hears(friend_says(b"wait"));
    assert!(
        house.wake.is_some_and(|at| at > house.now + half_a_second),
        "what came is not out yet: the friend may wait for that"
    );
    house.screen_writes();
    assert_eq!(house.wake, Some(house.now + half_a_second));
    house.time_comes();
    assert_eq!(call.notes.try_recv(), Ok(Did::Cut { reset: false }));
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
}

/// Half a line that had been read was dropped, and `end` said.
#[test]
fn after_ctrl_c_our_half_ends_when_the_reader_of_piped_stdin_has_handed_over_what_it_had() {
    let pool = Pool::new(1, 16);
    let stopper = pool.stopper(Some(Bell::new(|| {})));
    let (mut house, mut call) =
        House::with_stopper(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) }, Some(stopper));
    house.hears(Event::Signal);
    assert!(pool.is_stopped(), "its reader is told to stop");
    assert_eq!(call.handed_over(), (Vec::new(), false));
    house.hears(typed(b"\x04\0half"));
    house.hears(breaks(Source::Stdin, ErrorKind::WouldBlock));
    assert_eq!(call.handed_over(), ([b"\x04\0half", END_FRAME].concat(), true));
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
}

/// Where it cannot be handed over in time, nobody may say that this was all.
#[test]
fn after_ctrl_c_a_reader_of_piped_stdin_that_waits_for_the_friend_is_left_without_an_end() {
    let pool = Pool::new(1, 16);
    let stopper = pool.stopper(Some(Bell::new(|| {})));
    let (mut house, mut call) =
        House::with_stopper(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) }, Some(stopper));
    house.hears(typed(b"\x05\0taken"));
    house.hears(Event::Signal);
    house.time_comes();
    assert_eq!(call.handed_over(), (b"\x05\0taken".to_vec(), true));
    assert_eq!(call.notes.try_recv(), Ok(Did::Cut { reset: true }));
    call.outbox = None;
    house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::BrokenPipe, 7)));
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(1);
}

#[test]
fn when_nobody_reads_stdout_any_more_what_was_said_before_is_still_sent() {
    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    house.hears(typed(b"said before"));
    house.screen_fails(ErrorKind::BrokenPipe);
    assert_eq!(call.handed_over(), (b"said before".to_vec(), true));
    assert!(house.wake.is_some_and(|at| at > house.now), "a reset now could overtake it");
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.assert_over(0);
}

#[test]
fn a_reset_is_told_behind_what_was_received_and_ends_with_1() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(plan(stdin));
        house.hears(friend_says(b"received"));
        house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
        house.all_is_sent(&mut call);
        assert!(!house.said("broke"));
        assert_eq!(house.screen_writes(), b"received");
        house.assert_over(1);
        assert!(house.said("threadchat: the connection to 192.0.2.1:9999 broke: connection reset"));
        assert!(house.said("may not have arrived"));
    }
}

#[test]
fn a_friend_whose_machine_is_gone_is_told_in_its_own_words() {
    for (stdin, words) in [
        (Stdin::Terminal, "192.0.2.1:9999 is gone, or not reading: "),
        (Stdin::Pipe, "192.0.2.1:9999 is gone: "),
        (Stdin::Unread, "192.0.2.1:9999 is gone: "),
    ] {
        let (mut house, mut call) = House::talking(plan(stdin));
        house.hears(breaks(Source::Friend(SUSAN), ErrorKind::TimedOut));
        house.all_is_sent(&mut call);
        house.screen_writes();
        house.assert_over(1);
        assert!(house.said(words), "{:?}", house.lines);
    }
}

/// Which of the two threads of a socket hears of its end is a matter of luck; the other one sees
/// an ordinary end of stream.
#[test]
fn a_reset_that_only_the_socket_writer_hears_of_is_a_reset_in_either_order() {
    for writer_first in [true, false] {
        let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
        house.hears(typed(b"under way"));
        if !writer_first {
            house.hears(ends(Source::Friend(SUSAN)));
        }
        call.outbox = None;
        house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::ConnectionReset, 5)));
        if writer_first {
            house.hears(ends(Source::Friend(SUSAN)));
        }
        house.screen_writes();
        house.assert_over(1);
        assert!(house.said("broke: connection reset"), "{:?}", house.lines);
    }
}

/// The writer for stdout tells later than the reader of the socket how it fared: `friend has
/// left` was said, with exit code 0, and what the friend had said was gone.
#[test]
fn a_stdout_that_cannot_be_written_is_1_and_named_whatever_else_has_ended_before() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        for before in [None, Some(ends(Source::Friend(SUSAN))), Some(Event::Signal)] {
            let (mut house, mut call) = House::talking(plan(stdin));
            if stdin == Stdin::Pipe {
                house.hears(ends(Source::Stdin));
            }
            house.hears(friend_says(b"no room for this"));
            let friend_left = matches!(before, Some(Event::Read(..)));
            if let Some(event) = before {
                house.hears(event);
            }
            house.all_is_sent(&mut call);
            house.assert_goes_on();
            house.screen_fails(ErrorKind::StorageFull);
            if !friend_left {
                house.hears(ends(Source::Friend(SUSAN)));
            }
            house.assert_over(1);
            assert_eq!(house.times_said("threadchat: cannot write to stdout"), 1);
        }
    }
}

#[test]
fn a_stdin_that_cannot_be_read_is_1_and_named_and_what_was_read_is_sent() {
    let (mut house, mut call) = House::talking(plan(Stdin::Pipe));
    house.hears(typed(b"read before"));
    house.hears(breaks(Source::Stdin, ErrorKind::InvalidInput));
    assert_eq!(call.handed_over(), (b"read before".to_vec(), true));
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(1);
    assert!(house.said("threadchat: cannot read stdin"));

    let mut house = House::new(plan(Stdin::Terminal));
    house.hears(breaks(Source::Stdin, ErrorKind::InvalidInput));
    house.assert_over(1);
    assert!(house.said("threadchat: cannot read stdin"));
}

#[test]
fn receive_only_lasts_until_the_friend_ends_it_and_never_reads_stdin() {
    let (mut house, mut call) = House::talking(plan(Stdin::Unread));
    assert!(house.may_read.is_empty());
    house.hears(friend_says(b"news"));
    house.now += Duration::from_secs(3600);
    assert_eq!(call.handed_over(), (Vec::new(), false), "our half stays open");
    house.hears(ends(Source::Friend(SUSAN)));
    house.all_is_sent(&mut call);
    assert_eq!(house.screen_writes(), b"news");
    house.assert_over(0);
    assert!(house.may_read.is_empty());
}

#[test]
fn an_idle_conversation_asks_for_no_time() {
    for plan in [
        plan(Stdin::Terminal),
        plan(Stdin::Pipe),
        plan(Stdin::Unread),
        calling(Stdin::Terminal, None),
        calling(Stdin::Terminal, Some(Some(Duration::from_secs(5)))),
    ] {
        let (mut house, _call) = House::talking(plan);
        assert_eq!(house.wake, None);
        house.hears(friend_says(b"hello"));
        assert_eq!(house.wake, None);
        house.screen_writes();
        house.hears(typed(b"hello"));
        assert_eq!(house.wake, None);
    }
    let mut house = House::new(plan(Stdin::Terminal));
    house.hears(Event::Listening(friend_address(), Vec::new()));
    assert_eq!(house.wake, None, "nor does a listener");
    assert!(house.said("listening on 192.0.2.1:9999"));
}

// Before the friend is there.

#[test]
fn what_is_typed_while_nobody_is_there_is_not_sent_and_one_notice_says_so() {
    let mut house = House::new(plan(Stdin::Terminal));
    assert_eq!(house.may_read.len(), 1, "a person may type at once");
    house.hears(typed(b"too early"));
    house.hears(typed(b"still too early"));
    assert_eq!(house.times_said("* nobody is there yet"), 1);
    let call = house.friend_comes();
    house.hears(typed(b"now"));
    assert_eq!(call.handed_over().0, b"now");
}

#[test]
fn piped_stdin_is_not_read_before_somebody_is_there() {
    let mut house = House::new(plan(Stdin::Pipe));
    assert!(house.may_read.is_empty());
    house.friend_comes();
    assert_eq!(house.may_read.len(), 1);
}

#[test]
fn a_call_that_fails_is_1_and_told() {
    for error in [refused(), no_such_name()] {
        let mut house = House::new(calling(Stdin::Terminal, None));
        house.hears(Event::NotConnected(error));
        house.assert_over(1);
        assert_eq!(house.times_said("threadchat: cannot "), 1);
    }
}

#[test]
fn a_connector_that_is_stuck_is_given_up_soon_after_its_timeout() {
    let mut house = House::new(calling(Stdin::Terminal, None));
    let before = house.now;
    house.hears(typed(b"hello?"));
    house.time_comes();
    house.assert_over(1);
    let took = house.now - before;
    assert!(took >= Duration::from_secs(10) && took <= Duration::from_secs(12), "{took:?}");
    assert!(house.said("no answer within 10 s"));
    assert!(house.coordinator.outcome().unwrap().still_asking);
}

// `--keep`.

#[test]
fn keep_listens_again_after_each_conversation_a_broken_one_included() {
    for stdin in [Stdin::Terminal, Stdin::Unread] {
        let mut house = House::new(Plan { keep: true, ..plan(stdin) });
        for (round, last_word) in [
            ends(Source::Friend(SUSAN)),
            breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset),
            breaks(Source::Friend(SUSAN), ErrorKind::TimedOut),
            ends(Source::Friend(SUSAN)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(house.asked.try_iter().count(), 1, "asked for one friend");
            let mut call = house.friend_comes();
            house.hears(friend_says(b"hello"));
            house.hears(last_word);
            house.all_is_sent(&mut call);
            assert_eq!(house.screen_writes(), b"hello");
            house.assert_goes_on();
            assert_eq!(house.wake, None, "listening again asks for no time");
            assert_eq!(house.times_said("connected to"), round + 1);
        }
        assert_eq!(house.times_said("friend has left"), 2);
        assert_eq!(house.times_said("threadchat: "), 2, "what broke is reported");
        house.hears(Event::Signal);
        house.assert_over(0);
    }
}

#[test]
fn keep_ends_conversation_and_listening_with_one_ctrl_c() {
    let (mut house, mut call) = House::talking(Plan { keep: true, ..plan(Stdin::Terminal) });
    house.asked.try_iter().count();
    house.hears(Event::Signal);
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
    assert!(house.asked.is_empty());
    assert!(!house.coordinator.outcome().unwrap().still_asking);
}

#[test]
fn keep_lets_a_person_who_pressed_ctrl_d_type_to_the_next_friend() {
    let (mut house, mut call) = House::talking(Plan { keep: true, ..plan(Stdin::Terminal) });
    house.may_read.try_iter().count();
    house.hears(ends(Source::Stdin));
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    assert_eq!(house.may_read.len(), 1);
    house.hears(typed(b"between two friends"));
    assert!(house.said("* nobody is there yet"));
    let call = house.friend_comes();
    house.hears(typed(b"hello, next one"));
    assert_eq!(call.handed_over(), (b"hello, next one".to_vec(), false));
}

#[test]
fn keep_ends_with_1_when_stdout_cannot_be_written() {
    let (mut house, mut call) = House::talking(Plan { keep: true, ..plan(Stdin::Terminal) });
    house.hears(friend_says(b"no room"));
    house.screen_fails(ErrorKind::StorageFull);
    house.all_is_sent(&mut call);
    if house.code().is_none() {
        house.hears(ends(Source::Friend(SUSAN)));
    }
    house.assert_over(1);
}

/// A socket-reader that waits for an empty buffer cannot say its last word, so it said it into
/// the next conversation, and hung up on a friend who had just come.
#[test]
fn keep_does_not_look_for_the_next_friend_before_the_last_word_of_the_one_before() {
    let keep = Plan { keep: true, wire: Wire::Frames, ..plan(Stdin::Unread) };
    let (mut house, mut call) = House::talking(keep);
    assert_eq!(house.asked.try_iter().count(), 1);
    house.holds_all_buffers_of_a_friend_who_has_said_end(&mut call);
    house.assert_goes_on();
    assert!(house.asked.is_empty());
    house.screen_writes();
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_goes_on();
    assert_eq!(house.asked.try_iter().count(), 1);
    assert_eq!(house.times_said("friend has left"), 1);
}

// `--wait`.

#[test]
fn wait_calls_again_after_a_second_and_says_so_once() {
    let mut house = House::new(calling(Stdin::Terminal, Some(None)));
    for _ in 0..100 {
        assert_eq!(house.asked.try_iter().count(), 1);
        let before = house.now;
        house.hears(Event::NotConnected(refused()));
        house.assert_goes_on();
        assert!(house.asked.is_empty());
        house.time_comes();
        assert_eq!(house.now - before, Duration::from_secs(1));
    }
    assert_eq!(house.times_said("refused"), 1, "{:?}", house.lines);
    assert_eq!(house.times_said("again once a second"), 1);
    assert_eq!(house.lines.len(), 1);
    let mut call = house.friend_comes();
    house.hears(friend_says(b"here I am"));
    house.hears(ends(Source::Friend(SUSAN)));
    house.all_is_sent(&mut call);
    assert_eq!(house.screen_writes(), b"here I am");
    house.assert_over(0);
}

#[test]
fn wait_does_not_advise_to_wait() {
    let mut house = House::new(calling(Stdin::Terminal, Some(None)));
    house.hears(Event::NotConnected(refused()));
    assert!(!house.said("--wait"), "{:?}", house.lines);
}

#[test]
fn wait_does_not_wait_for_a_name_that_does_not_exist() {
    let mut house = House::new(calling(Stdin::Terminal, Some(None)));
    house.hears(Event::NotConnected(no_such_name()));
    house.assert_over(1);
    assert!(house.said("cannot find friend"));
}

#[test]
fn wait_gives_up_when_its_seconds_have_passed_and_not_before() {
    for limit in [0.5, 1.0, 1.5, 3.0, 10.0].map(Duration::from_secs_f64) {
        let mut house = House::new(calling(Stdin::Terminal, Some(Some(limit))));
        let began = house.now;
        while house.code().is_none() {
            assert!(house.now - began < 10 * limit, "it never gives up");
            if house.asked.try_iter().count() == 1 {
                house.now += Duration::from_millis(3);
                house.hears(Event::NotConnected(refused()));
            } else {
                house.time_comes();
            }
        }
        house.assert_over(1);
        let took = house.now - began;
        assert!(took >= limit, "gave up after {took:?} instead of {limit:?}");
        assert!(took <= limit + Duration::from_secs(1), "{took:?} instead of {limit:?}");
        assert_eq!(house.times_said("threadchat: gave up waiting after"), 1);
    }
}

#[test]
fn wait_gives_up_when_its_seconds_have_passed_also_with_a_call_unanswered() {
    let limit = Duration::from_secs(3);
    let mut house = House::new(calling(Stdin::Terminal, Some(Some(limit))));
    let began = house.now;
    house.hears(typed(b"hello?"));
    assert!(house.wake.is_some(), "it would wait for as long as the call takes");
    while house.code().is_none() {
        house.time_comes();
    }
    house.assert_over(1);
    assert!(house.now - began <= limit + Duration::from_secs(1), "{:?}", house.now - began);
}

#[test]
fn a_reset_before_the_first_byte_is_busy() {
    let (mut house, mut call) = House::talking(calling(Stdin::Terminal, None));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.all_is_sent(&mut call);
    house.screen_writes();
    house.assert_over(1);
    assert!(house.said("threadchat: 192.0.2.1:9999 is busy"), "{:?}", house.lines);
}

#[test]
fn a_reset_behind_the_first_byte_is_not_busy_and_a_caller_who_resets_never_is() {
    let (mut house, mut call) = House::talking(calling(Stdin::Terminal, Some(None)));
    house.hears(friend_says(b"h"));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.all_is_sent(&mut call);
    house.screen_writes();
    house.assert_over(1);
    assert!(!house.said("busy"));

    let (mut house, mut call) = House::talking(plan(Stdin::Terminal));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.all_is_sent(&mut call);
    house.screen_writes();
    house.assert_over(1);
    assert!(!house.said("busy"));
}

/// A friend who receives a file and crashes has not been busy.
#[test]
fn a_reset_after_a_long_transmission_is_not_busy_and_nothing_claims_that_none_of_it_arrived() {
    for wait in [None, Some(None)] {
        let (mut house, mut call) = House::talking(calling(Stdin::Pipe, wait));
        for _ in 0..20 {
            house.hears(typed(&[b'x'; 65_536]));
            house.now += Duration::from_secs(1);
        }
        call.outbox = None;
        house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::ConnectionReset, 65_536)));
        house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
        house.screen_writes();
        house.assert_over(1);
        assert!(!house.said("did not arrive"), "{:?}", house.lines);
        assert!(!house.said("before a word was said"), "{:?}", house.lines);
    }
}

#[test]
fn wait_calls_a_busy_friend_again_and_says_again_what_was_not_heard() {
    let (mut house, mut call) = House::talking(calling(Stdin::Pipe, Some(None)));
    house.asked.try_iter().count();
    house.hears(typed(b"one "));
    house.hears(typed(b"two "));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.hears(typed(b"three "));
    call.outbox = None;
    house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::BrokenPipe, 8)));
    house.screen_writes();
    house.assert_goes_on();
    assert!(house.said("is busy"));
    assert!(!house.said("not sent"), "it is sent again: {:?}", house.lines);
    house.hears(typed(b"four "));
    house.time_comes();
    assert_eq!(house.asked.try_iter().count(), 1);
    let mut call = house.friend_comes();
    house.hears(typed(b"five"));
    house.hears(ends(Source::Stdin));
    assert_eq!(call.handed_over(), (b"one two three four five".to_vec(), true));
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
}

#[test]
fn wait_does_not_call_a_busy_friend_again_after_ctrl_c() {
    let (mut house, mut call) = House::talking(calling(Stdin::Terminal, Some(None)));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.hears(Event::Signal);
    house.all_is_sent(&mut call);
    house.screen_writes();
    assert!(house.code().is_some(), "it goes on calling: {:?}", house.lines);
}

/// With nobody to write for it called again, took what the next friend said, and then waited for
/// ever to hear that it had been written.
#[test]
fn wait_does_not_call_a_busy_friend_again_when_nobody_reads_stdout_any_more() {
    let (mut house, mut call) = House::talking(calling(Stdin::Terminal, Some(None)));
    house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
    house.all_is_sent(&mut call);
    house.assert_goes_on();
    house.screen_fails(ErrorKind::BrokenPipe);
    assert!(house.code().is_some(), "it goes on calling: {:?}", house.lines);
}

// Frames.

#[test]
fn on_frames_my_end_says_end_and_the_friends_fin_is_then_an_ordinary_end() {
    let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) });
    house.hears(typed(b"\x02\x00hi"));
    house.hears(ends(Source::Stdin));
    assert_eq!(call.handed_over(), (b"\x02\x00hi\x03\x00end".to_vec(), true));
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(0);
}

#[test]
fn on_frames_ctrl_c_says_end() {
    let (mut house, call) = House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) });
    house.hears(typed(b"\x02\x00hi"));
    house.hears(Event::Signal);
    assert_eq!(call.handed_over(), (b"\x02\x00hi\x03\x00end".to_vec(), true));
}

#[test]
fn on_frames_the_friends_end_is_the_friends_end_also_where_the_connection_stays() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(stdin) });
        if stdin == Stdin::Pipe {
            house.hears(ends(Source::Stdin));
        }
        house.hears(friend_says(b"\x03\x00bye"));
        house.hears(Event::Read(Source::Friend(SUSAN), News::Goodbye));
        assert_eq!(call.handed_over(), (END_FRAME.to_vec(), true));
        house.all_is_sent(&mut call);
        let before = house.now;
        house.time_comes();
        assert!(house.now <= before + LEAVING);
        assert_eq!(call.notes.try_recv(), Ok(Did::Cut { reset: false }));
        house.hears(ends(Source::Friend(SUSAN)));
        assert_eq!(house.screen_writes(), b"\x03\x00bye");
        house.assert_over(0);
    }
}

#[test]
fn on_frames_a_connection_that_ends_without_end_was_cut_off() {
    for stdin in [Stdin::Terminal, Stdin::Pipe, Stdin::Unread] {
        let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(stdin) });
        house.hears(friend_says(b"\x02\x00hi"));
        house.hears(ends(Source::Friend(SUSAN)));
        house.all_is_sent(&mut call);
        assert_eq!(house.screen_writes(), b"\x02\x00hi");
        house.assert_over(1);
        assert!(house.said("was cut off"));
    }
}

/// A reset is told to one call alone. Where that was the `send` of our `end`, `recv` found the end of
/// the stream, and the conversation seemed to have ended well, though the friend's last words and
/// ours were lost.
#[test]
fn on_frames_a_reset_that_only_our_end_was_told_of_is_no_good_end() {
    for stdin in [Stdin::Terminal, Stdin::Pipe] {
        for said in [&b"\x02\x00hi"[..], b""] {
            for reader_first in [false, true] {
                let (mut house, mut call) =
                    House::talking(Plan { wire: Wire::Frames, ..plan(stdin) });
                if !said.is_empty() {
                    house.hears(typed(said));
                }
                house.hears(ends(Source::Stdin));
                call.outbox = None;
                let writer =
                    Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::ConnectionReset, 0));
                let reader = ends(Source::Friend(SUSAN));
                let events = if reader_first { [reader, writer] } else { [writer, reader] };
                events.into_iter().for_each(|event| house.hears(event));
                house.screen_writes();
                house.assert_over(1);
                assert!(house.said("broke: connection reset"), "{:?}", house.lines);
            }
        }
    }
}

/// A friend says `end`, and then the connection is reset, before piped stdin has given anything: what
/// it gives then was dropped, and the exit code was 0.
#[test]
fn on_frames_stdin_is_not_dropped_in_silence_where_the_friend_resets_after_end() {
    for said in [&b"\x02\x00hi"[..], b""] {
        let (mut house, mut call) =
            House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) });
        house.hears(Event::Read(Source::Friend(SUSAN), News::Goodbye));
        house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
        house.assert_goes_on();
        if !said.is_empty() {
            house.hears(typed(said));
        }
        house.hears(ends(Source::Stdin));
        assert_eq!(call.handed_over(), ([said, END_FRAME].concat(), true));
        call.outbox = None;
        let left = said.len() as u64;
        house.hears(Event::Written(Sink::Friend(SUSAN), broke(ErrorKind::BrokenPipe, left)));
        house.screen_writes();
        // With nothing but our `end` to be said, nothing is missing.
        house.assert_over(u8::from(!said.is_empty()));
    }
}

#[test]
fn on_frames_bad_input_is_1_and_says_no_end() {
    let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) });
    house.hears(typed(b"\x02\x00hi"));
    let fault = Fault::LineTooLong { line: 2, bytes: 70_000, longest: 65_535 };
    house.hears(breaks_rule(Source::Stdin, fault));
    assert_eq!(call.handed_over(), (b"\x02\x00hi".to_vec(), true), "`end` would be a lie");
    house.all_is_sent(&mut call);
    house.hears(ends(Source::Friend(SUSAN)));
    house.screen_writes();
    house.assert_over(1);
    assert!(house.said("threadchat: line 2 of stdin is 70000 bytes long"));
}

#[test]
fn on_frames_input_behind_a_piped_end_is_1_but_the_friend_is_still_heard() {
    let (mut house, mut call) = House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Pipe) });
    house.hears(typed(b"\x02\x00hi"));
    house.hears(Event::Read(Source::Stdin, News::Goodbye));
    house.hears(breaks_rule(Source::Stdin, Fault::InputAfterEnd { line: 2 }));
    assert_eq!(call.handed_over(), (b"\x02\x00hi\x03\x00end".to_vec(), true));
    house.all_is_sent(&mut call);
    assert_eq!(house.wake, None);
    house.hears(friend_says(b"\x02\x00ok"));
    house.hears(Event::Read(Source::Friend(SUSAN), News::Goodbye));
    house.hears(ends(Source::Friend(SUSAN)));
    assert_eq!(house.screen_writes(), b"\x02\x00ok");
    house.assert_over(1);
    assert!(house.said("threadchat: line 2 of stdin is \"end\""));
}

/// The `end` was read between two calls and forgotten; with more input behind it the
/// conversation that came then was never ended.
#[test]
fn on_frames_an_end_that_was_read_for_a_busy_friend_ends_what_is_said_to_the_next() {
    let wait = Plan { wire: Wire::Frames, ..calling(Stdin::Pipe, Some(None)) };
    for more_input in [false, true] {
        let (mut house, mut call) = House::talking(wait.clone());
        house.hears(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
        house.all_is_sent(&mut call);
        house.screen_writes();
        house.hears(typed(b"\x02\x00hi"));
        house.hears(Event::Read(Source::Stdin, News::Goodbye));
        house.time_comes();
        let call = house.friend_comes();
        house.hears(if more_input {
            breaks_rule(Source::Stdin, Fault::InputAfterEnd { line: 2 })
        } else {
            ends(Source::Stdin)
        });
        assert_eq!(call.handed_over(), (b"\x02\x00hi\x03\x00end".to_vec(), true));
    }
}

#[test]
fn on_frames_a_typed_line_that_cannot_be_said_is_refused_with_a_notice() {
    let (mut house, call) = House::talking(Plan { wire: Wire::Frames, ..plan(Stdin::Terminal) });
    house.hears(Event::Read(Source::Stdin, News::Oddity(Oddity::TooLong(70_000))));
    house.hears(Event::Read(Source::Stdin, News::Oddity(Oddity::NotUtf8)));
    assert_eq!(house.times_said("* not sent: the line is"), 2);
    house.hears(typed(b"\x02\x00hi"));
    assert_eq!(call.handed_over(), (b"\x02\x00hi".to_vec(), false));
}

#[test]
fn what_looks_like_the_other_wire_is_told_and_changes_nothing() {
    let (mut house, _call) = House::talking(plan(Stdin::Terminal));
    let oddity = Oddity::LooksLike(Wire::Frames);
    house.hears(Event::Read(Source::Friend(SUSAN), News::Oddity(oddity)));
    assert_eq!(house.times_said("--wire frames"), 1);
    house.hears(friend_says(b"\x02\x00hi"));
    assert_eq!(house.screen_writes(), b"\x02\x00hi");
    house.assert_goes_on();
}

// Anything that can happen, in any order.

/// What a run of the other threads is made of: each number picks one of the things that one of
/// them could do next.
type Dice = Vec<u8>;

/// Everything outside the coordinator, as it could behave.
struct World {
    house: House,
    plan: Plan,
    /// What waits in the coordinator's inbox.
    inbox: VecDeque<Event>,
    referee: Referee,
    stdin: StdinReader,
    screen: ScreenWriter,
    /// The threads of the present connection, and of none before it: they have been joined.
    socket: Option<SocketThreads>,
    /// How many friends the acceptor or connector has been asked for.
    asked: usize,
    signals: u8,
    /// Numbers the blocks, so that each is like no other.
    blocks: u32,
}

/// A stdin-reader: how far it is, and how many of its buffers are not at home.
#[derive(Default)]
struct StdinReader {
    reading: bool,
    said_goodbye: bool,
    out: usize,
    /// Those of `out` that the coordinator has taken when its half was closed.
    kept: usize,
}

/// A screen-writer: what it has been handed and has not written, and what it has.
#[derive(Default)]
struct ScreenWriter {
    waiting: VecDeque<Order>,
    written: Vec<u8>,
    ended: bool,
}

/// A socket-reader and a socket-writer.
struct SocketThreads {
    call: Call,
    /// What the socket-writer has been handed and has not sent.
    waiting: VecDeque<Order>,
    sent: Vec<u8>,
    /// Everything that it was ever handed.
    handed: Vec<u8>,
    /// The coordinator has closed the outbox.
    closed: bool,
    writer_ended: bool,
    reader_ended: bool,
    reader_said_goodbye: bool,
    reader_out: usize,
    cut: bool,
}

/// One thing that somebody could do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    CoordinatorTakes,
    TimePasses,
    Signal,
    StdinBlock,
    StdinGoodbye,
    StdinEnds,
    StdinBreaks,
    FriendBlock,
    FriendGoodbye,
    FriendEnds,
    FriendBreaks,
    SocketWrites,
    SocketFails,
    ScreenWrites,
    ScreenFails(ErrorKind),
    FriendComes,
    NobodyComes { may_pass: bool },
}

impl World {
    fn new(plan: Plan) -> World {
        let mut world = World {
            house: House::new(plan.clone()),
            referee: Referee::new(plan.clone()),
            plan,
            inbox: VecDeque::new(),
            stdin: StdinReader::default(),
            screen: ScreenWriter::default(),
            socket: None,
            asked: 0,
            signals: 0,
            blocks: 0,
        };
        world.look();
        world
    }

    /// What anybody could do now. What is likelier stands there more than once.
    fn possible(&self) -> Vec<Act> {
        let mut acts = vec![];
        if self.inbox.is_empty() {
            acts.push(Act::TimePasses);
        } else {
            acts.extend([Act::CoordinatorTakes; 6]);
        }
        if self.signals < 2 {
            acts.push(Act::Signal);
        }
        let frames = self.plan.wire == Wire::Frames;
        if self.stdin.reading && self.stdin.out < BUFFERS {
            acts.extend([Act::StdinEnds, Act::StdinBreaks]);
            if !self.stdin.said_goodbye {
                acts.extend([Act::StdinBlock; 4]);
                if frames && self.plan.stdin == Stdin::Pipe {
                    acts.push(Act::StdinGoodbye);
                }
            }
        }
        if let Some(socket) = &self.socket {
            if !socket.reader_ended && socket.reader_out < BUFFERS {
                acts.extend([Act::FriendEnds, Act::FriendBreaks]);
                if !socket.reader_said_goodbye {
                    acts.extend([Act::FriendBlock; 4]);
                    if frames {
                        acts.push(Act::FriendGoodbye);
                    }
                }
            }
            if !socket.writer_ended && (socket.closed || !socket.waiting.is_empty()) {
                acts.extend([Act::SocketWrites; 3]);
                if !socket.waiting.is_empty() {
                    acts.push(Act::SocketFails);
                }
            }
        }
        if !self.screen.waiting.is_empty() {
            acts.extend([Act::ScreenWrites; 3]);
            acts.extend([ErrorKind::BrokenPipe, ErrorKind::StorageFull].map(Act::ScreenFails));
        }
        if self.asked > 0 {
            acts.extend([Act::FriendComes; 3]);
            acts.extend([true, false].map(|may_pass| Act::NobodyComes { may_pass }));
        }
        acts
    }

    fn act(&mut self, act: Act, die: u8) {
        let text = format!("{}{};", if die.is_multiple_of(2) { "x" } else { "yz" }, self.blocks);
        match act {
            Act::CoordinatorTakes => self.coordinator_takes(),
            Act::TimePasses => match self.house.wake {
                // The clock is exact: with nothing else to do the coordinator wakes in time.
                Some(at) if die.is_multiple_of(2) => {
                    self.house.now = at.max(self.house.now);
                    self.inbox.push_back(Event::Time);
                    self.coordinator_takes();
                }
                Some(at) => self.house.now += at.saturating_duration_since(self.house.now) / 2,
                None => self.house.now += Duration::from_millis(u64::from(die) * 20),
            },
            Act::Signal => {
                self.signals += 1;
                self.inbox.push_back(Event::Signal);
            }
            Act::StdinBlock => {
                self.blocks += 1;
                self.stdin.out += 1;
                self.inbox.push_back(typed(text.as_bytes()));
            }
            Act::StdinGoodbye => {
                self.stdin.said_goodbye = true;
                self.inbox.push_back(Event::Read(Source::Stdin, News::Goodbye));
            }
            Act::StdinEnds => {
                self.stdin.reading = false;
                self.inbox.push_back(ends(Source::Stdin));
            }
            Act::StdinBreaks => {
                self.stdin.reading = false;
                self.inbox.push_back(if self.stdin.said_goodbye {
                    breaks_rule(Source::Stdin, Fault::InputAfterEnd { line: 7 })
                } else {
                    breaks(Source::Stdin, ErrorKind::InvalidInput)
                });
            }
            Act::FriendBlock => {
                self.blocks += 1;
                self.inbox.push_back(friend_says(text.as_bytes()));
                self.socket().reader_out += 1;
            }
            Act::FriendGoodbye => {
                self.socket().reader_said_goodbye = true;
                self.inbox.push_back(Event::Read(Source::Friend(SUSAN), News::Goodbye));
            }
            Act::FriendEnds => {
                self.socket().reader_ended = true;
                self.inbox.push_back(ends(Source::Friend(SUSAN)));
            }
            Act::FriendBreaks => {
                self.socket().reader_ended = true;
                if die.is_multiple_of(2) || self.plan.wire == Wire::Lines {
                    self.inbox.push_back(breaks(Source::Friend(SUSAN), ErrorKind::ConnectionReset));
                } else {
                    // What came of the frame is passed on before.
                    self.blocks += 1;
                    self.socket().reader_out += 1;
                    self.inbox.push_back(friend_says(text.as_bytes()));
                    let fault = Fault::CutInFrame { came: 2, of: 5 };
                    self.inbox.push_back(breaks_rule(Source::Friend(SUSAN), fault));
                }
            }
            Act::SocketWrites => {
                let socket = self.socket();
                match socket.waiting.pop_front() {
                    Some(order) => {
                        socket.sent.extend_from_slice(bytes_of(&order));
                        if let Order::Block(_) = order {
                            self.stdin_blocks_are_home(1);
                        }
                    }
                    None => self.socket_ends(ended_well()),
                }
            }
            Act::SocketFails => self.socket_fails(usize::from(die)),
            Act::ScreenWrites => self.screen_writes(),
            Act::ScreenFails(kind) => {
                self.screen.ended = true;
                self.house.to_screen = None;
                self.screen_forgets();
                self.inbox.push_back(Event::Written(Sink::Screen, broke(kind, 0)));
            }
            Act::FriendComes => {
                self.asked -= 1;
                let (friend, call) = a_friend();
                self.inbox.push_back(Event::Connected(friend));
                self.socket = Some(SocketThreads {
                    call,
                    waiting: VecDeque::new(),
                    sent: Vec::new(),
                    handed: Vec::new(),
                    closed: false,
                    writer_ended: false,
                    reader_ended: false,
                    reader_said_goodbye: false,
                    reader_out: 0,
                    cut: false,
                });
                // The socket-reader begins behind this event, so what it says comes later.
            }
            Act::NobodyComes { may_pass } => {
                self.asked -= 1;
                let error = if may_pass { refused() } else { no_such_name() };
                self.inbox.push_back(Event::NotConnected(error));
            }
        }
    }

    fn socket(&mut self) -> &mut SocketThreads {
        self.socket.as_mut().expect("only threads that there are can act")
    }

    fn screen_writes(&mut self) {
        let Some(order) = self.screen.waiting.pop_front() else { return };
        self.screen.written.extend_from_slice(bytes_of(&order));
        match order {
            Order::Block(_) => self.screen_block_is_home(),
            Order::Flush => self.inbox.push_back(Event::Written(Sink::Screen, Report::Flushed)),
            _ => {}
        }
    }

    fn screen_block_is_home(&mut self) {
        // Those of a former socket-reader have nowhere to go.
        if let Some(socket) = &mut self.socket {
            socket.reader_out = socket.reader_out.saturating_sub(1);
        }
    }

    fn screen_forgets(&mut self) {
        for order in std::mem::take(&mut self.screen.waiting) {
            if let Order::Block(_) = order {
                self.screen_block_is_home();
            }
        }
    }

    /// The socket-writer fails behind `count` bytes of what it has.
    fn socket_fails(&mut self, count: usize) {
        let socket = self.socket();
        let mut left = 0;
        let mut home = 0;
        // At least the last byte is not taken, or it would not have failed.
        let total: usize = socket.waiting.iter().map(|order| bytes_of(order).len()).sum();
        let mut count = count.min(total.saturating_sub(1));
        for order in socket.waiting.drain(..) {
            let bytes = bytes_of(&order);
            let (now, never) = bytes.split_at(count.min(bytes.len()));
            socket.sent.extend_from_slice(now);
            count -= now.len();
            // An `end` is not something that a person said.
            if bytes != END_FRAME {
                left += never.len() as u64;
            }
            home += usize::from(matches!(order, Order::Block(_)));
        }
        self.stdin_blocks_are_home(home);
        self.socket_ends(broke(ErrorKind::BrokenPipe, left));
    }

    fn stdin_blocks_are_home(&mut self, count: usize) {
        // What a busy friend did not hear is said again in a block that is no reader's.
        self.stdin.out = self.stdin.out.saturating_sub(count);
    }

    fn socket_ends(&mut self, report: Report) {
        self.socket().writer_ended = true;
        self.inbox.push_back(Event::Written(Sink::Friend(SUSAN), report));
    }

    /// One turn of the coordinator.
    fn coordinator_takes(&mut self) {
        let Some(event) = self.inbox.pop_front() else { return };
        let is_typed = matches!(event, Event::Read(Source::Stdin, News::Block(_)));
        let is_heard = matches!(event, Event::Read(Source::Friend(SUSAN), News::Block(_)));
        let cut = self.socket.as_ref().is_some_and(|socket| socket.cut);
        self.referee.sees(&event, cut, self.house.now);
        let waiting = self.waiting_blocks();
        let alone = self.referee.was_alone;
        self.house.hears(event);
        self.look();
        if is_typed && self.waiting_blocks() == waiting {
            if !alone {
                self.stdin.kept += 1;
            } else if self.plan.stdin == Stdin::Terminal {
                self.stdin.out -= 1; // Typed to nobody, so it has come home.
            }
        }
        if is_heard && self.screen.ended {
            self.screen_block_is_home();
        }
        self.referee.judges_turn(&self.house);
    }

    fn waiting_blocks(&self) -> usize {
        let waiting = self.socket.iter().flat_map(|socket| &socket.waiting);
        waiting.filter(|order| matches!(order, Order::Block(_))).count()
    }

    /// Everybody looks at what the coordinator has put into the channels.
    fn look(&mut self) {
        self.asked += self.house.asked.try_iter().count();
        if self.house.may_read.try_iter().count() > 0 {
            assert!(!self.stdin.reading, "the stdin-reader is let read while it reads");
            self.stdin.reading = true;
            self.referee.stdin_reading = true;
        }
        if let Some(to_screen) = &self.house.to_screen {
            self.screen.waiting.extend(to_screen.try_iter());
        }
        let Some(socket) = &mut self.socket else { return };
        if socket.writer_ended {
            // Its outbox is no more.
            socket.call.outbox = None;
        }
        while let Some(outbox) = &socket.call.outbox {
            match outbox.try_recv() {
                Ok(order) => {
                    socket.handed.extend_from_slice(bytes_of(&order));
                    socket.waiting.push_back(order);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    socket.closed = true;
                    break;
                }
            }
        }
        for did in socket.call.notes.try_iter().collect::<Vec<_>>() {
            match did {
                Did::Cut { .. } => socket.cut = true,
                Did::Joined => assert!(
                    socket.reader_ended && socket.writer_ended,
                    "joins a thread that has not said its last word"
                ),
                Did::Dropped => {
                    self.referee.judges_conversation(socket);
                    let unsent = socket.waiting.drain(..);
                    let unsent = unsent.filter(|order| matches!(order, Order::Block(_))).count();
                    self.stdin_blocks_are_home(unsent);
                    // After a conversation those that could not be said any more come home too.
                    // But where the friend may have been busy they go to the next one.
                    if self.plan.calling.is_none() {
                        self.stdin.out -= self.stdin.kept;
                    }
                    self.stdin.kept = 0;
                    self.socket = None;
                    return;
                }
            }
        }
    }

    fn over(&self) -> bool {
        self.house.code().is_some()
    }

    fn happens(&mut self, dice: &Dice) {
        for &die in dice {
            if self.over() {
                return;
            }
            let acts = self.possible();
            let act = acts[usize::from(die) % acts.len()];
            self.act(act, die);
        }
    }

    /// From here on everybody ends as soon as possible. At the latest then it has to end.
    fn everybody_ends(&mut self) {
        const ENDING: [Act; 7] = [
            Act::CoordinatorTakes,
            Act::SocketWrites,
            Act::ScreenWrites,
            Act::StdinEnds,
            Act::FriendGoodbye,
            Act::FriendEnds,
            Act::TimePasses,
        ];
        for _ in 0..1000 {
            if self.over() {
                return;
            }
            let acts = self.possible();
            match ENDING.into_iter().find(|act| acts.contains(act)) {
                Some(Act::TimePasses) if self.house.wake.is_none() => {
                    assert!(self.socket.is_none(), "everybody has ended, but not the conversation");
                    // Nobody is there: that ends by Ctrl-C alone.
                    self.act(Act::Signal, 0);
                }
                Some(act) => self.act(act, 0),
                None => panic!("there is always something to do"),
            }
        }
        panic!("everybody has ended, but not the program");
    }

    /// From here on nobody does anything but what they are forced to, and a signal comes.
    fn everybody_is_stuck_and_a_signal_comes(&mut self) {
        while !self.inbox.is_empty() && !self.over() {
            self.coordinator_takes();
        }
        let deadline = self.house.now + LEAVING;
        self.inbox.push_back(Event::Signal);
        while !self.over() {
            if !self.inbox.is_empty() {
                self.coordinator_takes();
                continue;
            }
            if let Some(Order::Flush) = self.screen.waiting.front() {
                self.screen_writes(); // Nothing stands before it that could hold it up.
                continue;
            }
            match &self.socket {
                // Being cut off wakes both; but a reader without a buffer goes on waiting.
                Some(socket) if socket.cut && !socket.writer_ended => {
                    if socket.waiting.is_empty() {
                        self.act(Act::SocketWrites, 0);
                    } else {
                        self.socket_fails(0);
                    }
                }
                Some(socket)
                    if socket.cut && !socket.reader_ended && socket.reader_out < BUFFERS =>
                {
                    self.act(Act::FriendEnds, 0);
                }
                _ => {
                    assert!(self.house.wake.is_some(), "a signal, and it waits for ever");
                    self.act(Act::TimePasses, 0);
                    assert!(self.house.now <= deadline, "not gone 2 s after the signal");
                }
            }
        }
        let gone_by = self.house.coordinator.outcome().unwrap().gone_by;
        assert!(gone_by.is_none_or(|at| at <= deadline), "main would take more than the 2 s");
    }

    fn judge(&mut self) {
        self.look();
        self.referee.judges_end(&self.house, &self.screen);
    }
}

/// Knows CONTRACT 4, and nothing of how the coordinator works. It sees what the coordinator is
/// told and what comes of it.
struct Referee {
    plan: Plan,
    /// What has to be said to the next friend, since the one before was busy.
    to_say_again: Vec<u8>,
    /// Everything that friends have said.
    heard: Vec<u8>,
    conversations: usize,
    talk: Option<Talk>,
    /// How the conversation that was the last one ended.
    last: Option<Talk>,
    stdin_reading: bool,
    stdin_ended: bool,
    /// Nobody was there when the last event came.
    was_alone: bool,
    screen: Option<ErrorKind>,
    /// A signal came while nobody was there.
    signal_alone: bool,
}

/// How long piped stdin may take to prove that it was not cut short.
const AT_ITS_END: Duration = Duration::from_millis(200);

/// A conversation, as the table sees it.
#[derive(Clone, Debug, Default)]
struct Talk {
    has_heard: bool,
    /// What the coordinator took for the friend.
    to_say: Vec<u8>,
    /// What it took when it had closed its half already.
    too_late: Vec<u8>,
    we_closed: bool,
    /// Since when it is waited for whether piped stdin is at its end.
    waits_for_stdin: Option<Instant>,
    said_end: bool,
    friend_goodbye: bool,
    friend_ended: bool,
    reset: bool,
    nobody_reads: bool,
    reader_done: bool,
    writer_done: bool,
    signals: usize,
    /// What ends it has happened.
    decided: bool,
    /// The exit code has to be 1.
    bad: bool,
    /// The table does not say whether it is 1: two ends came together.
    open: bool,
}

impl Referee {
    fn new(plan: Plan) -> Referee {
        Referee {
            stdin_reading: false,
            plan,
            to_say_again: Vec::new(),
            heard: Vec::new(),
            conversations: 0,
            talk: None,
            last: None,
            stdin_ended: false,
            was_alone: true,
            screen: None,
            signal_alone: false,
        }
    }

    fn sees(&mut self, event: &Event, cut: bool, now: Instant) {
        self.was_alone = self.talk.is_none();
        if let Event::Connected(_) = event {
            self.conversations += 1;
            let to_say = std::mem::take(&mut self.to_say_again);
            // The stdin-reader has ended before there was anybody to talk to.
            let closed = self.stdin_ended && !self.plan.keep;
            self.talk = Some(Talk { to_say, ..Talk::default() });
            if closed {
                self.we_close(true);
            }
            return;
        }
        if let Event::Written(Sink::Screen, Report::Ended { result: Err(why), .. }) = event {
            self.screen = Some(why.kind());
        }
        if let Event::Read(Source::Stdin, News::Ended(_)) = event {
            self.stdin_reading = false;
            self.stdin_ended = true;
        }
        if let Event::Read(Source::Friend(SUSAN), News::Block(block)) = event {
            self.heard.extend_from_slice(block.bytes());
        }
        let Some(talk) = &mut self.talk else {
            self.signal_alone |= matches!(event, Event::Signal);
            if let Event::Read(Source::Stdin, News::Block(block)) = event {
                // Read for a friend who was busy; what a person types while alone is not sent.
                if self.plan.stdin == Stdin::Pipe {
                    self.to_say_again.extend_from_slice(block.bytes());
                }
            }
            return;
        };
        talk.reader_done |= matches!(event, Event::Read(Source::Friend(SUSAN), News::Ended(_)));
        match event {
            Event::Signal => {
                talk.signals += 1;
                talk.decided = true;
                self.we_close(true);
            }
            Event::Time if talk.waits_for_stdin.is_some_and(|since| now >= since + AT_ITS_END) => {
                self.we_close(false);
            }
            // It was not at its end.
            Event::Read(Source::Stdin, News::Block(block)) if talk.waits_for_stdin.is_some() => {
                talk.too_late.extend_from_slice(block.bytes());
                self.we_close(false);
            }
            Event::Read(Source::Stdin, News::Block(block)) if talk.we_closed => {
                talk.too_late.extend_from_slice(block.bytes());
            }
            Event::Read(Source::Stdin, News::Block(block)) => {
                talk.to_say.extend_from_slice(block.bytes());
            }
            Event::Read(Source::Stdin, News::Goodbye | News::Ended(Ok(()))) => self.we_close(true),
            Event::Read(Source::Stdin, News::Ended(Err(why))) => {
                let all_was_sent = matches!(why, ReadError::Rule(Fault::InputAfterEnd { .. }));
                if talk.decided {
                    talk.open = true;
                } else {
                    talk.bad = true;
                    talk.decided |= !all_was_sent;
                }
                self.we_close(all_was_sent);
            }
            Event::Read(Source::Friend(SUSAN), News::Block(_)) => talk.has_heard = true,
            Event::Read(Source::Friend(SUSAN), News::Goodbye) => {
                talk.has_heard = true;
                talk.friend_goodbye = true;
                self.friend_ends();
            }
            Event::Read(Source::Friend(SUSAN), News::Ended(_)) if cut => {}
            Event::Read(Source::Friend(SUSAN), News::Ended(Ok(()))) => {
                let frames = self.plan.wire == Wire::Frames;
                if frames && !talk.friend_goodbye && !talk.said_end {
                    self.breaks(Some(now));
                } else {
                    self.friend_ends();
                }
            }
            // A friend who has said `end` may hang up without reading ours: nothing is missing. What
            // piped stdin still has will be refused.
            Event::Read(Source::Friend(SUSAN), News::Ended(Err(ReadError::Io(_))))
                if talk.friend_ended && talk.to_say.is_empty() => {}
            Event::Read(Source::Friend(SUSAN), News::Ended(Err(why))) => {
                let is_reset = matches!(why, ReadError::Io(_));
                talk.reset |= is_reset && !talk.friend_ended;
                talk.open |= talk.friend_goodbye;
                self.breaks((!is_reset).then_some(now));
            }
            Event::Written(Sink::Friend(SUSAN), Report::Ended { result, left }) => {
                talk.writer_done = true;
                talk.bad |= *left > 0;
                talk.open |= result.is_err();
                // Where the socket-writer hears of a reset, the socket-reader finds a mere end.
                talk.reset |= result.is_err();
                talk.we_closed |= result.is_err();
            }
            Event::Written(Sink::Screen, Report::Ended { result: Err(why), .. }) => {
                talk.bad |= why.kind() != ErrorKind::BrokenPipe;
                talk.nobody_reads = !talk.decided;
                talk.open |= talk.decided;
                talk.decided = true;
                self.we_leave(Some(now));
            }
            _ => {}
        }
    }

    /// Our half ends, but not because stdin has. `waits`: the friend may still hear us, so piped stdin
    /// has a moment to be at its end.
    fn we_leave(&mut self, waits: Option<Instant>) {
        let Some(talk) = &mut self.talk else { return };
        if self.plan.stdin != Stdin::Pipe {
            self.we_close(true);
        } else if waits.is_none() {
            self.we_close(false);
        } else if !talk.we_closed {
            talk.waits_for_stdin = talk.waits_for_stdin.or(waits);
        }
    }

    fn we_close(&mut self, well: bool) {
        let Some(talk) = &mut self.talk else { return };
        talk.waits_for_stdin = None;
        if !talk.we_closed {
            talk.we_closed = true;
            talk.said_end = well && self.plan.wire == Wire::Frames;
        }
    }

    fn friend_ends(&mut self) {
        let stdin = self.plan.stdin;
        let Some(talk) = &mut self.talk else { return };
        talk.friend_ended = true;
        if stdin != Stdin::Pipe || talk.we_closed {
            talk.decided = true;
            self.we_close(true);
        }
    }

    fn breaks(&mut self, waits: Option<Instant>) {
        let Some(talk) = &mut self.talk else { return };
        if talk.decided {
            // What was said after the signal was handed over; see what the socket-writer says.
            talk.open |= talk.signals == 0;
        } else {
            talk.bad = true;
            talk.decided = true;
        }
        self.we_leave(waits);
    }

    /// After each turn: time is asked for only where something ends.
    fn judges_turn(&self, house: &House) {
        let Some(talk) = &self.talk else {
            if self.plan.calling.is_none() {
                assert_eq!(house.wake, None, "a listener asks for no time");
            }
            return;
        };
        let broken = talk.open || talk.bad;
        if house.code().is_none() && !talk.decided && !talk.friend_ended && !broken {
            assert_eq!(house.wake, None, "nothing ends, but it asks for time: {talk:?}");
        }
    }

    /// The connection is let go of.
    fn judges_conversation(&mut self, socket: &SocketThreads) {
        let Some(mut talk) = self.talk.take() else { return };
        let mut due = talk.to_say.clone();
        if talk.said_end {
            due.extend_from_slice(END_FRAME);
        }
        if socket.writer_ended && socket.handed.len() < due.len() {
            // A socket-writer that has failed is handed nothing more.
            assert!(due.starts_with(&socket.handed), "handed over in another order");
        } else {
            assert_eq!(
                String::from_utf8_lossy(&socket.handed),
                String::from_utf8_lossy(&due),
                "handed to the friend, and what was taken before our half was closed"
            );
        }
        assert!(socket.handed.starts_with(&socket.sent));
        talk.bad |= !talk.writer_done;
        self.last = Some(talk.clone());
        if talk.reset && !talk.has_heard && self.plan.calling.is_some() {
            // Perhaps busy; then all of it has to be said again.
            self.to_say_again = talk.to_say;
            self.to_say_again.extend_from_slice(&talk.too_late);
        }
    }

    fn judges_end(&mut self, house: &House, screen: &ScreenWriter) {
        let outcome = house.coordinator.outcome().expect("it is over");
        let code = outcome.code;
        assert!(self.heard.starts_with(&screen.written), "shown in another order, or not heard");
        let all_shown = self.heard == screen.written;
        if code == 1 {
            let told =
                |line: &String| line.starts_with("threadchat: ") || line.starts_with("* not ");
            assert!(
                house.lines.iter().any(told),
                "exit code 1 without a reason: {:?}",
                house.lines
            );
        }
        if self.signal_alone {
            let expected = if self.plan.keep && self.conversations > 0 { 0 } else { 130 };
            // A friend who was busy had no conversation.
            let was_busy = self.last.as_ref().is_some_and(|talk| talk.reset && !talk.has_heard);
            assert!(code == expected || was_busy && code == 130, "Ctrl-C alone: {code}");
            return;
        }
        // The conversation that was under way goes with the coordinator.
        let Some(talk) = self.talk.take().or(self.last.take()) else {
            assert_eq!(code, 1, "it ended before anybody was there, and not by a signal");
            return;
        };
        if talk.signals >= 2 {
            assert_eq!(code, 130, "a second signal");
            return;
        }
        if self.was_alone {
            assert_eq!(code, 1, "it gave up looking for a friend");
            return;
        }
        let not_shown = !all_shown && self.screen.is_none();
        assert!(!not_shown || talk.signals > 0, "only a signal limits how long stdout may take");
        let cut_short = talk.nobody_reads && self.plan.stdin == Stdin::Pipe && self.stdin_reading;
        let bad = talk.bad || not_shown || cut_short;
        // A thread had no time to say that it had done all it had to.
        let unsure =
            !talk.reader_done || screen.waiting.iter().any(|order| matches!(order, Order::Flush));
        match code {
            0 => assert!(
                !bad,
                "exit code 0, but {talk:?}, not shown: {not_shown}; {:?}",
                house.lines
            ),
            1 => {
                assert!(bad || talk.open || unsure, "exit code 1, but {talk:?}; {:?}", house.lines)
            }
            other => panic!("exit code {other} without a second signal: {talk:?}"),
        }
    }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let stdin = prop_oneof![Just(Stdin::Terminal), Just(Stdin::Pipe), Just(Stdin::Unread)];
    let wire = prop_oneof![Just(Wire::Lines), Just(Wire::Frames)];
    // Listening, listening with --keep, calling, calling with --wait and with --wait=3.
    (stdin, wire, 0..5_usize).prop_map(|(stdin, wire, way)| {
        let keep = way == 1 && stdin != Stdin::Pipe;
        let wait = [None, Some(None), Some(Some(Duration::from_secs(3)))];
        match way {
            0 | 1 => Plan { keep, wire, ..plan(stdin) },
            _ => Plan { wire, ..calling(stdin, wait[way - 2]) },
        }
    })
}

proptest! {
    // A failure prints the plan and the dice; nothing is kept in the source tree.
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_it_ends_when_everybody_ends_and_the_table_is_kept(
        plan in any_plan(),
        dice in prop::collection::vec(any::<u8>(), 0..150),
    ) {
        let mut world = World::new(plan);
        world.happens(&dice);
        world.everybody_ends();
        world.judge();
    }

    #[test]
    fn whatever_happened_a_signal_ends_it_within_2_s_even_if_nobody_moves_any_more(
        plan in any_plan(),
        dice in prop::collection::vec(any::<u8>(), 0..150),
    ) {
        let mut world = World::new(plan);
        world.happens(&dice);
        world.everybody_is_stuck_and_a_signal_comes();
        world.judge();
    }
}
