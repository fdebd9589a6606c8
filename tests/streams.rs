//! CONTRACT 2: streams and exit codes. What goes to stdout and what to stderr, what `-q` silences,
//! streams that are closed or that nobody reads, the log, and the code that it all ends with.

mod support;

use std::collections::BTreeSet;
use std::io::{PipeReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use socket2::SockRef;
use support::process::{listening_socket, threads, wait_for_threads, wait_until_quiet};
use support::pty::Terminal;
use support::{
    DEADLINE, Output, Program, error_sentence, friend_answers, friend_calls, friend_listener,
    have_tool, random_bytes, text, threadchat,
};

/// Ends a connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
}

// stdout.

#[test]
fn two_programs_talk_and_both_end_with_exit_0() {
    let (mut listener, mut caller) = Program::two_who_talk();
    caller.end_stdin();
    listener.end_stdin();
    assert_eq!(caller.ends_with(0).stdout, b"hi\n");
    assert_eq!(listener.ends_with(0).stdout, b"hello\n");
}

#[test]
fn a_person_sees_who_says_what() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to 127.0.0.1:");
    friend.write_all(b"hello\n").unwrap();
    terminal.wait_for("friend says: hello");
    drop(friend);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
}

#[test]
fn stdout_carries_what_the_friend_said_and_nothing_else() {
    // Everything that could slip in is there: the log, notices, a friend who ends first.
    let (mut listener, port) = Program::listen(&["--explain"]);
    let mut friend = friend_calls(port);
    friend.write_all(b"\x05\x00hello\n").unwrap(); // Looks like the other wire.
    listener.wait_stderr("* the friend seems to speak the other wire");
    listener.wait_stdout("hello\n");
    listener.say("mine\n");
    friend.shutdown(Shutdown::Write).unwrap();
    listener.wait_stderr("* the friend has ended");
    listener.end_stdin();
    let mut heard = String::new();
    friend.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "mine\n", "and the friend hears what was said and nothing else");
    assert_eq!(listener.ends_with(0).stdout, b"\x05\x00hello\n");
}

#[test]
fn whatever_fails_stdout_stays_empty() {
    let (place, free) = friend_listener();
    let taken = place.local_addr().unwrap().to_string();
    for (words, code) in [
        (&["listen", taken.as_str()][..], 1),
        (&["connect", "127.0.0.1:x"], 2),
        (&["connect"], 2),
        (&[], 2),
        (&["listen", "--no-such-option"], 2),
    ] {
        let ended = Program::start(words).ends_with(code);
        assert_eq!(ended.stdout, b"", "{words:?}");
        assert_ne!(ended.stderr, "", "{words:?}");
    }
    drop(place);
    let ended = Program::connect(free, &[]).ends_with(1);
    assert_eq!(ended.stdout, b"");
}

#[test]
fn with_stderr_in_a_file_a_terminal_shows_messages_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stderr");
    let (listener, port) = friend_listener();
    let mut command = CommandBuilder::new("bash");
    let script = format!(r#"exec "$0" connect 127.0.0.1 {port} 2>'{}'"#, file.display());
    command.args(["-c", &script, threadchat()]);
    let mut terminal = Terminal::spawn(command, 24, 80);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hello\nhow are you?\n").unwrap();
    drop(friend);
    terminal.ends_with(0);
    assert_eq!(terminal.screen().trim_end(), "friend says: hello\nfriend says: how are you?");
    let stderr = std::fs::read_to_string(file).unwrap();
    assert_eq!(stderr, format!("connected to 127.0.0.1:{port}\nfriend has left\n"));
}

// stderr.

#[test]
fn the_first_line_says_where_it_listens_the_next_who_is_there_and_the_last_why_it_ended() {
    let (mut listener, port) = Program::listen(&[]);
    let friend = friend_calls(port);
    let address = friend.local_addr().unwrap();
    drop(friend);
    listener.end_stdin();
    let stderr = listener.ends_with(0).stderr;
    let lines: Vec<_> = stderr.lines().filter(|line| !line.starts_with("* ")).collect();
    let expected = [
        format!("listening on 127.0.0.1:{port}"),
        format!("connected to {address}"),
        "friend has left".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_caller_says_whom_it_has_reached_and_at_the_end_why_it_ended() {
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &[]);
    caller.end_stdin();
    drop(friend_answers(&listener));
    let stderr = caller.ends_with(0).stderr;
    let lines: Vec<_> = stderr.lines().filter(|line| !line.starts_with("* ")).collect();
    assert_eq!(lines, [&format!("connected to 127.0.0.1:{port}")[..], "friend has left"]);
}

#[test]
fn leaving_is_said_too() {
    let (mut listener, port) = Program::listen(&[]);
    let friend = friend_calls(port);
    listener.wait_stderr("connected to");
    listener.signal(Signal::INT);
    drop(friend);
    let stderr = listener.ends_with(0).stderr;
    assert_eq!(stderr.lines().last(), Some("you have left"), "{stderr}");
}

/// Brings about every kind of notice that a piped conversation has, with these options, and gives
/// back stderr. The friend ends, seems to speak the other wire, and does not take everything.
#[track_caller]
fn conversation_with_notices(options: &[&str]) -> String {
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, options);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"\x05\x00hello\n").unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    caller.wait_stdout("hello\n");
    caller.pipe_in(random_bytes(40 << 20, 1));
    friend.read_exact(&mut [0; 1000]).unwrap();
    wait_until_quiet(&[caller.child.id()]); // The friend takes nothing any more.
    caller.signal(Signal::INT);
    caller.ends_with(1).stderr
}

#[test]
fn each_notice_begins_with_a_star() {
    let stderr = conversation_with_notices(&[]);
    let (mut statuses, mut notices) = (Vec::new(), Vec::new());
    for line in stderr.lines() {
        match line.strip_prefix("* ") {
            Some(notice) => notices.push(notice),
            None => statuses.push(line),
        }
    }
    assert_eq!(statuses.len(), 2, "{stderr}");
    assert!(statuses[0].starts_with("connected to ") && statuses[1] == "you have left", "{stderr}");
    for part in ["other wire", "has ended", "not sent"] {
        assert!(notices.iter().any(|notice| notice.contains(part)), "{part}: {stderr}");
    }
}

#[test]
fn quiet_silences_status_and_notices() {
    for option in ["-q", "--quiet"] {
        assert_eq!(conversation_with_notices(&[option]), "");
    }
}

#[test]
fn quiet_silences_a_listener_too() {
    let mut listener = Program::start(&["listen", "-q", "127.0.0.1:0"]);
    let Some(socket) = listening_socket(listener.child.id()) else { return };
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let mut friend = friend_calls(port);
    drop(socket); // The test's handle on it would keep it open.
    friend.write_all(b"hello\n").unwrap();
    drop(friend);
    listener.end_stdin();
    let ended = listener.ends_with(0);
    assert_eq!((text(&ended.stdout).as_str(), ended.stderr.as_str()), ("hello\n", ""));
}

#[test]
fn quiet_never_silences_errors() {
    // One that stops it from starting, on either side,
    let (place, port) = friend_listener();
    let taken = Program::start(&["listen", "-q", &format!("127.0.0.1:{port}")]).ends_with(1);
    assert!(error_sentence(&taken.stderr).contains("already listening"));
    assert_eq!(taken.stderr.lines().count(), 1, "{}", taken.stderr);
    drop(place);
    let refused = Program::connect(port, &["-q"]).ends_with(1);
    assert!(error_sentence(&refused.stderr).contains("nobody listens"));
    assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    // and one that breaks the conversation.
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &["-q"]);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hello\n").unwrap();
    caller.wait_stdout("hello\n");
    reset(friend);
    let broke = caller.ends_with(1);
    assert!(error_sentence(&broke.stderr).contains("broke"));
    assert_eq!(broke.stderr.lines().count(), 1, "{}", broke.stderr);
    let usage = Program::start(&["connect", "-q", "127.0.0.1:x"]).ends_with(2);
    assert_ne!(usage.stderr, "");
}

#[test]
fn an_error_is_one_sentence_even_where_a_backtrace_was_asked_for() {
    let (place, port) = friend_listener();
    let mut command = Command::new(threadchat());
    command.args(["listen", &format!("127.0.0.1:{port}")]).env("RUST_BACKTRACE", "full");
    let stderr = Program::spawn(&mut command).ends_with(1).stderr;
    assert!(error_sentence(&stderr).contains("already listening"));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    drop(place);
    let mut command = Command::new(threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string()]).env("RUST_BACKTRACE", "full");
    let stderr = Program::spawn(&mut command).ends_with(1).stderr;
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    error_sentence(&stderr);
}

#[test]
fn a_broken_connection_is_told_with_the_friend_and_what_it_may_have_cost() {
    let (mut listener, port) = Program::listen(&[]);
    let friend = friend_calls(port);
    let address = friend.local_addr().unwrap().to_string();
    listener.wait_stderr("connected to");
    reset(friend);
    let stderr = listener.ends_with(1).stderr;
    let error = error_sentence(&stderr);
    for part in [address.as_str(), "reset", "what was sent last may not have arrived"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

// Exit codes.

#[test]
fn exit_0_is_a_conversation_that_people_ended() {
    let (mut listener, port) = Program::listen(&[]);
    let mut caller = Program::connect(port, &[]);
    caller.wait_stderr("connected to");
    caller.signal(Signal::INT);
    caller.ends_with(0);
    listener.end_stdin();
    listener.ends_with(0);
}

#[test]
fn exit_1_is_one_that_could_not_start_or_broke() {
    let (place, port) = friend_listener();
    Program::start(&["listen", &format!("127.0.0.1:{port}")]).ends_with(1);
    let mut caller = Program::connect(port, &[]);
    reset(friend_answers(&place));
    caller.ends_with(1);
    drop(place);
    Program::connect(port, &[]).ends_with(1);
}

#[test]
fn exit_2_is_a_wrong_command_line() {
    for words in [&[][..], &["talk"], &["connect"], &["listen", "70000"]] {
        Program::start(words).ends_with(2);
    }
}

#[test]
fn exit_130_is_an_interruption_before_a_conversation_with_one_line() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut listener, port) = Program::listen(&[]);
        listener.signal(signal);
        let stderr = listener.ends_with(130).stderr;
        assert_eq!(stderr, format!("listening on 127.0.0.1:{port}\ninterrupted\n"));
    }
}

#[test]
fn exit_130_is_an_interruption_by_a_second_signal() {
    let (mut listener, port) = Program::listen(&["--explain"]);
    let _friend = friend_calls(port); // Who does not end.
    listener.wait_stderr("connected to");
    listener.signal(Signal::INT);
    listener.wait_stderr("closes our sending half");
    let since = Instant::now();
    listener.signal(Signal::INT);
    listener.ends_with(130);
    assert!(since.elapsed() < Duration::from_millis(1_500), "not at once: {:?}", since.elapsed());
}

// Streams that are closed at the start.

/// Starts threadchat by way of bash with some of its streams closed: `redirections` says which.
#[track_caller]
fn start_with(redirections: &str, words: &[&str]) -> Program {
    let script = format!(r#"exec "$0" "$@" {redirections}"#);
    Program::spawn(Command::new("bash").args(["-c", &script, threadchat()]).args(words))
}

#[test]
fn a_stdout_that_was_closed_at_the_start_counts_as_dev_null() {
    let (listener, port) = friend_listener();
    let mut caller = start_with(">&-", &["connect", "127.0.0.1", &port.to_string()]);
    let mut friend = friend_answers(&listener);
    // More than any buffer on the way holds, so that it has to be written to somewhere.
    friend.write_all(&random_bytes(20 << 20, 1)).unwrap();
    // The conversation goes on: writing it has not failed.
    caller.say("hello\n");
    let mut heard = [0; 6];
    friend.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello\n", "and the socket has not become stdout");
    friend.shutdown(Shutdown::Write).unwrap();
    caller.end_stdin();
    assert_eq!(friend.read(&mut heard).unwrap(), 0);
    let stderr = caller.ends_with(0).stderr;
    assert!(!stderr.contains("threadchat: "), "{stderr}");
}

#[test]
fn a_stderr_that_was_closed_at_the_start_holds_nothing_up() {
    for options in [&[][..], &["--explain"]] {
        let (listener, port) = friend_listener();
        let port = port.to_string();
        let words = [&["connect", "127.0.0.1", &port], options].concat();
        let mut caller = start_with("2>&-", &words);
        let mut friend = friend_answers(&listener);
        caller.say("hello\n");
        let mut heard = [0; 6];
        friend.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello\n");
        friend.write_all(b"hi\n").unwrap();
        friend.shutdown(Shutdown::Write).unwrap();
        caller.end_stdin();
        assert_eq!(friend.read(&mut heard).unwrap(), 0, "no notice reaches the friend");
        assert_eq!(caller.ends_with(0).stdout, b"hi\n");
    }
}

#[test]
fn a_stdin_that_was_closed_at_the_start_has_ended() {
    let (listener, port) = friend_listener();
    let mut caller = start_with("<&-", &["connect", "127.0.0.1", &port.to_string()]);
    let mut friend = friend_answers(&listener);
    assert_eq!(friend.read(&mut [0]).unwrap(), 0);
    friend.write_all(b"hi\n").unwrap();
    drop(friend);
    assert_eq!(caller.ends_with(0).stdout, b"hi\n");
}

#[test]
fn with_all_three_streams_closed_the_program_still_works_and_ends() {
    let (listener, port) = friend_listener();
    let mut caller = start_with("<&- >&- 2>&-", &["connect", "127.0.0.1", &port.to_string()]);
    let mut friend = friend_answers(&listener);
    friend.write_all(&random_bytes(1 << 20, 1)).unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    friend.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"");
    caller.ends_with(0);
    // And what could not start still ends with its exit code.
    start_with("<&- >&- 2>&-", &["connect", "127.0.0.1:x"]).ends_with(2);
    drop(listener);
    start_with("<&- >&- 2>&-", &["connect", "127.0.0.1", &port.to_string()]).ends_with(1);
}

#[test]
fn help_into_a_closed_stdout_is_no_panic() {
    for words in [&["--help"][..], &["--version"], &["listen", "--help"]] {
        let ended = start_with(">&-", words).wait();
        assert!(!ended.stderr.contains("panic") && !ended.stderr.contains("fault"), "{ended:?}");
        // As where the reader has gone: `threadchat --help | true`.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(threadchat());
        command.args(words).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let ended = Program::spawn_as_is(&mut command).wait();
        assert!(!ended.stderr.contains("panic") && !ended.stderr.contains("fault"), "{ended:?}");
    }
}

// A stderr that does not take what it gets.

#[test]
fn a_stderr_whose_reader_has_gone_or_that_is_full_holds_nothing_up() {
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (what, stderr) in [("gone", Stdio::from(gone)), ("full", Stdio::from(full))] {
        let (listener, port) = friend_listener();
        let mut command = Command::new(threadchat());
        command.args(["connect", "127.0.0.1", &port.to_string(), "--explain"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut caller = Program::spawn_as_is(&mut command);
        let mut friend = friend_answers(&listener);
        friend.write_all(b"hi\n").unwrap();
        caller.wait_stdout("hi\n");
        caller.say("hello\n");
        let mut heard = [0; 6];
        friend.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello\n", "{what}");
        drop(friend);
        caller.end_stdin();
        caller.ends_with(0);
    }
}

/// How much is sent past a stderr that nobody reads, in pieces of a size that no buffer has.
const PIECES: usize = 200;
const PIECE: usize = 1_000_003;

/// A caller that logs each step, whose stderr is a pipe that nobody reads, and which has just been
/// sent 200 MB: the friend, and the other end of stderr.
#[track_caller]
fn after_200_mb_with_nobody_reading_stderr() -> (Program, TcpStream, PipeReader, PipeReader) {
    let (listener, port) = friend_listener();
    let (stderr, to_stderr) = std::io::pipe().unwrap();
    let (mut stdout, to_stdout) = std::io::pipe().unwrap();
    // (`--explain` alone would count most of them.)
    let mut command = Command::new("env");
    command.args(["RUST_LOG=trace", threadchat(), "connect", "127.0.0.1", &port.to_string()]);
    command.stdin(Stdio::piped()).stdout(to_stdout).stderr(to_stderr);
    let caller = Program::spawn_as_is(&mut command);
    drop(command); // Or the test would hold the pipes open.
    let mut friend = friend_answers(&listener);
    let piece = random_bytes(PIECE, 1);
    let sending = {
        let (mut friend, piece) = (friend.try_clone().unwrap(), piece.clone());
        std::thread::spawn(move || (0..PIECES).try_for_each(|_| friend.write_all(&piece)))
    };
    let mut arrived = vec![0; PIECE];
    for number in 0..PIECES {
        stdout.read_exact(&mut arrived).expect("stdout goes on");
        assert!(arrived == piece, "piece {number} has arrived as it was sent");
    }
    sending.join().unwrap().expect("the program goes on receiving");
    friend.write_all(b"!").unwrap();
    stdout.read_exact(&mut arrived[..1]).unwrap();
    let peak = support::peak_memory(caller.child.id());
    assert!(peak < 16 << 20, "{peak} bytes of memory");
    (caller, friend, stdout, stderr)
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up_with_the_log_on_under_200_mb() {
    let (mut caller, friend, _stdout, _stderr) = after_200_mb_with_nobody_reading_stderr();
    drop(friend);
    let since = Instant::now();
    caller.end_stdin();
    caller.ends_with(0);
    // 2 s are what a stderr has that does not take its last lines.
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn what_stderr_did_not_take_is_counted_and_told_later() {
    let (mut caller, mut friend, stdout, stderr) = after_200_mb_with_nobody_reading_stderr();
    let stdout = Output::collect(stdout);
    let stderr = Output::collect(stderr); // Somebody reads it at last.
    let deadline = Instant::now() + DEADLINE;
    let told = loop {
        // As long as the queue is still being read, another line may be one too many.
        friend.write_all(b"?").unwrap();
        let seen = stderr.text();
        if let Some(line) = seen.lines().find(|line| line.contains("lines are missing here")) {
            break line.to_owned();
        }
        assert!(Instant::now() < deadline, "it is never told: {seen}");
        std::thread::sleep(Duration::from_millis(2));
    };
    let count = told.strip_prefix("* ").and_then(|line| line.split(' ').next()?.parse().ok());
    assert!(count.is_some_and(|count: u64| count > 1_000), "{told}");
    drop(friend);
    caller.end_stdin();
    caller.ends_with(0);
    stdout.to_end();
    let all = text(&stderr.to_end());
    assert!(all.lines().any(|line| line == "friend has left"), "the rest is told as ever");
}

// The log.

/// A conversation with a line each way, started with these words of `env` before the program's.
#[track_caller]
fn conversation_in(env: &[&str], options: &[&str]) -> String {
    let (listener, port) = friend_listener();
    let port = port.to_string();
    let words = [env, &[threadchat(), "connect", "127.0.0.1", &port], options].concat();
    // By way of `env`, since the tests' own environment is kept from the program.
    let mut caller = Program::spawn(Command::new("env").args(words));
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hi\n").unwrap();
    caller.wait_stdout("hi\n");
    caller.say("hello\n");
    friend.read_exact(&mut [0; 6]).unwrap();
    drop(friend);
    caller.end_stdin();
    caller.ends_with(0).stderr
}

/// The thread's name in a line of the log: `SECONDS.MICROSECONDS NAME STEP`.
fn thread_in(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let (seconds, fraction) = words.next()?.split_once('.')?;
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let name = words.next()?;
    words.next()?;
    (digits(seconds) && digits(fraction) && fraction.len() == 6).then_some(name)
}

#[test]
fn without_explain_and_rust_log_there_is_no_log() {
    let stderr = conversation_in(&["-u", "RUST_LOG"], &[]);
    assert!(!stderr.lines().any(|line| thread_in(line).is_some()), "{stderr}");
}

#[test]
fn explain_tells_each_threads_steps_behind_its_name_and_the_time() {
    let stderr = conversation_in(&[], &["--explain"]);
    let mut seen = BTreeSet::new();
    for line in stderr.lines() {
        let own =
            ["connected to ", "friend has left", "* "].iter().any(|own| line.starts_with(own));
        match thread_in(line) {
            Some(name) => drop(seen.insert(name)),
            None => assert!(own, "neither log nor status: {line}"),
        }
    }
    for name in [
        "coordinator",
        "connector",
        "stdin-reader",
        "socket-reader",
        "socket-writer",
        "screen-writer",
    ] {
        assert!(seen.contains(name), "nothing of {name} in {stderr}");
    }
    // What each is about to block in, and what came of it.
    for (name, steps) in [
        ("stdin-reader", &["blocks in read", "6 bytes"][..]),
        ("socket-reader", &["blocks in recv", "3 bytes"]),
        ("socket-writer", &["blocks in send", "6 bytes"]),
        ("screen-writer", &["blocks in write", "3 bytes"]),
        ("connector", &["blocks in connect"]),
        ("coordinator", &["blocks on its inbox", "woken by", "socket-writer", "screen-writer"]),
    ] {
        for step in steps {
            let told = |line: &&str| thread_in(line) == Some(name) && line.contains(step);
            assert!(stderr.lines().any(|line| told(&line)), "{name} {step}: {stderr}");
        }
    }
}

#[test]
fn explain_tells_of_the_acceptor() {
    let (mut listener, port) = Program::listen(&["--explain"]);
    drop(friend_calls(port));
    listener.end_stdin();
    let stderr = listener.ends_with(0).stderr;
    let told = stderr
        .lines()
        .any(|line| thread_in(line) == Some("acceptor") && line.contains("blocks in accept"));
    assert!(told, "{stderr}");
}

#[test]
fn rust_log_works() {
    let log = |setting: &str| -> String {
        let stderr = conversation_in(&[&format!("RUST_LOG={setting}")], &[]);
        let lines = stderr.lines().filter(|line| thread_in(line).is_some());
        lines.map(|line| format!("{line}\n")).collect()
    };
    // Before each step at the finest level, and what came of it at the next.
    for setting in ["trace", "threadchat=trace", "threadchat::lens::explain=trace"] {
        let log = log(setting);
        assert!(log.contains("blocks in recv") && log.contains("3 bytes"), "{setting}: {log}");
    }
    for setting in ["debug", "threadchat=debug", "threadchat::lens::explain=debug"] {
        let log = log(setting);
        assert!(!log.contains("blocks in recv") && log.contains("3 bytes"), "{setting}: {log}");
    }
    // One module alone.
    let coordinator = log("threadchat::talk::conversation=trace");
    assert!(coordinator.contains("closes our sending half"), "{coordinator}");
    assert!(!coordinator.contains("recv gave"), "{coordinator}");
    for none in ["off", "", "other=trace", "threadchat=error"] {
        assert_eq!(log(none), "", "{none:?}");
    }
}

#[test]
fn quiet_leaves_the_log_that_was_asked_for() {
    let stderr = conversation_in(&[], &["--explain", "-q"]);
    assert!(stderr.lines().all(|line| thread_in(line).is_some()), "{stderr}");
    assert!(stderr.contains("socket-reader"), "{stderr}");
}

// The threads' names.

#[test]
fn the_operating_system_shows_the_threads_names() {
    let everybody = ["coordinator", "stdin-reader", "screen-writer", "notice-writer"];
    let (listener, port) = Program::listen(&[]);
    wait_for_threads(listener.child.id(), &[&everybody[..], &["acceptor"]].concat());
    let caller = Program::connect(port, &[]);
    for (program, seeker) in [(&listener, "acceptor"), (&caller, "connector")] {
        program.wait_stderr("connected to");
        let talking = [&everybody[..], &["socket-reader", "socket-writer", seeker]].concat();
        wait_for_threads(program.child.id(), &talking);
        // And there is none that nobody knows: one for each blocking call, the signals', and main.
        let allowed = [&talking[..], &["threadchat", "ctrl-c", "signals"]].concat();
        for thread in threads(program.child.id()) {
            assert!(allowed.contains(&thread.name.as_str()), "what is {thread}?");
        }
    }
}

#[test]
fn ps_shows_the_threads_names_whole() {
    if !have_tool("ps") {
        return;
    }
    let (listener, port) = Program::listen(&[]);
    let _friend = friend_calls(port);
    let pid = listener.child.id().to_string();
    listener.wait_stderr("connected to");
    wait_for_threads(listener.child.id(), &["socket-reader", "socket-writer"]);
    let ps =
        Program::spawn(Command::new("ps").args(["-L", "-o", "comm=", "-p", &pid])).ends_with(0);
    let ps = text(&ps.stdout);
    for name in ["coordinator", "stdin-reader", "socket-reader", "socket-writer", "screen-writer"] {
        assert!(ps.lines().any(|line| line.trim() == name), "{name}: {ps}");
    }
}
