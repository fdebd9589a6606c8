//! How many messages have come while they came too fast to be read, or while the screen was somebody
//! else's: known only afterwards, and said only where more came than the window shows.

use std::time::{Duration, Instant};

/// After how long without a message it is quiet again.
const QUIET: Duration = Duration::from_secs(1);

/// What has come since it was quiet.
#[derive(Debug, Default)]
pub struct Meanwhile {
    messages: u64,
    /// How many rows they took.
    rows: usize,
    /// When the last of them came.
    last: Option<Instant>,
}

impl Meanwhile {
    /// So many messages have come, and took so many rows. `seen`: somebody can have seen those that
    /// came before, if there was time: the screen is ours, and the row stands below them.
    pub fn on_shown(&mut self, messages: u64, rows: usize, seen: bool, now: Instant) {
        if seen && self.last.is_some_and(|last| now >= last + QUIET) {
            *self = Meanwhile::default();
        }
        self.messages += messages;
        self.rows += rows;
        self.last = Some(now);
    }

    /// When it will be quiet, if there is something to be said then. So for a few messages no clock
    /// runs. `height`: how many rows the window has.
    pub fn quiet_at(&self, height: usize) -> Option<Instant> {
        if self.rows < height { None } else { self.last.map(|last| last + QUIET) }
    }

    /// What is to be said when it is quiet; once.
    pub fn take(&mut self) -> String {
        format!("* {} messages came meanwhile", grouped(std::mem::take(self).messages))
    }
}

/// A number as people write it: `1,204`. (`num-format` does this, and brings two more crates along for
/// it; what the standard library has is enough.)
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (mut grouped, mut rest) = (digits[..first].to_owned(), &digits[first..]);
    while let Some((group, after)) = rest.split_at_checked(3) {
        grouped.extend([",", group]);
        rest = after;
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: usize = 24;

    fn after(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn after_a_flood_it_is_said_once_when_nothing_has_come_for_a_second() {
        let (mut meanwhile, start) = (Meanwhile::default(), Instant::now());
        for millis in 0..1204 {
            meanwhile.on_shown(1, 2, true, start + after(millis));
        }
        assert_eq!(meanwhile.quiet_at(HEIGHT), Some(start + after(2203)));
        assert_eq!(meanwhile.take(), "* 1,204 messages came meanwhile");
        assert_eq!(meanwhile.quiet_at(HEIGHT), None);
    }

    #[test]
    fn nothing_is_said_of_what_the_window_shows_or_what_came_slowly() {
        let (mut meanwhile, start) = (Meanwhile::default(), Instant::now());
        meanwhile.on_shown(23, 23, true, start);
        assert_eq!(meanwhile.quiet_at(HEIGHT), None);
        for second in 1..100 {
            meanwhile.on_shown(1, 1, true, start + after(1000 * second));
            assert_eq!(meanwhile.quiet_at(HEIGHT), None);
        }
    }

    #[test]
    fn what_came_while_the_screen_was_somebody_elses_counts_however_slowly_it_came() {
        let (mut meanwhile, start) = (Meanwhile::default(), Instant::now());
        for minute in 0..30 {
            meanwhile.on_shown(1, 1, false, start + after(60_000 * minute));
        }
        assert_eq!(meanwhile.quiet_at(HEIGHT), Some(start + after(60_000 * 29 + 1000)));
        assert_eq!(meanwhile.take(), "* 30 messages came meanwhile");
    }

    #[test]
    fn numbers_have_their_commas() {
        let numbers = [1, 24, 999, 1000, 1204, 12_345, 123_456, 1_234_567];
        let said = ["1", "24", "999", "1,000", "1,204", "12,345", "123,456", "1,234,567"];
        assert_eq!(numbers.map(grouped), said);
    }
}
