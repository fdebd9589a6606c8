//! CONTRACT 7 and 8, rooms, as people see them: a host at a terminal, a `connect` at a terminal
//! whose host may not be an honest one, and `nc`, `ncat`, `telnet`, `socat`, a Python client and
//! threadchat in one room. What the room itself promises is in `rooms.rs`.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::member::{Member, WIRES, close_room, everybody_hangs_up, open_room};
use support::pty::Terminal;
use support::wire::{END, frame, leave, receive, receive_to_end, send_in_pieces, talk_at_terminal};
use support::{Program, friend_answers, friend_listener, have_tool, text};

/// Both ways to type: with the line editor and without.
const TYPING: [&[&str]; 2] = [&[], &["--plain"]];

/// A message as it stands on a wire.
fn message(wire: &str, text: &str) -> Vec<u8> {
    if wire == "frames" { frame(text) } else { format!("{text}\n").into_bytes() }
}

/// A room whose host is at a terminal that is wide enough for a notice in one row.
#[track_caller]
fn host_at_terminal(wire: &str, options: &[&str]) -> (Terminal, u16) {
    let words = ["listen", "127.0.0.1:0", "--room", "--wire", wire, "--color", "never"];
    let terminal = Terminal::start_sized(&[&words, options].concat(), 50, 160);
    let port = terminal.listening_port();
    (terminal, port)
}

/// Waits for the empty input row: before it is there a terminal keeps 4,095 bytes of a line.
#[track_caller]
fn wait_for_row(terminal: &Terminal) {
    terminal.wait_until("the input row", |screen| {
        (screen.trim_end().lines().last()?.trim_end() == ">").then_some(())
    });
}

/// The room ends by Ctrl-C, and all is well.
#[track_caller]
fn close(mut terminal: Terminal) -> Terminal {
    everybody_hangs_up();
    terminal.press("\x03");
    terminal.ends_with(0);
    terminal
}

/// A `connect` at a terminal, and the host that it calls, who is played by the test.
#[track_caller]
fn calls_a_host(wire: &str, options: &[&str]) -> (Terminal, std::net::TcpStream) {
    calls_a_host_at(50, 160, wire, options)
}

#[track_caller]
fn calls_a_host_at(
    rows: u16,
    columns: u16,
    wire: &str,
    options: &[&str],
) -> (Terminal, std::net::TcpStream) {
    let (listener, port) = friend_listener();
    let at = format!("127.0.0.1:{port}");
    let words = ["connect", &at, "--wire", wire, "--color", "never"];
    let terminal = Terminal::start_sized(&[&words, options].concat(), rows, columns);
    let host = friend_answers(&listener);
    host.set_nodelay(true).unwrap();
    terminal.wait_for("connected to");
    (terminal, host)
}

/// The rows of a screen from this one on, without the empty ones.
fn rows_from(terminal: &Terminal, first: &str) -> Vec<String> {
    let screen = terminal.screen();
    let rows = screen.lines().map(|row| row.trim_end().to_owned());
    rows.skip_while(|row| row != first).filter(|row| !row.is_empty()).collect()
}

// The host at a terminal.

#[test]
fn the_host_reads_along_and_speaks_as_a_member_like_any_other() {
    for wire in WIRES {
        for typing in TYPING {
            let (mut host, port) = host_at_terminal(wire, typing);
            let mut one = Member::joins(port, wire);
            host.wait_for("* guest-1 has joined");
            one.say("hello");
            host.wait_for("guest-1 says: hello");
            host.press("hi, 你好\r");
            one.hears(&["host says: hi, 你好"]);
            one.say("/name Susan");
            host.wait_for("* guest-1 is now Susan");
            one.say("and now?");
            host.wait_for("Susan says: and now?");
            let mut two = Member::joins(port, wire);
            host.wait_for("* guest-2 has joined");
            host.press("to both\r");
            one.hears(&["* guest-1 is now Susan", "* guest-2 has joined", "host says: to both"]);
            two.hears(&["host says: to both"]);
            two.say("/quit");
            host.wait_for("* guest-2 has left");
            let screen = host.screen();
            assert!(!screen.contains("host says"), "it does not hear itself: {screen}");
            if typing.is_empty() {
                assert!(screen.contains("\n> hi, 你好"), "what I said stays: {screen}");
            }
            let host = close(host);
            assert!(host.screen().contains("the room is closed"), "{}", host.screen());
        }
    }
}

#[test]
fn what_members_do_appears_above_the_line_that_the_host_types() {
    let (mut host, port) = host_at_terminal("lines", &[]);
    let mut one = Member::joins_as(port, "lines", "Susan");
    host.wait_for("* guest-1 is now Susan");
    host.press("half typed");
    host.wait_for("half typed");
    for number in 0..20 {
        one.say(format!("line {number}"));
        let mut two = Member::joins(port, "lines");
        two.say("/quit");
        one.hear();
        one.hear();
    }
    host.wait_for("Susan says: line 19");
    host.wait_for("* guest-21 has left");
    // In the last row, in one piece, and nowhere else; the cursor is behind it.
    host.wait_screen("the typed line below everything", |screen| {
        let contents = screen.contents();
        let last = contents.trim_end().lines().last()?.trim_end();
        let (_, column) = screen.cursor_position();
        (last.ends_with("half typed")
            && contents.matches("half typed").count() == 1
            && usize::from(column) == last.chars().count())
        .then_some(())
    });
    host.press("!\r");
    one.hears(&["host says: half typed!"]);
    close(host);
}

#[test]
fn the_hosts_commands_are_commands_and_nobody_else_sees_them() {
    for wire in WIRES {
        for typing in TYPING {
            let (mut host, port) = host_at_terminal(wire, typing);
            let mut one = Member::joins_as(port, wire, "Susan");
            let mut two = Member::joins(port, wire);
            one.hears(&["* guest-2 has joined"]);
            host.wait_for("* guest-2 has joined");
            host.press("/who\r");
            host.wait_for("* here: host (you), Susan, guest-2");
            host.press("/help\r");
            for command in ["/name NAME", "/who", "/kick NAME", "/quit"] {
                host.wait_for(&format!("* {command}"));
            }
            // Names that cannot be had are answered with a notice.
            for name in ["susan", "SUSAN", "guest-7", "you", "friend"] {
                host.press(format!("/name {name}\r"));
                host.wait_until(name, |screen| {
                    let answers = |row: &str| row.starts_with("* ") && row.contains(name);
                    screen.lines().any(answers).then_some(())
                });
            }
            host.press("/nonsense\r");
            host.wait_for("* no such command: /nonsense");
            host.press("//text\r");
            one.hears(&["host says: /text"]);
            two.hears(&["host says: /text"]);
            host.press("/name Teacher\r");
            one.hears(&["* host is now Teacher"]);
            two.hears(&["* host is now Teacher"]);
            host.press("hello\r");
            one.hears(&["Teacher says: hello"]);
            two.hears(&["Teacher says: hello"]);
            host.press("/who\r");
            host.wait_for("* here: Teacher (you), Susan, guest-2");
            close(host);
        }
    }
}

#[test]
fn who_is_kicked_is_told_so_and_leaves() {
    for wire in WIRES {
        let (mut host, port) = host_at_terminal(wire, &[]);
        let mut one = Member::joins_as(port, wire, "Susan");
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        host.wait_for("* guest-2 has joined");
        host.press("/kick nobody\r");
        host.wait_for("* nobody here is called nobody");
        host.press("/kick host\r");
        host.wait_until("an answer", |screen| {
            screen.lines().any(|row| row.starts_with("* that is you")).then_some(())
        });
        host.press("/kick\r");
        host.wait_for("* /kick wants a name");
        // What it said before is heard; what it says then is not.
        one.say("before");
        two.hears(&["Susan says: before"]);
        host.wait_for("Susan says: before");
        host.press("/kick sUSAN\r");
        assert_eq!(one.rest(), ["* removed by the host"]);
        let left = two.hear();
        assert!(left.starts_with("* Susan has left"), "{left}");
        host.wait_for("* Susan has left");
        one.say("after");
        one.end();
        // The name is free, and the room goes on.
        two.say("/name Susan");
        two.hears(&["* guest-2 is now Susan"]);
        host.press("hello\r");
        two.hears(&["host says: hello"]);
        assert!(!host.screen().contains("says: after"), "{}", host.screen());
        host.press("/kick Susan\r");
        assert_eq!(two.rest(), ["* removed by the host"]);
        close(host);
    }
}

#[test]
fn quit_closes_the_room_as_ctrl_c_does() {
    for wire in WIRES {
        for typing in TYPING {
            for leaves in ["/quit\r", "\x03"] {
                let (mut host, port) = host_at_terminal(wire, typing);
                let mut one = Member::joins(port, wire);
                host.press("last words\r");
                one.hears(&["host says: last words"]);
                host.press(leaves);
                assert_eq!(one.rest(), ["* the room is closed"]);
                everybody_hangs_up();
                host.ends_with(0);
                host.wait_for("the room is closed");
                let (now, before) = (host.modes(), host.modes_before());
                assert_eq!(format!("{now:?}"), format!("{before:?}"), "the terminal is given back");
            }
        }
    }
}

#[test]
fn ctrl_d_ends_neither_the_room_nor_what_the_host_can_say_and_do() {
    for wire in WIRES {
        for typing in TYPING {
            let (mut host, port) = host_at_terminal(wire, typing);
            let mut one = Member::joins(port, wire);
            host.press("hello\r");
            one.hears(&["host says: hello"]);
            host.press("\x04");
            host.wait_for("the room stays open");
            one.say("are you there?");
            host.wait_for("guest-1 says: are you there?");
            let mut two = Member::joins(port, wire);
            host.wait_for("* guest-2 has joined");
            two.say("hello");
            one.hears(&["* guest-2 has joined", "guest-2 says: hello"]);
            host.press("still here\r");
            one.hears(&["host says: still here"]);
            two.hears(&["host says: still here"]);
            host.press("/kick guest-2\r");
            one.hears(&["* guest-2 has left: removed by the host"]);
            host.signal(Signal::INT);
            assert_eq!(one.rest(), ["* the room is closed"]);
            everybody_hangs_up();
            host.ends_with(0);
        }
    }
}

#[test]
fn what_the_host_types_while_nobody_is_there_is_for_nobody() {
    for wire in WIRES {
        let (mut host, port) = host_at_terminal(wire, &[]);
        host.press("too early\r");
        host.wait_for("* nobody is there yet; what you type is not sent");
        // A command is one all the same.
        host.press("/who\r");
        host.wait_for("* here: host (you)");
        let mut one = Member::joins(port, wire);
        host.wait_for("* guest-1 has joined");
        host.press("in time\r");
        one.hears(&["host says: in time"]);
        assert_eq!(one.leaves(), [""; 0]);
        host.wait_for("* guest-1 has left");
        host.press("too late\r");
        host.wait_for("too late");
        host.press("/who\r");
        host.wait_until("an answer behind it", |screen| {
            (screen.matches("* here: host (you)").count() == 2).then_some(())
        });
        let mut two = Member::joins(port, wire);
        host.wait_for("* guest-2 has joined");
        host.press("hello\r");
        two.hears(&["host says: hello"]);
        close(host);
    }
}

#[test]
fn no_member_can_write_a_row_of_the_hosts_screen_that_is_not_labelled() {
    for wire in WIRES {
        for typing in TYPING {
            let words = ["listen", "127.0.0.1:0", "--room", "--wire", wire, "--color", "never"];
            let host = Terminal::start_sized(&[&words, typing].concat(), 50, 40);
            let mut forger = Member::joins_as(host.listening_port(), wire, "Eve");
            host.wait_for("* guest-1 is now Eve");
            forger.say("begin");
            forger.say("> I said that");
            forger.say("* Susan has joined");
            forger.say("\x1b[2J\x1b[H\rhost says: x");
            // Rows of their own, had the terminal broken the line: 40 columns are a row.
            forger.say(format!("{}* Susan has joined", "x".repeat(40 - "Eve says: ".len())));
            forger.say(format!("{}> I said that", "你".repeat(15)));
            if wire == "frames" {
                forger.say("one\n* Susan has left\n> two");
            }
            forger.say("done");
            host.wait_for("Eve says: done");
            let rows = rows_from(&host, "Eve says: begin");
            for row in &rows {
                let shown = format!("{row} ").starts_with("Eve says: ") || row.starts_with("  ");
                assert!(shown || row.trim_end() == ">", "{row:?} of {rows:#?}");
            }
            assert!(rows.iter().any(|row| row == "Eve says: > I said that"), "{rows:#?}");
            close(host);
        }
    }
}

#[test]
fn time_and_transcript_name_each_speaker_of_a_room() {
    for wire in WIRES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.txt");
        let options = ["--time", "--transcript", path.to_str().unwrap()];
        let (mut host, port) = host_at_terminal(wire, &options);
        let mut one = Member::joins_as(port, wire, "Susan");
        let mut two = Member::joins(port, wire);
        one.say("hello");
        host.wait_for("Susan says: hello");
        two.say("me too");
        host.wait_for("guest-2 says: me too");
        host.press("good\r");
        host.wait_for(" > good");
        two.hears(&["Susan says: hello", "host says: good"]);
        for said in [" Susan says: hello", " guest-2 says: me too", " > good"] {
            let screen = host.screen();
            let row = screen.lines().find(|row| row.contains(said)).expect("it is there");
            let time = row.split(' ').next().unwrap_or_default();
            let digits = time.split(':').map(|part| part.parse::<u8>().is_ok_and(|it| it < 61));
            assert_eq!(digits.collect::<Vec<_>>(), [true; 3], "{row}");
        }
        close(host);
        let transcript = std::fs::read_to_string(&path).unwrap();
        let said: Vec<&str> =
            transcript.lines().filter_map(|line| line.splitn(3, ' ').nth(2)).collect();
        assert_eq!(said, ["Susan: hello", "guest-2: me too", "host: good"]);
    }
}

// A member at a terminal.

#[test]
fn who_connects_at_a_terminal_reads_the_room_behind_a_margin() {
    for wire in WIRES {
        for typing in TYPING {
            let (mut room, port) = open_room(wire, &[]);
            let mut susan = Member::joins_as(port, wire, "Susan");
            let at = format!("127.0.0.1:{port}");
            let words = ["connect", &at, "--wire", wire, "--color", "never"];
            let mut leta = Terminal::start_sized(&[&words, typing].concat(), 50, 160);
            leta.wait_for("\n| welcome; here: host, Susan, guest-2 (you);");
            assert!(!leta.screen().contains("/room"), "{}", leta.screen());
            susan.hears(&["* guest-2 has joined"]);
            susan.say("hello");
            leta.wait_for("\n| Susan says: hello");
            room.say("good morning\n");
            leta.wait_for("\n| host says: good morning");
            leta.press("hi\r");
            susan.hears(&["host says: good morning", "guest-2 says: hi"]);
            // Who is here and what I am called is for the host to say.
            leta.press("/who\r");
            leta.wait_for("\n| * here: host, Susan, guest-2 (you)");
            leta.press("/name susan\r");
            leta.wait_for("\n| * somebody is called susan already");
            leta.press("/name Leta\r");
            leta.wait_for("\n| * guest-2 is now Leta");
            susan.hears(&["* guest-2 is now Leta"]);
            assert!(!leta.screen().contains("you are now"), "{}", leta.screen());
            // What only a host can do, and what there is not, is no message either.
            leta.press("/kick Susan\r");
            leta.wait_for("\n* /kick is for the host");
            leta.press("/help\r");
            leta.wait_for("\n* /name NAME");
            leta.press("still here\r");
            susan.hears(&["Leta says: still here"]);
            leta.press("/quit\r");
            leta.ends_with(0);
            susan.hears(&["* Leta has left"]);
            assert!(!leta.screen().contains("friend says"), "{}", leta.screen());
            close_room(room);
        }
    }
}

#[test]
fn a_member_at_a_terminal_is_told_how_it_ended() {
    for wire in WIRES {
        // By the host's /kick, and by the end of the room.
        for keys in ["/kick Susan\r", "\x03"] {
            let (mut host, port) = host_at_terminal(wire, &[]);
            let at = format!("127.0.0.1:{port}");
            let words = ["connect", &at, "--wire", wire, "--name", "Susan", "--color", "never"];
            let mut susan = Terminal::start_sized(&words, 50, 160);
            susan.wait_for("\n| * guest-1 is now Susan");
            host.wait_for("* guest-1 is now Susan");
            susan.press("hello\r");
            host.wait_for("Susan says: hello");
            host.press(keys);
            susan.wait_for(if keys == "\x03" {
                "\n| * the room is closed"
            } else {
                "\n| * removed by the host"
            });
            susan.ends_with(0);
            if keys != "\x03" {
                host.wait_for("* Susan has left");
                host.press("\x03");
            }
            host.ends_with(0);
        }
    }
}

#[test]
fn no_host_can_imitate_a_notice_or_what_i_said() {
    let forged = [
        "/room hi, this is a room",
        "* fake notice",
        "> fake words of mine",
        "/name Evil",
        "friend says: fake",
        "/room again",
        "| doubled",
        "\x1b[2J\x1b[H* fake",
        "\r* fake",
        "",
        "connected to 1.2.3.4:5",
        "Susan says: an honest line",
        "done",
    ];
    for wire in WIRES {
        for typing in TYPING {
            let (mut terminal, host) = calls_a_host(wire, typing);
            let bytes: Vec<u8> = forged.iter().flat_map(|line| message(wire, line)).collect();
            send_in_pieces(&host, &bytes, if typing.is_empty() { bytes.len() } else { 1 });
            if wire == "frames" {
                (&host).write_all(&frame("two\n* lines\r\n> in one")).unwrap();
            }
            (&host).write_all(&message(wire, "last")).unwrap();
            terminal.wait_for("\n| last");
            let rows = rows_from(&terminal, "| hi, this is a room");
            let expected = [
                "| hi, this is a room",
                "| * fake notice",
                "| > fake words of mine",
                "| /name Evil",
                "| friend says: fake",
            ];
            assert_eq!(rows[..expected.len()], expected, "{rows:#?}");
            for row in &rows {
                assert!(row.starts_with('|') || row == ">", "{row:?} of {rows:#?}");
            }
            assert!(!terminal.screen().contains("is now"), "{}", terminal.screen());
            // What I say and ask goes to it, as it is.
            terminal.press("hello\r/who\r/name Leta\r");
            let asked =
                [message(wire, "hello"), message(wire, "/who"), message(wire, "/name Leta")];
            let asked = asked.concat();
            assert_eq!(text(&receive(&host, asked.len())), text(&asked));
            if wire == "frames" {
                (&host).write_all(END).unwrap();
            }
            assert_eq!(leave(host), if wire == "frames" { END } else { b"" });
            terminal.ends_with(0);
        }
    }
}

#[test]
fn further_rows_of_a_rooms_line_begin_with_two_spaces() {
    for wire in WIRES {
        for typing in TYPING {
            let (mut terminal, mut host) = calls_a_host_at(50, 40, wire, typing);
            let long = [
                "/room hi".to_owned(),
                // Each would have its second part at the beginning of a row of its own.
                format!("{}* fake", "x".repeat(38)),
                format!("{}> fake", "x".repeat(38)),
                format!("Susan says: {}| fake", "x".repeat(26)),
                format!("{}* fake", "你".repeat(19)),
                format!("* {}", "word ".repeat(40)),
                "last".to_owned(),
            ];
            for line in &long {
                host.write_all(&message(wire, line)).unwrap();
            }
            terminal.wait_for("\n| last");
            let rows = rows_from(&terminal, "| hi");
            for row in &rows {
                let shown = row.starts_with("| ") || row.starts_with("  ");
                assert!(shown || row == ">", "{row:?} of {rows:#?}");
            }
            let begins = rows.iter().filter(|row| row.starts_with("| ")).count();
            assert_eq!(begins, long.len(), "a margin for each line: {rows:#?}");
            terminal.press("\x03");
            drop(host);
            terminal.wait();
        }
    }
}

#[test]
fn only_the_first_line_makes_a_room_of_a_friend() {
    for wire in WIRES {
        for first in ["hello", "", "/room", "/rooms x", " /room x", "/ROOM x", "/name Susan"] {
            let (mut terminal, mut host) = calls_a_host(wire, &[]);
            let lines = [first, "/room hi", "* fake", "> fake"];
            lines.iter().for_each(|line| host.write_all(&message(wire, line)).unwrap());
            let who = if first.starts_with("/name") { "Susan" } else { "friend" };
            for line in ["/room hi", "* fake", "> fake"] {
                terminal.wait_for(&format!("\n{who} says: {line}"));
            }
            assert!(!terminal.screen().contains("\n| "), "{}", terminal.screen());
            terminal.press("\x03");
            drop(host);
            terminal.wait();
        }
    }
}

#[test]
fn a_first_line_that_is_shown_in_parts_is_the_first_line() {
    // So long a line is never whole in memory, and is no welcome. (It was not counted as a line,
    // so that the one behind it was the first.)
    let (mut terminal, mut host) = calls_a_host("lines", &[]);
    host.write_all("x".repeat(70_000).as_bytes()).unwrap();
    host.write_all(b"\n/room hi\n* fake\nlast\n").unwrap();
    terminal.wait_until("the last line", |screen| {
        screen.lines().any(|row| row.ends_with(" last") || row == "| last").then_some(())
    });
    let screen = terminal.screen();
    assert!(screen.contains("\nfriend says: /room hi"), "{screen}");
    assert!(screen.contains("\nfriend says: * fake"), "{screen}");
    terminal.press("\x03");
    drop(host);
    terminal.wait();
}

#[test]
fn on_frames_a_typed_line_that_no_room_takes_is_refused_with_a_notice() {
    let (mut host, port) = host_at_terminal("frames", &[]);
    let mut one = Member::joins(port, "frames");
    wait_for_row(&host);
    host.press(format!("{}\r", "x".repeat(17_000)));
    host.wait_for("* not sent: the line is 17000 bytes long");
    host.press("short\r");
    one.hears(&["host says: short"]);
    close(host);
    // A member's own program does not know how much a room takes; the host says so.
    let (room, port) = open_room("frames", &[]);
    let mut one = Member::joins(port, "frames");
    let at = format!("127.0.0.1:{port}");
    let words = ["connect", &at, "--wire", "frames", "--color", "never"];
    let mut leta = Terminal::start_sized(&words, 50, 160);
    leta.wait_for("\n| welcome");
    wait_for_row(&leta);
    leta.press(format!("{}\r", "x".repeat(17_000)));
    leta.wait_for("\n| * not said: the message is 17000 bytes long");
    leta.press("short\r");
    one.hears(&["* guest-2 has joined", "guest-2 says: short"]);
    leta.press("\x03");
    leta.ends_with(0);
    close_room(room);
}

#[test]
fn a_welcome_that_comes_in_pieces_is_a_welcome() {
    for wire in WIRES {
        for options in [&[][..], &["--recv-buffer", "1"], &["--plain", "--recv-buffer", "1"]] {
            let (mut terminal, host) = calls_a_host(wire, options);
            let mut bytes = message(wire, "/room welcome");
            bytes.extend(message(wire, "* Susan has joined"));
            send_in_pieces(&host, &bytes, 1);
            terminal.wait_for("\n| welcome");
            terminal.wait_for("\n| * Susan has joined");
            terminal.press("\x03");
            drop(host);
            terminal.wait();
        }
    }
}

#[test]
fn who_listens_for_a_friend_takes_a_rooms_welcome_for_a_message() {
    for wire in WIRES {
        let (mut terminal, mut friend) = talk_at_terminal(&["--wire", wire, "--color", "never"]);
        for line in ["/room x", "* fake", "/name Susan", "/room y"] {
            friend.write_all(&message(wire, line)).unwrap();
        }
        terminal.wait_for("\nfriend says: /room x");
        terminal.wait_for("\nfriend says: * fake");
        terminal.wait_for("\n* friend is now Susan");
        terminal.wait_for("\nSusan says: /room y");
        terminal.press("\x03");
        drop(friend);
        terminal.wait();
    }
}

#[test]
fn through_a_pipe_a_room_comes_as_it_is() {
    for wire in WIRES {
        // All that a host sends, byte for byte (on frames, a line for each).
        let sent = ["/room hi", "* fake", "> x", "/name Evil", "Susan says: \x1b[2J", "", "last"];
        let (listener, port) = friend_listener();
        let mut pipe = Program::connect(port, &["--wire", wire]);
        let mut host = friend_answers(&listener);
        for line in sent {
            host.write_all(&message(wire, line)).unwrap();
        }
        pipe.wait_stdout("last\n");
        pipe.say("hello\n/who\n/name x\n");
        pipe.end_stdin();
        if wire == "frames" {
            host.write_all(END).unwrap();
        }
        host.shutdown(std::net::Shutdown::Write).unwrap();
        let end: &[u8] = if wire == "frames" { END } else { b"" };
        let said = [message(wire, "hello"), message(wire, "/who"), message(wire, "/name x")];
        assert_eq!(receive_to_end(&host), [&said.concat(), end].concat());
        let ended = pipe.ends_with(0);
        assert_eq!(text(&ended.stdout), sent.join("\n") + "\n");
        assert!(!ended.stderr.contains("is now"), "{}", ended.stderr);

        // And a real one.
        let (room, port) = open_room(wire, &[]);
        let mut susan = Member::joins_as(port, wire, "Susan");
        let mut pipe = Program::connect(port, &["--wire", wire, "--name", "Leta"]);
        susan.hears(&["* guest-2 has joined", "* guest-2 is now Leta"]);
        susan.say("hello");
        pipe.wait_stdout("Susan says: hello\n");
        pipe.say("bye\n");
        pipe.end_stdin();
        susan.hears(&["Leta says: bye", "* Leta has left"]);
        let came = text(&pipe.ends_with(0).stdout);
        assert!(came.starts_with("/room welcome; here: host, Susan, guest-2 (you);"), "{came}");
        assert!(came.ends_with("\n* guest-2 is now Leta\nSusan says: hello\n"), "{came}");
        close_room(room);
    }
}

// Everybody in one room.

/// A client of some make, in a process of its own.
enum Client {
    Piped(Program),
    AtTerminal(Terminal),
}

impl Client {
    #[track_caller]
    fn says(&mut self, line: &str) {
        match self {
            Client::Piped(program) => program.say(format!("{line}\n")),
            Client::AtTerminal(terminal) => terminal.press(format!("{line}\r")),
        }
    }

    /// Waits until it has this line, in whichever form it shows it.
    #[track_caller]
    fn hears(&self, line: &str) {
        match self {
            // Susan's client has what arrives on its stderr.
            Client::Piped(program) => {
                support::until(&format!("{line:?} to be heard"), || {
                    let heard = program.stdout.text() + &program.stderr.text();
                    heard.contains(&format!("{line}\n")).then_some(())
                });
            }
            Client::AtTerminal(terminal) => terminal.wait_for(line),
        }
    }

    fn heard(&self) -> String {
        match self {
            Client::Piped(program) => program.stdout.text() + &program.stderr.text(),
            Client::AtTerminal(terminal) => terminal.screen(),
        }
    }
}

/// A tool by its name, as it calls this port.
#[track_caller]
fn client(name: &str, port: u16) -> Client {
    let port = port.to_string();
    let at = format!("127.0.0.1:{port}");
    let piped =
        |words: &[&str]| Client::Piped(Program::spawn(Command::new(words[0]).args(&words[1..])));
    match name {
        "nc" => piped(&["nc", "-N", "127.0.0.1", &port]),
        "ncat" => piped(&["ncat", "127.0.0.1", &port]),
        "socat" => piped(&["socat", "-t", "60", "-", &format!("TCP:{at}")]),
        "python3" => {
            let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
            let path = tests.join("susan_client.py");
            piped(&["python3", "-B", path.to_str().unwrap(), "connect", &port])
        }
        "telnet" => {
            let mut command = CommandBuilder::new("telnet");
            command.args(["127.0.0.1", &port]);
            let terminal = Terminal::spawn(command, 50, 160);
            terminal.wait_for("Escape character");
            Client::AtTerminal(terminal)
        }
        "pipe" => Client::Piped(Program::start(&["connect", &at])),
        _ => {
            let words = ["connect", &at, "--color", "never"];
            let terminal = Terminal::start_sized(&words, 50, 160);
            terminal.wait_for("\n| welcome");
            Client::AtTerminal(terminal)
        }
    }
}

#[test]
fn clients_of_every_make_are_whole_members_of_one_room() {
    let tools = ["nc", "ncat", "socat", "telnet", "python3"];
    let mut names: Vec<&str> = tools.into_iter().filter(|tool| have_tool(tool)).collect();
    names.extend(["pipe", "person"]);
    let (mut room, port) = open_room("lines", &[]);
    let mut clients: Vec<Client> = Vec::new();
    for (number, name) in (1..).zip(&names) {
        clients.push(client(name, port));
        room.wait_stderr(&format!("* guest-{number} has joined"));
        clients[number - 1].says(&format!("/name {name}"));
        room.wait_stderr(&format!("* guest-{number} is now {name}"));
    }
    for speaker in 0..clients.len() {
        let said = format!("Grüße von {}: 你好, 🦀, Ελένη, हिन्दी", names[speaker]);
        clients[speaker].says(&said);
        let heard = format!("{} says: {said}", names[speaker]);
        room.wait_stdout(format!("{heard}\n"));
        for (at, client) in clients.iter().enumerate() {
            if at != speaker {
                client.hears(&heard);
            }
        }
    }
    room.say("und zurück: Größe\n");
    clients.iter().for_each(|client| client.hears("host says: und zurück: Größe"));
    // Nobody has heard itself, and nobody has missed that others came.
    for (at, client) in clients.iter().enumerate() {
        let heard = client.heard();
        assert!(!heard.contains(&format!("{} says: ", names[at])), "{}: {heard}", names[at]);
        for later in &names[at + 1..] {
            assert!(heard.contains(&format!(" is now {later}")), "{}: {heard}", names[at]);
        }
    }
    // One leaves as its users do, and then the host closes the room.
    if let Client::Piped(program) = &mut clients[0] {
        program.end_stdin();
        program.ends_with(0);
        room.wait_stderr(&format!("* {} has left", names[0]));
        let line = format!("* {} has left", names[0]);
        clients[1..].iter().for_each(|client| client.hears(&line));
    }
    room.signal(Signal::INT);
    clients[1..].iter().for_each(|client| client.hears("* the room is closed"));
    for client in &mut clients[1..] {
        if let Client::Piped(program) = client {
            program.end_stdin();
            program.wait();
        }
    }
    room.ends_with(0);
}
