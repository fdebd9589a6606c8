//! The row that is being typed: what is in it, how it comes to the screen, and how it stands there.
//!
//! The stdin-reader puts it up on a [`RowBoard`]; the screen-writer draws it, below everything else.
//! The board is not the screen-writer's outbox: of rows only the newest is of use, and they would pile up
//! when the terminal is stuck. Everything else keeps its order, in the outbox.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::platform::window::Size;
use crate::terminal::board::Board;
use crate::terminal::layout::{self, Layout, PROMPT, View};
use crate::text::rows::columns_of;

/// What is being typed, and where the cursor stands in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    prompt: Cow<'static, str>,
    before: String,
    after: String,
    /// There is more text before `before`, which is too far away to be seen.
    cut: bool,
}

impl Row {
    /// A row with the cursor between these two.
    pub fn new(before: &str, after: &str) -> Row {
        Row::with_prompt(PROMPT, before, after)
    }

    /// The same with something else before it than before everything that is typed.
    pub fn with_prompt(prompt: impl Into<Cow<'static, str>>, before: &str, after: &str) -> Row {
        let (skipped, before, after) = layout::near(before, after);
        Row {
            prompt: prompt.into(),
            before: before.to_owned(),
            after: after.to_owned(),
            cut: skipped > 0,
        }
    }

    /// As it is to be seen: in up to a third of the screen.
    fn view(&self, size: Size) -> View {
        let Row { prompt, before, after, cut } = self;
        Layout::new(prompt, before, after, size.columns).view(size.rows / 3, *cut)
    }
}

/// Where the stdin-reader puts the input row up.
pub type RowBoard = Board<Row>;

/// Terminals take VT for a newline. But the system's driver, which makes `\r\n` of each newline, passes
/// it on as it is: with newlines a flood took a tenth longer.
const LINE_FEED: char = '\x0b';

/// How many bytes may be written while the row is off the screen, though more are waiting.
const WITHOUT_ROW_MAX: usize = 16 * 1024;

/// The row as it stands on the screen, or does not.
#[derive(Debug, Default)]
pub struct DrawnRow {
    /// `None`: nothing is being typed.
    row: Option<Row>,
    /// How it stands on the screen; `None` where it is not there.
    drawn: Option<Drawn>,
    /// It has changed since it was drawn.
    changed: bool,
    /// How much has been written since it was drawn.
    bytes_since_row: usize,
    /// The terminal is known to break its rows anew in a narrower window.
    is_broken_anew: bool,
}

/// How a row stands on the screen.
#[derive(Debug, Default)]
struct Drawn {
    /// How many columns each of its rows takes in most terminals.
    widths: Vec<usize>,
    /// How many the widest may take.
    widest: usize,
    /// In which of them the cursor is, and in which column.
    cursor: (usize, usize),
    /// What stands before it there.
    before_cursor: String,
}

impl DrawnRow {
    /// A row on a terminal of which it is known, or not, that it
    /// [breaks its rows anew](crate::platform::window::breaks_rows_anew).
    pub fn new(is_broken_anew: bool) -> DrawnRow {
        DrawnRow { is_broken_anew, ..DrawnRow::default() }
    }

    /// The same where the terminal itself has shown what was typed: that goes like a row of ours.
    pub fn after_echo(self) -> DrawnRow {
        let echo = Drawn { widths: vec![0], ..Drawn::default() };
        DrawnRow { drawn: Some(echo), ..self }
    }

    /// From now on this is the row.
    pub fn set(&mut self, row: Row) {
        self.row = Some(row);
        self.changed = true;
    }

    /// Whether it does not stand on the screen as it should.
    pub fn is_to_be_drawn(&self) -> bool {
        self.row.is_some() && (self.drawn.is_none() || self.changed)
    }

    /// Whether it is there.
    pub fn is_drawn(&self) -> bool {
        self.row.is_some() && self.drawn.is_some()
    }

    /// Draws the row in a window of this size.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn draw(&mut self, size: Size, to: &mut dyn Write) -> io::Result<()> {
        let Some(row) = &self.row else { return Ok(()) };
        let view = row.view(size);
        if self.drawn.as_ref().is_some_and(|drawn| drawn.is_too_wide(size)) {
            self.erase(|| size, to)?;
        }
        // Over what stands there now, so that nothing flickers.
        let before = self.drawn.replace(Drawn::new(&view));
        self.changed = false;
        let View { rows, mark, cursor } = view;
        to_first_row(before.as_ref().map_or(0, |before| before.cursor.0), to)?;
        if rows.len() > 1 {
            // With room for all of it, or the screen would scroll while it is drawn.
            write!(to, "{}\x1b[{}A", "\n".repeat(rows.len() - 1), rows.len() - 1)?;
        }
        for (at, text) in rows.iter().enumerate() {
            // The terminal itself notes the place of the cursor, and puts it there: so it is right also
            // where terminals differ about how wide a character is.
            let (left, note, right) = match cursor {
                (row, place) if row == at => (&text[..place], "\x1b7", &text[place..]),
                _ => (&text[..], "", ""),
            };
            let erase = match &before {
                _ if at + 1 < rows.len() => "\x1b[K\n",
                Some(before) if before.widths.len() > rows.len() => "\x1b[J",
                _ => "\x1b[K",
            };
            write!(to, "{left}{note}{right}{erase}")?;
        }
        write!(to, "{mark}\x1b8")
    }

    /// Takes it off the screen, where it is there. It is still the row.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn erase(&mut self, size: impl FnOnce() -> Size, to: &mut dyn Write) -> io::Result<()> {
        let Some(drawn) = self.drawn.take() else { return Ok(()) };
        let size = size();
        let erase = match drawn.widths.len() {
            // From below the first: some terminals keep what was on a screen that is erased as a whole,
            // and what was never sent with it.
            2.. => "\x1b[K\n\x1b[J\x1b[A",
            _ if drawn.is_too_wide(size) => "\x1b[J",
            _ => "\x1b[K",
        };
        let is_broken = self.is_broken_anew && drawn.is_too_wide(size);
        to_first_row(if is_broken { drawn.above_cursor(size) } else { drawn.cursor.0 }, to)?;
        to.write_all(erase.as_bytes())
    }

    /// How many rows can be put in above it at once, where it stands on the screen. `None`: it has to be
    /// taken off first.
    pub fn room_above(&self, size: Size) -> Option<usize> {
        let drawn = self.drawn.as_ref().filter(|drawn| !drawn.is_too_wide(size))?;
        // A window that has just become lower has room for them too.
        let room = size.rows.saturating_sub(drawn.widths.len()) * 3 / 4;
        (self.is_drawn() && room > 0).then_some(room)
    }

    /// Puts rows in above it, with a newline after each; no more than there is
    /// [room](DrawnRow::room_above). It stays on the screen.
    ///
    /// # Errors
    /// Those of `to`.
    ///
    /// The screen scrolls as a whole, by newlines, and then the row is pushed down again: so each terminal
    /// keeps what scrolls off the top, which not all do where only a part of the screen scrolls, and
    /// nothing is left behind that has to be given back.
    pub fn put_in_above(&self, rows: &str, to: &mut dyn Write) -> io::Result<()> {
        let Some(drawn) = &self.drawn else { return to.write_all(rows.as_bytes()) };
        let count = rows.matches('\n').count();
        let below = drawn.widths.len() - 1 - drawn.cursor.0;
        let mut all = String::with_capacity(rows.len() + count + 100);
        move_by(below, 'B', &mut all);
        all.extend(std::iter::repeat_n(LINE_FEED, count));
        move_by(drawn.widths.len() - 1 + count, 'A', &mut all);
        let _ = write!(all, "\r\x1b[{count}L{rows}");
        move_by(drawn.cursor.0, 'B', &mut all);
        // Only of plain characters it is known how wide they are.
        match drawn.before_cursor.is_ascii() && drawn.cursor.1 > PROMPT.len() {
            true => move_by(drawn.cursor.1, 'C', &mut all),
            false => all.push_str(&drawn.before_cursor),
        }
        to.write_all(all.as_bytes())
    }

    /// Something else has taken it off the screen. It is still the row.
    pub fn mark_erased(&mut self) {
        self.drawn = None;
    }

    /// Nothing is being typed any more, or the screen is somebody else's now.
    pub fn forget(&mut self) {
        (self.row, self.drawn) = (None, None);
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
}

impl Drawn {
    fn new(View { rows, mark, cursor }: &View) -> Drawn {
        let widest = rows.iter().map(|row| columns_of(row)).max().unwrap_or(0) + mark.len();
        let before_cursor = &rows[cursor.0][..cursor.1];
        Drawn {
            widths: rows.iter().map(|row| row.width()).collect(),
            widest,
            cursor: (cursor.0, before_cursor.width()),
            before_cursor: before_cursor.to_owned(),
        }
    }

    /// The window has become narrower than some row of it.
    fn is_too_wide(&self, size: Size) -> bool {
        self.widest >= size.columns
    }

    /// How many rows there are above the cursor in a terminal that has broken them anew; at least.
    fn above_cursor(&self, size: Size) -> usize {
        let (row, column) = self.cursor;
        let further = match column == self.widths[row] {
            // Behind the end of a row that is full again it may stand in it, or below it.
            true => column.saturating_sub(1) / size.columns,
            false => column / size.columns,
        };
        let rows = |width: &usize| width.div_ceil(size.columns).max(1);
        self.widths[..row].iter().map(rows).sum::<usize>() + further
    }
}

/// Moves the cursor by so many rows or columns.
fn move_by(count: usize, direction: char, to: &mut String) {
    if count > 0 {
        let _ = write!(to, "\x1b[{count}{direction}");
    }
}

/// Moves the cursor up to where the row begins.
///
/// Where it is too wide for a window that has become narrower, some terminals have broken it anew, and
/// others have cut it off. Of few it is known which. With the others, what is above as many rows as we have
/// drawn may be a message, and is left alone, though it may be a part of the row; what is below the cursor
/// is nothing but the rest of it.
fn to_first_row(above: usize, to: &mut dyn Write) -> io::Result<()> {
    match above {
        0 => to.write_all(b"\r"),
        _ => write!(to, "\r\x1b[{above}A"),
    }
}
