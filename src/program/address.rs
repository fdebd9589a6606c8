//! The host and the port from what people type.
//!
//! Nothing is guessed: what is no place is told what it lacks, and what would be right. A lone word
//! after `listen` is a port, never a host.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::net::place::Place;

/// The port of the original programs.
pub const DEFAULT_PORT: u16 = 9999;

/// Where to listen: `[HOST:]PORT`, or `HOST PORT`, or nothing.
///
/// # Errors
/// What was typed is no such place; the sentence says what would be.
pub fn listening_place(word: Option<&str>, port: Option<&str>) -> Result<Place, String> {
    let Some(word) = word else { return Ok(Place { host: None, port: DEFAULT_PORT }) };
    match host_and_port("listen", word, port)? {
        (host, Some(port)) => {
            // Every address of this computer, as without a host: of IPv4 and of IPv6.
            let every = host.parse() == Ok(Ipv6Addr::UNSPECIFIED);
            Ok(Place { host: (!every).then_some(host), port: number(port, 0)? })
        }
        // A lone word is the port; to take it for a host would be a guess.
        (host, None) if host.contains(':') => {
            Err(format!("{host} needs brackets and a port: listen [{host}]:{DEFAULT_PORT}"))
        }
        (host, None) if host.parse() == Ok(Ipv4Addr::UNSPECIFIED) => Err(format!(
            "{host} is an address, not a port; to listen on every IPv4 address: \
             listen {host}:{DEFAULT_PORT}; on every address: listen {DEFAULT_PORT}"
        )),
        (host, None)
            if host.starts_with(char::is_alphabetic) || host.parse::<Ipv4Addr>().is_ok() =>
        {
            Err(format!(
                "{host:?} is not a port; to listen on one address: listen {host}:{DEFAULT_PORT}"
            ))
        }
        (word, None) => Ok(Place { host: None, port: number(&word, 0)? }),
    }
}

/// Whom to call: `HOST[:PORT]`, or `HOST PORT`.
///
/// # Errors
/// As above.
pub fn calling_place(word: &str, port: Option<&str>) -> Result<Place, String> {
    let (host, port) = host_and_port("connect", word, port)?;
    let port = port.map_or(Ok(DEFAULT_PORT), |port| number(port, 1))?;
    Ok(Place { host: Some(host), port })
}

/// The host and the port, in one word or in two. What is neither is told what was probably meant,
/// but not taken for that.
fn host_and_port<'a>(
    verb: &str,
    word: &'a str,
    second: Option<&'a str>,
) -> Result<(String, Option<&'a str>), String> {
    expect_nothing_else(verb, word)?;
    let (host, port) = split_port(word)?;
    expect_one_port(verb, word, &host, port, second)?;
    let port = port.or(second);
    expect_host(verb, &host, port)?;
    Ok((host, port))
}

/// Not a web address, nor one for `ssh`, nor a sentence, nor a port after nothing.
fn expect_nothing_else(verb: &str, word: &str) -> Result<(), String> {
    let bare = bare(word);
    if bare != word {
        return Err(match bare {
            "" => format!("{word:?} is neither a host nor a port"),
            bare => format!(
                "{word:?} is more than a host and a port; the same without the rest: {verb} {bare}"
            ),
        });
    }
    // An interface's name may have one, as on Windows.
    if word.split('%').next().is_some_and(|host| host.contains(char::is_whitespace)) {
        return Err(format!(
            "{word:?} has a space in it: a host has none, and a port is a word apart"
        ));
    }
    if let Some(port) = word.strip_prefix(':')
        && !port.contains(':')
    {
        return Err(match verb {
            "listen" => format!("{word} lacks its host; to listen on every address: listen {port}"),
            _ => format!("{word} lacks its host: {verb} HOST{word}"),
        });
    }
    Ok(())
}

/// Either after the colon, or as a second word.
fn expect_one_port(
    verb: &str,
    word: &str,
    host: &str,
    port: Option<&str>,
    second: Option<&str>,
) -> Result<(), String> {
    match (port, second) {
        (Some(""), _) => {
            let port = second.and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_PORT);
            let place = Place { host: Some(host.to_owned()), port };
            Err(format!("{word} lacks its port after the colon: {verb} {place}"))
        }
        (Some(_), Some(second)) => Err(format!(
            "the port is there twice: {word} has one, and then comes {second}; \
             leave one out: {verb} {word}"
        )),
        _ => Ok(()),
    }
}

/// A number alone is never a host, though the system would make an address of it.
fn expect_host(verb: &str, host: &str, port: Option<&str>) -> Result<(), String> {
    match port {
        // It may be the port.
        None if verb == "listen" => Ok(()),
        None if is_number(host) => {
            Err(format!("{host} is a port without a host: {verb} HOST:{host}"))
        }
        Some(port) if is_number(host) => Err(match verb {
            _ if !is_number(port) => {
                format!("{host} is no host: the host comes first: {verb} {port} {host}")
            }
            "listen" => {
                format!("{host} is no host, and one port is enough: listen {port}")
            }
            _ => format!("{host} is no host: a number alone is a port: {verb} HOST:{port}"),
        }),
        _ => expect_whole(host),
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a word has of a host and a port, where it is a web address, or one for `ssh`.
fn bare(word: &str) -> &str {
    let word = word.split_once("://").map_or(word, |(_, rest)| rest);
    let word = word.split(['/', '?', '#']).next().unwrap_or(word);
    word.rsplit('@').next().unwrap_or(word)
}

/// An IPv4 address has four numbers. The system takes fewer, and in other notations too: 192.168.5
/// would be 192.168.0.5, which is hardly what was meant.
fn expect_whole(host: &str) -> Result<(), String> {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(host);
    let digits = |word: &str, radix| !word.is_empty() && word.chars().all(|it| it.is_digit(radix));
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = digits(last, 10) || hexadecimal.is_some_and(|last| digits(last, 16));
    if is_number && !host.contains(':') && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!(
            "{host} is not an IPv4 address: that has four numbers from 0 to 255, as in 192.168.1.5"
        ));
    }
    Ok(())
}

/// Splits `HOST:PORT`, `[IPV6]:PORT`, `HOST`, `IPV6` or `[IPV6]`.
fn split_port(word: &str) -> Result<(String, Option<&str>), String> {
    if let Some((bracketed, rest)) = word.split_once(']') {
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(format!("{word} is not of the form [ADDRESS]:PORT")),
        };
        return Ok((host_name(&format!("{bracketed}]"))?, port));
    }
    let (host, port) = match word.split_once(':') {
        // More than one colon: an IPv6 address, which has none to spare for a port.
        Some((_, rest)) if rest.contains(':') => (word, None),
        Some((host, port)) => (host, Some(port)),
        None => (word, None),
    };
    Ok((host_name(host)?, port))
}

/// A host, without brackets if it has any.
fn host_name(word: &str) -> Result<String, String> {
    let bracketed = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = bracketed.unwrap_or(word);
    if host.is_empty() {
        return Err("the host is empty: give a name or an address".to_owned());
    }
    let address = host.split('%').next().unwrap_or(host);
    let colons = bracketed.is_some() || host.contains([':', '[', ']']);
    if colons && address.parse::<Ipv6Addr>().is_err() {
        return Err(format!(
            "{word} is not an IPv6 address; with a port it is written [::1]:{DEFAULT_PORT}"
        ));
    }
    Ok(host.to_owned())
}

/// A port, from `lowest` to 65535.
fn number(word: &str, lowest: u16) -> Result<u16, String> {
    // `parse` alone would take "+9".
    match word.parse() {
        Ok(port) if is_number(word) && port >= lowest => Ok(port),
        _ => Err(format!("{word:?} is not a port: a port is a number from {lowest} to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::program::cli::{Cli, Verb};

    fn place(line: &str) -> Result<(Option<String>, u16), String> {
        let words = line.split(' ').map(OsString::from);
        let cli = Cli::read(words).map_err(|error| error.to_string())?;
        let Verb::Meet(meet) = cli.verb else { return Err("no meeting".to_owned()) };
        let place = meet.place().map_err(|error| error.to_string())?;
        Ok((place.host, place.port))
    }

    #[track_caller]
    fn assert_place(line: &str, host: Option<&str>, port: u16) {
        assert_eq!(place(line), Ok((host.map(str::to_owned), port)), "for {line}");
    }

    #[test]
    fn a_listener_takes_a_port_or_a_host_and_a_port() {
        assert_place("threadchat listen", None, 9999);
        assert_place("threadchat listen 8000", None, 8000);
        assert_place("threadchat listen 0", None, 0);
        assert_place("threadchat listen 192.168.1.5:9999", Some("192.168.1.5"), 9999);
        assert_place("threadchat listen [::1]:9999", Some("::1"), 9999);
        assert_place("threadchat listen localhost:0", Some("localhost"), 0);
        assert_place("threadchat listen ::1 9999", Some("::1"), 9999);
    }

    #[test]
    fn a_caller_takes_every_form_of_address_that_people_type() {
        assert_place("threadchat connect localhost", Some("localhost"), 9999);
        assert_place("threadchat connect localhost:80", Some("localhost"), 80);
        assert_place("threadchat connect localhost 80", Some("localhost"), 80);
        assert_place("threadchat connect ::1", Some("::1"), 9999);
        assert_place("threadchat connect ::1 80", Some("::1"), 80);
        assert_place("threadchat connect [::1]", Some("::1"), 9999);
        assert_place("threadchat connect [::1]:80", Some("::1"), 80);
        assert_place("threadchat connect fe80::1%eth0", Some("fe80::1%eth0"), 9999);
        assert_place("threadchat connect -4 1.2.3.4:65535 --quiet", Some("1.2.3.4"), 65535);
    }

    #[test]
    fn what_is_no_port_or_no_host_is_refused_not_guessed() {
        for words in [
            "99999",
            "65536",
            "-1",
            "abc",
            ":9999",
            "host:",
            "host:abc",
            "host:99999",
            "+9",
            "[::1",
            "[::1]9",
            "::1",
            "[::1]",
            "a:b:c",
            "[]:9",
            "",
        ] {
            assert!(place(&format!("threadchat listen {words}")).is_err(), "listen {words}");
        }
        for words in [
            "host:99999",
            "host:0",
            "host:-1",
            "host:abc",
            "host:",
            ":9999",
            "9999",
            "host 0",
            "host 65536",
            "a:b:c",
            "[x]:9",
            "-1",
            "",
            "host 1 2",
        ] {
            assert!(place(&format!("threadchat connect {words}")).is_err(), "connect {words}");
        }
    }
}
