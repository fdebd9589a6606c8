//! CONTRACT 3 and 8, how lines are broken into rows: between words, never by the terminal, and so
//! that no row begins with what a friend wrote; and that no change of the window takes a message
//! off the screen.
//!
//! No two terminals agree on how wide a character is, nor on what becomes of the rows when the window
//! changes. So what the program sends to its terminal is shown on terminals of the test's own,
//! [`Glass`], which differ in both.

mod support;

use std::io::Write;
use std::net::TcpStream;

use portable_pty::CommandBuilder;
use support::glass::{Glass, Resized};
use support::observe::until_all_sleep;
use support::pty::Terminal;
use support::{contains, friend_answers, friend_listener};

fn one_column(_: char) -> usize {
    1
}

/// Another terminal for each number: all characters but the plain ones have one column or two.
fn hostile<const SEED: u32>(character: char) -> usize {
    if character.is_ascii() {
        return 1;
    }
    let mixed = (u32::from(character) ^ SEED).wrapping_mul(0x9e37_79b1);
    1 + (mixed >> 17 & 1) as usize
}

fn two_columns(character: char) -> usize {
    if character.is_ascii() { 1 } else { 2 }
}

/// threadchat in a terminal, calling; and its friend.
#[track_caller]
fn meet(environment: &str, columns: u16, options: &[&str]) -> (Terminal, TcpStream) {
    let (listener, port) = friend_listener();
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", &format!("exec env {environment} \"$0\" \"$@\"")]);
    command.arg(support::threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string()]);
    command.args(options);
    let terminal = Terminal::spawn(command, 24, columns);
    let friend = friend_answers(&listener);
    friend.set_nodelay(true).unwrap();
    (terminal, friend)
}

/// Has the friend say this, and waits until the last line of it is shown. Gives all that the terminal
/// got from `start` on, up to the end of that line.
#[track_caller]
fn heard(terminal: &Terminal, friend: &mut TcpStream, start: usize, lines: &str) -> Vec<u8> {
    friend.write_all(format!("{lines}\n.\n").as_bytes()).unwrap();
    let end = b".\r\n";
    terminal.wait_look("the end", |_, raw| contains(&raw[start..], end).then_some(()));
    let raw = terminal.raw();
    let at = raw.windows(end.len()).rposition(|part| part == end).unwrap();
    raw[start..at + end.len()].to_vec()
}

/// Waits until the row that is being typed is drawn, behind whatever is above it, or the cursor is back in
/// it: behind plain text, or behind the text written once more.
fn until_drawn(terminal: &Terminal, start: usize) {
    terminal.wait_look("the row", |_, raw| {
        let rest = &raw[start..];
        let last = rest.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        let back = last.last().is_some_and(|end| !b"\r\x1b[0123456789".contains(end));
        (rest.ends_with(b"\x1b8") || back).then_some(())
    });
}

/// Characters whose width is doubtful, marks, pictures made of several, and plain words.
const PARTS: [&str; 24] = [
    "①",
    "…",
    "é",
    "Ж",
    "русский ",
    "ελληνικά",
    "\u{e000}",
    "🇩🇪",
    "👩\u{200d}👩\u{200d}👧",
    "❤\u{fe0f}",
    "─",
    "e\u{301}",
    "你好",
    "한국",
    "ไทยนี้",
    "हिन्दी",
    "עברית",
    "★",
    "½",
    " ",
    " and ",
    "x",
    "* Bob has left",
    "> yes ",
];

fn doubtful_line(seed: usize) -> String {
    let mut state = seed as u64 * 2 + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    if seed.is_multiple_of(3) {
        // Aimed at an edge.
        return format!(
            "{}x* friend is now Bob",
            PARTS[next() % 19].trim().repeat(8 + next() % 150)
        );
    }
    (0..10 + next() % 60).map(|_| PARTS[next() % PARTS.len()]).collect()
}

#[test]
fn a_terminal_with_whatever_widths_breaks_no_row_itself_and_hides_nothing() {
    let widths = [one_column, two_columns, hostile::<1>, hostile::<2>, hostile::<3>, hostile::<77>];
    for options in [&["-q"][..], &["-q", "--plain"], &[]] {
        let (mut terminal, mut friend) = meet("", 80, options);
        heard(&terminal, &mut friend, 0, "ready");
        if !options.contains(&"--plain") {
            until_drawn(&terminal, 0);
        }
        if options == ["-q"] {
            terminal.press("вот это … ещё не всё ①②③ 你好");
            terminal.wait_look("what is typed", |_, raw| {
                contains(raw, "你好\x1b7\x1b[K\x1b8".as_bytes()).then_some(())
            });
        }
        let edits = !options.contains(&"--plain");
        for columns in 20..=300 {
            let start = terminal.raw().len();
            terminal.resize(24, columns);
            if edits {
                until_drawn(&terminal, start);
            }
            // With notices, also those have to be right that a name makes long.
            let name = ["Ж", "Ω", "李"][usize::from(columns) % 3].repeat(32);
            let line = doubtful_line(columns.into());
            let named = options.is_empty();
            let said = if named { format!("/name {name}\n{line}") } else { line.clone() };
            let shown = heard(&terminal, &mut friend, start, &said);
            if edits {
                until_drawn(&terminal, start + shown.len());
            }
            let label = if named { name.as_str() } else { "friend" };
            for width in widths {
                for obeys in [true, false] {
                    let mut glass = Glass::new(columns.into(), width);
                    glass.obeys = obeys;
                    glass.show(&shown);
                    let what =
                        format!("{columns} columns, {label} says {line:?}: {:#?}", glass.texts());
                    assert_eq!(glass.broken, <[&str; 0]>::default(), "the terminal broke: {what}");
                    assert_eq!(glass.hidden, <[&str; 0]>::default(), "nobody sees all of: {what}");
                    let mut lines: Vec<String> = Vec::new();
                    // Below what is being typed there was room for what came above it.
                    let texts = glass.texts();
                    let end = texts.iter().rposition(|row| !row.is_empty()).unwrap_or(0);
                    for row in texts.into_iter().take(end + 1) {
                        match row.strip_prefix("  ") {
                            Some(rest) => *lines.last_mut().expect("no margin first") += rest,
                            None => lines.push(row),
                        }
                    }
                    let text = format!("{label} says: {line}");
                    assert!(lines.contains(&text), "{text:?} is not there: {what}");
                    for line in &lines[..lines.len() - 1] {
                        let known = ["* ", "friend says: ", &format!("{label} says: ")];
                        assert!(
                            known.iter().any(|start| line.starts_with(start)),
                            "{line:?}: {what}"
                        );
                        assert!(!line.ends_with("now Bob") || line.contains("says: "), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_terminal_breaks_lines_again_whenever_nothing_is_written() {
    for options in [&["-q"][..], &["--plain"], &["--explain"]] {
        let (mut terminal, mut friend) = meet("", 40, options);
        heard(&terminal, &mut friend, 0, "ready");
        until_all_sleep(terminal.pid(), &["screen-writer"]);
        let wraps = |bytes: &[u8]| {
            let mut glass = Glass::new(40, one_column);
            glass.show(bytes);
            glass.wraps
        };
        assert!(contains(&terminal.everything(), b"\x1b[?7l"), "it is not switched off");
        assert!(wraps(&terminal.everything()), "{options:?}: it waits with auto-wrap off");
        drop(friend);
        terminal.ends_with(0);
        assert!(wraps(&terminal.everything()), "{options:?}: it has ended with auto-wrap off");
    }
    let (mut terminal, mut friend) = meet("TERM=dumb", 40, &[]);
    heard(&terminal, &mut friend, 0, "ready");
    drop(friend);
    terminal.ends_with(0);
    assert!(!contains(&terminal.everything(), b"\x1b"), "that terminal obeys nothing");
}

// The log.

/// Fails where what the friend wrote begins a row.
#[track_caller]
fn assert_log_forges_nothing(terminal: &Terminal, friend: &mut TcpStream, columns: u16) {
    // Longer ones are not quoted whole.
    for padding in 0..40 {
        let line = format!("{}* Susan left", "x".repeat(padding));
        friend.write_all(format!("{line}\n").as_bytes()).unwrap();
        let told = format!("recv gave {} bytes", line.len() + 1);
        terminal.wait_look("the log", |_, raw| {
            let rows = String::from_utf8_lossy(raw).replace("\r\n  ", "");
            let (_, after) = rows.split_once(&told)?;
            after.contains("* Susan left\"").then_some(())
        });
    }
    let mut glass = Glass::new(columns.into(), one_column);
    glass.show(&terminal.raw());
    for row in glass.texts() {
        assert!(!row.starts_with("* "), "{row:?} of {:#?}", glass.texts());
    }
    let own = ["connected to", "listening on"];
    for row in glass.broken {
        assert!(own.iter().any(|start| row.starts_with(start)), "the terminal broke {row:?}");
    }
}

#[test]
fn a_friend_cannot_begin_a_row_of_the_screen_by_way_of_the_log() {
    for options in [&["-q", "--explain"][..], &["-q", "--explain", "--plain"]] {
        let (terminal, mut friend) = meet("RUST_LOG=threadchat=trace", 75, options);
        assert_log_forges_nothing(&terminal, &mut friend, 75);
    }
}

#[test]
fn a_friend_cannot_begin_a_row_of_a_terminal_that_only_stderr_is() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, port) = friend_listener();
    let script = format!(
        "RUST_LOG=threadchat=trace exec \"$0\" \"$@\" > '{}'",
        folder.path().join("copy").display()
    );
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", &script]);
    command.arg(support::threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string(), "-q", "--explain"]);
    let terminal = Terminal::spawn(command, 24, 75);
    let mut friend = friend_answers(&listener);
    assert_log_forges_nothing(&terminal, &mut friend, 75);
}

// Words.

#[test]
fn rows_are_broken_between_words_in_messages_notices_and_errors() {
    let (mut terminal, mut friend) = meet("", 40, &[]);
    let text = "nothing of what is said here is lost on the network, whatever it may be";
    heard(&terminal, &mut friend, 0, text);
    terminal.wait_for(
        "\nfriend says: nothing of what is said \n  here is lost on the network, whatever \n  it may be\n",
    );
    terminal.wait_for("\n* the line is not encrypted: others on \n  the network can read it\n");
    terminal.press(format!("{text}\r"));
    terminal.wait_for(
        "\n> nothing of what is said here is lost \n  on the network, whatever it may be\n",
    );
}

#[test]
fn an_error_has_the_margin_and_is_broken_between_words() {
    let errors: Vec<Vec<String>> = [300, 40]
        .into_iter()
        .map(|columns| {
            let words = ["connect", "127.0.0.1:1", "--plain"];
            let mut terminal = Terminal::start_sized(&words, 24, columns);
            terminal.ends_with(1);
            let mut glass = Glass::new(columns.into(), one_column);
            glass.show(&terminal.raw());
            let rows = glass.texts();
            let at = rows.iter().position(|row| row.starts_with("threadchat: ")).unwrap();
            assert_eq!(glass.broken, <[&str; 0]>::default(), "{rows:#?}");
            rows[at..].iter().filter(|row| !row.is_empty()).cloned().collect()
        })
        .collect();
    let (whole, rows) = (errors[0].concat(), &errors[1]);
    assert!(rows.len() > 2, "{rows:#?}");
    let mut joined = rows[0].clone();
    for row in &rows[1..] {
        assert!(joined.ends_with(' '), "{rows:#?}");
        joined += row.strip_prefix("  ").expect("the margin");
    }
    assert_eq!(joined, whole);
}

// The window.

/// What a terminal does in a narrower window, and what it calls itself where that can be known.
const TERMINALS: [(&str, &[Resized]); 5] = [
    ("", &[Resized::Cuts, Resized::Breaks, Resized::BreaksAndGoesOn]),
    ("TMUX=/tmp/tmux", &[Resized::Cuts, Resized::Breaks, Resized::BreaksAndGoesOn]),
    ("TERM=screen TMUX=/tmp/tmux STY=1.screen", &[Resized::Cuts, Resized::Breaks]),
    ("TERM=screen TMUX=/tmp/tmux", &[Resized::Breaks, Resized::BreaksAndGoesOn]),
    ("TERM=xterm-kitty", &[Resized::Breaks, Resized::BreaksAndGoesOn]),
];

#[test]
fn no_message_is_lost_when_the_window_changes_whether_the_terminal_breaks_its_rows_again_or_not() {
    // Short enough for each of the windows.
    const LETTERS: [char; 14] =
        ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n'];
    const WIDTHS: [u16; 14] = [100, 40, 41, 39, 100, 20, 60, 30, 15, 100, 50, 25, 80, 40];
    // How much is typed, and how far from its end the cursor is.
    const TYPED: [(usize, usize); 16] = [
        (0, 0),
        (13, 0),
        (18, 3),
        (28, 0),
        (36, 0),
        (37, 0),
        (38, 0),
        (39, 20),
        (58, 0),
        (76, 0),
        (90, 45),
        (97, 0),
        (98, 0),
        (150, 0),
        (195, 150),
        (290, 100),
    ];
    for (environment, kinds) in TERMINALS {
        let is_known = !kinds.contains(&Resized::Cuts);
        for (length, from_end) in TYPED {
            let (mut terminal, mut friend) = meet(environment, WIDTHS[0], &["-q"]);
            let typed: String = (0..length).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
            terminal.press(format!("{typed}{}", "\x1b[D".repeat(from_end)));
            let (before, after) = typed.split_at(length - from_end);
            terminal.wait_look("what is typed", |_, raw| {
                let tail = &before[before.len() - before.len().min(3)..];
                let next = &after[..after.len().min(1)];
                let raw_rows = support::text(raw).replace("\x1b[K\r\n  ", "");
                let drawn = raw_rows.contains(&format!("{tail}\x1b7{next}"));
                (drawn && raw.ends_with(b"\x1b8")).then_some(())
            });
            let mut ends = Vec::new();
            for (number, columns) in WIDTHS.into_iter().enumerate() {
                let start = terminal.raw().len();
                if number > 0 {
                    terminal.resize(24, columns);
                    until_drawn(&terminal, start);
                }
                let shown = heard(&terminal, &mut friend, start, &String::from(LETTERS[number]));
                until_drawn(&terminal, start + shown.len());
                ends.push(terminal.raw().len());
            }
            let raw = terminal.raw();
            for resized in kinds {
                let mut glass = Glass::new(WIDTHS[0].into(), one_column);
                glass.resized = *resized;
                let mut start = 0;
                for (columns, end) in WIDTHS.into_iter().zip(&ends) {
                    if start > 0 {
                        glass.resize(columns.into());
                    }
                    glass.show(&raw[start..*end]);
                    start = *end;
                }
                let all = glass.lines().join("\n") + "\n";
                let what =
                    format!("{environment:?}, {length} typed, {from_end}, {resized:?}:\n{all}");
                let mut rest = all.as_str();
                for letter in LETTERS {
                    let message = format!("friend says: {letter}\n");
                    let found = rest.split_once(&message);
                    rest = found.map_or("", |(_, rest)| rest);
                    assert!(found.is_some(), "{message:?} is lost where {what}");
                }
                // Behind a row that is full again the cursor may be in it or below it.
                if is_known && from_end > 0 {
                    let prompts = glass.texts().iter().filter(|row| row.starts_with('>')).count();
                    assert_eq!(prompts, 1, "a part of the row is left over where {what}");
                }
            }
        }
    }
}
