//! Where messages end in a stream of bytes, however `recv` and `send` cut it. Pure rules.
//!
//! TCP knows nothing of messages, and a reader that passes bytes on as they come need not know of
//! them either. Whoever watches wants to see them all the same: that two came in one `recv`, or one
//! in three. This follows the bytes of one direction from the first to the last, and tells it of
//! each piece.
//!
//! It also gives each message a name that both computers find by themselves: where in the stream it
//! begins.

use crate::text::harmless::harmless;
use crate::wire::messages::{HEADER, Wire};

/// How many bytes of a message are kept to be shown.
const EXCERPT: usize = 60;

/// How long they may be when they are shown, in bytes.
const EXCERPT_MAX: usize = 80;

/// How many messages of a stream are named one by one. Of those after them, a name has the first
/// that begins in each [`PAGE`]: a file of short lines would otherwise be drawn as a wall of arrows. Both
/// computers count alike.
const ONE_BY_ONE: u64 = 10_000;

/// See [`ONE_BY_ONE`]; in bytes.
const PAGE: u64 = 64 * 1024;

/// How long a character can be in UTF-8, in bytes.
const CHARACTER_MAX: usize = 4;

/// How many messages of a piece are shown, where they have no name.
const SHOWN: usize = 3;

/// Follows one direction of a stream. See the [module's page](self).
#[derive(Debug)]
pub struct Boundaries {
    wire: Wire,
    /// How many bytes there were before the next.
    offset: u64,
    /// How many messages have ended.
    count: u64,
    /// The message that has begun.
    begun: Begun,
    /// The page in which the last message began that has a name.
    page: Option<u64>,
}

/// A message that has begun, and has not ended.
#[derive(Debug, Default)]
struct Begun {
    at: u64,
    bytes: u64,
    /// In how many pieces it came so far.
    pieces: u64,
    /// The first bytes of its text.
    text: Vec<u8>,
    /// The last bytes of its text: as many as a character can have.
    tail: Vec<u8>,
    /// The header of a frame, as far as it has come.
    header: Vec<u8>,
}

/// What a piece of the stream has in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins, in bytes from the beginning of the stream.
    pub offset: u64,
    /// How many messages end in it.
    pub ended: u64,
    /// In how many pieces the first of them came.
    pub pieces: u64,
    /// A message begins in it, or goes on, whose end has not come.
    pub open: bool,
    /// It ends within a character.
    pub cuts_character: bool,
    /// Those that end in it, as far as they are named or shown.
    pub messages: Vec<Message>,
    /// The first bytes of the message that is open, as text.
    pub rest: String,
}

/// A message that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it began, in bytes from the beginning of the stream.
    pub at: u64,
    /// How long it is on the wire, in bytes.
    pub bytes: u64,
    /// Its text, or the beginning of it, made harmless.
    pub text: String,
    /// It is one of those that both computers name.
    pub named: bool,
}

impl Boundaries {
    /// Follows a stream of this kind from its beginning.
    pub fn new(wire: Wire) -> Boundaries {
        Boundaries { wire, offset: 0, count: 0, begun: Begun::default(), page: None }
    }

    /// Takes the next piece.
    pub fn next(&mut self, bytes: &[u8]) -> Piece {
        let mut piece = Piece { offset: self.offset, ..Piece::default() };
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.begun.bytes == 0 {
                self.begun.at = self.offset;
            }
            let (count, ends) = self.in_message(rest);
            let (now, later) = rest.split_at(count);
            self.take(now);
            rest = later;
            if ends {
                self.end(&mut piece);
            }
        }
        piece.open = self.begun.bytes > 0;
        if piece.open {
            self.begun.pieces += 1;
            piece.rest = excerpt_of(&self.begun.text, self.begun.text.len() >= EXCERPT);
            piece.cuts_character = ends_within_a_character(&self.begun.tail);
        }
        piece
    }

    /// The stream has ended; gives the message that has no end of its own, where there is one.
    pub fn finish(&mut self) -> Piece {
        let mut piece = Piece { offset: self.offset, ..Piece::default() };
        if self.begun.bytes > 0 {
            self.end(&mut piece);
        }
        piece
    }

    /// How many of these bytes belong to the message that has begun, and whether it ends with them.
    fn in_message(&self, bytes: &[u8]) -> (usize, bool) {
        match self.wire {
            Wire::Lines => match bytes.iter().position(|&byte| byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            },
            Wire::Frames => {
                let header = HEADER - self.begun.header.len();
                if header > 0 {
                    let count = header.min(bytes.len());
                    let whole = [&self.begun.header[..], &bytes[..count]].concat();
                    return (count, whole == [0, 0]);
                }
                let length =
                    usize::from(u16::from_le_bytes([self.begun.header[0], self.begun.header[1]]));
                let missing = HEADER + length - self.begun.bytes as usize;
                (missing.min(bytes.len()), missing <= bytes.len())
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.begun.bytes += bytes.len() as u64;
        if self.wire == Wire::Frames && self.begun.header.len() < HEADER {
            return self.begun.header.extend_from_slice(bytes);
        }
        let room = EXCERPT.saturating_sub(self.begun.text.len());
        self.begun.text.extend_from_slice(&bytes[..room.min(bytes.len())]);
        let tail = &mut self.begun.tail;
        tail.extend_from_slice(&bytes[bytes.len().saturating_sub(CHARACTER_MAX)..]);
        tail.drain(..tail.len().saturating_sub(CHARACTER_MAX));
    }

    fn end(&mut self, piece: &mut Piece) {
        let begun = &mut self.begun;
        if piece.ended == 0 {
            piece.pieces = begun.pieces + 1;
        }
        piece.ended += 1;
        let page = Some(begun.at / PAGE);
        let named = self.count < ONE_BY_ONE || page != self.page;
        self.page = page;
        self.count += 1;
        if named || piece.messages.len() < SHOWN {
            let text = begun.text.strip_suffix(b"\n").unwrap_or(&begun.text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let header = if self.wire == Wire::Frames { HEADER as u64 } else { 1 };
            let longer = begun.bytes > begun.text.len() as u64 + header;
            let text = excerpt_of(text, longer);
            piece.messages.push(Message { at: begun.at, bytes: begun.bytes, text, named });
        }
        // The memory is kept: there is a next message most of the time.
        begun.text.clear();
        begun.tail.clear();
        begun.header.clear();
        (begun.bytes, begun.pieces) = (0, 0);
    }
}

/// What is shown of a message.
pub fn excerpt(text: &[u8]) -> String {
    excerpt_of(&text[..text.len().min(EXCERPT)], text.len() > EXCERPT)
}

/// Text that can be shown; `longer`: there is more of it.
fn excerpt_of(text: &[u8], longer: bool) -> String {
    let mut shown = harmless(&String::from_utf8_lossy(text)).into_owned();
    if longer {
        // The last character may have been cut in two here.
        while shown.ends_with('\u{fffd}') {
            shown.pop();
        }
    }
    // What could do harm is longer when it is shown.
    let end = shown.floor_char_boundary(EXCERPT_MAX);
    if longer || end < shown.len() {
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}

/// Whether the last character of these has begun and not ended.
fn ends_within_a_character(tail: &[u8]) -> bool {
    match std::str::from_utf8(tail) {
        Ok(_) => false,
        // The beginning of the tail may lie within a character as well.
        Err(_) => (0..tail.len()).any(|at| {
            tail[at] >= 0xc0
                && std::str::from_utf8(&tail[at..])
                    .is_err_and(|error| error.error_len().is_none() && error.valid_up_to() == 0)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(piece: &Piece) -> Vec<&str> {
        piece.messages.iter().map(|message| message.text.as_str()).collect()
    }

    #[test]
    fn two_messages_in_one_piece_and_one_in_three() {
        let mut lines = Boundaries::new(Wire::Lines);
        let piece = lines.next(b"one\ntwo\r\n");
        assert_eq!((piece.ended, piece.pieces, piece.open), (2, 1, false));
        assert_eq!(texts(&piece), ["one", "two"]);
        assert_eq!(lines.next(b"th").ended, 0);
        assert!(lines.next(b"re").open);
        let piece = lines.next(b"e\nfo");
        assert_eq!((piece.offset, piece.ended, piece.pieces, piece.open), (13, 1, 3, true));
        assert_eq!((piece.messages[0].at, piece.messages[0].bytes), (9, 6));
        assert_eq!(piece.rest, "fo");
        assert_eq!(texts(&lines.finish()), ["fo"]);
    }

    #[test]
    fn a_character_that_is_cut_is_seen() {
        let mut lines = Boundaries::new(Wire::Lines);
        assert!(lines.next(b"caf\xc3").cuts_character);
        assert!(!lines.next(b"\xa9\n").cuts_character);
        assert!(lines.next(b"\xf0\x9f\x91").cuts_character);
        assert!(!lines.next(b"\x8d").cuts_character);
        assert!(!lines.next(b"\xff").cuts_character);
        assert_eq!(texts(&lines.next(b"\n")), ["👍\u{fffd}"]);
    }

    #[test]
    fn a_character_that_is_cut_more_than_once_is_seen_each_time() {
        let mut lines = Boundaries::new(Wire::Lines);
        for byte in &"👍".as_bytes()[..3] {
            assert!(lines.next(&[*byte]).cuts_character);
        }
        assert!(!lines.next(&"👍".as_bytes()[3..]).cuts_character);
    }

    #[test]
    fn the_length_of_a_frame_is_no_character() {
        let mut frames = Boundaries::new(Wire::Frames);
        // 0xc3 begins a character of two bytes, but this is the first byte of a length.
        assert!(!frames.next(b"\xc3").cuts_character);
        assert!(!frames.next(b"\x00").cuts_character);
        assert!(frames.next(b"\xc3").cuts_character);
    }

    #[test]
    fn frames_are_counted_by_their_headers() {
        let mut frames = Boundaries::new(Wire::Frames);
        let piece = frames.next(b"\x06\x00random\x00\x00\x03");
        assert_eq!((piece.ended, piece.open), (2, true));
        assert_eq!(texts(&piece), ["random", ""]);
        let piece = frames.next(b"\x00end");
        assert_eq!((piece.ended, piece.pieces), (1, 2));
        assert_eq!((piece.messages[0].at, piece.messages[0].bytes), (10, 5));
    }

    #[test]
    fn of_many_messages_each_page_has_one_with_a_name() {
        let mut lines = Boundaries::new(Wire::Lines);
        let first = lines.next(&b"1234567\n".repeat(ONE_BY_ONE as usize));
        assert_eq!(first.messages.len(), ONE_BY_ONE as usize);
        let more = lines.next(&b"1234567\n".repeat(PAGE as usize / 8 * 3));
        let named = more.messages.iter().filter(|message| message.named);
        assert_eq!(
            named.map(|message| message.at).collect::<Vec<_>>(),
            [131_072, 196_608, 262_144]
        );
        assert!(more.messages.len() <= 3 + SHOWN);
    }

    proptest! {
        /// However the two computers cut the stream, they name the same messages.
        #[test]
        fn names_do_not_depend_on_the_pieces(
            bytes in prop::collection::vec(prop_oneof![2 => Just(b'\n'), 1 => Just(0), 3 => any::<u8>()], 0..600),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
            wire in prop_oneof![Just(Wire::Lines), Just(Wire::Frames)],
        ) {
            let mut at: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let mut in_pieces = Boundaries::new(wire);
            let mut found = Vec::new();
            for pair in at.windows(2) {
                let piece = in_pieces.next(&bytes[pair[0]..pair[1]]);
                prop_assert_eq!(piece.offset, pair[0] as u64);
                found.extend(piece.messages.into_iter().filter(|message| message.named));
            }
            let mut at_once = Boundaries::new(wire);
            prop_assert_eq!(&found, &at_once.next(&bytes).messages);
            prop_assert_eq!(in_pieces.finish().messages, at_once.finish().messages);
            let length: u64 = found.iter().map(|message| message.bytes).sum();
            prop_assert!(length <= bytes.len() as u64);
        }
    }
}
