//! The connector: the thread that calls a friend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::net::place::{Family, Place};
use crate::net::requests::Requests;
use crate::net::resolver::Resolver;
use crate::net::socket;
use crate::watch::steps::{self, Asked, Call, Came};

/// The thread that calls a friend. Whenever the coordinator wants one it calls, once.
#[derive(Debug)]
pub struct Connector {
    /// Whom to call.
    pub place: Place,
    /// `-4` and `-6`.
    pub family: Family,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long all calls together may take, if there is a limit.
    pub wait: Option<Duration>,
    /// What the coordinator wants.
    pub requests: Requests,
}

impl Connector {
    /// Runs the connector.
    pub fn run(mut self) {
        let began = Instant::now();
        let mut resolver = Resolver::default();
        while self.requests.wait() {
            let left = self.wait.map(|limit| limit.saturating_sub(began.elapsed()));
            let limit = left.unwrap_or(self.timeout).min(self.timeout);
            let result = self.call(limit, &mut resolver);
            self.requests.report(result);
        }
    }

    fn call(&mut self, limit: Duration, resolver: &mut Resolver) -> Result<(), Error> {
        let (stream, address, took) = steps::blocked(
            Call::Connect,
            Asked::QUIET,
            || socket::connect(&self.place, self.family, limit, resolver),
            |result| Came {
                failed: result.as_ref().err().map(|why| why as &dyn std::error::Error),
                ..Came::quiet()
            },
        )?;
        self.requests.begin(&Arc::new(stream), address, Some(took))
    }
}
