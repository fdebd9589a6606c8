//! How changes of a line are taken back, in the steps that readline has.

use std::collections::VecDeque;

/// How many characters that were typed one after another are taken back as one.
const TYPED_MAX: usize = 20;

/// How much is kept for being taken back, in bytes; a step counts for some of its own.
const UNDO_MAX: usize = 1024 * 1024;
const STEP_COST: usize = 64;

/// At this place one text was put in another's.
#[derive(Debug)]
pub struct Change {
    at: usize,
    removed: String,
    /// How long that is which was put there, in bytes and in characters.
    bytes: usize,
    characters: usize,
}

impl Change {
    /// `removed` stood there, and now `inserted` does.
    pub fn new(at: usize, removed: &str, inserted: &str) -> Change {
        let (bytes, characters) = (inserted.len(), inserted.chars().count());
        Change { at, removed: removed.to_owned(), bytes, characters }
    }

    /// Whether these characters, typed at this place, go on where this one ends.
    fn is_joined_by(&self, at: usize, characters: usize) -> bool {
        self.removed.is_empty()
            && self.at + self.bytes == at
            && self.characters + characters <= TYPED_MAX
    }
}

/// What was done to a line, step by step. Each is taken back as one.
#[derive(Debug, Default)]
pub struct Undo {
    steps: VecDeque<Vec<Change>>,
    cost: usize,
}

impl Undo {
    /// Whether there is nothing to be taken back.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// A step was done: all of these changes, in this order.
    pub fn add(&mut self, changes: Vec<Change>) {
        self.cost += cost(&changes);
        self.steps.push_back(changes);
        // The last step can always be taken back.
        while self.cost > UNDO_MAX && self.steps.len() > 1 {
            self.cost -= self.steps.pop_front().as_deref().map_or(0, cost);
        }
    }

    /// Characters were typed at this place.
    pub fn add_typed(&mut self, at: usize, text: &str) {
        let characters = text.chars().count();
        if let Some([change]) = self.steps.back_mut().map(Vec::as_mut_slice)
            && change.is_joined_by(at, characters)
        {
            change.bytes += text.len();
            change.characters += characters;
        } else {
            self.add(vec![Change::new(at, "", text)]);
        }
    }

    /// Takes back the last step, if there is one, and gives the cursor's place.
    pub fn take_back(&mut self, text: &mut String) -> Option<usize> {
        let step = self.steps.pop_back()?;
        self.cost -= cost(&step);
        let mut cursor = None;
        for Change { at, removed, bytes, .. } in step.into_iter().rev() {
            text.replace_range(at..at + bytes, &removed);
            cursor = Some(at + removed.len());
        }
        cursor
    }
}

fn cost(step: &[Change]) -> usize {
    step.iter().map(|change| change.removed.len() + STEP_COST).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_the_last_step_can_always_be_taken_back() {
        let mut undo = Undo::default();
        for _ in 0..100 {
            undo.add(vec![Change::new(0, &"x".repeat(UNDO_MAX / 10), "")]);
        }
        assert!((5..=10).contains(&undo.steps.len()), "{}", undo.steps.len());
        undo.add(vec![Change::new(0, &"y".repeat(2 * UNDO_MAX), "")]);
        assert_eq!(undo.steps.len(), 1);
        let mut text = String::new();
        assert_eq!(undo.take_back(&mut text), Some(2 * UNDO_MAX));
        assert_eq!((text.len(), undo.cost), (2 * UNDO_MAX, 0));
    }
}
