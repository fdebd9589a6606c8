//! Noticing who did not mean to speak as we do: a friend with the other wire, or a browser. Pure rules,
//! beside the [two wires](crate::wire::messages).

use memchr::memchr;

use crate::wire::messages::{HEADER, Wire};
use crate::wire::step::{Foreign, Oddity};

/// How much of the first line is looked at, in bytes: as much as a room's longest message, so that nothing
/// waits for the rest of it that could be said already.
const FIRST_LINE_MAX: usize = 16 * 1024;

/// What the first bytes tell of who sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too few have come.
    Unknown,
    /// They are no browser's.
    Chat,
    /// They are what a browser sends.
    Foreign(Foreign),
}

/// Looks whether the first bytes are a browser's: the first line of a request (RFC 9112: `GET / HTTP/1.1`)
/// or the greeting of TLS. It looks at bytes as they come, before any rule of a wire, and knows when the
/// first message is whole, if not before.
#[derive(Debug)]
pub struct Opening {
    wire: Wire,
    seen: Vec<u8>,
}

impl Opening {
    /// One of somebody who is expected to use `wire`.
    pub fn new(wire: Wire) -> Opening {
        Opening { wire, seen: Vec::new() }
    }

    /// Looks at what has just arrived.
    pub fn look(&mut self, arrived: &[u8]) -> Verdict {
        let before = self.seen.len();
        let kept = arrived.len().min(FIRST_LINE_MAX - before);
        self.seen.extend_from_slice(&arrived[..kept]);
        match self.seen[..] {
            [0x16, 0x03, 0x00..=0x04, ..] => return Verdict::Foreign(Foreign::Tls),
            [0x16] | [0x16, 0x03] => return Verdict::Unknown,
            _ => {}
        }
        if !self.seen[..before].contains(&b' ') {
            let mut method = self.seen[before..].iter().take_while(|&&byte| byte != b' ');
            if !method.all(is_token) {
                return Verdict::Chat;
            }
        }
        let most = self.first_message_max();
        let line = self.seen.len().min(most);
        let newline = memchr(b'\n', &self.seen[before.min(line)..line]);
        match newline {
            Some(at) => judge(is_request(&self.seen[..before + at])),
            // The page chooses the target, and how long it is.
            None if self.seen.len() >= most => judge(may_be_request(&self.seen[..most])),
            None => Verdict::Unknown,
        }
    }

    /// Nothing more comes.
    pub fn end(&self) -> Verdict {
        judge(is_request(&self.seen))
    }

    /// Of so many bytes is the first message, at most.
    fn first_message_max(&self) -> usize {
        match (self.wire, &self.seen[..]) {
            (Wire::Frames, &[low, high, ..]) => {
                FIRST_LINE_MAX.min(HEADER + usize::from(u16::from_le_bytes([low, high])))
            }
            _ => FIRST_LINE_MAX,
        }
    }
}

fn judge(is_request: bool) -> Verdict {
    if is_request { Verdict::Foreign(Foreign::Http) } else { Verdict::Chat }
}

/// Whether a line is the first of a request: `METHOD TARGET HTTP/N.N`. People say `GET me a coffee`, and
/// `what is HTTP/1.1`.
fn is_request(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(at) = line.iter().rposition(|&byte| byte == b' ') else { return false };
    let is_version = matches!(line[at + 1..], [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit());
    is_version && begins_request(&line[..at])
}

/// Whether a line whose end has not come may still be the first of a request.
fn may_be_request(line: &[u8]) -> bool {
    let last = line.iter().rposition(|&byte| byte == b' ').unwrap_or(0);
    let (before, version) = (&line[..last], line[last..].trim_ascii_start());
    let may_be_version = b"HTTP/".starts_with(version) || version.starts_with(b"HTTP/");
    begins_request(line) || (may_be_version && begins_request(before))
}

/// Whether this is a request without its version: `METHOD TARGET`.
fn begins_request(line: &[u8]) -> bool {
    let Some(at) = line.iter().position(|&byte| byte == b' ') else { return false };
    let (method, target) = (&line[..at], &line[at + 1..]);
    // A path, a whole address, a host with its port, or `*`.
    let is_target = target.starts_with(b"/") || target.contains(&b':') || target == b"*";
    !method.is_empty() && method.iter().all(is_token) && is_target && !target.contains(&b' ')
}

/// Whether the name of a method can have this byte in it.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// Looks at the first bytes that arrive, to notice a friend who speaks the other wire, or is a browser.
///
/// It only ever says so; what arrives is handled as the wire in use has it.
#[derive(Debug)]
pub struct Sniffer {
    wire: Wire,
    /// `None`: it is known what the first bytes are.
    opening: Option<Opening>,
    /// The first bytes: enough of them to judge.
    seen: Vec<u8>,
    /// How many bytes have arrived.
    total: usize,
    done: bool,
}

impl Sniffer {
    const ENOUGH: usize = 64;

    /// A sniffer beside a reader that expects `wire`.
    pub fn new(wire: Wire) -> Sniffer {
        let opening = Some(Opening::new(wire));
        Sniffer { wire, opening, seen: Vec::new(), total: 0, done: false }
    }

    /// Looks at what has just arrived.
    pub fn look(&mut self, arrived: &[u8]) -> Option<Oddity> {
        match self.opening.as_mut().map(|opening| opening.look(arrived)) {
            None | Some(Verdict::Unknown) => {}
            Some(Verdict::Chat) => self.opening = None,
            Some(Verdict::Foreign(what)) => {
                self.opening = None;
                self.done = true;
                return Some(Oddity::Foreign(what));
            }
        }
        self.look_for_other_wire(arrived)
    }

    fn look_for_other_wire(&mut self, arrived: &[u8]) -> Option<Oddity> {
        if self.done || arrived.is_empty() {
            return None;
        }
        self.total += arrived.len();
        let kept = arrived.len().min(Self::ENOUGH - self.seen.len());
        self.seen.extend_from_slice(&arrived[..kept]);
        let &[first, second, third, ..] = self.seen.as_slice() else { return None };
        let length = usize::from(u16::from_le_bytes([first, second]));
        match self.wire {
            Wire::Lines => {
                // UTF-16 looks the same up to here; the byte that tells them apart is the next.
                if self.seen.len() < (HEADER + length).min(4) {
                    return None;
                }
                self.done = true;
                // Text has no such second character; and a frame has its text right after it.
                let payload = &self.seen[HEADER..self.seen.len().min(HEADER + length)];
                let text = payload.iter().all(|&byte| byte >= b' ' && byte != 0x7f);
                (second < b'\t' && length > 0 && third >= b' ' && text)
                    .then_some(Oddity::LooksLike(Wire::Frames))
            }
            Wire::Frames => {
                let printable = |byte: u8| (b' '..0x7f).contains(&byte);
                let suspicious = printable(first) && printable(second);
                self.done = !suspicious || self.total >= HEADER + length;
                if self.done || arrived.last() != Some(&b'\n') {
                    return None;
                }
                self.done = true;
                Some(Oddity::LooksLike(Wire::Lines))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_wire_is_recognised_in_one_piece_and_byte_by_byte() {
        fn verdict(wire: Wire, bytes: &[u8], piece: usize) -> Option<Oddity> {
            let mut sniffer = Sniffer::new(wire);
            bytes.chunks(piece).find_map(|piece| sniffer.look(piece))
        }
        for piece in [1, 2, 3, 100] {
            let frames = Some(Oddity::LooksLike(Wire::Frames));
            assert_eq!(verdict(Wire::Lines, b"\x06\x00random\x07\x00strings", piece), frames);
            assert_eq!(verdict(Wire::Lines, b"\x06\x00\x01\x02", piece), None);
            assert_eq!(verdict(Wire::Lines, b"h\0e\0l\0l\0o\0", piece), None, "UTF-16 is no frame");
            assert_eq!(verdict(Wire::Lines, b"hello\n", piece), None);
            let lines = Some(Oddity::LooksLike(Wire::Lines));
            assert_eq!(verdict(Wire::Frames, b"hello\n", piece), lines);
            assert_eq!(verdict(Wire::Frames, b"\x06\x00random", piece), None);
        }
    }

    /// What is known of these bytes, and after how many of them, when they come in such pieces.
    fn opening(wire: Wire, bytes: &[u8], piece: usize) -> (Verdict, usize) {
        let mut opening = Opening::new(wire);
        let mut came = 0;
        for piece in bytes.chunks(piece) {
            came += piece.len();
            match opening.look(piece) {
                Verdict::Unknown => {}
                known => return (known, came),
            }
        }
        (opening.end(), came)
    }

    const REQUESTS: [&str; 6] = [
        "GET / HTTP/1.1",
        "POST /a?b=c%20d HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "CONNECT localhost:9999 HTTP/1.1",
        "GET http://localhost:9999/ HTTP/1.1",
        "PRI * HTTP/2.0",
    ];

    #[test]
    fn a_browser_is_recognised_by_the_end_of_its_first_line_however_it_arrives() {
        for wire in [Wire::Lines, Wire::Frames] {
            for request in REQUESTS {
                for end in ["\n", "\r\n"] {
                    let line = format!("{request}{end}");
                    let all = format!("{line}Host: localhost\r\n\r\n/name Olaf\n");
                    for piece in 1..=line.len() {
                        let (known, came) = opening(wire, all.as_bytes(), piece);
                        assert_eq!(known, Verdict::Foreign(Foreign::Http), "{line:?} {piece}");
                        let pieces = line.len().next_multiple_of(piece).min(all.len());
                        assert_eq!(came, pieces, "{line:?} {piece}");
                    }
                }
                let whole = opening(wire, request.as_bytes(), 5).0;
                assert_eq!(whole, Verdict::Foreign(Foreign::Http), "{request:?} and no more");
            }
            for version in 0..=4 {
                for piece in 1..=5 {
                    let greeting = [0x16, 0x03, version, 0x02, 0x00];
                    let known = opening(wire, &greeting, piece).0;
                    assert_eq!(known, Verdict::Foreign(Foreign::Tls), "{piece}");
                }
            }
        }
    }

    #[test]
    fn what_people_say_is_no_request() {
        for line in [
            "",
            "GET me a coffee",
            "GET / HTTP/1.1 is how it begins",
            "what is HTTP/1.1",
            "GET / HTTP/1",
            "GET / http/1.1",
            "GET / HTTP/1.1x",
            "GET  / HTTP/1.1",
            " / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "hello",
            "/name Susan",
        ] {
            assert_eq!(opening(Wire::Lines, format!("{line}\n").as_bytes(), 3).0, Verdict::Chat);
            assert_eq!(opening(Wire::Lines, line.as_bytes(), 3).0, Verdict::Chat, "{line:?}");
            let frame = crate::wire::messages::message(Wire::Frames, line);
            assert_eq!(opening(Wire::Frames, &frame, 3).0, Verdict::Chat, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_begin_a_request_is_known_at_once() {
        for (wire, bytes, known_after) in [
            (Wire::Lines, &b"\x06\x00hello"[..], 1),
            (Wire::Lines, b"K\xc3\xa4se", 2),
            (Wire::Lines, b"(hello", 1),
            (Wire::Frames, b"\x05\x00hello", 1),
        ] {
            assert_eq!(opening(wire, bytes, 1), (Verdict::Chat, known_after), "{bytes:?}");
        }
    }

    #[test]
    fn no_more_is_waited_for_than_the_first_message() {
        for length in [0, 1, 9, 8_481, 12_345, FIRST_LINE_MAX - HEADER] {
            let frame = crate::wire::messages::message(Wire::Frames, &"x".repeat(length));
            let next = [&frame[..], b"more"].concat();
            let (known, came) = opening(Wire::Frames, &next, 1);
            assert_eq!(known, Verdict::Chat);
            assert!(came <= frame.len(), "{came} bytes for {length}");
        }
        let long = [b'x'; 2 * FIRST_LINE_MAX];
        assert_eq!(opening(Wire::Lines, &long, 1), (Verdict::Chat, FIRST_LINE_MAX));
    }

    #[test]
    fn a_request_whose_first_line_has_no_end_is_one() {
        let long = [b"GET /", &[b'x'; 2 * FIRST_LINE_MAX][..]].concat();
        for wire in [Wire::Lines, Wire::Frames] {
            for piece in [1, 1_000, 50_000] {
                let known = opening(wire, &long, piece).0;
                assert_eq!(known, Verdict::Foreign(Foreign::Http), "{wire} {piece}");
            }
        }
        // Wherever the end of what is looked at lies in it.
        for target in FIRST_LINE_MAX - 30..FIRST_LINE_MAX + 10 {
            let request = format!("GET /{} HTTP/1.1\r\nHost: x\r\n", "x".repeat(target));
            let known = opening(Wire::Lines, request.as_bytes(), 1_000).0;
            assert_eq!(known, Verdict::Foreign(Foreign::Http), "{target}");
        }
        let words = b"GET /x and all of that ".repeat(FIRST_LINE_MAX);
        assert_eq!(opening(Wire::Lines, &words, 1_000).0, Verdict::Chat);
    }

    /// On `frames` a request has two printable first bytes as well, and a newline.
    #[test]
    fn a_browser_is_not_taken_for_the_other_wire() {
        for wire in [Wire::Lines, Wire::Frames] {
            for piece in [1, 7, 100] {
                let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let mut sniffer = Sniffer::new(wire);
                let oddities: Vec<Oddity> =
                    request.chunks(piece).filter_map(|piece| sniffer.look(piece)).collect();
                assert_eq!(oddities, [Oddity::Foreign(Foreign::Http)]);
            }
        }
    }

    #[test]
    fn nothing_at_all_upsets_it() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for wire in [Wire::Lines, Wire::Frames] {
                    let mut sniffer = Sniffer::new(wire);
                    sniffer.look(&[first]);
                    sniffer.look(&[]);
                    sniffer.look(&[second, first, b'\n']);
                    sniffer.look(&[second; 100]);
                }
            }
        }
    }
}
