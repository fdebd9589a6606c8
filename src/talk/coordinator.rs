//! The thread that decides: everything that happens comes to its inbox, one event at a time,
//! and every decision is made here.
//!
//! It never waits for a friend, a terminal or a pipe: its outboxes take whatever it hands over,
//! and the buffers that come home (see [`buffer`](crate::threads::buffer)) keep them short. So Ctrl-C is
//! heard in any state. It takes channel ends only, so that tests can drive it without a socket,
//! a thread or a clock.
//!
//! This file is about finding a friend, and about what is typed while nobody is there. What
//! happens between "connected" and the last word is in [`conversation`](crate::talk::conversation).

mod people;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::error::Error;
use crate::platform::interface::shown;
use crate::platform::machine;
use crate::platform::terminal::Terminal;
use crate::roles::{Sink, Source};
use crate::room::host_outbox::Ear;
use crate::room::hosting::Hosting;
use crate::talk::conversation::{Conclusion, Conversation};
use crate::talk::leaving::LEAVING;
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::{Block, Stopper};
use crate::threads::event::{Event, News, ReadError, Report};
use crate::threads::friend::Friend;
use crate::threads::inbox::Inbox;
use crate::threads::notices::{Notices, Unsent};
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::threads::permit::Permits;
use crate::wire::messages::{FRAME_MAX, MESSAGE_MAX, Wire};
use crate::wire::step::Oddity;

/// How long `--wait` waits between two calls, and `--keep` for its port.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// How much longer than its limit a connector may take. It gives up by itself, and knows better what
/// went wrong.
const STUCK: Duration = Duration::from_millis(500);

/// After how many events it does what it has put off, though more are waiting.
const UNSETTLED_MAX: usize = 64;

/// The exit code of an interruption: 128 and the number of SIGINT, as a shell would show it.
pub const INTERRUPTED: u8 = 130;

/// What standard input is, since much depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// A person types.
    Terminal,
    /// A pipe or a file.
    Pipe,
    /// It is not read: `--recv-only`.
    Unread,
}

/// What the command line asked for, as far as decisions depend on it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What stdin is.
    pub stdin: Stdin,
    /// How messages stand on the wire.
    pub wire: Wire,
    /// Whether we call, rather than listen.
    pub calling: Option<Calling>,
    /// Whether to wait for the next friend after a conversation.
    pub keep: bool,
    /// Whether to host a room instead, and for how many members at most.
    pub room: Option<usize>,
    /// What I am called, from the beginning.
    pub name: Option<Name>,
    /// Whether what is typed is edited here, and so has to be shown when it is sent.
    pub editor: bool,
    /// Whether to tell the person at the terminal how a friend calls, and that others can listen.
    pub hints: bool,
    /// The terminal that stdin is, where there is one: what was half typed for one friend is not
    /// for the next.
    pub terminal: Option<Terminal>,
}

/// How we call.
#[derive(Clone, Debug)]
pub struct Calling {
    /// Whom, in words.
    pub to: String,
    /// `--timeout`.
    pub timeout: Duration,
    /// `--wait`, and for how long at most.
    pub wait: Option<Option<Duration>>,
}

/// The channels that lead out of the coordinator.
#[derive(Debug)]
pub struct Outboxes {
    /// To the screen-writer.
    pub to_screen: Outbox,
    /// To stderr.
    pub notices: Notices,
    /// To the transcript, where there is one.
    pub to_transcript: Option<Outbox>,
    /// To the stdin-reader.
    pub permits: Permits,
    /// Tells the stdin-reader to read no more, where stdin is a pipe.
    pub stop_reading: Option<Stopper>,
    /// Each word asks the acceptor or the connector for one friend.
    pub ask_friend: Sender<()>,
    /// The host's screen and transcript, where there is a room.
    pub ears: Vec<Ear>,
}

/// How it all ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code.
    pub code: u8,
    /// The instant by which the program has to be gone, where somebody asked it to go.
    pub gone_by: Option<Instant>,
    /// Whether the stdin-reader is still reading.
    pub stdin_reading: bool,
    /// Whether the acceptor or connector is still looking for a friend.
    pub still_asking: bool,
}

/// The coordinator. See the [module's page](self).
#[derive(Debug)]
pub struct Coordinator {
    plan: Plan,
    out: Outboxes,
    state: State,
    stdin: Reading,
    /// The search for a friend that is on, or that led to the friend who is there.
    search: Search,
    /// What a busy friend did not hear, to be said again.
    unheard: Vec<u8>,
    /// Piped input that was read for a friend who then was busy, for the next call.
    held: Vec<Arc<Block>>,
    /// The stdin-reader has been woken to hand over what was half typed for a friend who left.
    clearing: bool,
    /// How many friends the acceptor or connector has been asked for, and not found yet.
    asking: usize,
    /// There has been a conversation.
    has_talked: bool,
    /// What I am called.
    me: Option<Name>,
    /// What the friend who is there is called.
    friend: Speaker,
    /// That others can listen has been said.
    told_open: bool,
    /// The acceptor has bound its socket.
    listens: bool,
}

#[derive(Debug)]
enum State {
    /// Nobody is there.
    Alone,
    Talking(Box<Conversation>),
    /// There is a room, with or without members.
    Hosting(Box<Hosting>),
    Over(Outcome),
}

/// How far the stdin-reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It waits to be let read.
    NotYet,
    /// It reads.
    Now,
    /// Its input has ended.
    Ended,
}

/// Looking for a friend.
#[derive(Debug, Default)]
struct Search {
    /// When to call, or to listen, again.
    call_at: Option<Instant>,
    /// When to stop.
    give_up_at: Option<Instant>,
    /// Why the last call failed.
    last: Option<Error>,
    /// That what is typed goes nowhere has been said.
    told_typing: bool,
}

impl Coordinator {
    /// A coordinator that has just asked for its first friend.
    pub fn new(plan: Plan, mut out: Outboxes, now: Instant) -> Coordinator {
        let ears = std::mem::take(&mut out.ears);
        let mut coordinator = Coordinator {
            me: None,
            friend: Speaker::Friend,
            told_open: false,
            listens: false,
            plan,
            out,
            state: State::Alone,
            stdin: Reading::NotYet,
            search: Search::default(),
            unheard: Vec::new(),
            held: Vec::new(),
            clearing: false,
            asking: 0,
            has_talked: false,
        };
        if let Some(name) = coordinator.plan.name.clone() {
            coordinator.call_me(name);
        }
        if let Some(members_max) = coordinator.plan.room {
            coordinator.open_room(members_max, ears);
        }
        // A person may type at once, if only to be told that nobody is there. A pipe is not
        // read before there is somebody to read it for.
        if coordinator.plan.stdin == Stdin::Terminal {
            coordinator.let_read();
        }
        coordinator.search(now);
        coordinator
    }

    /// Takes events until everything is over, and tells how it ended.
    pub fn run(mut self, inbox: &Inbox) -> Outcome {
        let mut wake_at = self.wake_at();
        let mut unsettled = 0;
        loop {
            unsettled += 1;
            if inbox.is_empty() || unsettled >= UNSETTLED_MAX {
                self.settle();
                unsettled = 0;
            }
            // In a room there are many threads to give way to, and the members wait for this one.
            let gives_way = !matches!(self.state, State::Hosting(_));
            wake_at = self.on(inbox.next(wake_at, gives_way), machine::now());
            if let State::Over(outcome) = self.state {
                log::debug!("it is over, with exit code {}", outcome.code);
                return outcome;
            }
        }
    }

    /// Does what it has put off while more was happening. To be called before one waits.
    pub fn settle(&mut self) {
        if let State::Hosting(hosting) = &mut self.state {
            hosting.settle();
        }
    }

    /// Takes one event, and says when it wants to be woken if nothing else happens.
    pub fn on(&mut self, event: Event, now: Instant) -> Option<Instant> {
        match event {
            Event::Read(Source::Stdin, news) => self.on_stdin(news, now),
            Event::Read(Source::Friend(number), news) => match (&mut self.state, news) {
                (State::Talking(_), News::Request(request, paid)) => self.on_request(request, paid),
                (State::Talking(conversation), news) => conversation.on_friend(news, now),
                (State::Hosting(hosting), news) => hosting.on_member(number, news, now),
                (State::Alone | State::Over(_), _) => {}
            },
            Event::Written(Sink::Friend(number), report) => match &mut self.state {
                State::Talking(conversation) => conversation.on_sent(report, now),
                State::Hosting(hosting) => hosting.on_sent(number, report),
                State::Alone | State::Over(_) => {}
            },
            Event::Written(Sink::Screen, report) => self.on_shown(report, now),
            // A stderr that fails holds nothing up.
            Event::Written(Sink::Notices, _) => {}
            Event::Written(Sink::Transcript, report) => self.on_transcribed(report),
            Event::Written(Sink::Trace, report) => self.on_traced(report),
            Event::Listening(at, callable) => self.on_listening(at, &callable),
            Event::Connected(friend) => self.on_connected(friend, now),
            Event::NotConnected(error) => self.on_not_connected(error, now),
            Event::Refused(error) => self.on_refused(&error),
            Event::Signal => self.on_signal(now, true),
            Event::HungUp => self.on_signal(now, false),
            Event::Time => self.on_time(now),
        }
        let stdin_open = self.plan.stdin == Stdin::Pipe && self.stdin == Reading::Now;
        let over = match &mut self.state {
            State::Talking(conversation) => conversation.is_over(now),
            State::Hosting(hosting) => hosting.is_over(stdin_open),
            State::Alone | State::Over(_) => false,
        };
        if over {
            self.conclude(now);
        }
        if let State::Hosting(hosting) = &self.state {
            for _ in self.asking..hosting.callers_wanted() {
                self.ask_friend();
            }
        }
        self.wake_at()
    }

    /// How it ended, when it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            State::Alone | State::Talking(_) | State::Hosting(_) => None,
        }
    }

    /// Only what has to happen by itself needs a clock; while nothing has to, there is none.
    fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Alone => [self.search.call_at, self.give_up_at()].into_iter().flatten().min(),
            State::Talking(conversation) => conversation.wake_at(),
            State::Hosting(hosting) => hosting.wake_at(),
            State::Over(_) => None,
        }
    }

    // Finding a friend.

    /// Begins to look for a friend.
    fn search(&mut self, now: Instant) {
        let limit = self.plan.calling.as_ref().and_then(|it| it.wait.unwrap_or(Some(it.timeout)));
        let give_up_at = limit.map(|limit| now + limit);
        self.search = Search { give_up_at, ..Search::default() };
        self.ask_friend();
    }

    /// When to stop looking, where there is a limit.
    fn give_up_at(&self) -> Option<Instant> {
        let more = if self.asking > 0 { STUCK } else { Duration::ZERO };
        self.search.give_up_at.map(|at| at + more)
    }

    fn ask_friend(&mut self) {
        self.search.call_at = None;
        self.asking += 1;
        // Nobody takes it only where the program is ending.
        let _ = self.out.ask_friend.send(());
    }

    fn on_refused(&mut self, why: &Error) {
        self.asking = self.asking.saturating_sub(1);
        if let State::Hosting(hosting) = &mut self.state {
            hosting.on_refused(why);
        }
    }

    fn on_listening(&mut self, at: SocketAddr, callable: &[SocketAddr]) {
        self.listens = true;
        self.out.notices.to_copy(format_args!("listening on {}", shown(at)));
        // Under --keep it is still the same.
        if self.plan.hints && !self.has_talked && !callable.is_empty() {
            self.out.notices.notice("what a friend types to call:");
            let wire = match self.plan.wire {
                Wire::Lines => "",
                Wire::Frames => " --wire frames",
            };
            for address in callable {
                let (ip, port) = (address.ip(), address.port());
                // As two words: some shells take brackets for a pattern.
                let place = match ip {
                    IpAddr::V4(_) => address.to_string(),
                    IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                        format!("{ip}%INTERFACE {port}")
                    }
                    IpAddr::V6(_) => format!("{ip} {port}"),
                };
                let more = match ip {
                    _ if ip.is_loopback() => "   (on this computer)",
                    IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                        "   (INTERFACE is the friend's own, such as eth0)"
                    }
                    _ => "",
                };
                let line = format_args!("    threadchat connect {place}{wire}{more}");
                self.out.notices.to_copy(line);
            }
        }
    }

    fn on_not_connected(&mut self, error: Error, now: Instant) {
        self.asking = self.asking.saturating_sub(1);
        match &mut self.state {
            State::Alone => {}
            State::Hosting(hosting) if self.listens => {
                return hosting.on_not_connected(&error, now);
            }
            State::Hosting(_) => return self.give_up(error),
            State::Talking(_) | State::Over(_) => return,
        }
        let waits = self.plan.calling.as_ref().is_some_and(|calling| calling.wait.is_some());
        // During a conversation the port is free for others. One may be calling from it just now.
        let listens_again =
            self.plan.keep && self.has_talked && matches!(error, Error::PortInUse { .. });
        let again = match (waits && error.may_pass(), listens_again) {
            (true, _) => "calling again",
            (_, true) => "trying again",
            _ => return self.give_up(error),
        };
        // What is left of --wait's time may be too little for another call.
        let at = Some(now + CALL_AGAIN);
        self.search.call_at = at.filter(|at| self.give_up_at().is_none_or(|limit| *at < limit));
        if self.search.last.is_none() && self.search.call_at.is_some() {
            let what = error.without_advice();
            self.out.notices.notice(format_args!("{what}; {again} once a second"));
        }
        self.search.last = Some(error);
    }

    fn on_connected(&mut self, friend: Friend, now: Instant) {
        self.asking = self.asking.saturating_sub(1);
        match self.state {
            State::Alone => {}
            State::Hosting(_) => return self.on_joined(friend, now),
            // Too late. The friend's line closes when the process ends.
            State::Talking(_) | State::Over(_) => return,
        }
        self.has_talked = true;
        let mut conversation = Conversation::new(friend, self.plan.clone(), &self.out, now);
        self.tell_open();
        self.call_friend(Speaker::Friend, None);
        if let Some(name) = &self.me {
            conversation.introduce(name);
        }
        let unheard = std::mem::take(&mut self.unheard);
        if !unheard.is_empty() {
            conversation.say(Arc::new(Block::of(unheard)), now);
        }
        for words in std::mem::take(&mut self.held) {
            conversation.say(Arc::clone(&words), now);
            self.show_said(words);
        }
        match self.stdin {
            Reading::NotYet => self.let_read(),
            Reading::Now => {}
            // Ctrl-D while nobody was there can be meant for one friend, but not for all.
            Reading::Ended if self.plan.keep => self.let_read_again(),
            // It ended before anybody was there: we have nothing more to say.
            Reading::Ended => conversation.stop_input(now),
        }
        self.state = State::Talking(Box::new(conversation));
    }

    fn tell_open(&mut self) {
        if self.plan.hints && !std::mem::replace(&mut self.told_open, true) {
            self.out.notices.notice("the line is not encrypted: others on the network can read it");
        }
    }

    fn give_up(&mut self, error: Error) {
        self.out.notices.error(&error);
        self.over(1, None);
    }

    // What I say.

    fn let_read(&mut self) {
        if self.plan.stdin != Stdin::Unread && self.stdin != Reading::Now {
            self.stdin = Reading::Now;
            self.out.permits.let_read();
        }
    }

    /// After Ctrl-D: what was typed since is for nobody.
    fn let_read_again(&mut self) {
        if let Some(terminal) = &self.plan.terminal
            && self.stdin == Reading::Ended
        {
            self.out.notices.not_sent(&Unsent::of(Wire::Lines, &terminal.unread()));
            terminal.give_back();
        }
        self.let_read();
    }

    fn on_stdin(&mut self, news: News, now: Instant) {
        match news {
            News::Block(block) if self.clearing => {
                self.out.notices.not_sent(&Unsent::of(self.plan.wire, block.bytes()));
            }
            News::Command(line) if self.clearing => {
                self.out.notices.not_sent(&Unsent::of(Wire::Lines, line.as_bytes()));
            }
            News::Ended(_) if self.clearing => self.cleared(now),
            News::Block(block) => match &mut self.state {
                State::Talking(conversation) => {
                    let words = Arc::new(block);
                    if conversation.say(Arc::clone(&words), now) {
                        self.show_said(words);
                    }
                }
                State::Hosting(hosting) if !hosting.is_alone() => {
                    hosting.say(Arc::new(block), now);
                }
                State::Alone | State::Hosting(_) if self.plan.stdin == Stdin::Terminal => {
                    self.typed_to_nobody(block.bytes());
                }
                // Read for a friend who was busy, or for members who have left. It cannot be many:
                // the reader's buffers are few.
                State::Alone | State::Hosting(_) => self.held.push(Arc::new(block)),
                State::Over(_) => {}
            },
            News::Oddity(Oddity::TooLong(bytes)) => {
                let (what, most) = match self.plan.room {
                    None => ("frame holds", FRAME_MAX),
                    Some(_) => ("room takes", MESSAGE_MAX),
                };
                self.out.notices.notice(format_args!(
                    "not sent: the line is {bytes} bytes long, and a {what} {most} at most"
                ));
            }
            News::Oddity(Oddity::NotUtf8) => {
                self.out.notices.notice("not sent: the line is not UTF-8 text");
            }
            // These are about what a friend sends.
            News::Oddity(Oddity::LooksLike(_) | Oddity::Foreign(_) | Oddity::AfterEnd)
            | News::Request(..) => {}
            News::Command(line) => self.on_command(&line, now),
            News::Goodbye => self.input_ended(now),
            News::Ended(Ok(())) if self.goes_on_typing() => {
                self.stdin = Reading::Ended;
                self.out.notices.notice("the room stays open (Ctrl-C closes it)");
                self.let_read_again();
            }
            News::Ended(result) => {
                self.stdin = Reading::Ended;
                match result {
                    Err(ReadError::Io(_)) if self.window_is_closed() => self.on_signal(now, false),
                    Ok(()) => self.input_ended(now),
                    // It was told to stop, and has handed over what it had read.
                    Err(ReadError::Io(why))
                        if self.plan.stdin == Stdin::Pipe
                            && why.kind() == ErrorKind::WouldBlock =>
                    {
                        self.input_ended(now);
                    }
                    Err(ReadError::Io(why)) => self.input_broke(Error::StdinUnreadable(why), now),
                    Err(ReadError::Rule(fault)) => self.input_broke(fault.into(), now),
                }
            }
        }
    }

    /// Ctrl-D ends what one says to a friend; but the host of a room would be left without commands.
    fn goes_on_typing(&self) -> bool {
        let open = matches!(&self.state, State::Hosting(hosting) if !hosting.is_closed());
        open && self.plan.stdin == Stdin::Terminal
    }

    fn typed_to_nobody(&mut self, typed: &[u8]) {
        if !self.search.told_typing {
            self.search.told_typing = true;
            self.out.notices.notice("nobody is there yet; what you type is not sent");
        }
        if self.plan.editor {
            // It would be gone without a trace: no terminal has echoed it.
            self.out.notices.not_sent(&Unsent::of(self.plan.wire, typed));
        }
    }

    /// What I have said stays on my screen, and in the transcript.
    fn show_said(&self, words: Arc<Block>) {
        if let Some(to_transcript) = &self.out.to_transcript {
            let _ = to_transcript.send(Order::Said(Arc::clone(&words)));
        }
        if self.plan.editor {
            let _ = self.out.to_screen.send(Order::Said(words));
        }
    }

    fn on_transcribed(&mut self, report: Report) {
        if let State::Hosting(hosting) = &mut self.state {
            hosting.on_transcribed(&report);
        }
        if let Report::Ended { result: Err(why), .. } = report {
            self.out.notices.error(Error::TranscriptUnwritable(why));
        }
    }

    fn on_traced(&self, report: Report) {
        if let Report::Ended { result: Err(why), .. } = report {
            self.out.notices.error(Error::TraceUnwritable(why));
        }
    }

    fn input_ended(&mut self, now: Instant) {
        match &mut self.state {
            State::Talking(conversation) => conversation.input_ended(now),
            State::Hosting(hosting) => hosting.input_ended(now),
            State::Alone if self.plan.stdin == Stdin::Terminal => self.out.notices.notice(
                "you have ended, and nobody is there yet; what you type now is not sent \
                 (Ctrl-C leaves)",
            ),
            State::Alone | State::Over(_) => {}
        }
    }

    /// Between two friends: what was half typed for the one is shown as not sent.
    fn clear_half_typed(&mut self) {
        if self.plan.terminal.is_some() && self.stdin == Reading::Now {
            self.clearing = self.out.permits.stop();
        } else {
            self.let_read_again();
        }
    }

    fn cleared(&mut self, now: Instant) {
        self.clearing = false;
        if let Some(terminal) = &self.plan.terminal
            && !self.plan.editor
        {
            self.out.notices.not_sent(&Unsent::of(Wire::Lines, &terminal.unread()));
            terminal.give_back();
        }
        self.stdin = Reading::Ended;
        self.let_read();
        self.search(now);
    }

    fn input_broke(&mut self, error: Error, now: Instant) {
        match &mut self.state {
            State::Talking(conversation) => conversation.input_broke(error, now),
            State::Hosting(hosting) => hosting.input_broke(error, now),
            State::Alone => self.give_up(error),
            State::Over(_) => {}
        }
    }

    fn on_shown(&mut self, report: Report, now: Instant) {
        let report = match report {
            Report::Ended { result: Err(_), left } if self.window_is_closed() => {
                self.on_signal(now, false);
                Report::Ended { result: Ok(()), left }
            }
            report => report,
        };
        match (&mut self.state, report) {
            (State::Talking(conversation), report) => conversation.on_shown(report, now),
            (State::Hosting(hosting), report) => hosting.on_shown(report, now),
            (State::Alone, Report::Ended { result: Err(why), .. }) => {
                self.give_up(Error::StdoutUnwritable(why));
            }
            _ => {}
        }
    }

    // Ending.

    /// The terminal has gone: a signal to leave (SIGHUP), of which a reader or a writer may hear first.
    fn window_is_closed(&self) -> bool {
        self.plan.terminal.is_some() && Terminal::is_gone()
    }

    /// `hurries`: whether it means "at once", where it is the second.
    fn on_signal(&mut self, now: Instant, hurries: bool) {
        // First of all: else the buffers that come home, as what we have is sent, would be filled
        // again; and whoever feeds us may see that we have ended before the reader is told.
        if let Some(stdin_reader) = &self.out.stop_reading {
            stdin_reader.stop();
        }
        let first = match &mut self.state {
            State::Talking(conversation) => conversation.on_signal(now),
            State::Hosting(hosting) if self.listens => {
                let stopper = self.out.stop_reading.as_ref();
                let may_say_more =
                    self.stdin == Reading::Now && stopper.is_some_and(Stopper::wakes);
                hosting.on_signal(may_say_more, now)
            }
            State::Alone | State::Hosting(_) => {
                self.out.notices.status("interrupted");
                let code = if self.has_talked { 0 } else { INTERRUPTED };
                return self.over(code, Some(now + LEAVING));
            }
            State::Over(_) => return,
        };
        // At the first signal what we have is still sent; at the second we are gone at once.
        if !first && hurries {
            self.over(INTERRUPTED, Some(now));
        }
    }

    fn on_time(&mut self, now: Instant) {
        match &mut self.state {
            State::Alone => {
                if self.give_up_at().is_some_and(|at| now >= at) {
                    self.searched_in_vain();
                } else if self.search.call_at.is_some_and(|at| now >= at) {
                    self.ask_friend();
                }
            }
            State::Talking(conversation) => {
                if conversation.on_time(now) {
                    self.conclude(now);
                }
            }
            State::Hosting(hosting) => {
                if hosting.on_time(now) {
                    self.conclude(now);
                }
            }
            State::Over(_) => {}
        }
    }

    fn searched_in_vain(&mut self) {
        let Some(Calling { to, timeout, wait }) = self.plan.calling.clone() else { return };
        let limit = wait.flatten().unwrap_or(timeout);
        let last = self.search.last.take().unwrap_or(Error::TimedOut { to, limit });
        let error = match wait {
            Some(_) => Error::WaitedInVain { limit, last: Box::new(last) },
            None => last,
        };
        self.give_up(error);
    }

    /// After a conversation: the next one, or the end.
    fn conclude(&mut self, now: Instant) {
        let conclusion = match std::mem::replace(&mut self.state, State::Alone) {
            State::Talking(conversation) => {
                conversation.conclude(&self.friend, self.stdin == Reading::Now, now)
            }
            State::Hosting(hosting) => hosting.conclude(self.plan.stdin),
            State::Alone | State::Over(_) => return,
        };
        match conclusion {
            Conclusion::Busy(to, Some(unheard), held) => {
                self.has_talked = false;
                self.unheard = unheard;
                self.held = held;
                self.on_not_connected(Error::Busy { to }, now);
            }
            Conclusion::Busy(to, None, _) => self.give_up(Error::BusyAfterSending { to }),
            Conclusion::Over { may_go_on: true, .. } if self.plan.keep => {
                self.clear_half_typed();
                // Who was told of the next friend while that is going on would type in vain.
                if !self.clearing {
                    self.search(now);
                }
            }
            Conclusion::Over { failed, gone_by, .. } => self.over(u8::from(failed), gone_by),
        }
    }

    fn over(&mut self, code: u8, gone_by: Option<Instant>) {
        self.state = State::Over(Outcome {
            code,
            gone_by,
            stdin_reading: self.stdin == Reading::Now,
            still_asking: self.asking > 0,
        });
    }
}
