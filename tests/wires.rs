//! CONTRACT 5: the wires. What is typed and piped is what a friend gets, and what a friend sends
//! is what is shown, on `lines` and on `frames`, however TCP cuts the bytes and however few of
//! them are asked for at a time; and each way in which a transmission ends, or is cut off.
//!
//! The test plays the friend with a socket of its own, and makes every frame by hand.

mod support;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rustix::process::Signal;
use support::pty::Terminal;
use support::wire::{
    END, assert_same, frame, frames, leave, receive, receive_to_end, send_in_pieces, talk,
    talk_at_plain_terminal, wait_received,
};
use support::{DEADLINE, Ended, Program, contains, friend_answers, friend_listener, random_bytes};

const FRAMES: [&str; 2] = ["--wire", "frames"];

/// The words of the article "How The Internet Speaks".
const WORDS: [&str; 12] = [
    "random",
    "strings",
    "that",
    "need",
    "to",
    "be",
    "transferred",
    "across",
    "the",
    "network",
    "using",
    "sockets",
];

/// How bytes come to the program: what it asks for at a time, and how the friend sends.
#[derive(Clone, Copy, Debug)]
struct Way {
    recv_buffer: &'static str,
    /// How many bytes the friend sends at a time.
    piece: usize,
}

/// Nothing that is received may depend on any of these.
const WAYS: [Way; 9] = [
    Way { recv_buffer: "65536", piece: usize::MAX },
    Way { recv_buffer: "1", piece: usize::MAX },
    Way { recv_buffer: "7", piece: usize::MAX },
    Way { recv_buffer: "1000", piece: usize::MAX },
    Way { recv_buffer: "2048", piece: usize::MAX },
    Way { recv_buffer: "4096", piece: usize::MAX },
    Way { recv_buffer: "1048576", piece: usize::MAX },
    Way { recv_buffer: "65536", piece: 1 },
    Way { recv_buffer: "1", piece: 1 },
];

impl Way {
    /// The options of a program that receives in this way.
    fn options<'a>(self, others: &[&'a str]) -> Vec<&'a str> {
        [others, &["--recv-buffer", self.recv_buffer]].concat()
    }

    /// Sends as a friend who sends in this way.
    fn send(self, friend: &TcpStream, bytes: &[u8]) {
        send_in_pieces(friend, bytes, self.piece);
    }
}

/// The notices among the program's own lines.
fn notices(text: &str) -> Vec<&str> {
    // But for what is said at every terminal, whatever the wire.
    let usual = ["* what a friend types", "* the line is not encrypted"];
    let is_usual = |line: &&str| usual.iter().any(|usual| line.starts_with(usual));
    text.lines().filter(|line| line.starts_with("* ") && !is_usual(line)).collect()
}

/// How often `part` stands in `text`.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// What the terminal shows of the friend's messages, a row each.
fn said_on_screen(terminal: &Terminal) -> Vec<String> {
    let screen = terminal.screen();
    let rows = screen.lines().map(str::trim_end);
    rows.filter(|row| row.starts_with("friend says:")).map(str::to_owned).collect()
}

// The wire `lines`.

#[test]
fn what_is_typed_goes_out_as_typed_a_message_a_line() {
    let (mut terminal, friend) = talk_at_plain_terminal(&[]);
    terminal.press("hello\r");
    assert_eq!(receive(&friend, 6), b"hello\n", "a message is on its way when Enter is pressed");
    let typed = "\rGrüße, 你好 🦀\twith a tab\r//help\rend\r";
    terminal.press(typed);
    terminal.press("\x04"); // Ctrl-D
    // With one slash it would be a command.
    let sent = typed.replace('\r', "\n").replace("//help", "/help");
    assert_same(&receive_to_end(&friend), sent.as_bytes(), "typed");
    drop(friend);
    terminal.ends_with(0);
}

#[test]
fn what_is_piped_goes_out_byte_for_byte_on_lines() {
    let piped = b"dos\r\n\0\xff\xfe\x1b[2J\r\r\n\n06\x06\0end\nend\nno newline at the end";
    let (mut program, friend) = talk(&[]);
    program.pipe_in(piped.to_vec());
    assert_same(&receive_to_end(&friend), piped, "piped");
    drop(friend);
    assert!(program.ends_with(0).stdout.is_empty());
}

#[test]
fn a_carriage_return_before_the_newline_is_understood_at_a_terminal() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&[]));
        way.send(&friend, b"from telnet\r\n\r\nfrom nc\n\r\n");
        drop(friend);
        terminal.ends_with(0);
        let said = said_on_screen(&terminal);
        let expected =
            ["friend says: from telnet", "friend says:", "friend says: from nc", "friend says:"];
        assert_eq!(said, expected, "{way:?}");
        assert!(!terminal.screen().contains("^M"), "{way:?}");
    }
}

#[test]
fn a_carriage_return_passes_a_pipe_untouched() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&[]));
        program.end_stdin();
        way.send(&friend, b"from telnet\r\n\rx\n\r");
        drop(friend);
        assert_eq!(program.ends_with(0).stdout, b"from telnet\r\n\rx\n\r", "{way:?}");
    }
}

#[test]
fn a_message_is_a_line_however_many_recvs_it_took() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&[]));
        way.send(&friend, b"one message in many pieces\nand\nthree\nmore\nand one without its end");
        drop(friend);
        terminal.ends_with(0);
        let expected = [
            "friend says: one message in many pieces",
            "friend says: and",
            "friend says: three",
            "friend says: more",
            "friend says: and one without its end",
        ];
        assert_eq!(said_on_screen(&terminal), expected, "{way:?}");
    }
}

#[test]
fn half_a_message_is_not_shown_before_the_rest_has_come() {
    let (mut terminal, mut friend) = talk_at_plain_terminal(&[]);
    // The first half ends inside a character.
    friend.write_all(b"Gr\xc3").unwrap();
    wait_received(&friend);
    friend.write_all(b"\xbc\xc3\x9fe, \xf0\x9f").unwrap();
    wait_received(&friend);
    assert_eq!(said_on_screen(&terminal), [""; 0]);
    friend.write_all(b"\xa6\x80\n").unwrap();
    terminal.wait_for("friend says: Grüße, 🦀");
    drop(friend);
    terminal.ends_with(0);
    let raw = String::from_utf8(terminal.raw()).expect("no character was torn");
    assert_eq!(count(&raw, "friend says: "), 1);
    assert!(!raw.contains('\u{fffd}'));
}

#[test]
fn utf8_text_is_shown_whole_on_both_wires_whatever_recv_cuts() {
    let lines = ["Grüße aus Köln", "Ελληνικά русский", "你好，世界", "🦀👍🏽🇩🇪", "a"];
    for way in WAYS {
        for wire in ["lines", "frames"] {
            let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&["--wire", wire]));
            match wire {
                "lines" => way.send(&friend, format!("{}\n", lines.join("\n")).as_bytes()),
                _ => way.send(&friend, &[frames(&lines), END.to_vec()].concat()),
            }
            leave(friend);
            terminal.ends_with(0);
            let raw = String::from_utf8(terminal.raw()).expect("no character was torn");
            let said: Vec<&str> = raw
                .lines()
                .filter_map(|line| line.trim_end_matches('\r').strip_prefix("friend says: "))
                .collect();
            assert_eq!(said, lines, "{way:?} {wire}");
        }
    }
}

#[test]
fn a_pipe_gets_every_byte_on_lines_whatever_recv_asks_for() {
    let bytes = random_bytes(20_000, 5);
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&[]));
        program.end_stdin();
        way.send(&friend, &bytes);
        drop(friend);
        assert_same(&program.ends_with(0).stdout, &bytes, &format!("{way:?}"));
    }
}

// The wire `frames`: what a frame is.

#[test]
fn a_frame_is_two_bytes_of_length_little_endian_and_the_payload() {
    // The test's own notion of a frame, spelled out once.
    assert_eq!(frame("random"), b"\x06\x00random");
    assert_eq!(frame("x".repeat(0x0102))[..2], [0x02, 0x01]);

    let (mut program, friend) = talk(&FRAMES);
    program.say("random\nGrüße\n");
    assert_eq!(receive(&friend, 17), b"\x06\x00random\x07\x00Gr\xc3\xbc\xc3\x9fe");
    program.say("the last line lacks its newline");
    program.end_stdin();
    let last = receive_to_end(&friend);
    assert_eq!(last, [frame("the last line lacks its newline"), END.to_vec()].concat());
    send_in_pieces(&friend, END, usize::MAX);
    drop(friend);
    program.ends_with(0);
}

#[test]
fn what_is_typed_leaves_as_a_frame_when_enter_is_pressed() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press("random\r");
    assert_eq!(receive(&friend, 8), b"\x06\x00random");
    terminal.press("Grüße 🦀\r");
    assert_eq!(receive(&friend, 14), frame("Grüße 🦀"));
    terminal.press("\x04");
    assert_eq!(receive_to_end(&friend), END);
    drop(friend);
    terminal.ends_with(0);
}

#[test]
fn header_and_payload_leave_in_one_write() {
    let (mut program, friend) = talk(&[&FRAMES[..], &["--explain"]].concat());
    program.say("random\n");
    assert_eq!(receive(&friend, 8), frame("random"));
    program.wait_stderr("send took 8 bytes");
    let longest = "x".repeat(65_535);
    program.say(format!("{longest}\n"));
    assert_eq!(receive(&friend, 65_537), frame(&longest));
    program.wait_stderr("blocks in send with 65537 bytes");
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), END);
    drop(friend);
    let stderr = program.ends_with(0).stderr;
    assert!(!stderr.contains("send with 2 bytes"), "{stderr}");
}

/// The same from outside: with `TCP_NODELAY` each write is a segment of its own, and the
/// friend's system counts the segments that carried data.
#[test]
fn a_frame_arrives_in_one_segment() {
    if !support::have_tool("ss") {
        return;
    }
    let (mut program, friend) = talk(&FRAMES);
    for (number, word) in WORDS.iter().enumerate() {
        program.say(format!("{word}\n"));
        assert_eq!(receive(&friend, word.len() + 2), frame(word));
        assert_eq!(data_segments(&friend), number + 1);
    }
}

/// How many segments with data have arrived at this socket.
fn data_segments(friend: &TcpStream) -> usize {
    let port = friend.local_addr().expect("it is connected").port();
    let ss = Command::new("ss").args(["-tinH", &format!("sport = :{port}")]).output().unwrap();
    let text = String::from_utf8_lossy(&ss.stdout).into_owned();
    let words = text.split_whitespace().find_map(|word| word.strip_prefix("data_segs_in:"));
    words.unwrap_or("0").parse().expect("a number")
}

#[test]
fn an_empty_line_is_a_frame_of_length_0_in_both_directions() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        program.say("\n\na\n\n");
        program.end_stdin();
        way.send(&friend, &[frames(&["", "", "b", ""]), END.to_vec()].concat());
        assert_eq!(receive_to_end(&friend), b"\0\0\0\0\x01\0a\0\0\x03\0end");
        drop(friend);
        assert_eq!(program.ends_with(0).stdout, b"\n\nb\n\n", "{way:?}");

        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
        terminal.press("\r\rend\r");
        assert_eq!(receive_to_end(&friend), b"\0\0\0\0\x03\0end");
        way.send(&friend, &[frames(&["", "", "b", ""]), END.to_vec()].concat());
        drop(friend);
        terminal.ends_with(0);
        let said = said_on_screen(&terminal);
        assert_eq!(said, ["friend says:", "friend says:", "friend says: b", "friend says:"]);
    }
}

#[test]
fn a_pipe_gets_each_payload_and_a_newline_and_nothing_else() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        program.end_stdin();
        way.send(&friend, &[frames(&WORDS), END.to_vec()].concat());
        leave(friend);
        let stdout = program.ends_with(0).stdout;
        assert_same(&stdout, format!("{}\n", WORDS.join("\n")).as_bytes(), &format!("{way:?}"));
    }
}

#[test]
fn what_arrives_whole_is_out_before_the_next_frame_has_come() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        for word in WORDS {
            // The next frame has begun, and must not hold up this one.
            way.send(&friend, &frame(word));
            way.send(&friend, b"\x05");
            program.wait_stdout(format!("{word}\n"));
            way.send(&friend, b"\x00     ");
        }
        way.send(&friend, END);
        program.end_stdin();
        leave(friend);
        program.ends_with(0);
    }
}

#[test]
fn frames_of_every_size_pass_in_both_directions() {
    // 3 is the size of `end`; 10 and 13 are newline and carriage return; 26,728 is spelled "hh".
    let sizes = [0, 1, 2, 3, 10, 13, 255, 256, 257, 26_728, 32_768, 65_534, 65_535];
    // No newline, since a line ends there; any other byte may stand in a payload.
    let payload = |size: usize| -> Vec<u8> {
        let text = "Grüße, 你好 🦀\r\t\0\u{9b}! ";
        let mut bytes: Vec<u8> = text.bytes().cycle().take(size).collect();
        // What the cut has left of the last character becomes text again.
        let valid = std::str::from_utf8(&bytes).map_or_else(|why| why.valid_up_to(), str::len);
        bytes[valid..].fill(b'x');
        bytes
    };
    let payloads: Vec<Vec<u8>> = sizes.iter().map(|&size| payload(size)).collect();
    let lines: Vec<u8> = payloads.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
    let wire = [frames(&payloads), END.to_vec()].concat();
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        program.pipe_in(lines.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| way.send(&friend, &wire));
            assert_same(&receive_to_end(&friend), &wire, &format!("sent, {way:?}"));
        });
        drop(friend);
        let stdout = program.ends_with(0).stdout;
        assert_same(&stdout, &lines, &format!("received, {way:?}"));
    }
}

#[test]
fn the_longest_frame_is_shown_whole_at_a_terminal() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
        let longest = format!("<{}>", "x".repeat(65_533));
        way.send(&friend, &[frame(&longest), frame("and on"), END.to_vec()].concat());
        leave(friend);
        terminal.ends_with(0);
        let raw = terminal.raw();
        assert_eq!(raw.iter().filter(|&&byte| byte == b'x').count(), 65_533, "{way:?}");
        assert!(
            contains(&raw, b"friend says: <xx") && contains(&raw, b"x>\r\nfriend says: and on")
        );
        assert_eq!(count(&String::from_utf8_lossy(&raw), "friend says: "), 2, "{way:?}");
    }
}

#[test]
fn two_programs_speak_frames_to_each_other() {
    let (mut listener, port) = Program::listen(&FRAMES);
    let mut caller = Program::connect(port, &FRAMES);
    caller.say("random\n\nend \n");
    listener.wait_stdout("random\n\nend \n");
    listener.say("strings\n");
    caller.wait_stdout("strings\n");
    caller.end_stdin();
    listener.wait_stderr("the friend has ended");
    listener.say("a late reply\n");
    caller.wait_stdout("a late reply\n");
    listener.end_stdin();
    let ended = caller.ends_with(0);
    assert_eq!(ended.stdout, b"strings\na late reply\n");
    assert_eq!(notices(&ended.stderr), [""; 0]);
    assert_eq!(listener.ends_with(0).stdout, b"random\n\nend \n");
}

// My end.

#[test]
fn the_end_of_a_pipe_sends_end_before_closing() {
    let (mut program, friend) = talk(&FRAMES);
    program.say("hello\n");
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
    // Receiving goes on until the friend ends too.
    send_in_pieces(&friend, &[frame("a late reply"), END.to_vec()].concat(), usize::MAX);
    drop(friend);
    assert_eq!(program.ends_with(0).stdout, b"a late reply\n");
}

#[test]
fn an_stdin_that_is_empty_from_the_start_sends_end() {
    let (listener, port) = friend_listener();
    let mut program = Program::spawn_as_is(
        Command::new(support::threadchat())
            .args(["connect", "127.0.0.1", &port.to_string(), "--wire", "frames"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let friend = friend_answers(&listener);
    assert_eq!(receive_to_end(&friend), END);
    send_in_pieces(&friend, &[frame("hello"), END.to_vec()].concat(), usize::MAX);
    drop(friend);
    assert_eq!(program.ends_with(0).stdout, b"hello\n");
}

#[test]
fn ctrl_d_at_a_terminal_sends_end_and_receiving_goes_on() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press("hello\r\x04");
    assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
    send_in_pieces(&friend, &frame("a late reply"), usize::MAX);
    terminal.wait_for("friend says: a late reply");
    send_in_pieces(&friend, END, usize::MAX);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
}

#[test]
fn a_signal_sends_end_before_closing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut program, friend) = talk(&FRAMES);
        program.say("hello\n");
        assert_eq!(receive(&friend, 7), frame("hello"));
        program.signal(signal);
        assert_eq!(receive_to_end(&friend), END, "{signal:?}");
        drop(friend);
        program.ends_with(0);
    }
}

#[test]
fn ctrl_c_at_a_terminal_sends_end_before_closing() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press("hello\r");
    assert_eq!(receive(&friend, 7), frame("hello"));
    terminal.press("half typed\x03");
    assert_eq!(receive_to_end(&friend), END);
    drop(friend);
    terminal.ends_with(0);
}

#[test]
fn what_the_friend_says_after_my_end_by_a_signal_is_shown() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    // Not by the key: with it the kernel throws away what the terminal has not shown yet, and
    // now and then (once in 300 times, on a busy machine) what is written right after it too.
    terminal.signal(Signal::INT);
    assert_eq!(receive_to_end(&friend), END);
    send_in_pieces(&friend, &[frame("goodbye"), END.to_vec()].concat(), usize::MAX);
    drop(friend);
    terminal.ends_with(0);
    assert_eq!(said_on_screen(&terminal), ["friend says: goodbye"]);
}

#[test]
fn ctrl_c_before_a_word_was_said_sends_end_alone() {
    let (program, friend) = talk(&FRAMES);
    program.signal(Signal::INT);
    assert_eq!(receive_to_end(&friend), END);
}

#[test]
fn end_is_sent_once_however_many_ends_there_are() {
    // Stdin's end, and then Ctrl-C.
    let (mut program, friend) = talk(&FRAMES);
    program.end_stdin();
    assert_eq!(receive(&friend, END.len()), END);
    program.signal(Signal::INT);
    assert_eq!(receive_to_end(&friend), b"");
    drop(friend);
    program.ends_with(0);
    // A line `end`, and then stdin's end.
    let (mut program, friend) = talk(&FRAMES);
    program.say("end\n");
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), END);
    send_in_pieces(&friend, END, usize::MAX);
    drop(friend);
    program.ends_with(0);
}

#[test]
fn end_typed_at_a_terminal_says_goodbye() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press("hello\rend\r");
    assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
    // As Ctrl-D: nothing more is read, so more is no error; and what the friend still has to say
    // is shown.
    terminal.press("more\r");
    send_in_pieces(&friend, &frame("goodbye"), usize::MAX);
    terminal.wait_for("friend says: goodbye");
    send_in_pieces(&friend, END, usize::MAX);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
}

#[test]
fn a_line_end_in_piped_input_is_the_end_of_transmission() {
    for piped in ["hello\nend\n", "hello\nend"] {
        let (mut program, friend) = talk(&FRAMES);
        program.pipe_in(piped.into());
        assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
        send_in_pieces(&friend, &[frame("bye"), END.to_vec()].concat(), usize::MAX);
        drop(friend);
        let ended = program.ends_with(0);
        assert_eq!(ended.stdout, b"bye\n");
        assert!(!ended.stderr.contains("threadchat:"), "{}", ended.stderr);
    }
}

#[test]
fn the_end_of_transmission_is_sent_when_its_line_has_come_not_when_the_pipe_ends() {
    let (mut program, friend) = talk(&FRAMES);
    program.say("end\n");
    assert_eq!(receive_to_end(&friend), END);
    send_in_pieces(&friend, END, usize::MAX);
    drop(friend);
    program.end_stdin();
    program.ends_with(0);
}

#[test]
fn input_after_a_line_end_is_an_error_that_names_the_line() {
    for (piped, line) in [
        ("hello\nend\nmore\n", 2),
        ("hello\nend\nmore", 2),
        ("hello\nend\n\n", 2),
        ("hello\nend\nend\n", 2),
        ("hello\n\n\nend\nx", 4),
    ] {
        let (mut program, friend) = talk(&FRAMES);
        program.pipe_in(piped.into());
        let before = match line {
            2 => frame("hello"),
            _ => frames(&["hello", "", ""]),
        };
        assert_eq!(receive_to_end(&friend), [before, END.to_vec()].concat(), "{piped:?}");
        send_in_pieces(&friend, &[frame("bye"), END.to_vec()].concat(), usize::MAX);
        drop(friend);
        let ended = program.ends_with(1);
        assert_eq!(ended.stdout, b"bye\n", "what the friend still says is received");
        let error = format!("threadchat: line {line} of stdin is \"end\"");
        assert!(ended.stderr.contains(&error), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("nothing after line {line} was sent")));
    }
}

#[test]
fn input_that_comes_long_after_a_line_end_is_the_same_error() {
    let (mut program, friend) = talk(&FRAMES);
    program.say("hello\nend\n");
    assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
    program.say("more\n");
    program.wait_stderr("threadchat: line 2 of stdin is \"end\"");
    send_in_pieces(&friend, END, usize::MAX);
    drop(friend);
    program.ends_with(1);
}

#[test]
fn end_with_a_space_is_how_the_word_itself_is_said() {
    let near = ["end ", " end", "End", "end.", "the end", "\u{feff}end", "endend"];
    let (mut program, friend) = talk(&FRAMES);
    program.pipe_in(format!("{}\n", near.join("\n")).into());
    assert_eq!(receive_to_end(&friend), [frames(&near), END.to_vec()].concat());
    send_in_pieces(&friend, &[frames(&near), END.to_vec()].concat(), usize::MAX);
    drop(friend);
    assert_eq!(program.ends_with(0).stdout, format!("{}\n", near.join("\n")).into_bytes());

    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press("end \r");
    assert_eq!(receive(&friend, 6), b"\x04\x00end ");
    send_in_pieces(&friend, &frame("end "), usize::MAX);
    terminal.wait_for("friend says: end");
    send_in_pieces(&friend, &frame("and on"), usize::MAX);
    terminal.wait_for("friend says: and on");
    terminal.press("and on\r");
    assert_eq!(receive(&friend, 8), frame("and on"));
}

#[test]
fn after_my_own_end_the_friends_fin_is_an_ordinary_end() {
    // The article's server just closes.
    let (mut program, friend) = talk(&FRAMES);
    program.say("hello\n");
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), [frame("hello"), END.to_vec()].concat());
    send_in_pieces(&friend, &frame("thanks"), usize::MAX);
    drop(friend);
    let ended = program.ends_with(0);
    assert_eq!(ended.stdout, b"thanks\n");
    assert!(!ended.stderr.contains("cut off"), "{}", ended.stderr);

    for goodbye in ["end\r", "\x04", "\x03"] {
        let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
        terminal.press(goodbye);
        assert_eq!(receive_to_end(&friend), END);
        drop(friend);
        terminal.ends_with(0);
        assert!(!terminal.screen().contains("cut off"), "{}", terminal.screen());
    }
}

#[test]
fn after_my_own_end_a_frame_that_is_cut_is_still_an_error() {
    let (mut program, friend) = talk(&FRAMES);
    program.end_stdin();
    assert_eq!(receive_to_end(&friend), END);
    send_in_pieces(&friend, &frame("whole but for its last byte")[..28], usize::MAX);
    drop(friend);
    let ended = program.ends_with(1);
    assert_eq!(ended.stdout, b"whole but for its last byt");
    assert!(ended.stderr.contains("26 of its 27 bytes"), "{}", ended.stderr);
}

// The friend's end.

#[test]
fn a_friends_end_is_the_friends_end_for_a_person() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
        way.send(&friend, &[frame("bye"), END.to_vec()].concat());
        assert_eq!(receive_to_end(&friend), END);
        drop(friend);
        terminal.ends_with(0);
        let screen = terminal.screen();
        assert_eq!(said_on_screen(&terminal), ["friend says: bye"], "end is no message");
        assert!(screen.contains("friend has left"), "{way:?}: {screen}");
    }
}

#[test]
fn a_friend_who_has_said_end_need_not_close_the_connection() {
    // At a terminal, with stdin at its end, and without stdin.
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    let (mut piped, second) = talk(&FRAMES);
    piped.end_stdin();
    let (mut receiving, third) = talk(&[&FRAMES[..], &["--recv-only"]].concat());
    let since = Instant::now();
    for friend in [&friend, &second, &third] {
        send_in_pieces(friend, &[frame("bye"), END.to_vec()].concat(), usize::MAX);
    }
    terminal.ends_with(0);
    assert_eq!(piped.ends_with(0).stdout, b"bye\n");
    assert_eq!(receiving.ends_with(0).stdout, b"bye\n");
    assert!(since.elapsed() < Duration::from_secs(10), "after {:?}", since.elapsed());
    for friend in [&friend, &second, &third] {
        assert_eq!(receive_to_end(friend), END);
    }
}

/// The client of the article ends, and closes without ever having received: its system answers
/// our own `end` with a reset. Nothing that anybody said is missing.
#[test]
fn a_friend_who_says_end_and_closes_without_reading_my_end_has_left() {
    for i_end_first in [true, false] {
        let (mut program, friend) = talk(&FRAMES);
        let wait_for_my_end = || {
            let mut seen = [0; END.len()];
            while friend.peek(&mut seen).expect("the program sends its end") < END.len() {}
        };
        if i_end_first {
            program.end_stdin();
            wait_for_my_end();
        }
        send_in_pieces(&friend, &[frame("bye"), END.to_vec()].concat(), usize::MAX);
        program.wait_stdout("bye\n");
        wait_received(&friend);
        if !i_end_first {
            program.wait_stderr("* the friend has ended");
            program.end_stdin();
            wait_for_my_end();
        }
        drop(friend);
        let ended = program.ends_with(0);
        assert_eq!(ended.stdout, b"bye\n");
        assert!(ended.stderr.contains("friend has left"), "{}", ended.stderr);
    }
}

#[test]
fn after_a_friends_end_piped_input_is_still_sent_and_one_notice_says_so() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        way.send(&friend, &[frame("bye"), END.to_vec()].concat());
        program.wait_stderr("* the friend has ended");
        program.say("a late reply\n");
        assert_eq!(receive(&friend, 14), frame("a late reply"));
        // FIN after `end` is no second end.
        friend.shutdown(Shutdown::Write).unwrap();
        program.say("another\n");
        assert_eq!(receive(&friend, 9), frame("another"));
        program.end_stdin();
        assert_eq!(receive_to_end(&friend), END);
        drop(friend);
        let ended = program.ends_with(0);
        assert_eq!(ended.stdout, b"bye\n", "{way:?}");
        assert_eq!(notices(&ended.stderr).len(), 1, "{way:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("Ctrl-C"), "it says how to stop: {}", ended.stderr);
    }
}

#[test]
fn what_follows_a_friends_end_is_dropped_with_one_notice() {
    for way in WAYS {
        let extra = frames(&["more", "end", "and more", ""]);
        let (mut program, friend) = talk(&way.options(&FRAMES));
        way.send(&friend, &[frame("bye"), END.to_vec(), extra.clone()].concat());
        // It also stops nothing when it comes much later.
        program.wait_stderr("after \"end\" was dropped");
        way.send(&friend, &extra);
        program.say("still here\n");
        assert_eq!(receive(&friend, 12), frame("still here"));
        program.end_stdin();
        assert_eq!(receive_to_end(&friend), END);
        drop(friend);
        let ended = program.ends_with(0);
        assert_eq!(ended.stdout, b"bye\n", "{way:?}");
        assert_eq!(count(&ended.stderr, "dropped"), 1, "{way:?}: {}", ended.stderr);
        assert_eq!(notices(&ended.stderr).len(), 2, "{way:?}: {}", ended.stderr);
    }
}

#[test]
fn what_follows_a_friends_end_is_not_shown_to_a_person_either() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    send_in_pieces(&friend, &[frame("bye"), END.to_vec(), frame("more")].concat(), usize::MAX);
    leave(friend);
    terminal.ends_with(0);
    assert_eq!(said_on_screen(&terminal), ["friend says: bye"]);
    assert_eq!(count(&terminal.screen(), "dropped"), 1, "{}", terminal.screen());
}

// Cut off.

/// A friend who closes after these bytes; what stdout has to have got, and what the error says.
struct Cut {
    sent: Vec<u8>,
    out: &'static [u8],
    error: &'static str,
}

fn cuts() -> Vec<Cut> {
    vec![
        Cut { sent: vec![], out: b"", error: "cut off" },
        Cut { sent: frame("hello"), out: b"hello\n", error: "cut off" },
        Cut {
            sent: [frame("hello"), b"\x05".to_vec()].concat(),
            out: b"hello\n",
            error: "1 of the 2 bytes of its length",
        },
        Cut {
            sent: [frame("hello"), b"\x05\x00".to_vec()].concat(),
            out: b"hello\n",
            error: "0 of its 5 bytes",
        },
        Cut {
            sent: [frame("hello"), b"\x05\x00wor".to_vec()].concat(),
            out: b"hello\nwor",
            error: "3 of its 5 bytes",
        },
        // These three bytes are no `end`.
        Cut { sent: b"\x04\x00end".to_vec(), out: b"end", error: "3 of its 4 bytes" },
        Cut { sent: b"\x03\x00en".to_vec(), out: b"en", error: "2 of its 3 bytes" },
    ]
}

#[test]
fn a_connection_that_ends_without_end_was_cut_off() {
    for way in WAYS {
        for cut in cuts() {
            // With a stdin that could give more, and without one.
            for options in [&[][..], &["--recv-only"]] {
                let (mut program, friend) = talk(&way.options(&[&FRAMES[..], options].concat()));
                way.send(&friend, &cut.sent);
                leave(friend);
                let ended = program.ends_with(1);
                let what = format!("{way:?} {options:?} {:?}", cut.sent);
                assert_same(&ended.stdout, cut.out, &what);
                assert!(ended.stderr.contains("cut off"), "{what}: {}", ended.stderr);
                assert!(ended.stderr.contains(cut.error), "{what}: {}", ended.stderr);
                assert_eq!(count(&ended.stderr, "threadchat:"), 1, "{what}: {}", ended.stderr);
            }
        }
    }
}

#[test]
fn a_person_is_told_of_a_connection_that_was_cut_off_and_sees_what_came() {
    for way in WAYS {
        for cut in cuts() {
            let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
            way.send(&friend, &cut.sent);
            leave(friend);
            terminal.ends_with(1);
            let what = format!("{way:?} {:?}:\n{}", cut.sent, terminal.screen());
            let out = String::from_utf8_lossy(cut.out).into_owned();
            // Of a frame that was cut right behind its header nothing came; a row for it would
            // look like an empty message.
            let expected: Vec<String> =
                out.lines().map(|line| format!("friend says: {line}")).collect();
            assert_eq!(said_on_screen(&terminal), expected, "{what}");
            assert!(terminal.screen().contains("cut off"), "{what}");
            assert!(terminal.screen().contains(cut.error), "{what}");
        }
    }
}

#[test]
fn a_large_frame_that_is_cut_is_out_as_far_as_it_came() {
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        let mut sent = frame(vec![b'x'; 65_535]);
        sent.pop();
        way.send(&friend, &sent);
        drop(friend);
        let ended = program.ends_with(1);
        assert_same(&ended.stdout, &sent[2..], &format!("{way:?}"));
        assert!(ended.stderr.contains("65534 of its 65535 bytes"), "{}", ended.stderr);
    }
}

#[test]
fn what_was_taken_from_stdin_is_sent_also_where_the_friend_was_cut_off() {
    let (mut program, friend) = talk(&FRAMES);
    program.say("hello\n");
    assert_eq!(receive(&friend, 7), frame("hello"));
    friend.shutdown(Shutdown::Write).unwrap();
    // This side did not end its transmission: it broke. So it does not say `end`.
    assert_eq!(receive_to_end(&friend), b"");
    program.ends_with(1);
}

// Lines that no frame can hold.

#[test]
fn a_piped_line_that_no_frame_can_hold_is_an_error_and_nothing_of_it_is_sent() {
    for bytes in [65_536, 65_537, 70_000, 1_000_000] {
        for end in ["\nthree\n", ""] {
            let (mut program, friend) = talk(&FRAMES);
            program.pipe_in(format!("one\n{}{end}", "x".repeat(bytes)).into());
            assert_same(&receive_to_end(&friend), &frame("one"), "sent");
            drop(friend);
            let ended = program.ends_with(1);
            assert!(ended.stderr.contains("threadchat: line 2 "), "{}", ended.stderr);
            assert!(ended.stderr.contains(&format!(" {bytes} bytes")), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_piped_line_too_long_is_counted_in_bytes_not_in_characters() {
    // 32,768 characters of two bytes.
    let (mut program, friend) = talk(&FRAMES);
    program.pipe_in("é".repeat(32_768).into());
    assert_eq!(receive_to_end(&friend), b"");
    drop(friend);
    let ended = program.ends_with(1);
    assert!(ended.stderr.contains("line 1 ") && ended.stderr.contains(" 65536 bytes"));
}

#[test]
fn what_the_friend_has_said_is_out_also_where_my_input_is_refused() {
    let (mut program, friend) = talk(&FRAMES);
    send_in_pieces(&friend, &[frame("hello"), END.to_vec()].concat(), usize::MAX);
    program.wait_stdout("hello\n");
    program.pipe_in(vec![b'x'; 65_536]);
    assert_eq!(receive_to_end(&friend), b"");
    drop(friend);
    assert_eq!(program.ends_with(1).stdout, b"hello\n");
}

#[test]
fn a_typed_line_that_no_frame_can_hold_is_refused_with_a_notice() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    type_a_long_line(&mut terminal, 65_536);
    terminal.wait_for("* not sent: the line is 65536 bytes long");
    // The longest that a frame can hold, and a short one: both are sent, and nothing else was.
    type_a_long_line(&mut terminal, 65_535);
    assert_same(&receive(&friend, 65_537), &frame("x".repeat(65_535)), "the longest line");
    terminal.press("short\r");
    assert_eq!(receive(&friend, 7), frame("short"));
    terminal.press("\x04");
    assert_eq!(receive_to_end(&friend), END);
    drop(friend);
    terminal.ends_with(0);
    // By now it has left the screen, behind what was echoed of the second line.
    assert_eq!(count(&String::from_utf8_lossy(&terminal.raw()), "* not sent"), 1);
}

/// Types a line of so many bytes, and Enter. A terminal's own line mode holds 4,095 bytes of a
/// line; Ctrl-D in its middle passes on what is there. So the line is typed in pieces, and each
/// has to be read before the next is typed.
fn type_a_long_line(terminal: &mut Terminal, bytes: usize) {
    let echoed = |terminal: &Terminal| terminal.raw().iter().filter(|&&it| it == b'x').count();
    let mut expected = echoed(terminal);
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(1_000);
        left -= piece;
        expected += piece;
        terminal.press([&vec![b'x'; piece][..], b"\x04"].concat());
        let deadline = Instant::now() + DEADLINE;
        while echoed(terminal) < expected || terminal.unread_keys() > 0 {
            assert!(Instant::now() < deadline, "the program does not read what is typed");
            std::thread::yield_now();
        }
    }
    terminal.press("\r");
}

// What is not text.

#[test]
fn piped_input_that_is_not_utf8_is_an_error_that_names_the_line() {
    for (piped, line) in [
        (&b"one\n\xff\nthree\n"[..], 2),
        (b"one\ncut \xe2\x82", 2),
        (b"one\ntwo\nGr\xfc\xdfe\n", 3),
        // Half a pair of UTF-16, and a slash that is longer than it need be.
        (b"one\n\xed\xa0\x80\n", 2),
        (b"one\n\xc0\xaf\n", 2),
    ] {
        let (mut program, friend) = talk(&FRAMES);
        program.pipe_in(piped.to_vec());
        let before = if line == 2 { frames(&["one"]) } else { frames(&["one", "two"]) };
        assert_eq!(receive_to_end(&friend), before, "{piped:?}");
        drop(friend);
        let ended = program.ends_with(1);
        assert!(
            ended.stderr.contains(&format!("threadchat: line {line} ")),
            "{piped:?}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains("UTF-8"), "{}", ended.stderr);
    }
}

#[test]
fn a_typed_line_that_is_not_utf8_is_refused_with_a_notice() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    terminal.press(b"Gr\xfc\xdfe\r");
    terminal.wait_for("* not sent: the line is not UTF-8");
    terminal.press("Grüße\r");
    assert_eq!(receive(&friend, 9), frame("Grüße"));
}

#[test]
fn what_arrives_that_is_not_utf8_is_passed_on_unchanged_to_a_pipe() {
    let payloads = [&b"\xff\xfe\0\x80"[..], b"Gr\xfc\xdfe", b"a\nb\r\n", b"\xe2\x82"];
    for way in WAYS {
        let (mut program, friend) = talk(&way.options(&FRAMES));
        program.end_stdin();
        way.send(&friend, &[frames(&payloads), END.to_vec()].concat());
        leave(friend);
        let ended = program.ends_with(0);
        let expected: Vec<u8> =
            payloads.iter().flat_map(|text| [text, &b"\n"[..]].concat()).collect();
        assert_same(&ended.stdout, &expected, &format!("{way:?}"));
    }
}

#[test]
fn what_arrives_that_is_not_utf8_is_shown_with_replacement_characters() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
        way.send(&friend, &[frame(b"Gr\xfc\xdfe"), frame("Grüße"), END.to_vec()].concat());
        leave(friend);
        terminal.ends_with(0);
        // From the bytes, since the test's own terminal does not draw this character.
        let raw = terminal.raw();
        let shown = "friend says: Gr\u{fffd}\u{fffd}e\r\nfriend says: Grüße\r\n";
        assert!(contains(&raw, shown.as_bytes()), "{way:?}: {}", String::from_utf8_lossy(&raw));
    }
}

#[test]
fn every_line_of_a_frame_with_newlines_carries_the_label() {
    let (mut terminal, friend) = talk_at_plain_terminal(&FRAMES);
    send_in_pieces(&friend, &[frame("a\n* friend has left\r\nb"), END.to_vec()].concat(), 1);
    leave(friend);
    terminal.ends_with(0);
    let said = said_on_screen(&terminal);
    assert_eq!(said, ["friend says: a", "friend says: * friend has left", "friend says: b"]);
}

// The wrong wire.

#[test]
fn a_friend_who_sends_frames_is_noticed_on_lines_and_nothing_is_switched() {
    let first = ["random", "a", "Grüße", "end", &"x".repeat(255)];
    for way in WAYS {
        for word in first {
            let sent = [frame(word), frames(&WORDS), END.to_vec()].concat();
            let (mut program, friend) = talk(&way.options(&[]));
            way.send(&friend, &sent);
            program.wait_stderr("--wire frames");
            // What is sent is a line still.
            program.say("hello\n");
            program.end_stdin();
            assert_eq!(receive_to_end(&friend), b"hello\n");
            drop(friend);
            let ended = program.ends_with(0);
            assert_same(&ended.stdout, &sent, &format!("{way:?} {word}"));
            assert_eq!(notices(&ended.stderr).len(), 1, "{way:?} {word}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_person_is_told_of_frames_on_lines_once() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&[]));
        way.send(&friend, &frames(&["random", "strings"]));
        // No newline has come, so that no message has; the notice does not wait for one.
        terminal.wait_for("--wire frames");
        way.send(&friend, b"\n");
        way.send(&friend, &frames(&WORDS));
        drop(friend);
        terminal.ends_with(0);
        assert!(terminal.screen().contains("friend says: ^F^@random^G^@strings"), "{way:?}");
        assert_eq!(notices(&terminal.screen()).len(), 1, "{way:?}: {}", terminal.screen());
    }
}

#[test]
fn a_friend_who_sends_lines_is_noticed_on_frames_and_nothing_is_switched() {
    // The shortest line of which two characters are printable, text with a tab or a carriage
    // return, and several lines.
    for line in
        ["hello\n", "hi\n", "a\u{20}\tb\r\n", "hello\nhow are you?\n", "GET / HTTP/1.0\r\n\r\n"]
    {
        for way in WAYS {
            let (mut program, friend) = talk(&way.options(&FRAMES));
            way.send(&friend, line.as_bytes());
            program.wait_stderr("--wire lines");
            // Nothing is switched: a frame goes out, and what came is the beginning of one.
            program.say("hello\n");
            assert_eq!(receive(&friend, 7), frame("hello"));
            way.send(&friend, b"and on\n");
            friend.shutdown(Shutdown::Write).unwrap();
            let ended = program.ends_with(1);
            let came = line.len() - 2 + 7;
            assert_same(&ended.stdout, format!("{}and on\n", &line[2..]).as_bytes(), line);
            assert!(ended.stderr.contains(&format!("{came} of its ")), "{}", ended.stderr);
            assert_eq!(notices(&ended.stderr).len(), 1, "{way:?} {line:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_person_is_told_of_lines_on_frames_once() {
    for way in WAYS {
        let (mut terminal, friend) = talk_at_plain_terminal(&way.options(&FRAMES));
        way.send(&friend, b"hello\n");
        terminal.wait_for("--wire lines");
        way.send(&friend, b"is anybody there?\n");
        drop(friend);
        terminal.ends_with(1);
        let notices = notices(&terminal.screen()).len();
        assert_eq!(notices, 1, "{way:?}: {}", terminal.screen());
    }
}

#[test]
fn two_programs_on_different_wires_both_say_so() {
    let (mut lines, port) = Program::listen(&[]);
    let mut framed = Program::connect(port, &FRAMES);
    framed.say("random\n");
    lines.wait_stderr("--wire frames");
    lines.say("hello\n");
    framed.wait_stderr("--wire lines");
    lines.end_stdin();
    framed.ends_with(1);
    assert_eq!(lines.ends_with(0).stdout, b"\x06\x00random");
}

#[test]
fn on_the_right_wire_nobody_is_told_of_the_other() {
    let told = |ended: &Ended| ended.stderr.contains("wire");
    for way in WAYS {
        let texts: [&[u8]; 8] = [
            b"hello\n",
            b"\n\n",
            "Grüße\n".as_bytes(),
            b"\x06",
            b"\x06\x00\x01\x02\x03\x04",
            b"h\0e\0l\0l\0o\0\n\0",
            b"\x1b[31mred\n",
            b"\xff\xfeh\0i\0",
        ];
        for text in texts {
            let (mut program, friend) = talk(&way.options(&[]));
            program.end_stdin();
            way.send(&friend, text);
            leave(friend);
            let ended = program.ends_with(0);
            assert!(!told(&ended), "{way:?} {text:?}: {}", ended.stderr);
        }
        // A length that is two printable characters: 26,728 is spelled "hh".
        for size in [0, 1, 6, 255, 8_224, 26_728, 65_535] {
            let (mut program, friend) = talk(&way.options(&FRAMES));
            program.end_stdin();
            way.send(&friend, &[frame(vec![b'x'; size]), END.to_vec()].concat());
            leave(friend);
            let ended = program.ends_with(0);
            assert!(!told(&ended), "{way:?} {size}: {}", ended.stderr);
        }
    }
}

#[test]
fn recv_buffer_is_the_size_of_each_recv_on_both_wires() {
    for wire in ["lines", "frames"] {
        for (recv_buffer, gives) in [("7", "recv gave 7 bytes"), ("1000", "recv gave 1000 bytes")] {
            let options = ["--wire", wire, "--recv-buffer", recv_buffer, "--explain"];
            let (mut program, friend) = talk(&options);
            program.end_stdin();
            send_in_pieces(&friend, &frame([b'x'; 5_000]), usize::MAX);
            send_in_pieces(&friend, END, usize::MAX);
            leave(friend);
            let stderr = program.ends_with(0).stderr;
            assert!(stderr.contains(gives), "{wire}: {stderr}");
            let most = stderr.lines().filter_map(|line| {
                let (_, count) = line.split_once("recv gave ")?;
                count.split(' ').next()?.parse::<usize>().ok()
            });
            assert_eq!(most.max(), recv_buffer.parse().ok(), "{wire}");
        }
    }
}

#[test]
fn a_recv_buffer_of_no_byte_or_of_more_than_1_mib_is_a_usage_error() {
    for bytes in ["0", "1048577", "-1", "x", "", "99999999999999999999"] {
        let mut program = Program::start(&["listen", "127.0.0.1:0", "--recv-buffer", bytes]);
        program.end_stdin();
        let ended = program.ends_with(2);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty());
    }
}

// Anything, in any pieces.

/// Sends bytes cut at these places.
fn send_cut(friend: &TcpStream, bytes: &[u8], places: &[prop::sample::Index]) {
    let mut at: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    at.push(bytes.len());
    at.sort_unstable();
    let mut from = 0;
    for to in at {
        let mut friend = friend;
        friend.write_all(&bytes[from..to]).expect("the program takes what is sent");
        from = to;
    }
}

fn any_places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

fn any_recv_buffer() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..10, 1_u32..5000, 1_u32..=1_048_576]
}

proptest! {
    // Each case is a conversation of real processes.
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_pass_as_frames_in_both_directions_in_any_pieces(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..20),
        typed in prop::collection::vec("[^\n]{0,500}", 0..20),
        places in any_places(),
        recv_buffer in any_recv_buffer(),
    ) {
        let sent: Vec<Vec<u8>> = sent.into_iter().filter(|text| text != b"end").collect();
        let typed: Vec<String> = typed.into_iter().filter(|line| line != "end").collect();
        let recv_buffer = recv_buffer.to_string();
        let (mut program, friend) =
            talk(&["--wire", "frames", "--recv-buffer", &recv_buffer]);
        program.pipe_in(typed.iter().flat_map(|line| [line, "\n"]).collect::<String>().into());
        send_cut(&friend, &[frames(&sent), END.to_vec()].concat(), &places);
        let received = receive_to_end(&friend);
        assert_same(&received, &[frames(&typed), END.to_vec()].concat(), "sent");
        drop(friend);
        let expected: Vec<u8> = sent.iter().flat_map(|text| [text, &b"\n"[..]].concat()).collect();
        assert_same(&program.ends_with(0).stdout, &expected, "received");
    }

    #[test]
    fn any_bytes_pass_as_lines_in_both_directions_in_any_pieces(
        sent in prop::collection::vec(any::<u8>(), 0..20_000),
        piped in prop::collection::vec(any::<u8>(), 0..20_000),
        places in any_places(),
        recv_buffer in any_recv_buffer(),
    ) {
        let (mut program, friend) = talk(&["--recv-buffer", &recv_buffer.to_string()]);
        program.pipe_in(piped.clone());
        send_cut(&friend, &sent, &places);
        friend.shutdown(Shutdown::Write).unwrap();
        assert_same(&receive_to_end(&friend), &piped, "sent");
        drop(friend);
        assert_same(&program.ends_with(0).stdout, &sent, "received");
    }

    #[test]
    fn any_text_is_shown_to_a_person_message_by_message_in_any_pieces(
        said in prop::collection::vec("[a-zäöüß你好🦀é]{1,30}", 1..20),
        framed in any::<bool>(),
        crlf in any::<bool>(),
        places in any_places(),
        recv_buffer in any_recv_buffer(),
    ) {
        let said: Vec<String> = said.into_iter().filter(|text| text != "end").collect();
        let wire = if framed { "frames" } else { "lines" };
        let sent = match (framed, crlf) {
            (true, _) => [frames(&said), END.to_vec()].concat(),
            (_, true) => said.iter().map(|text| format!("{text}\r\n")).collect::<String>().into(),
            (_, false) => said.iter().map(|text| format!("{text}\n")).collect::<String>().into(),
        };
        let (mut terminal, friend) =
            talk_at_plain_terminal(&["--wire", wire, "--recv-buffer", &recv_buffer.to_string()]);
        send_cut(&friend, &sent, &places);
        leave(friend);
        terminal.ends_with(0);
        let expected: Vec<String> = said.iter().map(|text| format!("friend says: {text}")).collect();
        assert_eq!(said_on_screen(&terminal), expected);
    }
}
