//! The line editor: keys, pastes, messages and other windows in, and a screen out. Whatever comes in
//! whatever order, what was said and heard stands there whole and in order, and below it the row that
//! is being typed, with its cursor where it belongs, as a much simpler line editor has it.

use std::cell::Cell;

use termina::Event;
use termina::event::{KeyCode, KeyEvent, Modifiers};
use threadchat::platform::window::Size;
use threadchat::terminal::decoder::KeyDecoder;
use threadchat::terminal::editor::{Editor, Meaning};
use threadchat::terminal::row::RowBoard;
use threadchat::terminal::screen::Screen;
use threadchat::text::rows::{Label, labelled};
use threadchat::threads::buffer::Block;
use threadchat::threads::form::Form;
use threadchat::wire::messages::Wire;
use unicode_segmentation::UnicodeSegmentation;

use super::Choices;
use super::terminal::Terminal;

/// What is typed: enough to come to each rule of the editor's, and of few enough kinds to be met
/// again.
const CHARACTERS: [char; 16] =
    ['a', 'b', 'x', '7', ' ', ' ', '-', '/', '.', '四', 'é', '\u{301}', 'e', '👩', '\t', '"'];

/// A third of it is for the row.
const HEIGHT: u16 = 12;

/// How long a line becomes by bringing back what was cut, in bytes.
const LONGEST: usize = 3_000;

thread_local! {
    static COLUMNS: Cell<usize> = const { Cell::new(80) };
}

pub fn run(input: &[u8]) {
    let mut choices = Choices(input);
    if choices.below(8) == 7 {
        return press(choices);
    }
    let mut session = Session::new(8 + choices.below(60));
    while !choices.is_over() {
        session.next(&mut choices);
    }
    session.look();
}

/// Bytes from a terminal, however `read` cuts them: Ctrl-C is always heard, text arrives whole, and
/// nothing that is typed later is swallowed.
fn press(choices: Choices) {
    let (whole, pieces) = choices.pieces();
    let mut decoder = KeyDecoder::default();
    let mut editor = Editor::default();
    let (last, before) = pieces.split_last().unwrap_or((&whole, &[]));
    for piece in before {
        decoder.feed(piece);
        while let Some(key) = decoder.next_key() {
            editor.on(key);
        }
    }
    let interrupt = Event::Key(KeyEvent::new(KeyCode::Char('c'), Modifiers::CONTROL));
    decoder.feed(&[last, &b"\x03"[..]].concat());
    decoder.time_out();
    let keys: Vec<Event> = std::iter::from_fn(|| decoder.next_key()).collect();
    assert!(keys.contains(&interrupt), "Ctrl-C is not heard: {keys:?}");
    editor.take_half();
    decoder.feed(b"typed later");
    while let Some(key) = decoder.next_key() {
        editor.on(key);
    }
    assert_eq!(editor.take_half(), "typed later");

    // Plain text: what is not UTF-8 can be seen.
    if whole.iter().any(|&byte| byte < b' ' || byte == 0x7f) {
        return;
    }
    let text = |pieces: &[&[u8]]| {
        let mut decoder = KeyDecoder::default();
        let mut editor = Editor::default();
        for piece in pieces {
            decoder.feed(piece);
        }
        while let Some(key) = decoder.next_key() {
            editor.on(key);
        }
        editor.take_half()
    };
    let at_once = text(&[whole]);
    assert_eq!(text(&pieces), at_once, "it matters how the bytes are cut");
    let valid = std::str::from_utf8(whole);
    if let Ok(valid) = valid
        && !valid.chars().any(char::is_control)
    {
        assert_eq!(at_once, valid);
    }
}

/// A screen, the row that is typed on it, and what should stand there.
struct Session {
    editor: Editor,
    board: RowBoard,
    screen: Screen,
    terminal: Terminal,
    columns: usize,
    expected: Vec<Expected>,
    model: Line,
    /// How many messages there were.
    count: usize,
    trail: Vec<String>,
}

/// A row that is on the screen for good.
struct Expected {
    text: String,
    /// The narrowest that the window has been since: the terminal cuts off what is further right.
    narrowest: usize,
}

impl Session {
    fn new(columns: usize) -> Session {
        COLUMNS.set(columns);
        let (board, rows) = RowBoard::new();
        let screen = Screen::new(Wire::Lines, false, false)
            .with_rows(rows)
            .in_window(|| Size { columns: COLUMNS.get(), rows: HEIGHT.into() });
        Session {
            editor: Editor::default(),
            board,
            screen,
            terminal: Terminal::new(HEIGHT, columns),
            columns,
            expected: Vec::new(),
            model: Line { left: vec![Left::default()], ..Line::default() },
            count: 0,
            trail: Vec::new(),
        }
    }

    fn next(&mut self, choices: &mut Choices) {
        let control = |key| KeyEvent::new(KeyCode::Char(key), Modifiers::CONTROL);
        let alt = |key| KeyEvent::new(KeyCode::Char(key), Modifiers::ALT);
        let key = match choices.below(45) {
            0..=3 => {
                let character = CHARACTERS[choices.below(CHARACTERS.len())];
                KeyEvent::new(KeyCode::Char(character), Modifiers::NONE)
            }
            4 => KeyCode::Enter.into(),
            5 => KeyCode::Backspace.into(),
            6 => KeyCode::Delete.into(),
            7 => KeyCode::Left.into(),
            8 => KeyCode::Right.into(),
            9 => KeyCode::Home.into(),
            10 => control('e'),
            11 => control('w'),
            12 => control('u'),
            13 => control('k'),
            // Of a line of 4 KiB only a part reaches the screen, where its tabs begin to count anew; and
            // a line that is brought back again and again would fill the memory.
            14 if self.model.text.len() + self.model.cut.concat().len() > LONGEST => return,
            14 => control('y'),
            15 => KeyCode::Up.into(),
            16 => KeyCode::Down.into(),
            17 => alt('b'),
            18 => alt('f'),
            19 => alt('d'),
            20 => control('d'),
            21 => KeyCode::Tab.into(),
            22 => return self.paste(choices),
            23 => return self.hear(choices, false),
            24 => return self.hear(choices, true),
            25 => return self.resize(8 + choices.below(60)),
            26 => return self.clear(),
            27 => return self.row_away(),
            28 => KeyEvent::new(KeyCode::Backspace, Modifiers::ALT),
            29 => control('o'), // It means nothing.
            30 => control('t'),
            31 => alt('t'),
            32 => alt('u'),
            33 => alt('l'),
            34 => alt('c'),
            35 | 36 => control('7'), // Ctrl-_.
            37 => alt('y'),
            38 => KeyEvent::new(KeyCode::Delete, Modifiers::CONTROL),
            39 => alt('<'),
            40 => alt('>'),
            41 => {
                self.press(Event::Key(control('v')));
                KeyCode::Tab.into()
            }
            42 => {
                self.press(Event::Key(control('x')));
                control('u')
            }
            43 => return self.search(choices),
            _ => return self.look(),
        };
        self.press(Event::Key(key));
    }

    fn press(&mut self, event: Event) {
        self.trail.push(format!("{event:?}"));
        let meaning = self.editor.on(event.clone());
        let (before, after) = halves(&self.editor);
        let finished = self.model.on(&event, (&before, &after)).unwrap_or_else(|why| {
            panic!("{why}: {before:?} {after:?} after {:#?}", self.trail);
        });
        assert_eq!((&*before, &*after), self.model.halves(), "{:#?}", self.trail);
        match meaning {
            Meaning::Lines(lines) => {
                assert_eq!(lines, finished, "{:#?}", self.trail);
                self.board.put_up(self.editor.row());
                self.say(&lines);
            }
            _ => assert_eq!(finished, "", "{:#?}", self.trail),
        }
    }

    /// A search that comes to nothing: the row is as it was. What a search finds is no business of a
    /// simple editor; tests/readline.rs looks at that.
    fn search(&mut self, choices: &mut Choices) {
        let control = |key| KeyEvent::new(KeyCode::Char(key), Modifiers::CONTROL);
        self.press(Event::Key(control('r')));
        for _ in 0..choices.below(6) {
            let character = CHARACTERS[choices.below(CHARACTERS.len())];
            let keys = [control('r'), control('s'), KeyCode::Backspace.into()];
            let typed = KeyCode::Char(character).into();
            let key = *keys.get(choices.below(8)).unwrap_or(&typed);
            self.press(Event::Key(key));
            self.draw();
        }
        self.press(Event::Key(control('g')));
    }

    fn paste(&mut self, choices: &mut Choices) {
        let length = choices.below(40);
        let pasted: String = (0..length)
            .map(|_| match choices.below(CHARACTERS.len() + 2) {
                16 => '\n',
                17 => '\r',
                at => CHARACTERS[at],
            })
            .collect();
        self.press(Event::Paste(pasted));
    }

    /// What was said comes back from the coordinator, to be shown.
    fn say(&mut self, lines: &str) {
        let mut written = Vec::new();
        let block = Block::of(lines.as_bytes().to_vec());
        self.screen.write_said(&block, &mut written).expect("a vector takes everything");
        self.terminal.show(&written);
        for line in lines.lines() {
            self.expect(">", " ", line);
        }
    }

    fn hear(&mut self, choices: &mut Choices, own: bool) {
        self.count += 1;
        let words = "word ".repeat(choices.below(20));
        let text = format!("{} {words}end", self.count);
        let mut written = Vec::new();
        if own {
            let line = format!("{text}\n");
            self.screen.write_own(line.as_bytes(), &mut written).expect("as above");
            self.expect("", "", &text);
        } else {
            let block = Block::of(format!("{text}\n").into_bytes());
            self.screen.write_heard(&block, &mut written).expect("as above");
            self.expect("friend", " says: ", &text);
        }
        self.trail.push(format!("message {text:?}"));
        self.terminal.show(&written);
    }

    fn expect(&mut self, who: &str, says: &str, text: &str) {
        let whole = [who, says, text].concat();
        let rows: Vec<String> = if whole.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            broken(&whole, self.columns)
        } else {
            let label = Label { before: "", who, colour: None, says };
            labelled(&label, text, self.columns).lines().map(str::to_owned).collect()
        };
        let narrowest = self.columns;
        self.expected.extend(
            rows.into_iter().map(|row| Expected { text: row.trim_end().to_owned(), narrowest }),
        );
    }

    /// Another window. The program is told by a signal, and draws the row again.
    fn resize(&mut self, columns: usize) {
        self.settle();
        self.trail.push(format!("{columns} columns"));
        self.columns = columns;
        COLUMNS.set(columns);
        self.terminal.set_columns(columns);
        for row in &mut self.expected {
            row.narrowest = row.narrowest.min(columns);
        }
        self.board.put_up(self.editor.row());
    }

    /// Ctrl-L: what was on the screen is gone, and what had left it at the top is not.
    fn clear(&mut self) {
        self.settle();
        self.trail.push("clear".to_owned());
        let mut written = Vec::new();
        self.screen.clear(&mut written).expect("as above");
        let scrolled = self.terminal.scrolled();
        self.terminal.show(&written);
        self.expected.truncate(scrolled);
        self.board.put_up(self.editor.row());
    }

    /// Ctrl-Z: the row is off the screen, and back again.
    fn row_away(&mut self) {
        self.trail.push("row away".to_owned());
        self.board.clear();
        let mut written = Vec::new();
        self.screen.take_row_away(&mut written).expect("as above");
        self.terminal.show(&written);
        let (rows, row, column) = self.assert_above();
        assert!((row, column) == (0, 0) && rows.iter().all(String::is_empty), "{:#?}", self.trail);
        assert!(!self.terminal.screen().bracketed_paste(), "{:#?}", self.trail);
        self.board.put_up(self.editor.row());
    }

    /// The screen-writer has nothing more to do.
    fn settle(&mut self) {
        let mut written = Vec::new();
        self.screen.settle(&mut written).expect("a vector takes everything");
        self.terminal.show(&written);
    }

    fn draw(&mut self) -> (Vec<String>, usize, usize) {
        self.board.put_up(self.editor.row());
        self.settle();
        self.assert_above()
    }

    /// The screen-writer has nothing more to do, and somebody looks.
    fn look(&mut self) {
        let (rows, row, column) = self.draw();
        assert!(self.terminal.screen().bracketed_paste(), "pastes are not marked");
        let (before, after) = self.model.halves();
        if let Err(why) = judge(&rows, row, column, before, after, self.columns) {
            panic!("{why}: {rows:?}, row {row}, column {column}, {:#?}", self.trail);
        }
    }

    /// Gives what is below the messages, and where in it the cursor is.
    fn assert_above(&mut self) -> (Vec<String>, usize, usize) {
        let (mut rows, row, column) = self.terminal.rows();
        let below = rows.split_off(self.expected.len().min(row));
        let fits = |shown: &str, expected: &Expected| {
            let (shown, text) = (squeezed(shown), squeezed(&expected.text));
            // Half a wide character is none: what is left is up to two columns narrower.
            let left = text[..prefix(&text, expected.narrowest)].trim_end();
            let cut = columns_of(&text) > expected.narrowest;
            shown == text
                || (cut && text.starts_with(&shown) && columns_of(&shown) + 2 >= columns_of(left))
        };
        let all = rows.len() == self.expected.len()
            && rows.iter().zip(&self.expected).all(|(shown, expected)| fits(shown, expected));
        assert!(
            all,
            "{rows:#?} instead of {:#?} after {:#?}",
            self.expected.iter().map(|row| &row.text).collect::<Vec<_>>(),
            self.trail
        );
        (below, row - rows.len(), column)
    }
}

fn is_undo(event: &Event) -> bool {
    let undo = KeyEvent::new(KeyCode::Char('7'), Modifiers::CONTROL);
    *event == Event::Key(undo)
}

fn sorted(text: &str) -> Vec<char> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters
}

/// The row's two halves, as the editor has them.
fn halves(editor: &Editor) -> (String, String) {
    let (before, after) = editor.halves();
    (before.to_owned(), after.to_owned())
}

/// Plain text in rows, broken between words where they fit into a row; the further ones behind two
/// spaces.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let fits = rows[rows.len() - 1].len() + word.len() <= columns;
        if !fits && word.len() + 2 <= columns {
            rows.push("  ".to_owned());
        }
        for character in word.chars() {
            if rows[rows.len() - 1].len() == columns {
                rows.push("  ".to_owned());
            }
            let last = rows.len() - 1;
            rows[last].push(character);
        }
    }
    rows
}

/// How many bytes of a text fit into so many columns.
fn prefix(text: &str, columns: usize) -> usize {
    let mut end = 0;
    for cluster in text.graphemes(true) {
        if columns_of(&text[..end + cluster.len()]) > columns {
            break;
        }
        end += cluster.len();
    }
    end
}

/// How many columns a text takes that is made of [`CHARACTERS`].
fn columns_of(text: &str) -> usize {
    let columns = |it: char| match it {
        '\u{301}' => 0,
        '四' | '👩' => 2,
        _ => 1,
    };
    text.chars().map(columns).sum()
}

/// A line with 30 marks where there are more behind each other, and how many more there are.
fn counted(text: &str) -> String {
    let (mut counted, mut marks) = (String::new(), 0);
    for next in text.chars().map(Some).chain([None]) {
        if next == Some('\u{301}') {
            marks += 1;
            counted.extend((marks <= 30).then_some('\u{301}'));
            continue;
        }
        match marks {
            0..=30 => {}
            31 => counted.push_str("<1 more mark>"),
            _ => counted.push_str(&format!("<{} more marks>", marks - 30)),
        }
        marks = 0;
        counted.extend(next);
    }
    counted
}

/// The same with one mark where there are several behind each other: `vt100` keeps only some of them.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::new();
    for character in text.chars() {
        if character != '\u{301}' || !squeezed.ends_with('\u{301}') {
            squeezed.push(character);
        }
    }
    squeezed
}

/// Whether rows on the screen show this line, or the part of it around the cursor.
fn judge(
    rows: &[String],
    row: usize,
    column: usize,
    before: &str,
    after: &str,
    columns: usize,
) -> Result<(), String> {
    let count = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1).max(row + 1);
    if count > usize::from(HEIGHT) / 3 {
        return Err(format!("it takes {count} rows"));
    }
    let mut left = String::new();
    let mut places = Vec::new();
    let mut right = String::new();
    for (at, text) in rows[..count].iter().enumerate() {
        // The last column is for the cursor, or for the mark behind the last row.
        if columns_of(text.strip_suffix('>').unwrap_or(text)) >= columns {
            return Err("it is as wide as the window".to_owned());
        }
        let width = if at == row { column.max(2) } else { 2 };
        let text = text.to_owned() + &" ".repeat(width.saturating_sub(columns_of(text)));
        let (indent, text) = text.split_at(2);
        match (at, indent) {
            (0, "> " | "< ") | (1.., "  ") => {}
            // A further line of a paste.
            (1.., "> ") => if at <= row { &mut left } else { &mut right }.push('\n'),
            _ => return Err(format!("{indent:?} is before row {at}")),
        }
        if at != row {
            if at < row { &mut left } else { &mut right }.push_str(text);
            continue;
        }
        // Where a mark stands at the cursor it cannot be seen to which half it belongs.
        let here = |&at: &usize| text.is_char_boundary(at) && columns_of(&text[..at]) + 2 == column;
        places = (0..=text.len())
            .filter(here)
            .map(|at| (text[..at].to_owned(), text[at..].to_owned()))
            .collect();
    }
    let cut = rows[0].starts_with('<');
    // A tab is shown as spaces, and so are the ends of rows.
    let seen = |text: &str| {
        let text = text.replace([' ', '\t'], "");
        // A terminal draws a mark behind the cursor on what is before it, and who knows how many it keeps.
        if after.starts_with('\u{301}') { text.replace('\u{301}', "") } else { squeezed(&text) }
    };
    let (whole_left, whole_right) = (seen(&counted(before)), seen(&counted(after)));
    let fits = |(end, beginning): &(String, String)| {
        let (left, right) = (seen(&format!("{left}{end}")), seen(&format!("{beginning}{right}")));
        let left_fits = if cut { whole_left.ends_with(&left) } else { whole_left == left };
        let shown = right.strip_suffix('>').filter(|shown| whole_right.starts_with(shown));
        // What is hidden may be nothing but marks or spaces.
        let hides =
            |it: &str| it.len() < whole_right.len() || after.contains(['\u{301}', ' ', '\t']);
        let right_fits = whole_right == right || shown.is_some_and(hides);
        left_fits && right_fits
    };
    match places.iter().any(fits) {
        true => Ok(()),
        false => Err(format!("{whole_left:?} and {whole_right:?} should stand there")),
    }
}

/// A line editor as simple as can be.
#[derive(Default)]
struct Line {
    text: String,
    /// In bytes.
    cursor: usize,
    /// What was cut, at most ten pieces, and which of them comes back.
    cut: Vec<String>,
    piece: usize,
    /// The last key has cut something as well, or brought something back.
    cutting: bool,
    bringing: bool,
    history: Vec<String>,
    /// The line in the row, and all others as they were left, the draft last.
    at: usize,
    left: Vec<Left>,
    /// What the line in the row has been.
    was: Vec<String>,
    /// Ctrl-X or Ctrl-V.
    prefix: Option<char>,
    /// Ctrl-R, until Ctrl-G.
    searching: bool,
}

/// A line that is not in the row.
#[derive(Clone, Default)]
struct Left {
    text: String,
    was: Vec<String>,
}

impl Line {
    fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Takes a key, and gives the lines that it has finished. `seen`: what the editor made of it, for
    /// what is no business of a simple one: where words end that are not of ASCII; and which step is one.
    /// That what was seen can be right is an error if not.
    fn on(&mut self, event: &Event, seen: (&str, &str)) -> Result<String, &'static str> {
        let before = self.text.clone();
        let undoes = self.prefix == Some('x') || is_undo(event);
        let finished = self.take(event, seen)?;
        if self.text != before && !undoes {
            self.was.push(before);
        }
        Ok(finished)
    }

    fn take(&mut self, event: &Event, seen: (&str, &str)) -> Result<String, &'static str> {
        if self.searching {
            let given_up = Event::Key(KeyEvent::new(KeyCode::Char('g'), Modifiers::CONTROL));
            self.searching = *event != given_up;
            return Ok(String::new());
        }
        let was_cutting = std::mem::take(&mut self.cutting);
        let was_bringing = std::mem::take(&mut self.bringing);
        let prefix = self.prefix.take();
        let key = match event {
            Event::Paste(text) => {
                self.insert(&text.replace("\r\n", "\n").replace('\r', "\n"));
                return Ok(String::new());
            }
            Event::Key(key) => key,
            _ => return Ok(String::new()),
        };
        match prefix {
            Some('x') => return self.take_back(seen),
            Some(_) => {
                self.insert("\t");
                return Ok(String::new());
            }
            None => {}
        }
        let (before, after) = self.halves();
        let previous = before.graphemes(true).next_back().map_or(0, str::len);
        // What the cursor stands before may go on behind a joiner or a mark.
        let next = after.graphemes(true).next().map_or(0, str::len);
        let (previous, next) = self.around(previous, next);
        let control = key.modifiers == Modifiers::CONTROL;
        let alt = key.modifiers == Modifiers::ALT;
        match key.code {
            KeyCode::Enter => return Ok(self.submit()),
            // There is nothing to complete.
            KeyCode::Tab => {}
            KeyCode::Char(character) if key.modifiers == Modifiers::NONE => {
                self.insert(character.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Left => self.cursor -= previous,
            KeyCode::Right => self.cursor += next,
            KeyCode::Home => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Backspace if alt => self.cut(self.word_before(seen), self.cursor, was_cutting),
            KeyCode::Backspace => {
                self.text.replace_range(self.cursor - previous..self.cursor, "");
                self.cursor -= previous;
            }
            KeyCode::Delete if control => self.cut(self.cursor, self.word_behind(), was_cutting),
            KeyCode::Delete => self.text.replace_range(self.cursor..self.cursor + next, ""),
            KeyCode::Char('d') if control => {
                self.text.replace_range(self.cursor..self.cursor + next, "");
            }
            KeyCode::Char('w') if control => {
                let kept = before.trim_end().trim_end_matches(|it: char| !it.is_whitespace()).len();
                // A mark can stand on a space: then both are one character.
                let kept = if self.text.contains('\u{301}') { seen.0.len() } else { kept };
                self.cut(kept, self.cursor, was_cutting);
            }
            KeyCode::Char('u') if control => self.cut(0, self.cursor, was_cutting),
            KeyCode::Char('k') if control => self.cut(self.cursor, self.text.len(), was_cutting),
            KeyCode::Char('d') if alt => {
                self.cut(self.cursor, self.word_behind(), was_cutting);
            }
            KeyCode::Char('y') if control => {
                self.bringing = true;
                self.insert(&self.cut.get(self.piece).cloned().unwrap_or_default());
            }
            KeyCode::Char('y') if alt => {
                self.bringing = true;
                let piece = self.cut.get(self.piece).cloned().unwrap_or_default();
                let stands = self.text[..self.cursor].ends_with(&piece);
                if was_bringing && !self.cut.is_empty() && stands {
                    let from = self.cursor - piece.len();
                    self.was.push(self.text.clone());
                    self.text.replace_range(from..self.cursor, "");
                    self.cursor = from;
                    self.was.push(self.text.clone());
                    self.piece = (self.piece + self.cut.len() - 1) % self.cut.len();
                    self.insert(&self.cut[self.piece].clone());
                }
            }
            KeyCode::Char('b') if alt => self.cursor = self.word_before(seen),
            KeyCode::Char('f') if alt => self.cursor = self.word_behind(),
            KeyCode::Char('t') if control || alt => {
                if sorted(&self.text) != sorted(&[seen.0, seen.1].concat()) {
                    return Err("something else has changed than places");
                }
                self.adopt(seen);
            }
            KeyCode::Char('u' | 'l' | 'c') if alt => {
                let end = self.word_behind();
                let folded = |text: &str| text.to_uppercase();
                if folded(&self.text[..end]) != folded(seen.0) || self.text[end..] != *seen.1 {
                    return Err("something else has changed than the case");
                }
                self.adopt(seen);
            }
            KeyCode::Char('7') if control => return self.take_back(seen),
            KeyCode::Char('r') if control => self.searching = true,
            KeyCode::Char(key @ ('x' | 'v')) if control => self.prefix = Some(key),
            KeyCode::Up => self.visit(self.at.saturating_sub(1)),
            KeyCode::Down => self.visit((self.at + 1).min(self.history.len())),
            KeyCode::Char('<') if alt => self.visit(0),
            KeyCode::Char('>') if alt => self.visit(self.history.len()),
            _ => {}
        }
        Ok(String::new())
    }

    /// Undo: the line is what it was before.
    fn take_back(&mut self, seen: (&str, &str)) -> Result<String, &'static str> {
        let text = [seen.0, seen.1].concat();
        // Taking back what has changed nothing changes nothing.
        if text != self.text {
            let at = self.was.iter().rposition(|was| *was == text);
            self.was.truncate(at.ok_or("the line has never been that")?);
        }
        self.adopt(seen);
        Ok(String::new())
    }

    /// Takes it as it was seen.
    fn adopt(&mut self, (before, after): (&str, &str)) {
        self.text = [before, after].concat();
        self.cursor = before.len();
    }

    /// Leaves the line for another one.
    fn visit(&mut self, at: usize) {
        if at != self.at {
            self.left[self.at] =
                Left { text: std::mem::take(&mut self.text), was: std::mem::take(&mut self.was) };
            let Left { text, was } = self.left[at].clone();
            (self.cursor, self.at) = (text.len(), at);
            (self.text, self.was) = (text, was);
        }
    }

    /// How long the characters before and behind the cursor are, which may be one around it.
    fn around(&self, previous: usize, next: usize) -> (usize, usize) {
        let starts = |at: usize| self.text.grapheme_indices(true).any(|(start, _)| start == at);
        if self.cursor == self.text.len() || starts(self.cursor) {
            return (previous, next);
        }
        let (start, cluster) = self
            .text
            .grapheme_indices(true)
            .rfind(|(start, _)| *start < self.cursor)
            .expect("the cursor is within a character");
        (self.cursor - start, start + cluster.len() - self.cursor)
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn submit(&mut self) -> String {
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.was.clear();
        if !line.is_empty() && self.history.last() != Some(&line) {
            self.history.push(line.clone());
        }
        self.left = self
            .history
            .iter()
            .map(|line| Left { text: line.clone(), was: Vec::new() })
            .chain([Left::default()])
            .collect();
        self.at = self.history.len();
        if line.ends_with('\n') { line } else { line + "\n" }
    }

    /// Cuts a part out, for Ctrl-Y. What is cut at one go, by several keys, belongs together.
    fn cut(&mut self, from: usize, to: usize, was_cutting: bool) {
        let part: String = self.text.drain(from..to).collect();
        self.cutting = !part.is_empty();
        if part.is_empty() {
            return;
        }
        match self.cut.last_mut() {
            Some(last) if was_cutting && to == self.cursor => *last = part + last,
            Some(last) if was_cutting => *last += &part,
            _ => self.cut.push(part),
        }
        if self.cut.len() > 10 {
            self.cut.remove(0);
        }
        self.piece = self.cut.len() - 1;
        self.cursor = from;
    }

    /// Where the word before the cursor begins.
    fn word_before(&self, (seen, _): (&str, &str)) -> usize {
        let before = &self.text[..self.cursor];
        if self.text.contains(|it: char| !(it.is_ascii_alphanumeric() || " -/\t".contains(it))) {
            return seen.len();
        }
        let word = before.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
        word.trim_end_matches(|it: char| it.is_ascii_alphanumeric()).len()
    }

    /// Where the word behind the cursor ends.
    fn word_behind(&self) -> usize {
        let behind: Vec<&str> = self.text[self.cursor..].graphemes(true).collect();
        let is_word = |it: &&&str| it.starts_with(char::is_alphanumeric);
        let gap = behind.iter().take_while(|it| !is_word(it)).count();
        let word = behind[gap..].iter().take_while(is_word).count();
        self.cursor + behind[..gap + word].concat().len()
    }
}
