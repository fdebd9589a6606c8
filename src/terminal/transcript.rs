//! `--transcript`: what both have said, in a file: a line each, with date, time and speaker.
//!
//! The text is made [harmless](crate::text::harmless), as on a screen: files are looked at with `cat`.

use std::io::{self, Write};
use std::time::SystemTime;

use crate::terminal::clock::date_and_time;
use crate::text::audience::Audience;
use crate::text::harmless::harmless;
use crate::text::name::{self, Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::form::Form;
use crate::wire::lines::Lines;
use crate::wire::messages::{self, LINE_MAX, Wire};
use crate::wire::step::Step;

/// The form of a transcript. See the [module's page](self).
#[derive(Debug)]
pub struct Transcript {
    wire: Wire,
    heard: Unfinished,
    said: Unfinished,
    friend: Speaker,
    /// What we are called ourselves.
    me: Option<Name>,
}

impl Transcript {
    /// A transcript of a conversation on `wire`.
    pub fn new(wire: Wire) -> Transcript {
        Transcript {
            wire,
            heard: Unfinished::new(),
            said: Unfinished::new(),
            friend: Speaker::Friend,
            me: None,
        }
    }
}

impl Form for Transcript {
    fn write_heard(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        self.heard.write(self.wire, self.friend.as_str(), block, to)
    }

    fn write_said(&mut self, block: &Block, to: &mut dyn Write) -> io::Result<()> {
        let who = name::or_you(self.me.as_ref());
        self.said.write(self.wire, who, block, to)
    }

    /// The friend is called this from now on; one without a name is a new one.
    fn call_friend(&mut self, friend: Speaker, to: &mut dyn Write) -> io::Result<()> {
        if friend == Speaker::Friend {
            self.finish(to)?;
        }
        self.friend = friend;
        Ok(())
    }

    fn call_me(&mut self, name: Option<Name>) {
        self.me = name;
    }

    /// Writes the lines that have no end yet.
    fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.heard.finish(self.friend.as_str(), to)?;
        self.said.finish(name::or_you(self.me.as_ref()), to)
    }
}

/// What one of the two says. Through a pipe bytes go as they come: here they become lines, which are cut
/// into parts where they are too long, as they are for a screen.
#[derive(Debug)]
struct Unfinished {
    lines: Lines,
    since: SystemTime,
}

impl Unfinished {
    fn new() -> Unfinished {
        Unfinished { lines: no_lines_yet(), since: SystemTime::UNIX_EPOCH }
    }

    fn write(
        &mut self,
        wire: Wire,
        who: &str,
        block: &Block,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        self.since = block.came_at();
        if wire == Wire::Frames {
            return self.write_messages(wire, who, block.bytes(), to);
        }
        let mut input = block.bytes();
        let mut whole = Vec::with_capacity(LINE_MAX + 1);
        let mut step = Step::Full;
        while step != Step::Drained {
            whole.clear();
            step = self.lines.decode(&mut input, &mut whole);
            self.write_messages(wire, who, &whole, to)?;
        }
        Ok(())
    }

    /// Writes the line whose end has not come, and will not.
    fn finish(&mut self, who: &str, to: &mut dyn Write) -> io::Result<()> {
        let mut rest = Vec::with_capacity(LINE_MAX + 1);
        // It fits: there is room for the longest line.
        std::mem::replace(&mut self.lines, no_lines_yet()).finish(&mut rest);
        self.write_messages(Wire::Lines, who, &rest, to)
    }

    fn write_messages(
        &self,
        wire: Wire,
        who: &str,
        block: &[u8],
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let time = date_and_time(self.since);
        for message in messages::messages(wire, block) {
            // Each line says whose it is.
            for line in messages::lines(message.text) {
                let text = String::from_utf8_lossy(line);
                writeln!(to, "{time} {who}: {}", harmless(&text))?;
            }
        }
        // A line is in the file when it has been said, and not when there are enough of them.
        to.flush()
    }
}

fn no_lines_yet() -> Lines {
    Lines::new(Audience::Pipe, LINE_MAX) // Everything in them has been said, requests too.
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_time(transcript: Vec<u8>) -> Vec<String> {
        let text = String::from_utf8(transcript).unwrap();
        text.lines().map(|line| line["2026-11-22 12:00:00 ".len()..].to_owned()).collect()
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_one_line() {
        let mut file = Vec::new();
        let mut transcript = Transcript::new(Wire::Lines);
        for piece in [&b"one\r\ntw"[..], b"o\n\nthree \x1b[2J"] {
            transcript.write_heard(&Block::of(piece.to_vec()), &mut file).unwrap();
        }
        transcript.write_said(&Block::of(b"mine\n".to_vec()), &mut file).unwrap();
        let susan = Name::parse("Susan").unwrap();
        transcript.call_friend(Speaker::Named(susan), &mut file).unwrap();
        transcript.finish(&mut file).unwrap();
        let lines = ["friend: one", "friend: two", "friend: ", "you: mine", "Susan: three ^[[2J"];
        assert_eq!(without_time(file), lines);
    }

    #[test]
    fn each_line_of_a_frame_says_whose_it_is() {
        let mut file = Vec::new();
        let mut transcript = Transcript::new(Wire::Frames);
        transcript.write_heard(&Block::of(b"\x09\x00a\nyou: hi".to_vec()), &mut file).unwrap();
        assert_eq!(without_time(file), ["friend: a", "friend: you: hi"]);
    }

    #[test]
    fn a_line_without_end_is_written_in_parts() {
        let mut file = Vec::new();
        let mut transcript = Transcript::new(Wire::Lines);
        transcript.write_heard(&Block::of(vec![b'x'; 3 * LINE_MAX]), &mut file).unwrap();
        transcript.finish(&mut file).unwrap();
        let lines = without_time(file);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == "friend: ".len() + LINE_MAX));
    }
}
