//! Terminals of the test's own, which differ in what they make of wide characters and of another window.

/// What a terminal does with rows that are wider than its window has become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resized {
    /// It cuts them off.
    Cuts,
    /// It breaks them, and a cursor behind a row that is just as wide stays in that row.
    Breaks,
    /// The same, but such a cursor comes to stand in an empty row below it.
    BreaksAndGoesOn,
}

/// A terminal without a height: nothing scrolls off its screen.
pub struct Glass {
    pub columns: usize,
    width: fn(char) -> usize,
    pub resized: Resized,
    /// It knows what auto-wrap is, and can be told to leave it.
    pub obeys: bool,
    pub rows: Vec<GlassRow>,
    pub row: usize,
    pub column: usize,
    saved: (usize, usize),
    pub wraps: bool,
    /// The rows that it has broken itself, and what it had no room for.
    pub broken: Vec<String>,
    pub hidden: Vec<String>,
}

#[derive(Clone, Default)]
pub struct GlassRow {
    /// What stands in each column; nothing in the second of a wide character.
    cells: Vec<String>,
    /// The terminal has broken it, and the next row belongs to it.
    goes_on: bool,
}

impl GlassRow {
    pub fn text(&self) -> String {
        self.cells.concat()
    }
}

impl Glass {
    pub fn new(columns: usize, width: fn(char) -> usize) -> Glass {
        Glass {
            columns,
            width,
            resized: Resized::Cuts,
            obeys: true,
            rows: vec![GlassRow::default()],
            row: 0,
            column: 0,
            saved: (0, 0),
            wraps: true,
            broken: Vec::new(),
            hidden: Vec::new(),
        }
    }

    pub fn show(&mut self, bytes: &[u8]) {
        // What comes last may not be whole yet.
        let text = String::from_utf8_lossy(bytes);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => self.column = 0,
                '\n' | '\x0b' => self.down(false),
                '\x1b' => match characters.next() {
                    Some('7') => self.saved = (self.row, self.column),
                    Some('8') => (self.row, self.column) = self.saved,
                    Some('[') => {
                        let mut parameters = String::new();
                        let last = loop {
                            match characters.next() {
                                Some(it @ ('0'..='9' | ';' | '?')) => parameters.push(it),
                                Some(it) => break it,
                                None => return,
                            }
                        };
                        self.obey(&parameters, last);
                    }
                    None => return,
                    other => panic!("{other:?} behind an escape"),
                },
                '\x07' => {}
                _ => self.put(character),
            }
        }
    }

    fn obey(&mut self, parameters: &str, last: char) {
        match (parameters, last) {
            ("?7", 'l') => self.wraps = !self.obeys,
            ("?7", 'h') => self.wraps = true,
            ("?2004", _) | (_, 'm') => {}
            ("", 'K') => self.rows[self.row].cells.truncate(self.column),
            ("", 'J') => {
                self.rows[self.row].cells.truncate(self.column);
                self.rows.truncate(self.row + 1);
            }
            ("", 'H') => (self.row, self.column) = (0, 0),
            ("2", 'J') => self.rows = vec![GlassRow::default(); self.row + 1],
            (count, 'B') => self.row += count.parse::<usize>().unwrap(),
            (count, 'C') => self.column += count.parse::<usize>().unwrap(),
            (count, 'L') => {
                let new = vec![GlassRow::default(); count.parse().unwrap()];
                self.rows.splice(self.row..self.row, new);
            }
            ("", 'A') => self.row = self.row.saturating_sub(1),
            (count, 'A') => self.row = self.row.saturating_sub(count.parse().unwrap()),
            other => panic!("unknown: {other:?}"),
        }
    }

    fn down(&mut self, goes_on: bool) {
        self.rows[self.row].goes_on = goes_on;
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(GlassRow::default());
        }
    }

    fn put(&mut self, character: char) {
        let width = (self.width)(character);
        if self.column + width > self.columns {
            let row = self.rows[self.row].text() + &character.to_string();
            if !self.wraps {
                self.hidden.push(row);
                return;
            }
            self.broken.push(row);
            self.down(true);
            self.column = 0;
        }
        let cells = &mut self.rows[self.row].cells;
        cells.resize(cells.len().max(self.column + width), " ".to_owned());
        cells[self.column] = character.to_string();
        cells[self.column + 1..self.column + width].fill(String::new());
        self.column += width;
    }

    /// Gives the window another width, as terminals do.
    pub fn resize(&mut self, columns: usize) {
        self.columns = columns;
        if self.resized == Resized::Cuts {
            for row in &mut self.rows {
                row.cells.truncate(columns);
            }
            self.column = self.column.min(columns - 1);
            return;
        }
        let old = std::mem::take(&mut self.rows);
        let cursor = (self.row, self.column);
        let mut line: Vec<String> = Vec::new();
        let mut cursor_in_line = None;
        for (number, row) in old.into_iter().enumerate() {
            if number == cursor.0 {
                cursor_in_line = Some(line.len() + cursor.1);
            }
            line.extend(row.cells);
            if row.goes_on {
                continue;
            }
            let first = self.rows.len();
            let mut parts: Vec<GlassRow> = line
                .chunks(columns)
                .map(|cells| GlassRow { cells: cells.to_vec(), goes_on: true })
                .collect();
            if parts.is_empty() {
                parts.push(GlassRow::default());
            }
            if let Some(at) = cursor_in_line.take() {
                (self.row, self.column) = (first + at / columns, at % columns);
                if self.row == first + parts.len() && at > 0 {
                    if self.resized == Resized::Breaks {
                        (self.row, self.column) = (self.row - 1, columns - 1);
                    } else {
                        parts.push(GlassRow::default());
                    }
                }
            }
            parts.last_mut().unwrap().goes_on = false;
            self.rows.extend(parts);
            line.clear();
        }
    }

    /// The lines, those put together that the terminal has broken.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for row in &self.rows {
            line += &row.text();
            if !row.goes_on {
                lines.push(std::mem::take(&mut line));
            }
        }
        lines
    }

    pub fn texts(&self) -> Vec<String> {
        self.rows.iter().map(GlassRow::text).collect()
    }
}
