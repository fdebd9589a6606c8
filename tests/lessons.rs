//! The lessons of `scripts/lessons/`, played unattended: each runs to its end, has seen what it
//! claims (or its exit code says that it has not), and leaves a transcript and no process.
//!
//! A lesson checks its claims itself, where it can look at the programs. What is checked here is
//! that the claims which matter are still in it, with figures that can be true.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::pty::Terminal;
use support::{Program, have_tool, until};
use tempfile::TempDir;

/// The lessons are printed for a projector.
const WIDTH: usize = 72;

/// A lesson that is being played.
struct Lesson {
    name: &'static str,
    program: Program,
    /// Where its files are. Its name is in the environment of everything that the lesson starts.
    folder: TempDir,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lessons").join(name)
}

impl Lesson {
    #[track_caller]
    fn play(name: &'static str) -> Lesson {
        Lesson::play_with(name, support::threadchat())
    }

    #[track_caller]
    fn play_with(name: &'static str, threadchat: &str) -> Lesson {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let program = Program::spawn_as_is(
            Command::new("python3")
                .arg("-B")
                .arg(script(name))
                .env("THREADCHAT", threadchat)
                .env("TMPDIR", folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        Lesson { name, program, folder }
    }

    /// Waits for the end of the lesson, which has to have been seen. Gives back what it showed,
    /// each stretch of white space as one space, so that it does not matter where rows end.
    #[track_caller]
    fn seen(mut self) -> String {
        // A lesson has several parts, and each may take its time on a busy machine.
        self.program.wait_stdout("wrong/");
        self.program.wait_stdout("=>");
        self.program.wait_stdout("\nthreadchat");
        let ended = self.program.ends_with(0);
        let shown = String::from_utf8(ended.stdout).expect("it is text");
        assert_eq!(ended.stderr, "", "{}", self.name);

        assert!(!shown.contains('\x1b'), "nothing is meant for a terminal: {shown}");
        for line in shown.lines().filter(|line| !line.starts_with("transcript: ")) {
            assert!(line.chars().count() <= WIDTH, "{}: too wide: {line}", self.name);
        }
        let kept = shown.lines().find_map(|line| line.strip_prefix("transcript: "));
        let kept = Path::new(kept.expect("it says where its transcript is"));
        assert!(kept.starts_with(self.folder.path()), "{}", kept.display());
        assert_eq!(std::fs::read_to_string(kept).expect("the transcript"), shown);
        self.nothing_is_left();
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Every process that the lesson started has ended.
    #[track_caller]
    fn nothing_is_left(&self) {
        let mark = format!("TMPDIR={}", self.folder.path().display());
        let of_the_lesson = |pid: &PathBuf| {
            std::fs::read(pid.join("environ"))
                .is_ok_and(|environ| support::contains(&environ, mark.as_bytes()))
        };
        let processes = std::fs::read_dir("/proc").expect("this is Linux").flatten();
        let left: Vec<PathBuf> =
            processes.map(|entry| entry.path()).filter(of_the_lesson).collect();
        assert!(left.is_empty(), "{} has left {left:?}", self.name);
    }
}

/// What was shown has all of these in it, in this order.
#[track_caller]
fn claims(shown: &str, claims: &[&str]) {
    let mut rest = shown;
    for claim in claims {
        match rest.split_once(claim) {
            Some((_, behind)) => rest = behind,
            None => panic!("{claim:?} is missing, or not in its place, in:\n{shown}"),
        }
    }
}

/// The number that stands before these words.
#[track_caller]
fn number(shown: &str, before: &str) -> f64 {
    let (until_there, _) = shown.split_once(before).unwrap_or_else(|| panic!("{before}: {shown}"));
    let word = until_there.split_whitespace().last().unwrap_or_default();
    let number = word.replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("{word:?} before {before:?} is no number"))
}

#[test]
fn lesson_1_shows_one_thread_that_cannot_wait_for_two() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("01-taking-turns").seen();
    claims(
        &shown,
        &[
            "Leta's only thread is blocked in recv: of what she typed 15 bytes have not even",
            "Susan's only thread is blocked in read, at the keyboard: 6 bytes from Leta have",
            "Susan's screen is empty",
            "threadchat: a thread for each",
            "| Leta says: are you there? | > I am just ty => Both messages are there",
            "two threads are blocked at the same time",
            "Leta has `Susan says: I am just typing`",
            "Seen: all 7 claims",
        ],
    );
}

#[test]
fn lesson_2_shows_that_a_recv_is_not_a_message() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("02-recv-is-not-a-message").seen();
    claims(
        &shown,
        &[
            r"| friend says b'one\ntwo\nthree\n' => 3 sends came out of 1 recv",
            "1 send came out of 2 recvs, as two messages: 1,000 bytes and 500",
            r"| '\x00' 'e' 'l' '\x03' '' 'n' => recv(2) gave 1 byte",
            "threadchat, as usual",
            "| friend says: one | friend says: two | friend says: three |",
            "four messages, the longest whole",
            "--recv-buffer 1",
            "four messages, the longest whole",
            "--wire frames",
            "| friend says: hello | friend has left => The string is whole",
            "Seen: all 9 claims",
        ],
    );
}

#[test]
fn lesson_3_shows_a_loop_that_spins_at_the_end_of_the_stream() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("03-spinning-at-the-end").seen();
    claims(
        &shown,
        &[
            "| friend says b'' | friend says b'' |",
            "kept a processor busy",
            "It goes on:",
            "threadchat, at a keyboard",
            "| friend has left => It says so once, and ends with exit code 0",
            "no thread has woken, and no processor time was used",
            "what Leta says still arrives",
            "Seen: all 6 claims",
        ],
    );
    assert!(number(&shown, "lines, and kept") >= 100_000.0, "{shown}");
    assert!(number(&shown, "s with that") > 0.0, "{shown}");
}

#[test]
fn lesson_4_shows_a_thread_that_dies_of_half_a_character() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("04-half-a-character").seen();
    claims(
        &shown,
        &[
            "UnicodeDecodeError",
            "The program goes on, with 2 of its 3 threads",
            "20 bytes wait, and no thread is left to receive them",
            "Her program can speak, and is deaf",
            "threadchat, as usual",
            "| friend says: naïve café 👍 => Every character is whole",
            "--recv-buffer 1",
            "| friend says: naïve café 👍 => Every character is whole",
            "socket-reader is alive",
            "Seen: all 7 claims",
        ],
    );
}

#[test]
fn lesson_5_shows_an_address_in_use_by_nobody() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("05-address-in-use").seen();
    claims(
        &shown,
        &[
            "in the state TIME-WAIT",
            "OSError: [Errno 98] Address already in use",
            "no program is running there",
            "the one that left has to have set it too",
            "threadchat listen 127.0.0.1:",
            "It leaves first (Ctrl-C), and TIME-WAIT is left behind",
            "| listening on 127.0.0.1:",
            "It listens, while TIME-WAIT is still in the table",
            "The second is refused",
            "Seen: all 6 claims",
        ],
    );
}

#[test]
fn lesson_6_shows_a_join_that_waits_for_a_key() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("06-joining-the-keyboard").seen();
    claims(
        &shown,
        &[
            "The program does not end. Its first thread is blocked in t.join(), and t is blocked",
            "| hello? | goodbye => It took a key to end it",
            "threadchat",
            "| friend has left | * not sent: hello? => It has ended, with exit code 0",
            "joined stdin-reader => The thread was woken, and only then joined",
            "Seen: all 4 claims",
        ],
    );
}

#[test]
fn lesson_7_shows_that_the_word_end_is_also_data() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("07-end-is-also-data").seen();
    claims(
        &shown,
        &[
            "| sent 3 strings The server prints: | the => Of 3 strings 1 has been received",
            "Both programs end with exit code 0. Nobody is told",
            "--wire frames",
            "line 2 of stdin",
            "the exit code is 1",
            "Leta has `the`",
            "| the | end | is near => Every word arrived",
            "Seen: all 5 claims",
        ],
    );
}

#[test]
fn lesson_8_shows_two_programs_that_wait_for_each_other() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("08-nobody-reads").seen();
    claims(
        &shown,
        &[
            "Leta's program is blocked in send",
            "Susan's program is blocked in send",
            "Later not one byte has moved",
            "threadchat: both at the same time",
            "bytes, exactly those that Susan sent",
            "bytes, exactly those that Leta sent",
            "Both ended, with exit code 0",
            "Seen: all 6 claims",
        ],
    );
    assert!(number(&shown, "bytes, exactly those that Susan") > 8e6, "{shown}");
}

#[test]
fn lesson_9_shows_what_a_terminal_obeys() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("09-trust-nothing").seen();
    claims(
        &shown,
        &[
            "The row that Leta herself has typed now says `I pay 1000`",
            "The window's title is `Susan was here`",
            "The clipboard holds what Susan has put there",
            r"Susan gets b'\x1b[3;11Rthanks\n'",
            "threadchat",
            "| > I pay 10 | friend says: ok^[]2;Susan was | here^G",
            "The row that Leta has typed stands",
            "No title was set, no clipboard filled, nothing answered",
            r"Susan gets b'thanks\n'",
            "Seen: all 8 claims",
        ],
    );
}

#[test]
fn lesson_10_shows_one_who_freezes_the_room() {
    if !have_tool("python3") {
        return;
    }
    let shown = Lesson::play("10-one-freezes-the-room").seen();
    claims(
        &shown,
        &[
            "Leta's thread in the room is blocked in send, to Olaf. It holds the lock",
            "Her thread waits for the lock",
            "The room is frozen",
            "threadchat listen --room",
            "| * Olaf has left: took nothing for 2 s while others waited",
            "Susan has all",
            "The longest she had to wait for one was",
            "Leta hears it",
            "Seen: all 6 claims",
        ],
    );
}

#[test]
fn the_demo_holds_a_conversation_records_both_sides_and_draws_them() {
    if !have_tool("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut demo = Program::spawn_as_is(
        Command::new("python3")
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo"), "--out"])
            .arg(folder.path())
            .env("THREADCHAT", support::threadchat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let shown = String::from_utf8(demo.ends_with(0).stdout).expect("it is text");
    assert!(shown.contains("14 messages, each of them on the other's screen."), "{shown}");
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).expect(file);
    // What each has said left one computer and arrived at the other, by one name.
    let ends = |file: &str, phase: &str| -> BTreeSet<String> {
        let events: Vec<serde_json::Value> = serde_json::from_str(&read(file)).expect("a trace");
        let wire = events.iter().filter(|it| it["name"] == "wire" && it["ph"] == phase);
        wire.map(|it| it["args"]["message"].to_string()).collect()
    };
    for (from, to, least) in [("leta.json", "susan.json", 6), ("susan.json", "leta.json", 8)] {
        let sent = ends(from, "s");
        assert!(sent.len() >= least, "{from}: {sent:?}");
        assert_eq!(sent, ends(to, "f"), "{from}");
    }
    let page = read("conversation.html");
    assert!(page.contains("and I can write while you write"), "the messages are in the page");
    assert!(page.trim_end().ends_with("</html>"));
}

#[test]
fn every_lesson_is_in_the_list_and_has_a_test() {
    let list = std::fs::read_to_string(script("README.md")).expect("the list of the lessons");
    let tests = include_str!("lessons.rs");
    let folder = std::fs::read_dir(script("")).expect("the lessons").flatten();
    let names: Vec<String> = folder
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    assert_eq!(names.len(), 10, "{names:?}");
    for name in names {
        assert!(list.contains(&format!("`{name}`")), "{name} is not in the list");
        assert!(tests.contains(&format!("play(\"{name}\")")), "{name} has no test");
    }
    let wrong = std::fs::read_dir(script("wrong")).expect("the wrong programs").flatten();
    for path in wrong.map(|entry| entry.path()).filter(|path| path.extension().is_some()) {
        let text = std::fs::read_to_string(&path).expect("a program");
        assert!(text.starts_with("\"\"\""), "{} does not say what it is", path.display());
        assert!(text.lines().count() <= 45, "{} is not short", path.display());
    }
}

#[test]
fn a_lesson_that_has_not_seen_what_it_claims_fails_and_says_what() {
    if !have_tool("python3") {
        return;
    }
    // A program that does nothing is no threadchat.
    let mut lesson = Lesson::play_with("09-trust-nothing", "true");
    let ended = lesson.program.ends_with(1);
    assert!(ended.stderr.contains("lesson 9: not seen: "), "{}", ended.stderr);
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("Seen: all"));
    lesson.nothing_is_left();
}

#[test]
fn a_lesson_that_is_interrupted_leaves_no_process() {
    if !have_tool("python3") {
        return;
    }
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 128 + 15), (Signal::HUP, 128 + 1)] {
        let mut lesson = Lesson::play("08-nobody-reads");
        // Two programs are in a deadlock by now, and would stay there for ever.
        lesson.program.wait_stdout("Leta's program is blocked in send");
        lesson.program.signal(signal);
        lesson.program.ends_with(code);
        lesson.nothing_is_left();
    }
}

#[test]
fn at_a_terminal_a_lesson_waits_for_enter_and_leaves_its_transcript_here() {
    if !have_tool("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut command = CommandBuilder::new("python3");
    command.arg("-B");
    command.arg(script("07-end-is-also-data"));
    command.env("THREADCHAT", support::threadchat());
    command.cwd(folder.path());
    let mut teacher = Terminal::spawn(command, 120, 80);
    let parts = [
        "The wrong way",
        "The client sends three strings",
        "threadchat, on the same wire",
        "threadchat, on its usual wire",
        "To remember",
    ];
    for part in parts {
        until("it waits for Enter, and has not gone on", || {
            let screen = teacher.screen();
            (screen.trim_end().ends_with("[Enter]") && !screen.contains(part)).then_some(())
        });
        teacher.press("\r");
        teacher.wait_for(part);
    }
    teacher.wait_for("transcript:");
    teacher.ends_with(0);
    let kept = std::fs::read_to_string(folder.path().join("lesson-07.txt")).expect("a transcript");
    assert!(kept.contains("Seen: all 5 claims"), "{kept}");
    assert!(!kept.contains("[Enter]"), "{kept}");
}
