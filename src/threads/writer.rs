//! One function for every byte sink: from an outbox to `impl Write`.
//!
//! The friend's socket, stdout and stderr are written by the same loop. It decides nothing: it
//! takes orders, gives messages the [`Form`] that this sink wants, and writes. Small messages
//! that wait together leave in one call; nothing waits for company, though: with its outbox
//! empty a writer has written everything.

use std::io::{self, BufWriter, Write};

use crossbeam_channel::TryRecvError;

use crate::platform::machine;
use crate::roles::Sink;
use crate::threads::event::{Event, Report};
use crate::threads::form::Form;
use crate::threads::inbox::ToInbox;
use crate::threads::order::{Done, Order};
use crate::threads::outbox::Orders;

/// How many bytes of small messages are put together, at most. A larger block is written from
/// where it is: copying it would cost a quarter of the throughput.
const STAGING: usize = 8 * 1024;

/// A writer: where it writes, and how.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    form: Box<dyn Form>,
    orders: Orders,
    inbox: ToInbox,
    done: Done,
    /// Whoever fills the outbox wakes the thread as well.
    is_woken: bool,
}

impl Writer {
    /// A writer to `sink`, where messages get this form. It does what `orders` say, and reports to
    /// `inbox`.
    pub fn new(sink: Sink, form: Box<dyn Form>, orders: Orders, inbox: ToInbox) -> Writer {
        Writer { sink, form, orders, inbox, done: Done::default(), is_woken: false }
    }

    /// The same for a thread that has to be woken when there is something in the outbox, or when it
    /// is closed; see [`paid_outbox`](crate::room::paid_outbox).
    pub fn that_is_woken(mut self) -> Writer {
        self.is_woken = true;
        self
    }

    /// Whom it writes to.
    pub fn sink(&self) -> Sink {
        self.sink
    }

    /// Tells how far it is.
    pub fn done(&self) -> Done {
        self.done.clone()
    }

    /// Writes what comes out of the outbox until told goodbye, and gives back the last word,
    /// which is for the coordinator: to be sent when the sink is closed.
    pub fn run(&mut self, to: impl Write) -> Report {
        let to_friend = matches!(self.sink, Sink::Friend(_));
        let counted = Counted { to, written: 0 };
        let mut to = BufWriter::with_capacity(STAGING, counted);
        let mut taken = 0;
        let result = self.write_all(&mut to, &mut taken);
        // Taken apart, or dropping it would try once more to write what could not be written.
        let (to, _) = to.into_parts();
        let mut left = 0;
        if result.is_err() && to_friend {
            let waiting: u64 = self.orders.rest().map(|order| order.worth()).sum();
            left = taken.saturating_sub(to.written) + waiting;
        }
        Report::Ended { result, left }
    }

    fn write_all(
        &mut self,
        to: &mut BufWriter<Counted<impl Write>>,
        taken: &mut u64,
    ) -> io::Result<()> {
        loop {
            let order = match self.orders.try_next() {
                Ok(order) => order,
                // Only with nothing more to add is it time to write, and then to wait.
                Err(TryRecvError::Empty) => {
                    self.form.settle(to)?;
                    to.flush()?;
                    match self.wait() {
                        Some(order) => order,
                        None => continue,
                    }
                }
                Err(TryRecvError::Disconnected) => Order::Goodbye,
            };
            if matches!(order, Order::Goodbye) {
                self.form.finish(to)?;
                return to.flush();
            }
            *taken += order.worth();
            let cost = order.cost();
            self.carry_out(order, to)?;
            self.done.add(cost);
        }
    }

    fn carry_out(
        &mut self,
        order: Order,
        to: &mut BufWriter<Counted<impl Write>>,
    ) -> io::Result<()> {
        match order {
            Order::Block(block) => self.form.write_heard(&block, to),
            Order::Said(block) => self.form.write_said(&block, to),
            Order::Own(bytes) => self.form.write_own(&bytes, to),
            Order::ToCopy(line) => self.form.write_to_copy(&line, to),
            Order::CallFriend(speaker) => self.form.call_friend(speaker, to),
            Order::CallMe(name) => {
                self.form.call_me(name);
                Ok(())
            }
            Order::RowAway(done) => {
                self.form.take_row_away(to)?;
                to.flush()?;
                if let Some(done) = done {
                    let _ = done.send(());
                }
                Ok(())
            }
            Order::RowLost => {
                self.form.lose_row();
                Ok(())
            }
            Order::Clear => self.form.clear(to),
            Order::Flush => {
                to.flush()?;
                // Nobody listens any more where the program is ending.
                let _ = self.inbox.send(Event::Written(self.sink, Report::Flushed));
                Ok(())
            }
            Order::Paid(_) | Order::Goodbye => Ok(()),
        }
    }

    /// Waits for an order; `None` where there is something else to do.
    fn wait(&mut self) -> Option<Order> {
        let (form, is_woken) = (&mut self.form, self.is_woken);
        self.orders.wait(|orders| match is_woken {
            true => {
                machine::thread::park();
                None
            }
            false => form.wait(orders),
        })
    }
}

/// Counts what the sink has really taken.
struct Counted<W> {
    to: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
