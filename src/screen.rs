//! What a message looks like where it comes out: as it came through a pipe, and with its
//! speaker's label, as [harmless text](crate::text), at a terminal. Every line of a message
//! carries the label, so that none can look like somebody else's.

use std::io::{self, Write};

use crate::text::labelled;
use crate::wire::{self, Wire};

/// The form in which messages are written.
#[derive(Debug)]
pub enum Form {
    /// As they stand in the block: to the friend, and through a pipe on the `lines` wire.
    Plain,
    /// Each payload and a newline: through a pipe on the `frames` wire.
    Payloads,
    /// For a person, at a terminal.
    Labelled {
        /// How the messages stand in the block.
        wire: Wire,
        /// The terminal's width in columns, asked before each block, since windows are resized.
        columns: fn() -> usize,
    },
}

/// What stands before each line that a friend says.
const LABEL: &str = "friend says: ";

impl Form {
    /// Writes the messages of a block.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&mut self, block: &[u8], to: &mut impl Write) -> io::Result<()> {
        match self {
            Form::Plain => to.write_all(block),
            Form::Payloads => {
                for message in wire::messages(Wire::Frames, block) {
                    to.write_all(message.text)?;
                    // A frame that was cut off gets no newline: it is not a whole message.
                    if message.whole {
                        to.write_all(b"\n")?;
                    }
                }
                Ok(())
            }
            Form::Labelled { wire, columns } => {
                let columns = columns();
                for message in wire::messages(*wire, block) {
                    // A frame may hold newlines; each of its lines is labelled.
                    let text = message.text.strip_suffix(b"\n").unwrap_or(message.text);
                    for line in text.split(|&byte| byte == b'\n') {
                        let line = line.strip_suffix(b"\r").unwrap_or(line);
                        let row = labelled(LABEL, &String::from_utf8_lossy(line), columns);
                        to.write_all(row.as_bytes())?;
                    }
                }
                Ok(())
            }
        }
    }
}
