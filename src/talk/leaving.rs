//! The clock of a conversation that is over: how long it may still take.
//!
//! When we leave, we owe the friend what we have said, and ourselves what is still on its way to us. So
//! leaving has steps, with a state for each: what we have said is handed over to the system; then we
//! go on listening, until nothing has come for a while; then the line is cut, and its threads say
//! their last words. Whatever the friend does, this takes no longer than [`LEAVING`]. Only our own
//! stdout may take longer, unless we were told to go.

use std::time::{Duration, Instant};

use crate::platform::bell::SHUTDOWN_WAKES;

/// How long leaving may take in all.
pub const LEAVING: Duration = Duration::from_secs(2);

/// How long a conversation that we end may take to end well, before we cut the line.
pub const PATIENCE: Duration = Duration::from_millis(1_600);

/// How long the threads of a line that was cut may take to say their last words. The rest of
/// [`LEAVING`] is for saying what was not handed over.
pub const LAST_WORDS: Duration = Duration::from_millis(200);

/// If nothing has come for so long from a friend who does not hang up, we do.
const SILENCE: Duration = Duration::from_millis(500);

/// If a call took longer than this, the friend is far away, and answers take long as well.
const NEAR: Duration = Duration::from_millis(200);

/// How long to wait for a silent friend whom it took so long to call. A listener does not know how
/// long the call took (`None`), and takes every friend to be near.
pub fn silence(calling: Option<Duration>) -> Duration {
    match calling {
        Some(took) if took > NEAR => PATIENCE,
        _ => SILENCE,
    }
}

/// How far we are with leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Nobody leaves.
    No,
    /// What we have said is being handed over to the system.
    Sending {
        /// When the line is cut.
        cut_at: Instant,
    },
    /// All is handed over, and the friend may still speak.
    Quiet {
        /// Nothing has come since.
        since: Instant,
        /// When the line is cut, even if the friend is still talking.
        cut_at: Instant,
    },
    /// The line has been cut.
    Cut {
        /// When threads that have not said their last words are left running. `None`: we wait for
        /// them.
        leave_at: Option<Instant>,
    },
    /// Nothing is waited for any more.
    Left,
}

/// What the time has come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// To cut the line, since nothing has come for a while.
    HangUp,
    /// To cut the line, whatever still comes.
    Cut,
    /// To leave threads running that have not said their last words.
    Leave,
}

impl Leaving {
    /// Begins to leave, unless that has begun already.
    pub fn begin(&mut self, now: Instant) {
        if *self == Leaving::No {
            *self = Leaving::Sending { cut_at: now + PATIENCE };
        }
    }

    /// The system has taken all that we have said, and FIN.
    pub fn handed_over(&mut self, now: Instant) {
        if let Leaving::Sending { cut_at } = *self {
            *self = Leaving::Quiet { since: now, cut_at };
        }
    }

    /// Something has come; or something that came before is written only now.
    pub fn heard(&mut self, now: Instant) {
        if let Leaving::Quiet { since, .. } = self {
            *since = now;
        }
    }

    /// There is nothing left to be waited for but the cut.
    pub fn hurry(&mut self, now: Instant) {
        if !self.is_cut() {
            *self = Leaving::Sending { cut_at: now };
        }
    }

    /// The line has been cut, or is about to be. With `hurry`, its threads have [`LAST_WORDS`] to say
    /// theirs, and what is left of [`PATIENCE`]; otherwise they have as long as it takes.
    pub fn cut(&mut self, hurry: bool, now: Instant) {
        // If nothing can wake them, there is no use in waiting for them.
        let patience = match *self {
            Leaving::Sending { cut_at } | Leaving::Quiet { cut_at, .. } if SHUTDOWN_WAKES => cut_at,
            _ => now,
        };
        *self = Leaving::Cut { leave_at: hurry.then(|| patience.max(now) + LAST_WORDS) };
    }

    /// We were told to go: from now on there is a limit, even if the line has been cut already.
    pub fn limit(&mut self, now: Instant) {
        if let Leaving::Cut { leave_at: leave_at @ None } = self {
            *leave_at = Some(now + PATIENCE + LAST_WORDS);
        }
    }

    /// When the next step is due, if one is. `silence`: for how long nothing has to come before we hang
    /// up. `None`: silence means nothing, since the friend may be waiting for us.
    pub fn next(&self, silence: Option<Duration>) -> Option<Instant> {
        match *self {
            Leaving::Sending { cut_at } => Some(cut_at),
            Leaving::Quiet { since, cut_at } => {
                Some(silence.map_or(cut_at, |silence| cut_at.min(since + silence)))
            }
            Leaving::Cut { leave_at } => leave_at,
            Leaving::No | Leaving::Left => None,
        }
    }

    /// What is due now.
    pub fn due(&self, silence: Option<Duration>, now: Instant) -> Due {
        if self.next(silence).is_none_or(|at| now < at) {
            return Due::Nothing;
        }
        match *self {
            Leaving::Cut { .. } => Due::Leave,
            Leaving::Quiet { cut_at, .. } if now < cut_at => Due::HangUp,
            _ => Due::Cut,
        }
    }

    /// Whether the line has been cut.
    pub fn is_cut(&self) -> bool {
        matches!(self, Leaving::Cut { .. } | Leaving::Left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_silent_friend_is_left_half_a_second_after_the_last_word_and_a_talker_after_patience() {
        let start = Instant::now();
        let mut leaving = Leaving::No;
        leaving.heard(start);
        leaving.handed_over(start);
        assert_eq!((leaving, leaving.next(Some(SILENCE))), (Leaving::No, None));
        leaving.begin(start);
        assert_eq!(leaving.next(Some(SILENCE)), Some(start + PATIENCE));
        leaving.handed_over(start + ms(100));
        assert_eq!(leaving.next(Some(SILENCE)), Some(start + ms(600)));
        leaving.heard(start + ms(300));
        assert_eq!(leaving.next(Some(SILENCE)), Some(start + ms(800)));
        // Where we do not take what comes, the friend's silence means nothing.
        assert_eq!(leaving.next(None), Some(start + PATIENCE));
        leaving.heard(start + ms(1_500));
        assert_eq!(leaving.next(Some(SILENCE)), Some(start + PATIENCE));
        // It begins once.
        leaving.begin(start + ms(1_500));
        assert_eq!(leaving.next(Some(SILENCE)), Some(start + PATIENCE));
    }

    #[test]
    fn silence_is_a_reason_to_hang_up_and_time_is_one_to_cut() {
        let start = Instant::now();
        let mut leaving = Leaving::No;
        leaving.begin(start);
        assert_eq!(
            leaving.due(Some(SILENCE), start + PATIENCE),
            Due::Cut,
            "not all is handed over"
        );
        leaving.handed_over(start);
        assert_eq!(leaving.due(Some(SILENCE), start + ms(499)), Due::Nothing);
        assert_eq!(leaving.due(Some(SILENCE), start + ms(500)), Due::HangUp);
        leaving.heard(start + ms(1_500));
        assert_eq!(leaving.due(Some(SILENCE), start + ms(1_599)), Due::Nothing);
        assert_eq!(leaving.due(Some(SILENCE), start + PATIENCE), Due::Cut, "a talker");
        leaving.cut(true, start + PATIENCE);
        assert_eq!(leaving.due(None, start + PATIENCE + LAST_WORDS), Due::Leave);
    }

    #[test]
    #[cfg(unix)]
    fn threads_that_are_woken_early_have_all_the_time_that_is_left() {
        let start = Instant::now();
        let mut leaving = Leaving::No;
        leaving.begin(start);
        leaving.handed_over(start);
        leaving.cut(true, start + SILENCE);
        assert_eq!(leaving.next(None), Some(start + PATIENCE + LAST_WORDS));
        leaving.cut(false, start);
        assert_eq!(leaving.next(None), None);
    }

    #[test]
    fn a_friend_whom_it_took_long_to_call_has_longer_to_answer() {
        assert_eq!(silence(None), SILENCE);
        assert_eq!(silence(Some(NEAR)), SILENCE);
        assert_eq!(silence(Some(NEAR + ms(1))), PATIENCE);
    }

    #[test]
    fn all_of_it_fits_into_what_leaving_may_take() {
        assert!(PATIENCE + LAST_WORDS < LEAVING);
    }
}
