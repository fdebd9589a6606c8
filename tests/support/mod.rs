//! What every test needs: the real program as a process of its own, on pipes ([`Program`]) or in
//! a real pseudo-terminal ([`pty::Terminal`]), and a friend to talk to ([`friend`]).
//!
//! A test waits for a line or a state, never for the clock. [`DEADLINE`] only turns a hang into
//! a failure, and a failure prints everything that the program has said.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

pub mod bare;
pub mod browser;
pub mod crowd;
pub mod flow;
pub mod glass;
pub mod limits;
pub mod member;
pub mod obeyed;
pub mod observe;
pub mod process;
pub mod proxy;
pub mod pty;
pub mod recording;
pub mod shell;
pub mod space;
pub mod trace;
pub mod tty;
pub mod wire;

/// After this long without the state that a test waits for, the test has failed. It is for hangs
/// alone: a copy that takes 9 s took more than 60 s beside other work.
pub const DEADLINE: Duration = Duration::from_secs(240);

/// Looks again and again until `look` gives something. `what` is for the failure.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        // Between two looks, so that looking does not take the processor from what is watched.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The program under test.
pub fn threadchat() -> &'static str {
    hear_signals();
    env!("CARGO_BIN_EXE_threadchat")
}

/// The program leaves signals alone that are ignored when it starts, and whoever runs the tests in the
/// background of a script has them ignored. A signal that somebody waits for is not, for those who
/// are started from here.
fn hear_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignored.unwrap_or(0) >> (signal - 1) & 1 == 1 {
                signal_hook::flag::register(signal, Arc::default()).expect("it can be waited for");
            }
        }
    });
}

/// What one of the program's output streams has given so far; a thread reads along.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    /// Reads `from` to its end in a thread of its own.
    pub fn collect(mut from: impl Read + Send + 'static) -> Output {
        let output = Output::default();
        let collected = output.clone();
        std::thread::spawn(move || {
            let mut scratch = vec![0; 1 << 16];
            loop {
                let count = from.read(&mut scratch).unwrap_or(0);
                let (lock, changed) = &*collected.0;
                let mut state = lock.lock().unwrap();
                state.bytes.extend_from_slice(&scratch[..count]);
                state.ended |= count == 0;
                changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        output
    }

    /// Everything so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().bytes.clone()
    }

    /// Everything so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until `found` gives something for what has been collected; `None` where the stream
    /// ended, or the deadline passed, without it.
    pub fn wait_until<T>(&self, found: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let (lock, changed) = &*self.0;
        let deadline = Instant::now() + DEADLINE;
        let mut state = lock.lock().unwrap();
        loop {
            if let Some(value) = found(&state.bytes) {
                return Some(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits for the end of the stream and gives back all of it.
    #[track_caller]
    pub fn to_end(&self) -> Vec<u8> {
        let (lock, changed) = &*self.0;
        let state = lock.lock().unwrap();
        let (state, timeout) =
            changed.wait_timeout_while(state, DEADLINE, |state| !state.ended).unwrap();
        assert!(
            !timeout.timed_out(),
            "the stream did not end; so far: {} bytes",
            state.bytes.len()
        );
        state.bytes.clone()
    }
}

/// Whether `bytes` has `part` in it.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; 128 + the number of the signal that killed it, as a shell has it.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// The program (or another) as a process of its own, on pipes.
pub struct Program {
    pub child: Child,
    pub stdout: Output,
    pub stderr: Output,
    command: String,
}

impl Program {
    /// Starts threadchat with these words.
    #[track_caller]
    pub fn start(words: &[&str]) -> Program {
        Program::spawn(Command::new(threadchat()).args(words))
    }

    /// Starts any command with its three streams on pipes, unless the caller has set stdin to
    /// something else by way of [`Program::spawn_as_is`].
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Program {
        Program::spawn_as_is(
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()),
        )
    }

    /// Starts a command with the streams as they have been set; those on pipes are collected.
    #[track_caller]
    pub fn spawn_as_is(command: &mut Command) -> Program {
        command.env_remove("RUST_LOG").env_remove("NO_COLOR");
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let collect = |stream: Option<Box<dyn Read + Send>>| match stream {
            Some(stream) => Output::collect(stream),
            None => Output::collect(std::io::empty()),
        };
        let stdout = child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let stderr = child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        Program {
            stdout: collect(stdout),
            stderr: collect(stderr),
            child,
            command: format!("{command:?}"),
        }
    }

    /// A listener on a free port of 127.0.0.1, and that port, when it is ready.
    #[track_caller]
    pub fn listen(options: &[&str]) -> (Program, u16) {
        let program = Program::start(&[&["listen", "127.0.0.1:0"], options].concat());
        let port = program.listening_port();
        (program, port)
    }

    /// A program that has been told to connect to this port of 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16, options: &[&str]) -> Program {
        Program::start(&[&["connect", "127.0.0.1", &port.to_string()], options].concat())
    }

    /// A listener that writes what arrives to `stdout`, and its port.
    #[track_caller]
    pub fn listen_to(stdout: impl Into<Stdio>) -> (Program, u16) {
        let mut command = Command::new(threadchat());
        command.args(["listen", "127.0.0.1:0"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let program = Program::spawn_as_is(command.stdout(stdout));
        let port = program.listening_port();
        (program, port)
    }

    /// A listener and a caller who have said `hi` and `hello` to each other.
    #[track_caller]
    pub fn two_who_talk() -> (Program, Program) {
        let (mut listener, port) = Program::listen(&[]);
        let mut caller = Program::connect(port, &[]);
        caller.say("hello\n");
        listener.wait_stdout("hello\n");
        listener.say("hi\n");
        caller.wait_stdout("hi\n");
        (listener, caller)
    }

    /// The port in the listener's first line, once it is there.
    #[track_caller]
    pub fn listening_port(&self) -> u16 {
        let found = self.stderr.wait_until(|bytes| port_in(&String::from_utf8_lossy(bytes)));
        found.unwrap_or_else(|| self.fail("it does not say which port it listens on"))
    }

    /// Types (or pipes) this.
    #[track_caller]
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe and still open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).expect("it takes stdin");
    }

    /// Ends its stdin.
    pub fn end_stdin(&mut self) {
        self.child.stdin = None;
    }

    /// Pipes all of this from a thread of its own, and then ends stdin.
    pub fn pipe_in(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.child.stdin.take().expect("stdin is a pipe and still open");
        std::thread::spawn(move || {
            let _ = stdin.write_all(&bytes); // A program that ends early is the test's affair.
        });
    }

    /// Waits for these bytes on stdout.
    #[track_caller]
    pub fn wait_stdout(&self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        if self.stdout.wait_until(|bytes| contains(bytes, part).then_some(())).is_none() {
            self.fail(format!("stdout lacks {:?}", String::from_utf8_lossy(part)));
        }
    }

    /// Waits for these words on stderr.
    #[track_caller]
    pub fn wait_stderr(&self, part: &str) {
        if self.stderr.wait_until(|bytes| contains(bytes, part.as_bytes()).then_some(())).is_none()
        {
            self.fail(format!("stderr lacks {part:?}"));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Whether it runs still.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for its end. Its stdin stays as it is: ended or not.
    #[track_caller]
    pub fn wait(&mut self) -> Ended {
        let status = wait_with_deadline(|| self.child.try_wait());
        let status = status.unwrap_or_else(|| self.fail("it does not end"));
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        let stdout = self.stdout.to_end();
        let stderr = String::from_utf8_lossy(&self.stderr.to_end()).into_owned();
        Ended { code, stdout, stderr }
    }

    /// Waits for its end, which has to have this exit code.
    #[track_caller]
    pub fn ends_with(&mut self, code: i32) -> Ended {
        let ended = self.wait();
        if ended.code != code {
            self.fail(format!("exit code {} instead of {code}", ended.code));
        }
        ended
    }

    /// Fails the test with everything that the program has said.
    #[track_caller]
    pub fn fail(&self, why: impl Display) -> ! {
        panic!(
            "{why}\n---- {}\n---- stdout ({} bytes)\n{}\n---- stderr\n{}\n----",
            self.command,
            self.stdout.bytes().len(),
            shortened(&self.stdout.text()),
            shortened(&self.stderr.text()),
        );
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port of the first `listening on ADDR:PORT` in `text`. The program writes a line with one
/// call, so that what is there of it is all of it.
pub fn port_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("listening on ")?;
    let address = rest.split_whitespace().next()?;
    address.rsplit_once(':')?.1.parse().ok()
}

fn shortened(text: &str) -> String {
    if text.len() < 4000 {
        return text.to_owned();
    }
    let start: String = text.chars().take(2000).collect();
    let end: String = text.chars().rev().take(1500).collect::<String>().chars().rev().collect();
    format!("{start}\n[...]\n{end}")
}

/// A port at which calls are refused, for as long as the socket is kept: nobody else gets it. (A port
/// that was only let go was another test's a moment later, and somebody did listen there.)
pub fn place_where_nobody_listens() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let port = socket.local_addr().ok().and_then(|address| address.as_socket_ipv4());
    let port = port.expect("it is bound").port();
    (socket, port)
}

/// A listening socket of the test's own, for a friend that the test plays.
pub fn friend_listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port)
}

/// Calls a listening program, as a friend that the test plays. Reading gives up after the
/// deadline, so that a hang is a failure.
#[track_caller]
pub fn friend_calls(port: u16) -> TcpStream {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the program listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is a socket");
    stream.set_write_timeout(Some(DEADLINE)).expect("it is a socket");
    stream
}

/// Takes the program's call, as a friend that the test plays.
#[track_caller]
pub fn friend_answers(listener: &TcpListener) -> TcpStream {
    // The time to receive is what limits `accept` too, so that a program that never calls is a
    // failure and not a hang.
    let limit = socket2::SockRef::from(listener).set_read_timeout(Some(DEADLINE));
    limit.expect("it is a socket");
    let (stream, _) = listener.accept().expect("the program calls");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is a socket");
    stream.set_write_timeout(Some(DEADLINE)).expect("it is a socket");
    stream
}

/// Random bytes, the same for the same seed.
pub fn random_bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// The most memory that a process has had at a time, in bytes (`VmHWM`).
#[track_caller]
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux tells");
    let kib: u64 =
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    kib * 1024
}

/// Whether an outside tool is there. Where it is not, the test says so on stderr and is to
/// return; with `THREADCHAT_REQUIRE_TOOLS` set, as CI does, a missing tool is a failure.
#[track_caller]
pub fn have_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return true;
    }
    skipped(&format!("{name} is not installed"));
    false
}

/// Says that a test is skipped, and why; in CI that is a failure.
#[track_caller]
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("THREADCHAT_REQUIRE_TOOLS").is_none(),
        "in CI nothing is skipped: {why}"
    );
    eprintln!("SKIPPED: {why}");
}

/// A listening socket of the test's own at which a call is neither taken nor refused: its queue
/// is full, so that the system drops whatever else arrives, as a firewall would.
pub struct Silence {
    listener: TcpListener,
    queued: Vec<TcpStream>,
}

impl Silence {
    /// At this address; port 0 for any.
    #[track_caller]
    pub fn at(address: SocketAddr) -> Silence {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).expect("the address is free");
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        // A queue of length 0 has room for one; a call that gets no answer proves that it is full.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queued.push(stream);
        }
        Silence { listener, queued }
    }

    /// At any port of 127.0.0.1.
    #[track_caller]
    pub fn somewhere() -> Silence {
        Silence::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Ends the silence: the queue is emptied, so that calls are taken from now on.
    #[track_caller]
    pub fn end(self) -> TcpListener {
        for _ in &self.queued {
            drop(self.listener.accept().expect("it is queued"));
        }
        self.listener
    }
}

/// Whether this machine has IPv6 at least for itself. Where it has not, the test says so and is to
/// return, as with [`have_tool`].
#[track_caller]
pub fn have_ipv6() -> bool {
    if TcpListener::bind("[::1]:0").is_ok() {
        return true;
    }
    skipped("this machine has no IPv6");
    false
}

/// Checks that this is one error, as people are told of it: one line that is one sentence, and
/// nothing that only a programmer can read. Gives back the sentence.
#[track_caller]
pub fn error_sentence(stderr: &str) -> &str {
    let mut errors = stderr.lines().filter_map(|line| line.strip_prefix("threadchat: "));
    let error = errors.next().unwrap_or_else(|| panic!("no error in {stderr:?}"));
    assert_eq!(errors.next(), None, "one error in {stderr:?}");
    for noise in ["os error", "Os {", "Err(", "Some(", "kind:"] {
        assert!(!error.contains(noise), "{noise:?} in {error:?}");
    }
    assert!(!stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
    assert!(!error.ends_with('.'), "a full stop at the end of {error:?}");
    error
}

/// Bytes as text, for messages and for comparisons.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for the end of a process, until the deadline: there is no such wait in the standard library.
pub fn wait_with_deadline<S>(
    mut try_wait: impl FnMut() -> std::io::Result<Option<S>>,
) -> Option<S> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = try_wait().expect("it can be waited for");
        if status.is_some() || Instant::now() > deadline {
            return status;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
