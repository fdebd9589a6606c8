//! What is said and announced in a room: who gets it, and whose buffer waits if somebody does not take
//! it.

use std::sync::Arc;
use std::time::Instant;

use super::Hosting;
use crate::roles::Number;
use crate::room::announcement::{self, Announcement, Removal, announced};
use crate::room::member::Member;
use crate::room::relay;
use crate::room::rules::Who;
use crate::text::audience::Request;
use crate::text::name::Name;
use crate::threads::buffer::Block;
use crate::threads::event::{News, Report};
use crate::threads::order::Order;
use crate::watch::steps;
use crate::wire::messages::MESSAGE_MAX;
use crate::wire::step::{Foreign, Oddity};

/// How many announcements may wait for a quiet moment.
const PENDING_MAX: usize = 64;

impl Hosting {
    /// A member's socket-reader has news.
    pub(super) fn on_member(&mut self, number: Number, news: News, now: Instant) {
        if let Some(closing) = &mut self.closing {
            closing.leaving.heard(now);
        }
        match news {
            News::Goodbye => return self.leave(number, None, now),
            News::Ended(_) => {
                self.leave(number, None, now);
                return self.on_last_word(number, Member::on_heard_out);
            }
            _ => {}
        }
        // A member who has left is not heard any more. (But when the room is closed, all members keep
        // their names, and the host hears them to the end.)
        let Some(name) = self.room.name(Who::Member(number)).cloned() else { return };
        self.send_announcements();
        match news {
            News::Block(block) => self.relay(Who::Member(number), &name, Arc::new(block), now),
            News::Request(request, paid) => self.on_request(number, request, paid, now),
            News::Oddity(Oddity::LooksLike(other)) => self.outlets.notices.notice(format_args!(
                "{name} seems to speak the other wire, --wire {other}; this room has --wire {}",
                self.plan.wire
            )),
            News::Oddity(Oddity::Foreign(what)) => self.on_foreign(number, &name, what, now),
            // The others are about what is typed here, or have been dealt with above.
            News::Oddity(_) | News::Command(_) | News::Goodbye | News::Ended(_) => {}
        }
    }

    /// Somebody is a browser. A web page can make its browser call anybody, and say what the page wants.
    fn on_foreign(&mut self, number: Number, name: &Name, what: Foreign, now: Instant) {
        // Said only once: a page that calls again and again must not be able to fill the host's screen.
        if !std::mem::replace(&mut self.warned_foreign, true) {
            self.outlets.notices.notice(format_args!(
                "{name} speaks {what}, as browsers do: a web page that somebody has open may be trying to \
                 speak here; such callers are cut off, and nothing of them is heard"
            ));
        }
        self.leave(number, Some(Removal::Foreign(what)), now);
    }

    fn on_request(&mut self, number: Number, request: Request, paid: Block, now: Instant) {
        let paid = Arc::new(paid);
        let answer = match request {
            Request::Quit => return self.leave(number, None, now),
            Request::Who => self.room.who(Who::Member(number)),
            Request::Name(name) => match self.room.rename(Who::Member(number), name) {
                Ok(Some(renamed)) => return self.announce_paid(&renamed, &paid, now),
                Ok(None) => "you are called that already".to_owned(),
                Err(why) => why,
            },
            Request::Long(bytes) => format!(
                "not said: the message is {bytes} bytes long, and a room takes {MESSAGE_MAX} at most"
            ),
            Request::Room => return,
        };
        if let Some(member) = self.members.get_mut(&number) {
            let waits = member.outbox.put(own(announcement::notice(self.plan.wire, answer)), &paid);
            self.look_after(waits, now);
        }
    }

    /// The host says something.
    pub(super) fn say(&mut self, words: Arc<Block>, now: Instant) {
        if self.closing.is_some() {
            return self.unsaid.push(words);
        }
        self.transfer.on_sent(words.bytes().len(), now);
        self.send_announcements();
        let mut waits = false;
        let screen = self.screen.as_mut().filter(|_| self.plan.editor);
        for outbox in screen.into_iter().chain(&mut self.transcript) {
            waits |= outbox.hear_host(self.plan.wire, &words);
        }
        self.look_after(waits, now);
        let pieces = self.rendered(self.room.host(), &words);
        self.tell_members(Who::Host, &pieces, &words, now);
    }

    /// Passes on what a member says to everybody else.
    fn relay(&mut self, speaker: Who, name: &Name, words: Arc<Block>, now: Instant) {
        self.transfer.on_received(words.bytes().len(), now);
        let pieces = self.rendered(name, &words);
        let mut waits = false;
        for outbox in self.screen.iter_mut().chain(&mut self.transcript) {
            waits |= outbox.hear(self.plan.wire, name, &words, &pieces);
            if self.closing.is_some() {
                outbox.flush(); // Nobody can say how many last words there are.
            }
        }
        self.look_after(waits, now);
        self.tell_members(speaker, &pieces, &words, now);
    }

    fn rendered(&self, name: &Name, words: &Block) -> Vec<Arc<Block>> {
        let pieces = relay::relayed(self.plan.wire, name, words.bytes());
        pieces.into_iter().map(|piece| Arc::new(Block::of(piece))).collect()
    }

    fn tell_members(&mut self, from: Who, pieces: &[Arc<Block>], paid: &Arc<Block>, now: Instant) {
        steps::hand_to_all(self.members.len());
        let mut waits = false;
        for (&number, member) in &mut self.members {
            if from != Who::Member(number) {
                for piece in pieces {
                    waits |= member.outbox.put(Order::Block(Arc::clone(piece)), paid);
                }
            }
        }
        self.look_after(waits, now);
    }

    /// Everybody will be told what has happened; no buffer is kept for it. It is told a little later: so
    /// a whole class that comes at once is announced at once.
    pub(super) fn announce(&mut self, what: Announcement) {
        self.outlets.notices.notice(&what);
        self.pending.push(what);
        if self.pending.len() >= PENDING_MAX {
            self.send_announcements();
        }
    }

    /// Tells everybody at once. `paid`: the buffer that the request came with. It does not go home while
    /// somebody has too much waiting.
    fn announce_paid(&mut self, what: &Announcement, paid: &Arc<Block>, now: Instant) {
        self.outlets.notices.notice(what);
        let text = Arc::new(Block::of(announcement::notice(self.plan.wire, what)));
        self.tell_members(Who::Host, &[text], paid, now);
    }

    /// Tells everybody what has not been announced yet.
    pub(super) fn send_announcements(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let everything = Arc::new(Block::of(announced(self.plan.wire, &pending)));
        for member in self.members.values_mut() {
            match std::mem::take(&mut member.knows) {
                0 => member.announce(&everything, &pending),
                // Somebody new, whose welcome said already what the first of them say.
                known => {
                    let rest = &pending[known..];
                    let text = Arc::new(Block::of(announced(self.plan.wire, rest)));
                    member.announce(&text, rest);
                }
            }
        }
    }

    /// A member's socket-writer reports.
    pub(super) fn on_sent(&mut self, number: Number, report: Report) {
        match (report, self.members.get_mut(&number)) {
            (Report::Flushed, Some(member)) => member.tell_counted(),
            (Report::Flushed, None) => {}
            // That somebody has left is for the socket-reader to say.
            (Report::Ended { result, left }, Some(member)) => member.on_sent(left, result.is_err()),
            (Report::Ended { left, .. }, None) => {
                self.on_last_word(number, |member| member.on_sent(left, false));
            }
        }
    }
}

pub(super) fn own(message: Vec<u8>) -> Order {
    Order::Block(Arc::new(Block::of(message)))
}
