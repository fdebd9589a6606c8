//! `--transcript FILE` (CONTRACT 1 and 8, and issue 3, 3): what both have said, in a file, with
//! date, time and speaker; and what becomes of the chat where the file cannot be had.

mod support;

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::flow::wait_until_all_sleep;
use support::observe::waiting_in;
use support::pty::Terminal;
use support::space::Space;
use support::until;
use support::wire::{
    END, assert_same, frame, frames, leave, receive, receive_to_end, send_in_pieces, talk,
    talk_at_terminal, wait_received,
};
use support::{
    Program, contains, error_sentence, friend_calls, friend_listener, random_bytes, text,
    threadchat,
};

/// From a message to what stands on the wire.
type Framing = fn(&str) -> Vec<u8>;

const WIRES: [(&str, Framing); 2] =
    [("lines", |line| format!("{line}\n").into_bytes()), ("frames", |line| frame(line))];

/// A place for a transcript, and what is in it.
struct Transcript {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Transcript {
    fn new() -> Transcript {
        let folder = tempfile::tempdir().expect("a folder");
        Transcript { path: folder.path().join("said.txt"), _folder: folder }
    }

    /// The path as a word of a command line.
    fn word(&self) -> &str {
        self.path.to_str().expect("it is text")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("it is there")
    }

    /// Who said what, each line's form checked.
    #[track_caller]
    fn lines(&self) -> Vec<(String, String)> {
        spoken(&self.bytes())
    }

    /// Asserts who said what.
    #[track_caller]
    fn assert_says(&self, expected: &[(&str, &str)]) {
        let lines = self.lines();
        let lines: Vec<(&str, &str)> =
            lines.iter().map(|(who, what)| (who.as_str(), what.as_str())).collect();
        assert_eq!(lines, expected);
    }

    /// Waits until this is the last thing in it.
    #[track_caller]
    fn wait_for(&self, who: &str, what: &str) {
        let end = format!(" {who}: {what}\n");
        until(&format!("{end:?} in the transcript"), || {
            std::fs::read(&self.path).ok()?.ends_with(end.as_bytes()).then_some(())
        });
    }
}

/// Takes lines apart, `YYYY-MM-DD HH:MM:SS SPEAKER: TEXT` each.
#[track_caller]
fn spoken(bytes: &[u8]) -> Vec<(String, String)> {
    let all = std::str::from_utf8(bytes).expect("it is text");
    assert!(all.is_empty() || all.ends_with('\n'), "its last line has an end");
    all.split_terminator('\n')
        .map(|line| {
            let time = line.get(..19).unwrap_or_else(|| panic!("no time in {line:?}"));
            let form: String =
                time.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
            assert_eq!(form, "0000-00-00 00:00:00", "{line:?}");
            let rest = line[19..].strip_prefix(' ').expect("a space behind the time");
            let (who, what) = rest.split_once(": ").expect("a speaker");
            (who.to_owned(), what.to_owned())
        })
        .collect()
}

#[track_caller]
fn receives(friend: &TcpStream, expected: &[u8]) {
    assert_eq!(text(&receive(friend, expected.len())), text(expected));
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

// What is in it.

#[test]
fn both_directions_are_in_it_at_a_terminal_and_the_names_once_they_are_known() {
    for (wire, message) in WIRES {
        for plain in [&[][..], &["--plain"]] {
            let file = Transcript::new();
            let options = [&["--transcript", file.word(), "--wire", wire], plain].concat();
            let (mut terminal, mut friend) = talk_at_terminal(&options);
            friend.write_all(&message("hello")).unwrap();
            file.wait_for("friend", "hello");
            terminal.press("hello yourself\r");
            receives(&friend, &message("hello yourself"));
            file.wait_for("you", "hello yourself");
            friend.write_all(&[message("/name Susan"), message("and now?")].concat()).unwrap();
            file.wait_for("Susan", "and now?");
            terminal.press("/name Лета\r/who\r/nonsense\rnow I have one too\r\r//help\r");
            file.wait_for("Лета", "/help");
            friend.write_all(&message("")).unwrap();
            file.wait_for("Susan", "");
            terminal.press("\x03");
            drop(friend);
            terminal.wait();
            file.assert_says(&[
                ("friend", "hello"),
                ("you", "hello yourself"),
                ("Susan", "and now?"),
                ("Лета", "now I have one too"),
                ("Лета", ""),
                ("Лета", "/help"),
                ("Susan", ""),
            ]);
        }
    }
}

#[test]
fn both_directions_are_in_it_through_pipes() {
    for (wire, message) in WIRES {
        let file = Transcript::new();
        let (mut program, mut friend) = talk(&["--transcript", file.word(), "--wire", wire]);
        friend.write_all(&message("hello")).unwrap();
        file.wait_for("friend", "hello");
        program.say("hello yourself\n/quit\n\nbye\n");
        file.wait_for("you", "bye");
        program.end_stdin();
        if wire == "frames" {
            friend.write_all(END).unwrap();
        }
        friend.shutdown(Shutdown::Write).unwrap();
        receive_to_end(&friend);
        program.ends_with(0);
        file.assert_says(&[
            ("friend", "hello"),
            ("you", "hello yourself"),
            ("you", "/quit"),
            ("you", ""),
            ("you", "bye"),
        ]);
    }
}

#[test]
fn with_name_it_is_the_speaker_from_the_beginning_and_the_telling_is_not_in_it() {
    let file = Transcript::new();
    let (mut program, friend) = talk(&["--transcript", file.word(), "--name", "Leta"]);
    program.say("hello\n");
    receives(&friend, b"/name Leta\nhello\n");
    file.wait_for("Leta", "hello");
    program.end_stdin();
    drop(friend);
    program.wait();
    file.assert_says(&[("Leta", "hello")]);
}

#[test]
fn the_one_who_connects_has_one_too() {
    let file = Transcript::new();
    let (listener, port) = friend_listener();
    let mut program = Program::connect(port, &["--transcript", file.word()]);
    let mut friend = support::friend_answers(&listener);
    friend.write_all(b"hello\n").unwrap();
    file.wait_for("friend", "hello");
    program.say("hi\n");
    file.wait_for("you", "hi");
    program.signal(Signal::INT);
    drop(friend);
    program.wait();
}

#[test]
fn each_line_is_in_it_while_the_conversation_goes_on() {
    let file = Transcript::new();
    let (mut program, mut friend) = talk(&["--transcript", file.word()]);
    for number in 0..50 {
        friend.write_all(format!("line {number}\n").as_bytes()).unwrap();
        // The next is not sent before this one is there.
        file.wait_for("friend", &format!("line {number}"));
        program.say(format!("answer {number}\n"));
        file.wait_for("you", &format!("answer {number}"));
    }
    assert_eq!(file.lines().len(), 100);
    assert!(program.runs());
}

#[test]
fn the_time_is_local() {
    // Nobody lives there, so that it cannot be right by chance; and it needs no time zone files.
    let zone = "XYZ-5:47";
    let date = || {
        let mut date = Command::new("date");
        let now = date.env("TZ", zone).arg("+%Y-%m-%d %H:%M:%S").output().expect("date");
        text(&now.stdout).trim_end().to_owned()
    };
    let file = Transcript::new();
    let mut program = Program::spawn(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--transcript", file.word()])
            .env("TZ", zone),
    );
    let mut friend = friend_calls(program.listening_port());
    let before = date();
    friend.write_all(b"what time is it?\n").unwrap();
    file.wait_for("friend", "what time is it?");
    program.say("late\n");
    file.wait_for("you", "late");
    let after = date();
    for line in text(&file.bytes()).lines() {
        assert!((&before[..]..=&after[..]).contains(&&line[..19]), "{before} {line} {after}");
    }
}

#[test]
fn a_line_that_comes_in_pieces_is_one_line() {
    let cases: [(&[&str], Vec<u8>); 2] = [
        (&[], "first Grüße\r\nsecond\n".into()),
        (&["--wire", "frames"], frames(&["first Grüße", "second"])),
    ];
    for (options, bytes) in cases {
        for recv_buffer in ["1", "65536"] {
            let file = Transcript::new();
            let own = ["--transcript", file.word(), "--recv-buffer", recv_buffer];
            let (program, friend) = talk(&[&own, options].concat());
            for byte in bytes.chunks(1) {
                send_in_pieces(&friend, byte, 1);
                wait_received(&friend); // So the next byte is another `recv`.
            }
            file.wait_for("friend", "second");
            file.assert_says(&[("friend", "first Grüße"), ("friend", "second")]);
            drop(program);
        }
    }
    // And what I say.
    let file = Transcript::new();
    let (mut program, friend) = talk(&["--transcript", file.word()]);
    program.say("one ");
    receives(&friend, b"one ");
    program.say("line\n");
    file.wait_for("you", "one line");
    file.assert_says(&[("you", "one line")]);
}

#[test]
fn a_last_line_without_a_newline_is_in_it() {
    let file = Transcript::new();
    let (mut program, mut friend) = talk(&["--transcript", file.word()]);
    friend.write_all(b"first\nmy last words").unwrap();
    program.wait_stdout("my last words");
    program.say("and mine");
    program.end_stdin();
    assert_eq!(text(&leave(friend)), "and mine");
    program.ends_with(0);
    let mut lines = file.lines();
    lines.sort();
    let words = |who: &str, what: &str| (who.to_owned(), what.to_owned());
    assert_eq!(
        lines,
        [words("friend", "first"), words("friend", "my last words"), words("you", "and mine")]
    );

    let file = Transcript::new();
    let (mut terminal, mut friend) = talk_at_terminal(&["--transcript", file.word()]);
    friend.write_all(b"my last words").unwrap();
    drop(friend);
    terminal.ends_with(0);
    file.assert_says(&[("friend", "my last words")]);
}

#[test]
fn what_was_said_last_is_in_it_also_after_ctrl_c() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let file = Transcript::new();
        let (mut program, mut friend) = talk(&["--transcript", file.word()]);
        program.say("and mine");
        receives(&friend, b"and mine");
        friend.write_all(b"first\nmy last words").unwrap();
        program.wait_stdout("my last words");
        program.signal(signal);
        assert_eq!(receive_to_end(&friend), b"");
        drop(friend);
        program.ends_with(0);
        file.assert_says(&[("friend", "first"), ("friend", "my last words"), ("you", "and mine")]);
    }
}

#[test]
fn each_line_of_a_frame_has_time_and_speaker() {
    for at_terminal in [true, false] {
        let file = Transcript::new();
        let options = ["--transcript", file.word(), "--wire", "frames"];
        let bytes = frames(&["one\nyou: two\r\n\n2026-01-01 00:00:00 you: three", "last"]);
        let _still_there = if at_terminal {
            let (terminal, mut friend) = talk_at_terminal(&options);
            friend.write_all(&bytes).unwrap();
            file.wait_for("friend", "last");
            (Some(terminal), None, friend)
        } else {
            let (program, mut friend) = talk(&options);
            friend.write_all(&bytes).unwrap();
            file.wait_for("friend", "last");
            (None, Some(program), friend)
        };
        file.assert_says(&[
            ("friend", "one"),
            ("friend", "you: two"),
            ("friend", ""),
            ("friend", "2026-01-01 00:00:00 you: three"),
            ("friend", "last"),
        ]);
    }
}

#[test]
fn a_line_over_64_kib_is_in_parts() {
    let long: String = (0..40_000).map(|number| format!("{number:05} ")).collect();
    for at_terminal in [true, false] {
        let file = Transcript::new();
        let _still_there = if at_terminal {
            let (terminal, mut friend) = talk_at_terminal(&["--transcript", file.word()]);
            friend.write_all(format!("{long}\nlast\n").as_bytes()).unwrap();
            file.wait_for("friend", "last");
            (Some(terminal), None, friend)
        } else {
            let (program, mut friend) = talk(&["--transcript", file.word()]);
            friend.write_all(format!("{long}\nlast\n").as_bytes()).unwrap();
            file.wait_for("friend", "last");
            (None, Some(program), friend)
        };
        let mut lines = file.lines();
        lines.pop();
        assert!(lines.len() >= 4, "{} parts", lines.len());
        assert!(lines.iter().all(|(who, what)| who == "friend" && what.len() <= 65_536));
        let whole: String = lines.into_iter().map(|(_, what)| what).collect();
        assert_same(whole.as_bytes(), long.as_bytes(), "the parts together");
    }
}

/// The transcript of a pipe was cut at 64 KiB, also in the middle of a character.
#[test]
fn a_line_over_64_kib_through_a_pipe_is_cut_between_characters() {
    // At each of them the limit lies elsewhere in a character of three bytes.
    for before in ["", "x", "xx"] {
        let long = format!("{before}{}", "四".repeat(60_000));
        let file = Transcript::new();
        let (mut program, mut friend) = talk(&["--transcript", file.word()]);
        friend.write_all(format!("{long}\nlast\n").as_bytes()).unwrap();
        file.wait_for("friend", "last");
        program.say(format!("{long}\nlast\n"));
        file.wait_for("you", "last");
        drop((program, friend));
        for speaker in ["friend", "you"] {
            let parts = file.lines().into_iter().filter(|(who, _)| who == speaker);
            let whole: String = parts.map(|(_, what)| what).collect();
            assert_same(whole.as_bytes(), format!("{long}last").as_bytes(), speaker);
        }
    }
}

/// One that is as long as the first part has no empty part behind it, however it ends.
#[test]
fn a_line_of_64_kib_through_a_pipe_is_one_line() {
    for end in ["\n", "\r\n"] {
        let line = "x".repeat(65_536);
        let file = Transcript::new();
        let (program, mut friend) = talk(&["--transcript", file.word()]);
        friend.write_all(format!("{line}{end}last\n").as_bytes()).unwrap();
        file.wait_for("friend", "last");
        drop((program, friend));
        file.assert_says(&[("friend", &line), ("friend", "last")]);
    }
}

#[test]
fn only_harmless_text_is_in_it() {
    let rude = b"a\x1b[2J\x1b]2;title\x07b\0c\x9b1m \xff\xc3 \xe2\x80\xaed\rf\xc2\x9bg\x7f\xe2\x80\x8bh\ttab";
    let shown = "a^[[2J^[]2;title^Gb^@c\u{fffd}1m \u{fffd}\u{fffd} \
                 <U+202E>d^Mf<U+009B>g^?<U+200B>h\ttab";
    let line = [&rude[..], b"\n"].concat();

    let file = Transcript::new();
    let (mut program, mut friend) = talk(&["--transcript", file.word()]);
    friend.write_all(&line).unwrap();
    file.wait_for("friend", shown);
    program.say(&line);
    file.wait_for("you", shown);
    // What goes through the pipes is not touched.
    receives(&friend, &line);
    program.wait_stdout(&line);
    drop((program, friend));
    file.assert_says(&[("friend", shown), ("you", shown)]);

    let file = Transcript::new();
    let options = ["--transcript", file.word(), "--wire", "frames"];
    let (terminal, mut friend) = talk_at_terminal(&options);
    friend.write_all(&frame(rude)).unwrap();
    file.wait_for("friend", shown);
    drop((terminal, friend));
    file.assert_says(&[("friend", shown)]);
}

#[test]
fn two_conversations_under_keep_are_both_in_it() {
    let file = Transcript::new();
    let (mut terminal, mut first) = talk_at_terminal(&["--keep", "--transcript", file.word()]);
    first.write_all(b"/name Susan\nhello\nnot fini").unwrap();
    terminal.wait_for("Susan says: hello");
    terminal.press("hello Susan\r");
    receives(&first, b"hello Susan\n");
    assert_eq!(leave(first), b"");
    terminal.wait_until("listening again", |screen| {
        (screen.matches("listening on").count() == 2).then_some(())
    });
    let mut second = friend_calls(terminal.listening_port());
    second.write_all(b"hello too\n").unwrap();
    file.wait_for("friend", "hello too");
    terminal.press("\x03");
    drop(second);
    terminal.wait();
    file.assert_says(&[
        ("Susan", "hello"),
        ("you", "hello Susan"),
        // It ended with the first friend, and is not the beginning of the next one's words.
        ("Susan", "not fini"),
        ("friend", "hello too"),
    ]);
}

#[test]
fn under_keep_a_line_without_an_end_is_not_continued_by_the_next_friend_through_a_pipe_either() {
    let file = Transcript::new();
    let (program, port) = Program::listen(&["--keep", "--recv-only", "--transcript", file.word()]);
    let mut first = friend_calls(port);
    first.write_all(b"not fini").unwrap();
    assert_eq!(leave(first), b"");
    let again = |bytes: &[u8]| (text(bytes).matches("listening on").count() == 2).then_some(());
    assert!(program.stderr.wait_until(again).is_some(), "{}", program.stderr.text());
    let mut second = friend_calls(port);
    second.write_all(b"shed\n").unwrap();
    file.wait_for("friend", "shed");
    file.assert_says(&[("friend", "not fini"), ("friend", "shed")]);
}

// What is not in it.

#[test]
fn what_was_not_sent_is_not_in_it_and_commands_are_not() {
    for plain in [&[][..], &["--plain"]] {
        let file = Transcript::new();
        let (mut terminal, port) =
            Terminal::listen(&[&["--transcript", file.word()], plain].concat());
        terminal.press("to nobody\r/who\r");
        terminal.wait_for("nobody else");
        let friend = friend_calls(port);
        terminal.wait_for("connected to");
        terminal.press("/name Leta\r/nonsense\rto somebody\r");
        receives(&friend, b"/name Leta\nto somebody\n");
        file.wait_for("Leta", "to somebody");
        // The friend leaves in the middle of the next one.
        terminal.press("half a li");
        terminal.wait_for("half a li");
        assert_eq!(leave(friend), b"");
        terminal.wait_for("not sent: half a li");
        terminal.ends_with(0);
        file.assert_says(&[("Leta", "to somebody")]);
    }
}

#[test]
fn what_cannot_be_a_frame_is_not_in_it() {
    let long = [&[b'x'; 65_536][..], b"\n"].concat();
    for line in [&b"not \xff text\n"[..], &long] {
        let file = Transcript::new();
        let (mut program, friend) = talk(&["--transcript", file.word(), "--wire", "frames"]);
        program.say("first\n");
        receives(&friend, &frame("first"));
        program.pipe_in(line.to_vec());
        receive_to_end(&friend);
        drop(friend);
        program.ends_with(1);
        file.assert_says(&[("you", "first")]);
    }
}

#[test]
fn the_end_of_a_transmission_is_not_in_it() {
    let file = Transcript::new();
    let (mut program, mut friend) = talk(&["--transcript", file.word(), "--wire", "frames"]);
    program.say("hello\n");
    program.end_stdin();
    receives(&friend, &[&frame("hello"), END].concat());
    file.wait_for("you", "hello");
    friend.write_all(&frames(&["bye", "end"])).unwrap();
    drop(friend);
    program.ends_with(0);
    file.assert_says(&[("you", "hello"), ("friend", "bye")]);
}

// The file.

#[test]
fn it_is_made_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let file = Transcript::new();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut program = Program::spawn(
            Command::new("sh")
                .args(["-c", &script, threadchat(), "listen", "127.0.0.1:0"])
                .args(["--transcript", file.word()]),
        );
        let mut friend = friend_calls(program.listening_port());
        assert_eq!(mode(&file.path), 0o600, "umask {umask}");
        friend.write_all(b"hello\n").unwrap();
        file.wait_for("friend", "hello");
        assert_eq!(mode(&file.path), 0o600, "umask {umask}");
        program.signal(Signal::INT);
        drop(friend);
        program.wait();
    }
}

#[test]
fn it_is_appended_to_what_is_there_whose_mode_stays() {
    let file = Transcript::new();
    let before = "from long ago\n";
    std::fs::write(&file.path, before).unwrap();
    std::fs::set_permissions(&file.path, Permissions::from_mode(0o644)).unwrap();
    for number in 1..=2 {
        let (mut program, mut friend) = talk(&["--transcript", file.word()]);
        friend.write_all(format!("hello {number}\n").as_bytes()).unwrap();
        program.wait_stdout("hello");
        program.end_stdin();
        assert_eq!(leave(friend), b"");
        program.ends_with(0);
    }
    assert_eq!(mode(&file.path), 0o644);
    let bytes = file.bytes();
    let rest = bytes.strip_prefix(before.as_bytes()).expect("what was there stays");
    let who = "friend".to_owned();
    assert_eq!(spoken(rest), [(who.clone(), "hello 1".to_owned()), (who, "hello 2".to_owned())]);
}

#[test]
fn one_that_cannot_be_opened_is_an_error_before_anything_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("nobody reads this");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let (listener, port) = friend_listener();
    listener.set_nonblocking(true).unwrap();
    let port = port.to_string();
    for path in [folder.path().join("missing/said.txt"), folder.path().to_owned(), fifo] {
        let path = path.to_str().unwrap();
        for words in [["listen", "127.0.0.1", "0"], ["connect", "127.0.0.1", &port]] {
            let mut program =
                Program::start(&[&words[..], &["--transcript", path, "--explain"]].concat());
            let ended = program.ends_with(1);
            assert!(error_sentence(&ended.stderr).contains(path), "{}", ended.stderr);
            assert!(!ended.stderr.contains("listening on"), "{}", ended.stderr);
            let nobody = listener.accept().expect_err("nobody calls");
            assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
        }
        let mut terminal =
            Terminal::start_sized(&["listen", "127.0.0.1:0", "--transcript", path], 24, 200);
        terminal.wait_for("threadchat: cannot write the transcript");
        terminal.ends_with(1);
        assert!(!terminal.screen().contains("listening on"), "{}", terminal.screen());
    }
}

#[test]
fn a_full_disk_is_told_once_and_the_chat_goes_on() {
    assert!(OpenOptions::new().append(true).open("/dev/full").is_ok(), "Linux has it");
    for (wire, message) in WIRES {
        let (mut program, mut friend) = talk(&["--transcript", "/dev/full", "--wire", wire]);
        for number in 0..10 {
            let (question, answer) = (format!("question {number}"), format!("answer {number}"));
            friend.write_all(&message(&question)).unwrap();
            program.wait_stdout(&question);
            program.say(format!("{answer}\n"));
            receives(&friend, &message(&answer));
        }
        program.end_stdin();
        let end: &[u8] = if wire == "frames" { END } else { b"" };
        friend.write_all(end).unwrap();
        assert_eq!(leave(friend), end);
        let ended = program.ends_with(0);
        assert!(error_sentence(&ended.stderr).contains("transcript"), "{}", ended.stderr);
    }

    let (mut terminal, mut friend) = talk_at_terminal(&["--transcript", "/dev/full"]);
    friend.write_all(b"one\n").unwrap();
    terminal.wait_for("cannot write the transcript");
    friend.write_all(b"two\n").unwrap();
    terminal.wait_for("friend says: two");
    terminal.press("three\r");
    receives(&friend, b"three\n");
    assert_eq!(leave(friend), b"");
    terminal.ends_with(0);
    assert_eq!(terminal.screen().matches("the transcript").count(), 1, "{}", terminal.screen());
}

#[test]
fn quiet_does_not_silence_the_error() {
    let (listener, port) = friend_listener();
    let mut program = Program::connect(port, &["--transcript", "/dev/full", "-q"]);
    let mut friend = support::friend_answers(&listener);
    friend.write_all(b"hello\n").unwrap();
    program.wait_stderr("cannot write the transcript");
    program.end_stdin();
    assert_eq!(leave(friend), b"");
    let ended = program.ends_with(0);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stdout, b"hello\n");
}

#[test]
fn a_disk_that_fills_up_keeps_what_fitted_and_the_chat_goes_on() {
    let Some(space) = Space::with_names("127.0.0.1 localhost\n") else { return };
    let disk = tempfile::tempdir().unwrap();
    let mut mount = space.command("mount");
    let mount = mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(disk.path()).output();
    let mount = mount.expect("mount can be run");
    assert!(mount.status.success(), "{}", text(&mount.stderr));
    let path = disk.path().join("said.txt");

    let words = ["listen", "127.0.0.1:0", "--transcript", path.to_str().unwrap()];
    let mut program = space.start(&words);
    let mut friend = friend_calls(program.listening_port());
    let lines: Vec<u8> =
        (0..10_000).flat_map(|number| format!("line {number:05}\n").into_bytes()).collect();
    friend.write_all(&lines).unwrap();
    program.wait_stderr("threadchat: cannot write the transcript");
    program.wait_stdout("line 09999\n");
    friend.write_all(b"one more\n").unwrap();
    program.say("and back\n");
    receives(&friend, b"and back\n");
    program.end_stdin();
    assert_eq!(leave(friend), b"");
    let ended = program.ends_with(0);
    assert_same(&ended.stdout, &[&lines, &b"one more\n"[..]].concat(), "what arrived");
    error_sentence(&ended.stderr);

    let kept = Program::spawn(space.command("cat").arg(&path)).ends_with(0).stdout;
    assert!(kept.len() > 32 * 1024, "only {} bytes fitted", kept.len());
    let whole = kept.iter().rposition(|&byte| byte == b'\n').expect("lines");
    for (number, (who, what)) in spoken(&kept[..=whole]).into_iter().enumerate() {
        assert_eq!((who.as_str(), what), ("friend", format!("line {number:05}")));
    }
}

#[test]
fn a_file_arrives_byte_for_byte_beside_a_transcript() {
    let file = Transcript::new();
    let sent = random_bytes(20_000_000, 3);
    let mut listener = Program::start(&["listen", "127.0.0.1:0", "--transcript", file.word()]);
    let port = listener.listening_port();
    let other = Transcript::new();
    let mut caller = Program::connect(port, &["--transcript", other.word()]);
    listener.end_stdin();
    caller.pipe_in(sent.clone());
    assert_same(&listener.ends_with(0).stdout, &sent, "what arrived");
    caller.ends_with(0);
    for (file, speaker) in [(file, "friend"), (other, "you")] {
        let bytes = file.bytes();
        assert!(bytes.len() > sent.len(), "{} bytes", bytes.len());
        let is_obeyed = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t');
        assert_eq!(bytes.iter().find(|byte| is_obeyed(byte)), None);
        assert!(contains(&bytes[..40], format!(" {speaker}: ").as_bytes()));
        assert_eq!(bytes.last(), Some(&b'\n'));
    }
}

#[test]
fn a_pipe_that_somebody_reads_can_be_a_transcript() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("read");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    // With both ends in one hand, opening it waits for nobody.
    let reader = File::options().read(true).write(true).open(&fifo).unwrap();
    let read = support::Output::collect(reader);
    let (mut program, mut friend) = talk(&["--transcript", fifo.to_str().unwrap()]);
    friend.write_all(b"hello\n").unwrap();
    let found = read.wait_until(|bytes| bytes.ends_with(b" friend: hello\n").then_some(()));
    assert!(found.is_some(), "{}", read.text());
    program.end_stdin();
    assert_eq!(leave(friend), b"");
    program.ends_with(0);
}

#[test]
fn ctrl_c_ends_it_also_while_the_transcript_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("full");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let _never_reads = File::options().read(true).write(true).open(&fifo).unwrap();
    let (mut program, friend) = talk(&["--transcript", fifo.to_str().unwrap()]);
    let lines = b"what nobody writes down\n".repeat(200_000);
    let mut flood = friend.try_clone().unwrap();
    let flooding = std::thread::spawn(move || flood.write_all(&lines));
    program.wait_stdout("what nobody writes down\n");
    wait_until_all_sleep(program.child.id(), "transcript");
    let began = Instant::now();
    program.signal(Signal::INT);
    // Something may not have been handed over; but it ends, and in the time that there is.
    let code = program.wait().code;
    assert!(matches!(code, 0 | 1), "exit code {code}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(friend);
    let _ = flooding.join();
}

#[test]
fn what_was_read_while_a_busy_friend_was_called_again_is_in_it_once_it_is_sent() {
    let file = Transcript::new();
    let (listener, port) = friend_listener();
    let mut program = Program::connect(port, &["--wait", "--transcript", file.word()]);
    // Somebody who has another friend already answers with a reset before the first byte.
    let busy = support::friend_answers(&listener);
    let at = listener.local_addr().unwrap();
    drop(listener);
    program.wait_stderr("connected to"); // Only then is stdin read.
    socket2::SockRef::from(&busy).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(busy);
    program.wait_stderr("calling again once a second");
    program.say("hello\n");
    let stdin = program.child.stdin.as_ref().expect("a pipe");
    until("it is read", || (waiting_in(stdin) == 0).then_some(()));
    let listener = TcpListener::bind(at).expect("the port is free again");
    let friend = support::friend_answers(&listener);
    receives(&friend, b"hello\n");
    program.say("more\n");
    receives(&friend, b"more\n");
    file.wait_for("you", "more");
    file.assert_says(&[("you", "hello"), ("you", "more")]);
}
