//! The thread that decides: everything that happens comes to its inbox, one event at a time,
//! and every decision is made in this thread.
//!
//! It never waits for a friend, a terminal or a pipe: its outboxes take whatever it hands over,
//! and since readers wait for their buffers to come home (see
//! [`buffer`](crate::threads::buffer)), the outboxes stay short. So Ctrl-C is heard in any state.
//! The coordinator is given ends of channels, and what was asked for on the command line; so tests can
//! drive it without a socket, a thread or a clock.
//!
//! This file passes each event on to whatever it concerns: the [search](crate::talk::search) for a
//! friend, the [stdin-reader](crate::talk::typing), and the [meeting](crate::talk::meeting), which
//! is a [conversation](crate::talk::conversation) or a room.

mod input;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::error::Error;
use crate::platform::interface::shown;
use crate::platform::machine;
use crate::platform::terminal::Terminal;
use crate::roles::{Sink, Source};
use crate::talk::conversation::Conversation;
use crate::talk::leaving::LEAVING;
use crate::talk::meeting::{Company, Conclusion, Input, Meeting, Wants, WhichSignal};
use crate::talk::plan::{Outboxes, Outcome, Outlets, Plan, Stdin};
use crate::talk::ringing::Ringing;
use crate::talk::search::{Next, Search};
use crate::talk::typing::Typing;
use crate::text::name::Name;
use crate::threads::event::{Event, Report};
use crate::threads::friend::Friend;
use crate::threads::inbox::Inbox;
use crate::wire::messages::Wire;

/// After how many events what was put off is done ([`Coordinator::settle`]), even if more are waiting.
const UNSETTLED_MAX: usize = 64;

/// The exit code of an interruption: 128 and the number of SIGINT, as a shell would show it.
pub const INTERRUPTED: u8 = 130;

/// The coordinator. See the [module's page](self).
pub struct Coordinator {
    plan: Plan,
    outlets: Outlets,
    state: State,
    /// The search for a friend: the one that goes on, or the one that found the friend who is there.
    search: Search,
    typing: Typing,
    ringing: Ringing,
    /// What a busy friend did not hear. It is said again at the next call.
    unheard: Vec<u8>,
    /// There has been a conversation.
    has_talked: bool,
    /// What I am called.
    me: Option<Name>,
    /// The person has been warned that the line is not encrypted.
    warned_unencrypted: bool,
    /// The acceptor has bound its socket.
    listens: bool,
}

enum State {
    /// Nobody is there.
    Alone,
    /// A friend is there; or there is a room, with or without members.
    Meeting(Box<dyn Meeting>),
    Over(Outcome),
}

impl Coordinator {
    /// A coordinator that has just asked for its first friend. `room`: the room that friends join, if
    /// there is to be one.
    pub fn new(
        plan: Plan,
        out: Outboxes,
        room: Option<Box<dyn Meeting>>,
        now: Instant,
    ) -> Coordinator {
        let Outboxes { outlets, bell, permits, stop_reading, ask_friend } = out;
        let mut coordinator = Coordinator {
            me: plan.name.clone(),
            warned_unencrypted: false,
            listens: false,
            ringing: Ringing::new(bell, &plan),
            search: Search::new(&plan, ask_friend),
            typing: Typing::new(&plan, outlets.notices.clone(), permits, stop_reading),
            plan,
            outlets,
            state: room.map_or(State::Alone, State::Meeting),
            unheard: Vec::new(),
            has_talked: false,
        };
        if let Some(name) = coordinator.my_name() {
            coordinator.outlets.call_me(Some(name.clone()));
        }
        // A person may type at once, if only to be told that nobody is there. A pipe is not
        // read before somebody is there to hear it.
        if coordinator.plan.stdin == Stdin::Terminal {
            coordinator.typing.let_read();
        }
        coordinator.begin_search(now);
        coordinator
    }

    /// Takes events until everything is over, and returns how it ended.
    pub fn run(mut self, inbox: &Inbox) -> Outcome {
        // Not in a room: there are many threads that would run first, while all the members wait
        // for this one.
        let gives_way = self.plan.room.is_none();
        let mut wake_at = self.wake_at();
        let mut unsettled = 0;
        loop {
            unsettled += 1;
            if inbox.is_empty() || unsettled >= UNSETTLED_MAX {
                self.settle();
                unsettled = 0;
            }
            wake_at = self.on(inbox.next(wake_at, gives_way), machine::now());
            if let State::Over(outcome) = self.state {
                log::debug!("it is over, with exit code {}", outcome.code);
                return outcome;
            }
        }
    }

    /// Does what was put off while events came thick and fast. To be called before waiting.
    pub fn settle(&mut self) {
        if let State::Meeting(meeting) = &mut self.state {
            meeting.settle();
        }
    }

    /// Takes one event, and returns when to wake it if nothing else happens.
    pub fn on(&mut self, event: Event, now: Instant) -> Option<Instant> {
        self.ringing.on(&event, now);
        match event {
            Event::Read(Source::Stdin, news) => self.on_stdin(news, now),
            Event::Read(Source::Friend(number), news) => {
                if let State::Meeting(meeting) = &mut self.state {
                    meeting.on_friend(number, news, now);
                }
            }
            Event::Written(sink, report) => self.on_written(sink, report, now),
            Event::Listening(at, callable) => self.on_listening(at, &callable),
            Event::Connected(friend) => self.on_connected(friend, now),
            Event::NotConnected(error) => self.on_not_connected(error, false, now),
            Event::Refused(error) => self.on_not_connected(error, true, now),
            Event::Signal => self.on_signal(true, now),
            Event::HungUp => self.on_signal(false, now),
            Event::Time => self.on_time(now),
        }
        let reading = self.typing.is_on();
        if let State::Meeting(meeting) = &mut self.state {
            if !meeting.is_over(reading, now) {
                let Wants { wake_at, callers, .. } = meeting.wants();
                self.search.ask_for(callers);
                return wake_at;
            }
            self.conclude(now);
        }
        self.wake_at()
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            State::Alone | State::Meeting(_) => None,
        }
    }

    /// When to wake up although nothing has happened. `None`: nothing is due, so no clock runs.
    fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Alone => self.search.wake_at(),
            State::Meeting(meeting) => meeting.wants().wake_at,
            State::Over(_) => None,
        }
    }

    fn my_name(&self) -> Option<&Name> {
        match &self.state {
            State::Meeting(meeting) => meeting.my_name(),
            State::Alone | State::Over(_) => self.me.as_ref(),
        }
    }

    /// Who hears what is typed.
    fn company(&self) -> Company {
        match &self.state {
            State::Meeting(meeting) => meeting.wants().company,
            State::Alone | State::Over(_) => Company::Nobody,
        }
    }

    // Finding a friend.

    fn begin_search(&mut self, now: Instant) {
        self.typing.on_search();
        self.search.begin(now);
    }

    fn on_listening(&mut self, at: SocketAddr, callable: &[SocketAddr]) {
        self.listens = true;
        self.outlets.notices.to_copy(format_args!("listening on {}", shown(at)));
        // Once: under --keep the same addresses hold for the next friend.
        if self.plan.hints && !self.has_talked && !callable.is_empty() {
            self.outlets.notices.notice("what a friend types to call:");
            for address in callable {
                self.outlets.notices.to_copy(what_to_type(*address, self.plan.wire));
            }
        }
    }

    /// `told`: it was a caller who could not be taken, and who has been told why.
    fn on_not_connected(&mut self, error: Error, told: bool, now: Instant) {
        self.search.on_answer();
        match &mut self.state {
            State::Meeting(meeting) if self.listens || told => {
                meeting.on_not_connected(&error, told, now);
            }
            State::Alone if !told => {
                let next = self.search.on_failed(error, self.has_talked, now);
                self.go_on_searching(next);
            }
            // A room whose acceptor could not even bind its socket.
            State::Meeting(_) if self.plan.room.is_some() => self.give_up(error),
            State::Alone | State::Meeting(_) | State::Over(_) => {}
        }
    }

    fn go_on_searching(&mut self, next: Next) {
        match next {
            Next::GoOn => {}
            Next::Tell(what) => self.outlets.notices.notice(what),
            Next::GiveUp(error) => self.give_up(error),
        }
    }

    /// Ends the program with this error. It goes to the notice-writer like any notice: if `main` wrote
    /// it, a stderr that nobody reads would make it hang.
    fn give_up(&mut self, error: Error) {
        self.outlets.notices.error(&error);
        self.over(1, None);
    }

    fn on_connected(&mut self, friend: Friend, now: Instant) {
        self.search.on_answer();
        match &mut self.state {
            State::Alone => self.begin_conversation(friend, now),
            State::Meeting(meeting) => {
                meeting.on_joined(friend, now);
                if self.plan.room.is_some() {
                    self.on_company(now);
                }
            }
            // Too late. Our half closes when the friend is dropped, the rest when the process ends.
            State::Over(_) => {}
        }
    }

    fn begin_conversation(&mut self, friend: Friend, now: Instant) {
        let (unheard, stops) = (std::mem::take(&mut self.unheard), self.typing.can_be_stopped());
        let me = self.me.clone();
        let conversation =
            Conversation::new(friend, me, unheard, stops, &self.plan, &self.outlets, now);
        let conversation = Box::new(conversation);
        self.state = State::Meeting(conversation);
        self.on_company(now);
    }

    /// Somebody is there now: does what had to wait for that.
    fn on_company(&mut self, now: Instant) {
        self.has_talked = true;
        if self.plan.hints && !std::mem::replace(&mut self.warned_unencrypted, true) {
            let notice = "the line is not encrypted: others on the network can read it";
            self.outlets.notices.notice(notice);
        }
        for words in self.typing.take_held() {
            self.on_input(Input::Said(words), now);
        }
        if self.typing.waits() {
            self.typing.let_read();
        } else if self.typing.has_ended() && self.plan.keep {
            // A Ctrl-D that came while nobody was there may end what we say to one friend, but not to
            // all who come.
            self.typing.let_read_again();
        } else if self.typing.has_ended() && self.plan.room.is_none() {
            // It ended before anybody was there: we have nothing more to say.
            self.on_input(Input::NoMore, now);
        }
    }

    // What is written.

    fn on_written(&mut self, sink: Sink, report: Report, now: Instant) {
        let report = match (sink, report) {
            (Sink::Screen, Report::Ended { result: Err(_), left }) if self.window_is_closed() => {
                self.on_signal(false, now);
                Report::Ended { result: Ok(()), left }
            }
            (Sink::Transcript, Report::Ended { result: Err(why), left }) => {
                self.outlets.notices.error(Error::TranscriptUnwritable(why));
                Report::Ended { result: Ok(()), left }
            }
            (Sink::Trace, Report::Ended { result: Err(why), .. }) => {
                return self.outlets.notices.error(Error::TraceUnwritable(why));
            }
            (_, report) => report,
        };
        match (&mut self.state, report) {
            (State::Meeting(meeting), report) => meeting.on_written(sink, report, now),
            (State::Alone, Report::Ended { result: Err(why), .. }) if sink == Sink::Screen => {
                self.give_up(Error::StdoutUnwritable(why));
            }
            // If stderr fails, everything else goes on.
            (State::Alone | State::Over(_), _) => {}
        }
    }

    // Ending.

    /// Whether the terminal has gone. That is a signal to leave (SIGHUP), but a reader or a writer may
    /// notice it first.
    fn window_is_closed(&self) -> bool {
        self.plan.terminal.is_some() && Terminal::is_gone()
    }

    /// Somebody wants us to leave. `hurries`: if this is the second signal, it means "at once".
    fn on_signal(&mut self, hurries: bool, now: Instant) {
        // First of all: otherwise, while what we have is being sent, the reader would go on filling
        // the buffers that come home; and whoever feeds our stdin might see us end before the reader
        // is told to stop.
        self.typing.stop();
        let reading = self.typing.is_on() && self.typing.can_be_stopped();
        match &mut self.state {
            State::Meeting(meeting) if self.listens || self.plan.room.is_none() => {
                let signal = meeting.on_signal(reading, now);
                // After the first signal, what we have is still sent; at the second we leave at once.
                if signal == WhichSignal::Second && hurries {
                    self.over(INTERRUPTED, Some(now));
                }
            }
            State::Alone | State::Meeting(_) => {
                self.outlets.notices.status("interrupted");
                let code = if self.has_talked { 0 } else { INTERRUPTED };
                self.over(code, Some(now + LEAVING));
            }
            State::Over(_) => {}
        }
    }

    fn on_time(&mut self, now: Instant) {
        match &mut self.state {
            State::Alone => {
                let next = self.search.on_time(now);
                self.go_on_searching(next);
            }
            State::Meeting(meeting) => meeting.on_time(now),
            State::Over(_) => {}
        }
    }

    /// After a conversation: the next one, or the end.
    fn conclude(&mut self, now: Instant) {
        self.me = self.my_name().cloned();
        let State::Meeting(meeting) = std::mem::replace(&mut self.state, State::Alone) else {
            return;
        };
        match meeting.conclude(self.typing.is_on(), now) {
            Conclusion::Busy { to, unheard: Some(unheard), unsaid } => {
                self.has_talked = false;
                self.unheard = unheard;
                self.typing.hold(unsaid);
                let next = self.search.on_failed(Error::Busy { to }, false, now);
                self.go_on_searching(next);
            }
            Conclusion::Busy { to, unheard: None, .. } => {
                self.give_up(Error::BusyAfterSending { to });
            }
            Conclusion::Over { may_go_on: true, .. } if self.plan.keep => {
                // The half-typed line is cleared first, and only then is the next friend looked for:
                // what is typed to one who came meanwhile would be cleared as well.
                if !self.typing.clear_half_typed() {
                    self.begin_search(now);
                }
            }
            Conclusion::Over { failed, gone_by, .. } => self.over(u8::from(failed), gone_by),
        }
    }

    fn over(&mut self, code: u8, gone_by: Option<Instant>) {
        self.state = State::Over(Outcome {
            code,
            gone_by,
            stdin_reading: self.typing.is_on(),
            still_asking: self.search.is_on(),
        });
    }
}

/// The command that a friend types to call this address.
fn what_to_type(address: SocketAddr, wire: Wire) -> String {
    let wire = match wire {
        Wire::Lines => "",
        Wire::Frames => " --wire frames",
    };
    let (ip, port) = (address.ip(), address.port());
    // An IPv6 address and its port are two words here: in brackets, some shells would take it for a
    // pattern.
    let (place, more) = match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            (format!("{ip}%INTERFACE {port}"), "   (INTERFACE is the friend's own, such as eth0)")
        }
        IpAddr::V4(_) => (address.to_string(), ""),
        IpAddr::V6(_) => (format!("{ip} {port}"), ""),
    };
    let more = if ip.is_loopback() { "   (on this computer)" } else { more };
    format!("    threadchat connect {place}{wire}{more}")
}
