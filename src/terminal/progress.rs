//! The row that says how far a transfer is. It stands below everything else, where otherwise the row
//! would stand that is being typed: where there is a transfer, nobody types a row.

use std::io::{self, Write};

use crate::platform::jobs;
use crate::platform::window::Size;

/// The row as it stands on the screen, or does not.
#[derive(Debug, Default)]
pub struct ProgressRow {
    /// Empty: there is none.
    text: String,
    /// How many columns it takes on the screen; `None` where it is not there.
    width: Option<usize>,
}

impl ProgressRow {
    /// From now on this is the row; it is drawn over the one before. An empty one takes that away.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn set(&mut self, text: String, size: fn() -> Size, to: &mut dyn Write) -> io::Result<()> {
        self.text = text;
        match self.text.is_empty() {
            true => self.erase(size, to),
            false => self.draw(size, to),
        }
    }

    /// Draws it where it has been taken off the screen.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn redraw(&mut self, size: fn() -> Size, to: &mut dyn Write) -> io::Result<()> {
        match self.width {
            None if !self.text.is_empty() => self.draw(size, to),
            _ => Ok(()),
        }
    }

    fn draw(&mut self, size: fn() -> Size, to: &mut dyn Write) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        let columns = size().columns;
        // The last column stays free, and each of its characters has one. (All of them are ours.)
        let width = self.text.len().min(columns.saturating_sub(1));
        write!(to, "{}{}\x1b[K", self.first_column(columns), &self.text[..width])?;
        self.width = Some(width);
        Ok(())
    }

    /// Takes it off the screen, where it is there. It is still the row.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn erase(&mut self, size: fn() -> Size, to: &mut dyn Write) -> io::Result<()> {
        if self.width.is_some() && self.is_ours() {
            write!(to, "{}\x1b[K", self.first_column(size().columns))?;
        }
        self.width = None;
        Ok(())
    }

    /// In the background the screen is the shell's, which has written over the row.
    fn is_ours(&mut self) -> bool {
        let ours = jobs::stderr_in_foreground();
        if !ours {
            self.width = None;
        }
        ours
    }

    /// What moves the cursor to where it begins. In a window that is narrower now some terminals have
    /// broken it in two.
    fn first_column(&self, columns: usize) -> &'static str {
        match self.width {
            Some(width) if width >= columns => "\r\x1b[J",
            _ => "\r",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(size: fn() -> Size, text: &str) -> String {
        let (mut row, mut screen) = (ProgressRow::default(), Vec::new());
        row.set(text.to_owned(), size, &mut screen).unwrap();
        String::from_utf8(screen).unwrap()
    }

    #[test]
    fn it_is_cut_where_the_window_ends() {
        assert_eq!(at(|| Size { columns: 80, rows: 24 }, "sent 1 MB"), "\rsent 1 MB\x1b[K");
        assert_eq!(at(|| Size { columns: 8, rows: 24 }, "sent 1 MB"), "\rsent 1 \x1b[K");
        assert_eq!(at(|| Size { columns: 0, rows: 24 }, "sent 1 MB"), "\r\x1b[K");
    }

    #[test]
    fn it_is_erased_and_drawn_again_only_where_it_has_to_be() {
        let (mut row, mut screen) = (ProgressRow::default(), Vec::new());
        let size = || Size { columns: 80, rows: 24 };
        row.erase(size, &mut screen).unwrap();
        row.redraw(size, &mut screen).unwrap();
        assert!(screen.is_empty());
        row.set("one".to_owned(), size, &mut screen).unwrap();
        row.redraw(size, &mut screen).unwrap();
        row.erase(size, &mut screen).unwrap();
        row.redraw(size, &mut screen).unwrap();
        row.set(String::new(), size, &mut screen).unwrap();
        row.redraw(size, &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert_eq!(screen, "\rone\x1b[K\r\x1b[K\rone\x1b[K\r\x1b[K");
    }
}
