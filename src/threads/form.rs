//! The form that messages take where a writer writes them, and what becomes there of everything else
//! that the writer is told.
//!
//! Here are the two forms that need nothing but the bytes. The others are a person's
//! [`Screen`](crate::terminal::screen::Screen) and the
//! [`Transcript`](crate::terminal::transcript::Transcript).

use std::fmt::Debug;
use std::io::{self, Write};

use crossbeam_channel::Receiver;

use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::inbox;
use crate::threads::order::Order;
use crate::wire::messages::{self, Wire};

/// How one sink is written. All errors are those of writing to `to`.
///
/// Every form has its own way to write messages. What does not concern it, such as speakers or the row
/// that is being typed, it need not write: here nothing is done about that.
#[expect(clippy::missing_errors_doc, reason = "they are those of `to`")]
pub trait Form: Debug + Send {
    /// Writes the messages of a block.
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()>;

    /// Writes what we have said ourselves.
    fn write_said(&mut self, _block: &Block, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes lines of the program's own.
    fn write_own(&mut self, lines: &[u8], to: &mut dyn Write) -> io::Result<()> {
        to.write_all(lines)
    }

    /// Writes a line of the program's own that people copy: see [`Order::ToCopy`].
    fn write_to_copy(&mut self, line: &str, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(line.as_bytes())
    }

    /// What the friend is called from now on.
    fn call_friend(&mut self, _speaker: Speaker, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// What we are called from now on ourselves.
    fn call_me(&mut self, _name: Option<Name>) {}

    /// Takes the input row off the screen, for good or until there is a new one.
    fn take_row_away(&mut self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// The input row is not on the screen any more: the screen belongs to another program now.
    fn lose_row(&mut self) {}

    /// Shows how far a transfer is; see [`Order::Progress`].
    fn show_progress(&mut self, _row: String, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Rings the terminal's bell, if that is any use.
    fn ring(&mut self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Somebody looks at the terminal (`here`), or no longer.
    fn note_focus(&mut self, _here: bool) {}

    /// Empties the screen, but for the input row.
    fn clear(&mut self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Leaves everything as it should stand while nothing is written: the writer is about to wait.
    fn settle(&mut self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Waits for an order. `None`: something else has come that is to be written. If the outbox is
    /// closed, that means "that was all".
    fn wait(&mut self, outbox: &Receiver<Order>) -> Option<Order> {
        Some(inbox::receive(outbox, None, true).unwrap_or(Order::Goodbye))
    }

    /// Nothing more will come: writes what is still to be written.
    fn finish(&mut self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Messages as they stand in the block: to the friend, and through a pipe on the `lines` wire.
#[derive(Debug)]
pub struct Plain;

impl Form for Plain {
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(block.bytes())
    }
}

/// Each payload and a newline: through a pipe on the `frames` wire.
#[derive(Debug, Default)]
pub struct Payloads {
    /// The lines of a block, put together, so that they leave in one call, as a block of lines does.
    lines: Vec<u8>,
}

impl Form for Payloads {
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        self.lines.clear();
        for message in messages::messages(Wire::Frames, block.bytes()) {
            self.lines.extend_from_slice(message.text);
            // A frame that was cut off gets no newline: it is not a whole message.
            if message.whole {
                self.lines.push(b'\n');
            }
        }
        to.write_all(&self.lines)
    }
}
