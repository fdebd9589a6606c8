//! Looking for friends: the acceptor waits to be called, the connector calls. Either is one thread
//! that does nothing else.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::net::connection::{self, Manner};
use crate::net::neighbours;
use crate::net::resolver::Resolver;
use crate::net::socket::{self, Family, Place};
use crate::platform;
use crate::platform::interface::shown;
use crate::roles::Number;
use crate::room::rules;
use crate::text::audience::Audience;
use crate::text::reason::reason;
use crate::threads::event::Event;
use crate::threads::inbox::ToInbox;
use crate::watch::steps::{self, Call, Facts};
use crate::wire::messages::{END_FRAME, Wire};

/// The thread that looks for friends: the acceptor or the connector. Whenever the coordinator
/// asks for one it looks until it has found one, or has failed.
#[derive(Debug)]
pub struct Seeker {
    /// Where to listen, or whom to call.
    pub place: Place,
    /// `-4` and `-6`.
    pub family: Family,
    /// Whether somebody waits for a friend who takes nothing; see [`socket::prepare`].
    pub impatient: bool,
    /// Whether somebody wants to know where neighbours can call.
    pub hints: bool,
    /// The options of the command line, for commands that are proposed.
    pub options: String,
    /// How to treat what a friend says.
    pub manner: Manner,
    /// How many friends it has found.
    pub friends: u64,
    /// Each word asks for a friend.
    pub asked: Receiver<()>,
    /// The coordinator's.
    pub inbox: ToInbox,
}

impl Seeker {
    /// Runs the acceptor.
    pub fn accept(mut self) {
        while self.is_asked() {
            let result = self.accept_one();
            self.report(result);
        }
    }

    fn accept_one(&mut self) -> Result<(), Error> {
        let (listener, at) = self.listen(socket::BACKLOG)?;
        let (stream, address) = accept(&listener).map_err(|why| Error::CannotAccept { at, why })?;
        let caller = shown(address);
        log::debug!("accept gave a connection from {caller}; closes the listening socket");
        // From here on callers are refused, and one who is queued is reset, instead of being
        // connected to nobody.
        drop(listener);
        self.begin(&Arc::new(stream), address, None)
    }

    fn listen(&mut self, backlog: i32) -> Result<(TcpListener, SocketAddr), Error> {
        let listener = socket::listen(&self.place, self.family, backlog, &self.options)?;
        let at = listener
            .local_addr()
            .map_err(|why| socket::cannot_listen(&self.place, &self.options, why))?;
        // The next time it is the same port again, also where any would have done.
        self.place.port = at.port();
        let callable = match self.hints {
            true => neighbours::callable(at, self.family),
            false => Vec::new(),
        };
        let _ = self.inbox.send(Event::Listening(at, callable));
        Ok((listener, at))
    }

    /// Runs the acceptor of a room, which goes on listening.
    pub fn host(mut self) {
        if !self.is_asked() {
            return;
        }
        let (listener, at) = match self.listen(socket::BACKLOG_OF_A_ROOM) {
            Ok(listener) => listener,
            Err(error) => return self.report(Err(error)),
        };
        let mut reserve = None;
        loop {
            reserve = reserve.or_else(|| platform::file_left().ok());
            match accept(&listener) {
                Ok((stream, address)) => self.take(stream, address),
                // The caller would wait for ever. One file less, and it can be told why.
                Err(why) if platform::is_out_of_files(&why) && reserve.take().is_some() => {
                    self.take_last(&listener, at, why, &mut reserve);
                }
                Err(why) => self.report(Err(Error::CannotAccept { at, why })),
            }
            if !self.is_asked() {
                return;
            }
        }
    }

    fn take(&mut self, stream: TcpStream, address: SocketAddr) {
        log::debug!("accept gave a connection from {}", shown(address));
        let stream = Arc::new(stream);
        if let Err(error) = self.begin(&stream, address, None) {
            self.refuse(&stream, error);
        }
    }

    /// Takes a caller with the file that was kept in reserve. Only where another can be kept now is
    /// there room after all.
    fn take_last(
        &mut self,
        listener: &TcpListener,
        at: SocketAddr,
        why: io::Error,
        reserve: &mut Option<File>,
    ) {
        match socket::accept(listener) {
            Ok((stream, address)) => {
                *reserve = platform::file_left().ok();
                match reserve {
                    Some(_) => self.take(stream, address),
                    None => self.refuse(&stream, Error::CannotAccept { at, why }),
                }
            }
            Err(why) => self.report(Err(Error::CannotAccept { at, why })),
        }
    }

    /// Tells a caller why not, and hangs up.
    fn refuse(&self, mut stream: &TcpStream, error: Error) {
        use io::{Read as _, Write as _};
        let why = format_args!("this room cannot take you now: {}", error.to_a_caller());
        // Nothing has been sent yet, so there is room for it: this does not wait.
        let _ = stream.set_nonblocking(true);
        let _ = stream.write_all(&rules::refusal(self.manner.wire, why));
        if self.manner.wire == Wire::Frames {
            let _ = stream.write_all(END_FRAME);
        }
        let _ = stream.shutdown(Shutdown::Write);
        // With something unread, closing would be a reset, which can overtake the line.
        let _ = stream.read(&mut [0; 4096]);
        let _ = self.inbox.send(Event::Refused(error));
    }

    /// Runs the connector. `timeout`: for one call; `wait`: for all calls together, if it has a limit.
    pub fn connect(mut self, timeout: Duration, wait: Option<Duration>) {
        let began = Instant::now();
        let mut resolver = Resolver::default();
        while self.is_asked() {
            let left = wait.map(|limit| limit.saturating_sub(began.elapsed()));
            let limit = left.unwrap_or(timeout).min(timeout);
            let result = steps::blocked(
                Call::Connect,
                Facts::untold,
                || socket::connect(&self.place, self.family, limit, &mut resolver),
                |result| Facts {
                    failed: result.as_ref().err().map(Error::to_string).unwrap_or_default(),
                    ..Facts::untold()
                },
            );
            let result = result.and_then(|(stream, address, took)| {
                self.begin(&Arc::new(stream), address, Some(took))
            });
            self.report(result);
        }
    }

    fn begin(
        &mut self,
        stream: &Arc<TcpStream>,
        address: SocketAddr,
        called_for: Option<Duration>,
    ) -> Result<(), Error> {
        socket::prepare(stream, self.impatient);
        if self.manner.audience == Audience::Host {
            socket::prepare_member(stream);
        }
        let number = Number(self.friends + 1);
        connection::begin(stream, number, address, called_for, self.manner, &self.inbox)?;
        self.friends = number.0;
        Ok(())
    }

    /// Waits to be asked for a friend; `false`: nobody will ask again.
    fn is_asked(&self) -> bool {
        steps::blocked_untold(Call::Permit, || self.asked.recv()).is_ok()
    }

    fn report(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            // Nobody listens any more where the program is ending.
            let _ = self.inbox.send(Event::NotConnected(error));
        }
    }
}

/// Waits for a caller.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    steps::blocked(
        Call::Accept,
        Facts::default,
        || socket::accept(listener),
        |result| match result {
            // Who has called is told when it is known what becomes of the caller.
            Ok(_) => Facts::untold(),
            Err(why) => Facts { failed: reason(why).to_string(), ..Facts::default() },
        },
    )
}
