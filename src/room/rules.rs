//! The rules of a room: who is here, and what they are called. Pure rules;
//! [`hosting`](crate::room::hosting) sees that they are kept.
//!
//! So that nobody can pretend to be somebody else, names are unique, and made of letters and digits.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::roles::Number;
use crate::room::announcement::{Announcement, Removal};
use crate::text::audience::WELCOME;
use crate::text::name::Name;

/// How many names a list has at most.
const LISTED: usize = 20;

/// Somebody in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The one who opened it.
    Host,
    /// One who has called.
    Member(Number),
}

/// Who is in a room.
#[derive(Debug)]
pub struct Room {
    host: Name,
    members: BTreeMap<Number, Name>,
    /// Who has which name. Names that are alike have the same key ([`Name::folded`]).
    by_name: HashMap<String, Who>,
    /// How many members there can be.
    members_max: usize,
}

/// Why somebody cannot join: there are so many members already, and there can be no more.
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

    /// Somebody comes, and is called `guest-N` until there is a better name.
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

    /// Somebody goes. `None`: nobody with this number is here.
    pub fn leave(&mut self, number: Number, why: Option<Removal>) -> Option<Announcement> {
        let name = self.members.remove(&number)?;
        self.by_name.remove(&name.folded());
        Some(Announcement::Left(name, why))
    }

    /// Somebody wants to be called this. `None`: that is the name already.
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

    /// What somebody is called. `None`: nobody with this number is here.
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

    /// Who is here, as an answer to `asks`: `here: host, Susan (you), guest-3, and 5 more`. The host
    /// sees everybody.
    pub fn who(&self, asks: Who) -> String {
        let listed = if asks == Who::Host { usize::MAX } else { LISTED };
        let members = self.members.iter().map(|(&number, name)| (Who::Member(number), name));
        let everybody = std::iter::once((Who::Host, &self.host)).chain(members);
        let (mut names, mut others) = (Vec::new(), 0);
        for (who, name) in everybody {
            match (who == asks, others + 1 < listed) {
                (true, _) => names.push(format!("{name} (you)")),
                // One place is kept for the one who asks, who may come anywhere in the list.
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

    /// The first line that a new member gets.
    pub fn welcome(&self, number: Number) -> String {
        let who = self.who(Who::Member(number));
        format!("{WELCOME}welcome; {who}; commands: /name NAME, /who, /quit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn who_comes_is_a_guest_and_who_goes_is_gone() {
        let mut room = room(0);
        assert_eq!(room.join(Number(1)).unwrap().to_string(), "guest-1 has joined");
        assert_eq!(room.join(Number(2)).unwrap().to_string(), "guest-2 has joined");
        assert_eq!(room.who(member(2)), "here: host, guest-1, guest-2 (you)");
        assert_eq!(room.leave(Number(1), None).unwrap().to_string(), "guest-1 has left");
        assert_eq!(room.leave(Number(1), None), None, "once is enough");
        let removed = room.leave(Number(2), Some(Removal::Removed)).unwrap();
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

    proptest! {
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
