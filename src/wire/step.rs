//! What a codec says when it stops: that it wants more bytes or more room, or that it has met
//! something that is not a message.

use std::fmt;

use crate::text::audience::Request;
use crate::wire::messages::Wire;

/// How far a codec came with the bytes it was given.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// All bytes were taken; it wants more.
    Drained,
    /// The next message is whole but does not fit any more.
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
