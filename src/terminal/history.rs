//! The lines that were typed before.

use std::collections::{BTreeMap, VecDeque};

use crate::terminal::editor::line::Line;

/// How much of what was typed before can be fetched back, in bytes. The last line always can.
const HISTORY_MAX: usize = 256 * 1024;

/// The lines that were typed before, and which of them is in the row. A line that is left keeps its
/// edits until Enter, as in readline.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// How many bytes they have.
    bytes: usize,
    /// How many lines back we are: at 0 is what is being typed.
    back: usize,
    /// Lines as they were left, by how far back they are.
    left: BTreeMap<usize, Line>,
}

impl History {
    /// A line was typed, and Enter pressed.
    pub fn add(&mut self, line: &str) {
        self.forget_edits();
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > HISTORY_MAX && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }

    /// Nothing is being typed any more: all lines are again as they were sent.
    pub fn forget_edits(&mut self) {
        self.back = 0;
        self.left.clear();
    }

    /// How many lines back we are.
    pub fn back(&self) -> usize {
        self.back
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// The line that is so far back, as it is now; `row` is the one that we are at.
    pub fn text<'a>(&'a self, back: usize, row: &'a Line) -> Option<&'a str> {
        if back == self.back {
            return Some(row.text());
        }
        let left = self.left.get(&back).map(Line::text);
        left.or_else(|| self.lines.get(self.lines.len().checked_sub(back)?).map(String::as_str))
    }

    /// Leaves the line in the row for the one that is this many back.
    pub fn visit(&mut self, back: usize, row: &mut Line) {
        if back == self.back || back > self.lines.len() {
            return;
        }
        let next = self.left.remove(&back).unwrap_or_else(|| {
            Line::new(self.lines.get(self.lines.len() - back).cloned().unwrap_or_default())
        });
        let left = std::mem::replace(row, next);
        row.go_to(row.text().len());
        if self.back == 0 || left.is_edited() {
            self.left.insert(self.back, left);
        }
        self.back = back;
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
