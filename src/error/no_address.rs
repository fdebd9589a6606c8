//! What can go wrong between a friend's name and an address that can be called, a sentence each.

use std::io;
use std::time::Duration;

use crate::error::words::{remedy, seconds};
use crate::text::reason::reason;

/// Why a name, or an address as it was typed, gives no address to call.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
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
}

impl NoAddress {
    /// Whether asking again later could help.
    pub fn may_pass(&self) -> bool {
        matches!(self, NoAddress::NameServerSilent { .. } | NoAddress::NameServerFails { .. })
    }

    /// See [`Error::without_advice`](crate::error::Error::without_advice).
    pub fn without_advice(&self) -> String {
        match self {
            NoAddress::NameServerSilent { host, limit } => {
                let limit = seconds(*limit);
                format!("cannot look up {host}: the name server has not answered within {limit}")
            }
            NoAddress::NameServerFails { host, why } => {
                let why = reason(why);
                format!(
                    "cannot look up {host}: the name server fails, or cannot be reached ({why})"
                )
            }
            other => other.to_string(),
        }
    }
}

/// Names in a row.
fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
