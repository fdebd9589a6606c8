//! One function for every byte sink: from an outbox to `impl Write`.
//!
//! The friend's socket, stdout and stderr are written by the same loop. It decides nothing: it
//! takes orders, gives messages the [`Form`] that this sink wants, and writes. Small messages
//! that wait together leave in one call; nothing waits for company, though: with its outbox
//! empty a writer has written everything.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::buffer::{BUFFER_SIZE, Block};
use crate::event::{Event, Report, Sink};
use crate::screen::Form;

/// What a writer can be told.
#[derive(Debug)]
pub enum Order {
    /// Write these messages.
    Block(Block),
    /// Write these bytes of the program's own: a notice, a line of the log, an `end` frame.
    Own(Cow<'static, [u8]>),
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
            Order::Block(block) => block.bytes(),
            Order::Own(bytes) => bytes,
            Order::Flush | Order::Goodbye => &[],
        }
    }

    /// How many bytes it counts for, when it comes to telling what was not sent. An `end` frame
    /// says nothing of its own, and is always the last.
    fn worth(&self) -> u64 {
        match self {
            Order::Block(block) => block.bytes().len() as u64,
            Order::Own(_) | Order::Flush | Order::Goodbye => 0,
        }
    }
}

/// Writes what comes out of `outbox` until it is told goodbye, and gives back its last word,
/// which is for the coordinator: send it when the sink is closed.
pub fn run(
    outbox: &Receiver<Order>,
    to: impl Write,
    form: &mut Form,
    sink: Sink,
    inbox: &Sender<Event>,
) -> Report {
    let mut to = BufWriter::with_capacity(BUFFER_SIZE, Counted { to, written: 0 });
    let mut taken = 0;
    let result = write_all(outbox, &mut to, form, sink, inbox, &mut taken);
    // Taken apart, or dropping it would try once more to write what could not be written.
    let (to, _) = to.into_parts();
    let mut left = 0;
    if result.is_err() && form.is_plain() {
        let waiting: u64 = outbox.try_iter().map(|order| order.worth()).sum();
        left = taken.saturating_sub(to.written) + waiting;
    }
    Report::Ended { result, left }
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

fn write_all(
    outbox: &Receiver<Order>,
    to: &mut BufWriter<impl Write>,
    form: &mut Form,
    sink: Sink,
    inbox: &Sender<Event>,
    taken: &mut u64,
) -> io::Result<()> {
    loop {
        let order = match outbox.try_recv() {
            Ok(order) => order,
            // Only with nothing more to add is it time to write, and then to wait.
            Err(TryRecvError::Empty) => {
                to.flush()?;
                match outbox.recv() {
                    Ok(order) => order,
                    Err(_) => return Ok(()),
                }
            }
            Err(TryRecvError::Disconnected) => return to.flush(),
        };
        *taken += order.worth();
        match order {
            Order::Block(block) => form.write(block.bytes(), to)?,
            Order::Own(bytes) => to.write_all(&bytes)?,
            Order::Flush => {
                to.flush()?;
                // Nobody listens any more where the program is ending.
                let _ = inbox.send(Event::Written(sink, Report::Flushed));
            }
            Order::Goodbye => return to.flush(),
        }
    }
}
