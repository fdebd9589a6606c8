//! Which rule makes messages of which bytes: the one table of that.
//!
//! A [`Codec`] belongs to a reader. It takes bytes in whatever pieces they arrive and fills a
//! [`Space`] with *whole* messages, in the form in which they stand on the wire (a newline after
//! each, or its length before it). So a block for the friend is sent as it is, and
//! [`messages`](crate::wire::messages::messages) finds them again in a block for the screen.

use crate::text::audience::Audience;
use crate::wire::fault::Fault;
use crate::wire::framer::Framer;
use crate::wire::frames::Frames;
use crate::wire::lines::Lines;
use crate::wire::messages::{FRAME_MAX, LINE_MAX, MESSAGE_MAX, Wire};
use crate::wire::space::Space;
use crate::wire::step::Step;
use crate::wire::typed::{Messages, Typed};

/// From bytes, in any pieces, to whole messages.
#[derive(Debug)]
pub enum Codec {
    /// From the `lines` wire to somebody who wants whole lines.
    Lines(Lines),
    /// From the `frames` wire.
    Frames(Frames),
    /// From lines of piped stdin to the `frames` wire.
    Framer(Framer),
    /// From lines that a person types, to either wire.
    Typed(Typed),
}

/// How what a friend sends becomes messages. `None`: whoever stands after a pipe finds the lines
/// without our help, and gets everything as it comes.
pub fn for_friend(wire: Wire, audience: Audience) -> Option<Codec> {
    match (wire, audience) {
        (Wire::Lines, Audience::Pipe) => None,
        (Wire::Lines, Audience::Host) => Some(Codec::Lines(Lines::new(audience, MESSAGE_MAX))),
        (Wire::Lines, _) => Some(Codec::Lines(Lines::new(audience, LINE_MAX))),
        (Wire::Frames, Audience::Host) => Some(Codec::Frames(Frames::new(audience, MESSAGE_MAX))),
        (Wire::Frames, _) => Some(Codec::Frames(Frames::new(audience, FRAME_MAX))),
    }
}

/// How what is said here becomes messages. `None`: a pipe to a single friend goes through as it
/// comes. A room has to know where each message ends.
pub fn for_stdin(wire: Wire, room: bool, typed: bool) -> Option<Codec> {
    let messages = match (wire, room) {
        (Wire::Lines, false) => None,
        (Wire::Lines, true) => Some(Messages::Lines(Lines::new(Audience::Pipe, MESSAGE_MAX))),
        (Wire::Frames, false) => Some(Messages::Framer(Framer::new(typed, FRAME_MAX))),
        (Wire::Frames, true) => Some(Messages::Framer(Framer::new(typed, MESSAGE_MAX))),
    };
    match messages {
        messages if typed => Some(Codec::Typed(Typed::new(messages))),
        None => None,
        Some(Messages::Lines(lines)) => Some(Codec::Lines(lines)),
        Some(Messages::Framer(framer)) => Some(Codec::Framer(framer)),
    }
}

impl Codec {
    /// Moves whole messages from `input` into `space` and cuts what it took off `input`.
    ///
    /// # Errors
    /// Piped input that cannot be said in frames.
    pub fn decode(&mut self, input: &mut &[u8], space: &mut impl Space) -> Result<Step, Fault> {
        match self {
            Codec::Lines(lines) => Ok(lines.decode(input, space)),
            Codec::Frames(frames) => Ok(frames.decode(input, space)),
            Codec::Framer(framer) => framer.decode(input, space),
            Codec::Typed(typed) => typed.decode(input, space),
        }
    }

    /// The input has ended: moves what is still unfinished into `space`. After [`Step::Full`] it
    /// wants to be called again with another one.
    ///
    /// # Errors
    /// The end came inside a frame; the bytes of it that came are in `space`.
    pub fn finish(&mut self, space: &mut impl Space) -> Result<Step, Fault> {
        match self {
            Codec::Lines(lines) => Ok(lines.finish(space)),
            Codec::Frames(frames) => frames.finish(space),
            Codec::Framer(framer) => framer.finish(space),
            Codec::Typed(typed) => typed.finish(space),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::{run, split};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_at_all_make_a_codec_panic_or_lose_a_byte_of_a_line(
            input in prop::collection::vec(any::<u8>(), 0..2000),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let pieces = split(&input, &places);
            run(for_friend(Wire::Frames, Audience::Pipe).unwrap(), &pieces);
            run(Codec::Framer(Framer::new(true, FRAME_MAX)), &pieces);
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &pieces);
            let (lines, ..) = run(for_friend(Wire::Lines, Audience::Person).unwrap(), &pieces);
            let without = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect()
            };
            prop_assert_eq!(without(&lines), without(&input));
        }
    }
}
