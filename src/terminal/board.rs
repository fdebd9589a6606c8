//! A board with room for one thing: what one thread puts up for another to look at. Only the newest is of
//! use, so nothing piles up where nobody looks.

use crossbeam_channel::{Receiver, Sender, bounded};

/// Where something is put up. A newer one takes the place of one that has not been looked at.
#[derive(Debug)]
pub struct Board<T> {
    put_up: Sender<T>,
    on_it: Receiver<T>,
}

impl<T> Board<T> {
    /// A board, and what is needed to look at it.
    pub fn new() -> (Board<T>, Receiver<T>) {
        let (put_up, on_it) = bounded(1);
        (Board { put_up, on_it: on_it.clone() }, on_it)
    }

    /// Puts something up.
    pub fn put_up(&self, it: T) {
        self.clear();
        // There is room, as nobody else puts anything up.
        let _ = self.put_up.try_send(it);
    }

    /// Takes down what nobody has looked at yet, if there is something.
    pub fn clear(&self) {
        let _ = self.on_it.try_recv();
    }
}
