//! CONTRACT 4, all but signals, `--keep` and silent networks: how a conversation ends when one of
//! its streams does, when the friend does, and when something breaks. The friend is mostly a raw
//! socket of the test's own, so that FIN (a `read` of 0 bytes) and RST (an error) are told apart.

mod support;

use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::SockRef;
use support::observe::{
    cpu_ticks, listener_that_does_not_answer, tcp_sockets, thread_sleeps, until_acknowledged,
    until_all_sleep, until_somebody_calls, waiting_in,
};
use support::pty::Terminal;
use support::tty::{Tty, threadchat_in_session};
use support::until;
use support::wire::{talk, talk_at_plain_terminal, wait_received};
use support::{Program, friend_answers, friend_calls, friend_listener, have_tool, threadchat};

/// The notice about a friend who has ended one direction.
const STILL_SENDING: &str = "* the friend has ended; what stdin gives is still sent";

/// Reads up to the friend's FIN; a reset fails the test.
#[track_caller]
fn read_to_fin(friend: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    friend.read_to_end(&mut bytes).unwrap_or_else(|why| {
        panic!("{why} instead of FIN, after {:?}", String::from_utf8_lossy(&bytes))
    });
    bytes
}

/// Reads exactly this.
#[track_caller]
fn read_this(friend: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    friend.read_exact(&mut bytes).expect("it says something");
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
}

/// Closes with RST instead of FIN.
fn reset(friend: TcpStream) {
    SockRef::from(&friend).set_linger(Some(Duration::ZERO)).expect("a socket");
}

/// Waits until no socket on this port is in a connection any more: it was reset.
#[track_caller]
fn until_reset(port: u16) {
    until("the connection is reset", || {
        tcp_sockets().iter().all(|tcp| tcp.local_port != port).then_some(())
    });
}

/// Another listener can have the port now.
#[track_caller]
fn assert_can_be_bound_again(port: u16) {
    let again = Program::start(&["listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(again.listening_port(), port);
}

/// A program whose stdout is a pipe that this end reads, or drops.
#[track_caller]
fn with_reader_of_stdout(words: &[&str], stdin: Stdio) -> (Program, PipeReader) {
    let (reader, stdout) = std::io::pipe().expect("a pipe");
    let program = Program::spawn_as_is(
        Command::new(threadchat()).args(words).stdin(stdin).stdout(stdout).stderr(Stdio::piped()),
    );
    (program, reader)
}

// My stdin ends.

#[test]
fn when_my_stdin_ends_all_of_it_is_sent_and_a_late_reply_still_arrives() {
    let (mut program, port) = Program::listen(&[]);
    let mut friend = friend_calls(port);
    let question = support::random_bytes(1_000_000, 4);
    program.pipe_in(question.clone());
    // FIN is seen here, so the question is complete, and only now is there an answer.
    assert_eq!(read_to_fin(&mut friend), question);
    friend.write_all(b"a late reply\n").unwrap();
    program.wait_stdout("a late reply\n");
    friend.write_all(b"and one more").unwrap();
    drop(friend);
    let ended = program.ends_with(0);
    assert_eq!(ended.stdout, b"a late reply\nand one more");
    assert_can_be_bound_again(port);
}

#[test]
fn with_stdin_from_dev_null_it_receives_until_the_friend_ends() {
    let (listener, port) = friend_listener();
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["connect", "127.0.0.1", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_answers(&listener);
    assert_eq!(read_to_fin(&mut friend), b"");
    friend.write_all(b"still here\n").unwrap();
    program.wait_stdout("still here\n");
    drop(friend);
    program.ends_with(0);
}

#[test]
fn ctrl_d_ends_what_i_say_and_a_late_reply_is_still_shown() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to 127.0.0.1:");
    terminal.press("question\n\x04");
    assert_eq!(read_to_fin(&mut friend), b"question\n");
    friend.write_all(b"a late reply\n").unwrap();
    terminal.wait_for("friend says: a late reply");
    drop(friend);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
    assert_can_be_bound_again(port);
}

#[test]
fn two_programs_half_close_one_after_the_other_and_nothing_is_missing() {
    for listener_first in [true, false] {
        let (mut listener, port) = Program::listen(&[]);
        let mut caller = Program::connect(port, &[]);
        let (first, second) = match listener_first {
            true => (&mut listener, &mut caller),
            false => (&mut caller, &mut listener),
        };
        let (early, late) = (support::random_bytes(500_000, 1), support::random_bytes(700_000, 2));
        first.pipe_in(early.clone());
        second.wait_stderr(STILL_SENDING);
        second.pipe_in(late.clone());
        let (first, second) = (first.ends_with(0), second.ends_with(0));
        assert!(second.stdout == early && first.stdout == late);
        assert!(!first.stderr.contains(STILL_SENDING), "{}", first.stderr);
    }
}

// The friend's sending half ends.

#[test]
fn when_the_friend_leaves_a_terminal_everything_is_shown_first() {
    // Without the line editor, so that nothing but messages stands in the output.
    let (mut terminal, port) = Terminal::listen(&["--plain"]);
    let mut friend = friend_calls(port);
    let lines: String = (1..=3_000).map(|number| format!("line {number}\n")).collect();
    friend.write_all(lines.as_bytes()).unwrap();
    friend.write_all(b"and half a line").unwrap();
    // Half-closed, as after `nc -N`: the friend has not closed the connection.
    friend.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(friend);
    terminal.ends_with(0);
    let shown = String::from_utf8_lossy(&terminal.raw()).into_owned();
    let (messages, after) = shown.split_once("friend has left").expect("it says why it ended");
    let expected: String =
        (1..=3_000).map(|number| format!("friend says: line {number}\r\n")).collect();
    assert!(messages.contains(&expected), "messages are missing, torn or out of order");
    assert!(messages.contains("friend says: and half a line\r\n"));
    assert!(!after.contains("friend says"), "shown after the end: {after}");
    assert_can_be_bound_again(port);
}

#[test]
fn when_the_friend_ends_first_piped_stdin_goes_on_and_one_notice_says_so_and_how_to_stop() {
    let (mut program, port) = Program::listen(&[]);
    let mut friend = friend_calls(port);
    friend.write_all(b"that was all\n").unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    program.wait_stderr(STILL_SENDING);
    program.wait_stderr("Ctrl-C stops");
    program.say("still ");
    read_this(&mut friend, b"still ");
    program.say("said");
    program.end_stdin();
    assert_eq!(read_to_fin(&mut friend), b"said");
    let ended = program.ends_with(0);
    assert_eq!(ended.stdout, b"that was all\n");
    assert_eq!(ended.stderr.matches("the friend has ended").count(), 1, "{}", ended.stderr);
    assert_can_be_bound_again(port);
}

#[test]
fn when_the_friend_ends_first_and_then_refuses_what_is_sent_it_ends_as_with_a_reset() {
    let (mut program, port) = Program::listen(&[]);
    let friend = friend_calls(port);
    program.wait_stderr("connected to");
    drop(friend); // FIN now; RST when more arrives.
    program.wait_stderr(STILL_SENDING);
    program.say("too late\n");
    until_reset(port);
    program.say("and this is refused\n");
    program.wait_stderr("threadchat: the connection to 127.0.0.1:");
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("may not have arrived"), "{}", ended.stderr);
    assert_can_be_bound_again(port);
}

#[test]
fn when_what_was_sent_last_was_refused_the_end_of_stdin_does_not_make_it_a_good_end() {
    let (mut program, port) = Program::listen(&[]);
    let friend = friend_calls(port);
    program.wait_stderr("connected to");
    drop(friend);
    program.wait_stderr(STILL_SENDING);
    program.say("the friend never gets this\n");
    until_reset(port);
    program.end_stdin();
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("may not have arrived"), "{}", ended.stderr);
}

#[test]
fn with_recv_only_stdin_is_not_read_and_the_conversation_lasts_until_the_friend_ends() {
    let (listener, port) = friend_listener();
    let (stdin, mut writer) = std::io::pipe().expect("a pipe");
    let unread = stdin.try_clone().expect("a pipe");
    writer.write_all(b"not for the friend\n").unwrap();
    drop(writer); // Data and an end: neither is to be noticed.
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["connect", "127.0.0.1", &port.to_string(), "--recv-only"])
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_answers(&listener);
    for number in 0..50 {
        let line = format!("line {number}\n");
        friend.write_all(line.as_bytes()).unwrap();
        program.wait_stdout(&line);
    }
    friend.set_nonblocking(true).unwrap();
    let silence = friend.read(&mut [0; 16]).expect_err("nothing is sent, not even FIN");
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    friend.set_nonblocking(false).unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(friend);
    let ended = program.ends_with(0);
    assert!(ended.stdout.ends_with(b"line 49\n"));
    assert_eq!(waiting_in(&unread), b"not for the friend\n".len() as u64);
}

// The reader of my stdout goes.

#[test]
fn when_the_reader_of_stdout_goes_and_stdin_was_sent_whole_it_ends_quietly_with_exit_0() {
    let (listener, port) = friend_listener();
    let words = ["connect", "127.0.0.1", &port.to_string()];
    let (mut program, reader) = with_reader_of_stdout(&words, Stdio::null());
    let mut friend = friend_answers(&listener);
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(reader);
    friend.write_all(b"nobody reads this\n").unwrap();
    let ended = program.ends_with(0);
    assert_eq!(ended.stderr.lines().count(), 1, "not quiet: {}", ended.stderr);
    assert!(ended.stderr.starts_with("connected to"), "{}", ended.stderr);
}

#[test]
fn with_head_1_in_a_shell_it_ends_with_exit_0() {
    let (mut friend_says, port) = Program::listen(&[]);
    friend_says.pipe_in(b"first\nsecond\nthird\n".repeat(100_000));
    let script = format!(
        "{} connect 127.0.0.1 {port} < /dev/null | head -1; echo \"exit ${{PIPESTATUS[0]}}\"",
        threadchat()
    );
    let mut shell = Program::spawn(Command::new("bash").args(["-c", &script]));
    let ended = shell.ends_with(0);
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "first\nexit 0\n", "{}", ended.stderr);
    assert!(!ended.stderr.contains("threadchat:"), "not quiet: {}", ended.stderr);
}

#[test]
fn with_head_1_a_person_gets_back_to_the_shell_with_exit_0() {
    let (listener, port) = friend_listener();
    let script = format!(
        "{} connect 127.0.0.1 {port} | head -1; echo \"exit ${{PIPESTATUS[0]}}\"",
        threadchat()
    );
    let mut command = portable_pty::CommandBuilder::new("bash");
    command.args(["-c", &script]);
    let mut terminal = Terminal::spawn(command, 24, 80);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"first\n").unwrap();
    terminal.wait_for("first");
    // Noticed at the next write, which may be taken as long as `head` has not quite ended.
    let talks_on = std::thread::spawn(move || while friend.write_all(b"more\n").is_ok() {});
    terminal.wait_for("exit 0");
    terminal.ends_with(0);
    talks_on.join().unwrap();
    let screen = terminal.screen();
    assert!(!screen.contains("threadchat:") && !screen.contains("more"), "{screen}");
}

#[test]
fn when_the_reader_of_stdout_goes_and_cuts_off_piped_stdin_exit_1_says_so() {
    let (listener, port) = friend_listener();
    let words = ["connect", "127.0.0.1", &port.to_string()];
    let (mut program, reader) = with_reader_of_stdout(&words, Stdio::piped());
    let mut friend = friend_answers(&listener);
    program.say("there is more to come\n");
    read_this(&mut friend, b"there is more to come\n");
    drop(reader);
    friend.write_all(b"nobody reads this\n").unwrap();
    // What was taken from stdin is with the friend; that nothing was cut off there is said by FIN.
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(friend);
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("threadchat: nobody reads stdout"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
}

/// It was overtaken by the reset with which the program hung up: in 74 of 150 conversations.
#[test]
fn when_the_reader_of_stdout_goes_before_anything_was_said_the_friend_hears_end_all_the_same() {
    for _ in 0..30 {
        let (listener, port) = friend_listener();
        let port = port.to_string();
        let words = ["connect", "127.0.0.1", &port, "--wire", "frames", "--recv-only"];
        let (mut program, reader) = with_reader_of_stdout(&words, Stdio::piped());
        let mut friend = friend_answers(&listener);
        drop(reader);
        // More than it has read when it finds that nobody reads: closing then would be a reset.
        friend.write_all(&support::wire::frames(&["nobody reads this"; 500])).unwrap();
        assert_eq!(read_to_fin(&mut friend), support::wire::END);
        drop(friend);
        let ended = program.ends_with(0);
        assert_eq!(ended.stderr.lines().count(), 1, "not quiet: {}", ended.stderr);
    }
}

/// And where piped stdin is cut off by that, it is never said.
#[test]
fn when_the_reader_of_stdout_goes_and_cuts_off_piped_stdin_the_friend_hears_no_end() {
    for _ in 0..10 {
        let (listener, port) = friend_listener();
        let words = ["connect", "127.0.0.1", &port.to_string(), "--wire", "frames"];
        let (mut program, reader) = with_reader_of_stdout(&words, Stdio::piped());
        let mut friend = friend_answers(&listener);
        drop(reader);
        friend.write_all(&support::wire::frame("nobody reads this")).unwrap();
        assert_eq!(read_to_fin(&mut friend), b"");
        drop(friend);
        let ended = program.ends_with(1);
        assert!(ended.stderr.contains("threadchat: nobody reads stdout"), "{}", ended.stderr);
    }
}

// It breaks.

#[test]
fn when_the_friend_resets_what_was_received_is_out_and_an_error_says_what_may_be_missing() {
    let (reader, stdout) = std::io::pipe().expect("a pipe");
    let (mut program, port) = Program::listen_to(stdout);
    let mut friend = friend_calls(port);
    // More than the pipe holds, so that a part of it is still inside when the reset comes.
    let said = support::random_bytes(150_000, 9);
    friend.write_all(&said).unwrap();
    until_acknowledged(&friend);
    reset(friend);
    let stdout = support::Output::collect(reader);
    let ended = program.ends_with(1);
    assert!(stdout.to_end() == said, "{} of {} bytes", stdout.bytes().len(), said.len());
    let error = ended.stderr.lines().last().unwrap_or_default();
    assert!(error.starts_with("threadchat: the connection to 127.0.0.1:"), "{error}");
    assert!(error.contains("reset") && error.contains("may not have arrived"), "{error}");
    assert_can_be_bound_again(port);
}

#[test]
fn a_reset_at_a_terminal_is_an_error_too_and_stands_behind_what_was_said() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    friend.write_all(b"the last words\n").unwrap();
    terminal.wait_for("friend says: the last words");
    reset(friend);
    terminal.wait_for("threadchat: the connection to 127.0.0.1:");
    terminal.ends_with(1);
}

/// Where messages are put together here, the one that a reset cut off was dropped, though the bytes of
/// it had been received: at a terminal, and on frames also through a pipe.
#[test]
fn what_came_of_a_message_is_out_also_where_a_reset_cut_it_off() {
    let frames = ["--wire", "frames"];
    for (options, sent) in [(&[][..], &b"one\nhello"[..]), (&frames, b"\x03\x00one\x09\x00hello")] {
        let (mut person, friend) = talk_at_plain_terminal(options);
        (&friend).write_all(sent).unwrap();
        wait_received(&friend);
        reset(friend);
        person.ends_with(1);
        let screen = person.screen();
        assert!(screen.contains("friend says: one\nfriend says: hello\n"), "{screen}");
        assert!(screen.contains(" broke: connection reset by peer"), "{screen}");

        let (mut pipe, friend) = talk(options);
        (&friend).write_all(sent).unwrap();
        wait_received(&friend);
        reset(friend);
        let ended = pipe.ends_with(1);
        assert_eq!(ended.stdout, b"one\nhello");
        assert!(ended.stderr.contains(" broke: connection reset by peer"), "{}", ended.stderr);
    }
}

#[test]
fn a_friend_killed_with_kill_9_has_left_a_terminal() {
    // The system closes a killed program's socket as if it had done so itself.
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = Program::connect(port, &[]);
    friend.say("bye?\n");
    terminal.wait_for("friend says: bye?");
    friend.signal(rustix::process::Signal::KILL);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
    assert_can_be_bound_again(port);
}

#[test]
fn a_friend_killed_with_kill_9_is_found_out_by_what_is_piped_to_it() {
    let (mut program, port) = Program::listen(&[]);
    let mut friend = Program::connect(port, &[]);
    friend.say("hello\n");
    program.wait_stdout("hello\n");
    friend.signal(rustix::process::Signal::KILL);
    program.wait_stderr(STILL_SENDING);
    program.pipe_in(vec![b'x'; 10_000_000]);
    let ended = program.ends_with(1);
    assert_eq!(ended.stdout, b"hello\n");
    assert!(ended.stderr.contains("may not have arrived"), "{}", ended.stderr);
    assert_can_be_bound_again(port);
}

#[test]
fn a_friend_killed_with_kill_9_under_load_is_an_error() {
    let (mut program, port) = Program::listen(&[]);
    let friend = Program::connect(port, &[]);
    program.pipe_in(vec![b'x'; 100_000_000]);
    friend.wait_stdout("x"); // It is under way.
    friend.signal(rustix::process::Signal::KILL);
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("threadchat: the connection to"), "{}", ended.stderr);
    assert_can_be_bound_again(port);
}

#[test]
fn a_full_disk_ends_it_with_exit_1_and_names_stdout() {
    let (listener, port) = friend_listener();
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["connect", "127.0.0.1", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(full)
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_answers(&listener);
    program.say("said before\n");
    read_this(&mut friend, b"said before\n");
    friend.write_all(b"there is no room for this\n").unwrap();
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(friend);
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("threadchat: cannot write to stdout: no space left"));
}

/// The signal SIGXFSZ killed it, without a word and with the terminal as it was.
#[test]
fn a_stdout_that_may_not_grow_is_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy");
    let script = format!("ulimit -f 8; exec {} listen 127.0.0.1:0 > copy", threadchat());
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder.path());
    let mut program = Program::spawn(&mut command);
    let mut friend = friend_calls(program.listening_port());
    program.wait_stderr("connected to");
    friend.write_all(&[b'x'; 20_000]).unwrap();
    assert_eq!(read_to_fin(&mut friend), b"");
    drop(friend);
    let ended = program.ends_with(1);
    let why = "threadchat: cannot write to stdout: the file may not grow any more";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert_eq!(std::fs::read(file).unwrap(), [b'x'; 8 * 1024]);
}

#[test]
fn a_transcript_or_a_trace_that_may_not_grow_does_not_end_the_chat() {
    for option in ["--transcript", "--trace"] {
        let folder = tempfile::tempdir().expect("a folder");
        let script = format!("ulimit -f 8; exec {} listen 127.0.0.1:0 {option} file", threadchat());
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(folder.path());
        let mut program = Program::spawn(&mut command);
        let mut friend = friend_calls(program.listening_port());
        program.wait_stderr("connected to");
        for number in 0..400 {
            let line = format!("a line to be noted in the file, which fills up: {number}\n");
            friend.write_all(line.as_bytes()).unwrap();
            program.wait_stdout(line);
        }
        program.wait_stderr("the file may not grow any more");
        friend.write_all(b"and on\n").unwrap();
        program.wait_stdout("and on\n");
        program.end_stdin();
        read_to_fin(&mut friend);
        drop(friend);
        program.ends_with(0);
    }
}

#[test]
fn a_stdin_that_cannot_be_read_ends_it_with_exit_1_and_is_named() {
    let (mut program, port) = {
        let folder = File::open("/").expect("a folder");
        let program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(["listen", "127.0.0.1:0"])
                .stdin(folder)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let port = program.listening_port();
        (program, port)
    };
    let mut friend = friend_calls(port);
    assert_eq!(read_to_fin(&mut friend), b"");
    friend.write_all(b"still received\n").unwrap();
    drop(friend);
    let ended = program.ends_with(1);
    assert_eq!(ended.stdout, b"still received\n");
    assert!(ended.stderr.contains("threadchat: cannot read stdin: is a directory"));
    assert_can_be_bound_again(port);
}

// The terminal is taken away.

/// Closes the window, waits for the program's end, and checks that it came soon and cost little.
#[track_caller]
fn gone_with_its_window(mut program: Program, tty: Tty) -> support::Ended {
    let pid = program.child.id();
    let before = cpu_ticks(pid);
    let closed = Instant::now();
    drop(tty);
    // A dead process that nobody has waited for still tells what it used.
    until("it is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("not waited for");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')).then_some(())
    });
    let took = closed.elapsed();
    let used = cpu_ticks(pid) - before;
    // The contract says 2 s; the machine may be busy.
    assert!(took < Duration::from_secs(4), "gone only after {took:?}");
    assert!(used < 30, "it used {used} ticks of processor time to go");
    program.wait()
}

#[test]
fn when_its_window_is_closed_in_a_conversation_it_is_gone_and_the_friend_sees_an_end() {
    if !have_tool("setsid") {
        return;
    }
    let (listener, port) = friend_listener();
    let mut tty = Tty::open();
    let mut command = threadchat_in_session(&["connect", "127.0.0.1", &port.to_string()]);
    command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friend = friend_answers(&listener);
    // What is typed before that is not sent, as nobody is there yet.
    tty.read_until("connected to");
    tty.press("hello\n");
    read_this(&mut friend, b"hello\n");
    let sees_fin = std::thread::spawn(move || read_to_fin(&mut friend));
    assert!(program.runs());
    gone_with_its_window(program, tty);
    assert_eq!(sees_fin.join().expect("FIN"), b"");
}

/// The system tells of a window that was closed, and the shell in it tells once more: that was
/// taken for the impatient second Ctrl-C.
#[test]
fn when_a_shell_tells_of_the_closed_window_too_what_the_friend_still_says_is_written() {
    if !have_tool("setsid") {
        return;
    }
    let (listener, port) = friend_listener();
    let tty = Tty::open();
    let words = ["connect", "127.0.0.1", &port.to_string(), "--recv-only"];
    let mut command = threadchat_in_session(&words);
    command.stdin(tty.end()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friend = friend_answers(&listener);
    program.wait_stderr("connected to");
    drop(tty);
    // It has understood, and waits for our end.
    assert_eq!(read_to_fin(&mut friend), b"");
    program.signal(Signal::HUP);
    friend.write_all(b"late words\n").unwrap();
    program.wait_stdout("late words\n");
    assert!(program.runs());
    drop(friend);
    let ended = program.wait();
    assert_eq!((ended.code, &ended.stdout[..]), (0, &b"late words\n"[..]), "{}", ended.stderr);
}

#[test]
fn when_its_window_is_closed_under_a_flood_it_is_gone() {
    if !have_tool("setsid") {
        return;
    }
    let (listener, port) = friend_listener();
    let tty = Tty::open();
    let mut command = threadchat_in_session(&["connect", "127.0.0.1", &port.to_string()]);
    command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end());
    let program = Program::spawn_as_is(&mut command);
    let mut friend = friend_answers(&listener);
    // Nobody reads the terminal, so the flood is stuck in it when the window is closed.
    let floods = std::thread::spawn(move || while friend.write_all(&[b'\n'; 4096]).is_ok() {});
    until_all_sleep(program.child.id(), &["screen-writer", "socket-reader", "coordinator"]);
    let closed = Instant::now();
    gone_with_its_window(program, tty);
    // The friend is not left with a connection that takes nothing and does not end.
    floods.join().unwrap();
    assert!(closed.elapsed() < Duration::from_secs(15), "{:?}", closed.elapsed());
}

/// The terminal's end was mostly taken for a stdin that cannot be read: exit code 1, and no `end`.
#[test]
fn a_closed_window_is_a_signal_to_leave_whoever_notices_it_first() {
    if !have_tool("setsid") {
        return;
    }
    for options in [&[][..], &["--plain"], &["--wire", "frames"], &["--wire", "frames", "--plain"]]
    {
        for _ in 0..5 {
            let (listener, port) = friend_listener();
            let mut tty = Tty::open();
            let port = port.to_string();
            let words = [&["connect", "127.0.0.1", &port], options].concat();
            let mut command = threadchat_in_session(&words);
            command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end()).env("TERM", "xterm");
            let program = Program::spawn_as_is(&mut command);
            let mut friend = friend_answers(&listener);
            tty.read_until("connected to");
            let hears = std::thread::spawn(move || read_to_fin(&mut friend));
            let ended = gone_with_its_window(program, tty);
            let end = if options.contains(&"frames") { support::wire::END } else { b"" };
            assert_eq!((ended.code, &hears.join().expect("FIN")[..]), (0, end), "{options:?}");
        }
    }
}

#[test]
fn a_window_that_is_closed_before_a_conversation_is_130() {
    if !have_tool("setsid") {
        return;
    }
    for options in [&[][..], &["--plain"]] {
        for _ in 0..10 {
            let mut tty = Tty::open();
            let words = [&["listen", "127.0.0.1:0"], options].concat();
            let mut command = threadchat_in_session(&words);
            command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end()).env("TERM", "xterm");
            let program = Program::spawn_as_is(&mut command);
            tty.read_until("listening on");
            assert_eq!(gone_with_its_window(program, tty).code, 130, "{options:?}");
        }
    }
}

#[test]
fn when_its_window_is_closed_before_anybody_came_it_is_gone() {
    if !have_tool("setsid") {
        return;
    }
    let mut tty = Tty::open();
    let mut command = threadchat_in_session(&["listen", "127.0.0.1:0"]);
    command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end());
    let program = Program::spawn_as_is(&mut command);
    tty.read_until("listening on");
    gone_with_its_window(program, tty);
}

#[test]
fn when_a_terminal_goes_that_sends_no_sighup_it_is_gone_too() {
    // Not the controlling terminal: nobody is told, but reading fails.
    let (listener, port) = friend_listener();
    let tty = Tty::open();
    let program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["connect", "127.0.0.1", &port.to_string()])
            .stdin(tty.end())
            .stdout(tty.end())
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_answers(&listener);
    program.wait_stderr("connected to");
    let sees_fin = std::thread::spawn(move || read_to_fin(&mut friend));
    let ended = gone_with_its_window(program, tty);
    // To us it is a window that was closed.
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("you have left"), "{}", ended.stderr);
    assert_eq!(sees_fin.join().expect("FIN"), b"");
}

// It does not spin.

/// Two other programs talk, line by line, for long enough that a spinning thread would show.
fn others_talk_for_a_while() {
    let (mut listener, port) = Program::listen(&[]);
    let mut caller = Program::connect(port, &[]);
    let began = Instant::now();
    let mut number = 0;
    while number < 500 || began.elapsed() < Duration::from_millis(700) {
        let line = format!("line {number}\n");
        caller.say(&line);
        listener.wait_stdout(&line);
        number += 1;
    }
    listener.end_stdin();
    caller.end_stdin();
    listener.ends_with(0);
    caller.ends_with(0);
}

/// In the state that it is in, the program needs no processor.
#[track_caller]
fn assert_costs_nothing(program: &Program) {
    let before = cpu_ticks(program.child.id());
    others_talk_for_a_while();
    let used = cpu_ticks(program.child.id()) - before;
    // A tick may be charged to whoever runs when the clock strikes.
    assert!(used <= 1, "it used {used} ticks of processor time in doing nothing");
}

#[test]
fn a_half_closed_slow_or_silent_friend_does_not_make_it_spin() {
    // Half-closed by me; half-closed by the friend; nothing said; a friend who does not read;
    // and a stdout that does not take what a friend says.
    let (mut silenced, port) = Program::listen(&[]);
    let mut friend_1 = friend_calls(port);
    silenced.end_stdin();
    assert_eq!(read_to_fin(&mut friend_1), b"");

    let (deaf, port) = Program::listen(&[]);
    let friend_2 = friend_calls(port);
    friend_2.shutdown(Shutdown::Write).unwrap();
    deaf.wait_stderr(STILL_SENDING);

    let (silent, port) = Program::listen(&[]);
    let _friend_3 = friend_calls(port);
    silent.wait_stderr("connected to");

    let (mut stuck, port) = Program::listen(&[]);
    let _friend_4 = friend_calls(port);
    stuck.pipe_in(vec![b'x'; 50_000_000]);
    until_all_sleep(stuck.child.id(), &["socket-writer", "stdin-reader", "coordinator"]);

    let words = ["listen", "127.0.0.1:0"];
    let (unread, _stdout) = with_reader_of_stdout(&words, Stdio::piped());
    let mut friend_5 = friend_calls(unread.listening_port());
    std::thread::spawn(move || friend_5.write_all(&vec![b'x'; 50_000_000]));
    until_all_sleep(unread.child.id(), &["screen-writer", "socket-reader", "coordinator"]);

    for program in [&silenced, &deaf, &silent, &stuck, &unread] {
        assert_costs_nothing(program);
    }
    let memory =
        support::peak_memory(stuck.child.id()).max(support::peak_memory(unread.child.id()));
    assert!(memory < 16 << 20, "it has grown to {memory} bytes");
}

// Who may come.

#[test]
fn once_the_friend_is_there_a_further_caller_is_refused() {
    let (program, port) = Program::listen(&[]);
    let _friend = friend_calls(port);
    program.wait_stderr("connected to");
    let refused = TcpStream::connect(("127.0.0.1", port)).expect_err("it does not listen any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// A listener with several callers, all of which came before it could take the first.
fn queue_of_callers(callers: usize) -> (Program, u16, Vec<TcpStream>) {
    let (program, port) = Program::listen(&[]);
    program.signal(rustix::process::Signal::STOP);
    let pid = program.child.id();
    until("it is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')).then_some(())
    });
    let callers = (0..callers).map(|_| friend_calls(port)).collect();
    (program, port, callers)
}

#[test]
fn a_caller_who_is_queued_when_the_friend_comes_is_reset_not_left_with_nobody() {
    let (mut program, _, mut callers) = queue_of_callers(3);
    program.signal(rustix::process::Signal::CONT);
    program.wait_stderr("connected to");
    for queued in &mut callers[1..] {
        let reset = queued.read(&mut [0; 16]).expect_err("nobody is there for this caller");
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    }
    // The first is the friend.
    program.say("hello\n");
    read_this(&mut callers[0], b"hello\n");
}

#[test]
fn connect_calls_a_reset_before_the_first_byte_busy() {
    let (listener, port, _callers) = queue_of_callers(1);
    let mut caller = Program::connect(port, &[]);
    caller.wait_stderr("connected to");
    listener.signal(rustix::process::Signal::CONT);
    let ended = caller.ends_with(1);
    assert!(ended.stderr.contains("is busy"), "{}", ended.stderr);
}

// Calling again.

/// An address of this machine on which no other test ever listens, and a free port there.
fn place_of_our_own(number: u8) -> SocketAddr {
    let address = SocketAddr::from(([127, 44, 44, number], 0));
    TcpListener::bind(address).and_then(|it| it.local_addr()).expect("all of 127/8 is this machine")
}

#[test]
fn wait_calls_again_until_somebody_answers_and_says_once_that_it_waits() {
    let place = place_of_our_own(1);
    let mut caller = Program::start(&["connect", "--wait", &place.to_string()]);
    caller.wait_stderr("calling again once a second");
    // A second call is refused too before anybody is there.
    until("it calls a second time", || thread_sleeps(caller.child.id(), "connector").then_some(()));
    let listener = TcpListener::bind(place).unwrap();
    let mut friend = friend_answers(&listener);
    caller.say("at last\n");
    caller.end_stdin();
    assert_eq!(read_to_fin(&mut friend), b"at last\n");
    drop(friend);
    let ended = caller.ends_with(0);
    assert_eq!(ended.stderr.matches("calling again").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("nobody listens").count(), 1, "{}", ended.stderr);
}

#[test]
fn wait_gives_up_when_its_seconds_have_passed() {
    let place = place_of_our_own(2);
    let began = Instant::now();
    let mut caller = Program::start(&["connect", "--wait=2.5", &place.to_string()]);
    let ended = caller.ends_with(1);
    let took = began.elapsed();
    assert!(ended.stderr.contains("gave up waiting after 2.5 s"), "{}", ended.stderr);
    assert!(took > Duration::from_millis(1_500) && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn wait_does_not_wait_for_a_name_that_does_not_exist() {
    // A label over 63 bytes is no name; no server is asked.
    let name = format!("{}.invalid", "x".repeat(64));
    let mut caller = Program::start(&["connect", "--wait", &name]);
    let ended = caller.ends_with(1);
    assert!(ended.stderr.contains("cannot find"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("calling again"), "{}", ended.stderr);
}

#[test]
fn wait_calls_again_where_the_friend_is_busy_and_what_was_typed_is_not_lost() {
    let (listener, port, mut callers) = queue_of_callers(1);
    let mut caller = Program::connect(port, &["--wait"]);
    caller.wait_stderr("connected to");
    caller.say("for whoever is there\n");
    until("it is sent", || {
        let tcp = support::observe::tcp_sockets();
        tcp.iter().any(|tcp| tcp.remote_port == port && tcp.state == 1).then_some(())
    });
    listener.signal(rustix::process::Signal::CONT);
    caller.wait_stderr("is busy");
    caller.wait_stderr("calling again");
    drop(callers.remove(0));
    drop(listener);
    let again = until("the port is free", || TcpListener::bind(("127.0.0.1", port)).ok());
    let mut friend = friend_answers(&again);
    caller.end_stdin();
    assert_eq!(read_to_fin(&mut friend), b"for whoever is there\n");
    drop(friend);
    caller.ends_with(0);
}

#[test]
fn wait_calls_again_after_a_time_out() {
    let place = place_of_our_own(3);
    let (listener, queued) = listener_that_does_not_answer(place);
    let mut caller = Program::start(&["connect", "--wait", "--timeout", "0.3", &place.to_string()]);
    until_somebody_calls(place.port());
    caller.wait_stderr("no answer within 0.3 s");
    caller.wait_stderr("calling again");
    drop(listener.accept().unwrap()); // There is room in the queue again.
    drop(queued);
    let mut friend = friend_answers(&listener);
    caller.say("at last\n");
    read_this(&mut friend, b"at last\n");
    drop(friend);
    caller.end_stdin();
    caller.wait();
}
