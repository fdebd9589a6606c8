//! CONTRACT 5, with the programs that it all began with: threadchat talks with the Python programs
//! of both articles, written anew in Python 3 (`tests/python/`), whichever side listens.
//!
//! The client and the server of "How The Internet Speaks" prove the wire `frames`, and Leta's
//! server and Susan's client prove that `lines` is what the threaded chat spoke.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use support::pty::Terminal;
use support::{Program, have_tool};

const FRAMES: [&str; 2] = ["--wire", "frames"];

const WORDS: &str =
    "random\nstrings\nthat\nneed\nto\nbe\ntransferred\nacross\nthe\nnetwork\nusing\nsockets\n";

/// Who listens, and who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    Threadchat,
    Python,
}

const EITHER_SIDE: [Listener; 2] = [Listener::Threadchat, Listener::Python];

/// A Python program of `tests/python` with these words.
#[track_caller]
fn python(program: &str, words: &[&str]) -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(program);
    // No compiled copies of the programs in the source tree.
    Program::spawn(Command::new("python3").arg("-B").arg(path).args(words))
}

/// threadchat on pipes and a Python program, connected.
#[track_caller]
fn meet(listener: Listener, options: &[&str], program: &str, words: &[&str]) -> (Program, Program) {
    match listener {
        Listener::Threadchat => {
            let (chat, port) = Program::listen(options);
            let python = python(program, &[&["connect", &port.to_string()], words].concat());
            chat.wait_stderr("connected to");
            (chat, python)
        }
        Listener::Python => {
            let python = python(program, &[&["listen"], words].concat());
            let chat = Program::connect(python.listening_port(), options);
            chat.wait_stderr("connected to");
            (chat, python)
        }
    }
}

/// threadchat at a terminal and a Python program, connected.
#[track_caller]
fn meet_at_terminal(listener: Listener, options: &[&str], program: &str) -> (Terminal, Program) {
    match listener {
        Listener::Threadchat => {
            let (chat, port) = Terminal::listen(options);
            let python = python(program, &["connect", &port.to_string()]);
            chat.wait_for("connected to");
            (chat, python)
        }
        Listener::Python => {
            let python = python(program, &["listen"]);
            let port = python.listening_port().to_string();
            let chat = Terminal::start(&[&["connect", "127.0.0.1", &port], options].concat());
            chat.wait_for("connected to");
            (chat, python)
        }
    }
}

// "How The Internet Speaks".

#[test]
fn the_words_of_the_articles_client_arrive_through_a_pipe() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        // Some that are not in the article: text that is longer in bytes than in characters, an
        // empty message, and one whose length needs the second byte.
        let long = "é".repeat(300);
        let words = ["--", "Grüße", "", &long, "end "];
        let (mut chat, mut client) = meet(listener, &FRAMES, "words_client.py", &words);
        chat.wait_stderr("* the friend has ended");
        chat.end_stdin();
        let ended = chat.ends_with(0);
        let expected = format!("{WORDS}Grüße\n\n{long}\nend \n");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), expected, "{listener:?}");
        assert!(ended.stderr.contains("friend has left"), "{}", ended.stderr);
        client.ends_with(0);
    }
}

#[test]
fn the_articles_client_need_not_be_answered() {
    if !have_tool("python3") {
        return;
    }
    // With an stdin that is empty from the start, our own `end` comes first. The client never
    // receives it, so that its system may answer with a reset; it has said all that it had to.
    let mut chat = Program::spawn_as_is(
        Command::new(support::threadchat())
            .args(["listen", "127.0.0.1:0", "--wire", "frames"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let port = chat.listening_port().to_string();
    let mut client = python("words_client.py", &["connect", &port]);
    assert_eq!(String::from_utf8_lossy(&chat.ends_with(0).stdout), WORDS);
    client.ends_with(0);

    let (mut chat, port) = Program::listen(&["--wire", "frames", "--recv-only"]);
    let mut client = python("words_client.py", &["connect", &port.to_string()]);
    assert_eq!(String::from_utf8_lossy(&chat.ends_with(0).stdout), WORDS);
    client.ends_with(0);
}

#[test]
fn the_words_of_the_articles_client_are_shown_to_a_person() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        let (mut chat, mut client) = meet_at_terminal(listener, &FRAMES, "words_client.py");
        chat.wait_for("friend has left");
        chat.ends_with(0);
        let screen = chat.screen();
        let said: Vec<&str> =
            screen.lines().filter_map(|row| row.strip_prefix("friend says: ")).collect();
        assert_eq!(said, WORDS.lines().collect::<Vec<_>>(), "{listener:?}");
        client.ends_with(0);
    }
}

#[test]
fn the_articles_client_is_understood_however_little_recv_asks_for() {
    if !have_tool("python3") {
        return;
    }
    for recv_buffer in ["1", "2", "3", "1000", "2048", "4096"] {
        let options = ["--wire", "frames", "--recv-only", "--recv-buffer", recv_buffer];
        let (mut chat, port) = Program::listen(&options);
        let mut client = python("words_client.py", &["connect", &port.to_string()]);
        assert_eq!(String::from_utf8_lossy(&chat.ends_with(0).stdout), WORDS, "{recv_buffer}");
        client.ends_with(0);
    }
}

#[test]
fn the_articles_server_prints_the_words_that_are_piped_in() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        // The end is the end of stdin, or the protocol's own word for it.
        for piped in [WORDS.to_owned(), format!("{WORDS}end\n")] {
            let (mut chat, mut server) = meet(listener, &FRAMES, "words_server.py", &[]);
            chat.pipe_in(piped.into());
            let received = server.ends_with(0).stdout;
            assert_eq!(String::from_utf8_lossy(&received), WORDS, "{listener:?}");
            // The server just closes, without an `end` of its own.
            let ended = chat.ends_with(0);
            assert!(ended.stderr.contains("friend has left"), "{}", ended.stderr);
            assert!(ended.stdout.is_empty());
        }
    }
}

#[test]
fn the_articles_server_prints_the_words_that_a_person_types() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        for goodbye in ["end\r", "\x04", "\x03"] {
            let (mut chat, mut server) = meet_at_terminal(listener, &FRAMES, "words_server.py");
            for word in WORDS.lines() {
                chat.press(format!("{word}\r"));
                server.wait_stdout(format!("{word}\n"));
            }
            chat.press("Grüße\r");
            server.wait_stdout("Grüße\n");
            chat.press(goodbye);
            let received = server.ends_with(0).stdout;
            assert_eq!(String::from_utf8_lossy(&received), format!("{WORDS}Grüße\n"));
            chat.ends_with(0);
        }
    }
}

#[test]
fn the_articles_server_is_told_the_end_also_by_a_signal() {
    if !have_tool("python3") {
        return;
    }
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut chat, mut server) = meet(Listener::Threadchat, &FRAMES, "words_server.py", &[]);
        chat.say("random\n");
        server.wait_stdout("random\n");
        chat.signal(signal);
        server.ends_with(0);
        chat.ends_with(0);
    }
}

#[test]
fn the_articles_server_learns_from_the_missing_end_that_input_was_refused() {
    if !have_tool("python3") {
        return;
    }
    let (mut chat, mut server) = meet(Listener::Threadchat, &FRAMES, "words_server.py", &[]);
    chat.pipe_in([b"random\n", &[b'x'; 65_536][..]].concat());
    let received = server.ends_with(1);
    assert_eq!(received.stdout, b"random\n");
    assert!(received.stderr.contains("cut off"), "{}", received.stderr);
    chat.ends_with(1);
}

#[test]
fn an_articles_client_that_is_killed_was_cut_off() {
    if !have_tool("python3") {
        return;
    }
    // The server's program, which sends nothing, dies before it has said `end`.
    let (mut chat, mut server) = meet(Listener::Threadchat, &FRAMES, "words_server.py", &[]);
    server.child.kill().unwrap();
    let ended = chat.ends_with(1);
    assert!(ended.stderr.contains("cut off"), "{}", ended.stderr);
    server.ends_with(128 + 9);
}

// "Adventures with sockets, threads and more!"

#[test]
fn leta_and_threadchat_talk_both_ways_whoever_listens() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        let (mut chat, mut leta) = meet(listener, &[], "leta_server.py", &[]);
        for round in ["hello", "Grüße", "", "a b\tc"] {
            leta.say(format!("{round}!\n"));
            chat.wait_stdout(format!("{round}!\n"));
            chat.say(format!("{round}?\n"));
            leta.wait_stdout(format!("friend says {round}?\n"));
        }
        leta.end_stdin();
        chat.wait_stderr("* the friend has ended");
        chat.say("a late reply\n");
        leta.wait_stdout("friend says a late reply\n");
        chat.end_stdin();
        assert_eq!(chat.ends_with(0).stdout, "hello!\nGrüße!\n!\na b\tc!\n".as_bytes());
        leta.ends_with(0);
    }
}

#[test]
fn susan_and_threadchat_talk_both_ways_whoever_listens() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        let (mut chat, mut susan) = meet(listener, &[], "susan_client.py", &[]);
        for round in ["hello", "Grüße", "", "a b\tc"] {
            susan.say(format!("{round}!\n"));
            chat.wait_stdout(format!("{round}!\n"));
            chat.say(format!("{round}?\n"));
            susan.wait_stderr(&format!("Leta says: {round}?\n"));
        }
        // This time threadchat ends first.
        chat.end_stdin();
        susan.say("a late reply\n");
        chat.wait_stdout("a late reply\n");
        susan.end_stdin();
        assert!(susan.ends_with(0).stderr.contains("closing socket"));
        chat.ends_with(0);
    }
}

#[test]
fn a_person_talks_with_leta_and_sees_her_leave() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        let (mut chat, mut leta) = meet_at_terminal(listener, &[], "leta_server.py");
        leta.say("hello, Grüße\n");
        chat.wait_for("friend says: hello, Grüße");
        chat.press("hi Leta\r");
        leta.wait_stdout("friend says hi Leta\n");
        leta.end_stdin();
        chat.wait_for("friend has left");
        chat.ends_with(0);
        leta.ends_with(0);
    }
}

#[test]
fn a_person_leaves_and_susan_notices() {
    if !have_tool("python3") {
        return;
    }
    for listener in EITHER_SIDE {
        let (mut chat, mut susan) = meet_at_terminal(listener, &[], "susan_client.py");
        susan.say("hello, Grüße\n");
        chat.wait_for("friend says: hello, Grüße");
        chat.press("hi Susan\r");
        susan.wait_stderr("Leta says: hi Susan\n");
        chat.press("\x03");
        susan.end_stdin();
        chat.ends_with(0);
        assert!(susan.ends_with(0).stderr.contains("closing socket"));
    }
}

#[test]
fn a_message_longer_than_letas_recv_arrives_whole_on_both_sides() {
    if !have_tool("python3") {
        return;
    }
    let (mut chat, mut leta) = meet(Listener::Threadchat, &[], "leta_server.py", &[]);
    let long = "0123456789".repeat(1_000);
    leta.say(format!("{long}\n"));
    chat.wait_stdout(format!("{long}\n"));
    chat.say(format!("{long}\n"));
    chat.end_stdin();
    leta.end_stdin();
    chat.ends_with(0);
    // Leta's program takes each `recv` for a message; nothing of ours is missing in them.
    let heard = String::from_utf8(leta.ends_with(0).stdout).unwrap();
    let heard: String = heard.replace("friend says ", "").replace('\n', "");
    assert_eq!(heard, long);
}
