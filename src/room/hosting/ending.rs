//! The end of a room: how it is closed, and what is said then.

use std::time::{Duration, Instant};

use super::Hosting;
use crate::error::Error;
use crate::room::closing::Closing;
use crate::room::host_outbox::HostOutbox;
use crate::room::member::Member;
use crate::talk::farewell::Farewell;
use crate::talk::leaving::{Due, LEAVING, Leaving, silence};
use crate::talk::meeting::Conclusion;
use crate::watch::steps;
use crate::wire::fault::Fault;

impl Hosting {
    /// In a closed room, when everybody has everything: for how long nothing has to come from anybody
    /// before we hang up. Some programs never do so themselves (`nc`). But if we hang up on somebody who
    /// is still speaking, the answer is a reset, which can overtake our last words. `None`: nobody is
    /// left, and only our stdout is waited for.
    pub(super) fn silence(&self) -> Option<Duration> {
        (!self.going.is_empty()).then(|| silence(None))
    }

    /// Notes when everybody has everything: then we only wait for them to hang up.
    pub(super) fn note_all_told(&mut self, now: Instant) {
        if let Some(closing) = &mut self.closing
            && self.going.values().all(|member| member.outbox.is_closed())
        {
            closing.leaving.handed_over(now);
        }
    }

    /// Does everything for which the time has come.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        if self.take_at.is_some_and(|at| now >= at) {
            self.take_at = None;
        }
        if self.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        if self.close_at.is_some_and(|at| now >= at) {
            self.close_now(now);
        }
        let silence = self.silence();
        let Some(closing) = &mut self.closing else { return };
        closing.stdin_until = closing.stdin_until.filter(|until| now < *until);
        match closing.leaving.due(silence, now) {
            Due::Nothing => {}
            Due::HangUp => {
                self.going.values().for_each(|member| member.cut(false));
                closing.leaving.cut(true, now);
            }
            // With a reset, also for those who have taken everything but go on talking: after a mere
            // FIN their systems would go on trying to deliver that, although nobody will ever take it.
            Due::Cut => {
                let has_not_all = |member: &&Member| !member.outbox.is_closed();
                closing.cut = self.going.values().filter(has_not_all).count();
                self.going.values().for_each(|member| member.cut(true));
                closing.leaving.cut(true, now);
            }
            Due::Leave => closing.leaving = Leaving::Left,
        }
    }

    /// Closes the room because of a signal. `false`: another signal has done so already.
    pub(super) fn close_now(&mut self, now: Instant) -> bool {
        self.close_at = None;
        self.close(false, now);
        match &mut self.closing {
            Some(closing) => closing.interrupted.replace(now).is_none(),
            None => true,
        }
    }

    /// The host's input has ended. The room stays open, unless it was about to be closed.
    pub(super) fn input_ended(&mut self, now: Instant) {
        self.transfer.on_input_end(now);
        if self.close_at.is_some() {
            self.close_now(now);
        }
    }

    /// The host's input could not be read or said to its end.
    pub(super) fn input_broke(&mut self, error: Error, now: Instant) {
        self.input_ended(now);
        if matches!(error, Error::Rule(Fault::InputAfterEnd { .. })) {
            // All that could be said has been; and the members may still have much to say.
            self.failed = true;
            self.outlets.notices.error(error);
        } else {
            self.broke(error, now);
        }
    }

    /// Something broke without which the room cannot go on.
    pub(super) fn broke(&mut self, why: Error, now: Instant) {
        self.outlets.notices.error(why);
        self.failed = true;
        self.close(false, now);
    }

    /// Closes the room: everybody still gets what was said, and is told that the room is closed.
    /// `unread`: it is closed because nobody reads our stdout.
    pub(super) fn close(&mut self, unread: bool, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.send_announcements();
        self.outlets.notices.status("the room is closed");
        self.closing = Some(Closing::begin(unread, now));
        for (number, mut member) in std::mem::take(&mut self.members) {
            member.say_goodbye("the room is closed");
            self.see_off(number, member, now);
        }
        self.screen.iter_mut().for_each(HostOutbox::flush);
    }

    /// Whether the screen-writer owes us nothing. (If it has ended, that was said when it did.)
    pub(super) fn is_shown(&self) -> bool {
        self.screen.as_ref().is_none_or(HostOutbox::is_answered)
    }

    /// Says what was not handed over.
    pub(super) fn say_farewell(&mut self, reading: bool) -> Conclusion {
        steps::account();
        if !self.going.is_empty() {
            let count = self.going.len();
            log::debug!("leaves the socket threads of {count}: they could not be woken in time");
        }
        self.transfer.finish(0);
        let notices = &self.outlets.notices;
        let mut farewell = Farewell::new(notices, self.failed);
        let closing = self.closing.as_ref();
        // A member who does not take what was said harms nobody else, so we have not failed.
        if let Some(cut) = closing.map(|closing| closing.cut).filter(|cut| *cut > 0) {
            notices.notice(format_args!("{cut} of the members did not take everything"));
        }
        if !self.is_shown() {
            farewell.unwritten();
        }
        farewell.unsaid(&self.plan, &self.unsaid);
        if closing.is_some_and(|closing| closing.unread) {
            farewell.nobody_reads(&self.plan, reading);
        }
        let interrupted = closing.and_then(|closing| closing.interrupted);
        Conclusion::Over {
            failed: farewell.failed(),
            may_go_on: false,
            gone_by: interrupted.map(|at| at + LEAVING),
        }
    }
}
