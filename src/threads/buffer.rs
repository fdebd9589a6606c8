//! Buffers that come home: the whole of flow control.
//!
//! A reader owns a few buffers of a fixed size. It fills one and sends it on; the buffer travels
//! to the coordinator and on to a writer by being *moved*. When the writer has written it (or copied
//! a small one to those that it will write together) and drops it, its `Drop` sends it back to the
//! reader it came from. A reader whose buffers are all on their way waits for one to come home.
//! Meanwhile it does not call `recv`, so the kernel's buffer fills, and TCP tells the other computer
//! to slow down.
//!
//! So what waits anywhere is at most (readers × buffers × size), no queue needs a bound of its own,
//! and nobody but a reader ever waits. (A room copies what is said; what bounds that is in
//! [`paid_outbox`](crate::room::paid_outbox).)

use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, select, unbounded};

use crate::platform::bell::Bell;
use crate::watch::steps::{self, Asked, Call, Came};
use crate::wire::space::Space;

/// How many buffers a reader owns. Two would be enough to read into one while the other is written;
/// four keep both ends busy even when the scheduler is slow. More than about 1 MiB on its way would be
/// slower again, because it no longer fits into the processor's cache.
pub const BUFFERS: usize = 4;

/// The size of a buffer, in bytes: room for the largest frame (a length of 2 bytes and a payload
/// of 65,535), or for a line of 64 KiB and its newline. The rest is for what one `read` gives, 64 KiB,
/// when it comes after the beginning of a message, or grows by the lengths of frames: what did not fit
/// would travel in a buffer of its own, and cost as much as a full one.
pub const BUFFER_SIZE: usize = 68 * 1024;

/// A reader's buffers: those that are at home, and the way home for the others.
#[derive(Debug)]
pub struct Pool {
    /// The size of each buffer, in bytes.
    size: usize,
    /// How many there are.
    count: usize,
    home: Home,
    empties: Receiver<Vec<u8>>,
    stopper: Sender<()>,
    stopped: Receiver<()>,
}

/// Lets another thread see how many buffers of a pool are at home.
#[derive(Clone, Debug)]
pub struct AtHome(Receiver<Vec<u8>>);

impl AtHome {
    /// How many there are now.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// The way home of a buffer.
#[derive(Clone)]
struct Home {
    door: Sender<Vec<u8>>,
    /// Rung when a buffer has come home.
    bell: Option<Bell>,
}

impl Home {
    fn welcome(&self, bytes: Vec<u8>) {
        // If the reader has ended, nobody needs the buffer any more, and it is simply freed.
        if self.door.send(bytes).is_ok()
            && let Some(bell) = &self.bell
        {
            bell.ring();
        }
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Home")
    }
}

impl Pool {
    /// Makes `count` buffers of `size` bytes each. They take memory only when they are first used: in
    /// a room most members do nothing but listen.
    pub fn new(count: usize, size: usize) -> Pool {
        // Unbounded, but never more than `count` long: only these buffers travel in it.
        let (door, empties) = unbounded();
        let home = Home { door, bell: None };
        (0..count).for_each(|_| home.welcome(Vec::new()));
        let (stopper, stopped) = unbounded();
        Pool { size, count, home, empties, stopper, stopped }
    }

    /// The same with a bell that rings whenever a buffer comes home: for a reader that is waiting
    /// somewhere else.
    pub fn with_bell(mut self, bell: Bell) -> Pool {
        self.home.bell = Some(bell);
        self
    }

    /// For another thread, to see how many are at home.
    pub fn at_home(&self) -> AtHome {
        AtHome(self.empties.clone())
    }

    /// An empty block for what is to be read next. Waits for a buffer to come home if all are on their
    /// way. `None`: the reader has been told to stop.
    pub fn take(&self) -> Option<Block> {
        let bytes = self.wait(|| {
            // Neither can fail: the pool itself holds an end of both open.
            select! {
                recv(self.stopped) -> _ => None,
                recv(self.empties) -> bytes => bytes.ok(),
            }
        })?;
        // Looked at only now, since the word to stop goes first: a buffer that came home after it does
        // not count. (If both are there, `select!` takes either.)
        if self.is_stopped() { None } else { Some(self.block(bytes)) }
    }

    /// An empty block for what has been read already. A reader that has been told to stop gets one
    /// too, since it still hands that over.
    pub fn take_even_if_stopped(&self) -> Block {
        // It cannot fail: the pool itself holds an end open.
        let bytes = self.wait(|| self.empties.recv().ok());
        self.block(bytes.unwrap_or_default())
    }

    /// Whether the reader has been told to stop. Each time that it is told, this says so once.
    pub fn is_stopped(&self) -> bool {
        self.stopped.try_recv().is_ok()
    }

    fn wait(&self, until_one_is_home: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        match self.empties.try_recv() {
            Ok(bytes) => Some(bytes),
            Err(_) => steps::blocked(
                Call::Buffer,
                Asked { out: Some(self.count as u64), ..Asked::default() },
                until_one_is_home,
                |_| Came::default(),
            ),
        }
    }

    fn block(&self, bytes: Vec<u8>) -> Block {
        let bytes = if bytes.is_empty() { vec![0; self.size] } else { bytes };
        Block { bytes, filled: 0, came_at: UNIX_EPOCH, number: 0, home: Some(self.home.clone()) }
    }

    /// For a thread that may tell the reader to stop. `bell`: what wakes the reader from a `read`.
    pub fn stopper(&self, bell: Option<Bell>) -> Stopper {
        Stopper { word: self.stopper.clone(), bell }
    }
}

/// Tells a reader to stop.
#[derive(Clone)]
pub struct Stopper {
    word: Sender<()>,
    bell: Option<Bell>,
}

impl Stopper {
    /// The reader reads no more after this. It still hands over what it has read, and then says its
    /// last word. But if nothing can wake it, a `read` that has begun goes on.
    pub fn stop(&self) {
        // The word first: the thread that is woken looks for it.
        let _ = self.word.send(());
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }

    /// Whether stopping wakes the reader, so that it is sure to say its last word.
    pub fn wakes(&self) -> bool {
        self.bell.is_some()
    }
}

impl std::fmt::Debug for Stopper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stopper")
    }
}

/// A buffer on its way from a reader to a writer. Dropping it sends it home.
pub struct Block {
    bytes: Vec<u8>,
    filled: usize,
    came_at: SystemTime,
    /// Its number, for `--explain` and `--trace`.
    number: u64,
    /// Where to go when it is dropped. `None`: it comes from no reader.
    home: Option<Home>,
}

impl Block {
    /// A block that is full, and comes from no reader: for a message of the program's own.
    pub fn of(bytes: Vec<u8>) -> Block {
        let number = steps::number_a_block();
        Block { filled: bytes.len(), bytes, came_at: SystemTime::now(), number, home: None }
    }

    /// When the last of what is in it was read.
    pub fn came_at(&self) -> SystemTime {
        self.came_at
    }

    /// Notes that something was read into it just now.
    pub fn stamp(&mut self) {
        self.came_at = SystemTime::now();
        self.number = steps::number_a_block();
    }

    /// Which block it is, if somebody watches; otherwise 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What has been put in.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Whether nothing has been put in.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The part that is still free, for a `read` to fill; then call [`Block::fill`].
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Counts `count` bytes of [`Block::space`] as put in.
    pub fn fill(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.bytes.len());
    }
}

impl Space for Block {
    fn push(&mut self, pieces: &[&[u8]]) -> bool {
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() > self.room() {
            return false;
        }
        for piece in pieces {
            self.space()[..piece.len()].copy_from_slice(piece);
            self.fill(piece.len());
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} bytes)", self.filled)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.welcome(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_block_comes_home_empty() {
        let pool = Pool::new(1, 8);
        let mut block = pool.take().unwrap();
        assert!(block.push(&[b"abc", b"de"]));
        assert_eq!(block.bytes(), b"abcde");
        drop(block);
        assert!(pool.take().unwrap().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_not_put_in_in_part() {
        let pool = Pool::new(1, 8);
        let mut block = pool.take().unwrap();
        assert!(block.push(&[b"12345"]));
        assert!(!block.push(&[b"67", b"89"]));
        assert_eq!(block.bytes(), b"12345");
        assert!(block.push(&[b"678"]));
    }

    #[test]
    fn a_reader_that_is_told_to_stop_takes_no_more_buffers() {
        let pool = Pool::new(2, 8);
        let block = pool.take().unwrap();
        pool.stopper(None).stop();
        drop(block);
        assert!(pool.take().is_none());
    }

    #[test]
    fn a_block_that_outlives_its_reader_is_just_freed() {
        let pool = Pool::new(1, 8);
        let block = pool.take().unwrap();
        drop(pool);
        drop(block);
    }
}
