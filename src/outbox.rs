//! An outbox that others may have to wait for: what goes to somebody in a room.
//!
//! What is said in a room goes to many, and a buffer that had to come home from all of them would
//! stand still with the slowest. So a message is rendered once, into memory that all outboxes
//! share, and the speaker's buffer goes home at once; *unless* an outbox holds more than its mark
//! by then. In that one the buffer waits too, behind the message. So speakers run free while
//! everybody keeps up, and are held back by exactly those who do not.
//!
//! And so it is known who holds others back, and since when without taking anything.
//!
//! A member's writer is not woken by each message, but when the coordinator has nothing more to
//! hand out: then what many have said meanwhile leaves in one call. (With a hundred members and four
//! who talk as fast as they can, that was four times as much in the same time.)

use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::buffer::Block;
use crate::room::{Announcement, Tally};
use crate::writer::{Done, Order};

/// How much may wait in an outbox before speakers are held back for it, in bytes.
const MARK: u64 = 128 * 1024;

/// How often to look whether those who hold others back take something.
pub const LOOK: Duration = Duration::from_millis(200);

/// How often it may be looked in vain: for 2 s, where the first look comes at once. (Looks are
/// counted, and not seconds: where the computer was too busy to look, nobody got to take anything
/// either.)
const LOOKS_MAX: u32 = 11;

/// The way to somebody in a room.
#[derive(Debug)]
pub struct Outbox {
    /// `None`: that was all.
    to_writer: Option<Sender<Order>>,
    /// How far the writer is with it.
    done: Done,
    /// The writer's thread, where it has to be woken; else the outbox itself does that.
    writer: Option<Thread>,
    /// Something was put in since the writer was woken.
    filled: bool,
    /// What everything has cost that was put in.
    put: u64,
    /// Up to where there are buffers in it.
    paid: u64,
    /// How far the writer was when somebody last looked, and how often it has been there.
    seen: u64,
    looks: u32,
    /// What was announced while there was too much in it already.
    untold: Tally,
}

impl Outbox {
    /// An outbox whose writer, which says how far it is, has not begun. `writer`: its thread, where
    /// it has to be woken.
    pub fn new(to_writer: Sender<Order>, done: Done, writer: Option<Thread>) -> Outbox {
        let (put, paid, seen) = (0, 0, 0);
        Outbox {
            to_writer: Some(to_writer),
            done,
            writer,
            filled: false,
            put,
            paid,
            seen,
            looks: 0,
            untold: Tally::default(),
        }
    }

    /// Puts a message in, which `paid` has been read for. Where the outbox holds too much, it
    /// keeps that as well, and the answer is `true`: from now on somebody waits.
    pub fn put(&mut self, text: &Arc<Block>, paid: &Arc<Block>) -> bool {
        self.hand_over(Order::Block(Arc::clone(text)));
        if self.waiting() <= MARK {
            return false;
        }
        if !self.holds_back() {
            self.begin_to_wait();
        }
        self.hand_over(Order::Paid(Arc::clone(paid)));
        self.paid = self.put;
        true
    }

    /// Puts announcements in, which nobody has paid for; or just counts them, where there is too
    /// much in the outbox already: [`Outbox::untold`] will tell.
    pub fn announce(&mut self, text: &Arc<Block>, what: &[Announcement]) {
        if self.waiting() <= MARK && self.untold.is_empty() {
            return self.hand_over(Order::Block(Arc::clone(text)));
        }
        if self.untold.is_empty() {
            // When the writer is through, it says so.
            self.hand_over(Order::Flush);
        }
        self.untold.add(Tally::of(what));
    }

    /// The writer is through with what was put in before something was counted: what is now to be
    /// told.
    pub fn untold(&mut self) -> Tally {
        std::mem::take(&mut self.untold)
    }

    /// Puts something in that says of the program itself, and of which there is little.
    pub fn hand_over(&mut self, order: Order) {
        self.put += order.cost();
        if let Some(to_writer) = &self.to_writer {
            // A writer that has ended has said so, or will.
            let _ = to_writer.send(order);
            self.filled = true;
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

    /// That was all: the writer ends when it has written what waits.
    pub fn close(&mut self) {
        self.to_writer = None;
        self.filled = true;
        self.ring();
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

    /// Looks whether nothing has been taken for too long. To be called every [`LOOK`] while there is
    /// something to wait for.
    pub fn is_stuck(&mut self) -> bool {
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
