//! The rules of a room: who is here, what they are called, who hears what, and what is announced.
//! Pure rules; who lives by them is [`hosting`](crate::room::hosting).
//!
//! Everybody in a room hears everybody else, as `NAME says: TEXT`. So that nobody can speak as
//! another, names are unique, and made of letters and digits; and what is said is made
//! [harmless](crate::text::harmless) before it goes out, so that it stays one line.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::roles::Number;
use crate::text::audience::WELCOME;
use crate::text::harmless::harmless;
use crate::text::name::Name;
use crate::wire::messages::{self, Wire};
use crate::wire::step::Foreign;

/// The longest text that is relayed as one message, in bytes: what is made visible takes more room
/// than it did, and a frame holds no more than 64 KiB.
const PART_MAX: usize = 32 * 1024;

/// How much is relayed in one piece, in bytes, where many short messages came together. Whether
/// somebody takes something is seen by whole pieces, so that they must not be large.
const PIECE: usize = 16 * 1024;

/// How many names a list has, at most.
const LISTED: usize = 20;

/// Somebody in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever opened it.
    Host,
    /// Whoever has called.
    Member(Number),
}

/// Who is in a room.
#[derive(Debug)]
pub struct Room {
    host: Name,
    members: BTreeMap<Number, Name>,
    /// Who has which name, in the form that is the same for all that are alike.
    by_name: HashMap<String, Who>,
    /// How many members there can be.
    members_max: usize,
}

/// Why somebody cannot join: so many are here already, and there can be no more.
#[derive(Debug, PartialEq, Eq)]
pub struct Full(pub usize);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.0 == 1 { "member" } else { "members" };
        write!(f, "the room is full, with {} {members}", self.0)
    }
}

impl Room {
    /// A room with nobody in it but its host.
    pub fn new(host: Name, members_max: usize) -> Room {
        let by_name = HashMap::from([(host.folded(), Who::Host)]);
        Room { host, members: BTreeMap::new(), by_name, members_max }
    }

    /// Somebody comes, and is a guest until there is a name.
    ///
    /// # Errors
    /// The room is full.
    pub fn join(&mut self, number: Number) -> Result<Announcement, Full> {
        if self.members.len() >= self.members_max {
            return Err(Full(self.members_max));
        }
        let name = Name::guest(number);
        self.by_name.insert(name.folded(), Who::Member(number));
        self.members.insert(number, name.clone());
        Ok(Announcement::Joined(name))
    }

    /// Somebody goes; `None` where nobody of this number is here.
    pub fn leave(&mut self, number: Number, why: Option<SentAway>) -> Option<Announcement> {
        let name = self.members.remove(&number)?;
        self.by_name.remove(&name.folded());
        Some(Announcement::Left(name, why))
    }

    /// Somebody wants to be called this. `None`: that is so already.
    ///
    /// # Errors
    /// Why it cannot be, as a sentence.
    pub fn rename(&mut self, who: Who, name: Name) -> Result<Option<Announcement>, String> {
        let own_word = who == Who::Host && name == Name::host();
        if name.is_taken_in_room() && !own_word {
            return Err(format!("nobody can be called {name} here"));
        }
        match self.by_name.get(&name.folded()) {
            Some(&other) if other != who => {
                return Err(format!("somebody is called {name} already"));
            }
            _ => {}
        }
        let present = match who {
            Who::Host => Some(&mut self.host),
            Who::Member(number) => self.members.get_mut(&number),
        };
        let Some(present) = present.filter(|present| **present != name) else { return Ok(None) };
        let before = std::mem::replace(present, name.clone());
        self.by_name.remove(&before.folded());
        self.by_name.insert(name.folded(), who);
        Ok(Some(Announcement::Renamed(before, name)))
    }

    /// What the host is called.
    pub fn host(&self) -> &Name {
        &self.host
    }

    /// What somebody is called; `None` where nobody of this number is here.
    pub fn name(&self, who: Who) -> Option<&Name> {
        match who {
            Who::Host => Some(&self.host),
            Who::Member(number) => self.members.get(&number),
        }
    }

    /// Who is called this.
    pub fn called(&self, name: &Name) -> Option<Who> {
        self.by_name.get(&name.folded()).copied()
    }

    /// Who is here, for the one who asks: `here: host, Susan (you), guest-3, and 5 more`. The host
    /// sees everybody.
    pub fn who(&self, asks: Who) -> String {
        let listed = if asks == Who::Host { usize::MAX } else { LISTED };
        let members = self.members.iter().map(|(&number, name)| (Who::Member(number), name));
        let everybody = std::iter::once((Who::Host, &self.host)).chain(members);
        let (mut names, mut others) = (Vec::new(), 0);
        for (who, name) in everybody {
            match (who == asks, others + 1 < listed) {
                (true, _) => names.push(format!("{name} (you)")),
                // A place is kept for whoever asks, who came late or early.
                (false, true) => {
                    others += 1;
                    names.push(name.to_string());
                }
                (false, false) => {}
            }
        }
        let list = names.join(", ");
        match (1 + self.members.len()).saturating_sub(names.len()) {
            0 => format!("here: {list}"),
            more => format!("here: {list}, and {more} more"),
        }
    }

    /// The first line that somebody gets who has come.
    pub fn welcome(&self, number: Number) -> String {
        let who = self.who(Who::Member(number));
        format!("{WELCOME}welcome; {who}; commands: /name NAME, /who, /quit")
    }
}

/// Why somebody has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentAway {
    /// Others waited, and nothing was taken.
    TookNothing,
    /// The host wants it so.
    Removed,
    /// It was no chat.
    Foreign(Foreign),
}

impl fmt::Display for SentAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SentAway::TookNothing => f.write_str("took nothing for 2 s while others waited"),
            SentAway::Removed => f.write_str("removed by the host"),
            SentAway::Foreign(what) => write!(f, "cut off, as it speaks {what} like a browser"),
        }
    }
}

/// What everybody in a room is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Somebody has come.
    Joined(Name),
    /// Somebody has gone, and why, where it was not of their own.
    Left(Name, Option<SentAway>),
    /// Somebody who was called this is now called that.
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

/// Announcements that were put together, for somebody who has too much waiting already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    joined: usize,
    left: usize,
    renamed: usize,
}

impl Tally {
    /// Counts announcements.
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

    /// Adds those of another.
    pub fn add(&mut self, other: Tally) {
        self.joined += other.joined;
        self.left += other.left;
        self.renamed += other.renamed;
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default()
    }

    /// What to tell instead of all of them.
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

/// The first and last line to somebody who cannot join.
pub fn refusal(wire: Wire, why: impl fmt::Display) -> Vec<u8> {
    messages::message(wire, &format!("{WELCOME}* {why}; try again later"))
}

/// A block of somebody's messages as everybody else gets them: each labelled and made harmless,
/// put together in pieces.
pub fn relayed(wire: Wire, name: &Name, block: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::with_capacity((block.len() + 64).min(PIECE));
    let label = format!("{name} says: ");
    for message in messages::messages(wire, block) {
        let text = String::from_utf8_lossy(message.text);
        for part in parts(&harmless(&text)) {
            if piece.len() + label.len() + part.len() > PIECE && !piece.is_empty() {
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(PIECE)));
            }
            // A label and a part are far from what a frame can hold.
            messages::put_message(wire, &[&label, part], &mut piece);
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// A text in parts of at most [`PART_MAX`] bytes; an empty one is one part.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, more) = text.split_at(text.floor_char_boundary(PART_MAX));
        rest = (!more.is_empty()).then_some(more);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::MESSAGE_MAX;
    use proptest::prelude::*;

    fn name(word: &str) -> Name {
        Name::parse(word).unwrap()
    }

    fn member(number: u64) -> Who {
        Who::Member(Number(number))
    }

    /// A room with its host and so many guests.
    fn room(guests: u64) -> Room {
        let mut room = Room::new(Name::host(), 1_000);
        (1..=guests).for_each(|number| drop(room.join(Number(number)).unwrap()));
        room
    }

    fn text(pieces: Vec<Vec<u8>>) -> String {
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn who_comes_is_a_guest_and_who_goes_is_gone() {
        let mut room = room(0);
        assert_eq!(room.join(Number(1)).unwrap().to_string(), "guest-1 has joined");
        assert_eq!(room.join(Number(2)).unwrap().to_string(), "guest-2 has joined");
        assert_eq!(room.who(member(2)), "here: host, guest-1, guest-2 (you)");
        assert_eq!(room.leave(Number(1), None).unwrap().to_string(), "guest-1 has left");
        assert_eq!(room.leave(Number(1), None), None, "once is enough");
        let removed = room.leave(Number(2), Some(SentAway::Removed)).unwrap();
        assert_eq!(removed.to_string(), "guest-2 has left: removed by the host");
        assert!(room.members.is_empty());
        assert_eq!(room.who(Who::Host), "here: host (you)");
    }

    #[test]
    fn a_full_room_takes_nobody_until_somebody_goes() {
        let mut room = Room::new(Name::host(), 2);
        room.join(Number(1)).unwrap();
        room.join(Number(2)).unwrap();
        assert_eq!(room.join(Number(3)), Err(Full(2)));
        assert_eq!(room.leave(Number(3), None), None);
        room.leave(Number(1), None).unwrap();
        assert!(room.join(Number(4)).is_ok());
    }

    #[test]
    fn a_name_belongs_to_one() {
        let mut room = room(2);
        let renamed = room.rename(member(1), name("Susan")).unwrap().unwrap();
        assert_eq!(renamed.to_string(), "guest-1 is now Susan");
        for taken in
            ["Susan", "SUSAN", "susan", "host", "Host", "friend", "you", "guest-2", "guest-77"]
        {
            assert!(room.rename(member(2), name(taken)).is_err(), "{taken}");
        }
        // Another's name, the same but for capitals, is one's own to change.
        let again = room.rename(member(1), name("SUSAN")).unwrap().unwrap();
        assert_eq!(again.to_string(), "Susan is now SUSAN");
        assert_eq!(room.rename(member(1), name("SUSAN")), Ok(None));
        // What nobody is called any more is free.
        room.rename(member(1), name("Leta")).unwrap();
        assert!(room.rename(member(2), name("Susan")).unwrap().is_some());
        room.leave(Number(2), None);
        assert!(room.rename(member(1), name("Susan")).unwrap().is_some());
        assert_eq!(room.called(&name("susan")), Some(member(1)));
    }

    #[test]
    fn the_host_may_go_back_to_being_the_host() {
        let mut room = room(1);
        room.rename(Who::Host, name("Teacher")).unwrap().unwrap();
        assert!(room.rename(member(1), name("teacher")).is_err());
        assert!(room.rename(member(1), name("host")).is_err());
        let back = room.rename(Who::Host, name("host")).unwrap().unwrap();
        assert_eq!(back.to_string(), "Teacher is now host");
    }

    #[test]
    fn a_list_has_twenty_names_and_a_number() {
        assert!(!room(19).who(member(1)).contains("more"));
        assert!(room(20).who(member(1)).ends_with("guest-19, and 1 more"));
        assert!(room(900).who(member(900)).ends_with("guest-18, guest-900 (you), and 881 more"));
        assert!(room(900).who(Who::Host).ends_with("guest-899, guest-900"), "all of the class");
        let welcome = room(900).welcome(Number(900));
        assert!(welcome.starts_with("/room welcome; here: host, guest-1, "), "{welcome}");
        assert!(welcome.contains(
            "guest-18, guest-900 (you), and 881 more; commands: /name NAME, /who, /quit"
        ));
    }

    #[test]
    fn a_message_is_labelled_and_stays_one_line() {
        let susan = name("Susan");
        let said = b"hello\n\n\xff \x1b[2J\r* guest-9 has left\xe2\x80\xa8x\n";
        let expected = "Susan says: hello\nSusan says: \n\
                        Susan says: \u{fffd} ^[[2J^M* guest-9 has left<U+2028>x\n";
        assert_eq!(text(relayed(Wire::Lines, &susan, said)), expected);
        let frame = messages::message(Wire::Frames, "one\nhost says: two");
        let relayed = relayed(Wire::Frames, &susan, &frame).concat();
        let texts: Vec<_> = messages::messages(Wire::Frames, &relayed)
            .map(|message| message.text.to_vec())
            .collect();
        assert_eq!(texts, [b"Susan says: one^Jhost says: two".to_vec()]);
    }

    #[test]
    fn the_longest_message_of_the_rudest_kind_fits_on_either_wire() {
        let rude = "\u{202e}".repeat(MESSAGE_MAX / 3);
        for wire in [Wire::Lines, Wire::Frames] {
            let pieces = relayed(wire, &name("Susan"), &messages::message(wire, &rude));
            let mut whole = String::new();
            for message in pieces.iter().flat_map(|piece| messages::messages(wire, piece)) {
                assert!(message.whole);
                let text = std::str::from_utf8(message.text).unwrap();
                whole += text.strip_prefix("Susan says: ").unwrap();
            }
            assert_eq!(whole, harmless(&rude), "{wire}");
        }
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

    proptest! {
        #[test]
        fn nothing_that_is_said_can_be_more_than_one_line(
            said in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut block = said.clone();
            block.push(b'\n');
            let lines = text(relayed(Wire::Lines, &name("Susan"), &block));
            let messages = said.iter().filter(|&&byte| byte == b'\n').count() + 1;
            prop_assert_eq!(lines.lines().count(), messages);
            for line in lines.lines() {
                prop_assert!(line.starts_with("Susan says: "));
                prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
            }
        }

        /// Whatever people do, no two have names that are alike, and every name leads to its owner.
        #[test]
        fn names_are_unique_whatever_people_do(
            steps in prop::collection::vec((0_u8..3, 0_u64..6, "[aA]|[bB]|host|guest-[0-5]"), 0..60),
        ) {
            let mut room = Room::new(Name::host(), 4);
            for (step, number, word) in steps {
                let number = Number(number);
                match step {
                    0 if !room.members.contains_key(&number) => drop(room.join(number)),
                    1 => drop(room.leave(number, None)),
                    2 if room.members.contains_key(&number) => {
                        drop(room.rename(Who::Member(number), name(&word)));
                    }
                    _ => {}
                }
                prop_assert!(room.members.len() <= 4);
                prop_assert_eq!(room.by_name.len(), room.members.len() + 1);
                for (&number, name) in &room.members {
                    prop_assert_eq!(room.called(name), Some(Who::Member(number)));
                }
            }
        }
    }
}
