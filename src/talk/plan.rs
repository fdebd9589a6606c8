//! What was asked for on the command line, as far as decisions depend on it; and the channels that
//! lead out of the coordinator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::platform::terminal::Terminal;
use crate::talk::transfer::InputLeft;
use crate::text::name::Name;
use crate::threads::buffer::{Block, Stopper};
use crate::threads::notices::Notices;
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::threads::permit::Permits;
use crate::wire::messages::Wire;

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

/// What the command line asked for.
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
    /// Whether the line editor is on. What is typed then has to be shown when it is sent.
    pub editor: bool,
    /// Whether to tell the person at the terminal how a friend calls, and that others can listen.
    pub hints: bool,
    /// Where how far a transfer is is to be shown: tells how much of stdin is left.
    pub transfer: Option<InputLeft>,
    /// The terminal, if stdin is one: it is asked for what was half typed for one friend, which must
    /// not reach the next.
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

/// The ways to everything that a person is shown, or keeps.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// To the screen-writer.
    pub to_screen: Outbox,
    /// To the transcript, where there is one.
    pub to_transcript: Option<Outbox>,
    /// To stderr.
    pub notices: Notices,
}

impl Outlets {
    /// Shows what a friend has said. A writer that has failed says so itself.
    pub fn show(&self, words: Arc<Block>) {
        if let Some(to_transcript) = &self.to_transcript {
            to_transcript.send(Order::Block(Arc::clone(&words)));
        }
        self.to_screen.send(Order::Block(words));
    }

    /// Puts what I have said into the transcript; and on my screen if the line editor is on, since then
    /// the terminal itself has not shown it.
    pub fn show_said(&self, words: Arc<Block>, editor: bool) {
        if let Some(to_transcript) = &self.to_transcript {
            to_transcript.send(Order::Said(Arc::clone(&words)));
        }
        if editor {
            self.to_screen.send(Order::Said(words));
        }
    }

    /// From now on I am called this. `None`: that is up to somebody else.
    pub fn call_me(&self, name: Option<Name>) {
        if let Some(to_transcript) = &self.to_transcript {
            to_transcript.send(Order::CallMe(name));
        }
    }
}

/// The channels that lead out of the coordinator.
#[derive(Debug)]
pub struct Outboxes {
    /// To whatever a person is shown.
    pub outlets: Outlets,
    /// Where the bell rings, if it is to ring somewhere.
    pub bell: Option<Outbox>,
    /// To the stdin-reader.
    pub permits: Permits,
    /// Tells the stdin-reader to read no more, if stdin is a pipe.
    pub stop_reading: Option<Stopper>,
    /// One message for each friend that the acceptor or the connector is to find.
    pub ask_friend: Sender<()>,
}

/// How it all ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code.
    pub code: u8,
    /// When the program has to be gone, if it was told to go.
    pub gone_by: Option<Instant>,
    /// Whether the stdin-reader is still reading.
    pub stdin_reading: bool,
    /// Whether the acceptor or connector is still looking for a friend.
    pub still_asking: bool,
}
