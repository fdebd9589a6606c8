//! Checking on whoever keeps others waiting: members who take nothing, those who do not hang up, and
//! our own stdout and transcript.

use std::time::Instant;

use super::Hosting;
use super::host::{STDOUT, TRANSCRIPT};
use crate::platform::bell::SHUTDOWN_WAKES;
use crate::room::announcement::Removal;
use crate::room::host_outbox::HostOutbox;
use crate::room::paid_outbox::{LOOK, Look};
use crate::room::rules::Who;

impl Hosting {
    /// If somebody has to wait, a time is set to look at those who are the reason.
    pub(super) fn look_after(&mut self, waits: bool, now: Instant) {
        if waits {
            self.look_at.get_or_insert(now + LOOK);
        }
    }

    /// Looks at everybody whom others have to wait for. Whoever takes nothing has to go.
    pub(super) fn look(&mut self, now: Instant) {
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
            self.leave(number, Some(Removal::Stalled), now);
        }
        self.look_after_going();
        if let Some(closing) = &mut self.closing
            && self.screen.iter().chain(&self.transcript).any(HostOutbox::holds_back)
        {
            // Whoever has to wait for us is silent, but not because there is nothing more to say.
            closing.leaving.heard(now);
        }
        for (outbox, what) in [(&mut self.screen, STDOUT), (&mut self.transcript, TRANSCRIPT)] {
            if outbox.as_mut().is_some_and(|outbox| outbox.gives_up(self.plan.wire)) {
                let notice = format_args!("{what} takes nothing; the room goes on without it");
                self.outlets.notices.notice(notice);
                self.failed = true;
            }
        }
        let waits = self.screen.iter().chain(&self.transcript).any(HostOutbox::holds_back)
            || self.members.values().any(|member| member.outbox.holds_back());
        self.look_at = (waits || !self.going.is_empty()).then(|| now + LOOK);
    }

    /// Cuts off those who have left, but neither take what is waiting nor hang up.
    fn look_after_going(&mut self) {
        self.going.retain(|number, member| {
            if !member.outbox.makes_no_progress() {
                return true;
            }
            member.cut(true);
            if !SHUTDOWN_WAKES {
                log::debug!("leaves the socket threads of {number}: nothing can wake them");
            }
            SHUTDOWN_WAKES
        });
    }
}
