//! What can go wrong with a picture, a sentence each: the same kind as the
//! [chat's](crate::error).

use std::io;

use crate::text::reason::reason;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A trace cannot be read.
    #[error("cannot read the trace {file}: {}; check the name", reason(why))]
    NoTrace {
        /// The file, as it was typed.
        file: String,
        /// What the system said.
        why: io::Error,
    },

    /// A trace has nothing in it.
    #[error(
        "{file} holds no events; give a file that was recorded with \
         threadchat listen --trace FILE or threadchat connect --trace FILE"
    )]
    EmptyTrace {
        /// The file, as it was typed.
        file: String,
    },

    /// What was given as a trace is something else.
    #[error(
        "{file} is not a trace of threadchat's; give a file that was recorded with \
         threadchat listen --trace FILE or threadchat connect --trace FILE"
    )]
    NotATrace {
        /// The file, as it was typed.
        file: String,
    },

    /// A trace begins well, and then goes wrong before its last line.
    #[error(
        "line {line} of {file} is not an event, so the trace was changed or damaged; \
         delete that line, or record the conversation again"
    )]
    BrokenTrace {
        /// The file, as it was typed.
        file: String,
        /// The line, from 1.
        line: usize,
    },

    /// The picture would be written over one of its traces.
    #[error("{file} is one of the traces, and the picture would replace it; give -o another name")]
    PictureOverTrace {
        /// The file, as it was typed.
        file: String,
    },

    /// The picture cannot be written.
    #[error("cannot write the picture {file}: {}; give -o another name", reason(why))]
    NoPicture {
        /// The file, as it was typed.
        file: String,
        /// What the system said.
        why: io::Error,
    },
}
