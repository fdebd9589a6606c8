//! Windows: standard input, whose reader nothing wakes. A console speaks UTF-16, which only the standard
//! library's own handle translates.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, Stdin};
use std::os::windows::io::AsHandle;
use std::time::Instant;

use crate::platform::bell::{Bell, Ready};

/// Standard input that is a pipe or a file.
///
/// # Errors
/// None here.
pub fn piped() -> io::Result<(impl Read + Send + 'static, Option<Bell>)> {
    Ok((io::stdin(), None))
}

/// How many bytes of stdin are still to be read, where it is a file.
pub fn left_to_read() -> Option<u64> {
    let mut stdin = File::from(io::stdin().as_handle().try_clone_to_owned().ok()?);
    let size = stdin.metadata().ok().filter(Metadata::is_file)?.len();
    Some(size.saturating_sub(stdin.stream_position().ok()?))
}

/// What is typed at the console.
///
/// # Errors
/// None here.
pub fn typed() -> io::Result<(Typed, Option<Bell>)> {
    Ok((Typed { console: io::stdin() }, None))
}

/// What is typed at the console, which edits the lines itself, with history and arrow keys.
#[derive(Debug)]
pub struct Typed {
    console: Stdin,
}

impl Typed {
    /// Waits for nothing, and nobody rings: [`Typed::read`] waits.
    ///
    /// # Errors
    /// None here.
    pub fn wait(&mut self, _until: Option<Instant>) -> io::Result<Ready> {
        Ok(Ready::Typed)
    }

    /// Never called, since a console has no background.
    pub fn wait_in_background(&mut self) -> bool {
        true
    }

    /// Nobody rings.
    pub fn forget_rings(&mut self) {}

    /// Nobody can tell.
    pub fn is_waiting(&self) -> bool {
        false
    }

    /// One line that has been typed.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let count = self.console.read(into)?;
            if count == 0 {
                return Ok(Some(0));
            }
            // Enter is two characters in a console. The first is never part of what was typed, and
            // a friend with a pipe would have it in the file.
            let kept = without_returns(&mut into[..count]);
            if kept > 0 {
                return Ok(Some(kept));
            }
        }
    }
}

/// Moves what is not a carriage return to the front; gives back how much that is.
fn without_returns(bytes: &mut [u8]) -> usize {
    let mut kept = 0;
    for at in 0..bytes.len() {
        if bytes[at] != b'\r' {
            bytes[kept] = bytes[at];
            kept += 1;
        }
    }
    kept
}
