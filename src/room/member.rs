//! A member of a room: the same two [halves](crate::talk::halves) as in a conversation, and what it has
//! still to be told.

use std::fmt::Display;
use std::sync::Arc;

use crate::room::announcement::{self, Announcement, Tally};
use crate::room::paid_outbox::PaidOutbox;
use crate::talk::halves::Theirs;
use crate::threads::buffer::Block;
use crate::threads::friend::{Friend, Line};
use crate::threads::order::Order;
use crate::wire::messages::Wire;

/// Somebody on the line.
pub struct Member {
    wire: Wire,
    /// Our half.
    pub outbox: PaidOutbox,
    theirs: Theirs,
    line: Box<dyn Line>,
    /// How much of what is to be announced is older than the member.
    pub knows: usize,
    /// What was announced while too much was waiting already.
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

    /// Tells the member something for which nobody pays.
    pub fn tell(&mut self, message: Vec<u8>) {
        self.outbox.hand_over(Order::Block(Arc::new(Block::of(message))));
    }

    /// Tells what has happened; or just counts it, where too much is waiting already.
    pub fn announce(&mut self, text: &Arc<Block>, what: &[Announcement]) {
        if what.is_empty() {
            return;
        }
        if !self.outbox.is_full() && self.counted.is_empty() {
            return self.outbox.hand_over(Order::Block(Arc::clone(text)));
        }
        if self.counted.is_empty() {
            // When the writer is through, it says so.
            self.outbox.hand_over(Order::Flush);
        }
        self.counted.add(Tally::of(what));
    }

    /// The writer is through with what was put in before something was counted: that is told now.
    pub fn tell_counted(&mut self) {
        for line in std::mem::take(&mut self.counted).lines() {
            self.tell(announcement::notice(self.wire, line));
        }
    }

    /// The last line for somebody who has to go.
    pub fn say_goodbye(&mut self, line: impl Display) {
        self.tell(announcement::notice(self.wire, line));
        self.close();
    }

    /// Ends our half: what waits is still sent, and then FIN.
    pub fn close(&mut self) {
        self.outbox.close(self.wire == Wire::Frames);
    }

    /// Ends the connection now; with `reset` the member is told that something is missing.
    pub fn cut(&self, reset: bool) {
        self.line.cut(reset);
    }

    /// The socket-reader has said its last word.
    pub fn on_heard_out(&mut self) {
        self.theirs.set_closed(true);
    }

    /// The socket-writer has said its last word. `broke`: what it was sent last was refused.
    pub fn on_sent(&mut self, unsent: u64, broke: bool) {
        self.outbox.set_closed(unsent);
        if broke {
            // The socket-reader finds that the line is broken too, after what still arrived.
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
