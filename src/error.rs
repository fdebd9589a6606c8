//! Everything that can go wrong, a sentence each.
//!
//! A sentence says what failed, on what, why, and what to do about it. It is written for the
//! person at the keyboard; no number of the operating system's and no `Debug` text is in it.

use std::io;
use std::io::ErrorKind::{
    ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, OutOfMemory,
    PermissionDenied, TimedOut,
};
use std::net::SocketAddr;
use std::time::Duration;

use crate::platform::interface::shown;
use crate::platform::limits;
use crate::roles::Role;
use crate::text::reason::reason;
use crate::wire::fault::Fault;

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

    /// The name has no address.
    #[error("cannot find {host}: {}; check the spelling, or give the address itself", reason(why))]
    CannotResolve {
        /// The name asked for.
        host: String,
        /// What the resolver said.
        why: io::Error,
    },

    /// The name server fails for the moment, or cannot be reached.
    #[error(
        "cannot look up {host}: the name server fails, or cannot be reached ({}); \
         check the network, or give the address itself",
        reason(why)
    )]
    NameServerFails {
        /// The name asked for.
        host: String,
        /// What the resolver said.
        why: io::Error,
    },

    /// The name server has not answered, neither yes nor no.
    #[error(
        "cannot look up {host}: the name server has not answered within {}; \
         check the network, give the address itself, or allow more time with --timeout",
        seconds(*limit)
    )]
    NameServerSilent {
        /// The name asked for.
        host: String,
        /// The limit that was reached.
        limit: Duration,
    },

    /// An address that holds on one link only, without the interface that leads there.
    #[error(
        "{host} is a link-local address, which says nothing without its interface; \
         add it, as in {host}%{} (interfaces here: {})",
        here.first().map_or("eth0", String::as_str),
        listed(here)
    )]
    NoInterface {
        /// The address.
        host: String,
        /// The names of interfaces.
        here: Vec<String>,
    },

    /// An address whose interface is none of this computer's.
    #[error(
        "cannot use {host}: there is no interface {interface} here; \
         take one that is in use (interfaces here: {})",
        listed(here)
    )]
    NoSuchInterface {
        /// The address, with the interface.
        host: String,
        /// The interface.
        interface: String,
        /// The names of interfaces.
        here: Vec<String>,
    },

    /// Looking up a name takes a file, and there is none left.
    #[error("cannot look up {host}: {}{}", reason(why), remedy(why))]
    NoFileToResolve {
        /// The name asked for.
        host: String,
        /// What the system said.
        why: io::Error,
    },

    /// The name has addresses, but none of the family that `-4` or `-6` asked for.
    #[error("{host} has no IPv{version} address; leave out -{version} to use the others")]
    NoAddressOfFamily {
        /// The name asked for.
        host: String,
        /// 4 or 6.
        version: u8,
    },

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
            Error::TimedOut { .. }
            | Error::NameServerSilent { .. }
            | Error::NameServerFails { .. }
            | Error::Busy { .. } => true,
            _ => false,
        }
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
            Error::NameServerSilent { host, limit } => {
                let limit = seconds(*limit);
                format!("cannot look up {host}: the name server has not answered within {limit}")
            }
            Error::NameServerFails { host, why } => {
                let why = reason(why);
                format!(
                    "cannot look up {host}: the name server fails, or cannot be reached ({why})"
                )
            }
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

/// What to do about it, where it is our own limit that has been reached.
fn remedy(error: &io::Error) -> &'static str {
    if limits::is_out_of_files(error) { "; raise `ulimit -n`" } else { "" }
}

/// What came of a call to a name, where all of its addresses failed alike; and how the sentence goes
/// on for who does not wait: what to do about it.
fn outcome(tried: &[(SocketAddr, io::Error)], port: u16) -> (&'static str, String) {
    let all = |kinds: &[io::ErrorKind]| tried.iter().all(|(_, why)| kinds.contains(&why.kind()));
    let (what, advice) = if all(&[ConnectionRefused]) {
        let advice = format!(
            ", or the listener is talking to somebody already; start the listener first \
             (threadchat listen {port}), or add --wait to wait for it"
        );
        return ("nobody listens there", advice);
    } else if all(&[TimedOut]) {
        ("no answer", "; check the address, and that no firewall swallows the call")
    } else if all(&[HostUnreachable, NetworkUnreachable]) {
        (
            "no way leads there",
            "; check the address and the network, and that no firewall forbids the call",
        )
    } else if all(&[PermissionDenied]) {
        (
            "a firewall forbids the call",
            "; have it let the call through: it may be on this computer, on the friend's, or between",
        )
    } else if tried.iter().all(|(_, why)| limits::is_out_of_files(why)) {
        ("no file is left for the connection", "; raise `ulimit -n`")
    } else {
        ("nobody could be reached", "; check the address, and that the listener was started first")
    };
    (what, advice.to_owned())
}

/// Every address that was called, and what came of it.
fn attempts(tried: &[(SocketAddr, io::Error)]) -> String {
    let words = tried.iter().map(|(address, why)| format!("{}: {}", shown(*address), reason(why)));
    words.collect::<Vec<_>>().join(", ")
}

/// A time limit as a person would say it: what was left of a longer one has many digits.
fn seconds(limit: Duration) -> String {
    let exact = limit.as_secs_f64();
    let rounded = (exact * 100.0).round() / 100.0;
    format!("{} s", if rounded > 0.0 { rounded } else { exact })
}

/// Names in a row.
fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
