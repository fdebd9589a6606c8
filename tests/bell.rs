//! CONTRACT 3, `--bell`: the terminal's bell rings when something arrives, once a second at most, and
//! where the terminal tells whether somebody looks, only while nobody does.

mod support;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::member::Member;
use support::pty::Terminal;
use support::shell::Shell;
use support::{contains, friend_answers, friend_calls, friend_listener, threadchat, until};

const TELLS_OF_FOCUS: &[u8] = b"\x1b[?1004h";
const TELLS_NO_FOCUS: &[u8] = b"\x1b[?1004l";
const LOOKS: &str = "\x1b[I";
const LOOKS_ELSEWHERE: &str = "\x1b[O";

/// How often the bell rang.
fn rings(terminal: &Terminal) -> usize {
    terminal.everything().iter().filter(|&&byte| byte == b'\x07').count()
}

/// Says something again and again, until that comes to this.
#[track_caller]
fn say_until(friends: &mut [&mut TcpStream], what: &str, mut done: impl FnMut() -> bool) {
    until(what, || {
        friends.iter_mut().for_each(|friend| friend.write_all(b"hello\n").unwrap());
        done().then_some(())
    });
}

/// Where a part of this stands last among all that the terminal was sent.
fn last(terminal: &Terminal, part: &[u8]) -> Option<usize> {
    terminal.everything().windows(part.len()).rposition(|it| it == part)
}

/// A listener in a terminal with the bell, and a friend.
#[track_caller]
fn meet(options: &[&str]) -> (Terminal, TcpStream) {
    let (terminal, port) = Terminal::listen(&[&["--bell"], options].concat());
    let friend = friend_calls(port);
    terminal.wait_for("connected to");
    (terminal, friend)
}

#[test]
fn it_rings_for_who_calls_and_for_what_is_said_once_a_second_at_most() {
    for options in [&[][..], &["--plain"], &["-q", "--plain"]] {
        let start = Instant::now();
        let (terminal, port) = match options.contains(&"-q") {
            // Without the notices somebody has to say which port it is.
            true => {
                let (socket, port) = support::place_where_nobody_listens();
                drop(socket);
                let words = ["listen", &format!("127.0.0.1:{port}"), "--bell"];
                (Terminal::start(&[&words, options].concat()), port)
            }
            false => Terminal::listen(&[&["--bell"], options].concat()),
        };
        assert_eq!(rings(&terminal), 0);
        let mut friend = until("it listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        until("it rings for the caller", || (rings(&terminal) == 1).then_some(()));
        say_until(&mut [&mut friend], "it rings for what is said", || rings(&terminal) == 3);
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds > 2.0, "three times in {seconds} s");
    }
}

#[test]
fn it_does_not_ring_while_somebody_looks() {
    let (mut looked_at, mut friend) = meet(&[]);
    let (mut other, mut other_friend) = meet(&["--plain"]);
    looked_at.wait_look("the row", |_, raw| contains(raw, TELLS_OF_FOCUS).then_some(()));
    let mut friends = [&mut friend, &mut other_friend];
    say_until(&mut friends, "nobody knows whether somebody looks", || rings(&looked_at) > 1);
    // The row comes after the report.
    looked_at.press(LOOKS.to_owned() + "x");
    looked_at.wait_for("\n> x");
    let before = (rings(&looked_at), rings(&other));
    // Where nobody is known to look it rings meanwhile.
    say_until(&mut friends, "two seconds pass", || rings(&other) >= before.1 + 2);
    assert_eq!(rings(&looked_at), before.0, "{}", looked_at.screen());
    looked_at.press(LOOKS_ELSEWHERE);
    say_until(&mut friends, "it rings again", || rings(&looked_at) > before.0);
    // Reports are nothing that was typed, at the end neither.
    looked_at.press("\x03");
    looked_at.press(LOOKS);
    friend.shutdown(Shutdown::Write).unwrap();
    looked_at.ends_with(0);
    let screen = looked_at.screen();
    assert_eq!(screen.matches("not sent").count(), 1, "{screen}");
    assert!(screen.trim_end().ends_with("* not sent: x"), "{screen}");
    other.press("\x03");
}

#[test]
fn who_does_not_want_the_bell_gets_none_and_a_friend_cannot_ring() {
    for (options, asks) in [(&[][..], false), (&["--bell", "--plain"], false), (&["--bell"], true)]
    {
        let (terminal, port) = Terminal::listen(options);
        let mut friend = friend_calls(port);
        terminal.wait_for("connected to");
        let wanted = options.contains(&"--bell");
        until("it rings or not", || (rings(&terminal) == usize::from(wanted)).then_some(()));
        friend.write_all(b"\x07\x07\x07 hello\n").unwrap();
        terminal.wait_for("friend says: ^G^G^G hello");
        // It may be a second since it rang.
        assert!(rings(&terminal) <= usize::from(wanted) * 2, "{options:?}");
        assert_eq!(contains(&terminal.everything(), b"1004"), asks, "{options:?}");
    }
}

#[test]
fn who_calls_hears_it_only_where_the_friend_was_waited_for() {
    for (options, at_once) in [(&["--bell"][..], false), (&["--bell", "--wait"], true)] {
        let (listener, port) = friend_listener();
        let port = port.to_string();
        let terminal = Terminal::start(&[&["connect", "127.0.0.1", &port], options].concat());
        let mut friend = friend_answers(&listener);
        terminal.wait_for("can read it");
        assert_eq!(rings(&terminal), usize::from(at_once));
        say_until(&mut [&mut friend], "it rings", || rings(&terminal) > usize::from(at_once));
    }
}

#[test]
fn where_stdout_is_a_file_the_bell_of_stderr_rings_and_no_byte_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let mut command = CommandBuilder::new("sh");
    let script = format!("exec {} listen 127.0.0.1:0 --bell > {}", threadchat(), copy.display());
    command.args(["-c", &script]);
    let mut terminal = Terminal::spawn(command, 24, 80);
    let mut friend = friend_calls(terminal.listening_port());
    until("it rings for the caller", || (rings(&terminal) == 1).then_some(()));
    say_until(&mut [&mut friend], "it rings for what is said", || rings(&terminal) == 2);
    friend.shutdown(Shutdown::Write).unwrap();
    terminal.ends_with(0);
    let copied = std::fs::read(&copy).unwrap();
    assert!(!copied.contains(&b'\x07') && copied.ends_with(b"hello\n"));
    assert!(!contains(&terminal.everything(), b"1004"));
}

#[test]
fn in_a_room_it_rings_for_members_and_for_who_joins() {
    let (mut host, port) = Terminal::listen(&["--bell", "--room"]);
    let mut member = Member::joins(port, "lines");
    until("it rings for who joins", || (rings(&host) == 1).then_some(()));
    until("it rings for what is said", || {
        member.say("hello");
        (rings(&host) == 2).then_some(())
    });
    host.press("\x03");
    member.rest();
    member.end();
    host.ends_with(0);
}

#[test]
fn the_terminal_is_told_to_tell_nothing_more_on_every_way_out() {
    let ways = ["Ctrl-C", "Ctrl-D", "SIGTERM", "SIGHUP", "SIGQUIT", "the friend leaves"];
    for way in ways {
        let (mut terminal, friend) = meet(&[]);
        terminal.wait_look("the row", |_, raw| contains(raw, TELLS_OF_FOCUS).then_some(()));
        match way {
            "Ctrl-C" => terminal.press("\x03"),
            "Ctrl-D" => terminal.press("\x04"),
            "SIGTERM" => terminal.signal(Signal::TERM),
            "SIGHUP" => terminal.signal(Signal::HUP),
            "SIGQUIT" => terminal.signal(Signal::QUIT),
            _ => {}
        }
        friend.shutdown(Shutdown::Write).unwrap();
        terminal.wait();
        assert!(last(&terminal, TELLS_NO_FOCUS) > last(&terminal, TELLS_OF_FOCUS), "{way}");
    }
}

#[test]
fn a_shell_that_gets_its_terminal_back_is_told_nothing_of_focus() {
    let (mut shell, mut friend) = Shell::in_conversation("--bell");
    shell.terminal.wait_for("can read it");
    let tells = |shell: &Shell| {
        last(&shell.terminal, TELLS_OF_FOCUS) > last(&shell.terminal, TELLS_NO_FOCUS)
    };
    until("it is asked", || tells(&shell).then_some(()));
    shell.suspend();
    assert!(!tells(&shell));
    shell.run("fg");
    until("it is asked again", || tells(&shell).then_some(()));
    // Whoever stops it from elsewhere gives it no time; but as soon as it goes on, it says so.
    let program = shell.program();
    rustix::process::kill_process(program, Signal::STOP).unwrap();
    shell.wait_for_prompt();
    shell.run("bg");
    until("it is asked no more", || (!tells(&shell)).then_some(()));
    shell.run("fg");
    until("it is asked once more", || tells(&shell).then_some(()));
    friend.write_all(b"hello\n").unwrap();
    shell.terminal.wait_for("friend says: hello");
    shell.terminal.press("\x03");
    drop(friend);
    shell.terminal.wait_for(" left\nready>");
    assert!(!tells(&shell));
}
