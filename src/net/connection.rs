//! A friend on the line: a connected socket and its two threads.
//!
//! This is where a conversation gets its `socket-reader` and its `socket-writer`. Both use the
//! same socket, each in its own direction, which needs no lock: the directions are independent.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use socket2::SockRef;

use crate::error::Error;
use crate::roles::{Number, Role, Sink, Source};
use crate::text::audience::Audience;
use crate::threads::buffer::{BUFFER_SIZE, BUFFERS, Pool};
use crate::threads::event::{Event, Report};
use crate::threads::form::Plain;
use crate::threads::friend::{Friend, Line};
use crate::threads::inbox::ToInbox;
use crate::threads::order::Done;
use crate::threads::outbox::{self, Orders};
use crate::threads::reader::Reader;
use crate::threads::thread::Thread;
use crate::threads::writer::Writer;
use crate::watch::steps::{self, Call};
use crate::watch::watched::{Followed, Watched};
use crate::wire::codec;
use crate::wire::messages::{HEADER, MESSAGE_MAX, Wire};
use crate::wire::sniffer::{Opening, Sniffer};

/// How a connection's threads are to treat what passes through them.
#[derive(Clone, Copy, Debug)]
pub struct LineSettings {
    /// How messages stand on the wire.
    pub wire: Wire,
    /// Who hears what arrives.
    pub audience: Audience,
    /// `--recv-buffer`, in bytes.
    pub recv_buffer: usize,
}

impl LineSettings {
    /// Raw blocks are exactly as large as one `recv`; otherwise a block holds whole messages.
    fn pool(self) -> Pool {
        match (codec::for_friend(self.wire, self.audience), self.audience) {
            // Large buffers are wanted for a large `recv`, not for more in flight.
            (None, _) if self.recv_buffer > BUFFER_SIZE => Pool::new(2, self.recv_buffer),
            (None, _) => Pool::new(BUFFERS, self.recv_buffer),
            // One is filled while the other is relayed; and there may be a thousand members.
            (Some(_), Audience::Host) => Pool::new(2, HEADER + MESSAGE_MAX),
            (Some(_), _) => Pool::new(BUFFERS, BUFFER_SIZE),
        }
    }

    /// How many bytes to ask the network for at a time.
    fn at_a_time(self) -> usize {
        match self.audience {
            Audience::Host => self.recv_buffer.min(MESSAGE_MAX),
            _ => self.recv_buffer,
        }
    }
}

/// A connected socket that has no threads yet.
#[derive(Debug)]
pub struct NewLine<'a> {
    /// The socket.
    pub stream: &'a Arc<TcpStream>,
    /// Which friend it leads to.
    pub number: Number,
    /// Where the friend is.
    pub address: SocketAddr,
    /// How long the call took, where it was ours.
    pub called_for: Option<Duration>,
    /// How its threads are to treat what passes through them.
    pub settings: LineSettings,
    /// The coordinator's.
    pub inbox: &'a ToInbox,
}

impl NewLine<'_> {
    /// Starts the two threads and tells the coordinator that a friend is there.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn begin(self) -> Result<(), Error> {
        // The reader must not speak before the coordinator knows of the friend: it begins when it is
        // told to. Where it is not, since there is no thread left for the writer, it ends.
        let (start, started) = unbounded();
        let reader = self.start_reader(started)?;
        let (to_friend, orders) = outbox::open(Role::SocketWriter, self.whose());
        let (writer, done) = self.start_writer(orders)?;
        if self.whose().is_none() {
            // Now, and not when the coordinator hears of it: the reader may be faster.
            steps::begin_account();
        }
        let friend = Friend {
            number: self.number,
            address: self.address,
            to_friend,
            done,
            writer: writer.thread(),
            called_for: self.called_for,
            line: Box::new(Connection {
                stream: Arc::clone(self.stream),
                threads: [reader, writer],
            }),
        };
        let _ = self.inbox.send(Event::Connected(friend));
        let _ = start.send(());
        Ok(())
    }

    /// Starts the reader, which begins when it is told to.
    fn start_reader(&self, started: Receiver<()>) -> Result<Thread, Error> {
        let NewLine { number, settings, .. } = *self;
        let (stream, inbox) = (Arc::clone(self.stream), self.inbox.clone());
        let (here, there) = (self.here(), Some(self.address));
        Thread::start_for(self.whose(), Role::SocketReader, move || {
            let begins = steps::blocked_quietly(Call::Permit, || started.recv());
            if begins.is_err() {
                return;
            }
            let reader = Reader {
                source: Source::Friend(number),
                codec: codec::for_friend(settings.wire, settings.audience),
                sniffer: Some(Sniffer::new(settings.wire)),
                at_a_time: settings.at_a_time(),
                inbox,
            };
            let from = Watched::new(&*stream, Call::Recv);
            let from = Followed::new(from, Call::Recv, there, here);
            match settings.audience {
                Audience::Host => {
                    reader.run_unless_foreign(Opening::new(settings.wire), from, &settings.pool());
                }
                _ => reader.run(from, &settings.pool()),
            }
        })
    }

    /// Starts the writer, which closes our sending half when it has written everything.
    fn start_writer(&self, orders: Orders) -> Result<(Thread, Done), Error> {
        let sink = Sink::Friend(self.number);
        let (stream, inbox) = (Arc::clone(self.stream), self.inbox.clone());
        let (here, there) = (self.here(), Some(self.address));
        let mut writer = Writer::new(sink, Box::new(Plain), orders, inbox.clone());
        if self.whose().is_some() {
            writer = writer.that_is_woken();
        }
        let done = writer.done();
        let thread = Thread::start_for(self.whose(), Role::SocketWriter, move || {
            let to = Watched::new(&*stream, Call::Send);
            let mut to = Followed::new(to, Call::Send, here, there);
            let mut last_word = writer.run(&mut to);
            if let Report::Ended { result, .. } = &mut last_word
                && result.is_ok()
            {
                to.close();
                *result = close_sending_half(&stream);
            }
            let _ = inbox.send(Event::Written(sink, last_word));
        })?;
        Ok((thread, done))
    }

    /// What our end is called, where somebody wants to know.
    fn here(&self) -> Option<SocketAddr> {
        steps::watcher().and_then(|_| self.stream.local_addr().ok())
    }

    /// Of one friend's threads nobody has to say whose they are.
    fn whose(&self) -> Option<Number> {
        (self.settings.audience == Audience::Host).then_some(self.number)
    }
}

/// Where the friend's system has refused what was sent last, the connection is gone, and there was
/// no later `send` to be told.
fn close_sending_half(stream: &TcpStream) -> io::Result<()> {
    log::debug!("everything is sent; closes the sending half (FIN)");
    match stream.shutdown(Shutdown::Write) {
        Err(why) if why.kind() == ErrorKind::NotConnected => Err(ErrorKind::ConnectionReset.into()),
        _ => Ok(()),
    }
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
