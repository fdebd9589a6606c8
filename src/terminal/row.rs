//! The row that is being typed: what is in it, how it comes to the screen, and how it stands there.
//!
//! The stdin-reader puts it up on a [`RowBoard`]; the screen-writer draws it, below everything else.
//! The board has room for one, and is not the screen-writer's outbox: of rows only the newest is of use,
//! and they would pile up when the terminal is stuck. Everything else keeps its order, in the outbox.

use std::io::{self, Write};

use crossbeam_channel::{Receiver, Sender, bounded};
use unicode_width::UnicodeWidthStr;

use crate::text::rows;

/// Text of one row, and where the cursor stands in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    before: String,
    after: String,
    /// There is more text before `before`, which is too far away to be seen.
    cut: bool,
}

impl Row {
    /// As much as any screen can show, of either part, in bytes.
    const ENOUGH: usize = 4096;

    /// A row with the cursor between these two.
    pub fn new(before: &str, after: &str) -> Row {
        // In steps: or the text would move with each key.
        let step = before.len() / Row::ENOUGH;
        let start = before.floor_char_boundary(step.saturating_sub(1) * Row::ENOUGH);
        let end = after.floor_char_boundary(Row::ENOUGH);
        Row { before: before[start..].to_owned(), after: after[..end].to_owned(), cut: start > 0 }
    }
}

/// Where the stdin-reader puts the input row up. There is room for one: a newer row takes the
/// place of one that has not been looked at.
#[derive(Debug)]
pub struct RowBoard {
    put_up: Sender<Row>,
    on_it: Receiver<Row>,
}

impl RowBoard {
    /// A board, and what the screen-writer needs to look at it.
    pub fn new() -> (RowBoard, Receiver<Row>) {
        let (put_up, on_it) = bounded(1);
        (RowBoard { put_up, on_it: on_it.clone() }, on_it)
    }

    /// Puts a row up.
    pub fn put_up(&self, row: Row) {
        self.clear();
        // There is room, as nobody else puts anything up.
        let _ = self.put_up.try_send(row);
    }

    /// Takes the row down that nobody has looked at yet, if there is one.
    pub fn clear(&self) {
        let _ = self.on_it.try_recv();
    }
}

/// A row as it is drawn, in the columns there are.
struct Drawing {
    before: String,
    after: String,
    /// How many columns it may take.
    width: usize,
}

/// What stands before what is being typed, and what where its beginning does not fit.
const PROMPT: &str = "> ";
const PROMPT_CUT: &str = "< ";
/// What stands where its end does not fit.
const MORE: &str = ">";

impl Row {
    /// The row scrolls sideways, by half a screen at a time.
    fn drawing(&self, columns: usize) -> Drawing {
        // The last column stays free: a character in it would leave the cursor nowhere.
        let room = columns.saturating_sub(PROMPT.len() + MORE.len() + 1).max(2);
        let cells = rows::cells(&self.before, 0);
        let width: usize = cells.iter().map(|(_, width)| width).sum();
        let step = room.div_ceil(2);
        let hidden = width.saturating_sub(room).div_ceil(step) * step;

        let cut = self.cut || hidden > 0;
        let mut before = if cut { PROMPT_CUT } else { PROMPT }.to_owned();
        let (mut passed, mut used, mut usual) = (0, 0, 0);
        for (text, width) in cells {
            usual += text.width();
            if passed >= hidden {
                before.push_str(&text);
                used += width;
            }
            passed += width;
        }
        let mut after = String::new();
        for (text, width) in rows::cells(&self.after, usual) {
            if used + width > room {
                after.push_str(MORE);
                used += MORE.len();
                break;
            }
            used += width;
            after.push_str(&text);
        }
        Drawing { before, after, width: PROMPT.len() + used }
    }
}

/// How many bytes may be written while the row is off the screen, though more are waiting.
const WITHOUT_ROW_MAX: usize = 16 * 1024;

/// The row as it stands on the screen, or does not.
#[derive(Debug, Default)]
pub struct DrawnRow {
    /// `None`: nothing is being typed.
    row: Option<Row>,
    /// How many columns it takes on the screen; `None` where it is not there.
    width: Option<usize>,
    /// It has changed since it was drawn.
    changed: bool,
    /// How much has been written since it was drawn.
    bytes_since_row: usize,
}

impl DrawnRow {
    /// What the terminal itself has shown of what was typed: that goes like a row of ours.
    pub fn echo() -> DrawnRow {
        DrawnRow { width: Some(0), ..DrawnRow::default() }
    }

    /// From now on this is the row.
    pub fn set(&mut self, row: Row) {
        self.row = Some(row);
        self.changed = true;
    }

    /// Whether it does not stand on the screen as it should.
    pub fn is_to_be_drawn(&self) -> bool {
        self.row.is_some() && (self.width.is_none() || self.changed)
    }

    /// Draws the row. `columns` tells how many the window has.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn draw(&mut self, columns: fn() -> usize, to: &mut dyn Write) -> io::Result<()> {
        let Some(row) = &self.row else { return Ok(()) };
        let columns = columns();
        let Drawing { before, after, width } = row.drawing(columns);
        // Over what stands there now, so that nothing flickers. The terminal itself notes the
        // place between the two parts, and puts the cursor there: so it is right also where
        // terminals differ about how wide a character is.
        write!(to, "{}{before}\x1b7{after}\x1b[K\x1b8", self.first_column(columns))?;
        self.width = Some(width);
        self.changed = false;
        Ok(())
    }

    /// Takes it off the screen, where it is there. It is still the row.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn erase(&mut self, columns: fn() -> usize, to: &mut dyn Write) -> io::Result<()> {
        if self.width.is_some() {
            write!(to, "{}\x1b[K", self.first_column(columns()))?;
            self.width = None;
        }
        Ok(())
    }

    /// Something else has taken it off the screen. It is still the row.
    pub fn mark_erased(&mut self) {
        self.width = None;
    }

    /// Nothing is being typed any more, or the screen is somebody else's now.
    pub fn forget(&mut self) {
        (self.row, self.width) = (None, None);
    }

    /// Counts what is written while it is off the screen. `true`: it is time to draw it again.
    pub fn count_written(&mut self, written: usize) -> bool {
        self.bytes_since_row += written;
        self.bytes_since_row > WITHOUT_ROW_MAX
    }

    /// Counts from zero again.
    pub fn restart_count(&mut self) {
        self.bytes_since_row = 0;
    }

    /// What moves the cursor to where the row begins.
    ///
    /// Where the window has become narrower than the row, some terminals have broken the row in two
    /// or more, with the cursor in one of them, and others have cut it off; they cannot be asked
    /// which. So what is above the cursor may be a message, and is left alone, though it may be a
    /// part of the row; what is below it is nothing but the rest of the row. (Otherwise only the row
    /// is erased: some terminals keep what was on an erased screen, and what was never sent with it.)
    fn first_column(&self, columns: usize) -> &'static str {
        match self.width {
            Some(width) if width >= columns => "\r\x1b[J",
            _ => "\r",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(before: &str, after: &str, columns: usize) -> String {
        let Drawing { before, after, .. } = Row::new(before, after).drawing(columns);
        format!("{before}|{after}")
    }

    #[test]
    fn a_row_that_fits_is_shown_whole() {
        assert_eq!(drawn("", "", 20), "> |");
        assert_eq!(drawn("hel", "lo", 20), "> hel|lo");
        assert_eq!(drawn("0123456789abcdef", "", 20), "> 0123456789abcdef|");
        assert_eq!(drawn("四四", "四", 20), "> 四四|四");
        assert_eq!(drawn("\x1b[2J", "\u{202e}", 30), "> ^[[2J|<U+202E>");
        assert_eq!(drawn("a\tb", "", 30), "> a       b|");
    }

    #[test]
    fn a_row_that_does_not_fit_scrolls_sideways() {
        assert_eq!(drawn("0123456789abcdefg", "", 20), "< 89abcdefg|");
        assert_eq!(drawn("0123456789", "abcdefghi", 20), "> 0123456789|abcdef>");
        assert_eq!(drawn(&"x".repeat(100_000), &"y".repeat(100_000), 20).chars().count(), 20);
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_the_screen(
            before in "(\\PC|[\\x00-\u{a0}]|[👩🏽❤\u{200d}\u{fe0f}]|四){0,60}",
            after in "(\\PC|[\\x00-\u{a0}]|四){0,60}",
            columns in 8_usize..60,
        ) {
            let Drawing { before, after, width } = Row::new(&before, &after).drawing(columns);
            prop_assert!(width < columns, "{before:?} {after:?}");
            prop_assert_eq!(rows::columns_of(&before) + rows::columns_of(&after), width);
            let obeyed = |c: char| c.is_control() || c == '\u{202e}';
            prop_assert!(!before.chars().chain(after.chars()).any(obeyed));
        }
    }
}
