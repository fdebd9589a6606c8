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

/// How what a friend sends becomes messages. `None`: whoever reads the pipe finds the lines
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
    use crate::wire::tests::{framed, run, run_with_room, split};
    use proptest::prelude::*;

    /// A codec of each kind, for everybody who may be at its end, in short messages.
    fn every_codec(longest: usize) -> Vec<Codec> {
        let framer = |typed| Framer::new(typed, longest);
        let lines = |audience| Lines::new(audience, longest);
        let mut codecs = vec![
            Codec::Framer(framer(false)),
            Codec::Framer(framer(true)),
            Codec::Typed(Typed::new(None)),
            Codec::Typed(Typed::new(Some(Messages::Framer(framer(true))))),
            Codec::Typed(Typed::new(Some(Messages::Lines(lines(Audience::Pipe))))),
        ];
        for audience in
            [Audience::Pipe, Audience::Person, Audience::Caller, Audience::Member, Audience::Host]
        {
            codecs.push(Codec::Lines(lines(audience)));
            codecs.push(Codec::Frames(Frames::new(audience, longest)));
        }
        codecs
    }

    /// What people and programs say, and what they should not.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => "[a-z é]{0,20}".prop_map(String::into_bytes),
            2 => prop::sample::select(vec!["end", "/name Susan", "/who", "/quit", "/room x", "//", "\r"])
                .prop_map(|word| word.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..40),
        ]
    }

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

        /// Most messages lie whole in what arrives at once, and take a shorter way than those that
        /// come in pieces, or that have to wait for room.
        #[test]
        fn neither_cuts_nor_want_of_room_change_what_comes_out(
            texts in prop::collection::vec(text(), 0..30),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            room in 26_usize..80,
        ) {
            let lines = texts.iter().flat_map(|text| [text, &b"\n"[..]].concat()).collect::<Vec<u8>>();
            let frames = texts.iter().flat_map(|text| framed(text)).collect::<Vec<u8>>();
            for input in [&lines, &frames] {
                let longest = 24;
                for (one, other) in every_codec(longest).into_iter().zip(every_codec(longest)) {
                    let piped = matches!(one, Codec::Framer(_));
                    let name = format!("{one:?}");
                    let at_once = run(one, &[input]);
                    let mut in_pieces = run_with_room(room, other, &split(input, &places));
                    // Where it is known at once that more follows `end`, one word stands for two.
                    if piped && matches!(in_pieces.2, Some(Fault::InputAfterEnd { .. })) {
                        in_pieces.1.retain(|step| *step != Step::Goodbye);
                    }
                    prop_assert_eq!(in_pieces, at_once, "{}", name);
                }
            }
        }
    }
}
