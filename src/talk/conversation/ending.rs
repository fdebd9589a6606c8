//! How a conversation ends: here is done what the table of the [halves](crate::talk::halves) asks for;
//! and at the end it is said what was not handed over, and why the conversation is over.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::Conversation;
use crate::error::Error;
use crate::platform::bell::SHUTDOWN_WAKES;
use crate::talk::farewell::Farewell;
use crate::talk::halves::{Happened, InputEnd, Rest, Then, conclude};
use crate::talk::leaving::{LAST_WORDS, Leaving};
use crate::talk::plan::Stdin;
use crate::talk::verdict::Why;

impl Conversation {
    /// Does what the table says. `why`: the reason, if this ends the conversation.
    pub(super) fn carry_out(&mut self, happened: Happened, why: Option<Why>, now: Instant) {
        match conclude(happened, self.plan.stdin) {
            Then::HearThemOut => self.stop_input(now),
            // Both have ended. If the friend takes long to receive the rest of our file, so be it.
            Then::GoOn if !self.ours.is_open() => {}
            Then::GoOn => self.outlets.notices.notice(
                "the friend has ended; what stdin gives is still sent, until it ends too \
                 (Ctrl-C stops that)",
            ),
            Then::Remember => why.into_iter().for_each(|why| self.verdict.because(why)),
            Then::Leave(rest) => {
                self.close_with(rest, now);
                why.into_iter().for_each(|why| self.verdict.because(why));
                // If both threads of the connection have ended already, only stdout is waited for.
                if self.verdict.interrupted.is_some() || !self.line_is_dead() {
                    self.begin_to_leave(now);
                }
            }
        }
    }

    /// Closes our half: now, or when it is known what still comes from stdin.
    fn close_with(&mut self, rest: Rest, now: Instant) {
        let more_may_come = self.plan.stdin == Stdin::Pipe && self.input.is_open();
        match rest {
            _ if !more_may_come => self.close_our_half(),
            Rest::Unheard => {
                self.input = InputEnd::Open;
                self.close_our_half();
            }
            Rest::LastWord if self.input_stops => self.input = InputEnd::Open,
            Rest::LastWord => self.stop_input(now),
            Rest::SoonOrCutShort => self.input = InputEnd::Expected { by: now + LAST_WORDS },
        }
    }

    pub(super) fn begin_to_leave(&mut self, now: Instant) {
        self.leaving.begin(now);
        self.on_handed_over(now);
    }

    /// If the system has taken all that we have said, only the friend is waited for. A friend who is
    /// silent may be waiting for our stdout to take what has come: so the screen-writer is asked to
    /// report when it has.
    pub(super) fn on_handed_over(&mut self, now: Instant) {
        if self.ours.is_closed() && self.leaving != Leaving::No {
            self.leaving.handed_over(now);
            self.shown.ask_so_far();
        }
    }

    /// If stdout takes nothing any more, it is no use to go on receiving, and the line can be cut.
    /// But not if we have said anything: it may still be on its way, and a reset could overtake it.
    pub(super) fn cut_if_nothing_is_owed(&mut self, now: Instant) {
        let owed = self.ours.is_open() || self.said.bytes > 0 || self.ours.said_end();
        if !self.shown.works() && !owed {
            self.leaving.hurry(now);
        }
    }

    /// Whether both threads of the connection have said their last words.
    pub(super) fn line_is_dead(&self) -> bool {
        self.theirs.is_closed() && self.ours.is_closed()
    }

    /// For how long nothing has to come before we hang up. `None`: silence means nothing, since the
    /// friend has hung up already, or has to wait for our stdout.
    pub(super) fn silence(&self) -> Option<Duration> {
        (self.shown.is_answered() && !self.line_is_dead()).then_some(self.silence)
    }

    pub(super) fn cut_line(&self, reset: bool) {
        self.line.iter().for_each(|line| line.cut(reset));
    }

    /// The friend has had enough time: cuts the line.
    pub(super) fn cut_off(&mut self, now: Instant) {
        if self.line_is_dead() {
            self.leaving = Leaving::Left; // Only stdout keeps us waiting.
            return;
        }
        if self.ours.is_open() {
            // The stdin-reader still has something that was to go to the friend.
            self.close_input(InputEnd::CutShort, now);
        }
        // If something that we said is still waiting, a FIN would be a lie: it says "that was all".
        self.cut_line(self.said.bytes > 0 && !self.ours.is_closed());
        // That wakes both threads of the connection. But a reader whose buffers wait for a slow stdout
        // ends only after that; and we wait for it, unless we were told to go.
        self.leaving.cut(self.verdict.interrupted.is_some() || !SHUTDOWN_WAKES, now);
        if !SHUTDOWN_WAKES {
            // The socket-reader may never say its last word. So what it has handed over by now is all
            // that is shown.
            self.shown.ask_for_all();
        }
    }

    /// Says what was not handed over, and then why it ended. `true`: there can be a next one.
    pub(super) fn say_farewell(&mut self, reading: bool) -> bool {
        self.transfer.finish(self.ours.unsent().unwrap_or(0));
        let mut farewell = Farewell::new(&self.outlets.notices, self.verdict.failed);
        farewell.unsent(self.ours.unsent());
        if self.shown.works() && !self.shown.is_whole() {
            farewell.unwritten();
        }
        farewell.unsaid(&self.plan, &self.unsaid);
        let mut may_go_on = true;
        match self.verdict.why.take() {
            None | Some(Why::FriendLeft) => {
                let friend = self.names.friend().as_one();
                self.outlets.notices.status(format_args!("{friend} has left"));
            }
            Some(Why::WeLeft) => self.outlets.notices.status("you have left"),
            Some(Why::NobodyReads) => farewell.nobody_reads(&self.plan, reading),
            Some(Why::Refused(error) | Why::Broke(error)) => {
                may_go_on = !matches!(error, Error::StdinUnreadable(_));
                farewell.error(error);
            }
        }
        self.verdict.failed = farewell.failed();
        may_go_on
    }

    /// Whether the friend was busy. A listener who already has somebody answers with a reset, before
    /// the first byte.
    pub(super) fn was_busy(&self, now: Instant) -> bool {
        let reset = match &self.verdict.why {
            Some(Why::Refused(error) | Why::Broke(error)) => error.is_reset(),
            _ => false,
        };
        // If the socket-writer is the one to get the reset, the socket-reader just finds the end of
        // the stream: so an end that comes at once does not count.
        let has_ended =
            self.theirs.have_ended() && !(self.redial.is_at_once(now) && self.said.late == 0);
        // If we were told to go, or have nowhere to write to, nobody is called again.
        let goes_on = self.verdict.interrupted.is_none() && self.shown.works();
        reset && self.redial.is_silent() && !has_ended && self.plan.calling.is_some() && goes_on
    }

    /// The error for the person, for what the system said about the socket.
    pub(super) fn what_broke(&self, why: io::Error) -> Error {
        match why.kind() {
            // The last two as well: on a local network, ARP notices before TCP that nobody answers.
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Error::FriendGone {
                    friend: self.friend,
                    or_not_reading: self.plan.stdin == Stdin::Terminal,
                }
            }
            _ => Error::ConnectionBroke { friend: self.friend, why },
        }
    }
}
