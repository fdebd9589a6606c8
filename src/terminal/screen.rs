//! What a message looks like where it comes out: as it came, through a pipe; with its speaker's
//! label, as [harmless text](crate::text::harmless), at a terminal; and there, with the line editor, above
//! the row that is being typed.

use std::io::{self, Write};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use unicode_width::UnicodeWidthStr;

use crate::platform::window;
use crate::terminal::transcript::time_of_day;
use crate::text::audience;
use crate::text::harmless::harmless;
use crate::text::name::{Name, Speaker};
use crate::text::rows::{self, Label};
use crate::threads::buffer::Block;
use crate::threads::form::Form;
use crate::threads::order::Order;
use crate::wire::messages::{self, Wire};

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

/// How many bytes may be written while the row is off the screen, though more are waiting.
const ROWLESS_MAX: usize = 16 * 1024;

/// What is pasted is to come marked as such, instead of as keys: xterm's "bracketed paste".
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";

/// The terminal is not to break a row itself ("auto-wrap"). Our rows end before they come to its edge;
/// what this is for is a terminal that has a character wider than we know of.
const NO_WRAPPING: &[u8] = b"\x1b[?7l";
/// It is to do so again, as every program expects of it.
pub const WRAPPING: &[u8] = b"\x1b[?7h";

/// Sets right what a screen was told, whatever has been cut off on its way there: a sequence is
/// abandoned (CAN), and the row with the cursor is erased. Rows are broken by the terminal again, and
/// what is pasted is not marked any more.
pub const RESET: &[u8] = b"\x18\r\x1b[J\x1b[?7h\x1b[?2004l";

/// A person's screen.
#[derive(Debug)]
pub struct Screen {
    wire: Wire,
    colour: bool,
    /// Show the time before each message.
    time: bool,
    /// What the friend is called.
    speaker: Speaker,
    /// Where new rows come from, with the line editor.
    rows: Receiver<Row>,
    /// The row that is being typed, if one is.
    row: Option<Row>,
    /// How many columns it takes on the screen; `None` where it is not there.
    drawn: Option<usize>,
    /// It has changed since it was drawn.
    changed: bool,
    /// How much has been written since it was drawn.
    rowless: usize,
    /// The terminal was told to mark what is pasted.
    marks_pastes: bool,
    /// The terminal obeys escape sequences.
    obeys: bool,
    /// It was told not to break rows: while we write some, and never while we wait.
    no_wrapping: bool,
    /// Tells how many columns the window has now: people change that.
    columns: fn() -> usize,
}

impl Screen {
    /// A screen where nothing is being typed. `colour`: of labels; `time`: before each message.
    pub fn new(wire: Wire, colour: bool, time: bool) -> Screen {
        Screen {
            wire,
            colour,
            time,
            speaker: Speaker::Friend,
            rows: never(),
            row: None,
            drawn: None,
            changed: false,
            rowless: 0,
            marks_pastes: false,
            obeys: window::knows_escapes(),
            no_wrapping: false,
            columns: window::columns,
        }
    }

    /// The same in another window than the one that stdout is.
    pub fn in_window(self, columns: fn() -> usize) -> Screen {
        Screen { columns, ..self }
    }

    /// The same with the line editor, whose rows come from a [`RowBoard`].
    pub fn with_rows(self, rows: Receiver<Row>) -> Screen {
        Screen { rows, ..self }
    }

    /// The same where the terminal itself has shown what was typed before: that goes like a row of
    /// ours before anything else is shown.
    pub fn behind_echo(self) -> Screen {
        Screen { drawn: Some(0), ..self }
    }

    /// From now on this is the row. `None`: no more will come.
    fn set_row(&mut self, row: Option<Row>) {
        match row {
            None => self.rows = never(),
            Some(_) => {
                self.row = row;
                self.changed = true;
            }
        }
    }

    fn draw_row(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.row.is_none() || (self.drawn.is_some() && !self.changed) {
            return Ok(());
        }
        if !self.marks_pastes {
            to.write_all(MARK_PASTES)?;
            self.marks_pastes = true;
        }
        self.let_no_row_wrap(to)?;
        let columns = (self.columns)();
        let Some(row) = &self.row else { return Ok(()) };
        let Drawing { before, after, width } = row.drawing(columns);
        // Over what stands there now, so that nothing flickers. The terminal itself notes the
        // place between the two parts, and puts the cursor there: so it is right also where
        // terminals differ about how wide a character is.
        write!(to, "{}{before}\x1b7{after}\x1b[K\x1b8", self.first_column(columns))?;
        self.drawn = Some(width);
        self.changed = false;
        Ok(())
    }

    fn erase_row(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.drawn.is_some() {
            write!(to, "{}\x1b[K", self.first_column((self.columns)()))?;
            self.drawn = None;
        }
        Ok(())
    }

    /// What moves the cursor to where the row begins.
    ///
    /// Where the window has become narrower than the row, some terminals have broken the row in two
    /// or more, with the cursor in one of them, and others have cut it off; they cannot be asked
    /// which. So what is above the cursor may be a message, and is left alone, though it may be a
    /// part of the row; what is below it is nothing but the rest of the row. (Otherwise only the row
    /// is erased: some terminals keep what was on an erased screen, and what was never sent with it.)
    fn first_column(&self, columns: usize) -> &'static str {
        match self.drawn {
            Some(width) if width >= columns => "\r\x1b[J",
            _ => "\r",
        }
    }

    fn let_no_row_wrap(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.obeys && !std::mem::replace(&mut self.no_wrapping, true) {
            to.write_all(NO_WRAPPING)?;
        }
        Ok(())
    }

    fn let_wrap(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.no_wrapping) {
            to.write_all(WRAPPING)?;
        }
        Ok(())
    }

    fn lines(&mut self, block: &Block, label: &Label, to: &mut dyn Write) -> io::Result<()> {
        let columns = (self.columns)();
        for message in messages::messages(self.wire, block.bytes()) {
            for line in messages::lines(message.text) {
                let line = String::from_utf8_lossy(line);
                let (label, text) = match label.who {
                    "" => by_the_host(label, self.colour, &line),
                    _ => (*label, &line[..]),
                };
                self.show(&rows::labelled(&label, text, columns), to)?;
            }
        }
        Ok(())
    }

    fn show(&mut self, rows: &str, to: &mut dyn Write) -> io::Result<()> {
        self.erase_row(to)?;
        self.let_no_row_wrap(to)?;
        to.write_all(rows.as_bytes())?;
        self.rowless += rows.len();
        if self.rowless > ROWLESS_MAX { self.settle(to) } else { Ok(()) }
    }
}

impl Form for Screen {
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        let time = if self.time { time_of_day(block.came_at()) + " " } else { String::new() };
        let speaker = self.speaker.clone();
        let (before, who, says) = match &speaker {
            Speaker::Room => (time + ROOM_MARGIN, "", ""),
            Speaker::Friend | Speaker::Named(_) => (time, speaker.as_str(), SAYS),
        };
        // A friend without a name is one of a kind.
        let named = matches!(speaker, Speaker::Named(_));
        let colour = (self.colour && named).then(|| colour_of(who));
        self.lines(block, &Label { before: &before, who, colour, says }, to)
    }

    fn write_said(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        self.lines(block, &Label { before: "", who: ">", colour: None, says: " " }, to)
    }

    /// Shows lines of the program's own. Many have something of the friend's in them: a notice a name,
    /// an error what the system says of an address, a line of the log what was said. So they are
    /// broken into rows as messages are.
    fn write_own(&mut self, lines: &[u8], to: &mut dyn Write) -> io::Result<()> {
        let columns = (self.columns)();
        for line in String::from_utf8_lossy(lines).lines() {
            let (label, text) = coloured_name(line);
            self.show(&rows::labelled(&label, text, columns), to)?;
        }
        Ok(())
    }

    /// The terminal breaks this line, and so knows that it is one when it is copied.
    fn write_to_copy(&mut self, line: &str, to: &mut dyn Write) -> io::Result<()> {
        self.erase_row(to)?;
        self.let_wrap(to)?;
        to.write_all(harmless(line.trim_end()).as_bytes())?;
        to.write_all(b"\n")
    }

    fn call_friend(&mut self, speaker: Speaker, _to: &mut dyn Write) -> io::Result<()> {
        self.speaker = speaker;
        Ok(())
    }

    /// Takes the row off the screen, for good or until there is a new one.
    fn take_row_away(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.erase_row(to)?;
        self.row = None;
        self.let_wrap(to)?;
        if std::mem::take(&mut self.marks_pastes) {
            to.write_all(MARK_NO_PASTES)?;
        }
        Ok(())
    }

    /// The row is not on the screen any more, and the terminal is somebody else's, who has told it how
    /// to paste: nothing is written.
    fn lose_row(&mut self) {
        (self.row, self.drawn, self.marks_pastes) = (None, None, false);
    }

    /// Empties the screen, as Ctrl-L does in a shell.
    fn clear(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.drawn = None;
        to.write_all(b"\x1b[H\x1b[2J")
    }

    /// Draws the row where it does not stand as it should, and leaves the terminal as we want it while
    /// nothing is written. To be called before one waits.
    fn settle(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if let Ok(newer) = self.rows.try_recv() {
            self.set_row(Some(newer));
        }
        self.draw_row(to)?;
        self.rowless = 0;
        self.let_wrap(to)
    }

    fn wait(&mut self, outbox: &Receiver<Order>) -> Option<Order> {
        select! {
            recv(outbox) -> order => Some(order.unwrap_or(Order::Goodbye)),
            recv(self.rows) -> row => {
                self.set_row(row.ok());
                None
            }
        }
    }

    fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.take_row_away(to)
    }
}

/// The label and the text of a line of our own: in the log a thread's name has a colour.
fn coloured_name(line: &str) -> (Label<'_>, &str) {
    let plain = (Label::default(), line);
    let Some((before, rest)) = line.split_once("\x1b[") else { return plain };
    let Some((colour, rest)) = rest.split_once('m') else { return plain };
    let Some((who, text)) = rest.split_once("\x1b[39m") else { return plain };
    match colour.parse() {
        Ok(colour) => (Label { before, who, colour: Some(colour), says: "" }, text),
        Err(_) => plain,
    }
}

/// What stands between a speaker and the text.
const SAYS: &str = " says: ";

/// What stands before each line that the host of a room sends: none of them can look like a notice
/// of our own, or like what we have said.
const ROOM_MARGIN: &str = "| ";

/// The label and the text of a line that the host of a room has labelled already.
fn by_the_host<'a>(margin: &Label<'a>, coloured: bool, line: &'a str) -> (Label<'a>, &'a str) {
    let line = line.strip_prefix(audience::WELCOME).unwrap_or(line);
    if let Some((name, text)) = line.split_once(SAYS)
        && Name::parse(name).is_ok()
    {
        let colour = coloured.then(|| colour_of(name));
        return (Label { who: name, colour, says: SAYS, ..*margin }, text);
    }
    (*margin, line)
}

/// The colour of a name: always the same, and one that can be read on black and on white.
fn colour_of(name: &str) -> u8 {
    // FNV-1a: nothing here depends on how good it is.
    let hash = name
        .to_lowercase()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // Red, green, yellow, blue, magenta, cyan.
    31 + (hash % 6) as u8
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
