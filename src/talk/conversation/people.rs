//! Commands about people: who is here, and what I want to be called.

use super::Conversation;
use crate::talk::names;
use crate::text::command::{Command, HELP, NO_KICK};
use crate::text::name::{Name, Speaker};

impl Conversation {
    pub(super) fn obey(&mut self, command: Command) {
        let notices = &self.outlets.notices;
        match command {
            Command::Help => notices.answers(&HELP),
            Command::Who => self.tell_who(),
            Command::Name(name) => self.rename_me(name),
            Command::Kick(_) => notices.answer(NO_KICK),
            Command::Quit => {} // The coordinator treats that as a signal.
        }
    }

    fn tell_who(&self) {
        // The host of a room knows who is here, and says so.
        if *self.names.friend() == Speaker::Room {
            return self.ask("/who");
        }
        let me = names::myself(self.names.me());
        let (friend, at) = (self.names.friend().as_str(), self.friend);
        self.outlets.notices.answer(format_args!("here: {me}, and {friend}, at {at}"));
    }

    /// I want to be called this. The friend is told in an ordinary message.
    fn rename_me(&mut self, name: Name) {
        match self.names.friend() {
            Speaker::Named(friend) if friend.is_like(name.as_str()) => {
                let notice = format_args!("the friend is called {name} already");
                self.outlets.notices.answer(notice);
            }
            // In a room the host decides whether I can have that name.
            Speaker::Room => self.ask(&name.message()),
            Speaker::Friend | Speaker::Named(_) => {
                self.outlets.notices.answer(format_args!("you are now {name}"));
                self.names.call_me(name, &self.outlets);
                self.introduce_me();
            }
        }
    }
}
