//! What has come and is to stand above the row that is being typed: it is put in there together, up to
//! most of a screenful at once, and so the row stays on the screen in a flood.

use std::io::{self, Write};

use crate::platform::window::Size;
use crate::terminal::row::DrawnRow;

/// Rows that wait to be put in, with a newline after each.
#[derive(Debug, Default)]
pub struct Above {
    rows: String,
    count: usize,
    /// How many there was room for when that was looked at last.
    room: usize,
}

impl Above {
    /// Adds rows. `true`: there is no room for more, and it is time to write them.
    pub fn add(&mut self, rows: &str) -> bool {
        self.rows.push_str(rows);
        self.count += rows.matches('\n').count();
        self.count >= self.room
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes them above the row; in its place, where it is not on the screen or cannot stay there.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(
        &mut self,
        row: &mut DrawnRow,
        size: fn() -> Size,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        match row.room_above(size()) {
            Some(room) => {
                self.room = room;
                for rows in parts(&self.rows, room) {
                    row.put_in_above(rows, to)?;
                }
            }
            None => {
                row.erase(size, to)?;
                to.write_all(self.rows.as_bytes())?;
            }
        }
        self.rows.clear();
        self.count = 0;
        Ok(())
    }
}

/// Rows, so many at a time.
fn parts(rows: &str, count: usize) -> impl Iterator<Item = &str> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let end = rest.match_indices('\n').nth(count - 1).map_or(rest.len(), |(at, _)| at + 1);
        let (part, later) = rest.split_at(end);
        rest = later;
        (!part.is_empty()).then_some(part)
    })
}
