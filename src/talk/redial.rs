//! A friend who proves busy: with `--wait` such a friend is called again, and told what was not heard.
//!
//! A listener who already has somebody resets the connection before a word comes back. What we have
//! said by then is kept, to be said again; but only if it is little and the reset comes at once.

use std::time::{Duration, Instant};

use crate::wire::messages::LINE_MAX;

/// How much is kept to be said again, in bytes: the longest line. A friend who resets the connection
/// after more than that is not taken to be busy.
const KEPT_MAX: u64 = LINE_MAX as u64 + 1;

/// A friend who resets the connection later than this may have heard us: nothing is repeated.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Whether a friend may still prove busy.
#[derive(Debug)]
pub struct Redial {
    since: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The friend has said something, or we have said too much: it is not busy.
    Answered,
    /// Not a word has come. Here is what we have said, if it is kept.
    Silent(Option<Vec<u8>>),
}

impl Redial {
    /// For a friend who has come just now. `keeps`: keep what we say, to repeat it if need be.
    pub fn new(keeps: bool, now: Instant) -> Redial {
        Redial { since: now, state: State::Silent(keeps.then(Vec::new)) }
    }

    /// The friend has said something, and so is not busy.
    pub fn on_heard(&mut self) {
        self.state = State::Answered;
    }

    /// We have said this, which makes `said` bytes in all.
    pub fn on_said(&mut self, bytes: &[u8], said: u64) {
        match &mut self.state {
            _ if said > KEPT_MAX => self.state = State::Answered,
            State::Silent(Some(kept)) => kept.extend_from_slice(bytes),
            State::Silent(None) | State::Answered => {}
        }
    }

    /// Whether not a word has come, and we have not said much.
    pub fn is_silent(&self) -> bool {
        matches!(self.state, State::Silent(_))
    }

    /// Whether it is so soon that the friend cannot have heard us.
    pub fn is_at_once(&self, now: Instant) -> bool {
        now < self.since + AT_ONCE
    }

    /// What has to be said again. `None`: the friend may have heard some of it, so nothing is.
    pub fn unheard(&self, said: u64, now: Instant) -> Option<Vec<u8>> {
        match &self.state {
            _ if said == 0 => Some(Vec::new()),
            State::Silent(kept) if self.is_at_once(now) => kept.clone(),
            State::Silent(_) | State::Answered => None,
        }
    }
}
