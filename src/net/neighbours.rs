//! Where neighbours can call: the addresses of this computer that are worth telling a friend.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use if_addrs::IfAddr;

use crate::net::place::Family;

/// What the names of interfaces begin with that lead to containers and virtual machines here, and
/// to nobody else.
const BRIDGES: [&str; 10] =
    ["docker", "br-", "veth", "virbr", "cni", "podman", "lxc", "lxdbr", "vboxnet", "vmnet"];

/// The addresses at which somebody who listens on `at` can be called; loopback comes last.
/// Those of bridges to containers are left out, and link-local ones where there are others: they
/// mean nothing without an interface of the *caller's*.
pub fn callable(at: SocketAddr, family: Family) -> Vec<SocketAddr> {
    if !at.ip().is_unspecified() {
        return vec![at];
    }
    let mut here: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !BRIDGES.iter().any(|bridge| interface.name.starts_with(bridge)))
        .map(|interface| match interface.addr {
            IfAddr::V4(address) => IpAddr::V4(address.ip),
            IfAddr::V6(address) => IpAddr::V6(address.ip),
        })
        .filter(|address| is_served(at, family, *address))
        .collect();
    if here.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        here.retain(|address| !(address.is_ipv6() && address.is_loopback()));
    }
    if here.iter().any(|address| !address.is_loopback() && !is_link_local(*address)) {
        here.retain(|address| !is_link_local(*address));
    }
    here.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
    here.dedup();
    here.into_iter().map(|address| SocketAddr::new(address, at.port())).collect()
}

/// Whether a socket that is bound to every address, `at`, takes calls for this one.
fn is_served(at: SocketAddr, family: Family, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => at.is_ipv4() || family != Family::V6,
        IpAddr::V6(_) => at.is_ipv6(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_asked_for_is_the_only_one() {
        let at = SocketAddr::from(([192, 168, 1, 5], 9999));
        assert_eq!(callable(at, Family::Any), [at]);
    }

    #[test]
    fn loopback_comes_last() {
        let all = callable(SocketAddr::from(([0, 0, 0, 0], 9999)), Family::V4);
        assert!(all.iter().all(SocketAddr::is_ipv4));
        assert!(all.is_sorted_by_key(|address| address.ip().is_loopback()), "{all:?}");
    }
}
