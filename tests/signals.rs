//! CONTRACT 4: Ctrl-C, SIGTERM and SIGHUP, in every state that a conversation can be in. Each
//! time: the exit code, how long it took, what the friend saw (FIN, or RST where the contract
//! allows it), that the port is free, and that nothing is missing that was taken from stdin.

mod support;

use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::observe::{
    can_have_a_network_of_its_own, listener_that_does_not_answer, thread_sleeps, until_all_sleep,
    until_somebody_calls, waiting_in,
};
use support::pty::Terminal;
use support::tty::{Tty, threadchat_in_session};
use support::until;
use support::wire::{END, frames};
use support::{
    Ended, Program, friend_answers, friend_calls, friend_listener, have_tool, threadchat,
};

/// The contract's 2 s, and as much again for a machine that is busy with other tests.
const TWO_SECONDS: Duration = Duration::from_secs(4);

/// What "at once" may take on such a machine. It is less than the 2 s that leaving may take.
const AT_ONCE: Duration = Duration::from_millis(1_500);

/// The same for each of the three signals, side by side.
fn for_each_signal(check: impl Fn(Signal) + Sync) {
    std::thread::scope(|scope| {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let check = &check;
            scope.spawn(move || check(signal));
        }
    });
}

/// Sends the signal and waits for the end, which has to come within `limit`.
#[track_caller]
fn leaves(program: &mut Program, signal: Signal, code: i32, limit: Duration) -> Ended {
    let began = Instant::now();
    program.signal(signal);
    let ended = program.ends_with(code);
    let took = began.elapsed();
    if took > limit {
        program.fail(format!("it took {took:?} to go"));
    }
    ended
}

/// Reads up to the program's FIN in a thread of its own; a reset fails the test there.
fn reads_to_fin(mut friend: TcpStream) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        friend.read_to_end(&mut bytes).unwrap_or_else(|why| panic!("{why} instead of FIN"));
        bytes
    })
}

#[track_caller]
fn assert_can_be_bound_again(port: u16) {
    let again = Program::start(&["listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(again.listening_port(), port);
}

/// An address of this machine on which no other test ever listens, and a free port there.
fn place_of_our_own(number: u8) -> SocketAddr {
    let address = SocketAddr::from(([127, 45, 45, number], 0));
    TcpListener::bind(address).and_then(|it| it.local_addr()).expect("all of 127/8 is this machine")
}

/// A listening program whose stdin is a pipe of which the test can see how much was taken.
struct Fed {
    program: Program,
    port: u16,
    to_stdin: PipeWriter,
    /// The other end once more; nobody reads it.
    stdin: PipeReader,
    written: u64,
}

impl Fed {
    #[track_caller]
    fn listen(options: &[&str]) -> Fed {
        let (stdin, to_stdin) = std::io::pipe().expect("a pipe");
        rustix::fs::fcntl_setfl(
            &to_stdin,
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK,
        )
        .expect("a pipe");
        let its_stdin = stdin.try_clone().expect("a descriptor");
        let program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(["listen", "127.0.0.1:0"])
                .args(options)
                .stdin(its_stdin)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let port = program.listening_port();
        Fed { program, port, to_stdin, stdin, written: 0 }
    }

    /// Writes as much as the pipe takes now.
    fn top_up(&mut self) {
        while let Ok(count) = self.to_stdin.write(&[b'x'; 4096]) {
            self.written += count as u64;
        }
    }

    /// How many bytes the program has read from it.
    #[track_caller]
    fn taken(&self) -> u64 {
        self.written - waiting_in(&self.stdin)
    }
}

// Before any conversation.

#[test]
fn a_signal_while_listening_ends_it_at_once_with_one_line_and_130() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let ended = leaves(&mut program, signal, 130, AT_ONCE);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
        assert_can_be_bound_again(port);
    });
}

#[test]
fn ctrl_c_while_listening_at_a_terminal_is_130_too() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let began = Instant::now();
    terminal.press("\x03");
    terminal.ends_with(130);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_can_be_bound_again(port);
}

/// Runs the words of the program with a name server that takes every question and answers none,
/// in a network and a view of the file system of its own.
const WITHOUT_AN_ANSWER: &str = r#"
    set -e
    ip link set lo up
    mount --bind "$1/resolv.conf" /etc/resolv.conf
    mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
    python3 -c '
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
server.recv(999)
print("asked", flush=True)
server.recv(999)' > "$1/server" &
    until grep -qs ready "$1/server"; do :; done
    exec "$0" connect a.friend.example
"#;

#[test]
fn a_signal_while_a_name_is_looked_up_ends_it_at_once_with_130() {
    if !have_tool("python3") || !can_have_a_network_of_its_own() {
        return;
    }
    for_each_signal(|signal| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        std::fs::write(folder.path().join("nsswitch.conf"), "hosts: dns\n").unwrap();
        let mut program = Program::spawn(
            Command::new("unshare")
                .args(["-rmn", "bash", "-c", WITHOUT_AN_ANSWER, threadchat()])
                .arg(folder.path()),
        );
        until("the name server is asked", || {
            if !program.runs() {
                program.fail("it ended by itself");
            }
            let server = std::fs::read_to_string(folder.path().join("server"));
            server.is_ok_and(|said| said.contains("asked")).then_some(())
        });
        let ended = leaves(&mut program, signal, 130, AT_ONCE);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    });
}

#[test]
fn a_signal_while_an_address_does_not_answer_ends_it_at_once_with_130() {
    for_each_signal(|signal| {
        let (listener, _queued) = listener_that_does_not_answer(([127, 0, 0, 1], 0).into());
        let port = listener.local_addr().unwrap().port();
        let mut program = Program::connect(port, &[]);
        until_somebody_calls(port);
        let ended = leaves(&mut program, signal, 130, AT_ONCE);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    });
}

#[test]
fn a_signal_while_it_waits_to_call_again_ends_it_at_once_with_130() {
    for_each_signal(|signal| {
        let place = place_of_our_own(signal.as_raw() as u8);
        let mut program = Program::start(&["connect", "--wait", &place.to_string()]);
        program.wait_stderr("calling again once a second");
        let ended = leaves(&mut program, signal, 130, AT_ONCE);
        assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    });
}

// In a conversation.

#[test]
fn a_signal_in_an_idle_conversation_closes_it_with_fin_and_exit_0() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let friend = reads_to_fin(friend_calls(port));
        program.say("hello\n");
        program.wait_stderr("connected to");
        until_all_sleep(program.child.id(), &["stdin-reader", "coordinator", "socket-writer"]);
        let ended = leaves(&mut program, signal, 0, AT_ONCE);
        assert_eq!(friend.join().expect("FIN, not RST"), b"hello\n");
        assert!(!ended.stderr.contains("* "), "{}", ended.stderr);
        assert_can_be_bound_again(port);
    });
}

#[test]
fn ctrl_c_at_a_terminal_closes_an_idle_conversation_with_fin_and_exit_0() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let friend = reads_to_fin(friend_calls(port));
    terminal.wait_for("connected to");
    terminal.press("hello\n");
    until_all_sleep(terminal.pid(), &["stdin-reader", "coordinator", "socket-writer"]);
    let began = Instant::now();
    terminal.press("\x03");
    terminal.ends_with(0);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(friend.join().expect("FIN, not RST"), b"hello\n");
    let after = terminal.modes();
    assert_eq!(after.local_modes, terminal.modes_before().local_modes);
    assert_can_be_bound_again(port);
}

#[test]
fn a_friend_who_keeps_silent_and_does_not_close_is_left_within_2_s_with_fin_and_exit_0() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let mut friend = friend_calls(port);
        program.wait_stderr("connected to");
        leaves(&mut program, signal, 0, TWO_SECONDS);
        let mut bytes = Vec::new();
        friend.read_to_end(&mut bytes).expect("FIN, not RST");
        assert_eq!(bytes, b"");
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_signal_after_my_own_end_leaves_within_2_s_with_exit_0() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let mut friend = friend_calls(port);
        program.say("that was all\n");
        program.end_stdin();
        let mut bytes = Vec::new();
        friend.read_to_end(&mut bytes).expect("FIN");
        friend.write_all(b"reply\n").unwrap();
        program.wait_stdout("reply\n");
        leaves(&mut program, signal, 0, TWO_SECONDS);
        assert_eq!(bytes, b"that was all\n");
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_signal_after_the_friends_end_closes_at_once_with_exit_0() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let friend = friend_calls(port);
        friend.shutdown(Shutdown::Write).unwrap();
        program.wait_stderr("the friend has ended");
        let friend = reads_to_fin(friend);
        leaves(&mut program, signal, 0, AT_ONCE);
        assert_eq!(friend.join().expect("FIN, not RST"), b"");
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_signal_under_full_load_loses_nothing_in_either_direction() {
    for_each_signal(|signal| {
        let mut fed = Fed::listen(&[]);
        let friend = friend_calls(fed.port);
        let mut receives = friend.try_clone().unwrap();
        // The friend says as much as it can until it sees that the other side is leaving.
        let (seen, saw_fin) = std::sync::mpsc::channel::<()>();
        let received = std::thread::spawn(move || {
            let mut scratch = vec![0; 65_536];
            let mut count = 0;
            loop {
                match receives.read(&mut scratch).expect("FIN, not RST") {
                    0 => break drop(seen),
                    more => count += more as u64,
                }
            }
            count
        });
        let mut sends = friend;
        let sent = std::thread::spawn(move || {
            let mut count = 0;
            let stop = |result| result != Err(std::sync::mpsc::TryRecvError::Empty);
            while !stop(saw_fin.try_recv()) {
                count += sends.write(&[b'y'; 30_000]).expect("it receives to the end");
            }
            sends.shutdown(Shutdown::Write).unwrap();
            count
        });
        // Under way in both directions, and well under way.
        until("megabytes have passed", || {
            fed.top_up();
            (fed.taken() > 5_000_000 && fed.program.stdout.bytes().len() > 5_000_000).then_some(())
        });
        let taken = fed.taken();
        let ended = leaves(&mut fed.program, signal, 0, TWO_SECONDS);
        let (received, sent) = (received.join().unwrap(), sent.join().unwrap());
        assert_eq!(ended.stdout.len(), sent, "what arrived until the friend's FIN is written out");
        // What had been taken, but for the one block that was on its way to the coordinator.
        assert!(received + 65_536 >= taken, "{taken} taken, {received} arrived");
        assert_can_be_bound_again(fed.port);
    });
}

#[test]
fn a_signal_sends_what_was_taken_from_stdin_to_a_friend_who_reads_late() {
    for_each_signal(|signal| {
        let mut fed = Fed::listen(&["--explain"]);
        let friend = friend_calls(fed.port);
        let stuck = ["stdin-reader", "coordinator", "socket-writer"];
        // All its buffers are out, since the friend does not read; the pipe behind them is full.
        until("it takes no more", || {
            fed.top_up();
            until_all_sleep(fed.program.child.id(), &stuck);
            let before = fed.written;
            fed.top_up();
            (fed.written == before && fed.taken() > 0).then_some(())
        });
        let taken = fed.taken();
        fed.program.signal(signal);
        // From here on nothing more is to be taken, although there is room again.
        // (It says that it was woken before it does anything about it.)
        fed.program.wait_stderr("closes our sending half");
        let friend = reads_to_fin(friend);
        fed.program.ends_with(0);
        assert_eq!(friend.join().expect("FIN, not RST").len() as u64, taken);
        assert_eq!(fed.taken(), taken, "read from stdin after the signal, and not sent");
    });
}

#[test]
fn after_a_signal_no_more_is_read_from_stdin() {
    let mut fed = Fed::listen(&[]);
    let mut friend = friend_calls(fed.port);
    fed.program.wait_stderr("connected to");
    until_all_sleep(fed.program.child.id(), &["stdin-reader", "coordinator"]);
    fed.program.signal(Signal::INT);
    assert_eq!(friend.read(&mut [0; 16]).expect("FIN"), 0);
    // The friend does not close, so it stays for its 2 s. Whoever feeds it is to be held back:
    // what is read now goes nowhere, and a shell's next command on this stdin would miss it.
    until("it is gone", || {
        fed.top_up();
        (!fed.program.runs()).then_some(())
    });
    let taken = fed.taken();
    // The one `read` that cannot be woken takes 64 KiB at most.
    assert!(taken <= 65_536, "{taken} bytes were read after the signal, for nobody");
}

#[test]
fn a_line_that_was_taken_before_the_signal_is_sent() {
    for _ in 0..20 {
        let (mut program, port) = Program::listen(&[]);
        let friend = reads_to_fin(friend_calls(port));
        program.wait_stderr("connected to");
        until_all_sleep(program.child.id(), &["stdin-reader"]);
        program.say("typed, and then Ctrl-C\n");
        let stdin = program.child.stdin.as_ref().unwrap();
        until("it is taken", || (waiting_in(stdin) == 0).then_some(()));
        until("it is handed over", || {
            thread_sleeps(program.child.id(), "stdin-reader").then_some(())
        });
        leaves(&mut program, Signal::INT, 0, AT_ONCE);
        assert_eq!(friend.join().expect("FIN"), b"typed, and then Ctrl-C\n");
    }
}

#[test]
fn a_friend_who_does_not_read_is_cut_off_after_2_s_and_a_notice_says_what_was_not_sent() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let mut friend = friend_calls(port);
        program.pipe_in(vec![b'x'; 50_000_000]);
        program.wait_stderr("connected to");
        until_all_sleep(program.child.id(), &["stdin-reader", "coordinator", "socket-writer"]);
        let ended = leaves(&mut program, signal, 1, TWO_SECONDS);
        assert!(ended.stderr.contains("* not sent: "), "{}", ended.stderr);
        // Something is missing, and the friend is told so: a FIN would be a lie.
        let end = friend.read_to_end(&mut Vec::new()).expect_err("RST");
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_friend_who_goes_on_talking_is_cut_off_after_2_s_and_is_not_left_hanging() {
    for_each_signal(|signal| {
        let mut program = Program::spawn_as_is(
            Command::new(threadchat())
                .args(["listen", "127.0.0.1:0"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        );
        let port = program.listening_port();
        let mut friend = friend_calls(port);
        let (progress, under_way) = std::sync::mpsc::channel();
        let floods = std::thread::spawn(move || {
            while friend.write_all(&[b'y'; 30_000]).is_ok() {
                let _ = progress.send(());
            }
        });
        // The system takes calls, and megabytes, before the program does.
        program.wait_stderr("connected to");
        (0..100).for_each(|_| under_way.recv().expect("it is under way"));
        leaves(&mut program, signal, 0, TWO_SECONDS);
        let gone = Instant::now();
        floods.join().unwrap();
        // Its system knows that nobody takes what it sends, and tells it at its next write.
        assert!(gone.elapsed() < TWO_SECONDS, "it hung for {:?}", gone.elapsed());
        assert_can_be_bound_again(port);
    });
}

/// A listener whose stdout is a pipe that nobody reads.
#[track_caller]
fn listener_with_unread_stdout() -> (Program, u16, PipeReader) {
    let (unread, stdout) = std::io::pipe().expect("a pipe");
    let (program, port) = Program::listen_to(stdout);
    (program, port, unread)
}

#[test]
fn a_stdout_that_is_not_read_is_left_after_2_s_and_a_notice_says_what_was_not_written() {
    for_each_signal(|signal| {
        let (mut program, port, _unread) = listener_with_unread_stdout();
        let mut friend = friend_calls(port);
        let floods = std::thread::spawn(move || while friend.write_all(&[b'y'; 30_000]).is_ok() {});
        let pid = program.child.id();
        until_all_sleep(pid, &["socket-reader", "coordinator", "screen-writer"]);
        let ended = leaves(&mut program, signal, 1, TWO_SECONDS);
        assert!(ended.stderr.contains("* not written: "), "{}", ended.stderr);
        let gone = Instant::now();
        floods.join().unwrap();
        assert!(gone.elapsed() < TWO_SECONDS, "the friend hung for {:?}", gone.elapsed());
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_stdout_that_is_not_read_and_a_friend_who_has_closed_is_left_after_2_s() {
    for_each_signal(|signal| {
        let (mut program, port, unread) = listener_with_unread_stdout();
        program.end_stdin();
        let mut friend = friend_calls(port);
        friend.write_all(&[b'y'; 120_000]).unwrap();
        drop(friend);
        program.wait_stderr("connected to");
        until("the pipe is being filled", || (waiting_in(&unread) > 0).then_some(()));
        until_all_sleep(program.child.id(), &["coordinator", "screen-writer"]);
        let ended = leaves(&mut program, signal, 1, TWO_SECONDS);
        assert!(ended.stderr.contains("* not written: "), "{}", ended.stderr);
        assert_can_be_bound_again(port);
    });
}

/// A conversation at a terminal whose output has been stopped with Ctrl-S.
#[track_caller]
fn stopped_with_ctrl_s() -> (Terminal, u16, TcpStream) {
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    // The terminal takes its keys in order: with the line, the Ctrl-S before it has been taken.
    terminal.press("\x13typed blindly\n");
    let mut line = [0; 14];
    friend.read_exact(&mut line).expect("input goes on");
    assert_eq!(&line, b"typed blindly\n");
    friend.write_all(b"you cannot see this\n").unwrap();
    until_all_sleep(terminal.pid(), &["socket-reader", "coordinator", "screen-writer"]);
    assert!(!terminal.screen().contains("you cannot see this"));
    (terminal, port, friend)
}

#[test]
fn output_stopped_with_ctrl_s_does_not_keep_a_signal_from_ending_it() {
    for_each_signal(|signal| {
        let (mut terminal, port, mut friend) = stopped_with_ctrl_s();
        let began = Instant::now();
        terminal.signal(signal);
        terminal.ends_with(1);
        assert!(began.elapsed() < TWO_SECONDS, "{:?}", began.elapsed());
        assert_eq!(terminal.modes().local_modes, terminal.modes_before().local_modes);
        friend.read_to_end(&mut Vec::new()).expect("FIN, not RST");
        assert_can_be_bound_again(port);
    });
}

#[test]
fn ctrl_s_and_then_ctrl_c_ends_it() {
    // Ctrl-C makes the terminal go on (n_tty), so that what was said is seen after all.
    let (mut terminal, port, friend) = stopped_with_ctrl_s();
    let friend = reads_to_fin(friend);
    let began = Instant::now();
    terminal.press("\x03");
    terminal.ends_with(0);
    assert!(began.elapsed() < TWO_SECONDS, "{:?}", began.elapsed());
    let screen = terminal.screen();
    assert!(screen.contains("friend says: you cannot see this"), "{screen}");
    friend.join().expect("FIN, not RST");
    assert_can_be_bound_again(port);
}

#[test]
fn a_stderr_that_nobody_reads_does_not_keep_a_signal_from_ending_it() {
    for_each_signal(|signal| {
        let (unread, stderr) = std::io::pipe().expect("a pipe");
        let (listener, port) = friend_listener();
        let mut program = Program::spawn_as_is(
            Command::new("env")
                .args(["RUST_LOG=trace", threadchat(), "connect", "127.0.0.1", &port.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(stderr),
        );
        let mut friend = friend_answers(&listener);
        // Each line makes some lines of log; the pipe holds a few hundred.
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            friend.write_all(line.as_bytes()).unwrap();
            program.wait_stdout(&line);
        }
        until_all_sleep(program.child.id(), &["notice-writer"]);
        let full = waiting_in(&unread);
        assert!(full > 30_000, "{full} bytes");
        let friend = reads_to_fin(friend);
        let ended = leaves(&mut program, signal, 0, TWO_SECONDS);
        assert!(ended.stdout.ends_with(b"line 999\n"));
        friend.join().expect("FIN, not RST");
    });
}

#[test]
fn explain_says_that_every_thread_was_joined() {
    let (mut program, port) = Program::listen(&["--explain"]);
    let friend = reads_to_fin(friend_calls(port));
    program.wait_stderr("connected to");
    program.wait_stderr("blocks in read");
    let ended = leaves(&mut program, Signal::INT, 0, AT_ONCE);
    friend.join().expect("FIN");
    for line in [
        "joined socket-reader",
        "joined socket-writer",
        "joined coordinator",
        "joined screen-writer",
        "joined acceptor",
        "joined stdin-reader",
    ] {
        assert!(ended.stderr.contains(line), "no {line:?} in\n{}", ended.stderr);
    }
}

/// It was dropped, and `end` was said: 8 of 8 times.
#[test]
fn half_a_line_that_was_read_is_sent_before_end_at_a_signal() {
    for_each_signal(|signal| {
        let mut fed = Fed::listen(&["--wire", "frames"]);
        let friend = friend_calls(fed.port);
        fed.program.wait_stderr("connected to");
        fed.to_stdin.write_all(b"a line\nand half a li").expect("the pipe has room");
        until("all is read", || (waiting_in(&fed.stdin) == 0).then_some(()));
        let heard = reads_to_fin(friend);
        leaves(&mut fed.program, signal, 0, TWO_SECONDS);
        let expected = [&frames(&["a line", "and half a li"])[..], END].concat();
        assert_eq!(heard.join().expect("FIN"), expected);
    });
}

/// A sister of it: what cannot be said is told, and then `end` would be a lie.
#[test]
fn half_a_character_that_was_read_at_a_signal_is_an_error_and_no_end_is_said() {
    let mut fed = Fed::listen(&["--wire", "frames"]);
    let friend = friend_calls(fed.port);
    fed.program.wait_stderr("connected to");
    fed.to_stdin.write_all("half a charact\u{e9}r".as_bytes().split_at(15).0).expect("room");
    until("all is read", || (waiting_in(&fed.stdin) == 0).then_some(()));
    let heard = reads_to_fin(friend);
    let ended = leaves(&mut fed.program, Signal::INT, 1, TWO_SECONDS);
    assert_eq!(heard.join().expect("FIN"), b"");
    assert!(ended.stderr.contains("line 1"), "{}", ended.stderr);
}

#[test]
fn half_a_line_that_the_host_of_a_room_has_piped_in_is_said_before_the_room_is_closed() {
    for wire in ["lines", "frames"] {
        let mut fed = Fed::listen(&["--room", "--wire", wire]);
        let mut friend = friend_calls(fed.port);
        fed.program.wait_stderr("guest-1 has joined");
        fed.to_stdin.write_all(b"half a li").expect("the pipe has room");
        until("all is read", || (waiting_in(&fed.stdin) == 0).then_some(()));
        fed.program.signal(Signal::INT);
        let mut heard = Vec::new();
        friend.read_to_end(&mut heard).expect("FIN");
        drop(friend);
        fed.program.ends_with(0);
        let heard = String::from_utf8_lossy(&heard);
        let (said, closed) = (heard.find("host says: half a li"), heard.find("the room is closed"));
        assert!(said.is_some() && said < closed, "{heard:?}");
    }
}

/// It took 1.6 s, as long as with a friend who goes on talking.
#[test]
fn a_friend_who_stays_and_says_nothing_is_left_before_one_who_goes_on_talking() {
    let [mut quiet, mut talking] = [(); 2].map(|()| {
        let (program, port) = Program::listen(&[]);
        let friend = friend_calls(port);
        program.wait_stderr("connected to");
        (program, friend)
    });
    let mut talks = talking.1.try_clone().expect("a socket");
    let said = Arc::new(AtomicU32::new(0));
    let talks_on = std::thread::spawn({
        let said = Arc::clone(&said);
        move || {
            while talks.write_all(b"and another thing\n").is_ok() {
                said.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    talking.0.wait_stdout("and another thing");
    talking.0.signal(Signal::INT);
    assert_eq!(talking.1.read(&mut [0; 16]).expect("FIN"), 0);
    // The one who talks has a start. It still is not the first to be left.
    let then = said.load(Ordering::Relaxed);
    until("more was said", || (said.load(Ordering::Relaxed) > then + 10).then_some(()));
    quiet.0.signal(Signal::INT);
    quiet.0.ends_with(0);
    assert!(talking.0.runs(), "the friend who says nothing was waited for as long");
    talking.0.ends_with(0);
    talks_on.join().expect("it stops when nobody listens");
}

// A second signal.

#[test]
fn a_second_signal_while_the_first_is_carried_out_is_130_at_once() {
    for_each_signal(|signal| {
        let (mut program, port) = Program::listen(&[]);
        let mut friend = friend_calls(port);
        program.wait_stderr("connected to");
        program.signal(signal);
        // FIN has come, so the first is being carried out; the friend does not close.
        assert_eq!(friend.read(&mut [0; 16]).expect("FIN"), 0);
        leaves(&mut program, signal, 130, AT_ONCE);
        assert_can_be_bound_again(port);
    });
}

#[test]
fn a_second_signal_while_stdout_does_not_take_the_rest_is_130_at_once() {
    let (mut program, port, _unread) = listener_with_unread_stdout();
    let mut friend = friend_calls(port);
    friend.write_all(&[b'y'; 120_000]).unwrap();
    program.wait_stderr("connected to");
    until_all_sleep(program.child.id(), &["socket-reader", "coordinator", "screen-writer"]);
    program.signal(Signal::INT);
    assert_eq!(friend.read(&mut [0; 16]).expect("FIN"), 0);
    drop(friend);
    leaves(&mut program, Signal::TERM, 130, AT_ONCE);
}

#[test]
fn a_second_ctrl_c_at_a_terminal_is_130_and_the_terminal_is_restored() {
    let (mut terminal, port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    terminal.wait_for("connected to");
    terminal.press("\x03");
    assert_eq!(friend.read(&mut [0; 16]).expect("FIN"), 0);
    let began = Instant::now();
    terminal.press("\x03");
    terminal.ends_with(130);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(terminal.modes().local_modes, terminal.modes_before().local_modes);
    assert_can_be_bound_again(port);
}

// A terminal as stdin alone.

#[test]
fn ctrl_c_with_stdin_a_terminal_and_stdout_a_pipe_that_is_not_read_is_gone_within_2_s() {
    if !have_tool("setsid") {
        return;
    }
    let (listener, port) = friend_listener();
    let (_unread, stdout) = std::io::pipe().expect("a pipe");
    let mut tty = Tty::open();
    let mut command = threadchat_in_session(&["connect", "127.0.0.1", &port.to_string()]);
    command.stdin(tty.end()).stdout(stdout).stderr(Stdio::piped());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friend = friend_answers(&listener);
    program.wait_stderr("connected to");
    let floods = std::thread::spawn(move || while friend.write_all(&[b'y'; 30_000]).is_ok() {});
    until_all_sleep(program.child.id(), &["socket-reader", "coordinator", "screen-writer"]);
    let began = Instant::now();
    tty.press("\x03");
    let ended = program.ends_with(1);
    assert!(began.elapsed() < TWO_SECONDS, "{:?}", began.elapsed());
    assert!(ended.stderr.contains("* not written: "), "{}", ended.stderr);
    floods.join().unwrap();
}
