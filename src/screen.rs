//! What a message looks like where it comes out: as it came, through a pipe; with its speaker's
//! label, as [harmless text](crate::text), at a terminal; and there, with the line editor, above
//! the row that is being typed.

use std::io::{self, Write};

use crossbeam_channel::{Receiver, Sender, bounded, never};

use crate::audience;
use crate::buffer::Block;
use crate::name::{Name, Speaker};
use crate::platform;
use crate::text::{self, Label};
use crate::transcript::{Transcript, time_of_day};
use crate::wire::{self, Wire};

/// The form in which messages are written.
#[derive(Debug)]
pub enum Form {
    /// As they stand in the block: to the friend, and through a pipe on the `lines` wire.
    Plain,
    /// Each payload and a newline: through a pipe on the `frames` wire.
    Payloads,
    /// For a person, at a terminal.
    Screen(Box<Screen>),
    /// With date, time and speaker, in a file.
    Transcript(Box<Transcript>),
}

impl Form {
    /// Writes the messages of a block.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&mut self, block: &Block, to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Plain => to.write_all(block.bytes()),
            Form::Payloads => {
                for message in wire::messages(Wire::Frames, block.bytes()) {
                    to.write_all(message.text)?;
                    // A frame that was cut off gets no newline: it is not a whole message.
                    if message.whole {
                        to.write_all(b"\n")?;
                    }
                }
                Ok(())
            }
            Form::Screen(screen) => screen.heard(block, to),
            Form::Transcript(transcript) => transcript.heard(block, to),
        }
    }

    /// Writes what we have said ourselves.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_said(&mut self, block: &Block, to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Plain | Form::Payloads => Ok(()),
            Form::Screen(screen) => screen.said(block, to),
            Form::Transcript(transcript) => transcript.said(block, to),
        }
    }

    /// Writes lines of the program's own.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_own(&mut self, lines: &[u8], to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Screen(screen) => screen.own(&String::from_utf8_lossy(lines), to),
            Form::Plain | Form::Payloads | Form::Transcript(_) => to.write_all(lines),
        }
    }

    /// The screen, where that is what it is.
    pub fn screen(&mut self) -> Option<&mut Screen> {
        match self {
            Form::Screen(screen) => Some(screen),
            Form::Plain | Form::Payloads | Form::Transcript(_) => None,
        }
    }

    /// Writes what is still to be written when nothing more will come.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn finish(&mut self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Screen(screen) => screen.take_row_away(to),
            Form::Transcript(transcript) => transcript.finish(to),
            Form::Plain | Form::Payloads => Ok(()),
        }
    }

    /// What the friend is called from now on.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn call_friend(&mut self, speaker: Speaker, to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Plain | Form::Payloads => {}
            Form::Screen(screen) => screen.speaker = speaker,
            Form::Transcript(transcript) => transcript.call_friend(speaker, to)?,
        }
        Ok(())
    }

    /// What we are called from now on ourselves. A screen needs no name for that.
    pub fn call_me(&mut self, name: Option<Name>) {
        if let Form::Transcript(transcript) = self {
            transcript.me = name;
        }
    }
}

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
    /// Where on the screen its cursor is; `None` where it is not on the screen.
    cursor_at: Option<usize>,
    /// It has changed since it was drawn.
    changed: bool,
    /// How much has been written since it was drawn.
    rowless: usize,
    /// The terminal was told to mark what is pasted.
    marks_pastes: bool,
    window: Window,
}

/// The window that a screen is in.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Tells how many columns it has now: people change that.
    pub columns: fn() -> usize,
    /// See [`platform::breaks_rows_again`].
    pub breaks_rows_again: bool,
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
            cursor_at: None,
            changed: false,
            rowless: 0,
            marks_pastes: false,
            window: Window {
                columns: platform::columns,
                breaks_rows_again: platform::breaks_rows_again(),
            },
        }
    }

    /// The same in another window than the one that stdout is, whose screen somebody else sees.
    pub fn in_window(self, window: Window) -> Screen {
        Screen { window, ..self }
    }

    /// The same with the line editor, whose rows come from a [`RowBoard`].
    pub fn with_rows(self, rows: Receiver<Row>) -> Screen {
        Screen { rows, ..self }
    }

    /// The same where the terminal itself has shown what was typed before: that goes like a row of
    /// ours before anything else is shown.
    pub fn behind_echo(self) -> Screen {
        Screen { cursor_at: Some(0), ..self }
    }

    /// Where new rows come from.
    pub fn rows(&self) -> &Receiver<Row> {
        &self.rows
    }

    /// From now on this is the row. `None`: no more will come.
    pub fn set_row(&mut self, row: Option<Row>) {
        match row {
            None => self.rows = never(),
            Some(_) => {
                self.row = row;
                self.changed = true;
            }
        }
    }

    /// Draws the row where it does not stand as it should. To be called before one waits.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn settle(&mut self, to: &mut impl Write) -> io::Result<()> {
        if let Ok(newer) = self.rows.try_recv() {
            self.set_row(Some(newer));
        }
        let Some(row) = &self.row else { return Ok(()) };
        if self.cursor_at.is_some() && !self.changed {
            return Ok(());
        }
        if !self.marks_pastes {
            to.write_all(MARK_PASTES)?;
            self.marks_pastes = true;
        }
        let columns = (self.window.columns)();
        let Drawing { before, after, cursor } = row.drawing(columns);
        // Over what stands there now, so that nothing flickers. The terminal itself notes the
        // place between the two parts, and puts the cursor there: so it is right also where
        // terminals differ about how wide a character is.
        write!(to, "{}{before}\x1b7{after}\x1b[K\x1b8", self.first_column(columns))?;
        self.cursor_at = Some(cursor);
        self.changed = false;
        self.rowless = 0;
        Ok(())
    }

    /// Takes the row off the screen, for good or until there is a new one.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn take_row_away(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.erase_row(to)?;
        self.row = None;
        if std::mem::take(&mut self.marks_pastes) {
            to.write_all(MARK_NO_PASTES)?;
        }
        Ok(())
    }

    /// The row is not on the screen any more, and the terminal is somebody else's, who has told it how
    /// to paste: nothing is written.
    pub fn lose_row(&mut self) {
        (self.row, self.cursor_at, self.marks_pastes) = (None, None, false);
    }

    /// Empties the screen, as Ctrl-L does in a shell.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn clear(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.cursor_at = None;
        to.write_all(b"\x1b[H\x1b[2J")
    }

    fn erase_row(&mut self, to: &mut impl Write) -> io::Result<()> {
        if self.cursor_at.is_some() {
            write!(to, "{}\x1b[K", self.first_column((self.window.columns)()))?;
            self.cursor_at = None;
        }
        Ok(())
    }

    /// What moves the cursor to where the row begins. (Only the row is erased, not the screen below
    /// it: some terminals keep what was on an erased screen, and what was never sent with it.)
    fn first_column(&self, columns: usize) -> String {
        match self.cursor_at {
            // The window has become narrower, and the terminal has broken the row in two.
            Some(cursor) if cursor >= columns && self.window.breaks_rows_again => {
                format!("\r\x1b[{}A\x1b[J", cursor / columns)
            }
            _ => "\r".to_owned(),
        }
    }

    fn heard(&mut self, block: &Block, to: &mut impl Write) -> io::Result<()> {
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

    fn said(&mut self, block: &Block, to: &mut impl Write) -> io::Result<()> {
        self.lines(block, &Label { before: "", who: ">", colour: None, says: " " }, to)
    }

    fn lines(&mut self, block: &Block, label: &Label, to: &mut impl Write) -> io::Result<()> {
        let columns = (self.window.columns)();
        for message in wire::messages(self.wire, block.bytes()) {
            for line in wire::lines(message.text) {
                let line = String::from_utf8_lossy(line);
                let (label, text) = match label.who {
                    "" => by_the_host(label, self.colour, &line),
                    _ => (*label, &line[..]),
                };
                self.show(&text::labelled(&label, text, columns), to)?;
            }
        }
        Ok(())
    }

    /// Shows lines of the program's own. A notice can have a name in it that is as long as a screen is
    /// wide, and so it is broken into rows as messages are. An address or a command is not: the
    /// terminal breaks it, and so knows that it is one line when it is copied.
    fn own(&mut self, lines: &str, to: &mut impl Write) -> io::Result<()> {
        for line in lines.split_inclusive('\n') {
            if line.starts_with(NOTICE) {
                let columns = platform::columns();
                self.show(&text::labelled(&Label::default(), line.trim_end(), columns), to)?;
            } else {
                self.show(line, to)?;
            }
        }
        Ok(())
    }

    fn show(&mut self, rows: &str, to: &mut impl Write) -> io::Result<()> {
        self.erase_row(to)?;
        to.write_all(rows.as_bytes())?;
        self.rowless += rows.len();
        if self.rowless > ROWLESS_MAX { self.settle(to) } else { Ok(()) }
    }
}

/// What a notice begins with.
const NOTICE: &str = "* ";

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
    /// How many columns there are before the cursor.
    cursor: usize,
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
        let cells = text::cells(&self.before, 0);
        let width: usize = cells.iter().map(|(_, width)| width).sum();
        let step = room.div_ceil(2);
        let hidden = width.saturating_sub(room).div_ceil(step) * step;

        let cut = self.cut || hidden > 0;
        let mut before = if cut { PROMPT_CUT } else { PROMPT }.to_owned();
        let (mut passed, mut used) = (0, 0);
        for (text, width) in cells {
            if passed >= hidden {
                before.push_str(&text);
                used += width;
            }
            passed += width;
        }
        let cursor = PROMPT.len() + used;
        let mut after = String::new();
        for (text, width) in text::cells(&self.after, passed) {
            used += width;
            if used > room {
                after.push_str(MORE);
                break;
            }
            after.push_str(&text);
        }
        Drawing { before, after, cursor }
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
            let Drawing { before, after, cursor } = Row::new(&before, &after).drawing(columns);
            let width = text::width(&before) + text::width(&after);
            prop_assert!(width < columns, "{before:?} {after:?}");
            prop_assert_eq!(text::width(&before), cursor);
            let obeyed = |c: char| c.is_control() || c == '\u{202e}';
            prop_assert!(!before.chars().chain(after.chars()).any(obeyed));
        }
    }
}
