//! What the program tells everybody in a room: who has come, who has left and why, and who has another
//! name now. Pure rules.

use std::fmt;

use crate::text::audience::WELCOME;
use crate::text::name::Name;
use crate::wire::messages::{self, Wire};
use crate::wire::step::Foreign;

/// If more announcements than this come together, only their number is told.
const ONE_BY_ONE: usize = 20;

/// Why somebody has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Others had to wait, and nothing was taken.
    Stalled,
    /// The host has used `/kick`.
    Removed,
    /// What came was not chat.
    Foreign(Foreign),
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removal::Stalled => f.write_str("took nothing for 2 s while others waited"),
            Removal::Removed => f.write_str("removed by the host"),
            Removal::Foreign(what) => write!(f, "cut off, as it speaks {what} like a browser"),
        }
    }
}

/// What everybody in a room is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Somebody has come.
    Joined(Name),
    /// Somebody has gone. If not by choice, why.
    Left(Name, Option<Removal>),
    /// Somebody who had the first name now has the second.
    Renamed(Name, Name),
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Announcement::Joined(name) => write!(f, "{name} has joined"),
            Announcement::Left(name, None) => write!(f, "{name} has left"),
            Announcement::Left(name, Some(why)) => write!(f, "{name} has left: {why}"),
            Announcement::Renamed(before, now) => write!(f, "{before} is now {now}"),
        }
    }
}

/// How many announcements of each kind there were: for somebody who has too much waiting already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    joined: usize,
    left: usize,
    renamed: usize,
}

impl Tally {
    /// Counts these announcements.
    pub fn of(announcements: &[Announcement]) -> Tally {
        let mut tally = Tally::default();
        for announcement in announcements {
            match announcement {
                Announcement::Joined(_) => tally.joined += 1,
                Announcement::Left(..) => tally.left += 1,
                Announcement::Renamed(..) => tally.renamed += 1,
            }
        }
        tally
    }

    /// Adds those of another tally.
    pub fn add(&mut self, other: Tally) {
        self.joined += other.joined;
        self.left += other.left;
        self.renamed += other.renamed;
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default()
    }

    /// What to say instead of all of them.
    pub fn lines(self) -> impl Iterator<Item = String> {
        let Tally { joined, left, renamed } = self;
        [(joined, "joined"), (left, "left"), (renamed, "changed names")]
            .into_iter()
            .filter(|&(count, _)| count > 0)
            .map(|(count, what)| match count {
                1 => format!("1 has {what}"),
                _ => format!("{count} have {what}"),
            })
    }
}

/// A notice of the host's, as it stands on the wire: `* Susan has joined`.
pub fn notice(wire: Wire, line: impl fmt::Display) -> Vec<u8> {
    messages::message(wire, &format!("* {line}"))
}

/// The only line that somebody gets who cannot join.
pub fn refusal(wire: Wire, why: impl fmt::Display) -> Vec<u8> {
    messages::message(wire, &format!("{WELCOME}* {why}; try again later"))
}

/// Announcements as they stand on the wire: a line each, or just how many there were.
pub fn announced(wire: Wire, what: &[Announcement]) -> Vec<u8> {
    if what.len() <= ONE_BY_ONE {
        return what.iter().flat_map(|what| notice(wire, what)).collect();
    }
    Tally::of(what).lines().flat_map(|line| notice(wire, line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(word: &str) -> Name {
        Name::parse(word).unwrap()
    }

    #[test]
    fn many_announcements_become_a_few() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        tally.add(Tally::of(&vec![Announcement::Joined(name("a")); 30]));
        tally.add(Tally::of(&vec![Announcement::Joined(name("a")); 7]));
        tally.add(Tally::of(&[Announcement::Left(name("a"), None)]));
        tally.add(Tally::of(&[Announcement::Renamed(name("a"), name("b"))]));
        let lines: Vec<String> = tally.lines().collect();
        assert_eq!(lines, ["37 have joined", "1 has left", "1 has changed names"]);
    }
}
