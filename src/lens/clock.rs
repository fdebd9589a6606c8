//! How long the program has been running, which is the time of every step; and when it began, for
//! those who put the steps of several programs together.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Times in a trace are counted from a multiple of this since 1970, the same on every computer: so the
/// numbers are small enough to be exact in the arithmetic of those who read them (doubles).
const EPOCH: u64 = 50 * 24 * 60 * 60;

/// How often the clocks are looked at.
const LOOKS: usize = 20;

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// The program begins now.
pub fn begin() {
    let _ = since_the_beginning();
}

/// How long the program has been running.
pub fn since_the_beginning() -> Duration {
    BEGAN.get_or_init(Instant::now).elapsed()
}

/// The epoch that times in a trace are counted from, itself counted from 1970; and when the program
/// began, counted from there.
pub fn since_the_epoch() -> (Duration, Duration) {
    let began = since_1970();
    let epoch = Duration::from_secs(began.as_secs() / EPOCH * EPOCH);
    (epoch, began.saturating_sub(epoch))
}

/// When the program began, counted from 1970. That is now, less what has passed since; but the two
/// clocks cannot be read in one instant, and a program that had to wait for a processor in between
/// would be late against another by as much, and hear what was not said yet. So of a few looks the
/// quickest counts.
fn since_1970() -> Duration {
    let looks = (0..LOOKS).map(|_| {
        let before = since_the_beginning();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let took = since_the_beginning().saturating_sub(before);
        (took, now.saturating_sub(before + took / 2))
    });
    looks.min().unwrap_or_default().1
}
