//! What the fuzzer calls: for each target a plain function, which takes any bytes and panics where
//! a promise is broken. Two call them: libFuzzer, for as long as one likes (`scripts/fuzz`), and
//! `cargo test` (`tests/fuzzing.rs`), with the corpus and some random bytes.

mod boundaries;
mod editor;
mod keys;
mod terminal;
mod text;
mod traces;
mod wires;
mod words;

/// A target's name, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All there are.
pub const TARGETS: [Target; 7] = [
    ("wires", wires::run),
    ("boundaries", boundaries::run),
    ("text", text::run),
    ("words", words::run),
    ("editor", editor::run),
    ("keys", keys::run),
    ("traces", traces::run),
];

/// Choices, made by the bytes of the input: where there are no more, each is 0.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    /// One of so many.
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// So many of the bytes themselves, or as many as there are.
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (now, later) = self.0.split_at(count.min(self.0.len()));
        self.0 = later;
        now
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left, cut into pieces: behind the choices stands how long each is, up to a 0.
    fn pieces(mut self) -> (&'a [u8], Vec<&'a [u8]>) {
        let lengths: Vec<u8> =
            std::iter::from_fn(|| Some(self.byte()).filter(|&length| length > 0)).collect();
        let (whole, mut rest) = (self.0, self.0);
        let mut pieces = Vec::new();
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            // Without lengths it is one piece.
            let length = lengths.next().map_or(rest.len(), |&length| usize::from(length));
            let (now, later) = rest.split_at(length.min(rest.len()));
            pieces.push(now);
            rest = later;
        }
        (whole, pieces)
    }
}
