//! What was cut out of lines, to be brought back: the kill ring of Emacs and readline.

use std::collections::VecDeque;

/// How many pieces are kept, and how many bytes. The last one always is.
const PIECES: usize = 10;
const BYTES: usize = 1024 * 1024;

/// The pieces, and which of them comes back.
#[derive(Debug, Default)]
pub struct Kills {
    pieces: VecDeque<String>,
    at: usize,
}

/// On which side of the cursor something was cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before it.
    Before,
    /// Behind it.
    Behind,
}

impl Kills {
    /// A piece was cut out. `goes_on`: right after the last one, so they come back together.
    pub fn add(&mut self, piece: String, side: Side, goes_on: bool) {
        match self.pieces.back_mut() {
            // In the order in which they stood in the line.
            Some(last) if goes_on && side == Side::Before => last.insert_str(0, &piece),
            Some(last) if goes_on => last.push_str(&piece),
            _ => self.pieces.push_back(piece),
        }
        while self.pieces.len() > PIECES || (self.pieces.len() > 1 && self.bytes() > BYTES) {
            self.pieces.pop_front();
        }
        self.at = self.pieces.len() - 1;
    }

    fn bytes(&self) -> usize {
        self.pieces.iter().map(String::len).sum()
    }

    /// What comes back.
    pub fn piece(&self) -> Option<&str> {
        self.pieces.get(self.at).map(String::as_str)
    }

    /// From now on it is the one before; before the first is the last.
    pub fn turn(&mut self) {
        self.at = self.at.checked_sub(1).unwrap_or(self.pieces.len().saturating_sub(1));
    }
}
