//! What is said in a room, as everybody else gets it: `NAME says: TEXT`. It is made
//! [harmless](crate::text::harmless) first, so that it stays one line. Pure rules.

use crate::text::harmless::harmless;
use crate::text::name::Name;
use crate::wire::messages::{self, Wire};

/// The longest text that is relayed as one message, in bytes: a text can grow when it is made
/// harmless, and a frame holds no more than 64 KiB.
const PART_MAX: usize = 32 * 1024;

/// How much is relayed in one piece, in bytes, if many short messages came together. That somebody
/// takes something is only noticed piece by piece, so pieces must not be large.
const PIECE: usize = 16 * 1024;

/// A block of somebody's messages as everybody else gets them: each labelled and made harmless,
/// put together in pieces.
pub fn relayed(wire: Wire, name: &Name, block: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::with_capacity((block.len() + 64).min(PIECE));
    let label = format!("{name} says: ");
    for message in messages::messages(wire, block) {
        let text = String::from_utf8_lossy(message.text);
        for part in parts(&harmless(&text)) {
            if piece.len() + label.len() + part.len() > PIECE && !piece.is_empty() {
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(PIECE)));
            }
            // It fits: a frame can hold much more than a label and a part.
            messages::put_message(wire, &[&label, part], &mut piece);
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// A text in parts of at most [`PART_MAX`] bytes; an empty one is one part.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, more) = text.split_at(text.floor_char_boundary(PART_MAX));
        rest = (!more.is_empty()).then_some(more);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::MESSAGE_MAX;
    use proptest::prelude::*;

    fn name(word: &str) -> Name {
        Name::parse(word).unwrap()
    }

    fn text(pieces: Vec<Vec<u8>>) -> String {
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn a_message_is_labelled_and_stays_one_line() {
        let susan = name("Susan");
        let said = b"hello\n\n\xff \x1b[2J\r* guest-9 has left\xe2\x80\xa8x\n";
        let expected = "Susan says: hello\nSusan says: \n\
                        Susan says: \u{fffd} ^[[2J^M* guest-9 has left<U+2028>x\n";
        assert_eq!(text(relayed(Wire::Lines, &susan, said)), expected);
        let frame = messages::message(Wire::Frames, "one\nhost says: two");
        let relayed = relayed(Wire::Frames, &susan, &frame).concat();
        let texts: Vec<_> = messages::messages(Wire::Frames, &relayed)
            .map(|message| message.text.to_vec())
            .collect();
        assert_eq!(texts, [b"Susan says: one^Jhost says: two".to_vec()]);
    }

    #[test]
    fn the_longest_message_of_the_rudest_kind_fits_on_either_wire() {
        let rude = "\u{202e}".repeat(MESSAGE_MAX / 3);
        for wire in [Wire::Lines, Wire::Frames] {
            let pieces = relayed(wire, &name("Susan"), &messages::message(wire, &rude));
            let mut whole = String::new();
            for message in pieces.iter().flat_map(|piece| messages::messages(wire, piece)) {
                assert!(message.whole);
                let text = std::str::from_utf8(message.text).unwrap();
                whole += text.strip_prefix("Susan says: ").unwrap();
            }
            assert_eq!(whole, harmless(&rude), "{wire}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_can_be_more_than_one_line(
            said in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut block = said.clone();
            block.push(b'\n');
            let lines = text(relayed(Wire::Lines, &name("Susan"), &block));
            let messages = said.iter().filter(|&&byte| byte == b'\n').count() + 1;
            prop_assert_eq!(lines.lines().count(), messages);
            for line in lines.lines() {
                prop_assert!(line.starts_with("Susan says: "));
                prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
            }
        }
    }
}
