//! How a line is broken into rows. Pure rules.
//!
//! A message may not look like somebody else's. A terminal that breaks a line itself begins the
//! next row with whatever the friend wrote, and so every row is broken here, and each further one
//! begins with two spaces. That has to hold in every terminal, and no two of them agree on how wide
//! a character is: an accented letter, a Greek one or `…` has two columns where a terminal is set up
//! for Chinese; what makes one picture out of several characters here is shown side by side there.
//! So nothing is guessed. A character of plain ASCII has one column, and any other counts as two,
//! however narrow most terminals draw it. It costs rows of other scripts a part of their width,
//! and no terminal can break a row where we did not, or have no room for the end of it.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::harmless::harmless;

/// What stands before each further row of a line that is wider than the screen.
const MARGIN: &str = "  ";

/// How many columns the widest single character may take: one of Khmer's signs, U+17D8.
const WIDEST: usize = 3;

/// How far apart the tab stops of every terminal are.
pub const TAB: usize = 8;

/// What stands before each line of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Label<'a> {
    /// What comes before the speaker: the time, or nothing.
    pub before: &'a str,
    /// The speaker: `friend`.
    pub who: &'a str,
    /// The speaker's colour, if any: the number of ECMA-48's "select graphic rendition".
    pub colour: Option<u8>,
    /// What stands between the speaker and the text: ` says: `.
    pub says: &'a str,
}

/// A line for the screen: the label and the text, made harmless and broken into rows of at most
/// `columns` columns, with a newline after each.
///
/// A row ends after a space, or beside a wide character, as in Chinese, where there are no spaces
/// between words; only a word that is wider than a whole row is cut. Nothing is left out: the space at
/// which a row is broken stays at its end, where there is always room for it. So the rows without
/// their margins, put together, are the line.
pub fn labelled(label: &Label, text: &str, columns: usize) -> String {
    // Narrower than this there is no room for the margin and the widest character.
    let mut rows = Rows::new(columns.max(MARGIN.len() + WIDEST));
    rows.put_text(label.before);
    // The name and what belongs to it stay together, and the break comes before the colour.
    rows.make_room(columns_of(label.who) + label.says.find(' ').map_or(0, |at| at + 1));
    if let Some(colour) = label.colour {
        rows.put_unseen(&format!("\x1b[{colour}m"));
    }
    rows.put_text(label.who);
    if label.colour.is_some() {
        rows.put_unseen("\x1b[39m");
    }
    rows.put_text(label.says);
    for (at, part) in harmless(text).split('\t').enumerate() {
        if at > 0 {
            rows.put_tab();
        }
        rows.put_text(part);
    }
    rows.finish()
}

/// The rows of a line, as far as it has been put.
struct Rows {
    rows: String,
    columns: usize,
    /// How many columns of the last row may be taken.
    column: usize,
    /// The column in which most terminals will put the next character: tab stops count from there.
    usual: usize,
}

impl Rows {
    fn new(columns: usize) -> Rows {
        Rows { rows: String::new(), columns, column: 0, usual: 0 }
    }

    /// Puts text without tabs.
    fn put_text(&mut self, text: &str) {
        // Most of most text is plain, and the rest of the rules is slow.
        let mut plain = text.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        if plain < text.len() {
            // Up to the last word, of which the rest is a part; and a mark may stand on a space.
            plain = text[..plain.saturating_sub(1)].rfind(' ').map_or(0, |at| at + 1);
        }
        let (plain, text) = text.split_at(plain);
        if plain.len() <= self.columns - self.column {
            self.put_plain(plain);
        } else {
            for word in plain.split_inclusive(' ') {
                self.make_room(word.len());
                self.put_plain(word);
            }
        }
        let mut word = (0, 0);
        let mut last = "";
        for (at, cluster) in text.grapheme_indices(true) {
            let ends = last == " " || is_wide(last) || is_wide(cluster);
            // One space belongs to the word before it.
            if ends && (cluster != " " || last == " ") {
                self.put_word(&text[word.0..at], word.1);
                word = (at, 0);
            }
            word.1 += columns_of(cluster);
            last = cluster;
        }
        self.put_word(&text[word.0..], word.1);
    }

    /// Puts characters of one column each.
    fn put_plain(&mut self, mut text: &str) {
        while !text.is_empty() {
            if self.column == self.columns {
                self.break_row();
            }
            let (now, later) = text.split_at(text.len().min(self.columns - self.column));
            self.rows.push_str(now);
            self.column += now.len();
            self.usual += now.len();
            text = later;
        }
    }

    /// Puts a word that takes so many columns at most, a whole character (as people count them) at a
    /// time.
    fn put_word(&mut self, word: &str, width: usize) {
        self.make_room(width);
        for cluster in word.graphemes(true) {
            let width = columns_of(cluster);
            if width <= self.columns - MARGIN.len() {
                self.put(cluster, width);
                continue;
            }
            // No emoji is that wide; this is one that somebody made up to overflow the row.
            for (at, character) in cluster.char_indices() {
                let character = &cluster[at..at + character.len_utf8()];
                self.put(character, columns_of(character));
            }
        }
    }

    /// Puts what the terminal obeys and does not show: a colour.
    fn put_unseen(&mut self, code: &str) {
        self.rows.push_str(code);
    }

    /// A tab becomes the spaces up to the next stop: a real one would not break the row.
    fn put_tab(&mut self) {
        for _ in 0..TAB - self.usual % TAB {
            self.put(" ", 1);
        }
    }

    fn put(&mut self, text: &str, width: usize) {
        if self.column + width > self.columns {
            self.break_row();
        }
        self.rows.push_str(text);
        self.column += width;
        self.usual += text.width();
    }

    /// Begins another row for what fits into a whole one, but not any more into this one.
    fn make_room(&mut self, width: usize) {
        if self.column + width > self.columns && width <= self.columns - MARGIN.len() {
            self.break_row();
        }
    }

    fn break_row(&mut self) {
        self.rows.push('\n');
        self.rows.push_str(MARGIN);
        self.column = MARGIN.len();
        self.usual = MARGIN.len();
    }

    fn finish(mut self) -> String {
        self.rows.push('\n');
        self.rows
    }
}

/// The most columns that any terminal gives to a text without tabs. Each character counts: also a mark,
/// which most terminals draw on top of the character before it, and some beside it.
pub fn columns_of(text: &str) -> usize {
    let columns = |character: char| match character {
        '\0'..='\x7f' => 1,
        _ => character.width().unwrap_or(0).max(2),
    };
    text.chars().map(columns).sum()
}

/// Whether a line may be broken on either side of this character: those of Chinese, Japanese and
/// Korean, and emoji.
fn is_wide(cluster: &str) -> bool {
    cluster.chars().next().and_then(UnicodeWidthChar::width) == Some(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(who: &str, text: &str, columns: usize) -> String {
        labelled(&Label { before: "", who, colour: None, says: " " }, text, columns)
    }

    #[test]
    fn a_coloured_label_takes_no_more_room_than_a_plain_one() {
        let label = Label { before: "12:00:00 ", who: "Susan", colour: Some(36), says: " says: " };
        let rows = labelled(&label, &"0123456789".repeat(3), 26);
        assert_eq!(
            rows,
            "12:00:00 \x1b[36mSusan\x1b[39m says: 01234\n  567890123456789012345678\n  9\n"
        );
        assert_eq!(labelled(&label, "x", 13), "12:00:00 \n  \x1b[36mSusan\x1b[39m \n  says: x\n");
    }

    #[test]
    fn every_further_row_of_a_wide_line_begins_with_two_spaces() {
        let rows = plain("friend says:", &"0123456789".repeat(3), 20);
        assert_eq!(rows, "friend says: 0123456\n  789012345678901234\n  56789\n");
        assert_eq!(plain("a:", "四四四四", 8), "a: 四四\n  四四\n");
        assert_eq!(plain("a:", "x\ty", 80), "a: x    y\n");
    }

    #[test]
    fn a_row_ends_between_words_and_keeps_the_space_at_its_end() {
        let rows = plain("friend says:", "on the network and at home", 20);
        assert_eq!(rows, "friend says: on the \n  network and at \n  home\n");
        // There is no room for the space after `now`.
        assert_eq!(plain("a:", "here and now it is", 12), "a: here and \n  now it is\n");
        assert_eq!(plain("a:", "1234 678 now it is", 12), "a: 1234 678 \n  now it is\n");
        assert_eq!(plain("a:", "1234 6789 now", 12), "a: 1234 \n  6789 now\n");
        assert_eq!(plain("a:", "über den Fluß", 12), "a: über \n  den Fluß\n");
        assert_eq!(plain("a:", "我们 abc你好", 10), "a: 我们 \n  abc你好\n");
    }

    #[test]
    fn tabs_go_to_the_stops_that_most_terminals_have() {
        assert_eq!(plain("a:", "é\tb", 80), "a: é    b\n");
        assert_eq!(plain("a:", "四\tb", 80), "a: 四   b\n");
    }

    #[test]
    fn a_made_up_emoji_cannot_overflow_the_row() {
        let chain = ["👩"; 40].join("\u{200d}");
        for row in plain("a:", &chain, 20).lines() {
            assert!(columns_of(row) <= 20, "{row}");
        }
    }

    /// A row of the fewest columns once held less than the margin and this character of three.
    #[test]
    fn each_character_there_is_fits_into_a_row_of_any_width() {
        for character in '\0'..=char::MAX {
            assert!(columns_of(character.encode_utf8(&mut [0; 4])) <= WIDEST, "{character:?}");
        }
        for columns in 0..12 {
            let rows = plain("a:", "x\u{17d8}\u{17d8}y\u{17d8}", columns);
            for row in rows.lines() {
                assert!(columns_of(row) <= columns.max(MARGIN.len() + WIDEST), "{rows:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_at_all_gets_past_or_overflows_a_row_or_is_left_out(
            text in "(\\PC|[ a-z]|[\\x00-\\u{a0}\\u{2000}-\\u{206f}\\u{fe00}-\\u{fe0f}]|[👩🏽❤\u{200d}\u{fe0f}]){0,80}",
            columns in 0_usize..60,
        ) {
            let rows = plain("friend says:", &text, columns);
            let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            prop_assert!(!rows.chars().any(obeyed));
            for (at, row) in rows.lines().enumerate() {
                prop_assert!(columns_of(row) <= columns.max(MARGIN.len() + WIDEST), "{:?}", row);
                prop_assert!(at == 0 || row.starts_with("  "), "{:?}", row);
            }
            if !text.contains('\t') {
                let whole = rows.trim_end_matches('\n').replace("\n  ", "");
                prop_assert_eq!(whole, format!("friend says: {}", harmless(&text)));
            }
        }
    }
}
