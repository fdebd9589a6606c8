//! An outbox that others may have to wait for: what goes to somebody in a room.
//!
//! What is said in a room goes to many. If the speaker's buffer had to come home from all of them, the
//! slowest would set the pace. So a message is written once into memory that all outboxes share, and
//! the speaker's buffer goes home at once. The exception: an outbox that already holds more than its
//! mark keeps the buffer too, after the message. So speakers need not wait while everybody keeps up,
//! and otherwise they wait for exactly those who do not.
//!
//! So it is also known who keeps others waiting, and for how long they have taken nothing.
//!
//! A member's writer is not woken by each message, but when the coordinator has nothing more to hand
//! out. Then what many have said meanwhile leaves in one call. (With a hundred members, four of whom
//! talked as fast as they could, that was four times as much in the same time.)

use std::sync::Arc;
use std::time::Duration;

use crate::platform::machine::thread::Thread;
use crate::talk::halves::Ours;
use crate::threads::buffer::Block;
use crate::threads::order::{Done, Order};
use crate::threads::outbox::Outbox;

/// How much may wait in an outbox before speakers are held back for it, in bytes.
const MARK: u64 = 128 * 1024;

/// How often to look at those who keep others waiting.
pub const LOOK: Duration = Duration::from_millis(200);

/// After how many looks in a row without progress somebody is stuck: eleven, which is 2 s from the first
/// to the last. (Looks are counted, and not seconds: if the computer was too busy to look, nobody had a
/// chance to take anything either.)
const LOOKS_MAX: u32 = 11;

/// After how many looks in a row somebody who keeps others waiting is called slow: 5 s.
const LOOKS_SLOW: u32 = 25;

/// The way to somebody in a room.
#[derive(Debug)]
pub struct PaidOutbox {
    /// Our half, with the outbox in it.
    ours: Ours,
    /// How much the writer has carried out.
    done: Done,
    /// The writer's thread, if it has to be woken. Otherwise what is put in wakes it.
    writer: Option<Thread>,
    /// Something was put in since the writer was last woken.
    filled: bool,
    /// The cost of everything that was ever put in.
    put: u64,
    /// What `put` was when the last buffer was put in: when the writer has got that far, no buffer is
    /// left in here.
    paid: u64,
    /// How far the writer was at the last look, and how many looks in a row have found it there.
    seen: u64,
    looks: u32,
    /// How many looks in a row have found that others have to wait.
    looks_held: u32,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nobody waits, or not for long.
    Fine,
    /// Others have had to wait for some seconds. (Found only once.)
    Slow,
    /// Others have to wait, and for 2 s nothing was taken.
    Stuck,
}

impl PaidOutbox {
    /// An outbox to a writer that has not begun yet. `done`: how much it has carried out. `writer`: its
    /// thread, if it has to be woken.
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

    /// Puts a message in. `paid`: the buffer that it was read into. If the outbox holds too much, it
    /// keeps that buffer too, and the answer is `true`: from now on somebody has to wait.
    pub fn put(&mut self, message: Order, paid: &Arc<Block>) -> bool {
        self.hand_over(message);
        if !self.ours.is_open() || !self.is_full() {
            return false;
        }
        if !self.holds_back() {
            self.begin_to_wait();
            self.looks_held = 0;
        }
        self.hand_over(Order::LetGo(Arc::clone(paid)));
        self.paid = self.put;
        true
    }

    /// Puts something in without a buffer: only for what there is little of.
    pub fn hand_over(&mut self, order: Order) {
        if let Ours::Open(to_writer) = &self.ours {
            self.put += order.cost();
            self.filled = true;
            // A writer that has ended has said so, or will.
            to_writer.send(order);
        }
    }

    /// Wakes the writer, if something was put in for it. To be called before waiting.
    pub fn ring(&mut self) {
        if std::mem::take(&mut self.filled)
            && let Some(writer) = &self.writer
        {
            writer.unpark();
        }
    }

    /// That was all: the writer ends when it has written what is waiting, and then `end` if wanted.
    pub fn close(&mut self, end: bool) {
        self.ours.close(end);
        self.filled = true;
        self.ring();
    }

    /// The writer has said its last word: all buffers in here have gone home.
    pub fn set_closed(&mut self, unsent: u64) {
        self.ours.set_closed(unsent, None);
        self.forget();
    }

    /// Whether the writer has said its last word.
    pub fn is_closed(&self) -> bool {
        self.ours.is_closed()
    }

    /// Whether so much is waiting that speakers have to wait for it.
    pub fn is_full(&self) -> bool {
        self.waiting() > MARK
    }

    fn waiting(&self) -> u64 {
        self.put.saturating_sub(self.done.so_far())
    }

    /// From now on somebody waits for it: the looks are counted from here.
    pub fn begin_to_wait(&mut self) {
        (self.seen, self.looks) = (self.done.so_far(), 0);
    }

    /// Whether a buffer is still in here that somebody may be waiting for.
    pub fn holds_back(&self) -> bool {
        self.done.so_far() < self.paid
    }

    /// Looks whether this one keeps others waiting. To be called every [`LOOK`] while anybody does.
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

    /// Checks whether anything is still taken. `true`: for 2 s nothing was.
    pub fn makes_no_progress(&mut self) -> bool {
        if self.done.so_far() != self.seen {
            self.begin_to_wait();
        }
        self.looks += 1;
        self.looks >= LOOKS_MAX
    }

    /// Nobody waits any more for what is in here: from now on only what follows counts.
    pub fn forget(&mut self) {
        self.put = self.done.so_far();
        self.paid = self.put;
    }
}
