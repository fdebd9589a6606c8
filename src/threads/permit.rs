//! What the stdin-reader is told: when to read, and how far. It reads nothing that nobody has asked for,
//! or what was typed for one friend would reach the next.

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::platform::bell::Bell;

/// What the stdin-reader is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Read to the end of the input.
    Read,
    /// Read no further. It is for a terminal alone; a pipe's reader is stopped by its
    /// [`Stopper`](crate::threads::buffer::Stopper).
    Stop,
    /// Nothing more is to be read, ever.
    End,
}

/// The way to the stdin-reader, and the bell that wakes it where it waits for what is typed.
#[derive(Clone, Debug)]
pub struct Permits {
    to_reader: Sender<Permit>,
    bell: Option<Bell>,
}

impl Permits {
    /// The way to the stdin-reader, and where it finds what it is told. `bell`: what wakes it, where
    /// stdin is a terminal.
    pub fn new(bell: Option<Bell>) -> (Permits, Receiver<Permit>) {
        let (to_reader, may_read) = unbounded();
        (Permits { to_reader, bell }, may_read)
    }

    /// Lets it read to the end of its input once.
    pub fn let_read(&self) {
        // Nobody takes it only where the program is ending.
        let _ = self.to_reader.send(Permit::Read);
    }

    /// Stops it where it waits for what is typed. With the line editor it hands out what is half typed,
    /// if anything is; its next `read` gives the error `WouldBlock`.
    ///
    /// `false` where nothing can wake it.
    pub fn stop(&self) -> bool {
        let Some(bell) = &self.bell else { return false };
        // The reason first: the thread that is woken looks for it.
        let _ = self.to_reader.send(Permit::Stop);
        bell.ring();
        true
    }

    /// Tells it that this was all: it ends, unless it is reading.
    pub fn end(&self) {
        let _ = self.to_reader.send(Permit::End);
    }
}
