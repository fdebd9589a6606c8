//! Finding a friend: when to call, when to call again, and when to give up. The calling itself, or the
//! listening, is done by the connector or the acceptor. They get one message per friend wanted.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::error::Error;
use crate::talk::plan::{Calling, Plan};

/// How long `--wait` waits between two calls, and `--keep` before it tries its port again.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// How much longer than the limit a connector may take before we give up without it. It gives up by
/// itself at the limit, and then knows better what went wrong.
const STUCK: Duration = Duration::from_millis(500);

/// What comes of a call that failed, or of the time that has passed.
#[derive(Debug)]
pub enum Next {
    /// The search goes on.
    GoOn,
    /// The search goes on, and the person is told this.
    Tell(String),
    /// The search is over, and nobody was found.
    GiveUp(Error),
}

/// The search for a friend.
#[derive(Debug)]
pub struct Search {
    calling: Option<Calling>,
    keep: bool,
    ask_friend: Sender<()>,
    /// How many friends have been asked for, and not found yet.
    asked: usize,
    /// When to call, or to listen, again.
    call_at: Option<Instant>,
    /// When to stop.
    give_up_at: Option<Instant>,
    /// Why the last call failed.
    last: Option<Error>,
}

impl Search {
    /// A search that has not begun. `ask_friend` leads to the acceptor or the connector.
    pub fn new(plan: &Plan, ask_friend: Sender<()>) -> Search {
        Search {
            calling: plan.calling.clone(),
            keep: plan.keep,
            ask_friend,
            asked: 0,
            call_at: None,
            give_up_at: None,
            last: None,
        }
    }

    /// Begins to look for a friend.
    pub fn begin(&mut self, now: Instant) {
        let limit = self.calling.as_ref().and_then(|it| it.wait.unwrap_or(Some(it.timeout)));
        self.give_up_at = limit.map(|limit| now + limit);
        self.last = None;
        self.ask();
    }

    /// Asks until `wanted` friends are being looked for.
    pub fn ask_for(&mut self, wanted: usize) {
        for _ in self.asked..wanted {
            self.ask();
        }
    }

    fn ask(&mut self) {
        self.call_at = None;
        self.asked += 1;
        // If nobody takes it, the program is ending.
        let _ = self.ask_friend.send(());
    }

    /// A friend who was asked for has been found, or could not be.
    pub fn on_answer(&mut self) {
        self.asked = self.asked.saturating_sub(1);
    }

    /// Whether somebody is still looking for a friend.
    pub fn is_on(&self) -> bool {
        self.asked > 0
    }

    /// No friend could be found. `has_talked`: there has been a conversation already.
    pub fn on_failed(&mut self, error: Error, has_talked: bool, now: Instant) -> Next {
        let waits = self.calling.as_ref().is_some_and(|calling| calling.wait.is_some());
        // While we talk, our port is free: another program may be using it for a call just now.
        let listens_again = self.keep && has_talked && matches!(error, Error::PortInUse { .. });
        let again = match (waits && error.may_pass(), listens_again) {
            (true, _) => "calling again",
            (_, true) => "trying again",
            _ => return Next::GiveUp(error),
        };
        // What is left of --wait's time may be too little for another call.
        let at = Some(now + CALL_AGAIN);
        self.call_at = at.filter(|at| self.limit().is_none_or(|limit| *at < limit));
        let is_first = self.last.is_none() && self.call_at.is_some();
        let what = error.without_advice();
        self.last = Some(error);
        match is_first {
            true => Next::Tell(format!("{what}; {again} once a second")),
            false => Next::GoOn,
        }
    }

    /// When to stop looking, if there is a limit.
    fn limit(&self) -> Option<Instant> {
        let more = if self.is_on() { STUCK } else { Duration::ZERO };
        self.give_up_at.map(|at| at + more)
    }

    /// When it wants to be woken.
    pub fn wake_at(&self) -> Option<Instant> {
        [self.call_at, self.limit()].into_iter().flatten().min()
    }

    /// The time has come.
    pub fn on_time(&mut self, now: Instant) -> Next {
        if self.limit().is_some_and(|at| now >= at) {
            return self.out_of_time();
        }
        if self.call_at.is_some_and(|at| now >= at) {
            self.ask();
        }
        Next::GoOn
    }

    fn out_of_time(&mut self) -> Next {
        // A listener waits without a limit.
        let Some(Calling { to, timeout, wait }) = self.calling.clone() else { return Next::GoOn };
        let limit = wait.flatten().unwrap_or(timeout);
        let last = self.last.take().unwrap_or(Error::TimedOut { to, limit });
        Next::GiveUp(match wait {
            Some(_) => Error::WaitedInVain { limit, last: Box::new(last) },
            None => last,
        })
    }
}
