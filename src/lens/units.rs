//! Amounts, as a person would say them.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

/// How long something took, in the unit that fits.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            _ if seconds >= 100.0 => write!(f, "{seconds:.0} s"),
            _ if seconds >= 1.0 => write!(f, "{seconds:.1} s"),
            _ if seconds >= 0.001 => write!(f, "{:.0} ms", seconds * 1e3),
            _ => write!(f, "{:.0} us", seconds * 1e6),
        }
    }
}

/// How many of something.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a>(pub u64, pub &'a str);

impl Display for Counted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Counted(count, what) = *self;
        write!(f, "{count} {what}{}", if count == 1 { "" } else { "s" })
    }
}

/// How many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        // "1 bytes" is what the log has always said, and what is easy to look for.
        write!(f, "{} bytes", self.0)
    }
}

/// How often something happened that was not told.
#[derive(Clone, Copy, Debug)]
pub struct Times(pub u64);

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            1 => f.write_str("once more"),
            times => write!(f, "{times} times more"),
        }
    }
}
