//! One conversation, from "connected" to the last word: what has been said and heard, who has
//! ended, and so when and why it is over.
//!
//! It is the coordinator's, and runs in its thread; it is a file of its own because how people
//! end conversations is a story of its own:
//!
//! - Each direction ends by itself (half-close, RFC 9293, 3.6). Our half ends when stdin does;
//!   the friend's, when theirs does. When both have ended it is over.
//! - At a keyboard a friend who has ended has left.
//! - Ctrl-C, a fault, and a stdout that nobody reads end our half. The friend's half is then heard
//!   out, but not for ever; see [`leaving`](crate::talk::leaving).
//! - On the wire that has the word `end`, it is said where nothing is missing of what stdin gave, and
//!   nowhere else; see `Conversation::is_whole`. What became of stdout has no say in that.
//! - Whatever happens, what was received is written out before it is said that it is over.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::platform::bell::SHUTDOWN_WAKES;
use crate::platform::interface::shown;
use crate::talk::coordinator::{Outboxes, Plan, Stdin};
use crate::talk::leaving::{LAST_WORDS, LEAVING, Leaving, PATIENCE, silence};
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::{BUFFER_SIZE, Block, Stopper};
use crate::threads::event::{News, ReadError, Report};
use crate::threads::friend::{Friend, Line};
use crate::threads::notices::{Notices, Unsent};
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::watch::steps;
use crate::wire::fault::Fault;
use crate::wire::messages::{self, END_FRAME, Wire};
use crate::wire::step::{Foreign, Oddity};

/// How much is kept to be said again to a friend who was busy, in bytes. Who was sent more, and
/// resets the connection then, is not called busy.
const KEPT_MAX: u64 = BUFFER_SIZE as u64;

/// A friend who resets the connection later than this has perhaps heard us: nothing is repeated.
const BUSY_AT_ONCE: Duration = Duration::from_secs(2);

/// A conversation with one friend.
pub struct Conversation {
    plan: Plan,
    friend: SocketAddr,
    since: Instant,
    line: Box<dyn Line>,
    to_screen: Outbox,
    to_transcript: Option<Outbox>,
    notices: Notices,
    /// The way to the friend; `None` when our half is closed, or about to be.
    to_friend: Option<Outbox>,
    /// How many bytes we have said.
    said: u64,
    /// How many of them when the friend had ended already.
    said_since: u64,
    /// What we have said, under `--wait`, while a friend who proves busy can be told it again.
    kept: Option<Vec<u8>>,
    /// What came from stdin when it could not be said any more. It is kept from its reader, who
    /// would else go on reading a whole file in vain.
    unsaid: Vec<Arc<Block>>,
    input: Input,
    /// Whether the reader of piped stdin says its last word when it is told to stop.
    stdin_wakes: bool,
    /// Until then piped stdin may still prove to be at its end, and not cut short.
    input_until: Option<Instant>,
    /// We have said `end`, on the wire that has it.
    said_end: bool,
    /// The friend has said something.
    has_heard: bool,
    /// The friend will say nothing more.
    friend_ended: bool,
    /// The friend has said so with the word `end`.
    heard_end: bool,
    /// The socket-reader has said its last word.
    reader_done: bool,
    /// The socket-writer has said its last word: how many bytes it left unsent.
    unsent: Option<u64>,
    /// What the socket-writer was told when it said our `end`, and nothing else was left to be said.
    end_refused: Option<io::Error>,
    shown: Shown,
    /// How often the screen-writer has been asked to say when all is out, and has not answered.
    unanswered: u32,
    /// Why it is over, once that is decided.
    why: Option<Why>,
    /// Something went wrong that has been told already, and that the exit code has to show.
    failed: bool,
    /// When a signal has ended it, or hastened its end.
    interrupted: Option<Instant>,
    leaving: Leaving,
    /// How long nothing may come from this friend before a conversation that we leave is over.
    silence: Duration,
}

/// How far the screen-writer is with what the friend said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// More may come.
    NotYet,
    /// The friend has said everything, and we have asked to be told when it is out.
    Asked,
    /// Everything is out.
    Yes,
    /// Nothing more will be: stdout takes nothing any more.
    Never,
}

/// What has become of stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// It may give more.
    Open,
    /// It has ended, or we have: whatever was read of it has come.
    Ended,
    /// There was more, which cannot be said.
    CutShort,
}

/// Why a conversation is over.
#[derive(Debug)]
enum Why {
    /// The friend has ended, and so have we.
    FriendLeft,
    /// Ctrl-C, SIGTERM or SIGHUP.
    WeLeft,
    /// Whoever read our stdout has gone: `| head -1`.
    NobodyReads,
    /// Something broke.
    Broke(Error),
}

/// What a conversation comes to.
#[derive(Debug)]
pub enum Conclusion {
    /// It took place.
    Over {
        /// Whether the exit code has to show that something went wrong.
        failed: bool,
        /// Whether there can be a next one.
        may_go_on: bool,
        /// When the program has to be gone, where it was told to go.
        gone_by: Option<Instant>,
    },
    /// The friend had somebody else to talk to, and has heard nothing of this (`None`: has
    /// perhaps heard it), nor of the blocks, which were never sent.
    Busy(SocketAddr, Option<Vec<u8>>, Vec<Arc<Block>>),
}

impl Conversation {
    /// A conversation that begins.
    pub fn new(friend: Friend, plan: Plan, out: &Outboxes, now: Instant) -> Conversation {
        let notices = out.notices.clone();
        notices.to_copy(format_args!("connected to {}", shown(friend.address)));
        let waits = plan.calling.as_ref().is_some_and(|calling| calling.wait.is_some());
        Conversation {
            plan,
            friend: friend.address,
            since: now,
            line: friend.line,
            to_screen: out.to_screen.clone(),
            to_transcript: out.to_transcript.clone(),
            notices,
            to_friend: Some(friend.to_friend),
            said: 0,
            said_since: 0,
            kept: waits.then(Vec::new),
            unsaid: Vec::new(),
            input: Input::Open,
            stdin_wakes: out.stop_reading.as_ref().is_some_and(Stopper::wakes),
            input_until: None,
            said_end: false,
            has_heard: false,
            friend_ended: false,
            heard_end: false,
            reader_done: false,
            unsent: None,
            end_refused: None,
            shown: Shown::NotYet,
            unanswered: 0,
            why: None,
            failed: false,
            interrupted: None,
            leaving: Leaving::No,
            silence: silence(friend.called_for),
        }
    }

    // Our half.

    /// Says something to the friend; `false` where our half is closed.
    pub fn say(&mut self, words: Arc<Block>, now: Instant) -> bool {
        if self.input_until.is_some() {
            self.cut_input_short(now); // It was not at its end.
        }
        let Some(to_friend) = &self.to_friend else {
            self.unsaid.push(words);
            return false;
        };
        let bytes = words.bytes();
        self.said += bytes.len() as u64;
        if self.friend_ended {
            self.said_since += bytes.len() as u64;
        }
        if self.said > KEPT_MAX {
            self.kept = None;
        } else if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        // A socket-writer that has failed says so itself.
        let _ = to_friend.send(Order::Block(words));
        true
    }

    /// Tells the friend what we are called, in an ordinary message.
    pub fn introduce(&self, name: &Name) {
        self.ask(&name.message());
    }

    /// Asks the friend for something, in an ordinary message. It does not count as something that
    /// we have said: a friend who proves busy is told our name of that moment at the next call.
    pub fn ask(&self, line: &str) {
        if let Some(to_friend) = &self.to_friend {
            let message = Arc::new(Block::of(messages::message(self.plan.wire, line)));
            let _ = to_friend.send(Order::Block(message));
        }
    }

    /// Whether nothing is missing of what stdin gave: only then `end` may be said. Of a terminal
    /// nothing ever is, since what was half typed has not been said.
    fn is_whole(&self) -> bool {
        match self.input {
            Input::Ended => true,
            Input::Open => self.plan.stdin != Stdin::Pipe,
            Input::CutShort => false,
        }
    }

    /// Ends our half: what was handed over is still sent, then `end` where the wire has it and it
    /// is true, then FIN.
    fn end_our_half(&mut self) {
        self.input_until = None;
        let Some(to_friend) = self.to_friend.take() else { return };
        if self.plan.wire == Wire::Frames && self.is_whole() {
            self.said_end = true;
            let _ = to_friend.send(Order::Own(Cow::Borrowed(END_FRAME)));
        }
        // With its outbox closed, the socket-writer knows that this was all.
        log::debug!("closes our sending half");
    }

    /// Our input has ended.
    pub fn input_ended(&mut self, now: Instant) {
        let goes_on = self.to_friend.is_some() && self.why.is_none();
        if goes_on && self.plan.stdin == Stdin::Terminal {
            let notice = "you have ended; the friend may go on (Ctrl-C leaves)";
            self.notices.notice(notice);
        }
        self.stop_input(now);
    }

    /// Nothing more will come from stdin, and nothing is missing.
    pub fn stop_input(&mut self, now: Instant) {
        self.close_input(Input::Ended, now);
    }

    /// More would come from stdin, and cannot be said.
    fn cut_input_short(&mut self, now: Instant) {
        self.close_input(Input::CutShort, now);
    }

    fn close_input(&mut self, input: Input, now: Instant) {
        self.input = input;
        self.end_our_half();
        self.cut_if_nothing_is_owed(now);
    }

    /// Our input has an error.
    pub fn input_broke(&mut self, error: Error, now: Instant) {
        if matches!(error, Error::Rule(Fault::InputAfterEnd { .. })) {
            // All that could be said has been; and the friend may still have much to say.
            self.failed = true;
            self.notices.error(error);
            // The `end` itself may have been read before this friend was there.
            self.input_ended(now);
        } else {
            self.cut_input_short(now);
            if self.interrupted.is_some() {
                // That is why we leave; but this is missing.
                self.failed = true;
                self.notices.error(error);
            } else {
                self.begin_to_end(Why::Broke(error), now);
            }
        }
    }

    /// The socket-writer reports.
    pub fn on_sent(&mut self, report: Report, now: Instant) {
        let Report::Ended { result, left } = report else { return };
        self.unsent = Some(left);
        self.on_handed_over(now);
        // Where our half was closed and only our `end` could not be said, nothing is missing;
        // unless we spoke on to a friend who had ended, and perhaps was gone altogether.
        let all_sent = left == 0 && self.to_friend.take().is_none() && self.said_since == 0;
        // Once we have left, or cut the friend off, what is missing is told at the end.
        let expected = self.leaving.is_cut() || !matches!(self.why, None | Some(Why::FriendLeft));
        match result {
            Err(why) if all_sent => {
                self.end_refused = Some(why);
                self.judge_refused_end();
            }
            Err(why) if !expected => {
                // The socket-reader will find the connection broken too, behind what still arrived.
                self.why = Some(Why::Broke(self.what_broke(why)));
            }
            _ => {}
        }
    }

    /// A reset is told once. Where it was our `end` that was answered with one, the socket-reader
    /// just finds the end of the stream, which must not pass for the friend's. But a friend who has
    /// said `end` may have hung up since.
    fn judge_refused_end(&mut self) {
        if self.plan.wire != Wire::Frames || self.heard_end || !self.reader_done {
            return;
        }
        if matches!(self.why, None | Some(Why::FriendLeft))
            && let Some(why) = self.end_refused.take()
        {
            self.why = Some(Why::Broke(self.what_broke(why)));
        }
    }

    // The friend's half.

    /// The socket-reader has news.
    pub fn on_friend(&mut self, news: News, now: Instant) {
        match news {
            News::Block(block) => {
                self.heard();
                if self.leaving.is_cut() {
                    // Still talking. After a mere FIN the friend's system would go on trying to
                    // deliver, to a window that never opens again: it hung for 110 s.
                    self.line.cut(true);
                }
                self.show(Arc::new(block));
                if self.leaving != Leaving::No {
                    self.leaving.heard(now);
                    self.ask_whether_out();
                }
            }
            News::Goodbye => {
                self.heard();
                self.heard_end = true;
                self.friend_ended(now);
            }
            News::Oddity(Oddity::LooksLike(other)) => self.notices.notice(format_args!(
                "the friend seems to speak the other wire; both sides have to use --wire {other}, \
                 or both --wire {}",
                self.plan.wire
            )),
            News::Oddity(Oddity::Foreign(what)) => {
                let shown = match (what, self.plan.wire) {
                    (Foreign::Http, Wire::Frames) => "; --wire lines would show what it asks for",
                    _ => ", which nobody here understands",
                };
                self.notices.notice(format_args!(
                    "the friend seems to be a web browser, or another program that speaks {what}{shown}"
                ));
            }
            News::Oddity(Oddity::AfterEnd) => {
                self.notices.notice("what the friend sent after \"end\" was dropped");
            }
            // These are about what is typed; and what a friend wants is the coordinator's business.
            News::Oddity(Oddity::TooLong(_) | Oddity::NotUtf8)
            | News::Command(_)
            | News::Request(..) => {}
            News::Ended(result) => {
                self.reader_done = true;
                let without_end =
                    self.plan.wire == Wire::Frames && !self.friend_ended && !self.said_end;
                match result {
                    // Our own cutting the friend off ends the socket-reader too.
                    _ if self.leaving.is_cut() => {}
                    Ok(()) if without_end => {
                        self.begin_to_end(Why::Broke(Error::CutOff { friend: self.friend }), now);
                    }
                    Ok(()) => {
                        self.judge_refused_end();
                        self.friend_ended(now);
                    }
                    Err(ReadError::Rule(fault)) => self.begin_to_end(Why::Broke(fault.into()), now),
                    // A friend who has said `end`, and closes without reading ours, resets the
                    // connection. The article's client does. With nothing but that `end` said,
                    // nothing is missing; what piped stdin still has will be refused, and told.
                    Err(ReadError::Io(_)) if self.friend_ended && self.said == 0 => {}
                    Err(ReadError::Io(why)) => {
                        self.begin_to_end(Why::Broke(self.what_broke(why)), now);
                    }
                }
            }
        }
    }

    /// Shows what the friend has said.
    pub fn show(&self, words: Arc<Block>) {
        if let Some(to_transcript) = &self.to_transcript {
            let _ = to_transcript.send(Order::Block(Arc::clone(&words)));
        }
        // A writer that has failed says so itself.
        let _ = self.to_screen.send(Order::Block(words));
    }

    /// Where the friend is.
    pub fn friend(&self) -> SocketAddr {
        self.friend
    }

    /// The friend has said something.
    pub fn heard(&mut self) {
        self.has_heard = true;
        self.kept = None; // Nobody who speaks is busy.
    }

    /// The friend will say nothing more. What that means depends on what our stdin is, and on
    /// whether we have ended too.
    fn friend_ended(&mut self, now: Instant) {
        if self.friend_ended {
            return; // First by the word `end`, and now by FIN.
        }
        self.friend_ended = true;
        let we_have_ended = self.to_friend.is_none();
        match self.plan.stdin {
            // To a person, a friend who has ended has left; and without stdin there is nothing
            // to go on with.
            Stdin::Terminal | Stdin::Unread => self.begin_to_end(Why::FriendLeft, now),
            // Both have ended. A friend who takes long over the rest of our file may.
            Stdin::Pipe if we_have_ended => {}
            Stdin::Pipe => self.notices.notice(
                "the friend has ended; what stdin gives is still sent, until it ends too \
                 (Ctrl-C stops that)",
            ),
        }
    }

    /// The screen-writer reports.
    pub fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                self.unanswered = self.unanswered.saturating_sub(1);
                if self.unanswered == 0 {
                    self.leaving.heard(now);
                    if self.shown == Shown::Asked {
                        self.shown = Shown::Yes;
                    }
                }
            }
            Report::Ended { result, .. } => {
                self.shown = Shown::Never;
                self.unanswered = 0;
                match result {
                    Ok(()) => {}
                    Err(why) if why.kind() == ErrorKind::BrokenPipe => {
                        self.begin_to_end(Why::NobodyReads, now);
                    }
                    Err(why) => {
                        // Worse than any other reason: what was received is lost.
                        self.why = None;
                        self.begin_to_end(Why::Broke(Error::StdoutUnwritable(why)), now);
                    }
                }
                self.cut_if_nothing_is_owed(now);
            }
        }
    }

    // The end.

    /// It is over: our half is closed, what was handed over is sent, and the friend has a while
    /// to take it and to end too. The first reason is the one that counts.
    fn begin_to_end(&mut self, why: Why, now: Instant) {
        let stdin_may_give_more = self.plan.stdin == Stdin::Pipe && self.input == Input::Open;
        match why {
            _ if !stdin_may_give_more => self.end_our_half(),
            // Its reader has been told to stop. The last word tells whether anything is missing.
            Why::WeLeft if self.stdin_wakes => self.input_until = None,
            Why::WeLeft => self.stop_input(now),
            // Nobody hears us any more.
            Why::Broke(Error::ConnectionBroke { .. } | Error::FriendGone { .. }) => {
                self.end_our_half();
            }
            // It has been cut short; unless its reader is just about to find the end.
            _ => self.input_until = Some(now + LAST_WORDS),
        }
        if self.why.is_none() {
            log::debug!("the conversation is over: {why}");
            self.why = Some(why);
        }
        // Where both directions have ended already, only stdout is waited for.
        if self.interrupted.is_some() || !self.line_is_dead() {
            self.leaving.begin(now);
            self.on_handed_over(now);
        }
    }

    /// Where all that we have said is the system's now, only the friend is waited for.
    fn on_handed_over(&mut self, now: Instant) {
        if self.unsent.is_some() {
            self.leaving.handed_over(now);
            self.ask_whether_out();
        }
    }

    /// Asks, while we leave, whether what has come is out. Until then a friend who is silent may just
    /// wait for our stdout.
    fn ask_whether_out(&mut self) {
        if self.leaving != Leaving::No && self.shown != Shown::Never {
            self.unanswered += 1;
            let _ = self.to_screen.send(Order::Flush);
        }
    }

    /// Where stdout takes nothing any more, nothing that arrives is of use. But what we have said
    /// may still be on its way, and a reset could overtake it.
    fn cut_if_nothing_is_owed(&mut self, now: Instant) {
        let owed = self.to_friend.is_some() || self.said > 0 || self.said_end;
        if self.shown == Shown::Never && !owed {
            self.leaving.hurry(now);
        }
    }

    /// A signal to leave. `false` where it is the second: then nothing is waited for any more.
    pub fn on_signal(&mut self, now: Instant) -> bool {
        if self.interrupted.is_some() {
            return false;
        }
        self.interrupted = Some(now);
        self.begin_to_end(Why::WeLeft, now);
        if let Leaving::Cut { leave_at: leave_at @ None } = &mut self.leaving {
            *leave_at = Some(now + PATIENCE + LAST_WORDS);
        }
        true
    }

    /// When it wants to hear from the clock.
    pub fn wake_at(&self) -> Option<Instant> {
        let leaving = match self.leaving {
            Leaving::Cut { leave_at } => leave_at,
            _ => self.cut_at(),
        };
        [leaving, self.input_until].into_iter().flatten().min()
    }

    fn cut_at(&self) -> Option<Instant> {
        // One who has hung up is silent, and so is one whom our stdout keeps waiting.
        let tells = self.unanswered == 0 && !self.line_is_dead();
        self.leaving.cut_at(tells.then_some(self.silence))
    }

    /// The time has come. `true`: nothing is waited for any more.
    pub fn on_time(&mut self, now: Instant) -> bool {
        if self.input_until.is_some_and(|at| now >= at) {
            self.cut_input_short(now);
        }
        if let Leaving::Cut { leave_at } = self.leaving {
            return leave_at.is_some_and(|at| now >= at);
        }
        if self.cut_at().is_none_or(|at| now < at) {
            return false;
        }
        if self.line_is_dead() {
            return true; // Only stdout keeps us waiting.
        }
        if self.to_friend.is_some() {
            // The stdin-reader still has something that waits for the friend.
            self.cut_input_short(now);
        }
        // With words of ours still waiting a FIN would be a lie: it says "that was all".
        self.line.cut(self.said > 0 && self.unsent.is_none());
        // Its threads wake from that. But a reader whose buffers wait for a slow stdout
        // takes as long as that does; only where we were told to go do we not.
        let hurry = self.interrupted.is_some() || !SHUTDOWN_WAKES;
        self.leaving = Leaving::Cut { leave_at: hurry.then(|| now + LAST_WORDS) };
        if !SHUTDOWN_WAKES {
            // Nobody will hear the socket-reader's last word. What it has handed over is
            // all that there is to be shown.
            self.ask_whether_shown();
        }
        false
    }

    fn ask_whether_shown(&mut self) {
        if self.shown == Shown::NotYet {
            self.shown = Shown::Asked;
            self.unanswered += 1;
            let _ = self.to_screen.send(Order::Flush);
        }
    }

    /// Whether both threads of the connection have said their last words.
    fn line_is_dead(&self) -> bool {
        self.reader_done && self.unsent.is_some()
    }

    /// Asked after each event: is it over, and everybody done with it?
    pub fn is_over(&mut self, now: Instant) -> bool {
        if !self.line_is_dead() {
            // A friend who has said `end`, and has heard ours, need not be the first to hang up.
            let both_ended = self.friend_ended && self.unsent.is_some();
            if both_ended && self.leaving == Leaving::No {
                self.leaving.begin(now);
                self.on_handed_over(now);
            }
            return false;
        }
        if self.shown == Shown::NotYet {
            // The friend's last words are out before it is said that the friend has left. Only
            // a signal limits how long a slow reader of stdout may take over them.
            self.ask_whether_shown();
            if self.interrupted.is_none() {
                self.leaving = Leaving::No;
            }
        }
        matches!(self.shown, Shown::Yes | Shown::Never)
    }

    /// Says why it ended, and what was not handed over. `stdin_open`: there was more to read;
    /// `friend`: what the friend was called.
    pub fn conclude(mut self, friend: &Speaker, stdin_open: bool, now: Instant) -> Conclusion {
        let line_is_dead = self.line_is_dead();
        let at_once = now < self.since + BUSY_AT_ONCE;
        let was_busy = self.was_busy(at_once);
        if line_is_dead {
            self.line.join();
        } else {
            log::debug!("leaves the socket threads: they could not be woken in time");
        }
        steps::account();
        if was_busy {
            let unheard = match self.said {
                0 => Some(Vec::new()),
                _ => self.kept.filter(|_| at_once),
            };
            return Conclusion::Busy(self.friend, unheard, self.unsaid);
        }

        let works = self.shown != Shown::Never;
        // A thread that was left could still speak, into the next conversation.
        let mut may_go_on = works && line_is_dead && self.interrupted.is_none();
        match self.unsent {
            Some(0) => {}
            Some(bytes) => {
                // What the system took from us, and could not deliver, nobody counts.
                self.notices.notice(format_args!(
                    "not sent: at least {bytes} bytes, which the friend did not take"
                ));
                self.failed = true;
            }
            None => {
                self.notices.notice("not sent: what the friend did not take");
                self.failed = true;
            }
        }
        if works && self.shown != Shown::Yes {
            self.notices.notice("not written: what arrived last, which stdout did not take");
            self.failed = true;
        }
        if self.plan.stdin == Stdin::Terminal {
            let mut unsent = Unsent::default();
            self.unsaid.iter().for_each(|block| unsent.add(self.plan.wire, block.bytes()));
            self.notices.not_sent(&unsent);
        }
        match self.why {
            None | Some(Why::FriendLeft) => {
                self.notices.status(format_args!("{} has left", friend.as_one()));
            }
            Some(Why::WeLeft) => self.notices.status("you have left"),
            // Quietly; but whoever pipes something in should know that it was not sent whole.
            Some(Why::NobodyReads) => {
                if self.plan.stdin == Stdin::Pipe && stdin_open {
                    self.notices.error(Error::StdinCutShort);
                    self.failed = true;
                }
            }
            Some(Why::Broke(error)) => {
                may_go_on &= !matches!(error, Error::StdinUnreadable(_));
                self.notices.error(error);
                self.failed = true;
            }
        }
        let gone_by = self.interrupted.map(|at| at + LEAVING);
        Conclusion::Over { failed: self.failed, may_go_on, gone_by }
    }

    /// A reset before the first byte: the listener had somebody else already.
    fn was_busy(&self, at_once: bool) -> bool {
        let reset = match &self.why {
            Some(Why::Broke(Error::ConnectionBroke { why, .. })) => matches!(
                why.kind(),
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
            ),
            _ => false,
        };
        // Where the socket-writer is the one who hears of the reset, the socket-reader just finds
        // the end of the stream.
        let silent = !self.has_heard && (!self.friend_ended || (at_once && self.said_since == 0));
        // Where we were told to go, or have nowhere to write to, nobody is called again.
        let goes_on = self.interrupted.is_none() && self.shown != Shown::Never;
        reset && silent && self.said <= KEPT_MAX && self.plan.calling.is_some() && goes_on
    }

    /// The sentence for an error of the socket's.
    fn what_broke(&self, why: io::Error) -> Error {
        match why.kind() {
            // On a local network the friend's silence is told as what ARP found out meanwhile.
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

/// In words, for `--explain`.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::FriendLeft => f.write_str("the friend has left"),
            Why::WeLeft => f.write_str("we leave"),
            Why::NobodyReads => f.write_str("nobody reads stdout any more"),
            Why::Broke(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("friend", &self.friend).finish_non_exhaustive()
    }
}
