//! What people are called, and what a person tells the program instead of the friend.

use std::sync::Arc;
use std::time::Instant;

use super::{Coordinator, State, Stdin};
use crate::room::host_outbox::Ear;
use crate::room::hosting::Hosting;
use crate::text::audience::Request;
use crate::text::command::{Command, HELP, HELP_OF_A_HOST};
use crate::text::harmless::harmless;
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::friend::Friend;
use crate::threads::order::Order;
use crate::wire::messages;
use crate::wire::space::Space;

impl Coordinator {
    pub(super) fn on_command(&mut self, line: &str, now: Instant) {
        match Command::parse(line) {
            Ok(Command::Help) => self.tell_help(),
            Ok(Command::Who) => self.tell_who(),
            Ok(Command::Name(name)) => self.rename(name),
            Ok(Command::Kick(name)) => self.kick(&name, now),
            Ok(Command::Quit) => self.on_signal(now, true),
            Err(why) => self.out.notices.answer(harmless(&why)),
        }
    }

    fn tell_help(&self) {
        let help = match self.state {
            State::Hosting(_) => HELP_OF_A_HOST,
            _ => HELP,
        };
        help.iter().for_each(|line| self.out.notices.answer(line));
    }

    fn tell_who(&self) {
        let me = self.me.as_ref().map_or("you".to_owned(), |name| format!("{name} (you)"));
        match &self.state {
            // The host knows who is here, and says so.
            State::Talking(conversation) if self.friend == Speaker::Room => {
                conversation.ask("/who");
            }
            State::Talking(conversation) => {
                let (friend, at) = (self.friend.as_str(), conversation.friend());
                self.out.notices.answer(format_args!("here: {me}, and {friend}, at {at}"));
            }
            State::Hosting(hosting) => self.out.notices.answer(hosting.who()),
            _ => self.out.notices.answer(format_args!("here: {me}, and nobody else yet")),
        }
    }

    /// I want to be called this; the friend is told by an ordinary message.
    fn rename(&mut self, name: Name) {
        match (&mut self.state, &self.friend) {
            (State::Hosting(hosting), _) => {
                if let Err(why) = hosting.rename_host(name.clone()) {
                    return self.out.notices.answer(why);
                }
            }
            (_, Speaker::Named(friend)) if friend.is_like(name.as_str()) => {
                let notice = format_args!("the friend is called {name} already");
                return self.out.notices.answer(notice);
            }
            // Whether that can be is for the host to say.
            (State::Talking(conversation), Speaker::Room) => return conversation.introduce(&name),
            (State::Talking(conversation), _) => {
                conversation.introduce(&name);
                self.out.notices.answer(format_args!("you are now {name}"));
            }
            _ => self.out.notices.answer(format_args!("you are now {name}")),
        }
        self.call_me(name);
    }

    fn kick(&mut self, name: &Name, now: Instant) {
        let kicked = match &mut self.state {
            State::Hosting(hosting) => hosting.kick(name, now),
            _ => Err("/kick is for the host of a room; /quit leaves".to_owned()),
        };
        if let Err(why) = kicked {
            self.out.notices.answer(why);
        }
    }

    pub(super) fn call_me(&mut self, name: Name) {
        if let Some(to_transcript) = &self.out.to_transcript {
            let _ = to_transcript.send(Order::CallMe(Some(name.clone())));
        }
        self.me = Some(name);
    }

    /// The friend wants something.
    pub(super) fn on_request(&mut self, request: Request, paid: Block) {
        let State::Talking(conversation) = &mut self.state else { return };
        conversation.heard();
        match request {
            Request::Name(name) => self.on_named(name, paid),
            Request::Room => {
                // What we are called there is for its host to say.
                if let Some(to_transcript) = &self.out.to_transcript {
                    let _ = to_transcript.send(Order::CallMe(None));
                }
                self.call_friend(Speaker::Room, Some(Arc::new(paid)));
            }
            // Only the host of a room hears these.
            Request::Who | Request::Quit | Request::Long(_) => {}
        }
    }

    /// The friend wants to be called this. Where that is somebody else's name, it is a message
    /// like any other.
    fn on_named(&mut self, name: Name, mut paid: Block) {
        let State::Talking(conversation) = &mut self.state else { return };
        if name.is_taken() || self.me.as_ref().is_some_and(|me| me.is_like(name.as_str())) {
            // It fits: a buffer holds the longest line.
            let _ = paid.push(&[&messages::message(self.plan.wire, &name.message())]);
            paid.stamp();
            return conversation.show(Arc::new(paid));
        }
        let before = self.friend.as_str();
        self.out.notices.notice(format_args!("{before} is now {name}"));
        self.call_friend(Speaker::Named(name), Some(Arc::new(paid)));
    }

    pub(super) fn call_friend(&mut self, friend: Speaker, paid: Option<Arc<Block>>) {
        for writer in self.out.to_transcript.iter().chain([&self.out.to_screen]) {
            let _ = writer.send(Order::CallFriend(friend.clone()));
            if let Some(paid) = &paid {
                let _ = writer.send(Order::Paid(Arc::clone(paid)));
            }
        }
        self.friend = friend;
    }

    // The host of a room.

    pub(super) fn open_room(&mut self, members_max: usize, ears: Vec<Ear>) {
        let host = self.me.clone().unwrap_or_else(Name::host);
        self.call_me(host.clone());
        self.state = State::Hosting(Box::new(Hosting::new(
            self.plan.wire,
            host,
            members_max,
            ears,
            self.plan.editor,
            self.out.notices.clone(),
        )));
    }

    pub(super) fn on_joined(&mut self, friend: Friend, now: Instant) {
        self.has_talked = true;
        let State::Hosting(hosting) = &mut self.state else { return };
        hosting.on_joined(friend, now);
        if hosting.is_alone() {
            return;
        }
        std::mem::take(&mut self.held).into_iter().for_each(|words| hosting.say(words, now));
        if self.plan.stdin == Stdin::Pipe && self.stdin == super::Reading::NotYet {
            self.let_read();
        }
        self.tell_open();
    }
}
