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
//! `connect`) and otherwise only on a channel (in a room a socket-writer is woken by hand; see
//! [`paid_outbox`](room::paid_outbox)). The coordinator blocks on its inbox alone, so
//! nothing that a friend, a terminal or a pipe does can hold it up. Once connected, the listening
//! and the calling side are the same program.
//!
//! A room (`listen --room`) is the same picture with a socket-reader and a socket-writer for each
//! member, and the same coordinator.
//!
//! # The modules, in reading order
//!
//! 1. [`event`](threads::event): everything the coordinator can hear. Begin here: it is a page.
//! 2. [`coordinator`](talk::coordinator): every decision; and [`conversation`](talk::conversation): how one begins, and how people end
//!    it; [`leaving`](talk::leaving): how long that may take. [`hosting`](room::hosting): the same for a room, by the rules of [`room`](room::rules), which are pure.
//! 3. [`reader`](threads::reader) and [`writer`](threads::writer): the one loop for every source of bytes, and the one for every
//!    sink.
//! 4. [`buffer`](threads::buffer): buffers that come home, which is all of the flow control; but in a room, where
//!    the slowest would hold up everybody, for [`paid_outbox`](room::paid_outbox). [`ear`](room::host_outbox): the host's own outboxes.
//! 5. [`messages`](wire::messages): where a message ends; [`lines`](wire::lines) and [`frames`](wire::frames); [`framer`](wire::framer),
//!    from the one to the other; [`codec`](wire::codec), which of them is wanted where; and [`sniffer`](wire::sniffer), which notices a
//!    friend who speaks the other one, or is a browser. [`typed`](wire::typed): what a person types is a message or a
//!    [`command`](text::command); and what a friend sends is a message or a request, as its [`audience`](text::audience) has it.
//!    [`name`](text::name): what people can be called. All are pure rules.
//! 6. [`decoder`](terminal::decoder): from bytes to keys. [`editor`](terminal::editor): from keys to lines; [`keyboard`](terminal::keyboard): whose
//!    the terminal is meanwhile. [`screen`](terminal::screen): what a message looks like; [`row`](terminal::row): what is being
//!    typed, below it. [`text`](text::harmless): why a friend cannot
//!    take over the terminal, nor hide anything ([`invisible`](text::invisible)); and [`rows`](text::rows): why none can speak in
//!    another's name. [`transcript`](terminal::transcript): the same in a file.
//! 7. [`resolver`](net::resolver): from a name to addresses; [`socket`](net::socket): from an address to a connected socket;
//!    [`interface`](platform::interface): which way an address leads; [`neighbours`](net::neighbours): which ones to tell a friend.
//!    [`acceptor`](net::acceptor) and [`connector`](net::connector): who waits to be called, and who calls.
//!    [`connection`](net::connection): a connected socket's two threads.
//! 8. [`chat`](program::chat): starting everything in order, and ending it in order: the
//!    [`writers`](program::writers), [`stdin`](program::stdin) and its reader, the [`finder`](program::finder) of friends;
//!    and [`ending`](program::ending), how long to wait for whom. [`sudden`](program::sudden): signals, and a fault of our
//!    own. [`thread`](threads::thread): threads with names. [`machine`](platform::machine): whose threads they are.
//! 9. [`notices`](threads::notices): what is said on stderr. [`error`]: everything that can go wrong, a sentence
//!    each. [`platform`]: where operating systems differ. [`cli`](program::cli): the words of the command line, and
//!    [`address`](program::address), the host and the port in them.
//! 10. To see all this happen: [`steps`](watch::steps), what each thread does, one by one, and who can listen;
//!     [`watched`](watch::watched): foreign calls that are told. The [`listener`](lens::listener) hands steps to
//!     [`explain`](lens::explain), which puts them into words, and [`trace`](lens::trace), into a file. [`boundaries`](lens::boundaries): where the messages lie in what `recv`
//!     gives; a pure rule. [`picture`]: from such files to a page that can be looked at; nothing of
//!     the rest knows of it.
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
//! 4. Nothing here is `unsafe`, sleeps, polls, or shares memory under a lock. (A time is waited for
//!    by the trace-writer and, while a key has come in part, by the keyboard; see below. Atomic are a
//!    counter of lost lines, and one for each writer of how far it is; and where somebody wants to see
//!    the steps, what the account adds up. The modes of the terminal are noted once.) But one thing is
//!    looked at again and again: a shell tells a running job nothing when it moves it to the
//!    foreground, so in the background, and only there, the stdin-reader looks once a second whether
//!    it is in front again.
//! 5. Nothing is queued that no buffer pays for, but for lines of our own and steps for the trace,
//!    which are counted,
//!    what a person pastes faster than the friend takes it, and in a room a fixed amount for each
//!    member, above which buffers pay again.
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
//! | the inbox | every reader and writer, the keyboard (for the key Ctrl-C), the acceptor or connector, the Ctrl-C handler | the coordinator; after it `main` | never: the handler lives for ever; its receiver stops listening |
//! | a socket-writer's outbox | the coordinator alone | socket-writer | the coordinator drops its end: "that was all" |
//! | screen-writer's outbox | the coordinator, `main`, the keyboard, and the logger where stderr is the screen | screen-writer | `Goodbye`, since the logger lives for ever |
//! | notice-writer's outbox | every [`Notices`](threads::notices::Notices), the logger's too | notice-writer | `Goodbye`, likewise |
//! | a reader's empty buffers | the reader, and each buffer that is on its way | the reader | with the reader |
//! | the outcome | coordinator | `main` | with the coordinator |
//! | "read no more" | the reader, and for piped stdin the coordinator | the reader | with the reader |
//! | "you may read", "stop", "that was all" | the coordinator, `main`, and whoever may wake the keyboard | stdin-reader | "that was all", since the terminal has an end of it |
//! | the board with the input row | stdin-reader | screen-writer, and stdin-reader to take down an old one | with the stdin-reader |
//! | the transcript's outbox | the coordinator, `main` | the transcript's writer | `Goodbye` |
//! | the trace's records | every thread, for as long as the process lives | trace-writer | `Goodbye`, likewise |
//! | in a room, these two outboxes | as above | their writers; the coordinator, to take back what a stuck stdout does not take | as above |
//! | "the coordinator knows of the friend: begin" | the acceptor or connector | socket-reader | when it has been said, or cannot be said any more |
//! | what a look-up gave | resolver | connector | when it has been said |
//! | "find a friend" | the coordinator | acceptor or connector | with the coordinator |
//!
//! # Who ends how
//!
//! *Join the writers; leave the readers that cannot be woken.*
//!
//! | thread | blocks in | ends when | at the end |
//! |---|---|---|---|
//! | `coordinator` | its inbox | it has decided that it is over | joined |
//! | `stdin-reader` | `poll`, for something to read or for being woken | its input ends | woken ([`platform`]) and joined |
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
//! # Where this departs from the obvious
//!
//! - The coordinator prints the errors that end a conversation, not `main`: with a stderr that
//!   nobody reads `main` would hang. They go the way of all notices.
//! - Each writer is a [`BufWriter`](std::io::BufWriter) that is flushed whenever its outbox is
//!   empty: small messages that wait together leave in one call, and none waits for company.
//! - [`platform`] calls `poll`, without a time limit, where a file that somebody made non-blocking
//!   has nothing for us: that is blocking by another name, not looking again and again. Who reads
//!   stdin waits in `poll` as well, for something to read and for being woken: no call wakes a
//!   `read`.
//! - Whoever touches the terminal asks first whether it is ours: in the background it is the shell's.
//!   [`platform`] asks, in one place. The signals with which the system stops a job that does touch it
//!   (SIGTTIN, SIGTTOU) are blocked in every thread: it may have been moved to the background since,
//!   and a call that stops it is begun again when it goes on, and stops it once more, before it can
//!   end. So `stty tostop` does not hold it either.
//! - A terminal that stdout is gets opened once more, non-blocking, and its writer waits in `poll`. A
//!   `write` that blocks keeps everybody else from writing to that terminal; so at the end, where it
//!   takes nothing, nobody could tell it any more that what is pasted is not to be marked.
//! - The keys come from `termina`'s parser, and not from its own reader of events: that restores the
//!   terminal in a way that waits for ever where output is stopped. And the parser is given whole keys
//!   only: it takes whatever follows Alt-], or an answer that it does not know, for the rest of it,
//!   Ctrl-C included. So [`decoder`](terminal::decoder) has a rule of its own for where each of them ends.
//! - Whether Esc is a key or the beginning of one only time can tell: where a key has begun and not
//!   ended, `poll` waits for 0.5 s at most.
//! - The keyboard never waits for an empty buffer: it hands a line over when there is one, which
//!   a buffer that comes home tells it by ringing, and goes on reading keys until then. So Ctrl-C,
//!   which is a key there, is heard also while the friend takes nothing.
//! - The input row goes to the screen-writer by a board with room for one, and not through its
//!   outbox: of rows only the newest is of use, and they would pile up behind a stuck terminal.
//!   Everything else that is shown keeps its order, in the outbox.
//! - After Ctrl-D the terminal is given back to its own line mode: there is nothing to edit, and
//!   Ctrl-C, Ctrl-Z and Ctrl-S are the terminal's own business again.
//! - In a room, too, the acceptor takes a caller only when the coordinator has asked for one: so
//!   callers cannot come faster than they are dealt with, and those who are still leaving are few.
//! - What is sent to a member is kept out of the system's hands (`TCP_NOTSENT_LOWAT`, 16 KiB) and in
//!   ours, where it is counted. Else some megabytes would wait there unseen, and a member who reads
//!   slowly would look for many seconds like one who does not read: a `send` that waits is woken
//!   only when a third of the system's buffer is free.
//! - A member's socket-writer does not wait at its outbox but parks, and is woken when the
//!   coordinator has nothing more to hand out: else each message woke each writer, which preempted
//!   the coordinator.
//! - No thread spins before it sleeps, as crossbeam's `recv` does: a room's coordinator and writers that
//!   did so were half of its work. But in a conversation of two the coordinator and a writer give way
//!   once ([`receive`](threads::inbox::receive)), so that blocks come to them several at a time.
//! - A member has left when its sending half ends, also where it could still listen: most programs
//!   close both at once, and the two cannot be told apart before something is sent to it.
//! - The trace-writer, once it has been woken, lets records gather for 20 ms before it writes them. To
//!   wake it for each would cost the chat more than the writing. Where nothing happens it is not
//!   woken at all.
//! - Threads and the clock come by way of [`machine`](platform::machine), so that a model checker can take the system's
//!   place there. `scripts/model` tries small conversations in many orders of events: it shows that
//!   the first invariant, the buffers that come home, the writers that are woken by hand and the
//!   last words hold in each that it tried. Turned against a build with an unbounded outbox made a
//!   bounded one, or without one of these wake-ups, it finds the lock-up at once.
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
