//! From a host to its addresses.
//!
//! Nothing can wake `getaddrinfo`, and it waits for a name server for as long as it likes. So where
//! somebody is not to wait that long it has a thread of its own, and the answer comes by a channel.
//! A look-up that takes too long goes on, and whoever asks again waits for that same one: there is
//! never more than one.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};

use crate::error::{Error, NoAddress};
use crate::net::place::{Family, canonical};
use crate::platform::interface;
use crate::platform::limits;
use crate::roles::Role;
use crate::threads::thread::Thread;

/// The addresses of a host, for as long as the look-up takes.
///
/// # Errors
/// It has none that can be used.
pub fn addresses(host: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, NoAddress> {
    let found = match address(host, port)? {
        Some(address) => vec![address],
        None => look_up(host, port)?,
    };
    usable(host, found, family)
}

/// Looks up the one name that is called, for somebody who waits no longer than a while.
#[derive(Debug, Default)]
pub struct Resolver {
    /// The look-up that goes on.
    under_way: Option<LookUp>,
}

#[derive(Debug)]
struct LookUp {
    thread: Thread,
    answer: Receiver<Result<Vec<SocketAddr>, NoAddress>>,
}

impl Resolver {
    /// The addresses of a host, within `limit`.
    ///
    /// # Errors
    /// It has none that can be used, or the name server is silent.
    pub fn addresses(
        &mut self,
        host: &str,
        port: u16,
        family: Family,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Error> {
        if let Some(address) = address(host, port)? {
            return Ok(usable(host, vec![address], family)?);
        }
        let look_up = match self.under_way.take() {
            Some(look_up) => look_up,
            None => LookUp::start(host, port)?,
        };
        log::debug!("blocks until the resolver knows {host}");
        match look_up.answer.recv_timeout(limit) {
            Ok(answer) => {
                look_up.thread.join();
                Ok(usable(host, answer?, family)?)
            }
            Err(_) => {
                self.under_way = Some(look_up);
                Err(NoAddress::NameServerSilent { host: host.to_owned(), limit }.into())
            }
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        if let Some(look_up) = self.under_way.take() {
            look_up.thread.leave("nothing can wake getaddrinfo");
        }
    }
}

impl LookUp {
    fn start(host: &str, port: u16) -> Result<LookUp, Error> {
        // It has room for the answer, also where nobody waits for that any more.
        let (to_asker, answer) = bounded(1);
        let host = host.to_owned();
        let thread = Thread::start(Role::Resolver, move || {
            let _ = to_asker.send(look_up(&host, port));
        })?;
        Ok(LookUp { thread, answer })
    }
}

/// The address that `host` is, where it is no name.
fn address(host: &str, port: u16) -> Result<Option<SocketAddr>, NoAddress> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Some(SocketAddr::new(ip, port)));
    }
    let Some((ip, interface)) = host.split_once('%') else { return Ok(None) };
    let Ok(ip) = ip.parse() else { return Ok(None) };
    match interface::number(interface) {
        Some(number) => Ok(Some(SocketAddrV6::new(ip, port, 0, number).into())),
        None => Err(NoAddress::NoSuchInterface {
            host: host.to_owned(),
            interface: interface.to_owned(),
            here: interface::names(),
        }),
    }
}

/// Asks the system, which asks the name server.
fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAddress> {
    log::debug!("blocks in getaddrinfo for {host}");
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(host), None, Some(hints)).map_err(|error| {
        let (kind, host) = (error.kind(), host.to_owned());
        let why = io::Error::from(error);
        match limits::file_left() {
            // The resolver says that the name does not exist also where it had no file left to look
            // it up with.
            Err(why) if limits::is_out_of_files(&why) => NoAddress::NoFileToResolve { host, why },
            _ => match kind {
                LookupErrorKind::Again | LookupErrorKind::Fail => {
                    NoAddress::NameServerFails { host, why }
                }
                _ => NoAddress::CannotResolve { host, why },
            },
        }
    })?;
    let found: Vec<SocketAddr> = found
        .filter_map(Result::ok)
        .map(|mut info| {
            info.sockaddr.set_port(port);
            info.sockaddr
        })
        .collect();
    let shown: Vec<String> = found.iter().copied().map(interface::shown).collect();
    log::debug!("getaddrinfo gave {}", shown.join(", "));
    Ok(found)
}

/// Those of the addresses that can be used.
fn usable(
    host: &str,
    found: Vec<SocketAddr>,
    family: Family,
) -> Result<Vec<SocketAddr>, NoAddress> {
    let mut allowed: Vec<_> = found.into_iter().map(canonical).collect();
    allowed.retain(|address| family.allows(address));
    if allowed.is_empty() {
        let version = if family == Family::V6 { 6 } else { 4 };
        return Err(NoAddress::NoAddressOfFamily { host: host.to_owned(), version });
    }
    allowed.retain(|address| !lacks_interface(address));
    if allowed.is_empty() {
        return Err(NoAddress::NoInterface { host: host.to_owned(), here: interface::names() });
    }
    Ok(allowed)
}

/// Whether this is an address that says nothing without an interface, and has none.
fn lacks_interface(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}
