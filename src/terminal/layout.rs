//! How the row that is being typed lies on the screen: as several rows, where it is wider than that.
//! Pure rules.
//!
//! They are those of [`rows`](crate::text::rows): a character that is not plain ASCII counts as two
//! columns, so that no terminal breaks a row where we did not. But rows are full here, and do not end
//! between words: what is being typed would jump about.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::text::harmless::harmless;
use crate::text::rows::{TAB, columns_of};

/// What stands before what is being typed, and before each further line of a paste: so it stands above,
/// once it is sent.
pub const PROMPT: &str = "> ";
/// What stands before each further row of a line.
const MARGIN: &str = "  ";
/// What stands before the first row where there are more above it, and behind the last where there are
/// more below it.
const MORE_ABOVE: &str = "< ";
const MORE_BELOW: &str = ">";

/// The rows of what is being typed.
#[derive(Debug)]
pub struct Layout {
    rows: Vec<LaidRow>,
    /// The row with the cursor.
    cursor: usize,
    /// How many bytes of that row stand before the cursor.
    before_cursor: usize,
}

/// One of them.
#[derive(Debug, Default)]
struct LaidRow {
    /// With what stands before it.
    text: String,
    /// How long the prompt or the margin is, in bytes.
    indent: usize,
    /// Where it begins in what was laid out, in bytes.
    start: usize,
    /// The next row belongs to the same line.
    goes_on: bool,
}

/// The rows that are to be seen.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// Each with its margin; the last may end in a mark.
    pub rows: Vec<String>,
    /// What stands behind the last one.
    pub mark: &'static str,
    /// Which has the cursor, and how many bytes of it stand before that.
    pub cursor: (usize, usize),
}

/// Where Up and Down go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// One row up.
    Up,
    /// One row down.
    Down,
}

impl Layout {
    /// Lays out text with the cursor between these two, and what stands before it.
    pub fn new(prompt: &str, before: &str, after: &str, columns: usize) -> Layout {
        let mut flow = Flow::new(columns);
        flow.put_prompt(prompt);
        flow.put(before);
        flow.cursor = None;
        flow.put(after);
        flow.finish()
    }

    /// What of it is to be seen in so many rows. `cut`: before it there is more that was not laid out.
    ///
    /// What is hidden above changes by half of what is to be seen: so there is always something before
    /// and after the cursor, and the rows do not jump with each key.
    pub fn view(&self, height: usize, cut: bool) -> View {
        let height = height.max(1);
        let step = height.div_ceil(2);
        let hidden = (self.cursor + 1).saturating_sub(height).div_ceil(step) * step;
        let first = hidden.min(self.rows.len().saturating_sub(height));
        let shown = &self.rows[first..self.rows.len().min(first + height)];
        let mut rows: Vec<String> = shown.iter().map(|row| row.text.clone()).collect();
        let mut before_cursor = self.before_cursor;
        if (cut || first > 0)
            && let (Some(text), Some(row)) = (rows.first_mut(), shown.first())
        {
            text.replace_range(..row.indent, MORE_ABOVE);
            if self.cursor == first {
                before_cursor = before_cursor - row.indent + MORE_ABOVE.len();
            }
        }
        let mark = if first + shown.len() < self.rows.len() { MORE_BELOW } else { "" };
        View { rows, mark, cursor: (self.cursor - first, before_cursor) }
    }
}

/// Where the cursor comes to, in bytes, when it goes one row up or down and stays in its column as well
/// as it can. `None`: it is in the first row, or in the last.
pub fn row_beside(
    towards: Towards,
    prompt: &str,
    before: &str,
    after: &str,
    columns: usize,
) -> Option<usize> {
    let Layout { rows, cursor, before_cursor } = Layout::new(prompt, before, after, columns);
    let target = match towards {
        Towards::Up => cursor.checked_sub(1)?,
        Towards::Down => cursor + 1,
    };
    let row = rows.get(target)?;
    let text = [before, after].concat();
    let end = rows.get(target + 1).map_or(text.len(), |next| next.start);
    let column = columns_of(&rows[cursor].text[..before_cursor]);
    let places = places(&text[row.start..end], row, columns);
    let (_, at) = places.into_iter().take_while(|&(place, _)| place <= column).last()?;
    Some(row.start + at)
}

/// The columns of a row in which the cursor can stand, and where that is in its part of the text.
fn places(part: &str, row: &LaidRow, columns: usize) -> Vec<(usize, usize)> {
    let mut flow = Flow::new(columns);
    flow.put_prompt(&row.text[..row.indent]);
    let mut places = vec![(flow.column, 0)];
    for (at, cluster) in clusters(part) {
        let end = at + cluster.len();
        // Behind the last character of a row that goes on is where the next one begins.
        if cluster != "\n" && !(row.goes_on && end == part.len()) {
            flow.put_cluster(cluster);
            places.push((flow.column, end));
        }
    }
    // Before the prompt there is no place: from there it goes to the first.
    places[0].0 = 0;
    places
}

/// What people take for one character; control characters each for itself.
fn clusters(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let parts = text.grapheme_indices(true);
    parts.flat_map(|(at, cluster)| {
        let split = if cluster == "\r\n" { 1 } else { cluster.len() };
        let (first, rest) = cluster.split_at(split);
        [(at, first), (at + split, rest)].into_iter().filter(|(_, part)| !part.is_empty())
    })
}

/// The rows as far as they have been laid out.
struct Flow {
    rows: Vec<LaidRow>,
    /// How many columns a row may take.
    columns: usize,
    /// How many of the last row may be taken.
    column: usize,
    /// How many columns behind the prompt or the margin most terminals will put the next character: tab
    /// stops count from there.
    usual: usize,
    /// How much has been laid out.
    passed: usize,
    /// Where the cursor is: a row, and a place in it. `None`: where the next character will be.
    cursor: Option<(usize, usize)>,
}

impl Flow {
    fn new(columns: usize) -> Flow {
        Flow {
            rows: vec![LaidRow::default()],
            // The last column stays free: a character in it would leave the cursor nowhere. And there
            // has to be room for a wide character.
            columns: columns.saturating_sub(1).max(MARGIN.len() + 2),
            column: 0,
            usual: 0,
            passed: 0,
            cursor: Some((0, 0)),
        }
    }

    fn last(&self) -> (usize, usize) {
        (self.rows.len() - 1, self.rows.last().map_or(0, |row| row.text.len()))
    }

    fn put_prompt(&mut self, prompt: &str) {
        let prompt = harmless(prompt);
        let shown: String = match columns_of(&prompt) + MARGIN.len() <= self.columns {
            true => prompt.into_owned(),
            // What is typed matters more.
            false => PROMPT.to_owned(),
        };
        self.indent(&shown);
    }

    fn put(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let plain = plain_start(rest);
            if plain > 0 {
                self.put_plain(&rest[..plain]);
                rest = &rest[plain..];
                continue;
            }
            let Some((_, cluster)) = clusters(rest).next() else { return };
            self.put_cluster(cluster);
            rest = &rest[cluster.len()..];
        }
    }

    /// Puts characters of one column each.
    fn put_plain(&mut self, mut text: &str) {
        while !text.is_empty() {
            self.make_room(1);
            let (now, later) = text.split_at(text.len().min(self.columns - self.column));
            self.push(now);
            self.passed += now.len();
            text = later;
        }
    }

    fn put_cluster(&mut self, cluster: &str) {
        match cluster {
            "\n" => {
                self.cursor.get_or_insert(self.last());
                self.passed += 1;
                self.begin_row(PROMPT);
            }
            "\t" => {
                self.make_room(1);
                // A tab ends with the row.
                let width = (TAB - self.usual % TAB).min(self.columns - self.column);
                self.push(&" ".repeat(width));
                self.passed += 1;
            }
            _ => {
                let shown = harmless(cluster);
                let width = columns_of(&shown);
                if width <= self.columns - MARGIN.len() {
                    self.make_room(width);
                    self.push(&shown);
                } else {
                    self.put_wide(&shown);
                }
                self.passed += cluster.len();
            }
        }
    }

    /// Puts a cluster for which no row has room, in parts. No emoji is that wide.
    fn put_wide(&mut self, cluster: &str) {
        for (at, character) in cluster.char_indices() {
            let character = &cluster[at..at + character.len_utf8()];
            self.make_room(columns_of(character));
            self.push(character);
        }
    }

    /// Begins another row where this one has no room for so many columns. What comes next has the cursor
    /// before it, if nothing else had.
    fn make_room(&mut self, width: usize) {
        let empty = self.column <= MARGIN.len();
        if self.column + width > self.columns && !empty {
            if let Some(row) = self.rows.last_mut() {
                row.goes_on = true;
            }
            self.begin_row(MARGIN);
        }
        self.cursor.get_or_insert(self.last());
    }

    fn begin_row(&mut self, indent: &str) {
        self.rows.push(LaidRow { start: self.passed, ..LaidRow::default() });
        self.column = 0;
        self.indent(indent);
    }

    fn indent(&mut self, indent: &str) {
        self.push(indent);
        self.usual = 0;
        if let Some(row) = self.rows.last_mut() {
            row.indent = indent.len();
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.text.push_str(text);
        }
        self.column += columns_of(text);
        self.usual += text.width();
    }

    fn finish(mut self) -> Layout {
        let (cursor, before_cursor) = *self.cursor.get_or_insert(self.last());
        Layout { rows: self.rows, cursor, before_cursor }
    }
}

/// How much of the beginning is plain ASCII, and stays so whatever follows: a mark belongs to the
/// character before it.
fn plain_start(text: &str) -> usize {
    let plain = text.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
    if plain < text.len() && !text.as_bytes()[plain].is_ascii() {
        plain.saturating_sub(1)
    } else {
        plain
    }
}

/// As much as any screen can show on one side of the cursor, in bytes.
const ENOUGH: usize = 16 * 1024;

/// What is near the cursor: how much of what is before it is left out, and what is left of both sides.
pub fn near<'a>(before: &'a str, after: &'a str) -> (usize, &'a str, &'a str) {
    // In steps: or the text would move with each key.
    let step = before.len() / ENOUGH;
    let start = before.floor_char_boundary(step.saturating_sub(1) * ENOUGH);
    (start, &before[start..], &after[..after.floor_char_boundary(ENOUGH)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rows that are to be seen, with `|` where the cursor is.
    fn shown(before: &str, after: &str, columns: usize, height: usize) -> String {
        let View { mut rows, mark, cursor } =
            Layout::new(PROMPT, before, after, columns).view(height, false);
        rows[cursor.0].insert(cursor.1, '|');
        rows.join("\n") + mark
    }

    /// Where Up or Down goes, with `|` there.
    fn goes(towards: Towards, text: &str, columns: usize) -> String {
        let (before, after) = text.split_once('|').unwrap();
        let mut whole = [before, after].concat();
        match row_beside(towards, PROMPT, before, after, columns) {
            Some(at) => whole.insert(at, '|'),
            None => whole.push('!'),
        }
        whole
    }

    #[test]
    fn a_row_that_fits_is_one_row() {
        assert_eq!(shown("", "", 20, 8), "> |");
        assert_eq!(shown("hel", "lo", 20, 8), "> hel|lo");
        assert_eq!(shown("四四", "四", 20, 8), "> 四四|四");
        assert_eq!(shown("\x1b[2J", "\u{202e}", 30, 8), "> ^[[2J|<U+202E>");
        assert_eq!(shown("a\tb", "", 30, 8), "> a       b|");
        assert_eq!(shown("0123456789abcdefg", "", 20, 8), "> 0123456789abcdefg|");
    }

    #[test]
    fn a_row_that_does_not_fit_goes_on_below_with_a_margin_and_leaves_the_last_column_free() {
        assert_eq!(shown("0123456789abcdefgh", "", 20, 8), "> 0123456789abcdefg\n  h|");
        assert_eq!(shown("0123456789abcdefg", "h", 20, 8), "> 0123456789abcdefg\n  |h");
        assert_eq!(shown("四四四四四四四四四", "", 20, 8), "> 四四四四四四四四\n  四|");
        assert_eq!(shown("0123456789abcdef\tx", "", 20, 8), "> 0123456789abcdef \n  x|");
    }

    #[test]
    fn each_line_of_a_paste_has_the_prompt() {
        assert_eq!(shown("one\ntwo", "\n\nfour", 20, 8), "> one\n> two|\n> \n> four");
        assert_eq!(shown("one\n", "", 20, 8), "> one\n> |");
    }

    #[test]
    fn a_prompt_of_ones_own_takes_its_place_and_only_in_the_first_row() {
        let View { rows, .. } = Layout::new("(search) ", "0123456789", "abc", 20).view(9, false);
        assert_eq!(rows, ["(search) 0123456789", "  abc"]);
        let View { rows, .. } = Layout::new("(search) ", "0123", "abc", 10).view(9, false);
        assert_eq!(rows, ["> 0123abc"]);
    }

    #[test]
    fn of_more_rows_than_there_is_room_for_those_at_the_cursor_are_seen() {
        assert_eq!(shown("1\n2\n3\n4", "", 20, 3), "< 2\n> 3\n> 4|");
        assert_eq!(shown("1\n2\n3", "\n4\n5\n6", 20, 3), "> 1\n> 2\n> 3|>");
        assert_eq!(shown("1\n2\n3\n4", "\n5\n6", 20, 3), "< 3\n> 4|\n> 5>");
        assert_eq!(shown("1\n2", "\n3", 20, 1), "< 2|>");
        let View { rows, .. } = Layout::new(PROMPT, "1", "", 20).view(3, true);
        assert_eq!(rows, ["< 1"]);
    }

    #[test]
    fn up_and_down_stay_in_their_column_as_well_as_they_can() {
        assert_eq!(goes(Towards::Up, "01234567abcdef|gh", 12), "01234|567abcdefgh");
        assert_eq!(goes(Towards::Down, "012|34567", 12), "01234567!");
        assert_eq!(goes(Towards::Up, "012|34567", 12), "01234567!");
        assert_eq!(goes(Towards::Down, "one|\ntwo", 12), "one\ntwo|");
        assert_eq!(goes(Towards::Down, "three|\ntwo", 12), "three\ntwo|");
        assert_eq!(goes(Towards::Up, "two\nthree|", 12), "two|\nthree");
        assert_eq!(goes(Towards::Up, "\nthree|", 12), "|\nthree");
        assert_eq!(goes(Towards::Up, "四四\nabc|", 12), "四|四\nabc");
    }

    #[test]
    fn a_very_long_line_is_laid_out_only_near_the_cursor() {
        let (before, after) = ("x".repeat(100_000), "y".repeat(100_000));
        let (skipped, before, after) = near(&before, &after);
        assert_eq!(skipped + before.len(), 100_000);
        assert!(before.len() >= ENOUGH && before.len() < 2 * ENOUGH && after.len() == ENOUGH);
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_the_screen_and_nothing_is_left_out(
            before in "(\\PC|[\\x00-\u{a0}]|[👩🏽❤\u{200d}\u{fe0f}]|四|\u{17d8}){0,60}",
            after in "(\\PC|[\\x00-\u{a0}]|四|\u{301}){0,60}",
            columns in 1_usize..60,
            height in 1_usize..9,
        ) {
            let layout = Layout::new(PROMPT, &before, &after, columns);
            let widest = columns.max(7);
            let mut all = String::new();
            for row in &layout.rows {
                prop_assert!(columns_of(&row.text) < widest, "{:?}", row);
                let obeyed = |c: char| c.is_control() || c == '\u{202e}';
                prop_assert!(!row.text.chars().any(obeyed));
                all += &row.text[row.indent..];
            }
            let spaceless = |text: &str| text.replace([' ', '\t', '\n'], "");
            let cluster_wise: String = [&*before, &*after].into_iter()
                .flat_map(clusters)
                .filter(|&(_, cluster)| cluster != "\n")
                .map(|(_, cluster)| harmless(cluster).into_owned())
                .collect();
            prop_assert_eq!(spaceless(&all), spaceless(&cluster_wise));
            let View { rows, cursor, .. } = layout.view(height, false);
            prop_assert!(rows.len() <= height && cursor.0 < rows.len());
            prop_assert!(rows[cursor.0].is_char_boundary(cursor.1));
        }

        #[test]
        fn up_and_down_go_one_row_and_not_further(
            before in "([a-z \n]|四|e\u{301}|\t){0,60}",
            after in "([a-z \n]|四|e\u{301}|\t){0,60}",
            columns in 8_usize..30,
        ) {
            let text = [&*before, &*after].concat();
            let row = |at: usize| {
                let layout = Layout::new(PROMPT, &text[..at], &text[at..], columns);
                (layout.cursor, layout.rows.len())
            };
            let (now, count) = row(before.len());
            let up = row_beside(Towards::Up, PROMPT, &before, &after, columns);
            prop_assert_eq!(up.map(|at| row(at).0), now.checked_sub(1));
            let down = row_beside(Towards::Down, PROMPT, &before, &after, columns);
            prop_assert_eq!(down.map(|at| row(at).0), (now + 1 < count).then_some(now + 1));
        }
    }
}
