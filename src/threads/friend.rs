//! A friend on the line, as the deciding side knows one: where to send, and how to hang up. The socket
//! and the two threads that this takes are the business of [`net`](crate::net).

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::platform::machine;
use crate::roles::Number;
use crate::threads::order::Done;
use crate::threads::outbox::Outbox;

/// A friend, as the coordinator knows one: it can send, and it can hang up.
pub struct Friend {
    /// Which friend.
    pub number: Number,
    /// Where the friend is.
    pub address: SocketAddr,
    /// The socket-writer's outbox. When it is dropped, what is in it is still sent, and then our half
    /// of the connection closes.
    pub to_friend: Outbox,
    /// How much the socket-writer has carried out.
    pub done: Done,
    /// The socket-writer's thread. In a room it has to be woken for what is put into its outbox.
    pub writer: machine::thread::Thread,
    /// How long it took to call this friend. A listener does not know.
    pub called_for: Option<Duration>,
    /// The connection itself, to hang up.
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
    /// Ends the connection now. Both threads wake from `recv` and `send` (where the system can do that)
    /// and say their last words. With `reset` the friend is told that something is missing (RST);
    /// otherwise what the system has accepted is still delivered.
    fn cut(&self, reset: bool);

    /// Joins both threads, which have said their last words.
    fn join(self: Box<Self>);
}
