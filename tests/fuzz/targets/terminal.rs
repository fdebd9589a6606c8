//! A terminal of somebody else's making, the crate `vt100`, as the judge of what the program writes
//! to one.

use std::num::NonZeroU16;

use obeyed::Obeyed;

// The tests of the real program have the same judge.
#[path = "../../support/obeyed.rs"]
mod obeyed;

/// See the module's page.
pub(super) struct Terminal {
    parser: vt100::Parser<Obeyed>,
}

impl Terminal {
    pub(super) fn new(rows: u16, columns: usize) -> Terminal {
        let (rows, columns) = (nonzero(rows), nonzero(columns as u16));
        let parser = vt100::Parser::new_with_callbacks(rows, columns, 100_000, Obeyed::default());
        Terminal { parser }
    }

    /// Shows what a program has written, by way of the system, which puts a carriage return before
    /// each newline.
    pub(super) fn show(&mut self, written: &[u8]) {
        for line in written.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\n") {
                None => self.parser.process(line),
                Some(line) => {
                    self.parser.process(line);
                    self.parser.process(b"\r\n");
                }
            }
        }
        assert_eq!(self.parser.callbacks().0, <[&str; 0]>::default(), "the terminal obeyed");
    }

    pub(super) fn set_columns(&mut self, columns: usize) {
        let (rows, _) = self.parser.screen().size();
        self.parser.screen_mut().set_size(rows, nonzero(columns as u16));
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// How many rows have left the screen at the top.
    pub(super) fn scrolled(&self) -> usize {
        self.parser.screen().scrollback_len()
    }

    /// All rows from the first that was ever written, without the spaces at their ends; and in which
    /// of them the cursor is, in which column.
    pub(super) fn rows(&mut self) -> (Vec<String>, usize, usize) {
        let (row, column) = self.parser.screen().cursor_position();
        let (height, width) = self.parser.screen().size();
        let scrolled = self.scrolled();
        let mut rows = Vec::new();
        let mut above = scrolled;
        while above > 0 {
            self.parser.screen_mut().set_scrollback(above);
            let now = above.min(usize::from(height.get()));
            rows.extend(self.parser.screen().rows(0, u16::MAX).take(now));
            above -= now;
        }
        self.parser.screen_mut().set_scrollback(0);
        rows.extend(self.parser.screen().rows(0, width.get()));
        let rows = rows.iter().map(|row| row.trim_end().to_owned()).collect();
        (rows, scrolled + usize::from(row), usize::from(column))
    }
}

fn nonzero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a screen has room for something")
}
