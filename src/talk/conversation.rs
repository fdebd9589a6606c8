//! One conversation, from "connected" to the last word.
//!
//! It consists of two [halves](crate::talk::halves); how each of them ends is a table there, and this
//! file does what the table says. It belongs to the coordinator, and runs in its thread.
//!
//! - Ctrl-C, a fault, and a stdout that nobody reads end our half. Then we listen until the friend's
//!   half ends too, but not for ever; see [`leaving`](crate::talk::leaving).
//! - On the wire that has the word `end`, we say it only if nothing is missing of what came from
//!   stdin; see [`InputEnd::is_whole`].
//! - What was received is written out before it is said that the conversation is over. Where we have
//!   to be gone before that, it is said that something is missing.

mod ending;
mod heard;
mod people;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::platform::interface::shown;
use crate::roles::{Number, Sink};
use crate::talk::halves::{Happened, InputEnd, Ours, Theirs};
use crate::talk::leaving::{Due, LEAVING, Leaving, silence};
use crate::talk::meeting::{Company, Conclusion, Input, Meeting, Wants, WhichSignal};
use crate::talk::names::Names;
use crate::talk::plan::{Outlets, Plan, Stdin};
use crate::talk::redial::Redial;
use crate::talk::shown::Shown;
use crate::talk::transfer::Transfer;
use crate::talk::verdict::{Verdict, Why};
use crate::text::command::Command;
use crate::text::name::Name;
use crate::threads::buffer::Block;
use crate::threads::event::{News, Report};
use crate::threads::friend::{Friend, Line};
use crate::threads::order::Order;
use crate::watch::steps;
use crate::wire::fault::Fault;
use crate::wire::messages::{self, Wire};

/// A conversation with one friend.
pub struct Conversation {
    plan: Plan,
    outlets: Outlets,
    friend: SocketAddr,
    /// The connection. `None`: its threads have been joined.
    line: Option<Box<dyn Line>>,
    names: Names,
    ours: Ours,
    theirs: Theirs,
    input: InputEnd,
    /// Whether the reader of piped stdin is sure to say its last word when it is told to stop.
    input_stops: bool,
    said: Said,
    /// What came from stdin when it could not be said any more. While these buffers are kept here,
    /// the stdin-reader does not get them back: otherwise it would read a whole file for nothing.
    unsaid: Vec<Arc<Block>>,
    shown: Shown,
    transfer: Transfer,
    verdict: Verdict,
    leaving: Leaving,
    /// When we leave: for how long nothing has to come from this friend before we hang up.
    silence: Duration,
    redial: Redial,
}

/// How much we have said, in bytes.
#[derive(Debug, Default)]
struct Said {
    bytes: u64,
    /// How many of them we said when the friend had ended already.
    late: u64,
}

impl Conversation {
    /// A conversation that begins. `me`: what I am called. `unheard`: what a busy friend did not hear;
    /// it is said first. `input_stops`: see
    /// [`Typing::can_be_stopped`](crate::talk::typing::Typing::can_be_stopped).
    pub fn new(
        friend: Friend,
        me: Option<Name>,
        unheard: Vec<u8>,
        input_stops: bool,
        plan: &Plan,
        outlets: &Outlets,
        now: Instant,
    ) -> Conversation {
        outlets.notices.to_copy(format_args!("connected to {}", shown(friend.address)));
        let waits = plan.calling.as_ref().is_some_and(|calling| calling.wait.is_some());
        let mut conversation = Conversation {
            names: Names::new(me, outlets),
            plan: plan.clone(),
            outlets: outlets.clone(),
            friend: friend.address,
            line: Some(friend.line),
            ours: Ours::Open(friend.to_friend),
            theirs: Theirs::Open,
            input: InputEnd::Open,
            input_stops,
            said: Said::default(),
            unsaid: Vec::new(),
            shown: Shown::new(outlets.to_screen.clone()),
            transfer: Transfer::new(plan.transfer, &outlets.notices),
            verdict: Verdict::default(),
            leaving: Leaving::No,
            silence: silence(friend.called_for),
            redial: Redial::new(waits, now),
        };
        conversation.introduce_me();
        if !unheard.is_empty() {
            conversation.say(Arc::new(Block::of(unheard)), now);
        }
        conversation
    }

    // Our half.

    /// Says something to the friend. `false`: our half is closed.
    fn say(&mut self, words: Arc<Block>, now: Instant) -> bool {
        if matches!(self.input, InputEnd::Expected { .. }) {
            self.close_input(InputEnd::CutShort, now); // There was more: this.
        }
        let Ours::Open(to_friend) = &self.ours else {
            self.unsaid.push(words);
            return false;
        };
        let bytes = words.bytes();
        self.said.bytes += bytes.len() as u64;
        if self.theirs.have_ended() {
            self.said.late += bytes.len() as u64;
        }
        self.redial.on_said(bytes, self.said.bytes);
        self.transfer.on_sent(bytes.len(), now);
        // A socket-writer that has failed says so itself.
        to_friend.send(Order::Block(words));
        true
    }

    /// Tells the friend what I am called, in an ordinary message.
    fn introduce_me(&self) {
        if let Some(name) = self.names.me() {
            self.ask(&name.message());
        }
    }

    /// Asks the friend for something, in an ordinary message. That does not count as something that
    /// we have said, and is not repeated to a friend who proves busy: at the next call our name is
    /// told anyhow, as it is then.
    fn ask(&self, line: &str) {
        if let Ours::Open(to_friend) = &self.ours {
            let message = Arc::new(Block::of(messages::message(self.plan.wire, line)));
            to_friend.send(Order::Block(message));
        }
    }

    /// Closes our half: what was handed over is still sent, then `end` if the wire has it and nothing
    /// of our input is missing, then FIN.
    fn close_our_half(&mut self) {
        if self.ours.is_open() {
            self.ours.close(self.plan.wire == Wire::Frames && self.input.is_whole(self.plan.stdin));
            log::debug!("closes our sending half");
        }
    }

    /// Nothing more will come from stdin, and nothing is missing.
    fn stop_input(&mut self, now: Instant) {
        self.close_input(InputEnd::Found, now);
    }

    fn close_input(&mut self, input: InputEnd, now: Instant) {
        self.input = input;
        self.close_our_half();
        self.cut_if_nothing_is_owed(now);
    }

    fn on_input_end(&mut self, now: Instant) {
        self.transfer.on_input_end(now);
        let goes_on = self.ours.is_open() && self.verdict.why.is_none();
        if goes_on && self.plan.stdin == Stdin::Terminal {
            let notice = "you have ended; the friend may go on (Ctrl-C leaves)";
            self.outlets.notices.notice(notice);
        }
        self.carry_out(Happened::OurInputEnded, None, now);
    }

    fn on_input_broke(&mut self, error: Error, now: Instant) {
        if matches!(error, Error::Rule(Fault::InputAfterEnd { .. })) {
            // All that could be said has been; and the friend may still have much to say.
            self.tell_failure(error);
            // The `end` itself may have been read before this friend was there.
            return self.carry_out(Happened::InputAfterEnd, None, now);
        }
        self.close_input(InputEnd::CutShort, now);
        if self.verdict.interrupted.is_some() {
            // The signal is why we leave; but the person should know what is missing.
            return self.tell_failure(error);
        }
        self.carry_out(Happened::InputBroke, Some(Why::Broke(error)), now);
    }

    fn tell_failure(&mut self, error: Error) {
        self.verdict.failed = true;
        self.outlets.notices.error(error);
    }

    /// The socket-writer has said its last word.
    fn on_sent(&mut self, result: io::Result<()>, left: u64, now: Instant) {
        // If only our `end` could not be sent, nothing that we said is missing; unless we went on
        // talking to a friend who had ended, and who perhaps was gone altogether.
        let all_sent = left == 0 && !self.ours.is_open() && self.said.late == 0;
        let refused = match result {
            Err(why) if all_sent => Some(why),
            // (Once we have cut the friend off, what is missing is said at the end.)
            Err(why) if !self.leaving.is_cut() => {
                let why = Why::Refused(self.what_broke(why));
                self.carry_out(Happened::SendRefused, Some(why), now);
                None
            }
            _ => None,
        };
        self.ours.set_closed(left, refused);
        self.judge_refused_end();
        self.on_handed_over(now);
    }

    /// Was our `end` refused, and is that a fault? The system reports a reset only once. If the
    /// socket-writer got that report, the socket-reader just finds the end of the stream, which must
    /// not be taken for the friend's own. But a friend who has said `end` is free to hang up.
    fn judge_refused_end(&mut self) {
        let wants_end = self.plan.wire == Wire::Frames && !self.theirs.said_end();
        if wants_end
            && self.theirs.is_closed()
            && let Ours::Closed { refused, .. } = &mut self.ours
            && let Some(why) = refused.take()
        {
            let why = Why::Refused(self.what_broke(why));
            self.verdict.because(why);
        }
    }
}

impl Meeting for Conversation {
    /// Too late: somebody is there already. Our half closes as the friend is dropped.
    fn on_joined(&mut self, _friend: Friend, _now: Instant) {}

    fn on_friend(&mut self, _who: Number, news: News, now: Instant) {
        match news {
            News::Block(words) => self.on_block(words, now),
            News::Request(request, paid) => self.on_request(request, paid),
            News::Goodbye => {
                self.redial.on_heard();
                if !self.theirs.have_ended() {
                    self.theirs = Theirs::SaidEnd;
                    self.carry_out(Happened::TheyEnded, Some(Why::FriendLeft), now);
                }
            }
            News::Oddity(oddity) => self.on_oddity(oddity),
            News::Ended(result) => self.on_heard_out(result, now),
            News::Command(_) => {} // Commands are typed here; they do not come from a friend.
        }
    }

    fn on_written(&mut self, sink: Sink, report: Report, now: Instant) {
        match (sink, report) {
            (Sink::Friend(_), Report::Ended { result, left }) => self.on_sent(result, left, now),
            (Sink::Screen, report) => self.on_shown(report, now),
            _ => {}
        }
    }

    fn on_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Said(words) => {
                if self.say(Arc::clone(&words), now) {
                    self.outlets.show_said(words, self.plan.editor);
                }
            }
            Input::Ended => self.on_input_end(now),
            Input::NoMore => self.stop_input(now),
            Input::Broke(error) => self.on_input_broke(error, now),
        }
    }

    fn on_command(&mut self, command: Command, _now: Instant) {
        self.obey(command);
    }

    /// Nothing to do: during a conversation nobody is looked for.
    fn on_not_connected(&mut self, _why: &Error, _told: bool, _now: Instant) {}

    fn on_signal(&mut self, _reading: bool, now: Instant) -> WhichSignal {
        if self.verdict.interrupted.is_some() {
            return WhichSignal::Second;
        }
        self.verdict.interrupted = Some(now);
        self.carry_out(Happened::Signal, Some(Why::WeLeft), now);
        self.leaving.limit(now);
        WhichSignal::First
    }

    fn on_time(&mut self, now: Instant) {
        if let InputEnd::Expected { by } = self.input
            && now >= by
        {
            self.close_input(InputEnd::CutShort, now);
        }
        match self.leaving.due(self.silence(), now) {
            Due::Nothing => {}
            Due::HangUp | Due::Cut => self.cut_off(now),
            Due::Leave => self.leaving = Leaving::Left,
        }
    }

    fn wants(&self) -> Wants {
        let input = match self.input {
            InputEnd::Expected { by } => Some(by),
            _ => None,
        };
        let wake_at = [self.leaving.next(self.silence()), input].into_iter().flatten().min();
        Wants { wake_at, callers: 0, company: Company::Somebody }
    }

    fn my_name(&self) -> Option<&Name> {
        self.names.me()
    }

    fn is_over(&mut self, _reading: bool, now: Instant) -> bool {
        if self.leaving == Leaving::Left {
            return true;
        }
        if !self.line_is_dead() {
            // Both have said all: now we can hang up, and need not wait for the friend to do it first.
            if self.theirs.have_ended() && self.ours.is_closed() && self.leaving == Leaving::No {
                self.begin_to_leave(now);
            }
            return false;
        }
        // The friend's last words are written before it is said that the friend has left. However long
        // a slow reader of stdout takes over them: only a signal sets a limit.
        if self.shown.ask_for_all() && self.verdict.interrupted.is_none() {
            self.leaving = Leaving::No;
        }
        self.shown.is_done()
    }

    fn conclude(mut self: Box<Self>, reading: bool, now: Instant) -> Conclusion {
        let was_busy = self.was_busy(now);
        let line_is_dead = self.line_is_dead();
        match self.line.take() {
            Some(line) if line_is_dead => line.join(),
            _ => log::debug!("leaves the socket threads: they could not be woken in time"),
        }
        steps::account();
        if was_busy {
            let unheard = self.redial.unheard(self.said.bytes, now);
            return Conclusion::Busy { to: self.friend, unheard, unsaid: self.unsaid };
        }
        let interrupted = self.verdict.interrupted;
        // If a thread had to be left running, what it reports would get into the next conversation.
        let may_go_on = line_is_dead && interrupted.is_none() && self.shown.works();
        let may_go_on = self.say_farewell(reading) && may_go_on;
        let gone_by = interrupted.map(|at| at + LEAVING);
        Conclusion::Over { failed: self.verdict.failed, may_go_on, gone_by }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("friend", &self.friend).finish_non_exhaustive()
    }
}
