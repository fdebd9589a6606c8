//! How far the screen-writer is with what a friend has said: a friend's last words have to be written
//! before it is said that the friend has left.

use crate::threads::order::Order;
use crate::threads::outbox::Outbox;

/// How far the screen-writer is.
#[derive(Debug)]
pub struct Shown {
    to_screen: Outbox,
    progress: Progress,
    /// How many times the screen-writer has been asked to report when all is out, and has not yet.
    unanswered: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// More may come.
    NotYet,
    /// The friend has said everything, and we have asked for a report when it is out.
    Asked,
    /// Everything is out.
    Yes,
    /// Nothing more will ever be out: stdout takes nothing any more.
    Never,
}

impl Shown {
    /// Nothing has been said yet.
    pub fn new(to_screen: Outbox) -> Shown {
        Shown { to_screen, progress: Progress::NotYet, unanswered: 0 }
    }

    /// Asks whether what has come so far is out.
    pub fn ask_so_far(&mut self) {
        if self.progress != Progress::Never {
            self.unanswered += 1;
            self.to_screen.send(Order::Flush);
        }
    }

    /// The friend has said everything: asks, once, whether that is out. `true`: it has just asked.
    pub fn ask_for_all(&mut self) -> bool {
        let asks = self.progress == Progress::NotYet;
        if asks {
            self.progress = Progress::Asked;
            self.ask_so_far();
        }
        asks
    }

    /// The screen-writer has answered. `true`: that was the last answer it owed.
    pub fn on_answer(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered == 0 && self.progress == Progress::Asked {
            self.progress = Progress::Yes;
        }
        self.is_answered()
    }

    /// The screen-writer has ended.
    pub fn on_end(&mut self) {
        (self.progress, self.unanswered) = (Progress::Never, 0);
    }

    /// Whether the screen-writer owes no answer: then, as far as is known, nothing waits for stdout.
    pub fn is_answered(&self) -> bool {
        self.unanswered == 0
    }

    /// Whether stdout still works.
    pub fn works(&self) -> bool {
        self.progress != Progress::Never
    }

    /// Whether everything is out.
    pub fn is_whole(&self) -> bool {
        self.progress == Progress::Yes
    }

    /// Whether everything is out, or never will be.
    pub fn is_done(&self) -> bool {
        matches!(self.progress, Progress::Yes | Progress::Never)
    }
}
