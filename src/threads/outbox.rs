//! A writer's outbox, both ends of it: what is put into the [`Outbox`] comes out of the writer's
//! [`Orders`].
//!
//! Whoever watches is told here that a message is handed over, that it is taken, and that a writer
//! waits; so neither the coordinator nor a writer has to say so. (What goes to a member of a room is
//! counted as well: that is the room's business.)

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use crate::roles::{Number, Role, Who};
use crate::threads::order::Order;
use crate::watch::steps::{self, Asked, Call, Came};
use crate::watch::watched;

/// The way to a writer. Whoever lets go of the last one says "that was all".
#[derive(Clone, Debug)]
pub struct Outbox {
    orders: Sender<Order>,
    /// The thread that it leads to.
    to: Who,
}

/// What a writer is to do: the other end.
#[derive(Debug)]
pub struct Orders {
    orders: Receiver<Order>,
    /// That it waits now is not shown by `--explain`.
    quiet: bool,
}

/// An outbox that leads to the thread with this role, and what that thread is to take its orders
/// from. `of`: the friend, where several have threads of this role.
///
/// It is unbounded: what waits in it is paid for by the readers' buffers (see
/// [`buffer`](crate::threads::buffer)), or is a handful of words of our own.
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
    /// The next order, where one waits.
    ///
    /// # Errors
    /// None does; or there will never be one again.
    pub fn try_next(&self) -> Result<Order, TryRecvError> {
        let order = self.orders.try_recv();
        if let Ok(order) = &order {
            taken(order);
        }
        order
    }

    /// Waits for the next order, by way of `wait`, which may find something else to do.
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
        // To write a line of the log is nothing to write a line of the log about.
        self.quiet = !matches!(order, Some(Order::Block(_) | Order::Said(_)));
        if let Some(order) = &order {
            taken(order);
        }
        order
    }

    /// What waits still when the writer has ended.
    pub fn rest(&self) -> impl Iterator<Item = Order> {
        self.orders.try_iter()
    }

    /// The same end once more, for whoever may have to take back what waits.
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
