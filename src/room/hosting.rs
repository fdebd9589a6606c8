//! A room, from its first member to its last word: the same as a
//! [`conversation`](crate::talk::conversation), with many friends instead of one.
//!
//! It is the coordinator's too, and runs in its thread. What may be is decided by the rules of the
//! [`rules`]; this file knows the members' threads, and what waits for them.
//!
//! Nobody can hold the others up: what is said waits in the [outbox](crate::threads::paid_outbox) of each who
//! hears it, and who takes nothing for 2 s while speakers are held back is sent away.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::platform::bell::SHUTDOWN_WAKES;
use crate::platform::interface::shown;
use crate::roles::{Number, Sink};
use crate::room::host_outbox::Ear;
use crate::room::rules::{self, Announcement, Room, SentAway, Tally, Who};
use crate::talk::leaving::{LAST_WORDS, LEAVING, PATIENCE};
use crate::talk::meeting::{Company, Conclusion, Input, Meeting, Signal, Wants};
use crate::talk::plan::{Outlets, Plan, Stdin};
use crate::text::audience::Request;
use crate::text::command::{Command, HELP_OF_A_HOST};
use crate::text::name::Name;
use crate::threads::buffer::Block;
use crate::threads::event::{News, Report};
use crate::threads::friend::{Friend, Line};
use crate::threads::notices::{Notices, Unsent};
use crate::threads::order::Order;
use crate::threads::paid_outbox::{LOOK, Look, PaidOutbox};
use crate::watch::steps;
use crate::wire::fault::Fault;
use crate::wire::messages::{self, END_FRAME, MESSAGE_MAX, Wire};
use crate::wire::step::{Foreign, Oddity};

/// How many who have left may still be on the line before new callers have to wait.
const GOING_MAX: usize = 100;

/// How many callers the acceptor may be ahead of us.
const CALLERS_AHEAD: usize = 32;

/// How many announcements everybody gets one by one, where they come together; more are counted.
const ONE_BY_ONE: usize = 20;

/// How many announcements wait for a quiet moment, at most.
const UNTOLD_MAX: usize = 64;

/// How long nobody may have stirred when we hang up in a room that is closed.
const QUIET: Duration = Duration::from_millis(300);

/// How long callers wait where the system could not take one.
const TAKE_AGAIN: Duration = Duration::from_secs(1);

/// A room with its members.
pub struct Hosting {
    plan: Plan,
    wire: Wire,
    room: Room,
    members: BTreeMap<Number, Member>,
    /// Who has left, and is still to be told so, or to hang up.
    going: BTreeMap<Number, Member>,
    /// What is still to be announced: as soon as somebody speaks, or nothing else happens.
    untold: Vec<Announcement>,
    screen: Option<Ear>,
    transcript: Option<Ear>,
    outlets: Outlets,
    /// When to look after those who are waited for.
    look_at: Option<Instant>,
    /// When to take callers again.
    take_at: Option<Instant>,
    /// That callers are refused has been said.
    told_refusing: bool,
    /// That web pages cannot speak here has been said.
    told_foreign: bool,
    /// Everything that arrived is on the screen, or never will be.
    shown: bool,
    /// A signal has come, and the host's piped stdin has not said its last word yet: then, or at this
    /// time, the room is closed.
    close_at: Option<Instant>,
    closing: Option<Closing>,
    /// What the host said when the room was closed. It is kept from its reader, who would else go
    /// on reading a whole file in vain.
    unsaid: Vec<Arc<Block>>,
    failed: bool,
    /// Nothing is waited for any more.
    left: bool,
}

/// Somebody on the line.
struct Member {
    outbox: PaidOutbox,
    /// How much of what is to be announced is older than the member.
    knows: usize,
    line: Box<dyn Line>,
    reader_done: bool,
    writer_done: bool,
}

/// The end of the room.
struct Closing {
    since: Instant,
    /// A signal has ended it, or hastens its end.
    interrupted: bool,
    /// Nobody reads our stdout any more.
    unread: bool,
    /// Until then more may come from piped stdin, which has been cut short in that case.
    stdin_until: Option<Instant>,
    /// When somebody on the line has done something last.
    stirred: Instant,
    /// Whoever only had not hung up has been cut off.
    hung_up: bool,
    /// How many were cut off, once whoever had not taken everything was.
    cut: Option<usize>,
}

impl Hosting {
    /// A room with nobody in it yet. The first of the host's own ears is the screen's.
    pub fn new(plan: &Plan, outlets: &Outlets, ears: Vec<Ear>) -> Hosting {
        let mut ears = ears.into_iter();
        let host = plan.name.clone().unwrap_or_else(Name::host);
        Hosting {
            wire: plan.wire,
            room: Room::new(host, plan.room.unwrap_or(usize::MAX)),
            plan: plan.clone(),
            members: BTreeMap::new(),
            going: BTreeMap::new(),
            untold: Vec::new(),
            screen: ears.next(),
            transcript: ears.next(),
            outlets: outlets.clone(),
            look_at: None,
            take_at: None,
            told_refusing: false,
            told_foreign: false,
            shown: false,
            close_at: None,
            closing: None,
            unsaid: Vec::new(),
            failed: false,
            left: false,
        }
    }

    // Coming and going.

    /// Somebody has called.
    fn on_caller(&mut self, friend: Friend, now: Instant) {
        let Friend { number, address, to_friend, done, writer, line, .. } = friend;
        log::debug!("{} is number {number}", shown(address));
        let mut member = Member {
            outbox: PaidOutbox::new(to_friend, done, Some(writer)),
            knows: 0,
            line,
            reader_done: false,
            writer_done: false,
        };
        if self.closing.is_some() {
            member.line.cut(true);
            return self.see_off(number, member, now);
        }
        match self.room.join(number) {
            Ok(joined) => {
                let welcome = messages::message(self.wire, &self.room.welcome(number));
                member.outbox.hand_over(own(welcome));
                self.announce(joined);
                member.knows = self.untold.len();
                self.members.insert(number, member);
            }
            Err(full) => {
                if !std::mem::replace(&mut self.told_refusing, true) {
                    self.outlets.notices.notice(format_args!("a caller was turned away: {full}"));
                }
                member.outbox.hand_over(own(rules::refusal(self.wire, full)));
                self.end_our_half(&mut member);
                self.see_off(number, member, now);
            }
        }
    }

    /// Somebody has left, or has to.
    fn leave(&mut self, number: Number, why: Option<SentAway>, now: Instant) {
        let Some(mut member) = self.members.remove(&number) else { return };
        if let Some(left) = self.room.leave(number, why) {
            self.announce(left);
        }
        self.told_refusing = false;
        match why {
            None => self.end_our_half(&mut member),
            Some(SentAway::TookNothing | SentAway::Foreign(_)) => member.line.cut(true),
            Some(SentAway::Removed) => self.say_goodbye(&mut member, SentAway::Removed),
        }
        self.see_off(number, member, now);
    }

    /// The last line for somebody who has to go.
    fn say_goodbye(&self, member: &mut Member, line: impl fmt::Display) {
        member.outbox.hand_over(own(rules::notice(self.wire, line)));
        self.end_our_half(member);
    }

    fn end_our_half(&self, member: &mut Member) {
        if self.wire == Wire::Frames {
            member.outbox.hand_over(Order::Own(Cow::Borrowed(END_FRAME)));
        }
        // What waits is still sent, and then FIN.
        member.outbox.close();
    }

    /// Who has left gets what waits, and may hang up first; but not for ever.
    fn see_off(&mut self, number: Number, mut member: Member, now: Instant) {
        member.outbox.close(); // Also where the line was cut, and nothing is left to be said.
        member.outbox.begin_to_wait();
        self.going.insert(number, member);
        self.look_at.get_or_insert(now + LOOK);
    }

    /// Something became of one who is going.
    fn on_going(&mut self, number: Number, note: impl FnOnce(&mut Member)) {
        let Some(member) = self.going.get_mut(&number) else { return };
        note(member);
        // Both threads have said their last words.
        if member.reader_done
            && member.writer_done
            && let Some(member) = self.going.remove(&number)
        {
            member.line.join();
        }
    }

    // What is said.

    /// A member's socket-reader has news.
    fn on_member(&mut self, number: Number, news: News, now: Instant) {
        if let Some(closing) = &mut self.closing {
            closing.stirred = now;
        }
        match news {
            News::Goodbye => return self.leave(number, None, now),
            News::Ended(_) => {
                self.leave(number, None, now);
                return self.on_going(number, |member| member.reader_done = true);
            }
            _ => {}
        }
        // Who has left is not heard any more; but where we close the room, the host hears all.
        let Some(name) = self.room.name(Who::Member(number)).cloned() else { return };
        self.tell_untold();
        match news {
            News::Block(block) => self.relay(Who::Member(number), &name, Arc::new(block), now),
            News::Request(request, paid) => self.on_request(number, request, paid, now),
            News::Oddity(Oddity::LooksLike(other)) => self.outlets.notices.notice(format_args!(
                "{name} seems to speak the other wire, --wire {other}; this room has --wire {}",
                self.wire
            )),
            News::Oddity(Oddity::Foreign(what)) => self.on_foreign(number, &name, what, now),
            // The others are about what is typed, or about who has left.
            News::Oddity(_) | News::Command(_) | News::Goodbye | News::Ended(_) => {}
        }
    }

    /// A web page can make the browser that it is open in call anybody, and say what the page wants.
    fn on_foreign(&mut self, number: Number, name: &Name, what: Foreign, now: Instant) {
        // Once: a page that calls again and again must not fill the host's screen as well.
        if !std::mem::replace(&mut self.told_foreign, true) {
            self.outlets.notices.notice(format_args!(
                "{name} speaks {what}, as browsers do: a web page that somebody has open may be trying to \
                 speak here; such callers are cut off, and nothing of them is heard"
            ));
        }
        self.leave(number, Some(SentAway::Foreign(what)), now);
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
            let waits = member.outbox.put(own(rules::notice(self.wire, answer)), &paid);
            self.look_after(waits, now);
        }
    }

    /// The host says something.
    fn say(&mut self, words: Arc<Block>, now: Instant) {
        if self.closing.is_some() {
            return self.unsaid.push(words);
        }
        self.tell_untold();
        let mut waits = false;
        let screen = self.screen.as_mut().filter(|_| self.plan.editor);
        for ear in screen.into_iter().chain(&mut self.transcript) {
            waits |= ear.hear_host(self.wire, &words);
        }
        self.look_after(waits, now);
        let pieces = self.rendered(self.room.host(), &words);
        self.tell_members(Who::Host, &pieces, &words, now);
    }

    /// Everybody else hears what somebody says.
    fn relay(&mut self, speaker: Who, name: &Name, words: Arc<Block>, now: Instant) {
        let pieces = self.rendered(name, &words);
        let mut waits = false;
        for ear in self.screen.iter_mut().chain(&mut self.transcript) {
            waits |= ear.hear(self.wire, name, &words, &pieces);
        }
        self.look_after(waits, now);
        self.tell_members(speaker, &pieces, &words, now);
    }

    fn rendered(&self, name: &Name, words: &Block) -> Vec<Arc<Block>> {
        let pieces = rules::relayed(self.wire, name, words.bytes());
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

    /// Everybody will be told what has happened, which costs nobody a buffer. A whole class that
    /// comes at once is announced at once.
    fn announce(&mut self, what: Announcement) {
        self.outlets.notices.notice(&what);
        self.untold.push(what);
        if self.untold.len() >= UNTOLD_MAX {
            self.tell_untold();
        }
    }

    /// The same at once, where somebody has paid for it.
    fn announce_paid(&mut self, what: &Announcement, paid: &Arc<Block>, now: Instant) {
        self.outlets.notices.notice(what);
        let text = Arc::new(Block::of(rules::notice(self.wire, what)));
        self.tell_members(Who::Host, &[text], paid, now);
    }

    /// Everybody is told what has not been announced yet.
    fn tell_untold(&mut self) {
        if self.untold.is_empty() {
            return;
        }
        let untold = std::mem::take(&mut self.untold);
        let everything = announced(self.wire, &untold);
        for member in self.members.values_mut() {
            match std::mem::take(&mut member.knows) {
                0 => member.outbox.announce(&everything, &untold),
                // Somebody new, who knows what came before from the welcome.
                known => {
                    let rest = &untold[known..];
                    member.outbox.announce(&announced(self.wire, rest), rest);
                }
            }
        }
    }

    /// A member's socket-writer reports.
    fn on_sent(&mut self, number: Number, report: Report) {
        match report {
            Report::Flushed => {
                let Some(member) = self.members.get_mut(&number) else { return };
                for line in member.outbox.take_counted().lines() {
                    member.outbox.hand_over(own(rules::notice(self.wire, line)));
                }
            }
            Report::Ended { result, .. } => {
                if let Some(member) = self.members.get_mut(&number) {
                    // The socket-reader finds that the line is broken too, behind what still
                    // arrived; and so it is the one to say that somebody has left.
                    member.writer_done = true;
                    member.outbox.close();
                    member.outbox.forget(); // The buffers in it have come home.
                    if result.is_err() {
                        member.line.cut(false);
                    }
                }
                self.on_going(number, |member| member.writer_done = true);
            }
        }
    }

    // The host.

    /// The host wants to be called this.
    fn rename_host(&mut self, name: Name) {
        match self.room.rename(Who::Host, name.clone()) {
            Ok(Some(renamed)) => {
                self.announce(renamed);
                self.outlets.call_me(Some(name));
            }
            Ok(None) => self.outlets.notices.answer("you are called that already"),
            Err(why) => self.outlets.notices.answer(why),
        }
    }

    /// The host sends somebody away.
    fn kick(&mut self, name: &Name, now: Instant) {
        let notices = &self.outlets.notices;
        match self.room.called(name) {
            Some(Who::Member(number)) => self.leave(number, Some(SentAway::Removed), now),
            Some(Who::Host) => notices.answer("that is you; /quit closes the room"),
            None => notices.answer(format_args!("nobody here is called {name}")),
        }
    }

    /// The screen-writer reports.
    fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                tell_missed(&mut self.screen, STDOUT, &self.outlets.notices);
                self.shown |= self.closing.is_some();
            }
            Report::Ended { result, .. } => {
                self.shown = true;
                // Nobody takes from its outbox any more.
                self.screen = None;
                match result {
                    Err(why) if why.kind() != ErrorKind::BrokenPipe => {
                        self.broke(Error::StdoutUnwritable(why), now);
                    }
                    _ => self.close(true, now),
                }
            }
        }
    }

    /// The transcript's writer reports.
    fn on_transcribed(&mut self, report: &Report) {
        match report {
            Report::Flushed => tell_missed(&mut self.transcript, TRANSCRIPT, &self.outlets.notices),
            // Nobody takes from its outbox any more.
            Report::Ended { .. } => self.transcript = None,
        }
    }

    // The clock.

    /// Where somebody waits, those who are waited for have to be looked after.
    fn look_after(&mut self, waits: bool, now: Instant) {
        if waits {
            self.look_at.get_or_insert(now + LOOK);
        }
    }

    /// Whoever takes nothing, and is waited for, has to go.
    fn look(&mut self, now: Instant) {
        let mut stuck = Vec::new();
        for (&number, member) in &mut self.members {
            match member.outbox.look() {
                Look::Fine => {}
                Look::Slow => {
                    if let Some(name) = self.room.name(Who::Member(number)) {
                        self.outlets.notices.notice(format_args!(
                            "{name} reads slowly, and the others have to wait (/kick {name} ends that)"
                        ));
                    }
                }
                Look::Stuck => stuck.push(number),
            }
        }
        for number in stuck {
            self.leave(number, Some(SentAway::TookNothing), now);
        }
        self.look_after_going();
        for (ear, what) in [(&mut self.screen, STDOUT), (&mut self.transcript, TRANSCRIPT)] {
            if ear.as_mut().is_some_and(|ear| ear.gives_up(self.wire)) {
                let notice = format_args!("{what} takes nothing; the room goes on without it");
                self.outlets.notices.notice(notice);
                self.failed = true;
            }
        }
        let waits = self.screen.iter().chain(&self.transcript).any(Ear::holds_back)
            || self.members.values().any(|member| member.outbox.holds_back());
        self.look_at = (waits || !self.going.is_empty()).then(|| now + LOOK);
    }

    /// Who has left, and neither takes what waits nor hangs up, is cut off.
    fn look_after_going(&mut self) {
        self.going.retain(|number, member| {
            if !member.outbox.looks_in_vain() {
                return true;
            }
            member.line.cut(true);
            if !SHUTDOWN_WAKES {
                log::debug!("leaves the socket threads of {number}: nothing can wake them");
            }
            SHUTDOWN_WAKES
        });
    }

    /// When to hang up ourselves, where everybody has everything. Some programs never do (`nc`); but
    /// who still speaks would be answered with a reset, which can overtake our last words.
    fn hang_up_at(&self) -> Option<Instant> {
        let closing = self.closing.as_ref().filter(|closing| !closing.hung_up)?;
        let all_told = self.going.values().all(|member| member.writer_done);
        (all_told && !self.going.is_empty()).then(|| closing.stirred + QUIET)
    }

    /// The time has come.
    fn look_at_clock(&mut self, now: Instant) {
        if self.take_at.is_some_and(|at| now >= at) {
            self.take_at = None;
        }
        if self.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        if self.close_at.is_some_and(|at| now >= at) {
            self.close_now(now);
        }
        let hangs_up = self.hang_up_at().is_some_and(|at| now >= at);
        let Some(closing) = &mut self.closing else { return };
        closing.stdin_until = closing.stdin_until.filter(|until| now < *until);
        if hangs_up {
            closing.hung_up = true;
            self.going.values().for_each(|member| member.line.cut(false));
        }
        if closing.cut.is_none() && now >= closing.since + PATIENCE {
            let untaken = self.going.values().filter(|member| !member.writer_done);
            closing.cut = Some(untaken.count());
            self.going.values().for_each(|member| member.line.cut(true));
        }
        self.left = now >= closing.since + PATIENCE + LAST_WORDS;
    }

    // The end.

    /// Closes the room because of a signal; `false` where one has closed it already.
    fn close_now(&mut self, now: Instant) -> bool {
        self.close_at = None;
        self.close(false, now);
        match &mut self.closing {
            Some(closing) => !std::mem::replace(&mut closing.interrupted, true),
            None => true,
        }
    }

    /// The host's input has ended. The room stays open, unless it was about to be closed.
    fn input_ended(&mut self, now: Instant) {
        if self.close_at.is_some() {
            self.close_now(now);
        }
    }

    /// The host's input has an error.
    fn input_broke(&mut self, error: Error, now: Instant) {
        self.input_ended(now);
        if matches!(error, Error::Rule(Fault::InputAfterEnd { .. })) {
            // All that could be said has been; and the members may still have much to say.
            self.failed = true;
            self.outlets.notices.error(error);
        } else {
            self.broke(error, now);
        }
    }

    /// Something broke that the room cannot do without.
    fn broke(&mut self, why: Error, now: Instant) {
        self.outlets.notices.error(why);
        self.failed = true;
        self.close(false, now);
    }

    /// Everybody is told that the room is closed, and gets what was said. `unread`: since nobody
    /// reads our stdout.
    fn close(&mut self, unread: bool, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.tell_untold();
        self.outlets.notices.status("the room is closed");
        self.closing = Some(Closing {
            since: now,
            interrupted: false,
            unread,
            stdin_until: unread.then(|| now + LAST_WORDS),
            stirred: now,
            hung_up: false,
            cut: None,
        });
        for (number, mut member) in std::mem::take(&mut self.members) {
            self.say_goodbye(&mut member, "the room is closed");
            self.see_off(number, member, now);
        }
        match &mut self.screen {
            Some(screen) => screen.flush(),
            None => self.shown = true,
        }
    }
}

impl Meeting for Hosting {
    fn on_joined(&mut self, friend: Friend, now: Instant) {
        self.on_caller(friend, now);
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
            Command::Help => HELP_OF_A_HOST.iter().for_each(|line| notices.answer(line)),
            Command::Who => notices.answer(self.room.who(Who::Host)),
            Command::Name(name) => self.rename_host(name),
            Command::Kick(name) => self.kick(&name, now),
            Command::Quit => {} // The coordinator takes that for a signal.
        }
    }

    fn on_not_connected(&mut self, why: &Error, told: bool, now: Instant) {
        if !std::mem::replace(&mut self.told_refusing, true) {
            self.outlets.notices.notice(format_args!("callers are refused: {why}"));
        }
        if !told {
            self.take_at = Some(now + TAKE_AGAIN);
        }
    }

    fn on_signal(&mut self, reading: bool, now: Instant) -> Signal {
        let is_first = self.close_at.is_none();
        if reading && is_first && self.closing.is_none() {
            // The reader of the host's piped stdin still has to say its last word.
            self.close_at = Some(now + LAST_WORDS);
            return Signal::First;
        }
        match self.close_now(now) && is_first {
            true => Signal::First,
            false => Signal::Second,
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.look_at_clock(now);
    }

    fn settle(&mut self) {
        self.tell_untold();
        self.members.values_mut().for_each(|member| member.outbox.ring());
    }

    fn wants(&self) -> Wants {
        let closing = self.closing.as_ref().map(|closing| match closing.cut {
            None => closing.since + PATIENCE,
            Some(_) => closing.since + PATIENCE + LAST_WORDS,
        });
        let stdin = self.closing.as_ref().and_then(|closing| closing.stdin_until);
        let times = [self.look_at, self.take_at, self.close_at, closing, stdin, self.hang_up_at()];
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

    fn is_over(&mut self, reading: bool, _now: Instant) -> bool {
        let Some(closing) = &self.closing else { return false };
        let stdin_open = reading && self.plan.stdin == Stdin::Pipe;
        let may_come = stdin_open && self.unsaid.is_empty() && closing.stdin_until.is_some();
        self.left || (self.going.is_empty() && self.shown && !may_come)
    }

    fn conclude(mut self: Box<Self>, _reading: bool, _now: Instant) -> Conclusion {
        let closing = self.closing.take();
        steps::account();
        if !self.going.is_empty() {
            let count = self.going.len();
            log::debug!("leaves the socket threads of {count}: they could not be woken in time");
        }
        // Whoever does not take what was said harms nobody else; so that is no failure of ours.
        let cut = closing.as_ref().and_then(|closing| closing.cut).unwrap_or(0);
        if cut > 0 {
            self.outlets
                .notices
                .notice(format_args!("{cut} of the members did not take everything"));
        }
        if self.screen.is_some() && !self.shown {
            self.outlets
                .notices
                .notice("not written: what arrived last, which stdout did not take");
            self.failed = true;
        }
        if self.plan.stdin == Stdin::Terminal {
            let mut unsent = Unsent::default();
            self.unsaid.iter().for_each(|block| unsent.add(self.wire, block.bytes()));
            self.outlets.notices.not_sent(&unsent);
        }
        let unread = closing.as_ref().is_some_and(|closing| closing.unread);
        if unread && self.plan.stdin == Stdin::Pipe && !self.unsaid.is_empty() {
            self.outlets.notices.error(Error::StdinCutShort);
            self.failed = true;
        }
        let interrupted = closing.filter(|closing| closing.interrupted);
        let gone_by = interrupted.map(|closing| closing.since + LEAVING);
        Conclusion::Over { failed: self.failed, may_go_on: false, gone_by }
    }
}

/// What notices call the two ears.
const STDOUT: &str = "stdout";
const TRANSCRIPT: &str = "the transcript's file";

/// Tells how much an ear has missed that was deaf.
fn tell_missed(ear: &mut Option<Ear>, what: &str, notices: &Notices) {
    if let Some(missed) = ear.as_mut().and_then(Ear::takes_again) {
        notices.notice(format_args!("{missed} messages are missing here, as {what} took nothing"));
    }
}

/// Announcements as they stand on the wire: a line each, or just how many there are.
fn announced(wire: Wire, what: &[Announcement]) -> Arc<Block> {
    let mut text = Vec::new();
    if what.len() <= ONE_BY_ONE {
        what.iter().for_each(|what| text.extend(rules::notice(wire, what)));
    } else {
        Tally::of(what).lines().for_each(|line| text.extend(rules::notice(wire, line)));
    }
    Arc::new(Block::of(text))
}

fn own(message: Vec<u8>) -> Order {
    Order::Block(Arc::new(Block::of(message)))
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").field("room", &self.room).finish_non_exhaustive()
    }
}
