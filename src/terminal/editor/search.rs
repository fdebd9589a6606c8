//! Ctrl-R: looking for a line from before while its text is being typed, as in readline.

use crate::terminal::editor::bindings::{Step, Way};
use crate::terminal::editor::line::Line;
use crate::terminal::history::History;

/// How much of the text is shown, in characters: its end.
const SHOWN_MAX: usize = 20;

/// What is looked for, and what was found. Until it ends nothing changes in the row.
#[derive(Debug)]
pub struct Search {
    text: String,
    way: Way,
    outcome: Outcome,
    /// The line that is shown, by how far back it is, and a place in it: where the text was found last.
    back: usize,
    at: usize,
}

/// What has come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing yet: the line is the one in the row.
    Nothing,
    /// The text is there.
    Found,
    /// It is not, and never was: the line is the one in the row.
    NeverFound,
    /// It is nowhere any more: the line is the last one that had it.
    FoundNoMore,
}

impl Search {
    /// A search that begins at this place, in the line that is so far back.
    pub fn new(way: Way, back: usize, at: usize) -> Search {
        Search { text: String::new(), way, outcome: Outcome::Nothing, back, at }
    }

    /// Goes on, in the lines from before and the one in the `row`. `last`: what was looked for the last
    /// time.
    pub fn on(&mut self, step: Step, last: &str, history: &History, row: &Line) {
        // Where the text may begin in the line that is shown.
        let mut from = Some(self.at);
        match step {
            Step::Type(text) => self.text.push_str(&text),
            Step::Backspace => {
                self.text.pop();
            }
            Step::Again(way) if way != self.way => self.way = way,
            Step::Again(_) if self.text.is_empty() => last.clone_into(&mut self.text),
            Step::Again(Way::Older) => from = self.at.checked_sub(1),
            Step::Again(Way::Newer) => from = Some(self.at + 1),
        }
        self.outcome = match self.find(from, history, row) {
            _ if self.text.is_empty() => Outcome::Nothing,
            Some((back, at)) => {
                (self.back, self.at) = (back, at);
                Outcome::Found
            }
            None if self.has_found() => Outcome::FoundNoMore,
            None => Outcome::NeverFound,
        };
    }

    fn has_found(&self) -> bool {
        matches!(self.outcome, Outcome::Found | Outcome::FoundNoMore)
    }

    /// The next line that has the text, and where.
    fn find(&self, from: Option<usize>, history: &History, row: &Line) -> Option<(usize, usize)> {
        let shown = history.text(self.back, row)?;
        if let Some(at) = from.and_then(|from| self.find_in(shown, from)) {
            return Some((self.back, at));
        }
        let find = |back| {
            let line = history.text(back, row)?;
            // The same line once more would be no news.
            let is_news = !self.has_found() || line != shown;
            let from = if self.way == Way::Older { line.len() } else { 0 };
            let at = if is_news { self.find_in(line, from) } else { None };
            Some((back, at?))
        };
        match self.way {
            Way::Older => (self.back + 1..=history.count()).find_map(find),
            Way::Newer => (0..self.back).rev().find_map(find),
        }
    }

    /// Where a line has the text, from this place on to the side where we look.
    fn find_in(&self, line: &str, from: usize) -> Option<usize> {
        let (line, text) = (line.as_bytes(), self.text.as_bytes());
        let last = line.len().checked_sub(text.len())?;
        let begins = |at: &usize| line[*at..].starts_with(text);
        match self.way {
            Way::Older => (0..=from.min(last)).rev().find(begins),
            Way::Newer => (from..=last).find(begins),
        }
    }

    /// The line that is shown, by how far back it is, and the cursor's place in it.
    pub fn place(&self) -> (usize, usize) {
        (self.back, self.at)
    }

    /// What was looked for.
    pub fn into_text(self) -> String {
        self.text
    }

    /// What stands before the line.
    pub fn prompt(&self) -> String {
        let failed = match self.outcome {
            Outcome::Nothing | Outcome::Found => "",
            Outcome::NeverFound | Outcome::FoundNoMore => "failed ",
        };
        let way = match self.way {
            Way::Older => "reverse-i-search",
            Way::Newer => "i-search",
        };
        // There has to be room for the line.
        let hidden = self.text.char_indices().rev().nth(SHOWN_MAX - 1).map_or(0, |(at, _)| at);
        format!("({failed}{way})`{}': ", self.text[hidden..].replace('\t', " "))
    }
}
