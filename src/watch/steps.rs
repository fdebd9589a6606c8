//! How a thread says what it does: the words for it, and who listens.
//!
//! A thread does two things in turn: it *works*, and it *blocks* in a call. So there is one way to tell
//! of either: whoever is about to block says so ([`blocked`]), and what lies between is work. Besides,
//! a thread hands messages to another ([`hand_over`], [`take_over`]).
//!
//! One [`Watcher`] can listen. What it makes of the steps is its own business; see
//! [`lens`](crate::lens). Where there is none, which is usual, a step costs one look at a number.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::roles::Who;

/// What a thread can be blocked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `read` from stdin.
    Read,
    /// `recv` from the friend.
    Recv,
    /// `send` to the friend.
    Send,
    /// `write` to stdout, stderr or a file.
    Write,
    /// `accept`.
    Accept,
    /// Looking up a name, and `connect`.
    Connect,
    /// The coordinator waits for an event.
    Inbox,
    /// A writer waits for an order.
    Outbox,
    /// A reader waits for one of its buffers to come home.
    Buffer,
    /// A thread waits to be told to begin.
    Permit,
    /// `main` waits for another thread to end.
    Join,
}

impl Call {
    /// How many there are.
    pub const COUNT: usize = Call::Join as usize + 1;

    /// What it is called in a trace, and mostly also in words.
    pub fn name(self) -> &'static str {
        match self {
            Call::Read => "read",
            Call::Recv => "recv",
            Call::Send => "send",
            Call::Write => "write",
            Call::Accept => "accept",
            Call::Connect => "connect",
            Call::Inbox => "inbox",
            Call::Outbox => "outbox",
            Call::Buffer => "buffer",
            Call::Permit => "permit",
            Call::Join => "join",
        }
    }
}

/// What is known of a call before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// How many bytes it is to give or to take.
    pub bytes: Option<u64>,
    /// How many buffers are out.
    pub out: Option<u64>,
    /// Not shown by `--explain`.
    pub quiet: bool,
}

impl Asked {
    /// Nothing, and nothing to show.
    pub const QUIET: Asked = Asked { bytes: None, out: None, quiet: true };
}

/// What came of a call. Of the bytes that passed it has the count alone: what they say is for
/// [`Follow`], where it may be known.
#[derive(Debug, Default)]
pub struct Came<'a> {
    /// How many bytes it gave or took.
    pub bytes: Option<u64>,
    /// Which thread woke this one.
    pub woken_by: &'static str,
    /// What it had to say.
    pub news: String,
    /// Why it failed, where it did.
    pub failed: Option<&'a (dyn Error + 'static)>,
    /// Not shown by `--explain`.
    pub quiet: bool,
}

impl Came<'_> {
    /// Nothing to show.
    pub fn quiet() -> Self {
        Came { quiet: true, ..Came::default() }
    }
}

/// Who listens to what every thread does. Each of these is called by the thread that it is about.
pub trait Watcher: Send + Sync {
    /// The thread begins.
    fn begins(&self);

    /// The thread ends.
    fn ends(&self);

    /// The thread is about to block.
    fn blocks(&self, call: Call, asked: &Asked);

    /// The call in which the thread was blocked has returned.
    fn woke(&self, call: Call, came: &Came<'_>);

    /// The thread hands the block of this number over to another, with this in it.
    fn hands_over(&self, block: u64, bytes: &[u8], to: Who);

    /// The thread takes the block of this number that was handed over to it.
    fn takes_over(&self, block: u64);

    /// The thread hands a message to so many members of a room.
    fn hands_to_all(&self, members: usize);

    /// From now on the bytes that pass in one direction are told: from the one address to the other,
    /// where these are known.
    fn follow(
        &self,
        call: Call,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
    ) -> Box<dyn Follow>;

    /// A friend is about to be heard: what was done until now is not of this conversation.
    fn account_begins(&self);

    /// The conversation, or the room, is over: now its account can be given.
    fn account_ends(&self);
}

/// Who reads along in one direction, from the first byte to the last.
pub trait Follow: Send {
    /// These bytes have passed; none: nothing more will.
    fn passed(&mut self, bytes: &[u8]);
}

static WATCHER: OnceLock<Box<dyn Watcher>> = OnceLock::new();

/// From now on steps are told to this one. To be called once, and before any thread begins.
pub fn install(watcher: Box<dyn Watcher>) {
    let _ = WATCHER.set(watcher);
}

/// Who listens, if anybody does.
pub fn watcher() -> Option<&'static dyn Watcher> {
    WATCHER.get().map(|watcher| &**watcher)
}

/// A thread begins, as whose name it has.
pub fn begins() {
    if let Some(watcher) = watcher() {
        watcher.begins();
    }
}

/// A thread ends.
pub fn ends() {
    if let Some(watcher) = watcher() {
        watcher.ends();
    }
}

/// Blocks in `call`, by way of `wait`, and tells of it before and after. `came`: what came of it.
pub fn blocked<T>(
    call: Call,
    asked: Asked,
    wait: impl FnOnce() -> T,
    came: impl FnOnce(&T) -> Came<'_>,
) -> T {
    let Some(watcher) = watcher() else { return wait() };
    watcher.blocks(call, &asked);
    let result = wait();
    watcher.woke(call, &came(&result));
    result
}

/// The same where it is not to be shown by `--explain`.
pub fn blocked_quietly<T>(call: Call, wait: impl FnOnce() -> T) -> T {
    blocked(call, Asked::QUIET, wait, |_| Came::quiet())
}

/// A block is handed over to another thread, with this in it.
pub fn hand_over(block: u64, bytes: &[u8], to: Who) {
    if let Some(watcher) = watcher() {
        watcher.hands_over(block, bytes, to);
    }
}

/// A block is taken that another thread has handed over to this one.
pub fn take_over(block: u64) {
    if let Some(watcher) = watcher() {
        watcher.takes_over(block);
    }
}

/// A message goes to so many members of a room.
pub fn hand_to_all(members: usize) {
    if let Some(watcher) = watcher() {
        watcher.hands_to_all(members);
    }
}

/// The number of a block that is filled now; 0 where nobody wants to tell it from others.
pub fn number_a_block() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    watcher().map_or(0, |_| NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A friend is about to be heard: the account begins. (For a room it began with the program.)
pub fn begin_account() {
    if let Some(watcher) = watcher() {
        watcher.account_begins();
    }
}

/// A conversation, or a room, is over: the account of it.
pub fn account() {
    if let Some(watcher) = watcher() {
        watcher.account_ends();
    }
}
