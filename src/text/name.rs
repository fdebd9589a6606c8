//! What people are called: which names there can be, and how one is said to the friend. Pure rules.
//!
//! A name travels as an ordinary message, `/name Susan`, so that a friend with `nc` can have one
//! too. It stands where the program itself speaks (`Susan says: `), and so it is a single word
//! that cannot look like anything else.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::roles::Number;
use crate::text::harmless::is_mark;
use crate::text::invisible::is_suspect;

/// How many characters a name may have, not counting marks.
const LONGEST: usize = 32;

/// How many marks a letter may carry. Vietnamese needs two; a tower of them covers other lines.
const MARKS_MAX: usize = 3;

/// What a friend is called who has no name.
const FRIEND: &str = "friend";

/// What we are called ourselves, without one.
const YOU: &str = "you";

/// What the host of a room is called, without one.
const HOST: &str = "host";

/// What a member of a room is called, without one: this, and a number.
const GUEST: &str = "guest-";

/// What a friend is called who is the host of a room, and speaks for everybody in it.
const ROOM: &str = "room";

/// The words that stand for somebody else, and cannot be taken.
const TAKEN: [&str; 2] = [FRIEND, YOU];

/// What the message begins with that says a name.
const SAYS: &str = "/name ";

/// A name that somebody may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// A name is 1 to 32 letters (of any script, with their marks), digits, `_` and `-`, and
    /// begins with a letter or a digit.
    ///
    /// # Errors
    /// Why it is none, as a sentence.
    pub fn parse(word: &str) -> Result<Name, &'static str> {
        if word.is_empty() {
            return Err("a name has at least one letter");
        }
        // Marks are counted below. (Not what a person would call a character: of some scripts any
        // number of letters is one.)
        if word.chars().filter(|&character| !is_mark(character)).count() > LONGEST {
            return Err("a name has at most 32 characters");
        }
        let mut marks = 0;
        for (at, character) in word.chars().enumerate() {
            marks = if is_mark(character) { marks + 1 } else { 0 };
            let fits = match character {
                _ if is_suspect(character) => false,
                '_' | '-' => at > 0,
                // Some that are not drawn as letters are no marks either, but signs of the format.
                _ if marks > 0 => at > 0 && marks <= MARKS_MAX && is_combining_mark(character),
                _ => character.is_alphanumeric(),
            };
            if !fits {
                return Err("a name is made of letters, digits, _ and -, \
                            and begins with a letter or a digit");
            }
        }
        Ok(Name(word.to_owned()))
    }

    /// Whether it is a word for somebody else: nobody can be called `friend` or `you`.
    pub fn is_taken(&self) -> bool {
        TAKEN.iter().any(|taken| self.is_like(taken))
    }

    /// Whether two names are the same but for capitals.
    pub fn is_like(&self, other: &str) -> bool {
        self.folded() == folded(other)
    }

    /// The same for all names that are alike.
    pub fn folded(&self) -> String {
        folded(&self.0)
    }

    /// What the host of a room is called, without a name.
    pub fn host() -> Name {
        Name(HOST.to_owned())
    }

    /// What a member of a room is called, without a name.
    pub fn guest(number: Number) -> Name {
        Name(format!("{GUEST}{number}"))
    }

    /// Whether it is a word for somebody else in a room: `host`, or a guest's.
    pub fn is_taken_in_room(&self) -> bool {
        let folded = self.folded();
        let guest = folded
            .strip_prefix(GUEST)
            .is_some_and(|number| !number.is_empty() && number.chars().all(char::is_numeric));
        guest || folded == HOST || self.is_taken()
    }

    /// The name that a message says, if that is what it does: `/name Susan`.
    pub fn in_message(text: &[u8]) -> Option<Name> {
        let word = text.strip_prefix(SAYS.as_bytes())?;
        Name::parse(std::str::from_utf8(word).ok()?).ok()
    }

    /// The message that says the name.
    pub fn message(&self) -> String {
        format!("{SAYS}{}", self.0)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Two names that look the same are the same: capitals do not count, nor whether an accent is a
/// character of its own, nor whether a letter is a wide one (Unicode's form NFKC).
fn folded(name: &str) -> String {
    // By way of capitals, since some letters share theirs: the two sigmas of Greek, ß and ss. And to
    // capitals by way of small letters, since the capital of ß that there is by now is not what
    // Unicode makes of ß.
    let capitals = name.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase).nfkc().collect()
}

/// Whose words it is that arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Speaker {
    /// A friend's who has no name.
    #[default]
    Friend,
    /// Somebody's who has one.
    Named(Name),
    /// Everybody's in a room, whose host says who it is.
    Room,
}

impl Speaker {
    /// What to call whoever speaks.
    pub fn as_str(&self) -> &str {
        match self {
            Speaker::Friend => FRIEND,
            Speaker::Named(name) => name.as_str(),
            Speaker::Room => ROOM,
        }
    }

    /// The same for whoever is at the other end, who alone can leave.
    pub fn as_one(&self) -> &str {
        match self {
            Speaker::Friend | Speaker::Room => FRIEND,
            Speaker::Named(name) => name.as_str(),
        }
    }
}

/// What to call ourselves.
pub fn or_you(name: Option<&Name>) -> &str {
    name.map_or(YOU, Name::as_str)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_in_any_script() {
        for word in [
            "Susan",
            "x",
            "7",
            "R2-D2",
            "a_b",
            "José",
            "Jose\u{301}",
            "Ελένη",
            "Олег",
            "שרה",
            "سارة",
            "हिन्दी",
            "李雷",
            "ひろし",
            "Nguyễn",
        ] {
            assert!(Name::parse(word).is_ok(), "{word}");
        }
        assert!(Name::parse(&"x".repeat(32)).is_ok());
        assert!(Name::parse(&"e\u{301}".repeat(32)).is_ok());
    }

    #[test]
    fn a_rude_name_is_none() {
        for word in [
            "",
            " ",
            "a b",
            "-a",
            "_a",
            "a\n",
            "a\x1b[31m",
            "\x1b]2;x\x07",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{3164}",
            "\u{301}a",
            "a:",
            "a,b",
            "a\u{200d}b",
            "*",
            "a.b",
            "\u{2800}",
            "🔥",
            "e\u{301}\u{301}\u{301}\u{301}",
            "a\u{70f}",
            "a\u{8e2}",
        ] {
            assert!(Name::parse(word).is_err(), "{word:?}");
        }
        for letter in ["x", "\u{1100}", "क्", "👩\u{200d}"] {
            assert!(Name::parse(&letter.repeat(33)).is_err(), "{letter}");
        }
    }

    #[test]
    fn only_a_message_that_fits_exactly_says_a_name() {
        assert_eq!(Name::in_message(b"/name Susan").unwrap().as_str(), "Susan");
        let others =
            ["/name", "/name ", "/name  Susan", "/name Susan ", "/name a b", "/Name a", " /name a"];
        for text in others {
            assert_eq!(Name::in_message(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Name::in_message(b"/name \xff"), None);
    }

    #[test]
    fn names_that_look_the_same_are_alike() {
        for (one, other) in [
            ("Susan", "sUSAN"),
            ("José", "Jose\u{301}"),
            ("Susan", "Ｓｕｓａｎ"),
            ("Νίκος", "ΝΊΚΟΣ"),
            ("Straße", "STRASSE"),
        ] {
            assert!(Name::parse(one).unwrap().is_like(other), "{one} {other}");
        }
        assert!(!Name::parse("Susan").unwrap().is_like("Susann"));
    }

    #[test]
    fn guests_and_the_host_keep_their_words() {
        for word in ["host", "HOST", "guest-1", "Guest-007", "guest-１", "guest-٣", "you"] {
            assert!(Name::parse(word).unwrap().is_taken_in_room(), "{word}");
        }
        for word in ["hosts", "guest", "guest-", "guest-x", "guest-1a", "room"] {
            assert!(!Name::parse(word).unwrap().is_taken_in_room(), "{word}");
        }
    }

    #[test]
    fn nobody_is_called_you() {
        assert!(Name::parse("You").unwrap().is_taken());
        assert!(Name::parse("FRIEND").unwrap().is_taken());
        assert!(!Name::parse("Susan").unwrap().is_taken());
    }

    #[test]
    fn a_letter_its_capital_and_its_small_one_are_alike() {
        for letter in (char::MIN..=char::MAX).filter(|it| it.is_alphanumeric()) {
            let name = letter.to_string();
            let alike = folded(&name);
            for other in [alike.clone(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(folded(&other), alike, "{name:?} and {other:?}");
            }
        }
    }
}
