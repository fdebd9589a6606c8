//! Who is here, as far as the screen has told: what Tab completes. Pure rules.
//!
//! A member of a room knows of the others only what the host tells: the welcome, who comes and goes, and
//! who speaks. All of it comes to the screen, the host's own notices too. A line that is made to look like
//! one of these gives one name too many, and nothing else.

use std::collections::BTreeSet;

use crate::text::name::Name;

/// How many are remembered.
const PEOPLE_MAX: usize = 2_000;

/// The names on the screen.
#[derive(Debug, Default)]
pub struct People {
    names: BTreeSet<String>,
    changed: bool,
}

impl People {
    /// Somebody is here, who has to have a name.
    pub fn meet(&mut self, name: &str) {
        // Who speaks has mostly spoken before: that has to be quick.
        if self.names.contains(name) || self.names.len() == PEOPLE_MAX {
            return;
        }
        if Name::parse(name).is_ok_and(|name| !name.is_taken()) {
            self.names.insert(name.to_owned());
            self.changed = true;
        }
    }

    /// Somebody is here no more.
    fn forget(&mut self, name: &str) {
        self.changed |= self.names.remove(name);
    }

    /// Nobody is: there is somebody else on the line.
    pub fn forget_all(&mut self) {
        self.changed |= !self.names.is_empty();
        self.names.clear();
    }

    /// Somebody says something; or, where that is nobody, it is a notice.
    pub fn hear(&mut self, who: &str, text: &str) {
        match who {
            "" => self.read(text),
            who => self.meet(who),
        }
    }

    /// Takes a notice: `Susan has joined`, `has left`, `is now Sue`, or who is here.
    pub fn read(&mut self, notice: &str) {
        let notice = notice.strip_prefix("* ").unwrap_or(notice);
        let list = notice.strip_prefix("welcome; ").unwrap_or(notice);
        if let Some(here) = list.strip_prefix("here: ") {
            let here = here.split(';').next().unwrap_or_default();
            here.split(", ").for_each(|name| self.meet(name));
        } else if let Some((name, what)) = notice.split_once(' ') {
            if what.starts_with("has joined") {
                self.meet(name);
            } else if what.starts_with("has left") {
                self.forget(name);
            } else if let Some(new) = what.strip_prefix("is now ") {
                self.forget(name);
                self.meet(new);
            }
        }
    }

    /// Who is here, where that has changed since it was asked for.
    pub fn news(&mut self) -> Option<Vec<String>> {
        std::mem::take(&mut self.changed).then(|| self.names.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_goes_and_speaks_is_known() {
        let mut people = People::default();
        let mut after = |line: &str| {
            people.hear("", line);
            people.news().map(|names| names.join(" "))
        };
        let welcome = "welcome; here: host, Susan, guest-3 (you), and 5 more; commands: /who";
        assert_eq!(after(welcome).as_deref(), Some("Susan host"));
        assert_eq!(after("* Leta has joined").as_deref(), Some("Leta Susan host"));
        assert_eq!(after("* Susan is now Sue").as_deref(), Some("Leta Sue host"));
        assert_eq!(after("* Leta has left: took nothing").as_deref(), Some("Sue host"));
        for line in ["* 37 have joined", "* you are now Tom", "* hello", "* here: host, Tom (you)"]
        {
            assert_eq!(after(line), None, "{line}");
        }
        people.hear("Tom", "hello");
        assert_eq!(people.news().unwrap(), ["Sue", "Tom", "host"]);
    }

    #[test]
    fn no_more_than_a_room_full_are_remembered() {
        let mut people = People::default();
        (0..2 * PEOPLE_MAX).for_each(|number| people.hear(&format!("n{number}"), "hello"));
        assert_eq!(people.news().unwrap().len(), PEOPLE_MAX);
        people.forget_all();
        assert_eq!(people.news().unwrap(), [""; 0]);
    }
}
