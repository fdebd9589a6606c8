//! The acceptor: the thread that waits for friends to call.
//!
//! Between two people it takes one caller, and then does not listen any more; in a room it goes on
//! listening. What a caller is told whom a room cannot take is not its business.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use crate::error::Error;
use crate::net::neighbours;
use crate::net::place::{Family, Place};
use crate::net::requests::Requests;
use crate::net::socket;
use crate::platform::interface::shown;
use crate::platform::limits;
use crate::threads::event::Event;
use crate::watch::steps::{self, Asked, Call, Came};

/// From why a caller cannot be taken to the bytes that say so.
pub type Refusal = Box<dyn Fn(&Error) -> Vec<u8> + Send>;

/// The thread that waits for friends to call. Whenever the coordinator wants a friend it waits until
/// it has one, or has failed.
pub struct Acceptor {
    /// Where to listen.
    pub place: Place,
    /// `-4` and `-6`.
    pub family: Family,
    /// Whether somebody wants to know where neighbours can call.
    pub hints: bool,
    /// The options of the command line, for commands that are proposed.
    pub options: String,
    /// What a caller is told whom a room cannot take.
    pub refusal: Refusal,
    /// What the coordinator wants.
    pub requests: Requests,
}

impl Acceptor {
    /// Runs the acceptor, for one friend at a time.
    pub fn run(mut self) {
        while self.requests.wait() {
            let result = self.accept_one();
            self.requests.report(result);
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
        self.requests.begin(&Arc::new(stream), address, None)
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
        self.requests.tell(Event::Listening(at, callable));
        Ok((listener, at))
    }

    /// Runs the acceptor of a room, which goes on listening.
    pub fn run_for_room(mut self) {
        if !self.requests.wait() {
            return;
        }
        let (listener, at) = match self.listen(socket::BACKLOG_OF_A_ROOM) {
            Ok(listener) => listener,
            Err(error) => return self.requests.report(Err(error)),
        };
        let mut reserve = None;
        loop {
            reserve = reserve.or_else(|| limits::file_left().ok());
            match accept(&listener) {
                Ok((stream, address)) => self.take(stream, address),
                // The caller would wait for ever. One file less, and it can be told why.
                Err(why) if limits::is_out_of_files(&why) && reserve.take().is_some() => {
                    self.take_last(&listener, at, why, &mut reserve);
                }
                Err(why) => self.requests.report(Err(Error::CannotAccept { at, why })),
            }
            if !self.requests.wait() {
                return;
            }
        }
    }

    fn take(&mut self, stream: TcpStream, address: SocketAddr) {
        log::debug!("accept gave a connection from {}", shown(address));
        let stream = Arc::new(stream);
        if let Err(error) = self.requests.begin(&stream, address, None) {
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
                *reserve = limits::file_left().ok();
                match reserve {
                    Some(_) => self.take(stream, address),
                    None => self.refuse(&stream, Error::CannotAccept { at, why }),
                }
            }
            Err(why) => self.requests.report(Err(Error::CannotAccept { at, why })),
        }
    }

    /// Tells a caller why not, and hangs up.
    fn refuse(&self, mut stream: &TcpStream, error: Error) {
        use io::{Read as _, Write as _};
        // Nothing has been sent yet, so there is room for it: this does not wait.
        let _ = stream.set_nonblocking(true);
        let _ = stream.write_all(&(self.refusal)(&error));
        let _ = stream.shutdown(Shutdown::Write);
        // With something unread, closing would be a reset, which can overtake the line.
        let _ = stream.read(&mut [0; 4096]);
        self.requests.tell(Event::Refused(error));
    }
}

/// Waits for a caller.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    steps::blocked(
        Call::Accept,
        Asked::default(),
        || socket::accept(listener),
        |result| match result {
            // Who has called is told when it is known what becomes of the caller.
            Ok(_) => Came::quiet(),
            Err(why) => Came { failed: Some(why), ..Came::default() },
        },
    )
}
