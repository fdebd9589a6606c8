//! A room, from its first member to its last word: the same as a
//! [`conversation`](crate::talk::conversation), but with many friends instead of one.
//!
//! It too belongs to the coordinator, and runs in its thread. Who may join, and with which name, is
//! decided by the [rules](crate::room::rules); this file knows the members' threads, and what waits for
//! them.
//!
//! Nobody can hold up the others: what is said waits in the [outbox](crate::room::paid_outbox) of each
//! member, and a member who takes nothing for 2 s while speakers have to wait is sent away.
//!
//! When a member's sending half ends, the member has left, even if it could still listen: most programs
//! close both halves at once, and which of them it was cannot be known before something is sent.

mod ending;
mod host;
mod speech;
mod stalls;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::platform::interface::shown;
use crate::roles::{Number, Sink};
use crate::room::announcement::{self, Announcement, Removal};
use crate::room::closing::Closing;
use crate::room::host_outbox::HostOutbox;
use crate::room::member::Member;
use crate::room::paid_outbox::LOOK;
use crate::room::rules::{Room, Who};
use crate::talk::leaving::{LAST_WORDS, Leaving};
use crate::talk::meeting::{Company, Conclusion, Input, Meeting, Wants, WhichSignal};
use crate::talk::plan::{Outlets, Plan, Stdin};
use crate::talk::transfer::Transfer;
use crate::text::command::{Command, HELP_OF_A_HOST};
use crate::text::name::Name;
use crate::threads::buffer::Block;
use crate::threads::event::{News, Report};
use crate::threads::friend::Friend;
use crate::wire::messages;

/// How many members who have left may still be on the line before new callers have to wait.
const GOING_MAX: usize = 100;

/// How many callers the acceptor may take before we have dealt with them.
const CALLERS_AHEAD: usize = 32;

/// How long callers have to wait after the system could not take one.
const TAKE_AGAIN: Duration = Duration::from_secs(1);

/// A room with its members.
pub struct Hosting {
    plan: Plan,
    room: Room,
    members: BTreeMap<Number, Member>,
    /// Members who have left, but whose two threads have not both ended: something is still to be sent,
    /// or they have not hung up.
    going: BTreeMap<Number, Member>,
    /// What is still to be announced. That is done as soon as somebody speaks, or nothing else happens.
    pending: Vec<Announcement>,
    screen: Option<HostOutbox>,
    transcript: Option<HostOutbox>,
    outlets: Outlets,
    /// When to look next at those whom others have to wait for.
    look_at: Option<Instant>,
    /// When to take callers again.
    take_at: Option<Instant>,
    /// The host has been told that callers are refused.
    warned_refusing: bool,
    /// The host has been told that web pages cannot speak here.
    warned_foreign: bool,
    /// A signal has come, but the reader of the host's piped stdin has not said its last word. When it
    /// has, or at this time, the room is closed.
    close_at: Option<Instant>,
    closing: Option<Closing>,
    /// What the host said after the room was closed. While these buffers are kept here, the
    /// stdin-reader does not get them back: otherwise it would read a whole file for nothing.
    unsaid: Vec<Arc<Block>>,
    transfer: Transfer,
    failed: bool,
}

impl Hosting {
    /// A room with nobody in it yet. The first of the host's own outboxes is the screen's.
    pub fn new(plan: &Plan, outlets: &Outlets, host_outboxes: Vec<HostOutbox>) -> Hosting {
        let mut host_outboxes = host_outboxes.into_iter();
        let host = plan.name.clone().unwrap_or_else(Name::host);
        Hosting {
            room: Room::new(host, plan.room.unwrap_or(usize::MAX)),
            plan: plan.clone(),
            members: BTreeMap::new(),
            going: BTreeMap::new(),
            pending: Vec::new(),
            screen: host_outboxes.next(),
            transcript: host_outboxes.next(),
            outlets: outlets.clone(),
            look_at: None,
            take_at: None,
            warned_refusing: false,
            warned_foreign: false,
            close_at: None,
            closing: None,
            unsaid: Vec::new(),
            transfer: Transfer::new(plan.transfer, &outlets.notices),
            failed: false,
        }
    }

    // Coming and going.

    /// A member has left, or has to leave (`why`).
    fn leave(&mut self, number: Number, why: Option<Removal>, now: Instant) {
        let Some(mut member) = self.members.remove(&number) else { return };
        if let Some(left) = self.room.leave(number, why) {
            self.announce(left);
        }
        self.warned_refusing = false;
        match why {
            None => member.close(),
            Some(Removal::Stalled | Removal::Foreign(_)) => member.cut(true),
            Some(Removal::Removed) => member.say_goodbye(Removal::Removed),
        }
        self.see_off(number, member, now);
    }

    /// A member who has left still gets what is waiting, and has time to hang up; but not for ever.
    fn see_off(&mut self, number: Number, mut member: Member, now: Instant) {
        member.outbox.close(false); // Needed if the line was just cut; otherwise it is closed already.
        member.outbox.begin_to_wait();
        self.going.insert(number, member);
        self.look_at.get_or_insert(now + LOOK);
    }

    /// One of the two threads of a member who is going has said its last word; `note` takes it down.
    fn on_last_word(&mut self, number: Number, note: impl FnOnce(&mut Member)) {
        let Some(member) = self.going.get_mut(&number) else { return };
        note(member);
        if member.is_gone()
            && let Some(member) = self.going.remove(&number)
        {
            member.join();
        }
    }
}

impl Meeting for Hosting {
    fn on_joined(&mut self, friend: Friend, now: Instant) {
        let number = friend.number;
        log::debug!("{} is number {number}", shown(friend.address));
        let mut member = Member::new(friend, self.plan.wire);
        if self.closing.is_some() {
            member.cut(true);
            return self.see_off(number, member, now);
        }
        match self.room.join(number) {
            Ok(joined) => {
                let welcome = messages::message(self.plan.wire, &self.room.welcome(number));
                member.tell(welcome);
                self.announce(joined);
                member.knows = self.pending.len();
                self.members.insert(number, member);
            }
            Err(full) => {
                if !std::mem::replace(&mut self.warned_refusing, true) {
                    self.outlets.notices.notice(format_args!("a caller was turned away: {full}"));
                }
                member.tell(announcement::refusal(self.plan.wire, full));
                member.close();
                self.see_off(number, member, now);
            }
        }
    }

    fn on_friend(&mut self, who: Number, news: News, now: Instant) {
        self.on_member(who, news, now);
    }

    fn on_written(&mut self, sink: Sink, report: Report, now: Instant) {
        match sink {
            Sink::Friend(number) => self.on_sent(number, report),
            Sink::Screen => self.on_shown(report, now),
            Sink::Transcript => self.on_transcribed(&report),
            Sink::Notices | Sink::Trace => {}
        }
    }

    fn on_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Said(words) => self.say(words, now),
            Input::Ended => self.input_ended(now),
            Input::NoMore => {}
            Input::Broke(error) => self.input_broke(error, now),
        }
    }

    fn on_command(&mut self, command: Command, now: Instant) {
        let notices = &self.outlets.notices;
        match command {
            Command::Help => notices.answers(&HELP_OF_A_HOST),
            Command::Who => notices.answer(self.room.who(Who::Host)),
            Command::Name(name) => self.rename_host(name),
            Command::Kick(name) => self.kick(&name, now),
            Command::Quit => {} // The coordinator treats that as a signal.
        }
    }

    fn on_not_connected(&mut self, why: &Error, told: bool, now: Instant) {
        if !std::mem::replace(&mut self.warned_refusing, true) {
            self.outlets.notices.notice(format_args!("callers are refused: {why}"));
        }
        if !told {
            self.take_at = Some(now + TAKE_AGAIN);
        }
    }

    fn on_signal(&mut self, reading: bool, now: Instant) -> WhichSignal {
        let is_first = self.close_at.is_none();
        if reading && is_first && self.closing.is_none() {
            // First the reader of the host's piped stdin is to say its last word.
            self.close_at = Some(now + LAST_WORDS);
            return WhichSignal::First;
        }
        match self.close_now(now) && is_first {
            true => WhichSignal::First,
            false => WhichSignal::Second,
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.look_at_clock(now);
    }

    fn settle(&mut self) {
        self.send_announcements();
        self.members.values_mut().for_each(|member| member.outbox.ring());
    }

    fn wants(&self) -> Wants {
        let closing = self.closing.as_ref();
        let leaving = closing.and_then(|closing| closing.leaving.next(self.silence()));
        let stdin = closing.and_then(|closing| closing.stdin_until);
        let times = [self.look_at, self.take_at, self.close_at, leaving, stdin];
        let takes =
            self.closing.is_none() && self.take_at.is_none() && self.going.len() < GOING_MAX;
        Wants {
            wake_at: times.into_iter().flatten().min(),
            callers: if takes { CALLERS_AHEAD } else { 0 },
            company: match (&self.closing, self.members.is_empty()) {
                (Some(_), _) => Company::Leaving,
                (None, true) => Company::Nobody,
                (None, false) => Company::Somebody,
            },
        }
    }

    fn my_name(&self) -> Option<&Name> {
        Some(self.room.host())
    }

    fn is_over(&mut self, reading: bool, now: Instant) -> bool {
        self.note_all_told(now);
        let Some(closing) = &self.closing else { return false };
        let stdin_open = reading && self.plan.stdin == Stdin::Pipe;
        let may_come = stdin_open && self.unsaid.is_empty() && closing.stdin_until.is_some();
        let all_gone = self.going.is_empty() && self.is_shown() && !may_come;
        all_gone || closing.leaving == Leaving::Left
    }

    fn conclude(mut self: Box<Self>, reading: bool, _now: Instant) -> Conclusion {
        self.say_farewell(reading)
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").field("room", &self.room).finish_non_exhaustive()
    }
}
