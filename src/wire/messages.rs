//! The two wires, `lines` and `frames`: bytes to messages and back. Pure rules; no thread and
//! no socket is known here.
//!
//! TCP carries a stream of bytes and knows nothing of messages: two `send`s may arrive as one
//! `recv`, one `send` as many. So both wires say where a message ends. On `lines` it ends at its
//! newline. On `frames`, the protocol of "How The Internet Speaks", it begins with its length:
//! two bytes, little-endian, and then that many bytes of UTF-8; the payload `end` is the end of
//! transmission.
//!
//! A [`Codec`] belongs to a reader. It takes bytes in whatever pieces they arrive and fills
//! blocks with *whole* messages, in the form in which they stand on the wire (a newline behind
//! each, or its length before it), so that a block for the friend is sent as it is, and
//! [`messages`] finds them again in a block for the screen.

use std::fmt;

use crate::error::Error;
use crate::text::audience::{Audience, Request};
use crate::threads::buffer::Block;
use crate::wire::typed::Typed;

/// The longest payload that a frame can hold, in bytes: what two bytes can count.
pub const FRAME_MAX: usize = 65_535;

/// The longest line that a terminal shows in one part, in bytes.
pub const LINE_MAX: usize = 65_536;

/// The longest message in a room, in bytes.
pub const MESSAGE_MAX: usize = 16 * 1024;

/// How much may come in one block for a room, in bytes, with what each message is given as a label.
/// That can be many times as long as the message, and a buffer must not pay for megabytes.
const TOGETHER_MAX: usize = 64 * 1024;

/// What a label takes, or a good part of the longest.
const LABEL: usize = 96;

/// The frame that says that nothing more will be sent.
pub const END_FRAME: &[u8] = b"\x03\x00end";

const END: &[u8] = b"end";
/// How many bytes a frame's length takes.
pub const HEADER: usize = 2;

/// How messages stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Wire {
    /// Bytes as typed, a newline behind each message: what `nc` and `telnet` speak
    Lines,
    /// Two bytes of length before each message: the protocol of "How The Internet Speaks"
    Frames,
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wire::Lines => "lines",
            Wire::Frames => "frames",
        })
    }
}

/// What somebody speaks who did not mean to chat: what a browser does with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A request for a page.
    Http,
    /// The same on an encrypted line.
    Tls,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Foreign::Http => "HTTP",
            Foreign::Tls => "TLS",
        })
    }
}

/// Something a person should know about what was read; it stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// What arrives looks like the other wire.
    LooksLike(Wire),
    /// What arrives looks like a browser's.
    Foreign(Foreign),
    /// More came after the friend's `end`, and was dropped.
    AfterEnd,
    /// A typed line that no frame can hold; its length in bytes.
    TooLong(u64),
    /// A typed line that is not UTF-8.
    NotUtf8,
}

/// How far a codec came with the bytes it was given.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// All bytes were taken; it wants more.
    Drained,
    /// The next message is whole but does not fit into the block any more.
    Full,
    /// The message `end`.
    Goodbye,
    /// A person has typed `end`: as Ctrl-D, it is the end of the input.
    Ended,
    /// Something a person should know; call again.
    Oddity(Oddity),
    /// A person has given the program a command, which is this line; call again.
    Command(String),
    /// The friend wants more than to be heard; call again.
    Request(Request),
}

/// From bytes, in any pieces, to blocks of whole messages.
#[derive(Debug)]
pub enum Codec {
    /// From the `lines` wire to a terminal.
    Lines(Lines),
    /// From the `frames` wire.
    Frames(Frames),
    /// From lines of piped stdin to the `frames` wire.
    Framer(Framer),
    /// From lines that a person types, to either wire.
    Typed(Typed),
}

impl Codec {
    /// Moves whole messages from `input` into `block` and cuts what it took off `input`.
    ///
    /// # Errors
    /// Piped input that cannot be said in frames.
    pub fn decode(&mut self, input: &mut &[u8], block: &mut Block) -> Result<Step, Error> {
        match self {
            Codec::Lines(lines) => Ok(lines.decode(input, block)),
            Codec::Frames(frames) => Ok(frames.decode(input, block)),
            Codec::Framer(framer) => framer.decode(input, block),
            Codec::Typed(typed) => typed.decode(input, block),
        }
    }

    /// The input has ended: moves what is still unfinished into `block`. After
    /// [`Step::Full`] it wants to be called again with another block.
    ///
    /// # Errors
    /// The end came inside a frame; the bytes of it that came are in the block.
    pub fn finish(&mut self, block: &mut Block) -> Result<Step, Error> {
        match self {
            Codec::Lines(lines) => Ok(lines.finish(block)),
            Codec::Frames(frames) => frames.finish(block),
            Codec::Framer(framer) => framer.finish(block),
            Codec::Typed(typed) => typed.finish(block),
        }
    }
}

/// Cuts `count` bytes off the front of `input` and gives them back.
pub(crate) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}

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

    /// See [`Codec::decode`].
    pub(crate) fn decode(&mut self, input: &mut &[u8], block: &mut Block) -> Step {
        let mut together = 0;
        loop {
            if let Some(length) = self.ready {
                together += LABEL + length;
                if self.audience == Audience::Host && together > TOGETHER_MAX && !block.is_empty() {
                    return Step::Full;
                }
            }
            match self.pass_on(block) {
                Step::Drained => {}
                other => return other,
            }
            if input.is_empty() {
                return Step::Drained;
            }
            let room = self.longest - self.partial.len();
            let within = &input[..room.min(input.len())];
            if let Some(at) = within.iter().position(|&byte| byte == b'\n') {
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
        // Where the line was passed on in parts and ends right behind one of them, there is
        // nothing left of it to show.
        if !(self.continued && self.partial.is_empty()) {
            self.ready = Some(self.partial.len());
            self.unread = !self.continued;
        }
        self.continued = false;
    }

    /// Moves the message that is ready, if one is, into the block.
    fn pass_on(&mut self, block: &mut Block) -> Step {
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
            None if !block.push(&[message, b"\n"]) => return Step::Full,
            _ => {}
        }
        self.partial.drain(..length);
        self.ready = None;
        request.map_or(Step::Drained, Step::Request)
    }

    /// See [`Codec::finish`].
    pub(crate) fn finish(&mut self, block: &mut Block) -> Step {
        if self.ready.is_none() && !self.partial.is_empty() {
            self.ready = Some(self.partial.len());
        }
        self.pass_on(block)
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
    /// That more came after it has been said.
    extra_told: bool,
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
            extra_told: false,
        }
    }

    fn decode(&mut self, input: &mut &[u8], block: &mut Block) -> Step {
        let mut together = 0;
        loop {
            if self.ended {
                let extra = !take(input, usize::MAX).is_empty();
                if extra && !self.extra_told {
                    self.extra_told = true;
                    return Step::Oddity(Oddity::AfterEnd);
                }
                return Step::Drained;
            }
            self.too_long -= take(input, self.too_long).len();
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
            if (enough && !block.is_empty()) || !block.push(&[&self.partial]) {
                return Step::Full;
            }
            self.partial.clear();
            self.read = false;
        }
    }

    /// How long the frame is, header included, as far as that is known.
    fn wanted(&self) -> usize {
        match self.partial[..] {
            [low, high, ..] => HEADER + usize::from(u16::from_le_bytes([low, high])),
            _ => HEADER,
        }
    }

    fn finish(&mut self, block: &mut Block) -> Result<Step, Error> {
        match self.partial.len() {
            0 => Ok(Step::Drained),
            1 => Err(Error::CutInHeader),
            // Nothing of the payload came. Passed on, it would look like an empty message.
            HEADER => Err(Error::CutInFrame { came: 0, of: self.wanted() - HEADER }),
            _ if !block.push(&[&self.partial]) => Ok(Step::Full),
            came => {
                let of = self.wanted() - HEADER;
                self.partial.clear();
                Err(Error::CutInFrame { came: came - HEADER, of })
            }
        }
    }
}

/// From lines of stdin to frames: a line without its newline is a payload.
#[derive(Debug)]
pub struct Framer {
    /// Whether a person types the lines: then a bad one is refused and the next may be better.
    typed: bool,
    /// The longest message, in bytes: [`FRAME_MAX`], or less.
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
    /// A framer for lines that are `typed`, or else piped, and of at most `longest` bytes.
    pub fn new(typed: bool, longest: usize) -> Framer {
        let partial = Vec::new();
        Framer { typed, longest, partial, excess: 0, whole: false, line: 1, ended: false }
    }

    /// See [`Codec::decode`].
    pub(crate) fn decode(&mut self, input: &mut &[u8], block: &mut Block) -> Result<Step, Error> {
        loop {
            if self.ended {
                if take(input, usize::MAX).is_empty() {
                    return Ok(Step::Drained);
                }
                return Err(Error::InputAfterEnd { line: self.line });
            }
            if self.whole {
                match self.pass_on(block)? {
                    Step::Drained => continue,
                    // One word for both, which says that we have ended as well. With two, the
                    // friend could have ended before the second is heard.
                    Step::Goodbye if !input.is_empty() => {
                        return Err(Error::InputAfterEnd { line: self.line });
                    }
                    other => return Ok(other),
                }
            }
            if input.is_empty() {
                return Ok(Step::Drained);
            }
            let newline = input.iter().position(|&byte| byte == b'\n');
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

    /// The line is whole. (Once for each: [`Framer::pass_on`] can be called again for it.)
    fn end_of_line(&mut self) {
        // A Windows console ends a typed line with both.
        if self.typed && self.excess == 0 && self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        self.whole = true;
    }

    /// Makes a frame of the line that is whole. [`Step::Drained`]: it is in the block.
    fn pass_on(&mut self, block: &mut Block) -> Result<Step, Error> {
        let step = if self.excess > 0 {
            let bytes = self.partial.len() as u64 + self.excess;
            if !self.typed {
                return Err(Error::LineTooLong { line: self.line, bytes, longest: self.longest });
            }
            Step::Oddity(Oddity::TooLong(bytes))
        } else if std::str::from_utf8(&self.partial).is_err() {
            if !self.typed {
                return Err(Error::LineNotUtf8 { line: self.line });
            }
            Step::Oddity(Oddity::NotUtf8)
        } else if self.partial == END {
            self.ended = true;
            return Ok(if self.typed { Step::Ended } else { Step::Goodbye });
        } else {
            // At most FRAME_MAX bytes are kept, so the length fits.
            let length = (self.partial.len() as u16).to_le_bytes();
            if !block.push(&[&length, &self.partial]) {
                return Ok(Step::Full);
            }
            Step::Drained
        };
        self.partial.clear();
        self.excess = 0;
        self.whole = false;
        self.line += 1;
        Ok(step)
    }

    /// See [`Codec::finish`].
    pub(crate) fn finish(&mut self, block: &mut Block) -> Result<Step, Error> {
        if self.ended {
            return Ok(Step::Drained);
        }
        // The last line may lack its newline; it is a message all the same.
        if !self.whole && !self.partial.is_empty() {
            self.end_of_line();
        }
        if self.whole { self.pass_on(block) } else { Ok(Step::Drained) }
    }
}

/// A message as it stands on the wire. It has no newline, and on `frames` at most [`FRAME_MAX`]
/// bytes.
pub fn message(wire: Wire, text: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(text.len() + HEADER);
    put_message(wire, &[text], &mut message);
    message
}

/// Puts the same behind what is there, from parts.
pub fn put_message(wire: Wire, parts: &[&str], to: &mut Vec<u8>) {
    if wire == Wire::Frames {
        // No message of our own comes near the limit.
        let length: usize = parts.iter().map(|part| part.len()).sum();
        to.extend_from_slice(&(length as u16).to_le_bytes());
    }
    parts.iter().for_each(|part| to.extend_from_slice(part.as_bytes()));
    if wire == Wire::Lines {
        to.push(b'\n');
    }
}

/// The messages in a block that a codec has filled, each without its newline or header.
///
/// The last frame may be shorter than its header says: the connection was cut inside it.
pub fn messages(wire: Wire, block: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match wire {
            Wire::Lines => {
                let newline = rest.iter().position(|&byte| byte == b'\n');
                let text = take(&mut rest, newline.unwrap_or(usize::MAX));
                take(&mut rest, 1);
                Some(Message { text, whole: newline.is_some() })
            }
            Wire::Frames => {
                let header = take(&mut rest, HEADER);
                let length = match *header {
                    [low, high] => usize::from(u16::from_le_bytes([low, high])),
                    _ => 0,
                };
                let text = take(&mut rest, length);
                Some(Message { text, whole: text.len() == length })
            }
        }
    })
}

/// The lines of a message, each without its end: a frame may hold several.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A message in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it says.
    pub text: &'a [u8],
    /// Whether its end has come: its newline, or all the bytes that its header counts.
    pub whole: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::buffer::{BUFFER_SIZE, Pool};
    use proptest::prelude::*;

    /// What a codec makes of `pieces`: the bytes of all its blocks, the steps that were more
    /// than bookkeeping, and the error that it ended with.
    fn run(mut codec: Codec, pieces: &[&[u8]]) -> (Vec<u8>, Vec<Step>, Option<Error>) {
        let pool = Pool::new(1, BUFFER_SIZE);
        let mut block = pool.take().unwrap();
        let mut bytes = Vec::new();
        let mut steps = Vec::new();
        let mut error = None;
        let ends = pieces.len();
        'pieces: for at in 0..=ends {
            let mut input = pieces.get(at).copied().unwrap_or_default();
            loop {
                let step = if at < ends {
                    codec.decode(&mut input, &mut block)
                } else {
                    codec.finish(&mut block)
                };
                match step {
                    Ok(Step::Drained) => break,
                    Ok(Step::Full) => {
                        assert!(!block.is_empty(), "an empty block cannot be full");
                        bytes.extend_from_slice(block.bytes());
                        drop(block);
                        block = pool.take().unwrap();
                    }
                    Ok(other) => steps.push(other),
                    Err(broken) => {
                        error = Some(broken);
                        break 'pieces;
                    }
                }
            }
        }
        bytes.extend_from_slice(block.bytes());
        (bytes, steps, error)
    }

    fn framed(text: &[u8]) -> Vec<u8> {
        [&(text.len() as u16).to_le_bytes(), text].concat()
    }

    fn texts(wire: Wire, bytes: &[u8]) -> Vec<Vec<u8>> {
        messages(wire, bytes).map(|message| message.text.to_vec()).collect()
    }

    /// Cuts `bytes` at the given places, which may be anywhere.
    fn split<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
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

    proptest! {
        #[test]
        fn frames_arrive_as_they_were_sent_however_recv_splits_them(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let sent: Vec<Vec<u8>> = sent.into_iter().filter(|text| text != END).collect();
            let wire: Vec<u8> = sent.iter().flat_map(|text| framed(text)).chain(END_FRAME.to_vec()).collect();
            let (bytes, steps, error) = run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &split(&wire, &places));
            prop_assert_eq!(texts(Wire::Frames, &bytes), sent);
            prop_assert_eq!(steps, vec![Step::Goodbye]);
            prop_assert!(error.is_none());
        }

        #[test]
        fn lines_arrive_as_they_were_sent_however_recv_splits_them(
            sent in prop::collection::vec("[^\r\n]{0,200}", 0..40),
            crlf in any::<bool>(),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let newline = if crlf { "\r\n" } else { "\n" };
            let wire: String = sent.iter().flat_map(|line| [line.as_str(), newline]).collect();
            let (bytes, steps, _) =
                run(Codec::Lines(Lines::new(Audience::Person, LINE_MAX)), &split(wire.as_bytes(), &places));
            let expected: Vec<Vec<u8>> = sent.iter().map(|line| line.clone().into_bytes()).collect();
            prop_assert_eq!(texts(Wire::Lines, &bytes), expected);
            prop_assert!(steps.is_empty());
        }

        #[test]
        fn piped_lines_become_frames_however_read_splits_them(
            sent in prop::collection::vec("[^\n]{0,200}", 0..40),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let sent: Vec<String> = sent.into_iter().filter(|line| line != "end").collect();
            let input: String = sent.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let (bytes, steps, error) =
                run(Codec::Framer(Framer::new(false, FRAME_MAX)), &split(input.as_bytes(), &places));
            let wire: Vec<u8> = sent.iter().flat_map(|line| framed(line.as_bytes())).collect();
            prop_assert_eq!(bytes, wire);
            prop_assert!(steps.is_empty());
            prop_assert!(error.is_none());
        }

        #[test]
        fn no_bytes_at_all_make_a_codec_panic_or_lose_a_byte_of_a_line(
            input in prop::collection::vec(any::<u8>(), 0..2000),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let pieces = split(&input, &places);
            run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &pieces);
            run(Codec::Framer(Framer::new(true, FRAME_MAX)), &pieces);
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &pieces);
            let (lines, ..) = run(Codec::Lines(Lines::new(Audience::Person, LINE_MAX)), &pieces);
            let without = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect()
            };
            prop_assert_eq!(without(&lines), without(&input));
        }
    }

    #[test]
    fn a_line_of_64_kib_is_one_message_and_one_more_byte_makes_two() {
        for length in [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1] {
            let line = [vec![b'x'; length], b"\r\nnext\n".to_vec()].concat();
            let (bytes, ..) = run(Codec::Lines(Lines::new(Audience::Person, LINE_MAX)), &[&line]);
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
        let (bytes, ..) =
            run(Codec::Lines(Lines::new(Audience::Person, LINE_MAX)), &[line.as_bytes()]);
        let parts = texts(Wire::Lines, &bytes);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_MAX - 1, 8]);
        assert!(parts.iter().all(|part| std::str::from_utf8(part).is_ok()));
    }

    #[test]
    fn the_part_is_passed_on_when_its_64th_kib_has_come_not_when_the_line_ends() {
        let pool = Pool::new(1, BUFFER_SIZE);
        let mut block = pool.take().unwrap();
        let mut codec = Codec::Lines(Lines::new(Audience::Person, LINE_MAX));
        let _ = codec.decode(&mut &vec![b'x'; LINE_MAX][..], &mut block);
        assert_eq!(block.bytes().len(), LINE_MAX + 1);
    }

    #[test]
    fn a_typed_line_that_has_to_wait_for_a_block_loses_one_carriage_return_and_no_more() {
        let pool = Pool::new(1, 8);
        let mut framer = Codec::Framer(Framer::new(true, FRAME_MAX));
        let mut input = &b"first\nen\r\r\n"[..];
        let mut block = pool.take().unwrap();
        assert_eq!(framer.decode(&mut input, &mut block).unwrap(), Step::Full);
        assert_eq!(block.bytes(), b"\x05\x00first");
        drop(block);
        let mut block = pool.take().unwrap();
        assert_eq!(framer.decode(&mut input, &mut block).unwrap(), Step::Drained);
        assert_eq!(block.bytes(), b"\x03\x00en\r");
    }

    #[test]
    fn what_comes_after_end_is_dropped_and_told_once() {
        let wire = [END_FRAME, b"\x01\x00a", b"\x01\x00b"];
        let (bytes, steps, error) =
            run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &wire);
        assert!(bytes.is_empty() && error.is_none());
        assert_eq!(steps, [Step::Goodbye, Step::Oddity(Oddity::AfterEnd)]);
    }

    #[test]
    fn a_frame_that_is_cut_is_passed_on_as_far_as_it_came() {
        let (bytes, _, error) =
            run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &[b"\x05\x00ab"]);
        assert!(matches!(error, Some(Error::CutInFrame { came: 2, of: 5 })));
        let message = messages(Wire::Frames, &bytes).next();
        assert_eq!(message, Some(Message { text: b"ab", whole: false }));
        let (bytes, _, error) =
            run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &[b"\x05\x00"]);
        assert!(matches!(error, Some(Error::CutInFrame { came: 0, of: 5 })));
        assert!(bytes.is_empty(), "no message came, not even an empty one");
        let (_, _, error) = run(Codec::Frames(Frames::new(Audience::Pipe, FRAME_MAX)), &[b"\x05"]);
        assert!(matches!(error, Some(Error::CutInHeader)));
    }

    #[test]
    fn the_longest_frame_fits_and_a_longer_line_is_refused_with_its_number_and_length() {
        let longest = "x".repeat(FRAME_MAX);
        let (bytes, _, error) =
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &[longest.as_bytes(), b"\n"]);
        assert!(error.is_none());
        assert_eq!(texts(Wire::Frames, &bytes), [longest.as_bytes()]);

        let input = format!("one\n{longest}y\nthree\n");
        let (bytes, _, error) =
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &[input.as_bytes()]);
        assert!(matches!(error, Some(Error::LineTooLong { line: 2, bytes: 65_536, .. })));
        assert_eq!(texts(Wire::Frames, &bytes), [b"one"]);

        let (bytes, steps, error) =
            run(Codec::Framer(Framer::new(true, FRAME_MAX)), &[input.as_bytes()]);
        assert!(error.is_none());
        assert_eq!(steps, [Step::Oddity(Oddity::TooLong(65_536))]);
        assert_eq!(texts(Wire::Frames, &bytes), [&b"one"[..], b"three"]);
    }

    #[test]
    fn end_in_piped_input_ends_it_and_more_input_is_an_error() {
        let (bytes, steps, error) =
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &[b"a\nend\n"]);
        assert_eq!(
            (texts(Wire::Frames, &bytes), steps),
            (vec![b"a".to_vec()], vec![Step::Goodbye])
        );
        assert!(error.is_none());
        // In the same piece it is found at once: else the friend could end before it is.
        for (pieces, goodbye) in
            [(&[&b"a\nend\nb"[..]][..], &[][..]), (&[b"a\nend\n", b"b"], &[Step::Goodbye])]
        {
            let (bytes, steps, error) = run(Codec::Framer(Framer::new(false, FRAME_MAX)), pieces);
            assert_eq!((texts(Wire::Frames, &bytes), &steps[..]), (vec![b"a".to_vec()], goodbye));
            assert!(matches!(error, Some(Error::InputAfterEnd { line: 2 })));
        }
        let (bytes, steps, _) =
            run(Codec::Framer(Framer::new(false, FRAME_MAX)), &[b"end \nEnd\n end"]);
        assert_eq!(texts(Wire::Frames, &bytes), [&b"end "[..], b"End", b" end"]);
        assert!(steps.is_empty());
    }

    #[test]
    fn input_that_is_not_utf8_is_refused_with_its_line() {
        let (_, _, error) = run(Codec::Framer(Framer::new(false, FRAME_MAX)), &[b"a\n\xff\n"]);
        assert!(matches!(error, Some(Error::LineNotUtf8 { line: 2 })));
        let (_, steps, error) = run(Codec::Framer(Framer::new(true, FRAME_MAX)), &[b"\xff\n"]);
        assert!(error.is_none());
        assert_eq!(steps, [Step::Oddity(Oddity::NotUtf8)]);
    }
}
