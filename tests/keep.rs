//! CONTRACT 4, `listen --keep`: one conversation after the other on the same port, until Ctrl-C.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use support::pty::Terminal;
use support::{Program, friend_calls, threadchat};

/// Waits until the program has said this so many times.
#[track_caller]
fn wait_times(program: &Program, part: &str, times: usize) {
    let found = program.stderr.wait_until(|bytes| {
        (String::from_utf8_lossy(bytes).matches(part).count() >= times).then_some(())
    });
    if found.is_none() {
        program.fail(format!("stderr lacks {part:?}, {times} times"));
    }
}

fn reset(friend: TcpStream) {
    socket2::SockRef::from(&friend).set_linger(Some(Duration::ZERO)).expect("a socket");
}

#[test]
fn keep_with_piped_stdin_is_a_usage_error() {
    for stdin in [Stdio::piped(), Stdio::null()] {
        let mut program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(["listen", "127.0.0.1:0", "--keep"])
                .stdin(stdin)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let ended = program.ends_with(2);
        assert!(ended.stderr.contains("--keep") && ended.stderr.contains("--recv-only"));
        assert!(!ended.stderr.contains("listening on"), "{}", ended.stderr);
    }
}

#[test]
fn keep_listens_again_on_the_same_port_after_each_conversation_also_a_broken_one() {
    let (mut program, port) = Program::listen(&["--keep", "--recv-only"]);
    let listening = format!("listening on 127.0.0.1:{port}\n");

    let mut first = friend_calls(port);
    first.write_all(b"first\n").unwrap();
    drop(first);
    wait_times(&program, &listening, 2);
    wait_times(&program, "friend has left", 1);

    let mut broken = friend_calls(port);
    broken.write_all(b"broken\n").unwrap();
    program.wait_stdout("broken\n");
    reset(broken);
    wait_times(&program, &listening, 3);
    wait_times(&program, "threadchat: the connection to 127.0.0.1:", 1);

    let mut third = friend_calls(port);
    third.write_all(b"third\n").unwrap();
    drop(third);
    wait_times(&program, &listening, 4);

    program.signal(Signal::INT);
    let ended = program.ends_with(0);
    assert_eq!(ended.stdout, b"first\nbroken\nthird\n");
    assert_eq!(ended.stderr.matches("connected to").count(), 3, "{}", ended.stderr);
}

#[test]
fn keep_and_ctrl_c_before_anybody_came_is_130() {
    let (mut program, _) = Program::listen(&["--keep", "--recv-only"]);
    program.signal(Signal::INT);
    program.ends_with(130);
}

#[test]
fn keep_and_ctrl_c_in_a_conversation_ends_both() {
    let (mut terminal, port) = Terminal::listen(&["--keep"]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    let sees_fin = std::thread::spawn(move || friend.read(&mut [0; 16]).expect("FIN, not RST"));
    terminal.press("\x03");
    terminal.ends_with(0);
    assert_eq!(sees_fin.join().unwrap(), 0);
    assert_eq!(terminal.screen().matches("listening on").count(), 1, "{}", terminal.screen());
}

#[test]
fn keep_at_a_terminal_talks_to_one_friend_after_the_other() {
    let (mut terminal, port) = Terminal::listen(&["--keep"]);
    let mut first = friend_calls(port);
    terminal.wait_for("connected to");
    terminal.press("for the first\nhalf a line for the first");
    let mut line = [0; 14];
    first.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"for the first\n");
    drop(first);
    terminal.wait_for("friend has left");
    terminal.wait_until("listening again", |screen| {
        (screen.matches("listening on").count() == 2).then_some(())
    });

    let mut second = friend_calls(port);
    terminal.wait_until("connected again", |screen| {
        (screen.matches("connected to").count() == 2).then_some(())
    });
    // What was half typed for the first friend is nothing to the second.
    terminal.press("for the second\n\x04");
    let mut all = String::new();
    second.read_to_string(&mut all).unwrap();
    assert_eq!(all, "for the second\n");
    drop(second);
    terminal.wait_until("listening once more", |screen| {
        (screen.matches("listening on").count() == 3).then_some(())
    });

    // After Ctrl-D in the last conversation there is a keyboard for the next one.
    let mut third = friend_calls(port);
    terminal.wait_until("connected once more", |screen| {
        (screen.matches("connected to").count() == 3).then_some(())
    });
    terminal.press("for the third\n");
    let mut line = [0; 14];
    third.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"for the third\n");
    drop(third);
    terminal.wait_until("listening again", |screen| {
        (screen.matches("listening on").count() == 4).then_some(())
    });
    terminal.press("\x03");
    terminal.ends_with(0);
}

#[test]
fn keep_refuses_a_further_caller_while_a_friend_is_there() {
    let (program, port) = Program::listen(&["--keep", "--recv-only"]);
    let friend = friend_calls(port);
    program.wait_stderr("connected to");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    drop(friend);
    wait_times(&program, "listening on", 2);
    friend_calls(port);
    wait_times(&program, "connected to", 2);
}

/// While a conversation is on, the port is free, and any program that calls somebody may be given it to
/// call from. The listener then ended, and the next friend found nobody.
#[test]
fn keep_waits_for_a_port_that_somebody_took_during_a_conversation() {
    let (mut program, port) = Program::listen(&["--keep", "--recv-only"]);
    let mut friend = friend_calls(port);
    program.wait_stderr("connected to");
    let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    other.set_reuse_address(true).unwrap();
    other.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    other.listen(1).unwrap();
    friend.write_all(b"one\n").unwrap();
    drop(friend);
    program.wait_stderr("something is already listening there; trying again once a second");
    drop(other);
    wait_times(&program, "listening on", 2);
    let mut friend = friend_calls(port);
    friend.write_all(b"two\n").unwrap();
    drop(friend);
    wait_times(&program, "listening on", 3);
    program.signal(Signal::INT);
    let ended = program.ends_with(0);
    assert_eq!(ended.stdout, b"one\ntwo\n");
    assert_eq!(ended.stderr.matches("trying again").count(), 1, "{}", ended.stderr);
}

#[test]
fn keep_does_not_listen_again_with_a_stdout_that_takes_nothing() {
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut program = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--keep", "--recv-only"])
            .stdin(Stdio::null())
            .stdout(full)
            .stderr(Stdio::piped()),
    );
    let mut friend = friend_calls(program.listening_port());
    friend.write_all(b"there is no room for this\n").unwrap();
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("cannot write to stdout"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("listening on").count(), 1, "{}", ended.stderr);
}
