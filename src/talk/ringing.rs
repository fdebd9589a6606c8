//! `--bell`: the terminal's bell rings when something arrives: what a friend says, and somebody who
//! calls. Once a second at most: nobody is called more often, however fast a friend is.

use std::time::{Duration, Instant};

use crate::roles::Source;
use crate::talk::plan::Plan;
use crate::threads::event::{Event, News};
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;

/// How far apart two rings are at least.
const BETWEEN_RINGS: Duration = Duration::from_secs(1);

/// When to ring.
#[derive(Debug)]
pub struct Ringing {
    /// To whoever writes to the terminal. `None`: nobody wants the bell, or there is no terminal.
    to: Option<Outbox>,
    /// Nobody has to be told that the friend is there whom we have called just now.
    for_callers: bool,
    not_before: Option<Instant>,
}

impl Ringing {
    /// Rings by way of this outbox.
    pub fn new(to: Option<Outbox>, plan: &Plan) -> Ringing {
        let waits = plan.calling.as_ref().is_none_or(|calling| calling.wait.is_some());
        Ringing { to, for_callers: waits, not_before: None }
    }

    /// Rings, if this is something that arrives.
    pub fn on(&mut self, event: &Event, now: Instant) {
        let Some(to) = &self.to else { return };
        let arrives = match event {
            Event::Read(Source::Friend(_), News::Block(_)) => true,
            Event::Connected(_) => self.for_callers,
            _ => false,
        };
        if arrives && self.not_before.is_none_or(|at| now >= at) {
            self.not_before = Some(now + BETWEEN_RINGS);
            to.send(Order::Ring);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::{Number, Role};
    use crate::threads::buffer::Block;
    use crate::threads::outbox;

    #[test]
    fn a_flood_rings_once_a_second() {
        let (to, orders) = outbox::open(Role::ScreenWriter, None);
        let mut ringing = Ringing { to: Some(to), for_callers: true, not_before: None };
        let start = Instant::now();
        for millis in 0..3500 {
            let news = News::Block(Block::of(b"hello\n".to_vec()));
            let event = Event::Read(Source::Friend(Number(1)), news);
            ringing.on(&event, start + Duration::from_millis(millis));
            ringing.on(&Event::Time, start + Duration::from_millis(millis));
        }
        assert_eq!(orders.rest().count(), 4);
    }
}
