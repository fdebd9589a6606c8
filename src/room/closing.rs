//! The end of a room that is closed: how long it may still take, and what is known of it.

use std::time::Instant;

use crate::talk::leaving::{LAST_WORDS, Leaving};

/// The end of a room.
#[derive(Debug)]
pub struct Closing {
    /// How long it may still take.
    pub leaving: Leaving,
    /// When a signal closed the room, or hastened its end.
    pub interrupted: Option<Instant>,
    /// Nobody reads our stdout any more: that is why the room was closed.
    pub unread: bool,
    /// Until when more may come from piped stdin.
    pub stdin_until: Option<Instant>,
    /// How many members were cut off before they had taken everything.
    pub cut: usize,
}

impl Closing {
    /// The room is closed now. `unread`: since nobody reads our stdout.
    pub fn begin(unread: bool, now: Instant) -> Closing {
        let mut leaving = Leaving::No;
        leaving.begin(now);
        let stdin_until = unread.then(|| now + LAST_WORDS);
        Closing { leaving, interrupted: None, unread, stdin_until, cut: 0 }
    }
}
