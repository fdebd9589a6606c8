//! CONTRACT 10: idle means blocked. A conversation in which nothing is said wakes no thread, and
//! one that is held up does not spin.
//!
//! The judge is the kernel, which counts how often it has given each thread a processor, and how
//! long (`/proc/PID/task/*`). These are the only tests that let time go by on purpose: that
//! nothing happens meanwhile is what they prove.

mod support;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::observe::{is_full, thread_sleeps, waiting_at_the_other_end};
use support::process::{ThreadState, connected_socket, threads, wait_until_quiet};
use support::pty::Terminal;
use support::{
    Program, friend_answers, friend_calls, friend_listener, random_bytes, threadchat, until,
};

/// How long nothing may happen. Longer than the beat of any timer that a chat might have.
const A_WHILE: Duration = Duration::from_secs(4);

/// Waits until these processes are quiet, and checks that they stay so for [`A_WHILE`]: no thread
/// is woken, none comes or goes, and all of them sleep.
#[track_caller]
fn assert_idle(processes: &[(&str, u32)]) {
    let pids: Vec<u32> = processes.iter().map(|(_, pid)| *pid).collect();
    wait_until_quiet(&pids);
    let before: Vec<Vec<ThreadState>> = pids.iter().map(|pid| threads(*pid)).collect();
    std::thread::sleep(A_WHILE);
    for ((what, pid), before) in processes.iter().zip(before) {
        let after = threads(*pid);
        assert!(!before.is_empty(), "{what}: it has ended");
        let show = |threads: &[ThreadState]| -> String {
            threads.iter().map(|thread| format!("  {thread}\n")).collect()
        };
        assert!(
            before == after,
            "{what}: not idle\nbefore:\n{}after:\n{}",
            show(&before),
            show(&after)
        );
        let asleep = after.iter().all(|thread| thread.state == 'S');
        assert!(asleep, "{what}: not blocked\n{}", show(&after));
    }
}

/// A caller with these options, and the friend whom it has reached.
#[track_caller]
fn conversation(options: &[&str]) -> (Program, TcpStream) {
    let (listener, port) = friend_listener();
    let caller = Program::connect(port, options);
    let friend = friend_answers(&listener);
    caller.wait_stderr("connected to");
    (caller, friend)
}

#[test]
fn a_conversation_in_which_nothing_is_said_wakes_no_thread() {
    // Two copies on pipes, which have talked before.
    let (listener, caller) = Program::two_who_talk();
    // Two people at terminals.
    let (mut answering, port) = Terminal::listen(&[]);
    let calling = Terminal::start(&["connect", "127.0.0.1", &port.to_string()]);
    calling.wait_for("connected to");
    answering.wait_for("connected to"); // Or it would be said to nobody.
    answering.press("hello\r");
    calling.wait_for("friend says: hello");
    // And with options that change what the threads do.
    let (frames, _one) = conversation(&["--wire", "frames"]);
    let (receiving, _two) = conversation(&["--recv-only"]);
    let (small, _three) = conversation(&["--recv-buffer", "1"]);
    let (waited, _four) = conversation(&["--wait"]);
    let (explained, _five) = conversation(&["--explain"]);
    let (keep, port) = Program::listen(&["--keep", "--recv-only"]);
    let _friend = friend_calls(port);
    keep.wait_stderr("connected to");
    assert_idle(&[
        ("a listener on pipes", listener.child.id()),
        ("a caller on pipes", caller.child.id()),
        ("a listener at a terminal", answering.pid()),
        ("a caller at a terminal", calling.pid()),
        ("--wire frames", frames.child.id()),
        ("--recv-only", receiving.child.id()),
        ("--recv-buffer 1", small.child.id()),
        ("--wait", waited.child.id()),
        ("--explain", explained.child.id()),
        ("--keep", keep.child.id()),
    ]);
}

#[test]
fn a_conversation_that_is_half_over_wakes_no_thread() {
    // My stdin has ended, and the friend goes on saying nothing.
    let (mut ended, _one) = conversation(&[]);
    ended.end_stdin();
    until("its half has ended", || {
        let is_writer = |thread: &ThreadState| thread.name == "socket-writer";
        (!threads(ended.child.id()).iter().any(is_writer)).then_some(())
    });
    // The friend has ended, and my stdin goes on giving nothing.
    let (left, two) = conversation(&[]);
    two.shutdown(Shutdown::Write).unwrap();
    left.wait_stderr("* the friend has ended");
    assert_idle(&[("my end", ended.child.id()), ("the friend's end", left.child.id())]);
}

#[test]
fn waiting_for_a_friend_wakes_no_thread() {
    let (piped, _) = Program::listen(&[]);
    let (terminal, _) = Terminal::listen(&[]);
    let (keep, port) = Program::listen(&["--keep", "--recv-only"]);
    drop(friend_calls(port));
    // It is there for the next one.
    let listens_again = |stderr: &[u8]| {
        let text = String::from_utf8_lossy(stderr);
        (text.matches("listening on").count() == 2).then_some(())
    };
    assert!(keep.stderr.wait_until(listens_again).is_some(), "it does not listen again");
    assert_idle(&[
        ("a listener on pipes", piped.child.id()),
        ("a listener at a terminal", terminal.pid()),
        ("a listener with --keep", keep.child.id()),
    ]);
}

#[test]
fn a_conversation_that_is_held_up_wakes_no_thread() {
    // By a friend who does not read,
    let (mut stuck, _friend) = conversation(&[]);
    let stdin = stuck.child.stdin.as_ref().unwrap().as_fd().try_clone_to_owned().unwrap();
    stuck.pipe_in(random_bytes(40 << 20, 1));
    // by a stdout that nobody reads,
    let (listener, port) = friend_listener();
    let (stdout, to_stdout) = std::io::pipe().unwrap();
    let mut command = Command::new(threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string()]);
    command.stdin(Stdio::piped()).stdout(to_stdout.try_clone().unwrap()).stderr(Stdio::piped());
    let unread = Program::spawn_as_is(&mut command);
    let mut friend = friend_answers(&listener);
    let sending = friend.try_clone().unwrap();
    let sender = std::thread::spawn(move || friend.write_all(&random_bytes(40 << 20, 1)));
    // and by a stderr that nobody reads.
    let (stderr, to_stderr) = std::io::pipe().unwrap();
    // (`--explain` alone would count most steps.)
    let mut command = Command::new("env");
    command.args(["RUST_LOG=trace", threadchat(), "connect", "127.0.0.1", &port.to_string()]);
    command.args(["--explain", "--recv-buffer=1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(to_stderr.try_clone().unwrap());
    let muted = Program::spawn_as_is(&mut command);
    let mut talker = friend_answers(&listener);
    let mut said = 10_000;
    talker.write_all(&random_bytes(said, 1)).unwrap();
    // Now it has to come to that. What is full stays full, since nobody takes anything from it. And a
    // reader that sleeps although something is there to be read has no buffer left to read it into.
    let all = [stuck.child.id(), unread.child.id(), muted.child.id()];
    until("what is piped in has nowhere to go", || {
        (is_full(&stdin) && thread_sleeps(all[0], "stdin-reader")).then_some(())
    });
    until("stdout is full, and what the friend sends has nowhere to go", || {
        let is_stuck = is_full(&to_stdout) && is_full(&sending);
        let is_left = waiting_at_the_other_end(&sending) > 0;
        (is_stuck && is_left && thread_sleeps(all[1], "socket-reader")).then_some(())
    });
    until("stderr is full of steps", || {
        if is_full(&to_stderr) {
            return Some(());
        }
        // It may have dropped more steps than it wrote: here are others.
        talker.write_all(&random_bytes(100, 1)).unwrap();
        said += 100;
        None
    });
    assert!(muted.stdout.wait_until(|bytes| (bytes.len() == said).then_some(())).is_some());
    assert_idle(&[
        ("a friend who does not read", all[0]),
        ("a stdout that nobody reads", all[1]),
        ("a stderr that nobody reads", all[2]),
    ]);
    drop((stdout, stderr));
    // Nothing is promised any more: the program may have found out already that nobody reads, and
    // have reset the connection, which ends the sender as well.
    let _ = sending.shutdown(Shutdown::Both);
    let _ = sender.join().unwrap();
}

#[test]
fn what_is_said_does_not_wait_for_the_last_answer() {
    // Nagle's algorithm (RFC 896) with delayed acknowledgements holds a line back for up to 40 ms.
    let (listener, port) = Program::listen(&[]);
    let caller = Program::connect(port, &[]);
    for program in [&listener, &caller] {
        program.wait_stderr("connected to");
        let Some(socket) = connected_socket(program.child.id()) else { return };
        assert!(socket.tcp_nodelay().unwrap(), "TCP_NODELAY");
    }
}
