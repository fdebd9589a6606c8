//! From an address to a connected socket: `socket`, `SO_REUSEADDR`, `bind`, `listen`, `accept`
//! on the one side; the name's addresses and `connect` on the other. Said out loud and in the
//! order of the original programs.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::error::Error;
use crate::net::place::{Family, Place, canonical};
use crate::net::resolver::{self, Resolver};
use crate::platform::interface::shown;

/// How many callers the system may queue: the original's "queue up to 5 requests".
pub const BACKLOG: i32 = 5;

/// The same for a room, where a whole class calls at once: as many as the system allows.
pub const BACKLOG_OF_A_ROOM: i32 = i32::MAX;

/// How many bytes the system may have waiting for a friend in a room who takes nothing. What waits
/// with us is counted, and can be bounded; and it is seen sooner that something is taken: with this,
/// some 8 KB a second are not nothing. (Where systems have no such limit, and where the friend's own
/// system has a large buffer that it tells of only when half of it is free, it takes more.)
const NOT_SENT_MAX: u32 = 16 * 1024;

/// Whether SO_REUSEADDR is set: so that the port can be bound again at once, while old connections
/// are in TIME-WAIT. Not on Windows, where that is so anyway, and where it would let another program
/// take the port from under us. Never SO_REUSEPORT, with which a second listener would silently get
/// half of the callers.
const REUSES_ADDRESSES: bool = !cfg!(windows);

/// A friend's machine that is silently gone is noticed within 10 + 3 × 5 seconds.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(10))
    .with_interval(Duration::from_secs(5))
    .with_retries(3);

/// How long a friend may take nothing although something waits, where a person is typing.
const USER_TIMEOUT: Duration = Duration::from_secs(25);

/// Binds and listens at `place`. `options`: of the command line, for what it proposes.
///
/// # Errors
/// The name has no address, or none of its addresses can be bound.
pub fn listen(
    place: &Place,
    family: Family,
    backlog: i32,
    options: &str,
) -> Result<TcpListener, Error> {
    let addresses = match &place.host {
        Some(host) => resolver::addresses(host, place.port, family)?,
        None => every_interface(place.port, family),
    };
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        let reuse = if REUSES_ADDRESSES { "SO_REUSEADDR, " } else { "" };
        let at = shown(address);
        log::debug!("socket, {reuse}bind to {at}, listen with a backlog of {backlog}");
        match bind(address, family, backlog) {
            Ok(listener) => return Ok(listener),
            Err(why) => {
                log::debug!("cannot listen on {at}: {why}");
                // Where the machine has no IPv6, IPv4 alone will do; but a port that is in use
                // is in use, and half a listener would be a surprise.
                if place.host.is_none() && why.kind() == ErrorKind::AddrInUse {
                    return Err(cannot_listen(place, options, why));
                }
                failure = why;
            }
        }
    }
    Err(cannot_listen(place, options, failure))
}

fn every_interface(port: u16, family: Family) -> Vec<SocketAddr> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    [v6, v4].into_iter().filter(|address| family.allows(address)).collect()
}

fn bind(address: SocketAddr, family: Family, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // One socket for both: IPv4 callers then appear as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
        socket.set_only_v6(!address.ip().is_unspecified() || family == Family::V6)?;
    }
    if REUSES_ADDRESSES {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// The sentence for why listening at `place` failed.
pub fn cannot_listen(place: &Place, options: &str, why: io::Error) -> Error {
    let (at, other) = (place.to_string(), place.elsewhere(options));
    match why.kind() {
        ErrorKind::AddrInUse => Error::PortInUse { at, other },
        ErrorKind::PermissionDenied if place.port < 1024 => Error::PortReserved { at, other },
        // As where Windows keeps a range of ports for Hyper-V.
        ErrorKind::PermissionDenied => Error::PortKept { at, other },
        ErrorKind::AddrNotAvailable => {
            Error::NotOurAddress { at, other: format!("{}{options}", place.port) }
        }
        _ => Error::CannotListen { at, why },
    }
}

/// Waits for the next caller.
///
/// # Errors
/// Those of `accept`, but for what went wrong with one caller, who was gone again before it took
/// the call.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept() {
            Ok((stream, address)) => return Ok((stream, canonical(address))),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted
                        | ErrorKind::Interrupted
                        | ErrorKind::NetworkDown
                        | ErrorKind::NetworkUnreachable
                        | ErrorKind::HostUnreachable
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Calls `place`: every address of the name in turn, within `limit` for all, the look-up included.
/// Tells also how long the one that answered took.
///
/// # Errors
/// The name has no address, or nobody answers at any.
pub fn connect(
    place: &Place,
    family: Family,
    limit: Duration,
    resolver: &mut Resolver,
) -> Result<(TcpStream, SocketAddr, Duration), Error> {
    let began = Instant::now();
    let host = place.host.as_deref().unwrap_or("localhost");
    let addresses = resolver.addresses(host, place.port, family, limit)?;
    let mut tried = Vec::new();
    for (at, &address) in addresses.iter().enumerate() {
        // An address that swallows the call must leave time for those that come after it.
        let left = limit.saturating_sub(began.elapsed()) / (addresses.len() - at) as u32;
        if left.is_zero() {
            return Err(Error::TimedOut { to: place.to_string(), limit });
        }
        let to = shown(address);
        log::debug!("blocks in connect to {to}, for {:.1} s at most", left.as_secs_f64());
        let called = Instant::now();
        match TcpStream::connect_timeout(&address, left).and_then(not_to_myself) {
            Ok(stream) => return Ok((stream, address, called.elapsed())),
            // It was connected, and reset before we could look: somebody is there, and busy.
            Err(why) if why.kind() == ErrorKind::ConnectionReset => {
                return Err(Error::Busy { to: address });
            }
            Err(why) => {
                log::debug!("connect to {to} failed: {why}");
                tried.push((address, why));
            }
        }
    }
    if tried.iter().all(|(_, why)| why.kind() == ErrorKind::TimedOut) {
        return Err(Error::TimedOut { to: place.to_string(), limit });
    }
    Err(Error::CannotConnect { to: place.to_string(), port: place.port, tried })
}

/// Calling a port of this machine that nobody listens on can, by chance, pick that very port to
/// call from; TCP then connects the socket to itself (RFC 9293, 3.5, simultaneous open).
fn not_to_myself(stream: TcpStream) -> io::Result<TcpStream> {
    match stream.peer_addr() {
        Ok(friend) if friend == stream.local_addr()? => Err(ErrorKind::ConnectionRefused.into()),
        Ok(_) => Ok(stream),
        // It has been reset in the meantime.
        Err(why) if why.kind() == ErrorKind::NotConnected => Err(ErrorKind::ConnectionReset.into()),
        Err(why) => Err(why),
    }
}

/// Sets what every conversation's socket wants. `detect_stalls`: somebody, who is at the keyboard or
/// in the same room, wants to know when the friend takes nothing.
///
/// A socket that refuses an option is mostly one whose connection is gone already; its threads
/// will find that out, and say so better.
pub fn prepare(stream: &TcpStream, detect_stalls: bool) {
    if let Err(error) = set_options(&SockRef::from(stream), detect_stalls) {
        log::warn!("cannot set an option of the socket: {error}");
    }
}

/// Sets what the socket of a member of a room wants besides.
pub fn prepare_member(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(NOT_SENT_MAX) {
        log::warn!("cannot set an option of the socket: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, NOT_SENT_MAX);
}

fn set_options(socket: &Socket, detect_stalls: bool) -> io::Result<()> {
    // What is typed is on its way at once, instead of waiting for the last answer (RFC 896).
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEP_ALIVE)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(detect_stalls.then_some(USER_TIMEOUT))?;
    #[cfg(not(target_os = "linux"))]
    let _ = (detect_stalls, USER_TIMEOUT);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was told as "transport endpoint is not connected", and `--wait` did not call again.
    #[test]
    fn a_call_that_is_reset_before_anybody_could_look_is_a_reset() {
        use std::io::Read;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let friend = Socket::from(listener.accept().unwrap().0);
        friend.set_linger(Some(Duration::ZERO)).unwrap();
        drop(friend);
        // It has arrived.
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(not_to_myself(stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_port_that_may_not_be_had_is_the_systems_own_or_another_programs() {
        let sentence = |port| {
            let place = Place { host: None, port };
            cannot_listen(&place, "", ErrorKind::PermissionDenied.into()).to_string()
        };
        assert!(sentence(80).ends_with("take one from 1024 on: threadchat listen 9999"));
        // On Windows, in a range of ports that it keeps for something else.
        assert!(sentence(50_000).ends_with("take another: threadchat listen 50001"));
    }
}
