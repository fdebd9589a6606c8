//! CONTRACT 9, `--trace FILE`: what each thread does, as a file. Every trace that any of these tests
//! makes is read by the same strict reader, [`support::trace`], which holds the promises that every
//! trace keeps: valid JSON, lives without a gap, messages that are taken once and not before they
//! are handed over, streams without a gap. What stands here is what is true of one conversation and
//! not of another.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode};
use rustix::process::Signal;
use socket2::SockRef;
use support::flow::{Comparison, Random, pour};
use support::member::{Member, everybody_hangs_up, open_room};
use support::observe::until_all_sleep;
use support::process::{ThreadState, threads, wait_for_threads, wait_until_quiet};
use support::pty::Terminal;
use support::trace::{Trace, assert_both_ends, assert_said, read, read_interrupted, read_killed};
use support::{
    Program, error_sentence, friend_answers, friend_calls, friend_listener, peak_memory,
    threadchat, until,
};

/// Sequences that would do something to a terminal, and what is shown of them.
const HOSTILE: &str = "\x1b]0;title\x07\x1b[2J\u{9b}31m";
const HARMLESS: &str = "^[]0;title^G^[[2J";

/// Where a test's traces are.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A file in it.
    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as a word of the command line.
    fn path(&self, name: &str) -> String {
        self.file(name).to_str().expect("it is text").to_owned()
    }
}

/// Two programs on pipes that are connected, each with a trace: `here` (who listens) and `there`.
#[track_caller]
fn two(folder: &Folder, options: &[&str]) -> (Program, Program) {
    two_with(folder, options, options)
}

#[track_caller]
fn two_with(folder: &Folder, here: &[&str], there: &[&str]) -> (Program, Program) {
    let (listener, port) = Program::listen(&[&["--trace", &folder.path("here")], here].concat());
    let caller = Program::connect(port, &[&["--trace", &folder.path("there")], there].concat());
    listener.wait_stderr("connected to");
    caller.wait_stderr("connected to");
    (listener, caller)
}

/// The threads of a program, once each has its name: a new one has the program's until it runs.
#[track_caller]
fn named_threads(pid: u32) -> Vec<ThreadState> {
    until("each thread has its name", || {
        let threads = threads(pid);
        let unnamed = threads.iter().filter(|thread| thread.name == "threadchat").count();
        (unnamed == 1).then_some(threads)
    })
}

/// Ends a conversation in peace, and reads both traces.
#[track_caller]
fn end(folder: &Folder, mut one: Program, mut other: Program) -> (Trace, Trace) {
    one.end_stdin();
    other.end_stdin();
    one.ends_with(0);
    other.ends_with(0);
    (read(&folder.file("here")), read(&folder.file("there")))
}

/// How many bytes, and how many messages, passed in these calls.
fn sum(trace: &Trace, thread: &str, call: &str) -> (u64, u64) {
    let calls = trace.calls(thread, call);
    let bytes = calls.iter().filter_map(|span| span.facts.bytes).sum();
    (bytes, calls.iter().filter_map(|span| span.facts.messages).sum())
}

/// The messages that went over the wire, in the order of the stream: their texts and sizes.
fn sent(trace: &Trace) -> Vec<(&str, u64)> {
    let mut sent: Vec<_> = trace.sent.iter().collect();
    sent.sort_by_key(|it| it.offset);
    sent.into_iter().map(|it| (it.text.as_str(), it.bytes)).collect()
}

// What was said.

#[test]
fn each_line_has_its_way_through_every_thread_of_both_programs() {
    let folder = Folder::new();
    let (mut here, mut there) = two(&folder, &[]);
    let lines = ["hello", "caf\u{e9}", "\u{1f44d}", HOSTILE, ""];
    let shown = ["hello", "caf\u{e9}", "\u{1f44d}", HARMLESS, ""];
    // One at a time, so that each is alone in what is read; and told apart from those of the other.
    let mut heard = [String::new(), String::new()];
    for line in lines {
        there.say(format!("{line}\n"));
        heard[0] += &format!("{line}\n");
        here.wait_stdout(&heard[0]);
        here.say(format!("{line}!\n"));
        heard[1] += &format!("{line}!\n");
        there.wait_stdout(&heard[1]);
    }
    let running = [named_threads(here.child.id()), named_threads(there.child.id())];
    let (here, there) = end(&folder, here, there);
    here.assert_has_threads(&running[0]);
    there.assert_has_threads(&running[1]);
    for ((text, _), begins) in sent(&there).into_iter().zip(shown) {
        // (Of the C1 sequence introducer something is shown as well, in a form of its own.)
        assert!(text == begins || begins == HARMLESS && text.starts_with(begins), "{text:?}");
        assert_said(&there, &here, text);
        assert_said(&here, &there, &format!("{text}!"));
    }
    assert_eq!(assert_both_ends(&here, &there), 2 * lines.len());
    let bytes: u64 = lines.iter().map(|line| line.len() as u64 + 1).sum();
    for (thread, call) in [("stdin-reader", "read"), ("socket-writer", "send")] {
        assert_eq!(sum(&there, thread, call), (bytes, 5), "{thread}");
        assert_eq!(sum(&here, thread, call), (bytes + 5, 5), "{thread}");
    }
    assert_eq!(sum(&here, "socket-reader", "recv"), (bytes, 5));
    assert_eq!(sum(&here, "screen-writer", "write").0, bytes);
    assert_eq!((here.wire.as_str(), there.wire.as_str()), ("lines", "lines"));
}

#[test]
fn the_first_event_says_what_was_called_by_whom_and_with_which_wire() {
    let folder = Folder::new();
    let (here, there) =
        two_with(&folder, &["--wire", "frames"], &["--wire", "frames", "--name", "Susan"]);
    let (here, there) = end(&folder, here, there);
    assert_eq!((here.wire.as_str(), there.wire.as_str()), ("frames", "frames"));
    assert_eq!((here.name.as_str(), there.name.as_str()), ("", "Susan"));
    assert_eq!(here.command, "listen 127.0.0.1:0");
    let (_, address) = there.command.split_once("connect ").expect("the command");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let (_, to) = sent_stream(&there);
    assert_eq!(address, to);
}

/// The two ends of the only stream that a program has sent.
fn sent_stream(trace: &Trace) -> (&str, &str) {
    let stream = &trace.sent.first().expect("it has sent").stream;
    assert!(trace.sent.iter().all(|it| it.stream == *stream));
    stream.split_once('>').expect("SENDER>RECEIVER")
}

#[test]
fn lines_that_come_byte_by_byte_and_leave_together_are_the_same_messages_at_both_ends() {
    let folder = Folder::new();
    let (here, mut there) = two_with(&folder, &["--recv-buffer", "1"], &[]);
    // Many lines in one send, with CR and LF, an empty one, a long one, and a last one without end.
    let long = "x".repeat(200);
    let text = format!("one\r\ntw\u{e9}\n\n{long}\nlast");
    there.say(&text);
    there.end_stdin();
    here.wait_stdout(&text);
    let (here, there) = end(&folder, here, there);
    let excerpt = format!("{}...", "x".repeat(60));
    let expected = [("one", 5), ("tw\u{e9}", 5), ("", 1), (excerpt.as_str(), 201), ("last", 4)];
    assert_eq!(sent(&there), expected);
    assert_eq!(assert_both_ends(&here, &there), expected.len());
    let sends = there.calls("socket-writer", "send");
    let [send] = &sends[..] else { panic!("one send: {sends:?}") };
    assert_eq!((send.facts.bytes, send.facts.messages), (Some(text.len() as u64), Some(4)));
    let cut = send.facts.cut.as_deref().expect("a word about it");
    assert!(cut.starts_with("4 messages in 1 send"), "{cut}");
    let recvs = here.calls("socket-reader", "recv");
    let pieces: Vec<_> = recvs.iter().filter(|span| span.facts.bytes == Some(1)).collect();
    assert_eq!(pieces.len(), text.len(), "a byte a call");
    assert_eq!(pieces.iter().filter_map(|span| span.facts.messages).sum::<u64>(), 4);
    let told = |at: usize| pieces[at].facts.cut.as_deref().unwrap_or_default();
    assert_eq!(told(4), "1 message in 5 recvs");
    assert!(told(7).contains("a character was cut here"), "{:?}", told(7));
    assert!(!told(8).contains("a character was cut here"), "{:?}", told(8));
    assert_eq!(told(10), "", "an empty line, alone in a recv");
    assert_eq!(told(10 + 201), "1 message in 201 recvs");
    // What found the end of the stream has also found that of the last line.
    let last = recvs.last().expect("there are some");
    assert_eq!((last.facts.bytes, last.facts.messages), (Some(0), Some(1)));
    assert_eq!(last.facts.text.as_deref(), Some("last"));
}

#[test]
fn frames_are_messages_too_the_empty_one_and_the_end_among_them() {
    for recv_buffer in ["1", "65536"] {
        let folder = Folder::new();
        let wire = ["--wire", "frames", "--recv-buffer", recv_buffer];
        let (here, mut there) = two(&folder, &wire);
        for (line, heard) in
            [("hello\n", "hello\n"), ("\n", "hello\n\n"), ("\u{1f44d}\n", "hello\n\n\u{1f44d}\n")]
        {
            there.say(line);
            here.wait_stdout(heard);
        }
        there.say("one\ntwo");
        there.end_stdin();
        here.wait_stdout("one\ntwo\n");
        let (here, there) = end(&folder, here, there);
        let expected =
            [("hello", 7), ("", 2), ("\u{1f44d}", 6), ("one", 5), ("two", 5), ("end", 5)];
        assert_eq!(sent(&there), expected, "--recv-buffer {recv_buffer}");
        assert_eq!(sent(&here), [("end", 5)]);
        assert_eq!(assert_both_ends(&here, &there), expected.len() + 1);
        for text in ["hello", "", "\u{1f44d}"] {
            assert_said(&there, &here, text);
        }
        assert_eq!(sum(&here, "socket-reader", "recv"), (30, 6));
        assert_eq!(sum(&there, "socket-writer", "send"), (30, 6));
    }
}

#[test]
fn two_people_at_terminals_each_have_a_whole_trace() {
    let folder = Folder::new();
    let (mut here, port) = Terminal::listen(&["--trace", &folder.path("here")]);
    let mut there = Terminal::start(&[
        "connect",
        "127.0.0.1",
        &port.to_string(),
        "--trace",
        &folder.path("there"),
    ]);
    here.wait_for("connected to");
    there.wait_for("connected to");
    here.press("caf\u{e9}\r");
    there.wait_for("friend says: caf\u{e9}");
    there.press("\u{1f44d} fine\r");
    here.wait_for("friend says: \u{1f44d} fine");
    let running = [named_threads(here.pid()), named_threads(there.pid())];
    here.press("\x04");
    there.press("\x04");
    here.ends_with(0);
    there.ends_with(0);
    let (here, there) = (read(&folder.file("here")), read(&folder.file("there")));
    here.assert_has_threads(&running[0]);
    there.assert_has_threads(&running[1]);
    assert_said(&here, &there, "caf\u{e9}");
    assert_said(&there, &here, "\u{1f44d} fine");
    assert_eq!(assert_both_ends(&here, &there), 2);
    // What I have said stays on my screen.
    let own = here.hop("coordinator", "caf\u{e9}", "screen-writer");
    assert!(own.to.is_some());
}

#[test]
fn escape_sequences_that_a_stranger_sends_are_text_in_the_trace() {
    let folder = Folder::new();
    let (mut terminal, port) = Terminal::listen(&["--trace", &folder.path("here")]);
    let mut stranger = friend_calls(port);
    terminal.wait_for("connected to");
    stranger.write_all(format!("{HOSTILE}\n").as_bytes()).unwrap();
    stranger.write_all(b"\xff\x00\x7f \xe2\x80\xae!\n").unwrap();
    terminal.wait_for("^G");
    terminal.wait_for("!");
    stranger.shutdown(Shutdown::Write).unwrap();
    terminal.press("\x04");
    terminal.ends_with(0);
    // The reader of the trace holds that nothing in it can do harm.
    let trace = read(&folder.file("here"));
    let received: Vec<&str> = trace.received.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(received.len(), 2);
    assert!(received[0].starts_with(HARMLESS), "{received:?}");
    assert!(received[1].starts_with("\u{fffd}^@^?"), "{received:?}");
    assert!(!received[1].contains('\u{202e}'), "{received:?}");
}

// Rooms and files.

#[test]
fn a_room_and_its_members_have_traces_that_fit_together() {
    let folder = Folder::new();
    let (mut room, port) = open_room("lines", &["--trace", &folder.path("room")]);
    let mut untraced = Member::joins_as(port, "lines", "Nc");
    let mut members: Vec<Program> = ["one", "two"]
        .iter()
        .map(|name| {
            let member = Program::connect(port, &["--trace", &folder.path(name)]);
            // It is in the room.
            member.wait_stdout("/room welcome");
            member
        })
        .collect();
    untraced.hears(&["* guest-2 has joined", "* guest-3 has joined"]);
    members[0].wait_stdout("* guest-3 has joined\n");
    members[0].say("from one\n");
    members[1].wait_stdout("guest-2 says: from one\n");
    room.wait_stdout("guest-2 says: from one\n");
    untraced.hears(&["guest-2 says: from one"]);
    untraced.say("from nc");
    for member in &members {
        member.wait_stdout("Nc says: from nc\n");
    }
    room.say("from the host\n");
    for member in &members {
        member.wait_stdout("host says: from the host\n");
    }
    let running = named_threads(room.child.id());
    for member in &mut members {
        member.end_stdin();
        member.ends_with(0);
    }
    everybody_hangs_up();
    room.signal(Signal::INT);
    room.ends_with(0);
    let host = read_interrupted(&folder.file("room"));
    assert!(host.command.ends_with(" --room"), "{}", host.command);
    host.assert_has_threads(&running);
    // Of each member's threads it is said whose they are.
    for name in ["socket-reader", "socket-writer"] {
        for number in 1..=3 {
            let whose = format!("{name} {number}");
            assert!(host.threads.values().any(|name| *name == whose), "{:?}", host.threads);
        }
    }
    let (one, two) = (read(&folder.file("one")), read(&folder.file("two")));
    assert!(assert_both_ends(&host, &one) >= 5, "a welcome, a notice, and what was said");
    assert!(assert_both_ends(&host, &two) >= 4);
    // What one member said came to each other's writer, and to the screen.
    host.hop("socket-reader 2", "from one", "coordinator");
    for taker in ["socket-writer 1", "socket-writer 3"] {
        host.hop("coordinator", "guest-2 says: from one", taker);
    }
    assert_eq!(host.hops("coordinator", "guest-2 says: from one", "socket-writer 2").len(), 0);
    two.hop("socket-reader", "guest-2 says: from one", "coordinator");
    two.hop("coordinator", "guest-2 says: from one", "screen-writer");
    one.hop("stdin-reader", "from one", "coordinator");
    for number in 1..=3 {
        let taker = format!("socket-writer {number}");
        host.hop("coordinator", "host says: from the host", &taker);
    }
}

#[test]
fn a_transcript_is_one_more_thread_that_messages_go_to() {
    let folder = Folder::new();
    let transcript = ["--transcript", &folder.path("transcript")];
    let (mut here, mut there) = two_with(&folder, &transcript, &[]);
    there.say("hello\n");
    here.wait_stdout("hello\n");
    here.say("hi\n");
    there.wait_stdout("hi\n");
    let running = named_threads(here.child.id());
    let (here, there) = end(&folder, here, there);
    here.assert_has_threads(&running);
    assert_eq!(assert_both_ends(&here, &there), 2);
    for text in ["hello", "hi"] {
        let hop = here.hop("coordinator", text, "transcript");
        let taken = hop.to.as_ref().expect("it was taken").at;
        let writes = here.calls("transcript", "write");
        assert!(writes.iter().any(|span| span.begin >= taken && span.facts.bytes > Some(0)));
    }
    // Each of the three who got it has its own arrow.
    assert_said(&there, &here, "hello");
    assert_said(&here, &there, "hi");
}

#[test]
fn explain_and_a_trace_go_together() {
    let folder = Folder::new();
    let (mut here, mut there) = two(&folder, &["--explain"]);
    there.say("hello\n");
    here.wait_stdout("hello\n");
    here.end_stdin();
    there.end_stdin();
    for program in [&mut here, &mut there] {
        let ended = program.ends_with(0);
        for part in ["hello", "blocks in recv", "the account"] {
            assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
        }
    }
    let (here, there) = (read(&folder.file("here")), read(&folder.file("there")));
    assert_said(&there, &here, "hello");
    assert_eq!(assert_both_ends(&here, &there), 1);
    // The steps are spans; they do not stand in it a second time as words.
    assert!(!here.has_note("blocks in recv"), "{:?}", here.notes);
}

#[test]
fn the_notes_tell_how_each_thread_comes_to_its_end() {
    let folder = Folder::new();
    let (here, there) = two(&folder, &[]);
    let (here, _) = end(&folder, here, there);
    for words in [
        "everything is sent; closes the sending half (FIN)",
        "joined socket-reader",
        "joined socket-writer",
        "joined coordinator",
        "joined screen-writer",
        "joined acceptor",
    ] {
        assert!(here.has_note(words), "{words:?}: {:?}", here.notes);
    }
    for thread in ["coordinator", "stdin-reader", "socket-reader", "socket-writer", "screen-writer"]
    {
        for words in ["begins", "ends"] {
            let told = here
                .notes
                .iter()
                .filter(|note| here.kind_of(note.tid) == thread && note.words == words);
            assert_eq!(told.count(), 1, "{thread} {words}");
        }
    }
}

#[test]
fn a_listener_that_keeps_on_has_all_its_conversations_in_one_trace() {
    let folder = Folder::new();
    let (mut listener, port) = Terminal::listen(&["--keep", "--trace", &folder.path("here")]);
    let mut traces = Vec::new();
    for number in 1..=3 {
        let name = format!("there-{number}");
        let mut caller = Program::connect(port, &["--trace", &folder.path(&name)]);
        caller.wait_stderr("connected to");
        let line = format!("I am number {number}\n");
        caller.say(&line);
        listener.wait_for(line.trim_end());
        listener.press(format!("welcome, {number}\r"));
        caller.wait_stdout(format!("welcome, {number}\n"));
        caller.signal(Signal::INT);
        caller.ends_with(0);
        listener.wait_until("it listens again", |screen| {
            (screen.matches("listening on").count() > number).then_some(())
        });
        traces.push(read_interrupted(&folder.file(&name)));
    }
    listener.signal(Signal::INT);
    listener.wait();
    let here = read_interrupted(&folder.file("here"));
    let readers = here.threads.values().filter(|name| *name == "socket-reader").count();
    assert_eq!(readers, 3);
    for (number, there) in (1..).zip(&traces) {
        assert_said(there, &here, &format!("I am number {number}"));
        assert_said(&here, there, &format!("welcome, {number}"));
        assert_eq!(assert_both_ends(&here, there), 2);
    }
}

#[test]
fn calls_that_are_refused_stand_before_the_one_that_is_taken() {
    let folder = Folder::new();
    let (listener, port) = friend_listener();
    drop(listener);
    let mut caller = Program::connect(port, &["--wait", "--trace", &folder.path("there")]);
    caller.wait_stderr("* "); // That nobody listens there yet.
    let mut here =
        Program::start(&["listen", &format!("127.0.0.1:{port}"), "--trace", &folder.path("here")]);
    caller.wait_stderr("connected to");
    caller.say("at last\n");
    here.wait_stdout("at last\n");
    here.end_stdin();
    caller.end_stdin();
    caller.ends_with(0);
    here.ends_with(0);
    let (here, there) = (read(&folder.file("here")), read(&folder.file("there")));
    let calls = there.calls("connector", "connect");
    assert!(calls.len() >= 2, "{calls:?}");
    let (last, refused) = calls.split_last().expect("there are some");
    for span in refused {
        let why = span.facts.failed.as_deref().unwrap_or_default();
        assert!(why.to_lowercase().contains("refused"), "{span:?}");
    }
    assert_eq!(last.facts.failed, None);
    assert_said(&there, &here, "at last");
}

// Ends.

#[test]
fn a_trace_is_valid_also_after_a_signal() {
    for (signal, hears_it) in
        [(Signal::INT, "ctrl-c"), (Signal::TERM, "signals"), (Signal::HUP, "signals")]
    {
        let folder = Folder::new();
        let (here, mut there) = two(&folder, &[]);
        there.say("hello\n");
        here.wait_stdout("hello\n");
        let (mut here, mut there) = (here, there);
        wait_until_quiet(&[here.child.id()]); // Its stdin-reader has begun to read.
        here.signal(signal);
        there.wait_stderr("* the friend has ended"); // It would be waited for.
        there.end_stdin();
        here.ends_with(0);
        there.ends_with(0);
        let (here, there) =
            (read_interrupted(&folder.file("here")), read_interrupted(&folder.file("there")));
        assert_said(&there, &here, "hello");
        assert_eq!(assert_both_ends(&here, &there), 1);
        assert!(
            here.calls("coordinator", "inbox")
                .iter()
                .any(|span| span.facts.woken_by.as_deref() == Some(hears_it))
        );
        // The reader of a pipe that stays open is woken too.
        let reads = here.calls("stdin-reader", "read");
        let last = reads.last().expect("there is one");
        assert_ne!(last.facts.open, Some(true), "{last:?}");
        assert!(here.has_note("joined stdin-reader"));
    }
}

#[test]
fn a_trace_is_valid_also_before_anybody_calls() {
    let folder = Folder::new();
    let (mut listener, _) = Program::listen(&["--trace", &folder.path("here")]);
    listener.signal(Signal::INT);
    listener.ends_with(130);
    let trace = read_interrupted(&folder.file("here"));
    let accepts = trace.calls("acceptor", "accept");
    let [accept] = &accepts[..] else { panic!("{accepts:?}") };
    assert_eq!(accept.facts.open, Some(true));
}

#[test]
fn a_trace_is_valid_also_where_the_friend_resets_the_connection() {
    let folder = Folder::new();
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &["--trace", &folder.path("there")]);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hello\nand then").unwrap();
    caller.wait_stdout("hello\nand then");
    SockRef::from(&friend).set_linger(Some(Duration::ZERO)).unwrap();
    drop(friend);
    caller.ends_with(1);
    let trace = read_interrupted(&folder.file("there"));
    let recvs = trace.calls("socket-reader", "recv");
    let last = recvs.last().expect("there are some");
    let why = last.facts.failed.as_deref().unwrap_or_default();
    assert!(why.contains("reset"), "{last:?}");
    // The message that was cut off has not arrived.
    let received: Vec<&str> = trace.received.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(received, ["hello"]);
}

#[test]
fn a_trace_is_valid_also_where_nobody_answers_the_call() {
    let folder = Folder::new();
    let (listener, port) = friend_listener();
    drop(listener);
    Program::connect(port, &["--trace", &folder.path("there")]).ends_with(1);
    let trace = read(&folder.file("there"));
    let calls = trace.calls("connector", "connect");
    assert!(calls.len() == 1 && calls[0].facts.failed.is_some(), "{calls:?}");
}

#[test]
fn a_trace_is_valid_also_where_the_program_cannot_even_start() {
    let folder = Folder::new();
    let transcript = folder.path("nowhere/transcript");
    let words = ["listen", "0", "--trace", &folder.path("here"), "--transcript", &transcript];
    let ended = Program::start(&words).ends_with(1);
    assert!(ended.stderr.contains("cannot write the transcript"), "{}", ended.stderr);
    assert_eq!(read(&folder.file("here")).threads.len(), 1, "main alone");
}

#[test]
fn a_trace_is_valid_also_where_stdout_takes_nothing_and_we_are_told_to_go_once_or_twice() {
    for twice in [false, true] {
        let folder = Folder::new();
        let (_unread, to_stdout) = std::io::pipe().unwrap();
        let mut command = Command::new(threadchat());
        command.args(["listen", "127.0.0.1:0", "--trace", &folder.path("here")]);
        command.stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
        let mut program = Program::spawn_as_is(&mut command);
        drop(command);
        let mut friend = friend_calls(program.listening_port());
        friend.write_all(&[b'y'; 120_000]).unwrap();
        program.wait_stderr("connected to");
        until_all_sleep(program.child.id(), &["socket-reader", "coordinator", "screen-writer"]);
        program.signal(Signal::INT);
        // FIN has come, so the first is being carried out.
        assert_eq!(friend.read(&mut [0; 16]).expect("FIN"), 0);
        if twice {
            program.signal(Signal::INT);
        }
        let code = if twice { 130 } else { 1 };
        program.ends_with(code);
        let trace = read_interrupted(&folder.file("here"));
        let writes = trace.calls("screen-writer", "write");
        assert_eq!(writes.last().expect("it has begun").facts.open, Some(true));
        assert!(trace.has_note("leaves screen-writer: stdout does not take what it has"));
    }
}

/// The trace-writer lets steps gather for 20 ms, and this machine may have other things to do.
const MOMENTS: Duration = Duration::from_secs(5);

#[test]
fn a_program_that_is_killed_leaves_everything_up_to_shortly_before() {
    let folder = Folder::new();
    let (here, mut there) = two(&folder, &[]);
    for number in 0..20 {
        there.say(format!("line {number}\n"));
        here.wait_stdout(format!("line {number}\n"));
    }
    // What happened last is written within moments, and without being asked.
    let since = Instant::now();
    for name in ["here", "there"] {
        until("the last line is in the trace", || {
            std::fs::read_to_string(folder.file(name)).unwrap().contains("line 19").then_some(())
        });
    }
    assert!(since.elapsed() < MOMENTS, "{:?}", since.elapsed());
    wait_until_quiet(&[here.child.id(), there.child.id()]);
    here.signal(Signal::KILL);
    there.signal(Signal::KILL);
    let (mut here, mut there) = (here, there);
    assert_eq!((here.wait().code, there.wait().code), (137, 137));
    let (here, there) = (read_killed(&folder.file("here")), read_killed(&folder.file("there")));
    for number in 0..20 {
        assert_said(&there, &here, &format!("line {number}"));
    }
    assert_eq!(assert_both_ends(&here, &there), 20);
}

#[test]
fn a_program_that_is_killed_while_it_is_busy_leaves_lines_that_can_be_read() {
    let folder = Folder::new();
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &["--trace", &folder.path("there")]);
    let friend = friend_answers(&listener);
    caller.pipe_in("a line of some length\n".repeat(2_000_000).into_bytes());
    let echo = {
        let mut reading = friend.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut scratch = vec![0; 1 << 16];
            while reading.read(&mut scratch).is_ok_and(|count| count > 0) {}
        })
    };
    until("some of it is written", || {
        let size = std::fs::metadata(folder.file("there")).unwrap().len();
        (size > 300_000).then_some(())
    });
    caller.signal(Signal::KILL);
    assert_eq!(caller.wait().code, 137);
    echo.join().unwrap();
    let trace = read_killed(&folder.file("there"));
    assert!(trace.sent.len() > 100, "{}", trace.sent.len());
}

// The file.

#[test]
fn a_new_file_is_its_owners_alone() {
    let folder = Folder::new();
    // Whatever the mask allows.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$@\"", "sh", threadchat(), "listen", "127.0.0.1:0"]);
    command.args(["--trace", &folder.path("here")]);
    let mut program = Program::spawn(&mut command);
    program.listening_port();
    let mode = std::fs::metadata(folder.file("here")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    program.signal(Signal::INT);
    program.ends_with(130);
    read_interrupted(&folder.file("here"));
}

#[test]
fn a_file_that_is_there_is_replaced() {
    let folder = Folder::new();
    let file = folder.file("here");
    std::fs::write(&file, "something else\n".repeat(100_000)).unwrap();
    let (mut program, _) = Program::listen(&["--trace", &folder.path("here")]);
    program.signal(Signal::INT);
    program.ends_with(130);
    read_interrupted(&file);
    assert!(std::fs::metadata(&file).unwrap().len() < 100_000);
}

#[test]
fn a_file_that_cannot_be_had_is_an_error_before_anything_else_happens() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    rustix::fs::mknodat(CWD, fifo.as_str(), rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .unwrap();
    let missing = folder.path("no/such/folder");
    let directory = folder.0.path().to_str().unwrap();
    let (place, port) = friend_listener();
    place.set_nonblocking(true).unwrap();
    // A FIFO that nobody reads would have to be waited for.
    for file in [missing.as_str(), directory, fifo.as_str()] {
        let to = port.to_string();
        for words in [
            &["listen", "127.0.0.1:0", "--trace", file][..],
            &["connect", "127.0.0.1", &to, "--trace", file],
        ] {
            let mut program = Program::start(words);
            let ended = program.ends_with(1);
            let error = error_sentence(&ended.stderr);
            assert_eq!(ended.stderr, format!("threadchat: {error}\n"), "nothing else");
            assert!(
                error.starts_with("cannot write the trace ") && error.contains(file),
                "{error}"
            );
            assert!(error.contains("--trace"), "what to do about it: {error}");
            assert_eq!(ended.stdout, b"");
        }
    }
    let called = place.accept();
    assert!(called.is_err(), "it has called somebody: {called:?}");
}

#[test]
fn a_trace_that_cannot_be_written_is_one_error_and_the_chat_goes_on() {
    let (mut here, port) = Program::listen(&["--trace", "/dev/full"]);
    let mut friend = friend_calls(port);
    here.wait_stderr("threadchat: cannot write the trace");
    for number in 0..100 {
        friend.write_all(format!("hello {number}\n").as_bytes()).unwrap();
        here.wait_stdout(format!("hello {number}\n"));
        here.say(format!("hi {number}\n"));
    }
    here.end_stdin();
    let mut heard = String::new();
    friend.read_to_string(&mut heard).unwrap();
    assert!(heard.ends_with("hi 99\n"));
    drop(friend);
    let ended = here.ends_with(0);
    let error = error_sentence(&ended.stderr);
    assert!(error.contains("the chat goes on"), "{error}");
}

#[test]
fn a_trace_that_nobody_takes_is_left_and_the_chat_ends_all_the_same() {
    // A FIFO whose reader does not read takes 64 KiB.
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(CWD, fifo.as_str(), kind, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _unread = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let (mut here, port) = Program::listen(&["--trace", &fifo]);
    let mut friend = friend_calls(port);
    let mut text = String::new();
    for number in 0..500 {
        let line = format!("hello {number}\n");
        friend.write_all(line.as_bytes()).unwrap();
        here.wait_stdout(&line);
        text += &line;
    }
    drop(friend);
    here.end_stdin();
    let ended = here.ends_with(0);
    assert_eq!(ended.stdout, text.as_bytes());
}

#[test]
fn steps_that_the_file_does_not_take_in_time_are_counted_and_memory_is_bounded() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(CWD, fifo.as_str(), kind, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut late = File::options().read(true).write(true).open(&fifo).unwrap();
    let (listener, port) = friend_listener();
    // Some ten steps for each byte.
    let options = ["--recv-buffer", "1", "--trace", &fifo];
    let mut program = Program::connect(port, &options);
    let mut friend = friend_answers(&listener);
    let text = "0123456789 \u{e9}\n".repeat(3_000);
    friend.write_all(text.as_bytes()).unwrap();
    program.wait_stdout(&text);
    let peak = peak_memory(program.child.id());
    assert!(peak < MEMORY, "{peak} bytes");
    // Now it is taken, and what happens from now on stands in it again.
    let file = folder.file("there");
    let mut copy = File::create(&file).unwrap();
    let reader = std::thread::spawn(move || {
        let mut scratch = vec![0; 1 << 16];
        let mut end = Vec::new();
        while !end.ends_with(b"\n]\n") {
            let count = late.read(&mut scratch).unwrap();
            copy.write_all(&scratch[..count]).unwrap();
            end.extend_from_slice(&scratch[..count]);
            end.drain(..end.len().saturating_sub(3));
        }
    });
    until("it says how many are missing", || {
        let text = std::fs::read_to_string(&file).unwrap();
        text.contains("steps are missing here: the file did not take them in time").then_some(())
    });
    friend.write_all(b"!\n").unwrap();
    program.wait_stdout("!\n");
    drop(friend);
    program.end_stdin();
    program.ends_with(0);
    reader.join().unwrap();
    let trace = read(&file);
    assert!(trace.missing > 50_000, "{}", trace.missing);
    let last = trace.received.iter().max_by_key(|it| it.offset).expect("there are some");
    assert_eq!((last.text.as_str(), last.offset), ("!", text.len() as u64));
}

// Cost.

/// What a program with a trace may take. The records that wait for a file which does not take them
/// in time are bounded: 50,000, of some 300 bytes each with their texts. And the conversation has
/// its own MiB, and the program the rest.
const MEMORY: u64 = 40 << 20;

/// A second handle on what a program reads, so that it is not the end when the first is closed.
fn stdin_of(program: &Program) -> File {
    let stdin = program.child.stdin.as_ref().expect("stdin is a pipe and still open");
    File::from(stdin.as_fd().try_clone_to_owned().expect("it can have another handle"))
}

#[test]
fn a_hundred_megabytes_each_way_are_the_same_with_a_trace_and_memory_is_bounded() {
    const BYTES: u64 = 100 << 20;
    let folder = Folder::new();
    let start = |words: &[&str]| {
        let (stdout, to_stdout) = std::io::pipe().unwrap();
        let mut command = Command::new(threadchat());
        command.args(words).stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
        (Program::spawn_as_is(&mut command), stdout)
    };
    let (mut here, stdout) = start(&["listen", "127.0.0.1:0", "--trace", &folder.path("here")]);
    let port = here.listening_port().to_string();
    let (mut there, other) =
        start(&["connect", "127.0.0.1", &port, "--trace", &folder.path("there")]);
    let heard = [
        Comparison::start(stdout, Random::new(BYTES, 1)),
        Comparison::start(other, Random::new(BYTES, 2)),
    ];
    let poured = [
        pour(Random::new(BYTES, 2), stdin_of(&here)),
        pour(Random::new(BYTES, 1), stdin_of(&there)),
    ];
    for one in &heard {
        one.wait_for(BYTES);
    }
    for program in [&here, &there] {
        let peak = peak_memory(program.child.id());
        assert!(peak < MEMORY, "{peak} bytes");
    }
    here.end_stdin();
    there.end_stdin();
    for one in heard {
        assert_eq!(one.finish(), BYTES);
    }
    for one in poured {
        assert_eq!(one.join().unwrap().unwrap(), BYTES);
    }
    here.ends_with(0);
    there.ends_with(0);
    let (here, there) = (read(&folder.file("here")), read(&folder.file("there")));
    for trace in [&here, &there] {
        if trace.missing == 0 {
            assert_eq!(sum(trace, "socket-reader", "recv").0, BYTES);
            assert_eq!(sum(trace, "socket-writer", "send").0, BYTES);
        }
    }
    if here.missing + there.missing == 0 {
        assert!(assert_both_ends(&here, &there) > 20_000, "the first of each stream, at least");
    }
}

/// How long nothing may happen: longer than the beat of any timer that a trace might have.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn a_trace_of_a_conversation_in_which_nothing_is_said_wakes_no_thread() {
    let folder = Folder::new();
    let (mut here, mut there) = two(&folder, &[]);
    there.say("hello\n");
    here.wait_stdout("hello\n");
    here.say("hi\n");
    there.wait_stdout("hi\n");
    let pids = [here.child.id(), there.child.id()];
    wait_for_threads(pids[0], &["trace-writer"]);
    let before = wait_until_quiet(&pids);
    std::thread::sleep(A_WHILE);
    let after: Vec<_> = pids.iter().flat_map(|pid| threads(*pid)).collect();
    assert!(before == after, "not idle:\n{before:#?}\n{after:#?}");
    assert!(after.iter().all(|thread| thread.state == 'S'), "{after:#?}");
    let (here, there) = end(&folder, here, there);
    // And so there is one span that is as long.
    for trace in [&here, &there] {
        let recvs = trace.calls("socket-reader", "recv");
        let longest = recvs.iter().map(|span| span.end - span.begin).max().unwrap_or_default();
        assert!(Duration::from_nanos(longest) > A_WHILE, "{longest} ns");
    }
}
