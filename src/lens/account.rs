//! The account: what every thread has done in a conversation, and how long it was blocked in what. It
//! is added up while the program runs, since a thread that is left at the end cannot be asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lens::clock;
use crate::lens::lanes::{self, NAME_MAX};
use crate::lens::units::{Bytes, Counted, Span};
use crate::roles::{self, Role};
use crate::watch::steps::Call;

/// What is added up for each call of each thread.
#[derive(Clone, Copy, Debug)]
enum Sum {
    Calls,
    Bytes,
    Messages,
    /// How long it was blocked there, in nanoseconds.
    Blocked,
}

const SUMS: usize = Sum::Blocked as usize + 1;

type Sums = [[[AtomicU64; SUMS]; Call::COUNT]; lanes::COUNT];

const fn nothing() -> Sums {
    [const { [const { [const { AtomicU64::new(0) }; SUMS] }; Call::COUNT] }; lanes::COUNT]
}

/// Since the program began.
static SUMS_NOW: Sums = nothing();

/// What of it was there before this account began, and when that was.
static SUMS_BEFORE: Sums = nothing();
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// This thread was blocked in a call, which gave or took so many bytes. `counts`: whether that is one
/// more.
pub fn count_call(call: Call, blocked: Duration, bytes: u64, counts: bool) {
    add(call, Sum::Calls, u64::from(counts));
    add(call, Sum::Bytes, bytes);
    add(call, Sum::Blocked, nanos(blocked));
}

/// So many messages have ended in what passed.
pub fn count_messages(call: Call, messages: u64) {
    add(call, Sum::Messages, messages);
}

fn add(call: Call, sum: Sum, amount: u64) {
    if let Some(calls) = SUMS_NOW.get(lanes::place_of(roles::me().role)) {
        calls[call as usize][sum as usize].fetch_add(amount, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What was done until now is not of this account. (The first begins with the program.)
pub fn begin() {
    let (now, before) = (SUMS_NOW.as_flattened(), SUMS_BEFORE.as_flattened());
    for (now, before) in now.as_flattened().iter().zip(before.as_flattened()) {
        before.store(now.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    BEGAN.store(nanos(clock::since_the_beginning()), Ordering::Relaxed);
}

/// How much it is since this account began.
fn since(place: usize, call: Call, sum: Sum) -> u64 {
    let look = |sums: &Sums| sums[place][call as usize][sum as usize].load(Ordering::Relaxed);
    look(&SUMS_NOW).saturating_sub(look(&SUMS_BEFORE))
}

/// The account, in a few lines.
pub fn lines() -> Vec<String> {
    let began = Duration::from_nanos(BEGAN.load(Ordering::Relaxed));
    let took = Span(clock::since_the_beginning().saturating_sub(began));
    let mut lines = vec![format!("the account, of {took}:")];
    let (read, sent) = ((Role::StdinReader, Call::Read), (Role::SocketWriter, Call::Send));
    let (heard, shown) = ((Role::SocketReader, Call::Recv), (Role::ScreenWriter, Call::Write));
    let of = |(thread, call), sum| since(lanes::place_of(thread), call, sum);
    for (what, told, from, to) in [("said", sent, read, sent), ("heard", heard, heard, shown)] {
        let messages = Counted(of(told, Sum::Messages), "message");
        let bytes = Bytes(of(told, Sum::Bytes));
        let calls = |by: (Role, Call)| Counted(of(by, Sum::Calls), by.1.name());
        lines.push(format!(
            "  {what:<5} {messages}, {bytes}, in {} and {}",
            calls(from),
            calls(to)
        ));
    }
    for (place, thread) in lanes::threads().enumerate() {
        let blocked = in_words(place);
        if !blocked.is_empty() {
            lines.push(format!("  {thread:<NAME_MAX$} was blocked {blocked}"));
        }
    }
    lines
}

/// In which calls a thread was blocked, and for how long in each.
fn in_words(place: usize) -> String {
    let calls = [
        (Call::Read, "read"),
        (Call::Recv, "recv"),
        (Call::Send, "send"),
        (Call::Write, "write"),
        (Call::Accept, "accept"),
        (Call::Connect, "connect"),
        (Call::Inbox, "its inbox"),
        (Call::Outbox, "its outbox"),
        (Call::Buffer, "want of a buffer"),
    ];
    let blocked: Vec<String> = calls
        .into_iter()
        .map(|(call, name)| (since(place, call, Sum::Blocked), name))
        .filter(|(nanos, _)| *nanos > 0)
        .map(|(nanos, name)| format!("{} in {name}", Span(Duration::from_nanos(nanos))))
        .collect();
    blocked.join(", ")
}
