//! Yardsticks for `scripts/bench`: programs that do what threadchat does with bytes, and nothing else.
//!
//! ```text
//! bare room ADDRESS:PORT              a room: two threads for each member
//! bare poll|pair|handover listen|connect ADDRESS:PORT
//! ```
//!
//! - `poll` is one thread that waits for both directions at once;
//! - `pair` is a thread for each direction: it reads, and writes what it has read;
//! - `handover` is a reader and a writer for each direction, and a coordinator between them that
//!   buffers travel through: threadchat's own design with nothing on it, and so what that design allows.
//!
//! There is no message, no notice, no option, no Ctrl-C and hardly an error. What threadchat costs
//! more than `handover` is what it pays for having all that; what `handover` costs more than `pair` is
//! the price of a coordinator.

mod handover;
mod pair;
mod poll;
mod room;

use std::error::Error;
use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How much is read at once, as in threadchat.
const BLOCK: usize = 64 * 1024;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["room", address] => room::serve(address),
        ["poll", verb, address] => poll::talk(&open(verb, address)?),
        ["pair", verb, address] => pair::talk(&open(verb, address)?),
        ["handover", verb, address] => handover::talk(&open(verb, address)?),
        _ => Err("which yardstick, and where? see scripts/benchmarks/bare/main.rs".into()),
    }
}

/// The two files and the socket that bytes are carried between.
struct Ends {
    stdin: File,
    stdout: File,
    friend: TcpStream,
}

fn open(verb: &str, address: &str) -> Outcome<Ends> {
    let friend = match verb {
        "listen" => TcpListener::bind(address)?.accept()?.0,
        "connect" => TcpStream::connect(address)?,
        other => return Err(format!("listen or connect, and not {other}").into()),
    };
    friend.set_nodelay(true)?;
    // The bare files: the library's own handles have a buffer and a lock.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(Ends { stdin, stdout, friend })
}
