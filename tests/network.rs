//! CONTRACT 4: a friend's machine that is silently gone, and a friend who stalls. Each case plays
//! in a network of its own: this test program runs itself again under `unshare`, so that the case
//! has a machine with nobody else on it, a second machine behind a cable that can be pulled, and
//! leaves nothing behind, however it ends.
//!
//! The contract's times make these cases slow (about 30 s), so all of them run side by side,
//! whichever test comes first; each test then waits for its own.

mod support;

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::observe::{can_have_a_network_of_its_own, until_all_sleep};
use support::pty::Terminal;
use support::{Output, Program, friend_answers, friend_listener, threadchat};

/// Set for a test program that is the machine of the case it names.
const CASE: &str = "THREADCHAT_TEST_CASE";

/// "Within 30 s", on a machine that is busy with other tests.
const THIRTY_SECONDS: Duration = Duration::from_secs(38);

/// Nothing may give a friend up much sooner than the 25 s of the contract.
const NOT_BEFORE: Duration = Duration::from_secs(20);

/// "2 s at most", on such a machine; far below what a lost FIN is sent again for.
const TWO_SECONDS: Duration = Duration::from_secs(6);

const CASES: [&str; 7] = [
    "a_friend_whose_machine_is_silently_gone_is_noticed_within_30_s_while_idle",
    "with_a_line_under_way_at_a_terminal_the_friend_is_gone_or_not_reading",
    "a_friend_who_does_not_read_is_lost_to_a_person_and_waited_for_by_a_pipe",
    "wait_calls_again_while_the_friends_machine_is_unreachable",
    "a_friend_who_hears_but_cannot_answer_is_noticed_within_30_s",
    "a_call_whose_answer_is_lost_is_given_up_in_time_and_taken_up_again",
    "leaving_takes_2_s_at_most_also_where_the_goodbye_is_lost",
];

struct Running {
    output: Output,
    status: std::thread::JoinHandle<bool>,
}

static RUNNING: LazyLock<Mutex<HashMap<&str, Running>>> =
    LazyLock::new(|| Mutex::new(CASES.into_iter().map(|case| (case, start(case))).collect()));

fn start(case: &str) -> Running {
    let mut child = Command::new("unshare")
        .args(["-rmn", "--"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", case, "--nocapture"])
        .env(CASE, case)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare starts");
    let output = Output::collect(child.stderr.take().expect("a pipe"));
    let status = std::thread::spawn(move || child.wait().is_ok_and(|status| status.success()));
    Running { output, status }
}

/// Plays the case where this is its machine; else has it played, and passes on how it went.
#[track_caller]
fn in_a_network_of_its_own(case: &str, play: impl FnOnce()) {
    if std::env::var(CASE).is_ok_and(|mine| mine == case) {
        shell("mount -t tmpfs none /run && ip link set lo up");
        return play();
    }
    if !can_have_a_network_of_its_own() {
        return;
    }
    let running = RUNNING.lock().unwrap().remove(case).expect("each case is in the list, once");
    let success = running.status.join().unwrap();
    assert!(success, "in its own network:\n{}", running.output.text());
}

#[track_caller]
fn shell(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().expect("a shell");
    assert!(status.success(), "{script}");
}

/// A second machine, called `away`, at the other end of a cable: 10.9.0.2, and this is 10.9.0.1.
fn second_machine() {
    shell(
        "ip netns add away
         ip link add cable type veth peer name cable netns away
         ip addr add 10.9.0.1/24 dev cable
         ip link set cable up
         ip -n away addr add 10.9.0.2/24 dev cable
         ip -n away link set cable up
         ip -n away link set lo up",
    );
}

/// Pulls the cable out of the second machine. Nothing tells this one.
fn pull_the_cable() {
    shell("ip -n away link set cable down");
}

/// From now on nothing that the second machine sends arrives here, silently: it takes a machine that
/// is not there for this one. What this one sends still arrives. (Where the kernel has it, `tc netem`
/// could lose packets too; but many do not.)
fn silence_the_second_machine() {
    shell("ip -n away neigh replace 10.9.0.1 lladdr 02:00:00:00:00:01 dev cable nud permanent");
}

/// Undoes that.
fn let_the_second_machine_speak() {
    shell("ip -n away neigh del 10.9.0.1 dev cable");
}

/// The friend on the second machine.
#[track_caller]
fn friend_away(words: &[&str]) -> Program {
    Program::spawn(Command::new("ip").args(["netns", "exec", "away", threadchat()]).args(words))
}

/// A listener here, and the friend on the second machine who has called it.
#[track_caller]
fn listener_and_friend_away(options: &[&str]) -> (Program, Program) {
    let listener = Program::start(&[&["listen", "10.9.0.1:0"], options].concat());
    let address = format!("10.9.0.1:{}", listener.listening_port());
    let friend = friend_away(&[&["connect", &address], options].concat());
    listener.wait_stderr("connected to");
    (listener, friend)
}

/// A person here, who has read what the friend on the second machine has said.
#[track_caller]
fn person_and_friend_away() -> (Terminal, Program) {
    let person = Terminal::start(&["listen", "10.9.0.1:0"]);
    let address = format!("10.9.0.1:{}", person.listening_port());
    let mut friend = friend_away(&["connect", &address]);
    friend.say("hello\n");
    person.wait_for("friend says: hello");
    (person, friend)
}

#[test]
fn a_friend_whose_machine_is_silently_gone_is_noticed_within_30_s_while_idle() {
    in_a_network_of_its_own(CASES[0], || {
        second_machine();
        // A pipe that listens and a person who calls: both find out.
        let (mut listener, mut caller) = listener_and_friend_away(&[]);
        let (mut person, _personal) = person_and_friend_away();
        caller.say("the last words\n");
        listener.wait_stdout("the last words\n");
        listener.say("heard\n");
        caller.wait_stdout("heard\n");
        pull_the_cable();
        let began = Instant::now();
        let ended = listener.ends_with(1);
        let took = began.elapsed();
        assert!(took < THIRTY_SECONDS, "noticed only after {took:?}");
        assert_eq!(ended.stdout, b"the last words\n");
        let error = ended.stderr.lines().last().unwrap_or_default();
        assert!(
            error.starts_with("threadchat: 10.9.0.2:") && error.contains(" is gone"),
            "{error}"
        );
        assert!(error.contains("may not have arrived"), "{error}");
        person.wait_for("is gone");
        person.ends_with(1);
        let took = began.elapsed();
        assert!(took < THIRTY_SECONDS, "noticed only after {took:?}");
        // The machine at the other end of the cable notices as well.
        caller.ends_with(1);
    });
}

#[test]
fn with_a_line_under_way_at_a_terminal_the_friend_is_gone_or_not_reading() {
    in_a_network_of_its_own(CASES[1], || {
        second_machine();
        let (mut person, _friend) = person_and_friend_away();
        pull_the_cable();
        person.press("are you there?\n");
        let began = Instant::now();
        person.wait_for("gone, or not reading");
        person.ends_with(1);
        let took = began.elapsed();
        assert!(took > NOT_BEFORE && took < THIRTY_SECONDS, "{took:?}");
        assert!(person.screen().contains("may not have"), "{}", person.screen());
    });
}

#[test]
fn a_friend_who_does_not_read_is_lost_to_a_person_and_waited_for_by_a_pipe() {
    in_a_network_of_its_own(CASES[2], || {
        let (listener, port) = friend_listener();
        // The pipe first, so that it has waited for longer than the person when that gives up.
        let mut pipe = Program::connect(port, &[]);
        let mut stalled = friend_answers(&listener);
        let said = support::random_bytes(20_000_000, 7);
        pipe.pipe_in(said.clone());
        let stuck = ["stdin-reader", "coordinator", "socket-writer"];
        until_all_sleep(pipe.child.id(), &stuck);

        // stdin a terminal, and a paste that is more than this friend's small window takes.
        let small = TcpListener::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&small).set_recv_buffer_size(2_048).unwrap();
        let port = small.local_addr().unwrap().port();
        let mut command = CommandBuilder::new(threadchat());
        command.args(["connect", "127.0.0.1", &port.to_string()]);
        let mut person = Terminal::spawn(command, 24, 80);
        let _deaf = friend_answers(&small);
        person.wait_for("connected to");
        let began = Instant::now();
        for _ in 0..20 {
            person.press([&[b'x'; 1_000][..], b"\n"].concat());
        }
        person.wait_for("gone, or not reading");
        person.ends_with(1);
        assert!(began.elapsed() > NOT_BEFORE, "{:?}", began.elapsed());

        assert!(pipe.runs(), "it gave its friend up");
        let mut received = vec![0; said.len()];
        stalled.read_exact(&mut received).unwrap();
        assert!(received == said);
        drop(stalled);
        pipe.ends_with(0);
    });
}

#[test]
fn wait_calls_again_while_the_friends_machine_is_unreachable() {
    in_a_network_of_its_own(CASES[3], || {
        // No way leads to any other machine from here.
        let mut caller = Program::start(&["connect", "--wait", "10.9.9.9:7"]);
        caller.wait_stderr("again once a second");
        shell("ip addr add 10.9.9.9/32 dev lo");
        let listener = TcpListener::bind("10.9.9.9:7").unwrap();
        let mut friend = friend_answers(&listener);
        caller.say("at last\n");
        let mut line = [0; 8];
        friend.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"at last\n");
        caller.end_stdin();
        drop(friend);
        caller.ends_with(0);
    });
}

#[test]
fn a_friend_who_hears_but_cannot_answer_is_noticed_within_30_s() {
    in_a_network_of_its_own(CASES[4], || {
        second_machine();
        let (mut idle, mut idle_away) = listener_and_friend_away(&[]);
        let (mut person, mut person_away) = person_and_friend_away();
        idle_away.say("hello\n");
        idle.wait_stdout("hello\n");
        silence_the_second_machine();
        let began = Instant::now();
        person.press("do you hear me?\n");
        // It arrives; that it has is what cannot be said.
        person_away.wait_stdout("do you hear me?\n");
        let ended = idle.ends_with(1);
        let took = began.elapsed();
        assert!(took < THIRTY_SECONDS, "noticed only after {took:?}");
        assert!(support::error_sentence(&ended.stderr).contains(" is gone: "), "{}", ended.stderr);
        person.wait_for("gone, or not reading");
        person.ends_with(1);
        let took = began.elapsed();
        assert!(took > NOT_BEFORE && took < THIRTY_SECONDS, "{took:?}");
        // The other side hears that it has been given up, which arrives.
        idle_away.ends_with(1);
        person_away.ends_with(1);
    });
}

#[test]
fn a_call_whose_answer_is_lost_is_given_up_in_time_and_taken_up_again() {
    in_a_network_of_its_own(CASES[5], || {
        second_machine();
        let mut listener = friend_away(&["listen", "10.9.0.2:0"]);
        let address = format!("10.9.0.2:{}", listener.listening_port());
        silence_the_second_machine();
        let began = Instant::now();
        let ended = Program::start(&["connect", "--timeout", "2", &address]).ends_with(1);
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1_800) && took < Duration::from_secs(8), "{took:?}");
        let error = support::error_sentence(&ended.stderr).to_owned();
        assert!(error.contains("no answer within 2 s"), "{error}");

        let mut interrupted = Program::start(&["connect", "--timeout", "60", &address]);
        support::observe::until_somebody_calls(listener.listening_port());
        interrupted.signal(Signal::INT);
        interrupted.ends_with(130);

        let mut caller = Program::start(&["connect", "--wait", "--timeout", "1", &address]);
        caller.wait_stderr("again once a second");
        let_the_second_machine_speak();
        caller.say("at last\n");
        listener.wait_stdout("at last\n");
        caller.end_stdin();
        listener.end_stdin();
        caller.ends_with(0);
        listener.ends_with(0);
    });
}

#[test]
fn leaving_takes_2_s_at_most_also_where_the_goodbye_is_lost() {
    in_a_network_of_its_own(CASES[6], || {
        second_machine();
        let (mut idle, _idle_friend) = listener_and_friend_away(&[]);
        let (mut on_frames, _frames_friend) = listener_and_friend_away(&["--wire", "frames"]);
        let (mut half_closed, _half_friend) = listener_and_friend_away(&[]);
        let (mut busy, _busy_friend) = listener_and_friend_away(&[]);
        let (mut person, _friend) = person_and_friend_away();
        pull_the_cable();
        // What is said now, and the end of what is said, is on its way, and never arrives.
        half_closed.say("goodbye\n");
        half_closed.end_stdin();
        until_no_thread(half_closed.child.id(), "socket-writer");
        busy.pipe_in(support::random_bytes(20_000_000, 3));
        until_all_sleep(busy.child.id(), &["stdin-reader", "coordinator", "socket-writer"]);
        person.press("are you there?\n");
        person.wait_for("> are you there?");
        let began = Instant::now();
        for program in [&idle, &on_frames, &half_closed, &busy] {
            program.signal(Signal::INT);
        }
        person.press("\x03");
        // "Handed over" is what the system has taken, and it has taken all but a part of the file.
        for program in [&mut idle, &mut on_frames, &mut half_closed] {
            program.ends_with(0);
        }
        person.ends_with(0);
        let ended = busy.ends_with(1);
        assert!(ended.stderr.contains("* not sent: "), "{}", ended.stderr);
        let took = began.elapsed();
        assert!(took < TWO_SECONDS, "{took:?}");
    });
}

/// Waits until a process has no thread of this name any more.
#[track_caller]
fn until_no_thread(pid: u32, name: &str) {
    support::until(&format!("{name} has ended"), || {
        let threads = support::process::threads(pid);
        threads.iter().all(|thread| thread.name != name).then_some(())
    });
}
