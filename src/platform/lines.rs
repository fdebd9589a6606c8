//! What is typed at a Unix terminal in its own line mode, and how to wake who waits for it.

use std::io::{self, Read};

use crossbeam_channel::Receiver;

use super::bell::{Ready, Rings};
use super::unix::{in_foreground, read_typed};
use crate::threads::reader::Permit;

/// A terminal that edits the line itself: a line a `read`, or nothing at its end (Ctrl-D).
#[derive(Debug)]
pub(super) struct Lines {
    rings: Rings,
    /// Where we are told to stop. It is the stdin-reader's own channel.
    permits: Receiver<Permit>,
}

impl Lines {
    pub(super) fn new(rings: Rings, permits: Receiver<Permit>) -> Lines {
        Lines { rings, permits }
    }
}

impl Read for Lines {
    /// Told to stop it gives the error `WouldBlock`. What is half typed stays in the terminal then.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Ok(Permit::Stop | Permit::End) = self.permits.try_recv() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !in_foreground() {
                self.rings.wait_in_background();
                continue;
            }
            if let Ready::Typed = self.rings.wait(None)?
                && let Some(count) = read_typed(into)?
            {
                return Ok(count);
            }
        }
    }
}
