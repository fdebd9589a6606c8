//! The thread that decides: everything that happens comes to its inbox, one event at a time,
//! and every decision is made here.
//!
//! It never waits for a friend, a terminal or a pipe: its outboxes take whatever it hands over,
//! and the buffers that come home (see [`buffer`](crate::buffer)) keep them short. So Ctrl-C is
//! heard in any state. It takes channel ends only, so that tests can drive it without a socket,
//! a thread or a clock.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::buffer::{BUFFER_SIZE, Block};
use crate::connection::Friend;
use crate::error::Error;
use crate::event::{Event, News, ReadError, Report, Sink, Source};
use crate::notices::Notices;
use crate::wire::{END_FRAME, FRAME_MAX, Oddity, Wire};
use crate::writer::Order;

/// How long a conversation that we end may take to end well.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// How long threads that were woken by force may take to say their last words. Both together
/// are the 2 s that leaving may take.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long `--wait` waits between two calls.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// How much later than `--timeout` a connector that is stuck looking up a name is given up. It
/// reports everything else itself, and knows better what went wrong.
const STUCK: Duration = Duration::from_millis(500);

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
    /// What to do with keys that were pressed for a friend who has left.
    pub forget_typed: fn(),
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
    pub to_screen: Sender<Order>,
    /// To stderr.
    pub notices: Notices,
    /// Each word lets the stdin-reader read to the end of its input once.
    pub let_read: Sender<()>,
    /// Each word asks the acceptor or the connector for one friend.
    pub ask_friend: Sender<()>,
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

/// The exit code of an interruption: 128 and the number of SIGINT, as a shell would show it.
pub const INTERRUPTED: u8 = 130;

/// The coordinator. See the [module's page](self).
#[derive(Debug)]
pub struct Coordinator {
    plan: Plan,
    out: Outboxes,
    state: State,
    stdin: Reading,
    /// What a busy friend did not hear, to be said again.
    unheard: Vec<u8>,
    /// Piped input that was read for a friend who then was busy, for the next call.
    held: Vec<Block>,
    /// The acceptor or connector has been asked for a friend.
    asking: bool,
    /// How many conversations there have been.
    conversations: u64,
    /// The screen-writer still takes what arrives.
    screen_works: bool,
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

#[derive(Debug)]
enum State {
    Alone(Alone),
    Talking(Box<Talk>),
    Over(Outcome),
}

/// Nobody is there yet.
#[derive(Debug)]
struct Alone {
    /// When the search for a friend began.
    since: Instant,
    /// When to call again.
    call_at: Option<Instant>,
    /// When to stop waiting for an answer.
    give_up_at: Option<Instant>,
    /// That what is typed goes nowhere has been said.
    told_typing: bool,
    /// That it waits has been said.
    told_waiting: bool,
}

/// A conversation.
#[derive(Debug)]
struct Talk {
    friend: SocketAddr,
    /// The way to the friend; `None` when our sending half is closed, or about to be.
    to_friend: Option<Sender<Order>>,
    line: Line,
    /// What we have said.
    said: Said,
    /// The search that led to this conversation, which goes on if the friend proves busy.
    search: Alone,
    /// Bytes have arrived.
    has_heard: bool,
    /// We have said `end`, on the wire that has it.
    said_end: bool,
    /// The friend will say nothing more.
    friend_ended: bool,
    /// The socket-reader has said its last word.
    reader_done: bool,
    /// How many bytes the socket-writer left unsent, once it has said its last word.
    left: Option<u64>,
    /// How far the screen-writer is with what the friend said last.
    screen: Shown,
    /// Why the conversation is over, once it is.
    why: Option<Why>,
    /// Something went wrong that has been told already, and that the exit code has to show.
    failed: bool,
    /// A signal ended it, or hastened its end.
    interrupted: bool,
    /// When the friend is cut off.
    cut_at: Option<Instant>,
    /// When whoever has not said a last word is left.
    leave_at: Option<Instant>,
}

/// The telephone, which has no `Debug` of its own.
struct Line(Box<dyn crate::connection::Line>);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

/// What we have said in a conversation.
#[derive(Debug)]
enum Said {
    Nothing,
    /// This, and it can be said again. It is kept under `--wait` alone, until the friend speaks.
    Only(Vec<u8>),
    /// More than is kept.
    Much,
}

/// How much is kept to be said again, in bytes.
const KEPT_MAX: usize = BUFFER_SIZE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// More may come.
    NotYet,
    /// We have asked to be told.
    Asked,
    /// Everything is out.
    Yes,
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

impl Coordinator {
    /// A coordinator that has just asked for its first friend.
    pub fn new(plan: Plan, out: Outboxes, now: Instant) -> Coordinator {
        let mut coordinator = Coordinator {
            state: State::Alone(Alone::since(now)),
            plan,
            out,
            stdin: Reading::NotYet,
            unheard: Vec::new(),
            held: Vec::new(),
            asking: false,
            conversations: 0,
            screen_works: true,
        };
        // A person may type at once, if only to be told that nobody is there. A pipe is not
        // read before there is somebody to read it for.
        if coordinator.plan.stdin == Stdin::Terminal {
            coordinator.let_read();
        }
        coordinator.ask_friend(now);
        coordinator
    }

    /// Takes events until everything is over, and tells how it ended.
    pub fn run(mut self, inbox: &Receiver<Event>) -> Outcome {
        let mut wake_at = self.wake_at();
        loop {
            let event = match wake_at {
                None => {
                    log::trace!("blocks on its inbox");
                    inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
                }
                Some(at) => {
                    log::trace!("blocks on its inbox, for a limited time");
                    inbox.recv_deadline(at)
                }
            };
            let event = match event {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => Event::Time,
                // Never: the Ctrl-C handler lives for ever, and so does its way to the inbox.
                Err(RecvTimeoutError::Disconnected) => Event::Signal,
            };
            wake_at = self.on(event, Instant::now());
            if let State::Over(outcome) = self.state {
                log::debug!("it is over, with exit code {}", outcome.code);
                return outcome;
            }
        }
    }

    /// Takes one event, and says when it wants to be woken if nothing else happens.
    pub fn on(&mut self, event: Event, now: Instant) -> Option<Instant> {
        log::trace!("woken by {event}");
        match event {
            Event::Read(Source::Stdin, news) => self.on_stdin(news, now),
            Event::Read(Source::Friend, news) => self.on_friend(news, now),
            Event::Written(Sink::Friend, report) => self.on_sent(report),
            Event::Written(Sink::Screen, report) => self.on_shown(report, now),
            // A stderr that fails holds nothing up.
            Event::Written(Sink::Notices, _) => {}
            Event::Listening(at) => self.out.notices.status(format_args!("listening on {at}")),
            Event::Connected(friend) => self.on_connected(friend),
            Event::NotConnected(error) => self.on_not_connected(error, now),
            Event::Signal => self.on_signal(now),
            Event::Time => self.on_time(now),
        }
        self.settle(now);
        self.wake_at()
    }

    /// How it ended, when it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Alone(alone) => [alone.call_at, alone.give_up_at].into_iter().flatten().min(),
            State::Talking(talk) => talk.leave_at.or(talk.cut_at),
            State::Over(_) => None,
        }
    }

    // Meeting.

    fn ask_friend(&mut self, now: Instant) {
        let State::Alone(alone) = &mut self.state else { return };
        alone.call_at = None;
        // Under --wait a late answer is still welcome, so nothing is given up here.
        alone.give_up_at = match &self.plan.calling {
            Some(Calling { wait: None, timeout, .. }) => Some(now + *timeout + STUCK),
            _ => None,
        };
        self.asking = true;
        // Nobody takes it only where the program is ending.
        let _ = self.out.ask_friend.send(());
    }

    fn let_read(&mut self) {
        if self.plan.stdin != Stdin::Unread && self.stdin != Reading::Now {
            self.stdin = Reading::Now;
            // Nobody takes it only where the program is ending.
            let _ = self.out.let_read.send(());
        }
    }

    fn on_connected(&mut self, friend: Friend) {
        self.asking = false;
        let state = std::mem::replace(&mut self.state, State::Alone(Alone::since(Instant::now())));
        let State::Alone(search) = state else {
            self.state = state;
            return;
        };
        self.conversations += 1;
        self.out.notices.status(format_args!("connected to {}", friend.address));
        self.state = State::Talking(Box::new(Talk::with(friend, search)));
        let unheard = std::mem::take(&mut self.unheard);
        if !unheard.is_empty() {
            self.say(Order::Own(Cow::Owned(unheard)));
        }
        for block in std::mem::take(&mut self.held) {
            self.say(Order::Block(block));
        }
        match self.stdin {
            Reading::NotYet => self.let_read(),
            Reading::Now => {}
            // It ended before anybody was there: we have nothing more to say.
            Reading::Ended => self.close_our_half(true),
        }
    }

    fn on_not_connected(&mut self, error: Error, now: Instant) {
        self.asking = false;
        let State::Alone(alone) = &mut self.state else { return };
        let wait = self.plan.calling.as_ref().and_then(|calling| calling.wait);
        let Some(limit) = wait.filter(|_| error.may_pass()) else {
            return self.give_up(error);
        };
        let call_at = now + CALL_AGAIN;
        if let Some(limit) = limit.filter(|&limit| call_at > alone.since + limit) {
            return self.give_up(Error::WaitedInVain { limit, last: Box::new(error) });
        }
        if !alone.told_waiting {
            alone.told_waiting = true;
            self.out.notices.notice(format_args!("{error}"));
            self.out.notices.notice("calling again once a second; Ctrl-C stops that");
        }
        alone.call_at = Some(call_at);
    }

    fn give_up(&mut self, error: Error) {
        self.out.notices.error(&error);
        self.over(1, None);
    }

    // What I say.

    fn on_stdin(&mut self, news: News, now: Instant) {
        match news {
            News::Block(block) => match &mut self.state {
                State::Talking(_) => self.say(Order::Block(block)),
                State::Alone(alone) if self.plan.stdin == Stdin::Terminal => {
                    if !alone.told_typing {
                        alone.told_typing = true;
                        self.out.notices.notice("nobody is there yet; what you type is not sent");
                    }
                }
                // Read for a friend who was busy. It cannot be many: the reader's buffers are few.
                State::Alone(_) => self.held.push(block),
                State::Over(_) => {}
            },
            News::Oddity(Oddity::TooLong(bytes)) => self.out.notices.notice(format_args!(
                "not sent: the line is {bytes} bytes long, and a frame holds {FRAME_MAX} at most"
            )),
            News::Oddity(Oddity::NotUtf8) => {
                self.out.notices.notice("not sent: the line is not UTF-8 text");
            }
            News::Oddity(Oddity::LooksLike(_) | Oddity::AfterEnd) => {}
            News::Goodbye => self.close_our_half(true),
            News::Ended(result) => {
                self.stdin = Reading::Ended;
                match result {
                    Ok(()) => self.close_our_half(true),
                    Err(ReadError::Io(why)) => self.stdin_broke(Error::StdinUnreadable(why), now),
                    Err(ReadError::Rule(error)) => self.stdin_broke(error, now),
                }
            }
        }
    }

    /// Hands something over to the socket-writer. With our half closed it goes home unsent.
    fn say(&mut self, order: Order) {
        let State::Talking(talk) = &mut self.state else { return };
        let Some(to_friend) = &talk.to_friend else { return };
        let bytes = match &order {
            Order::Block(block) => block.bytes(),
            Order::Own(bytes) => bytes,
            Order::Flush | Order::Goodbye => return,
        };
        log::debug!("passes {} bytes to socket-writer", bytes.len());
        let waits = self.plan.calling.as_ref().is_some_and(|calling| calling.wait.is_some());
        if waits && !talk.has_heard {
            talk.said.keep(bytes);
        } else {
            talk.said = Said::Much;
        }
        // A socket-writer that has failed says so; here it need not be noticed.
        let _ = to_friend.send(order);
    }

    fn stdin_broke(&mut self, error: Error, now: Instant) {
        match &mut self.state {
            // All that was to be sent has been; the friend may still have something to say.
            State::Talking(talk) if matches!(error, Error::InputAfterEnd { .. }) => {
                talk.failed = true;
                self.out.notices.error(error);
            }
            State::Talking(_) => self.end(Why::Broke(error), Some(now + PATIENCE)),
            State::Alone(_) => self.give_up(error),
            State::Over(_) => {}
        }
    }

    /// Sends what was handed over, then `end` where the wire has it and all was `well`, then FIN.
    fn close_our_half(&mut self, well: bool) {
        let State::Talking(talk) = &mut self.state else { return };
        // Dropping the way to the friend tells the socket-writer that this was all.
        let Some(to_friend) = talk.to_friend.take() else { return };
        if well && self.plan.wire == Wire::Frames {
            talk.said_end = true;
            let _ = to_friend.send(Order::Own(Cow::Borrowed(END_FRAME)));
        }
        log::debug!("closes our sending half");
    }

    fn on_sent(&mut self, report: Report) {
        let (State::Talking(talk), Report::Ended { result, left }) = (&mut self.state, report)
        else {
            return;
        };
        talk.left = Some(left);
        let Err(why) = result else { return };
        // Where only our `end` could not be said, nothing of the conversation is missing. And
        // once a signal or a fault of ours has ended it, the account at the end tells what is.
        let all_sent = left == 0 && talk.to_friend.is_none();
        if matches!(talk.why, None | Some(Why::FriendLeft)) && !all_sent {
            let error = talk.what_broke(why, self.plan.stdin);
            talk.why = Some(Why::Broke(error));
        }
        // The socket-reader will find the connection broken too, behind what still arrived.
        talk.to_friend = None;
    }

    // What the friend says.

    fn on_friend(&mut self, news: News, now: Instant) {
        let State::Talking(talk) = &mut self.state else { return };
        match news {
            News::Block(block) => {
                talk.has_heard = true;
                log::debug!("passes {} bytes to screen-writer", block.bytes().len());
                let _ = self.out.to_screen.send(Order::Block(block));
            }
            News::Oddity(Oddity::LooksLike(wire)) => self.out.notices.notice(format_args!(
                "the friend seems to speak the other wire; both sides should use --wire {wire}"
            )),
            News::Oddity(Oddity::AfterEnd) => {
                self.out.notices.notice("what the friend sent after \"end\" was dropped");
            }
            News::Oddity(Oddity::TooLong(_) | Oddity::NotUtf8) => {}
            News::Goodbye => {
                talk.has_heard = true;
                self.friend_ended(now);
            }
            News::Ended(result) => {
                talk.reader_done = true;
                let cut_off =
                    self.plan.wire == Wire::Frames && !talk.friend_ended && !talk.said_end;
                let friend = talk.friend;
                match result {
                    // Our own cutting the line off ends the socket-reader too.
                    _ if talk.leave_at.is_some() => {}
                    Ok(()) if cut_off => self.friend_broke(Error::CutOff { friend }, now),
                    Ok(()) => self.friend_ended(now),
                    Err(ReadError::Rule(error)) => self.friend_broke(error, now),
                    Err(ReadError::Io(why)) => {
                        let error = talk.what_broke(why, self.plan.stdin);
                        self.friend_broke(error, now);
                    }
                }
            }
        }
    }

    /// The friend will say nothing more. What that means depends on who else has ended, and on
    /// what our stdin is.
    fn friend_ended(&mut self, now: Instant) {
        let State::Talking(talk) = &mut self.state else { return };
        if talk.friend_ended {
            return; // By the word `end`, and now by FIN.
        }
        talk.friend_ended = true;
        let we_have_ended = talk.to_friend.is_none();
        match self.plan.stdin {
            // A friend who has left reads no more either, as far as a person is concerned; and
            // without stdin there is nothing to go on with.
            Stdin::Terminal | Stdin::Unread => self.end(Why::FriendLeft, Some(now + PATIENCE)),
            // A friend may have ended only one direction, and still wait for all of our file.
            Stdin::Pipe if we_have_ended => self.end(Why::FriendLeft, None),
            Stdin::Pipe => self.out.notices.notice(
                "the friend has ended; what stdin gives is still sent, until it ends too \
                 (Ctrl-C stops that)",
            ),
        }
    }

    fn friend_broke(&mut self, error: Error, now: Instant) {
        self.end(Why::Broke(error), Some(now + PATIENCE));
    }

    fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                if let State::Talking(talk) = &mut self.state {
                    talk.screen = Shown::Yes;
                }
            }
            Report::Ended { result: Ok(()), .. } => self.screen_works = false,
            Report::Ended { result: Err(why), .. } => {
                self.screen_works = false;
                let reader_gone = why.kind() == ErrorKind::BrokenPipe;
                let State::Talking(talk) = &self.state else {
                    return self.give_up(Error::StdoutUnwritable(why));
                };
                // What was sent may still be on its way, and a reset could overtake it.
                let silent = matches!(talk.said, Said::Nothing);
                let cut_at = if silent { now } else { now + PATIENCE };
                let why = if reader_gone {
                    Why::NobodyReads
                } else {
                    Why::Broke(Error::StdoutUnwritable(why))
                };
                self.end(why, Some(cut_at));
            }
        }
    }

    // Ending.

    fn on_signal(&mut self, now: Instant) {
        let gone_by = Some(now + PATIENCE + LAST_WORDS);
        match &mut self.state {
            State::Alone(_) => {
                self.out.notices.status("interrupted");
                let code = if self.conversations > 0 { 0 } else { INTERRUPTED };
                self.over(code, gone_by);
            }
            State::Talking(talk) if talk.interrupted => self.over(INTERRUPTED, Some(now)),
            State::Talking(talk) => {
                talk.interrupted = true;
                // Whatever was going on has this long from now on, and no longer.
                let cut_at = now + PATIENCE;
                let cut_at = talk.cut_at.map_or(cut_at, |earlier| earlier.min(cut_at));
                talk.cut_at = Some(cut_at);
                self.end(Why::WeLeft, Some(cut_at));
            }
            State::Over(_) => {}
        }
    }

    /// Ends the conversation: no more is taken from stdin, what was taken is sent, and our half
    /// is closed. Where `cut_at` is given the friend is cut off then; else it has all the time.
    fn end(&mut self, why: Why, cut_at: Option<Instant>) {
        // An `end` frame says that nothing is missing, which a fault of ours cannot claim.
        self.close_our_half(!matches!(why, Why::Broke(_)));
        let State::Talking(talk) = &mut self.state else { return };
        if talk.why.is_none() {
            log::debug!("the conversation is over: {why:?}");
            talk.why = Some(why);
        }
        talk.cut_at = match (talk.cut_at, cut_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn on_time(&mut self, now: Instant) {
        match &mut self.state {
            State::Alone(alone) => {
                if alone.give_up_at.is_some_and(|at| now >= at) {
                    if let Some(Calling { to, timeout, .. }) = &self.plan.calling {
                        let error = Error::TimedOut { to: to.clone(), limit: *timeout };
                        self.give_up(error);
                    }
                } else if alone.call_at.is_some_and(|at| now >= at) {
                    self.ask_friend(now);
                }
            }
            State::Talking(talk) => {
                if talk.leave_at.is_some_and(|at| now >= at) {
                    self.conclude(now);
                } else if talk.leave_at.is_none() && talk.cut_at.is_some_and(|at| now >= at) {
                    // With words of ours still waiting a FIN would be a lie: it says "all sent".
                    talk.line.0.cut(talk.left.is_none());
                    talk.leave_at = Some(now + LAST_WORDS);
                }
            }
            State::Over(_) => {}
        }
    }

    /// After each event: is the conversation over, and everybody done with it?
    fn settle(&mut self, now: Instant) {
        let State::Talking(talk) = &mut self.state else { return };
        if !(talk.reader_done && talk.left.is_some()) {
            // A friend who has said `end` need not close the connection before we do.
            if talk.friend_ended && talk.left.is_some() && talk.cut_at.is_none() {
                talk.cut_at = Some(now + PATIENCE);
            }
            return;
        }
        if !self.screen_works {
            talk.screen = Shown::Yes;
        }
        match talk.screen {
            // The friend's last words are shown before it is said that the friend has left.
            Shown::NotYet => {
                talk.screen = Shown::Asked;
                let _ = self.out.to_screen.send(Order::Flush);
                // Only a signal limits how long a slow reader of stdout may take.
                if !talk.interrupted {
                    talk.cut_at = None;
                    talk.leave_at = None;
                }
            }
            Shown::Asked => {}
            Shown::Yes => self.conclude(now),
        }
    }

    /// Says why the conversation ended, and goes on to the next one or ends it all.
    fn conclude(&mut self, now: Instant) {
        let state = std::mem::replace(&mut self.state, State::Alone(Alone::since(now)));
        let State::Talking(talk) = state else { return };
        let talk = *talk;
        if talk.reader_done && talk.left.is_some() {
            talk.line.0.join();
        } else {
            log::debug!("leaves a socket thread that could not be woken in time");
        }

        let mut failed = talk.failed;
        match talk.left {
            Some(0) => {}
            Some(bytes) => {
                failed = true;
                self.out
                    .notices
                    .notice(format_args!("not sent: {bytes} bytes, which the friend did not take"));
            }
            None => {
                failed = true;
                self.out.notices.notice("not sent: what the friend did not take");
            }
        }
        if self.screen_works && talk.screen != Shown::Yes {
            failed = true;
            self.out.notices.notice("not written: what arrived last, which stdout did not take");
        }

        let mut goes_on = self.plan.keep && !talk.interrupted && self.screen_works;
        match talk.why {
            None | Some(Why::FriendLeft) => self.out.notices.status("friend has left"),
            Some(Why::WeLeft) => self.out.notices.status("you have left"),
            // Quietly; unless there was more to send, and whoever piped it in should know.
            Some(Why::NobodyReads) => {
                if self.plan.stdin == Stdin::Pipe && self.stdin == Reading::Now {
                    failed = true;
                    self.out.notices.error(Error::StdinCutShort);
                }
            }
            Some(Why::Broke(Error::ConnectionBroke { friend, .. }))
                if self.plan.calling.is_some() && !talk.has_heard =>
            {
                return self.was_busy(friend, talk.said, talk.search, now);
            }
            Some(Why::Broke(error)) => {
                failed = true;
                goes_on &= !matches!(error, Error::StdinUnreadable(_));
                self.out.notices.error(error);
            }
        }

        if goes_on {
            (self.plan.forget_typed)();
            self.let_read();
            self.ask_friend(now);
        } else {
            let gone_by = talk.interrupted.then(|| talk.leave_at.or(talk.cut_at)).flatten();
            self.over(u8::from(failed), gone_by);
        }
    }

    /// A reset before the first byte: the listener had somebody else already.
    fn was_busy(&mut self, to: SocketAddr, said: Said, search: Alone, now: Instant) {
        self.conversations -= 1;
        match said {
            Said::Nothing => {}
            Said::Only(bytes) => self.unheard = bytes,
            Said::Much => return self.give_up(Error::BusyAfterSending { to }),
        }
        self.state = State::Alone(search);
        self.on_not_connected(Error::Busy { to }, now);
    }

    fn over(&mut self, code: u8, gone_by: Option<Instant>) {
        self.state = State::Over(Outcome {
            code,
            gone_by,
            stdin_reading: self.stdin == Reading::Now,
            still_asking: self.asking,
        });
    }
}

impl Alone {
    fn since(now: Instant) -> Alone {
        Alone {
            since: now,
            call_at: None,
            give_up_at: None,
            told_typing: false,
            told_waiting: false,
        }
    }
}

impl Said {
    /// Notes what is said, as long as it is little enough to be said again.
    fn keep(&mut self, bytes: &[u8]) {
        match self {
            Said::Nothing if bytes.len() <= KEPT_MAX => *self = Said::Only(bytes.to_vec()),
            Said::Only(kept) if kept.len() + bytes.len() <= KEPT_MAX => kept.extend(bytes),
            _ => *self = Said::Much,
        }
    }
}

impl Talk {
    fn with(friend: Friend, search: Alone) -> Talk {
        Talk {
            friend: friend.address,
            to_friend: Some(friend.to_friend),
            line: Line(friend.line),
            said: Said::Nothing,
            search,
            has_heard: false,
            said_end: false,
            friend_ended: false,
            reader_done: false,
            left: None,
            screen: Shown::NotYet,
            why: None,
            failed: false,
            interrupted: false,
            cut_at: None,
            leave_at: None,
        }
    }

    /// The sentence for an error of the socket's.
    fn what_broke(&self, why: std::io::Error, stdin: Stdin) -> Error {
        match why.kind() {
            ErrorKind::TimedOut => {
                Error::FriendGone { friend: self.friend, or_not_reading: stdin == Stdin::Terminal }
            }
            _ => Error::ConnectionBroke { friend: self.friend, why },
        }
    }
}
