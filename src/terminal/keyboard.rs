//! From keys to lines: the line editor.
//!
//! A terminal has a line mode of its own, from the days of the teletype: it knows Backspace and
//! little else, and an arriving message lands in the middle of what is being typed. A
//! [`Keyboard`] takes its place. To the stdin-reader it is one more thing to `read` from: it
//! blocks until a line is finished, and gives its bytes.
//!
//! What the keys mean is in [`Editor`], which knows no terminal. What the row looks like is the
//! business of the [screen](crate::terminal::screen), and drawn by the screen-writer alone.

use std::collections::VecDeque;
use std::io::{self, Read};

use crossbeam_channel::{Receiver, bounded};
use termina::Event as Input;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use tui_input::{Input as Line, InputRequest};

use crate::platform::jobs;
use crate::platform::terminal::{self, Terminal};
use crate::terminal::keys::{Keys, Woken};
use crate::terminal::screen::{Row, RowBoard};
use crate::text::harmless::is_mark;
use crate::threads::buffer::AtHome;
use crate::threads::event::Event;
use crate::threads::inbox::ToInbox;
use crate::threads::notices::{Notices, Unsent};
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::threads::permit::Permit;
use crate::wire::messages::Wire;

/// How much of what was typed before can be fetched back, in bytes. The last line always can.
const HISTORY_MAX: usize = 256 * 1024;

/// Ctrl-C.
const INTERRUPT: Input = Input::Key(KeyEvent::new(KeyCode::Char('c'), Modifiers::CONTROL));

/// How many keys may be waiting to be looked at when we are told to stop.
const WAITING_MAX: usize = 10_000;

/// A terminal whose keys are read one by one. See the [module's page](self).
#[derive(Debug)]
pub struct Keyboard {
    terminal: Terminal,
    keys: Keys,
    editor: Editor,
    /// Finished lines, and how much of them has been handed out.
    ready: Vec<u8>,
    given: usize,
    state: State,
    /// The row stands on the board as it is.
    drawn: bool,
    /// Ctrl-D has been pressed.
    ended: bool,
    /// What was pressed behind it.
    late: Vec<Input>,
    /// Where we are told to stop. It is the stdin-reader's own channel.
    permits: Receiver<Permit>,
    /// The stdin-reader's empty buffers. While it has none, lines wait here, and keys are read on:
    /// a friend who takes nothing must not keep Ctrl-C from being heard.
    buffers: AtHome,
    /// Where the input row is put up.
    board: RowBoard,
    to_screen: Outbox,
    notices: Notices,
    inbox: ToInbox,
}

/// What becomes of keys that are pressed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// They are the terminal's own business, in its line mode.
    Off,
    /// They edit the row.
    On,
    /// They are the shell's: we are in the background, or about to be stopped.
    Background,
    /// We were told to stop, and hand out what is there.
    Stopping,
    /// We have stopped; they wait.
    Stopped,
}

impl Keyboard {
    /// A keyboard that has not touched the terminal yet. `permits` and `buffers` are the
    /// stdin-reader's.
    #[expect(clippy::too_many_arguments, reason = "a thread is given what it needs, once")]
    pub fn new(
        terminal: Terminal,
        keys: Keys,
        permits: Receiver<Permit>,
        buffers: AtHome,
        board: RowBoard,
        to_screen: Outbox,
        notices: Notices,
        inbox: ToInbox,
    ) -> Keyboard {
        Keyboard {
            terminal,
            keys,
            editor: Editor::default(),
            ready: Vec::new(),
            given: 0,
            state: State::Off,
            drawn: false,
            ended: false,
            late: Vec::new(),
            permits,
            buffers,
            board,
            to_screen,
            notices,
            inbox,
        }
    }

    /// Waits for one key, or for being woken, and does what is to be done about it.
    fn attend(&mut self) -> io::Result<()> {
        if let Ok(Permit::Stop | Permit::End) = self.permits.try_recv() {
            self.stop();
            return Ok(());
        }
        match self.state {
            State::Off | State::Stopped => self.begin(),
            State::Background => {
                if self.keys.wait_in_background() {
                    self.begin();
                }
                return Ok(());
            }
            State::On | State::Stopping => {}
        }
        // Keys that come in a bunch are drawn once.
        if self.state == State::On && !self.drawn && !self.keys.are_waiting() {
            self.draw();
        }
        if self.state == State::Background {
            return Ok(());
        }
        match self.keys.wait() {
            Ok(Woken::Key(key)) => {
                self.drawn = false;
                self.on_key(key);
            }
            // The reason is among the permits, or it is that a buffer has come home.
            Ok(Woken::Bell | Woken::NoKey) => {}
            // The shell has changed the terminal's modes, or the window has another size.
            Ok(Woken::Terminal) => self.begin(),
            Err(_) => {
                self.state = State::Off;
                return Err(io::Error::other("the terminal is gone"));
            }
        }
        Ok(())
    }

    fn on_key(&mut self, key: Input) {
        if self.ended && key != INTERRUPT {
            return self.late.push(key); // Lines that were typed before Ctrl-D are still here.
        }
        match self.editor.on(key) {
            Meaning::Nothing => {}
            Meaning::Lines(lines) => {
                self.draw();
                self.ready.extend_from_slice(lines.as_bytes());
            }
            Meaning::Interrupt => {
                terminal::let_output_go_on();
                // Behind the lines that were handed out; others are not sent any more.
                let _ = self.inbox.send(Event::Signal);
            }
            Meaning::Redraw => {
                let _ = self.to_screen.send(Order::Clear);
            }
            Meaning::Suspend => self.suspend(),
            Meaning::End => self.ended = true,
        }
    }

    /// Takes over the terminal, unless it is the shell's just now.
    fn begin(&mut self) {
        if jobs::in_foreground() {
            self.terminal.take_keys();
            self.drawn = false;
            self.state = State::On;
        } else {
            if self.state != State::Background {
                // Somebody else has stopped us, and the shell has written where the row was.
                self.board.clear();
                let _ = self.to_screen.send(Order::RowLost);
            }
            self.state = State::Background;
        }
    }

    /// We were told to stop: what has been typed is handed over, whole or half, as a terminal in
    /// its line mode does (see [`Permits::stop`](crate::threads::permit::Permits::stop)).
    fn stop(&mut self) {
        self.look_at_waiting_keys();
        let half = self.editor.take_half();
        self.ready.extend_from_slice(half.as_bytes());
        if self.state == State::On {
            self.draw();
        }
        // The next friend may be near, and keys go on being pressed: the terminal is not given
        // back, for a moment, into a mode that treats them differently. At the end `main` does.
        self.state = State::Stopping;
    }

    /// Keys that nobody has looked at yet; but not for ever, where somebody leans on one.
    fn look_at_waiting_keys(&mut self) {
        for _ in 0..WAITING_MAX {
            let Some(key) = self.keys.next_waiting() else { break };
            match self.editor.on(key) {
                Meaning::Lines(lines) => self.ready.extend_from_slice(lines.as_bytes()),
                Meaning::Interrupt => {
                    let _ = self.inbox.send(Event::Signal);
                }
                _ => {}
            }
        }
    }

    /// Nothing more can be said: after Ctrl-D, or a typed `end`, of which nothing is known here.
    /// The terminal gets its own line mode back, without an input row. Nothing happens where it
    /// has that already, and where somebody else has told us to stop.
    pub fn rest(&mut self) {
        if matches!(self.state, State::Off | State::Stopped) || Terminal::is_gone() {
            return;
        }
        // What was typed behind it.
        for key in std::mem::take(&mut self.late) {
            if let Meaning::Lines(lines) = self.editor.on(key) {
                self.ready.extend_from_slice(lines.as_bytes());
            }
        }
        self.look_at_waiting_keys();
        let mut unsent = Unsent::of(Wire::Lines, &self.ready[self.given..]);
        unsent.add(Wire::Lines, self.editor.take_half().as_bytes());
        (self.ready, self.given) = (Vec::new(), 0);
        self.board.clear();
        let _ = self.to_screen.send(Order::RowAway(None));
        self.terminal.rest();
        self.state = State::Off;
        self.notices.not_sent(&unsent);
    }

    /// Ctrl-Z: the shell gets its terminal, until `fg`.
    fn suspend(&mut self) {
        if !jobs::has_shell() {
            return; // Nobody could let us go on.
        }
        terminal::let_output_go_on();
        self.board.clear();
        let (gone, is_gone) = bounded(1);
        let _ = self.to_screen.send(Order::RowAway(Some(gone)));
        if is_gone.recv().is_err() {
            return; // The screen-writer has ended, and so will everything.
        }
        self.terminal.rest();
        self.state = State::Background;
        // We are in front until we have stopped, a moment later: only what rings from now on is a
        // reason to look.
        self.keys.forget_rings();
        jobs::stop_process();
    }

    fn draw(&mut self) {
        self.board.put_up(self.editor.row());
        self.drawn = true;
    }
}

impl Read for Keyboard {
    /// Gives a line, as a terminal in its line mode does.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len()
            || (self.buffers.count() == 0 && self.state != State::Stopping)
        {
            if self.given == self.ready.len() {
                (self.ready, self.given) = (Vec::new(), 0);
                if self.state == State::Stopping {
                    self.state = State::Stopped;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                if std::mem::take(&mut self.ended) {
                    self.rest();
                    return Ok(0);
                }
            }
            self.attend()?;
        }
        let rest = &self.ready[self.given..];
        let line = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let count = line.min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

/// What keys come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// At most the row has changed.
    Nothing,
    /// Finished lines, a newline behind each: Enter, or what was pasted.
    Lines(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty row.
    End,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L: an empty screen, but for the row.
    Redraw,
}

/// What the keys mean: the line that is being typed, and those that were.
#[derive(Debug, Default)]
pub struct Editor {
    line: Line,
    history: History,
    /// What was cut out of the line, for Ctrl-Y.
    cut: String,
    /// The last key has cut something out: what the next one does belongs to it.
    cutting: bool,
}

impl Editor {
    /// Takes a key, or what was pasted.
    pub fn on(&mut self, input: Input) -> Meaning {
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => {
                let was_cutting = std::mem::take(&mut self.cutting);
                self.on_key(key, was_cutting)
            }
            Input::Paste(text) => {
                self.cutting = false;
                self.on_paste(&text)
            }
            // Not asked for: the mouse, and answers to questions that nobody has put.
            _ => Meaning::Nothing,
        }
    }

    fn on_key(&mut self, KeyEvent { code, modifiers, .. }: KeyEvent, was_cutting: bool) -> Meaning {
        use InputRequest as Do;
        let (cursor, end) = (self.halves().0.len(), self.line.value().len());
        let request = match (code, Held::of(modifiers)) {
            (KeyCode::Char('c'), Held::Control) => return Meaning::Interrupt,
            (KeyCode::Char('z'), Held::Control) => return Meaning::Suspend,
            (KeyCode::Char('l'), Held::Control) => return Meaning::Redraw,
            (KeyCode::Char('d'), Held::Control) if self.line.value().is_empty() => {
                return Meaning::End;
            }
            (KeyCode::Enter, _) | (KeyCode::Char('j'), Held::Control) => {
                let mut line = self.submit();
                line.push('\n');
                return Meaning::Lines(line);
            }
            (KeyCode::Up, _) | (KeyCode::Char('p'), Held::Control) => {
                return self.recall(History::back);
            }
            (KeyCode::Down, _) | (KeyCode::Char('n'), Held::Control) => {
                return self.recall(History::forth);
            }

            (KeyCode::Left, Held::Nothing) | (KeyCode::Char('b'), Held::Control) => {
                Do::GoToPrevChar
            }
            (KeyCode::Right, Held::Nothing) | (KeyCode::Char('f'), Held::Control) => {
                Do::GoToNextChar
            }
            (KeyCode::Left, _) | (KeyCode::Char('b'), Held::Alt) => Do::GoToPrevWord,
            (KeyCode::Right, _) | (KeyCode::Char('f'), Held::Alt) => {
                Do::SetCursor(self.line.cursor() + self.to_end_of_word())
            }
            (KeyCode::Home, _) | (KeyCode::Char('a'), Held::Control) => Do::GoToStart,
            (KeyCode::End, _) | (KeyCode::Char('e'), Held::Control) => Do::GoToEnd,

            (KeyCode::Backspace, Held::Alt) | (KeyCode::Char('w'), Held::Control) => {
                self.line.handle(Do::GoToPrevWord);
                return self.cut(cursor, self.halves().0.len(), was_cutting);
            }
            (KeyCode::Backspace, _) | (KeyCode::Char('h'), Held::Control) => Do::DeletePrevChar,
            (KeyCode::Delete, _) | (KeyCode::Char('d'), Held::Control) => Do::DeleteNextChar,
            (KeyCode::Char('d'), Held::Alt) => {
                let word = Do::SetCursor(self.line.cursor() + self.to_end_of_word());
                self.line.handle(word);
                return self.cut(cursor, self.halves().0.len(), was_cutting);
            }
            (KeyCode::Char('u'), Held::Control) => return self.cut(cursor, 0, was_cutting),
            (KeyCode::Char('k'), Held::Control) => return self.cut(cursor, end, was_cutting),
            (KeyCode::Char('y'), Held::Control) => {
                let cut = self.cut.clone();
                self.insert(&cut);
                return Meaning::Nothing;
            }

            (KeyCode::Tab, Held::Nothing) => Do::InsertChar('\t'),
            (KeyCode::Char(character), Held::Nothing) => Do::InsertChar(character),
            _ => return Meaning::Nothing,
        };
        self.line.handle(request);
        Meaning::Nothing
    }

    /// Each newline in what was pasted is an Enter; what follows the last one stays in the row.
    fn on_paste(&mut self, text: &str) -> Meaning {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut finished = String::new();
        let mut pieces = text.split('\n');
        if let Some(first) = pieces.next() {
            self.insert(first);
        }
        for piece in pieces {
            finished.push_str(&self.submit());
            finished.push('\n');
            self.insert(piece);
        }
        if finished.is_empty() { Meaning::Nothing } else { Meaning::Lines(finished) }
    }

    fn insert(&mut self, text: &str) {
        let (before, after) = self.halves();
        let value = [before, text, after].concat();
        let cursor = self.line.cursor() + text.chars().count();
        self.set(value, cursor);
    }

    fn set(&mut self, value: String, cursor: usize) {
        self.line = std::mem::take(&mut self.line).with_value(value).with_cursor(cursor);
    }

    /// How many characters there are from the cursor to the end of the next word, where Emacs and
    /// every shell go. (The library goes to the beginning of the one behind it.)
    fn to_end_of_word(&self) -> usize {
        let (_, after) = self.halves();
        // With its marks, which take no column of their own.
        let is_word = |it: &char| it.is_alphanumeric() || is_mark(*it);
        let gap = after.chars().take_while(|it| !is_word(it)).count();
        gap + after.chars().skip(gap).take_while(is_word).count()
    }

    /// Cuts out what is between the cursor and another place, in bytes. (The library would do it, but
    /// forgets what was cut at a key that cuts nothing, and takes two cuts for one where something was
    /// typed in between.)
    fn cut(&mut self, cursor: usize, other: usize, was_cutting: bool) -> Meaning {
        let (from, to) = (cursor.min(other), cursor.max(other));
        let line = self.line.value();
        let part = &line[from..to];
        self.cutting = was_cutting || !part.is_empty();
        self.cut = match was_cutting || part.is_empty() {
            false => part.to_owned(),
            // In the order in which it stood in the line.
            true if from < cursor => [part, &self.cut].concat(),
            true => [&self.cut, part].concat(),
        };
        let (value, cursor) = ([&line[..from], &line[to..]].concat(), line[..from].chars().count());
        self.set(value, cursor);
        Meaning::Nothing
    }

    fn submit(&mut self) -> String {
        let line = self.line.value_and_reset();
        self.history.add(&line);
        line
    }

    fn recall(&mut self, step: impl FnOnce(&mut History, &str) -> Option<String>) -> Meaning {
        if let Some(line) = step(&mut self.history, self.line.value()) {
            self.set(line, usize::MAX);
        }
        Meaning::Nothing
    }

    /// Takes what is half typed.
    pub fn take_half(&mut self) -> String {
        self.line.value_and_reset()
    }

    /// What there is before the cursor and behind it.
    pub fn halves(&self) -> (&str, &str) {
        let line = self.line.value();
        let at = line.char_indices().nth(self.line.cursor()).map_or(line.len(), |(at, _)| at);
        line.split_at(at)
    }

    /// The input row, to be drawn.
    pub fn row(&self) -> Row {
        let (before, after) = self.halves();
        Row::new(before, after)
    }
}

/// The key that is held together with another. Shift is in the character itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Control,
    Alt,
    Other,
}

impl Held {
    fn of(modifiers: Modifiers) -> Held {
        let held = modifiers - Modifiers::SHIFT - Modifiers::CAPS_LOCK - Modifiers::NUM_LOCK;
        match held {
            Modifiers::NONE => Held::Nothing,
            Modifiers::CONTROL => Held::Control,
            Modifiers::ALT | Modifiers::META => Held::Alt,
            _ => Held::Other,
        }
    }
}

/// The lines that were typed before, for Up and Down.
#[derive(Debug, Default)]
struct History {
    lines: VecDeque<String>,
    /// How many bytes they have.
    bytes: usize,
    /// How many lines back we are.
    back: usize,
    /// What was being typed when Up was pressed first.
    draft: String,
}

impl History {
    fn add(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > HISTORY_MAX && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }

    /// One line further back.
    fn back(&mut self, current: &str) -> Option<String> {
        if self.back == self.lines.len() {
            return None;
        }
        if self.back == 0 {
            current.clone_into(&mut self.draft);
        }
        self.back += 1;
        self.lines.get(self.lines.len() - self.back).cloned()
    }

    /// One line forth; behind the last is what was being typed.
    fn forth(&mut self, _current: &str) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.lines.get(self.lines.len() - back).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor in which these keys have been pressed, and the lines that came of them.
    fn pressed(keys: &str) -> (Editor, String) {
        let (mut editor, mut lines) = (Editor::default(), String::new());
        let mut parser = termina::Parser::default();
        parser.parse(keys.as_bytes(), false);
        while let Some(key) = parser.pop() {
            if let Meaning::Lines(finished) = editor.on(key) {
                lines.push_str(&finished);
            }
        }
        (editor, lines)
    }

    #[track_caller]
    fn assert_row(keys: &str, before: &str, after: &str) {
        assert_eq!(pressed(keys).0.halves(), (before, after), "{keys:?}");
    }

    #[test]
    fn words_end_where_emacs_has_them_end_and_what_is_deleted_can_be_brought_back() {
        assert_row("one two\x01\x1bf", "one", " two");
        assert_row("one two\x01\x1bf\x1bf\x1bf", "one two", "");
        assert_row("one two\x01\x1bd", "", " two");
        assert_row("one two\x01\x1bd\x05\x19", " twoone", "");
        assert_row("e\u{301}te\u{301} x\x01\x1bf", "e\u{301}te\u{301}", " x");
    }

    #[test]
    fn what_was_cut_is_not_forgotten_at_a_key_that_cuts_nothing() {
        assert_row("one\x15\x0b\x19", "one", "");
        assert_row("one\x01\x0b\x15\x17\x0b\x19", "one", "");
        assert_row("one \x17\x02\x17\x19", "one ", "");
    }

    #[test]
    fn only_what_is_cut_at_one_go_comes_back_together() {
        assert_row("one two three\x17\x17\x19", "one two three", "");
        assert_row("one two\x02\x02\x02\x0b\x15\x19", "one two", "");
        assert_row("one\x15two\x15\x19", "two", "");
        assert_row("one\x17two\x17\x19", "two", "");
        assert_row("one\x17\x1b[200~two\x1b[201~\x17\x19", "two", "");
    }

    #[test]
    fn up_goes_back_and_down_comes_back_to_what_was_being_typed() {
        let keys = "one\rtwo\rhalf";
        assert_row(&format!("{keys}\x10"), "two", "");
        assert_row(&format!("{keys}\x10\x10\x10"), "one", "");
        assert_row(&format!("{keys}\x10\x10\x0e\x0e\x0e"), "half", "");
    }

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

    #[test]
    fn each_newline_that_is_pasted_is_an_enter() {
        let (editor, lines) = pressed("ac\x02\x1b[200~b\r\nd\ne\x1b[201~");
        assert_eq!(lines, "abc\nd\n");
        assert_eq!(editor.halves(), ("e", ""));
    }
}
