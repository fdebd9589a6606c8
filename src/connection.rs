//! A friend on the line: a connected socket and its two threads.
//!
//! This is where a conversation gets its `socket-reader` and its `socket-writer`. Both use the
//! same socket, each in its own direction, which needs no lock: the directions are independent.

use std::fmt;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use socket2::SockRef;

use crate::buffer::{BUFFER_SIZE, BUFFERS, Pool};
use crate::error::Error;
use crate::event::{Event, Report, Sink, Source};
use crate::explain::Watched;
use crate::reader::Reader;
use crate::screen::Form;
use crate::sniffer::Sniffer;
use crate::thread::Thread;
use crate::wire::{Codec, Frames, Lines, Wire};
use crate::writer::{Order, Writer};

/// A friend, as the coordinator knows one: it can send, and it can hang up.
pub struct Friend {
    /// Where the friend is.
    pub address: SocketAddr,
    /// The socket-writer's outbox. Dropping it, or [`Order::Goodbye`], closes our sending half
    /// when everything before has been sent.
    pub to_friend: Sender<Order>,
    /// The telephone itself.
    pub line: Box<dyn Line>,
}

impl fmt::Debug for Friend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Friend").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What the coordinator can do to a connection besides sending: a trait, so that tests can drive
/// the coordinator without a socket.
pub trait Line: Send {
    /// Ends the connection now. Both threads wake from whatever they are blocked in and say
    /// their last words. With `reset` the friend is told that something is missing (RST); else
    /// what the system has accepted is still delivered.
    fn cut(&self, reset: bool);

    /// Joins both threads, which have said their last words.
    fn join(self: Box<Self>);
}

/// How a connection's threads are to treat what passes through them.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How messages stand on the wire.
    pub wire: Wire,
    /// Whether a person reads what arrives.
    pub for_a_person: bool,
    /// `--recv-buffer`, in bytes.
    pub recv_buffer: usize,
}

impl Manner {
    fn codec(self) -> Option<Codec> {
        match (self.wire, self.for_a_person) {
            (Wire::Lines, false) => None,
            (Wire::Lines, true) => Some(Codec::Lines(Lines::default())),
            (Wire::Frames, person) => Some(Codec::Frames(Frames::new(person))),
        }
    }

    /// Raw blocks are exactly as large as one `recv`; else a block holds whole messages.
    fn pool(self) -> Pool {
        match self.codec() {
            // Large buffers are wanted for a large `recv`, not for more in flight.
            None if self.recv_buffer > BUFFER_SIZE => Pool::new(2, self.recv_buffer),
            None => Pool::new(BUFFERS, self.recv_buffer),
            Some(_) => Pool::new(BUFFERS, BUFFER_SIZE),
        }
    }
}

/// Starts the two threads of a connected socket and tells the coordinator that a friend is there.
///
/// # Errors
/// The system has no thread left; the connection is closed then.
pub fn begin(
    stream: TcpStream,
    address: SocketAddr,
    manner: Manner,
    inbox: &Sender<Event>,
) -> Result<(), Error> {
    let stream = Arc::new(stream);
    // Unbounded, but no longer than the buffers of the reader that fills it; see `buffer`.
    let (to_friend, outbox) = unbounded();

    // The sink before the source: what a reader brings must have somewhere to go.
    let writer = Thread::start("socket-writer", {
        let stream = Arc::clone(&stream);
        let inbox = inbox.clone();
        move || {
            let mut writer =
                Writer { sink: Sink::Friend, form: Form::Plain, outbox, inbox: inbox.clone() };
            let mut last_word = writer.run(&*stream);
            if let Report::Ended { result, .. } = &mut last_word
                && result.is_ok()
            {
                log::debug!("everything is sent; closes the sending half (FIN)");
                // Where the friend's system has refused what was sent last, the connection is
                // gone, and there was no later `send` to be told.
                if let Err(why) = stream.shutdown(Shutdown::Write)
                    && why.kind() == ErrorKind::NotConnected
                {
                    *result = Err(ErrorKind::ConnectionReset.into());
                }
            }
            let _ = inbox.send(Event::Written(Sink::Friend, last_word));
        }
    })?;

    // The reader must not speak before the coordinator knows of the friend; it begins when this
    // channel closes.
    let (start, started) = unbounded::<()>();
    let reader = Thread::start("socket-reader", {
        let stream = Arc::clone(&stream);
        let inbox = inbox.clone();
        move || {
            let _ = started.recv();
            let reader = Reader {
                source: Source::Friend,
                codec: manner.codec(),
                sniffer: Some(Sniffer::new(manner.wire)),
                at_a_time: manner.recv_buffer,
                inbox,
            };
            reader.run(Watched::new(&*stream, "recv"), &manner.pool());
        }
    })?;

    let line = Box::new(Connection { stream, threads: [reader, writer] });
    let _ = inbox.send(Event::Connected(Friend { address, to_friend, line }));
    drop(start); // Without this the socket-reader would wait for ever.
    Ok(())
}

struct Connection {
    stream: Arc<TcpStream>,
    threads: [Thread; 2],
}

impl Line for Connection {
    fn cut(&self, reset: bool) {
        log::debug!("cuts the connection off{}", if reset { ", with a reset" } else { "" });
        if reset {
            // A linger time of zero makes closing send RST instead of FIN.
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        }
        // Closing our handle would wake nobody: each thread holds one of its own.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn join(self: Box<Self>) {
        self.threads.into_iter().for_each(Thread::join);
    }
}
