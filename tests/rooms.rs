//! CONTRACT 7, rooms, as their members see them, on both wires: who is here and what they are
//! called, who hears what, what nobody can forge, long messages, and the order of everything. A
//! host in pipes, and how a room ends, is in `room_hosts.rs`; what people at a terminal see, and
//! rooms of mixed clients, is in `room_clients.rs`.

mod support;

use std::collections::HashSet;
use std::net::Shutdown;

use rustix::process::Signal;
use support::member::{
    MESSAGE_MAX, Member, WIRES, close_room as close, everybody_hangs_up, open_headless_room,
    open_room,
};
use support::{Program, process, text, until};

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

/// Who hangs up with something unread resets the connection. What has arrived before that is heard
/// all the same, also where it waits for a while; but the socket-writer, which found the connection
/// broken first, once had the last word.
#[test]
fn what_a_member_said_last_is_heard_also_where_the_connection_is_reset() {
    const LINES: usize = 3_700;
    let (mut room, port) = open_room("lines", &[]);
    // As long as this one takes nothing, what is said waits: for 2 s.
    let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    silent.set_recv_buffer_size(4096).unwrap();
    silent.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    room.wait_stderr("* guest-1 has joined");
    let mut stays = Member::joins(port, "lines");
    let mut goes = Member::joins(port, "lines");
    stays.hears(&["* guest-3 has joined"]);
    stays.send("filler\n".repeat(30_000));
    let words: String = (0..LINES).map(|number| format!("last words {number}\n")).collect();
    goes.send(&words);
    drop(goes);
    room.say("to a broken connection\n");
    let mut heard = String::new();
    loop {
        let line = stays.hear();
        if let Some(text) = line.strip_prefix("guest-3 says: ") {
            heard.push_str(text);
            heard.push('\n');
        } else if line == "* guest-3 has left" {
            break;
        }
    }
    assert!(heard == words, "{} of {} bytes were heard", heard.len(), words.len());
    close(room);
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
        let mut first = Member::joins(port, wire);
        let second = Member::joins(port, wire);
        first.hears(&["* guest-2 has joined"]);
        assert_eq!(first.leaves(), [""; 0]);
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

#[test]
fn a_name_in_capitals_is_the_same_name_in_every_script() {
    // Letters that have no single small or capital form: the Greek sigma at the end of a word and
    // the German sharp s. (Taken letter by letter, their small forms differed, and two people were
    // called Nikos.)
    for (name, twin) in [("Νίκος", "ΝΊΚΟΣ"), ("Оля", "ОЛЯ"), ("Straße", "STRASSE")]
    {
        let (room, port) = open_room("lines", &[]);
        let mut one = Member::joins_as(port, "lines", name);
        let mut two = Member::joins(port, "lines");
        two.say(format!("/name {twin}"));
        let answer = two.hear();
        assert!(answer.starts_with("* ") && !answer.contains(" is now "), "{name}: {answer}");
        one.hears(&["* guest-2 has joined"]);
        close(room);
    }
}

#[test]
fn nothing_invisible_is_part_of_a_name() {
    let invisible = [
        '\u{ad}',
        '\u{34f}',
        '\u{605}',
        '\u{61c}',
        '\u{70f}',
        '\u{890}',
        '\u{8e2}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{202a}',
        '\u{2060}',
        '\u{2066}',
        '\u{2800}',
        '\u{3000}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0061}',
        '\u{e0100}',
    ];
    let (room, port) = open_room("lines", &[]);
    let mut one = Member::joins(port, "lines");
    let mut two = Member::joins(port, "lines");
    one.hears(&["* guest-2 has joined"]);
    let mut taken = Vec::new();
    for character in invisible {
        one.say(format!("/name Susan{character}"));
        // Either as a message, or (a fault) as an announcement.
        if !two.hear().contains(" says: /name Susan") {
            taken.push(character);
        }
    }
    assert!(taken.is_empty(), "these were taken for a part of a name: {taken:?}");
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
fn what_comes_behind_quit_is_not_said() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut speaker = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        let words = ["before", "/quit", "after", "/name Susan", "/who"];
        let bytes: Vec<u8> = words.iter().flat_map(|word| speaker.message(word)).collect();
        speaker.send(bytes);
        listener.hears(&["guest-1 says: before", "* guest-1 has left"]);
        let last = speaker.rest();
        assert!(last.iter().all(|line| line == "* guest-2 has joined"), "{last:?}");
        listener.say("/who");
        listener.hears(&["* here: host, guest-2 (you)"]);
        close(room);
    }
}

#[test]
fn who_leaves_and_does_not_hang_up_holds_nothing_of_the_room() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &["--max-members", "1"]);
        let pid = room.child.id();
        let mut quits = Member::joins(port, wire);
        quits.say("/quit");
        assert_eq!(quits.rest(), [""; 0]);
        let stays = Member::joins(port, wire);
        let mut refused = Member::calls(port, wire);
        assert_eq!(refused.rest().len(), 1);
        // Both keep their half open for ever; their threads are gone all the same.
        until("one reader and one writer", || {
            let threads = process::threads(pid);
            let count = |name| threads.iter().filter(|thread| thread.name == name).count();
            (count("socket-reader") == 1 && count("socket-writer") == 1).then_some(())
        });
        drop(stays);
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

#[test]
fn nothing_depends_on_what_one_recv_gives() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &["--recv-buffer", "1"]);
        let mut speaker = Member::joins(port, wire);
        let mut listener = Member::joins(port, wire);
        speaker.hears(&["* guest-2 has joined"]);
        let words = ["你好 🦀", "/name Олег", "\x1b[2J", "/who", "e\u{301}", "", "bye"];
        let bytes: Vec<u8> = words.iter().flat_map(|word| speaker.message(word)).collect();
        speaker.send(bytes);
        listener.hears(&[
            "guest-1 says: 你好 🦀",
            "* guest-1 is now Олег",
            "Олег says: ^[[2J",
            "Олег says: e\u{301}",
            "Олег says: ",
            "Олег says: bye",
        ]);
        speaker.hears(&["* guest-1 is now Олег", "* here: host, Олег (you), guest-2"]);
        close(room);
    }
}

// Long messages.

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

/// The same as [`Member::hears_in_parts`], where the text has become longer by being made harmless.
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
        assert!(listener.hears_in_parts("guest-1", long.len()) == long, "{count} bytes");
        // What looks like a label or a command at the head of a part is neither.
        speaker.say("between");
        listener.hears(&["guest-1 says: between"]);
    }
    let tricky = "x".repeat(MESSAGE_MAX) + "/who";
    speaker.say(&tricky);
    assert_eq!(listener.hears_in_parts("guest-1", tricky.len()), tricky);
    speaker.say("x".repeat(2 * MESSAGE_MAX));
    assert_eq!(listener.hears_in_parts("guest-1", 2 * MESSAGE_MAX).len(), 2 * MESSAGE_MAX);
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
        assert_eq!(listener.hears_in_parts("guest-1", MESSAGE_MAX).len(), MESSAGE_MAX);
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
        speaker.stream().shutdown(Shutdown::Write).unwrap();
        let last = speaker.rest();
        // (Of a frame that is refused, its speaker was told so.)
        assert!(last.iter().all(|line| line.starts_with("* not said")), "{last:?}");
        listener.hears(&[format!("* guest-{number} has left")]);
    }
    // What came of it is heard, as in a conversation.
    let mut speaker = Member::joins(port, "frames");
    speaker.send(b"\x05\x00hel");
    speaker.stream().shutdown(Shutdown::Write).unwrap();
    let last: [&str; 3] = ["* guest-6 has joined", "guest-6 says: hel", "* guest-6 has left"];
    listener.hears(&last);
    close(room);
}

// Order.

#[test]
fn all_hear_the_same_order_and_each_speaker_in_the_order_said() {
    const SPEAKERS: usize = 6;
    const LINES: usize = 300;
    for wire in WIRES {
        let (room, port) = open_headless_room(&["--wire", wire]);
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
