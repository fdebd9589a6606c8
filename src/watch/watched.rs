//! Foreign calls that are told: [`Watched`] tells that a thread blocks in one, and how many bytes it
//! gave; [`Followed`], what they were. They are two, since what a call gives is not always what was
//! said: whatever changes the bytes on their way stands between them.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use crate::watch::steps::{self, Asked, Call, Came, Follow, Watcher};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(true) };
}

/// Whether what this thread writes from now on is hidden from `--explain`, as it is at first. To draw
/// the row that is being typed, or to write a line of the log, is not to write what somebody has said.
/// (What is sent to a friend is always shown.)
pub fn write_quietly(quiet: bool) {
    QUIET.set(quiet);
}

/// Tells of each blocking call on `inner`.
#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    call: Call,
}

impl<T> Watched<T> {
    /// Watches `inner`, on which the blocking call is `call`.
    pub fn new(inner: T, call: Call) -> Watched<T> {
        Watched { inner, call }
    }

    fn tell(
        &mut self,
        watcher: &dyn Watcher,
        length: usize,
        quiet: bool,
        do_it: impl FnOnce(&mut T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        watcher.blocks(self.call, &Asked { bytes: Some(length as u64), quiet, ..Asked::default() });
        let result = do_it(&mut self.inner);
        let came = match &result {
            Ok(count) => Came { bytes: Some(*count as u64), quiet, ..Came::default() },
            Err(error) => {
                Came { failed: Some(error as &(dyn Error + 'static)), quiet, ..Came::default() }
            }
        };
        watcher.woke(self.call, &came);
        result
    }
}

impl<T: Read> Read for Watched<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match steps::watcher() {
            None => self.inner.read(into),
            Some(watcher) => self.tell(watcher, into.len(), false, |inner| inner.read(into)),
        }
    }
}

impl<T: Write> Write for Watched<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match steps::watcher() {
            None => self.inner.write(bytes),
            Some(watcher) => {
                let quiet = self.call == Call::Write && QUIET.get();
                self.tell(watcher, bytes.len(), quiet, |inner| inner.write(bytes))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Tells what passes through `inner`: messages in one direction.
pub struct Followed<T> {
    inner: T,
    /// `None`: nobody listens.
    follow: Option<Box<dyn Follow>>,
}

impl<T> Followed<T> {
    /// Follows what passes through `inner`, on which the blocking call is `call`, from the one address
    /// to the other, where it has any.
    pub fn new(
        inner: T,
        call: Call,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
    ) -> Followed<T> {
        Followed { inner, follow: steps::watcher().map(|watcher| watcher.follow(call, from, to)) }
    }

    /// Nothing more will pass: a message that has no end of its own ends here.
    pub fn close(&mut self) {
        if let Some(follow) = &mut self.follow {
            follow.passed(&[]);
        }
    }
}

impl<T: Read> Read for Followed<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        if let Some(follow) = &mut self.follow {
            follow.passed(&into[..count]);
        }
        Ok(count)
    }
}

impl<T: Write> Write for Followed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        if let Some(follow) = &mut self.follow {
            follow.passed(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
