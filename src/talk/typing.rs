//! How far the stdin-reader is: when it may read, what becomes of what is typed while nobody is there,
//! and of what is half typed when a friend leaves.

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
    /// It waits to be let read.
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
    /// Piped input that was read for a friend who then was busy, or for members who have left. It
    /// cannot be much: the reader's buffers are few.
    held: Vec<Arc<Block>>,
    /// That what is typed goes nowhere has been said.
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

    /// Whether it has not been let read yet.
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

    /// Lets it read to the end of its input.
    pub fn let_read(&mut self) {
        if self.stdin != Stdin::Unread && !self.is_on() {
            self.reading = Reading::Now;
            self.permits.let_read();
        }
    }

    /// The same after Ctrl-D: what was typed since is for nobody.
    pub fn let_read_again(&mut self) {
        if self.has_ended()
            && let Some(terminal) = &self.terminal
        {
            self.notices.not_sent(&Unsent::of(Wire::Lines, &terminal.unread()));
            terminal.give_back();
        }
        self.let_read();
    }

    /// Tells it to read no more, where stdin is piped.
    pub fn stop(&self) {
        if let Some(stdin_reader) = &self.stop_reading {
            stdin_reader.stop();
        }
    }

    /// Its input has ended.
    pub fn on_end(&mut self) {
        self.reading = Reading::Ended;
    }

    /// A new search has begun: what is typed goes nowhere, and that has not been said yet.
    pub fn on_search(&mut self) {
        self.warned = false;
    }

    /// Something was said while nobody is there to hear it.
    pub fn said_to_nobody(&mut self, words: Block) {
        if self.stdin != Stdin::Terminal {
            return self.held.push(Arc::new(words));
        }
        if !std::mem::replace(&mut self.warned, true) {
            self.notices.notice("nobody is there yet; what you type is not sent");
        }
        if self.editor {
            // It would be gone without a trace: no terminal has echoed it.
            self.show_not_sent(words.bytes());
        }
    }

    /// What was read for somebody who has not heard it.
    pub fn take_held(&mut self) -> Vec<Arc<Block>> {
        std::mem::take(&mut self.held)
    }

    /// This is to be said before anything else, when there is somebody to hear it.
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

    /// Between two friends: what was half typed for the one is shown as not sent. `false`: that is done;
    /// otherwise the stdin-reader says when it is.
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
