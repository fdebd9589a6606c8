//! CONTRACT 2: streams and exit codes.

mod support;

use std::io::Write;
use support::pty::Terminal;
use support::{Program, friend_calls};

#[test]
fn two_programs_talk_and_both_end_with_exit_0() {
    let (mut listener, port) = Program::listen(&[]);
    let mut caller = Program::connect(port, &[]);
    caller.say("hello\n");
    listener.wait_stdout("hello\n");
    listener.say("hi\n");
    caller.wait_stdout("hi\n");
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
