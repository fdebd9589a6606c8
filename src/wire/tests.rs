//! What the tests of the codecs share: bytes in pieces, and what becomes of them.

use proptest::prelude::*;

use crate::wire::codec::Codec;
use crate::wire::fault::Fault;
use crate::wire::messages::{LINE_MAX, Wire, messages};
use crate::wire::step::Step;

/// What a codec makes of `pieces`: the bytes of all that it filled, the steps that were more than
/// bookkeeping, and the fault that it ended with.
pub(super) fn run(codec: Codec, pieces: &[&[u8]]) -> (Vec<u8>, Vec<Step>, Option<Fault>) {
    run_with_room(LINE_MAX + 1, codec, pieces)
}

/// The same where so many bytes fit at a time.
pub(super) fn run_with_room(
    room: usize,
    mut codec: Codec,
    pieces: &[&[u8]],
) -> (Vec<u8>, Vec<Step>, Option<Fault>) {
    let mut space = Vec::with_capacity(room);
    let (mut bytes, mut steps, mut fault) = (Vec::new(), Vec::new(), None);
    'pieces: for at in 0..=pieces.len() {
        let mut input = pieces.get(at).copied().unwrap_or_default();
        loop {
            let step = match at < pieces.len() {
                true => codec.decode(&mut input, &mut space),
                false => codec.finish(&mut space),
            };
            match step {
                Ok(Step::Drained) => break,
                Ok(Step::Full) => {
                    assert!(!space.is_empty(), "what is empty cannot be full");
                    bytes.append(&mut space);
                }
                Ok(other) => steps.push(other),
                Err(broken) => {
                    fault = Some(broken);
                    break 'pieces;
                }
            }
        }
    }
    bytes.append(&mut space);
    (bytes, steps, fault)
}

/// A text as a frame.
pub(super) fn framed(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes(), text].concat()
}

/// What the messages in a block say.
pub(super) fn texts(wire: Wire, bytes: &[u8]) -> Vec<Vec<u8>> {
    messages(wire, bytes).map(|message| message.text.to_vec()).collect()
}

/// Cuts `bytes` at the given places, which may be anywhere.
pub(super) fn split<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in at.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..to]);
        from = to;
    }
    pieces
}
