//! CONTRACT 3, people: what stands on a terminal, when it stands there, and that the terminal is
//! given back as it was, with nothing left in it that the shell would run.
//!
//! Mostly without the line editor, in the terminal's own cooked mode; what must not depend on that
//! is tried with both. The line editor has a file of its own.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, SockRef, Socket, Type};
use support::bare::BareTerminal;
use support::flow::{all_sleep, has_thread, wait_until_all_sleep, wait_until_received};
use support::pty::Terminal;
use support::shell::{Script, Shell};
use support::until;
use support::{contains, friend_answers, friend_calls, friend_listener, peak_memory};

/// Waits for the conversation's last line.
#[track_caller]
fn friend_leaves(terminal: &mut Terminal, friend: TcpStream) {
    drop(friend);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
}

#[track_caller]
fn read_exactly(friend: &mut TcpStream, expected: &str) {
    let mut came = vec![0; expected.len()];
    friend.read_exact(&mut came).unwrap();
    assert_eq!(String::from_utf8_lossy(&came), expected);
}

/// The rows of the screen that have something in them.
fn rows(terminal: &Terminal) -> Vec<String> {
    let screen = terminal.screen();
    screen.lines().map(|row| row.trim_end().to_owned()).filter(|row| !row.is_empty()).collect()
}

/// The rows behind `connected to`.
fn rows_of_conversation(terminal: &Terminal) -> Vec<String> {
    let rows = rows(terminal);
    let start = rows.iter().position(|row| row.starts_with("connected to")).expect("it began");
    // What is said once about the line comes right behind it.
    assert!(rows[start + 1].contains("not encrypted"), "{rows:?}");
    rows[start + 2..].to_vec()
}

/// A listener without the line editor.
#[track_caller]
fn listen(options: &[&str]) -> (Terminal, u16) {
    Terminal::listen(&[&["--plain"], options].concat())
}

/// With the line editor and without it.
const BOTH: [&str; 2] = ["", "--plain"];

// What stands on the screen.

#[test]
fn every_line_of_a_friend_carries_the_label() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    friend.write_all(b"one\ntwo\n\n* friend has gone\r\nlast, without a newline").unwrap();
    friend_leaves(&mut terminal, friend);
    assert_eq!(
        rows_of_conversation(&terminal),
        [
            "friend says: one",
            "friend says: two",
            "friend says:",
            "friend says: * friend has gone",
            "friend says: last, without a newline",
            "friend has left"
        ]
    );
}

#[test]
fn every_message_of_a_friend_carries_the_label_on_frames_too() {
    let (mut terminal, port) = listen(&["--wire", "frames"]);
    let mut friend = friend_calls(port);
    friend.write_all(b"\x03\x00one\x00\x00\x0b\x00two\nthree\r\n\x03\x00end").unwrap();
    terminal.wait_for("friend has left");
    drop(friend);
    terminal.ends_with(0);
    assert_eq!(
        rows_of_conversation(&terminal)[..4],
        ["friend says: one", "friend says:", "friend says: two", "friend says: three"]
    );
}

const TEXT: &str = "Grüße, 中文, हिन्दी, 😀";

#[test]
fn a_message_that_comes_byte_by_byte_is_shown_whole() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    friend.set_nodelay(true).unwrap();
    for byte in format!("{TEXT}\r\nnext\n").as_bytes() {
        friend.write_all(&[*byte]).unwrap();
        wait_until_received(&friend); // So the next byte is another `recv`.
    }
    friend_leaves(&mut terminal, friend);
    assert!(contains(&terminal.raw(), format!("\nfriend says: {TEXT}\r\n").as_bytes()));
    assert_eq!(
        rows_of_conversation(&terminal)[1..],
        ["friend says: next", "friend has left"],
        "one label a message"
    );
}

#[test]
fn a_message_that_is_received_byte_by_byte_is_shown_whole() {
    for wire in ["lines", "frames"] {
        let (mut terminal, port) = listen(&["--recv-buffer", "1", "--wire", wire]);
        let mut friend = friend_calls(port);
        match wire {
            "lines" => friend.write_all(format!("{TEXT}\r\nnext\n").as_bytes()).unwrap(),
            _ => {
                let length = u16::try_from(TEXT.len()).unwrap().to_le_bytes();
                let frames = [&length, TEXT.as_bytes(), b"\x04\x00next\x03\x00end"];
                friend.write_all(&frames.concat()).unwrap();
            }
        }
        friend_leaves(&mut terminal, friend);
        assert!(contains(&terminal.raw(), format!("\nfriend says: {TEXT}\r\n").as_bytes()));
        assert_eq!(
            rows_of_conversation(&terminal)[1..],
            ["friend says: next", "friend has left"],
            "on {wire}"
        );
    }
}

#[test]
fn a_message_is_shown_when_its_newline_has_come_and_not_before() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    for number in 0..20 {
        friend.write_all(b"mess").unwrap();
        wait_until_received(&friend);
        assert!(!terminal.raw().ends_with(b"mess"), "it is shown too early");
        friend.write_all(format!("age {number}\n").as_bytes()).unwrap();
        // The next is not sent before this one is there.
        terminal.wait_raw(format!("friend says: message {number}\r\n").as_bytes());
    }
    friend_leaves(&mut terminal, friend);
}

#[test]
fn a_message_is_shown_when_its_64th_kib_has_come() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    let part = [vec![b'x'; (64 << 10) - 4], b"last".to_vec()].concat();
    friend.write_all(&part[..part.len() - 1]).unwrap();
    wait_until_received(&friend);
    assert!(!contains(&terminal.raw(), b"friend says"), "it is shown too early");
    friend.write_all(&part[part.len() - 1..]).unwrap();
    terminal.wait_raw(b"last\r\n");
    friend.write_all(b"the rest\n").unwrap();
    terminal.wait_for("friend says: the rest");
    friend_leaves(&mut terminal, friend);
}

#[test]
fn a_message_is_shown_when_the_end_of_the_stream_has_come() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    friend.write_all(b"no newline, and half a character: \xc3").unwrap();
    friend_leaves(&mut terminal, friend);
    let shown = "friend says: no newline, and half a character: \u{fffd}\r\nfriend has left\r\n";
    assert!(contains(&terminal.raw(), shown.as_bytes()));
}

#[test]
fn everything_is_shown_before_friend_has_left() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    let lines: String = (0..5_000).map(|number| format!("line {number}\n")).collect();
    friend.write_all(lines.as_bytes()).unwrap();
    friend_leaves(&mut terminal, friend);
    let raw = String::from_utf8(terminal.raw()).unwrap();
    let (_, shown) = raw.split_once("friend says: ").unwrap();
    let expected = lines.replace('\n', "\r\nfriend says: ");
    let expected = expected.strip_suffix("friend says: ").unwrap();
    assert!(shown == format!("{expected}friend has left\r\n"), "not all of it, or not in order");
}

#[test]
fn what_is_typed_is_at_the_friend_when_enter_has_been_pressed() {
    for connects in [false, true] {
        let (mut terminal, mut friend) = if connects {
            let (listener, port) = friend_listener();
            let terminal = Terminal::start(&["connect", "--plain", "127.0.0.1", &port.to_string()]);
            (terminal, friend_answers(&listener))
        } else {
            let (terminal, port) = listen(&[]);
            (terminal, friend_calls(port))
        };
        terminal.wait_for("connected to");
        for number in 0..20 {
            terminal.press(format!("Grüße {number}\n"));
            read_exactly(&mut friend, &format!("Grüße {number}\n"));
        }
        friend_leaves(&mut terminal, friend);
    }
}

#[test]
fn a_line_of_100_mb_is_shown_in_parts_of_64_kib_and_memory_stays_flat() {
    const LENGTH: usize = 100_000_000;
    const PART: usize = 64 << 10;
    let (listener, port) = friend_listener();
    let mut terminal = BareTerminal::start(&["connect", "--plain", "127.0.0.1", &port.to_string()]);
    let friend = friend_answers(&listener);
    let mut sending = friend.try_clone().unwrap();
    std::thread::spawn(move || {
        let block = vec![b'x'; 1_000_000];
        (0..LENGTH / block.len()).for_each(|_| sending.write_all(&block).unwrap());
    });

    let (mut parts, mut in_part, mut total, mut peak) = (0, 0, 0, 0);
    let mut waiting = Vec::new();
    let mut scratch = vec![0; 1 << 16];
    while total < LENGTH {
        let count = terminal.output.read(&mut scratch).unwrap();
        waiting.extend_from_slice(&scratch[..count]);
        let mut rest = &waiting[..];
        while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
            let mut row = rest[..at].strip_suffix(b"\r").unwrap();
            // The terminal is told to break no row, and after a while to do so again.
            while let Some(after) =
                [b"\x1b[?7l", b"\x1b[?7h"].iter().find_map(|it| row.strip_prefix(*it))
            {
                row = after;
            }
            rest = &rest[at + 1..];
            assert!(row.len() <= 80, "a row is wider than the screen");
            let text = if let Some(text) = row.strip_prefix(b"friend says: ") {
                parts += 1;
                in_part = 0;
                text
            } else if let Some(text) = row.strip_prefix(b"  ") {
                text
            } else {
                let before: [&[u8]; 2] = [b"connected to", b"* the line is not encrypted"];
                let ours = if total == 0 { &before[..] } else { &[&b"friend has left"[..]] };
                let is_ours = ours.iter().any(|ours| row.starts_with(ours));
                assert!(is_ours, "{}", String::from_utf8_lossy(row));
                continue;
            };
            assert!(text.iter().all(|&byte| byte == b'x'));
            in_part += text.len();
            total += text.len();
            assert!(in_part <= PART, "a part is longer than 64 KiB");
            // The last part has no newline yet, and waits for more.
            if total == LENGTH / PART * PART {
                peak = peak_memory(terminal.pid());
                friend.shutdown(Shutdown::Write).unwrap();
            }
        }
        waiting = rest.to_vec();
    }
    assert_eq!((parts, total), (LENGTH.div_ceil(PART), LENGTH));
    assert!(peak < 16 << 20, "it has used {} KiB", peak / 1024);
}

/// The program once made the terminal's file non-blocking to wake the thread that reads it, and
/// the thread that writes to the same file then gave up when the terminal was full.
#[test]
fn a_terminal_that_is_full_at_the_end_still_gets_the_last_lines() {
    let (listener, port) = friend_listener();
    let mut terminal = BareTerminal::start(&["connect", "--plain", "127.0.0.1", &port.to_string()]);
    let friend = friend_answers(&listener);
    wait_until_all_sleep(terminal.pid(), "socket-reader");
    terminal.fill();
    let pid = terminal.pid();
    drop(friend);
    // Its last line does not fit; or it has given up, and is gone.
    until("the socket-reader ends", || (!has_thread(pid, "socket-reader")).then_some(()));
    until("it waits for the terminal", || {
        (!has_thread(pid, "screen-writer") || all_sleep(pid, "screen-writer")).then_some(())
    });
    let mut shown = Vec::new();
    let mut scratch = [0; 4096];
    // At its end a terminal gives an error rather than nothing.
    while let Ok(count @ 1..) = terminal.output.read(&mut scratch) {
        shown.extend_from_slice(&scratch[..count]);
    }
    // And after it the terminal breaks lines again, as it did before.
    assert!(shown.ends_with(b"friend has left\r\n\x1b[?7h"), "the last line is missing");
    assert_eq!(terminal.child.wait().unwrap().exit_code(), 0);
}

#[test]
fn output_that_was_stopped_goes_on_where_it_stopped_when_the_friend_has_left_meanwhile() {
    let (mut terminal, port) = listen(&[]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    friend.write_all(b"before\n").unwrap();
    terminal.wait_for("friend says: before");
    terminal.press("\x13"); // Ctrl-S
    friend.write_all(&b"while it was stopped\n".repeat(100)).unwrap();
    wait_until_received(&friend);
    drop(friend);
    terminal.press("half\x11"); // Ctrl-Q
    terminal.ends_with(0);
    let raw = String::from_utf8(terminal.raw()).unwrap();
    assert_eq!(raw.matches("while it was stopped\r\n").count(), 100);
    assert!(raw.contains("friend has left"), "{raw}");
}

// Nobody is there.

#[test]
fn what_is_typed_while_nobody_is_there_is_not_sent_to_whoever_calls_and_a_notice_says_so() {
    let (mut terminal, port) = listen(&[]);
    terminal.press("first secret\nsecond secret\n");
    terminal.wait_for("\n* nobody is there yet; what you type is not sent");
    terminal.wait_for("second secret"); // Its echo: both have been typed.
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    terminal.press("hello\n");
    read_exactly(&mut friend, "hello\n");
    friend_leaves(&mut terminal, friend);
}

#[test]
fn what_is_typed_while_nobody_answers_is_not_sent_to_whoever_answers_and_a_notice_says_so() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let mut terminal =
        Terminal::start(&["connect", "--plain", "--wait", "127.0.0.1", &port.to_string()]);
    terminal.wait_for("once a second");
    terminal.press("secret\n");
    terminal.wait_for("not sent");
    socket.listen(1).unwrap();
    let mut friend = friend_answers(&TcpListener::from(socket));
    terminal.wait_for("connected to");
    terminal.press("hello\n");
    read_exactly(&mut friend, "hello\n");
    friend_leaves(&mut terminal, friend);
}

/// A `listen --keep` whose first friend leaves after these keys; its port.
#[track_caller]
fn half_typed_for_the_first_of_two(wire: &str, keys: &str, echo: &str) -> (Terminal, u16) {
    let (mut terminal, port) = listen(&["--keep", "--wire", wire]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    terminal.press(keys);
    terminal.wait_for(echo);
    // What the terminal has given to the program is the program's.
    until("the program reads", || (terminal.unread() == 0).then_some(()));
    wait_until_all_sleep(terminal.pid(), "stdin-reader");
    if wire == "frames" {
        friend.write_all(b"\x03\x00end").unwrap();
    }
    drop(friend);
    terminal.wait_until("the second round", |screen| {
        (screen.matches("listening on").count() == 2).then_some(())
    });
    (terminal, port)
}

#[test]
fn what_was_half_typed_for_one_friend_is_not_sent_to_the_next() {
    let (mut terminal, port) = half_typed_for_the_first_of_two("lines", "secret", "secret");
    let mut friend = friend_calls(port);
    terminal.wait_until("the second friend", |screen| {
        (screen.matches("connected to").count() == 2).then_some(())
    });
    terminal.press("\nhello\n");
    read_exactly(&mut friend, "\nhello\n");
}

/// Ctrl-D behind a half line hands it to the program without its Enter. (Ctrl-R, which shows the
/// line again, shows that the terminal has come so far.)
#[test]
fn what_was_half_typed_and_pushed_with_ctrl_d_is_not_sent_to_the_next() {
    let (mut terminal, port) =
        half_typed_for_the_first_of_two("frames", "secret\x04\x12", "secret^R");
    let mut friend = friend_calls(port);
    terminal.wait_until("the second friend", |screen| {
        (screen.matches("connected to").count() == 2).then_some(())
    });
    terminal.press("hello\n");
    read_exactly(&mut friend, "\x05\0hello");
}

#[test]
fn what_was_half_typed_for_one_friend_is_shown_as_not_sent_when_the_next_is_waited_for() {
    let (terminal, _) = half_typed_for_the_first_of_two("lines", "secret", "secret");
    terminal.wait_for("not sent: secret");
}

// The shell gets its terminal back, and nothing in it.

/// In a real bash: a friend is there, `touch FILE` stands half typed, and `end` ends it.
#[track_caller]
fn half_typed(options: &str, end: impl FnOnce(&mut Shell, TcpStream)) -> Shell {
    let (mut shell, friend) = Shell::in_conversation(options);
    shell.terminal.press("touch FILE");
    shell.terminal.wait_for("touch FILE");
    end(&mut shell, friend);
    shell
}

#[track_caller]
fn assert_not_run(shell: &mut Shell) {
    shell.press_enter_and_wait();
    if shell.path("FILE").exists() {
        shell.terminal.fail("the shell has run what was typed for the friend");
    }
}

#[test]
fn a_half_typed_line_is_shown_and_not_run_by_the_shell_when_the_friend_leaves() {
    for mode in BOTH {
        let mut shell = half_typed(mode, |_, friend| drop(friend));
        shell.terminal.wait_for("not sent: touch FILE");
        shell.terminal.wait_for("code=0");
        assert_not_run(&mut shell);
    }
}

#[test]
fn a_half_typed_line_is_shown_and_not_run_by_the_shell_on_frames() {
    for mode in BOTH {
        let mut shell = half_typed(&format!("{mode} --wire frames"), |_, mut friend| {
            friend.write_all(b"\x03\x00end").unwrap();
            friend.shutdown(Shutdown::Write).unwrap();
        });
        shell.terminal.wait_for("not sent: touch FILE");
        shell.terminal.wait_for("code=0");
        assert_not_run(&mut shell);
    }
}

#[test]
fn a_half_typed_line_is_shown_and_not_run_by_the_shell_when_the_friend_resets() {
    for mode in BOTH {
        let mut shell = half_typed(mode, |_, friend| {
            SockRef::from(&friend).set_linger(Some(Duration::ZERO)).unwrap();
        });
        shell.terminal.wait_for("not sent: touch FILE");
        shell.terminal.wait_for("code=1");
        assert_not_run(&mut shell);
    }
}

#[test]
fn a_half_typed_line_is_shown_and_not_run_by_the_shell_when_stdout_is_piped() {
    for mode in BOTH {
        let mut shell = half_typed(&format!("{mode} | cat"), |_, friend| drop(friend));
        shell.terminal.wait_for("not sent: touch FILE");
        shell.terminal.wait_for("code=0");
        assert_not_run(&mut shell);
    }
}

#[test]
fn a_half_typed_line_is_shown_and_not_run_by_the_shell_after_sigterm() {
    for mode in BOTH {
        let mut shell = half_typed(mode, |shell, friend| {
            // The shell's only child is the program.
            let shell = shell.terminal.pid();
            let path = format!("/proc/{shell}/task/{shell}/children");
            let child = std::fs::read_to_string(path).unwrap().trim().parse().unwrap();
            kill_process(Pid::from_raw(child).unwrap(), Signal::TERM).unwrap();
            drop(friend);
        });
        shell.terminal.wait_for("not sent: touch FILE");
        shell.terminal.wait_for("code=0");
        assert_not_run(&mut shell);
    }
}

/// In cooked mode the terminal itself forgets the half-typed line then.
#[test]
fn a_half_typed_line_is_not_run_by_the_shell_after_ctrl_c() {
    for mode in BOTH {
        let mut shell = half_typed(mode, |shell, friend| {
            shell.terminal.press("\x03");
            drop(friend);
        });
        shell.terminal.wait_for("code=0");
        assert_not_run(&mut shell);
    }
}

#[test]
fn what_is_typed_behind_ctrl_d_is_not_run_by_the_shell() {
    let (mut shell, mut friend) = Shell::in_conversation("--plain");
    shell.terminal.press("\x04");
    assert_eq!(friend.read(&mut [0]).unwrap(), 0, "FIN");
    shell.terminal.press("touch FILE\ntouch FILE");
    shell.terminal.wait_for("touch FILE\ntouch FILE");
    drop(friend);
    shell.terminal.wait_for("code=0");
    assert_not_run(&mut shell);
}

#[test]
fn what_is_typed_where_nothing_is_received_but_waited_for_is_not_run_by_the_shell() {
    let (mut shell, friend) = Shell::in_conversation("--recv-only");
    shell.terminal.press("touch FILE\ntouch FILE");
    shell.terminal.wait_for("touch FILE\ntouch FILE");
    drop(friend);
    shell.terminal.wait_for("code=0");
    assert_not_run(&mut shell);
}

/// A friend who does not hang up: for 2 s there is no conversation any more, but still a program
/// that reads the keyboard. These keys are pressed then.
#[track_caller]
fn typed_after_ctrl_c(keys: &str, echo: &str) -> Shell {
    let (mut shell, mut friend) = Shell::in_conversation("--plain");
    shell.terminal.press("\x03");
    assert_eq!(friend.read(&mut [0]).unwrap(), 0, "FIN");
    shell.terminal.press(keys);
    shell.terminal.wait_for(echo);
    drop(friend);
    shell.terminal.wait_for("code=0");
    shell
}

#[test]
fn a_whole_line_typed_after_the_end_is_not_run_by_the_shell() {
    let mut shell = typed_after_ctrl_c("touch FILE\ntouch FILE", "touch FILE\ntouch FILE");
    assert_not_run(&mut shell);
}

#[test]
fn every_line_typed_after_the_end_is_shown_as_not_sent() {
    let lines: Vec<String> = (1..=6).map(|number| format!("line {number}")).collect();
    let keys = lines.join("\n") + "\nhalf a line";
    let shell = typed_after_ctrl_c(&keys, "half a line");
    for line in lines {
        shell.terminal.wait_for(&format!("not sent: {line}"));
    }
    shell.terminal.wait_for("not sent: half a line");
}

/// As with a paste in the moment in which the friend leaves. The program stands still meanwhile,
/// so that all of it is typed while the program is there; which of the lines are still sent
/// depends on which of its threads is the first to go on.
#[test]
fn many_lines_pasted_while_the_friend_leaves_are_not_left_for_the_shell() {
    let mut script = Script::start(&["listen", "--plain", "127.0.0.1:0"]);
    script.terminal.press("\n");
    let friend = friend_calls(script.terminal.listening_port());
    script.terminal.wait_for("connected to");
    let program = script.program();
    kill_process(program, Signal::STOP).unwrap();
    drop(friend);
    script.terminal.press("touch FILE\n".repeat(12) + "touch FILE, half typed");
    script.terminal.wait_for("touch FILE, half typed");
    kill_process(program, Signal::CONT).unwrap();
    script.terminal.wait_for("code=");
    script.assert_nothing_left();
}

#[test]
fn the_terminal_is_as_it_was_after_every_way_out() {
    type Way = (&'static str, &'static [&'static str], fn(&mut Script, TcpStream), &'static str);
    let ways: &[Way] = &[
        ("the friend leaves", &[], |_, friend| drop(friend), "code=0"),
        (
            "the friend resets",
            &[],
            |_, friend| SockRef::from(&friend).set_linger(Some(Duration::ZERO)).unwrap(),
            "code=1",
        ),
        (
            "the friend says end",
            &["--wire", "frames"],
            |_, mut friend| friend.write_all(b"\x03\x00end").unwrap(),
            "code=0",
        ),
        (
            "the friend is cut off",
            &["--wire", "frames"],
            |_, mut friend| friend.write_all(b"\x03\x00e").unwrap(),
            "code=1",
        ),
        (
            "Ctrl-C",
            &[],
            |script, mut friend| {
                script.terminal.press("\x03");
                let _ = friend.read_to_end(&mut Vec::new());
            },
            "code=0",
        ),
        (
            "Ctrl-C twice",
            &[],
            |script, mut friend| {
                script.terminal.press("\x03");
                let _ = friend.read_to_end(&mut Vec::new());
                script.terminal.press("\x03");
                script.terminal.wait_for("code=130");
            },
            "code=130",
        ),
        (
            "SIGTERM",
            &[],
            |script, _friend| kill_process(script.program(), Signal::TERM).unwrap(),
            "code=0",
        ),
        (
            "SIGHUP",
            &[],
            |script, _friend| kill_process(script.program(), Signal::HUP).unwrap(),
            "code=0",
        ),
        (
            "Ctrl-D",
            &[],
            |script, mut friend| {
                script.terminal.press("\n\x04");
                let _ = friend.read_to_end(&mut Vec::new());
            },
            "code=0",
        ),
        (
            "end is typed",
            &["--wire", "frames"],
            |script, mut friend| {
                script.terminal.press("\nend\n");
                let _ = friend.read_to_end(&mut Vec::new());
            },
            "code=0",
        ),
        ("only receiving", &["--recv-only"], |_, friend| drop(friend), "code=0"),
    ];
    let both = ways.iter().flat_map(|way| [(way, &[][..]), (way, &["--plain"])]);
    for ((way, options, end, code), mode) in both {
        let mut script = Script::start(&[&["listen", "127.0.0.1:0"], *options, mode].concat());
        let before = script.state();
        script.terminal.press("\n");
        let port = script.terminal.listening_port();
        let friend = friend_calls(port);
        script.terminal.wait_for("connected to");
        script.terminal.press("half typed");
        script.terminal.wait_for("half typed");
        end(&mut script, friend);
        script.terminal.wait_for(code);
        assert_eq!(script.state(), before, "{way} {mode:?}");
        script.assert_nothing_left();
    }
}

#[test]
fn the_terminal_is_as_it_was_where_no_conversation_came_about() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let deaf = socket.local_addr().unwrap().as_socket().unwrap().port().to_string();
    let ways: &[(&[&str], &str, &str, &str)] = &[
        (&["connect", "127.0.0.1", &deaf], "", "", "code=1"),
        (&["connect", "127.0.0.1", "99999"], "", "", "code=2"),
        (&["listen", "127.0.0.1:0"], "listening on", "half\x03", "code=130"),
        (&["connect", "--wait", "127.0.0.1", &deaf], "once a second", "half\x03", "code=130"),
    ];
    let both = ways.iter().flat_map(|way| [(way, &[][..]), (way, &["--plain"])]);
    for ((words, wait_for, keys, code), mode) in both {
        let mut script = Script::start(&[*words, mode].concat());
        let before = script.state();
        script.terminal.press("\n");
        script.terminal.wait_for(wait_for);
        script.terminal.press(keys);
        script.terminal.wait_for(code);
        assert_eq!(script.state(), before, "{words:?} {mode:?}");
        script.assert_nothing_left();
    }
}

#[test]
fn a_conversation_survives_ctrl_z_and_fg() {
    for mode in BOTH {
        let (mut shell, mut friend) = Shell::in_conversation(mode);
        // Half a word more, to see that it reads; its modes are those of a conversation then.
        shell.terminal.press("half");
        shell.terminal.wait_for("half");
        let modes = format!("{:?}", shell.terminal.modes());
        shell.terminal.press("\x1a");
        shell.terminal.wait_for("Stopped");
        shell.wait_for_prompt();
        friend.write_all(b"said while it was stopped\n").unwrap();
        shell.run("fg");
        shell.terminal.wait_for("friend says: said while it was stopped");
        until("the modes are back", || {
            (format!("{:?}", shell.terminal.modes()) == modes).then_some(())
        });
        // In cooked mode Ctrl-Z forgets what was half typed.
        shell.terminal.press("\x15typed after it\n");
        read_exactly(&mut friend, "typed after it\n");
        shell.terminal.press("touch FILE");
        shell.terminal.wait_for("touch FILE");
        drop(friend);
        shell.terminal.wait_for("not sent: touch FILE");
        assert_not_run(&mut shell);
    }
}
