//! The options that were given, as they could be typed again: for a command that is proposed, as where
//! a port is in use.

use std::borrow::Cow;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// The options that were given to `verb`, as they could be typed again.
pub fn options(verb: &Command, given: &ArgMatches) -> String {
    let mut line = String::new();
    for option in verb.get_arguments().filter(|option| !option.is_positional()) {
        let id = option.get_id().as_str();
        if given.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let name = match (option.get_long(), option.get_short()) {
            (Some(long), _) => format!(" --{long}"),
            (None, Some(short)) => format!(" -{short}"),
            (None, None) => continue,
        };
        line.push_str(&name);
        if option.get_action().takes_values() {
            for value in given.get_raw(id).into_iter().flatten() {
                line.push(if option.is_require_equals_set() { '=' } else { ' ' });
                line.push_str(&quoted(&value.to_string_lossy()));
            }
        }
    }
    line
}

/// A word as a shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |character: char| character.is_alphanumeric() || "-_./:=,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}
