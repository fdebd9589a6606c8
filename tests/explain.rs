//! CONTRACT 9, `--explain`: what each thread does, in words. What a message says, how the calls have
//! cut it, who was woken by whom and how long it was blocked, and the account at the end. That each
//! thread tells of its steps at all is in `streams.rs`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::flow::{Comparison, Random, has_thread, pour};
use support::member::{Member, close_room, open_room};
use support::process::wait_until_quiet;
use support::pty::Terminal;
use support::{
    Output, Program, friend_answers, friend_calls, friend_listener, text, threadchat, until,
};

/// A line of the log.
#[derive(Clone, Debug)]
struct Step {
    /// Since the program began, in microseconds.
    at: u64,
    thread: String,
    words: String,
}

/// How wide the threads' names stand.
const NAME: usize = "socket-reader".len();

impl Step {
    /// A line of the log stands in columns; any other line is none.
    fn parse(line: &str) -> Option<Step> {
        let (time, rest) = line.split_at_checked(12)?;
        let (seconds, micros) = time.strip_suffix(' ')?.split_once('.')?;
        let at = seconds.trim_start().parse::<u64>().ok()? * 1_000_000;
        let at = (micros.len() == 6).then_some(at + micros.parse::<u64>().ok()?)?;
        let (name, words) = rest.split_at_checked(NAME)?;
        let words = words.strip_prefix(' ')?;
        Some(Step { at, thread: name.trim_end().to_owned(), words: words.to_owned() })
    }

    /// How long it says that the thread was blocked, in microseconds, and how exactly it says so.
    fn blocked(&self) -> Option<(u64, u64)> {
        let (_, rest) = self.words.rsplit_once(" (blocked ")?;
        let (number, unit) = rest.strip_suffix(')')?.split_once(' ')?;
        let number: f64 = number.parse().ok()?;
        Some(match unit {
            "us" => (number as u64, 1),
            "ms" => ((number * 1e3) as u64, 1_000),
            "s" => ((number * 1e6) as u64, 100_000),
            other => panic!("{other:?} is no unit in {self:?}"),
        })
    }
}

/// The log on stderr.
fn steps(stderr: &str) -> Vec<Step> {
    stderr.lines().filter_map(Step::parse).collect()
}

/// What a thread has told.
fn told<'a>(steps: &'a [Step], thread: &str) -> Vec<&'a str> {
    let own = steps.iter().filter(|step| step.thread == thread);
    own.map(|step| step.words.as_str()).collect()
}

/// Without the times, which differ from run to run.
fn timeless(words: &str) -> &str {
    words.rsplit_once(" (blocked ").map_or(words, |(words, _)| words)
}

/// A caller with `--explain` on pipes, and its friend.
#[track_caller]
fn conversation(options: &[&str]) -> (Program, TcpStream) {
    let (listener, port) = friend_listener();
    let caller = Program::connect(port, &[&["--explain"], options].concat());
    let friend = friend_answers(&listener);
    friend.set_nodelay(true).unwrap();
    caller.wait_stderr("connected to");
    (caller, friend)
}

/// Ends a conversation in peace, and gives back stderr.
#[track_caller]
fn end(mut program: Program, friend: TcpStream) -> String {
    program.end_stdin();
    friend.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    (&friend).read_to_end(&mut rest).unwrap();
    program.ends_with(0).stderr
}

// Messages.

#[test]
fn two_messages_that_come_together_are_told_as_two_in_one_recv() {
    let (program, mut friend) = conversation(&[]);
    friend.write_all(b"hello\nhow are you?\n").unwrap();
    program.wait_stdout("how are you?\n");
    let stderr = end(program, friend);
    let recv = "recv gave 19 bytes: \"hello | how are you?\", 2 messages in 1 recv; passes them to \
                the coordinator";
    let steps = steps(&stderr);
    assert!(told(&steps, "socket-reader").iter().any(|it| timeless(it) == recv), "{stderr}");
}

#[test]
fn a_message_that_comes_in_pieces_is_told_as_one_in_three_recvs() {
    let (program, mut friend) = conversation(&[]);
    // Each piece has arrived before the next is sent.
    friend.write_all(b"he").unwrap();
    program.wait_stderr("recv gave 2 bytes: \"he\", no end of a message yet");
    friend.write_all(b"llo").unwrap();
    program.wait_stderr("recv gave 3 bytes: \"hello\", no end of a message yet");
    friend.write_all(b" there\nand").unwrap();
    program.wait_stderr("recv gave 10 bytes: \"hello there | and\", 1 message in 3 recvs");
    let stderr = end(program, friend);
    assert!(!stderr.contains("a character was cut"), "{stderr}");
    // (A thread tells three of a kind a second, so this is another conversation.)
    let (program, mut friend) = conversation(&[]);
    friend.write_all(b"and").unwrap();
    program.wait_stderr("recv gave 3 bytes: \"and\"");
    friend.write_all(b" more\nlast\n").unwrap();
    program.wait_stderr(
        "recv gave 11 bytes: \"and more | last\", 2 messages in 1 recv, the first in 2; passes",
    );
    end(program, friend);
}

#[test]
fn a_character_that_is_cut_in_two_is_told() {
    let (program, mut friend) = conversation(&[]);
    friend.write_all(b"caf\xc3").unwrap();
    program.wait_stderr("no end of a message yet; a character was cut here");
    friend.write_all(b"\xa9\n").unwrap();
    program.wait_stderr("recv gave 2 bytes: \"caf\u{e9}\", 1 message in 2 recvs; passes them");
    let stderr = end(program, friend);
    assert_eq!(stderr.matches("a character was cut here").count(), 1, "{stderr}");
    // One of four bytes, cut twice.
    let (program, mut friend) = conversation(&[]);
    for (number, piece) in [(1, &b"\xf0\x9f"[..]), (2, b"\x91")] {
        friend.write_all(piece).unwrap();
        let cut = |stderr: &[u8]| {
            let text = String::from_utf8_lossy(stderr);
            (text.matches("a character was cut here").count() == number).then_some(())
        };
        assert!(program.stderr.wait_until(cut).is_some(), "{}", program.stderr.text());
    }
    friend.write_all(b"\x8d\n").unwrap();
    program.wait_stderr("recv gave 2 bytes: \"\u{1f44d}\", 1 message in 3 recvs; passes them");
    let stderr = end(program, friend);
    assert_eq!(stderr.matches("a character was cut here").count(), 2, "{stderr}");
}

#[test]
fn what_is_read_and_sent_is_told_in_the_same_words() {
    let (mut program, mut friend) = conversation(&[]);
    program.say("one\ntwo\n");
    friend.read_exact(&mut [0; 8]).unwrap();
    program.say("th");
    friend.read_exact(&mut [0; 2]).unwrap();
    program.say("ree\n");
    friend.read_exact(&mut [0; 4]).unwrap();
    let stderr = end(program, friend);
    let steps = steps(&stderr);
    for (thread, call, gave, passes) in [
        ("stdin-reader", "read", "gave", "; passes them to the coordinator"),
        ("socket-writer", "send", "took", ""),
    ] {
        let begin = format!("{call} {gave} ");
        let calls: Vec<_> = told(&steps, thread)
            .into_iter()
            .filter(|words| words.starts_with(&begin) && !words.contains(" 0 bytes"))
            .map(timeless)
            .collect();
        let expected = [
            format!("{begin}8 bytes: \"one | two\", 2 messages in 1 {call}{passes}"),
            format!("{begin}2 bytes: \"th\", no end of a message yet{passes}"),
            format!("{begin}4 bytes: \"three\", 1 message in 2 {call}s{passes}"),
        ];
        assert_eq!(calls, expected, "{stderr}");
    }
}

#[test]
fn frames_are_told_by_their_words() {
    let (program, mut friend) = conversation(&["--wire", "frames"]);
    friend.write_all(b"\x05\x00hello\x00\x00\x02\x00h").unwrap();
    program.wait_stderr("recv gave 12 bytes: \"hello |  | h\", 2 messages in 1 recv");
    friend.write_all(b"i").unwrap();
    program.wait_stderr("recv gave 1 bytes: \"hi\", 1 message in 2 recvs");
    friend.write_all(b"\x03\x00end").unwrap();
    end(program, friend);
}

#[test]
fn escape_sequences_are_told_as_text() {
    let (mut program, mut friend) = conversation(&[]);
    let hostile = "\x1b]0;title\x07\x1b[2J\u{9b}31m\x7f\u{202e}";
    friend.write_all(format!("{hostile}\n").as_bytes()).unwrap();
    program.wait_stdout(format!("{hostile}\n"));
    program.say(format!("{hostile}\n"));
    friend.read_exact(&mut [0; 24]).unwrap();
    let stderr = end(program, friend);
    let shown = "^[]0;title^G^[[2J";
    for part in ["recv gave 24 bytes: \"", "read gave 24 bytes: \"", "send took 24 bytes: \""] {
        assert!(stderr.contains(&format!("{part}{shown}")), "{stderr}");
    }
    let harmful = |it: char| it.is_control() && it != '\n' || it == '\u{202e}';
    assert!(!stderr.contains(harmful), "{stderr:?}");
}

// Steps.

#[test]
fn a_message_is_told_from_thread_to_thread_in_order() {
    let (mut program, mut friend) = conversation(&[]);
    // They all wait for what comes now.
    wait_until_quiet(&[program.child.id()]);
    friend.write_all(b"hello\n").unwrap();
    program.wait_stdout("hello\n");
    wait_until_quiet(&[program.child.id()]);
    program.say("bye\n");
    friend.read_exact(&mut [0; 4]).unwrap();
    let stderr = end(program, friend);
    let steps = steps(&stderr);
    let mut rest = steps.iter();
    for (thread, words) in [
        ("socket-reader", "recv gave 6 bytes: \"hello\"; passes them to the coordinator"),
        ("coordinator", "woken by socket-reader 1: 6 bytes"),
        ("coordinator", "passes 6 bytes to screen-writer"),
        ("screen-writer", "woken by the coordinator"),
        ("screen-writer", "blocks in write with 6 bytes"),
        ("screen-writer", "write took 6 bytes"),
        ("screen-writer", "blocks on its outbox"),
        ("stdin-reader", "read gave 4 bytes: \"bye\"; passes them to the coordinator"),
        ("coordinator", "woken by stdin-reader: 4 bytes"),
        ("coordinator", "passes 4 bytes to socket-writer"),
        ("socket-writer", "woken by the coordinator"),
        ("socket-writer", "blocks in send with 4 bytes"),
        ("socket-writer", "send took 4 bytes: \"bye\""),
        ("socket-writer", "blocks on its outbox"),
    ] {
        let found = rest.any(|step| step.thread == thread && timeless(&step.words) == words);
        assert!(found, "{thread} {words} is not told, or out of order:\n{stderr}");
    }
    // Whoever had to wait for it was blocked meanwhile.
    for (thread, words) in [
        ("socket-reader", "recv gave 6 bytes"),
        ("coordinator", "woken by socket-reader 1: 6 bytes"),
        ("screen-writer", "woken by the coordinator"),
        ("stdin-reader", "read gave 4 bytes"),
        ("socket-writer", "woken by the coordinator"),
    ] {
        let step = steps.iter().find(|it| it.thread == thread && it.words.starts_with(words));
        let step = step.expect("it was found before");
        let (blocked, _) = step.blocked().unwrap_or_else(|| panic!("how long? {step:?}"));
        assert!(blocked >= 500_000, "{step:?}");
    }
}

#[test]
fn each_call_that_has_returned_is_told_with_the_time_it_was_blocked() {
    let (mut program, mut friend) = conversation(&[]);
    for _ in 0..3 {
        friend.write_all(b"hello\n").unwrap();
        program.say("hi\n");
        friend.read_exact(&mut [0; 3]).unwrap();
    }
    let stderr = end(program, friend);
    let steps = steps(&stderr);
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    let mut measured = 0;
    for step in &steps {
        let words = &step.words;
        let returned = [" gave ", " took ", "woken by ", "is told "].iter().any(|it| {
            let other = ["accept ", "getaddrinfo ", "blocks "];
            words.contains(it) && !other.iter().any(|begin| words.starts_with(begin))
        });
        let blocked = step.blocked();
        assert_eq!(blocked.is_some(), returned, "{step:?}");
        if let (Some((blocked, exact)), Some(since)) = (blocked, last.get(step.thread.as_str())) {
            // The line that it blocks was written before it did, and this one when it was back.
            let longest = step.at - since;
            assert!(blocked <= longest + exact, "{step:?}: at most {longest} us");
            measured += 1;
        }
        if words.starts_with("blocks ") {
            last.insert(&step.thread, step.at);
        } else if returned {
            last.remove(step.thread.as_str());
        }
    }
    assert!(measured >= 15, "{stderr}");
}

#[test]
fn a_reader_whose_buffers_are_all_out_says_so() {
    // The stdin-reader, since the friend does not read. (`--explain` alone would count most steps.)
    let (listener, port) = friend_listener();
    let mut program = Program::spawn(Command::new("env").args([
        "RUST_LOG=threadchat=debug",
        threadchat(),
        "connect",
        "127.0.0.1",
        &port.to_string(),
    ]));
    let friend = friend_answers(&listener);
    program.pipe_in(b"x".repeat(40 << 20));
    wait_until_quiet(&[program.child.id()]);
    let last = |stderr: &str| {
        let steps = steps(stderr);
        steps.into_iter().rfind(|step| step.thread == "stdin-reader").expect("it has read")
    };
    let stuck = last(&program.stderr.text());
    assert_eq!(stuck.words, "all 4 of its buffers are out; blocks until one comes home");
    friend.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    (&friend).read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), 40 << 20);
    let stderr = program.ends_with(0).stderr;
    let steps_of = steps(&stderr);
    let mut later = steps_of.iter().filter(|it| it.thread == "stdin-reader" && it.at > stuck.at);
    let home = later.next().expect("it goes on");
    assert_eq!(timeless(&home.words), "a buffer has come home", "{home:?}");
    assert!(home.blocked().is_some_and(|(blocked, _)| blocked >= 500_000), "{home:?}");
    // and the socket-reader, since nobody reads stdout.
    let (listener, port) = friend_listener();
    let (stdout, to_stdout) = std::io::pipe().unwrap();
    let mut command = Command::new(threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string(), "--explain"]);
    command.stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
    let program = Program::spawn_as_is(&mut command);
    drop(command);
    let mut friend = friend_answers(&listener);
    let sending = friend.try_clone().unwrap();
    let sender = std::thread::spawn(move || friend.write_all(&vec![b'x'; 40 << 20]));
    let told_by = |stderr: &[u8]| {
        let told = steps(&String::from_utf8_lossy(stderr));
        told.iter()
            .find(|step| step.words.contains("all 4 of its buffers are out"))
            .map(|step| step.thread.clone())
    };
    assert_eq!(program.stderr.wait_until(told_by).as_deref(), Some("socket-reader"));
    drop(stdout);
    let _ = sending.shutdown(Shutdown::Both);
    let _ = sender.join().unwrap();
}

#[test]
fn each_thread_says_when_it_begins_and_ends_and_who_has_joined_it() {
    let (program, friend) = conversation(&[]);
    let stderr = end(program, friend);
    let steps = steps(&stderr);
    for thread in ["coordinator", "connector", "stdin-reader", "socket-reader", "socket-writer"] {
        let words = told(&steps, thread);
        assert_eq!(words.first(), Some(&"begins"), "{thread}: {stderr}");
        assert_eq!(words.last(), Some(&"ends"), "{thread}: {stderr}");
        let by = if thread.starts_with("socket-") { "coordinator" } else { "main" };
        let joined = format!("joined {thread}");
        assert!(told(&steps, by).contains(&joined.as_str()), "{by} {joined}: {stderr}");
    }
    assert!(told(&steps, "main").contains(&"joined screen-writer"), "{stderr}");
    assert_eq!(told(&steps, "screen-writer").last(), Some(&"ends"), "{stderr}");
    let writer = told(&steps, "socket-writer");
    assert!(writer.contains(&"everything is sent; closes the sending half (FIN)"), "{stderr}");
    // Nobody is told to begin who is to end.
    let reader = told(&steps, "stdin-reader");
    let begins = reader.iter().filter(|words| words.starts_with("is told to begin")).count();
    assert_eq!(begins, 1, "{stderr}");
}

#[test]
fn a_stdin_reader_whose_pipe_stays_open_is_woken_and_joined() {
    let (mut program, friend) = conversation(&[]);
    drop(friend);
    // Its stdin is open still.
    program.wait_stderr("* the friend has ended");
    wait_until_quiet(&[program.child.id()]); // It has begun to read.
    program.signal(Signal::INT);
    let stderr = program.ends_with(0).stderr;
    let steps = steps(&stderr);
    assert!(told(&steps, "main").contains(&"joined stdin-reader"), "{stderr}");
    let reader = told(&steps, "stdin-reader");
    assert!(reader.contains(&"blocks in read, asking for up to 65536 bytes"), "{stderr}");
    assert_eq!(reader.last(), Some(&"ends"), "{stderr}");
    assert!(
        told(&steps, "coordinator").iter().any(|it| it.starts_with("woken by a signal to leave"))
    );
}

// The account.

/// The lines of the account, without the times.
fn account(stderr: &str) -> Vec<String> {
    let steps = steps(stderr);
    let lines: Vec<&Step> =
        steps.iter().skip_while(|it| !it.words.starts_with("the account, of ")).collect();
    let more = lines.iter().skip(1).take_while(|it| it.words.starts_with("  "));
    more.map(|it| it.words.trim_start().to_owned()).collect()
}

#[test]
fn the_account_counts_messages_bytes_and_calls_of_each_direction() {
    let (mut program, mut friend) = conversation(&[]);
    // Three lines in three calls, and two in one.
    for line in ["one\n", "t\u{e9}\n", "\n", "four\nfive\n"] {
        program.say(line);
        friend.read_exact(&mut vec![0; line.len()]).unwrap();
    }
    // One in two calls.
    friend.write_all(b"hel").unwrap();
    program.wait_stdout("hel");
    friend.write_all(b"lo\n").unwrap();
    program.wait_stdout("hello\n");
    let stderr = end(program, friend);
    let account = account(&stderr);
    assert_eq!(account[0], "said  5 messages, 19 bytes, in 4 reads and 4 sends", "{stderr}");
    assert_eq!(account[1], "heard 1 message, 6 bytes, in 2 recvs and 2 writes", "{stderr}");
    for (thread, calls) in [
        ("stdin-reader", &["read"][..]),
        ("socket-reader", &["recv"]),
        ("coordinator", &["its inbox"]),
        ("socket-writer", &["send", "its outbox"]),
        ("screen-writer", &["write", "its outbox"]),
    ] {
        let begin = format!("{thread:<13} was blocked ");
        let row = account.iter().find_map(|row| row.strip_prefix(&begin));
        let row = row.unwrap_or_else(|| panic!("nothing of {thread}: {stderr}"));
        let parts: Vec<&str> = row.split(", ").collect();
        for call in calls {
            let told = parts.iter().find_map(|part| part.strip_suffix(&format!(" in {call}")));
            let told = told.unwrap_or_else(|| panic!("{thread} in {call}: {stderr}"));
            let (number, unit) = told.split_once(' ').expect("a number and a unit");
            assert!(number.parse::<f64>().is_ok() && ["us", "ms", "s"].contains(&unit), "{told}");
        }
    }
}

#[test]
fn the_account_has_one_line_of_each_kind_also_where_nothing_was_said() {
    let (program, friend) = conversation(&[]);
    let stderr = end(program, friend);
    let account = account(&stderr);
    assert_eq!(account[0], "said  0 messages, 0 bytes, in 0 reads and 0 sends", "{stderr}");
    assert_eq!(account[1], "heard 0 messages, 0 bytes, in 0 recvs and 0 writes", "{stderr}");
}

#[test]
fn a_last_line_without_an_end_is_a_message_in_the_account() {
    let (mut program, mut friend) = conversation(&[]);
    program.say("one\nlast");
    friend.read_exact(&mut [0; 8]).unwrap();
    friend.write_all(b"no end").unwrap();
    program.wait_stdout("no end");
    let stderr = end(program, friend);
    let account = account(&stderr);
    assert_eq!(account[0], "said  2 messages, 8 bytes, in 1 read and 1 send", "{stderr}");
    assert_eq!(account[1], "heard 1 message, 6 bytes, in 1 recv and 1 write", "{stderr}");
}

#[test]
fn each_conversation_has_an_account_of_its_own() {
    let (mut program, port) = Program::listen(&["--keep", "--recv-only", "--explain"]);
    for number in 1..=3 {
        let mut friend = friend_calls(port);
        for line in 0..number {
            let line = format!("{number}: {line}\n");
            friend.write_all(line.as_bytes()).unwrap();
            program.wait_stdout(&line);
        }
        friend.shutdown(Shutdown::Write).unwrap();
        friend.read_to_end(&mut Vec::new()).unwrap();
        let again = |stderr: &[u8]| {
            let text = String::from_utf8_lossy(stderr).into_owned();
            (text.matches("listening on").count() > 2 * number).then_some(())
        };
        assert!(program.stderr.wait_until(again).is_some(), "it does not listen again");
    }
    program.signal(Signal::INT);
    let stderr = program.wait().stderr;
    let heard: Vec<String> = steps(&stderr)
        .into_iter()
        .filter_map(|step| step.words.strip_prefix("  heard ").map(str::to_owned))
        .collect();
    let expected = [
        "1 message, 5 bytes, in 1 recv and 1 write",
        "2 messages, 10 bytes, in 2 recvs and 2 writes",
        "3 messages, 15 bytes, in 3 recvs and 3 writes",
    ];
    assert_eq!(heard, expected, "{stderr}");
}

// How much is told.

/// How many bytes a thread has told of in the lines of one call, the counted ones included.
fn bytes_told(steps: &[Step], thread: &str, call: &str) -> u64 {
    let number = |words: &str| -> u64 {
        let number = words.split_whitespace().next().and_then(|word| word.parse().ok());
        number.unwrap_or_else(|| panic!("no number in {words:?}"))
    };
    let mut sum = 0;
    for words in told(steps, thread) {
        if let Some((_, rest)) = words.split_once("and so on, in ") {
            let parts = rest.split(", ").filter(|part| part.contains(&format!("{call} ")));
            sum +=
                parts.map(|part| number(part.split_once(" with ").expect("bytes").1)).sum::<u64>();
        }
        for word in ["gave", "took"] {
            if let Some(rest) = words.strip_prefix(&format!("{call} {word} ")) {
                sum += number(rest);
            }
        }
    }
    sum
}

#[test]
fn two_hundred_megabytes_drown_nobody_and_every_byte_is_told_of() {
    const BYTES: u64 = 200 << 20;
    let (listener, port) = friend_listener();
    let (stdout, to_stdout) = std::io::pipe().unwrap();
    let mut command = Command::new(threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string(), "--explain"]);
    command.stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
    let mut program = Program::spawn_as_is(&mut command);
    drop(command);
    let friend = friend_answers(&listener);
    let shown = Comparison::start(stdout, Random::new(BYTES, 1));
    let heard = Comparison::start(friend.try_clone().unwrap(), Random::new(BYTES, 2));
    let says = pour(Random::new(BYTES, 2), program.child.stdin.take().unwrap());
    let sent = pour(Random::new(BYTES, 1), friend.try_clone().unwrap());
    assert_eq!(sent.join().unwrap().unwrap(), BYTES);
    friend.shutdown(Shutdown::Write).unwrap();
    assert_eq!(says.join().unwrap().unwrap(), BYTES);
    assert_eq!((shown.finish(), heard.finish()), (BYTES, BYTES));
    let stderr = program.ends_with(0).stderr;
    assert!(!stderr.contains("missing"), "{stderr}");
    let steps = steps(&stderr);
    for (thread, call) in [
        ("stdin-reader", "read"),
        ("socket-reader", "recv"),
        ("socket-writer", "send"),
        ("screen-writer", "write"),
    ] {
        assert_eq!(bytes_told(&steps, thread, call), BYTES, "{thread}: {stderr}");
    }
    let account = account(&stderr);
    let all = format!(" messages, {BYTES} bytes, in ");
    assert!(account[0].starts_with("said ") && account[0].contains(&all), "{stderr}");
    assert!(account[1].starts_with("heard ") && account[1].contains(&all), "{stderr}");
    // Of each kind of step a thread tells three a second.
    let seconds = steps.last().expect("it tells something").at / 1_000_000 + 1;
    let lines = steps.len() as u64;
    assert!(lines <= 60 + 90 * seconds, "{lines} lines in {seconds} s:\n{stderr}");
}

#[test]
fn rust_log_tells_every_step() {
    let (listener, port) = friend_listener();
    let mut command = Command::new("env");
    command.args(["RUST_LOG=threadchat=trace", threadchat()]);
    command.args(["connect", "127.0.0.1", &port.to_string()]);
    let mut program = Program::spawn(&mut command);
    let mut friend = friend_answers(&listener);
    program.wait_stderr("connected to");
    let mut text = String::new();
    for number in 0..100 {
        let line = format!("line {number}\n");
        friend.write_all(line.as_bytes()).unwrap();
        text += &line;
        program.wait_stdout(&text);
        program.say(&line);
        friend.read_exact(&mut vec![0; line.len()]).unwrap();
        // Or there would be more than may wait for stderr.
        program.wait_stderr(&format!("send took {} bytes: \"line {number}\"", line.len()));
    }
    let stderr = end(program, friend);
    let steps = steps(&stderr);
    for (thread, begins, count) in [
        ("socket-reader", "blocks in recv", 101),
        ("socket-reader", "recv gave ", 101),
        ("stdin-reader", "blocks in read", 101),
        ("stdin-reader", "read gave ", 101),
        ("coordinator", "woken by socket-reader 1: ", 101),
        ("coordinator", "woken by stdin-reader: ", 101),
        ("coordinator", "passes ", 200),
        ("socket-writer", "blocks in send with ", 100),
        ("socket-writer", "send took ", 100),
        ("screen-writer", "blocks in write with ", 100),
        ("screen-writer", "write took ", 100),
    ] {
        let found = told(&steps, thread).iter().filter(|it| it.starts_with(begins)).count();
        assert_eq!(found, count, "{thread} {begins}: {stderr}");
    }
    for thread in ["socket-writer", "screen-writer"] {
        let words = told(&steps, thread);
        let blocks = words.iter().filter(|it| it.starts_with("blocks on its outbox")).count();
        let woken = words.iter().filter(|it| it.starts_with("woken by the coordinator")).count();
        // One that is busy still finds what has come meanwhile; and what wakes it at the end is no
        // message.
        assert!((50..=100).contains(&woken), "{thread} was woken {woken} times");
        assert!((woken..=woken + 1).contains(&blocks), "{thread}: {blocks} and {woken}");
    }
    assert!(!stderr.contains("and so on"), "nothing is only counted");
}

/// What was dropped last was never told: only the next line would have told it.
#[test]
fn lines_that_are_missing_at_the_end_are_counted_too() {
    let (listener, port) = friend_listener();
    let (stderr, to_stderr) = std::io::pipe().unwrap();
    let mut command = Command::new("env");
    command.args(["RUST_LOG=trace", threadchat(), "connect", "127.0.0.1", &port.to_string()]);
    command.args(["--recv-buffer", "1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(to_stderr);
    let mut program = Program::spawn_as_is(&mut command);
    drop(command); // Or the test would hold the pipe open.
    let mut friend = friend_answers(&listener);
    friend.write_all(&[b'x'; 10_000]).unwrap();
    assert!(program.stdout.wait_until(|bytes| (bytes.len() == 10_000).then_some(())).is_some());
    drop(friend);
    program.end_stdin();
    // Everybody else has said what there was to say.
    until("only stderr is left", || {
        let pid = program.child.id();
        (!has_thread(pid, "coordinator") && !has_thread(pid, "screen-writer")).then_some(())
    });
    let stderr = Output::collect(stderr);
    program.ends_with(0);
    let stderr = text(&stderr.to_end());
    let mut lines = stderr.lines();
    let counted = |lines: &mut dyn Iterator<Item = &str>| -> u64 {
        let missing = lines.filter_map(|line| line.split_once(" lines are missing here: "));
        missing.map(|(count, _)| count.trim_start_matches("* ").parse::<u64>().unwrap()).sum()
    };
    // This is said to the person, and no log pushes it out.
    let before = counted(&mut lines.by_ref().take_while(|line| *line != "friend has left"));
    assert!(before > 10_000, "{before} are missing before the end");
    assert!(counted(&mut lines) > 0, "nothing is missing behind it, or nobody says so: {stderr}");
}

// How it looks.

#[test]
fn the_threads_names_stand_in_a_column() {
    let (mut program, mut friend) = conversation(&[]);
    friend.write_all(b"hello\n").unwrap();
    program.wait_stdout("hello\n");
    program.say("hi\n");
    friend.read_exact(&mut [0; 3]).unwrap();
    let stderr = end(program, friend);
    let mut names = BTreeSet::new();
    for line in stderr.lines() {
        let status =
            ["connected to ", "friend has left", "* "].iter().any(|it| line.starts_with(it));
        let step = Step::parse(line);
        assert_ne!(step.is_some(), status, "{line:?}");
        let Some(step) = step else { continue };
        assert!(!step.thread.is_empty() && !step.thread.contains(' '), "{line:?}");
        // The lines of the account are indented by two.
        let indented = step.words.strip_prefix("  ").unwrap_or(&step.words);
        assert!(!indented.is_empty() && !indented.starts_with(' '), "{line:?}");
        names.insert(step.thread);
    }
    assert!(names.len() >= 7, "{names:?}");
}

#[test]
fn in_a_room_the_column_has_room_for_the_members_numbers() {
    let (room, port) = open_room("lines", &["--explain"]);
    let mut members: Vec<Member> = (1..=11).map(|_| Member::joins(port, "lines")).collect();
    members[10].say("hello");
    until("it was said", || members[0].hear().ends_with("says: hello").then_some(()));
    let stderr = close_room(room).stderr;
    // As wide as the first line has it.
    let first = stderr.lines().find(|line| line.contains("the log is on"));
    let width = first.and_then(|line| line.find("the log is on")).expect("the first line");
    let mut names = BTreeSet::new();
    for line in stderr.lines() {
        let is_time = |time: &str| time.ends_with(' ') && time.trim().parse::<f64>().is_ok();
        if !line.get(..12).is_some_and(is_time) {
            continue; // A status line, or a notice.
        }
        let (name, words) = line[12..].split_at(width - 12);
        let words = words.strip_prefix("  ").unwrap_or(words);
        assert!(name.ends_with(' ') && !name.starts_with(' '), "{line:?}");
        assert!(!name.trim_end().contains("  ") && !words.starts_with(' '), "{line:?}");
        names.insert(name.trim_end().to_owned());
    }
    let expected = ["acceptor", "coordinator", "main", "socket-reader 11", "socket-writer 2"];
    assert!(expected.iter().all(|name| names.contains(*name)), "{names:?}");
}

/// The colours of the threads' names on the screen of a terminal in which `--explain` runs with
/// this environment and these options.
#[track_caller]
fn colours(environment: &[(&str, &str)], options: &[&str]) -> BTreeMap<String, Vec<vt100::Color>> {
    let (listener, port) = friend_listener();
    let mut command = CommandBuilder::new("env");
    command.args(environment.iter().map(|(key, value)| format!("{key}={value}")));
    command.args([threadchat(), "connect", "127.0.0.1", &port.to_string(), "--explain"]);
    command.args(options);
    let mut terminal = Terminal::spawn(command, 120, 160);
    let mut friend = friend_answers(&listener);
    terminal.wait_for("connected to");
    friend.write_all(b"hello\n").unwrap();
    terminal.wait_for("friend says: hello");
    terminal.press("hi\r");
    friend.read_exact(&mut [0; 3]).unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    terminal.press("\x04");
    terminal.ends_with(0);
    terminal.with_screen(|screen| {
        let mut colours: BTreeMap<String, Vec<vt100::Color>> = BTreeMap::new();
        for (row, line) in (0..).zip(screen.rows(0, 160)) {
            let Some(step) = Step::parse(&line) else { continue };
            let found = colours.entry(step.thread.clone()).or_default();
            for column in 12..12 + step.thread.len() as u16 {
                found.push(screen.cell(row, column).expect("it is there").fgcolor());
            }
            // The time before the name, and the words behind it, are plain.
            for column in [10, 12 + NAME as u16 + 1] {
                let plain = screen.cell(row, column).expect("it is there").fgcolor();
                assert_eq!(plain, vt100::Color::Default, "{line:?}");
            }
        }
        for thread in ["coordinator", "stdin-reader", "socket-reader", "screen-writer", "connector"]
        {
            assert!(colours.contains_key(thread), "no {thread} in\n{}", screen.contents());
        }
        colours.values_mut().for_each(Vec::dedup);
        colours
    })
}

#[test]
fn at_a_terminal_each_thread_has_a_colour_of_its_own() {
    for options in [&[][..], &["--plain"]] {
        let colours = colours(&[], options);
        for (thread, found) in &colours {
            let [colour] = found[..] else { panic!("{thread} has {found:?}") };
            // Red is for errors.
            let vt100::Color::Idx(code) = colour else { panic!("{thread} is {colour:?}") };
            assert!(![0, 1, 7, 9, 15].contains(&code), "{thread} has colour {code}");
        }
        let busy =
            ["coordinator", "stdin-reader", "socket-reader", "socket-writer", "screen-writer"];
        let different: BTreeSet<String> =
            busy.iter().map(|thread| format!("{:?}", colours[*thread])).collect();
        assert_eq!(different.len(), busy.len(), "{colours:?}");
    }
}

#[test]
fn there_is_no_colour_where_none_is_wanted() {
    for (environment, options) in [
        (&[("NO_COLOR", "1")][..], &[][..]),
        (&[], &["--color", "never"]),
        (&[("TERM", "dumb")], &[]),
    ] {
        for (thread, found) in colours(environment, options) {
            assert_eq!(found, [vt100::Color::Default], "{thread}: {environment:?} {options:?}");
        }
    }
}

#[test]
fn a_log_in_a_file_has_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    for colour in ["auto", "always"] {
        let (listener, port) = friend_listener();
        let mut command = CommandBuilder::new("bash");
        let script = format!(
            r#"exec "$0" connect 127.0.0.1 {port} --explain --color {colour} 2>'{}'"#,
            file.display()
        );
        command.args(["-c", &script, threadchat()]);
        let mut terminal = Terminal::spawn(command, 24, 80);
        let mut friend = friend_answers(&listener);
        friend.write_all(b"hello\n").unwrap();
        terminal.wait_for("friend says: hello");
        drop(friend);
        terminal.ends_with(0);
        let log = std::fs::read_to_string(&file).unwrap();
        assert!(steps(&log).len() > 20, "{log}");
        assert!(!log.contains('\x1b'), "--color {colour}: {log:?}");
    }
}

/// How long nothing may happen.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn nothing_is_told_while_nothing_happens() {
    let (program, mut friend) = conversation(&[]);
    friend.write_all(b"hello\n".repeat(50).as_slice()).unwrap();
    program.wait_stderr("hello");
    wait_until_quiet(&[program.child.id()]);
    let before = program.stderr.text();
    std::thread::sleep(A_WHILE);
    assert_eq!(program.stderr.text(), before);
    end(program, friend);
}
