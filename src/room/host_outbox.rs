//! The host's own outboxes in a room: to the screen, and to the transcript.
//!
//! What every member gets goes to them too. One thing is different: a member who stalls is sent away,
//! but the host's stdout cannot be. If it takes nothing (Ctrl-S, a full pipe), it is left out until it
//! takes something again, and then the host is told how much is missing there.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::room::paid_outbox::{Look, PaidOutbox};
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::order::Order;
use crate::wire::messages::{self, Wire};

/// An outbox of the host's own. See the [module's page](self).
#[derive(Debug)]
pub struct HostOutbox {
    outbox: PaidOutbox,
    /// The other end of the outbox, to take back what is waiting in it.
    waiting: Receiver<Order>,
    /// Whether its writer itself puts the speaker's name to each message. If not, it gets what the
    /// members get, where the name stands already.
    labels: bool,
    /// Who spoke last, as far as its writer knows.
    speaker: Option<Name>,
    /// How many messages it has missed. `None`: it is not left out.
    missed: Option<usize>,
    /// How many times its writer has been asked to report when everything is written, and has not yet.
    unanswered: u32,
}

impl HostOutbox {
    /// Makes this outbox, whose other end is `waiting`, one of the host's own. `labels`: its writer
    /// itself says who speaks.
    pub fn new(outbox: PaidOutbox, waiting: Receiver<Order>, labels: bool) -> HostOutbox {
        HostOutbox { outbox, waiting, labels, speaker: None, missed: None, unanswered: 0 }
    }

    /// Takes what a member says. `said`: as it was read; `relayed`: as the other members get it.
    /// `true`: from now on somebody has to wait.
    pub fn hear(
        &mut self,
        wire: Wire,
        name: &Name,
        said: &Arc<Block>,
        relayed: &[Arc<Block>],
    ) -> bool {
        if self.misses(wire, said) {
            return false;
        }
        if !self.labels {
            let mut waits = false;
            for piece in relayed {
                waits |= self.outbox.put(Order::Block(Arc::clone(piece)), said);
            }
            return waits;
        }
        if self.speaker.as_ref() != Some(name) {
            self.speaker = Some(name.clone());
            self.outbox.hand_over(Order::CallFriend(Speaker::Named(name.clone())));
        }
        self.outbox.put(Order::Block(copy(said)), said)
    }

    /// Takes what the host says. `true`: from now on somebody has to wait.
    pub fn hear_host(&mut self, wire: Wire, said: &Arc<Block>) -> bool {
        !self.misses(wire, said) && self.outbox.put(Order::Said(copy(said)), said)
    }

    /// Whether it is left out. If so, counts what it misses.
    fn misses(&mut self, wire: Wire, said: &Block) -> bool {
        if let Some(missed) = &mut self.missed {
            *missed += messages::messages(wire, said.bytes()).count();
        }
        self.missed.is_some()
    }

    /// Asks its writer to report when everything is written.
    pub fn flush(&mut self) {
        self.unanswered += 1;
        self.outbox.hand_over(Order::Flush);
    }

    /// Whether its writer owes no report: then, as far as is known, everything is written.
    pub fn is_answered(&self) -> bool {
        self.unanswered == 0
    }

    /// Whether speakers are held back for it.
    pub fn holds_back(&self) -> bool {
        self.outbox.holds_back()
    }

    /// If it has taken nothing for too long, lets go of the buffers in it, which others are waiting
    /// for. `true`: from now on it is left out.
    pub fn gives_up(&mut self, wire: Wire) -> bool {
        if self.outbox.look() != Look::Stuck {
            return false;
        }
        let mut missed = 0;
        let waiting: Vec<Order> = self.waiting.try_iter().collect();
        self.outbox.forget();
        for order in waiting {
            match order {
                Order::Block(block) | Order::Said(block) => {
                    missed += messages::messages(wire, block.bytes()).count();
                }
                Order::CallFriend(_) => self.speaker = None,
                Order::LetGo(_) => {}
                // What the program itself has to say stays in the outbox.
                other => self.outbox.hand_over(other),
            }
        }
        self.missed = Some(missed);
        // When its writer reports that this is done, it takes something again.
        self.flush();
        true
    }

    /// Its writer reports. If it was left out, and everything is written now, returns how many messages
    /// it has missed.
    pub fn on_answer(&mut self) -> Option<usize> {
        self.unanswered = self.unanswered.saturating_sub(1);
        let missed = self.missed.take_if(|_| self.unanswered == 0)?;
        self.outbox.forget();
        Some(missed)
    }
}

/// A copy: the buffer itself is to go home at once.
fn copy(said: &Block) -> Arc<Block> {
    Arc::new(Block::of(said.bytes().to_vec()))
}
