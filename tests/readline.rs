//! CONTRACT 3, the line editor, with readline as the judge: the same keys pressed in `bash`'s `read -e`
//! and in ours, the same lines out, whatever was typed before them.
//!
//! Left out is what differs for a reason: characters of several code points other than letters with
//! marks (we take one emoji for one character); undo where something else than ASCII was typed (there
//! readline takes back each byte sequence by itself, a mark without its letter too); Tab, which completes
//! other things; Up in the oldest line and searches in a line from before, see
//! [`well_defined`].

mod support;

use std::fs;
use std::net::TcpStream;

use portable_pty::CommandBuilder;
use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use support::pty::Terminal;
use support::wire::receive;
use support::{contains, friend_calls, have_tool};
use tempfile::TempDir;
use threadchat::terminal::decoder::KeyDecoder;
use threadchat::terminal::editor::{Editor, Meaning};

/// Gives each line as it is, with a NUL behind it, and remembers it as we do; and some before them.
const SCRIPT: &str = r#"
    for number in {1..100}; do history -s -- "typed before, number $number"; done
    stty -ixon
    number=0 last=
    while IFS= read -e -r -p "[$number]" line; do
        printf '%s\0' "$line" >>"$OUT"
        if [ -n "$line" ] && [ "$line" != "$last" ]; then history -s -- "$line"; last=$line; fi
        number=$((number + 1))
    done
"#;

/// Edits are forgotten at Enter; nothing is there that we have otherwise.
const INPUTRC: &str = "set revert-all-at-newline on\nset enable-bracketed-paste off\n\
    set bell-style none\nset input-meta on\nset output-meta on\nset convert-meta off\n";

/// What `bash` makes of each line's keys.
#[track_caller]
fn in_bash(keys: &[String]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let (lines, inputrc) = (folder.path().join("lines"), folder.path().join("inputrc"));
    fs::write(&inputrc, INPUTRC).unwrap();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-c", SCRIPT]);
    command.env("LC_ALL", "C.UTF-8");
    command.env("INPUTRC", &inputrc);
    command.env("OUT", &lines);
    let mut terminal = Terminal::spawn(command, 24, 200);
    for (number, keys) in keys.iter().enumerate() {
        // Before that the terminal is in its own line mode.
        let prompt = format!("[{number}]");
        terminal.wait_look(&prompt, |_, raw| contains(raw, prompt.as_bytes()).then_some(()));
        terminal.press(format!("{keys}\r"));
    }
    let prompt = format!("[{}]", keys.len());
    terminal.wait_look(&prompt, |_, raw| contains(raw, prompt.as_bytes()).then_some(()));
    terminal.press("\x04");
    terminal.ends_with(0);
    let all = String::from_utf8(fs::read(lines).unwrap()).unwrap();
    all.split_terminator('\0').map(str::to_owned).collect()
}

/// What our editor makes of them.
fn in_ours(keys: &[String]) -> Vec<String> {
    let (mut decoder, mut editor, mut lines) =
        (KeyDecoder::default(), Editor::default(), Vec::new());
    let before: Vec<String> = before();
    for keys in before.iter().chain(keys) {
        let mut finished = String::new();
        for character in format!("{keys}\r").chars() {
            decoder.feed(character.encode_utf8(&mut [0; 4]).as_bytes());
            while let Some(key) = decoder.next_key() {
                if let Meaning::Lines(line) = editor.on(key) {
                    finished += &line;
                }
            }
        }
        lines.push(finished.trim_end_matches('\n').to_owned());
    }
    lines.split_off(before.len())
}

/// Lines that were typed before.
fn before() -> Vec<String> {
    (1..=100).map(|number| format!("typed before, number {number}")).collect()
}

/// What moves, cuts, changes and fetches back, and now and then nothing.
const KEYS: &[&str] = &[
    "\x1b[D",
    "\x1b[C",
    "\x02",
    "\x06",
    "\x01",
    "\x05",
    "\x1bb",
    "\x1bf", // Left to end of word.
    "\x7f",
    "\x1b[3~",
    "\x17",
    "\x15",
    "\x0b",
    "\x1bd",
    "\x1b\x7f",
    "\x19",
    "\x19\x1by",
    "\x19\x1by\x1by",
    "\x14",
    "\x1bt",
    "\x1bu",
    "\x1bl",
    "\x1bc", // Ctrl-T to Alt-C.
    "\x1b[A",
    "\x1b[B",
    "\x10",
    "\x0e",
    "\x1b<",
    "\x1b>", // Up to Alt->.
    "\x16\x01",
    "\x16\t",
    "\x16\x1f",
    "\x16\x7f",
    "\x16x",
];
const UNDO: &[&str] = &["\x1f", "\x18\x15"];

/// What is typed in a few lines. At the end of each a character shows where the cursor stood.
fn lines(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<String>> {
    let count = count.into();
    any::<bool>().prop_flat_map(move |only_ascii| {
        let typed = match only_ascii {
            true => prop_oneof!["[a-c]{1,9}", "[aB '_.-]{1,4}", Just("one two, thrEE".to_owned())],
            false => prop_oneof!["[a-c]{1,9}", "[aB é四'_.-]{1,4}", Just("e\u{301}a".to_owned())],
        };
        // Cursor left and right: keys that are there already when text is typed are, for readline, one
        // with it, and what it cuts before and after it would come back together.
        let typed = typed.prop_map(|text| text + "\x02\x06");
        let undo = if only_ascii { UNDO } else { &[] };
        let key = prop_oneof![
            9 => prop::sample::select([KEYS, undo].concat()).prop_map(str::to_owned),
            1 => search(),
        ];
        let keys = prop::collection::vec(prop_oneof![1 => typed, 3 => key], 0..16);
        prop::collection::vec(keys.prop_map(|keys| well_defined(&keys) + "#"), count.clone())
    })
}

/// A search that finds something, and how it ends. (Where readline finds nothing it goes on from another
/// line than the one that it shows.)
fn search() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["e", "num", "before", "1", "d b"]);
    let (older, newer) = (0..4_usize, 0..4_usize);
    let end = prop::sample::select(vec!["\x05", "\x01", "\x1b[D", "\x1b[C", "\x07", "\x1bf"]);
    let deletes = prop::bool::weighted(0.2);
    (text, deletes, older, newer, end).prop_map(|(text, deletes, older, newer, end)| {
        [
            "\x12",
            text,
            if deletes { "\x7f\x12" } else { "" },
            &"\x12".repeat(older),
            &"\x13".repeat(newer.min(older)),
            end,
        ]
        .concat()
    })
}

/// Without what readline does otherwise than it says. There are more lines before than keys, so only Alt-<
/// comes to the oldest, where it forgets what is typed after a further Up; and a search that begins in
/// a line from before forgets how to take back what was done to it.
fn well_defined(keys: &[String]) -> String {
    let (mut in_oldest, mut in_older) = (false, false);
    let kept = keys.iter().filter(|key| {
        let (goes_back, searches) =
            (["\x1b[A", "\x10", "\x1b<"].contains(&key.as_str()), key.starts_with('\x12'));
        let keep = !(in_oldest && goes_back || in_older && searches);
        in_oldest |= *key == "\x1b<";
        in_older |= goes_back || searches;
        keep
    });
    kept.map(String::as_str).collect()
}

#[test]
fn the_same_keys_give_the_same_lines_as_in_readline() {
    if !have_tool("bash") {
        return;
    }
    let config =
        Config { failure_persistence: None, max_shrink_iters: 60, ..Config::with_cases(200) };
    TestRunner::new(config)
        .run(&lines(1..8), |keys| {
            prop_assert_eq!(in_ours(&keys), in_bash(&keys), "{:#?}", keys);
            Ok(())
        })
        .unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn the_same_keys_in_a_terminal_send_the_friend_the_same_lines() {
    if !have_tool("bash") {
        return;
    }
    let mut runner = TestRunner::deterministic();
    let all = lines(80).new_tree(&mut runner).unwrap().current();
    // The terminal itself takes a Ctrl-S that comes before the program has heard of the search.
    let all: Vec<String> = all.iter().map(|keys| keys.replace('\x13', "")).collect();
    let lines = in_bash(&all);
    assert_eq!(in_ours(&all), lines);
    let (mut terminal, port) = Terminal::listen(&[]);
    let friend: TcpStream = friend_calls(port);
    terminal.wait_for("can read it");
    for line in before() {
        terminal.press(format!("{line}\r"));
        receive(&friend, line.len() + 1);
    }
    for (keys, line) in all.iter().zip(&lines) {
        terminal.press(format!("{keys}\r"));
        let got = receive(&friend, line.len() + 1);
        assert_eq!(String::from_utf8_lossy(&got), format!("{line}\n"), "{keys:?}");
    }
    drop(friend);
    terminal.ends_with(0);
}
