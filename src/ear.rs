//! The host's own ears in a room: the screen, and the transcript.
//!
//! They hear what every member hears, with one difference: a member who takes nothing can be sent
//! away. A stdout that takes nothing (Ctrl-S, a full pipe) goes deaf instead: it misses what is
//! said until it takes something again, and is then told how much.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use crate::buffer::Block;
use crate::name::{Name, Speaker};
use crate::outbox::Outbox;
use crate::wire::{self, Wire};
use crate::writer::{Done, Order};

/// An ear of the host's. See the [module's page](self).
#[derive(Debug)]
pub struct Ear {
    to_writer: Sender<Order>,
    outbox: Outbox,
    /// The other end of the outbox, to take back what waits in it.
    waiting: Receiver<Order>,
    /// Whether its writer says who speaks; else it is given what members are given.
    labels: bool,
    /// Who spoke last.
    speaker: Option<Name>,
    /// How many messages it has missed; `None`: it is not deaf.
    missed: Option<usize>,
}

impl Ear {
    /// An ear behind this outbox, whose writer says how far it is. `labels`: it says who speaks.
    pub fn new(
        to_writer: Sender<Order>,
        waiting: Receiver<Order>,
        done: Done,
        labels: bool,
    ) -> Ear {
        let outbox = Outbox::new(to_writer.clone(), done, None);
        Ear { to_writer, outbox, waiting, labels, speaker: None, missed: None }
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
        if let Some(missed) = &mut self.missed {
            *missed += wire::messages(wire, said.bytes()).count();
            return false;
        }
        if !self.labels {
            let mut waits = false;
            relayed.iter().for_each(|piece| waits |= self.outbox.put(piece, said));
            return waits;
        }
        if self.speaker.as_ref() != Some(name) {
            self.speaker = Some(name.clone());
            self.outbox.hand_over(Order::CallFriend(Speaker::Named(name.clone())));
        }
        // A copy: the buffer itself is wanted at home.
        self.outbox.put(&Arc::new(Block::of(said.bytes().to_vec())), said)
    }

    /// Whether speakers are held back for it.
    pub fn holds_back(&self) -> bool {
        self.outbox.holds_back()
    }

    /// Lets go of what it holds others back with, where it has taken nothing for too long; `true`
    /// where it has just become deaf.
    pub fn give_up(&mut self, wire: Wire) -> bool {
        if !(self.outbox.holds_back() && self.outbox.is_stuck()) {
            return false;
        }
        let mut missed = 0;
        let waiting: Vec<Order> = self.waiting.try_iter().collect();
        for order in waiting {
            match order {
                Order::Block(block) => missed += wire::messages(wire, block.bytes()).count(),
                Order::Paid(_) => {}
                // What the program itself has to say, and what was typed, waits on.
                other => drop(self.to_writer.send(other)),
            }
        }
        self.outbox.forget();
        // When this is written it takes something again.
        let _ = self.to_writer.send(Order::Flush);
        self.missed = Some(missed);
        true
    }

    /// Its writer is through with everything. How many messages it has missed, where it was deaf.
    pub fn takes_again(&mut self) -> Option<usize> {
        let missed = self.missed.take()?;
        self.outbox.forget();
        Some(missed)
    }
}
