//! A friend on the line: a connected socket and its two threads.
//!
//! This is where a conversation gets its `socket-reader` and its `socket-writer`. Both use the
//! same socket, each in its own direction, which needs no lock: the directions are independent.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::unbounded;
use socket2::SockRef;

use crate::error::Error;
use crate::lens::explain::Account;
use crate::lens::trace;
use crate::roles::{Number, Role, Sink, Source};
use crate::text::audience::Audience;
use crate::threads::buffer::{BUFFER_SIZE, BUFFERS, Pool};
use crate::threads::event::{Event, Report};
use crate::threads::form::Plain;
use crate::threads::friend::{Friend, Line};
use crate::threads::inbox::ToInbox;
use crate::threads::outbox;
use crate::threads::reader::Reader;
use crate::threads::thread::Thread;
use crate::threads::writer::Writer;
use crate::watch::steps::{self, Call, Watched};
use crate::wire::messages::MESSAGE_MAX;
use crate::wire::messages::{Codec, FRAME_MAX, Frames, HEADER, LINE_MAX, Lines, Wire};
use crate::wire::sniffer::{Opening, Sniffer};

/// How a connection's threads are to treat what passes through them.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How messages stand on the wire.
    pub wire: Wire,
    /// Who hears what arrives.
    pub audience: Audience,
    /// `--recv-buffer`, in bytes.
    pub recv_buffer: usize,
}

impl Manner {
    fn codec(self) -> Option<Codec> {
        let longest = match (self.wire, self.audience) {
            (_, Audience::Host) => MESSAGE_MAX,
            (Wire::Lines, _) => LINE_MAX,
            (Wire::Frames, _) => FRAME_MAX,
        };
        match (self.wire, self.audience) {
            (Wire::Lines, Audience::Pipe) => None,
            (Wire::Lines, audience) => Some(Codec::Lines(Lines::new(audience, longest))),
            (Wire::Frames, audience) => Some(Codec::Frames(Frames::new(audience, longest))),
        }
    }

    /// Raw blocks are exactly as large as one `recv`; else a block holds whole messages.
    fn pool(self) -> Pool {
        match (self.codec(), self.audience) {
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

/// Starts the two threads of a connected socket and tells the coordinator that a friend is there.
/// `called_for`: how long the call took, where it was ours.
///
/// # Errors
/// The system has no thread left.
pub fn begin(
    stream: &Arc<TcpStream>,
    number: Number,
    address: SocketAddr,
    called_for: Option<Duration>,
    manner: Manner,
    inbox: &ToInbox,
) -> Result<(), Error> {
    // What our end is called.
    let here = if steps::are_watched() { stream.local_addr().ok() } else { None };
    // Of one friend's threads nobody has to say whose they are.
    let whose = (manner.audience == Audience::Host).then_some(number);
    let (to_friend, orders) = outbox::open(Role::SocketWriter, whose);

    // The reader must not speak before the coordinator knows of the friend: it begins when it is
    // told to. Where it is not, since there is no thread left for the writer, it ends.
    let (start, started) = unbounded::<()>();
    let reader = Thread::start_for(whose, Role::SocketReader, {
        let stream = Arc::clone(stream);
        let inbox = inbox.clone();
        move || {
            let begins = steps::blocked_untold(Call::Permit, || started.recv());
            if begins.is_err() {
                return;
            }
            let reader = Reader {
                source: Source::Friend(number),
                codec: manner.codec(),
                sniffer: Some(Sniffer::new(manner.wire)),
                at_a_time: manner.at_a_time(),
                inbox,
            };
            let from = Watched::new(&*stream, Call::Recv)
                .with_messages(manner.wire)
                .of_stream(|| trace::name_of_stream(Some(address), here));
            match manner.audience {
                Audience::Host => {
                    reader.run_unless_foreign(Opening::new(manner.wire), from, &manner.pool());
                }
                _ => reader.run(from, &manner.pool()),
            }
        }
    })?;
    let sink = Sink::Friend(number);
    let mut writer = Writer::new(sink, Box::new(Plain), orders, inbox.clone());
    if whose.is_some() {
        writer = writer.that_is_woken();
    }
    let done = writer.done();
    let writer = Thread::start_for(whose, Role::SocketWriter, {
        let stream = Arc::clone(stream);
        let inbox = inbox.clone();
        move || {
            let to = Watched::new(&*stream, Call::Send)
                .with_messages(manner.wire)
                .of_stream(|| trace::name_of_stream(here, Some(address)));
            let mut last_word = writer.run(to);
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
            let _ = inbox.send(Event::Written(sink, last_word));
        }
    })?;

    let thread = writer.thread();
    let line = Box::new(Connection { stream: Arc::clone(stream), threads: [reader, writer] });
    // Now, and not when the coordinator hears of it: the reader may be faster.
    let account = Account::now();
    let friend =
        Friend { number, address, to_friend, done, writer: thread, called_for, account, line };
    let _ = inbox.send(Event::Connected(friend));
    let _ = start.send(());
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
