//! CONTRACT 3, pipes: what arrives goes out byte for byte as it came, what stdin gives is sent
//! byte for byte, in both directions at once, of any size, without delay, and in little memory.

mod support;

use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStdin, Command, Stdio};

use socket2::{Domain, Socket, Type};
use support::flow::{Comparison, Random, pour, wait_until_all_sleep};
use support::threadchat;
use support::{Program, friend_answers, friend_calls, peak_memory, random_bytes};

/// The process stays below this, whatever passes through it.
const MEMORY_MAX: u64 = 16 << 20;

const LARGE: u64 = 200_000_000;

/// A program whose stdout the test reads itself, because there is too much of it to keep.
#[track_caller]
fn start(words: &[&str]) -> (Program, PipeReader) {
    let (stdout, to_stdout) = pipe().unwrap();
    let mut command = Command::new(threadchat());
    command.args(words).stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
    // With `command` the test's own copy of the pipe's other end is closed.
    (Program::spawn_as_is(&mut command), stdout)
}

/// The program's stdin, and a second handle that keeps it open when the first is done.
fn stdin_of(program: &mut Program) -> (ChildStdin, OwnedFd) {
    let stdin = program.child.stdin.take().expect("stdin is a pipe and still open");
    let open = stdin.as_fd().try_clone_to_owned().unwrap();
    (stdin, open)
}

#[track_caller]
fn assert_little_memory(program: &Program) {
    let peak = peak_memory(program.child.id());
    assert!(peak < MEMORY_MAX, "it has used {} KiB", peak / 1024);
}

#[test]
fn two_hundred_megabytes_of_random_bytes_each_way_at_once_arrive_whole_in_little_memory() {
    let (mut listener, from_listener) = start(&["listen", "127.0.0.1:0"]);
    let port = listener.listening_port().to_string();
    let (mut caller, from_caller) = start(&["connect", "127.0.0.1", &port]);
    let (to_listener, listener_open) = stdin_of(&mut listener);
    let (to_caller, caller_open) = stdin_of(&mut caller);

    let at_listener = Comparison::start(from_listener, Random::new(LARGE, 1));
    let at_caller = Comparison::start(from_caller, Random::new(LARGE, 2));
    pour(Random::new(LARGE, 1), to_caller);
    pour(Random::new(LARGE, 2), to_listener);
    at_listener.wait_for(LARGE);
    at_caller.wait_for(LARGE);
    // Everything has passed, and both still wait for the end of their input.
    assert_little_memory(&listener);
    assert_little_memory(&caller);

    drop((listener_open, caller_open));
    assert_eq!(at_listener.finish(), LARGE);
    assert_eq!(at_caller.finish(), LARGE);
    caller.ends_with(0);
    listener.ends_with(0);
}

#[test]
fn the_same_arrives_whole_with_a_friend_whose_socket_buffers_are_16_kib() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // An accepted socket inherits both, and the window is agreed upon with them in mind.
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from(socket);
    let port = listener.local_addr().unwrap().port().to_string();
    let (mut program, from_program) = start(&["connect", "127.0.0.1", &port]);
    let friend = friend_answers(&listener);
    let (to_program, open) = stdin_of(&mut program);

    let at_program = Comparison::start(from_program, Random::new(LARGE, 3));
    let at_friend = Comparison::start(friend.try_clone().unwrap(), Random::new(LARGE, 4));
    pour(Random::new(LARGE, 3), friend.try_clone().unwrap());
    pour(Random::new(LARGE, 4), to_program);
    at_program.wait_for(LARGE);
    at_friend.wait_for(LARGE);
    assert_little_memory(&program);

    drop(open);
    assert_eq!(at_friend.finish(), LARGE);
    friend.shutdown(Shutdown::Write).unwrap();
    assert_eq!(at_program.finish(), LARGE);
    program.ends_with(0);
}

#[test]
fn a_line_of_100_mb_passes_through_pipes_whole_in_little_memory() {
    const LENGTH: u64 = 100_000_000;
    let (mut listener, from_listener) = start(&["listen", "127.0.0.1:0"]);
    let port = listener.listening_port();
    let mut caller = Program::connect(port, &[]);
    let (to_caller, open) = stdin_of(&mut caller);
    let arrived = Comparison::start(from_listener, std::io::repeat(b'x').take(LENGTH));
    pour(std::io::repeat(b'x').take(LENGTH), to_caller);
    arrived.wait_for(LENGTH);
    assert_little_memory(&listener);
    assert_little_memory(&caller);
    drop(open);
    listener.end_stdin();
    assert_eq!(arrived.finish(), LENGTH);
    caller.ends_with(0);
    listener.ends_with(0);
}

/// Files that are easily harmed on their way: by anything that knows of text or of lines.
fn awkward_files() -> Vec<Vec<u8>> {
    vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"\0".to_vec(),
        b"no newline at the end".to_vec(),
        b"one\r\ntwo\rthree\n\nfour\0five\n\0".to_vec(),
        (0..=255).collect(),
        b"\xef\xbb\xbf\xff\xfe half a character: \xf0\x9f\x98".to_vec(),
        b"end\nend \n\x04\x1a\x03 \x1b[31m\x1b]0;title\x07".to_vec(),
        [random_bytes(1_000_003, 5), vec![0; 70_000]].concat(),
    ]
}

/// `threadchat WORDS <input >copy`, as a shell would start it.
#[track_caller]
fn with_files(words: &[&str], input: &std::path::Path, copy: &std::path::Path) -> Program {
    let mut command = Command::new(threadchat());
    command.args(words).stdin(File::open(input).unwrap()).stdout(File::create(copy).unwrap());
    Program::spawn_as_is(command.stderr(Stdio::piped()))
}

#[test]
fn any_file_is_copied_exactly_in_both_directions_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = awkward_files();
    for (at, file) in files.iter().enumerate() {
        let other = &files[files.len() - 1 - at];
        std::fs::write(path("a"), file).unwrap();
        std::fs::write(path("b"), other).unwrap();
        let mut listener = with_files(&["listen", "127.0.0.1:0"], &path("b"), &path("copy of a"));
        let port = listener.listening_port().to_string();
        let mut caller =
            with_files(&["connect", "127.0.0.1", &port], &path("a"), &path("copy of b"));
        caller.ends_with(0);
        listener.ends_with(0);
        assert!(std::fs::read(path("copy of a")).unwrap() == *file, "file {at} to the listener");
        assert!(std::fs::read(path("copy of b")).unwrap() == *other, "file {at} to the caller");
    }
}

#[test]
fn a_file_is_copied_exactly_with_every_size_of_recv_buffer() {
    for size in ["1", "7", "1000", "65536", "1048576"] {
        let file = random_bytes(if size == "1" { 20_000 } else { 3_000_000 }, 6);
        let (mut listener, port) = Program::listen(&["--recv-buffer", size]);
        let mut caller = Program::connect(port, &["--recv-buffer", size]);
        caller.pipe_in(file.clone());
        listener.pipe_in(file.clone());
        assert!(caller.ends_with(0).stdout == file, "to the caller, recv {size}");
        assert!(listener.ends_with(0).stdout == file, "to the listener, recv {size}");
    }
}

#[test]
fn what_arrives_at_a_pipe_is_out_before_the_next_is_sent() {
    let (mut program, port) = Program::listen(&[]);
    let mut friend = friend_calls(port);
    friend.set_nodelay(true).unwrap();
    let mut all = Vec::new();
    // With a newline, without one, and in the middle of a character.
    for message in [&b"line\n"[..], b"no newline", b"\xf0\x9f", b"\x98\x80", b"\0"].repeat(40) {
        friend.write_all(message).unwrap();
        all.extend_from_slice(message);
        program.wait_stdout(&all);
    }
    drop(friend);
    program.end_stdin();
    assert_eq!(program.ends_with(0).stdout, all);
}

#[test]
fn what_a_pipe_gives_is_at_the_friend_before_it_gives_more() {
    let (mut program, port) = Program::listen(&[]);
    let mut friend = friend_calls(port);
    for message in [&b"line\n"[..], b"no newline", b"\xf0\x9f", b"\x98\x80", b"\0"].repeat(40) {
        program.say(message);
        let mut came = vec![0; message.len()];
        friend.read_exact(&mut came).unwrap();
        assert_eq!(came, message);
    }
    program.end_stdin();
    assert_eq!(friend.read(&mut [0]).unwrap(), 0, "FIN and nothing before it");
    drop(friend);
    program.ends_with(0);
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&u16::try_from(payload.len()).unwrap().to_le_bytes(), payload].concat()
}

#[test]
fn a_pipe_gets_each_payload_and_a_newline_as_soon_as_it_has_come() {
    let (mut program, port) = Program::listen(&["--wire", "frames"]);
    let mut friend = friend_calls(port);
    let mut all = Vec::new();
    let longest = random_bytes(65_535, 7);
    for payload in [
        &b"hello"[..],
        b"",
        b"two\nlines",
        b"\x1b[31mred\x07",
        b"not UTF-8 \xff\xfe",
        b"\0",
        b"end ",
        &longest,
        "grüße 😀".as_bytes(),
    ] {
        friend.write_all(&framed(payload)).unwrap();
        all.extend_from_slice(payload);
        all.push(b'\n');
        program.wait_stdout(&all);
    }
    friend.write_all(&framed(b"end")).unwrap();
    friend.shutdown(Shutdown::Write).unwrap();
    program.end_stdin();
    assert!(program.ends_with(0).stdout == all, "payload and newline, and nothing else");
}

#[test]
fn piped_input_is_a_frame_a_line_and_the_last_one_needs_no_newline() {
    let (mut program, port) = Program::listen(&["--wire", "frames"]);
    let mut friend = friend_calls(port);
    program.say("one\n");
    let mut came = [0; 5];
    friend.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"\x03\x00one", "the first line leaves before there is a second");
    program.say("\ntwo\r\nthree \u{1f600}");
    program.end_stdin();
    let mut rest = Vec::new();
    friend.read_to_end(&mut rest).unwrap();
    let expected =
        [framed(b""), framed(b"two\r"), framed("three \u{1f600}".as_bytes()), framed(b"end")];
    assert_eq!(rest, expected.concat());
    drop(friend);
    program.ends_with(0);
}

#[test]
fn many_lines_each_way_at_once_arrive_whole_as_frames() {
    let lines = |name: &str| -> Vec<u8> {
        (0..100_000).flat_map(|number| format!("{name} {number}\n").into_bytes()).collect()
    };
    let (mut listener, port) = Program::listen(&["--wire", "frames"]);
    let mut caller = Program::connect(port, &["--wire", "frames"]);
    caller.pipe_in(lines("caller"));
    listener.pipe_in(lines("listener"));
    assert!(caller.ends_with(0).stdout == lines("listener"));
    assert!(listener.ends_with(0).stdout == lines("caller"));
}

/// Starts a program on a stdin in which 1,000 bytes wait; also gives both ends of that pipe.
#[track_caller]
fn with_waiting_input(words: &[&str]) -> (Program, PipeReader, Vec<u8>) {
    let (stdin, mut to_stdin) = pipe().unwrap();
    let input = random_bytes(1_000, 8);
    to_stdin.write_all(&input).unwrap();
    let mut command = Command::new(threadchat());
    command.args(words).stdin(stdin.try_clone().unwrap()).stdout(Stdio::piped());
    // The writing end is closed here, so that the input also has an end that could be seen.
    (Program::spawn_as_is(command.stderr(Stdio::piped())), stdin, input)
}

#[track_caller]
fn assert_still_waits(stdin: &PipeReader, program: &Program, thread: &str) {
    wait_until_all_sleep(program.child.id(), thread);
    assert_eq!(rustix::io::ioctl_fionread(stdin).unwrap(), 1_000, "stdin has been read");
}

/// The friend gets all of the input, and both end.
#[track_caller]
fn assert_all_comes(mut program: Program, mut friend: TcpStream, input: &[u8]) {
    let mut came = Vec::new();
    friend.read_to_end(&mut came).unwrap();
    assert_eq!(came, input);
    drop(friend);
    program.ends_with(0);
}

#[test]
fn piped_stdin_is_not_read_while_nobody_has_called() {
    let (program, stdin, input) = with_waiting_input(&["listen", "127.0.0.1:0"]);
    let port = program.listening_port();
    assert_still_waits(&stdin, &program, "acceptor");
    let friend = friend_calls(port);
    assert_all_comes(program, friend, &input);
}

#[test]
fn piped_stdin_is_not_read_while_nobody_answers() {
    // Bound, but not listening yet: calls are refused, and nobody else can take the port.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let (program, stdin, input) =
        with_waiting_input(&["connect", "--wait", "127.0.0.1", &port.to_string()]);
    program.wait_stderr("once a second");
    assert_still_waits(&stdin, &program, "connector");
    socket.listen(1).unwrap();
    let friend = friend_answers(&TcpListener::from(socket));
    assert_all_comes(program, friend, &input);
}

#[test]
fn a_pipe_gets_no_label_and_no_status_line() {
    let (mut listener, port) = Program::listen(&[]);
    let mut caller = Program::connect(port, &[]);
    caller.say("hello\n");
    listener.wait_stdout("hello\n");
    caller.end_stdin();
    listener.end_stdin();
    let ended = listener.ends_with(0);
    assert_eq!(ended.stdout, b"hello\n");
    assert!(ended.stderr.contains("connected to") && ended.stderr.contains("friend has left"));
    assert_eq!(caller.ends_with(0).stdout, b"");
}
