//! Windows: the console that stdin is. It keeps its modes, and drops unread input when a program ends.
//! There is no line editor here: a console edits lines itself. (And whatever else is not Unix.)

use std::io::{self, IsTerminal};

/// The console that stdin is.
#[derive(Clone, Debug)]
pub struct Terminal;

impl Terminal {
    /// `None` where stdin is no terminal.
    pub fn save() -> Option<Terminal> {
        io::stdin().is_terminal().then_some(Terminal)
    }

    /// Keys cannot be read one by one.
    pub fn can_edit(&self) -> bool {
        false
    }

    /// Nothing is changed.
    pub fn take_keys(&self, _ctrl_s: bool) {}

    /// Nothing was changed.
    pub fn rest(&self) {}

    /// Nothing was changed.
    pub fn give_back(&self) {}

    /// A console does not go away under a program.
    pub fn is_gone() -> bool {
        false
    }

    /// Nobody can tell.
    pub fn unread(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Nothing was stopped.
pub fn let_output_go_on() {}
