//! CONTRACT 6, names and commands, with `--name`; what CONTRACT 2 shows to a person who has a
//! neighbour to meet; and `completions` and `man`, which tell people the words of all that.

mod support;

use std::fs::File;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use portable_pty::CommandBuilder;
use proptest::prelude::*;
use rustix::process::Signal;
use support::pty::Terminal;
use support::space::Space;
use support::tty::Tty;
use support::wire::{
    END, frame, frames, leave, receive, receive_to_end, send_in_pieces, talk, talk_at_terminal,
};
use support::{
    Program, error_sentence, friend_answers, friend_calls, friend_listener, have_tool, text,
    threadchat,
};

/// Both ways to type: with the line editor and without.
const TYPING: [&[&str]; 2] = [&[], &["--plain"]];

/// From a message to what stands on the wire.
type Framing = fn(&str) -> Vec<u8>;

/// The wires, and how a message stands on each.
const WIRES: [(&str, Framing); 2] =
    [("lines", |line| format!("{line}\n").into_bytes()), ("frames", |line| frame(line))];

#[track_caller]
fn receives(friend: &TcpStream, expected: &[u8]) {
    assert_eq!(text(&receive(friend, expected.len())), text(expected));
}

/// The friend leaves, and has been told nothing but what it has received already.
#[track_caller]
fn leaves_without_another_word(terminal: &mut Terminal, friend: TcpStream) {
    assert_eq!(text(&leave(friend)), "");
    terminal.ends_with(0);
}

/// How often something stands on a screen.
fn times(terminal: &Terminal, part: &str) -> usize {
    terminal.screen().matches(part).count()
}

#[track_caller]
fn wait_times(terminal: &Terminal, part: &str, count: usize) {
    terminal.wait_until(&format!("{part:?}, {count} times"), |screen| {
        (screen.matches(part).count() >= count).then_some(())
    });
}

/// Waits for a notice, and gives back its row.
#[track_caller]
fn notice(terminal: &Terminal, part: &str) -> String {
    terminal.wait_until(&format!("a notice with {part:?}"), |screen| {
        screen.lines().find(|row| row.starts_with("* ") && row.contains(part)).map(str::to_owned)
    })
}

/// Waits until everything is on the screen that is said at the beginning of a conversation.
#[track_caller]
fn begin(terminal: &Terminal, friend: &mut TcpStream, message: Framing) {
    friend.write_all(&message("begin")).unwrap();
    terminal.wait_raw(b" begin\r\n");
}

// What --name says.

#[test]
fn name_is_said_before_anything_else_also_before_piped_input() {
    for (wire, message) in WIRES {
        let (mut program, port) = Program::listen(&["--name", "Susan", "--wire", wire]);
        program.say("first\n");
        program.end_stdin();
        let friend = friend_calls(port);
        receives(&friend, &[message("/name Susan"), message("first")].concat());
        let end: &[u8] = if wire == "frames" { END } else { b"" };
        assert_eq!(receive_to_end(&friend), end);
        drop(friend);
        program.wait();
    }
}

#[test]
fn name_is_said_by_who_connects_and_at_a_terminal() {
    for (wire, message) in WIRES {
        let (listener, port) = friend_listener();
        let address = format!("127.0.0.1:{port}");
        let words = ["connect", &address, "--name", "Олег", "--wire", wire];
        let mut terminal = Terminal::start(&words);
        let friend = friend_answers(&listener);
        receives(&friend, &message("/name Олег"));
        terminal.wait_for("connected to");
        terminal.press("hello\r");
        receives(&friend, &message("hello"));
        terminal.press("\x03");
        terminal.ends_with(0);

        let mut pipe = Program::start(&words);
        let friend = friend_answers(&listener);
        receives(&friend, &message("/name Олег"));
        pipe.end_stdin();
        drop(friend);
        pipe.wait();
    }
}

#[test]
fn name_is_said_with_recv_only_and_to_each_friend_under_keep() {
    let (program, port) = Program::listen(&["--name", "Susan", "--recv-only", "--keep"]);
    for count in 1..=3 {
        let friend = friend_calls(port);
        receives(&friend, b"/name Susan\n");
        assert_eq!(leave(friend), b"");
        let again = program.stderr.wait_until(|bytes| {
            (text(bytes).matches("listening on").count() > count).then_some(())
        });
        assert!(again.is_some(), "{}", program.stderr.text());
    }
}

#[test]
fn without_name_nothing_is_sent_that_was_not_typed() {
    for (wire, _) in WIRES {
        // On frames our own `end` is all that there is.
        let end: &[u8] = if wire == "frames" { END } else { b"" };
        let (mut program, friend) = talk(&["--wire", wire]);
        program.end_stdin();
        assert_eq!(receive_to_end(&friend), end);
        drop(friend);
        program.wait();

        let (mut terminal, mut friend) = talk_at_terminal(&["--wire", wire]);
        friend.write_all(end).unwrap();
        assert_eq!(leave(friend), end);
        terminal.ends_with(0);
    }
}

#[test]
fn a_name_that_cannot_be_had_is_a_usage_error_with_a_reason() {
    let long = "x".repeat(33);
    let bad = [
        "",
        " ",
        "a b",
        &long,
        "you",
        "Friend",
        "_a",
        "a:b",
        "a\x1b[31m",
        "\u{202e}a",
        "a\u{200b}",
        "*",
        "a\nb",
        "-a",
        "--keep",
    ];
    for name in bad {
        let words = ["listen", "127.0.0.1:0", &format!("--name={name}")];
        let ended = Program::start(&words).ends_with(2);
        assert!(ended.stderr.starts_with("error: "), "{name:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("--name"), "{name:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("listening on"), "{name:?}: {}", ended.stderr);
        let reason = ["name has", "name is made of", "called that", "required"];
        assert!(reason.iter().any(|why| ended.stderr.contains(why)), "{name:?}: {}", ended.stderr);
    }
}

// What a name does on the friend's screen.

#[test]
fn a_name_that_arrives_is_shown_once_and_labels_what_follows() {
    let messages =
        ["before", "/name Susan", "hello", "/name Sue", "again", "/name Sue-2_b", "last"];
    let with_crlf: Vec<u8> =
        messages.iter().flat_map(|it| format!("{it}\r\n").into_bytes()).collect();
    let cases: [(&[&str], Vec<u8>, usize); 4] = [
        (&[], with_crlf.clone(), with_crlf.len()),
        (&["--recv-buffer", "1"], with_crlf.clone(), 1),
        (&["--plain"], with_crlf, 1),
        (&["--wire", "frames", "--recv-buffer", "1"], frames(&messages), 1),
    ];
    for (options, bytes, piece) in cases {
        let (mut terminal, friend) = talk_at_terminal(options);
        send_in_pieces(&friend, &bytes, piece);
        terminal.wait_for("Sue-2_b says: last");
        let screen = terminal.screen();
        let start = screen.find("friend says: before").expect("it was said first");
        let rows: Vec<&str> = screen[start..].lines().map(str::trim_end).take(7).collect();
        let expected = [
            "friend says: before",
            "* friend is now Susan",
            "Susan says: hello",
            "* Susan is now Sue",
            "Sue says: again",
            "* Sue is now Sue-2_b",
            "Sue-2_b says: last",
        ];
        assert_eq!(rows, expected, "{options:?}");
        terminal.press("\x03");
        drop(friend);
        terminal.wait();
    }
}

#[test]
fn the_next_friend_under_keep_is_a_friend_again() {
    let (mut terminal, mut first) = talk_at_terminal(&["--keep"]);
    first.write_all(b"/name Susan\nhello\n").unwrap();
    terminal.wait_for("Susan says: hello");
    assert_eq!(leave(first), b"");
    wait_times(&terminal, "listening on", 2);
    let mut second = friend_calls(terminal.listening_port());
    second.write_all(b"hello too\n/name Susan\nstill me\n").unwrap();
    terminal.wait_for("Susan says: still me");
    assert_eq!(times(&terminal, "friend says: hello too"), 1, "{}", terminal.screen());
    // It is nobody's name any more, and so the second friend can have it.
    assert_eq!(times(&terminal, "* friend is now Susan"), 2, "{}", terminal.screen());
    terminal.press("\x03");
    drop(second);
    terminal.wait();
}

#[test]
fn through_a_pipe_a_name_is_a_line_like_any_other() {
    let said = b"/name Susan\r\nhello\n/name a b\n/name\n/quit\n//x\n";
    let (mut program, mut friend) = talk(&[]);
    friend.write_all(said).unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), b"");
    let ended = program.ends_with(0);
    assert_eq!(text(&ended.stdout), text(said));
    assert!(!ended.stderr.contains("is now"), "{}", ended.stderr);

    let (mut program, mut friend) = talk(&["--wire", "frames"]);
    friend.write_all(&frames(&["/name Susan", "hello", "/quit", "end"])).unwrap();
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), END);
    assert_eq!(text(&program.ends_with(0).stdout), "/name Susan\nhello\n/quit\n");
}

#[test]
fn a_name_is_shown_where_only_stdout_is_a_terminal() {
    let mut window = Tty::open();
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--color", "never", "--recv-only"])
            .stdin(Stdio::null())
            .stdout(window.end())
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_calls(program.listening_port());
    friend.write_all(b"one\n/name Susan\ntwo\n").unwrap();
    let shown = window.read_until("two");
    assert!(shown.starts_with("friend says: one\r\nSusan says: two"), "{shown}");
    drop(friend);
    let ended = program.ends_with(0);
    assert!(ended.stderr.contains("\n* friend is now Susan\n"), "{}", ended.stderr);
}

#[test]
fn a_name_that_does_not_fit_is_shown_as_a_plain_message() {
    let long = "x".repeat(33);
    // What is sent, and what of it stands on the screen.
    let bad = [
        ("/name", "/name"),
        ("/name ", "/name "),
        ("/name  Susan", "/name  Susan"),
        ("/name Susan ", "/name Susan "),
        ("/name Susan Sue", "/name Susan Sue"),
        ("/name\tSusan", "/name      Susan"),
        ("/Name Susan", "/Name Susan"),
        (" /name Susan", " /name Susan"),
        ("//name Susan", "//name Susan"),
        ("/name a\tb", "/name a"),
        (&format!("/name {long}"), &format!("/name {long}")),
        ("/name a\x1b[31m", "/name a^[[31m"),
        ("/name \x1b]2;x\x07", "/name ^[]2;x^G"),
        ("/name a\0", "/name a^@"),
        ("/name a\rb", "/name a^Mb"),
        ("/name a\u{9b}31m", "/name a<U+009B>31m"),
        ("/name a\u{202e}b", "/name a<U+202E>b"),
        ("/name \u{2066}a", "/name <U+2066>a"),
        ("/name a\u{200b}", "/name a<U+200B>"),
        ("/name a\u{200d}b", "/name a<U+200D>b"),
        ("/name \u{feff}a", "/name <U+FEFF>a"),
        ("/name \u{3164}", "/name <U+3164>"),
        ("/name -a", "/name -a"),
        ("/name _a", "/name _a"),
        ("/name a:", "/name a:"),
        ("/name *", "/name *"),
        ("/name a.b", "/name a.b"),
        ("/name \u{301}a", "/name "),
        ("/name you says: x", "/name you says: x"),
    ];
    for (wire, message) in WIRES {
        // Without the editor and colours, every byte is as it is written.
        let options = ["--plain", "--color", "never", "--wire", wire];
        let (mut terminal, mut friend) = talk_at_terminal(&options);
        begin(&terminal, &mut friend, message);
        for (sent, shown) in bad {
            let before = terminal.raw().len();
            friend.write_all(&message(sent)).unwrap();
            friend.write_all(&message(&format!("after {before}"))).unwrap();
            terminal.wait_raw(format!("friend says: after {before}\r\n").as_bytes());
            let came = text(&terminal.raw()[before..]);
            assert!(came.starts_with(&format!("friend says: {shown}")), "{sent:?}: {came:?}");
            assert!(!came.contains("is now"), "{sent:?}: {came:?}");
        }
        friend.write_all(&message("/name \u{fffd}")).unwrap();
        terminal.wait_raw("friend says: /name \u{fffd}\r\n".as_bytes());
        terminal.press("\x03");
        drop(friend);
        terminal.wait();
    }
}

#[test]
fn a_name_that_is_not_text_is_shown_as_a_plain_message() {
    let (mut terminal, mut friend) = talk_at_terminal(&["--color", "never"]);
    friend.write_all(b"/name Sus\xffan\nafter\n").unwrap();
    // (The screen that the test reads leaves this character out.)
    terminal.wait_raw("friend says: /name Sus\u{fffd}an\r\n".as_bytes());
    terminal.wait_for("friend says: after");
    leaves_without_another_word(&mut terminal, friend);
}

#[test]
fn names_in_any_script_fit_with_their_marks() {
    let (long, marked) = ("x".repeat(32), "e\u{301}".repeat(32));
    let good = [
        "x",
        "7",
        "R2-D2",
        "a_b",
        "José",
        "Jose\u{301}",
        "Ελένη",
        "Олег",
        "שרה",
        "سارة",
        "हिन्दी",
        "李雷",
        "ひろし",
        "Nguyễn",
        "สมชาย",
        "김철수",
        "Əli",
        &long,
        &marked,
    ];
    let (mut terminal, mut friend) = talk_at_terminal(&["--plain", "--color", "never"]);
    let mut before = "friend";
    for name in good {
        friend.write_all(format!("/name {name}\nhello\n").as_bytes()).unwrap();
        terminal.wait_raw(format!("* {before} is now {name}\r\n{name} says: hello\r\n").as_bytes());
        before = name;
    }
    leaves_without_another_word(&mut terminal, friend);
}

#[test]
fn a_name_that_is_taken_is_shown_as_a_plain_message() {
    for options in [&["--name", "Leta"][..], &["--name", "Leta", "--wire", "frames"]] {
        let message = WIRES[options.len() / 4].1;
        let (mut terminal, mut friend) = talk_at_terminal(options);
        receives(&friend, &message("/name Leta"));
        for name in ["Leta", "leta", "LETA", "you", "You", "friend", "FRIEND"] {
            friend.write_all(&message(&format!("/name {name}"))).unwrap();
            terminal.wait_for(&format!("friend says: /name {name}"));
        }
        // What I am called can change, and so can what is taken.
        terminal.press("/name ÉMILE\r");
        receives(&friend, &message("/name ÉMILE"));
        friend.write_all(&message("/name émile")).unwrap();
        terminal.wait_for("friend says: /name émile");
        friend.write_all(&message("/name Leta")).unwrap();
        terminal.wait_for("* friend is now Leta");
        // And what the friend is called is taken for me.
        terminal.press("/name leta\r");
        notice(&terminal, "is called leta already");
        terminal.press("still here\r");
        receives(&friend, &message("still here"));
        terminal.press("\x03");
        drop(friend);
        terminal.wait();
    }
}

/// A word that may or may not be a name, and whether it is one.
fn any_word() -> impl Strategy<Value = (String, bool)> {
    let bad = "[ \x01-\x08\x0b\x0c\x0e-\x1f\x7f\u{80}-\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}\
               \u{200b}\u{200e}\u{200f}\u{feff}:;,.*>|/]";
    prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9_-]{0,31}".prop_map(|word| (word, true)),
        "[а-яα-ω一-龥ぁ-ん]{1,32}".prop_map(|word| (word, true)),
        "[A-Za-z0-9_-]{33,60}".prop_map(|word| (word, false)),
        "[_-][A-Za-z0-9]{0,31}".prop_map(|word| (word, false)),
        ("[A-Za-z0-9]{1,8}", bad, "[A-Za-z0-9]{0,8}")
            .prop_map(|(before, bad, after)| (before + &bad + &after, false)),
        (".{0,12}", bad, "\\PC{0,12}")
            .prop_map(|(before, bad, after)| (before + &bad + &after, false)),
    ]
    .prop_filter("these are taken, and these would be lines", |(word, _)| {
        let word = word.to_lowercase();
        word != "you" && word != "friend" && !word.contains(['\r', '\n'])
    })
}

proptest! {
    // Each case is a conversation of real processes.
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_label_is_always_the_last_good_name_and_nothing_in_a_name_is_obeyed(
        words in prop::collection::vec(any_word(), 1..40),
    ) {
        let (mut terminal, mut friend) = talk_at_terminal(&["--plain", "--color", "never"]);
        begin(&terminal, &mut friend, WIRES[0].1);
        let start = terminal.raw().len();
        let mut label = "friend".to_owned();
        for (at, (word, fits)) in words.iter().enumerate() {
            friend.write_all(format!("/name {word}\nnumber {at}\n").as_bytes()).unwrap();
            if *fits {
                label.clone_from(word);
            }
            let end = format!(" says: number {at}\r\n");
            terminal.wait_raw(end.as_bytes());
            let shown = text(&terminal.raw());
            let row = shown.lines().rfind(|row| row.ends_with(end.trim_end())).unwrap_or_default();
            prop_assert_eq!(row.trim_end(), format!("{label}{}", end.trim_end()));
        }
        let shown = text(&terminal.raw()[start..]);
        let obeyed = |it: char| {
            (it.is_control() && !matches!(it, '\r' | '\n'))
                || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
        };
        prop_assert!(!shown.contains(obeyed), "{:?}", shown);
        prop_assert_eq!(shown.matches('\r').count(), shown.matches('\n').count());
        let notices = shown.lines().filter(|row| row.starts_with("* ")).count();
        prop_assert!(notices <= words.iter().filter(|(_, fits)| *fits).count(), "{}", shown);
        terminal.press("\x03");
        drop(friend);
        terminal.wait();
    }
}

// Commands.

#[test]
fn help_and_who_are_answered_here_and_nothing_is_sent() {
    for options in TYPING {
        let (mut terminal, mut friend) = talk_at_terminal(options);
        terminal.press("/help\r");
        for command in ["/name NAME", "/who", "/quit", "/help", "//text"] {
            notice(&terminal, command);
        }
        let address = friend.local_addr().unwrap().to_string();
        terminal.press("/who\r");
        let who = notice(&terminal, &address);
        assert!(who.contains("you") && who.contains("friend"), "{who}");
        terminal.press("/name Leta\r");
        receives(&friend, b"/name Leta\n");
        friend.write_all(b"/name Susan\n").unwrap();
        notice(&terminal, "friend is now Susan");
        terminal.press("/who\r");
        let who = notice(&terminal, "Susan, at");
        assert!(who.contains("Leta") && who.contains(&address), "{who}");
        leaves_without_another_word(&mut terminal, friend);
    }
}

#[test]
fn name_at_a_terminal_tells_the_friend() {
    for options in TYPING {
        for (wire, message) in WIRES {
            let (mut terminal, friend) = talk_at_terminal(&[options, &["--wire", wire]].concat());
            terminal.press("/name Leta\r");
            notice(&terminal, "you are now Leta");
            receives(&friend, &message("/name Leta"));
            // A line at a time: what a terminal in its own line mode echoes while a notice comes
            // stands before the notice, in the same row.
            terminal.press("/name Лета\r");
            notice(&terminal, "you are now Лета");
            terminal.press("hello\r");
            receives(&friend, &[message("/name Лета"), message("hello")].concat());
            terminal.press("\x03");
            drop(friend);
            terminal.wait();
        }
    }
}

#[test]
fn a_bad_name_and_an_unknown_command_are_a_notice_and_nothing_is_sent() {
    let long = format!("/name {}", "x".repeat(33));
    let bad = [
        "/",
        "/quitt",
        "/QUIT",
        "/quit now",
        "/tmp/file",
        "/help me",
        "/name",
        "/name a b",
        "/name you",
        "/name Friend",
        "/name -a",
        "/name a:",
        &long,
        "/whoami",
    ];
    for options in TYPING {
        let (mut terminal, mut friend) = talk_at_terminal(options);
        begin(&terminal, &mut friend, WIRES[0].1);
        let before = times(&terminal, "\n* ");
        for (at, line) in bad.iter().enumerate() {
            terminal.press(format!("{line}\r"));
            wait_times(&terminal, "\n* ", before + at + 1);
        }
        terminal.press("hello\r");
        receives(&friend, b"hello\n");
        let notices = times(&terminal, "\n* ");
        assert_eq!(notices, before + bad.len(), "one each:\n{}", terminal.screen());
        assert_eq!(times(&terminal, "you are now"), 0, "{}", terminal.screen());
        leaves_without_another_word(&mut terminal, friend);
    }
}

#[test]
fn two_slashes_say_a_line_that_begins_with_one() {
    for options in TYPING {
        for (wire, message) in WIRES {
            let (mut terminal, friend) = talk_at_terminal(&[options, &["--wire", wire]].concat());
            for (typed, said) in
                [("//text", "/text"), ("//", "/"), ("///x", "//x"), (" /help", " /help")]
            {
                terminal.press(format!("{typed}\r"));
                receives(&friend, &message(said));
            }
            terminal.press("\x03");
            drop(friend);
            terminal.wait();
        }
    }
}

#[test]
fn quit_leaves_as_ctrl_c_does() {
    for options in TYPING {
        let (mut terminal, friend) = talk_at_terminal(options);
        terminal.press("last words\r/quit\r");
        assert_eq!(text(&receive_to_end(&friend)), "last words\n");
        drop(friend);
        terminal.wait_for("you have left");
        terminal.ends_with(0);

        let (mut terminal, _) = Terminal::listen(options);
        terminal.press("/quit\r");
        terminal.ends_with(130);
    }
    let (mut terminal, friend) = talk_at_terminal(&["--wire", "frames"]);
    terminal.press("/quit\r");
    assert_eq!(receive_to_end(&friend), END);
    drop(friend);
    terminal.ends_with(0);
}

#[test]
fn quit_under_keep_ends_the_listening_too() {
    let (mut terminal, friend) = talk_at_terminal(&["--keep"]);
    terminal.press("/quit\r");
    assert_eq!(text(&receive_to_end(&friend)), "");
    drop(friend);
    terminal.ends_with(0);
    assert_eq!(times(&terminal, "listening on"), 1, "{}", terminal.screen());
}

#[test]
fn quit_leaves_also_while_calling() {
    // Nobody listens there any more.
    let (listener, port) = friend_listener();
    drop(listener);
    let mut terminal = Terminal::start(&["connect", "--wait", &format!("127.0.0.1:{port}")]);
    terminal.wait_for("calling again once a second");
    terminal.press("/quit\r");
    terminal.ends_with(130);
}

#[test]
fn commands_work_before_a_friend_is_there() {
    for options in TYPING {
        let (mut terminal, port) = Terminal::listen(options);
        terminal.press("/help\r");
        notice(&terminal, "/name NAME");
        terminal.press("/who\r");
        notice(&terminal, "nobody else");
        terminal.press("/name Sue\r");
        notice(&terminal, "you are now Sue");
        terminal.press("/name Susan\r");
        notice(&terminal, "you are now Susan");
        terminal.press("/who\r");
        notice(&terminal, "here: Susan");
        // The name that is given last is told to the friend who comes.
        let friend = friend_calls(port);
        receives(&friend, b"/name Susan\n");
        terminal.wait_for("connected to");
        terminal.press("hello\r");
        receives(&friend, b"hello\n");
        leaves_without_another_word(&mut terminal, friend);
    }
}

#[test]
fn a_name_given_in_one_conversation_is_told_to_the_next_friend_too() {
    let (mut terminal, first) = talk_at_terminal(&["--keep", "--name", "Leta"]);
    receives(&first, b"/name Leta\n");
    terminal.press("/name Susan\r");
    receives(&first, b"/name Susan\n");
    assert_eq!(leave(first), b"");
    wait_times(&terminal, "listening on", 2);
    let second = friend_calls(terminal.listening_port());
    receives(&second, b"/name Susan\n");
    terminal.press("\x03");
    drop(second);
    terminal.wait();
}

#[test]
fn piped_input_has_no_commands() {
    for (wire, message) in WIRES {
        let lines = ["/quit", "/help", "//text", "/name Susan", "/"];
        let (mut program, friend) = talk(&["--wire", wire]);
        program.say(lines.join("\n") + "\n");
        let expected: Vec<u8> = lines.iter().flat_map(|line| message(line)).collect();
        receives(&friend, &expected);
        program.end_stdin();
        receive_to_end(&friend);
        drop(friend);
        let ended = program.wait();
        assert!(!ended.stderr.contains("you are now"), "{}", ended.stderr);
    }
}

#[test]
fn commands_are_typed_also_where_stdout_is_a_pipe() {
    let mut keys = Tty::open();
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0"])
            .stdin(keys.end())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let friend = friend_calls(program.listening_port());
    program.wait_stderr("connected to");
    keys.press("/help\n/name Susan\n//text\n/quit\n");
    assert_eq!(text(&receive_to_end(&friend)), "/name Susan\n/text\n");
    drop(friend);
    let ended = program.ends_with(0);
    assert!(ended.stderr.contains("* you are now Susan\n"), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"", "what a command answers is no word of a friend's");
}

// The neighbour's commands.

/// A machine of its own with two network cards: `eth7` leads to neighbours, and `docker0` to
/// containers on this machine. (They are the two ends of one cable, which nobody needs to know.)
fn machine_with_neighbours() -> Option<Space> {
    let space = Space::with_network("127.0.0.1 localhost\n")?;
    let cards = "ip link add eth7 type veth peer name docker0
                 ip link set eth7 up
                 ip link set docker0 up
                 ip addr add 192.0.2.7/24 dev eth7
                 ip addr add 169.254.7.7/16 dev eth7
                 ip addr add 172.17.0.1/16 dev docker0
                 ip -6 addr add 2001:db8::7/64 dev eth7 nodad
                 ip -6 addr add fe80::7/64 dev eth7 nodad
                 ip -6 addr add fd00:d::1/64 dev docker0 nodad";
    let made = space.command("sh").args(["-ec", cards]).output().expect("a shell");
    if !made.status.success() {
        support::skipped(&format!("no network cards here: {}", text(&made.stderr)));
        return None;
    }
    Some(space)
}

/// A program at a terminal on another machine.
#[track_caller]
fn terminal_in(space: &Space, words: &[&str]) -> Terminal {
    let nsenter = space.command(threadchat());
    let mut command = CommandBuilder::new(nsenter.get_program());
    command.args(nsenter.get_args());
    command.args(words);
    Terminal::spawn(command, 50, 200)
}

/// The commands that are on the screen for a friend, without what is said about them.
fn commands_shown(terminal: &Terminal) -> Vec<String> {
    let screen = terminal.screen();
    let shown = screen.lines().filter_map(|row| row.trim().strip_prefix("threadchat connect "));
    shown.map(|rest| rest.split(" (").next().unwrap_or_default().trim_end().to_owned()).collect()
}

/// An address and a port as the command has them. IPv6 is shown as two words, since brackets are a
/// pattern to some shells.
fn place_shown(address: &str, port: u16) -> String {
    match address.strip_prefix('[') {
        Some(v6) => format!("{} {port}", v6.trim_end_matches(']')),
        None => format!("{address}:{port}"),
    }
}

#[test]
fn the_listener_shows_the_command_for_each_address_that_a_neighbour_can_call() {
    let Some(space) = machine_with_neighbours() else { return };
    // (The words, the option that the command has to have, and the addresses in their order.)
    let all = ["192.0.2.7", "[2001:db8::7]", "127.0.0.1"];
    let cases: [(&[&str], &str, &[&str]); 5] = [
        (&[], "", &all),
        (&["--wire", "frames"], " --wire frames", &all),
        (&["-4"], "", &["192.0.2.7", "127.0.0.1"]),
        (&["--plain"], "", &all),
        (&["-6"], "", &["[2001:db8::7]", "[::1]"]),
    ];
    for (options, wire, addresses) in cases {
        let mut terminal = terminal_in(&space, &[&["listen", "0"], options].concat());
        let port = terminal.listening_port();
        let expected: Vec<String> =
            addresses.iter().map(|address| place_shown(address, port) + wire).collect();
        terminal.wait_for(&format!("connect {}", expected[expected.len() - 1]));
        assert_eq!(commands_shown(&terminal), expected, "{options:?}\n{}", terminal.screen());
        terminal.press("\x03");
        terminal.ends_with(130);
    }
    // Bound to one address, it can be called there only.
    for address in ["192.0.2.7", "[2001:db8::7]", "127.0.0.1"] {
        let mut terminal = terminal_in(&space, &["listen", &format!("{address}:0")]);
        let port = terminal.listening_port();
        terminal.wait_for("threadchat connect ");
        assert_eq!(commands_shown(&terminal), [place_shown(address, port)]);
        terminal.press("\x03");
        terminal.ends_with(130);
    }
}

#[test]
fn each_command_that_is_shown_really_connects() {
    let Some(space) = machine_with_neighbours() else { return };
    let folder = std::path::Path::new(threadchat()).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    for options in [&[][..], &["--wire", "frames"]] {
        for at in 0..3 {
            let mut terminal = terminal_in(&space, &[&["listen", "0"], options].concat());
            terminal.wait_for("threadchat connect 127.0.0.1");
            let command = format!("threadchat connect {}", commands_shown(&terminal)[at]);
            let mut friend = Program::spawn(
                space.command("sh").args(["-c", &format!("exec {command}")]).env("PATH", &path),
            );
            friend.say("hello\n");
            terminal.wait_for("friend says: hello");
            terminal.press("\x03");
            terminal.ends_with(0);
            friend.end_stdin();
            friend.ends_with(0);
        }
    }
}

#[test]
fn where_nobody_looks_no_command_is_shown_and_no_word_of_encryption() {
    let (listener, friend_port) = friend_listener();
    let calling = ["connect".to_owned(), format!("127.0.0.1:{friend_port}")];

    // stderr is a pipe; stdin and stdout are a terminal or are not.
    let (mut program, friend) = talk(&[]);
    program.end_stdin();
    drop(friend);
    let ended = program.wait();
    assert!(!ended.stderr.contains("threadchat connect"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("encrypted"), "{}", ended.stderr);
    let mut program = Program::start(&[&calling[0], &calling[1]]);
    drop(friend_answers(&listener));
    program.end_stdin();
    let ended = program.wait();
    assert!(!ended.stderr.contains("encrypted"), "{}", ended.stderr);

    let mut window = Tty::open();
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0"])
            .stdin(window.end())
            .stdout(window.end())
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_calls(program.listening_port());
    friend.write_all(b"hello\n").unwrap();
    let mut shown = window.read_until("hello");
    drop(friend);
    let ended = program.ends_with(0);
    shown += &ended.stderr;
    assert!(!shown.contains("threadchat connect") && !shown.contains("encrypted"), "{shown}");
}

#[test]
fn quiet_silences_the_commands_and_the_word_of_encryption() {
    let Some(space) = machine_with_neighbours() else { return };
    // A quiet listener does not tell its port; here nobody else has this one.
    let mut terminal = terminal_in(&space, &["listen", "9999", "-q"]);
    let mut friend = space.start(&["connect", "--wait", "127.0.0.1"]);
    friend.say("hello\n");
    friend.end_stdin();
    terminal.wait_for("friend says: hello");
    terminal.ends_with(0);
    friend.wait();
    for word in ["threadchat", "encrypted", "listening"] {
        assert_eq!(times(&terminal, word), 0, "{}", terminal.screen());
    }
}

#[test]
fn both_sides_say_once_that_the_line_is_not_encrypted() {
    for options in TYPING {
        let (mut terminal, first) = talk_at_terminal(&[options, &["--keep"]].concat());
        notice(&terminal, "not encrypted");
        assert_eq!(leave(first), b"");
        wait_times(&terminal, "listening on", 2);
        let second = friend_calls(terminal.listening_port());
        wait_times(&terminal, "connected to", 2);
        terminal.press("hello\r");
        receives(&second, b"hello\n");
        assert_eq!(times(&terminal, "encrypted"), 1, "{}", terminal.screen());
        terminal.press("\x03");
        drop(second);
        terminal.wait();

        let (listener, port) = friend_listener();
        let address = format!("127.0.0.1:{port}");
        let mut terminal = Terminal::start(&[&["connect", &address], options].concat());
        let mut friend = friend_answers(&listener);
        notice(&terminal, "not encrypted");
        friend.write_all(b"hello\n").unwrap();
        terminal.wait_for("friend says: hello");
        assert_eq!(times(&terminal, "encrypted"), 1, "{}", terminal.screen());
        leaves_without_another_word(&mut terminal, friend);
    }
}

// Completions and the manual page.

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

#[test]
fn there_is_a_completion_script_for_each_shell() {
    for shell in SHELLS {
        let ended = Program::start(&["completions", shell]).ends_with(0);
        let script = text(&ended.stdout);
        for word in ["listen", "connect", "transcript", "recv-only"] {
            assert!(script.contains(word), "{shell}: {word} is not in it");
        }
        assert_eq!(ended.stderr, "");
    }
    let ended = Program::start(&["completions", "cobol"]).ends_with(2);
    assert!(SHELLS.iter().all(|shell| ended.stderr.contains(shell)), "{}", ended.stderr);
}

#[test]
fn bash_takes_its_script_and_completes_with_it() {
    if !have_tool("bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("threadchat.bash");
    std::fs::write(&path, Program::start(&["completions", "bash"]).ends_with(0).stdout).unwrap();
    let checked = Program::spawn(Command::new("bash").arg("-n").arg(&path)).ends_with(0);
    assert_eq!(checked.stderr, "");
    // What is typed, and what there is to choose from.
    let cases = [
        ("threadchat li", "listen"),
        ("threadchat con", "connect"),
        ("threadchat pic", "picture"),
        ("threadchat listen --trans", "--transcript"),
        ("threadchat listen --tra", "--transcript --trace"),
        ("threadchat connect --wire fr", "frames"),
        ("threadchat completions fi", "fish"),
    ];
    // As bash itself does when Tab is pressed: the function that `complete` was told, with the
    // words of the line.
    let script = r#"source "$1"; shift
        function=$(complete -p threadchat | sed 's/.*-F \([^ ]*\).*/\1/')
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        "$function" threadchat "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        echo "${COMPREPLY[*]}""#;
    for (line, expected) in cases {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script, "bash"]).arg(&path).args(line.split(' '));
        let ended = Program::spawn(&mut bash).ends_with(0);
        assert_eq!(text(&ended.stdout).trim_end(), expected, "{line}: {}", ended.stderr);
    }
}

/// The options that a help page lists.
fn options_in(help: &str) -> Vec<String> {
    let rows = help.lines().map(str::trim_start).filter(|row| row.starts_with('-'));
    let words = rows.flat_map(|row| {
        let listed = row.split("  ").next().unwrap_or_default();
        listed.split([' ', ',', '=', '[']).filter(|word| word.starts_with('-') && *word != "-")
    });
    words.map(str::to_owned).collect()
}

#[test]
fn the_manual_page_names_every_verb_and_every_option() {
    let page = text(&Program::start(&["man"]).ends_with(0).stdout);
    let title = page.lines().find(|line| line.starts_with(".TH"));
    assert!(title.is_some_and(|title| title.starts_with(".TH threadchat 1")), "{title:?}");
    for section in
        ["NAME", "SYNOPSIS", "DESCRIPTION", "LISTEN", "CONNECT", "EXIT STATUS", "EXAMPLES"]
    {
        assert!(page.contains(&format!(".SH {section}")), "no section {section}");
    }
    // troff writes a hyphen that is to be copied as `\-`.
    let page = page.replace("\\-", "-");
    for verb in ["listen", "connect"] {
        let help = text(&Program::start(&[verb, "--help"]).ends_with(0).stdout);
        let options = options_in(&help);
        for known in ["--name", "--transcript", "--recv-buffer", "-q", "-4"] {
            assert!(options.iter().any(|option| option == known), "{known} in {verb}: {help}");
        }
        for option in options {
            assert!(page.contains(&format!("\\fB{option}\\fR")), "{option} of {verb}");
        }
        assert!(page.contains(verb));
    }
    for verb in ["completions", "man"] {
        assert!(page.contains(&format!("threadchat {verb}")), "{verb}");
    }
}

#[test]
fn man_can_format_the_manual_page() {
    if !have_tool("groff") {
        return;
    }
    let mut groff = Program::spawn(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]));
    groff.pipe_in(Program::start(&["man"]).ends_with(0).stdout);
    assert_eq!(groff.ends_with(0).stderr, "");
}

#[test]
fn a_page_that_is_not_read_to_its_end_is_no_error() {
    for words in [&["man"][..], &["completions", "bash"], &["completions", "zsh"]] {
        // Whoever read it has gone already: the worst that `| head -1` can do.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(words)
                .stdin(Stdio::null())
                .stdout(OwnedFd::from(writer))
                .stderr(Stdio::piped()),
        );
        assert_eq!(program.ends_with(0).stderr, "", "{words:?}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    for words in [&["man"][..], &["completions", "bash"], &["completions", "fish"]] {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(words)
                .stdin(Stdio::null())
                .stdout(full)
                .stderr(Stdio::piped()),
        );
        let ended = program.ends_with(1);
        assert!(error_sentence(&ended.stderr).contains("stdout"), "{}", ended.stderr);
    }
}

#[test]
fn name_is_said_to_a_friend_who_was_called_again_and_only_once() {
    // The first one is busy: it resets the connection before a word was said.
    let (listener, port) = friend_listener();
    let address = format!("127.0.0.1:{port}");
    let mut program = Program::start(&["connect", "--wait", &address, "--name", "Susan"]);
    let busy = friend_answers(&listener);
    let without_delay = Some(std::time::Duration::ZERO);
    socket2::SockRef::from(&busy).set_linger(without_delay).expect("a socket");
    drop(busy);
    let friend = friend_answers(&listener);
    receives(&friend, b"/name Susan\n");
    program.say("hello\n");
    receives(&friend, b"hello\n");
    program.signal(Signal::INT);
    assert_eq!(text(&receive_to_end(&friend)), "");
    drop(friend);
    program.ends_with(0);
}

/// Answers as somebody does who has another friend there already: with a reset before the first
/// byte, when the program has noticed the call. Nobody listens at that port any more then.
#[track_caller]
fn is_busy(listener: std::net::TcpListener, terminal: &Terminal) -> std::net::SocketAddr {
    let at = listener.local_addr().unwrap();
    let busy = friend_answers(&listener);
    drop(listener);
    terminal.wait_for("connected to");
    let at_once = Some(std::time::Duration::ZERO);
    socket2::SockRef::from(&busy).set_linger(at_once).expect("a socket");
    at
}

#[test]
fn a_name_given_while_a_busy_friend_is_called_again_is_told_to_who_answers() {
    let (listener, port) = friend_listener();
    let address = format!("127.0.0.1:{port}");
    let mut terminal =
        Terminal::start_sized(&["connect", "--wait", &address, "--name", "Susan"], 50, 200);
    let at = is_busy(listener, &terminal);
    terminal.wait_for("calling again once a second");
    terminal.press("/name Sue\r");
    notice(&terminal, "you are now Sue");
    let listener = std::net::TcpListener::bind(at).expect("the port is free again");
    let friend = friend_answers(&listener);
    wait_times(&terminal, "connected to", 2);
    terminal.press("hello\r");
    let expected = "/name Sue\nhello\n";
    let mut told = String::new();
    while !told.ends_with("hello\n") {
        told += &text(&receive(&friend, 1));
    }
    assert!(told.ends_with(expected), "the friend was told {told:?}");
}

#[test]
fn a_friend_with_a_name_has_left_by_that_name() {
    for (wire, message) in WIRES {
        for typing in TYPING {
            let options = [&["--wire", wire], typing].concat();
            let (mut terminal, mut friend) = talk_at_terminal(&options);
            friend.write_all(&message("/name Susan")).unwrap();
            terminal.wait_for("* friend is now Susan");
            if wire == "frames" {
                friend.write_all(END).unwrap();
            }
            leave(friend);
            terminal.wait_for("Susan has left");
            terminal.ends_with(0);
            assert!(!terminal.screen().contains("friend has left"), "{}", terminal.screen());
        }
    }
}

/// The next one under `--keep` is not called by the name of the one before.
#[test]
fn the_next_friend_leaves_without_the_name_of_the_one_before() {
    let (mut terminal, mut friend) = talk_at_terminal(&["--keep"]);
    friend.write_all(b"/name Susan\n").unwrap();
    terminal.wait_for("* friend is now Susan");
    assert_eq!(leave(friend), b"");
    terminal.wait_for("Susan has left");
    wait_times(&terminal, "listening on", 2);
    let mut next = friend_calls(terminal.listening_port());
    next.write_all(b"hello\n").unwrap();
    terminal.wait_for("friend says: hello");
    assert_eq!(leave(next), b"");
    terminal.wait_for("friend has left");
    terminal.press("\x03");
    terminal.wait();
    assert_eq!(times(&terminal, "Susan has left"), 1);
}
