//! What the coordinator knows of the people whom it has brought together: a conversation of two, or a
//! room.
//!
//! The coordinator passes on what happens, and asks after each event whether the meeting is over.
//! Which of the two it is matters to it in few places (each asks `plan.room`): a room stays open with
//! nobody in it, and goes on when the host's input ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::roles::{Number, Sink};
use crate::text::command::Command;
use crate::text::name::Name;
use crate::threads::buffer::Block;
use crate::threads::event::{News, Report};
use crate::threads::friend::Friend;

/// A conversation, or a room: what becomes of it when something happens.
pub trait Meeting: Send {
    /// Somebody has come.
    fn on_joined(&mut self, friend: Friend, now: Instant);

    /// A friend's socket-reader has news.
    fn on_friend(&mut self, who: Number, news: News, now: Instant);

    /// A writer reports: a friend's, the screen's, or the transcript's.
    fn on_written(&mut self, sink: Sink, report: Report, now: Instant);

    /// Something has come from our own stdin.
    fn on_input(&mut self, input: Input, now: Instant);

    /// A command was typed. (Not [`Command::Quit`]: the coordinator treats that as a signal.)
    fn on_command(&mut self, command: Command, now: Instant);

    /// A caller could not be taken. `told`: the caller was at least told why.
    fn on_not_connected(&mut self, why: &Error, told: bool, now: Instant);

    /// Somebody wants us to leave. `reading`: the stdin-reader is still to say its last word.
    fn on_signal(&mut self, reading: bool, now: Instant) -> WhichSignal;

    /// The time has come at which the meeting wanted to be woken.
    fn on_time(&mut self, now: Instant);

    /// Does what was put off while events came thick and fast. Called before the coordinator waits.
    fn settle(&mut self) {}

    /// What the meeting wants until something else happens.
    fn wants(&self) -> Wants;

    /// What I am called at the moment.
    fn my_name(&self) -> Option<&Name>;

    /// Asked after each event: is the meeting over, and has every thread said its last word?
    /// `reading`: the end of our input has not been found yet.
    fn is_over(&mut self, reading: bool, now: Instant) -> bool;

    /// Says how it ended, and what was not handed over.
    fn conclude(self: Box<Self>, reading: bool, now: Instant) -> Conclusion;
}

/// What comes from stdin.
#[derive(Debug)]
pub enum Input {
    /// Something to be said.
    Said(Arc<Block>),
    /// That was all.
    Ended,
    /// That was all before anybody was there to hear it.
    NoMore,
    /// There is more, but it cannot be read or said.
    Broke(Error),
}

/// Which signal that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichSignal {
    /// What we have is still sent.
    First,
    /// We are gone at once (but see [`Event::HungUp`](crate::threads::event::Event::HungUp)).
    Second,
}

/// What a meeting wants.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// To be woken at this instant, if nothing else happens.
    pub wake_at: Option<Instant>,
    /// How many friends to look for at a time.
    pub callers: usize,
    /// Who hears what is typed.
    pub company: Company,
}

/// Who hears what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Nobody yet, or nobody any more.
    Nobody,
    /// Somebody.
    Somebody,
    /// The meeting is about to end: what is typed now will be shown as not sent.
    Leaving,
}

/// What a meeting comes to.
#[derive(Debug)]
pub enum Conclusion {
    /// It took place.
    Over {
        /// Whether the exit code has to show that something went wrong.
        failed: bool,
        /// Whether there can be a next one.
        may_go_on: bool,
        /// When the program has to be gone, if it was told to go.
        gone_by: Option<Instant>,
    },
    /// The friend had somebody else to talk to.
    Busy {
        /// Whom we called.
        to: SocketAddr,
        /// What we said, if the friend has heard nothing of it. `None`: the friend may have heard some.
        unheard: Option<Vec<u8>>,
        /// What was never sent.
        unsaid: Vec<Arc<Block>>,
    },
}
