//! The interfaces of this computer, by name: an IPv6 address that holds on one link only
//! (`fe80::1%eth0`) means nothing without the interface that leads there.

use std::net::SocketAddr;

use if_addrs::Interface;

/// Every interface that has an address, once for each.
fn all() -> Vec<Interface> {
    if_addrs::get_if_addrs().unwrap_or_default()
}

/// The number that the system gives an interface, by its name, or by that number itself.
pub fn number(interface: &str) -> Option<u32> {
    let known = |it: &Interface| {
        it.name == interface || it.index.is_some_and(|index| index.to_string() == interface)
    };
    all().iter().find(|it| known(it)).and_then(|it| it.index)
}

/// The names of all that can lead to somebody else.
pub fn names() -> Vec<String> {
    let others = all().into_iter().filter(|it| !it.is_loopback());
    let mut names: Vec<String> = others.map(|it| it.name).collect();
    names.sort();
    names.dedup();
    names
}

/// An address as people are shown it: with its interface's name, where the system has a number.
pub fn shown(address: SocketAddr) -> String {
    if let SocketAddr::V6(v6) = address
        && v6.scope_id() != 0
        && let Some(it) = all().into_iter().find(|it| it.index == Some(v6.scope_id()))
    {
        return format!("[{}%{}]:{}", v6.ip(), it.name, v6.port());
    }
    address.to_string()
}
