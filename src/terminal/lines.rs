//! What is typed at a terminal in its own line mode, for those who want no line editor.

use std::io::{self, Read};

use crossbeam_channel::Receiver;

use crate::platform::bell::Ready;
use crate::platform::jobs;
use crate::platform::stdin::Typed;
use crate::platform::terminal::Terminal;
use crate::threads::permit::Permit;

/// A terminal that edits the line itself: a line a `read`, or nothing at its end (Ctrl-D).
#[derive(Debug)]
pub struct Lines {
    typed: Typed,
    /// Where we are told to stop. It is the stdin-reader's own channel.
    permits: Receiver<Permit>,
}

impl Lines {
    /// The lines that are `typed`. `permits` are the stdin-reader's.
    pub fn new(typed: Typed, permits: Receiver<Permit>) -> Lines {
        Lines { typed, permits }
    }
}

impl Read for Lines {
    /// Told to stop it gives the error `WouldBlock`. What is half typed stays in the terminal then.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Ok(Permit::Stop | Permit::End) = self.permits.try_recv() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !jobs::in_foreground() {
                self.typed.wait_in_background();
                continue;
            }
            if self.typed.wait(None)? != Ready::Typed {
                continue;
            }
            match self.typed.read(into)? {
                None => {}
                // The end of what is typed (Ctrl-D) is one thing, and the end of the terminal another.
                Some(0) if Terminal::is_gone() => {
                    return Err(io::Error::other("the terminal is gone"));
                }
                Some(count) => return Ok(count),
            }
        }
    }
}
