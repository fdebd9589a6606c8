//! A room, and a member of it who is played by the test: what it says, and what it hears, message
//! by message, on either wire.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};

use rustix::process::Signal;

use super::wire::{END, frame};
use super::{Ended, Program, friend_calls, threadchat};

/// Both wires. What a room promises holds on each.
pub const WIRES: [&str; 2] = ["lines", "frames"];

/// A room takes at most so many bytes as one message.
pub const MESSAGE_MAX: usize = 16 * 1024;

/// A room whose host is on pipes.
#[track_caller]
pub fn open_room(wire: &str, options: &[&str]) -> (Program, u16) {
    Program::listen(&[&["--room", "--wire", wire], options].concat())
}

/// A room that nothing is typed into: its stdout is the transcript.
#[track_caller]
pub fn open_headless_room(options: &[&str]) -> (Program, u16) {
    let program = Program::spawn_as_is(
        Command::new(threadchat())
            .args([&["listen", "127.0.0.1:0", "--room"], options].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let port = program.listening_port();
    (program, port)
}

/// Ends a room as Ctrl-C does when its members have hung up, and gives back how it ended: with
/// exit code 0.
#[track_caller]
pub fn close_room(mut room: Program) -> Ended {
    everybody_hangs_up();
    room.signal(Signal::INT);
    room.ends_with(0)
}

thread_local! {
    /// The connections of this test's members, for [`everybody_hangs_up`].
    static CALLED: RefCell<Vec<Weak<TcpStream>>> = const { RefCell::new(Vec::new()) };
}

/// Every member of this thread ends its half of the connection. A room that is closing waits up
/// to 2 s for those who do not, which no test has to that is not about it.
pub fn everybody_hangs_up() {
    for stream in CALLED.take().iter().filter_map(Weak::upgrade) {
        let _ = stream.shutdown(Shutdown::Write); // Who has done so already is as welcome.
    }
}

/// A connection that others may hang up.
struct Connection(Arc<TcpStream>);

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(into)
    }
}

/// Somebody in a room.
pub struct Member {
    stream: BufReader<Connection>,
    wire: &'static str,
}

impl Member {
    /// Calls, and has heard nothing yet.
    #[track_caller]
    pub fn calls(port: u16, wire: &'static str) -> Member {
        let stream = friend_calls(port);
        stream.set_nodelay(true).expect("it is a socket");
        let stream = Arc::new(stream);
        CALLED.with_borrow_mut(|called| called.push(Arc::downgrade(&stream)));
        Member { stream: BufReader::new(Connection(stream)), wire }
    }

    /// Calls, and is in the room: it has heard the welcome.
    #[track_caller]
    pub fn joins(port: u16, wire: &'static str) -> Member {
        let mut member = Member::calls(port, wire);
        let welcome = member.hear();
        assert!(welcome.starts_with("/room welcome"), "{welcome:?} is no welcome");
        member
    }

    /// Calls, and has this name.
    #[track_caller]
    pub fn joins_as(port: u16, wire: &'static str, name: &str) -> Member {
        let mut member = Member::joins(port, wire);
        member.say(format!("/name {name}"));
        let answer = member.hear();
        assert!(answer.ends_with(&format!(" is now {name}")), "{answer:?}");
        member
    }

    /// A message as it stands on the wire.
    pub fn message(&self, text: impl AsRef<[u8]>) -> Vec<u8> {
        match self.wire {
            "frames" => frame(text),
            _ => [text.as_ref(), b"\n"].concat(),
        }
    }

    /// Says a message.
    #[track_caller]
    pub fn say(&mut self, text: impl AsRef<[u8]>) {
        let message = self.message(text);
        self.send(message);
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream().write_all(bytes.as_ref()).expect("the room takes what is sent");
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream.get_ref().0
    }

    /// The next message; `None` where the room has ended, which it has to do with FIN.
    #[track_caller]
    pub fn next(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        if self.wire == "frames" {
            let mut header = [0; 2];
            match self.stream.read_exact(&mut header) {
                Ok(()) => {}
                Err(why) if why.kind() == ErrorKind::UnexpectedEof => return None,
                Err(why) => panic!("no next message: {why}"),
            }
            bytes.resize(usize::from(u16::from_le_bytes(header)), 0);
            self.stream.read_exact(&mut bytes).expect("all of a frame arrives");
        } else {
            self.stream.read_until(b'\n', &mut bytes).expect("a next message");
            if bytes.is_empty() {
                return None;
            }
            assert_eq!(bytes.pop(), Some(b'\n'), "a line ends in a newline: {bytes:?}");
        }
        // Whatever somebody says, the room makes text of it.
        Some(String::from_utf8(bytes).expect("what a room sends is UTF-8"))
    }

    /// The next message.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        self.next().expect("the room is still there")
    }

    /// The next messages have to be these.
    #[track_caller]
    pub fn hears<T: AsRef<str>>(&mut self, expected: &[T]) {
        for message in expected {
            assert_eq!(self.hear(), message.as_ref());
        }
    }

    /// Hears the parts of a message of so many bytes, each of which has the speaker's label and the
    /// size of a message at most, and gives them back as one.
    #[track_caller]
    pub fn hears_in_parts(&mut self, speaker: &str, bytes: usize) -> String {
        let label = format!("{speaker} says: ");
        let mut whole = String::new();
        while whole.len() < bytes {
            let heard = self.hear();
            let part = heard.strip_prefix(&label).unwrap_or_else(|| panic!("no label: {heard}"));
            let size = part.len();
            assert!((1..=MESSAGE_MAX).contains(&size), "a part of {size} bytes");
            whole += part;
        }
        whole
    }

    /// Everything that is still said to it until the room ends. The room's `end`, which has to be
    /// the last on `frames`, is not among it.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest: Vec<String> = std::iter::from_fn(|| self.next()).collect();
        if self.wire == "frames" {
            assert_eq!(rest.pop().as_deref(), Some("end"), "the last frame after {rest:?}");
        }
        rest
    }

    /// Ends its half of the connection, as the wire has it.
    #[track_caller]
    pub fn end(&mut self) {
        if self.wire == "frames" {
            self.send(END);
        }
        self.stream().shutdown(Shutdown::Write).expect("it is connected");
    }

    /// Leaves as polite people do, and gives back what it heard until the end.
    #[track_caller]
    pub fn leaves(mut self) -> Vec<String> {
        self.end();
        self.rest()
    }
}
