//! Who listens to what the threads do: hands each step on to [`explain`], which puts it into words, and
//! to [`trace`], which puts it into a file, as far as they are on.
//!
//! What a call gave, and what that says, come one after the other (see
//! [`watched`](crate::watch::watched)), but belong into one line. So what came of a call is kept until
//! it is known what passed, or until the thread takes its next step.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use crate::lens::account;
use crate::lens::boundaries::excerpt;
use crate::lens::clock;
use crate::lens::explain::{self, Habits};
use crate::lens::passage::{Passage, Passed};
use crate::lens::record::Facts;
use crate::lens::trace;
use crate::roles::{Role, Who};
use crate::watch::steps::{Asked, Call, Came, Follow, Watcher};
use crate::wire::messages::{self, Wire};

/// The listener. See the [module's page](self).
#[derive(Debug)]
pub struct Listener {
    wire: Wire,
}

impl Listener {
    /// A listener for a program that speaks this wire.
    pub fn new(wire: Wire) -> Listener {
        Listener { wire }
    }
}

thread_local! {
    static ME: RefCell<Doing> = RefCell::default();
}

/// What a thread does.
#[derive(Debug, Default)]
struct Doing {
    habits: Habits,
    /// It is blocked since then.
    blocked: Option<(Duration, Asked)>,
    /// A call has returned, and has not been told yet.
    returned: Option<Returned>,
}

#[derive(Debug)]
struct Returned {
    call: Call,
    since: Duration,
    at: Duration,
    facts: Facts,
}

impl Doing {
    fn blocks(&mut self, call: Call, asked: &Asked) {
        self.settle();
        if explain::is_on() {
            self.habits.blocks(call, asked);
        }
        let since = clock::since_the_beginning();
        if trace::is_on() {
            trace::blocks(call, since, Facts::before(asked));
        }
        self.blocked = Some((since, *asked));
    }

    fn woke(&mut self, call: Call, came: &Came<'_>) {
        let Some((since, asked)) = self.blocked.take() else { return };
        let (at, facts) = (clock::since_the_beginning(), Facts::after(&asked, came));
        self.returned = Some(Returned { call, since, at, facts });
        let says_something = matches!(call, Call::Read | Call::Recv | Call::Send);
        if !says_something || came.failed.is_some() {
            self.settle();
        }
    }

    fn passed(&mut self, call: Call, passed: Passed) {
        account::count_messages(call, passed.messages);
        let returned = self.returned.as_mut().filter(|it| it.call == call);
        let at = match (&returned, call) {
            // A message may arrive before the call that sends it returns: so it passes when that
            // begins.
            (Some(returned), Call::Send) => returned.since,
            (Some(returned), _) => returned.at,
            (None, _) => clock::since_the_beginning(),
        };
        if trace::is_on() {
            for message in &passed.named {
                trace::passes_the_wire(call == Call::Send, &passed.stream, message, at);
            }
        }
        if let Some(returned) = returned {
            returned.facts.add(passed);
        }
        self.settle();
    }

    /// Tells what came of the last call.
    fn settle(&mut self) {
        let Some(Returned { call, since, at, facts }) = self.returned.take() else { return };
        // What had to be found out about the bytes is no work of the program's.
        let now = clock::since_the_beginning();
        if explain::is_on() {
            self.habits.woke(call, at.saturating_sub(since), &facts);
        }
        if trace::is_on() {
            trace::woke(now, facts);
        }
    }
}

impl Watcher for Listener {
    fn begins(&self) {
        if trace::is_on() {
            trace::begins();
        }
        explain::begins();
    }

    fn ends(&self) {
        ME.with_borrow_mut(|me| {
            me.settle();
            if explain::is_on() {
                me.habits.tell_the_rest();
            }
        });
        explain::ends();
        if trace::is_on() {
            trace::ends();
        }
    }

    fn blocks(&self, call: Call, asked: &Asked) {
        ME.with_borrow_mut(|me| me.blocks(call, asked));
    }

    fn woke(&self, call: Call, came: &Came<'_>) {
        ME.with_borrow_mut(|me| me.woke(call, came));
    }

    fn hands_over(&self, block: u64, bytes: &[u8], to: Who) {
        // Readers say so with what they have read, and in a room there are too many.
        if explain::is_on() && to.of.is_none() && to.role != Role::Coordinator {
            ME.with_borrow_mut(|me| me.habits.passes(bytes.len(), to.role));
        }
        if trace::is_on() && block > 0 {
            let mut messages = messages::messages(self.wire, bytes);
            let first = messages.next().map(|message| message.text).unwrap_or_default();
            let count = u64::from(!bytes.is_empty()) + messages.count() as u64;
            trace::hands_over(block, to, bytes.len() as u64, count, excerpt(first));
        }
    }

    fn takes_over(&self, block: u64) {
        if trace::is_on() && block > 0 {
            trace::takes_over(block);
        }
    }

    fn hands_to_all(&self, members: usize) {
        if explain::is_on() {
            ME.with_borrow_mut(|me| me.habits.hands_to(members));
        }
    }

    fn follow(
        &self,
        call: Call,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
    ) -> Box<dyn Follow> {
        // What is typed, or piped in, is lines on any wire.
        let wire = if call == Call::Read { Wire::Lines } else { self.wire };
        Box::new(Following(Passage::new(call, wire, from, to)))
    }

    fn account_begins(&self) {
        account::begin();
    }

    fn account_ends(&self) {
        if explain::is_on() {
            explain::account();
        }
    }
}

/// Reads along in one direction.
struct Following(Passage);

impl Follow for Following {
    fn passed(&mut self, bytes: &[u8]) {
        let passed = self.0.take(bytes);
        ME.with_borrow_mut(|me| me.passed(self.0.call(), passed));
    }
}
