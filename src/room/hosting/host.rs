//! What the host of a room can do, and what becomes of the host's own screen and transcript.

use std::io::ErrorKind;
use std::time::Instant;

use super::Hosting;
use crate::error::Error;
use crate::room::announcement::Removal;
use crate::room::host_outbox::HostOutbox;
use crate::room::rules::Who;
use crate::text::name::Name;
use crate::threads::event::Report;
use crate::threads::notices::Notices;

impl Hosting {
    /// The host wants to be called this.
    pub(super) fn rename_host(&mut self, name: Name) {
        match self.room.rename(Who::Host, name.clone()) {
            Ok(Some(renamed)) => {
                self.announce(renamed);
                self.outlets.call_me(Some(name));
            }
            Ok(None) => self.outlets.notices.answer("you are called that already"),
            Err(why) => self.outlets.notices.answer(why),
        }
    }

    /// The host sends somebody away (`/kick`).
    pub(super) fn kick(&mut self, name: &Name, now: Instant) {
        let notices = &self.outlets.notices;
        match self.room.called(name) {
            Some(Who::Member(number)) => self.leave(number, Some(Removal::Removed), now),
            Some(Who::Host) => notices.answer("that is you; /quit closes the room"),
            None => notices.answer(format_args!("nobody here is called {name}")),
        }
    }

    /// The screen-writer reports.
    pub(super) fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => on_answer(&mut self.screen, STDOUT, &self.outlets.notices),
            Report::Ended { result, .. } => {
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
    pub(super) fn on_transcribed(&mut self, report: &Report) {
        match report {
            Report::Flushed => on_answer(&mut self.transcript, TRANSCRIPT, &self.outlets.notices),
            // Nobody takes from its outbox any more.
            Report::Ended { .. } => self.transcript = None,
        }
    }
}

/// What notices call the ends of the host's two outboxes.
pub(super) const STDOUT: &str = "stdout";
pub(super) const TRANSCRIPT: &str = "the transcript's file";

/// The writer of one of them reports. If it takes something again, says how much it has missed.
fn on_answer(outbox: &mut Option<HostOutbox>, what: &str, notices: &Notices) {
    if let Some(missed) = outbox.as_mut().and_then(HostOutbox::on_answer) {
        notices.notice(format_args!("{missed} messages are missing here, as {what} took nothing"));
    }
}
