//! What each thread does, step by step, for whoever wants to see it.
//!
//! A thread does two things in turn: it *works*, and it *blocks* in a call. So there is one way to
//! tell of either: whoever is about to block says so ([`blocked`]), and what lies between is work.
//! Besides, a thread hands messages to another ([`hand_over`], [`take_over`]).
//!
//! Two can listen: [`explain`](mod@crate::lens::explain) puts steps into words, for `--explain`, and
//! [`trace`](mod@crate::lens::trace) into a file, for `--trace`. Where neither does, which is usual, a step
//! costs one look at a number.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::lens::boundaries::{Boundaries, Piece, excerpt};
use crate::lens::trace::HandedOver;
use crate::lens::{explain, trace};
use crate::roles::{self, Number, Role};
use crate::text::reason::reason;
use crate::threads::buffer::Block;
use crate::wire::messages::{self, Wire};

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

/// What is known of a call, before it or behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many bytes it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// How many bytes it gave or took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many messages ended in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// What they say, or the beginning of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How the messages lie across the calls, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cut: String,
    /// Of which connection's which direction they are.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub stream: Cow<'static, str>,
    /// Where in it they begin, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Which thread woke this one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub woken_by: &'static str,
    /// What it had to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub news: String,
    /// How many buffers are out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<u64>,
    /// What the system said, where it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failed: String,
    /// It had not returned when the trace ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// It is not worth a line for those who read along.
    #[serde(skip)]
    pub untold: bool,
}

impl Facts {
    /// Nothing that is worth a line.
    pub fn untold() -> Facts {
        Facts { untold: true, ..Facts::default() }
    }
}

/// What lines of the log come from that are steps.
pub const STEPS: &str = module_path!();

/// Who listens: the sum of these.
static LISTENING: AtomicU8 = AtomicU8::new(0);
const EXPLAIN: u8 = 1;
const TRACE: u8 = 2;

/// From now on steps are put into words.
pub fn explain() {
    LISTENING.fetch_or(EXPLAIN, Ordering::Relaxed);
}

/// From now on steps are put into a trace; or no longer, where it cannot be written.
pub fn trace(wanted: bool) {
    match wanted {
        true => LISTENING.fetch_or(TRACE, Ordering::Relaxed),
        false => LISTENING.fetch_and(!TRACE, Ordering::Relaxed),
    };
}

/// Whether anybody listens.
pub fn are_watched() -> bool {
    LISTENING.load(Ordering::Relaxed) != 0
}

fn are_explained() -> bool {
    LISTENING.load(Ordering::Relaxed) & EXPLAIN != 0
}

fn are_traced() -> bool {
    LISTENING.load(Ordering::Relaxed) & TRACE != 0
}

/// How messages stand on the wire: a program has one.
static WIRE: OnceLock<Wire> = OnceLock::new();

fn wire() -> Wire {
    WIRE.get().copied().unwrap_or(Wire::Lines)
}

/// When the program began.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// How long the program has been running.
pub fn since_the_beginning() -> Duration {
    BEGAN.get_or_init(Instant::now).elapsed()
}

/// The program begins now, with this wire.
pub fn begin_to_count(wire: Wire) {
    let _ = WIRE.set(wire);
    let _ = since_the_beginning();
}

thread_local! {
    static HABITS: RefCell<explain::Habits> = RefCell::default();
}

/// A thread begins, as whose name it has.
pub fn begins() {
    if are_traced() {
        trace::begins();
    }
    log::debug!("begins");
}

/// A thread ends.
pub fn ends() {
    if are_explained() {
        HABITS.with_borrow_mut(explain::Habits::tell_the_rest);
    }
    log::debug!("ends");
    if are_traced() {
        trace::ends();
    }
}

/// Blocks in `call`, by way of `wait`, and tells of it before and behind. `before`: what is known
/// before; `came`: what came of it.
pub fn blocked<T>(
    call: Call,
    before: impl FnOnce() -> Facts,
    wait: impl FnOnce() -> T,
    came: impl FnOnce(&T) -> Facts,
) -> T {
    if !are_watched() {
        return wait();
    }
    let blocking = Blocking::begin(call, before());
    let result = wait();
    blocking.end(came(&result));
    result
}

/// The same where it is not worth a line for those who read along.
pub fn blocked_untold<T>(call: Call, wait: impl FnOnce() -> T) -> T {
    blocked(call, Facts::untold, wait, |_| Facts::untold())
}

/// A thread that is blocked in a call, or about to be.
struct Blocking {
    call: Call,
    since: Duration,
    /// What was known before, and is true still.
    asked: Option<u64>,
    out: Option<u64>,
}

impl Blocking {
    fn begin(call: Call, facts: Facts) -> Blocking {
        let (asked, out) = (facts.asked, facts.out);
        if are_explained() {
            HABITS.with_borrow_mut(|habits| habits.blocks(call, &facts));
        }
        let since = since_the_beginning();
        if are_traced() {
            trace::blocks(call, since, facts);
        }
        Blocking { call, since, asked, out }
    }

    fn end(self, mut facts: Facts) {
        let now = since_the_beginning();
        (facts.asked, facts.out) = (self.asked, self.out);
        if are_explained() {
            let blocked = now.saturating_sub(self.since);
            HABITS.with_borrow_mut(|habits| habits.woke(self.call, blocked, &facts));
        }
        if are_traced() {
            trace::woke(now, facts);
        }
    }
}

/// A message is handed to another thread, `to`, which is one of the friend `number`'s in a room.
pub fn hand_over(block: &Block, to: Role, number: Option<Number>) {
    if !are_watched() {
        return;
    }
    // Readers say so with what they have read, and in a room there are too many.
    if are_explained() && number.is_none() && to != Role::Coordinator {
        HABITS.with_borrow_mut(|habits| habits.passes(block.bytes().len(), to));
    }
    if are_traced() && block.number() > 0 {
        let mut messages = messages::messages(wire(), block.bytes());
        let first = messages.next().map(|message| message.text).unwrap_or_default();
        trace::hands_over(
            block.number(),
            to,
            number,
            HandedOver {
                bytes: block.bytes().len() as u64,
                messages: u64::from(!block.is_empty()) + messages.count() as u64,
                text: excerpt(first),
            },
        );
    }
}

/// A message goes to so many members of a room.
pub fn tell_all(members: usize) {
    if are_explained() {
        HABITS.with_borrow_mut(|habits| habits.hands_to(members));
    }
}

/// A message is taken that another thread has handed over to this one.
pub fn take_over(block: &Block) {
    if are_traced() && block.number() > 0 {
        let me = roles::me();
        trace::takes_over(block.number(), me.role, me.of);
    }
}

/// The number of a block that is filled now; 0 where nobody wants to tell it from others.
pub fn number_a_block() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    if are_traced() { NEXT.fetch_add(1, Ordering::Relaxed) } else { 0 }
}

/// Tells about each blocking call on `inner`.
#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    call: Call,
    /// Whether it is put into words. Writing a line of the log must not be: that would be another
    /// line to write, and so on for ever.
    told: bool,
    /// Where the messages end in what passes; `None` where nobody wants to know.
    boundaries: Option<Boundaries>,
    /// Which direction of which connection it is; empty where it is none.
    stream: Cow<'static, str>,
}

impl<T> Watched<T> {
    /// Watches `inner`, on which the blocking call is `call`.
    pub fn new(inner: T, call: Call) -> Watched<T> {
        Watched { inner, call, told: true, boundaries: None, stream: Cow::Borrowed("") }
    }

    /// The same for bytes that are messages of this wire.
    pub fn with_messages(mut self, wire: Wire) -> Watched<T> {
        self.boundaries = are_watched().then(|| Boundaries::new(wire));
        self
    }

    /// The same for a direction of a connection, which has this name.
    pub fn of_stream(mut self, name: impl FnOnce() -> String) -> Watched<T> {
        if are_watched() {
            self.stream = Cow::Owned(name());
        }
        self
    }

    /// Whether the next calls are put into words.
    pub fn tell(&mut self, told: bool) {
        self.told = told;
    }

    /// Nothing more will pass: a message that has no end of its own ends here.
    pub fn close(&mut self) {
        if let Some(boundaries) = &mut self.boundaries {
            let last = boundaries.finish();
            if are_explained() {
                explain::count_last(self.call, last.ended);
            }
            self.trace_messages(&last, since_the_beginning());
        }
    }

    /// What is known of bytes that have passed. `at`: when each message that ends in them passed.
    fn facts(&mut self, bytes: &[u8], at: impl FnOnce() -> Duration) -> Facts {
        let mut facts = Facts { bytes: Some(bytes.len() as u64), ..Facts::default() };
        if let Some(boundaries) = &mut self.boundaries {
            let piece = if bytes.is_empty() { boundaries.finish() } else { boundaries.next(bytes) };
            facts.messages = Some(piece.ended);
            facts.text = text_of(&piece);
            facts.cut = cuts_of(&piece, self.call);
            if !self.stream.is_empty() {
                facts.stream = self.stream.clone();
                facts.offset = Some(piece.offset);
                self.trace_messages(&piece, at());
            }
        }
        facts
    }

    /// An arrow for each message, from the one computer to the other.
    fn trace_messages(&self, piece: &Piece, at: Duration) {
        if are_traced() && !self.stream.is_empty() {
            for message in piece.messages.iter().filter(|message| message.named) {
                trace::passes_the_wire(self.call == Call::Send, &self.stream, message, at);
            }
        }
    }
}

impl<T: Read> Read for Watched<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !are_watched() {
            return self.inner.read(into);
        }
        let asked = Some(into.len() as u64);
        let blocking = Blocking::begin(self.call, Facts { asked, ..Facts::default() });
        let result = self.inner.read(into);
        let facts = match &result {
            Ok(count) => self.facts(&into[..*count], since_the_beginning),
            Err(error) => Facts { failed: failed(error), ..Facts::default() },
        };
        blocking.end(facts);
        result
    }
}

impl<T: Write> Write for Watched<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !are_watched() {
            return self.inner.write(bytes);
        }
        let (asked, untold) = (Some(bytes.len() as u64), !self.told);
        let blocking = Blocking::begin(self.call, Facts { asked, untold, ..Facts::default() });
        let result = self.inner.write(bytes);
        let facts = match &result {
            // A message may arrive before the call that sends it returns: so it passes when that
            // begins.
            Ok(count) => self.facts(&bytes[..*count], || blocking.since),
            Err(error) => Facts { failed: failed(error), ..Facts::default() },
        };
        blocking.end(Facts { untold, ..facts });
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn failed(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "woken: the program is ending".to_owned(),
        _ => reason(error).to_string(),
    }
}

/// What the messages of a piece say.
fn text_of(piece: &Piece) -> String {
    let shown = piece.messages.iter().take(3).map(|message| message.text.as_str());
    let mut texts: Vec<&str> = shown.collect();
    if texts.len() < 3 && !piece.rest.is_empty() {
        texts.push(&piece.rest);
    }
    let text = texts.join(" | ");
    let end = text.floor_char_boundary(80);
    if end < text.len() { format!("{}...", &text[..end]) } else { text }
}

/// How the messages of a piece lie across the calls, where that is not one message a call.
fn cuts_of(piece: &Piece, call: Call) -> String {
    let call = call.name();
    let mut cuts = match (piece.ended, piece.pieces, piece.open) {
        (0, _, true) => "no end of a message yet".to_owned(),
        (0, _, false) => String::new(),
        (1, 0 | 1, false) => String::new(),
        (1, 0 | 1, true) => format!("1 message in 1 {call}, and the beginning of another"),
        (1, pieces, _) => format!("1 message in {pieces} {call}s"),
        (ended, 0 | 1, _) => format!("{ended} messages in 1 {call}"),
        (ended, pieces, _) => format!("{ended} messages in 1 {call}, the first in {pieces}"),
    };
    if piece.cuts_character {
        cuts.push_str(if cuts.is_empty() { "" } else { "; " });
        cuts.push_str("a character was cut here");
    }
    cuts
}
