//! How far the stdin-reader is: when it may read; and what becomes of lines typed while nobody is
//! there, and of a line that is half typed when a friend leaves.

use std::sync::Arc;

use crate::platform::terminal::Terminal;
use crate::talk::plan::{Plan, Stdin};
use crate::threads::buffer::{Block, Stopper};
use crate::threads::notices::{Notices, Unsent};
use crate::threads::permit::Permits;
use crate::wire::messages::Wire;

/// How far the stdin-reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It waits for permission to read.
    NotYet,
    /// It reads.
    Now,
    /// It reads, and has been woken to hand over what was half typed for a friend who left.
    Clearing,
    /// Its input has ended.
    Ended,
}

/// What the coordinator knows of stdin.
#[derive(Debug)]
pub struct Typing {
    stdin: Stdin,
    wire: Wire,
    editor: bool,
    terminal: Option<Terminal>,
    notices: Notices,
    reading: Reading,
    permits: Permits,
    stop_reading: Option<Stopper>,
    /// Piped input that was read for a friend who then proved busy, or for members who have left. It
    /// cannot be much: the reader has few buffers.
    held: Vec<Arc<Block>>,
    /// The person has been told that what is typed goes nowhere.
    warned: bool,
}

impl Typing {
    /// Stdin, of which nothing has been read yet.
    pub fn new(
        plan: &Plan,
        notices: Notices,
        permits: Permits,
        stop_reading: Option<Stopper>,
    ) -> Typing {
        let Plan { stdin, wire, editor, ref terminal, .. } = *plan;
        Typing {
            stdin,
            wire,
            editor,
            terminal: terminal.clone(),
            notices,
            reading: Reading::NotYet,
            permits,
            stop_reading,
            held: Vec::new(),
            warned: false,
        }
    }

    /// Whether more may come.
    pub fn is_on(&self) -> bool {
        matches!(self.reading, Reading::Now | Reading::Clearing)
    }

    /// Whether its end has been found.
    pub fn has_ended(&self) -> bool {
        self.reading == Reading::Ended
    }

    /// Whether it still waits for its first permission to read.
    pub fn waits(&self) -> bool {
        self.reading == Reading::NotYet
    }

    /// Whether what comes was half typed for a friend who has left.
    pub fn is_clearing(&self) -> bool {
        self.reading == Reading::Clearing
    }

    /// Whether the reader is sure to say its last word when it is told to stop.
    pub fn can_be_stopped(&self) -> bool {
        self.stop_reading.as_ref().is_some_and(Stopper::wakes)
    }

    /// Permits it to read to the end of its input.
    pub fn let_read(&mut self) {
        if self.stdin != Stdin::Unread && !self.is_on() {
            self.reading = Reading::Now;
            self.permits.let_read();
        }
    }

    /// The same after Ctrl-D. What was typed since then was for nobody: it is shown as not sent.
    pub fn let_read_again(&mut self) {
        if self.has_ended()
            && let Some(terminal) = &self.terminal
        {
            self.notices.not_sent(&Unsent::of(Wire::Lines, &terminal.unread()));
            terminal.give_back();
        }
        self.let_read();
    }

    /// Tells it to read no more, if stdin is a pipe.
    pub fn stop(&self) {
        if let Some(stdin_reader) = &self.stop_reading {
            stdin_reader.stop();
        }
    }

    /// Its input has ended.
    pub fn on_end(&mut self) {
        self.reading = Reading::Ended;
    }

    /// A new search has begun: from now on what is typed goes nowhere, and the person is to be told
    /// again.
    pub fn on_search(&mut self) {
        self.warned = false;
    }

    /// Something came from stdin while nobody is there to hear it.
    pub fn said_to_nobody(&mut self, words: Block) {
        if self.stdin != Stdin::Terminal {
            return self.held.push(Arc::new(words));
        }
        if !std::mem::replace(&mut self.warned, true) {
            self.notices.notice("nobody is there yet; what you type is not sent");
        }
        if self.editor {
            // Otherwise it would be gone without a trace: the terminal itself has not shown it.
            self.show_not_sent(words.bytes());
        }
    }

    /// What was held back until somebody is there to hear it.
    pub fn take_held(&mut self) -> Vec<Arc<Block>> {
        std::mem::take(&mut self.held)
    }

    /// Holds this back. When somebody is there to hear it, it is said before anything else.
    pub fn hold(&mut self, blocks: Vec<Arc<Block>>) {
        self.held = blocks;
    }

    /// Shows what was typed for a friend who has left.
    pub fn show_not_sent(&self, typed: &[u8]) {
        self.notices.not_sent(&Unsent::of(self.wire, typed));
    }

    /// The same of a command.
    pub fn show_command_not_sent(&self, line: &str) {
        self.notices.not_sent(&Unsent::of(Wire::Lines, line.as_bytes()));
    }

    /// Between two friends: shows what was half typed for the last one as not sent. `true`: it is
    /// done when the stdin-reader reports. `false`: there is nothing to wait for.
    pub fn clear_half_typed(&mut self) -> bool {
        if self.terminal.is_none() || self.reading != Reading::Now {
            self.let_read_again();
        } else if self.permits.stop() {
            self.reading = Reading::Clearing;
        }
        self.is_clearing()
    }

    /// The stdin-reader has handed over what was half typed.
    pub fn on_cleared(&mut self) {
        if let Some(terminal) = &self.terminal
            && !self.editor
        {
            self.notices.not_sent(&Unsent::of(Wire::Lines, &terminal.unread()));
            terminal.give_back();
        }
        self.reading = Reading::Ended;
        self.let_read();
    }
}
