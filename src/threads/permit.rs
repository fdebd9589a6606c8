//! What the stdin-reader is told: when to read, and how far. It reads nothing unless it has been asked
//! to: otherwise what was typed for one friend could reach the next.

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::platform::bell::Bell;

/// What the stdin-reader is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Read to the end of the input.
    Read,
    /// Read no further. Only for a terminal: with a pipe, the reader is stopped by its
    /// [`Stopper`](crate::threads::buffer::Stopper).
    Stop,
    /// Nothing more is to be read, ever.
    End,
}

/// The way to the stdin-reader, and the bell that wakes it when it is waiting for what is typed.
#[derive(Clone, Debug)]
pub struct Permits {
    to_reader: Sender<Permit>,
    bell: Option<Bell>,
}

impl Permits {
    /// The way to the stdin-reader, and the end where it finds what it is told. `bell`: what wakes it,
    /// if stdin is a terminal.
    pub fn new(bell: Option<Bell>) -> (Permits, Receiver<Permit>) {
        let (to_reader, may_read) = unbounded();
        (Permits { to_reader, bell }, may_read)
    }

    /// Lets it read to the end of its input once.
    pub fn let_read(&self) {
        // If nobody takes it, the program is ending.
        let _ = self.to_reader.send(Permit::Read);
    }

    /// Stops it while it waits for what is typed. With the line editor, the half-typed line is handed
    /// out first, if there is one; the `read` after that gives the error `WouldBlock`.
    ///
    /// `false`: nothing can wake it.
    pub fn stop(&self) -> bool {
        let Some(bell) = &self.bell else { return false };
        // The permit first: the thread that is woken looks for it.
        let _ = self.to_reader.send(Permit::Stop);
        bell.ring();
        true
    }

    /// Tells it that this was all: it ends, unless it is reading just now.
    pub fn end(&self) {
        let _ = self.to_reader.send(Permit::End);
    }
}
