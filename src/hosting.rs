//! A room, from its first member to its last word: the same as a
//! [`conversation`](crate::conversation), with many friends instead of one.
//!
//! It is the coordinator's too, and runs in its thread. What it may do is decided by the rules of
//! the [`room`](crate::room); this file knows the members' threads, and what waits for them.
//!
//! Nobody can hold the others up: what is said waits in the [outbox](crate::outbox) of each who
//! hears it, and who takes nothing for 2 s while speakers are held back is sent away.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::audience::Request;
use crate::buffer::Block;
use crate::connection::{Friend, Line};
use crate::conversation::{Conclusion, LAST_WORDS, LEAVING, PATIENCE};
use crate::ear::Ear;
use crate::error::Error;
use crate::event::{News, Number, Report};
use crate::name::Name;
use crate::notices::Notices;
use crate::outbox::{LOOK, Outbox};
use crate::room::{self, Announcement, Full, MESSAGE_MAX, Room, Tally, Who};
use crate::wire::{END_FRAME, Oddity, Wire};
use crate::writer::Order;

/// How many who have left may still be on the line before new callers have to wait.
const GOING_MAX: usize = 100;

/// How many callers the acceptor may be ahead of us.
const CALLERS_AHEAD: usize = 32;

/// How many announcements everybody gets one by one, where they come together; more are counted.
const LISTED: usize = 20;

/// How many announcements wait for a quiet moment, at most.
const UNTOLD_MAX: usize = 64;

/// How long callers wait where the system could not take one.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// Why somebody was sent away.
const TOOK_NOTHING: &str = "took nothing for 2 s while others waited";
const REMOVED: &str = "removed by the host";

/// A room with its members.
pub struct Hosting {
    wire: Wire,
    room: Room,
    members: BTreeMap<Number, Member>,
    /// Who has left, and is still to be told so, or to hang up.
    going: BTreeMap<Number, Member>,
    /// What is still to be announced: as soon as somebody speaks, or nothing else happens.
    untold: Vec<Announcement>,
    screen: Option<Ear>,
    transcript: Option<Ear>,
    to_screen: Sender<Order>,
    notices: Notices,
    /// When to look after those who are waited for.
    look_at: Option<Instant>,
    /// When to take callers again.
    call_at: Option<Instant>,
    /// That callers are refused has been said.
    told_refusing: bool,
    /// Everything that arrived is on the screen, or never will be.
    shown: bool,
    closing: Option<Closing>,
    failed: bool,
}

/// Somebody on the line.
struct Member {
    outbox: Outbox,
    /// How much of what is to be announced is older than the member.
    knows: usize,
    line: Box<dyn Line>,
    reader_done: bool,
    writer_done: bool,
}

/// The end of the room.
struct Closing {
    /// When whoever has not taken everything is cut off; `None`: that has been done.
    cut_at: Option<Instant>,
    /// When whoever has not said a last word is left.
    leave_at: Instant,
    /// When the program has to be gone.
    gone_by: Instant,
    /// How many were cut off.
    cut: usize,
    interrupted: bool,
}

impl Hosting {
    /// A room with nobody in it yet. The first of the host's own ears is the screen's.
    pub fn new(
        wire: Wire,
        host: Name,
        members_max: usize,
        ears: Vec<Ear>,
        to_screen: Sender<Order>,
        notices: Notices,
    ) -> Hosting {
        let mut ears = ears.into_iter();
        Hosting {
            wire,
            room: Room::new(host, members_max),
            members: BTreeMap::new(),
            going: BTreeMap::new(),
            untold: Vec::new(),
            screen: ears.next(),
            transcript: ears.next(),
            to_screen,
            notices,
            look_at: None,
            call_at: None,
            told_refusing: false,
            shown: false,
            closing: None,
            failed: false,
        }
    }

    // Coming and going.

    /// Somebody has called.
    pub fn on_joined(&mut self, friend: Friend, now: Instant) {
        let Friend { number, address, to_friend, done, writer, line } = friend;
        log::debug!("{address} is number {number}");
        let mut member = Member {
            outbox: Outbox::new(to_friend, done, Some(writer)),
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
                let welcome = self.room.welcome(number);
                member.outbox.hand_over(own(crate::wire::message(self.wire, &welcome)));
                self.announce(joined);
                member.knows = self.untold.len();
                self.members.insert(number, member);
            }
            Err(Full(most)) => {
                let full = format_args!("the room is full, with {most} members; try again later");
                self.say_goodbye(&mut member, full);
                self.see_off(number, member, now);
            }
        }
    }

    /// Somebody has left, or has to.
    fn leave(&mut self, number: Number, why: Option<&'static str>, now: Instant) {
        let Some(left) = self.room.leave(number, why) else { return };
        let Some(mut member) = self.members.remove(&number) else { return };
        self.told_refusing = false;
        self.announce(left);
        match why {
            None => self.end_our_half(&mut member),
            Some(TOOK_NOTHING) => member.line.cut(true),
            Some(why) => self.say_goodbye(&mut member, why),
        }
        self.see_off(number, member, now);
    }

    /// The last line for somebody who has to go.
    fn say_goodbye(&self, member: &mut Member, line: impl fmt::Display) {
        member.outbox.hand_over(own(room::notice(self.wire, line)));
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
        member.outbox.close();
        member.outbox.begin_to_wait();
        self.going.insert(number, member);
        self.look_at.get_or_insert(now + LOOK);
    }

    /// How many callers may be on their way to us at a time.
    pub fn callers_wanted(&self) -> usize {
        let takes =
            self.closing.is_none() && self.call_at.is_none() && self.going.len() < GOING_MAX;
        if takes { CALLERS_AHEAD } else { 0 }
    }

    /// A caller could not be taken, and was told so.
    pub fn on_refused(&mut self, why: &Error) {
        if !std::mem::replace(&mut self.told_refusing, true) {
            self.notices.notice(format_args!("callers are refused: {why}"));
        }
    }

    /// No caller could be taken.
    pub fn on_not_connected(&mut self, why: &Error, now: Instant) {
        self.on_refused(why);
        self.call_at = Some(now + CALL_AGAIN);
    }

    // What is said.

    /// A member's socket-reader has news.
    pub fn on_member(&mut self, number: Number, news: News, now: Instant) {
        if let News::Ended(_) | News::Goodbye = news {
            self.leave(number, None, now);
        }
        if !matches!(news, News::Ended(_)) {
            self.tell_untold();
        }
        let Some(name) = self.room.name(Who::Member(number)) else {
            // Who has left is not heard any more.
            if let News::Ended(_) = news {
                self.on_going(number, |member| member.reader_done = true);
            }
            return;
        };
        match news {
            News::Block(block) => {
                let name = name.clone();
                self.relay(Who::Member(number), &name, Arc::new(block), now);
            }
            News::Request(request, paid) => self.on_request(number, request, paid, now),
            News::Oddity(Oddity::LooksLike(other)) => {
                let wire = self.wire;
                self.notices.notice(format_args!(
                    "{name} seems to speak the other wire, --wire {other}; this room has --wire {wire}"
                ));
            }
            // The others are about what is typed, or about who has left.
            News::Oddity(_) | News::Command(_) | News::Goodbye | News::Ended(_) => {}
        }
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
        let answer = Arc::new(Block::of(room::notice(self.wire, answer)));
        if let Some(member) = self.members.get_mut(&number) {
            let waits = member.outbox.put(&answer, &paid);
            self.look_after(waits, now);
        }
    }

    /// The host says something; `false` where the room is closed.
    pub fn say(&mut self, words: Arc<Block>, now: Instant) -> bool {
        if self.closing.is_some() {
            return false;
        }
        self.tell_untold();
        let pieces = self.rendered(self.room.host(), &words);
        self.tell_members(Who::Host, &pieces, &words, now);
        true
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
        let pieces = room::relayed(self.wire, name, words.bytes());
        pieces.into_iter().map(|piece| Arc::new(Block::of(piece))).collect()
    }

    fn tell_members(&mut self, from: Who, pieces: &[Arc<Block>], paid: &Arc<Block>, now: Instant) {
        let mut waits = false;
        for (&number, member) in &mut self.members {
            if from != Who::Member(number) {
                pieces.iter().for_each(|piece| waits |= member.outbox.put(piece, paid));
            }
        }
        self.look_after(waits, now);
    }

    /// Everybody will be told what has happened, which costs nobody a buffer. A whole class that
    /// comes at once is announced at once.
    fn announce(&mut self, what: Announcement) {
        self.notices.notice(&what);
        self.untold.push(what);
        if self.untold.len() >= UNTOLD_MAX {
            self.tell_untold();
        }
    }

    /// Does what was put off while more was happening. To be called before one waits.
    pub fn settle(&mut self) {
        self.tell_untold();
        self.members.values_mut().for_each(|member| member.outbox.ring());
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

    /// The same where somebody has paid for it.
    fn announce_paid(&mut self, what: &Announcement, paid: &Arc<Block>, now: Instant) {
        self.notices.notice(what);
        let text = Arc::new(Block::of(room::notice(self.wire, what)));
        self.tell_members(Who::Host, &[text], paid, now);
    }

    /// A member's socket-writer reports.
    pub fn on_sent(&mut self, number: Number, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                let Some(member) = self.members.get_mut(&number) else { return };
                for line in member.outbox.untold().lines() {
                    member.outbox.hand_over(own(room::notice(self.wire, line)));
                }
            }
            Report::Ended { .. } => {
                // It ends by itself only where the line is broken.
                self.leave(number, None, now);
                self.on_going(number, |member| member.writer_done = true);
            }
        }
    }

    fn on_going(&mut self, number: Number, done: impl FnOnce(&mut Member)) {
        let Some(member) = self.going.get_mut(&number) else { return };
        done(member);
        if member.hung_up()
            && let Some(member) = self.going.remove(&number)
        {
            member.line.join();
        }
    }

    // The host.

    /// Who is here, for the host.
    pub fn who(&self) -> String {
        self.room.who(Who::Host)
    }

    /// Whether the host is alone.
    pub fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// The host wants to be called this.
    ///
    /// # Errors
    /// Why that cannot be, as a sentence.
    pub fn rename_host(&mut self, name: Name) -> Result<(), String> {
        match self.room.rename(Who::Host, name)? {
            Some(renamed) => self.announce(renamed),
            None => return Err("you are called that already".to_owned()),
        }
        Ok(())
    }

    /// The host sends somebody away.
    ///
    /// # Errors
    /// Nobody is called this, as a sentence.
    pub fn kick(&mut self, name: &Name, now: Instant) -> Result<(), String> {
        match self.room.called(name) {
            Some(Who::Member(number)) => self.leave(number, Some(REMOVED), now),
            Some(Who::Host) => return Err("that is you; /quit closes the room".to_owned()),
            None => return Err(format!("nobody here is called {name}")),
        }
        Ok(())
    }

    /// The screen-writer reports.
    pub fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                if let Some(missed) = self.screen.as_mut().and_then(Ear::takes_again) {
                    self.notices.notice(missing(missed, "stdout"));
                }
                self.shown |= self.closing.is_some();
            }
            Report::Ended { result, .. } => {
                self.shown = true;
                self.screen = None;
                match result {
                    Err(why) if why.kind() != ErrorKind::BrokenPipe => {
                        self.broke(Error::StdoutUnwritable(why), now);
                    }
                    _ => self.close(now),
                }
            }
        }
    }

    /// The transcript's writer reports.
    pub fn on_transcribed(&mut self, report: &Report) {
        match report {
            Report::Flushed => {
                if let Some(missed) = self.transcript.as_mut().and_then(Ear::takes_again) {
                    self.notices.notice(missing(missed, FILE));
                }
            }
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

    fn somebody_holds_back(&self) -> bool {
        self.screen.iter().chain(&self.transcript).any(Ear::holds_back)
            || self.members.values().any(|member| member.outbox.holds_back())
    }

    /// Whoever takes nothing, and is waited for, has to go.
    fn look(&mut self, now: Instant) {
        let stuck = |member: &mut Member| member.outbox.holds_back() && member.outbox.is_stuck();
        let dropped: Vec<Number> = self
            .members
            .iter_mut()
            .filter_map(|(&number, member)| stuck(member).then_some(number))
            .collect();
        dropped.into_iter().for_each(|number| self.leave(number, Some(TOOK_NOTHING), now));
        for member in self.going.values_mut() {
            if member.outbox.is_stuck() {
                member.line.cut(true);
            }
        }
        for (ear, what) in [(&mut self.screen, "stdout"), (&mut self.transcript, FILE)] {
            if ear.as_mut().is_some_and(|ear| ear.give_up(self.wire)) {
                self.notices
                    .notice(format_args!("{what} takes nothing; the room goes on without it"));
                self.failed = true;
            }
        }
        let more = !self.going.is_empty() || self.somebody_holds_back();
        self.look_at = more.then(|| now + LOOK);
    }

    /// When it wants to hear from the clock.
    pub fn wake_at(&self) -> Option<Instant> {
        let closing =
            self.closing.as_ref().map(|closing| closing.cut_at.unwrap_or(closing.leave_at));
        [self.look_at, self.call_at, closing].into_iter().flatten().min()
    }

    /// The time has come. `true`: nothing is waited for any more.
    pub fn on_time(&mut self, now: Instant) -> bool {
        if self.call_at.is_some_and(|at| now >= at) {
            self.call_at = None;
        }
        if self.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        let Some(closing) = &mut self.closing else { return false };
        if closing.cut_at.is_some_and(|at| now >= at) {
            closing.cut_at = None;
            closing.cut = self.going.values().filter(|member| !member.writer_done).count();
            self.going.values().for_each(|member| member.line.cut(true));
        }
        now >= closing.leave_at
    }

    // The end.

    /// A signal to leave. `false` where it is the second.
    pub fn on_signal(&mut self, now: Instant) -> bool {
        self.close(now);
        match &mut self.closing {
            Some(closing) => !std::mem::replace(&mut closing.interrupted, true),
            None => true,
        }
    }

    /// The host's input has an error.
    pub fn input_broke(&mut self, error: Error, now: Instant) {
        if matches!(error, Error::InputAfterEnd { .. }) {
            // All that could be said has been; and the members may still have much to say.
            self.failed = true;
            self.notices.error(error);
        } else {
            self.broke(error, now);
        }
    }

    /// Something broke that the room cannot do without.
    fn broke(&mut self, why: Error, now: Instant) {
        self.notices.error(why);
        self.failed = true;
        self.close(now);
    }

    /// Everybody is told that the room is closed, and gets what was said.
    fn close(&mut self, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.tell_untold();
        let cut_at = now + PATIENCE;
        self.closing = Some(Closing {
            cut_at: Some(cut_at),
            leave_at: cut_at + LAST_WORDS,
            gone_by: now + LEAVING,
            cut: 0,
            interrupted: false,
        });
        for (number, mut member) in std::mem::take(&mut self.members) {
            self.say_goodbye(&mut member, "the room is closed");
            self.see_off(number, member, now);
        }
        let _ = self.to_screen.send(Order::Flush);
    }

    /// Asked after each event: is it over, and everybody done with it?
    pub fn is_over(&self) -> bool {
        self.closing.is_some() && self.going.is_empty() && self.shown
    }

    /// Says that it is over, and what was not handed over.
    pub fn conclude(self) -> Conclusion {
        let cut = self.closing.as_ref().map_or(0, |closing| closing.cut);
        if cut > 0 {
            self.notices.notice(format_args!("{cut} of the members did not take everything"));
        }
        let mut failed = self.failed;
        if self.screen.is_some() && !self.shown {
            self.notices.notice("not written: what arrived last, which stdout did not take");
            failed = true;
        }
        self.notices.status("the room is closed");
        let gone_by = self.closing.map(|closing| closing.gone_by);
        Conclusion::Over { failed, may_go_on: false, gone_by }
    }
}

impl Member {
    /// Whether both threads have said their last words.
    fn hung_up(&self) -> bool {
        self.reader_done && self.writer_done
    }
}

/// What a notice calls the transcript.
const FILE: &str = "the transcript's file";

fn missing(count: usize, what: &str) -> String {
    format!("{count} messages are missing here, as {what} took nothing")
}

/// Announcements as they stand on the wire: a line each, or just how many there are.
fn announced(wire: Wire, what: &[Announcement]) -> Arc<Block> {
    let mut text = Vec::new();
    if what.len() <= LISTED {
        what.iter().for_each(|what| text.extend(room::notice(wire, what)));
    } else {
        Tally::of(what).lines().for_each(|line| text.extend(room::notice(wire, line)));
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
