//! What a writer can be told, as one closed list; and how much of it a writer has carried out.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::wire::messages::END_FRAME;

/// About how much memory an order takes, besides its bytes.
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
    /// Write this line of the program's own, which people copy: an address, or a command. The terminal
    /// itself is to break it if it is long, so that it is still copied as one line. Nothing in it comes
    /// from a friend.
    ToCopy(String),
    /// Let go of this block. It has waited here so that it does not come home before what is ahead of
    /// it is written (see [`buffer`](crate::threads::buffer)).
    LetGo(Arc<Block>),
    /// Call the friend this from now on. Without a name: it is a new friend.
    CallFriend(Speaker),
    /// Call us by this name from now on. `None`: we have none.
    CallMe(Option<Name>),
    /// Take the input row off the screen, until there is a new one; and say on this channel that it is
    /// off.
    RowAway(Option<Sender<()>>),
    /// The input row is not on the screen any more: the screen belongs to another program now.
    RowLost,
    /// How far a transfer is, in one row that stands below everything else, in place of the one before.
    /// Empty: there is no such row any more.
    Progress(String),
    /// Ring the terminal's bell.
    Ring,
    /// Somebody looks at the terminal, or no longer.
    Focus(bool),
    /// Empty the screen, but for the input row.
    Clear,
    /// Report when everything before this has been written.
    Flush,
    /// Write everything before this, and then end. Closing the outbox means the same, but some
    /// outboxes never close: the logger keeps an end of them for ever.
    Goodbye,
}

impl Order {
    /// The bytes to write, if there are any, before the writer's form is given to them.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Order::Block(block) | Order::Said(block) => block.bytes(),
            Order::Own(bytes) => bytes,
            Order::ToCopy(line) => line.as_bytes(),
            _ => &[],
        }
    }

    /// How much memory it takes while it waits, in bytes. Counted is only what friends can cause:
    /// messages and names. All else that waits is little.
    pub fn cost(&self) -> u64 {
        match self {
            Order::Block(block) | Order::Said(block) => (block.bytes().len() + PLACE) as u64,
            Order::CallFriend(_) => PLACE as u64,
            _ => 0,
        }
    }

    /// For how many bytes it counts when it is said how much was not sent. An `end` frame does not
    /// count: it is no message, and always the last.
    pub fn worth(&self) -> u64 {
        match self {
            Order::Own(bytes) if bytes[..] == *END_FRAME => 0,
            _ => self.bytes().len() as u64,
        }
    }
}

/// How much of its orders a writer has carried out, for the thread that gives them.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<AtomicU64>);

impl Done {
    /// One more has been carried out, whose cost was this.
    pub fn add(&self, cost: u64) {
        self.0.fetch_add(cost, Ordering::Relaxed);
    }

    /// The cost of all that have been carried out; see [`Order::cost`].
    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
