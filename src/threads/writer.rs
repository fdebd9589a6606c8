//! One function for every byte sink: from an outbox to `impl Write`.
//!
//! The friend's socket, stdout and stderr are written by the same loop. It decides nothing: it
//! takes orders, gives messages the [`Form`] that this sink wants, and writes. Small messages that
//! are waiting together leave in one call. But no message is kept back until others come: when its
//! outbox is empty, a writer writes all that it has.

use std::io::{self, BufWriter, Write};

use crossbeam_channel::TryRecvError;

use crate::platform::machine;
use crate::roles::Sink;
use crate::threads::event::{Event, Report};
use crate::threads::form::Form;
use crate::threads::inbox::ToInbox;
use crate::threads::order::{Done, Order};
use crate::threads::outbox::Orders;

/// How many bytes of small messages are put together at most. A larger block is written straight from
/// its buffer: copying it would cost a quarter of the throughput.
const STAGING: usize = 8 * 1024;

/// A writer: where it writes, and how.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    form: Box<dyn Form>,
    orders: Orders,
    inbox: ToInbox,
    done: Done,
    /// The thread has to be woken by whoever fills the outbox; see [`Writer::that_is_woken`].
    is_woken: bool,
}

impl Writer {
    /// A writer to `sink`, which gives messages this form. It carries out `orders`, and reports to
    /// `inbox`.
    pub fn new(sink: Sink, form: Box<dyn Form>, orders: Orders, inbox: ToInbox) -> Writer {
        Writer { sink, form, orders, inbox, done: Done::default(), is_woken: false }
    }

    /// The same, but an order in the outbox does not wake the thread, nor does closing the outbox:
    /// whoever does either wakes it afterwards. [`paid_outbox`](crate::room::paid_outbox) says why.
    pub fn that_is_woken(mut self) -> Writer {
        self.is_woken = true;
        self
    }

    /// Whom it writes to.
    pub fn sink(&self) -> Sink {
        self.sink
    }

    /// How much it has carried out, to be looked at by others.
    pub fn done(&self) -> Done {
        self.done.clone()
    }

    /// Writes what comes out of the outbox until it is told goodbye. Returns its last report, which is
    /// to be sent to the coordinator once the sink is closed.
    pub fn run(&mut self, to: impl Write) -> Report {
        let to_friend = matches!(self.sink, Sink::Friend(_));
        let counted = Counted { to, written: 0 };
        let mut to = BufWriter::with_capacity(STAGING, counted);
        let mut taken = 0;
        let result = self.write_all(&mut to, &mut taken);
        // Taken apart: otherwise dropping it would try once more to write what could not be written.
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
                // Nothing more can be added: now it is time to write, and then to wait.
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
            Order::Progress(row) => self.form.show_progress(row, to),
            Order::Ring => self.form.ring(to),
            Order::Focus(here) => {
                self.form.note_focus(here);
                Ok(())
            }
            Order::Clear => self.form.clear(to),
            Order::Flush => {
                self.form.settle(to)?;
                to.flush()?;
                // If nobody listens any more, the program is ending.
                let _ = self.inbox.send(Event::Written(self.sink, Report::Flushed));
                Ok(())
            }
            Order::LetGo(_) | Order::Goodbye => Ok(()),
        }
    }

    /// Waits for an order. `None`: something has come, but perhaps no order; look again.
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

/// Counts how many bytes the sink has really taken.
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
