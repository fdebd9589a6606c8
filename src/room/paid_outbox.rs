//! An outbox that others may have to wait for: what goes to somebody in a room.
//!
//! What is said in a room goes to many, and a buffer that had to come home from all of them would
//! stand still with the slowest. So a message is rendered once, into memory that all outboxes
//! share, and the speaker's buffer goes home at once; *unless* an outbox holds more than its mark
//! by then. In that one the buffer waits too, after the message. So speakers run free while
//! everybody keeps up, and are held back by exactly those who do not.
//!
//! And so it is known who holds others back, and since when without taking anything.
//!
//! A member's writer is not woken by each message, but when the coordinator has nothing more to
//! hand out: then what many have said meanwhile leaves in one call. (With a hundred members and four
//! who talk as fast as they can, that was four times as much in the same time.)

use std::sync::Arc;
use std::time::Duration;

use crate::platform::machine::thread::Thread;
use crate::talk::halves::Ours;
use crate::threads::buffer::Block;
use crate::threads::order::{Done, Order};
use crate::threads::outbox::Outbox;

/// How much may wait in an outbox before speakers are held back for it, in bytes.
const MARK: u64 = 128 * 1024;

/// How often to look after those who hold others back.
pub const LOOK: Duration = Duration::from_millis(200);

/// Looks in a row without progress, after which somebody is stuck: eleven, which is 2 s from the first
/// to the last. (Looks are counted, and not seconds: where the computer was too busy to look, nobody
/// got to take anything either.)
const LOOKS_MAX: u32 = 11;

/// After how many looks somebody is slow who holds others back without a break: 5 s.
const LOOKS_SLOW: u32 = 25;

/// The way to somebody in a room.
#[derive(Debug)]
pub struct PaidOutbox {
    /// What we say there.
    ours: Ours,
    /// How far the writer is with it.
    done: Done,
    /// The writer's thread, where it has to be woken; otherwise the outbox itself does that.
    writer: Option<Thread>,
    /// Something was put in since the writer was woken.
    filled: bool,
    /// What everything has cost that was put in.
    put: u64,
    /// Up to where there are buffers in it.
    paid: u64,
    /// How far the writer was at the last look, and how often it has been seen there.
    seen: u64,
    looks: u32,
    /// How often it has been looked since it holds others back.
    looks_held: u32,
}

/// What a look shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nobody waits, or not for long.
    Fine,
    /// Others have waited for some seconds; this is said once.
    Slow,
    /// Others wait, and for 2 s nothing was taken.
    Stuck,
}

impl PaidOutbox {
    /// An outbox to a writer that says how far it is, and has not begun. `writer`: its thread, where
    /// it has to be woken.
    pub fn new(to_writer: Outbox, done: Done, writer: Option<Thread>) -> PaidOutbox {
        PaidOutbox {
            ours: Ours::Open(to_writer),
            done,
            writer,
            filled: false,
            put: 0,
            paid: 0,
            seen: 0,
            looks: 0,
            looks_held: 0,
        }
    }

    /// Puts a message in, which `paid` has been read for. Where the outbox holds too much, it
    /// keeps that as well, and the answer is `true`: from now on somebody waits.
    pub fn put(&mut self, message: Order, paid: &Arc<Block>) -> bool {
        self.hand_over(message);
        if !self.ours.is_open() || !self.is_full() {
            return false;
        }
        if !self.holds_back() {
            self.begin_to_wait();
            self.looks_held = 0;
        }
        self.hand_over(Order::Paid(Arc::clone(paid)));
        self.paid = self.put;
        true
    }

    /// Puts something in that nobody pays for, and of which there is little.
    pub fn hand_over(&mut self, order: Order) {
        if let Ours::Open(to_writer) = &self.ours {
            self.put += order.cost();
            self.filled = true;
            // A writer that has ended has said so, or will.
            to_writer.send(order);
        }
    }

    /// Wakes the writer, where something was put in for it. To be called before one waits.
    pub fn ring(&mut self) {
        if std::mem::take(&mut self.filled)
            && let Some(writer) = &self.writer
        {
            writer.unpark();
        }
    }

    /// That was all: the writer ends when it has written what waits, and then `end` if wanted.
    pub fn close(&mut self, end: bool) {
        self.ours.close(end);
        self.filled = true;
        self.ring();
    }

    /// The writer has said its last word: the buffers in here have come home.
    pub fn set_closed(&mut self, unsent: u64) {
        self.ours.set_closed(unsent, None);
        self.forget();
    }

    /// Whether the writer has said its last word.
    pub fn is_closed(&self) -> bool {
        self.ours.is_closed()
    }

    /// Whether so much waits that speakers are held back.
    pub fn is_full(&self) -> bool {
        self.waiting() > MARK
    }

    fn waiting(&self) -> u64 {
        self.put.saturating_sub(self.done.so_far())
    }

    /// From here on somebody waits for it.
    pub fn begin_to_wait(&mut self) {
        (self.seen, self.looks) = (self.done.so_far(), 0);
    }

    /// Whether somebody waits for a buffer that is in here.
    pub fn holds_back(&self) -> bool {
        self.done.so_far() < self.paid
    }

    /// Looks after one who holds others back. To be called every [`LOOK`] while anybody does.
    pub fn look(&mut self) -> Look {
        if !self.holds_back() {
            self.looks_held = 0;
            return Look::Fine;
        }
        self.looks_held += 1;
        match self.makes_no_progress() {
            true => Look::Stuck,
            false if self.looks_held == LOOKS_SLOW => Look::Slow,
            false => Look::Fine,
        }
    }

    /// Checks whether anything is still taken; `true` where nothing was for 2 s.
    pub fn makes_no_progress(&mut self) -> bool {
        if self.done.so_far() != self.seen {
            self.begin_to_wait();
        }
        self.looks += 1;
        self.looks >= LOOKS_MAX
    }

    /// What waits is not waited for any more: from now on only what follows counts.
    pub fn forget(&mut self) {
        self.put = self.done.so_far();
        self.paid = self.put;
    }
}
