//! CONTRACT 5, with the tools that people have already: `nc` (OpenBSD's), `ncat` and `socat` as
//! the friend on either side, and `telnet`, which can only call. Text and files go both ways, each
//! side may end first, and threadchat ends with the exit code that says how it went.
//!
//! Nothing here is about the tools' own faults: each is given the options with which it does
//! what it is asked (to end its sending when its stdin ends, to wait for a late reply), and one
//! test is for those who leave them out.

mod support;

use std::process::{Command, Stdio};
use std::time::Instant;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::pty::Terminal;
use support::wire::assert_same;
use support::{DEADLINE, Program, contains, have_tool, random_bytes};

/// A tool that can be the friend on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Nc,
    Ncat,
    Socat,
}

/// Who listens, and who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    Threadchat,
    Tool,
}

const EITHER_SIDE: [Listener; 2] = [Listener::Threadchat, Listener::Tool];

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::Nc => "nc",
            Tool::Ncat => "ncat",
            Tool::Socat => "socat",
        }
    }

    /// The tool as a listener on a free port of 127.0.0.1.
    fn listening(self) -> Command {
        let mut command = Command::new(self.name());
        match self {
            // -N: the end of stdin ends the sending half.
            Tool::Nc => command.args(["-N", "-l", "127.0.0.1", "0"]),
            Tool::Ncat => command.args(["-l", "127.0.0.1", "0"]),
            // -t: how long the other direction may go on when one has ended.
            Tool::Socat => command.args(["-t", "60", "-", "TCP-LISTEN:0,bind=127.0.0.1"]),
        };
        command
    }

    /// The tool as a caller of this port.
    fn calling(self, port: u16) -> Command {
        let mut command = Command::new(self.name());
        let port = port.to_string();
        match self {
            Tool::Nc => command.args(["-N", "127.0.0.1", &port]),
            Tool::Ncat => command.args(["127.0.0.1", &port]),
            Tool::Socat => command.args(["-t", "60", "-", &format!("TCP:127.0.0.1:{port}")]),
        };
        command
    }

    /// Whether the tool is gone as soon as the other side has ended, whatever it still has to
    /// say itself: `nc -l` and `ncat -l` are.
    fn is_gone_when_i_end(self, listener: Listener) -> bool {
        self != Tool::Socat && listener == Listener::Tool
    }

    /// threadchat on pipes and the tool, connected.
    #[track_caller]
    fn meet(self, listener: Listener, options: &[&str]) -> (Program, Program) {
        match listener {
            Listener::Threadchat => {
                let (chat, port) = Program::listen(options);
                let tool = Program::spawn(&mut self.calling(port));
                chat.wait_stderr("connected to");
                (chat, tool)
            }
            Listener::Tool => {
                let tool = Program::spawn(&mut self.listening());
                let chat = Program::connect(listening_port(&tool), options);
                chat.wait_stderr("connected to");
                (chat, tool)
            }
        }
    }

    /// threadchat at a terminal and the tool, connected.
    #[track_caller]
    fn meet_at_terminal(self, listener: Listener) -> (Terminal, Program) {
        match listener {
            Listener::Threadchat => {
                let (chat, port) = Terminal::listen(&[]);
                let tool = Program::spawn(&mut self.calling(port));
                chat.wait_for("connected to");
                (chat, tool)
            }
            Listener::Tool => {
                let tool = Program::spawn(&mut self.listening());
                let port = listening_port(&tool).to_string();
                let chat = Terminal::start(&["connect", "127.0.0.1", &port]);
                chat.wait_for("connected to");
                (chat, tool)
            }
        }
    }
}

/// The port that a process listens on, once it does. (Not every tool tells.)
#[track_caller]
fn listening_port(program: &Program) -> u16 {
    let pid = program.child.id();
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(port) = port_of_socket(pid, "0A") {
            return port;
        }
        if Instant::now() > deadline {
            program.fail("it listens nowhere");
        }
        std::thread::yield_now();
    }
}

/// Waits until threadchat has closed its sending half.
#[track_caller]
fn wait_for_my_end(pid: u32) {
    let deadline = Instant::now() + DEADLINE;
    while port_of_socket(pid, "01").is_some() {
        assert!(Instant::now() < deadline, "it does not end the conversation");
        std::thread::yield_now();
    }
}

/// The local port of a socket in this state (0A is listening, 01 is established in both
/// directions) among a process's open files.
fn port_of_socket(pid: u32, state: &str) -> Option<u16> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let open: Vec<String> = files
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter_map(|target| {
            let name = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned();
            Some(name)
        })
        .collect();
    let sockets = std::fs::read_to_string("/proc/net/tcp").ok()?;
    sockets.lines().find_map(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let wanted = columns.get(3) == Some(&state);
        let ours = open.iter().any(|inode| columns.get(9) == Some(&inode.as_str()));
        if !(wanted && ours) {
            return None;
        }
        u16::from_str_radix(columns[1].split_once(':')?.1, 16).ok()
    })
}

// The promises. Each holds with each tool, on either side; see the end of this file.

fn text_goes_both_ways_through_pipes(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet(listener, &[]);
        for round in ["hello", "Grüße, 你好 🦀", "", "a b\tc"] {
            friend.say(format!("{round}!\n"));
            chat.wait_stdout(format!("{round}!\n"));
            chat.say(format!("{round}?\n"));
            friend.wait_stdout(format!("{round}?\n"));
        }
        chat.end_stdin();
        friend.end_stdin();
        let expected = "hello!\nGrüße, 你好 🦀!\n!\na b\tc!\n";
        assert_eq!(String::from_utf8_lossy(&chat.ends_with(0).stdout), expected, "{listener:?}");
        assert_eq!(friend.wait().stdout, expected.replace('!', "?").as_bytes(), "{listener:?}");
    }
}

fn text_goes_both_ways_at_a_terminal(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet_at_terminal(listener);
        friend.say("hello, Grüße\n");
        chat.wait_for("friend says: hello, Grüße");
        chat.press("hi, 你好\r");
        friend.wait_stdout("hi, 你好\n");
        // The friend leaves first.
        friend.end_stdin();
        chat.wait_for("friend has left");
        chat.ends_with(0);
        assert_eq!(friend.wait().stdout, "hi, 你好\n".as_bytes(), "{listener:?}");
    }
}

fn what_is_typed_is_there_when_enter_is_pressed(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, friend) = tool.meet_at_terminal(listener);
        for number in 0..20 {
            chat.press(format!("message {number}\r"));
            friend.wait_stdout(format!("message {number}\n"));
        }
    }
}

fn a_late_reply_reaches_a_friend_who_has_ended(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet(listener, &[]);
        friend.say("a question\n");
        friend.end_stdin();
        chat.wait_stderr("* the friend has ended");
        chat.say("a late reply\n");
        friend.wait_stdout("a late reply\n");
        chat.say("and another\n");
        chat.end_stdin();
        assert_eq!(friend.wait().stdout, b"a late reply\nand another\n", "{listener:?}");
        assert_eq!(chat.ends_with(0).stdout, b"a question\n", "{listener:?}");
    }
}

fn a_friends_late_reply_arrives_after_my_end(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet(listener, &[]);
        chat.say("a question\n");
        if tool.is_gone_when_i_end(listener) {
            // There is no late reply; but what was said until then has arrived.
            friend.say("an early reply\n");
            chat.wait_stdout("an early reply\n");
            chat.end_stdin();
            chat.ends_with(0);
            assert_eq!(friend.wait().stdout, b"a question\n", "{listener:?}");
            continue;
        }
        chat.end_stdin();
        friend.wait_stdout("a question\n");
        friend.say("a late reply\n");
        chat.wait_stdout("a late reply\n");
        friend.say("and another\n");
        friend.end_stdin();
        assert_eq!(chat.ends_with(0).stdout, b"a late reply\nand another\n", "{listener:?}");
        assert_eq!(friend.wait().stdout, b"a question\n", "{listener:?}");
    }
}

fn a_file_arrives_whole_in_both_directions_at_once(tool: Tool) {
    // No newline at the end, and every byte value within.
    let there = random_bytes(1_500_001, 1);
    let back = random_bytes(1_200_007, 2);
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet(listener, &[]);
        friend.pipe_in(back.clone());
        if tool.is_gone_when_i_end(listener) {
            chat.say(&there);
            let whole = chat.stdout.wait_until(|bytes| (bytes.len() >= back.len()).then_some(()));
            assert_eq!(whole, Some(()), "{listener:?}");
            chat.end_stdin();
        } else {
            chat.pipe_in(there.clone());
        }
        let ended = chat.ends_with(0);
        assert_same(&ended.stdout, &back, &format!("to threadchat, {listener:?}"));
        assert_same(&friend.wait().stdout, &there, &format!("from threadchat, {listener:?}"));
    }
}

fn a_file_is_copied_from_one_side_to_the_other(tool: Tool) {
    let file = random_bytes(2_000_003, 3);
    for listener in EITHER_SIDE {
        // `threadchat > copy`, with nothing on stdin.
        let (mut chat, mut friend) = tool.meet(listener, &["--recv-only"]);
        friend.pipe_in(file.clone());
        assert_same(&chat.ends_with(0).stdout, &file, &format!("received, {listener:?}"));
        assert!(friend.wait().stdout.is_empty());

        // `threadchat < file`; the tool has nothing to say.
        let (mut chat, mut friend) = tool.meet(listener, &[]);
        chat.pipe_in(file.clone());
        let copied = friend.stdout.wait_until(|bytes| (bytes.len() >= file.len()).then_some(()));
        assert_eq!(copied, Some(()), "{listener:?}");
        friend.end_stdin();
        assert_same(&friend.wait().stdout, &file, &format!("sent, {listener:?}"));
        assert!(chat.ends_with(0).stdout.is_empty());
    }
}

fn a_friend_who_is_killed_while_nobody_speaks_has_left(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet_at_terminal(listener);
        friend.say("hello\n");
        chat.wait_for("friend says: hello");
        friend.child.kill().unwrap();
        chat.wait_for("friend has left");
        chat.ends_with(0);
    }
}

fn a_friend_sees_me_leave_and_has_all_that_i_said(tool: Tool) {
    for listener in EITHER_SIDE {
        let (mut chat, mut friend) = tool.meet_at_terminal(listener);
        chat.press("goodbye\r");
        friend.wait_stdout("goodbye\n");
        chat.press("\x03");
        // Not every tool ends by itself when the other side does; its stdin's end ends each. But
        // threadchat is to end first.
        wait_for_my_end(chat.pid());
        friend.end_stdin();
        chat.ends_with(0);
        assert_eq!(friend.wait().stdout, b"goodbye\n", "{listener:?}");

        for signal in [Signal::INT, Signal::TERM] {
            let (mut chat, mut friend) = tool.meet(listener, &[]);
            chat.say("goodbye\n");
            friend.wait_stdout("goodbye\n");
            chat.signal(signal);
            friend.end_stdin();
            chat.ends_with(0);
            assert_eq!(friend.wait().stdout, b"goodbye\n", "{listener:?} {signal:?}");
        }
    }
}

fn a_friend_whose_stdin_is_empty_hears_everything(tool: Tool) {
    // As in a script: the tool's stdin is at its end from the start, and threadchat's goes on.
    let (mut chat, port) = Program::listen(&[]);
    let mut command = tool.calling(port);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut friend = Program::spawn_as_is(&mut command);
    chat.wait_stderr("* the friend has ended");
    chat.say("hello\n");
    friend.wait_stdout("hello\n");
    chat.end_stdin();
    chat.ends_with(0);
    assert_eq!(friend.wait().stdout, b"hello\n");
}

fn what_i_pipe_in_is_sent_whole_however_small_my_recv_is(tool: Tool) {
    let there = random_bytes(50_001, 4);
    let back = random_bytes(50_003, 5);
    for recv_buffer in ["1", "1000", "4096", "1048576"] {
        let options = ["--recv-buffer", recv_buffer];
        let (mut chat, mut friend) = tool.meet(Listener::Threadchat, &options);
        chat.pipe_in(there.clone());
        friend.pipe_in(back.clone());
        assert_same(&chat.ends_with(0).stdout, &back, recv_buffer);
        assert_same(&friend.wait().stdout, &there, recv_buffer);
    }
}

/// Each promise as a test of its own for each tool, so that a failure names both.
macro_rules! with_each_tool {
    ($($promise:ident)*) => {
        mod nc {
            $(#[test] fn $promise() { super::with(super::Tool::Nc, super::$promise); })*
        }
        mod ncat {
            $(#[test] fn $promise() { super::with(super::Tool::Ncat, super::$promise); })*
        }
        mod socat {
            $(#[test] fn $promise() { super::with(super::Tool::Socat, super::$promise); })*
        }
    };
}

fn with(tool: Tool, promise: fn(Tool)) {
    if have_tool(tool.name()) {
        promise(tool);
    }
}

with_each_tool! {
    text_goes_both_ways_through_pipes
    text_goes_both_ways_at_a_terminal
    what_is_typed_is_there_when_enter_is_pressed
    a_late_reply_reaches_a_friend_who_has_ended
    a_friends_late_reply_arrives_after_my_end
    a_file_arrives_whole_in_both_directions_at_once
    a_file_is_copied_from_one_side_to_the_other
    a_friend_who_is_killed_while_nobody_speaks_has_left
    a_friend_sees_me_leave_and_has_all_that_i_said
    a_friend_whose_stdin_is_empty_hears_everything
    what_i_pipe_in_is_sent_whole_however_small_my_recv_is
}

// As people really call them.

/// OpenBSD's `nc` without `-N` does not tell the other side that its stdin has ended.
#[test]
fn nc_without_options_receives_a_file_and_ends_when_threadchat_does() {
    if !have_tool("nc") {
        return;
    }
    let file = random_bytes(300_000, 6);
    let (mut chat, port) = Program::listen(&[]);
    let mut friend = Program::spawn(Command::new("nc").args(["127.0.0.1", &port.to_string()]));
    friend.say("hello\n");
    chat.wait_stdout("hello\n");
    chat.pipe_in(file.clone());
    friend.stdout.wait_until(|bytes| (bytes.len() >= file.len()).then_some(()));
    friend.end_stdin();
    assert_same(&friend.wait().stdout, &file, "received by nc");
    assert_eq!(chat.ends_with(0).stdout, b"hello\n");
}

/// `socat` gives the other direction half a second when one has ended.
#[test]
fn socat_without_options_sends_a_file() {
    if !have_tool("socat") {
        return;
    }
    let file = random_bytes(300_000, 7);
    let (mut chat, port) = Program::listen(&["--recv-only"]);
    let to = format!("TCP:127.0.0.1:{port}");
    let mut friend = Program::spawn(Command::new("socat").args(["-", &to]));
    friend.pipe_in(file.clone());
    assert_same(&chat.ends_with(0).stdout, &file, "sent by socat");
    friend.wait();
}

/// `nc -z` looks whether a port answers, and hangs up.
#[test]
fn a_caller_who_says_nothing_and_hangs_up_has_left() {
    if !have_tool("nc") {
        return;
    }
    let (mut chat, port) = Terminal::listen(&[]);
    let mut probe = Program::spawn(Command::new("nc").args(["-z", "127.0.0.1", &port.to_string()]));
    probe.ends_with(0);
    chat.wait_for("friend has left");
    chat.ends_with(0);
}

// telnet, which ends its lines with both a carriage return and a newline, and only calls.

/// `telnet` in a terminal of its own, as a person uses it.
#[track_caller]
fn telnet(port: u16) -> Terminal {
    let mut command = CommandBuilder::new("telnet");
    command.args(["127.0.0.1", &port.to_string()]);
    let telnet = Terminal::spawn(command, 24, 80);
    telnet.wait_for("Escape character");
    telnet
}

/// Leaves telnet by its own command line: the escape character, and `quit`.
#[track_caller]
fn quit(telnet: &mut Terminal) {
    telnet.press("\x1d");
    telnet.wait_for("telnet>");
    telnet.press("quit\r");
}

#[test]
fn telnet_and_a_person_talk_both_ways_and_telnet_quits() {
    if !have_tool("telnet") {
        return;
    }
    let (mut chat, port) = Terminal::listen(&[]);
    let mut friend = telnet(port);
    chat.wait_for("connected to");
    friend.press("hello, friend\r");
    chat.wait_for("friend says: hello, friend");
    chat.press("hi, telnet\r");
    friend.wait_for("hi, telnet");
    friend.press("\rand on\r");
    chat.wait_for("friend says: and on");
    assert!(!chat.screen().contains("^M"), "{}", chat.screen());
    assert!(!chat.screen().contains("other wire"), "no notice: {}", chat.screen());
    quit(&mut friend);
    chat.wait_for("friend has left");
    chat.ends_with(0);
}

#[test]
fn telnet_sees_a_person_leave() {
    if !have_tool("telnet") {
        return;
    }
    for goodbye in ["\x04", "\x03"] {
        let (mut chat, port) = Terminal::listen(&[]);
        let friend = telnet(port);
        chat.wait_for("connected to");
        chat.press("goodbye\r");
        friend.wait_for("goodbye");
        chat.press(goodbye);
        friend.wait_for("Connection closed by foreign host");
        chat.ends_with(0);
    }
}

#[test]
fn telnet_through_a_pipe_comes_byte_for_byte_with_its_carriage_returns() {
    if !have_tool("telnet") {
        return;
    }
    let (mut chat, port) = Program::listen(&[]);
    let mut friend = telnet(port);
    friend.press("hello\rGrüße\r");
    chat.wait_stdout("hello\r\nGrüße\r\n");
    chat.say("hi\n");
    friend.wait_for("hi");
    quit(&mut friend);
    chat.wait_stderr("* the friend has ended");
    chat.end_stdin();
    let ended = chat.ends_with(0);
    assert!(contains(&ended.stdout, b"hello\r\n"));
    assert_eq!(ended.stdout, "hello\r\nGrüße\r\n".as_bytes());
}

#[test]
fn telnet_on_pipes_sends_text_and_receives_it() {
    if !have_tool("telnet") {
        return;
    }
    let (mut chat, port) = Program::listen(&[]);
    let mut friend = Program::spawn(Command::new("telnet").args(["127.0.0.1", &port.to_string()]));
    friend.wait_stdout("Escape character");
    chat.say("hi\n");
    friend.wait_stdout("hi\n");
    friend.say("hello\n");
    chat.wait_stdout("hello\r\n");
    // On a pipe the end of stdin is telnet's own end.
    friend.end_stdin();
    chat.wait_stderr("* the friend has ended");
    chat.end_stdin();
    assert_eq!(chat.ends_with(0).stdout, b"hello\r\n");
}
