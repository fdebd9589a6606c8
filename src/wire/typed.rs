//! What a person types: messages for the friend, and commands for the program. Pure rules, as
//! those of [`wire`](crate::wire::messages), beside which this [`Codec`] stands.
//!
//! A line that begins with `/` is a command; one that begins with `//` is a message, which begins
//! with one of the two.

use crate::error::Error;
use crate::threads::buffer::Block;
use crate::wire::messages::{Codec, Step, take};

/// From typed lines to messages and commands.
#[derive(Debug)]
pub struct Typed {
    at: At,
    /// What makes whole messages of the bytes, where they are wanted.
    messages: Option<Box<Codec>>,
}

/// Where in a line we are.
#[derive(Debug)]
enum At {
    /// At its beginning.
    Start,
    /// Behind a slash at its beginning, which means nothing yet.
    Slash,
    /// In a command; so far it is this.
    Command(Vec<u8>),
    /// In a message.
    Message,
}

impl Typed {
    /// For messages that a further codec makes of them; `None`: they go out as they are typed.
    pub fn new(messages: Option<Codec>) -> Typed {
        Typed { at: At::Start, messages: messages.map(Box::new) }
    }

    /// See [`Codec::decode`](crate::wire::messages::Codec::decode).
    pub(crate) fn decode(&mut self, input: &mut &[u8], block: &mut Block) -> Result<Step, Error> {
        loop {
            // A message that did not fit into the last block comes before whatever is next.
            match self.pass_on(&mut &[][..], block)? {
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
                    let newline = input.iter().position(|&byte| byte == b'\n');
                    line.extend_from_slice(take(input, newline.unwrap_or(input.len())));
                    if newline.is_some() {
                        take(input, 1);
                        return Ok(self.command());
                    }
                }
                At::Message => {
                    let newline = input.iter().position(|&byte| byte == b'\n');
                    let line = &input[..newline.map_or(input.len(), |at| at + 1)];
                    let mut rest = line;
                    let step = self.pass_on(&mut rest, block)?;
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

    /// See [`Codec::finish`](crate::wire::messages::Codec::finish).
    pub(crate) fn finish(&mut self, block: &mut Block) -> Result<Step, Error> {
        match &self.at {
            At::Slash => {
                self.at = At::Command(b"/".to_vec());
                Ok(self.command())
            }
            At::Command(_) => Ok(self.command()),
            At::Start | At::Message => match &mut self.messages {
                Some(messages) => messages.finish(block),
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
    fn pass_on(&mut self, piece: &mut &[u8], block: &mut Block) -> Result<Step, Error> {
        match &mut self.messages {
            Some(messages) => messages.decode(piece, block),
            None => {
                let fits = piece.len().min(block.space().len());
                // It fits, so it is taken.
                let _ = block.push(&[take(piece, fits)]);
                Ok(if piece.is_empty() { Step::Drained } else { Step::Full })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::buffer::Pool;
    use crate::wire::messages::{FRAME_MAX, Framer, Oddity, Wire, messages};
    use proptest::prelude::*;

    /// What becomes of typed bytes that come in these pieces: messages, with `None` where a
    /// command stands among them, and the commands.
    fn typed(wire: Wire, pieces: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let pool = Pool::new(1, 1_000);
        let framer = Codec::Framer(Framer::new(true, FRAME_MAX));
        let mut codec = Typed::new((wire == Wire::Frames).then_some(framer));
        let (mut said, mut commands) = (Vec::new(), Vec::new());
        let mut pass = |block: Block| said.extend_from_slice(block.bytes());
        let mut block = pool.take().unwrap();
        for at in 0..=pieces.len() {
            let mut input = pieces.get(at).copied().unwrap_or_default();
            loop {
                let step = match at < pieces.len() {
                    true => codec.decode(&mut input, &mut block),
                    false => codec.finish(&mut block),
                };
                pass(block);
                block = pool.take().unwrap();
                match step.unwrap() {
                    Step::Drained => break,
                    Step::Full => {}
                    Step::Command(line) => commands.push(line),
                    Step::Oddity(oddity) => commands.push(format!("{oddity:?}")),
                    other => panic!("{other:?}"),
                }
            }
        }
        let texts = messages(wire, &said)
            .map(|message| String::from_utf8(message.text.to_vec()).unwrap())
            .collect();
        (texts, commands)
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
