//! What people are called, and what a person tells the program instead of the friend.

use std::sync::Arc;
use std::time::Instant;

use super::{Coordinator, State};
use crate::buffer::Block;
use crate::command::{Command, HELP};
use crate::name::{self, Name};
use crate::text::harmless;
use crate::wire;
use crate::writer::Order;

impl Coordinator {
    pub(super) fn on_command(&mut self, line: &str, now: Instant) {
        match Command::parse(line) {
            Ok(Command::Help) => HELP.iter().for_each(|line| self.out.notices.answer(line)),
            Ok(Command::Who) => self.tell_who(),
            Ok(Command::Name(name)) => self.rename(name),
            Ok(Command::Quit) => self.on_signal(now),
            Err(why) => self.out.notices.answer(harmless(&why)),
        }
    }

    fn tell_who(&self) {
        let me = self.me.as_ref().map_or("you".to_owned(), |name| format!("{name} (you)"));
        match &self.state {
            State::Talking(conversation) => {
                let friend = name::or_friend(self.friend.as_ref());
                let at = conversation.friend();
                self.out.notices.answer(format_args!("here: {me}, and {friend}, at {at}"));
            }
            _ => self.out.notices.answer(format_args!("here: {me}, and nobody else yet")),
        }
    }

    /// I want to be called this; the friend is told by an ordinary message.
    fn rename(&mut self, name: Name) {
        if self.friend.as_ref().is_some_and(|friend| friend.is_like(name.as_str())) {
            let notice = format_args!("the friend is called {name} already");
            return self.out.notices.answer(notice);
        }
        if let State::Talking(conversation) = &mut self.state {
            conversation.introduce(&name);
        }
        self.out.notices.answer(format_args!("you are now {name}"));
        self.call_me(name);
    }

    pub(super) fn call_me(&mut self, name: Name) {
        if let Some(to_transcript) = &self.out.to_transcript {
            let _ = to_transcript.send(Order::CallMe(name.clone()));
        }
        self.me = Some(name);
    }

    /// The friend wants to be called this. Where that is somebody else's name, it is a message
    /// like any other.
    pub(super) fn on_named(&mut self, name: Name, mut paid: Block) {
        let State::Talking(conversation) = &mut self.state else { return };
        conversation.heard();
        if name.is_taken() || self.me.as_ref().is_some_and(|me| me.is_like(name.as_str())) {
            // It fits: a buffer holds the longest line.
            let _ = paid.push(&[&wire::message(self.plan.wire, &name.message())]);
            paid.stamp();
            return conversation.show(Arc::new(paid));
        }
        let before = name::or_friend(self.friend.as_ref());
        self.out.notices.notice(format_args!("{before} is now {name}"));
        self.call_friend(Some(name), Some(Arc::new(paid)));
    }

    pub(super) fn call_friend(&mut self, name: Option<Name>, paid: Option<Arc<Block>>) {
        for writer in self.out.to_transcript.iter().chain([&self.out.to_screen]) {
            let _ = writer.send(Order::CallFriend(name.clone(), paid.clone()));
        }
        self.friend = name;
    }
}
