//! Tab: what the word before the cursor can become. Pure rules.

/// What can be completed.
#[derive(Debug, Default)]
pub struct Words {
    /// The commands, as their help has them: what follows the word in capitals is an argument.
    pub help: &'static [&'static str],
    /// Those who are here.
    pub people: Vec<String>,
}

/// What a word becomes.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in bytes.
    pub start: usize,
    /// What stands there from now on: as much as is certain.
    pub text: String,
    /// What it can be, where that is several things.
    pub choices: Vec<String>,
}

/// What the word before the cursor can become. `None`: nothing.
pub fn complete(before: &str, words: &Words) -> Option<Completion> {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
    let begun = before[start..].to_lowercase();
    let begins_row = start == 0 || before[..start].ends_with('\n');
    let (mut choices, behind) = if begins_row && begun.starts_with('/') {
        (commands(words.help), " ")
    } else {
        (words.people.clone(), if begins_row { ": " } else { " " })
    };
    choices.retain(|choice| choice.to_lowercase().starts_with(&begun));
    choices.sort_by_key(|choice| choice.to_lowercase());
    match &choices[..] {
        [] => None,
        [only] => {
            let text = [only, behind].concat();
            Some(Completion { start, text, choices: Vec::new() })
        }
        [first, ..] => {
            let certain = choices.iter().fold(first.as_str(), |certain, it| common(certain, it));
            // What was typed stays as it was typed, where nothing can be added to it.
            let text = match certain.to_lowercase() == begun {
                true => before[start..].to_owned(),
                false => certain.to_owned(),
            };
            Some(Completion { start, text, choices })
        }
    }
}

/// The commands that a help lists.
fn commands(help: &[&str]) -> Vec<String> {
    let words = help.iter().filter_map(|line| line.split_whitespace().next());
    words
        .filter(|word| word.starts_with('/') && !word.starts_with("//"))
        .map(str::to_owned)
        .collect()
}

/// What both begin with, whatever the case, as the first has it.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let alike = |a: char, b: char| a.to_lowercase().eq(b.to_lowercase());
    let pairs = one.char_indices().zip(other.chars());
    let same = pairs.take_while(|&((_, a), b)| alike(a, b)).last();
    &one[..same.map_or(0, |((at, it), _)| at + it.len_utf8())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::command::HELP;

    #[track_caller]
    fn assert_completed(before: &str, completed: &str, choices: &[&str]) {
        let people = ["Susan", "Leta", "sue", "guest-3"].map(str::to_owned);
        let words = Words { help: &HELP, people: people.to_vec() };
        let Some(completion) = complete(before, &words) else {
            return assert_eq!((before, choices), (completed, &[][..]), "nothing is completed");
        };
        let text = [&before[..completion.start], &completion.text].concat();
        assert_eq!(
            (&*text, &*completion.choices),
            (completed, &choices.map_owned()[..]),
            "{before:?}"
        );
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for [&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|&it| it.to_owned()).collect()
        }
    }

    #[test]
    fn a_name_is_completed_with_a_colon_at_the_beginning_of_a_row_and_a_space_elsewhere() {
        assert_completed("l", "Leta: ", &[]);
        assert_completed("hello LE", "hello Leta ", &[]);
        assert_completed("one\nle", "one\nLeta: ", &[]);
        assert_completed("/kick gu", "/kick guest-3 ", &[]);
        assert_completed("s", "su", &["sue", "Susan"]);
        assert_completed("SU", "SU", &["sue", "Susan"]);
        assert_completed("sus", "Susan: ", &[]);
        assert_completed("", "", &["guest-3", "Leta", "sue", "Susan"]);
        assert_completed("nobody", "nobody", &[]);
    }

    #[test]
    fn a_command_is_completed_at_the_beginning_of_a_row_alone() {
        assert_completed("/w", "/who ", &[]);
        assert_completed("/N", "/name ", &[]);
        assert_completed("/", "/", &["/help", "/name", "/quit", "/who"]);
        assert_completed("one\n/q", "one\n/quit ", &[]);
        assert_completed("and /w", "and /w", &[]);
        assert_completed("//", "//", &[]);
    }
}
