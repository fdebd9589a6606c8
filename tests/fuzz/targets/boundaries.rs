//! Where messages end in a stream, for those who watch: the same however it is cut, and the same as
//! in a second look at the whole stream.

use threadchat::lens::boundaries::{Boundaries, Message};
use threadchat::wire::messages::Wire;

use super::Choices;

/// How many bytes of text are shown at most: 80, and three dots.
const SHOWN_MAX: usize = 83;

pub fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let wire = [Wire::Lines, Wire::Frames][choices.below(2)];
    let (whole, pieces) = choices.pieces();
    let at_once = follow(wire, &[whole]);
    let in_pieces = follow(wire, &pieces);
    assert_eq!(in_pieces, at_once, "{wire}: it matters how the bytes are cut");
    assert_eq!(at_once, where_they_are(wire, whole), "{wire}");
}

/// Where each message begins, and how long it is.
fn follow(wire: Wire, pieces: &[&[u8]]) -> Vec<(u64, u64)> {
    let mut boundaries = Boundaries::new(wire);
    let mut found = Vec::new();
    let (mut offset, mut all) = (0, 0);
    let whole = pieces.concat();
    let mut note = |messages: Vec<Message>, ended: u64| {
        let named: Vec<Message> = messages.into_iter().filter(|message| message.named).collect();
        assert_eq!(named.len() as u64, ended, "the first 10,000 have names");
        for message in named {
            assert!(message.text.len() <= SHOWN_MAX, "{} bytes are shown", message.text.len());
            assert!(
                !message.text.contains(|it: char| it.is_control() && it != '\t'),
                "{:?}",
                message.text
            );
            found.push((message.at, message.bytes));
        }
    };
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        let seen = boundaries.next(piece);
        assert_eq!(seen.offset, offset);
        offset += piece.len() as u64;
        all += seen.ended;
        // A message is told of with its last byte, and not later.
        let so_far = where_they_are(wire, &whole[..offset as usize]);
        let open = is_open(wire, &whole, so_far[so_far.len() - 1]);
        assert_eq!((all, seen.open), ((so_far.len() - usize::from(open)) as u64, open));
        note(seen.messages, seen.ended);
    }
    let last = boundaries.finish();
    assert_eq!(last.offset, offset);
    note(last.messages, last.ended);
    found
}

/// Whether a message, which is the last of these bytes, has no end.
fn is_open(wire: Wire, bytes: &[u8], (at, length): (u64, u64)) -> bool {
    let message = &bytes[at as usize..][..length as usize];
    match (wire, message) {
        (Wire::Lines, _) => !message.ends_with(b"\n"),
        (Wire::Frames, [low, high, text @ ..]) => {
            text.len() < usize::from(u16::from_le_bytes([*low, *high]))
        }
        (Wire::Frames, _) => true,
    }
}

fn where_they_are(wire: Wire, whole: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        let rest = &whole[at..];
        let length = match (wire, rest) {
            (Wire::Lines, _) => {
                rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1)
            }
            (Wire::Frames, [low, high, ..]) => 2 + usize::from(u16::from_le_bytes([*low, *high])),
            (Wire::Frames, _) => 1,
        };
        let length = length.min(rest.len());
        found.push((at as u64, length as u64));
        at += length;
    }
    found
}
