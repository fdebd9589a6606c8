//! How the rules of a wire can be broken, a sentence each. What a person should know about, but
//! what stops nothing, is an [`Oddity`](crate::wire::step::Oddity).

use crate::wire::messages::FRAME_MAX;

/// Why nothing more can be read: the friend was cut off, or piped input cannot be said in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// On the `frames` wire: the stream ended inside a frame.
    #[error(
        "the friend was cut off inside a frame: {came} of its {of} bytes came, \
         and then the connection ended"
    )]
    CutInFrame {
        /// How many bytes of the payload came.
        came: usize,
        /// How many its header promised.
        of: usize,
    },

    /// On the `frames` wire: the stream ended inside a frame's header.
    #[error(
        "the friend was cut off inside a frame: 1 of the 2 bytes of its length came, \
         and then the connection ended"
    )]
    CutInHeader,

    /// Piped input for the `frames` wire has a line that no frame can hold.
    #[error(
        "line {line} of stdin is {bytes} bytes long and a {} {longest} at most; \
         nothing of it was sent, and nothing after it; use --wire lines for such input",
        if *longest < FRAME_MAX { "room takes" } else { "frame holds" }
    )]
    LineTooLong {
        /// The line's number, from 1.
        line: u64,
        /// Its length without the newline.
        bytes: u64,
        /// The longest that can be said.
        longest: usize,
    },

    /// Piped input for the `frames` wire has a line that is not text.
    #[error(
        "line {line} of stdin is not UTF-8 text, and frames carry nothing else; \
         nothing of it was sent, and nothing after it; use --wire lines for such input"
    )]
    LineNotUtf8 {
        /// The line's number, from 1.
        line: u64,
    },

    /// Piped input for the `frames` wire goes on after its `end`.
    #[error(
        "line {line} of stdin is \"end\", which ends the transmission, but more input follows it; \
         nothing after line {line} was sent"
    )]
    InputAfterEnd {
        /// The number of the line that says `end`, from 1.
        line: u64,
    },
}
