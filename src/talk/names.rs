//! What the two people of a conversation are called, and who is told.

use std::sync::Arc;

use crate::talk::plan::Outlets;
use crate::text::name::{Name, Speaker};
use crate::threads::buffer::Block;
use crate::threads::order::Order;
use crate::wire::messages::{self, Wire};
use crate::wire::space::Space;

/// What I am called, where it is said who is here.
pub fn myself(me: Option<&Name>) -> String {
    me.map_or("you".to_owned(), |name| format!("{name} (you)"))
}

/// What the two are called.
#[derive(Debug)]
pub struct Names {
    me: Option<Name>,
    friend: Speaker,
}

impl Names {
    /// I am called `me`; the friend has no name yet.
    pub fn new(me: Option<Name>, outlets: &Outlets) -> Names {
        let mut names = Names { me, friend: Speaker::Friend };
        names.call_friend(Speaker::Friend, None, outlets);
        names
    }

    /// What I am called.
    pub fn me(&self) -> Option<&Name> {
        self.me.as_ref()
    }

    /// What the friend is called.
    pub fn friend(&self) -> &Speaker {
        &self.friend
    }

    /// I am called this from now on.
    pub fn call_me(&mut self, name: Name, outlets: &Outlets) {
        outlets.call_me(Some(name.clone()));
        self.me = Some(name);
    }

    /// The friend wants to be called this. If the name is mine, or nobody may have it, the request is
    /// taken for an ordinary message, which is returned. `paid`: the buffer that came along.
    pub fn on_named(
        &mut self,
        name: Name,
        mut paid: Block,
        wire: Wire,
        outlets: &Outlets,
    ) -> Option<Block> {
        if name.is_taken() || self.me.as_ref().is_some_and(|me| me.is_like(name.as_str())) {
            // It fits: a buffer has room for the longest line.
            let _ = paid.push(&[&messages::message(wire, &name.message())]);
            paid.stamp();
            return Some(paid);
        }
        let before = self.friend.as_str();
        outlets.notices.notice(format_args!("{before} is now {name}"));
        self.call_friend(Speaker::Named(name), Some(paid), outlets);
        None
    }

    /// The friend is a room. What we are called there is up to its host.
    pub fn on_room(&mut self, paid: Block, outlets: &Outlets) {
        outlets.call_me(None);
        self.call_friend(Speaker::Room, Some(paid), outlets);
    }

    /// Tells the writers. `paid` comes home only when all of them have got that far: otherwise a friend
    /// who goes on changing names without end would fill the memory.
    fn call_friend(&mut self, friend: Speaker, paid: Option<Block>, outlets: &Outlets) {
        let paid = paid.map(Arc::new);
        for writer in outlets.to_transcript.iter().chain([&outlets.to_screen]) {
            writer.send(Order::CallFriend(friend.clone()));
            if let Some(paid) = &paid {
                writer.send(Order::LetGo(Arc::clone(paid)));
            }
        }
        self.friend = friend;
    }
}
