//! A member of a room: the same two [halves](crate::talk::halves) as in a conversation, and what is still
//! to be announced to this one.

use std::fmt::Display;
use std::sync::Arc;

use crate::room::announcement::{self, Announcement, Tally};
use crate::room::paid_outbox::PaidOutbox;
use crate::talk::halves::Theirs;
use crate::threads::buffer::Block;
use crate::threads::friend::{Friend, Line};
use crate::threads::order::Order;
use crate::wire::messages::Wire;

/// A member of a room, or somebody who cannot be one, while the line lasts.
pub struct Member {
    wire: Wire,
    /// Our half.
    pub outbox: PaidOutbox,
    theirs: Theirs,
    line: Box<dyn Line>,
    /// How many of the pending announcements the member knows already, from the welcome.
    pub knows: usize,
    /// What was announced while too much was waiting already: counted, and told later.
    counted: Tally,
}

impl Member {
    /// Somebody who has called.
    pub fn new(friend: Friend, wire: Wire) -> Member {
        let Friend { to_friend, done, writer, line, .. } = friend;
        Member {
            wire,
            outbox: PaidOutbox::new(to_friend, done, Some(writer)),
            theirs: Theirs::Open,
            line,
            knows: 0,
            counted: Tally::default(),
        }
    }

    /// Tells the member something. No buffer is kept for it, so there must be little of this.
    pub fn tell(&mut self, message: Vec<u8>) {
        self.outbox.hand_over(Order::Block(Arc::new(Block::of(message))));
    }

    /// Tells what has happened; or just counts it, if too much is waiting already.
    pub fn announce(&mut self, text: &Arc<Block>, what: &[Announcement]) {
        if what.is_empty() {
            return;
        }
        if !self.outbox.is_full() && self.counted.is_empty() {
            return self.outbox.hand_over(Order::Block(Arc::clone(text)));
        }
        if self.counted.is_empty() {
            // When the writer has got that far, it reports, and `tell_counted` is called.
            self.outbox.hand_over(Order::Flush);
        }
        self.counted.add(Tally::of(what));
    }

    /// The writer has written what was waiting when the counting began: tells what was counted.
    pub fn tell_counted(&mut self) {
        for line in std::mem::take(&mut self.counted).lines() {
            self.tell(announcement::notice(self.wire, line));
        }
    }

    /// Tells a last line, and ends our half: for a member who has to go.
    pub fn say_goodbye(&mut self, line: impl Display) {
        self.tell(announcement::notice(self.wire, line));
        self.close();
    }

    /// Ends our half: what is waiting is still sent, and then FIN.
    pub fn close(&mut self) {
        self.outbox.close(self.wire == Wire::Frames);
    }

    /// Ends the connection now. With `reset` the member learns that something is missing.
    pub fn cut(&self, reset: bool) {
        self.line.cut(reset);
    }

    /// The socket-reader has said its last word.
    pub fn on_heard_out(&mut self) {
        self.theirs.set_closed(true);
    }

    /// The socket-writer has said its last word. `broke`: sending failed.
    pub fn on_sent(&mut self, unsent: u64, broke: bool) {
        self.outbox.set_closed(unsent);
        if broke {
            // So that the socket-reader ends too, after what still arrived.
            self.line.cut(false);
        }
    }

    /// Whether both threads have said their last words.
    pub fn is_gone(&self) -> bool {
        self.theirs.is_closed() && self.outbox.is_closed()
    }

    /// Joins the threads of one who [is gone](Member::is_gone).
    pub fn join(self) {
        self.line.join();
    }
}
