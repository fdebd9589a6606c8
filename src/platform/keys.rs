//! The keys of a Unix terminal, one by one.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio;
use termina::Event as Input;

use super::Terminal;
use super::bell::{Ready, Rings};
use super::unix::{ours, read_typed};
use crate::platform::machine::now;
use crate::terminal::decoder::Presses;

/// A terminal's keys, one by one.
#[derive(Debug)]
pub struct Keys {
    /// What has been read, and what of it nobody has taken yet.
    presses: Presses,
    /// When what has begun to be pressed is given up, unless more comes.
    gives_up: Option<Instant>,
    rings: Rings,
}

/// What ends the waiting for a key.
#[derive(Debug)]
pub enum Woken {
    /// There is one.
    Key(Input),
    /// What came is no key, or not yet.
    NoKey,
    /// Somebody has rung.
    Bell,
    /// The window has another size, or we go on after having been stopped, or we are in the
    /// background now.
    Terminal,
}

impl Keys {
    /// The keys of the terminal that stdin is. `rings` wakes whoever waits for them.
    pub(super) fn new(rings: Rings) -> Keys {
        Keys { presses: Presses::default(), gives_up: None, rings }
    }

    /// Blocks until there is a key, or something else to do.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn wait(&mut self) -> io::Result<Woken> {
        loop {
            if let Some(key) = self.presses.pop() {
                return Ok(Woken::Key(key));
            }
            match self.rings.wait(self.gives_up)? {
                Ready::Typed => {
                    self.read()?;
                    if !self.presses.are_waiting() {
                        return Ok(Woken::NoKey);
                    }
                }
                Ready::Late => {
                    self.gives_up = None;
                    self.presses.give_up();
                }
                Ready::Rung => return Ok(Woken::Bell),
                Ready::Terminal => return Ok(Woken::Terminal),
            }
        }
    }

    /// Waits for the bell alone, while the terminal is the shell's, and for a limited time. `true`
    /// where it is time to look whether it is ours again.
    pub fn wait_in_background(&mut self) -> bool {
        self.rings.wait_in_background()
    }

    /// Forgets who has rung so far: what rings after that says that we go on.
    pub fn forget_rings(&mut self) {
        self.rings.forget();
    }

    /// Whether a key is there already.
    pub fn are_waiting(&self) -> bool {
        self.presses.are_waiting() || is_to_be_read()
    }

    /// The next key of those that are there already; what has been pasted so far is all of it.
    pub fn next_waiting(&mut self) -> Option<Input> {
        while !self.presses.are_waiting() && is_to_be_read() && self.read().is_ok() {}
        if !self.presses.are_waiting() {
            self.presses.end_paste();
        }
        self.presses.pop()
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        match read_typed(&mut bytes)? {
            Some(0) if Terminal::is_gone() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(0) | None => {} // Pressed in a moment when it was not ours, a Ctrl-D perhaps.
            Some(count) => self.presses.take(&bytes[..count]),
        }
        self.gives_up = self.presses.are_unfinished().then(|| now() + KEY_TAKES);
        Ok(())
    }
}

/// How long to wait for the next byte of a key, as `readline` does: some of them come one by one over
/// slow lines, and are fast enough for a person who presses two keys.
const KEY_TAKES: Duration = Duration::from_millis(500);

/// Whether there is something to read on a terminal that is ours now, if only its end.
fn is_to_be_read() -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let stdin = stdio::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    ours().is_some() && poll(&mut ready, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
