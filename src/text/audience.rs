//! Who hears a message decides what else it can be: a name, a command, the welcome of a room.
//! Pure rules, for the [codecs](crate::wire::codec) of what a friend sends.

use std::fmt;

use crate::text::name::Name;

/// What the first message of a room begins with.
pub const WELCOME: &str = "/room ";

/// Who hears what a friend says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whatever reads the pipe, and gets everything as it is.
    Pipe,
    /// A person, who wants to know the friend's name.
    Person,
    /// A person who has called, and may have called a room: its first message tells.
    Caller,
    /// A person in a room. Its host has put names and answers into words already.
    Member,
    /// The host of a room.
    Host,
}

/// What a friend wants besides being heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// To be called this.
    Name(Name),
    /// To know who is in the room.
    Who,
    /// To leave the room.
    Quit,
    /// To say more at once than a room allows: so many bytes, which were dropped.
    Long(usize),
    /// To be taken for the host of a room, from its welcome on, which follows.
    Room,
}

/// In words, for `--explain`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Name(name) => write!(f, "the name {name}"),
            Request::Who => f.write_str("the question who is here"),
            Request::Quit => f.write_str("the wish to leave"),
            Request::Long(bytes) => write!(f, "a message of {bytes} bytes, which is too long"),
            Request::Room => f.write_str("a room's welcome"),
        }
    }
}

impl Audience {
    /// A message has come that cannot be a request.
    pub fn hears_words(&mut self) {
        if *self == Audience::Caller {
            *self = Audience::Person; // Only the first message can be a welcome.
        }
    }

    /// Whether this is a message and nothing else, as most are: then [`Audience::request`] has nothing
    /// to say to it, and need not be asked.
    pub fn only_hears(self, message: &[u8]) -> bool {
        match self {
            Audience::Pipe | Audience::Member => true,
            Audience::Person => !message.starts_with(b"/"),
            Audience::Caller | Audience::Host => false,
        }
    }

    /// What a message asks for, if anything. All but [`Request::Room`] is the whole message then,
    /// and there is nothing of it to be shown.
    pub fn request(&mut self, message: &[u8]) -> Option<Request> {
        let name = || Name::in_message(message).map(Request::Name);
        match self {
            Audience::Pipe | Audience::Member => None,
            Audience::Person => name(),
            Audience::Caller if message.starts_with(WELCOME.as_bytes()) => {
                *self = Audience::Member;
                Some(Request::Room)
            }
            Audience::Caller => {
                self.hears_words();
                name()
            }
            Audience::Host => match message {
                b"/who" => Some(Request::Who),
                b"/quit" => Some(Request::Quit),
                _ => name(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_message_to_a_caller_can_be_a_rooms_welcome() {
        let mut caller = Audience::Caller;
        assert_eq!(caller.request(b"/room welcome"), Some(Request::Room));
        assert_eq!(caller.request(b"/name Susan"), None, "the host has put it into words");
        for (mut audience, first) in [
            (Audience::Caller, &b"hello"[..]),
            (Audience::Caller, b"/name Susan"),
            (Audience::Caller, b"/room"),
            (Audience::Person, b"/room welcome"),
        ] {
            audience.request(first);
            assert_eq!(audience.request(b"/room welcome"), None, "{first:?}");
            assert!(matches!(audience.request(b"/name Susan"), Some(Request::Name(_))));
        }
        let mut after_a_part = Audience::Caller;
        after_a_part.hears_words();
        assert_eq!(after_a_part.request(b"/room welcome"), None);
    }

    #[test]
    fn a_host_hears_exactly_the_commands_and_takes_every_other_line_for_a_message() {
        let mut host = Audience::Host;
        assert_eq!(host.request(b"/who"), Some(Request::Who));
        assert_eq!(host.request(b"/quit"), Some(Request::Quit));
        assert!(matches!(host.request(b"/name Susan"), Some(Request::Name(_))));
        for line in ["/who ", " /who", "/WHO", "/quit now", "/kick x", "/room x", "/help", "/name"]
        {
            assert_eq!(host.request(line.as_bytes()), None, "{line}");
        }
        for line in ["/who", "/quit", "/name Susan", "/room x"] {
            assert_eq!(Audience::Pipe.request(line.as_bytes()), None, "{line}");
        }
    }
}
