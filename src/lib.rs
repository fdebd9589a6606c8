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
//! A thread blocks in one kind of foreign call (`read`, `recv`, `send`, `write`, `accept`,
//! `connect`; the table below has them all) and otherwise only on a channel. The coordinator blocks on
//! its inbox alone (and joins the two threads of a friend when both have said their last words), so
//! nothing that a friend, a terminal or a pipe does can hold it up. Once connected, the listening
//! and the calling side are the same program. A room (`listen --room`) is the same picture with a
//! socket-reader and a socket-writer for each member, and the same coordinator.
//!
//! # Ten minutes, read aloud
//!
//! Six files are the whole story of two people. They leave the rest to others: rooms, terminals, files,
//! what `--explain` and `--trace` show. Where you meet a word of theirs, pass over it.
//!
//! 1. [`threads::event`]: everything that the coordinator can hear, on one page. Begin here.
//! 2. [`talk::coordinator`]: who is asked about what, and what comes next.
//! 3. [`talk::halves`]: a conversation is two halves, and how it ends is a table.
//! 4. [`threads::reader`]: the one loop for every source of bytes.
//! 5. [`threads::writer`]: the one loop for every sink.
//! 6. [`threads::buffer`]: buffers that come home, which is all of the flow control.
//!
//! Whoever asks "and then?" reads [`talk::conversation`], which does what the table says (its `is_over`
//! is where a conversation ends), and [`talk::leaving`]: how long that may take.
//!
//! # The house
//!
//! What blocks (`threads`) is kept apart from what decides (`talk`). A file knows only what stands
//! below it; `tests/house.rs` reads every `use` and holds that.
//!
//! ```text
//!     program     the command line; starting everything in order and ending it in order
//!     room        many people instead of two
//!     talk        every decision     terminal   keys, screen     net   sockets     lens   log, trace
//!     threads     every thread that blocks, and what travels between them
//!     error       everything that can go wrong, a sentence each
//!     wire        where a message ends                          picture   traces drawn (knows text alone)
//!     text        what people say, made safe                    watch     how a thread says what it does
//!     platform    where systems differ                          roles     who is who
//! ```
//!
//! `talk`, `terminal`, `net` and `lens` stand side by side and do not know one another.
//!
//! # Invariants
//!
//! Each is something that is *not* there.
//!
//! 1. The coordinator never waits for a friend, a terminal or a pipe. One that writes the socket
//!    itself, or that waits on a bounded outbox, locks up when both sides send at once and
//!    neither reads (observed in 3 of 3 runs with 200 MB each way).
//! 2. No thread but the coordinator decides that a conversation is over. Readers and writers
//!    report how they ended, as their last word. (For a fault in the program itself, and a signal
//!    that kills, nobody is asked: [`program::sudden`].)
//! 3. No thread but the screen-writer writes to stdout, and none but the notice-writer to
//!    stderr. (Where both are the same terminal, the screen-writer does both. Before the threads have
//!    started and after they have ended `main` writes itself; a panic and a signal that kills say their
//!    last words themselves; and a terminal that takes nothing from its writer is given back past it:
//!    [`platform::display`].)
//! 4. Nothing here is `unsafe`, sleeps, looks again and again, or shares memory under a lock. The
//!    exceptions:
//!    - Atomic are a counter of lost lines and one of lost steps, one for each writer of how far it is;
//!      where somebody watches, the numbers of blocks and what the account adds up; and once for each
//!      program, its clock, its watcher and the terminal's first modes.
//!    - A time is waited for by the coordinator, where [`talk::search`] or [`talk::leaving`] has
//!      named one, and by `main` at the end ([`program::ending`]); by the connector, for `--timeout`;
//!      by the keyboard, while a key has come in part ([`terminal::keys`]); by the screen-writer, after
//!      a flood ([`terminal::meanwhile`]); and by the trace-writer ([`lens::trace`]).
//!    - One thing is looked at again and again: a shell tells a running job nothing when it moves it
//!      to the foreground. So in the background, and only there, the stdin-reader looks once a second
//!      whether it is in front again ([`platform::stdin`]).
//! 5. Nothing is queued that no buffer pays for. So every channel can be unbounded, and memory is
//!    bounded all the same. The exceptions are counted: lines of our own ([`threads::notices`]), steps
//!    for the trace, what a person pastes faster than the friend takes it, and in a room a fixed
//!    amount for each member, above which buffers pay again ([`room::paid_outbox`]).
//!
//! # Who owns what
//!
//! Everything comes to the coordinator through *one* channel, first in, first out, and not through
//! one for each sender and a `select!` over them: "typed a line, then pressed Ctrl-C" has to stay in
//! that order, and `select!` picks at random among what is ready.
//!
//! A channel closes when the last sender is dropped; a forgotten clone is the classic way to
//! hang. So this table has to be true.
//!
//! | channel | senders | receiver | how it ends |
//! |---|---|---|---|
//! | the [inbox](threads::inbox) | every reader and writer, the keyboard (for the key Ctrl-C), the acceptor or connector, the handlers of signals | the coordinator; after it `main` | never: the handlers live for ever; its receiver stops listening |
//! | a socket-writer's [outbox](threads::outbox) | the coordinator alone | socket-writer | the coordinator drops its end: "that was all" |
//! | the screen-writer's outbox | the coordinator, `main`, the keyboard, and the logger where stderr is the screen | screen-writer | `Goodbye`, since the logger lives for ever |
//! | the notice-writer's outbox | every [`Notices`](threads::notices::Notices), the logger's too; the coordinator, for `--bell` | notice-writer | `Goodbye`, likewise |
//! | the transcript's outbox | the coordinator, `main` | the transcript's writer | `Goodbye` |
//! | in a room, the screen's and the transcript's | as above | their writers; the coordinator, to take back what a stuck stdout does not take | as above |
//! | a reader's empty buffers | the reader, and each buffer that is on its way | the reader | with the reader |
//! | "read no more" | the reader, and for piped stdin the coordinator and `main` | the reader | with the reader |
//! | [permits](threads::permit): "you may read", "stop", "that was all" | the coordinator, `main` | stdin-reader | "that was all" |
//! | the [board](terminal::row) with the input row | stdin-reader | screen-writer, and stdin-reader to take down an old one | with the stdin-reader |
//! | the [board](terminal::board) with who is here, for Tab | screen-writer | the keyboard, and screen-writer to take down an old list | with the screen-writer |
//! | "the row is off the screen" | screen-writer | the keyboard, before Ctrl-Z stops us | when it has been said |
//! | "find a friend" | the coordinator | acceptor or connector | with the coordinator |
//! | "the coordinator knows of the friend: begin" | the acceptor or connector | socket-reader | when it has been said, or cannot be said any more |
//! | what a look-up gave | resolver | connector | when it has been said |
//! | the outcome | coordinator | `main` | with the coordinator |
//! | the trace's records, and "write them now" | every thread, for as long as the process lives | trace-writer | `Goodbye` |
//! | "this thread has ended" | each thread, which never sends | whoever waits for it at the end | with the thread |
//! | "let go of the terminal" | the screen-writer | `main`, at the very end | with the screen-writer |
//!
//! # Who ends how
//!
//! *Join the writers; leave the readers that cannot be woken.*
//!
//! | thread | blocks in | ends when | at the end |
//! |---|---|---|---|
//! | `coordinator` | its inbox | it has decided that it is over | joined |
//! | `stdin-reader` | `poll`, for something to read or for being woken | its input has ended and nobody will ask for more | woken ([`platform::stdin`]) and joined |
//! | `socket-reader` | `recv` | the stream ends or breaks | woken by `shutdown` if need be, joined |
//! | `socket-writer` | `send` | its outbox is closed and empty | the same |
//! | `screen-writer` | `write`; on a terminal `poll` | it is told goodbye, or stdout breaks | joined; left where stdout takes nothing |
//! | `notice-writer` | `write` | the same, for stderr | the same |
//! | `transcript` | `write` | the same, for the file of `--transcript` | the same |
//! | `trace-writer` | `write` | the same, for the file of `--trace` | the same |
//! | `acceptor` | `accept`; before it `getaddrinfo`, where it was given a name | nobody will ask it for a friend again | joined; left where it still waits, as in a room always |
//! | `connector` | `connect`, or until the resolver answers | the same | the same |
//! | `resolver` | `getaddrinfo` | the system has an answer | joined by the connector; left where nobody waits for it any more |
//! | `ctrl-c` (the `ctrlc` crate's) | Ctrl-C | never | left |
//! | `signals` | any other signal that would end us | never | left |
//!
//! A panic in any of them ends the process.
//!
//! # Part two
//!
//! - **What decides**, besides the six: [`talk::plan`], what was asked for; [`talk::meeting`], what the
//!   coordinator knows of a conversation or a room; [`talk::search`], finding a friend;
//!   [`talk::redial`], one who proves busy; [`talk::ringing`], when the bell rings; [`talk::typing`], how far the stdin-reader is;
//!   [`talk::names`], what the two are called; [`talk::shown`], what is out on the screen;
//!   [`talk::transfer`], how far a file is on its way;
//!   [`talk::verdict`], why it is over; [`talk::farewell`], what is said at the end.
//! - **A room** adds [`room::rules`], who is here and called what; [`room::member`], the two halves of
//!   each; [`room::paid_outbox`], who is waited for; [`room::host_outbox`], the host's own screen and
//!   transcript; [`room::relay`] and [`room::announcement`], what everybody gets; [`room::closing`], its end; and
//!   [`room::hosting`], which brings them together.
//! - **What blocks**, besides the six: [`threads::inbox`] and [`threads::outbox`], both ends of each;
//!   [`threads::order`], what a writer can be told, and [`threads::form`], what it makes of that;
//!   [`threads::friend`], a friend on the line; [`threads::permit`], when stdin may be read;
//!   [`threads::notices`], what is said on stderr; [`threads::thread`], threads with names.
//! - **The wires**: [`wire::messages`], finding messages again; [`wire::codec`], which rule for whom;
//!   [`wire::lines`], [`wire::frames`], [`wire::framer`], [`wire::typed`], the rules;
//!   [`wire::step`], [`wire::space`] and [`wire::fault`], their words; [`wire::sniffer`], who speaks
//!   the other wire, or is a browser.
//! - **Text**: [`text::harmless`], why a friend cannot take over the terminal, and
//!   [`text::invisible`], nor hide anything; [`text::rows`], nor speak in another's name;
//!   [`text::name`], [`text::command`], [`text::audience`], [`text::reason`].
//! - **The terminal**: [`terminal::decoder`], from bytes to keys; [`terminal::keys`],
//!   [`terminal::editor`] and [`terminal::keyboard`], from keys to lines, with
//!   [`terminal::editor::bindings`], [`terminal::editor::line`], [`terminal::editor::undo`],
//!   [`terminal::editor::kills`], [`terminal::editor::search`], [`terminal::editor::completion`] and
//!   [`terminal::history`]; [`terminal::people`], whom Tab knows; [`terminal::board`];
//!   [`terminal::lines`], where the terminal edits; [`terminal::screen`], [`terminal::label`],
//!   [`terminal::row`] and [`terminal::layout`], what is seen, with [`terminal::above`]; [`terminal::progress`], the row of a transfer;
//!   [`terminal::attention`], whether somebody looks;
//!   [`terminal::meanwhile`], how much came too fast; [`terminal::transcript`],
//!   the same in a file; [`terminal::clock`].
//! - **The network**: [`net::place`] and [`net::resolver`], from a name to addresses; [`net::socket`], to
//!   a connected socket; [`net::requests`], [`net::acceptor`] and [`net::connector`], who looks for
//!   friends; [`net::connection`], a socket's two threads; [`net::neighbours`], what to tell a friend.
//! - **To see all this happen**: [`watch::steps`] and [`watch::watched`] say what a thread does;
//!   [`lens::listener`] hears it; [`lens::explain`] and [`lens::account`] put it into words,
//!   [`lens::trace`], [`lens::record`] and [`lens::book`] into a file; [`lens::passage`] and
//!   [`lens::boundaries`] find the messages in the bytes. [`picture`] draws such files.
//! - **The program**: [`program::chat`], the first thread to the last; [`program::cli`] and its
//!   neighbours, the command line; [`program::writers`], [`program::stdin`], [`program::finder`], what
//!   is started; [`program::ending`], how long to wait for whom.
//! - **The ground**: [`platform`], where systems differ; [`roles`], who is who; [`error`], every sentence
//!   for what can go wrong.
//!
//! # How it is known
//!
//! Threads and the clock come by way of [`platform::machine`], so that a model checker can take the
//! system's place there: `scripts/model` tries small conversations in many orders of events. It shows that
//! the first invariant, the buffers that come home, the writers that are woken by hand and the last words
//! hold in each that it tried. Turned against a build with a bounded outbox, or without one of these
//! wake-ups, it finds the lock-up at once.

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

pub mod error;
pub mod lens;
pub mod net;
pub mod picture;
pub mod platform;
pub mod program;
pub mod roles;
pub mod room;
pub mod talk;
pub mod terminal;
pub mod text;
pub mod threads;
pub mod watch;
pub mod wire;
