//! Everything that can go wrong, a sentence each.
//!
//! A sentence says what failed, on what, why, and what to do about it. It is written for the
//! person at the keyboard; no number of the operating system's and no `Debug` text is in it.

mod no_address;
mod words;

use std::io;
use std::io::ErrorKind::{
    BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
    NetworkUnreachable, OutOfMemory, PermissionDenied, TimedOut,
};
use std::net::SocketAddr;
use std::time::Duration;

use crate::error::words::{attempts, outcome, remedy, seconds};
use crate::platform::interface::shown;
use crate::roles::Role;
use crate::text::reason::reason;
use crate::wire::fault::Fault;

pub use crate::error::no_address::NoAddress;

/// Why a conversation could not start, or how it broke.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken by a program that is running now.
    #[error(
        "cannot listen on {at}: something is already listening there; \
         end it, or take another port: threadchat listen {other}"
    )]
    PortInUse {
        /// The address asked for, as it was typed.
        at: String,
        /// The same with another port.
        other: String,
    },

    /// The port is one that only an administrator may listen on.
    #[error(
        "cannot listen on {at}: this port is reserved for the system's own services; \
         take one from 1024 on: threadchat listen {other}"
    )]
    PortReserved {
        /// The address asked for, as it was typed.
        at: String,
        /// The same with another port.
        other: String,
    },

    /// The system does not let us have a port that is an ordinary one.
    #[error(
        "cannot listen on {at}: this computer keeps this port for something else; \
         take another: threadchat listen {other}"
    )]
    PortKept {
        /// The address asked for, as it was typed.
        at: String,
        /// The same with another port.
        other: String,
    },

    /// The address belongs to another machine.
    #[error(
        "cannot listen on {at}: this computer has no such address; \
         leave it out to listen on every address: threadchat listen {other}"
    )]
    NotOurAddress {
        /// The address asked for, as it was typed.
        at: String,
        /// The same without it.
        other: String,
    },

    /// Binding or listening failed in some other way.
    #[error("cannot listen on {at}: {}{}", reason(why), remedy(why))]
    CannotListen {
        /// The address asked for, as it was typed.
        at: String,
        /// What the system said.
        why: io::Error,
    },

    /// The listening socket failed while it waited for a friend.
    #[error("cannot take a call on {}: {}{}", shown(*at), reason(why), remedy(why))]
    CannotAccept {
        /// The listening address.
        at: SocketAddr,
        /// What the system said.
        why: io::Error,
    },

    /// The friend's name, or address, leads nowhere.
    #[error(transparent)]
    NoAddress(#[from] NoAddress),

    /// No address of the friend's could be reached.
    #[error(
        "cannot connect to {to}: {}{} ({})",
        outcome(tried, *port).0,
        outcome(tried, *port).1,
        attempts(tried)
    )]
    CannotConnect {
        /// Whom we called, as it was typed.
        to: String,
        /// The port we called.
        port: u16,
        /// Every address that was tried, and what came of it.
        tried: Vec<(SocketAddr, io::Error)>,
    },

    /// Calling took longer than `--timeout`.
    #[error(
        "cannot connect to {to}: no answer within {} from the friend's computer; \
         check the address, and that no firewall swallows the call, \
         or allow more time with --timeout",
        seconds(*limit)
    )]
    TimedOut {
        /// Whom we called, as it was typed.
        to: String,
        /// The limit that was reached.
        limit: Duration,
    },

    /// The friend's system took the call, and then the friend turned out to be talking already.
    #[error(
        "{} is busy: the connection was reset before a word was said; \
         try again later, or add --wait to go on calling",
        shown(*to)
    )]
    Busy {
        /// Whom we called.
        to: SocketAddr,
    },

    /// As [`Error::Busy`], but we had said something by then, and cannot know who heard it.
    #[error(
        "{} is busy, or broke off: the connection was reset before a word came back; \
         what was sent may not have arrived, so send it again",
        shown(*to)
    )]
    BusyAfterSending {
        /// Whom we called.
        to: SocketAddr,
    },

    /// `--wait=SECONDS` is over.
    #[error(
        "gave up waiting after {}, the limit of --wait: {}; \
         --wait without a limit waits until somebody answers",
        seconds(*limit),
        last.without_advice()
    )]
    WaitedInVain {
        /// The limit that was reached.
        limit: Duration,
        /// Why the last call failed.
        last: Box<Error>,
    },

    /// Keep-alive probes, or data, went unanswered.
    #[error(
        "{} is {}: nothing has come back for about 25 s; \
         what was sent last may not have arrived",
        shown(*friend),
        if *or_not_reading { "gone, or not reading" } else { "gone" }
    )]
    FriendGone {
        /// The friend's address.
        friend: SocketAddr,
        /// Whether a friend who merely does not read would look the same.
        or_not_reading: bool,
    },

    /// The connection was reset, or failed in another way.
    #[error(
        "the connection to {} broke: {}; what was sent last may not have arrived",
        shown(*friend),
        reason(why)
    )]
    ConnectionBroke {
        /// The friend's address.
        friend: SocketAddr,
        /// What the system said.
        why: io::Error,
    },

    /// On the `frames` wire: the stream ended between two frames, but without `end`.
    #[error(
        "{} was cut off: the connection ended without the closing \"end\" frame",
        shown(*friend)
    )]
    CutOff {
        /// The friend's address.
        friend: SocketAddr,
    },

    /// A wire's rules were broken.
    #[error(transparent)]
    Rule(#[from] Fault),

    /// Reading standard input failed.
    #[error(
        "cannot read stdin: {}; nothing more was sent; \
         where there is nothing to send, use --recv-only or < /dev/null",
        reason(.0)
    )]
    StdinUnreadable(io::Error),

    /// Writing standard output failed.
    #[error("cannot write to stdout: {}; what arrived last is not in it", reason(.0))]
    StdoutUnwritable(io::Error),

    /// The file of `--transcript` cannot be opened.
    #[error(
        "cannot write the transcript {file}: {}; take another file, or leave out --transcript",
        reason(why)
    )]
    NoTranscript {
        /// The file, as it was typed.
        file: String,
        /// What the system said.
        why: io::Error,
    },

    /// Writing the transcript failed later.
    #[error(
        "cannot write the transcript: {}; the chat goes on, and nothing more of it is written",
        reason(.0)
    )]
    TranscriptUnwritable(io::Error),

    /// The file of `--trace` cannot be opened.
    #[error(
        "cannot write the trace {file}: {}; take another file, or leave out --trace",
        reason(why)
    )]
    TraceNotMade {
        /// The file, as it was typed.
        file: String,
        /// What the system said.
        why: io::Error,
    },

    /// Writing the trace failed later.
    #[error("cannot write the trace: {}; the chat goes on, and nothing more of it is written", reason(.0))]
    TraceUnwritable(io::Error),

    /// Nobody reads our output any more, and that ended our sending too.
    #[error(
        "nobody reads stdout any more, so the conversation was ended before stdin was sent whole"
    )]
    StdinCutShort,

    /// One of the three standard streams cannot be used at all.
    #[error("cannot use {stream}: {}{}", reason(why), remedy(why))]
    NoStream {
        /// The stream's name.
        stream: &'static str,
        /// What the system said.
        why: io::Error,
    },

    /// The system has no thread left for us, or no memory for one.
    #[error(
        "cannot start the {thread} thread: {}; {}",
        reason(why),
        if why.kind() == OutOfMemory {
            "raise `ulimit -v`"
        } else {
            "end other programs, or raise `ulimit -u`"
        }
    )]
    NoThread {
        /// Which thread.
        thread: Role,
        /// What the system said.
        why: io::Error,
    },

    /// The system has no file left to wait for signals with.
    #[error("cannot listen for signals: {}{}", reason(.0), remedy(.0))]
    NoOtherSignals(io::Error),

    /// The handler for Ctrl-C could not be put in place.
    #[error("cannot listen for Ctrl-C: {0}")]
    NoSignals(ctrlc::Error),
}

impl Error {
    /// Whether calling again later could help, which is what `--wait` does.
    pub fn may_pass(&self) -> bool {
        match self {
            Error::CannotConnect { tried, .. } => tried.iter().any(|(_, why)| {
                matches!(
                    why.kind(),
                    ConnectionRefused
                        | ConnectionReset
                        | TimedOut
                        | HostUnreachable
                        | NetworkUnreachable
                        | PermissionDenied
                )
            }),
            Error::NoAddress(why) => why.may_pass(),
            Error::TimedOut { .. } | Error::Busy { .. } => true,
            _ => false,
        }
    }

    /// Whether the friend's system has reset the connection.
    pub fn is_reset(&self) -> bool {
        let Error::ConnectionBroke { why, .. } = self else { return false };
        matches!(why.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
    }

    /// The error without what to do about it, where that is being done already: `--wait`, `--keep`.
    pub fn without_advice(&self) -> String {
        match self {
            Error::PortInUse { at, .. } => {
                format!("cannot listen on {at}: something is already listening there")
            }
            Error::CannotConnect { to, port, tried } => {
                let (what, _) = outcome(tried, *port);
                format!("cannot connect to {to}: {what} ({})", attempts(tried))
            }
            Error::TimedOut { to, limit } => {
                let limit = seconds(*limit);
                format!(
                    "cannot connect to {to}: no answer within {limit} from the friend's computer"
                )
            }
            Error::NoAddress(why) => why.without_advice(),
            Error::Busy { to } => format!("{} is busy", shown(*to)),
            other => other.to_string(),
        }
    }

    /// The error as a caller needs to know it whom a room could not take.
    pub fn to_a_caller(&self) -> String {
        match self {
            Error::CannotAccept { why, .. } => reason(why),
            Error::NoThread { why, .. } if why.kind() == OutOfMemory => {
                "its computer has no memory left".to_owned()
            }
            Error::NoThread { .. } => "its computer has no thread left".to_owned(),
            other => other.to_string(),
        }
    }
}
