//! The `frames` wire, the protocol of "How The Internet Speaks": a message begins with its length.

use crate::text::audience::{Audience, Request};
use crate::wire::fault::Fault;
use crate::wire::messages::{END, HEADER, LABEL, TOGETHER_MAX, take};
use crate::wire::space::Space;
use crate::wire::step::{Oddity, Step};

/// The `frames` wire: collects a frame, however many `recv`s it takes.
#[derive(Debug)]
pub struct Frames {
    audience: Audience,
    /// The longest message, in bytes.
    longest: usize,
    /// The frame so far, header included.
    partial: Vec<u8>,
    /// How many bytes of a frame that is too long are still to come.
    too_long: usize,
    /// The frame has been looked at: it is no request.
    read: bool,
    /// The friend has said `end`.
    ended: bool,
    /// Whether it has been said that more came after it.
    extra_reported: bool,
}

impl Frames {
    /// For `audience`, in messages of at most `longest` bytes.
    pub fn new(audience: Audience, longest: usize) -> Frames {
        Frames {
            audience,
            longest,
            partial: Vec::new(),
            too_long: 0,
            read: false,
            ended: false,
            extra_reported: false,
        }
    }

    /// See [`Codec::decode`](crate::wire::codec::Codec::decode).
    pub(crate) fn decode(&mut self, input: &mut &[u8], space: &mut impl Space) -> Step {
        let mut together = 0;
        loop {
            if self.ended {
                return self.drop_extra(input);
            }
            self.too_long -= take(input, self.too_long).len();
            if self.partial.is_empty() {
                self.pass_whole_frames(input, space);
            }
            let missing = self.wanted() - self.partial.len();
            self.partial.extend_from_slice(take(input, missing));
            let length = self.wanted() - HEADER;
            if length > self.longest {
                self.partial.clear();
                self.too_long = length;
                return Step::Request(Request::Long(length));
            }
            if self.partial.len() < self.wanted() {
                if input.is_empty() {
                    return Step::Drained;
                }
                continue; // The header is whole now; next comes the payload.
            }
            if &self.partial[HEADER..] == END {
                self.partial.clear();
                self.ended = true;
                return Step::Goodbye;
            }
            if !std::mem::replace(&mut self.read, true)
                && let Some(request) = self.audience.request(&self.partial[HEADER..])
            {
                if request != Request::Room {
                    self.partial.clear();
                    self.read = false;
                }
                return Step::Request(request);
            }
            together += LABEL + length;
            let enough = self.audience == Audience::Host && together > TOGETHER_MAX;
            if (enough && !space.is_empty()) || !space.push(&[&self.partial]) {
                return Step::Full;
            }
            self.partial.clear();
            self.read = false;
        }
    }

    /// Drops what comes after the friend's `end`, which is reported once.
    fn drop_extra(&mut self, input: &mut &[u8]) -> Step {
        let extra = !take(input, usize::MAX).is_empty();
        if extra && !std::mem::replace(&mut self.extra_reported, true) {
            return Step::Oddity(Oddity::AfterEnd);
        }
        Step::Drained
    }

    /// Moves what most of the input is at once: whole frames that are messages and nothing else. It
    /// stops before the first that needs a closer look, or does not fit.
    fn pass_whole_frames(&mut self, input: &mut &[u8], space: &mut impl Space) {
        let within = &input[..space.room().min(input.len())];
        let mut end = 0;
        while let Some((header, rest)) = within[end..].split_first_chunk::<HEADER>()
            && let length = usize::from(u16::from_le_bytes(*header))
            && length <= self.longest
            && let Some(payload) = rest.get(..length)
            && payload != END
            && self.audience.only_hears(payload)
        {
            end += HEADER + length;
        }
        // It fits, so it is taken.
        let _ = space.push(&[take(input, end)]);
    }

    /// How long the frame is, header included, as far as that is known.
    fn wanted(&self) -> usize {
        match self.partial[..] {
            [low, high, ..] => HEADER + usize::from(u16::from_le_bytes([low, high])),
            _ => HEADER,
        }
    }

    /// See [`Codec::finish`](crate::wire::codec::Codec::finish).
    pub(crate) fn finish(&mut self, space: &mut impl Space) -> Result<Step, Fault> {
        match self.partial.len() {
            0 => Ok(Step::Drained),
            1 => Err(Fault::CutInHeader),
            // Nothing of the payload came. Passed on, it would look like an empty message.
            HEADER => Err(Fault::CutInFrame { came: 0, of: self.wanted() - HEADER }),
            _ if !space.push(&[&self.partial]) => Ok(Step::Full),
            came => {
                let of = self.wanted() - HEADER;
                self.partial.clear();
                Err(Fault::CutInFrame { came: came - HEADER, of })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::wire::messages::{END_FRAME, FRAME_MAX, Message, Wire, messages};
    use crate::wire::tests::{framed, run, split, texts};
    use proptest::prelude::*;

    fn frames() -> Codec {
        Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX))
    }

    proptest! {
        #[test]
        fn frames_arrive_as_they_were_sent_however_recv_splits_them(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let sent: Vec<Vec<u8>> = sent.into_iter().filter(|text| text != END).collect();
            let wire: Vec<u8> = sent.iter().flat_map(|text| framed(text)).chain(END_FRAME.to_vec()).collect();
            let (bytes, steps, fault) = run(frames(), &split(&wire, &places));
            prop_assert_eq!(texts(Wire::Frames, &bytes), sent);
            prop_assert_eq!(steps, vec![Step::Goodbye]);
            prop_assert!(fault.is_none());
        }
    }

    #[test]
    fn what_comes_after_end_is_dropped_and_told_once() {
        let wire = [END_FRAME, b"\x01\x00a", b"\x01\x00b"];
        let (bytes, steps, fault) = run(frames(), &wire);
        assert!(bytes.is_empty() && fault.is_none());
        assert_eq!(steps, [Step::Goodbye, Step::Oddity(Oddity::AfterEnd)]);
    }

    #[test]
    fn a_frame_that_is_cut_is_passed_on_as_far_as_it_came() {
        let (bytes, _, fault) = run(frames(), &[b"\x05\x00ab"]);
        assert_eq!(fault, Some(Fault::CutInFrame { came: 2, of: 5 }));
        let message = messages(Wire::Frames, &bytes).next();
        assert_eq!(message, Some(Message { text: b"ab", whole: false }));
        let (bytes, _, fault) = run(frames(), &[b"\x05\x00"]);
        assert_eq!(fault, Some(Fault::CutInFrame { came: 0, of: 5 }));
        assert!(bytes.is_empty(), "no message came, not even an empty one");
        let (_, _, fault) = run(frames(), &[b"\x05"]);
        assert_eq!(fault, Some(Fault::CutInHeader));
    }
}
