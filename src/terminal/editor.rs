//! What the keys mean: the line that is being typed, and those that were typed before.
//!
//! It knows no terminal and no thread: keys go in, and finished lines come out. A [`Keyboard`] reads the
//! keys, and does what they ask for. All is as in readline, which `tests/readline.rs` holds.
//!
//! The line, its undo and its kill ring are our own. Tried were `tui-input` and `rustyline`'s
//! `LineBuffer`: the first has no undo, both have other words than readline (`don't`, or letters with
//! marks), and the second cannot grow and keeps undo and kill ring to itself, as `reedline` does, which
//! wants the terminal besides.
//!
//! [`Keyboard`]: crate::terminal::keyboard::Keyboard

pub mod bindings;
pub mod completion;
pub mod kills;
pub mod line;
pub mod search;
pub mod undo;

use termina::Event as Input;
use termina::event::{KeyEvent, KeyEventKind};

use crate::terminal::editor::bindings::{Action, SearchKey, To, Way};
use crate::terminal::editor::completion::{Completion, Words, complete};
use crate::terminal::editor::kills::{Kills, Side};
use crate::terminal::editor::line::Line;
use crate::terminal::editor::search::Search;
use crate::terminal::history::History;
use crate::terminal::layout::{self, Towards};
use crate::terminal::row::Row;

/// How long several lines are at most that wait in the row, in bytes.
pub const LINES_MAX: usize = 64 * 1024;

/// What keys come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// At most the row has changed.
    Nothing,
    /// Finished lines, a newline after each: Enter.
    Lines(String),
    /// The same of what was pasted, and is too long to wait in the row.
    LongPaste(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty row.
    End,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L: an empty screen, but for the row.
    Redraw,
    /// Tab for the second time: what the word can become.
    Choices(Vec<String>),
}

/// The line editor. See the [module's page](self).
#[derive(Debug, Default)]
pub struct Editor {
    line: Line,
    history: History,
    kills: Kills,
    last: Last,
    mode: Mode,
    /// What Tab completes.
    words: Words,
    /// How many columns the screen has, where the line is shown on one.
    columns: Option<usize>,
    /// What was searched for the last time.
    sought: String,
}

/// What the last key has done, where the next one may belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    /// It has cut something out.
    Cut,
    /// It has brought back what was cut out.
    BroughtBack,
    /// It has completed a word that can still become several things.
    Completed,
}

/// What the next key is for.
#[derive(Debug, Default)]
enum Mode {
    /// Editing.
    #[default]
    Edit,
    /// Ctrl-X has been pressed.
    CtrlX,
    /// Ctrl-V has been pressed.
    Verbatim,
    /// Searching.
    Search(Search),
}

impl Editor {
    /// Says how many columns the screen has: Up and Down go from row to row there.
    pub fn set_columns(&mut self, columns: usize) {
        self.columns = Some(columns);
    }

    /// An editor in which Tab completes the commands of this help.
    pub fn with_commands(help: &'static [&'static str]) -> Editor {
        Editor { words: Words { help, people: Vec::new() }, ..Editor::default() }
    }

    /// From now on these are here.
    pub fn set_people(&mut self, people: Vec<String>) {
        self.words.people = people;
    }

    /// Takes a key, or what was pasted.
    pub fn on(&mut self, input: Input) -> Meaning {
        match &input {
            Input::Key(key) if key.kind != KeyEventKind::Release => {}
            Input::Paste(_) => {}
            // Not asked for: the mouse, and answers to questions that nobody has put.
            _ => return Meaning::Nothing,
        }
        if let Mode::Search(search) = &mut self.mode {
            match bindings::search_key(&input) {
                SearchKey::GoesOn(step) => {
                    search.on(step, &self.sought, &self.history, &self.line);
                    return Meaning::Nothing;
                }
                SearchKey::GivesUp => self.mode = Mode::Edit,
                SearchKey::Ends => self.take_found(),
            }
        }
        match input {
            Input::Key(key) => self.on_key(key),
            Input::Paste(text) => self.on_paste(&text),
            _ => Meaning::Nothing,
        }
    }

    fn on_key(&mut self, key: KeyEvent) -> Meaning {
        let action = self.action(key);
        let last = std::mem::take(&mut self.last);
        match action {
            Action::Interrupt => Meaning::Interrupt,
            Action::Suspend => Meaning::Suspend,
            Action::Redraw => Meaning::Redraw,
            Action::DeleteOrEnd if self.line.text().is_empty() => Meaning::End,
            Action::Submit => Meaning::Lines(self.submit()),
            Action::Complete => self.complete(last),
            action => {
                self.edit(action, last);
                Meaning::Nothing
            }
        }
    }

    fn action(&mut self, key: KeyEvent) -> Action {
        match std::mem::take(&mut self.mode) {
            Mode::Edit | Mode::Search(_) => bindings::action(key),
            Mode::CtrlX => bindings::action_behind_ctrl_x(key),
            Mode::Verbatim => bindings::action_behind_ctrl_v(key),
        }
    }

    fn edit(&mut self, action: Action, last: Last) {
        match action {
            Action::CtrlX => self.mode = Mode::CtrlX,
            Action::Verbatim => self.mode = Mode::Verbatim,
            Action::Type(character) => self.line.type_text(character.encode_utf8(&mut [0; 4])),
            Action::Up => match self.row_beside(Towards::Up) {
                Some(place) => self.line.go_to(place),
                None => self.visit(self.history.back() + 1),
            },
            Action::Down => match self.row_beside(Towards::Down) {
                Some(place) => self.line.go_to(place),
                None => self.visit(self.history.back().saturating_sub(1)),
            },
            Action::Older => self.visit(self.history.back() + 1),
            Action::Newer => self.visit(self.history.back().saturating_sub(1)),
            Action::Oldest => self.visit(self.history.count()),
            Action::Newest => self.visit(0),
            Action::Search(way) => self.search(way),
            Action::Go(to) => self.line.go_to(self.place(to)),
            Action::Delete(to) => self.delete(to),
            Action::DeleteOrEnd => self.delete(To::Next),
            Action::Cut(to) => self.cut(self.place(to), last),
            Action::BringBack => self.bring_back(),
            Action::BringBackOlder => self.bring_back_older(last),
            Action::Undo => self.line.undo(),
            Action::SwapCharacters => self.line.swap_characters(),
            Action::SwapWords => self.line.swap_words(),
            Action::Change(case) => self.line.change_case(case),
            // Not for the line, or done.
            Action::Nothing
            | Action::Complete
            | Action::Interrupt
            | Action::Suspend
            | Action::Redraw
            | Action::Submit => {}
        }
    }

    fn complete(&mut self, last: Last) -> Meaning {
        let (before, _) = self.line.halves();
        let Some(Completion { start, text, choices }) = complete(before, &self.words) else {
            return Meaning::Nothing;
        };
        if before[start..] != text {
            self.line.replace(start..self.line.cursor(), &text);
        }
        if choices.is_empty() {
            return Meaning::Nothing;
        }
        self.last = Last::Completed;
        if last == Last::Completed { Meaning::Choices(choices) } else { Meaning::Nothing }
    }

    fn search(&mut self, way: Way) {
        let search = Search::new(way, self.history.back(), self.line.cursor());
        self.mode = Mode::Search(search);
    }

    /// The line that was found is in the row from now on.
    fn take_found(&mut self) {
        if let Mode::Search(search) = std::mem::take(&mut self.mode) {
            let (back, at) = search.place();
            self.visit(back);
            self.line.go_to(at);
            self.sought = search.into_text();
        }
    }

    fn visit(&mut self, back: usize) {
        self.history.visit(back, &mut self.line);
    }

    /// The place one row up or down from the cursor, if there is such a row.
    fn row_beside(&self, towards: Towards) -> Option<usize> {
        let (before, after) = self.halves();
        let (skipped, before, after) = layout::near(before, after);
        let place = layout::row_beside(towards, layout::PROMPT, before, after, self.columns?)?;
        Some(skipped + place)
    }

    fn place(&self, to: To) -> usize {
        match to {
            To::Previous => self.line.previous(),
            To::Next => self.line.next(),
            To::StartOfWord => self.line.start_of_word(),
            To::EndOfWord => self.line.end_of_word(),
            To::StartBetweenSpaces => self.line.start_between_spaces(),
            To::Start => 0,
            To::End => self.line.text().len(),
        }
    }

    fn delete(&mut self, to: To) {
        let place = self.place(to);
        if place != self.line.cursor() {
            self.line.remove_to(place);
        }
    }

    /// Cuts out what is between the cursor and another place. What is cut by several keys at one go
    /// comes back together.
    fn cut(&mut self, place: usize, last: Last) {
        let cursor = self.line.cursor();
        if place != cursor {
            let side = if place < cursor { Side::Before } else { Side::Behind };
            let piece = self.line.remove_to(place);
            self.kills.add(piece, side, last == Last::Cut);
            self.last = Last::Cut;
        }
    }

    fn bring_back(&mut self) {
        if let Some(piece) = self.kills.piece() {
            self.line.insert(piece);
        }
        self.last = Last::BroughtBack;
    }

    /// What has just been brought back makes room for what was cut out before it.
    fn bring_back_older(&mut self, last: Last) {
        self.last = Last::BroughtBack;
        let (before, _) = self.line.halves();
        if last == Last::BroughtBack
            && let Some(rest) = self.kills.piece().and_then(|piece| before.strip_suffix(piece))
        {
            let start = rest.len();
            self.line.remove_to(start);
            self.kills.turn();
            self.bring_back();
        }
    }

    /// What was pasted waits in the row, several lines too: nobody has read them yet. Where they are too
    /// long to be read there, only what follows the last newline does.
    fn on_paste(&mut self, text: &str) -> Meaning {
        (self.last, self.mode) = (Last::Other, Mode::Edit);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        self.line.type_text(&text);
        let is_long = self.line.text().len() > LINES_MAX;
        // A single key comes like a paste too; and a key that makes what waits too long sends nothing.
        match self.line.text().rfind('\n') {
            Some(newline) if is_long && text.contains('\n') => {
                Meaning::LongPaste(self.take_lines(newline + 1))
            }
            _ => Meaning::Nothing,
        }
    }

    fn take_lines(&mut self, end: usize) -> String {
        let cursor = self.line.cursor().saturating_sub(end);
        let mut lines = std::mem::take(&mut self.line).into_text();
        self.line = Line::new(lines.split_off(end));
        self.line.go_to(cursor);
        lines.lines().for_each(|line| self.history.add(line));
        lines
    }

    fn submit(&mut self) -> String {
        let mut line = std::mem::take(&mut self.line).into_text();
        self.history.add(&line);
        // Where there is nothing behind the last newline of a paste, that is what Enter would add.
        if !line.ends_with('\n') {
            line.push('\n');
        }
        line
    }

    /// Takes what is half typed.
    pub fn take_half(&mut self) -> String {
        self.history.forget_edits();
        (self.last, self.mode) = (Last::Other, Mode::Edit);
        std::mem::take(&mut self.line).into_text()
    }

    /// What there is before the cursor and after it.
    pub fn halves(&self) -> (&str, &str) {
        self.line.halves()
    }

    /// Whether a line from before is being searched: only then Ctrl-S is a key.
    pub fn is_searching(&self) -> bool {
        matches!(self.mode, Mode::Search(_))
    }

    /// The input row, to be drawn.
    pub fn row(&self) -> Row {
        let (before, after) = self.halves();
        let Mode::Search(search) = &self.mode else { return Row::new(before, after) };
        let (back, at) = search.place();
        let found = self.history.text(back, &self.line).unwrap_or_default();
        let (before, after) = found.split_at(at);
        Row::with_prompt(search.prompt(), before, after)
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
    fn up_and_down_go_from_row_to_row_before_they_go_to_other_lines() {
        let mut editor = Editor::default();
        editor.set_columns(13); // Ten for each row.
        let mut parser = termina::Parser::default();
        let mut press = |keys: &str, before: &str| {
            parser.parse(keys.as_bytes(), false);
            while let Some(key) = parser.pop() {
                editor.on(key);
            }
            assert_eq!(editor.halves().0, before, "{keys:?}");
        };
        let (up, down) = ("\x1b[A", "\x1b[B");
        press("one\r0123456789abcdefghijABCDEF", "0123456789abcdefghijABCDEF");
        press(up, "0123456789abcdef");
        press(up, "012345");
        press(up, "one");
        press(down, "0123456789abcdefghijABCDEF");
        press("\x02\x02", "0123456789abcdefghijABCD");
        press(up, "0123456789abcd");
        press(down, "0123456789abcdefghijABCD");
        press("\x10", "one");
        // Far from its beginning.
        let long = "0123456789".repeat(20_000);
        press(&format!("\x15{long}{up}"), &long[..long.len() - 10]);
    }

    #[test]
    fn a_line_keeps_its_edits_while_others_are_looked_at_and_until_enter() {
        let keys = "one\rtwo\rhalf\x10!\x10?";
        assert_row(keys, "one?", "");
        assert_row(&format!("{keys}\x0e"), "two!", "");
        assert_row(&format!("{keys}\x1b>"), "half", "");
        assert_row(&format!("{keys}\x1b>\x1b<\x1f"), "one", "");
        assert_eq!(pressed(&format!("{keys}\r")).1, "one\ntwo\none?\n");
        assert_row(&format!("{keys}\r\x10\x10"), "two", "");
        assert_row(&format!("{keys}\r\x1b<\x1b<"), "one", "");
    }

    #[test]
    fn what_was_done_is_taken_back_step_by_step() {
        assert_row("one two\x17\x15\x1f", "one ", "");
        assert_row("one two\x17\x15\x1f\x18\x15", "one two", "");
        assert_row("one two\x17\x15\x1f\x1f\x1f\x1f", "", "");
        assert_row(&format!("{}\x1f", "x".repeat(25)), &"x".repeat(20), "");
        // A paste is one step, whatever its length.
        assert_row(&format!("a\x1b[200~{}\x1b[201~\x1f", "x".repeat(50)), "a", "");
    }

    /// What was typed before a search.
    const BEFORE: &str = "apple pie\rbanana\rapple juice\rapple juice\rcherry\rdraft";

    #[track_caller]
    fn assert_search(keys: &str, (before, after): (&str, &str)) {
        let (editor, lines) = pressed(&format!("{BEFORE}{keys}"));
        assert_eq!(lines.lines().count(), 5, "{keys:?}");
        let (prompt, before) = before.split_at(before.find("': ").unwrap() + 3);
        let row = Row::with_prompt(prompt.to_owned(), before, after);
        assert_eq!(editor.row(), row, "{keys:?}");
    }

    #[test]
    fn a_search_goes_to_older_lines_and_back_to_newer_ones() {
        assert_search("\x12", ("(reverse-i-search)`': draft", ""));
        assert_search("\x12an", ("(reverse-i-search)`an': ban", "ana"));
        assert_search("\x12an\x12", ("(reverse-i-search)`an': b", "anana"));
        assert_search("\x12apple", ("(reverse-i-search)`apple': ", "apple juice"));
        // The same line once more is passed over.
        assert_search("\x12apple\x12", ("(reverse-i-search)`apple': ", "apple pie"));
        assert_search("\x12apple\x12\x12", ("(failed reverse-i-search)`apple': ", "apple pie"));
        assert_search("\x12apple\x12\x12\x13", ("(i-search)`apple': ", "apple pie"));
        assert_search("\x12apple\x12\x12\x13\x13", ("(i-search)`apple': ", "apple juice"));
        assert_search("\x12applez", ("(failed reverse-i-search)`applez': ", "apple juice"));
        assert_search("\x12applez\x7f", ("(reverse-i-search)`apple': ", "apple juice"));
        assert_search("\x12z\x7f", ("(reverse-i-search)`': draft", ""));
        // What is being typed is searched too, from the cursor on.
        assert_search("\x12ra", ("(reverse-i-search)`ra': d", "raft"));
    }

    #[test]
    fn a_search_ends_in_the_row_or_not_at_all() {
        let before = |keys: &str| format!("{BEFORE}\x12{keys}");
        assert_row(&before("pie\x05"), "apple pie", "");
        assert_row(&before("pie\x1b[C"), "apple p", "ie");
        assert_row(&before("juice\x10"), "banana", "");
        assert_row(&before("pie\x05\x0e"), "banana", "");
        assert_row(&before("pie\x05\x1b>"), "draft", "");
        assert_row(&before("zzz\x02"), "draf", "t");
        assert_row(&before("pie\x07"), "draft", "");
        assert_row(&before("pie\x1b[200~!\x1b[201~\x07"), "draft", "");
        assert!(pressed(&before("pie\r")).1.ends_with("\ncherry\napple pie\n"));
        assert_row(&before("pie\r"), "", "");
        // What was searched for the last time.
        assert_row(&before("pie\x05\x1b>\x12\x12\x01"), "", "apple pie");
        // Who is half way through a search has typed what was there before it.
        assert_eq!(pressed(&before("pie")).0.take_half(), "draft");
    }

    #[test]
    fn words_and_characters_change_places_and_case() {
        assert_row("ab\x14", "ba", "");
        assert_row("one, two\x01\x1bf\x1bt", "two, one", "");
        assert_row("one two\x01\x1bu\x1bc", "ONE Two", "");
        assert_row("ÉTÉ\x01\x1bl", "été", "");
        assert_row("one two\x01\x1b[3;5~", "", " two");
    }

    #[test]
    fn what_was_cut_before_comes_back_in_the_place_of_what_was_cut_last() {
        assert_row("one\x15two\x15\x19\x1by", "one", "");
        assert_row("one\x15two\x15\x19\x1by\x1by", "two", "");
        assert_row("one\x15two\x15\x19\x02\x1by", "tw", "o");
    }

    #[test]
    fn a_character_behind_ctrl_v_is_one_as_it_is() {
        assert_row("a\x16\x01b\x16\t\x16\x7f", "a\u{1}b\t\x7f", "");
        assert_row("a\x16\x1b[Db", "ab", "");
    }

    #[test]
    fn tab_completes_and_when_pressed_twice_tells_what_it_can_be() {
        let mut editor = Editor::with_commands(&["/help  this", "/name NAME  that", "/now"]);
        editor.set_people(vec!["Susan".to_owned()]);
        let tab = || Input::Key(termina::event::KeyCode::Tab.into());
        editor.on(Input::Paste("su".to_owned()));
        assert_eq!(editor.on(tab()), Meaning::Nothing);
        assert_eq!(editor.take_half(), "Susan: ");
        editor.on(Input::Paste("/N".to_owned()));
        assert_eq!(editor.on(tab()), Meaning::Nothing);
        let choices = vec!["/name".to_owned(), "/now".to_owned()];
        assert_eq!(editor.on(tab()), Meaning::Choices(choices));
        // It is one step, and where there is nothing to complete nothing happens.
        editor.on(Input::Paste("a".to_owned()));
        editor.on(tab());
        assert_eq!(editor.halves(), ("/name ", ""));
        editor.on(Input::Key(termina::event::KeyEvent::new(
            termina::event::KeyCode::Char('7'),
            termina::event::Modifiers::CONTROL,
        )));
        assert_eq!(editor.halves(), ("/Na", ""));
        editor.on(Input::Paste("zz".to_owned()));
        assert_eq!(editor.on(tab()), Meaning::Nothing);
        assert_eq!(editor.take_half(), "/Nazz");
    }

    #[test]
    fn several_lines_that_are_pasted_wait_for_enter() {
        let (editor, lines) = pressed("ac\x02\x1b[200~b\r\nd\re\x1b[201~");
        assert_eq!((editor.halves(), &*lines), (("ab\nd\ne", "c"), ""));
        let pasted = |text: &str| format!("\x1b[200~{text}\x1b[201~");
        assert_eq!(pressed(&(pasted("a\n\nb") + "\r")).1, "a\n\nb\n");
        // The last newline is the one that Enter would add; and there is no more to be sent.
        assert_eq!(pressed(&(pasted("a\nb\n") + "\r")).1, "a\nb\n");
        assert_eq!(pressed(&(pasted("\n") + "\r")).1, "\n");
        assert_row(&(pasted("a\nb") + "\r\x10"), "a\nb", "");
        assert_row(&(pasted("a\nb") + "\x1f"), "", "");
        assert_eq!(pressed(&pasted("a\nb")).0.take_half(), "a\nb");
    }

    #[test]
    fn lines_that_are_too_long_to_wait_go_at_once() {
        let paste = |editor: &mut Editor, text: &str| editor.on(Input::Paste(text.to_owned()));
        let mut editor = Editor::default();
        let long = "x".repeat(LINES_MAX);
        assert_eq!(paste(&mut editor, &long), Meaning::Nothing);
        assert_eq!(paste(&mut editor, "y"), Meaning::Nothing);
        let lines = format!("{long}y\nmore\n");
        assert_eq!(paste(&mut editor, "\nmore\nhalf"), Meaning::LongPaste(lines));
        assert_eq!(editor.halves(), ("half", ""));
        editor.on(Input::Key(termina::event::KeyCode::Up.into()));
        assert_eq!(editor.halves(), ("more", ""));
    }

    #[test]
    fn a_key_that_makes_a_waiting_paste_too_long_sends_nothing() {
        let mut editor = Editor::default();
        let lines = "a line\n".repeat(LINES_MAX / 7);
        assert_eq!(editor.on(Input::Paste(lines)), Meaning::Nothing);
        for _ in 0..10 {
            assert_eq!(editor.on(Input::Paste("Q".to_owned())), Meaning::Nothing);
        }
        assert!(editor.halves().0.ends_with("QQQQ"));
    }
}
