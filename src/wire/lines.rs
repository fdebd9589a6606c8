//! The `lines` wire where whole lines are wanted: a message ends at its newline.

use memchr::memchr;

use crate::text::audience::{Audience, Request};
use crate::wire::messages::{LABEL, TOGETHER_MAX, take};
use crate::wire::space::Space;
use crate::wire::step::Step;

/// The `lines` wire where whole lines are wanted: `\r\n` counts as a newline, and a line of more
/// than so many bytes becomes several messages, so that no line can fill the memory.
#[derive(Debug)]
pub struct Lines {
    audience: Audience,
    /// The longest message, in bytes.
    longest: usize,
    /// The line so far.
    partial: Vec<u8>,
    /// How many bytes of `partial` are a message that waits for room in a block.
    ready: Option<usize>,
    /// Part of the current line has been passed on already.
    continued: bool,
    /// What is ready is a whole line, and has not been looked at: it may be a request.
    unread: bool,
}

impl Lines {
    /// For `audience`, in messages of at most `longest` bytes.
    pub fn new(audience: Audience, longest: usize) -> Lines {
        let partial = Vec::new();
        Lines { audience, longest, partial, ready: None, continued: false, unread: false }
    }

    /// See [`Codec::decode`](crate::wire::codec::Codec::decode).
    pub(crate) fn decode(&mut self, input: &mut &[u8], space: &mut impl Space) -> Step {
        let mut together = 0;
        loop {
            if let Some(length) = self.ready {
                together += LABEL + length;
                if self.audience == Audience::Host && together > TOGETHER_MAX && !space.is_empty() {
                    return Step::Full;
                }
            }
            match self.pass_on(space) {
                Step::Drained => {}
                other => return other,
            }
            if input.is_empty() {
                return Step::Drained;
            }
            let room = self.longest - self.partial.len();
            let within = &input[..room.min(input.len())];
            let newline = memchr(b'\n', within);
            if self.partial.is_empty()
                && !self.continued
                && let Some(at) = newline
                && let line = &input[..at]
                && self.audience.only_hears(line)
                && space.push(&[line.strip_suffix(b"\r").unwrap_or(line), b"\n"])
            {
                take(input, at + 1);
            } else if let Some(at) = newline {
                self.partial.extend_from_slice(take(input, at));
                take(input, 1);
                self.end_of_line();
            } else {
                self.partial.extend_from_slice(take(input, room));
                if self.partial.len() == self.longest {
                    // A character that the limit cuts in two belongs whole into the next part.
                    self.ready = Some(self.longest - unfinished_tail(&self.partial));
                    self.continued = true;
                }
            }
        }
    }

    fn end_of_line(&mut self) {
        if self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        // Where the line was passed on in parts and ends right after one of them, there is
        // nothing left of it to show.
        if !(self.continued && self.partial.is_empty()) {
            self.ready = Some(self.partial.len());
            self.unread = !self.continued;
        }
        self.continued = false;
    }

    /// Moves the message that is ready, if one is, into the block.
    fn pass_on(&mut self, space: &mut impl Space) -> Step {
        let Some(length) = self.ready else { return Step::Drained };
        let message = &self.partial[..length];
        let request = match std::mem::take(&mut self.unread) {
            true => self.audience.request(message),
            false => {
                self.audience.hears_words();
                None
            }
        };
        match request {
            Some(Request::Room) => return Step::Request(Request::Room),
            None if !space.push(&[message, b"\n"]) => return Step::Full,
            _ => {}
        }
        self.partial.drain(..length);
        self.ready = None;
        request.map_or(Step::Drained, Step::Request)
    }

    /// See [`Codec::finish`](crate::wire::codec::Codec::finish).
    pub(crate) fn finish(&mut self, space: &mut impl Space) -> Step {
        if self.ready.is_none() && !self.partial.is_empty() {
            self.ready = Some(self.partial.len());
        }
        self.pass_on(space)
    }
}

/// How many bytes at the end of `bytes` are the beginning of something that the next byte may
/// complete: a character of UTF-8, or `\r\n`.
fn unfinished_tail(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    let tail = &bytes[bytes.len().saturating_sub(4)..];
    // Only a character that starts in these last bytes and is not whole yet counts.
    for start in (0..tail.len()).rev() {
        if tail[start] & 0b1100_0000 != 0b1000_0000 {
            return match std::str::from_utf8(&tail[start..]) {
                Err(error) if error.error_len().is_none() => tail.len() - start,
                _ => 0,
            };
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::wire::messages::{LINE_MAX, Wire, messages};
    use crate::wire::tests::{run, split, texts};
    use proptest::prelude::*;

    fn lines() -> Codec {
        Codec::Lines(Lines::new(Audience::Person, LINE_MAX))
    }

    proptest! {
        #[test]
        fn lines_arrive_as_they_were_sent_however_recv_splits_them(
            sent in prop::collection::vec("[^\r\n]{0,200}", 0..40),
            crlf in any::<bool>(),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let newline = if crlf { "\r\n" } else { "\n" };
            let wire: String = sent.iter().flat_map(|line| [line.as_str(), newline]).collect();
            let (bytes, steps, _) =
                run(lines(), &split(wire.as_bytes(), &places));
            let expected: Vec<Vec<u8>> = sent.iter().map(|line| line.clone().into_bytes()).collect();
            prop_assert_eq!(texts(Wire::Lines, &bytes), expected);
            prop_assert!(steps.is_empty());
        }
    }

    #[test]
    fn a_line_of_64_kib_is_one_message_and_one_more_byte_makes_two() {
        for length in [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1] {
            let line = [vec![b'x'; length], b"\r\nnext\n".to_vec()].concat();
            let (bytes, ..) = run(lines(), &[&line]);
            let lengths: Vec<usize> =
                messages(Wire::Lines, &bytes).map(|message| message.text.len()).collect();
            let expected = match length {
                65_537 => vec![LINE_MAX, 1, 4],
                _ => vec![length, 4],
            };
            assert_eq!(lengths, expected, "a line of {length} bytes");
        }
    }

    #[test]
    fn a_part_of_a_long_line_ends_between_two_characters() {
        let line = ["x".repeat(LINE_MAX - 1), "é".repeat(4), "\n".to_owned()].concat();
        let (bytes, ..) = run(lines(), &[line.as_bytes()]);
        let parts = texts(Wire::Lines, &bytes);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_MAX - 1, 8]);
        assert!(parts.iter().all(|part| std::str::from_utf8(part).is_ok()));
    }

    #[test]
    fn the_part_is_passed_on_when_its_64th_kib_has_come_not_when_the_line_ends() {
        let mut space = Vec::with_capacity(LINE_MAX + 1);
        let _ = lines().decode(&mut &vec![b'x'; LINE_MAX][..], &mut space);
        assert_eq!(space.len(), LINE_MAX + 1);
    }
}
