//! `--explain`: every step of every thread as a line of log.
//!
//! The threads' own code would drown in such lines, so the blocking calls are told about here:
//! [`Watched`] stands between a thread and the thing it reads or writes.

use std::io::{self, Read, Write};
use std::time::Instant;

use env_logger::{Builder, Env, Target};

use crate::error::reason;
use crate::notices::Notices;
use crate::thread;

/// Starts the log. Without `--explain` and without `RUST_LOG` it is off, and then each line of
/// it costs one comparison of a number in memory.
pub fn start_log(explain: bool, started: Instant, notices: Notices) {
    let default = if explain { "threadchat=trace" } else { "off" };
    Builder::from_env(Env::default().default_filter_or(default))
        .target(Target::Pipe(Box::new(notices)))
        .format(move |line, record| {
            let time = started.elapsed();
            let thread = std::thread::current();
            let mut who = thread.name().unwrap_or("ctrl-c").to_owned();
            if let Some(number) = thread::whose() {
                who.push_str(&format!(" {number}"));
            }
            let (seconds, micros) = (time.as_secs(), time.subsec_micros());
            writeln!(line, "{seconds:4}.{micros:06} {who:<13} {}", record.args())
        })
        .init();
    log::debug!("the log is on, at level {}", log::max_level());
}

/// Tells about each blocking call on `inner`: before it, and what came of it.
#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    /// The name of the call, as the articles and the manual pages have it.
    call: &'static str,
    /// Whether to tell at all.
    told: bool,
}

impl<T> Watched<T> {
    /// Watches `inner`, on which the blocking call is `call`.
    pub fn new(inner: T, call: &'static str) -> Watched<T> {
        Watched { inner, call, told: true }
    }

    /// Whether the next calls are told. Writing a line of the log must not be: that would be
    /// another line to write, and so on for ever.
    pub fn tell(&mut self, told: bool) {
        self.told = told;
    }
}

impl<T: Read> Read for Watched<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let call = self.call;
        log::trace!("blocks in {call}, asking for up to {} bytes", into.len());
        let result = self.inner.read(into);
        match &result {
            Ok(0) => log::debug!("{call} gave 0 bytes: nothing more will ever come"),
            Ok(count) => log::debug!("{call} gave {count} bytes; passes them to the coordinator"),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                log::debug!("{call} was woken: the program is ending");
            }
            Err(error) => log::debug!("{call} failed: {}", reason(error)),
        }
        result
    }
}

impl<T: Write> Write for Watched<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.told {
            return self.inner.write(bytes);
        }
        let call = self.call;
        log::trace!("blocks in {call} with {} bytes", bytes.len());
        let result = self.inner.write(bytes);
        match &result {
            Ok(count) => log::debug!("{call} took {count} bytes"),
            Err(error) => log::debug!("{call} failed: {}", reason(error)),
        }
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
