//! What a system said, as a person would say it.

use std::io;

/// What the system said, in lower case, without its error number, and without the full stop that
/// Windows has.
pub fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return "the file may not grow any more (see `ulimit -f`)".to_owned();
    }
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text).trim_end().trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => "the system gave no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_says_has_neither_a_capital_nor_a_full_stop_nor_a_number() {
        for (said, expected) in [
            ("Connection refused (os error 111)", "connection refused"),
            // The end that Windows gives its sentences.
            ("No such host is known. (os error 11001)", "no such host is known"),
            ("", "the system gave no reason"),
        ] {
            assert_eq!(reason(&io::Error::other(said)), expected);
        }
    }
}
