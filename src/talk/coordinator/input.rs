//! What comes from stdin: something to be said, a command, or its end. What becomes of it is up to the
//! [meeting](crate::talk::meeting), if there is one.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use super::{Coordinator, State};
use crate::error::Error;
use crate::talk::meeting::{Company, Input};
use crate::talk::names;
use crate::talk::plan::Stdin;
use crate::text::command::{Command, HELP, NO_KICK};
use crate::text::harmless::harmless;
use crate::threads::buffer::Block;
use crate::threads::event::{News, ReadError};
use crate::wire::messages::{FRAME_MAX, MESSAGE_MAX};
use crate::wire::step::Oddity;

impl Coordinator {
    pub(super) fn on_stdin(&mut self, news: News, now: Instant) {
        let clears = self.typing.is_clearing();
        match news {
            News::Block(words) if clears => self.typing.show_not_sent(words.bytes()),
            News::Command(line) if clears => self.typing.show_command_not_sent(&line),
            News::Ended(_) if clears => {
                self.typing.on_cleared();
                self.begin_search(now);
            }
            News::Block(words) => self.on_said(words, now),
            News::Oddity(oddity) => self.on_oddity(oddity),
            News::Command(line) => self.on_command(&line, now),
            News::Goodbye => self.on_input_end(now),
            News::Ended(result) => self.on_stdin_end(result, now),
            News::Request(..) => {} // A friend sends these.
        }
    }

    fn on_said(&mut self, words: Block, now: Instant) {
        match self.state {
            State::Over(_) => {}
            _ if self.company() == Company::Nobody => self.typing.said_to_nobody(words),
            _ => self.on_input(Input::Said(Arc::new(words)), now),
        }
    }

    pub(super) fn on_input(&mut self, input: Input, now: Instant) {
        if let State::Meeting(meeting) = &mut self.state {
            meeting.on_input(input, now);
        }
    }

    fn on_oddity(&self, oddity: Oddity) {
        let notices = &self.outlets.notices;
        match oddity {
            Oddity::TooLong(bytes) => {
                let (what, most) = match self.plan.room {
                    None => ("frame holds", FRAME_MAX),
                    Some(_) => ("room takes", MESSAGE_MAX),
                };
                notices.notice(format_args!(
                    "not sent: the line is {bytes} bytes long, and a {what} {most} at most"
                ));
            }
            Oddity::NotUtf8 => notices.notice("not sent: the line is not UTF-8 text"),
            // These are about what a friend sends.
            Oddity::LooksLike(_) | Oddity::Foreign(_) | Oddity::AfterEnd => {}
        }
    }

    /// The stdin-reader has said its last word.
    fn on_stdin_end(&mut self, result: Result<(), ReadError>, now: Instant) {
        self.typing.on_end();
        // Ctrl-D ends what one says to a friend. But the host of a room needs the keyboard for commands.
        let goes_on = self.plan.room.is_some() && self.company() != Company::Leaving;
        match result {
            Ok(()) if goes_on && self.plan.stdin == Stdin::Terminal => {
                self.outlets.notices.notice("the room stays open (Ctrl-C closes it)");
                self.typing.let_read_again();
            }
            Err(ReadError::Io(_)) if self.window_is_closed() => self.on_signal(false, now),
            Ok(()) => self.on_input_end(now),
            // It was told to stop, and has handed over what it had read.
            Err(ReadError::Io(why))
                if self.plan.stdin == Stdin::Pipe && why.kind() == ErrorKind::WouldBlock =>
            {
                self.on_input_end(now);
            }
            Err(ReadError::Io(why)) => self.on_input_broke(Error::StdinUnreadable(why), now),
            Err(ReadError::Rule(fault)) => self.on_input_broke(fault.into(), now),
        }
    }

    fn on_input_end(&mut self, now: Instant) {
        match self.state {
            State::Alone if self.plan.stdin == Stdin::Terminal => self.outlets.notices.notice(
                "you have ended, and nobody is there yet; what you type now is not sent \
                 (Ctrl-C leaves)",
            ),
            _ => self.on_input(Input::Ended, now),
        }
    }

    fn on_input_broke(&mut self, error: Error, now: Instant) {
        match self.state {
            State::Alone => self.give_up(error),
            _ => self.on_input(Input::Broke(error), now),
        }
    }

    fn on_command(&mut self, line: &str, now: Instant) {
        match (Command::parse(line), &mut self.state) {
            (Ok(Command::Quit), _) => self.on_signal(true, now),
            (Ok(command), State::Meeting(meeting)) => meeting.on_command(command, now),
            (Ok(command), _) => self.on_command_alone(command),
            (Err(why), _) => self.outlets.notices.answer(harmless(&why)),
        }
    }

    fn on_command_alone(&mut self, command: Command) {
        let notices = &self.outlets.notices;
        match command {
            Command::Help => notices.answers(&HELP),
            Command::Who => {
                let me = names::myself(self.me.as_ref());
                notices.answer(format_args!("here: {me}, and nobody else yet"));
            }
            Command::Name(name) => {
                notices.answer(format_args!("you are now {name}"));
                self.outlets.call_me(Some(name.clone()));
                self.me = Some(name);
            }
            Command::Kick(_) => notices.answer(NO_KICK),
            Command::Quit => {}
        }
    }
}
