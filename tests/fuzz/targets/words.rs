//! Names and commands, as people and strangers write them.

use threadchat::text::command::Command;
use threadchat::text::harmless::harmless;
use threadchat::text::name::Name;

pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(name) = Name::parse(&text) {
        assert_name(&name);
    }
    // A message that says a name says one that could be typed as well.
    match Name::in_message(input) {
        Some(name) => {
            assert_eq!(name.message().as_bytes(), input);
            assert_name(&name);
        }
        None => assert!(
            !text.starts_with("/name ")
                || Name::parse(&text[6..]).is_err()
                || text.as_bytes() != input
        ),
    }
    let line = text.lines().next().unwrap_or_default();
    match Command::parse(&format!("/{line}")) {
        Ok(Command::Name(name)) => {
            assert!(!name.is_taken(), "{name} stands for somebody else");
            assert_name(&name);
        }
        Ok(Command::Kick(name)) => assert_name(&name),
        Ok(Command::Help | Command::Who | Command::Quit) => {}
        Err(sentence) => assert!(
            sentence.contains('/')
                || sentence.contains("nobody")
                || sentence.contains("not a name"),
            "{sentence:?}"
        ),
    }
}

/// A name is one visible word that cannot be taken for anything else.
fn assert_name(name: &Name) {
    let word = name.as_str();
    assert!(!word.is_empty() && word.len() <= 32 * 4 * 4, "{word:?}");
    assert_eq!(harmless(word), word, "{word:?} could do harm");
    assert!(!word.contains(|it: char| it.is_whitespace() || it.is_control()), "{word:?}");
    let punctuation = |it: char| it.is_ascii_punctuation() && it != '_' && it != '-';
    assert!(!word.contains(punctuation), "{word:?}");
    assert_eq!(Name::parse(word).as_ref(), Ok(name));
    assert_eq!(Name::in_message(name.message().as_bytes()).as_ref(), Some(name));
    // It is like itself, and what all like it are compared by is like it too.
    assert!(name.is_like(word));
    assert!(name.is_like(&name.folded()), "{word:?} is not like {:?}", name.folded());
    if name.is_taken() {
        assert!(name.is_taken_in_room(), "{word:?}");
    }
}
