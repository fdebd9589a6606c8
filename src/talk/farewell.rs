//! What is said at the end of a conversation or a room: what was not handed over, and to whom.

use std::fmt::Display;
use std::sync::Arc;

use crate::error::Error;
use crate::talk::plan::{Plan, Stdin};
use crate::threads::buffer::Block;
use crate::threads::notices::{Notices, Unsent};

/// The last notices, and whether the exit code has to show that something went wrong.
#[derive(Debug)]
pub struct Farewell<'a> {
    notices: &'a Notices,
    failed: bool,
}

impl Farewell<'_> {
    /// Says goodbye by way of `notices`. `failed`: something has gone wrong already.
    pub fn new(notices: &Notices, failed: bool) -> Farewell<'_> {
        Farewell { notices, failed }
    }

    /// Whether the exit code has to show that something went wrong.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Something is missing, and it is nobody's fault.
    pub fn missing(&mut self, what: impl Display) {
        self.notices.notice(what);
        self.failed = true;
    }

    /// Something broke.
    pub fn error(&mut self, error: impl Display) {
        self.notices.error(error);
        self.failed = true;
    }

    /// How many bytes a friend did not take. `None`: nobody knows.
    pub fn unsent(&mut self, bytes: Option<u64>) {
        match bytes {
            Some(0) => {}
            // "At least": nobody counts what the system took from us and then could not deliver.
            Some(bytes) => self.missing(format_args!(
                "not sent: at least {bytes} bytes, which the friend did not take"
            )),
            None => self.missing("not sent: what the friend did not take"),
        }
    }

    /// What arrived last is not on stdout.
    pub fn unwritten(&mut self) {
        self.missing("not written: what arrived last, which stdout did not take");
    }

    /// What a person typed when it could not be said any more.
    pub fn unsaid(&self, plan: &Plan, blocks: &[Arc<Block>]) {
        if plan.stdin == Stdin::Terminal {
            let mut unsent = Unsent::default();
            blocks.iter().for_each(|block| unsent.add(plan.wire, block.bytes()));
            self.notices.not_sent(&unsent);
        }
    }

    /// Nobody reads our stdout any more, and so we stopped sending, too. Whoever pipes something in
    /// should know that it was not all sent, if its end had not been found (`reading`).
    pub fn nobody_reads(&mut self, plan: &Plan, reading: bool) {
        if plan.stdin == Stdin::Pipe && reading {
            self.error(Error::StdinCutShort);
        }
    }
}
