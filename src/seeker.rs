//! Looking for friends: the acceptor waits to be called, the connector calls. Either is one thread
//! that does nothing else.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use crate::connection::{self, Manner};
use crate::error::Error;
use crate::event::Event;
use crate::neighbours;
use crate::socket::{self, Family, Place};

/// The thread that looks for friends: the acceptor or the connector. Whenever the coordinator
/// asks for one it looks until it has found one, or has failed.
#[derive(Debug)]
pub struct Seeker {
    /// Where to listen, or whom to call.
    pub place: Place,
    /// `-4` and `-6`.
    pub family: Family,
    /// Whether a person types here; see [`socket::prepare`].
    pub typed: bool,
    /// Whether somebody wants to know where neighbours can call.
    pub hints: bool,
    /// How to treat what a friend says.
    pub manner: Manner,
    /// Each word asks for a friend.
    pub asked: Receiver<()>,
    /// The coordinator's.
    pub inbox: Sender<Event>,
}

impl Seeker {
    /// Runs the acceptor.
    pub fn accept(mut self) {
        while self.asked.recv().is_ok() {
            let result = self.accept_one();
            self.report(result);
        }
    }

    fn accept_one(&mut self) -> Result<(), Error> {
        let listener = socket::listen(&self.place, self.family)?;
        let at = listener.local_addr().map_err(|why| socket::cannot_listen(&self.place, why))?;
        // The next time it is the same port again, also where any would have done.
        self.place.port = at.port();
        let callable = match self.hints {
            true => neighbours::callable(at, self.family),
            false => Vec::new(),
        };
        let _ = self.inbox.send(Event::Listening(at, callable));
        log::trace!("blocks in accept");
        let (stream, address) =
            socket::accept(&listener).map_err(|why| Error::CannotAccept { at, why })?;
        log::debug!("accept gave a connection from {address}; closes the listening socket");
        // From here on callers are refused, and one who is queued is reset, instead of being
        // connected to nobody.
        drop(listener);
        self.begin(stream, address)
    }

    /// Runs the connector. `timeout`: for one call.
    pub fn connect(self, timeout: Duration) {
        while self.asked.recv().is_ok() {
            let result = socket::connect(&self.place, self.family, timeout)
                .and_then(|(stream, address)| self.begin(stream, address));
            self.report(result);
        }
    }

    fn begin(&self, stream: TcpStream, address: SocketAddr) -> Result<(), Error> {
        socket::prepare(&stream, self.typed);
        connection::begin(stream, address, self.manner, &self.inbox)
    }

    fn report(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            // Nobody listens any more where the program is ending.
            let _ = self.inbox.send(Event::NotConnected(error));
        }
    }
}
