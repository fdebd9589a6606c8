//! What a codec fills with messages. To a reader it is a buffer on its way to the coordinator; to
//! whoever only wants the messages it is a `Vec`.

/// Room for whole messages, of which a codec does not know where they go.
pub trait Space {
    /// Puts all the pieces in, one after the other, or none where they do not all fit.
    #[must_use]
    fn push(&mut self, pieces: &[&[u8]]) -> bool;

    /// Whether nothing has been put in.
    fn is_empty(&self) -> bool;

    /// How many more bytes fit.
    fn room(&self) -> usize;
}

/// It holds what it has capacity for, and does not grow: no line can fill the memory.
impl Space for Vec<u8> {
    fn push(&mut self, pieces: &[&[u8]]) -> bool {
        let fits = pieces.iter().map(|piece| piece.len()).sum::<usize>() <= self.room();
        if fits {
            pieces.iter().for_each(|piece| self.extend_from_slice(piece));
        }
        fits
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn room(&self) -> usize {
        self.capacity() - self.len()
    }
}
