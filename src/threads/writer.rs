//! One function for every byte sink: from an outbox to `impl Write`.
//!
//! The friend's socket, stdout and stderr are written by the same loop. It decides nothing: it
//! takes orders, gives messages the [`Form`] that this sink wants, and writes. Small messages
//! that wait together leave in one call; nothing waits for company, though: with its outbox
//! empty a writer has written everything.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, select};

use crate::platform::machine;
use crate::roles::{Role, Sink};
use crate::terminal::screen::Form;
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::event::{Event, Report};
use crate::threads::thread;
use crate::watch::steps::{self, Call, Facts, Watched};
use crate::wire::messages::END_FRAME;

/// How many bytes of small messages are put together, at most. A larger block is written from
/// where it is: copying it would cost a quarter of the throughput.
const STAGING: usize = 8 * 1024;

/// What an order takes in memory besides its bytes, about.
const PLACE: usize = 256;

/// What a writer can be told.
#[derive(Debug)]
pub enum Order {
    /// Write these messages. Several writers may share them; the block comes home when the last of
    /// them has let go of it.
    Block(Arc<Block>),
    /// Show what we have said ourselves.
    Said(Arc<Block>),
    /// Write these bytes of the program's own: a notice, a line of the log, an `end` frame.
    Own(Cow<'static, [u8]>),
    /// Write this line of the program's own, in which nothing is a friend's: an address, or a command
    /// that is to be copied. A terminal that breaks it itself knows that it is one line.
    ToCopy(String),
    /// Let go of this block, which paid for what is before it (see [`buffer`](crate::threads::buffer)).
    Paid(Arc<Block>),
    /// Call the friend this from now on; one without a name is a new friend.
    CallFriend(Speaker),
    /// Call ourselves by this name from now on; `None`: we have none.
    CallMe(Option<Name>),
    /// Take the input row off the screen, until there is a new one; and then say so.
    RowAway(Option<Sender<()>>),
    /// The input row is not on the screen any more, which is somebody else's now.
    RowLost,
    /// Empty the screen, but for the input row.
    Clear,
    /// Say when everything before this has been written.
    Flush,
    /// Write what is before this, and then end. Closing the outbox says the same; but the
    /// logger keeps an end of some outboxes for ever.
    Goodbye,
}

impl Order {
    /// The bytes to write, as they stand.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Order::Block(block) | Order::Said(block) => block.bytes(),
            Order::Own(bytes) => bytes,
            Order::ToCopy(line) => line.as_bytes(),
            _ => &[],
        }
    }

    /// What it costs to keep it waiting, in bytes, where it is about messages: these, and a place for
    /// them. Whatever else waits is little.
    pub fn cost(&self) -> u64 {
        match self {
            Order::Block(block) | Order::Said(block) => (block.bytes().len() + PLACE) as u64,
            Order::CallFriend(_) => PLACE as u64,
            _ => 0,
        }
    }

    /// How many bytes it counts for, when it comes to telling what was not sent. An `end` frame
    /// says nothing of its own, and is always the last.
    fn worth(&self) -> u64 {
        match self {
            Order::Own(bytes) if bytes[..] == *END_FRAME => 0,
            _ => self.bytes().len() as u64,
        }
    }
}

/// A writer: where it writes, and how.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    form: Form,
    outbox: Receiver<Order>,
    inbox: Sender<Event>,
    done: Done,
    /// Whoever fills the outbox wakes the thread as well.
    is_woken: bool,
    /// That it waits is not worth a word.
    untold: bool,
}

/// How much of its orders a writer has carried out, for whoever gave them.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<AtomicU64>);

impl Done {
    /// The sum of what they cost; see [`Order::cost`].
    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// A writer to `sink`, where messages get this form. It is told what to write by `outbox`, and
    /// reports to `inbox`.
    pub fn new(sink: Sink, form: Form, outbox: Receiver<Order>, inbox: Sender<Event>) -> Writer {
        Writer {
            sink,
            form,
            outbox,
            inbox,
            done: Done::default(),
            is_woken: false,
            untold: sink == Sink::Notices,
        }
    }

    /// The same for a thread that has to be woken when there is something in the outbox, or when it
    /// is closed; see [`outbox`](crate::threads::outbox).
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
    pub fn run(&mut self, to: Watched<impl Write>) -> Report {
        let to_friend = matches!(self.sink, Sink::Friend(_));
        let counted = Counted { to, written: 0 };
        let mut to = BufWriter::with_capacity(STAGING, counted);
        let mut taken = 0;
        let result = self.write_all(&mut to, &mut taken);
        // Taken apart, or dropping it would try once more to write what could not be written.
        let (mut to, _) = to.into_parts();
        if result.is_ok() {
            to.to.close();
        }
        let mut left = 0;
        if result.is_err() && to_friend {
            let waiting: u64 = self.outbox.try_iter().map(|order| order.worth()).sum();
            left = taken.saturating_sub(to.written) + waiting;
        }
        Report::Ended { result, left }
    }

    fn write_all(
        &mut self,
        to: &mut BufWriter<Counted<impl Write>>,
        taken: &mut u64,
    ) -> io::Result<()> {
        let to_friend = matches!(self.sink, Sink::Friend(_));
        to.get_mut().to.tell(to_friend);
        loop {
            let order = match self.outbox.try_recv() {
                Ok(order) => order,
                // Only with nothing more to add is it time to write, and then to wait.
                Err(TryRecvError::Empty) => {
                    if let Some(screen) = self.form.screen() {
                        screen.settle(to)?;
                    }
                    to.flush()?;
                    to.get_mut().to.tell(to_friend);
                    match self.wait() {
                        Some(order) => order,
                        None => continue,
                    }
                }
                Err(TryRecvError::Disconnected) => Order::Goodbye,
            };
            *taken += order.worth();
            let cost = order.cost();
            match order {
                Order::Block(block) => {
                    steps::take_over(&block, self.sink.role());
                    to.get_mut().to.tell(true);
                    self.form.write(&block, to)?;
                }
                Order::Said(block) => {
                    steps::take_over(&block, self.sink.role());
                    self.form.write_said(&block, to)?;
                }
                Order::Own(bytes) => self.form.write_own(&bytes, to)?,
                Order::ToCopy(line) => self.form.write_to_copy(&line, to)?,
                Order::Paid(_) => {}
                Order::CallFriend(speaker) => self.form.call_friend(speaker, to)?,
                Order::CallMe(name) => self.form.call_me(name),
                Order::RowAway(done) => {
                    if let Some(screen) = self.form.screen() {
                        screen.take_row_away(to)?;
                    }
                    to.flush()?;
                    if let Some(done) = done {
                        let _ = done.send(());
                    }
                }
                Order::RowLost => {
                    if let Some(screen) = self.form.screen() {
                        screen.lose_row();
                    }
                }
                Order::Clear => {
                    if let Some(screen) = self.form.screen() {
                        screen.clear(to)?;
                    }
                }
                Order::Flush => {
                    to.flush()?;
                    // Nobody listens any more where the program is ending.
                    let _ = self.inbox.send(Event::Written(self.sink, Report::Flushed));
                }
                Order::Goodbye => {
                    self.form.finish(to)?;
                    return to.flush();
                }
            }
            self.done.0.fetch_add(cost, Ordering::Relaxed);
        }
    }

    /// Waits for an order; `None` where there is something else to do.
    fn wait(&mut self) -> Option<Order> {
        let untold = std::mem::replace(&mut self.untold, true);
        let order = steps::blocked(
            Call::Outbox,
            || Facts { untold, ..Facts::default() },
            || self.wait_for_one(),
            |order| match order {
                Some(Order::Block(_) | Order::Said(_)) => {
                    Facts { woken_by: Role::Coordinator.name(), ..Facts::default() }
                }
                _ => Facts::untold(),
            },
        );
        // To write a line of the log is nothing to write a line of the log about.
        self.untold = !matches!(order, Some(Order::Block(_) | Order::Said(_)));
        order
    }

    fn wait_for_one(&mut self) -> Option<Order> {
        if self.is_woken {
            machine::thread::park();
            return None;
        }
        let Some(screen) = self.form.screen() else {
            // Closed: "that was all".
            return Some(thread::receive(&self.outbox, None, true).unwrap_or(Order::Goodbye));
        };
        select! {
            recv(self.outbox) -> order => Some(order.unwrap_or(Order::Goodbye)),
            recv(screen.rows()) -> row => {
                screen.set_row(row.ok());
                None
            }
        }
    }
}

/// Counts what the sink has really taken.
struct Counted<W> {
    to: Watched<W>,
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
