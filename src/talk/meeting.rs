//! What the coordinator knows of those it has brought together: a conversation of two, or a room.
//!
//! It hands on what happens, and asks after each turn whether it is over. Which of the two it is makes
//! no difference to it.

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

    /// Our own input has something.
    fn on_input(&mut self, input: Input, now: Instant);

    /// The person at the keyboard wants something of the program. ([`Command::Quit`] is a signal.)
    fn on_command(&mut self, command: Command, now: Instant);

    /// A caller could not be taken. `told`: it could at least be told why.
    fn on_not_connected(&mut self, why: &Error, told: bool, now: Instant);

    /// Somebody wants us to leave. `reading`: whether the stdin-reader has still to say its last word.
    fn on_signal(&mut self, reading: bool, now: Instant) -> Signal;

    /// The instant has come that it wanted to be woken at.
    fn on_time(&mut self, now: Instant);

    /// Does what it has put off while more was happening. Called before the coordinator waits.
    fn settle(&mut self) {}

    /// What it wants until something else happens.
    fn wants(&self) -> Wants;

    /// What I am called by now.
    fn my_name(&self) -> Option<&Name>;

    /// Asked after each event: is it over, and has everybody said a last word? `reading`: the end of
    /// our input has not been found.
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
    /// There was more, which cannot be read or said.
    Broke(Error),
}

/// Whether a signal is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// What we have is still sent.
    First,
    /// We are gone at once.
    Second,
}

/// What a meeting wants.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// To be woken at this instant, if nothing else happens.
    pub wake_at: Option<Instant>,
    /// So many callers on their way to us at a time.
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
    /// It is about to be over: what is typed now will be told not to have been sent.
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
        /// When the program has to be gone, where it was told to go.
        gone_by: Option<Instant>,
    },
    /// The friend had somebody else to talk to.
    Busy {
        /// Whom we called.
        to: SocketAddr,
        /// What we said, of which the friend has heard nothing; `None`: perhaps something of it.
        unheard: Option<Vec<u8>>,
        /// What was never sent.
        unsaid: Vec<Arc<Block>>,
    },
}
