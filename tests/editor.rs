//! CONTRACT 3, the line editor: what each key does to the row, to the cursor and to what the
//! friend gets; and the terminal, given back as it was on every way out.
//!
//! A row is written here as a person sees it, with a `|` where the cursor stands: `> hel|lo`.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use rustix::termios::LocalModes;
use support::glass::Glass;
use support::observe::until_all_sleep;
use support::pty::Terminal;
use support::shell::{Script, Shell};
use support::tty::Tty;
use support::until;
use support::wire::{assert_same, receive, receive_to_end};
use support::{
    Program, contains, friend_answers, friend_calls, friend_listener, have_tool, skipped, text,
    threadchat,
};

const LEFT: &str = "\x1b[D";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const CTRL_A: &str = "\x01";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_E: &str = "\x05";
const CTRL_U: &str = "\x15";
const CTRL_Y: &str = "\x19";
const CTRL_Z: &str = "\x1a";
const BACKSPACE: &str = "\x7f";

/// What a terminal sends where something is pasted.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

/// The row in which the cursor stands, with a `|` there. Where it is what is typed, and goes on in several
/// rows of the screen, they are put together.
fn row_of(screen: &vt100::Screen) -> String {
    let (cursor, column) = screen.cursor_position();
    let (height, columns) = screen.size();
    let part = |row: u16, from: u16, to: u16| -> String {
        let cells = (from..to).filter_map(|column| screen.cell(row, column));
        let cells = cells.filter(|cell| !cell.is_wide_continuation());
        cells.map(|cell| if cell.has_contents() { cell.contents() } else { " " }).collect()
    };
    let begins = |row: &u16| ["> ", "< "].contains(&&*part(*row, 0, 2));
    let goes_on = |row: &u16| part(*row, 0, 2) == "  ";
    let further = (0..=cursor).rev().take_while(goes_on).count() as u16;
    let first = (cursor - further.min(cursor)..=cursor).find(begins).unwrap_or(cursor);
    let last = (cursor + 1..height.get())
        .take_while(|row| goes_on(row) && !part(*row, 2, columns.get()).trim_end().is_empty())
        .last()
        .unwrap_or(cursor);
    let mut rows = String::new();
    for row in first..=last {
        let from = if row == first { 0 } else { 2 };
        if row == cursor {
            rows += &format!("{}|", part(row, from, column));
        }
        let rest = part(row, if row == cursor { column } else { from }, columns.get());
        // The last column is free, and each row but the last goes up to it.
        let end =
            if row == last { rest.trim_end() } else { rest.strip_suffix(' ').unwrap_or(&rest) };
        rows += end;
    }
    rows
}

/// Whether the row with the cursor is one row: it begins there, and does not go on below.
fn is_one_row(screen: &vt100::Screen) -> bool {
    let (row, _) = screen.cursor_position();
    !screen.row_wrapped(row) && (row == 0 || !screen.row_wrapped(row - 1))
}

/// Waits for this row, which has to be one row.
#[track_caller]
fn shows(terminal: &Terminal, row: &str) {
    terminal
        .wait_screen(&format!("the row {row:?}"), |screen| (row_of(screen) == row).then_some(()));
    assert!(terminal.with_screen(is_one_row), "{row:?} is broken in two");
}

/// Waits until the row is as `right` has it, and gives it.
#[track_caller]
fn row_that(terminal: &Terminal, what: &str, right: impl Fn(&str) -> bool) -> String {
    let row = terminal.wait_screen(what, |screen| Some(row_of(screen)).filter(|row| right(row)));
    assert!(terminal.with_screen(is_one_row), "{row:?} is broken in two");
    row
}

/// Waits for a line that stands on the screen by itself.
#[track_caller]
fn wait_line(terminal: &Terminal, line: &str) {
    terminal.wait_until(&format!("the line {line:?}"), |screen| {
        screen.lines().any(|row| row.trim_end() == line.trim_end()).then_some(())
    });
}

/// What the friend gets next is this.
#[track_caller]
fn gets(friend: &TcpStream, text: &str) {
    assert_same(&receive(friend, text.len()), text.as_bytes(), "what the friend gets");
}

/// The program in a terminal, with a friend there.
struct Chat {
    terminal: Terminal,
    friend: TcpStream,
}

impl Chat {
    #[track_caller]
    fn start() -> Chat {
        Chat::sized(80, &[])
    }

    #[track_caller]
    fn sized(columns: u16, options: &[&str]) -> Chat {
        let words = [&["listen", "127.0.0.1:0"], options].concat();
        let terminal = Terminal::start_sized(&words, 24, columns);
        let friend = friend_calls(terminal.listening_port());
        // On a narrow screen the notice takes several rows, of which each further one is indented.
        terminal.wait_until("the last notice", |screen| {
            screen.replace("\n  ", "").contains("can read it").then_some(())
        });
        shows(&terminal, "> |");
        Chat { terminal, friend }
    }

    /// Presses these keys, and waits for this row.
    #[track_caller]
    fn press(&mut self, keys: &str, row: &str) {
        self.terminal.press(keys);
        shows(&self.terminal, row);
    }

    /// Presses Enter: the friend gets this, it stays on the screen, and the row is empty.
    #[track_caller]
    fn sends(&mut self, text: &str) {
        self.terminal.press("\r");
        gets(&self.friend, &format!("{text}\n"));
        wait_line(&self.terminal, &format!("> {text}"));
        shows(&self.terminal, "> |");
    }

    /// The friend leaves, and so it is over.
    #[track_caller]
    fn ends(mut self) {
        drop(self.friend);
        self.terminal.wait_for("friend has left");
        self.terminal.ends_with(0);
    }
}

/// Types a text into an empty row, then the keys, and compares the row and what is sent.
#[track_caller]
fn edits(chat: &mut Chat, text: &str, keys: &[&str], row: &str) {
    for key in keys {
        chat.press(text, &format!("> {text}|"));
        chat.press(key, row);
        chat.sends(&row.replacen('|', "", 1)["> ".len()..]);
    }
}

// Keys.

#[test]
fn what_is_typed_stands_in_the_row_and_stays_as_it_was_sent() {
    let mut chat = Chat::start();
    chat.press("h", "> h|");
    chat.press("ello", "> hello|");
    chat.sends("hello");
    chat.press("again", "> again|");
    chat.sends("again");
    chat.terminal.wait_for("\n> hello\n> again\n>");
    chat.ends();
}

#[test]
fn the_cursor_goes_one_character_to_either_side() {
    let mut chat = Chat::start();
    edits(&mut chat, "hello", &["\x1b[D\x1b[D", "\x1bOD\x1bOD", "\x02\x02"], "> hel|lo");
    let right = ["\x1b[D\x1b[D\x1b[C", "\x1bOD\x1bOD\x1bOC", "\x02\x02\x06"];
    edits(&mut chat, "hello", &right, "> hell|o");
    // It stops at either end.
    edits(&mut chat, "ab", &["\x1b[D\x1b[D\x1b[D\x1b[Dx", "\x02\x02\x02x"], "> x|ab");
    edits(&mut chat, "ab", &["\x1b[C\x1b[Cx", "\x06\x06x"], "> abx|");
    chat.ends();
}

#[test]
fn the_cursor_goes_to_either_end() {
    let mut chat = Chat::start();
    let home = ["\x1b[H", "\x1bOH", "\x1b[1~", CTRL_A];
    edits(&mut chat, "hello", &home, "> |hello");
    for end in ["\x1b[F", "\x1bOF", "\x1b[4~", "\x05"] {
        edits(&mut chat, "hello", &[&format!("{CTRL_A}{end}!")], "> hello!|");
    }
    chat.ends();
}

#[test]
fn what_is_typed_in_the_middle_goes_in_between() {
    let mut chat = Chat::start();
    chat.press("held", "> held|");
    chat.press(LEFT, "> hel|d");
    chat.press("lo wor", "> hello wor|d");
    chat.press(LEFT, "> hello wo|rd");
    chat.press("\x06l", "> hello worl|d");
    chat.sends("hello world");
    chat.ends();
}

#[test]
fn a_character_is_deleted_on_either_side_of_the_cursor() {
    let mut chat = Chat::start();
    edits(&mut chat, "hello", &["\x7f\x7f", "\x08\x08"], "> hel|");
    edits(&mut chat, "hello", &["\x1b[D\x7f", "\x1b[D\x08"], "> hel|o");
    edits(&mut chat, "hello", &["\x01\x1b[3~\x1b[3~", "\x01\x04\x04"], "> |llo");
    // Where there is nothing to delete nothing happens.
    edits(&mut chat, "ab", &["\x01\x7f\x08x"], "> x|ab");
    edits(&mut chat, "ab", &["\x1b[3~\x04x"], "> abx|");
    chat.ends();
}

#[test]
fn what_was_cut_can_be_put_back() {
    let mut chat = Chat::start();
    // Ctrl-U, Ctrl-K and Ctrl-W, each with Ctrl-Y behind it.
    chat.press("one two", "> one two|");
    chat.press("\x02\x02\x15", "> |wo");
    chat.press(CTRL_Y, "> one t|wo");
    chat.press("\x02\x0b", "> one |");
    chat.press("\x01\x19", "> two|one");
    chat.press("\x05\x17", "> |");
    chat.press("\x19!", "> twoone !|");
    chat.sends("twoone !");
    // What was cut from one line can be put into the next.
    chat.press("word", "> word|");
    chat.press(CTRL_U, "> |");
    chat.press("a ", "> a |");
    chat.press(CTRL_Y, "> a word|");
    chat.sends("a word");
    chat.ends();
}

#[test]
fn words_are_passed_and_deleted_as_one() {
    let mut chat = Chat::start();
    edits(&mut chat, "one two", &["\x1bb"], "> one |two");
    edits(&mut chat, "one two", &["\x1bb\x1bb", "\x1bb\x1bb\x1bb"], "> |one two");
    edits(&mut chat, "one two", &["\x01\x1bf\x1bf", "\x01\x1bf\x1bf\x1bf"], "> one two|");
    edits(&mut chat, "one two", &["\x17", "\x1b\x7f"], "> one |");
    edits(&mut chat, "one two", &["\x1bb\x1bd"], "> one |");
    chat.ends();
}

#[test]
fn up_and_down_go_through_what_was_typed_before_and_back_to_the_draft() {
    let mut chat = Chat::start();
    for line in ["first", "second", "third"] {
        chat.press(line, &format!("> {line}|"));
        chat.sends(line);
    }
    for (back, forth) in [(UP, DOWN), ("\x1bOA", "\x1bOB"), ("\x10", "\x0e")] {
        chat.press("dra", "> dra|");
        chat.press(back, "> third|");
        chat.press(back, "> second|");
        chat.press(back, "> first|");
        chat.press(&format!("{back}{LEFT}"), "> firs|t");
        chat.press(forth, "> second|");
        chat.press(forth, "> third|");
        chat.press(forth, "> dra|");
        chat.press(&format!("{forth}ft"), "> draft|");
        chat.press(CTRL_U, "> |");
    }
    // What was fetched back can be changed, and the change is what is sent.
    chat.press(UP, "> third|");
    chat.press("\x7f\x7fck", "> thick|");
    chat.sends("thick");
    chat.press(UP, "> thick|");
    chat.press(UP, "> third|");
    chat.ends();
}

#[test]
fn a_line_from_before_keeps_its_edits_until_enter() {
    let mut chat = Chat::start();
    for line in ["first", "second"] {
        chat.press(line, &format!("> {line}|"));
        chat.sends(line);
    }
    chat.press("dra", "> dra|");
    chat.press(&format!("{UP}!"), "> second!|");
    chat.press(&format!("{UP}?"), "> first?|");
    chat.press(DOWN, "> second!|");
    chat.press("\x1b<", "> first?|");
    chat.press("\x1b>", "> dra|");
    chat.press(UP, "> second!|");
    chat.sends("second!");
    chat.press(&format!("{UP}{UP}"), "> second|");
    chat.press(UP, "> first|");
    chat.ends();
}

#[test]
fn a_line_from_before_is_found_while_its_text_is_typed() {
    let mut chat = Chat::start();
    for line in ["apple pie", "banana", "apple juice"] {
        chat.press(line, &format!("> {line}|"));
        chat.sends(line);
    }
    chat.press("draft", "> draft|");
    chat.press("\x12app", "(reverse-i-search)`app': |apple juice");
    chat.press("\x12", "(reverse-i-search)`app': |apple pie");
    // What arrives stands above it, and Ctrl-S stops nothing here.
    chat.press("\x13\x13", "(i-search)`app': |apple juice");
    chat.friend.write_all(b"meanwhile\n").unwrap();
    wait_line(&chat.terminal, "friend says: meanwhile");
    chat.press("z", "(failed i-search)`appz': |apple juice");
    chat.press("\x7f\x07", "> draft|");
    chat.press("\x12nan\x1b[C", "> ban|ana");
    chat.press("\x0e\x0e", "> draft|");
    chat.terminal.press("\x12juice\r");
    gets(&chat.friend, "apple juice\n");
    shows(&chat.terminal, "> |");
    chat.press("half\x12pie", "(reverse-i-search)`pie': apple |pie");
    drop(chat.friend);
    wait_line(&chat.terminal, "* not sent: half");
    chat.terminal.ends_with(0);
}

#[test]
fn tab_completes_a_command_and_pressed_twice_tells_which_there_are() {
    let mut chat = Chat::start();
    chat.press("/w\t", "> /who |");
    chat.press("\x1f", "> /w|");
    chat.press("\x15/\t", "> /|");
    chat.press("\t", "> /|");
    wait_line(&chat.terminal, "* /help, /name, /quit, /who");
    chat.press("\x15and /w\t", "> and /w|");
    chat.sends("and /w");
    chat.ends();
}

#[test]
fn tab_completes_the_names_of_those_who_are_in_the_room() {
    let (mut host, port) = Terminal::listen(&["--room"]);
    let mut susan = friend_calls(port);
    susan.write_all(b"/name Susan\n").unwrap();
    host.wait_for("* guest-1 is now Susan");
    let mut member = Terminal::start(&["connect", &format!("127.0.0.1:{port}")]);
    member.wait_for("Susan");
    let mut sue = friend_calls(port);
    sue.write_all(b"/name Sue\n").unwrap();
    for terminal in [&mut host, &mut member] {
        terminal.wait_for("is now Sue\n");
        terminal.press("sUS\t");
        shows(terminal, "> Susan: |");
        terminal.press("su\t");
        shows(terminal, "> Susan: su|");
        terminal.press("\t");
        wait_line(terminal, "* Sue, Susan");
        terminal.press("e\t\x01/kick \t");
        shows(terminal, "> /kick |Susan: Sue");
        terminal.press(CTRL_U);
        terminal.press("\x0b");
    }
    drop(susan);
    for terminal in [&mut host, &mut member] {
        terminal.wait_for("Susan has left");
        terminal.press("s\t");
        shows(terminal, "> Sue: |");
    }
    host.press(CTRL_C);
    member.wait();
    host.wait();
}

#[test]
fn what_was_typed_and_deleted_is_taken_back() {
    let mut chat = Chat::start();
    for undo in ["\x1f", "\x18\x15"] {
        chat.press("one two", "> one two|");
        chat.press("\x17", "> one |");
        chat.press("\x15", "> |");
        chat.press(undo, "> one |");
        chat.press(undo, "> one two|");
        chat.sends("one two");
    }
    chat.ends();
}

#[test]
fn a_control_character_behind_ctrl_v_is_shown_and_sent_and_ctrl_c_still_leaves() {
    let mut chat = Chat::start();
    chat.press("a\x16\x07b", "> a^Gb|");
    chat.terminal.press("\r");
    gets(&chat.friend, "a\x07b\n");
    shows(&chat.terminal, "> |");
    chat.press("half\x16", "> half|");
    chat.terminal.press(CTRL_C);
    assert_eq!(receive_to_end(&chat.friend), b"");
    drop(chat.friend);
    chat.terminal.ends_with(0);
    wait_line(&chat.terminal, "* not sent: half");
}

#[test]
fn enter_sends_the_whole_line_wherever_the_cursor_is_and_ctrl_j_is_enter() {
    let mut chat = Chat::start();
    chat.press("hello", "> hello|");
    chat.press(CTRL_A, "> |hello");
    chat.sends("hello");
    chat.press("other", "> other|");
    chat.terminal.press("\x0a");
    gets(&chat.friend, "other\n");
    shows(&chat.terminal, "> |");
    chat.terminal.press("\r");
    gets(&chat.friend, "\n");
    chat.ends();
}

#[test]
fn ctrl_l_empties_the_screen_but_for_the_row() {
    let mut chat = Chat::start();
    chat.press("hello", "> hello|");
    chat.press(LEFT, "> hell|o");
    chat.terminal.press("\x0c");
    chat.terminal.wait_screen("nothing but the row", |screen| {
        (screen.contents().trim_end() == "> hello" && screen.cursor_position() == (0, 6))
            .then_some(())
    });
    chat.sends_from_top("hello");
    chat.ends();
}

impl Chat {
    /// As [`Chat::sends`], where the row is the screen's first.
    #[track_caller]
    fn sends_from_top(&mut self, text: &str) {
        self.terminal.press("\r");
        gets(&self.friend, &format!("{text}\n"));
        self.terminal.wait_until("it stays", |screen| {
            screen.starts_with(&format!("> {text}\n")).then_some(())
        });
        shows(&self.terminal, "> |");
    }
}

#[test]
fn keys_that_mean_nothing_leave_the_row_alone() {
    let mut chat = Chat::start();
    // F5, Page Up, Insert, Ctrl-G, Ctrl-O, the window's focus, a click of the mouse.
    for key in ["\x1b[15~", "\x1b[5~", "\x1b[2~", "\x07", "\x0f", "\x1b[I", "\x1b[<0;3;3M"] {
        chat.press("ab", "> ab|");
        chat.press(&format!("{key}c"), "> abc|");
        chat.sends("abc");
    }
    chat.ends();
}

#[test]
fn a_message_stands_above_the_half_typed_line_which_stays_as_it_is() {
    let mut chat = Chat::start();
    chat.press("hello", "> hello|");
    chat.press(LEFT, "> hell|o");
    for number in 0..30 {
        chat.friend.write_all(format!("message {number}\n").as_bytes()).unwrap();
        let above = format!("friend says: message {number}\n> hello");
        chat.terminal
            .wait_until(&above, |screen| screen.trim_end().ends_with(&above).then_some(()));
        shows(&chat.terminal, "> hell|o");
    }
    chat.press(" w", "> hell w|o");
    chat.sends("hell wo");
    chat.ends();
}

// Characters.

#[test]
fn the_cursor_stands_right_behind_wide_and_combining_characters() {
    let mut chat = Chat::start();
    for (text, columns) in [
        ("naïve", 5),
        ("e\u{301}te\u{301}", 3),
        ("你好", 4),
        ("👍", 2),
        ("ﾊﾝ", 2),
        ("한국", 4),
        ("שלום", 4),
        ("a\x16\tb", 9),
    ] {
        chat.terminal.press(text);
        chat.terminal.wait_screen(&format!("the cursor behind {text:?}"), |screen| {
            (screen.cursor_position().1 == 2 + columns).then_some(())
        });
        chat.terminal.press("\r");
        gets(&chat.friend, &format!("{}\n", text.replace('\x16', "")));
        shows(&chat.terminal, "> |");
    }
    chat.ends();
}

#[test]
fn the_cursor_goes_over_a_wide_character_in_one_step() {
    let mut chat = Chat::start();
    chat.press("a你👍b", "> a你👍b|");
    chat.press("\x02\x02", "> a你|👍b");
    chat.press(LEFT, "> a|你👍b");
    chat.press("x", "> ax|你👍b");
    chat.press("\x1b[3~", "> ax|👍b");
    chat.press("\x06\x7f", "> ax|b");
    chat.sends("axb");
    chat.ends();
}

#[test]
fn a_character_whose_bytes_come_one_by_one_is_one() {
    let mut chat = Chat::start();
    for byte in "é你👍".bytes() {
        chat.terminal.press([byte]);
        let terminal = &chat.terminal;
        until("the program reads", || (terminal.unread() == 0).then_some(()));
    }
    shows(&chat.terminal, "> é你👍|");
    chat.sends("é你👍");
    chat.ends();
}

#[test]
fn a_tab_is_shown_as_spaces_and_sent_as_a_tab() {
    let mut chat = Chat::start();
    chat.press("a\x16\tb", "> a       b|");
    // Alone it completes, and here there is nothing to be completed.
    chat.press("\t", "> a       b|");
    chat.press("\x02", "> a       |b");
    chat.press("\x02", "> a|       b");
    chat.press("\x05", "> a       b|");
    chat.terminal.press("\r");
    gets(&chat.friend, "a\tb\n");
    chat.ends();
}

// Long lines.

/// Digits in a row, so that each place of a long line can be told from its neighbours.
fn long_line(length: usize) -> String {
    (0..length).map(|at| char::from(b'0' + (at % 10) as u8)).collect()
}

#[test]
fn what_takes_more_than_a_third_of_the_screen_scrolls_and_shows_where_more_is_hidden() {
    for columns in [20, 80, 300] {
        let mut chat = Chat::sized(columns, &[]);
        let text = format!("begin{}end", long_line(5_000));
        chat.terminal.press(&text);
        // Eight rows of 24, of which one column is free and two are the margin; and the mark.
        let third = 8 * (usize::from(columns) - 3) + "> |>".len();
        let row = row_that(&chat.terminal, "the end", |row| row.ends_with("end|"));
        assert!(row.starts_with("< ") && row.len() <= third, "{row}");
        assert!(row.len() > third - usize::from(columns), "{row}");
        chat.terminal.press(CTRL_A);
        let row = row_that(&chat.terminal, "the beginning", |row| row.starts_with("> |begin"));
        assert!(row.ends_with('>') && row.len() == third, "{row}");
        // To the middle, step by step: it is the text around the cursor that is shown.
        chat.terminal.press("\x06".repeat(2_500));
        let around = |row: &str| {
            let (before, after) = row.split_once('|').unwrap();
            before.ends_with("01234") && after.starts_with('5')
        };
        let row =
            row_that(&chat.terminal, "the middle", |row| row.starts_with("< ") && around(row));
        assert!(row.ends_with('>') && row.len() == third, "{row}");
        chat.terminal.press("\x05!\r");
        gets(&chat.friend, &format!("{text}!\n"));
        shows(&chat.terminal, "> |");
        chat.ends();
    }
}

#[test]
fn what_is_wider_than_the_window_goes_on_below_and_no_terminal_breaks_it() {
    for columns in [20, 21, 80] {
        let mut chat = Chat::sized(columns, &[]);
        let mut typed = String::new();
        for character in "0123456789你abc👍".chars().cycle().take(3 * usize::from(columns)) {
            typed.push(character);
            chat.terminal.press(character.to_string());
            row_that(&chat.terminal, &typed, |row| {
                // Before a wide character up to two columns stay free.
                row.replace(' ', "") == format!(">{typed}|")
            });
            let (_, column) = chat.terminal.with_screen(vt100::Screen::cursor_position);
            assert!(column < columns, "{column}");
        }
        chat.terminal.press("\r");
        gets(&chat.friend, &format!("{typed}\n"));
        shows(&chat.terminal, "> |");
        chat.ends();
    }
}

#[test]
fn up_and_down_go_by_rows_first_and_from_the_first_and_the_last_to_other_lines() {
    let mut chat = Chat::sized(23, &[]); // Twenty for each row.
    chat.press("one\r", "> |");
    let text = "0123456789abcdefghijABCDEFGHIJklmnopqrst0123";
    chat.press(text, &format!("> {text}|"));
    chat.press(UP, "> 0123456789abcdefghijABCD|EFGHIJklmnopqrst0123");
    chat.press(UP, "> 0123|456789abcdefghijABCDEFGHIJklmnopqrst0123");
    chat.press(UP, "> one|");
    chat.press(DOWN, &format!("> {text}|"));
    chat.press("\x01", &format!("> |{text}"));
    chat.press(DOWN, "> 0123456789abcdefghij|ABCDEFGHIJklmnopqrst0123");
    // What the columns are now counts.
    chat.terminal.resize(24, 80);
    chat.press(DOWN, "> 0123456789abcdefghij|ABCDEFGHIJklmnopqrst0123");
    chat.press(UP, "> one|");
    chat.terminal.press("\r");
    gets(&chat.friend, "one\none\n");
    shows(&chat.terminal, "> |");
    chat.ends();
}

#[test]
fn a_line_of_6000_and_one_of_100000_bytes_can_be_typed_fetched_back_and_changed() {
    for length in [6_000, 100_000] {
        let mut chat = Chat::start();
        let line = long_line(length);
        chat.terminal.press(format!("{line}\r"));
        gets(&chat.friend, &format!("{line}\n"));
        shows(&chat.terminal, "> |");
        chat.terminal.press(UP);
        row_that(&chat.terminal, "its end", |row| row.starts_with("< ") && row.ends_with("789|"));
        chat.terminal.press("\x01first \x05 last");
        row_that(&chat.terminal, "its end", |row| row.ends_with("789 last|"));
        chat.terminal.press("\r");
        gets(&chat.friend, &format!("first {line} last\n"));
        chat.ends();
    }
}

#[test]
fn a_line_of_100000_bytes_can_be_pasted() {
    let mut chat = Chat::start();
    let line = long_line(100_000);
    chat.terminal.press(pasted(&line));
    row_that(&chat.terminal, "its end", |row| row.starts_with("< ") && row.ends_with("789|"));
    chat.terminal.press("\r");
    gets(&chat.friend, &format!("{line}\n"));
    chat.ends();
}

// Pasting.

/// The last rows of the screen, down to the one with the cursor.
#[track_caller]
fn shows_rows(terminal: &Terminal, rows: &[&str]) {
    terminal.wait_screen(&format!("the rows {rows:?}"), |screen| {
        let (row, _) = screen.cursor_position();
        let (_, columns) = screen.size();
        let all: Vec<String> = screen.rows(0, columns.get()).collect();
        let first = (usize::from(row) + 1).checked_sub(rows.len())?;
        let shown = all[first..].iter().map(|row| row.trim_end());
        let wanted = rows.iter().map(|row| row.trim_end());
        let blank = all.len() - first - rows.len();
        shown.eq(wanted.chain(std::iter::repeat_n("", blank))).then_some(())
    });
}

#[test]
fn several_lines_that_are_pasted_wait_in_the_row_until_enter() {
    for newline in ["\n", "\r", "\r\n"] {
        let mut chat = Chat::start();
        chat.press("say ", "> say |");
        chat.terminal.press(pasted(&["one", "", "/who", "rest"].join(newline)));
        shows_rows(&chat.terminal, &["> say one", ">", "> /who", "> rest"]);
        // A message that arrives stands above them, and they can be edited.
        chat.friend.write_all(b"meanwhile\n").unwrap();
        chat.terminal.press(format!("!{UP}{UP}"));
        wait_line(&chat.terminal, "friend says: meanwhile");
        shows(&chat.terminal, "> |");
        chat.press("two", "> two|");
        chat.terminal.press("\r");
        gets(&chat.friend, "say one\ntwo\nrest!\n");
        chat.terminal.wait_for("* here: ");
        shows(&chat.terminal, "> |");
        // They come back together.
        chat.terminal.press(UP);
        shows_rows(&chat.terminal, &["> say one", "> two", "> /who", "> rest!"]);
        chat.ends();
    }
}

#[test]
fn several_lines_that_were_not_sent_are_shown_and_never_reach_the_shell() {
    for leaves in [true, false] {
        let (mut shell, friend, modes) = in_bash("half");
        shell.terminal.press(pasted("\ntouch FILE\n"));
        shows_rows(&shell.terminal, &["> half", "> touch FILE", ">"]);
        if leaves {
            shell.terminal.press(CTRL_C);
            assert_eq!(receive_to_end(&friend), b"");
        }
        drop(friend);
        wait_line(&shell.terminal, "* not sent: half");
        wait_line(&shell.terminal, "* not sent: touch FILE");
        shell.press_enter_and_wait();
        assert!(!shell.path("FILE").exists(), "bash has run it");
        assert_shell_is_there(&mut shell, &modes, "at the end");
    }
}

#[test]
fn several_lines_for_a_friend_who_has_left_do_not_go_to_the_next() {
    the_next_friend_gets_nothing_of(&[], &pasted("one\n/quit\nhalf"), "* not sent: /quit");
}

#[test]
fn what_is_too_long_to_wait_in_the_row_is_sent_at_once_with_a_notice() {
    let mut chat = Chat::start();
    let lines = format!("{}\n", long_line(999)).repeat(70);
    chat.terminal.press(pasted(&format!("{lines}rest")));
    gets(&chat.friend, &lines);
    shows(&chat.terminal, "> rest|");
    let notice = "* a paste of more than 64 KiB does not wait in the row: its lines go at once";
    assert!(contains(&chat.terminal.raw(), notice.as_bytes()));
    chat.sends("rest");
    chat.ends();
}

#[test]
fn lines_that_come_at_once_without_brackets_are_messages_too() {
    for enter in ["\r", "\n"] {
        let mut chat = Chat::start();
        chat.terminal.press(["one", "two", "rest"].join(enter));
        gets(&chat.friend, "one\ntwo\n");
        shows(&chat.terminal, "> rest|");
        chat.sends("rest");
        chat.ends();
    }
}

#[test]
fn a_thousand_lines_at_once_are_a_thousand_messages() {
    let lines: String = (0..1_000).map(|number| format!("line number {number}\n")).collect();
    for paste in [true, false] {
        let keys = if paste { pasted(&lines) + "\rrest" } else { format!("{lines}rest") };
        let mut chat = Chat::start();
        chat.terminal.press(keys);
        gets(&chat.friend, &lines);
        shows(&chat.terminal, "> rest|");
        chat.sends("rest");
        if paste {
            // They have stood in the row as well.
            chat.terminal.wait_for("\n> line number 998\n> line number 999\n> rest");
            continue;
        }
        let mut glass = Glass::new(100_000, |_| 1);
        glass.show(&chat.terminal.raw());
        let rows = glass.texts();
        let shown: Vec<&str> = rows[..glass.row]
            .iter()
            .filter_map(|row| row.trim_end().strip_prefix("> line number "))
            .collect();
        let expected: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        assert_eq!(shown, expected, "each stays on the screen, in order");
        chat.ends();
    }
}

#[test]
fn what_is_pasted_goes_where_the_cursor_is() {
    let mut chat = Chat::start();
    chat.press("hello world", "> hello world|");
    chat.press(&LEFT.repeat(5), "> hello |world");
    chat.press(&pasted("你 big "), "> hello 你 big |world");
    chat.press(BACKSPACE, "> hello 你 big|world");
    chat.sends("hello 你 bigworld");
    chat.ends();
}

#[test]
fn control_characters_that_are_pasted_are_shown_and_not_obeyed() {
    let mut chat = Chat::start();
    let text = "a\x1b[2Jb\x07c\x1b]0;title\x07d\x03e\x04f\u{202e}g";
    chat.press(&pasted(text), "> a^[[2Jb^Gc^[]0;title^Gd^Ce^Df<U+202E>g|");
    assert!(chat.terminal.screen().contains("connected to"), "the screen was cleared");
    chat.terminal.press("\r");
    gets(&chat.friend, &format!("{text}\n"));
    wait_line(&chat.terminal, "> a^[[2Jb^Gc^[]0;title^Gd^Ce^Df<U+202E>g");
    chat.ends();
}

// The window.

#[test]
fn the_row_is_drawn_again_when_the_window_changes_and_what_is_sent_is_untouched() {
    let mut chat = Chat::start();
    let text = "0123456789".repeat(6);
    chat.press(&text, &format!("> {text}|"));
    for columns in [30, 20, 40, 120, 300, 80] {
        chat.terminal.resize(24, columns);
        shows(&chat.terminal, &format!("> {text}|"));
        let rows = chat.terminal.with_screen(|screen| screen.contents());
        assert_eq!(rows.matches('>').count(), 1, "nothing of it is left over: {rows}");
    }
    chat.press("!", &format!("> {text}!|"));
    // What was drawn for the last width is on the screen, and nothing else is on its way there.
    until_all_sleep(chat.terminal.pid(), &["stdin-reader", "screen-writer"]);
    chat.terminal.resize(10, 30);
    shows(&chat.terminal, &format!("> {text}!|"));
    chat.friend.write_all(b"hello\n").unwrap();
    chat.terminal.wait_for("\nfriend says: hello\n> 0123");
    shows(&chat.terminal, &format!("> {text}!|"));
    chat.terminal.press("\r");
    gets(&chat.friend, &format!("{text}!\n"));
    chat.ends();
}

/// bash, the program in it, and a friend; `half` has been typed.
#[track_caller]
fn in_bash(half: &str) -> (Shell, TcpStream, rustix::termios::Termios) {
    let mut shell = Shell::start();
    let modes = shell.terminal.modes();
    shell.run(&format!("{} listen 127.0.0.1:0", threadchat()));
    let friend = friend_calls(shell.terminal.listening_port());
    shell.terminal.wait_for("connected to");
    shows(&shell.terminal, "> |");
    shell.terminal.press(half);
    shows(&shell.terminal, &format!("> {half}|"));
    (shell, friend, modes)
}

/// The program that bash has started.
#[track_caller]
fn job_of(shell: &Shell) -> Pid {
    let pid = shell.terminal.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap()).unwrap()
}

/// The shell answers, in the modes that it had before.
#[track_caller]
fn assert_shell_is_there(shell: &mut Shell, modes: &rustix::termios::Termios, word: &str) {
    shell.wait_for_prompt();
    assert_eq!(format!("{:?}", shell.terminal.modes()), format!("{modes:?}"));
    // The quotes keep what is typed from being taken for its answer.
    shell.run(&format!("echo the''shell {word}"));
    wait_line(&shell.terminal, &format!("theshell {word}"));
    shell.wait_for_prompt();
}

/// The friend leaves; the shell has its terminal again.
#[track_caller]
fn friend_leaves(shell: &mut Shell, friend: TcpStream, modes: &rustix::termios::Termios) {
    drop(friend);
    shell.terminal.wait_for("friend has left");
    assert_shell_is_there(shell, modes, "at the end");
}

/// What was half typed is in the row, and is sent with more; then the friend leaves.
#[track_caller]
fn half_is_sent_and_friend_leaves(
    shell: &mut Shell,
    friend: TcpStream,
    modes: &rustix::termios::Termios,
) {
    shows(&shell.terminal, "> half|");
    shell.terminal.press("-typed\r");
    gets(&friend, "half-typed\n");
    friend_leaves(shell, friend, modes);
}

#[test]
fn ctrl_z_gives_the_shell_its_terminal_and_fg_brings_the_half_typed_line_back() {
    let (mut shell, mut friend, modes) = in_bash("half a line");
    shell.terminal.press(LEFT);
    for round in 0..2 {
        shows(&shell.terminal, "> half a lin|e");
        shell.suspend();
        shell.terminal.wait_for("Stopped");
        let screen = shell.terminal.screen();
        assert!(!screen.contains("half a line"), "the row is still there:\n{screen}");
        assert_shell_is_there(&mut shell, &modes, &format!("in round {round}"));
        // It is kept for us while we are away.
        friend.write_all(format!("meanwhile {round}\n").as_bytes()).unwrap();
        shell.run("fg");
        wait_line(&shell.terminal, &format!("friend says: meanwhile {round}"));
    }
    shows(&shell.terminal, "> half a lin|e");
    shell.terminal.press("\x05 sent\r");
    gets(&friend, "half a line sent\n");
    friend_leaves(&mut shell, friend, &modes);
}

#[test]
fn bg_and_then_fg_bring_the_half_typed_line_back() {
    let (mut shell, mut friend, modes) = in_bash("half");
    shell.suspend();
    shell.run("bg");
    shell.terminal.wait_for("&\n");
    assert_shell_is_there(&mut shell, &modes, "meanwhile");
    friend.write_all(b"hello\n").unwrap();
    shell.run("fg");
    shell.terminal.wait_for("friend says: hello\n");
    half_is_sent_and_friend_leaves(&mut shell, friend, &modes);
}

/// What the shell had not read when it let the program go on once looked like a key of the program's
/// own. Reading it stopped the program, in the middle of a `read` that `fg` did not end.
#[test]
fn what_is_typed_to_the_shell_right_behind_bg_is_not_read_by_the_program() {
    let (mut shell, mut friend, modes) = in_bash("half");
    shell.suspend();
    shell.run("bg\ntouch FILE");
    until("the shell has read it", || shell.path("FILE").exists().then_some(()));
    assert_shell_is_there(&mut shell, &modes, "meanwhile");
    friend.write_all(b"hello\n").unwrap();
    shell.run("fg");
    half_is_sent_and_friend_leaves(&mut shell, friend, &modes);
}

#[test]
fn a_program_that_was_stopped_from_outside_goes_on_with_fg_where_it_was() {
    let (mut shell, mut friend, modes) = in_bash("half");
    for round in 0..2 {
        kill_process(job_of(&shell), Signal::STOP).unwrap();
        shell.wait_for_prompt();
        assert_shell_is_there(&mut shell, &modes, &format!("in round {round}"));
        friend.write_all(format!("meanwhile {round}\n").as_bytes()).unwrap();
        shell.run("fg");
        wait_line(&shell.terminal, &format!("friend says: meanwhile {round}"));
        shows(&shell.terminal, "> half|");
    }
    half_is_sent_and_friend_leaves(&mut shell, friend, &modes);
}

#[test]
fn what_is_typed_right_behind_ctrl_z_is_for_the_shell_and_nothing_of_it_for_the_friend() {
    let (mut shell, friend, _) = in_bash("half");
    shell.suspend();
    shell.run("touch FILE; fg");
    shows(&shell.terminal, "> half|");
    assert!(shell.path("FILE").exists());
    shell.terminal.press("\r");
    gets(&friend, "half\n");
}

/// A program that no shell has started cannot be stopped with Ctrl-Z: the system does not do it.
/// Where no shell could let it go on again the system does not stop a program (its process group is
/// an orphan); so Ctrl-Z does nothing.
#[test]
fn ctrl_z_without_a_shell_does_nothing() {
    let mut chat = Chat::start();
    chat.press("half", "> half|");
    chat.press(&format!("{CTRL_Z}-typed"), "> half-typed|");
    chat.sends("half-typed");
    chat.press("next", "> next|");
    chat.sends("next");
    chat.ends();
}

/// In a container that has been entered from outside (`docker exec`) the system shows neither the
/// session nor the parent's. The program took that for impossible, and panicked at Ctrl-Z.
#[test]
fn where_the_session_is_hidden_keys_work_and_ctrl_z_harms_nobody() {
    if !have_tool("unshare") {
        return;
    }
    let own_user: &[&str] =
        if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let mut probe = Command::new("unshare");
    let probe = probe.args(own_user).args(["--pid", "true"]).output().expect("it can be run");
    if !probe.status.success() {
        return skipped(&format!("no namespaces here: {}", text(&probe.stderr)));
    }
    let mut command = CommandBuilder::new("unshare");
    command.args(own_user);
    command.args(["--pid", "--fork", "--kill-child", threadchat(), "listen", "127.0.0.1:0"]);
    let terminal = Terminal::spawn(command, 24, 80);
    let friend = friend_calls(terminal.listening_port());
    terminal.wait_for("can read it");
    let mut chat = Chat { terminal, friend };
    chat.press("half", "> half|");
    chat.press(&format!("{CTRL_Z}-typed"), "> half-typed|");
    chat.sends("half-typed");
    chat.ends();
}

/// `kill %1` sends SIGTERM and then SIGCONT. The program once touched the terminal when it went on,
/// and was stopped again for that before it could leave.
#[test]
fn a_stopped_job_that_is_told_to_leave_leaves() {
    let (mut shell, friend, modes) = in_bash("half");
    shell.suspend();
    let job = job_of(&shell);
    shell.run("kill %1");
    assert_eq!(receive_to_end(&friend), b"", "FIN");
    drop(friend);
    until("the program is gone", || test_kill_process(job).is_err().then_some(()));
    shell.terminal.press("\n");
    assert_shell_is_there(&mut shell, &modes, "at the end");
}

// Ending.

#[test]
fn ctrl_d_on_an_empty_row_ends_my_half_and_what_the_friend_says_is_still_shown() {
    let mut chat = Chat::start();
    chat.press("ab", "> ab|");
    chat.press(&format!("{CTRL_A}{CTRL_D}"), "> |b");
    chat.press(CTRL_D, "> |");
    chat.terminal.press(CTRL_D);
    assert_eq!(receive_to_end(&chat.friend), b"");
    for number in 0..3 {
        chat.friend.write_all(format!("still here {number}\n").as_bytes()).unwrap();
        wait_line(&chat.terminal, &format!("friend says: still here {number}"));
    }
    chat.ends();
}

#[test]
fn a_line_and_ctrl_c_at_once_arrive_in_this_order() {
    for keys in [format!("one\rtwo\r{CTRL_C}"), format!("{}\r{CTRL_C}", pasted("one\ntwo"))] {
        let mut chat = Chat::start();
        chat.terminal.press(keys);
        assert_eq!(support::text(&receive_to_end(&chat.friend)), "one\ntwo\n");
        drop(chat.friend);
        chat.terminal.ends_with(0);
        let screen = chat.terminal.screen();
        assert!(screen.contains("\n> one\n> two\n"), "{screen}");
    }
}

#[test]
fn a_line_and_ctrl_d_at_once_arrive_in_this_order() {
    let mut chat = Chat::start();
    chat.terminal.press(format!("one\rtwo\r{CTRL_D}"));
    assert_eq!(support::text(&receive_to_end(&chat.friend)), "one\ntwo\n");
    chat.ends();
}

// The terminal is given back.

/// A script has the program run, a friend comes, `half` is typed, and `end` ends it with this
/// exit code. The terminal is then as it was, and the script gets nothing of what was typed.
#[track_caller]
fn is_given_back<F>(
    options: &[&str],
    half: &str,
    meet: impl FnOnce(u16) -> F,
    end: impl FnOnce(&mut Script, F),
    code: i32,
) {
    let mut script = Script::start(&[&["listen", "127.0.0.1:0"], options].concat());
    let before = script.state();
    script.terminal.press("\n");
    let friend = meet(script.terminal.listening_port());
    script.terminal.wait_for("connected to");
    script.terminal.press(half);
    shows(&script.terminal, &format!("> {half}|"));
    assert_ne!(script.state(), before, "the editor does not have the terminal");
    assert!(script.terminal.with_screen(vt100::Screen::bracketed_paste), "pastes are not marked");

    end(&mut script, friend);
    // On a row of its own, with nothing left in it.
    wait_line(&script.terminal, &format!("code={code}"));
    assert_eq!(script.state(), before);
    let marked = script.terminal.with_screen(vt100::Screen::bracketed_paste);
    assert!(!marked, "pastes are still marked");
    let screen = script.terminal.screen();
    if !half.is_empty() {
        let told = format!("* not sent: {half}");
        assert_eq!(screen.lines().filter(|row| row.trim_end() == told).count(), 1, "{screen}");
    }
    assert!(!screen.contains(&format!("\n> {half}\n")), "the row is still there:\n{screen}");
    script.assert_nothing_left();
}

/// A friend who hangs up when we have.
fn hangs_up(friend: TcpStream) {
    receive_to_end(&friend);
}

#[test]
fn the_terminal_is_given_back_when_the_friend_leaves() {
    is_given_back(&[], "echo oops", friend_calls, |_, friend| drop(friend), 0);
}

#[test]
fn the_terminal_is_given_back_when_the_friend_is_killed() {
    for (wire, code) in [("lines", 0), ("frames", 1)] {
        is_given_back(
            &["--wire", wire],
            "echo oops",
            |port| Program::connect(port, &["--wire", wire]),
            |_, friend| friend.signal(Signal::KILL),
            code,
        );
    }
}

#[test]
fn the_terminal_is_given_back_when_the_connection_breaks() {
    is_given_back(
        &[],
        "echo oops",
        friend_calls,
        |_, friend| {
            // Closing it is a reset then.
            socket2::SockRef::from(&friend).set_linger(Some(Duration::ZERO)).unwrap();
        },
        1,
    );
}

#[test]
fn the_terminal_is_given_back_after_ctrl_c() {
    let end = |script: &mut Script, friend| {
        script.terminal.press(CTRL_C);
        hangs_up(friend);
    };
    is_given_back(&[], "echo oops", friend_calls, end, 0);
}

#[test]
fn the_terminal_is_given_back_after_ctrl_c_twice() {
    let mut kept = None;
    let end = |script: &mut Script, friend: TcpStream| {
        script.terminal.press(CTRL_C);
        receive_to_end(&friend);
        script.terminal.press(CTRL_C);
        kept = Some(friend);
    };
    is_given_back(&[], "", friend_calls, end, 130);
}

#[test]
fn the_terminal_is_given_back_after_a_signal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let end = |script: &mut Script, friend| {
            kill_process(script.program(), signal).unwrap();
            hangs_up(friend);
        };
        is_given_back(&[], "echo oops", friend_calls, end, 0);
    }
}

#[test]
fn the_terminal_is_given_back_after_quit() {
    let end = |script: &mut Script, friend| {
        script.terminal.press("/quit\r");
        hangs_up(friend);
    };
    is_given_back(&[], "", friend_calls, end, 0);
}

#[test]
fn the_terminal_is_given_back_after_end_on_frames() {
    let end = |script: &mut Script, friend: TcpStream| {
        script.terminal.press("end\r");
        assert_eq!(receive_to_end(&friend), support::wire::END);
    };
    is_given_back(&["--wire", "frames"], "", friend_calls, end, 0);
}

#[test]
fn the_terminal_is_given_back_after_ctrl_d() {
    let end = |script: &mut Script, friend| {
        script.terminal.press(CTRL_D);
        hangs_up(friend);
    };
    is_given_back(&[], "", friend_calls, end, 0);
}

#[test]
fn the_terminal_is_given_back_where_nobody_ever_came() {
    let mut script = Script::start(&["listen", "127.0.0.1:0"]);
    let before = script.state();
    script.terminal.press("\n");
    script.terminal.listening_port();
    shows(&script.terminal, "> |");
    script.terminal.press("half");
    shows(&script.terminal, "> half|");
    script.terminal.press(CTRL_C);
    wait_line(&script.terminal, "code=130");
    assert_eq!(script.state(), before);
    assert!(!script.terminal.with_screen(vt100::Screen::bracketed_paste));
    script.assert_nothing_left();
}

#[test]
fn bash_never_runs_what_was_half_typed_for_a_friend_who_has_left() {
    let (mut shell, friend, modes) = in_bash("touch FILE");
    drop(friend);
    wait_line(&shell.terminal, "* not sent: touch FILE");
    shell.press_enter_and_wait();
    assert!(!shell.path("FILE").exists(), "bash has run it");
    assert_shell_is_there(&mut shell, &modes, "at the end");
}

#[test]
fn what_was_half_typed_is_harmless_where_it_is_shown_as_not_sent() {
    let mut chat = Chat::start();
    chat.press(&pasted("a\x1b[2Jb"), "> a^[[2Jb|");
    drop(chat.friend);
    chat.terminal.ends_with(0);
    let screen = chat.terminal.screen();
    assert!(screen.lines().any(|row| row == "* not sent: a^[[2Jb"), "{screen}");
}

/// A terminal that belongs to no session of ours, as with `< /dev/pts/5 > /dev/pts/5`: there are no
/// jobs in it, and so no foreground.
#[test]
fn a_terminal_of_somebody_else_is_edited_and_given_back_too() {
    let mut tty = Tty::open();
    let before = tty.modes();
    let (mut program, friend) = tty.calls_a_friend();
    tty.read_until("\r> ");
    assert_ne!(tty.modes(), before);
    tty.press(format!("{}\r", long_line(6_000)));
    gets(&friend, &format!("{}\n", long_line(6_000)));
    drop(friend);
    program.ends_with(0);
    assert_eq!(tty.modes(), before);
}

/// A library that, put before the system's own, lets the clock fail as soon as a file is there: what
/// the standard library answers with a panic, in whichever thread looks at the clock next.
const BROKEN_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
extern char *program_invocation_short_name;
int clock_gettime(clockid_t id, struct timespec *time) {
    const char *sign = getenv("CLOCK_BREAKS");
    if (sign && !strcmp(program_invocation_short_name, "threadchat") && !access(sign, F_OK)) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_clock_gettime, id, time);
}
"#;

#[test]
fn the_terminal_is_given_back_after_a_panic() {
    if !have_tool("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("clock.c"), folder.path().join("clock.so"));
    std::fs::write(&source, BROKEN_CLOCK).unwrap();
    let gcc =
        Command::new("gcc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(gcc.unwrap().success());
    let sign = folder.path().join("now");
    let environment = [("LD_PRELOAD", library.as_os_str()), ("CLOCK_BREAKS", sign.as_os_str())];
    let mut script = Script::start_in(&environment, &["listen", "127.0.0.1:0"]);
    let before = script.state();
    script.terminal.press("\n");
    let mut friend = friend_calls(script.terminal.listening_port());
    script.terminal.wait_for("can read it");
    script.terminal.press("echo oops");
    shows(&script.terminal, "> echo oops|");
    std::fs::write(sign, "").unwrap();
    friend.write_all(b"hello\n").unwrap();
    script.terminal.wait_for("code=101");
    assert!(script.terminal.screen().contains("a fault in the program itself"));
    assert_eq!(script.state(), before);
    assert!(!script.terminal.with_screen(vt100::Screen::bracketed_paste));
    script.assert_nothing_left();
}

// Without the editor.

/// The kernel's line mode works, and nothing that the program sends is obeyed by a terminal.
#[track_caller]
fn has_no_editor(command: CommandBuilder) {
    let mut terminal = Terminal::spawn(command, 24, 80);
    let mut friend = friend_calls(terminal.listening_port());
    terminal.wait_for("connected to");
    let modes = terminal.modes().local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{modes:?}");
    // The kernel's own Backspace and Ctrl-U, and its echo.
    terminal.press("wrong\x15hellO\x7fo\n");
    gets(&friend, "hello\n");
    wait_line(&terminal, "hello");
    friend.write_all(b"hi\x1b[2J\n").unwrap();
    wait_line(&terminal, "friend says: hi^[[2J");
    terminal.press("half");
    terminal.wait_for("\nhalf");
    drop(friend);
    terminal.ends_with(0);
    let raw = terminal.raw();
    assert!(!contains(&raw, b"\x1b"), "{}", support::text(&raw));
    assert!(contains(&raw, b"* not sent: half\r\n"), "{}", support::text(&raw));
}

/// The program by way of `env`, which has the last word about the environment.
fn with_environment(words: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new("env");
    command.args(words);
    command.args([threadchat(), "listen", "127.0.0.1:0"]);
    command
}

#[test]
fn a_terminal_that_can_nothing_has_no_editor() {
    has_no_editor(with_environment(&["TERM=dumb"]));
}

#[test]
fn a_terminal_that_nobody_knows_has_no_editor() {
    for environment in [&["-u", "TERM"][..], &["TERM="]] {
        let mut command = with_environment(environment);
        command.args(["--color", "never"]);
        has_no_editor(command);
    }
}

#[test]
fn there_is_no_editor_with_plain() {
    let mut command = with_environment(&[]);
    // The label's colour is no editor's business.
    command.args(["--plain", "--color", "never"]);
    has_no_editor(command);
}

#[test]
fn there_is_no_editor_where_keyboard_and_screen_are_two_terminals() {
    let (mut keyboard, mut screen) = (Tty::open(), Tty::open());
    let mut command = Command::new(threadchat());
    command.args(["listen", "127.0.0.1:0", "--color", "never"]).env("TERM", "xterm-256color");
    command.stdin(keyboard.end()).stdout(screen.end()).stderr(Stdio::piped());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friend = friend_calls(program.listening_port());
    program.wait_stderr("connected to");
    keyboard.press("wrong\x15hellO\x7fo\n");
    gets(&friend, "hello\n");
    // The echo: the line mode that a terminal has itself.
    keyboard.read_until("hel");
    friend.write_all(b"hi\n").unwrap();
    let shown = screen.read_until("hi\r\n");
    assert_eq!(shown, "friend says: hi\r\n");
    drop(friend);
    program.ends_with(0);
}

#[test]
fn there_is_no_editor_where_only_one_of_keyboard_and_screen_is_a_terminal() {
    let mut terminal = Tty::open();
    let mut command = Command::new(threadchat());
    command.args(["listen", "127.0.0.1:0"]).env("TERM", "xterm-256color");
    command.stdin(terminal.end()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friend = friend_calls(program.listening_port());
    program.wait_stderr("connected to");
    terminal.press("wrong\x15hello\n");
    gets(&friend, "hello\n");
    friend.write_all(b"hi\x1b\n").unwrap();
    drop(friend);
    assert_eq!(program.ends_with(0).stdout, b"hi\x1b\n");
    terminal.read_until("hello");
}

// Before the editor.

#[test]
fn what_was_half_typed_before_the_program_started_is_in_the_row() {
    let (listener, port) = friend_listener();
    let mut script = Script::start(&["connect", "127.0.0.1", &port.to_string()]);
    // The first line is the script's.
    script.terminal.press("\nhel");
    let friend = friend_answers(&listener);
    script.terminal.wait_for("can read it"); // Or it would be said to nobody.
    shows(&script.terminal, "> hel|");
    script.terminal.press("lo\r");
    gets(&friend, "hello\n");
}

#[test]
fn lines_that_were_typed_before_the_program_started_are_sent_or_told() {
    let (listener, port) = friend_listener();
    let mut script = Script::start(&["connect", "127.0.0.1", &port.to_string()]);
    script.terminal.press("\nfirst\nsecond\nhalf");
    let friend = friend_answers(&listener);
    script.terminal.wait_for("can read it");
    shows(&script.terminal, "> half|");
    script.terminal.press("-typed\r\x03");
    let sent = support::text(&receive_to_end(&friend));
    drop(friend);
    script.terminal.wait_for("\ncode=");
    let told = script.terminal.screen().contains("is not sent");
    assert!(
        sent == "first\nsecond\nhalf-typed\n" || (told && sent.ends_with("half-typed\n")),
        "{sent}"
    );
}

// Frames.

#[test]
fn a_line_that_no_frame_holds_is_refused_with_a_notice_and_comes_back_with_up() {
    let mut chat = Chat::sized(100, &["--wire", "frames"]);
    let line = long_line(65_536);
    chat.terminal.press(pasted(&line));
    row_that(&chat.terminal, "its end", |row| row.ends_with("345|"));
    chat.terminal.press("\r");
    chat.terminal.wait_for("\n* not sent: ");
    assert!(chat.terminal.screen().contains("65536"), "{}", chat.terminal.screen());
    shows(&chat.terminal, "> |");
    chat.terminal.press(UP);
    row_that(&chat.terminal, "its end", |row| row.starts_with("< ") && row.ends_with("345|"));
    // One less is the longest that fits, and nothing came before it.
    chat.terminal.press(format!("{BACKSPACE}\r"));
    let expected = support::wire::frame(&line[..65_535]);
    assert_same(&receive(&chat.friend, expected.len()), &expected, "the frame");
    chat.terminal.press("end\r");
    assert_eq!(receive_to_end(&chat.friend), support::wire::END);
    drop(chat.friend);
    chat.terminal.ends_with(0);
}

// Other programs at the keyboard.

/// No terminal answers there: a program that asks it where its cursor is waits for ever.
#[test]
fn it_works_under_expect() {
    if !have_tool("expect") {
        return;
    }
    let script = r#"
        set timeout 60
        spawn $env(PROGRAM) listen 127.0.0.1:0 --color never
        expect timeout { exit 11 } eof { exit 12 } "connected to"
        send "first from expect\r"
        expect timeout { exit 21 } eof { exit 22 } "friend says: hello expect"
        send "second\rthird\r"
        expect timeout { exit 31 } eof { exit 32 } "friend says: bye"
        send "\003"
        expect timeout { exit 41 } eof
        lassign [wait] pid spawned failed code
        exit $code
    "#;
    let mut command = Command::new("expect");
    command.args(["-c", script]).env("PROGRAM", threadchat()).env("TERM", "xterm-256color");
    let mut expect = Program::spawn(&mut command);
    let port = expect.stdout.wait_until(|bytes| support::port_in(&support::text(bytes)));
    let mut friend = friend_calls(port.unwrap_or_else(|| expect.fail("it does not listen")));
    gets(&friend, "first from expect\n");
    friend.write_all(b"hello expect\n").unwrap();
    gets(&friend, "second\nthird\n");
    friend.write_all(b"bye\n").unwrap();
    assert_eq!(receive_to_end(&friend), b"");
    drop(friend);
    expect.ends_with(0);
}

// What people count as one character.

#[test]
fn backspace_and_the_arrows_take_one_character_as_people_count_them() {
    for character in ["e\u{301}", "👍🏽", "👨‍👩‍👧", "🇩🇪", "❤\u{fe0f}", "षि"]
    {
        let mut chat = Chat::start();
        chat.terminal.press(format!("a{character}{BACKSPACE}"));
        chat.press("b", "> ab|");
        chat.press(CTRL_U, "> |");
        chat.terminal.press(format!("a{character}{LEFT}xy"));
        row_that(&chat.terminal, character, |row| row.starts_with("> axy|"));
        chat.terminal.press("\x1b[3~");
        shows(&chat.terminal, "> axy|");
        chat.sends("axy");
        chat.ends();
    }
}

// Words, as in Emacs and in every shell.

#[test]
fn alt_f_stops_behind_a_word() {
    let mut chat = Chat::start();
    edits(&mut chat, "one two", &["\x01\x1bf"], "> one| two");
    chat.ends();
}

#[test]
fn alt_d_deletes_to_the_end_of_a_word() {
    let mut chat = Chat::start();
    edits(&mut chat, "one two", &["\x01\x1bd"], "> | two");
    chat.ends();
}

// Colour.

/// Nothing is known of a terminal without a `TERM`; the tools that people know send it no colour.
#[test]
fn a_terminal_that_nobody_knows_gets_no_escape_sequence_at_all() {
    has_no_editor(with_environment(&["-u", "TERM"]));
}

// A friend who takes nothing.

/// The contract's 2 s, with time for a busy machine.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// Much is pasted for a friend who takes nothing, and Ctrl-C is pressed behind it: at once, or
/// when the program can do nothing more.
#[track_caller]
fn leaves_a_friend_who_takes_nothing(at_once: bool) {
    let mut script = Script::start(&["listen", "127.0.0.1:0"]);
    let before = script.state();
    script.terminal.press("\n");
    let friend = friend_calls(script.terminal.listening_port());
    script.terminal.wait_for("connected to");
    shows(&script.terminal, "> |");
    let keys = pasted(&format!("{}\n", long_line(999)).repeat(5_000));
    if at_once {
        script.terminal.press(keys + CTRL_C);
    } else {
        script.terminal.press(keys);
        let pid = script.program().as_raw_nonzero().get() as u32;
        until_all_sleep(pid, &["coordinator", "stdin-reader", "socket-writer", "screen-writer"]);
        script.terminal.press(CTRL_C);
    }
    let since = Instant::now();
    // It is 1 where the system has not taken all that was handed over by then, and that depends on
    // how much it keeps for a friend.
    script.terminal.wait_until("the end", |screen| {
        screen.lines().any(|row| ["code=0", "code=1"].contains(&row.trim_end())).then_some(())
    });
    let took = since.elapsed();
    assert!(took < LEAVES_WITHIN, "it took {took:?}");
    script.terminal.wait_raw(b"* not sent: ");
    assert_eq!(script.state(), before);
    script.assert_nothing_left();
    drop(friend);
}

#[test]
fn ctrl_c_works_while_the_friend_takes_nothing_and_much_was_pasted() {
    leaves_a_friend_who_takes_nothing(false);
}

/// The key was once read together with the end of what was pasted, and not looked at before the
/// friend had taken that: 25 s later, when the friend counted as lost.
#[test]
fn ctrl_c_right_behind_what_was_pasted_works_while_the_friend_takes_nothing() {
    leaves_a_friend_who_takes_nothing(true);
}

/// A person goes on pasting, without marks, while the friend takes nothing: the keys once filled
/// the terminal's queue, and Ctrl-C stood behind them.
#[test]
fn ctrl_c_works_while_the_friend_takes_nothing_and_more_is_pasted_than_a_terminal_keeps() {
    let mut chat = Chat::start();
    chat.terminal.press(pasted(&format!("{}\n", long_line(999)).repeat(5_000)));
    until_all_sleep(chat.terminal.pid(), &["coordinator", "stdin-reader", "socket-writer"]);
    chat.terminal.press(format!("{}\r", "more ".repeat(100)).repeat(40));
    chat.terminal.press("and half");
    shows(&chat.terminal, "> and half|");
    let since = Instant::now();
    chat.terminal.press(CTRL_C);
    let code = chat.terminal.wait();
    assert!(code < 2, "exit code {code}");
    chat.terminal.wait_raw(b"more lines");
    assert!(since.elapsed() < LEAVES_WITHIN, "it took {:?}", since.elapsed());
}

// Keys that come in one piece.

#[test]
fn ctrl_c_right_behind_ctrl_d_is_heard() {
    let mut chat = Chat::start();
    chat.terminal.press(format!("{CTRL_D}{CTRL_C}"));
    // The friend does not hang up.
    chat.terminal.ends_with(0);
    chat.terminal.wait_raw(b"you have left");
}

#[test]
fn what_is_typed_right_behind_ctrl_d_is_shown_as_not_sent() {
    for keys in ["\x04hello", "\x04hello\r"] {
        let mut chat = Chat::start();
        chat.terminal.press(keys);
        assert_eq!(receive_to_end(&chat.friend), b"");
        wait_line(&chat.terminal, "* not sent: hello");
        chat.ends();
    }
}

#[test]
fn what_is_typed_right_behind_end_is_shown_as_not_sent_on_frames() {
    let mut chat = Chat::sized(80, &["--wire", "frames"]);
    chat.terminal.press(pasted("end\nsecret") + "\rha");
    assert_eq!(receive_to_end(&chat.friend), b"\x03\0end");
    wait_line(&chat.terminal, "* not sent: secret");
    wait_line(&chat.terminal, "* not sent: ha");
}

/// Alt with `]` or `P` looks like the beginning of an answer of the terminal's, behind which all
/// keys were once swallowed.
#[test]
fn alt_with_a_bracket_does_not_swallow_the_keys_behind_it() {
    let mut chat = Chat::start();
    chat.press("a\x1b]b", "> ab|");
    chat.press("\x1b]\x1b]\x1bPc", "> abc|");
    chat.sends("abc");
    chat.ends();
}

#[test]
fn an_arrow_key_that_comes_in_two_pieces_is_one_key() {
    let mut chat = Chat::start();
    chat.press("ab", "> ab|");
    press_slowly(&mut chat, ["\x1b[", "D"], Duration::ZERO, "> a|b");
    chat.ends();
}

// What a terminal sends that nobody has typed, and keys as other terminals send them.

/// What terminals answer to the questions of other programs.
const ANSWERS: [&str; 24] = [
    // What it is: tmux, xterm, the console; its name and version; its serial number.
    "\x1b[>84;0;0c",
    "\x1b[?62;22c",
    "\x1b[?6c",
    "\x1bP>|tmux 3.5a\x1b\\",
    "\x1bP!|00000000\x1b\\",
    // Whether it knows a mode, and how its keyboard is set.
    "\x1b[?2026;2$y",
    "\x1b[4;2$y",
    "\x1b[?1u",
    "\x1b[>4;2m",
    "\x1b[?997;1n",
    // How it is, where the cursor is, how large the window and its picture are, and its other settings.
    "\x1b[0n",
    "\x1b[24;80R",
    "\x1b[?24;80;1R",
    "\x1b[8;24;80t",
    "\x1b[48;24;80;480;640t",
    "\x1b[?1;2S",
    "\x1b[2;1;1;112;112;1;0x",
    "\x1bP1$r0m\x1b\\",
    // Its colours, its title, the clipboard.
    "\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    "\x1b]11;rgb:1c1c/1c1c/1c1c\x07",
    "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
    "\x1b]lA window, \u{e9}\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    // kitty, asked whether it can show pictures.
    "\x1b_Gi=31;OK\x1b\\",
];

/// What kitty and xterm answer when they are asked for what `terminfo` would say.
const CAPABILITY: &str = "\x1bP1+r524742=382F382F38\x1b\\";

#[test]
fn what_a_terminal_answers_to_others_is_not_typed_and_swallows_nothing() {
    let mut chat = Chat::start();
    for answer in ANSWERS.into_iter().chain([CAPABILITY]) {
        chat.press("ab", "> ab|");
        chat.press(&format!("{answer}c"), "> abc|");
        chat.press(&format!("{answer}{answer}{LEFT}"), "> ab|c");
        chat.sends("abc");
    }
    // All at once.
    chat.press(&format!("{}all", ANSWERS.concat()), "> all|");
    chat.sends("all");
    chat.ends();
}

/// Lets the program read these keys in one go: as much of them as it asks for.
#[track_caller]
fn press_at_once(chat: &mut Chat, keys: &str) {
    let pid = chat.terminal.pid();
    chat.terminal.signal(Signal::STOP);
    until("it is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        rest.trim_start().starts_with('T').then_some(())
    });
    chat.terminal.press(keys);
    chat.terminal.signal(Signal::CONT);
}

/// How much the program reads at once.
const READ: usize = 1024;

#[test]
fn an_answer_that_is_cut_anywhere_by_a_read_is_an_answer() {
    let mut chat = Chat::start();
    for answer in ["\x1b[>84;0;0c", CAPABILITY, "\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\", "\x1b]b"] {
        for cut in 1..answer.len() {
            let before = "x".repeat(READ - cut);
            press_at_once(&mut chat, &format!("{before}{answer}c"));
            // Alt-] is no answer: what is typed after it is typed.
            let typed = if answer == "\x1b]b" { "bc" } else { "c" };
            let end = format!("x{typed}|");
            row_that(&chat.terminal, "the end", |row| row.ends_with(&end));
            chat.terminal.press("\r");
            gets(&chat.friend, &format!("{before}{typed}\n"));
            shows(&chat.terminal, "> |");
        }
    }
    chat.ends();
}

#[test]
fn an_answer_that_comes_right_after_ctrl_d_holds_nothing_up() {
    for _ in 0..20 {
        let mut chat = Chat::start();
        chat.terminal.press(CTRL_D);
        chat.terminal.press("\x1b[0n");
        assert_eq!(receive_to_end(&chat.friend), b"");
        chat.ends();
    }
}

#[test]
fn a_ctrl_c_byte_in_what_is_pasted_is_text_wherever_a_read_ends() {
    let mut chat = Chat::start();
    // Whatever is read at once ends with one.
    let text = CTRL_C.repeat(3 * READ);
    press_at_once(&mut chat, &pasted(&text));
    row_that(&chat.terminal, "its end", |row| row.ends_with("^C^C|"));
    chat.terminal.press("\r");
    gets(&chat.friend, &format!("{text}\n"));
    chat.ends();
}

#[test]
fn ctrl_c_is_heard_in_a_paste_that_does_not_end_and_shows_it_as_not_sent() {
    let mut chat = Chat::start();
    chat.terminal.press("\x1b[200~one\rtwo");
    until("it is read", || (chat.terminal.unread_keys() == 0).then_some(()));
    chat.terminal.press(CTRL_C);
    assert_eq!(receive_to_end(&chat.friend), b"");
    drop(chat.friend);
    chat.terminal.ends_with(0);
    chat.terminal.wait_raw(b"* not sent: one");
    chat.terminal.wait_raw(b"* not sent: two");
}

#[test]
fn ctrl_c_is_heard_after_whatever_does_not_end() {
    let keys = ["\x1b", "\x1b[", "\x1b[1;5", "\x1bO", "\x1b]11;rgb:", "\x1bP1+r", "\x1b_G"];
    let half_a_letter = &"é".as_bytes()[..1];
    for begun in keys.map(str::as_bytes).into_iter().chain([half_a_letter]) {
        let mut chat = Chat::start();
        chat.terminal.press(begun);
        chat.terminal.press(CTRL_C);
        drop(chat.friend);
        chat.terminal.ends_with(0);
    }
}

/// How long the bytes of one key may take.
const KEY_TAKES: Duration = Duration::from_millis(500);

/// With `ab` in the row, presses a key whose bytes come in two pieces, within the time for one key:
/// again where this machine was too slow for that.
#[track_caller]
fn press_slowly(chat: &mut Chat, pieces: [&str; 2], pause: Duration, row: &str) {
    loop {
        let since = Instant::now();
        chat.terminal.press(pieces[0]);
        until("it is read", || {
            (chat.terminal.unread_keys() == 0 && since.elapsed() >= pause).then_some(())
        });
        chat.terminal.press(pieces[1]);
        if since.elapsed() < KEY_TAKES {
            return shows(&chat.terminal, row);
        }
        chat.press(&format!("{CTRL_E}{CTRL_U}ab"), "> ab|");
    }
}

#[test]
fn a_key_whose_bytes_come_slowly_is_one_key() {
    let mut chat = Chat::start();
    let pause = Duration::from_millis(60);
    for pieces in [["\x1b", "[D"], ["\x1b[", "D"], ["\x1bO", "D"], ["\x1b[1;2", "D"]] {
        chat.press("ab", "> ab|");
        press_slowly(&mut chat, pieces, pause, "> a|b");
        chat.sends("ab");
    }
    chat.ends();
}

#[test]
fn what_does_not_become_a_key_does_nothing_and_takes_no_other_with_it() {
    let mut chat = Chat::start();
    for begun in
        ["\x1b", "\x1b[", "\x1bO", "\x1b]", "\x1b]1", "\x1b[1;", "\x1b]11;rgb:", "\x1bP1+r"]
    {
        chat.press("ab", "> ab|");
        chat.terminal.press(begun);
        until("it is read", || (chat.terminal.unread_keys() == 0).then_some(()));
        until_all_sleep(chat.terminal.pid(), &["stdin-reader"]);
        // It is a matter of time whether a key belongs to it.
        std::thread::sleep(2 * KEY_TAKES);
        chat.press("c", "> abc|");
        chat.sends("abc");
    }
    chat.ends();
}

#[test]
fn the_keys_of_rxvt_and_of_others_do_what_they_say() {
    let mut chat = Chat::start();
    // Home: with Shift, Ctrl, both; End likewise.
    edits(&mut chat, "one two", &["\x1b[7~", "\x1b[7$", "\x1b[7^", "\x1b[7@"], "> |one two");
    for end in ["\x1b[8~", "\x1b[8$", "\x1b[8^", "\x1b[8@"] {
        edits(&mut chat, "one two", &[&format!("{CTRL_A}{end}!")], "> one two!|");
    }
    // The arrow to the left, by words: with Alt, with Ctrl; of xterm, rxvt, Konsole.
    let left = ["\x1b[1;3D", "\x1b[1;5D", "\x1b\x1b[D", "\x1bOd", "\x1bO5D", "\x1b\x1bOD"];
    edits(&mut chat, "one two", &left, "> one |two");
    // With Shift alone.
    edits(&mut chat, "one two", &["\x1b[1;2D", "\x1b[d"], "> one tw|o");
    edits(&mut chat, "one two", &["\x1b[D\x1b[3~", "\x1b[D\x1b[3$", "\x1b[D\x1b[3^"], "> one tw|");
    // Function keys mean nothing, those of the Linux console either, nor a click of the mouse that
    // a program before us has asked for.
    for key in [
        "\x1b[[A",
        "\x1b[[E",
        "\x1b[11^",
        "\x1b[23$",
        "\x1bOP",
        "\x1bO2P",
        "\x1b[M !!",
        "\x1b[32;1;1M",
    ] {
        edits(&mut chat, "one two", &[&format!("{key}c")], "> one twoc|");
    }
    chat.ends();
}

#[test]
fn what_is_typed_is_in_the_row_though_an_answer_comes_right_after_it() {
    let mut chat = Chat::start();
    let mut row = "> ".to_owned();
    for letter in ('a'..='z').chain('a'..='z') {
        row.push(letter);
        chat.terminal.press([letter as u8]);
        chat.terminal.press("\x1b[0n");
        shows(&chat.terminal, &format!("{row}|"));
    }
    chat.sends(&row["> ".len()..]);
    chat.ends();
}

// From one friend to the next.

/// The row of a `listen --keep` whose first friend has left after these keys, and then a second
/// friend, who is told what is in the row.
#[track_caller]
fn the_next_friend_gets_nothing_of(options: &[&str], keys: &str, told: &str) {
    let mut chat = Chat::sized(80, &[&["--keep"], options].concat());
    chat.terminal.press(keys);
    if keys.contains(CTRL_D) {
        assert_eq!(receive_to_end(&chat.friend), b"");
        chat.terminal.wait_for("half");
    } else {
        until("it is read", || (chat.terminal.unread_keys() == 0).then_some(()));
        until_all_sleep(chat.terminal.pid(), &["stdin-reader"]);
    }
    drop(chat.friend);
    wait_line(&chat.terminal, told);
    chat.terminal.wait_until("listening again", |screen| {
        (screen.matches("listening on").count() == 2).then_some(())
    });
    let friend = friend_calls(chat.terminal.listening_port());
    chat.terminal.wait_until("the second friend", |screen| {
        (screen.matches("connected to").count() == 2).then_some(())
    });
    shows(&chat.terminal, "> |");
    chat.terminal.press("hello\r");
    gets(&friend, "hello\n");
}

#[test]
fn what_was_typed_after_ctrl_d_does_not_go_to_the_next_friend() {
    the_next_friend_gets_nothing_of(&[], &format!("{CTRL_D}half"), "* not sent: half");
}

#[test]
fn half_a_paste_does_not_go_to_the_next_friend() {
    let keys = "\x1b[200~half a paste";
    the_next_friend_gets_nothing_of(&[], keys, "* not sent: half a paste");
}

#[test]
fn what_was_typed_after_ctrl_d_while_nobody_was_there_goes_to_nobody() {
    let mut terminal = Terminal::start(&["listen", "127.0.0.1:0", "--keep"]);
    let port = terminal.listening_port();
    shows(&terminal, "> |");
    terminal.press(CTRL_D);
    terminal.wait_for("* you have ended, and nobody is there yet");
    terminal.press("password123\n");
    terminal.wait_for("password123");
    let friend = friend_calls(port);
    terminal.wait_for("* not sent: password123");
    shows(&terminal, "> |");
    terminal.press("hello\r");
    gets(&friend, "hello\n");
}

// The same terminal by another name.

#[test]
fn a_stderr_that_is_dev_tty_is_the_same_terminal() {
    let mut shell = Shell::start();
    shell.run(&format!("{} listen 127.0.0.1:0 2> /dev/tty", threadchat()));
    let mut friend = friend_calls(shell.terminal.listening_port());
    shell.terminal.wait_for("can read it");
    shell.terminal.press("half");
    shows(&shell.terminal, "> half|");
    friend.write_all(b"/name Susan\n").unwrap();
    wait_line(&shell.terminal, "* friend is now Susan");
    shows(&shell.terminal, "> half|");
}
