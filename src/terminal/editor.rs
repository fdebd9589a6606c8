//! What the keys mean: the line that is being typed, and those that were typed before.
//!
//! It knows no terminal and no thread: keys go in, and finished lines come out. A [`Keyboard`] reads the
//! keys, and does what they ask for.
//!
//! [`Keyboard`]: crate::terminal::keyboard::Keyboard

use termina::Event as Input;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use tui_input::{Input as Line, InputRequest};

use crate::terminal::history::History;
use crate::terminal::row::Row;
use crate::text::harmless::is_mark;

/// What keys come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// At most the row has changed.
    Nothing,
    /// Finished lines, a newline after each: Enter, or what was pasted.
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

/// The line editor. See the [module's page](self).
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
        let (cursor, end) = (self.halves().0.len(), self.line.value().len());
        match action(code, Held::of(modifiers)) {
            Action::Nothing => {}
            Action::Interrupt => return Meaning::Interrupt,
            Action::Suspend => return Meaning::Suspend,
            Action::Redraw => return Meaning::Redraw,
            Action::DeleteOrEnd if self.line.value().is_empty() => return Meaning::End,
            Action::DeleteOrEnd => self.edit(InputRequest::DeleteNextChar),
            Action::Submit => return Meaning::Lines(self.submit() + "\n"),
            Action::Older => self.recall(History::back),
            Action::Newer => self.recall(History::forth),
            Action::Edit(request) => self.edit(request),
            Action::GoToEndOfWord => self.go_to_end_of_word(),
            Action::CutWordBefore => {
                self.edit(InputRequest::GoToPrevWord);
                self.cut(cursor, self.halves().0.len(), was_cutting);
            }
            Action::CutWordAfter => {
                self.go_to_end_of_word();
                self.cut(cursor, self.halves().0.len(), was_cutting);
            }
            Action::CutBefore => self.cut(cursor, 0, was_cutting),
            Action::CutAfter => self.cut(cursor, end, was_cutting),
            Action::BringBack => self.insert(&self.cut.clone()),
        }
        Meaning::Nothing
    }

    fn edit(&mut self, request: InputRequest) {
        self.line.handle(request);
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

    /// To the end of the next word, where Emacs and every shell go. (The library goes to the beginning of
    /// the one after it.)
    fn go_to_end_of_word(&mut self) {
        let (_, after) = self.halves();
        // With its marks, which take no column of their own.
        let is_word = |it: &char| it.is_alphanumeric() || is_mark(*it);
        let gap = after.chars().take_while(|it| !is_word(it)).count();
        let word = after.chars().skip(gap).take_while(is_word).count();
        self.edit(InputRequest::SetCursor(self.line.cursor() + gap + word));
    }

    /// Cuts out what is between the cursor and another place, in bytes. (The library would do it, but
    /// forgets what was cut at a key that cuts nothing, and takes two cuts for one where something was
    /// typed in between.)
    fn cut(&mut self, cursor: usize, other: usize, was_cutting: bool) {
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
    }

    fn submit(&mut self) -> String {
        let line = self.line.value_and_reset();
        self.history.add(&line);
        line
    }

    fn recall(&mut self, step: impl FnOnce(&mut History, &str) -> Option<String>) {
        if let Some(line) = step(&mut self.history, self.line.value()) {
            self.set(line, usize::MAX);
        }
    }

    /// Takes what is half typed.
    pub fn take_half(&mut self) -> String {
        self.line.value_and_reset()
    }

    /// What there is before the cursor and after it.
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

/// What a key asks for.
enum Action {
    Nothing,
    Interrupt,
    Suspend,
    Redraw,
    /// Ctrl-D: the next character, or that this was all.
    DeleteOrEnd,
    Submit,
    /// The line that was typed before this one.
    Older,
    Newer,
    /// What the library does.
    Edit(InputRequest),
    GoToEndOfWord,
    CutWordBefore,
    CutWordAfter,
    /// All that is before the cursor.
    CutBefore,
    CutAfter,
    /// What was cut out last.
    BringBack,
}

/// The table of keys, as Emacs and every shell have them.
fn action(code: KeyCode, held: Held) -> Action {
    use Action::*;
    use InputRequest as Do;
    match (code, held) {
        (KeyCode::Char('c'), Held::Control) => Interrupt,
        (KeyCode::Char('z'), Held::Control) => Suspend,
        (KeyCode::Char('l'), Held::Control) => Redraw,
        (KeyCode::Enter, _) | (KeyCode::Char('j'), Held::Control) => Submit,
        (KeyCode::Up, _) | (KeyCode::Char('p'), Held::Control) => Older,
        (KeyCode::Down, _) | (KeyCode::Char('n'), Held::Control) => Newer,

        (KeyCode::Left, Held::Nothing) | (KeyCode::Char('b'), Held::Control) => {
            Edit(Do::GoToPrevChar)
        }
        (KeyCode::Right, Held::Nothing) | (KeyCode::Char('f'), Held::Control) => {
            Edit(Do::GoToNextChar)
        }
        (KeyCode::Left, _) | (KeyCode::Char('b'), Held::Alt) => Edit(Do::GoToPrevWord),
        (KeyCode::Right, _) | (KeyCode::Char('f'), Held::Alt) => GoToEndOfWord,
        (KeyCode::Home, _) | (KeyCode::Char('a'), Held::Control) => Edit(Do::GoToStart),
        (KeyCode::End, _) | (KeyCode::Char('e'), Held::Control) => Edit(Do::GoToEnd),

        (KeyCode::Backspace, Held::Alt) | (KeyCode::Char('w'), Held::Control) => CutWordBefore,
        (KeyCode::Backspace, _) | (KeyCode::Char('h'), Held::Control) => Edit(Do::DeletePrevChar),
        (KeyCode::Delete, _) => Edit(Do::DeleteNextChar),
        (KeyCode::Char('d'), Held::Control) => DeleteOrEnd,
        (KeyCode::Char('d'), Held::Alt) => CutWordAfter,
        (KeyCode::Char('u'), Held::Control) => CutBefore,
        (KeyCode::Char('k'), Held::Control) => CutAfter,
        (KeyCode::Char('y'), Held::Control) => BringBack,

        (KeyCode::Tab, Held::Nothing) => Edit(Do::InsertChar('\t')),
        (KeyCode::Char(character), Held::Nothing) => Edit(Do::InsertChar(character)),
        _ => Nothing,
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
    fn each_newline_that_is_pasted_is_an_enter() {
        let (editor, lines) = pressed("ac\x02\x1b[200~b\r\nd\ne\x1b[201~");
        assert_eq!(lines, "abc\nd\n");
        assert_eq!(editor.halves(), ("e", ""));
    }
}
