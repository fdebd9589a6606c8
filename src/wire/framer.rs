//! From lines to the `frames` wire: each line becomes a frame, where it can.

use memchr::{memchr, memchr_iter, memrchr};

use crate::wire::fault::Fault;
use crate::wire::messages::{END, HEADER, take};
use crate::wire::space::Space;
use crate::wire::step::{Oddity, Step};

/// From lines of stdin to frames: a line without its newline is a payload.
#[derive(Debug)]
pub struct Framer {
    /// Whether a person types the lines: then a bad one is refused and the next may be better.
    typed: bool,
    /// The longest message, in bytes: [`FRAME_MAX`](crate::wire::messages::FRAME_MAX), or less.
    longest: usize,
    /// The line so far.
    partial: Vec<u8>,
    /// How many more bytes the line has than a frame can hold.
    excess: u64,
    /// The line is whole.
    whole: bool,
    /// The number of the line, from 1.
    line: u64,
    /// The line `end` has come.
    ended: bool,
}

impl Framer {
    /// A framer for lines that are `typed`, otherwise piped, and of at most `longest` bytes.
    pub fn new(typed: bool, longest: usize) -> Framer {
        let partial = Vec::new();
        Framer { typed, longest, partial, excess: 0, whole: false, line: 1, ended: false }
    }

    /// See [`Codec::decode`](crate::wire::codec::Codec::decode).
    pub(crate) fn decode(
        &mut self,
        input: &mut &[u8],
        space: &mut impl Space,
    ) -> Result<Step, Fault> {
        loop {
            if self.ended {
                if take(input, usize::MAX).is_empty() {
                    return Ok(Step::Drained);
                }
                return Err(Fault::InputAfterEnd { line: self.line });
            }
            if self.whole {
                match self.pass_on(space)? {
                    Step::Drained => continue,
                    // One word for both, which says that we have ended as well. With two, the
                    // friend could have ended before the second is heard.
                    Step::Goodbye if !input.is_empty() => {
                        return Err(Fault::InputAfterEnd { line: self.line });
                    }
                    other => return Ok(other),
                }
            }
            if self.partial.is_empty() && !self.typed {
                self.pass_whole_lines(input, space);
            }
            if input.is_empty() {
                return Ok(Step::Drained);
            }
            let newline = memchr(b'\n', input);
            let piece = take(input, newline.unwrap_or(input.len()));
            let kept = piece.len().min(self.longest - self.partial.len());
            self.partial.extend_from_slice(&piece[..kept]);
            self.excess += (piece.len() - kept) as u64;
            if newline.is_some() {
                take(input, 1);
                self.end_of_line();
            }
        }
    }

    /// Makes frames of what most of piped input is: whole lines that can be said. It stops before the
    /// first that needs a closer look, or does not fit.
    fn pass_whole_lines(&mut self, input: &mut &[u8], space: &mut impl Space) {
        let whole = &input[..memrchr(b'\n', input).map_or(0, |last| last + 1)];
        // Lines are text where all of them together are: no character holds a newline.
        let text = match simdutf8::compat::from_utf8(whole) {
            Ok(text) => text.as_bytes(),
            Err(error) => &whole[..error.valid_up_to()],
        };
        let mut start = 0;
        for end in memchr_iter(b'\n', text) {
            let line = &text[start..end];
            if line.len() > self.longest || line == END || !space.push(&[&length_of(line), line]) {
                break;
            }
            self.line += 1;
            start = end + 1;
        }
        take(input, start);
    }

    /// The line is whole. (Once for each: [`Framer::pass_on`] can be called again for it.)
    fn end_of_line(&mut self) {
        // A Windows console ends a typed line with both.
        if self.typed && self.excess == 0 && self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        self.whole = true;
    }

    /// Makes a frame of the line that is whole. [`Step::Drained`]: it is in the block.
    fn pass_on(&mut self, space: &mut impl Space) -> Result<Step, Fault> {
        let step = if self.excess > 0 {
            let bytes = self.partial.len() as u64 + self.excess;
            if !self.typed {
                return Err(Fault::LineTooLong { line: self.line, bytes, longest: self.longest });
            }
            Step::Oddity(Oddity::TooLong(bytes))
        } else if std::str::from_utf8(&self.partial).is_err() {
            if !self.typed {
                return Err(Fault::LineNotUtf8 { line: self.line });
            }
            Step::Oddity(Oddity::NotUtf8)
        } else if self.partial == END {
            self.ended = true;
            return Ok(if self.typed { Step::Ended } else { Step::Goodbye });
        } else if !space.push(&[&length_of(&self.partial), &self.partial]) {
            return Ok(Step::Full);
        } else {
            Step::Drained
        };
        self.partial.clear();
        self.excess = 0;
        self.whole = false;
        self.line += 1;
        Ok(step)
    }

    /// See [`Codec::finish`](crate::wire::codec::Codec::finish).
    pub(crate) fn finish(&mut self, space: &mut impl Space) -> Result<Step, Fault> {
        if self.ended {
            return Ok(Step::Drained);
        }
        // The last line may lack its newline; it is a message all the same.
        if !self.whole && !self.partial.is_empty() {
            self.end_of_line();
        }
        if self.whole { self.pass_on(space) } else { Ok(Step::Drained) }
    }
}

/// The header of a line's frame. No line of more than [`FRAME_MAX`](crate::wire::messages::FRAME_MAX)
/// bytes comes so far.
fn length_of(line: &[u8]) -> [u8; HEADER] {
    (line.len() as u16).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::wire::messages::{FRAME_MAX, Wire};
    use crate::wire::tests::{framed, run, split, texts};
    use proptest::prelude::*;

    fn piped() -> Codec {
        Codec::Framer(Framer::new(false, FRAME_MAX))
    }

    fn typed() -> Codec {
        Codec::Framer(Framer::new(true, FRAME_MAX))
    }

    proptest! {
        #[test]
        fn piped_lines_become_frames_however_read_splits_them(
            sent in prop::collection::vec("[^\n]{0,200}", 0..40),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let sent: Vec<String> = sent.into_iter().filter(|line| line != "end").collect();
            let input: String = sent.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let (bytes, steps, fault) =
                run(piped(), &split(input.as_bytes(), &places));
            let wire: Vec<u8> = sent.iter().flat_map(|line| framed(line.as_bytes())).collect();
            prop_assert_eq!(bytes, wire);
            prop_assert!(steps.is_empty());
            prop_assert!(fault.is_none());
        }
    }

    #[test]
    fn a_typed_line_that_has_to_wait_for_a_block_loses_one_carriage_return_and_no_more() {
        let mut framer = typed();
        let mut input = &b"first\nen\r\r\n"[..];
        let mut space = Vec::with_capacity(8);
        assert_eq!(framer.decode(&mut input, &mut space), Ok(Step::Full));
        assert_eq!(space, b"\x05\x00first");
        let mut space = Vec::with_capacity(8);
        assert_eq!(framer.decode(&mut input, &mut space), Ok(Step::Drained));
        assert_eq!(space, b"\x03\x00en\r");
    }

    #[test]
    fn the_longest_frame_fits_and_a_longer_line_is_refused_with_its_number_and_length() {
        let longest = "x".repeat(FRAME_MAX);
        let (bytes, _, fault) = run(piped(), &[longest.as_bytes(), b"\n"]);
        assert!(fault.is_none());
        assert_eq!(texts(Wire::Frames, &bytes), [longest.as_bytes()]);

        let input = format!("one\n{longest}y\nthree\n");
        let (bytes, _, fault) = run(piped(), &[input.as_bytes()]);
        assert_eq!(fault, Some(Fault::LineTooLong { line: 2, bytes: 65_536, longest: FRAME_MAX }));
        assert_eq!(texts(Wire::Frames, &bytes), [b"one"]);

        let (bytes, steps, fault) = run(typed(), &[input.as_bytes()]);
        assert!(fault.is_none());
        assert_eq!(steps, [Step::Oddity(Oddity::TooLong(65_536))]);
        assert_eq!(texts(Wire::Frames, &bytes), [&b"one"[..], b"three"]);
    }

    #[test]
    fn end_in_piped_input_ends_it_and_more_input_is_an_error() {
        let (bytes, steps, fault) = run(piped(), &[b"a\nend\n"]);
        assert_eq!(
            (texts(Wire::Frames, &bytes), steps),
            (vec![b"a".to_vec()], vec![Step::Goodbye])
        );
        assert!(fault.is_none());
        // In the same piece it is found at once: otherwise the friend could end before it is.
        for (pieces, goodbye) in
            [(&[&b"a\nend\nb"[..]][..], &[][..]), (&[b"a\nend\n", b"b"], &[Step::Goodbye])]
        {
            let (bytes, steps, fault) = run(piped(), pieces);
            assert_eq!((texts(Wire::Frames, &bytes), &steps[..]), (vec![b"a".to_vec()], goodbye));
            assert_eq!(fault, Some(Fault::InputAfterEnd { line: 2 }));
        }
        let (bytes, steps, _) = run(piped(), &[b"end \nEnd\n end"]);
        assert_eq!(texts(Wire::Frames, &bytes), [&b"end "[..], b"End", b" end"]);
        assert!(steps.is_empty());
    }

    #[test]
    fn input_that_is_not_utf8_is_refused_with_its_line() {
        let (_, _, fault) = run(piped(), &[b"a\n\xff\n"]);
        assert_eq!(fault, Some(Fault::LineNotUtf8 { line: 2 }));
        let (_, steps, fault) = run(typed(), &[b"\xff\n"]);
        assert!(fault.is_none());
        assert_eq!(steps, [Step::Oddity(Oddity::NotUtf8)]);
    }
}
