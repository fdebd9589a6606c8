//! The wires as a friend sees them who is played by the test: frames made and taken apart by
//! hand, bytes sent in pieces, and everything that arrives until the end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use super::pty::Terminal;
use super::{DEADLINE, Program, friend_calls};

/// The frame that ends the transmission, written out: its length in two bytes, and the word.
pub const END: &[u8] = b"\x03\x00end";

/// One frame of the `frames` wire.
pub fn frame(payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u16::try_from(payload.len()).expect("it fits into a frame");
    [&length.to_le_bytes(), payload].concat()
}

/// Frames, one behind the other.
pub fn frames<T: AsRef<[u8]>>(payloads: &[T]) -> Vec<u8> {
    payloads.iter().flat_map(frame).collect()
}

/// threadchat listening with its streams on pipes, and the friend who has called it.
#[track_caller]
pub fn talk(options: &[&str]) -> (Program, TcpStream) {
    let (program, port) = Program::listen(options);
    let friend = friend_calls(port);
    friend.set_nodelay(true).expect("it is a socket");
    if !options.contains(&"--quiet") {
        program.wait_stderr("connected to");
    }
    (program, friend)
}

/// threadchat listening at a terminal, and the friend who has called it. The terminal is wide,
/// so that a notice stands in one row.
#[track_caller]
pub fn talk_at_terminal(options: &[&str]) -> (Terminal, TcpStream) {
    let terminal = Terminal::start_sized(&[&["listen", "127.0.0.1:0"], options].concat(), 50, 200);
    let friend = friend_calls(terminal.listening_port());
    friend.set_nodelay(true).expect("it is a socket");
    terminal.wait_for("connected to");
    (terminal, friend)
}

/// The same without the line editor, so that nothing but what was said stands in its output.
#[track_caller]
pub fn talk_at_plain_terminal(options: &[&str]) -> (Terminal, TcpStream) {
    talk_at_terminal(&[&["--plain"], options].concat())
}

/// Sends all of it, one `send` a piece.
#[track_caller]
pub fn send_in_pieces(mut friend: &TcpStream, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece) {
        friend.write_all(piece).expect("the program takes what is sent");
    }
}

/// Waits until the program has received everything that the friend has sent: nothing is on its
/// way any more, and nothing waits in the program's socket.
#[track_caller]
pub fn wait_received(friend: &TcpStream) {
    let ours = friend.local_addr().expect("it is connected").port();
    let theirs = friend.peer_addr().expect("it is connected").port();
    let deadline = Instant::now() + DEADLINE;
    loop {
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
        // The local and the remote address, the state, and the bytes in both queues.
        let queues = |local: u16, remote: u16| {
            let mut rows = sockets.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
            let row = rows.find(|row| {
                row.len() > 4
                    && row[1].ends_with(&format!(":{local:04X}"))
                    && row[2].ends_with(&format!(":{remote:04X}"))
            })?;
            row[4]
                .split_once(':')
                .map(|(sending, received)| (sending.to_owned(), received.to_owned()))
        };
        let nothing = "00000000";
        let sent = queues(ours, theirs).is_none_or(|(sending, _)| sending == nothing);
        if sent && queues(theirs, ours).is_none_or(|(_, received)| received == nothing) {
            return;
        }
        assert!(Instant::now() < deadline, "the program does not receive what was sent");
        std::thread::yield_now();
    }
}

/// Receives exactly this many bytes.
#[track_caller]
pub fn receive(mut friend: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    friend.read_exact(&mut bytes).expect("so many bytes arrive");
    bytes
}

/// Receives everything until the program closes its sending half, which it has to do with FIN.
#[track_caller]
pub fn receive_to_end(mut friend: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    friend.read_to_end(&mut bytes).expect("the program ends with FIN, not with a reset");
    bytes
}

/// Leaves as a polite friend does: ends its own sending, and takes what the program still has to
/// say. (One who closes with something unread sends a reset.) Gives back what that was.
#[track_caller]
pub fn leave(friend: TcpStream) -> Vec<u8> {
    friend.shutdown(Shutdown::Write).expect("it is connected");
    receive_to_end(&friend)
}

/// Asserts that two heaps of bytes are the same, and tells where they part if not: a whole dump
/// of two large ones helps nobody.
#[track_caller]
pub fn assert_same(found: &[u8], expected: &[u8], what: &str) {
    if found == expected {
        return;
    }
    let at = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let around = |bytes: &[u8]| {
        let from = at.saturating_sub(8).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..bytes.len().min(at + 40)]).into_owned()
    };
    panic!(
        "{what}: {} bytes instead of {}, and from byte {at} on {:?} instead of {:?}",
        found.len(),
        expected.len(),
        around(found),
        around(expected),
    );
}
