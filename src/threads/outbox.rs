//! A writer's outbox, both ends of it: what is put into the [`Outbox`] comes out of the writer's
//! [`Orders`].
//!
//! That a message is handed over, that it is taken, and that a writer waits is shown to `--explain` and
//! `--trace` here, so that neither the coordinator nor a writer has to do that. (To whom a message goes
//! in a room is counted by the room itself.)

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use crate::roles::{Number, Role, Who};
use crate::threads::order::Order;
use crate::watch::steps::{self, Asked, Call, Came};
use crate::watch::watched;

/// The way to a writer. Dropping the last clone tells the writer "that was all".
#[derive(Clone, Debug)]
pub struct Outbox {
    orders: Sender<Order>,
    /// The thread that it leads to.
    to: Who,
}

/// The writer's end: what it is to do.
#[derive(Debug)]
pub struct Orders {
    orders: Receiver<Order>,
    /// The next wait is not shown by `--explain`.
    quiet: bool,
}

/// Both ends of an outbox: the way to the thread with this role, and the orders that this thread
/// takes. `of`: whose thread it is, if there is one for each friend.
///
/// It is unbounded: what waits in it holds a reader's buffer, and of those there are few (see
/// [`buffer`](crate::threads::buffer)); or it is a handful of words of our own.
pub fn open(role: Role, of: Option<Number>) -> (Outbox, Orders) {
    let (to_writer, orders) = unbounded();
    let outbox = Outbox { orders: to_writer, to: Who { role, of } };
    (outbox, Orders { orders, quiet: role == Role::NoticeWriter })
}

impl Outbox {
    /// Tells the writer to do this. A writer that has ended has said so to the coordinator, or will.
    pub fn send(&self, order: Order) {
        if let Order::Block(block) | Order::Said(block) = &order {
            steps::hand_over(block.number(), block.bytes(), self.to);
        }
        let _ = self.orders.send(order);
    }

    /// How many orders wait.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}

impl Orders {
    /// The next order, if one is waiting.
    ///
    /// # Errors
    /// None is waiting; or no more will ever come.
    pub fn try_next(&self) -> Result<Order, TryRecvError> {
        let order = self.orders.try_recv();
        if let Ok(order) = &order {
            taken(order);
        }
        order
    }

    /// Waits for the next order with `wait`, which returns `None` if it finds something else to do.
    pub fn wait(&mut self, wait: impl FnOnce(&Receiver<Order>) -> Option<Order>) -> Option<Order> {
        watched::write_quietly(true);
        let quiet = std::mem::replace(&mut self.quiet, true);
        let order = steps::blocked(
            Call::Outbox,
            Asked { quiet, ..Asked::default() },
            || wait(&self.orders),
            |order| match order {
                Some(Order::Block(_) | Order::Said(_)) => {
                    Came { woken_by: Role::Coordinator.name(), ..Came::default() }
                }
                _ => Came::quiet(),
            },
        );
        // That a line of the log was written must not make another line of the log, and so on for
        // ever.
        self.quiet = !matches!(order, Some(Order::Block(_) | Order::Said(_)));
        if let Some(order) = &order {
            taken(order);
        }
        order
    }

    /// What is still waiting when the writer has ended.
    pub fn rest(&self) -> impl Iterator<Item = Order> {
        self.orders.try_iter()
    }

    /// The same end once more, to take back what is waiting.
    pub fn waiting(&self) -> Receiver<Order> {
        self.orders.clone()
    }
}

fn taken(order: &Order) {
    if let Order::Block(block) | Order::Said(block) = order {
        steps::take_over(block.number());
    }
    if let Order::Block(_) = order {
        watched::write_quietly(false);
    }
}
