//! A line that is being edited: its text, where the cursor stands, and how its changes are taken back.
//! Words, characters and ends are those of readline.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::terminal::editor::undo::{Change, Undo};

/// A line, and where the cursor stands in it. All places are in bytes.
#[derive(Debug, Default)]
pub struct Line {
    text: String,
    cursor: usize,
    undo: Undo,
}

/// What becomes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// All of it in capitals.
    Upper,
    /// None of it.
    Lower,
    /// Its first letter.
    Capital,
}

impl Line {
    /// A line with the cursor at its end, of which nothing can be taken back.
    pub fn new(text: String) -> Line {
        Line { cursor: text.len(), text, undo: Undo::default() }
    }

    /// What is in it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is in it, for good.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Where the cursor stands.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// What there is before the cursor and after it.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Whether it was changed, and not taken back.
    pub fn is_edited(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Moves the cursor. The place has to be one between two characters.
    pub fn go_to(&mut self, place: usize) {
        self.cursor = place;
    }

    /// Where the character before the cursor begins, as people count them.
    pub fn previous(&self) -> usize {
        self.character_before(self.cursor)
    }

    /// Where the character after the cursor ends.
    pub fn next(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        // It has all of the text, and so always an answer.
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }

    fn character_before(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    /// Where the next word ends.
    pub fn end_of_word(&self) -> usize {
        self.end_of_word_from(self.cursor)
    }

    fn end_of_word_from(&self, place: usize) -> usize {
        let mut in_word = false;
        for (at, character) in self.text[place..].grapheme_indices(true) {
            match is_of_word(character) {
                false if in_word => return place + at,
                is => in_word = is,
            }
        }
        self.text.len()
    }

    /// Where the word before the cursor begins.
    pub fn start_of_word(&self) -> usize {
        self.start_of_word_before(self.cursor)
    }

    fn start_of_word_before(&self, place: usize) -> usize {
        self.start_before(place, is_of_word)
    }

    /// Where what stands between spaces before the cursor begins.
    pub fn start_between_spaces(&self) -> usize {
        self.start_before(self.cursor, |it| !it.starts_with(char::is_whitespace))
    }

    /// Where a run of such characters begins that ends before this place.
    fn start_before(&self, mut place: usize, is_of_run: fn(&str) -> bool) -> usize {
        let mut in_run = false;
        while place > 0 {
            let start = self.character_before(place);
            match is_of_run(&self.text[start..place]) {
                false if in_run => break,
                is => in_run = is,
            }
            place = start;
        }
        place
    }

    /// Types characters, which are taken back together with those typed before them, up to some.
    pub fn type_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let at = self.cursor;
        self.text.insert_str(at, text);
        self.cursor += text.len();
        self.undo.add_typed(at, text);
    }

    /// Puts this in where the cursor is, and the cursor behind it. A single character goes like one that
    /// is typed, as in readline.
    pub fn insert(&mut self, text: &str) {
        match text.chars().count() {
            0 | 1 => self.type_text(text),
            _ => self.replace(self.cursor..self.cursor, text),
        }
    }

    /// Takes out what is between the cursor and another place, and gives it.
    pub fn remove_to(&mut self, place: usize) -> String {
        let range = place.min(self.cursor)..place.max(self.cursor);
        let removed = self.text[range.clone()].to_owned();
        self.replace(range, "");
        removed
    }

    /// Puts something in another's place, and the cursor behind it: one step.
    pub fn replace(&mut self, range: Range<usize>, text: &str) {
        let change = self.change(range, text);
        self.undo.add(vec![change]);
    }

    fn change(&mut self, range: Range<usize>, text: &str) -> Change {
        let change = Change::new(range.start, &self.text[range.clone()], text);
        self.cursor = range.start + text.len();
        self.text.replace_range(range, text);
        change
    }

    /// Takes back the last step.
    pub fn undo(&mut self) {
        if let Some(cursor) = self.undo.take_back(&mut self.text) {
            self.cursor = cursor;
        }
    }

    /// The character before the cursor goes behind the one after it; at the end, the last two change
    /// places.
    pub fn swap_characters(&mut self) {
        let middle = if self.cursor == self.text.len() { self.previous() } else { self.cursor };
        let start = self.character_before(middle);
        if start == middle {
            return;
        }
        let moved = self.text[start..middle].to_owned();
        let taken_out = self.change(start..middle, "");
        let end = self.next();
        let put_in = self.change(end..end, &moved);
        self.undo.add(vec![taken_out, put_in]);
    }

    /// The word before the cursor goes behind the one after it.
    pub fn swap_words(&mut self) {
        let end = self.end_of_word();
        let second = self.start_of_word_before(end);
        let first = self.start_of_word_before(second);
        let first_end = self.end_of_word_from(first);
        if first == second || second < first_end {
            return;
        }
        let (left, right) = (self.text[first..first_end].to_owned(), &self.text[second..end]);
        let right = right.to_owned();
        let changes = vec![self.change(second..end, &left), self.change(first..first_end, &right)];
        self.undo.add(changes);
        self.cursor = end;
    }

    /// Changes the case of what is between the cursor and the end of the next word.
    pub fn change_case(&mut self, case: Case) {
        let range = self.cursor..self.end_of_word();
        if range.is_empty() {
            return;
        }
        let mut changed = String::new();
        let mut in_word = false;
        for character in self.text[range.clone()].graphemes(true) {
            let upper = match case {
                Case::Upper => true,
                Case::Lower => false,
                Case::Capital => !in_word,
            };
            in_word = is_of_word(character);
            changed += &if upper { character.to_uppercase() } else { character.to_lowercase() };
        }
        self.replace(range, &changed);
    }
}

/// Whether a character, with its marks, belongs to a word.
fn is_of_word(character: &str) -> bool {
    character.starts_with(char::is_alphanumeric)
}
