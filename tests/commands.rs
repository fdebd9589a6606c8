//! CONTRACT 1: the commands. Every form of an address, which addresses are bound and called and in
//! which order, how long a call may take, what is no port and no host, and the help.

mod support;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::SockRef;
use support::process::{listening_socket, threads};
use support::space::Space;
use support::until;
use support::{
    Ended, Program, Silence, error_sentence, friend_answers, friend_calls, friend_listener,
    have_ipv6, have_tool, place_where_nobody_listens, threadchat,
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Names for a [`Space`]: as on most machines, and a few with several addresses.
const NAMES: &str = "127.0.0.1 localhost\n\
                     ::1 localhost\n\
                     127.0.0.2 several\n\
                     127.0.0.3 several\n\
                     127.0.0.4 several\n\
                     127.0.0.1 four-only\n\
                     198.51.100.7 partly-here\n\
                     127.0.0.1 partly-here\n";

/// Runs threadchat to its end, with nothing on stdin.
#[track_caller]
fn run<S: AsRef<OsStr>>(words: &[S]) -> Ended {
    let mut program = Program::spawn(Command::new(threadchat()).args(words));
    program.end_stdin();
    program.wait()
}

/// Waits for an end like [`Program::ends_with`], and tells how long it took since `since`.
#[track_caller]
fn fails_after(program: &mut Program, since: Instant) -> (String, Duration) {
    let ended = program.ends_with(1);
    (error_sentence(&ended.stderr).to_owned(), since.elapsed())
}

/// Lets two programs in `space` meet, talk and part; gives back the listener's and the caller's
/// stderr.
#[track_caller]
fn meet(space: &Space, listen: &[&str], connect: &[&str]) -> (String, String) {
    let mut listener = space.start(&[&["listen"], listen].concat());
    listener.wait_stderr("listening on ");
    let mut caller = space.start(&[&["connect"], connect].concat());
    caller.say("hello\n");
    caller.end_stdin();
    listener.wait_stdout("hello\n");
    listener.end_stdin();
    (listener.ends_with(0).stderr, caller.ends_with(0).stderr)
}

/// Ends a connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
}

// Help.

#[test]
fn threadchat_alone_is_its_help_with_exit_code_2() {
    let ended = run::<&str>(&[]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert_eq!(ended.stdout, b"", "stdout is for what friends say");
    for word in ["Usage: threadchat", "listen", "connect", "Examples:", "--help"] {
        assert!(ended.stderr.contains(word), "{word} in {ended:?}");
    }
}

#[test]
fn help_is_a_page_with_examples_and_h_is_a_short_one() {
    for verb in [&[][..], &["listen"], &["connect"]] {
        let page = run(&[verb, &["--help"]].concat());
        let short = run(&[verb, &["-h"]].concat());
        assert_eq!((page.code, short.code), (0, 0), "{verb:?}");
        assert_eq!((page.stderr.as_str(), short.stderr.as_str()), ("", ""), "{verb:?}");
        let (page, short) = (support::text(&page.stdout), support::text(&short.stdout));
        assert!(
            short.lines().count() < page.lines().count(),
            "{short}\nis not shorter than\n{page}"
        );
        assert!(page.contains("Examples:\n  threadchat "), "{page}");
        assert!(short.contains("Usage: threadchat"), "{short}");
    }
}

#[test]
fn a_page_that_cannot_be_printed_is_an_error() {
    for words in [&["--help"][..], &["--version"], &["listen", "--help"], &["man"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(support::threadchat());
        let output = command.args(words).stdout(full).output().unwrap();
        let stderr = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {stderr}");
        assert!(stderr.starts_with("threadchat: cannot write to stdout: "), "{words:?}: {stderr}");
    }
}

#[test]
fn the_help_of_each_verb_has_each_of_its_options() {
    let both = [
        "--wire",
        "--recv-only",
        "--recv-buffer",
        "--explain",
        "-q, --quiet",
        "-4",
        "-6",
        "--help",
    ];
    for (verb, own) in [("listen", &["--keep"][..]), ("connect", &["--wait", "--timeout"])] {
        let page = run(&[verb, "--help"]);
        let page = support::text(&page.stdout);
        for option in both.iter().chain(own) {
            assert!(page.contains(option), "{option} in {page}");
        }
    }
}

#[test]
fn the_examples_in_the_help_are_commands_that_the_program_takes() {
    // Options make of each example one that ends at once, if only its words are right.
    let mut examples = 0;
    for verb in [&[][..], &["listen"], &["connect"]] {
        let page = support::text(&run(&[verb, &["--help"]].concat()).stdout);
        for line in page.lines().filter_map(|line| line.strip_prefix("  threadchat ")) {
            let words = line.split("   ").next().unwrap_or(line);
            let words = words.split(['<', '>']).next().unwrap_or(words);
            let words: Vec<_> = words.split_whitespace().chain(["--help"]).collect();
            assert_eq!(run(&words).code, 0, "{words:?}");
            examples += 1;
        }
    }
    assert!(examples >= 15, "only {examples} examples were found");
}

#[test]
fn version_prints_name_and_version() {
    for option in ["--version", "-V"] {
        let ended = run(&[option]);
        let expected = format!("threadchat {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((ended.code, support::text(&ended.stdout)), (0, expected));
        assert_eq!(ended.stderr, "");
    }
}

// Addresses.

#[test]
fn listen_takes_every_form_of_an_address() {
    if !have_ipv6() {
        return;
    }
    let Some(space) = Space::with_network(NAMES) else { return };
    for (listen, where_, connect) in [
        (&[][..], "[::]:9999", &["127.0.0.1"][..]),
        (&[], "[::]:9999", &["::1"]),
        (&["9999"], "[::]:9999", &["127.0.0.1:9999"]),
        (&["8000"], "[::]:8000", &["127.0.0.1:8000"]),
        (&["65535"], "[::]:65535", &["127.0.0.1:65535"]),
        (&["1"], "[::]:1", &["127.0.0.1:1"]),
        (&["127.0.0.1:9999"], "127.0.0.1:9999", &["127.0.0.1"]),
        (&["127.0.0.1:8000"], "127.0.0.1:8000", &["127.0.0.1:8000"]),
        (&["[::1]:9999"], "[::1]:9999", &["::1"]),
        (&["four-only:9999"], "127.0.0.1:9999", &["127.0.0.1"]),
        (&["localhost:8000"], ":8000", &["localhost:8000"]),
    ] {
        let (listener, caller) = meet(&space, listen, connect);
        let first = listener.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("listening on ") && first.ends_with(where_),
            "{listen:?}: {first}"
        );
        assert!(caller.starts_with("connected to "), "{connect:?}: {caller}");
    }
}

#[test]
fn listen_on_port_0_takes_any_free_port_and_says_which() {
    for words in [&["listen", "0"][..], &["listen", "127.0.0.1:0"], &["listen", "-4", "0"]] {
        let listener = Program::start(words);
        let port = listener.listening_port();
        assert!(port > 0, "{words:?}");
        friend_calls(port);
    }
}

#[test]
fn connect_takes_every_form_of_an_address() {
    if !have_ipv6() {
        return;
    }
    let Some(space) = Space::with_network(NAMES) else { return };
    for (connect, connected) in [
        (&["localhost"][..], ":9999"),
        (&["localhost:9999"], ":9999"),
        (&["localhost", "9999"], ":9999"),
        (&["four-only"], "127.0.0.1:9999"),
        (&["127.0.0.1"], "127.0.0.1:9999"),
        (&["127.0.0.1:9999"], "127.0.0.1:9999"),
        (&["127.0.0.1", "9999"], "127.0.0.1:9999"),
        (&["[::1]:9999"], "[::1]:9999"),
        (&["[::1]"], "[::1]:9999"),
        (&["::1"], "[::1]:9999"),
        (&["::1", "9999"], "[::1]:9999"),
        (&["0:0:0:0:0:0:0:1"], "[::1]:9999"),
    ] {
        let (_, caller) = meet(&space, &[], connect);
        let first = caller.lines().next().unwrap_or_default();
        assert!(first.starts_with("connected to "), "{connect:?}: {first}");
        assert!(first.ends_with(connected), "{connect:?}: {first}");
    }
}

#[test]
fn options_may_stand_before_and_behind_the_address() {
    let (listener, port) = friend_listener();
    let port = port.to_string();
    for words in [
        ["connect", "-q", "127.0.0.1", &port, "--recv-buffer=9"],
        ["connect", "127.0.0.1", &port, "--timeout", "5"],
        ["connect", "127.0.0.1", "--timeout=5", &port, "-4"],
    ] {
        let mut caller = Program::start(&words);
        drop(friend_answers(&listener));
        caller.end_stdin();
        caller.ends_with(0);
    }
}

#[test]
fn minus_4_and_minus_6_restrict_a_listener() {
    if !have_ipv6() {
        return;
    }
    let refused = |ip: IpAddr, port| {
        let why = TcpStream::connect((ip, port)).expect_err("only the other family is served");
        assert_eq!(why.kind(), std::io::ErrorKind::ConnectionRefused);
    };
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);

    let listener = Program::start(&["listen", "-4", "0"]);
    let port = listener.listening_port();
    listener.wait_stderr(&format!("listening on 0.0.0.0:{port}\n"));
    refused(v6, port);
    drop(friend_calls(port));
    listener.wait_stderr("connected to 127.0.0.1:");

    let listener = Program::start(&["listen", "-6", "0"]);
    let port = listener.listening_port();
    listener.wait_stderr(&format!("listening on [::]:{port}\n"));
    refused(LOCALHOST, port);
    drop(TcpStream::connect((v6, port)).expect("IPv6 is served"));
    listener.wait_stderr("connected to [::1]:");
}

#[test]
fn minus_4_and_minus_6_choose_among_the_addresses_of_a_name() {
    if !have_ipv6() {
        return;
    }
    let Some(space) = Space::with_network(NAMES) else { return };
    for (option, address) in [("-4", "127.0.0.1:9999"), ("-6", "[::1]:9999")] {
        let (_, caller) = meet(&space, &[], &[option, "localhost"]);
        assert!(caller.starts_with(&format!("connected to {address}\n")), "{option}: {caller}");
        let (listener, _) = meet(&space, &[option, "localhost:9999"], &["localhost"]);
        assert!(listener.starts_with(&format!("listening on {address}\n")), "{option}: {listener}");
    }
    // And where the name, or the address, has none of that family, nothing else is tried.
    for words in [
        ["connect", "-6", "four-only"],
        ["connect", "-6", "127.0.0.1"],
        ["connect", "-4", "::1"],
        ["listen", "-6", "127.0.0.1:9999"],
        ["listen", "-4", "[::1]:9999"],
    ] {
        let error = space.start(&words).ends_with(1).stderr;
        let host = words[2].trim_end_matches(":9999").trim_matches(['[', ']']);
        let error = error_sentence(&error);
        assert!(error.contains(host) && error.contains("IPv"), "{words:?}: {error}");
    }
}

#[test]
fn a_listener_without_a_host_serves_ipv4_and_ipv6_at_once_with_one_socket() {
    if !have_ipv6() {
        return;
    }
    for ip in [LOCALHOST, IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let mut listener = Program::start(&["listen", "0"]);
        let port = listener.listening_port();
        if let Some(socket) = listening_socket(listener.child.id()) {
            assert!(!socket.only_v6().unwrap());
            let all = support::process::sockets(listener.child.id()).unwrap_or_default();
            assert_eq!(all.len(), 1, "one socket is enough");
        }
        let mut friend = TcpStream::connect((ip, port)).expect("both are served");
        friend.write_all(b"hello\n").unwrap();
        listener.wait_stdout("hello\n");
        drop(friend);
        listener.end_stdin();
        listener.ends_with(0);
    }
}

#[test]
fn an_ipv4_caller_of_a_dual_stack_listener_is_shown_and_logged_as_ipv4() {
    if !have_ipv6() {
        return;
    }
    let mut listener = Program::start(&["listen", "0", "--explain"]);
    let friend = friend_calls(listener.listening_port());
    let address = friend.local_addr().unwrap();
    listener.wait_stderr(&format!("\nconnected to {address}\n"));
    // An error names the friend too.
    reset(friend);
    let stderr = listener.ends_with(1).stderr;
    assert!(error_sentence(&stderr).contains(&address.to_string()), "{stderr}");
    assert!(!stderr.to_lowercase().contains("::ffff:"), "{stderr}");
}

#[test]
fn a_machine_without_ipv6_is_served_on_ipv4() {
    if !have_tool("python3") {
        return;
    }
    // A kernel without IPv6, as far as the program can see: `socket` refuses the family.
    const WITHOUT_IPV6: &str = r#"
import ctypes, os, platform, struct, sys
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]  # of the system call `socket`
rules = [(0x20, 0, 0, 0), (0x15, 0, 3, number),  # another call?
         (0x20, 0, 0, 16), (0x15, 0, 1, 10),     # another family than AF_INET6?
         (0x06, 0, 0, 0x00050000 | 97),          # EAFNOSUPPORT
         (0x06, 0, 0, 0x7fff0000)]               # go ahead
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return support::skipped("the number of the system call is not known here");
    }
    let mut python = Command::new("python3");
    let mut listener =
        Program::spawn(python.args(["-c", WITHOUT_IPV6, threadchat(), "listen", "0"]));
    let port = listener.listening_port();
    listener.wait_stderr(&format!("listening on 0.0.0.0:{port}\n"));
    drop(friend_calls(port));
    listener.end_stdin();
    listener.ends_with(0);
}

#[test]
fn a_machine_whose_ipv6_is_switched_off_is_served_on_ipv4() {
    let Some(space) = Space::with_network(NAMES) else { return };
    let off = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
    let done = Program::spawn(space.command("sh").args(["-c", off])).wait();
    if done.code != 0 {
        return support::skipped(&format!("IPv6 cannot be switched off: {}", done.stderr));
    }
    meet(&space, &[], &["127.0.0.1"]);
    meet(&space, &[], &["localhost"]);
}

#[test]
fn a_name_with_several_addresses_is_bound_at_the_first_that_can_be() {
    let Some(space) = Space::with_names(NAMES) else { return };
    // An address of another machine's is passed over.
    let listener = space.start(&["listen", "partly-here:0"]);
    listener.wait_stderr("listening on 127.0.0.1:");

    // So is one whose port is taken; whichever it is, so that the order of the names is no matter.
    let hosts: Vec<IpAddr> = (2..5).map(|last| Ipv4Addr::new(127, 0, 0, last).into()).collect();
    for free in &hosts {
        let listener = TcpListener::bind((*free, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let _taken: Vec<_> = hosts
            .iter()
            .filter(|host| *host != free)
            .map(|host| TcpListener::bind((*host, port)).expect("the port is free here too"))
            .collect();
        drop(listener);
        let listener = space.start(&["listen", &format!("several:{port}")]);
        listener.wait_stderr(&format!("listening on {free}:{port}\n"));
    }
}

#[test]
fn every_address_of_a_name_is_called_in_turn() {
    let Some(space) = Space::with_names(NAMES) else { return };
    for last in 2..5 {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut caller = space.start(&["connect", "several", &address.port().to_string()]);
        drop(friend_answers(&listener));
        caller.wait_stderr(&format!("connected to {address}\n"));
        caller.end_stdin();
        caller.ends_with(0);
    }
}

#[test]
fn a_name_none_of_whose_addresses_answers_is_an_error_that_names_them_all() {
    let Some(space) = Space::with_network(NAMES) else { return };
    let stderr = space.start(&["connect", "several"]).ends_with(1).stderr;
    let error = error_sentence(&stderr);
    for part in ["several:9999", "127.0.0.2:9999", "127.0.0.3:9999", "127.0.0.4:9999", "--wait"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let Some(space) = Space::with_names(NAMES) else { return };
    // Whichever comes last listens, so that at least one silent address is called before it.
    for last in [2, 4] {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let _silent: Vec<_> = (2..5)
            .filter(|other| *other != last)
            .map(|other| Silence::at(SocketAddr::from(([127, 0, 0, other], address.port()))))
            .collect();
        let mut caller =
            space.start(&["connect", "several", &address.port().to_string(), "--timeout", "3"]);
        caller.wait_stderr(&format!("connected to {address}\n"));
        drop(friend_answers(&listener));
        caller.end_stdin();
        caller.ends_with(0);
    }
}

#[test]
fn one_timeout_holds_for_all_addresses_of_a_name() {
    let Some(space) = Space::with_names(NAMES) else { return };
    let first = Silence::at(SocketAddr::from(([127, 0, 0, 2], 0)));
    let port = first.port();
    let _others = [3, 4].map(|last| Silence::at(SocketAddr::from(([127, 0, 0, last], port))));
    let since = Instant::now();
    let mut caller = space.start(&["connect", "several", &port.to_string(), "--timeout", "3"]);
    let (error, took) = fails_after(&mut caller, since);
    assert!(error.contains("several"), "{error}");
    assert!((2.9..6.0).contains(&took.as_secs_f64()), "{took:?}");
}

// How long a call may take.

#[test]
fn an_address_that_does_not_answer_is_given_up_after_10_seconds() {
    let silence = Silence::somewhere();
    let since = Instant::now();
    let mut caller = Program::connect(silence.port(), &[]);
    let (error, took) = fails_after(&mut caller, since);
    assert!(error.contains("10 s") && error.contains("127.0.0.1"), "{error}");
    assert!((9.9..16.0).contains(&took.as_secs_f64()), "{took:?}");
}

#[test]
fn an_address_that_does_not_answer_is_given_up_after_the_timeout() {
    let silence = Silence::somewhere();
    for (timeout, seconds) in [("1", 1.0), ("0.5", 0.5)] {
        let since = Instant::now();
        let mut caller = Program::connect(silence.port(), &["--timeout", timeout]);
        let (error, took) = fails_after(&mut caller, since);
        assert!(error.contains(&format!("127.0.0.1:{}", silence.port())), "{error}");
        assert!(error.contains(&format!("{timeout} s")) && error.contains("--timeout"), "{error}");
        assert!((seconds - 0.02..seconds + 3.0).contains(&took.as_secs_f64()), "{took:?}");
    }
}

/// A name server for a [`Space`]: it says that no name exists, or it says nothing at all.
const NAME_SERVER: &str = r#"
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    question, client = server.recvfrom(4096)
    if sys.argv[1] == "no":
        header = question[:2] + b"\x81\x83" + question[4:6] + bytes(6)
        server.sendto(header + question[12:], client)
"#;

/// A space with a name server in it.
fn name_server(says: &str) -> Option<(Space, Program)> {
    if !have_tool("python3") {
        return None;
    }
    let space = Space::with_name_server(NAMES)?;
    let server = Program::spawn(space.command("python3").args(["-c", NAME_SERVER, says]));
    server.wait_stdout("ready");
    Some((space, server))
}

#[test]
fn looking_the_name_up_counts_against_the_timeout() {
    let Some((space, _server)) = name_server("nothing") else { return };
    let since = Instant::now();
    let mut caller = space.start(&["connect", "friend.example", "--timeout", "1"]);
    let (error, took) = fails_after(&mut caller, since);
    assert!(error.contains("friend.example") && error.contains("1 s"), "{error}");
    assert!((0.98..5.0).contains(&took.as_secs_f64()), "{took:?}");
}

#[test]
fn a_name_that_does_not_exist_is_an_error_at_once_also_with_wait() {
    let Some((space, _server)) = name_server("no") else { return };
    for words in [
        &["connect", "friend.example"][..],
        &["connect", "--wait", "friend.example"],
        &["connect", "--wait=30", "friend.example:8000"],
        &["listen", "friend.example:8000"],
    ] {
        let since = Instant::now();
        let (error, took) = fails_after(&mut space.start(words), since);
        assert!(error.contains("friend.example"), "{error}");
        assert!(took < Duration::from_secs(5), "{words:?}: {took:?}");
    }
}

#[test]
fn a_network_that_leads_nowhere_is_an_error_at_once() {
    let Some(space) = Space::with_network(NAMES) else { return };
    let stderr = space.start(&["connect", "198.51.100.7"]).ends_with(1).stderr;
    let error = error_sentence(&stderr);
    assert!(error.contains("198.51.100.7:9999") && error.contains("unreachable"), "{error}");
}

// --wait.

/// The program's own lines on stderr, without the log.
fn notices(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("* ")).collect()
}

#[test]
fn with_wait_a_listener_may_come_later_and_waiting_is_said_once() {
    let (place, port) = friend_listener();
    drop(place);
    let mut caller = Program::connect(port, &["--wait", "--explain"]);
    caller.wait_stderr("calling again");
    // Two calls at least have failed when this line has come for the third time.
    let calls = |stderr: &[u8]| {
        let text = String::from_utf8_lossy(stderr);
        (text.matches(&format!("connect to 127.0.0.1:{port}")).count() >= 5).then_some(())
    };
    assert!(caller.stderr.wait_until(calls).is_some(), "it does not call again");
    assert!(caller.runs());
    let listener = TcpListener::bind((LOCALHOST, port)).expect("the port is still free");
    let mut friend = friend_answers(&listener);
    caller.say("hello\n");
    caller.end_stdin();
    let mut heard = String::new();
    friend.read_to_string(&mut heard).unwrap();
    drop(friend);
    assert_eq!(heard, "hello\n");
    let stderr = caller.ends_with(0).stderr;
    let waits = notices(&stderr).iter().filter(|line| line.contains("calling again")).count();
    assert_eq!(waits, 1, "{stderr}");
    assert!(notices(&stderr).len() <= 2, "it goes on about waiting: {stderr}");
    assert!(!stderr.contains("threadchat: "), "waiting is no error: {stderr}");
}

#[test]
fn with_wait_it_calls_once_a_second() {
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &["--wait"]);
    reset(friend_answers(&listener));
    let since = Instant::now();
    for _ in 0..3 {
        reset(friend_answers(&listener));
    }
    let took = since.elapsed().as_secs_f64();
    assert!((2.8..8.0).contains(&took), "three calls took {took} s");
    assert!(caller.runs());
}

#[test]
fn with_wait_seconds_it_gives_up_when_they_have_passed_and_not_before() {
    let (_place, port) = place_where_nobody_listens();
    for wait in [1.0, 2.5] {
        let since = Instant::now();
        let mut caller = Program::connect(port, &[&format!("--wait={wait}")]);
        let (error, took) = fails_after(&mut caller, since);
        assert!(error.contains(&format!("{wait} s")), "{error}");
        assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
        assert!((wait - 0.02..wait + 3.0).contains(&took.as_secs_f64()), "--wait={wait}: {took:?}");
    }
}

#[test]
fn with_wait_seconds_also_an_address_that_does_not_answer_is_given_up_when_they_have_passed() {
    let silence = Silence::somewhere();
    let since = Instant::now();
    let mut caller = Program::connect(silence.port(), &["--wait=1"]);
    let (error, took) = fails_after(&mut caller, since);
    assert!(error.contains("1 s"), "{error}");
    assert!((0.98..5.0).contains(&took.as_secs_f64()), "{took:?}");
}

#[test]
fn with_wait_a_call_that_timed_out_is_made_again() {
    let silence = Silence::somewhere();
    let mut caller = Program::connect(silence.port(), &["--wait", "--timeout", "0.5"]);
    caller.wait_stderr("calling again");
    let listener = silence.end();
    drop(friend_answers(&listener));
    caller.wait_stderr("connected to 127.0.0.1:");
    caller.end_stdin();
    caller.ends_with(0);
}

#[test]
fn with_wait_an_unreachable_network_is_waited_for() {
    let Some(space) = Space::with_network(NAMES) else { return };
    let mut caller = space.start(&["connect", "--wait", "198.51.100.7"]);
    caller.wait_stderr("calling again");
    // The cable is plugged in, so to say.
    let plug = "ip address add 198.51.100.7/32 dev lo";
    Program::spawn(space.command("sh").args(["-c", plug])).ends_with(0);
    let mut listener = space.start(&["listen", "198.51.100.7:9999"]);
    caller.wait_stderr("connected to 198.51.100.7:9999");
    caller.end_stdin();
    listener.end_stdin();
    caller.ends_with(0);
    listener.ends_with(0);
}

#[test]
fn with_wait_interrupting_it_is_exit_130() {
    let (_place, port) = place_where_nobody_listens();
    let mut caller = Program::connect(port, &["--wait"]);
    caller.wait_stderr("calling again");
    caller.signal(Signal::INT);
    caller.ends_with(130);
}

// Busy.

#[test]
fn a_friend_who_drops_the_call_before_the_first_byte_is_busy() {
    let (listener, port) = friend_listener();
    for said in ["", "hello\n"] {
        let mut caller = Program::connect(port, &[]);
        caller.say(said);
        let mut friend = friend_answers(&listener);
        friend.read_exact(&mut vec![0; said.len()]).unwrap();
        reset(friend);
        let ended = caller.ends_with(1);
        let error = error_sentence(&ended.stderr);
        assert!(error.contains("busy") && error.contains(&format!("127.0.0.1:{port}")), "{error}");
        let advice = if said.is_empty() { "--wait" } else { "send it again" };
        assert!(error.contains(advice), "it says what to do: {error}");
        assert_eq!(ended.stdout, b"");
    }
}

#[test]
fn a_friend_who_resets_after_the_first_byte_is_not_busy() {
    let (listener, port) = friend_listener();
    let mut caller = Program::connect(port, &["--wait"]);
    let mut friend = friend_answers(&listener);
    friend.write_all(b"hello\n").unwrap();
    caller.wait_stdout("hello\n");
    reset(friend);
    let stderr = caller.ends_with(1).stderr;
    assert!(!stderr.contains("busy") && !stderr.contains("calling again"), "{stderr}");
    assert!(error_sentence(&stderr).contains("may not have arrived"), "{stderr}");
}

#[test]
fn a_caller_who_was_queued_behind_another_hears_busy_and_with_wait_gets_the_next_conversation() {
    let Some(mut listener) = stopped_listener() else { return };
    let port = listener.listening_port();
    // The system takes both calls while the program stands still.
    let mut friend = friend_calls(port);
    let mut plain = Program::connect(port, &[]);
    plain.wait_stderr("connected to");
    let mut waiting = Program::connect(port, &["--wait"]);
    waiting.wait_stderr("connected to");
    waiting.say("hello\n");
    waiting.end_stdin();
    listener.signal(Signal::CONT);

    let stderr = plain.ends_with(1).stderr;
    assert!(error_sentence(&stderr).contains("busy"), "{stderr}");
    waiting.wait_stderr("busy");
    friend.write_all(b"first\n").unwrap();
    listener.wait_stdout("first\n");
    drop(friend);
    listener.end_stdin();
    assert_eq!(listener.ends_with(0).stdout, b"first\n");

    let mut next = Program::start(&["listen", &format!("127.0.0.1:{port}")]);
    next.wait_stdout("hello\n");
    next.end_stdin();
    assert_eq!(next.ends_with(0).stdout, b"hello\n");
    waiting.ends_with(0);
}

/// A listener whose process stands still, in `accept`.
#[track_caller]
fn stopped_listener() -> Option<Program> {
    let (listener, _) = Program::listen(&[]);
    listener.signal(Signal::STOP);
    until("every thread of it stands still", || {
        threads(listener.child.id()).iter().all(|thread| thread.state == 'T').then_some(())
    });
    Some(listener)
}

/// Takes the next call of a program that is to call again.
#[track_caller]
fn next_call(caller: &mut Program, listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let stream = until("the program calls again", || {
        let runs = caller.runs();
        match listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(_) if runs => None,
            Err(_) => caller.fail("it has given up"),
        }
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn with_wait_what_a_busy_friend_did_not_hear_is_told_to_the_next() {
    // Several at once, since what meets what is a matter of microseconds.
    let mut callers: Vec<(Program, TcpListener)> = (0..8)
        .map(|_| {
            let (listener, port) = friend_listener();
            let mut caller = Program::connect(port, &["--wait"]);
            caller.say("hello\n");
            caller.end_stdin(); // As `echo hello | threadchat connect --wait` does.
            (caller, listener)
        })
        .collect();
    // Twice before it was said, or in the middle of it,
    for _ in 0..2 {
        for (caller, listener) in &mut callers {
            reset(next_call(caller, listener));
        }
    }
    // once when it had been said for sure,
    for (caller, listener) in &mut callers {
        let mut friend = next_call(caller, listener);
        if let Err(why) = friend.read_exact(&mut [0; 6]) {
            caller.fail(format!("the third friend did not hear it: {why}"));
        }
        reset(friend);
    }
    // and then somebody has time.
    for (caller, listener) in &mut callers {
        let mut friend = next_call(caller, listener);
        let mut heard = String::new();
        friend.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello\n");
        friend.write_all(b"hi\n").unwrap();
        drop(friend);
        let ended = caller.ends_with(0);
        assert_eq!(ended.stdout, b"hi\n");
        let busy = notices(&ended.stderr).iter().filter(|line| line.contains("busy")).count();
        assert_eq!(busy, 1, "it says once that it waits: {}", ended.stderr);
        assert!(!ended.stderr.contains("not sent"), "it was sent: {}", ended.stderr);
    }
}

// What is no address.

#[test]
fn what_is_no_port_or_no_host_is_a_usage_error() {
    let ports = [
        "99999",
        "65536",
        "-1",
        "abc",
        "",
        "99999999999999999999",
        "0x50",
        "1e3",
        "80.0",
        "+80",
        " 80",
        "80 ",
        "８０",
        "8 0",
        "-0",
        "ssh",
    ];
    for port in ports {
        for words in [
            vec!["listen".to_owned(), port.to_owned()],
            vec!["listen".to_owned(), "--".to_owned(), port.to_owned()],
            vec!["listen".to_owned(), format!("127.0.0.1:{port}")],
            vec!["listen".to_owned(), format!("[::1]:{port}")],
            vec!["connect".to_owned(), format!("127.0.0.1:{port}")],
            vec!["connect".to_owned(), format!("[::1]:{port}")],
            vec!["connect".to_owned(), "127.0.0.1".to_owned(), port.to_owned()],
            vec!["connect".to_owned(), "--".to_owned(), "127.0.0.1".to_owned(), port.to_owned()],
        ] {
            assert_usage_error(&words);
        }
    }
    for words in [
        &["listen", ":9999"][..],
        &["listen", "[]:9999"],
        &["listen", "localhost"],
        &["listen", "::1"],
        &["listen", "[::1]"],
        &["listen", "[::1"],
        &["listen", "[::1]9999"],
        &["listen", "a:b:c"],
        &["connect"],
        &["connect", ""],
        &["connect", ":9999"],
        &["connect", "[]:9999"],
        &["connect", "", "9999"],
        &["connect", "9999"],
        &["connect", "127.0.0.1:0"],
        &["connect", "127.0.0.1", "0"],
        &["connect", "127.0.0.1:9999", "9999"],
        &["connect", "[::1]:9999", "9999"],
        &["connect", "127.0.0.1", "9999", "9999"],
        &["connect", "[127.0.0.1]:9999"],
        &["connect", "[::1"],
        &["connect", "::1]"],
        &["connect", "a:b:c"],
    ] {
        assert_usage_error(words);
    }
    assert_usage_error(&[OsStr::new("connect"), OsStr::from_bytes(b"\xff\xfe")]);
    assert_usage_error(&[OsStr::new("listen"), OsStr::from_bytes(b"\xff:9999")]);
}

#[test]
fn an_option_that_does_not_exist_or_belongs_to_the_other_verb_is_a_usage_error() {
    for words in [
        &["talk"][..],
        &["listen", "--no-such-option"],
        &["listen", "--wait"],
        &["listen", "--timeout", "3"],
        &["listen", "--trace", "one.json", "--transcript", "one.json"],
        &["connect", "localhost", "--keep"],
        &["connect", "localhost", "--wire", "morse"],
        &["connect", "localhost", "--recv-buffer", "0"],
        &["connect", "localhost", "--recv-buffer", "1048577"],
        &["listen", "--recv-buffer", "-1"],
        &["connect", "localhost", "--timeout", "soon"],
        &["connect", "localhost", "--timeout", "-1"],
        &["connect", "localhost", "--timeout", "0"],
        &["connect", "localhost", "--timeout", "nan"],
        &["connect", "localhost", "--timeout", "inf"],
        &["connect", "localhost", "--wait=soon"],
        &["connect", "localhost", "--wait="],
        // Piped input could only go to the first friend.
        &["listen", "0", "--keep"],
    ] {
        assert_usage_error(words);
    }
}

/// Checks that these words are refused with exit 2 before anything is done, and in words.
#[track_caller]
fn assert_usage_error<S: AsRef<OsStr> + std::fmt::Debug>(words: &[S]) {
    let ended = run(words);
    assert_eq!(ended.code, 2, "{words:?}: {ended:?}");
    assert_eq!(ended.stdout, b"", "{words:?}: {ended:?}");
    assert!(ended.stderr.starts_with("error: "), "{words:?}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{words:?}: {ended:?}");
    assert!(!ended.stderr.contains("listening on"), "{words:?}: {ended:?}");
}

#[test]
fn a_port_out_of_range_is_told_what_a_port_is() {
    for (words, lowest) in [(["listen", "127.0.0.1:99999"], 0), (["connect", "127.0.0.1:99999"], 1)]
    {
        let stderr = run(&words).stderr;
        assert!(stderr.contains("99999"), "{stderr}");
        assert!(stderr.contains(&format!("{lowest} to 65535")), "{stderr}");
    }
}

// The listening socket.

#[test]
fn the_listening_socket_has_reuseaddr_and_not_reuseport() {
    let (listener, port) = Program::listen(&[]);
    let Some(socket) = listening_socket(listener.child.id()) else { return };
    let address = socket.local_addr().unwrap().as_socket();
    assert_eq!(address, Some(SocketAddr::from(([127, 0, 0, 1], port))));
    assert!(socket.reuse_address().unwrap(), "SO_REUSEADDR");
    assert!(!socket.reuse_port().unwrap(), "SO_REUSEPORT");
}

#[test]
fn the_listening_socket_queues_up_to_5_requests() {
    if !have_tool("ss") {
        return;
    }
    for words in [&["listen", "127.0.0.1:0"][..], &["listen", "0"], &["listen", "-4", "0"]] {
        let listener = Program::start(words);
        let filter = format!("sport = :{}", listener.listening_port());
        let ended = Program::spawn(Command::new("ss").args(["-Hltn", &filter])).ends_with(0);
        let line = support::text(&ended.stdout);
        // State, what waits in the queue, what the queue holds, ...
        assert_eq!(line.split_whitespace().nth(2), Some("5"), "{words:?}: {line}");
    }
}

#[test]
fn a_second_listener_on_a_port_is_refused_with_a_sentence() {
    let (mut first, port) = Program::listen(&[]);
    for words in [format!("127.0.0.1:{port}"), port.to_string()] {
        let ended = run(&["listen", &words]);
        assert_eq!(ended.code, 1, "{ended:?}");
        let error = error_sentence(&ended.stderr);
        assert!(error.contains(&port.to_string()), "the port: {error}");
        assert!(error.contains("already listening"), "{error}");
        let (_, other) = error.split_once("threadchat listen ").expect("a command to type");
        let other_port = other.rsplit(':').next().unwrap_or(other);
        assert_ne!(other_port, port.to_string(), "{error}");
        assert!(other_port.parse::<u16>().is_ok_and(|port| port > 0), "{error}");
        assert_eq!(run(&["listen", other, "--help"]).code, 0, "{error}");
        assert!(!ended.stderr.contains("listening on "), "{ended:?}");
    }
    // The first one has not noticed.
    drop(friend_calls(port));
    first.end_stdin();
    first.ends_with(0);
}

#[test]
fn a_port_that_is_taken_on_one_interface_is_not_taken_on_the_rest() {
    // Half a listener would be a surprise: a friend would reach the other program.
    let (_other, port) = friend_listener();
    for words in [&["listen"][..], &["listen", "-4"]] {
        let port = port.to_string();
        let ended = run(&[words, &[&port]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(error_sentence(&ended.stderr).contains("already listening"), "{ended:?}");
    }
}

#[test]
fn the_port_can_be_bound_again_at_once_after_the_listener_has_closed_first() {
    let mut port = 0;
    for round in 0..3 {
        let mut command = Command::new(threadchat());
        command.args(["listen", &format!("127.0.0.1:{port}")]);
        // Its stdin has ended, so that it closes first and is the one with TIME-WAIT.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut listener = Program::spawn_as_is(&mut command);
        port = listener.listening_port();
        let mut friend = friend_calls(port);
        assert_eq!(friend.read(&mut [0]).unwrap(), 0, "round {round}");
        drop(friend);
        listener.ends_with(0);
    }
}

#[test]
fn a_refused_connection_is_told_what_to_do_about_it() {
    let (_place, port) = place_where_nobody_listens();
    let ended = Program::connect(port, &[]).ends_with(1);
    let error = error_sentence(&ended.stderr);
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.contains("nobody listens there"), "{error}");
    assert!(error.contains("start the listener first"), "{error}");
    assert!(error.contains("--wait"), "{error}");
}
