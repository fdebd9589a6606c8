//! # threadchat, read aloud
//!
//! Two people type at once. A program that waits for the keyboard cannot hear the friend, and
//! one that waits for the friend cannot hear the keyboard: `read` and `recv` both *block*. The
//! answer of this program, and of the one from 2014 that it comes from, is a thread for each of
//! them. Everything else here is about doing that well.
//!
//! **One thread per blocking call, one thread that decides, and nothing shared: things are
//! handed over.**
//!
//! ```text
//!        keyboard                                                  friend
//!           | read                                                    ^ send
//!      stdin-reader ---+                                 +--- socket-writer
//!                      +--- inbox --->  coordinator  ----+
//!     socket-reader ---+              (all decisions)    +--- screen-writer
//!           ^ recv     |                                              | write
//!         friend    Ctrl-C, acceptor or connector                  screen
//! ```
//!
//! A thread blocks in exactly one foreign call (`read`, `recv`, `send`, `write`, `accept`,
//! `connect`) and otherwise only on a channel. The coordinator blocks on its inbox alone, so
//! nothing that a friend, a terminal or a pipe does can hold it up. Once connected, the listening
//! and the calling side are the same program.
//!
//! # The modules, in reading order
//!
//! 1. [`event`]: everything the coordinator can hear. Begin here: it is a page.
//! 2. [`coordinator`]: every decision; and [`conversation`]: how one begins, and how people end
//!    it.
//! 3. [`reader`] and [`writer`]: the one loop for every source of bytes, and the one for every
//!    sink.
//! 4. [`buffer`]: buffers that come home, which is all of the flow control.
//! 5. [`wire`]: where a message ends; `lines` and `frames`. [`screen`]: what a message looks
//!    like. [`text`]: why a friend cannot take over the terminal. All are pure rules, and so is
//!    [`sniffer`], which notices a friend who speaks the other wire.
//! 6. [`socket`]: from an address to a connected socket. [`connection`]: its two threads.
//! 7. [`chat`]: starting everything in order, and ending it in order. [`thread`]: threads with
//!    names.
//! 8. [`notices`] and [`explain`]: what is said on stderr. [`error`]: everything that can go
//!    wrong, a sentence each. [`platform`]: where operating systems differ. [`cli`]: the words
//!    of the command line.
//!
//! # Invariants
//!
//! Each is something that is *not* there.
//!
//! 1. The coordinator never waits for a friend, a terminal or a pipe. One that writes the socket
//!    itself, or that waits on a bounded outbox, locks up when both sides send at once and
//!    neither reads (observed in 3 of 3 runs with 200 MB each way).
//! 2. No thread but the coordinator decides that a conversation is over. Readers and writers
//!    report how they ended, as their last word.
//! 3. No thread but the screen-writer writes to stdout, and none but the notice-writer to
//!    stderr; where both are the same terminal, the screen-writer does both.
//! 4. Nothing here is `unsafe`, sleeps, polls, or shares memory under a lock. (One counter of
//!    lost lines is atomic.)
//! 5. Nothing is queued that no buffer pays for, but for lines of our own, which are counted.
//!    So every channel can be unbounded, and memory is bounded all the same.
//!
//! # One inbox
//!
//! Everything comes to the coordinator through *one* channel, first in, first out, instead of
//! one channel for each sender and a `select!` over them: "typed a line, then pressed Ctrl-C"
//! has to stay in that order, and `select!` picks at random among what is ready.
//!
//! # Who owns what
//!
//! A channel closes when the last sender is dropped; a forgotten clone is the classic way to
//! hang. So this table has to be true.
//!
//! | channel | senders | receiver | how it ends |
//! |---|---|---|---|
//! | the inbox | every reader and writer, the acceptor or connector, the Ctrl-C handler | the coordinator; after it `main` | never: the handler lives for ever; its receiver stops listening |
//! | socket-writer's outbox | the coordinator alone | socket-writer | the coordinator drops its end: "that was all" |
//! | screen-writer's outbox | the coordinator, `main`, and the logger where stderr is the screen | screen-writer | `Goodbye`, since the logger lives for ever |
//! | notice-writer's outbox | every [`Notices`](notices::Notices), the logger's too | notice-writer | `Goodbye`, likewise |
//! | a reader's empty buffers | the reader, and each buffer that is on its way | the reader | with the reader |
//! | "read no more" | the reader, and for piped stdin the coordinator | the reader | with the reader |
//! | "you may read" | the coordinator | stdin-reader | with the coordinator |
//! | "find a friend" | the coordinator | acceptor or connector | with the coordinator |
//!
//! # Who ends how
//!
//! *Join the writers; leave the readers that cannot be woken.*
//!
//! | thread | blocks in | ends when | at the end |
//! |---|---|---|---|
//! | `coordinator` | its inbox | it has decided that it is over | joined |
//! | `stdin-reader` | `read` | its input ends | on a terminal woken ([`platform`]) and joined; on a pipe left: nothing can wake it |
//! | `socket-reader` | `recv` | the stream ends or breaks | woken by `shutdown` if need be, joined |
//! | `socket-writer` | `send` | its outbox is closed and empty | the same |
//! | `screen-writer` | `write` | it is told goodbye, or stdout breaks | joined; left where stdout takes nothing |
//! | `notice-writer` | `write` | the same, for stderr | the same |
//! | `acceptor` | `accept` | nobody will ask it for a friend again | joined; left where it still waits |
//! | `connector` | `getaddrinfo`, `connect` | the same | the same |
//! | `ctrl-c` (the `ctrlc` crate's) | a signal | never | left |
//!
//! A panic in any of them ends the process.
//!
//! # Where this departs from the obvious
//!
//! - The coordinator prints the errors that end a conversation, not `main`: with a stderr that
//!   nobody reads `main` would hang. They go the way of all notices.
//! - Each writer is a [`BufWriter`](std::io::BufWriter) that is flushed whenever its outbox is
//!   empty: small messages that wait together leave in one call, and none waits for company.
//! - [`platform`] calls `poll`, without a time limit, where a file that somebody made non-blocking
//!   has nothing for us: that is blocking by another name, not looking again and again.
//! - A thread says how it ended as an event, and not through its `JoinHandle`: the coordinator
//!   can only hear what comes to its inbox.

#![deny(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::todo,
    clippy::unimplemented,
    clippy::dbg_macro,
    clippy::disallowed_methods
)]

pub mod event;

pub mod conversation;
pub mod coordinator;

pub mod reader;
pub mod writer;

pub mod buffer;

pub mod screen;
pub mod sniffer;
pub mod text;
pub mod wire;

pub mod connection;
pub mod socket;

pub mod chat;
pub mod thread;

pub mod cli;
pub mod error;
pub mod explain;
pub mod notices;
pub mod platform;
