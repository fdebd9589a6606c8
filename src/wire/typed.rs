//! What a person types: messages for the friend, and commands for the program. Pure rules, as
//! those of the two [wires](crate::wire::messages).
//!
//! A line that begins with `/` is a command; one that begins with `//` is a message, which begins
//! with one of the two.

use memchr::memchr;

use crate::wire::fault::Fault;
use crate::wire::framer::Framer;
use crate::wire::lines::Lines;
use crate::wire::messages::take;
use crate::wire::space::Space;
use crate::wire::step::Step;

/// From typed lines to messages and commands.
#[derive(Debug)]
pub struct Typed {
    at: At,
    /// What makes whole messages of the bytes, where they are wanted.
    messages: Option<Messages>,
}

/// What makes whole messages of what has been typed.
#[derive(Debug)]
pub enum Messages {
    /// For the `lines` wire.
    Lines(Lines),
    /// For the `frames` wire.
    Framer(Framer),
}

/// Where in a line we are.
#[derive(Debug)]
enum At {
    /// At its beginning.
    Start,
    /// After a slash at its beginning, which means nothing yet.
    Slash,
    /// In a command; so far it is this.
    Command(Vec<u8>),
    /// In a message.
    Message,
}

impl Typed {
    /// For whole messages; `None`: they go out as they are typed.
    pub fn new(messages: Option<Messages>) -> Typed {
        Typed { at: At::Start, messages }
    }

    /// See [`Codec::decode`](crate::wire::codec::Codec::decode).
    pub(crate) fn decode(
        &mut self,
        input: &mut &[u8],
        space: &mut impl Space,
    ) -> Result<Step, Fault> {
        loop {
            // A message that did not fit the last time comes before whatever is next.
            match self.pass_on(&mut &[][..], space)? {
                Step::Drained => {}
                other => return Ok(other),
            }
            let Some(&next) = input.first() else { return Ok(Step::Drained) };
            match &mut self.at {
                At::Start if next == b'/' => {
                    take(input, 1);
                    self.at = At::Slash;
                }
                // The second slash begins the message.
                At::Slash if next == b'/' => self.at = At::Message,
                At::Start => self.at = At::Message,
                At::Slash => self.at = At::Command(b"/".to_vec()),
                At::Command(line) => {
                    let newline = memchr(b'\n', input);
                    line.extend_from_slice(take(input, newline.unwrap_or(input.len())));
                    if newline.is_some() {
                        take(input, 1);
                        return Ok(self.command());
                    }
                }
                At::Message => {
                    let newline = memchr(b'\n', input);
                    let line = &input[..newline.map_or(input.len(), |at| at + 1)];
                    let mut rest = line;
                    let step = self.pass_on(&mut rest, space)?;
                    let taken = line.len() - rest.len();
                    if taken > 0 && line[taken - 1] == b'\n' {
                        self.at = At::Start;
                    }
                    take(input, taken);
                    match step {
                        Step::Drained => {}
                        other => return Ok(other),
                    }
                }
            }
        }
    }

    /// See [`Codec::finish`](crate::wire::codec::Codec::finish).
    pub(crate) fn finish(&mut self, space: &mut impl Space) -> Result<Step, Fault> {
        match &self.at {
            At::Slash => {
                self.at = At::Command(b"/".to_vec());
                Ok(self.command())
            }
            At::Command(_) => Ok(self.command()),
            At::Start | At::Message => match &mut self.messages {
                Some(Messages::Lines(lines)) => Ok(lines.finish(space)),
                Some(Messages::Framer(framer)) => framer.finish(space),
                None => Ok(Step::Drained),
            },
        }
    }

    /// The command that is whole now.
    fn command(&mut self) -> Step {
        match std::mem::replace(&mut self.at, At::Start) {
            At::Command(line) => Step::Command(String::from_utf8_lossy(&line).into_owned()),
            _ => Step::Drained,
        }
    }

    /// Moves a piece of a message on, in the form that the wire has.
    fn pass_on(&mut self, piece: &mut &[u8], space: &mut impl Space) -> Result<Step, Fault> {
        match &mut self.messages {
            Some(Messages::Lines(lines)) => Ok(lines.decode(piece, space)),
            Some(Messages::Framer(framer)) => framer.decode(piece, space),
            None => {
                let fits = piece.len().min(space.room());
                // It fits, so it is taken.
                let _ = space.push(&[take(piece, fits)]);
                Ok(if piece.is_empty() { Step::Drained } else { Step::Full })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::wire::messages::{FRAME_MAX, Wire};
    use crate::wire::step::Oddity;
    use crate::wire::tests::{run_with_room, texts};
    use proptest::prelude::*;

    /// What becomes of typed bytes that come in these pieces: messages, and the commands.
    fn typed(wire: Wire, pieces: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let framer = || Messages::Framer(Framer::new(true, FRAME_MAX));
        let codec = Codec::Typed(Typed::new((wire == Wire::Frames).then(framer)));
        let (said, steps, fault) = run_with_room(1_000, codec, pieces);
        assert_eq!(fault, None);
        let commands = steps.into_iter().map(|step| match step {
            Step::Command(line) => line,
            Step::Oddity(oddity) => format!("{oddity:?}"),
            other => panic!("{other:?}"),
        });
        let texts = texts(wire, &said).into_iter().map(|text| String::from_utf8(text).unwrap());
        (texts.collect(), commands.collect())
    }

    #[test]
    fn a_line_that_begins_with_a_slash_is_a_command_and_with_two_a_message() {
        for wire in [Wire::Lines, Wire::Frames] {
            let input = b"one\n/help\n//text\n/\n two /x\n\n//\n";
            let (said, commands) = typed(wire, &[input]);
            assert_eq!(said, ["one", "/text", " two /x", "", "/"]);
            assert_eq!(commands, ["/help", "/"]);
        }
    }

    #[test]
    fn a_line_that_no_frame_holds_is_refused_and_the_next_is_said() {
        let long = "x".repeat(65_536);
        let (said, refused) = typed(Wire::Frames, &[long.as_bytes(), b"\nnext\n"]);
        assert_eq!(said, ["next"]);
        assert_eq!(refused, [format!("{:?}", Oddity::TooLong(65_536))]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_keys_arrive(
            lines in prop::collection::vec("/{0,3}[a-z ]{0,40}", 0..12),
            piece in 1_usize..50,
        ) {
            let input = lines.iter().fold(String::new(), |all, line| all + line + "\n");
            let pieces: Vec<&[u8]> = input.as_bytes().chunks(piece).collect();
            let is_command = |line: &&String| line.starts_with('/') && !line.starts_with("//");
            let message = |line: &String| match line.strip_prefix("//") {
                Some(rest) => format!("/{rest}"),
                None => line.clone(),
            };
            for wire in [Wire::Lines, Wire::Frames] {
                prop_assume!(!lines.iter().any(|line| line == "end"));
                let (said, commands) = typed(wire, &pieces);
                let expected: Vec<String> =
                    lines.iter().filter(|line| !is_command(line)).map(message).collect();
                prop_assert_eq!(said, expected);
                let expected: Vec<String> = lines.iter().filter(is_command).cloned().collect();
                prop_assert_eq!(commands, expected);
            }
        }
    }
}
