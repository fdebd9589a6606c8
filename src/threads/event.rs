//! What the coordinator can hear: one closed list, so that everything that can wake it stands
//! on one page.

use std::fmt;
use std::net::SocketAddr;

use crate::error::Error;
use crate::platform::interface::shown;
use crate::roles::{Sink, Source};
use crate::text::audience::Request;
use crate::text::harmless::harmless;
use crate::text::reason::reason;
use crate::threads::buffer::Block;
use crate::threads::friend::Friend;
use crate::wire::fault::Fault;
use crate::wire::step::Oddity;

/// Everything that ever arrives in the coordinator's inbox.
#[derive(Debug)]
pub enum Event {
    /// A reader has read something, or has ended.
    Read(Source, News),
    /// A writer has written all that was waiting, about which it was asked; or it has ended.
    Written(Sink, Report),
    /// The acceptor has bound its socket to this address; friends can call now, at the addresses in
    /// the list.
    Listening(SocketAddr, Vec<SocketAddr>),
    /// The acceptor or the connector has found a friend, whose two threads are already running.
    Connected(Friend),
    /// The acceptor or the connector has failed.
    NotConnected(Error),
    /// The acceptor of a room could not take a caller, and has told the caller so.
    Refused(Error),
    /// Ctrl-C, SIGTERM or SIGHUP.
    Signal,
    /// A signal too, but the terminal has gone. The system and the shell may each send one about that:
    /// so the second does not mean "at once", as it does with [`Event::Signal`].
    HungUp,
    /// The time has come at which the coordinator wanted to be woken. (The inbox itself says so.)
    Time,
}

/// What a reader reports. The last report is always [`News::Ended`]. (It is an event, and not what the
/// thread returns when it is joined: the coordinator hears only what comes to its inbox.)
#[derive(Debug)]
pub enum News {
    /// Bytes, or whole messages.
    Block(Block),
    /// Something that a person should know, but that stops nothing.
    Oddity(Oddity),
    /// A typed line that is for the program and not for the friend: `/help`.
    Command(String),
    /// The friend asks for something, such as to be called by another name. One of the reader's
    /// buffers comes along, empty. It is dropped, and so goes home, when every writer has done what
    /// was asked: so a friend who asks without end has to wait like any other.
    Request(Request, Block),
    /// `end`, on the `frames` wire: nothing more will be said, though bytes may follow.
    Goodbye,
    /// The input has ended, or could not be read to its end.
    Ended(Result<(), ReadError>),
}

/// Why a reader stopped before the end of its input.
#[derive(Debug)]
pub enum ReadError {
    /// The system could not read.
    Io(std::io::Error),
    /// What was read breaks the rules of the wire.
    Rule(Fault),
}

/// What a writer reports. The last report is always [`Report::Ended`].
#[derive(Debug)]
pub enum Report {
    /// Everything before an [`Order::Flush`](crate::threads::order::Order::Flush) has been written.
    Flushed,
    /// The writer has ended.
    Ended {
        /// Whether all was written; if not, what the system said.
        result: std::io::Result<()>,
        /// How many bytes of messages were left unwritten.
        left: u64,
    },
}

/// In words, for `--explain`: who says what.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Read(Source::Stdin, news) => write!(f, "stdin-reader: {news}"),
            Event::Read(Source::Friend(number), news) => {
                write!(f, "socket-reader {number}: {news}")
            }
            Event::Written(Sink::Friend(number), report) => {
                write!(f, "socket-writer {number}: {report}")
            }
            Event::Written(sink, report) => write!(f, "{}: {report}", sink.role().name()),
            Event::Listening(at, _) => write!(f, "acceptor: listening on {}", shown(*at)),
            Event::Connected(friend) => write!(f, "a friend, at {}", shown(friend.address)),
            Event::NotConnected(error) => write!(f, "no friend: {error}"),
            Event::Refused(error) => write!(f, "a caller refused: {error}"),
            Event::Signal => f.write_str("a signal to leave"),
            Event::HungUp => f.write_str("the terminal has gone"),
            Event::Time => f.write_str("the clock"),
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Block(block) => write!(f, "{} bytes", block.bytes().len()),
            News::Oddity(oddity) => write!(f, "something odd ({oddity:?})"),
            News::Command(line) => write!(f, "the command {}", harmless(line)),
            News::Request(request, _) => write!(f, "{request}"),
            News::Goodbye => f.write_str("the word \"end\""),
            News::Ended(Ok(())) => f.write_str("the end of what there is to read"),
            News::Ended(Err(ReadError::Io(why))) => write!(f, "{}", reason(why)),
            News::Ended(Err(ReadError::Rule(fault))) => write!(f, "{fault}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Flushed => f.write_str("everything is written"),
            Report::Ended { result: Ok(()), .. } => f.write_str("everything is written, and done"),
            Report::Ended { result: Err(why), left } => {
                write!(f, "{}, with {left} bytes left", reason(why))
            }
        }
    }
}
