//! The lines that were typed before.

use std::collections::VecDeque;

/// How much of what was typed before can be fetched back, in bytes. The last line always can.
const HISTORY_MAX: usize = 256 * 1024;

/// The lines that were typed before, for Up and Down.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// How many bytes they have.
    bytes: usize,
    /// How many lines back we are.
    back: usize,
    /// What was being typed when Up was pressed first.
    draft: String,
}

impl History {
    /// A line was typed, and Enter pressed.
    pub fn add(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > HISTORY_MAX && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }

    /// One line further back.
    pub fn back(&mut self, current: &str) -> Option<String> {
        if self.back == self.lines.len() {
            return None;
        }
        if self.back == 0 {
            current.clone_into(&mut self.draft);
        }
        self.back += 1;
        self.lines.get(self.lines.len() - self.back).cloned()
    }

    /// One line forth; after the last is what was being typed.
    pub fn forth(&mut self, _current: &str) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.lines.get(self.lines.len() - back).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_can_always_be_brought_back_and_all_of_them_do_not_fill_the_memory() {
        let mut history = History::default();
        for number in 0..10 {
            history.add(&number.to_string().repeat(HISTORY_MAX / 3));
        }
        assert_eq!(history.lines.len(), 3);
        history.add(&"x".repeat(2 * HISTORY_MAX));
        assert_eq!(history.lines.len(), 1);
    }
}
