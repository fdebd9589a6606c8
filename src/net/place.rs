//! Where to listen, and whom to call: a host and a port, and which of the host's addresses may be
//! used. Pure: [`resolver`](crate::net::resolver) finds the addresses, and
//! [`socket`](crate::net::socket) makes sockets of them.

use std::fmt;
use std::net::SocketAddr;

/// Which addresses may be used: `-4` and `-6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both kinds.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether this address may be used.
    pub fn allows(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// A host, where one is given, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name or an address, without brackets. Only a listener may do without.
    pub host: Option<String>,
    /// The port; 0 for any free one, which only a listener may want.
    pub port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, "port {}", self.port),
            Some(host) => f.write_str(&self.as_typed(host, self.port)),
        }
    }
}

impl Place {
    fn as_typed(&self, host: &str, port: u16) -> String {
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// What to type to listen on another port instead, with the same options.
    pub fn elsewhere(&self, options: &str) -> String {
        let port = if self.port < 1024 { 9999 } else { self.port.checked_add(1).unwrap_or(9999) };
        match &self.host {
            None => format!("{port}{options}"),
            Some(host) => format!("{}{options}", self.as_typed(host, port)),
        }
    }
}

/// An IPv4 address as such, also where it came through a dual-stack socket.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(address.ip().to_canonical(), address.port())
        }
        _ => address,
    }
}
