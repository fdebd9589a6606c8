//! Windows: nothing takes a console away from its writer.

use std::io::{self, Write};
use std::time::Instant;

use crate::platform::streams::stdout;

/// There is none.
#[derive(Debug)]
pub enum Hold {}

impl Hold {
    /// Never called.
    pub fn take(self, _until: Instant) {
        match self {}
    }
}

/// Standard output, for its writer.
///
/// # Errors
/// None here.
pub fn screen() -> io::Result<(Box<dyn Write + Send>, Option<Hold>)> {
    Ok((Box::new(stdout()?), None))
}

/// There is no line editor here, after which something would have to be set right.
pub fn reset_screen(_sequence: &[u8]) {}
