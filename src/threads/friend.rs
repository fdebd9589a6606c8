//! A friend on the line, as those who decide know one: what can be sent, and how to hang up. What it
//! takes to have one, a socket and two threads, is the business of [`net`](crate::net).

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
    /// The socket-writer's outbox. Dropping it closes our sending half when everything before has
    /// been sent.
    pub to_friend: Outbox,
    /// How far the socket-writer is.
    pub done: Done,
    /// The socket-writer's thread, which in a room has to be woken for what is put into its outbox.
    pub writer: machine::thread::Thread,
    /// How long it took to call this friend. A listener does not know.
    pub called_for: Option<Duration>,
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
    /// their last words. With `reset` the friend is told that something is missing (RST);
    /// otherwise what the system has accepted is still delivered.
    fn cut(&self, reset: bool);

    /// Joins both threads, which have said their last words.
    fn join(self: Box<Self>);
}
