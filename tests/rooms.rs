//! CONTRACT 7, rooms, as their members and a host in pipes see them, on both wires: who is here
//! and what they are called, who hears what, what nobody can forge, and how a room ends. What
//! people at a terminal see, and rooms of mixed clients, is in `room_clients.rs`.

mod support;

use std::collections::HashSet;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::member::{Member, WIRES, everybody_hangs_up, open_room};
use support::observe::waiting_in;
use support::{Ended, Program, error_sentence, friend_calls, process, text, threadchat, until};

/// A room takes at most so many bytes as one message.
const MESSAGE_MAX: usize = 16_384;

/// The contract gives a room 3 s to end. A loaded machine may add to it, but not double it.
const ENDS_WITHIN: Duration = Duration::from_secs(6);

/// A room that nothing is typed into: its stdout is the transcript.
#[track_caller]
fn headless(options: &[&str]) -> (Program, u16) {
    let program = Program::spawn_as_is(
        Command::new(threadchat())
            .args([&["listen", "127.0.0.1:0", "--room"], options].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let port = program.listening_port();
    (program, port)
}

/// Ends a room as Ctrl-C does when its members have hung up, and gives back how it ended: with
/// exit code 0.
#[track_caller]
fn close(mut room: Program) -> Ended {
    everybody_hangs_up();
    room.signal(Signal::INT);
    room.ends_with(0)
}

/// The names in the list of a welcome or of an answer to `/who`.
fn listed(line: &str) -> Vec<&str> {
    let (_, list) = line.split_once("here: ").unwrap_or_else(|| panic!("no list in {line:?}"));
    let list = list.split(';').next().unwrap_or_default();
    list.split(", ").collect()
}

/// The stderr of a host, its notices only.
fn notices(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("* ")).collect()
}

// Coming, going, and who hears what.

#[test]
fn who_joins_is_told_who_is_here_and_which_commands_there_are() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut first = Member::calls(port, wire);
        let welcome = first.hear();
        assert!(welcome.starts_with("/room "), "{welcome:?}");
        assert_eq!(listed(&welcome), ["host", "guest-1 (you)"]);
        for command in ["/name", "/who", "/quit"] {
            assert!(welcome.contains(command), "{command} is not in {welcome:?}");
        }
        first.say("/name Susan");
        first.hears(&["* guest-1 is now Susan"]);
        let mut second = Member::calls(port, wire);
        assert_eq!(listed(&second.hear()), ["host", "Susan", "guest-2 (you)"]);
        first.hears(&["* guest-2 has joined"]);
        close(room);
    }
}

#[test]
fn a_list_of_who_is_here_has_twenty_names_and_a_number() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut members: Vec<Member> = (1..=19).map(|_| Member::joins(port, wire)).collect();
        // With the host, twenty are here.
        let last = members.last_mut().expect("there are some");
        last.say("/who");
        let list = last.hear();
        assert_eq!(listed(&list).len(), 20, "{list}");
        assert!(!list.contains("more"), "{list}");
        for (came, more) in [(20, "1 more"), (21, "2 more"), (22, "3 more")] {
            let mut member = Member::calls(port, wire);
            let welcome = member.hear();
            let names = listed(&welcome);
            assert_eq!(names.len(), 21, "when {came} are here: {welcome}");
            assert!(names[20].ends_with(more), "when {came} are here: {welcome}");
            members.push(member);
        }
        close(room);
    }
}

#[test]
fn what_a_member_says_reaches_everybody_else_and_the_host_and_never_the_speaker() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        let mut three = Member::joins(port, wire);
        one.hears(&["* guest-3 has joined"]);
        two.hears(&["* guest-3 has joined"]);
        one.say("hello");
        two.hears(&["guest-1 says: hello"]);
        three.hears(&["guest-1 says: hello"]);
        two.say("");
        // What the first one hears next is not its own word.
        one.hears(&["guest-2 says: "]);
        three.hears(&["guest-2 says: "]);
        three.say("Grüße, 你好 🦀\ttab");
        one.hears(&["guest-3 says: Grüße, 你好 🦀\ttab"]);
        two.hears(&["guest-3 says: Grüße, 你好 🦀\ttab"]);
        for member in [one, two, three] {
            let last = member.leaves();
            assert!(last.iter().all(|line| line.starts_with("* ")), "{last:?}");
        }
        let ended = close(room);
        let said = "guest-1 says: hello\nguest-2 says: \nguest-3 says: Grüße, 你好 🦀\ttab\n";
        assert_eq!(text(&ended.stdout), said, "stdout has what was said and nothing else");
    }
}

#[test]
fn coming_going_and_renaming_are_announced_to_the_members_and_to_the_host() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut stays = Member::joins(port, wire);
        let mut comes = Member::joins(port, wire);
        stays.hears(&["* guest-2 has joined"]);
        comes.say("/name Susan");
        stays.hears(&["* guest-2 is now Susan"]);
        comes.hears(&["* guest-2 is now Susan"]);
        comes.say("/name Sue");
        stays.hears(&["* Susan is now Sue"]);
        comes.hears(&["* Susan is now Sue"]);
        comes.say("hello");
        stays.hears(&["Sue says: hello"]);
        assert_eq!(comes.leaves(), [""; 0]);
        stays.hears(&["* Sue has left"]);
        assert_eq!(stays.leaves(), [""; 0]);
        room.wait_stderr("* guest-1 has left");
        let ended = close(room);
        let told = [
            "* guest-1 has joined",
            "* guest-2 has joined",
            "* guest-2 is now Susan",
            "* Susan is now Sue",
            "* Sue has left",
            "* guest-1 has left",
        ];
        assert_eq!(notices(&ended.stderr), told);
        assert_eq!(text(&ended.stdout), "Sue says: hello\n");
    }
}

#[test]
fn quiet_silences_the_notices_of_the_host_and_not_the_announcements() {
    // A quiet listener does not tell its port, so that the system has to.
    let mut room = Program::start(&["listen", "127.0.0.1:0", "--room", "-q"]);
    let Some(socket) = process::listening_socket(room.child.id()) else { return };
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let mut one = Member::joins(port, "lines");
    let mut two = Member::joins(port, "lines");
    one.hears(&["* guest-2 has joined"]);
    two.say("/quit");
    assert_eq!(two.rest(), [""; 0]);
    one.hears(&["* guest-2 has left"]);
    room.signal(Signal::INT);
    assert_eq!(one.rest(), ["* the room is closed"]);
    everybody_hangs_up();
    assert_eq!(room.ends_with(0).stderr, "");
}

#[test]
fn who_leaves_still_gets_what_was_said_before() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut speaker = Member::joins_as(port, wire, "Susan");
        let mut leaver = Member::joins(port, wire);
        speaker.hears(&["* guest-2 has joined"]);
        let said: Vec<String> = (0..500).map(|number| format!("line {number}")).collect();
        said.iter().for_each(|line| speaker.say(line));
        // The host has heard the last one; so it is in everybody's outbox.
        room.wait_stdout("Susan says: line 499\n");
        let heard = {
            leaver.end();
            leaver.rest()
        };
        let expected: Vec<String> = said.iter().map(|line| format!("Susan says: {line}")).collect();
        assert_eq!(heard, expected);
        speaker.hears(&["* guest-2 has left"]);
        close(room);
    }
}

// Names.

#[test]
fn nobody_can_have_a_name_that_somebody_has_whatever_its_capitals_and_accents() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &["--name", "Leta"]);
        let mut jose = Member::joins_as(port, wire, "José");
        let mut other = Member::joins(port, wire);
        jose.hears(&["* guest-2 has joined"]);
        // The same letters in one or in two code points, small or large: people read one name.
        let taken = ["José", "jose\u{301}", "JOSÉ", "JOSE\u{301}", "leta", "LETA", "Ｌｅｔａ"];
        for name in taken {
            other.say(format!("/name {name}"));
            let answer = other.hear();
            assert!(answer.starts_with("* ") && !answer.contains(" is now "), "{name}: {answer}");
        }
        // Words that stand for somebody cannot be had by anybody.
        let words =
            ["host", "HOST", "friend", "Friend", "you", "You", "guest-2", "guest-1", "Guest-77"];
        for name in words {
            other.say(format!("/name {name}"));
            let answer = other.hear();
            assert!(answer.starts_with("* ") && !answer.contains(" is now "), "{name}: {answer}");
        }
        // All the same its name is what it was, and nobody else has heard of all this.
        other.say("still me");
        jose.hears(&["guest-2 says: still me"]);
        // One's own name in other capitals is one's own to have.
        jose.say("/name josé");
        jose.hears(&["* José is now josé"]);
        other.hears(&["* José is now josé"]);
        // What nobody is called any more is free.
        jose.say("/name Pepe");
        jose.hears(&["* josé is now Pepe"]);
        other.hears(&["* josé is now Pepe"]);
        other.say("/name JOSE\u{301}");
        jose.hears(&["* guest-2 is now JOSE\u{301}"]);
        other.hears(&["* guest-2 is now JOSE\u{301}"]);
        assert_eq!(jose.leaves(), [""; 0]);
        other.hears(&["* Pepe has left"]);
        other.say("/name pepe");
        other.hears(&["* JOSE\u{301} is now pepe"]);
        close(room);
    }
}

#[test]
fn a_name_that_is_none_is_a_message_like_any_other() {
    let long = "x".repeat(33);
    // What is sent, and what of it the others read.
    let cases = [
        ("/name", "/name"),
        ("/name ", "/name "),
        ("/name  Susan", "/name  Susan"),
        ("/name Susan ", "/name Susan "),
        ("/name Susan Sue", "/name Susan Sue"),
        ("/name\tSusan", "/name\tSusan"),
        ("/Name Susan", "/Name Susan"),
        (" /name Susan", " /name Susan"),
        ("//name Susan", "//name Susan"),
        ("/name -a", "/name -a"),
        ("/name _a", "/name _a"),
        ("/name a:", "/name a:"),
        ("/name *", "/name *"),
        ("/name a,b", "/name a,b"),
        ("/name >", "/name >"),
        ("/name host says: x", "/name host says: x"),
        ("/name a\x1b[31m", "/name a^[[31m"),
        ("/name a\u{202e}b", "/name a<U+202E>b"),
        ("/name a\u{200b}", "/name a<U+200B>"),
        ("/name \u{3164}", "/name <U+3164>"),
        ("/name a\u{2028}b", "/name a<U+2028>b"),
        ("/name a\0", "/name a^@"),
        ("/name a\rb", "/name a^Mb"),
    ];
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut speaker = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        speaker.hears(&["* guest-2 has joined"]);
        for (sent, heard) in cases {
            speaker.say(sent);
            listener.hears(&[format!("guest-1 says: {heard}")]);
        }
        speaker.say(format!("/name {long}"));
        listener.hears(&[format!("guest-1 says: /name {long}")]);
        speaker.say(b"/name Sus\xffan");
        listener.hears(&["guest-1 says: /name Sus\u{fffd}an"]);
        // Such as are names are taken, in any script.
        let mut before = "guest-1".to_owned();
        let longest = "x".repeat(32);
        for name in ["Олег", "李雷", "हिन्दी", "R2-D2", "a_b", "7", &longest] {
            speaker.say(format!("/name {name}"));
            listener.hears(&[format!("* {before} is now {name}")]);
            before = name.to_owned();
        }
        close(room);
    }
}

#[test]
fn guests_have_names_that_nobody_else_has() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let first = Member::joins(port, wire);
        let second = Member::joins(port, wire);
        assert_eq!(first.leaves(), ["* guest-2 has joined"]);
        room.wait_stderr("* guest-1 has left");
        let mut third = Member::calls(port, wire);
        let welcome = third.hear();
        let names: HashSet<&str> =
            listed(&welcome).into_iter().map(|name| name.trim_end_matches(" (you)")).collect();
        assert_eq!(names.len(), 3, "{welcome}");
        assert!(names.contains("guest-2"), "{welcome}");
        drop(second);
        close(room);
    }
}

#[test]
fn the_host_is_called_what_name_says() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &["--name", "Teacher"]);
        let mut member = Member::calls(port, wire);
        assert_eq!(listed(&member.hear()), ["Teacher", "guest-1 (you)"]);
        room.say("hello\n");
        member.hears(&["Teacher says: hello"]);
        // The word `host` is nobody's all the same.
        member.say("/name host");
        assert!(member.hear().starts_with("* "));
        close(room);
    }
    let (mut room, port) = open_room("lines", &["--name", "host"]);
    let mut member = Member::joins(port, "lines");
    room.say("hello\n");
    member.hears(&["host says: hello"]);
    close(room);
}

// Commands.

#[test]
fn from_a_member_exactly_the_commands_are_commands() {
    let messages = [
        "/who ",
        " /who",
        "/WHO",
        "/whom",
        "/who?",
        "//who",
        "/quit ",
        " /quit",
        "/QUIT",
        "/quit now",
        "/kick guest-2",
        "/kick host",
        "/help",
        "/room welcome; here: nobody",
        "/",
        "end ",
        "* guest-2 has left",
    ];
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut speaker = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        speaker.hears(&["* guest-2 has joined"]);
        for message in messages {
            speaker.say(message);
            listener.hears(&[format!("guest-1 says: {message}")]);
        }
        // Now the real ones, whose answers are for the asker alone.
        speaker.say("/who");
        speaker.hears(&["* here: host, guest-1 (you), guest-2"]);
        speaker.say("/name guest-1");
        assert!(speaker.hear().starts_with("* "));
        speaker.say("done");
        listener.hears(&["guest-1 says: done"]);
        speaker.say("/quit");
        assert_eq!(speaker.rest(), [""; 0], "who quits is told no more, and gets FIN");
        listener.hears(&["* guest-1 has left"]);
        close(room);
    }
}

#[test]
fn telnets_line_ends_are_line_ends() {
    let (room, port) = open_room("lines", &[]);
    let mut speaker = Member::joins(port, "lines");
    let mut listener = Member::joins(port, "lines");
    speaker.hears(&["* guest-2 has joined"]);
    speaker.send(b"/name Susan\r\nhello\r\n/who\r\n");
    listener.hears(&["* guest-1 is now Susan", "Susan says: hello"]);
    speaker.hears(&["* guest-1 is now Susan", "* here: host, Susan (you), guest-2"]);
    // In pieces, too: the byte that makes the difference comes alone.
    for piece in ["/wh", "o", "\r", "\n"] {
        speaker.send(piece);
    }
    speaker.hears(&["* here: host, Susan (you), guest-2"]);
    speaker.send(b"/quit\r\n");
    assert_eq!(speaker.rest(), [""; 0]);
    listener.hears(&["* Susan has left"]);
    close(room);
}

#[test]
fn on_frames_the_word_end_leaves() {
    let (room, port) = open_room("frames", &[]);
    let mut speaker = Member::joins(port, "frames");
    let mut listener = Member::joins(port, "frames");
    speaker.hears(&["* guest-2 has joined"]);
    speaker.say("end ");
    listener.hears(&["guest-1 says: end "]);
    speaker.say("end");
    assert_eq!(speaker.rest(), [""; 0]);
    listener.hears(&["* guest-1 has left"]);
    close(room);
}

// The host in pipes.

#[test]
fn what_is_piped_in_waits_for_the_first_member_and_is_what_the_host_says() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &[]);
        let typed = "one\n/who\n/kick guest-1\n/quit\n//x\nlast";
        room.say(typed);
        // Nobody is there, and so it is not read.
        process::wait_until_quiet(&[room.child.id()]);
        assert_eq!(waiting_in(room.child.stdin.as_ref().unwrap()), typed.len() as u64);
        room.end_stdin();
        let mut member = Member::joins(port, wire);
        let said = ["one", "/who", "/kick guest-1", "/quit", "//x", "last"];
        member.hears(&said.map(|line| format!("host says: {line}")));
        // The end of stdin is not the end of the room.
        let mut second = Member::joins(port, wire);
        member.hears(&["* guest-2 has joined"]);
        second.say("hello");
        member.hears(&["guest-2 says: hello"]);
        room.wait_stdout("guest-2 says: hello\n");
        room.signal(Signal::INT);
        assert_eq!(member.rest(), ["* the room is closed"]);
        everybody_hangs_up();
        let ended = room.ends_with(0);
        assert_eq!(text(&ended.stdout), "guest-2 says: hello\n", "the host does not hear itself");
    }
}

#[test]
fn nothing_that_is_piped_in_is_lost_while_nobody_is_there() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &[]);
        let mut member = Member::joins(port, wire);
        room.say("before\n");
        member.hears(&["host says: before"]);
        assert_eq!(member.leaves(), [""; 0]);
        room.wait_stderr("* guest-1 has left");
        room.say("between\n");
        let mut second = Member::joins(port, wire);
        room.say("after\n");
        second.hears(&["host says: between", "host says: after"]);
        close(room);
    }
}

#[test]
fn a_room_without_stdin_stays_open_and_its_stdout_is_the_transcript() {
    for wire in WIRES {
        let (room, port) = headless(&["--wire", wire]);
        let mut one = Member::joins_as(port, wire, "Susan");
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        for round in 0..3 {
            one.say(format!("question {round}"));
            two.hears(&[format!("Susan says: question {round}")]);
            two.say(format!("answer {round}"));
            one.hears(&[format!("guest-2 says: answer {round}")]);
        }
        // Empty again, it is open still.
        assert_eq!(one.leaves(), [""; 0]);
        assert_eq!(two.leaves(), ["* Susan has left"]);
        room.wait_stderr("* guest-2 has left");
        let mut three = Member::joins(port, wire);
        three.say("is anybody here?");
        room.wait_stdout("guest-3 says: is anybody here?\n");
        let ended = close(room);
        let rounds: String = (0..3)
            .map(|round| format!("Susan says: question {round}\nguest-2 says: answer {round}\n"))
            .collect();
        assert_eq!(text(&ended.stdout), rounds + "guest-3 says: is anybody here?\n");
    }
}

#[test]
fn with_recv_only_the_host_listens() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &["--recv-only"]);
        room.say("not for the room\n");
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        one.say("hello");
        two.hears(&["guest-1 says: hello"]);
        two.say("hello too");
        one.hears(&["guest-2 says: hello too"]);
        let ended = close(room);
        assert_eq!(text(&ended.stdout), "guest-1 says: hello\nguest-2 says: hello too\n");
    }
}

#[test]
fn a_line_of_the_host_that_is_too_long_is_relayed_in_parts_or_is_an_error() {
    let long = "é".repeat(20_000);
    let (mut room, port) = open_room("lines", &[]);
    let mut member = Member::joins(port, "lines");
    room.say(format!("{long}\nafter\n"));
    assert_eq!(in_parts(&mut member, "host", long.len()), long);
    member.hears(&["host says: after"]);
    close(room);
    // On frames a line that cannot be a message is an error, as in a conversation.
    let (mut room, port) = open_room("frames", &[]);
    let mut member = Member::joins(port, "frames");
    room.say(format!("before\n{long}\n"));
    assert_eq!(member.rest(), ["host says: before", "* the room is closed"]);
    everybody_hangs_up();
    let ended = room.ends_with(1);
    let error = error_sentence(&ended.stderr);
    assert!(error.contains("line 2") && error.contains("40000"), "{error}");
}

#[test]
fn the_transcript_of_a_room_says_who_said_what() {
    for wire in WIRES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.txt");
        let (mut room, port) = open_room(wire, &["--time", "--transcript", path.to_str().unwrap()]);
        let mut one = Member::joins_as(port, wire, "Susan");
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        one.say("hello");
        two.hears(&["Susan says: hello"]);
        two.say("\x1b[2J");
        one.hears(&["guest-2 says: ^[[2J"]);
        room.say("welcome\n");
        one.hears(&["host says: welcome"]);
        one.say("/name Sue");
        one.hears(&["* Susan is now Sue"]);
        one.say("again");
        two.hears(&["host says: welcome", "* Susan is now Sue", "Sue says: again"]);
        let ended = close(room);
        // (Through a pipe there is no time, as in a conversation.)
        assert_eq!(
            text(&ended.stdout),
            "Susan says: hello\nguest-2 says: ^[[2J\nSue says: again\n"
        );
        let transcript = std::fs::read_to_string(&path).unwrap();
        let mut said: Vec<&str> = transcript
            .lines()
            .map(|line| {
                let (date, rest) = line.split_at("2026-11-22 12:00:00 ".len());
                assert!(date.bytes().filter(u8::is_ascii_digit).count() == 14, "{line:?}");
                rest
            })
            .collect();
        // The host's own words take another way into the file than the members' do.
        let own = said.iter().position(|line| *line == "host: welcome").expect("the host spoke");
        said.remove(own);
        assert_eq!(said, ["Susan: hello", "guest-2: ^[[2J", "Sue: again"]);
    }
}

// What nobody can forge.

#[test]
fn no_member_can_speak_as_another() {
    // What is sent as one message, and what the others hear behind the speaker's label.
    let cases: [(&[u8], &str); 14] = [
        (b"\x1b[2J\x1b]0;title\x07", "^[[2J^[]0;title^G"),
        (b"one\rhost says: two", "one^Mhost says: two"),
        (b"\rhost says: two", "^Mhost says: two"),
        (b"\x08\x08\x08\x08\x08host", "^H^H^H^H^Hhost"),
        (b"one\x0bhost says: two\x0c", "one^Khost says: two^L"),
        (b"\0nul\x7f", "^@nul^?"),
        ("\u{85}host says: next line".as_bytes(), "<U+0085>host says: next line"),
        ("\u{9b}31m".as_bytes(), "<U+009B>31m"),
        ("x\u{2028}host says: y\u{2029}z".as_bytes(), "x<U+2028>host says: y<U+2029>z"),
        ("\u{202e}dees\u{202c}".as_bytes(), "<U+202E>dees<U+202C>"),
        ("\u{200b}\u{feff}".as_bytes(), "<U+200B><U+FEFF>"),
        (b"\xff\xfe\xc3", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"host says: I am the host", "host says: I am the host"),
        (b"* guest-2 has left", "* guest-2 has left"),
    ];
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut forger = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        forger.hears(&["* guest-2 has joined"]);
        let mut said = String::new();
        for (sent, heard) in cases {
            forger.say(sent);
            listener.hears(&[format!("guest-1 says: {heard}")]);
            said += &format!("guest-1 says: {heard}\n");
        }
        if wire == "frames" {
            forger.say("one\nhost says: two\n* guest-2 has left\r\nthree");
            let heard = "guest-1 says: one^Jhost says: two^J* guest-2 has left^M^Jthree";
            listener.hears(&[heard]);
            said += &format!("{heard}\n");
            forger.say("/who\n");
            listener.hears(&["guest-1 says: /who^J"]);
            said += "guest-1 says: /who^J\n";
        }
        assert_eq!(text(&close(room).stdout), said, "and the host's stdout is as safe");
    }
}

#[test]
fn every_byte_that_a_member_can_send_is_heard_as_harmless_text() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut junk = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        junk.hears(&["* guest-2 has joined"]);
        for byte in 0..=255_u8 {
            if byte == b'\n' && wire == "lines" {
                continue;
            }
            junk.say([b'<', byte, b'>']);
            let heard = listener.hear();
            let shown = heard.strip_prefix("guest-1 says: <").expect("it is labelled");
            let shown = shown.strip_suffix('>').expect("all of it came");
            assert!(!shown.is_empty(), "byte {byte:#x}");
            assert!(shown == "\t" || !shown.chars().any(char::is_control), "byte {byte:#x}");
        }
        close(room);
    }
}

// Long messages.

/// Hears the parts of a message of so many bytes (as they come behind the label), each of which
/// has the label and the size of a message at most, and gives them back as one.
#[track_caller]
fn in_parts(member: &mut Member, name: &str, bytes: usize) -> String {
    let label = format!("{name} says: ");
    let mut whole = String::new();
    while whole.len() < bytes {
        let heard = member.hear();
        let part = heard.strip_prefix(&label).unwrap_or_else(|| panic!("no label: {heard:.80?}"));
        assert!(!part.is_empty() && part.len() <= MESSAGE_MAX, "a part of {} bytes", part.len());
        whole += part;
    }
    whole
}

#[test]
fn a_message_of_16_kib_is_relayed_whole() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut speaker = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        speaker.hears(&["* guest-2 has joined"]);
        for size in [MESSAGE_MAX - 1, MESSAGE_MAX] {
            let long = "x".repeat(size);
            speaker.say(&long);
            listener.hears(&[format!("guest-1 says: {long}")]);
        }
        // One that is longer when it has been made harmless loses nothing.
        speaker.say(vec![0x1b; MESSAGE_MAX]);
        let heard = in_parts_of_any_size(&mut listener, 2 * MESSAGE_MAX);
        assert_eq!(heard, "^[".repeat(MESSAGE_MAX));
        speaker.say("after");
        listener.hears(&["guest-1 says: after"]);
        close(room);
    }
}

/// The same as [`in_parts`], where the text has become longer by being made harmless.
#[track_caller]
fn in_parts_of_any_size(member: &mut Member, bytes: usize) -> String {
    let mut whole = String::new();
    while whole.len() < bytes {
        let heard = member.hear();
        whole += heard.strip_prefix("guest-1 says: ").expect("each part has its label");
    }
    whole
}

#[test]
fn a_longer_line_is_relayed_in_labelled_parts_and_no_byte_of_it_is_lost() {
    let (room, port) = open_room("lines", &[]);
    let mut speaker = Member::joins(port, "lines");
    let mut listener = Member::joins(port, "lines");
    speaker.hears(&["* guest-2 has joined"]);
    // Characters of more than one byte at all offsets, so that each is cut somewhere.
    for (count, lead) in [(MESSAGE_MAX + 1, ""), (40_000, "x"), (100_000, "xx"), (70_001, "xyz")] {
        let mut long = lead.to_owned();
        while long.len() < count {
            long.push_str("aé你🦀");
        }
        speaker.say(&long);
        assert!(in_parts(&mut listener, "guest-1", long.len()) == long, "{count} bytes");
        // What looks like a label or a command at the head of a part is neither.
        speaker.say("between");
        listener.hears(&["guest-1 says: between"]);
    }
    let tricky = "x".repeat(MESSAGE_MAX) + "/who";
    speaker.say(&tricky);
    assert_eq!(in_parts(&mut listener, "guest-1", tricky.len()), tricky);
    speaker.say("x".repeat(2 * MESSAGE_MAX));
    assert_eq!(in_parts(&mut listener, "guest-1", 2 * MESSAGE_MAX).len(), 2 * MESSAGE_MAX);
    speaker.say("no empty part before this");
    listener.hears(&["guest-1 says: no empty part before this"]);
    close(room);
}

#[test]
fn a_longer_frame_is_refused_with_a_notice_and_the_next_one_is_relayed() {
    let (room, port) = open_room("frames", &[]);
    let mut speaker = Member::joins(port, "frames");
    let mut listener = Member::joins(port, "frames");
    speaker.hears(&["* guest-2 has joined"]);
    for size in [MESSAGE_MAX + 1, 40_000, 65_535] {
        speaker.say("x".repeat(size));
        speaker.say(format!("after {size}"));
        let notice = speaker.hear();
        assert!(notice.starts_with("* ") && notice.contains(&size.to_string()), "{notice}");
        listener.hears(&[format!("guest-1 says: after {size}")]);
    }
    // However it arrives: a piece of the frame that is dropped could look like another frame.
    let long = speaker.message(vec![1; 20_000]);
    for piece in long.chunks(1000) {
        speaker.send(piece);
    }
    speaker.say("the end of it");
    assert!(speaker.hear().contains("20000"));
    listener.hears(&["guest-1 says: the end of it"]);
    close(room);
}

#[test]
fn a_line_without_an_end_is_relayed_in_parts_while_it_comes() {
    let (room, port) = open_room("lines", &[]);
    let mut speaker = Member::joins(port, "lines");
    let mut listener = Member::joins(port, "lines");
    speaker.hears(&["* guest-2 has joined"]);
    for _ in 0..5 {
        speaker.send(vec![b'x'; MESSAGE_MAX]);
        // No end has come, and yet this is heard before more is sent.
        assert_eq!(in_parts(&mut listener, "guest-1", MESSAGE_MAX).len(), MESSAGE_MAX);
    }
    // Meanwhile the others talk.
    listener.say("still there?");
    speaker.hears(&["guest-2 says: still there?"]);
    speaker.send("and the tail");
    assert_eq!(speaker.leaves(), [""; 0]);
    listener.hears(&["guest-1 says: and the tail", "* guest-1 has left"]);
    close(room);
}

#[test]
fn a_last_line_without_an_end_is_relayed_when_its_speaker_leaves() {
    let (room, port) = open_room("lines", &[]);
    let mut listener = Member::joins(port, "lines");
    // Without its newline it is no command either: nothing says that it is all of the line.
    for (number, last) in [(2, "half a line"), (3, "Grüße 🦀"), (4, "x\r")] {
        let mut speaker = Member::joins(port, "lines");
        speaker.send(last);
        assert_eq!(speaker.leaves(), [""; 0]);
        let heard = last.replace('\r', "^M");
        listener.hears(&[
            format!("* guest-{number} has joined"),
            format!("guest-{number} says: {heard}"),
            format!("* guest-{number} has left"),
        ]);
    }
    close(room);
}

#[test]
fn a_frame_that_is_cut_off_ends_its_speaker_and_not_the_room() {
    let (room, port) = open_room("frames", &[]);
    let mut listener = Member::joins(port, "frames");
    for (number, bytes) in
        [(2, &b"\x05"[..]), (3, b"\x05\x00"), (4, b"\xff\xff"), (5, b"\xff\xffx")]
    {
        let mut speaker = Member::joins(port, "frames");
        listener.hears(&[format!("* guest-{number} has joined")]);
        speaker.send(bytes);
        speaker.stream().shutdown(std::net::Shutdown::Write).unwrap();
        let last = speaker.rest();
        // (Of a frame that is refused, its speaker was told so.)
        assert!(last.iter().all(|line| line.starts_with("* not said")), "{last:?}");
        listener.hears(&[format!("* guest-{number} has left")]);
    }
    close(room);
}

// Order.

#[test]
fn all_hear_the_same_order_and_each_speaker_in_the_order_said() {
    const SPEAKERS: usize = 6;
    const LINES: usize = 300;
    for wire in WIRES {
        let (room, port) = headless(&["--wire", wire]);
        let mut members: Vec<Member> =
            (0..SPEAKERS).map(|at| Member::joins_as(port, wire, &format!("s{at}"))).collect();
        let listeners: Vec<Member> =
            (0..2).map(|at| Member::joins_as(port, wire, &format!("l{at}"))).collect();
        members.extend(listeners);
        let heard: Vec<Vec<String>> = std::thread::scope(|scope| {
            let talks: Vec<_> = members
                .iter_mut()
                .enumerate()
                .map(|(at, member)| {
                    let mut mouth = member.stream().try_clone().unwrap();
                    let lines: Vec<Vec<u8>> =
                        (0..LINES).map(|line| member.message(format!("{line}"))).collect();
                    if at < SPEAKERS {
                        scope.spawn(move || {
                            use std::io::Write;
                            // A few at a time, so that the speakers really alternate.
                            for some in lines.chunks(7) {
                                mouth.write_all(&some.concat()).expect("the room takes it");
                            }
                        });
                    }
                    let wanted = if at < SPEAKERS { SPEAKERS - 1 } else { SPEAKERS } * LINES;
                    scope.spawn(move || -> Vec<String> {
                        let said = std::iter::from_fn(|| Some(member.hear()));
                        said.filter(|line| line.contains(" says: ")).take(wanted).collect()
                    })
                })
                .collect();
            talks.into_iter().map(|talk| talk.join().expect("it hears everything")).collect()
        });
        let ended = close(room);
        let host = text(&ended.stdout);
        let host: Vec<&str> = host.lines().collect();
        for speaker in 0..SPEAKERS {
            let label = format!("s{speaker} says: ");
            let numbers: Vec<usize> = host
                .iter()
                .filter_map(|line| line.strip_prefix(&label))
                .map(|number| number.parse().unwrap())
                .collect();
            assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "what s{speaker} said");
        }
        for (at, heard) in heard.iter().enumerate() {
            let own = format!("s{at} says: ");
            let others: Vec<&str> =
                host.iter().copied().filter(|line| !line.starts_with(&own)).collect();
            assert!(*heard == others, "member {at} heard another order than the host on {wire}");
        }
    }
}

// A full room, and usage.

#[test]
fn a_full_room_says_so_in_one_line_and_closes() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &["--max-members", "2"]);
        let mut one = Member::joins(port, wire);
        let two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        for _ in 0..2 {
            let refused = Member::calls(port, wire).rest();
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert!(refused[0].starts_with("* ") && refused[0].contains("full"), "{refused:?}");
        }
        // Nobody has heard of it.
        one.say("/who");
        one.hears(&["* here: host, guest-1 (you), guest-2"]);
        // Where somebody has left, somebody can come.
        assert_eq!(two.leaves(), [""; 0]);
        one.hears(&["* guest-2 has left"]);
        let mut next = Member::joins(port, wire);
        let joined = one.hear();
        assert!(joined.ends_with(" has joined"), "{joined}");
        next.say("hello");
        assert!(one.hear().ends_with(" says: hello"));
        close(room);
    }
}

#[test]
fn who_is_refused_by_a_full_room_learns_why_from_connect() {
    let (room, port) = open_room("lines", &["--max-members", "1"]);
    let _one = Member::joins(port, "lines");
    let mut refused = Program::connect(port, &["--recv-only"]);
    let ended = refused.ends_with(0);
    assert!(text(&ended.stdout).contains("* the room is full"), "{}", text(&ended.stdout));
    close(room);
}

#[test]
fn what_makes_no_room_is_a_usage_error() {
    let bad: [(&[&str], &str); 9] = [
        (&["--max-members", "5"], "--room"),
        (&["--room", "--max-members", "0"], "--max-members"),
        (&["--room", "--max-members=-1"], "--max-members"),
        (&["--room", "--max-members", "many"], "--max-members"),
        (&["--room", "--max-members", ""], "--max-members"),
        (&["--room", "--keep"], "--keep"),
        (&["--room", "--name", "guest-1"], "guest-1"),
        (&["--room", "--name", "GUEST-12"], "GUEST-12"),
        (&["--room", "--name", "friend"], "--name"),
    ];
    for (options, why) in bad {
        let ended = Program::start(&[&["listen", "127.0.0.1:0"], options].concat()).ends_with(2);
        assert!(ended.stderr.starts_with("error: "), "{options:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(why), "{options:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("listening on"), "{options:?}: {}", ended.stderr);
    }
    for option in ["--room", "--max-members=5"] {
        let ended = Program::start(&["connect", "127.0.0.1:9", option]).ends_with(2);
        assert!(ended.stderr.contains("unexpected argument"), "{option}: {}", ended.stderr);
    }
    // A thousand can be asked for.
    let (room, _) = open_room("lines", &["--max-members", "1000"]);
    close(room);
}

// How a room ends.

#[test]
fn a_signal_closes_the_room_and_everybody_has_heard_everything() {
    for wire in WIRES {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let (mut room, port) = open_room(wire, &[]);
            let mut speaker = Member::joins_as(port, wire, "Susan");
            let mut listeners: Vec<Member> = (0..5).map(|_| Member::joins(port, wire)).collect();
            let said: Vec<String> = (0..2000).map(|line| format!("Susan says: {line}")).collect();
            for line in 0..2000 {
                speaker.say(line.to_string());
            }
            room.wait_stdout("Susan says: 1999\n");
            let since = Instant::now();
            room.signal(signal);
            let readers: Vec<_> = listeners
                .drain(..)
                .map(|mut member| std::thread::spawn(move || member.rest()))
                .collect();
            assert_eq!(speaker.rest().pop().as_deref(), Some("* the room is closed"));
            everybody_hangs_up();
            let ended = room.ends_with(0);
            assert!(since.elapsed() < ENDS_WITHIN, "{:?}", since.elapsed());
            for reader in readers {
                let mut heard = reader.join().expect("it is given FIN");
                assert_eq!(heard.pop().as_deref(), Some("* the room is closed"), "{signal:?}");
                heard.retain(|line| !line.starts_with("* "));
                assert_eq!(heard, said);
            }
            assert_eq!(text(&ended.stdout), said.join("\n") + "\n");
        }
    }
}

#[test]
fn a_room_ends_in_time_with_members_who_do_not() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &[]);
        // One takes nothing, though more waits for it than its system and ours hold; one has
        // ended its half and does not hang up; one reads everything and never hangs up.
        let silent = Member::joins_as(port, wire, "Silent");
        let mut half_open = Member::joins_as(port, wire, "Half");
        let mut polite = Member::joins_as(port, wire, "Polite");
        let mut speaker = Member::joins_as(port, wire, "Susan");
        half_open.end();
        assert!(half_open.rest().len() >= 3);
        socket2::SockRef::from(silent.stream()).set_recv_buffer_size(4096).unwrap();
        let line = "x".repeat(10_000);
        // Less than makes the room hold Susan back, or the silent one would be dropped.
        (0..12).for_each(|_| speaker.say(&line));
        speaker.say("last");
        room.wait_stdout("Susan says: last\n");
        let since = Instant::now();
        room.signal(Signal::INT);
        let heard = polite.rest();
        assert_eq!(heard[heard.len() - 2..], ["Susan says: last", "* the room is closed"]);
        room.ends_with(0);
        assert!(since.elapsed() < ENDS_WITHIN, "{:?}", since.elapsed());
    }
}

#[test]
fn a_second_signal_ends_a_room_at_once() {
    let (mut room, port) = open_room("lines", &[]);
    let mut member = Member::joins(port, "lines");
    room.signal(Signal::INT);
    // The member does not hang up, and so the room waits for it.
    assert_eq!(member.rest(), ["* the room is closed"]);
    room.signal(Signal::INT);
    let ended = room.wait();
    // Which of the two it was depends on how fast the first one was.
    assert!([0, 130].contains(&ended.code), "{}", ended.code);
}

#[test]
fn a_room_in_which_nobody_ever_was_ends_with_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut room, _) = open_room("lines", &[]);
        room.signal(signal);
        let ended = room.ends_with(0);
        assert_eq!(text(&ended.stdout), "");
        let (mut room, _) = headless(&[]);
        room.signal(signal);
        room.ends_with(0);
    }
}

#[test]
fn the_port_of_a_room_can_be_bound_again_at_once() {
    let (mut room, port) = open_room("lines", &[]);
    let members: Vec<Member> = (0..5).map(|_| Member::joins(port, "lines")).collect();
    // The members do not hang up, so that the room's end is the one that the system remembers.
    room.signal(Signal::INT);
    room.ends_with(0);
    let place = format!("127.0.0.1:{port}");
    let again = Program::start(&["listen", &place, "--room"]);
    assert_eq!(again.listening_port(), port);
    let _member = Member::joins(port, "lines");
    drop(members);
    close(again);
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let ended = Program::start(&["listen", &place, "--room"]).ends_with(1);
    let error = error_sentence(&ended.stderr);
    assert!(error.contains(&taken.local_addr().unwrap().port().to_string()), "{error}");
}

/// A room whose stdout is this.
#[track_caller]
fn room_into(stdout: impl Into<Stdio>, wire: &str) -> (Program, u16) {
    let room = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--room", "--wire", wire])
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped()),
    );
    let port = room.listening_port();
    (room, port)
}

#[test]
fn a_room_whose_stdouts_reader_is_gone_is_closed_quietly() {
    for wire in WIRES {
        let mut head = Program::spawn_as_is(
            Command::new("head").arg("-1").stdin(Stdio::piped()).stdout(Stdio::piped()),
        );
        let into = OwnedFd::from(head.child.stdin.take().unwrap());
        let (mut room, port) = room_into(into, wire);
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        one.say("first");
        two.hears(&["guest-1 says: first"]);
        assert_eq!(text(&head.ends_with(0).stdout), "guest-1 says: first\n");
        // It is noticed at the next write.
        one.say("second");
        let heard = two.rest();
        assert_eq!(heard, ["guest-1 says: second", "* the room is closed"]);
        assert_eq!(one.rest(), ["* the room is closed"]);
        everybody_hangs_up();
        let ended = room.ends_with(0);
        assert!(!ended.stderr.contains("threadchat: "), "quietly: {}", ended.stderr);
    }
}

#[test]
fn a_room_whose_stdout_cannot_be_written_is_closed_with_an_error() {
    for wire in WIRES {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (mut room, port) = room_into(full, wire);
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        one.say("hello");
        assert_eq!(two.rest(), ["guest-1 says: hello", "* the room is closed"]);
        assert_eq!(one.rest(), ["* the room is closed"]);
        everybody_hangs_up();
        let ended = room.ends_with(1);
        assert!(error_sentence(&ended.stderr).contains("stdout"), "{}", ended.stderr);
    }
}

#[test]
fn a_caller_who_comes_while_a_room_closes_is_not_left_alone() {
    let (mut room, port) = open_room("lines", &[]);
    let mut holds_it_open = Member::joins(port, "lines");
    room.signal(Signal::INT);
    assert_eq!(holds_it_open.rest(), ["* the room is closed"]);
    // Until the first one hangs up the room may still be there. A caller is refused, reset, or
    // told; and is never connected to nobody.
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    if let Ok(late) = std::net::TcpStream::connect_timeout(&address, ENDS_WITHIN) {
        late.set_read_timeout(Some(ENDS_WITHIN)).unwrap();
        let mut heard = Vec::new();
        let result = std::io::Read::read_to_end(&mut &late, &mut heard);
        let waited =
            |kind| matches!(kind, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!result.is_err_and(|why| waited(why.kind())), "it is connected to nobody");
    }
    drop(holds_it_open);
    room.ends_with(0);
}

#[test]
fn members_who_are_gone_with_a_reset_have_left() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut stays = Member::joins(port, wire);
        for number in 2..7 {
            let gone = Member::joins(port, wire);
            stays.hears(&[format!("* guest-{number} has joined")]);
            socket2::SockRef::from(gone.stream()).set_linger(Some(Duration::ZERO)).unwrap();
            drop(gone);
            stays.hears(&[format!("* guest-{number} has left")]);
        }
        // Gone before a word was said to them.
        for _ in 0..5 {
            let gone = friend_calls(port);
            socket2::SockRef::from(&gone).set_linger(Some(Duration::ZERO)).unwrap();
        }
        stays.say("/who");
        until("only one is left", || {
            let line = stays.hear();
            let alone = line == "* here: host, guest-1 (you)";
            if line.starts_with("* here: ") && !alone {
                stays.say("/who");
            }
            alone.then_some(())
        });
        close(room);
    }
}

// Seeing the threads.

#[test]
fn every_member_has_two_threads_whose_names_the_system_shows() {
    let (room, port) = open_room("lines", &[]);
    let pid = room.child.id();
    let count =
        |name: &str| process::threads(pid).iter().filter(|thread| thread.name == name).count();
    assert_eq!(count("acceptor"), 1);
    let mut members: Vec<Member> = (0..3).map(|_| Member::joins(port, "lines")).collect();
    members[0].say("hello");
    room.wait_stdout("guest-1 says: hello\n");
    process::wait_for_threads(pid, &["coordinator", "acceptor", "screen-writer"]);
    until("three readers and three writers", || {
        (count("socket-reader") == 3 && count("socket-writer") == 3).then_some(())
    });
    // Who has left leaves no thread behind.
    assert!(members.remove(0).leaves().len() >= 2);
    until("two readers and two writers", || {
        (count("socket-reader") == 2 && count("socket-writer") == 2).then_some(())
    });
    close(room);
}

#[test]
fn explain_says_whose_thread_it_is() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &["--explain"]);
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        one.hears(&["* guest-2 has joined"]);
        two.say("hello");
        one.hears(&["guest-2 says: hello"]);
        let ended = close(room);
        let steps = |thread: &str, step: &str| {
            let lines = ended.stderr.lines();
            lines
                .filter(|line| line.contains(&format!(" {thread} ")) && line.contains(step))
                .count()
        };
        for thread in ["socket-reader 1", "socket-reader 2"] {
            assert!(steps(thread, "blocks in recv") > 0, "{thread}: {}", ended.stderr);
        }
        let bytes = two.message("hello").len();
        assert_eq!(steps("socket-reader 2", &format!("recv gave {bytes} bytes")), 1);
        assert_eq!(steps("socket-reader 1", &format!("recv gave {bytes} bytes")), 0);
        for thread in ["socket-writer 1", "socket-writer 2"] {
            assert!(steps(thread, "send took") > 0, "{thread}: {}", ended.stderr);
        }
        assert!(ended.stderr.lines().any(|line| line.contains(" acceptor ")), "{}", ended.stderr);
    }
}
