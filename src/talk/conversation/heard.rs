//! The friend's half: what the friend says, asks for, and how the friend ends; and what becomes of all
//! that on our stdout.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use super::Conversation;
use crate::error::Error;
use crate::talk::halves::Happened;
use crate::talk::leaving::Leaving;
use crate::talk::verdict::Why;
use crate::text::audience::Request;
use crate::threads::buffer::Block;
use crate::threads::event::{ReadError, Report};
use crate::wire::messages::Wire;
use crate::wire::step::{Foreign, Oddity};

impl Conversation {
    pub(super) fn on_block(&mut self, words: Block, now: Instant) {
        self.redial.on_heard();
        if self.leaving.is_cut() {
            // The friend goes on talking. After a mere FIN, the friend's system would go on trying to
            // deliver that, although nobody will ever take it: it hung for 110 s.
            self.cut_line(true);
        }
        self.transfer.on_received(words.bytes().len(), now);
        self.outlets.show(Arc::new(words));
        if self.leaving != Leaving::No {
            self.leaving.heard(now);
            self.shown.ask_so_far();
        }
    }

    pub(super) fn on_request(&mut self, request: Request, paid: Block) {
        self.redial.on_heard();
        match request {
            Request::Name(name) => {
                let message = self.names.on_named(name, paid, self.plan.wire, &self.outlets);
                message.into_iter().for_each(|words| self.outlets.show(Arc::new(words)));
            }
            Request::Room => self.names.on_room(paid, &self.outlets),
            // Only the host of a room hears these.
            Request::Who | Request::Quit | Request::Long(_) => {}
        }
    }

    pub(super) fn on_oddity(&self, oddity: Oddity) {
        let notices = &self.outlets.notices;
        match (oddity, self.plan.wire) {
            (Oddity::LooksLike(other), wire) => notices.notice(format_args!(
                "the friend seems to speak the other wire; both sides have to use --wire {other}, \
                 or both --wire {wire}"
            )),
            (Oddity::Foreign(what), wire) => {
                let shown = match (what, wire) {
                    (Foreign::Http, Wire::Frames) => "; --wire lines would show what it asks for",
                    _ => ", which nobody here understands",
                };
                notices.notice(format_args!(
                    "the friend seems to be a web browser, or another program that speaks {what}{shown}"
                ));
            }
            (Oddity::AfterEnd, _) => {
                notices.notice("what the friend sent after \"end\" was dropped");
            }
            // These are about what is typed here.
            (Oddity::TooLong(_) | Oddity::NotUtf8, _) => {}
        }
    }

    /// The socket-reader has said its last word.
    pub(super) fn on_heard_out(&mut self, result: Result<(), ReadError>, now: Instant) {
        let had_ended = self.theirs.have_ended();
        // Once we have said `end`, the friend may just close, as the server in "How The Internet Speaks" does.
        let wants_end = self.plan.wire == Wire::Frames && !self.ours.said_end();
        let is_whole = result.is_ok() && (had_ended || !wants_end);
        if self.leaving.is_cut() {
            // We have cut the line ourselves: that is what ended the socket-reader.
            return self.theirs.set_closed(false);
        }
        self.theirs.set_closed(is_whole);
        match result {
            Ok(()) if !is_whole => {
                let why = Why::Broke(Error::CutOff { friend: self.friend });
                self.carry_out(Happened::TheyBroke, Some(why), now);
            }
            Ok(()) => {
                self.judge_refused_end();
                if !had_ended {
                    self.carry_out(Happened::TheyEnded, Some(Why::FriendLeft), now);
                }
            }
            Err(ReadError::Rule(fault)) => {
                self.carry_out(Happened::TheyBroke, Some(Why::Broke(fault.into())), now);
            }
            // A friend who has said `end`, and closes without reading ours, resets the connection, as
            // the article's client does. If we have said nothing but our own `end`, nothing is missing.
            // (What still comes from piped stdin will be refused, and that will be said.)
            Err(ReadError::Io(_)) if had_ended && self.said.bytes == 0 => {}
            Err(ReadError::Io(why)) => {
                let why = Why::Broke(self.what_broke(why));
                self.carry_out(Happened::LineBroke, Some(why), now);
            }
        }
    }

    /// The screen-writer reports.
    pub(super) fn on_shown(&mut self, report: Report, now: Instant) {
        match report {
            Report::Flushed => {
                if self.shown.on_answer() {
                    self.leaving.heard(now);
                }
            }
            Report::Ended { result, .. } => {
                self.shown.on_end();
                match result {
                    Ok(()) => {}
                    Err(why) if why.kind() == ErrorKind::BrokenPipe => {
                        self.carry_out(Happened::StdoutClosed, Some(Why::NobodyReads), now);
                    }
                    Err(why) => {
                        let why = Why::Broke(Error::StdoutUnwritable(why));
                        self.carry_out(Happened::StdoutBroke, Some(why), now);
                    }
                }
                self.cut_if_nothing_is_owed(now);
            }
        }
    }
}
