//! The two wires, `lines` and `frames`: what a message looks like on each, making one, and finding
//! it again.
//!
//! TCP carries a stream of bytes and knows nothing of messages: two `send`s may arrive as one
//! `recv`, one `send` as many. So both wires say where a message ends. On `lines` it ends at its
//! newline. On `frames`, the protocol of "How The Internet Speaks", it begins with its length:
//! two bytes, little-endian, and then that many bytes of UTF-8; the payload `end` is the end of
//! transmission.

use std::fmt;

use memchr::memchr;

/// The longest payload that a frame can hold, in bytes: what two bytes can count.
pub const FRAME_MAX: usize = 65_535;

/// The longest line that a terminal shows in one part, in bytes.
pub const LINE_MAX: usize = 65_536;

/// The longest message in a room, in bytes.
pub const MESSAGE_MAX: usize = 16 * 1024;

/// How much may come in one block for a room, in bytes, with what each message is given as a label.
/// That can be many times as long as the message, and a buffer must not pay for megabytes.
pub(crate) const TOGETHER_MAX: usize = 64 * 1024;

/// What a label takes, or a good part of the longest.
pub(crate) const LABEL: usize = 96;

/// The frame that says that nothing more will be sent.
pub const END_FRAME: &[u8] = b"\x03\x00end";

/// Its payload.
pub(crate) const END: &[u8] = b"end";

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

/// Cuts `count` bytes off the front of `input` and gives them back.
pub(crate) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}

/// A message as it stands on the wire. It has no newline, and on `frames` at most [`FRAME_MAX`]
/// bytes.
pub fn message(wire: Wire, text: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(text.len() + HEADER);
    put_message(wire, &[text], &mut message);
    message
}

/// Puts the same after what is there, from parts.
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
                let newline = memchr(b'\n', rest);
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
