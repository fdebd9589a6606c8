//! What a writer can be told: one closed list; and how far it is with it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::wire::messages::END_FRAME;

/// What an order takes in memory besides its bytes, about.
const PLACE: usize = 256;

/// What a writer can be told.
#[derive(Debug)]
pub enum Order {
    /// Write these messages. Several writers may share them; the block comes home when the last of
    /// them has let go of it.
    Block(Arc<Block>),
    /// Show what we have said ourselves.
    Said(Arc<Block>),
    /// Write these bytes of the program's own: a notice, a line of the log, an `end` frame.
    Own(Cow<'static, [u8]>),
    /// Write this line of the program's own, in which nothing is a friend's: an address, or a command
    /// that is to be copied. A terminal that breaks it itself knows that it is one line.
    ToCopy(String),
    /// Let go of this block, which paid for what is before it (see [`buffer`](crate::threads::buffer)).
    Paid(Arc<Block>),
    /// Call the friend this from now on; one without a name is a new friend.
    CallFriend(Speaker),
    /// Call ourselves by this name from now on; `None`: we have none.
    CallMe(Option<Name>),
    /// Take the input row off the screen, until there is a new one; and then say so.
    RowAway(Option<Sender<()>>),
    /// The input row is not on the screen any more, which is somebody else's now.
    RowLost,
    /// Empty the screen, but for the input row.
    Clear,
    /// Say when everything before this has been written.
    Flush,
    /// Write what is before this, and then end. Closing the outbox says the same; but the
    /// logger keeps an end of some outboxes for ever.
    Goodbye,
}

impl Order {
    /// The bytes to write, as they stand.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Order::Block(block) | Order::Said(block) => block.bytes(),
            Order::Own(bytes) => bytes,
            Order::ToCopy(line) => line.as_bytes(),
            _ => &[],
        }
    }

    /// What it costs to keep it waiting, in bytes, where it is about messages: these, and a place for
    /// them. Whatever else waits is little.
    pub fn cost(&self) -> u64 {
        match self {
            Order::Block(block) | Order::Said(block) => (block.bytes().len() + PLACE) as u64,
            Order::CallFriend(_) => PLACE as u64,
            _ => 0,
        }
    }

    /// How many bytes it counts for, when it comes to telling what was not sent. An `end` frame
    /// says nothing of its own, and is always the last.
    pub fn worth(&self) -> u64 {
        match self {
            Order::Own(bytes) if bytes[..] == *END_FRAME => 0,
            _ => self.bytes().len() as u64,
        }
    }
}

/// How much of its orders a writer has carried out, for whoever gave them.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<AtomicU64>);

impl Done {
    /// One more is carried out, which has cost so much.
    pub fn add(&self, cost: u64) {
        self.0.fetch_add(cost, Ordering::Relaxed);
    }

    /// The sum of what they cost; see [`Order::cost`].
    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
