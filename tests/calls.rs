//! CONTRACT 1, 2 and 4: calling and being called. Which addresses a listener serves and shows, which
//! interface leads to them, what is said while no name server or no friend answers, and what was
//! probably meant.

mod support;

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use support::process::threads;
use support::pty::Terminal;
use support::space::Space;
use support::{
    Program, Silence, error_sentence, friend_listener, have_ipv6, have_tool,
    place_where_nobody_listens, threadchat,
};

const NAMES: &str = "127.0.0.1 localhost\nfe80::7 lost-on-the-link\n";

/// What is said where these words are refused, with exit code 2.
#[track_caller]
fn usage_error(words: &[&str]) -> String {
    let mut program = Program::start(words);
    program.end_stdin();
    let ended = program.ends_with(2);
    let line = ended.stderr.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or_else(|| panic!("{words:?}: {line}")).to_owned()
}

/// What is said where this fails, with exit code 1.
#[track_caller]
fn failure(program: &mut Program) -> String {
    program.end_stdin();
    error_sentence(&program.ends_with(1).stderr).to_owned()
}

#[track_caller]
fn shell(space: &Space, script: &str) {
    Program::spawn(space.command("sh").args(["-ec", script])).ends_with(0);
}

/// A space with a cable that is plugged in: its one end is `wire0`, with the address `fe80::1`.
fn space_with_a_cable() -> Option<Space> {
    if !have_ipv6() {
        return None;
    }
    let space = Space::with_network(NAMES)?;
    shell(
        &space,
        "ip link add wire0 type veth peer name wire1
         for end in wire0 wire1; do ip link set $end addrgenmode none; done
         for end in wire0 wire1; do ip link set $end up; done
         ip -6 addr add fe80::1/64 dev wire0 nodad",
    );
    Some(space)
}

/// A program of threadchat's with a screen, in a space.
fn on_a_screen(space: &Space, words: &[&str]) -> Terminal {
    let command = space.command(threadchat());
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.args(words);
    Terminal::spawn(builder, 24, 100)
}

/// The commands that a listener on a screen shows.
fn commands(terminal: &Terminal) -> Vec<Vec<String>> {
    let screen = terminal.screen();
    let lines = screen.lines().filter_map(|line| line.trim().strip_prefix("threadchat "));
    let words = lines.map(|line| line.split("   ").next().unwrap_or(line).split_whitespace());
    words.map(|words| words.map(str::to_owned).collect()).collect()
}

// Both kinds of addresses.

#[test]
fn brackets_with_two_colons_are_every_address_of_ipv4_and_ipv6() {
    if !have_ipv6() {
        return;
    }
    for (words, v4, v6) in [
        (&["listen", "[::]:0"][..], true, true),
        (&["listen", "::", "0"], true, true),
        (&["listen", "[0::0]:0"], true, true),
        (&["listen", "-6", "[::]:0"], false, true),
        (&["listen", "0.0.0.0:0"], true, false),
    ] {
        for (served, ip) in [(v4, Ipv4Addr::LOCALHOST.into()), (v6, Ipv6Addr::LOCALHOST.into())] {
            let listener = Program::start(words);
            let called =
                TcpStream::connect::<(std::net::IpAddr, u16)>((ip, listener.listening_port()));
            assert_eq!(called.is_ok(), served, "{words:?}, {ip}: {called:?}");
        }
    }
}

#[test]
fn the_address_that_a_listener_prints_can_be_given_back_and_means_the_same() {
    if !have_ipv6() {
        return;
    }
    for words in [&["listen", "0"][..], &["listen", "127.0.0.1:0"], &["listen", "[::1]:0"]] {
        let mut first = Program::start(words);
        let port = first.listening_port();
        let said = first.stderr.text();
        let address = said.trim().strip_prefix("listening on ").expect("the first line").to_owned();
        first.signal(rustix::process::Signal::INT);
        first.ends_with(130);
        let again = Program::start(&["listen", &address]);
        again.wait_stderr(&format!("listening on {address}\n"));
        let called = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        assert_eq!(called.is_ok(), words[1] != "[::1]:0", "{words:?}: {called:?}");
    }
}

#[test]
fn an_ipv4_address_in_ipv6s_notation_is_ipv4() {
    if !have_ipv6() {
        return;
    }
    let listener = Program::start(&["listen", "[::ffff:127.0.0.1]:0"]);
    let port = listener.listening_port();
    listener.wait_stderr(&format!("listening on 127.0.0.1:{port}\n"));
    let caller = Program::start(&["connect", &format!("[::ffff:127.0.0.1]:{port}")]);
    caller.wait_stderr(&format!("connected to 127.0.0.1:{port}\n"));
}

#[test]
fn each_command_that_a_listener_shows_works() {
    let Some(space) = space_with_a_cable() else { return };
    shell(
        &space,
        "ip addr add 198.51.100.1/24 dev wire0; ip addr add 2001:db8::1/64 dev wire0 nodad",
    );
    for words in [&["listen"][..], &["listen", "[::]:9999"], &["listen", "-6", "[::]:9999"]] {
        let mut shown = 1;
        let mut tried = 0;
        while tried < shown {
            let mut listener = on_a_screen(&space, words);
            listener.wait_for("(on this computer)");
            let commands = commands(&listener);
            shown = commands.len();
            let command: Vec<&str> = commands[tried].iter().map(String::as_str).collect();
            let mut caller = space.start(&command);
            caller.say("hello\n");
            listener.wait_for("says: hello");
            caller.end_stdin();
            listener.ends_with(0);
            caller.ends_with(0);
            tried += 1;
        }
        assert!(shown >= 2, "{words:?}: {shown}");
    }
}

// Addresses on one link only.

#[test]
fn a_link_local_address_without_its_interface_is_told_to_add_it() {
    let Some(space) = space_with_a_cable() else { return };
    for words in [
        &["connect", "fe80::1"][..],
        &["connect", "--wait", "[fe80::1]:8000"],
        &["listen", "[fe80::1]:0"],
        // Also where a name leads to it.
        &["connect", "lost-on-the-link"],
        &["listen", "lost-on-the-link:0"],
    ] {
        let error = failure(&mut space.start(words));
        let host = if words.concat().contains("lost") { "lost-on-the-link" } else { "fe80::1" };
        assert!(error.contains(&format!("{host} ")), "{words:?}: {error}");
        assert!(error.contains("%wire0") && error.contains("interface"), "{words:?}: {error}");
    }
}

#[test]
fn an_interface_that_is_not_there_is_no_spelling_of_a_name() {
    let Some(space) = space_with_a_cable() else { return };
    for words in [
        &["connect", "fe80::1%nosuch"][..],
        &["connect", "fe80::1%77"],
        &["connect", "--wait", "[fe80::1%nosuch]:80"],
        &["listen", "[fe80::1%nosuch]:0"],
    ] {
        let error = failure(&mut space.start(words));
        let name = if words.concat().contains("77") { "77" } else { "nosuch" };
        assert!(error.contains(&format!("no interface {name}")), "{words:?}: {error}");
        assert!(error.contains("wire0") && !error.contains("spelling"), "{words:?}: {error}");
    }
}

#[test]
fn interfaces_are_shown_by_name_and_can_be_given_so() {
    let Some(space) = space_with_a_cable() else { return };
    let mut listener = space.start(&["listen", "[fe80::1%wire0]:9999", "--explain"]);
    listener.wait_stderr("listening on [fe80::1%wire0]:9999\n");
    let mut caller = space.start(&["connect", "[fe80::1%wire0]:9999", "--explain"]);
    caller.wait_stderr("connected to [fe80::1%wire0]:9999\n");
    listener.wait_stderr("connected to [fe80::1%wire0]:");
    caller.end_stdin();
    listener.end_stdin();
    for stderr in [listener.ends_with(0).stderr, caller.ends_with(0).stderr] {
        let numbered = stderr
            .match_indices('%')
            .find(|(at, _)| stderr[at + 1..].starts_with(|next: char| next.is_ascii_digit()));
        assert_eq!(numbered, None, "{stderr}");
    }
    // In errors as well.
    let error = failure(&mut space.start(&["connect", "fe80::1%wire0", "9"]));
    assert_eq!(error.matches("[fe80::1%wire0]:9").count(), 2, "{error}");
}

#[test]
fn the_interface_in_a_command_for_the_friend_is_the_friends_own() {
    let Some(space) = space_with_a_cable() else { return };
    for words in [&["listen", "[fe80::1%wire0]:9999"][..], &["listen"]] {
        let listener = on_a_screen(&space, words);
        listener
            .wait_for("threadchat connect fe80::1%INTERFACE 9999   (INTERFACE is the friend's own");
    }
}

// Who does not answer.

/// A name server that says nothing before it is told how to answer: with a code, or with 127.0.0.1.
/// It tells of each question.
const NAME_SERVER: &str = r#"
import socket, sys, threading
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
waiting, code = [], None
def answer(question, client):
    body = question[12:]
    address = body[-4:-2] == b"\0\1" and code == 0
    header = question[:2] + bytes([0x81, 0x80 | code, 0, 1, 0, address, 0, 0, 0, 0])
    extra = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if address else b""
    server.sendto(header + body + extra, client)
def listen():
    while True:
        question, client = server.recvfrom(4096)
        question = question[:question.index(b"\0", 12) + 5]
        print("asked", flush=True)
        if code is None: waiting.append((question, client))
        else: answer(question, client)
threading.Thread(target=listen, daemon=True).start()
for line in sys.stdin:
    code = int(line)
    for it in waiting: answer(*it)
"#;

fn name_server() -> Option<(Space, Program)> {
    if !have_tool("python3") {
        return None;
    }
    let space = Space::with_name_server(NAMES)?;
    let server = Program::spawn(space.command("python3").args(["-c", NAME_SERVER]));
    server.wait_stdout("ready");
    Some((space, server))
}

#[test]
fn a_silent_name_server_is_reported_as_such() {
    let Some((space, _server)) = name_server() else { return };
    for words in [
        &["connect", "--timeout", "0.5", "friend.example"][..],
        &["connect", "--wait=1.5", "friend.example"],
        &["connect", "--wait=1.5", "--timeout", "0.4", "friend.example:80"],
    ] {
        let error = failure(&mut space.start(words));
        assert!(error.contains("the name server has not answered within"), "{words:?}: {error}");
        assert!(error.contains("friend.example"), "{words:?}: {error}");
        assert!(!error.contains("check the address"), "it may be right: {words:?}: {error}");
        let limit = if words[1].starts_with("--wait") { "--wait" } else { "--timeout" };
        assert!(error.contains(limit), "{words:?}: {error}");
    }
}

#[test]
fn a_name_server_that_fails_for_the_moment_is_waited_for() {
    let Some((space, mut server)) = name_server() else { return };
    server.say("2\n"); // SERVFAIL
    let error = failure(&mut space.start(&["connect", "friend.example"]));
    assert!(error.contains("friend.example: the name server fails"), "{error}");
    assert!(!error.contains("spelling"), "{error}");
    let error = failure(&mut space.start(&["listen", "friend.example:0"]));
    assert!(error.contains("the name server fails"), "{error}");

    let caller = space.start(&["connect", "--wait", "friend.example"]);
    caller.wait_stderr("calling again once a second");
    finds_the_friend(&space, &mut server, caller);
}

/// There is a listener, and the name server tells where: the caller finds it, and both end. What the
/// caller has said on stderr.
#[track_caller]
fn finds_the_friend(space: &Space, server: &mut Program, mut caller: Program) -> String {
    let mut listener = space.start(&["listen"]);
    listener.wait_stderr("listening");
    server.say("0\n");
    caller.wait_stderr("connected to 127.0.0.1:9999\n");
    caller.end_stdin();
    listener.end_stdin();
    let stderr = caller.ends_with(0).stderr;
    listener.ends_with(0);
    stderr
}

#[test]
fn no_name_server_at_all_is_waited_for() {
    let Some(space) = Space::with_name_server(NAMES) else { return };
    let error = failure(&mut space.start(&["connect", "friend.example"]));
    assert!(error.contains("the name server") && !error.contains("spelling"), "{error}");
    let caller = space.start(&["connect", "--wait", "friend.example"]);
    caller.wait_stderr("calling again once a second");
}

#[test]
fn wait_calls_again_while_the_look_up_still_goes_on() {
    let Some((space, mut server)) = name_server() else { return };
    let words = ["connect", "--wait", "--timeout", "0.3", "--explain", "friend.example"];
    let caller = space.start(&words);
    let since = Instant::now();
    caller.wait_stderr("calling again once a second");
    assert!(since.elapsed() < Duration::from_secs(8), "the limit of a call is 0.3 s");
    let calls = |stderr: &[u8]| {
        let text = String::from_utf8_lossy(stderr).into_owned();
        (text.matches("blocks until the resolver knows friend.example").count() >= 3).then_some(())
    };
    assert!(caller.stderr.wait_until(calls).is_some(), "{}", caller.stderr.text());
    // All of them wait for the same look-up.
    let look_ups = threads(caller.child.id()).iter().filter(|it| it.name == "resolver").count();
    assert_eq!(look_ups, 1);
    assert_eq!(caller.stderr.text().matches("blocks in getaddrinfo").count(), 1);
    let stderr = finds_the_friend(&space, &mut server, caller);
    assert_eq!(stderr.matches("calling again").count(), 1, "{stderr}");
    assert!(stderr.contains("joined resolver"), "{stderr}");
}

#[test]
fn a_name_that_turns_out_not_to_exist_is_waited_for_no_longer() {
    let Some((space, mut server)) = name_server() else { return };
    let mut caller = space.start(&["connect", "--wait", "--timeout", "0.3", "friend.example"]);
    caller.wait_stderr("calling again once a second");
    server.say("3\n"); // NXDOMAIN
    let error = failure(&mut caller);
    assert!(error.contains("cannot find friend.example"), "{error}");
}

#[test]
fn ctrl_c_ends_a_call_whose_look_up_goes_on() {
    let Some((space, server)) = name_server() else { return };
    for words in [
        &["connect", "friend.example"][..],
        &["connect", "--wait", "friend.example"],
        &["listen", "friend.example:0"],
    ] {
        let asked = server.stdout.text().matches("asked").count();
        let mut program = space.start(words);
        let more = |stdout: &[u8]| {
            let text = String::from_utf8_lossy(stdout).into_owned();
            (text.matches("asked").count() > asked).then_some(())
        };
        assert!(server.stdout.wait_until(more).is_some());
        program.signal(rustix::process::Signal::INT);
        program.ends_with(130);
    }
}

#[test]
fn the_limit_of_wait_is_told_as_the_limit_of_wait() {
    let silence = Silence::somewhere();
    let address = format!("127.0.0.1:{}", silence.port());
    let since = Instant::now();
    let error = failure(&mut Program::start(&["connect", "--wait=1.5", &address]));
    let took = since.elapsed().as_secs_f64();
    assert!((1.48..6.0).contains(&took), "{took}");
    assert!(error.contains("gave up waiting after 1.5 s, the limit of --wait"), "{error}");
    assert!(error.contains("no answer") && error.contains("friend's computer"), "{error}");
    assert!(!error.contains("--timeout"), "{error}");
    let error = failure(&mut Program::start(&["connect", "--timeout=0.5", &address]));
    assert!(error.contains("no answer within 0.5 s from the friend's computer"), "{error}");
    assert!(error.contains("--timeout") && !error.contains("name server"), "{error}");
}

#[test]
fn wait_does_not_promise_a_call_that_its_limit_leaves_no_time_for() {
    let (_place, port) = place_where_nobody_listens();
    let mut caller = Program::connect(port, &["--wait=0.3"]);
    caller.end_stdin();
    let stderr = caller.ends_with(1).stderr;
    assert!(!stderr.contains("calling again"), "{stderr}");
    assert!(stderr.contains("gave up waiting after 0.3 s"), "{stderr}");
}

// What was meant.

#[test]
fn a_word_that_is_no_place_is_told_what_was_probably_meant() {
    for (words, meant) in [
        (&["connect", "--wait", "5", "localhost"][..], "--wait=5"),
        (&["connect", "localhost", "--wait", "5"], "--wait=5"),
        (&["connect", "--wait", "0.5", "localhost"], "--wait=0.5"),
        (&["connect", "http://localhost:8000/"], "connect localhost:8000"),
        (&["connect", "https://leta@example.org/path?x#y"], "connect example.org"),
        (&["connect", "tcp://[::1]:8000"], "connect [::1]:8000"),
        (&["connect", "ssh://localhost", "80"], "connect localhost"),
        (&["connect", "leta@localhost"], "connect localhost"),
        (&["connect", "localhost:8000/"], "connect localhost:8000"),
        (&["listen", "http://localhost:8000/"], "listen localhost:8000"),
        (&["listen", "0.0.0.0"], "listen 0.0.0.0:9999"),
        (&["listen", "192.168.1.5"], "listen 192.168.1.5:9999"),
        (&["listen", "[::1]"], "listen [::1]:9999"),
        (&["listen", "127.0.0.1:80", "80"], "port is there twice"),
        (&["connect", "127.0.0.1:80", "80"], "port is there twice"),
        (&["connect", "[::1]:80", "81"], "port is there twice"),
        (&["listen", "8000", "8000"], "listen 8000"),
        (&["connect", "8000", "8000"], "connect HOST:8000"),
        (&["connect", "8000"], "connect HOST:8000"),
        (&["connect", "9999", "localhost"], "connect localhost 9999"),
        (&["connect", "localhost:"], "connect localhost:9999"),
        (&["listen", "localhost:"], "listen localhost:9999"),
        (&["connect", "[::1]:"], "connect [::1]:9999"),
        (&["connect", ":8000"], "connect HOST:8000"),
        (&["listen", ":8000"], "listen 8000"),
        (&["connect", "localhost 8000"], "space"),
        // The system would make an address of each of these, but mostly not the one that was meant.
        (&["connect", "192.168.5"], "four numbers"),
        (&["connect", "0x7f.1"], "four numbers"),
        (&["connect", "127.1", "8000"], "four numbers"),
        (&["connect", "0x7f000001"], "four numbers"),
        (&["connect", "192.168.1.05:8000"], "four numbers"),
        (&["connect", "1.2.3.4.5"], "four numbers"),
        (&["listen", "127.1:0"], "four numbers"),
    ] {
        let error = usage_error(words);
        assert!(error.contains(meant), "{words:?}: {error}");
    }
}

#[test]
fn a_refused_call_may_be_one_to_somebody_who_is_talking_already() {
    let (mut listener, port) = Program::listen(&[]);
    let friend = support::friend_calls(port);
    listener.wait_stderr("connected to");
    let error = failure(&mut Program::connect(port, &[]));
    assert!(error.contains("nobody listens there, or the listener is talking"), "{error}");
    assert!(error.contains("start the listener first") && error.contains("--wait"), "{error}");
    drop(friend);
    listener.end_stdin();
    listener.ends_with(0);
}

#[test]
fn the_command_that_is_proposed_for_a_port_in_use_keeps_the_options() {
    let (_other, port) = friend_listener();
    let (here, next) = (format!("127.0.0.1:{port}"), port.checked_add(1).unwrap_or(9999));
    for (options, kept) in [
        (&["--room"][..], " --room"),
        (&["--room", "--max-members=7"], " --room --max-members 7"),
        (&["--recv-only", "--keep", "-4"], " --keep --recv-only -4"),
        (&["--wire", "frames", "--name", "Leta"], " --wire frames --name Leta"),
        (&[], ""),
    ] {
        let error = failure(&mut Program::start(&[&["listen", &here], options].concat()));
        let (_, command) = error.split_once("threadchat ").expect("a command");
        assert_eq!(command, format!("listen 127.0.0.1:{next}{kept}"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("what we said");
    let file = file.to_str().unwrap();
    let words = ["listen", &here, "--transcript", file];
    let error = failure(&mut Program::start(&words));
    assert!(error.ends_with(&format!(" --transcript '{file}'")), "{error}");
}

#[test]
fn a_call_that_a_firewall_forbids_is_told_as_that() {
    let Some(space) = Space::with_network(NAMES) else { return };
    // The kernel says the same as where an ICMPv6 message "administratively prohibited" comes back.
    shell(&space, "ip route add prohibit 198.51.100.7/32");
    let error = failure(&mut space.start(&["connect", "198.51.100.7"]));
    assert!(error.contains("firewall") && error.contains("198.51.100.7:9999"), "{error}");
    let caller = space.start(&["connect", "--wait", "198.51.100.7"]);
    caller.wait_stderr("calling again once a second");
}

// The log.

#[test]
fn a_filter_of_the_log_that_is_none_is_told_and_ends_nothing() {
    let mut with = Command::new(threadchat());
    with.args(["connect", "127.0.0.1:1", "--timeout", "5"]);
    for setting in ["threadchat=bogus", "a=b=c", "debug/x/y", "threadchat=bogus/x"] {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        for stderr in [Stdio::from(full()), Stdio::from(writer)] {
            let status = with.env("RUST_LOG", setting).stdin(Stdio::null()).stderr(stderr).status();
            assert_eq!(status.unwrap().code(), Some(1), "{setting}: refused, and no panic");
        }
        let output = with.stderr(Stdio::piped()).output().unwrap();
        let stderr = support::text(&output.stderr);
        assert!(stderr.starts_with("* RUST_LOG has "), "{setting}: {stderr}");
    }
    // What can be understood of it holds.
    let setting = "threadchat=bogus,threadchat::net::socket=debug";
    let output = with.env("RUST_LOG", setting).stderr(Stdio::piped()).output().unwrap();
    let stderr = support::text(&output.stderr);
    assert!(stderr.contains("blocks in connect to 127.0.0.1:1"), "{stderr}");
}
