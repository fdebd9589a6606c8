//! Everything that can go wrong, a sentence each.
//!
//! A sentence says what failed, on what, why, and what to do about it. It is written for the
//! person at the keyboard; no number of the operating system's and no `Debug` text is in it.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::FRAME_MAX;

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

    /// The address belongs to another machine.
    #[error(
        "cannot listen on {at}: this computer has no such address; \
         leave it out to listen on every address: threadchat listen {port}"
    )]
    NotOurAddress {
        /// The address asked for, as it was typed.
        at: String,
        /// Its port.
        port: u16,
    },

    /// Binding or listening failed in some other way.
    #[error("cannot listen on {at}: {}", reason(why))]
    CannotListen {
        /// The address asked for, as it was typed.
        at: String,
        /// What the system said.
        why: io::Error,
    },

    /// The listening socket failed while it waited for a friend.
    #[error("cannot take a call on {at}: {}", reason(why))]
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

    /// The name has addresses, but none of the family that `-4` or `-6` asked for.
    #[error("{host} has no IPv{version} address; leave out -{version} to use the others")]
    NoAddressOfFamily {
        /// The name asked for.
        host: String,
        /// 4 or 6.
        version: u8,
    },

    /// No address of the friend's could be reached.
    #[error("cannot connect to {to}: {}", attempts_in_words(tried, *port))]
    CannotConnect {
        /// Whom we called, as it was typed.
        to: String,
        /// The port we called.
        port: u16,
        /// Every address that was tried, and what came of it.
        tried: Vec<(SocketAddr, io::Error)>,
    },

    /// Looking the name up, or calling, took longer than `--timeout`.
    #[error(
        "cannot connect to {to}: no answer within {}; check the address, \
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
        "{to} is busy: it took the call and dropped it before a word was said; \
         try again later, or add --wait to go on calling"
    )]
    Busy {
        /// Whom we called.
        to: SocketAddr,
    },

    /// As [`Error::Busy`], but something had been sent by then and cannot be taken back.
    #[error(
        "{to} is busy: it took the call and dropped it before a word was said; \
         what was sent until then did not arrive, so send it again"
    )]
    BusyAfterSending {
        /// Whom we called.
        to: SocketAddr,
    },

    /// `--wait=SECONDS` is over.
    #[error("gave up waiting after {}: {last}", seconds(*limit))]
    WaitedInVain {
        /// The limit that was reached.
        limit: Duration,
        /// Why the last call failed.
        last: Box<Error>,
    },

    /// Keep-alive probes, or data, went unanswered.
    #[error(
        "{friend} is {}: nothing has come back for about 25 s; \
         what was sent last may not have arrived",
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
        "the connection to {friend} broke: {}; what was sent last may not have arrived",
        reason(why)
    )]
    ConnectionBroke {
        /// The friend's address.
        friend: SocketAddr,
        /// What the system said.
        why: io::Error,
    },

    /// On the `frames` wire: the stream ended between two frames, but without `end`.
    #[error("{friend} was cut off: the connection ended without the closing \"end\" frame")]
    CutOff {
        /// The friend's address.
        friend: SocketAddr,
    },

    /// On the `frames` wire: the stream ended inside a frame.
    #[error(
        "the friend was cut off inside a frame: {came} of its {of} bytes came, \
         and then the connection ended"
    )]
    CutInFrame {
        /// How many bytes of the payload came.
        came: usize,
        /// How many its header promised.
        of: usize,
    },

    /// On the `frames` wire: the stream ended inside a frame's header.
    #[error(
        "the friend was cut off inside a frame: 1 of the 2 bytes of its length came, \
         and then the connection ended"
    )]
    CutInHeader,

    /// Piped input for the `frames` wire has a line that no frame can hold.
    #[error(
        "line {line} of stdin is {bytes} bytes long and a frame holds {FRAME_MAX} at most; \
         nothing of it was sent, and nothing after it; use --wire lines for such input"
    )]
    LineTooLong {
        /// The line's number, from 1.
        line: u64,
        /// Its length without the newline.
        bytes: u64,
    },

    /// Piped input for the `frames` wire has a line that is not text.
    #[error(
        "line {line} of stdin is not UTF-8 text, and frames carry nothing else; \
         nothing of it was sent, and nothing after it; use --wire lines for such input"
    )]
    LineNotUtf8 {
        /// The line's number, from 1.
        line: u64,
    },

    /// Piped input for the `frames` wire goes on after its `end`.
    #[error(
        "line {line} of stdin is \"end\", which ends the transmission, but more input follows it; \
         nothing after line {line} was sent"
    )]
    InputAfterEnd {
        /// The number of the line that says `end`, from 1.
        line: u64,
    },

    /// Reading standard input failed.
    #[error("cannot read stdin: {}; nothing more was sent", reason(.0))]
    StdinUnreadable(io::Error),

    /// Writing standard output failed.
    #[error("cannot write to stdout: {}; what arrived last is not in it", reason(.0))]
    StdoutUnwritable(io::Error),

    /// Nobody reads our output any more, and that ended our sending too.
    #[error(
        "nobody reads stdout any more, so the conversation was ended before stdin was sent whole"
    )]
    StdinCutShort,

    /// The system has no thread left for us.
    #[error(
        "cannot start the {thread} thread: {}; end other programs, or raise `ulimit -u`",
        reason(why)
    )]
    NoThread {
        /// The thread's name.
        thread: &'static str,
        /// What the system said.
        why: io::Error,
    },

    /// The handler for Ctrl-C could not be put in place.
    #[error("cannot listen for Ctrl-C: {0}")]
    NoSignals(ctrlc::Error),
}

impl Error {
    /// Whether calling again later could help, which is what `--wait` does.
    pub fn may_pass(&self) -> bool {
        matches!(self, Error::CannotConnect { .. } | Error::TimedOut { .. } | Error::Busy { .. })
    }
}

/// What the system said, in lower case and without its error number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => "the system gave no reason".to_owned(),
    }
}

/// The advice that goes with a failed call depends on how it failed, and on whether all
/// addresses of the name failed alike.
fn attempts_in_words(tried: &[(SocketAddr, io::Error)], port: u16) -> String {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let all = |kinds: &[io::ErrorKind]| tried.iter().all(|(_, why)| kinds.contains(&why.kind()));
    let advice = if all(&[ConnectionRefused]) {
        format!(
            "nobody listens there; start the listener first (threadchat listen {port}), \
             or add --wait to wait for it"
        )
    } else if all(&[TimedOut]) {
        "no answer; check the address, and that no firewall swallows the call".to_owned()
    } else if all(&[HostUnreachable, NetworkUnreachable]) {
        "no way leads there; check the address and the network".to_owned()
    } else {
        "check the address, and that the listener was started first".to_owned()
    };
    let mut words = String::new();
    for (address, why) in tried {
        let separator = if words.is_empty() { "" } else { ", " };
        let _ = write!(words, "{separator}{address}: {}", reason(why));
    }
    format!("{advice} ({words})")
}

/// A time limit as a person would say it.
fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
