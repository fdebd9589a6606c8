//! What a person can tell the program, rather than the friend: lines that begin with `/`. Pure
//! rules.

use crate::text::name::Name;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Which commands there are.
    Help,
    /// What I am called from now on.
    Name(Name),
    /// Who is here.
    Who,
    /// Who of a room's members has to leave.
    Kick(Name),
    /// Leave, as Ctrl-C does.
    Quit,
}

/// What `/help` shows.
pub const HELP: [&str; 6] = [
    "/name NAME   tell the friend what you are called",
    "/who         who is here",
    "/quit        leave, as Ctrl-C does",
    "//text       say a line that begins with a slash",
    "/help        this list",
    "Ctrl-D, on an empty line, ends what you say; the friend may go on",
];

/// Why `/kick` does nothing outside a room.
pub const NO_KICK: &str = "/kick is for the host of a room; /quit leaves";

/// What `/help` shows to the host of a room.
pub const HELP_OF_A_HOST: [&str; 6] = [
    "/name NAME   tell the room what you are called",
    "/who         who is here",
    "/kick NAME   send a member away",
    "/quit        close the room, as Ctrl-C does",
    "//text       say a line that begins with a slash",
    "/help        this list",
];

impl Command {
    /// The command that a line gives. The line begins with `/`.
    ///
    /// # Errors
    /// There is no such command: a sentence that says what to do.
    pub fn parse(line: &str) -> Result<Command, String> {
        let line = line.trim_end();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match (word, rest.trim_start()) {
            ("/help", "") => Ok(Command::Help),
            ("/who", "") => Ok(Command::Who),
            ("/quit", "") => Ok(Command::Quit),
            ("/name", "") => Err("/name wants a name behind it: /name Susan".to_owned()),
            ("/name", name) => match Name::parse(name) {
                Ok(name) if name.is_taken() => Err(format!("nobody can be called {name} here")),
                Ok(name) => Ok(Command::Name(name)),
                Err(why) => Err(format!("not a name: {name}; {why}")),
            },
            ("/kick", "") => Err("/kick wants a name behind it: /kick guest-3".to_owned()),
            ("/kick", name) => match Name::parse(name) {
                Ok(name) => Ok(Command::Kick(name)),
                Err(_) => Err(format!("nobody here is called {name}")),
            },
            _ => Err(format!(
                "no such command: {line}; /help lists what there is, and /{line} sends it as it is"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_whole_words() {
        assert_eq!(Command::parse("/help"), Ok(Command::Help));
        assert_eq!(Command::parse("/quit  "), Ok(Command::Quit));
        assert_eq!(Command::parse("/who"), Ok(Command::Who));
        let susan = Name::parse("Susan").unwrap();
        assert_eq!(Command::parse("/name  Susan "), Ok(Command::Name(susan)));
        for line in ["/", "/quitt", "/quit now", "/QUIT", "/name", "/name a b", "/name you", "/etc"]
        {
            assert!(Command::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_unknown_command_says_how_to_send_it() {
        let sentence = Command::parse("/etc/passwd").unwrap_err();
        assert!(sentence.contains("//etc/passwd sends it"), "{sentence}");
    }
}
