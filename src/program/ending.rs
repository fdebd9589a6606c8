//! Waiting, at the end, for threads that may take their time, or for ever.

use std::time::{Duration, Instant};

use crossbeam_channel::{at, select};

use crate::platform::machine;
use crate::talk::leaving::LEAVING;
use crate::threads::event::Event;
use crate::threads::inbox::Inbox;
use crate::threads::thread::Thread;
use crate::watch::steps::{self, Call};

/// How much of the time for leaving is kept for stderr.
pub const LAST_LINES: Duration = Duration::from_millis(50);

/// Waiting for the last threads, while Ctrl-C goes on working.
#[derive(Debug)]
pub struct Ending {
    inbox: Inbox,
    /// When whoever has not ended is left.
    pub gone_by: Instant,
    /// A signal has come.
    interrupted: bool,
    /// A second signal has come: gone at once.
    pub hurried: bool,
}

impl Ending {
    /// An ending by `gone_by`, where somebody asked us to go.
    pub fn new(inbox: Inbox, gone_by: Option<Instant>) -> Ending {
        Ending {
            inbox,
            // What is left to write is a few words of our own.
            gone_by: gone_by.unwrap_or_else(|| machine::now() + LEAVING),
            interrupted: gone_by.is_some(),
            hurried: false,
        }
    }

    fn on(&mut self, event: &Event) {
        match event {
            Event::Signal if self.interrupted => {
                self.hurried = true;
                self.gone_by = machine::now();
            }
            Event::Signal | Event::HungUp => self.interrupted = true,
            _ => {}
        }
    }

    /// Whether the thread ends in time.
    pub fn ends(&mut self, thread: &Thread) -> bool {
        steps::blocked_quietly(Call::Join, || self.waits_for(thread))
    }

    /// Joins the thread if it ends in time; otherwise gives it back, to be left.
    pub fn join(&mut self, thread: Thread) -> Option<Thread> {
        if !self.ends(&thread) {
            return Some(thread);
        }
        thread.join();
        None
    }

    fn waits_for(&mut self, thread: &Thread) -> bool {
        loop {
            select! {
                recv(thread.ended()) -> _ => return true,
                recv(self.inbox.events()) -> told => if let Ok(told) = told { self.on(&told.event) },
                recv(at(self.gone_by)) -> _ => return thread.has_ended(),
            }
        }
    }

    /// Waits for an event, but not beyond the end: then it is `false`.
    pub fn next_event(&mut self, take: impl FnOnce(Event)) -> bool {
        match self.inbox.events().recv_deadline(self.gone_by) {
            Ok(told) => {
                self.on(&told.event);
                take(told.event);
                true
            }
            Err(_) => false,
        }
    }
}
