//! Why a conversation is over, and whether the exit code has to show it.

use std::fmt;
use std::time::Instant;

use crate::error::Error;

/// Why a conversation is over.
#[derive(Debug)]
pub enum Why {
    /// The friend has ended, and so have we.
    FriendLeft,
    /// Ctrl-C, SIGTERM or SIGHUP.
    WeLeft,
    /// Whoever read our stdout has gone: `| head -1`.
    NobodyReads,
    /// What we sent was refused.
    Refused(Error),
    /// Something else broke.
    Broke(Error),
}

impl Why {
    /// Whether `other`, found later, counts more. As a rule the first reason counts, with two
    /// exceptions: if stdout cannot be written, what was received is lost, which is worse than
    /// anything else; and a friend who did not take what we said has not simply left.
    fn yields_to(&self, other: &Why) -> bool {
        matches!(
            (self, other),
            (_, Why::Broke(Error::StdoutUnwritable(_))) | (Why::FriendLeft, Why::Refused(_))
        )
    }
}

/// In words, for `--explain`.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::FriendLeft => f.write_str("the friend has left"),
            Why::WeLeft => f.write_str("we leave"),
            Why::NobodyReads => f.write_str("nobody reads stdout any more"),
            Why::Refused(error) | Why::Broke(error) => write!(f, "{error}"),
        }
    }
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Why it is over, once that is decided.
    pub why: Option<Why>,
    /// Something went wrong. The person has been told already; the exit code has to show it too.
    pub failed: bool,
    /// When a signal ended the conversation, or hastened its end.
    pub interrupted: Option<Instant>,
}

impl Verdict {
    /// The conversation ends because of this, unless there is already a reason that counts more.
    pub fn because(&mut self, why: Why) {
        if self.why.as_ref().is_none_or(|first| first.yields_to(&why)) {
            log::debug!("the conversation ends: {why}");
            self.why = Some(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn unwritable() -> Why {
        Why::Broke(Error::StdoutUnwritable(io::ErrorKind::StorageFull.into()))
    }

    fn refused() -> Why {
        let (friend, why) = (([192, 0, 2, 1], 9999).into(), io::ErrorKind::ConnectionReset.into());
        Why::Refused(Error::ConnectionBroke { friend, why })
    }

    #[test]
    fn the_first_reason_counts_but_for_two() {
        let mut verdict = Verdict::default();
        verdict.because(Why::FriendLeft);
        verdict.because(Why::WeLeft);
        assert!(matches!(verdict.why, Some(Why::FriendLeft)));
        verdict.because(refused());
        assert!(matches!(verdict.why, Some(Why::Refused(_))));
        verdict.because(Why::NobodyReads);
        assert!(matches!(verdict.why, Some(Why::Refused(_))));
        verdict.because(unwritable());
        assert!(matches!(verdict.why, Some(Why::Broke(_))));
        let mut verdict = Verdict { why: Some(Why::WeLeft), ..Verdict::default() };
        verdict.because(refused());
        assert!(matches!(verdict.why, Some(Why::WeLeft)), "once we have left, that is expected");
    }
}
