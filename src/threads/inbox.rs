//! The coordinator's inbox, both ends of it: readers, writers, the thread that finds friends, and
//! whoever hears of a signal put events in, and the coordinator takes them out, one at a time, in the order in which they came.
//!
//! What passes through is shown to `--explain` and `--trace` here, so that neither those who send nor
//! the coordinator have to do that.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, at, never, select, unbounded};

use crate::platform::machine;
use crate::roles::{Role, Who, me};
use crate::threads::event::{Event, News};
use crate::watch::steps::{self, Asked, Call, Came};

/// The way into the inbox.
#[derive(Clone, Debug)]
pub struct ToInbox(Sender<Told>);

/// The inbox, for the coordinator; and later for `main`, which listens for signals at the end.
#[derive(Clone, Debug)]
pub struct Inbox(Receiver<Told>);

/// An event, and the thread that has put it in.
#[derive(Debug)]
pub struct Told {
    /// What has happened.
    pub event: Event,
    /// Who says so. `None`: the clock.
    by: Option<Role>,
}

/// An inbox, and the way into it. It is unbounded: the coordinator empties it without waiting for anybody.
pub fn open() -> (ToInbox, Inbox) {
    let (to_inbox, events) = unbounded();
    (ToInbox(to_inbox), Inbox(events))
}

impl ToInbox {
    /// Puts an event in. `false`: nobody listens any more, since the program is ending.
    pub fn send(&self, event: Event) -> bool {
        if let Event::Read(_, News::Block(block)) = &event {
            let to = Who { role: Role::Coordinator, of: None };
            steps::hand_over(block.number(), block.bytes(), to);
        }
        self.0.send(Told { event, by: Some(me().role) }).is_ok()
    }
}

impl Inbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits for the next event, until `wake_at` if such a time is given. `gives_way`: see [`receive`].
    pub fn next(&self, wake_at: Option<Instant>, gives_way: bool) -> Event {
        let Told { event, .. } = steps::blocked(
            Call::Inbox,
            Asked::default(),
            || self.wait(wake_at, gives_way),
            |Told { event, by }| Came {
                woken_by: by.map_or("the clock", Role::name),
                news: event.to_string(),
                bytes: match event {
                    Event::Read(_, News::Block(block)) => Some(block.bytes().len() as u64),
                    _ => None,
                },
                ..Came::default()
            },
        );
        if let Event::Read(_, News::Block(block)) = &event {
            steps::take_over(block.number());
        }
        event
    }

    fn wait(&self, wake_at: Option<Instant>, gives_way: bool) -> Told {
        let told = match wake_at {
            // The clock goes first: with an inbox that is never empty it would never be its turn.
            Some(at) if at <= machine::now() => Err(RecvTimeoutError::Timeout),
            wake_at => receive(&self.0, wake_at, gives_way),
        };
        match told {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => Told { event: Event::Time, by: None },
            // This never happens: the threads that wait for signals live for ever.
            Err(RecvTimeoutError::Disconnected) => Told { event: Event::Signal, by: None },
        }
    }

    /// The channel itself, to wait for an event or something else, whichever comes first.
    pub fn events(&self) -> &Receiver<Told> {
        &self.0
    }
}

/// Waits for what comes next in a channel, until `deadline` if there is one.
///
/// With `gives_way`, the thread lets others run once (`yield`) before it sleeps. If threads share a
/// processor, whoever fills the channel can then put in several blocks before this thread runs again,
/// instead of waking it for each: that gives half as much throughput again. Giving way more than once
/// makes it worse. crossbeam's own `recv` looks some ten times before it sleeps; with many threads
/// that was most of the work, and even once is too often there.
///
/// # Errors
/// The time is over, or there are no senders left.
pub fn receive<T>(
    from: &Receiver<T>,
    deadline: Option<Instant>,
    gives_way: bool,
) -> Result<T, RecvTimeoutError> {
    if gives_way {
        if let Ok(next) = from.try_recv() {
            return Ok(next);
        }
        machine::thread::yield_now();
    }
    let limit = deadline.map_or_else(never, at);
    // Not `recv`: `select!` looks into its channels only once more, and then sleeps.
    select! {
        recv(from) -> next => next.map_err(|_| RecvTimeoutError::Disconnected),
        recv(limit) -> _ => from.try_recv().map_err(|_| RecvTimeoutError::Timeout),
    }
}
