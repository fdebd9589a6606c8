//! Words that several of the sentences have in common: what came of a call, and what to do about it.

use std::io;
use std::io::ErrorKind::{
    ConnectionRefused, HostUnreachable, NetworkUnreachable, PermissionDenied, TimedOut,
};
use std::net::SocketAddr;
use std::time::Duration;

use crate::platform::interface::shown;
use crate::platform::limits;
use crate::text::reason::reason;

/// What to do about it, where it is our own limit that has been reached.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    if limits::is_out_of_files(error) { "; raise `ulimit -n`" } else { "" }
}

/// What came of a call to a name, where all of its addresses failed alike; and how the sentence goes
/// on for who does not wait: what to do about it.
pub(super) fn outcome(tried: &[(SocketAddr, io::Error)], port: u16) -> (&'static str, String) {
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
pub(super) fn attempts(tried: &[(SocketAddr, io::Error)]) -> String {
    let words = tried.iter().map(|(address, why)| format!("{}: {}", shown(*address), reason(why)));
    words.collect::<Vec<_>>().join(", ")
}

/// A time limit as a person would say it: what was left of a longer one has many digits.
pub(super) fn seconds(limit: Duration) -> String {
    let exact = limit.as_secs_f64();
    let rounded = (exact * 100.0).round() / 100.0;
    format!("{} s", if rounded > 0.0 { rounded } else { exact })
}
