//! CONTRACT 3 and 8, the screen with the line editor: what the friend says stands above the row
//! that is being typed, at any rate of arrival and at any width, and nothing that the friend
//! says can touch that row or look like a line of anybody else's.
//!
//! The friends here are bare sockets, and the screen is read back as a person would see it. What
//! must stand on it is worked out by a simple model of the test's own, [`Model`].

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portable_pty::CommandBuilder;
use proptest::prelude::*;
use proptest::test_runner::Config;
use support::bare::BareTerminal;
use support::glass::Glass;
use support::pty::Terminal;
use support::until;
use support::{Program, contains, friend_answers, friend_calls, friend_listener, peak_memory};
use vt100::Color;

// What must be on the screen.

/// How many columns a text takes. The tests use no other wide characters than these.
fn width(text: &str) -> usize {
    text.chars().map(|character| if "四世界".contains(character) { 2 } else { 1 }).sum()
}

/// How many columns some terminal may give it: two for each character but the plain ones.
fn most(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// The words of a line, each with one space behind it; a wide character stands for itself.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let wide = |character| "四世界".contains(character);
    for character in line.chars() {
        let word = words.last().unwrap();
        let over = match word.chars().last() {
            None => false,
            Some(' ') => true,
            Some(_) if character == ' ' => false,
            Some(last) => wide(last) || wide(character),
        };
        if over {
            words.push(String::new());
        }
        words.last_mut().unwrap().push(character);
    }
    words
}

/// A line with its label, broken into rows of at most `columns`, between words where they fit into a
/// row; each further row begins with two spaces.
fn broken(label: &str, text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in words(&format!("{label} {text}")) {
        let fits = most(rows.last().unwrap()) + most(&word) <= columns;
        if !fits && most(&word) + 2 <= columns {
            rows.push("  ".to_owned());
        }
        for character in word.chars() {
            let mut row = rows.last_mut().unwrap();
            if most(row) + most(character.encode_utf8(&mut [0; 4])) > columns {
                rows.push("  ".to_owned());
                row = rows.last_mut().unwrap();
            }
            row.push(character);
        }
    }
    rows.iter().map(|row| row.trim_end().to_owned()).collect()
}

/// What is being typed, in rows that leave the last column free: the first behind the prompt, the others
/// behind two spaces; and where the cursor stands: in which row, and behind how much of it.
fn laid_out(before: &str, after: &str, columns: usize) -> (Vec<String>, usize, String) {
    let mut rows = vec!["> ".to_owned()];
    let mut cursor = None;
    for (at, character) in (before.to_owned() + after).char_indices() {
        let row = rows.last().unwrap();
        if row.len() > 2 && most(row) + most(character.encode_utf8(&mut [0; 4])) >= columns {
            rows.push("  ".to_owned());
        }
        let last = rows.len() - 1;
        if at == before.len() {
            cursor = Some((last, rows[last].clone()));
        }
        rows[last].push(character);
    }
    let (row, left) = cursor.unwrap_or_else(|| (rows.len() - 1, rows.last().unwrap().clone()));
    (rows, row, left)
}

/// What must stand on a screen: rows that stay, and below them the row that is being typed.
#[derive(Clone, Debug)]
struct Model {
    height: usize,
    columns: usize,
    rows: Vec<String>,
    before: String,
    after: String,
    /// How many rows of the screen what is being typed has taken at most.
    tallest: usize,
}

impl Model {
    fn new(columns: usize) -> Model {
        Model::sized(24, columns)
    }

    fn sized(height: usize, columns: usize) -> Model {
        let (before, after) = (String::new(), String::new());
        Model { height, columns, rows: Vec::new(), before, after, tallest: 1 }
    }

    /// How many rows of the screen what is being typed takes: a third of it at most.
    fn tall(&self) -> usize {
        let (rows, ..) = laid_out(&self.before, &self.after, self.columns);
        rows.len().min((self.height / 3).max(1))
    }

    fn heard(&mut self, text: &str) {
        self.rows.extend(broken("friend says:", text, self.columns));
    }

    /// Does what a key does to the row. Gives the line that is on its way, if one is.
    fn key(&mut self, key: &Step) -> Option<String> {
        match key {
            Step::Type(text) => self.before.push_str(text),
            Step::Left => {
                if let Some(character) = self.before.pop() {
                    self.after.insert(0, character);
                }
            }
            Step::Home => {
                self.after.insert_str(0, &self.before);
                self.before.clear();
            }
            Step::Backspace => {
                self.before.pop();
            }
            Step::Enter => {
                let line = std::mem::take(&mut self.before) + &std::mem::take(&mut self.after);
                self.rows.extend(broken(">", &line, self.columns));
                return Some(line);
            }
            Step::Message(_) => unreachable!("it is no key"),
        }
        self.tallest = self.tallest.max(self.tall());
        None
    }

    /// Where what is being typed begins on a screen with these rows and this cursor; `None` where it
    /// does not stand there as it should. It shows `<` and `>` where there is more of it.
    fn begins(&self, shown: &[String], row: usize, column: usize) -> Option<usize> {
        let (laid, at, left) = laid_out(&self.before, &self.after, self.columns);
        let tall = self.tall();
        (0..=laid.len() - tall).find_map(|hidden| {
            let first = row.checked_sub(at.checked_sub(hidden)?)?;
            let mut expected = laid[hidden..hidden + tall].to_vec();
            if hidden > 0 {
                expected[0].replace_range(..2, "< ");
            }
            if hidden + tall < laid.len() {
                expected[tall - 1].push('>');
            }
            let there = shown.get(first..first + tall)?;
            let same = there.iter().zip(&expected).all(|(one, other)| one == other.trim_end());
            (same && width(&left) == column).then_some(first)
        })
    }

    /// What is wrong with a screen, if anything is.
    fn wrong(&self, screen: &vt100::Screen) -> Option<String> {
        let (height, columns) = screen.size();
        let shown: Vec<String> =
            screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect();
        let (row, column) = screen.cursor_position();
        let Some(first) = self.begins(&shown, row.into(), column.into()) else {
            return Some(format!("the row is not at {row}, {column} of {shown:?}"));
        };
        // A row that has become lower leaves room below it.
        let room = usize::from(height.get()) - self.tallest.max(self.tall());
        if first > self.rows.len() || first < room.min(self.rows.len()) {
            return Some(format!("the row begins at {first} of {shown:?}"));
        }
        let expected = &self.rows[self.rows.len() - first..];
        if shown[..first] != *expected {
            return Some(format!("{:?} stands there instead of {expected:?}", &shown[..first]));
        }
        let below = &shown[first + self.tall()..];
        (!below.iter().all(String::is_empty)).then(|| format!("{below:?} stands below the row"))
    }

    /// Waits until the screen is as it must be.
    #[track_caller]
    fn wait(&self, terminal: &Terminal) {
        terminal.wait_look(&format!("{self:?}"), |screen, _| {
            self.wrong(screen).is_none().then_some(())
        });
    }
}

/// The rows of a screen, up to the one with the cursor at least.
fn rows_of(screen: &vt100::Screen) -> Vec<String> {
    let columns = screen.size().1.get();
    let mut rows: Vec<String> =
        screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
    let cursor = usize::from(screen.cursor_position().0);
    while rows.len() > cursor + 1 && rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// Shows this on a terminal that is as wide and as high as can be.
fn on_glass(raw: &[u8]) -> Glass {
    let mut glass = Glass::new(100_000, |character| width(character.encode_utf8(&mut [0; 4])));
    glass.show(raw);
    glass
}

/// The rows that a terminal was given for good, above the one in which the cursor stands: that is the row
/// that is being typed, or not finished yet.
fn rows_for_good(raw: &[u8]) -> Vec<String> {
    let glass = on_glass(raw);
    glass.texts().drain(..glass.row).collect()
}

/// Checks that each row that was ever drawn shows one of these states, in this order: that the
/// half-typed line stood untouched at every moment.
#[track_caller]
fn assert_drawn_in_order(raw: &[u8], states: &[Model]) {
    let mut glass = on_glass(b"");
    let mut at = 0;
    let mut rest = raw;
    let drawn = b"\x1b8";
    while let Some(end) = rest.windows(drawn.len()).position(|part| part == drawn) {
        let (part, later) = rest.split_at(end + drawn.len());
        glass.show(part);
        rest = later;
        // Only the last rows can be what is being typed.
        let first = glass.row.saturating_sub(24);
        let shown: Vec<String> =
            glass.rows[first..].iter().map(|row| row.text().trim_end().to_owned()).collect();
        let stands = |state: &Model| state.begins(&shown, glass.row - first, glass.column);
        let found = states[at..].iter().position(|state| stands(state).is_some());
        at += found.unwrap_or_else(|| {
            panic!("the row {:?} was drawn, which nobody had typed at {at}", shown.last())
        });
    }
}

// Somebody to talk to.

/// threadchat in a terminal, calling; and its friend. The screen is empty but for the row.
#[track_caller]
fn meet(rows: u16, columns: u16, options: &[&str]) -> (Terminal, TcpStream) {
    let (listener, port) = friend_listener();
    let port = port.to_string();
    let words = [&["connect", "-q", "127.0.0.1", &port], options].concat();
    let mut terminal = Terminal::start_sized(&words, rows, columns);
    let friend = answers_and_is_heard(&mut terminal, &listener);
    Model::new(columns.into()).wait(&terminal);
    (terminal, friend)
}

/// Takes the program's call, waits until it hears us, and empties the screen.
#[track_caller]
fn answers_and_is_heard(terminal: &mut Terminal, listener: &TcpListener) -> TcpStream {
    let mut friend = friend_answers(listener);
    friend.set_nodelay(true).unwrap();
    friend.write_all(b"ready\n").unwrap();
    terminal.wait_look("the friend is heard", |screen, raw| {
        let rows = rows_for_good(raw).concat().replace(' ', "");
        let row = rows_of(screen).pop().is_some_and(|row| row == ">");
        (rows.contains("ready") && row).then_some(())
    });
    terminal.press("\x0c"); // Ctrl-L
    terminal.wait_look("an empty screen", |screen, _| (rows_of(screen) == [">"]).then_some(()));
    friend
}

/// Reads one line of what was typed.
#[track_caller]
fn assert_gets(friend: &mut impl BufRead, line: &str) {
    let mut came = String::new();
    friend.read_line(&mut came).unwrap();
    assert_eq!(came, format!("{line}\n"));
}

// Keys and messages in any order.

#[derive(Clone, Debug)]
enum Step {
    Type(String),
    Left,
    Home,
    Backspace,
    Enter,
    Message(String),
}

impl Step {
    fn keys(&self) -> &str {
        match self {
            Step::Type(text) => text,
            Step::Left => "\x1b[D",
            Step::Home => "\x1b[H",
            Step::Backspace => "\x7f",
            Step::Enter => "\r",
            Step::Message(_) => unreachable!("it is no key"),
        }
    }
}

fn a_key() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => "[a-z <>*]{1,4}|[四世界]{1,2}|é".prop_map(Step::Type),
        2 => Just(Step::Left),
        1 => Just(Step::Home),
        1 => Just(Step::Backspace),
        1 => Just(Step::Enter),
    ]
}

fn a_message() -> impl Strategy<Value = Step> {
    prop_oneof!["[a-z]{0,10}", "[a-z >*]{30,300}", "[四世界x]{8,60}"].prop_map(Step::Message)
}

fn a_width() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![20_u16, 40, 80, 132])
}

/// A failure costs a deadline each time, so that little is tried to make it smaller.
fn few_cases() -> Config {
    Config { cases: 24, max_shrink_iters: 3, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn the_screen_is_right_after_each_key_and_each_message(
        columns in a_width(),
        steps in prop::collection::vec(prop_oneof![2 => a_key(), 1 => a_message()], 30),
    ) {
        let (mut terminal, friend) = meet(24, columns, &[]);
        let mut sending = friend.try_clone().unwrap();
        let mut friend = BufReader::new(friend);
        let mut model = Model::new(columns.into());
        let mut states = vec![model.clone()];
        for step in &steps {
            if let Step::Message(text) = step {
                sending.write_all(format!("{text}\n").as_bytes()).unwrap();
                model.heard(text);
            } else {
                terminal.press(step.keys());
                // A bunch of characters may be drawn one by one.
                if let Step::Type(text) = step {
                    for (at, _) in text.char_indices().skip(1) {
                        let mut half = model.clone();
                        half.before.push_str(&text[..at]);
                        states.push(half);
                    }
                }
                if let Some(line) = model.key(step) {
                    assert_gets(&mut friend, &line);
                }
            }
            states.push(model.clone());
            model.wait(&terminal);
        }
        assert_drawn_in_order(&terminal.raw(), &states);
    }

    #[test]
    fn the_screen_is_right_when_keys_and_messages_come_at_the_same_time(
        columns in a_width(),
        keys in prop::collection::vec(a_key(), 30),
        messages in prop::collection::vec(a_message(), 30),
    ) {
        let (mut terminal, friend) = meet(24, columns, &[]);
        let start = terminal.raw().len();
        let mut sending = friend.try_clone().unwrap();
        let mut friend = BufReader::new(friend);
        let mut heard = Model::new(columns.into());
        let mut texts = Vec::new();
        for message in messages {
            if let Step::Message(text) = message {
                heard.heard(&text);
                texts.push(text + "\n");
            }
        }
        let talking = std::thread::spawn(move || {
            texts.iter().for_each(|text| sending.write_all(text.as_bytes()).unwrap());
        });
        let mut typed = Model::new(columns.into());
        let mut lines = Vec::new();
        for key in &keys {
            terminal.press(key.keys());
            lines.extend(typed.key(key));
        }
        talking.join().unwrap();
        lines.iter().for_each(|line| assert_gets(&mut friend, line));

        let total = heard.rows.len() + typed.rows.len();
        let rows = terminal.wait_look("all of it", |screen, raw| {
            let glass = on_glass(&raw[start..]);
            let mut rows = glass.texts();
            let trimmed: Vec<String> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
            rows.truncate(typed.begins(&trimmed, glass.row, glass.column)?);
            let mut model = typed.clone();
            model.rows = rows.iter().map(|row| row.trim_end().to_owned()).collect();
            (rows.len() == total && model.wrong(screen).is_none()).then_some(model.rows)
        });
        // Further rows belong to the one that they follow.
        let (mut of_friend, mut of_mine, mut mine) = (Vec::new(), Vec::new(), false);
        for row in rows {
            mine = if row.starts_with("  ") || row.is_empty() { mine } else { row.starts_with('>') };
            if mine { &mut of_mine } else { &mut of_friend }.push(row);
        }
        prop_assert_eq!(of_friend, heard.rows);
        prop_assert_eq!(of_mine, typed.rows);
    }
}

#[test]
fn a_flood_of_messages_loses_no_key_and_no_message() {
    const AT_LEAST: usize = 10_000;
    let (mut terminal, friend) = meet(24, 80, &[]);
    let start = terminal.raw().len();
    let mut sending = friend.try_clone().unwrap();
    let typed = Arc::new(AtomicBool::new(false));
    let flood = std::thread::spawn({
        let typed = Arc::clone(&typed);
        move || {
            let mut count = 0;
            while count < AT_LEAST || !typed.load(Ordering::Relaxed) {
                sending.write_all(format!("number {count}\n").as_bytes()).unwrap();
                count += 1;
            }
            count
        }
    });
    let line = "typed while it floods, 四 and é, key by key";
    let mut model = Model::new(80);
    let mut states = vec![model.clone()];
    let mut looked = start;
    for key in line.chars() {
        let key = Step::Type(key.to_string());
        terminal.press(key.keys());
        model.key(&key);
        states.push(model.clone());
        let row = format!("\r> {}\x1b7\x1b[K", model.before);
        looked = terminal.wait_look("each key is shown during the flood", |_, raw| {
            contains(&raw[looked..], row.as_bytes()).then_some(raw.len() - row.len())
        });
    }
    typed.store(true, Ordering::Relaxed);
    let count = flood.join().unwrap();
    terminal.wait_look("the last message, and the row", |screen, raw| {
        let last = format!("says: number {}\r\n", count - 1);
        let row = rows_of(screen).pop().is_some_and(|row| row == format!("> {line}"));
        (row && contains(&raw[raw.len().saturating_sub(9_000)..], last.as_bytes())).then_some(())
    });
    let rows = rows_for_good(&terminal.raw()[start..]);
    assert_eq!(rows.len(), count, "as many rows as messages");
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(*row, format!("friend says: number {number}"));
    }
    model.rows = rows;
    model.wait(&terminal);
    assert_drawn_in_order(&terminal.raw()[start..], &states);
    terminal.press("\r");
    let mut friend = BufReader::new(friend); // Until the end: or the program would end first.
    assert_gets(&mut friend, line);
    model.key(&Step::Enter);
    model.wait(&terminal);
}

/// A person who looks at a slow terminal sees what has arrived there so far: so each look is after some
/// more bytes, and no clock is needed.
#[test]
fn the_row_is_on_the_screen_at_nine_looks_in_ten_while_a_flood_is_slower_shown_than_it_comes() {
    for typed in ["half typed", &"a line that takes three rows of the screen ".repeat(4)] {
        let (listener, port) = friend_listener();
        let words = ["connect", "-q", "127.0.0.1", &port.to_string()];
        let mut terminal = BareTerminal::start_with_editor(&words);
        let mut friend = friend_answers(&listener);
        let mut keys = terminal.keys(); // Dropped, it would press Ctrl-D.
        let mut glass = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
        let mut model = Model::new(80);
        model.before = typed.to_owned();
        let tall = model.tall();
        let mut scratch = [0; 40];
        let mut look = |terminal: &mut BareTerminal| {
            let count = terminal.output.read(&mut scratch).unwrap();
            assert!(count > 0, "the terminal has ended");
            glass.process(&scratch[..count]);
            let rows: Vec<String> =
                glass.screen().rows(0, 80).map(|row| row.trim_end().to_owned()).collect();
            let (laid, ..) = laid_out(typed, "", 80);
            let first = rows.len() - tall;
            let there = rows[first..].iter().zip(&laid).all(|(one, two)| one == two.trim_end());
            (there, rows.iter().any(|row| row.contains("the last")))
        };
        friend.write_all(b"ready\n").unwrap();
        keys.write_all(typed.as_bytes()).unwrap();
        friend.write_all(&b"a screenful\n".repeat(24)).unwrap();
        while !look(&mut terminal).0 {}
        let flood = std::thread::spawn(move || {
            for number in 0..2_000 {
                let line = format!("number {number} of a flood of lines of some length\n");
                friend.write_all(line.as_bytes()).unwrap();
            }
            friend.write_all(b"the last\n").unwrap();
            friend
        });
        let (mut looks, mut seen) = (0, 0);
        loop {
            let (there, last) = look(&mut terminal);
            looks += 1;
            seen += usize::from(there);
            if last {
                break;
            }
        }
        flood.join().unwrap();
        assert!(looks > 1_000 && seen * 10 >= looks * 9, "{seen} of {looks} looks");
    }
}

// The end.

/// What the friend says last in a run: with a newline, without one, and behind many others.
fn last_words(run: usize) -> (String, String) {
    let last = format!("the last of run {run}");
    match run % 3 {
        0 => (format!("{last}\n"), last),
        1 => (last.clone(), last),
        _ => ("one of many\n".repeat(40) + &last + "\n", last),
    }
}

#[test]
fn the_last_message_is_shown_each_time_in_200_runs_with_a_line_half_typed() {
    let (mut terminal, port) = Terminal::listen(&["--keep"]);
    for run in 0..200 {
        let mut friend = friend_calls(port);
        let start = terminal.raw().len();
        let wait_raw = |what: &str| {
            terminal.wait_look(what, |_, raw| {
                // It may have come a moment before we looked at where it would be.
                contains(&raw[start.saturating_sub(400)..], what.as_bytes()).then_some(())
            });
        };
        wait_raw(&format!("connected to {}\r\n", friend.local_addr().unwrap()));
        let half = format!("half of run {run}");
        terminal.press(&half);
        terminal.wait_for(&format!("> {half}"));
        let (words, last) = last_words(run);
        friend.write_all(words.as_bytes()).unwrap();
        drop(friend);
        let rows = terminal.wait_look("it listens again", |_, raw| {
            let rows = rows_for_good(&raw[start..]);
            // Which of the two is first does not matter.
            let said = |text: &str| rows.iter().any(|row| row == text);
            let listens = said(&format!("listening on 127.0.0.1:{port}"));
            (listens && said(&format!("* not sent: {half}"))).then_some(rows)
        });
        let place = |text: &str| rows.iter().position(|row| row.contains(text));
        let (said, left) = (place(&format!("friend says: {last}")), place("friend has left"));
        if said.is_none() || said > left {
            terminal.fail(format!("run {run}: {last:?} is not above the end in {rows:?}"));
        }
    }
}

#[test]
fn the_last_message_is_shown_when_the_program_ends_with_a_line_half_typed() {
    for run in 0..20 {
        let (listener, port) = friend_listener();
        let mut terminal = Terminal::start(&["connect", "127.0.0.1", &port.to_string()]);
        let mut friend = answers_and_is_heard(&mut terminal, &listener);
        terminal.press("half");
        terminal.wait_for("> half");
        let (words, last) = last_words(run);
        friend.write_all(words.as_bytes()).unwrap();
        drop(friend);
        terminal.ends_with(0);
        let rows = terminal.with_screen(rows_of);
        let rows: Vec<&str> =
            rows.iter().map(String::as_str).filter(|row| !row.is_empty()).collect();
        let last = format!("friend says: {last}");
        assert_eq!(
            rows[rows.len() - 3..],
            [&last, "friend has left", "* not sent: half"],
            "in run {run}"
        );
    }
}

// What a friend may not do.

#[test]
fn a_line_that_is_wider_than_the_screen_cannot_imitate_anybody_in_its_further_rows() {
    let (mut terminal, mut friend) = meet(24, 40, &[]);
    terminal.press("half");
    let mut model = Model::new(40);
    model.before = "half".to_owned();
    let room = 40 - "friend says: ".len();
    for fake in ["* friend has left", "> yes, do", "Susan says: pay", "threadchat: it broke"] {
        // The first row is full to the last column, and then one short of it.
        for first in ["x".repeat(room + 38), "x".repeat(room - 2) + "四" + &"y".repeat(38)] {
            friend.write_all(format!("{first}{fake}\n").as_bytes()).unwrap();
            model.heard(&format!("{first}{fake}"));
            model.rows.last().filter(|row| **row == format!("  {fake}")).expect("the model fits");
            model.wait(&terminal);
        }
    }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn no_bytes_of_a_friend_can_touch_the_row_or_look_like_another_line(
        columns in a_width(),
        lines in prop::collection::vec(hostile_line(), 1..20),
    ) {
        let (mut terminal, mut friend) = meet(24, columns, &[]);
        terminal.press("half\x1b[D");
        let state = |screen: &vt100::Screen| {
            (screen.input_mode_formatted(), screen.attributes_formatted(), screen.hide_cursor())
        };
        let before = terminal.with_screen(state);
        let start = terminal.wait_look("the row", |screen, raw| {
            let row = rows_of(screen) == ["> half"] && screen.cursor_position() == (0, 5);
            row.then_some(raw.len())
        });
        for line in &lines {
            friend.write_all(line).unwrap();
            friend.write_all(b"\n").unwrap();
        }
        friend.write_all(b"the last line\n").unwrap();
        let rows = terminal.wait_look("the last line", |screen, raw| {
            let last = screen.cursor_position();
            let rows = rows_of(screen);
            let row = rows.last().is_some_and(|row| row == "> half") && last.1 == 5;
            let text = rows_for_good(&raw[start..]);
            let there = text.join("").replace(' ', "").contains("thelastline");
            (row && there && usize::from(last.0) + 1 == rows.len()).then_some(rows)
        });
        for row in &rows[..rows.len() - 1] {
            let honest = row.starts_with("friend says:") || row.starts_with("  ");
            prop_assert!(honest || row.is_empty(), "{:?}", row);
        }
        let mut messages = 0;
        for row in rows_for_good(&terminal.raw()[start..]) {
            messages += usize::from(row.starts_with("friend says:"));
            prop_assert!(row.starts_with("friend says:") || row.starts_with("  "), "{:?}", row);
            prop_assert!(!row.chars().any(char::is_control), "{:?}", row);
        }
        let newlines: usize = lines.iter().map(|line| line.split(|&byte| byte == b'\n').count()).sum();
        prop_assert_eq!(messages, newlines + 1, "a label a line");
        let raw = support::text(&terminal.raw()[start..]);
        let paints = |part: &str| part.trim_start_matches(|it: char| it.is_ascii_digit()).starts_with('m');
        prop_assert!(!raw.split("\x1b[").skip(1).any(paints), "who has no name has no colour");
        prop_assert_eq!(terminal.with_screen(state), before);
    }
}

/// Escape sequences, controls, characters that hide or turn others round, bytes that are no
/// text, and imitations.
fn hostile_line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        "\\PC{0,20}".prop_map(String::into_bytes),
        "(\\x1b[\\[\\]()#P_^7-9=>cDEMHNOZ]?[0-9;?]{0,4}[A-Za-z@`]?){1,3}"
            .prop_map(String::into_bytes),
        "[\u{80}-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}\u{feff}]{1,4}"
            .prop_map(String::into_bytes),
        prop::sample::select(vec![
            "> ",
            "* friend has left",
            "\r",
            "\r> yes",
            "\x0b* no",
            "\t",
            "\u{85}> "
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        " {0,150}".prop_map(String::into_bytes),
    ];
    // A line that is a name would change the label, and is tested elsewhere.
    prop::collection::vec(part, 0..6)
        .prop_map(|parts| parts.concat())
        .prop_filter("a command", |line| !line.starts_with(b"/"))
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_touches_nothing() {
    let shown: &[(&[u8], &str)] = &[
        (b"\x1b[2J\x1b[H\x1b[31mred", "^[[2J^[[H^[[31mred"),
        (b"\x1b]0;title\x07", "^[]0;title^G"),
        (b"\x1b]2;title\x1b\\", "^[]2;title^[\\"),
        (b"\x1b]52;c;cm0gLXJm\x07", "^[]52;c;cm0gLXJm^G"),
        (b"\x1b[6n\x1b[c\x05\x1bZ", "^[[6n^[[c^E^[Z"),
        (b"\x1b[?25l\x1b[?1049h\x1b[?2004l\x1bc", "^[[?25l^[[?1049h^[[?2004l^[c"),
        (b"\x1b7\x1b[5;5H\x1b8\x1b[3A", "^[7^[[5;5H^[8^[[3A"),
        (b"over\r> yes", "over^M> yes"),
        (b"a\x08\x08\x08b\x0b\x0c\x7f\x00", "a^H^H^Hb^K^L^?^@"),
        (b"\xc2\x9b31m \xc2\x9d0;t\xc2\x9c", "<U+009B>31m <U+009D>0;t<U+009C>"),
        ("a\u{202e}b\u{2066}c\u{200f}".as_bytes(), "a<U+202E>b<U+2066>c<U+200F>"),
        ("a\u{2028}> b\u{85}* c".as_bytes(), "a<U+2028>> b<U+0085>* c"),
        ("a\u{200b}\u{feff}\u{ad}b".as_bytes(), "a<U+200B><U+FEFF><U+00AD>b"),
    ];
    let (mut terminal, mut friend) = meet(24, 80, &[]);
    let mut model = Model::new(80);
    terminal.press("half\x1b[D\x1b[D");
    (model.before, model.after) = ("ha".to_owned(), "lf".to_owned());
    model.wait(&terminal);
    let state = |screen: &vt100::Screen| {
        (screen.input_mode_formatted(), screen.attributes_formatted(), screen.hide_cursor())
    };
    let before = terminal.with_screen(state);
    for (text, shown) in shown {
        friend.write_all(&[text, &b"\n"[..]].concat()).unwrap();
        model.heard(shown);
        model.wait(&terminal);
        assert_eq!(terminal.with_screen(state), before, "{shown}");
    }
    // The screen of the tests does not show U+FFFD, so it is looked for in what was sent.
    friend.write_all(b"\xff\x9b2J\xc3\nthe last\n").unwrap();
    terminal.wait_for("friend says: the last");
    let rows = rows_for_good(&terminal.raw());
    assert_eq!(rows[rows.len() - 2], "friend says: \u{fffd}\u{fffd}2J\u{fffd}");
    // A title and the clipboard cannot be seen on the screen.
    let raw = terminal.raw();
    for code in [&b"\x1b]"[..], b"\x1bP", b"\x1b_", b"\x07", "\u{9d}".as_bytes()] {
        assert!(!contains(&raw, code), "the terminal was sent {code:?}");
    }
}

// What the program says of itself.

/// Any threadchat, by way of a shell: for environments and redirections.
#[track_caller]
fn in_shell(script: &str, words: &[&str], rows: u16, columns: u16) -> Terminal {
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", script, support::threadchat()]);
    command.args(words);
    Terminal::spawn(command, rows, columns)
}

/// Whether a row is a line of the log: seconds, thread, and what it does.
fn is_log(row: &str) -> bool {
    let mut words = row.split_whitespace();
    let time = words.next().and_then(|word| word.split_once('.'));
    time.is_some_and(|(_, part)| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn the_log_stands_above_the_row_and_leaves_it_intact() {
    let (listener, port) = friend_listener();
    let words = ["connect", "127.0.0.1", &port.to_string(), "--explain"];
    let mut terminal = Terminal::start_sized(&words, 40, 160);
    let mut friend = friend_answers(&listener);
    terminal.wait_raw(b"can read it\r\n");
    // Before that the terminal itself would echo what is typed.
    terminal.wait_look("the row", |screen, _| {
        rows_of(screen).pop().is_some_and(|row| row.trim_end() == ">").then_some(())
    });
    let mut model = Model::sized(40, 160);
    let mut states = vec![model.clone()];
    for (number, key) in "half typed".chars().enumerate() {
        let key = Step::Type(key.to_string());
        terminal.press(key.keys());
        model.key(&key);
        states.push(model.clone());
        friend.write_all(format!("number {number}\n").as_bytes()).unwrap();
        terminal.wait_look("the message and the row", |screen, raw| {
            let said = format!("says: number {number}\r\n");
            let (last, column) = screen.cursor_position();
            let row = rows_of(screen).pop().unwrap_or_default();
            let stands = row == format!("> {}", model.before).trim_end();
            let cursor = usize::from(last) + 1 == rows_of(screen).len()
                && usize::from(column) == 2 + model.before.len();
            (contains(raw, said.as_bytes()) && stands && cursor).then_some(())
        });
    }
    assert_drawn_in_order(&terminal.raw(), &states);
    let rows = rows_for_good(&terminal.raw());
    let log = rows.iter().filter(|row| is_log(row)).count();
    assert!(log > 10, "{rows:?}");
    assert!(rows.iter().any(|row| is_log(row) && row.contains("recv gave 9 bytes")), "{rows:?}");
    for row in rows {
        let known = ["connected to ", "* ", "friend says:", "calling ", "connecting "];
        assert!(is_log(&row) || known.iter().any(|start| row.starts_with(start)), "{row:?}");
    }
}

#[test]
fn a_log_that_goes_to_a_file_leaves_messages_and_row_alone_on_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps");
    let (listener, port) = friend_listener();
    let script = format!("exec \"$0\" \"$@\" 2> '{}'", file.display());
    let words = ["connect", "127.0.0.1", &port.to_string(), "--explain"];
    let mut terminal = in_shell(&script, &words, 24, 80);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hello\n").unwrap();
    let mut model = Model::new(80);
    model.heard("hello");
    model.wait(&terminal);
    terminal.press("half");
    model.before = "half".to_owned();
    model.wait(&terminal);
    friend.write_all(b"again\n").unwrap();
    model.heard("again");
    model.wait(&terminal);
    until("the log is in the file", || {
        let log = std::fs::read_to_string(&file).unwrap();
        let told = log.matches("recv gave 6 bytes").count();
        (told == 2 && log.contains("\nconnected to ")).then_some(())
    });
    model.wait(&terminal); // There is still nothing else.
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(!log.contains('\x1b') && !log.contains("friend says"), "{log}");
}

#[test]
fn notices_go_to_the_file_that_stderr_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notices");
    let (listener, port) = friend_listener();
    let script = format!("exec \"$0\" \"$@\" 2> '{}'", file.display());
    let mut terminal = in_shell(&script, &["connect", "127.0.0.1", &port.to_string()], 24, 80);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"/name Susan\nhello\n").unwrap();
    terminal.wait_for("Susan says: hello");
    terminal.press("half");
    terminal.wait_for("> half");
    drop(friend);
    terminal.ends_with(0);
    assert_eq!(terminal.with_screen(rows_of).join("\n").trim_end(), "Susan says: hello");
    let notices = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = notices.lines().filter(|line| !line.contains("not encrypted")).collect();
    assert!(lines[0].starts_with("connected to "), "{notices}");
    for line in ["* friend is now Susan", "* not sent: half"] {
        assert!(lines.contains(&line), "{notices}");
    }
    assert!(lines.iter().any(|line| line.ends_with(" has left")), "{notices}");
    assert!(!notices.contains('\x1b'), "{notices}");
}

// Colours.

/// Every run of cells on a screen that looks other than plain.
fn painted(screen: &vt100::Screen) -> Vec<(String, Color)> {
    let (height, columns) = screen.size();
    let mut runs: Vec<(String, Color)> = Vec::new();
    let mut last = Color::Default;
    for row in 0..height.get() {
        for column in 0..columns.get() {
            let cell = screen.cell(row, column).unwrap();
            let plain = cell.bgcolor() == Color::Default && !cell.bold() && !cell.inverse();
            assert!(plain && !cell.italic() && !cell.underline(), "{row}, {column}");
            let colour = cell.fgcolor();
            if colour != Color::Default {
                if colour != last {
                    runs.push((String::new(), colour));
                }
                runs.last_mut().unwrap().0.push_str(cell.contents());
            }
            last = colour;
        }
        last = Color::Default;
    }
    runs
}

/// What is painted on the screen of a threadchat with this environment and these options, when
/// a friend has said something colourful.
#[track_caller]
fn painted_with(environment: &str, options: &[&str]) -> Vec<String> {
    let (listener, port) = friend_listener();
    let script = format!("exec env {environment} \"$0\" \"$@\"");
    let port = port.to_string();
    let words = [&["connect", "127.0.0.1", &port], options].concat();
    let mut terminal = in_shell(&script, &words, 24, 80);
    let mut friend = friend_answers(&listener);
    terminal.wait_for("can read it");
    terminal.press("half");
    terminal.wait_for("half");
    friend.write_all(b"/name Susan\n\x1b[31mred Susan says: red\nthe last\n").unwrap();
    terminal.wait_for("Susan says: the last");
    terminal.with_screen(painted).into_iter().map(|(text, _)| text).collect()
}

#[test]
fn only_the_name_has_a_colour_and_only_where_colours_are_wanted() {
    let names = ["Susan"; 2];
    let nothing: [&str; 0] = [];
    assert_eq!(painted_with("", &[]), names);
    assert_eq!(painted_with("", &["--color", "auto"]), names);
    assert_eq!(painted_with("", &["--plain"]), names);
    assert_eq!(painted_with("", &["--color", "always"]), names);
    assert_eq!(painted_with("NO_COLOR=1", &["--color", "always"]), names);
    assert_eq!(painted_with("TERM=dumb", &["--color", "always"]), names);
    assert_eq!(painted_with("NO_COLOR=", &[]), names, "no-color.org: when not empty");
    assert_eq!(painted_with("NO_COLOR=1", &[]), nothing);
    assert_eq!(painted_with("NO_COLOR=1", &["--color", "auto"]), nothing);
    assert_eq!(painted_with("TERM=dumb", &[]), nothing);
    assert_eq!(painted_with("", &["--color", "never"]), nothing);
}

#[test]
fn a_name_always_has_the_same_colour() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (terminal, mut friend) = meet(24, 80, &[]);
        for name in ["Susan", "Leta", "Susan", "Лена"] {
            friend.write_all(format!("/name {name}\nhello from {name}\n").as_bytes()).unwrap();
            terminal.wait_for(&format!("{name} says: hello from {name}\n"));
        }
        let runs = terminal.with_screen(painted);
        let texts: Vec<&str> = runs.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["Susan", "Leta", "Susan", "Лена"]);
        assert_eq!(runs[0], runs[2]);
        seen.push(runs);
    }
    assert_eq!(seen[0], seen[1], "in another process too");
}

#[test]
fn a_pipe_never_gets_a_colour() {
    for colour in ["always", "auto"] {
        let (listener, port) = friend_listener();
        let mut program = Program::connect(port, &["--color", colour, "--time"]);
        let mut friend = friend_answers(&listener);
        friend.write_all(b"/name Susan\nhello \x1b[31mred\n").unwrap();
        friend.shutdown(Shutdown::Write).unwrap();
        program.end_stdin();
        let ended = program.ends_with(0);
        assert_eq!(support::text(&ended.stdout), "/name Susan\nhello \x1b[31mred\n");
        assert!(!ended.stderr.contains('\x1b'), "{}", ended.stderr);
    }
}

// The time.

/// The time of day in a zone, as the system has it.
fn date(zone: &str) -> String {
    let date = Command::new("date").arg("+%T").env("TZ", zone).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_time_is_the_local_one_and_stands_uncoloured_before_the_label() {
    for zone in ["UTC", "Asia/Kathmandu", "America/St_Johns"] {
        let (listener, port) = friend_listener();
        let words = ["connect", "127.0.0.1", &port.to_string(), "--time"];
        let mut terminal = in_shell(&format!("TZ={zone} exec \"$0\" \"$@\""), &words, 24, 40);
        let mut friend = friend_answers(&listener);
        let before = date(zone);
        let message = format!("/name Sussan\nhello{}\n", "x".repeat(40));
        friend.write_all(message.as_bytes()).unwrap();
        let heard = wait_for_row(&terminal, " Sussan says: hello");
        terminal.wait_for(&format!("\n  {}\n", "x".repeat(27)));
        terminal.press(format!("hi {}\r", "y".repeat(36)));
        let said = wait_for_row(&terminal, " > hi");
        terminal.wait_for(&format!("\n  {}\n", "y".repeat(36)));
        let after = date(zone);
        for (row, rest) in [(heard, " Sussan says: helloxxxxxxxxxxxxx"), (said, " > hi")] {
            let (time, text) = row.split_at(8);
            assert_eq!(text.trim_end(), rest, "{zone}");
            let between = before.as_str() <= time && time <= after.as_str();
            // At midnight it begins again at 0.
            assert!(between || after < before, "{zone}: {before}, {time}, {after}");
        }
        let painted = terminal.with_screen(painted);
        let labels: Vec<&str> = painted.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(labels, ["Sussan"]);
    }
}

/// The row of the screen with this in it, once it is there.
fn wait_for_row(terminal: &Terminal, part: &str) -> String {
    terminal
        .wait_until(part, |screen| screen.lines().find(|row| row.contains(part)).map(str::to_owned))
}

#[test]
fn with_the_time_too_no_row_of_a_friend_looks_like_one_that_was_sent() {
    for columns in [12, 20, 40, 80] {
        let (terminal, mut friend) = meet(24, columns, &["--time"]);
        for text in ["12:00:00 > I said that", "\r> so", "> and this", "x 12:00:00 > y"] {
            friend.write_all(format!("{text}\n").as_bytes()).unwrap();
        }
        friend.write_all(b"done\n").unwrap();
        // Each row is a time and at least the beginning of the label, or has the margin.
        let rows = terminal.wait_screen("all of it", |screen| {
            let rows = rows_of(screen);
            rows.concat().contains("done").then_some(rows)
        });
        for row in &rows[..rows.len() - 1] {
            let rest =
                row.get(9..).filter(|_| row.chars().next().is_some_and(|c| c.is_ascii_digit()));
            let labelled = row.len() == 8 || rest.is_some_and(|rest| rest.starts_with("friend"));
            assert!(labelled || row.starts_with("  "), "{row:?} of {rows:#?}");
        }
    }
}

// The screen itself.

#[test]
fn ctrl_l_empties_the_screen_and_keeps_the_row_and_the_cursor() {
    let (mut terminal, mut friend) = meet(10, 40, &[]);
    let mut model = Model::sized(10, 40);
    for number in 0..15 {
        friend.write_all(format!("number {number}\n").as_bytes()).unwrap();
        model.heard(&format!("number {number}"));
    }
    terminal.press("half typed\x1b[D\x1b[D");
    (model.before, model.after) = ("half typ".to_owned(), "ed".to_owned());
    model.wait(&terminal);
    terminal.press("\x0c");
    model.rows.clear();
    model.wait(&terminal);
    friend.write_all(b"after it\n").unwrap();
    model.heard("after it");
    model.wait(&terminal);
    terminal.press("!\r");
    model.before.push('!');
    let line = model.key(&Step::Enter).unwrap();
    model.wait(&terminal);
    assert_gets(&mut BufReader::new(friend), &line);
}

#[test]
fn messages_and_row_stay_apart_at_20_and_5_and_300_columns() {
    for columns in [20, 5, 300] {
        let (mut terminal, mut friend) = meet(60, columns, &[]);
        let mut model = Model::sized(60, columns.into());
        for text in ["hello, friend", "四世界", "a line that is a good deal wider, 四 and all"]
        {
            friend.write_all(format!("{text}\n").as_bytes()).unwrap();
            model.heard(text);
            model.wait(&terminal);
            for key in ["x", "四", "yz", " "] {
                let key = Step::Type(key.to_owned());
                terminal.press(key.keys());
                model.key(&key);
                model.wait(&terminal);
            }
            for key in [Step::Left, Step::Left, Step::Backspace, Step::Home, Step::Enter] {
                terminal.press(key.keys());
                let line = model.key(&key);
                model.wait(&terminal);
                if let Some(line) = line {
                    let mut came = vec![0; line.len() + 1];
                    friend.read_exact(&mut came).unwrap();
                    assert_eq!(support::text(&came), line + "\n");
                }
            }
        }
    }
}

/// No room for anything there; but what is typed is sent, and the program ends as it should.
#[test]
fn a_terminal_with_hardly_a_column_breaks_nothing() {
    for columns in 1..5 {
        let (listener, port) = friend_listener();
        let words = ["connect", "-q", "127.0.0.1", &port.to_string()];
        let mut terminal = Terminal::start_sized(&words, 24, columns);
        let mut friend = friend_answers(&listener);
        friend.write_all("hello 四\n".as_bytes()).unwrap();
        terminal.wait_look("the message", |_, raw| {
            rows_for_good(raw).concat().replace(' ', "").contains("hello四").then_some(())
        });
        terminal.press("half 四\x1b[D\x1b[D\r");
        let mut came = vec![0; "half 四\n".len()];
        friend.read_exact(&mut came).unwrap();
        assert_eq!(support::text(&came), "half 四\n");
        terminal.press("half");
        drop(friend);
        terminal.ends_with(0);
        let text = String::from_utf8(terminal.raw()).unwrap();
        assert!(!text.contains("panic"), "{text}");
    }
}

#[test]
fn memory_stays_flat_while_a_line_of_100_mb_arrives_above_a_half_typed_one() {
    const LENGTH: usize = 100_000_000;
    let (listener, port) = friend_listener();
    let words = ["connect", "-q", "127.0.0.1", &port.to_string()];
    let mut terminal = BareTerminal::start_with_editor(&words);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"ready\n").unwrap();
    let mut scratch = vec![0; 1 << 16];
    let mut seen = Vec::new();
    let mut read_until = |terminal: &mut BareTerminal, text: &[u8]| {
        while !contains(&seen, text) {
            let count = terminal.output.read(&mut scratch).unwrap();
            assert!(count > 0, "the terminal has ended");
            seen.extend_from_slice(&scratch[..count]);
        }
    };
    read_until(&mut terminal, b"ready\r\n");
    let mut keys = terminal.keys(); // Dropped, it would press Ctrl-D.
    keys.write_all(b"half typed").unwrap();
    read_until(&mut terminal, b"> half typed\x1b7\x1b[K\x1b8\x1b[?7h");
    let idle = peak_memory(terminal.pid());

    let mut sending = friend.try_clone().unwrap();
    std::thread::spawn(move || {
        let block = vec![b'x'; 1_000_000];
        (0..LENGTH / block.len()).for_each(|_| sending.write_all(&block).unwrap());
        sending.write_all(b"\nthe last\n").unwrap();
    });
    // Nobody types any more: the row is not drawn again, and the cursor put back to its end.
    let row = b"\x1b[12C\x1b[?7h";
    let mut scratch = vec![0; 1 << 16];
    let (mut shown, mut waiting) = (0, Vec::new());
    let mut last = false;
    while !(last && waiting.ends_with(row)) {
        let count = terminal.output.read(&mut scratch).unwrap();
        assert!(count > 0, "the terminal has ended");
        waiting.extend_from_slice(&scratch[..count]);
        let whole = waiting.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        for line in support::text(&waiting[..whole]).lines() {
            // Room for rows is made above the one that is being typed.
            let line = line.rsplit_once("\x1b[").map_or(line, |(_, rest)| {
                rest.trim_start_matches(|it: char| it.is_ascii_digit() || "?;".contains(it))
                    .get(1..)
                    .unwrap()
            });
            if line.is_empty() {
                continue;
            }
            assert!(line.len() <= 80, "a row is wider than the screen: {line:?}");
            let text = line.strip_prefix("friend says: ").or(line.strip_prefix("  "));
            let text = text.unwrap_or_else(|| panic!("whose is {line:?}?"));
            last |= text == "the last";
            shown += text.bytes().filter(|&byte| byte == b'x').count();
        }
        waiting.drain(..whole);
    }
    assert_eq!(shown, LENGTH);
    let more = peak_memory(terminal.pid()) - idle;
    assert!(more < 4 << 20, "it has used {} KiB more", more / 1024);
}
