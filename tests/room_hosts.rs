//! CONTRACT 7, rooms, from the side of a host that is no person: stdin and stdout are pipes, files
//! or nothing; who is let in; how a room ends, with members of every kind; and its threads.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::browser::Browser;
use support::member::{
    MESSAGE_MAX, Member, WIRES, close_room as close, everybody_hangs_up, open_headless_room,
    open_room,
};
use support::observe::{is_full, waiting_in};
use support::wire::{frames, wait_received};
use support::{Program, error_sentence, friend_calls, have_ipv6, process, text, threadchat, until};

/// The contract gives a room 3 s to end. A loaded machine may add to it, but not double it.
const ENDS_WITHIN: Duration = Duration::from_secs(6);

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
        let (room, port) = open_headless_room(&["--wire", wire]);
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
        two.hears(&["* Susan has left"]);
        assert_eq!(two.leaves(), [""; 0]);
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
    assert_eq!(member.hears_in_parts("host", long.len()), long);
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

#[test]
fn on_frames_the_line_end_ends_what_the_host_says_and_not_the_room() {
    let (mut room, port) = open_room("frames", &[]);
    let mut member = Member::joins(port, "frames");
    room.say("one\nend\n");
    room.end_stdin();
    member.hears(&["host says: one"]);
    member.say("are you there?");
    room.wait_stdout("guest-1 says: are you there?\n");
    close(room);
    // More input behind it is an error that names the line.
    let (mut room, port) = open_room("frames", &[]);
    let mut member = Member::joins(port, "frames");
    room.say("one\nend\nmore\n");
    room.end_stdin();
    member.hears(&["host says: one"]);
    room.wait_stderr("threadchat: ");
    room.signal(Signal::INT);
    assert_eq!(member.rest(), ["* the room is closed"]);
    everybody_hangs_up();
    let ended = room.ends_with(1);
    assert!(error_sentence(&ended.stderr).contains("line 2"), "{}", ended.stderr);
}

#[test]
fn an_stdin_that_cannot_be_read_closes_the_room_with_an_error() {
    for wire in WIRES {
        let mut room = Program::spawn_as_is(
            Command::new(threadchat())
                .args(["listen", "127.0.0.1:0", "--room", "--wire", wire])
                .stdin(File::open("/").unwrap())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        // It is not read before somebody is there.
        let mut member = Member::joins(room.listening_port(), wire);
        assert_eq!(member.rest(), ["* the room is closed"]);
        everybody_hangs_up();
        let ended = room.ends_with(1);
        assert!(error_sentence(&ended.stderr).contains("stdin"), "{}", ended.stderr);
    }
}

#[test]
fn a_room_needs_no_stdout() {
    let script = "exec \"$0\" listen 127.0.0.1:0 --room <&- >&-";
    let room = Program::spawn(Command::new("sh").args(["-c", script, threadchat()]));
    let port = room.listening_port();
    let mut one = Member::joins(port, "lines");
    let mut two = Member::joins(port, "lines");
    one.hears(&["* guest-2 has joined"]);
    for round in 0..3 {
        one.say(format!("round {round}"));
        two.hears(&[format!("guest-1 says: round {round}")]);
    }
    close(room);
}

#[test]
fn a_room_serves_ipv6_and_ipv4_callers_alike() {
    if !have_ipv6() {
        return;
    }
    let room = Program::start(&["listen", "0", "--room"]);
    let port = room.listening_port();
    let mut four = Member::joins(port, "lines");
    let mut six = Program::start(&["connect", "::1", &port.to_string()]);
    four.hears(&["* guest-2 has joined"]);
    six.say("hello\n");
    four.hears(&["guest-2 says: hello"]);
    four.say("hi\n");
    six.wait_stdout("guest-1 says: hi\n");
    six.end_stdin();
    six.ends_with(0);
    close(room);
}

#[test]
fn the_host_is_told_who_speaks_the_other_wire() {
    for (wire, sent) in [("lines", &b"\x06\x00hello!"[..]), ("frames", b"hi\n")] {
        let (room, port) = open_room(wire, &[]);
        let mut stranger = Member::joins(port, wire);
        stranger.send(sent);
        room.wait_stderr("--wire ");
        let told = room.stderr.text();
        let told: Vec<&str> = told.lines().filter(|line| line.contains("--wire ")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("* guest-1 "), "{told:?}");
        close(room);
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
            assert!(
                refused[0].starts_with("/room * ") && refused[0].contains("full"),
                "{refused:?}"
            );
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
        let (mut room, _) = open_headless_room(&[]);
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

/// What is piped into a room that closes for want of a reader is cut short, which is an error. It was
/// read on for nobody once, and the exit code was 0.
#[test]
fn piped_input_that_a_closing_room_cuts_short_is_an_error() {
    let mut head = Program::spawn_as_is(
        Command::new("head").arg("-1").stdin(Stdio::piped()).stdout(Stdio::piped()),
    );
    let into = OwnedFd::from(head.child.stdin.take().unwrap());
    let mut room = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--room"])
            .stdin(Stdio::piped())
            .stdout(into)
            .stderr(Stdio::piped()),
    );
    room.pipe_in(b"a line of a long lesson\n".repeat(4_000_000));
    let mut one = Member::joins(room.listening_port(), "lines");
    assert_eq!(one.hear(), "host says: a line of a long lesson");
    one.say("first");
    head.ends_with(0);
    one.say("second");
    let heard = one.rest();
    assert_eq!(heard.last().map(String::as_str), Some("* the room is closed"));
    everybody_hangs_up();
    let ended = room.ends_with(1);
    assert!(ended.stderr.contains("threadchat: nobody reads stdout any more"), "{}", ended.stderr);
}

/// For a while a member who went on talking when the room was closed was hung up on without a reset:
/// nobody took what its system went on trying to deliver, and so it stood still for 109 s.
#[test]
fn a_member_who_goes_on_talking_is_reset_when_the_room_has_closed() {
    for wire in WIRES {
        let (mut room, port) = open_room(wire, &[]);
        let mut talker = Program::connect(port, &["--wire", wire]);
        talker.pipe_in(b"and so on, and so forth\n".repeat(40_000_000));
        room.wait_stdout("guest-1 says: and so on");
        room.signal(Signal::INT);
        room.ends_with(0);
        let closed = Instant::now();
        talker.ends_with(1);
        assert!(closed.elapsed() < ENDS_WITHIN, "it took {:?}", closed.elapsed());
    }
}

/// The same with a stdout that takes nothing for a while: then the talker is silent, since nobody takes
/// what it says. That was taken for having nothing to say.
#[test]
fn a_member_who_has_to_wait_for_stdout_is_reset_as_well() {
    let (mut stdout, into) = std::io::pipe().unwrap();
    let mut room = Program::spawn_as_is(
        Command::new(threadchat())
            .args(["listen", "127.0.0.1:0", "--room", "--explain"])
            .stdin(Stdio::null())
            .stdout(into.try_clone().unwrap())
            .stderr(Stdio::piped()),
    );
    let mut talker = Program::connect(room.listening_port(), &[]);
    talker.pipe_in(b"and so on, and so forth\n".repeat(40_000_000));
    until("stdout takes nothing any more", || is_full(&into).then_some(()));
    room.signal(Signal::INT);
    // Now it takes everything, and so everything that came is taken from the talker.
    room.wait_stderr("cuts the connection off");
    drop(into);
    let drain = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    drain.join().unwrap().unwrap();
    room.wait();
    let closed = Instant::now();
    talker.ends_with(1);
    assert!(closed.elapsed() < ENDS_WITHIN, "it took {:?}", closed.elapsed());
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
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    if let Ok(late) = TcpStream::connect_timeout(&address, ENDS_WITHIN) {
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
fn a_room_in_which_nothing_is_said_wakes_no_thread() {
    for wire in WIRES {
        let (room, port) = open_room(wire, &[]);
        let mut one = Member::joins(port, wire);
        let mut two = Member::joins(port, wire);
        let gone = Member::joins(port, wire);
        two.say("hello");
        one.hears(&["* guest-2 has joined", "* guest-3 has joined", "guest-2 says: hello"]);
        drop(gone);
        one.hears(&["* guest-3 has left"]);
        // Whatever had to be looked after has been; now half a second without a single switch is
        // followed by another one.
        let pid = room.child.id();
        let before = process::wait_until_quiet(&[pid]);
        let still = process::wait_until_quiet(&[pid]);
        assert_eq!(before, still);
        two.say("still here");
        one.hears(&["guest-2 says: still here"]);
        close(room);
    }
}

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

// Who is no member.

/// What a browser sends for a page that somebody has open: the page chooses what stands in the body,
/// and in the target.
fn request_of_a_page(wire: &str) -> Vec<u8> {
    let head = "POST /hello HTTP/1.1\r\nHost: 127.0.0.1:9999\r\nContent-Type: text/plain\r\n\r\n";
    let mut request = head.as_bytes().to_vec();
    if wire == "frames" {
        // The first two letters, taken for the length of a frame, tell where the next would begin.
        request.resize(2 + usize::from(u16::from_le_bytes([b'P', b'O'])), b'x');
        request.extend(frames(&["/name Olaf", "hello from a page"]));
    } else {
        request.extend(b"/name Olaf\nhello from a page\n");
    }
    request
}

/// How a browser begins where the page says `https`, with the same in it.
fn greeting_of_a_page(wire: &str) -> Vec<u8> {
    let mut greeting = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    if wire == "frames" {
        greeting.resize(2 + 0x0316, 0);
        greeting.extend(frames(&["/name Olaf", "hello from a page"]));
    } else {
        greeting.extend(b"\n/name Olaf\nhello from a page\n");
    }
    greeting
}

/// Reads until the connection is closed or cut.
fn hears_until_the_end(mut page: &TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let _ = page.read_to_end(&mut heard); // A reset is an end as well.
    heard
}

#[test]
fn a_web_page_cannot_speak_in_a_room() {
    for wire in WIRES {
        // And after how many bytes that is known.
        let requests =
            [(request_of_a_page(wire), "HTTP", 22), (greeting_of_a_page(wire), "TLS", 3)];
        for (request, kind, known_after) in &requests {
            let (room, port) = open_headless_room(&["--wire", wire]);
            let mut member = Member::joins(port, wire);
            let cuts = [0, 1, 2, 3, 5, 16, 20, 21, 22, 23, request.len() - 1];
            for (at, cut) in cuts.into_iter().enumerate() {
                let page = friend_calls(port);
                page.set_nodelay(true).unwrap();
                let (now, later) = request.split_at(cut);
                (&page).write_all(now).unwrap();
                if cut < *known_after {
                    wait_received(&page);
                }
                // It may have been cut off by now.
                let _ = (&page).write_all(later);
                hears_until_the_end(&page);
                let guest = at + 2;
                member.hears(&[format!("* guest-{guest} has joined")]);
                let left = member.hear();
                let expected = format!("* guest-{guest} has left: ");
                assert!(left.starts_with(&expected) && left.contains(kind), "{cut}: {left}");
            }
            member.say("only I was heard");
            room.wait_stdout("guest-1 says: only I was heard\n");
            let ended = close(room);
            assert_eq!(text(&ended.stdout), "guest-1 says: only I was heard\n");
            assert!(!ended.stderr.contains("Olaf"), "{}", ended.stderr);
            let told = ended.stderr.matches("web page").count();
            assert_eq!(told, 1, "the host is told once: {}", ended.stderr);
        }
    }
}

/// A page that tries everything with which a page can call, and counts what has ended.
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><body data-ready="true" data-done="0"><script>
const said = "/name Olaf\nhello from a page\n";
const frame = text => String.fromCharCode(text.length, 0) + text;
const framed = frame("/name Olaf") + frame("hello from a page");
const done = () => document.body.dataset.done++;
const options = body => ({method: "POST", mode: "no-cors", body});
for (const kind of ["http", "https"]) {
  const place = kind + "://127.0.0.1:PORT/hello";
  fetch(place, options(said)).then(done, done);
  fetch(place, options("x".repeat(20000) + "\n" + said)).then(done, done);
  // With `PO` as the length of a frame the next begins somewhere here, whatever the headers are.
  fetch(place, options(framed.repeat(2000))).then(done, done);
  fetch(place, {mode: "no-cors", method: "GET"}).then(done, done);
  fetch(place + "x".repeat(20000), options(said)).then(done, done);
  // Other methods are asked for first.
  fetch(place, {method: "SAY", headers: {"X-Say": "hello"}, body: said}).then(done, done);
  const picture = new Image();
  picture.onerror = picture.onload = done;
  picture.src = place;
}
new WebSocket("ws://127.0.0.1:PORT/hello").onclose = done;
new WebSocket("wss://127.0.0.1:PORT/hello").onclose = done;
</script>"#;

#[test]
fn a_page_in_a_real_browser_cannot_speak_in_a_room() {
    let Some(browser) = Browser::start(800, 600) else { return };
    let folder = tempfile::tempdir().unwrap();
    for wire in WIRES {
        let (room, port) = open_headless_room(&["--wire", wire]);
        let mut member = Member::joins(port, wire);
        let page = folder.path().join(format!("{wire}.html"));
        std::fs::write(&page, PAGE.replace("PORT", &port.to_string())).unwrap();
        browser.open(&page);
        browser.until_state("done", "16");
        member.say("only I was heard");
        room.wait_stdout("guest-1 says: only I was heard\n");
        let ended = close(room);
        assert_eq!(text(&ended.stdout), "guest-1 says: only I was heard\n");
        // It has heard of nothing but comings and goings, and all of them have gone.
        let heard = member.rest();
        assert!(heard.iter().all(|line| line.starts_with("* ")), "{heard:#?}");
        assert!(!heard.iter().any(|line| line.contains("Olaf")), "{heard:#?}");
        // Each comes and goes.
        let count = |what: &str| heard.iter().filter(|line| line.contains(what)).count();
        assert_eq!(count(" has joined"), count(" has left: cut off, as it speaks "), "{heard:#?}");
        for what in ["speaks HTTP like", "speaks TLS like"] {
            assert!(ended.stderr.contains(what), "{}", ended.stderr);
        }
    }
}

/// A request that ends in the middle of its first line is none that a page can send; but neither is it
/// for the room.
#[test]
fn half_a_request_of_a_browser_is_not_said_either() {
    let (room, port) = open_headless_room(&[]);
    let mut member = Member::joins(port, "lines");
    let page = friend_calls(port);
    (&page).write_all(b"GET /hello HTTP/1.1").unwrap();
    page.shutdown(Shutdown::Write).unwrap();
    hears_until_the_end(&page);
    member.hears(&["* guest-2 has joined"]);
    assert!(member.hear().starts_with("* guest-2 has left"));
    assert_eq!(text(&close(room).stdout), "");
}

#[test]
fn what_only_looks_like_a_browsers_request_is_said() {
    for wire in WIRES {
        let (room, port) = open_headless_room(&["--wire", wire]);
        let mut member = Member::joins(port, wire);
        let said = ["GET me a coffee", "what is HTTP/1.1", "GET / HTTP/1.1 is it", "POST", ""];
        for (at, line) in said.into_iter().enumerate() {
            let guest = at + 2;
            let mut other = Member::joins(port, wire);
            member.hears(&[format!("* guest-{guest} has joined")]);
            // Its first line is no request, and so a later one may look like anything.
            other.say(line);
            other.say("GET / HTTP/1.1");
            member.hears(&[
                format!("guest-{guest} says: {line}"),
                format!("guest-{guest} says: GET / HTTP/1.1"),
            ]);
            assert_eq!(other.leaves(), [""; 0]);
            member.hears(&[format!("* guest-{guest} has left")]);
        }
        let ended = close(room);
        assert!(!ended.stderr.contains("web page"), "{}", ended.stderr);
    }
}

/// Before it is known that somebody is no browser nothing is decoded; which must not hold back anything
/// that is whole.
#[test]
fn a_first_message_is_heard_as_soon_as_it_is_whole() {
    for length in [0, 1, 2, 8_481, 12_345, MESSAGE_MAX] {
        for wire in WIRES {
            let (room, port) = open_headless_room(&["--wire", wire]);
            let mut member = Member::joins(port, wire);
            let mut other = Member::joins(port, wire);
            member.hears(&["* guest-2 has joined"]);
            // It has no space in it, and its length in a frame may look like two letters.
            let message = "x".repeat(length);
            other.say(&message);
            member.hears(&[format!("guest-2 says: {message}")]);
            close(room);
        }
    }
}
