//! A person's screen: messages with their speakers' labels, as [harmless text](crate::text::harmless);
//! notices of our own; and with the line editor, below all of it, the row that is being typed.
//!
//! How a line is broken into rows is in [`rows`], and how the one that is being typed is drawn in
//! [`row`](crate::terminal::row).

use std::io::{self, Write};
use std::time::Instant;

use crossbeam_channel::{Receiver, at, never, select};
use memchr::memchr_iter;

use crate::platform::machine::now;
use crate::platform::window::{self, Size};
use crate::terminal::above::Above;
use crate::terminal::attention::Attention;
use crate::terminal::board::Board;
use crate::terminal::clock::time_of_day;
use crate::terminal::label;
use crate::terminal::meanwhile::Meanwhile;
use crate::terminal::people::People;
use crate::terminal::progress::ProgressRow;
use crate::terminal::row::{DrawnRow, Row};
use crate::text::harmless::harmless;
use crate::text::name::Speaker;
use crate::text::rows::{self, Label};
use crate::threads::buffer::Block;
use crate::threads::form::Form;
use crate::threads::order::Order;
use crate::wire::messages::{self, Wire};

/// What is pasted is to come marked as such, instead of as keys: xterm's "bracketed paste".
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";

/// The terminal is not to break a row itself ("auto-wrap"). Our rows end before they come to its edge;
/// what this is for is a terminal that has a character wider than we know of.
const NO_WRAPPING: &[u8] = b"\x1b[?7l";
/// It is to do so again, as every program expects of it.
pub const WRAPPING: &[u8] = b"\x1b[?7h";

/// Sets a screen right, whatever has been cut off on its way there: a sequence is
/// abandoned (CAN), and the row with the cursor is erased. Rows are broken by the terminal again, and
/// what is pasted is not marked any more, nor is told who looks.
pub const RESET: &[u8] = b"\x18\r\x1b[J\x1b[?7h\x1b[?2004l\x1b[?1004l";

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
    /// The one that is being typed.
    row: DrawnRow,
    /// What is to stand above it.
    above: Above,
    /// Who is here, and where that is put up, with the line editor.
    people: People,
    people_board: Option<Board<Vec<String>>>,
    /// How far a transfer is.
    progress: ProgressRow,
    /// How much has come since it was quiet. `None`: nobody wants to know.
    meanwhile: Option<Meanwhile>,
    /// Whether somebody looks.
    attention: Attention,
    /// The terminal was told to mark what is pasted.
    marks_pastes: bool,
    /// The terminal obeys escape sequences.
    obeys: bool,
    /// It was told not to break rows: while we write some, and never while we wait.
    no_wrapping: bool,
    /// Tells how large the window is now: people change that.
    size: fn() -> Size,
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
            row: DrawnRow::new(window::breaks_rows_anew()),
            above: Above::default(),
            people: People::default(),
            people_board: None,
            progress: ProgressRow::default(),
            meanwhile: None,
            attention: Attention::default(),
            marks_pastes: false,
            obeys: window::knows_escapes(),
            no_wrapping: false,
            size: window::size,
        }
    }

    /// The same in another window than the one that stdout is, of which nothing else is known.
    pub fn in_window(self, size: fn() -> Size) -> Screen {
        Screen { size, row: DrawnRow::default(), ..self }
    }

    /// The same with the line editor, whose rows come from a [`RowBoard`](crate::terminal::row::RowBoard).
    pub fn with_rows(self, rows: Receiver<Row>) -> Screen {
        Screen { rows, ..self }
    }

    /// The same where it is said how much has come, when it was too much.
    pub fn with_meanwhile(self) -> Screen {
        Screen { meanwhile: Some(Meanwhile::default()), ..self }
    }

    /// The same where the bell is to ring only while nobody looks, if the terminal tells.
    pub fn with_attention(self) -> Screen {
        Screen { attention: Attention::asking(), ..self }
    }

    /// The same that puts up who is here.
    pub fn with_people(self, board: Board<Vec<String>>) -> Screen {
        Screen { people_board: Some(board), ..self }
    }

    /// The same where the terminal itself has shown what was typed before: that goes like a row of
    /// ours before anything else is shown.
    pub fn after_echo(self) -> Screen {
        Screen { row: self.row.after_echo(), ..self }
    }

    /// From now on this is the row. `None`: no more will come.
    fn set_row(&mut self, row: Option<Row>) {
        match row {
            None => self.rows = never(),
            Some(row) => self.row.set(row),
        }
    }

    fn draw_row(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if !self.row.is_to_be_drawn() {
            return Ok(());
        }
        if !self.marks_pastes {
            to.write_all(MARK_PASTES)?;
            self.marks_pastes = true;
        }
        self.attention.ask(to)?;
        self.let_no_row_wrap(to)?;
        self.row.draw((self.size)(), to)
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

    /// What stands before each message for the time at which it was read: from the friend, or from the
    /// keyboard.
    fn time_of(&self, block: &Block) -> String {
        if self.time { time_of_day(block.came_at()) + " " } else { String::new() }
    }

    fn lines(&mut self, block: &Block, label: &Label, to: &mut dyn Write) -> io::Result<Shown> {
        let columns = (self.size)().columns;
        let mut shown = Shown::default();
        for message in messages::messages(self.wire, block.bytes()) {
            for line in messages::lines(message.text) {
                let line = String::from_utf8_lossy(line);
                let (label, text) = match label.who {
                    "" => {
                        let (label, text) = label::by_the_host(label, self.colour, &line);
                        if self.people_board.is_some() {
                            self.people.hear(label.who, text);
                        }
                        (label, text)
                    }
                    _ => (*label, &line[..]),
                };
                let rows = rows::labelled(&label, text, columns);
                shown.rows += memchr_iter(b'\n', rows.as_bytes()).count();
                self.show(&rows, to)?;
            }
            shown.messages += 1;
        }
        Ok(shown)
    }

    /// Whether the screen is ours, with the row on it; and not a shell's, for as long as we are stopped
    /// or in the background.
    fn is_ours(&self) -> bool {
        self.marks_pastes || self.row.is_to_be_drawn()
    }

    /// When it will be quiet, if there is something to be said then.
    fn quiet_at(&self) -> Option<Instant> {
        let meanwhile = self.meanwhile.as_ref().filter(|_| self.is_ours())?;
        meanwhile.quiet_at((self.size)().rows)
    }

    fn say_what_came_meanwhile(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.quiet_at().is_none_or(|at| now() < at) {
            return Ok(());
        }
        match self.meanwhile.as_mut().map(Meanwhile::take) {
            Some(said) => self.write_own(said.as_bytes(), to),
            None => Ok(()),
        }
    }

    fn show(&mut self, rows: &str, to: &mut dyn Write) -> io::Result<()> {
        if self.row.is_drawn() {
            if self.above.add(rows) {
                self.take_newer_row();
                self.settle_row(to)?;
            }
            return Ok(());
        }
        self.write_above(to)?;
        self.progress.erase(self.size, to)?;
        self.let_no_row_wrap(to)?;
        to.write_all(rows.as_bytes())?;
        if self.row.count_written(rows.len()) { self.settle(to) } else { Ok(()) }
    }

    fn write_above(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.above.is_empty() {
            return Ok(());
        }
        self.let_no_row_wrap(to)?;
        self.above.write(&mut self.row, self.size, to)
    }

    /// Writes what is to stand above the row, and draws that where it does not stand as it should.
    fn settle_row(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.write_above(to)?;
        self.draw_row(to)
    }

    /// Writes what is to stand above the row, and takes it off the screen, that of a transfer too.
    fn erase_row(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.write_above(to)?;
        self.progress.erase(self.size, to)?;
        self.row.erase(self.size, to)
    }

    fn take_newer_row(&mut self) {
        if let Ok(newer) = self.rows.try_recv() {
            self.set_row(Some(newer));
        }
    }
}

/// How much of what a block holds was shown.
#[derive(Default)]
struct Shown {
    messages: u64,
    rows: usize,
}

impl Form for Screen {
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        self.say_what_came_meanwhile(to)?;
        let time = self.time_of(block);
        let speaker = self.speaker.clone();
        let (before, who, says) = match &speaker {
            Speaker::Room => (time + label::ROOM_MARGIN, "", ""),
            Speaker::Friend | Speaker::Named(_) => (time, speaker.as_str(), label::SAYS),
        };
        // A friend without a name is one of a kind.
        let named = matches!(speaker, Speaker::Named(_));
        let colour = (self.colour && named).then(|| label::colour_of(who));
        let shown = self.lines(block, &Label { before: &before, who, colour, says }, to)?;
        let seen = self.is_ours();
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.on_shown(shown.messages, shown.rows, seen, now());
        }
        Ok(())
    }

    fn write_said(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        let time = self.time_of(block);
        self.lines(block, &Label { before: &time, who: ">", colour: None, says: " " }, to).map(drop)
    }

    /// Shows lines of the program's own. Many have something of the friend's in them: a notice a name,
    /// an error what the system says of an address, a line of the log what was said. So they are
    /// broken into rows as messages are.
    fn write_own(&mut self, lines: &[u8], to: &mut dyn Write) -> io::Result<()> {
        let columns = (self.size)().columns;
        for line in String::from_utf8_lossy(lines).lines() {
            if self.people_board.is_some() && line.starts_with("* ") {
                self.people.hear("", line);
            }
            let (label, text) = label::coloured_name(line);
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
        match &speaker {
            Speaker::Friend => self.people.forget_all(),
            Speaker::Named(name) => self.people.meet(name.as_str()),
            Speaker::Room => {}
        }
        self.speaker = speaker;
        Ok(())
    }

    /// Takes the row off the screen, for good or until there is a new one.
    fn take_row_away(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.erase_row(to)?;
        self.row.forget();
        self.let_wrap(to)?;
        if std::mem::take(&mut self.marks_pastes) {
            to.write_all(MARK_NO_PASTES)?;
        }
        self.attention.ask_no_more(to)
    }

    /// The row is not on the screen any more, and the terminal is somebody else's, who has set how
    /// pastes come: nothing is written.
    fn lose_row(&mut self) {
        self.row.forget();
        self.marks_pastes = false;
    }

    fn show_progress(&mut self, row: String, to: &mut dyn Write) -> io::Result<()> {
        if self.obeys { self.progress.set(row, self.size, to) } else { Ok(()) }
    }

    fn ring(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.attention.ring(to)
    }

    fn note_focus(&mut self, here: bool) {
        self.attention.note(here);
    }

    /// Empties the screen, as Ctrl-L does in a shell.
    fn clear(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.write_above(to)?;
        self.row.mark_erased();
        to.write_all(b"\x1b[H\x1b[2J")
    }

    /// Draws the row where it does not stand as it should, and leaves the terminal as we want it while
    /// nothing is written. To be called before one waits.
    fn settle(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.take_newer_row();
        self.say_what_came_meanwhile(to)?;
        if !self.marks_pastes {
            self.attention.ask_no_more(to)?; // The row was lost, and so were the keys.
        }
        if let Some(board) = &self.people_board
            && let Some(people) = self.people.news()
        {
            board.put_up(people);
        }
        self.settle_row(to)?;
        self.progress.redraw(self.size, to)?;
        self.row.restart_count();
        self.let_wrap(to)
    }

    fn wait(&mut self, outbox: &Receiver<Order>) -> Option<Order> {
        let quiet = self.quiet_at().map_or(never(), at);
        select! {
            recv(quiet) -> _ => None,
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
