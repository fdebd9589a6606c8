//! What the acceptor and the connector have in common: each waits until the coordinator wants a
//! friend, and answers with one, or with why there is none. That holds in a room, too: so callers cannot
//! come faster than they are dealt with, and those who are still leaving are few.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::net::connection::{LineSettings, NewLine};
use crate::net::socket;
use crate::roles::Number;
use crate::text::audience::Audience;
use crate::threads::event::Event;
use crate::threads::inbox::ToInbox;
use crate::watch::steps::{self, Call};

/// The coordinator's requests for friends, and the way back to it.
#[derive(Debug)]
pub struct Requests {
    /// One message per friend wanted.
    asked: Receiver<()>,
    inbox: ToInbox,
    /// How to treat what a friend says.
    settings: LineSettings,
    /// Whether somebody waits for a friend who takes nothing; see [`socket::prepare`].
    detect_stalls: bool,
    /// How many friends there have been.
    friends: u64,
}

impl Requests {
    /// `asked`: one message per friend wanted; `inbox`: the coordinator's, for the answers.
    pub fn new(
        asked: Receiver<()>,
        inbox: ToInbox,
        settings: LineSettings,
        detect_stalls: bool,
    ) -> Requests {
        Requests { asked, inbox, settings, detect_stalls, friends: 0 }
    }

    /// Waits until a friend is wanted; `false`: there will be no more requests.
    pub fn wait(&self) -> bool {
        steps::blocked_quietly(Call::Permit, || self.asked.recv()).is_ok()
    }

    /// Makes a connected socket a friend on the line. `called_for`: how long the call took, where it
    /// was ours.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn begin(
        &mut self,
        stream: &Arc<TcpStream>,
        address: SocketAddr,
        called_for: Option<Duration>,
    ) -> Result<(), Error> {
        socket::prepare(stream, self.detect_stalls);
        if self.settings.audience == Audience::Host {
            socket::prepare_member(stream);
        }
        let number = Number(self.friends + 1);
        let line = NewLine {
            stream,
            number,
            address,
            called_for,
            settings: self.settings,
            inbox: &self.inbox,
        };
        line.begin()?;
        self.friends = number.0;
        Ok(())
    }

    /// Tells the coordinator why there is no friend, where there is none.
    pub fn report(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.tell(Event::NotConnected(error));
        }
    }

    /// Tells the coordinator something else.
    pub fn tell(&self, event: Event) {
        // Nobody listens any more where the program is ending.
        self.inbox.send(event);
    }
}
