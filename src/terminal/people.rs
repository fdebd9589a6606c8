//! Who is here, as far as the screen has told: what Tab completes. Pure rules.
//!
//! A member of a room knows of the others only what the host tells: the welcome, who comes and goes, and
//! who speaks. All of it comes to the screen, the host's own notices too. A line that is made to look like
//! one of these gives one name too many, and nothing else.

use crate::text::name::Name;

/// How many are remembered: those who were named last.
const PEOPLE_MAX: usize = 1_000;

/// The names on the screen.
#[derive(Debug, Default)]
pub struct People {
    /// The one who was named last is the last.
    names: Vec<Name>,
    changed: bool,
}

impl People {
    /// Somebody is here.
    pub fn meet(&mut self, name: &Name) {
        self.forget(name.as_str());
        self.names.push(name.clone());
        if self.names.len() > PEOPLE_MAX {
            self.names.remove(0);
        }
        self.changed = true;
    }

    /// Somebody is here no more.
    fn forget(&mut self, name: &str) {
        let before = self.names.len();
        self.names.retain(|known| !known.is_like(name));
        self.changed |= self.names.len() < before;
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
            who => self.parse_and_meet(who),
        }
    }

    /// Takes a notice: `Susan has joined`, `has left`, `is now Sue`, or who is here.
    pub fn read(&mut self, notice: &str) {
        let notice = notice.strip_prefix("* ").unwrap_or(notice);
        let list = notice.strip_prefix("welcome; ").unwrap_or(notice);
        if let Some(here) = list.strip_prefix("here: ") {
            let here = here.split(';').next().unwrap_or_default();
            here.split(", ")
                .filter_map(|name| Name::parse(name).ok())
                .for_each(|it| self.meet(&it));
        } else if let Some((name, what)) = notice.split_once(' ') {
            if what.starts_with("has joined") {
                self.parse_and_meet(name);
            } else if what.starts_with("has left") {
                self.forget(name);
            } else if let Some(new) = what.strip_prefix("is now ") {
                self.forget(name);
                self.parse_and_meet(new);
            }
        }
    }

    fn parse_and_meet(&mut self, name: &str) {
        // Who speaks has mostly spoken before, and just now.
        if self.names.last().is_some_and(|last| last.as_str() == name) {
            return;
        }
        if let Ok(name) = Name::parse(name) {
            self.meet(&name);
        }
    }

    /// Who is here, where that has changed since it was asked for.
    pub fn news(&mut self) -> Option<Vec<Name>> {
        std::mem::take(&mut self.changed).then(|| self.names.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_goes_and_speaks_is_known() {
        let mut people = People::default();
        let mut after = |lines: &[&str]| {
            lines.iter().for_each(|line| people.read(line));
            let names = people.news()?;
            Some(names.iter().map(Name::to_string).collect::<Vec<_>>().join(" "))
        };
        let welcome = "welcome; here: host, Susan, guest-3 (you), and 5 more; commands: /who";
        assert_eq!(after(&[welcome]).as_deref(), Some("host Susan"));
        assert_eq!(after(&["* Leta has joined"]).as_deref(), Some("host Susan Leta"));
        assert_eq!(after(&["* Susan is now Sue"]).as_deref(), Some("host Leta Sue"));
        assert_eq!(after(&["* Leta has left: took nothing"]).as_deref(), Some("host Sue"));
        assert_eq!(after(&["* 37 have joined", "* you are now Tom", "* hello"]), None);
        assert_eq!(after(&["* here: host, Sue, Tom (you)"]), Some("host Sue".to_owned()));
    }

    #[test]
    fn those_who_were_named_last_are_remembered() {
        let mut people = People::default();
        for number in 0..2 * PEOPLE_MAX {
            people.meet(&Name::parse(&format!("n{number}")).unwrap());
        }
        let names = people.news().unwrap();
        assert_eq!((names.len(), names[0].as_str()), (PEOPLE_MAX, "n1000"));
    }
}
