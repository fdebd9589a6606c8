//! The host's own outboxes in a room: to the screen, and to the transcript.
//!
//! They hear what every member hears, with one difference: a member who takes nothing can be sent
//! away. A stdout that takes nothing (Ctrl-S, a full pipe) is left out instead: it misses what is
//! said until it takes something again, and the host is told how much that was.

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
    /// The other end of the outbox, to take back what waits in it.
    waiting: Receiver<Order>,
    /// Whether its writer says who speaks; otherwise it is given what members are given.
    labels: bool,
    /// Who spoke last, as far as its writer knows.
    speaker: Option<Name>,
    /// How many messages it has missed; `None`: it is not left out.
    missed: Option<usize>,
}

impl HostOutbox {
    /// A host's outbox made of this one, whose other end is `waiting`. `labels`: its writer says who speaks.
    pub fn new(outbox: PaidOutbox, waiting: Receiver<Order>, labels: bool) -> HostOutbox {
        HostOutbox { outbox, waiting, labels, speaker: None, missed: None }
    }

    /// Hears what somebody says: as it was read, and as it is relayed to others. `true`: from now on
    /// somebody waits.
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

    /// Hears what the host says. `true`: from now on somebody waits.
    pub fn hear_host(&mut self, wire: Wire, said: &Arc<Block>) -> bool {
        !self.misses(wire, said) && self.outbox.put(Order::Said(copy(said)), said)
    }

    /// Counts what is said while it is left out.
    fn misses(&mut self, wire: Wire, said: &Block) -> bool {
        if let Some(missed) = &mut self.missed {
            *missed += messages::messages(wire, said.bytes()).count();
        }
        self.missed.is_some()
    }

    /// Asks its writer to say when everything is written.
    pub fn flush(&mut self) {
        self.outbox.hand_over(Order::Flush);
    }

    /// Whether speakers are held back for it.
    pub fn holds_back(&self) -> bool {
        self.outbox.holds_back()
    }

    /// Lets go of what it holds others back with, where it has taken nothing for too long; `true`
    /// where it is left out from now on.
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
                Order::Paid(_) => {}
                // What the program itself has to say waits on.
                other => self.outbox.hand_over(other),
            }
        }
        self.missed = Some(missed);
        // When this is written it takes something again.
        self.flush();
        true
    }

    /// Its writer is through with everything. How many messages it has missed, where it was left out.
    pub fn takes_again(&mut self) -> Option<usize> {
        let missed = self.missed.take()?;
        self.outbox.forget();
        Some(missed)
    }
}

/// A copy, since the buffer itself is wanted at home.
fn copy(said: &Block) -> Arc<Block> {
    Arc::new(Block::of(said.bytes().to_vec()))
}
