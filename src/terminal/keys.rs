//! The keys of a terminal, one by one, and what else ends the waiting for one.

use std::io;
use std::time::{Duration, Instant};

use termina::Event as Input;

use crate::platform::bell::Ready;
use crate::platform::machine::now;
use crate::platform::stdin::Typed;
use crate::platform::terminal::Terminal;
use crate::terminal::decoder::KeyDecoder;

/// How long to wait for the next byte of a key, as `readline` does: some of them come one by one over
/// slow lines, and are fast enough for a person who presses two keys.
const KEY_TAKES: Duration = Duration::from_millis(500);

/// A terminal's keys, one by one.
#[derive(Debug)]
pub struct Keys {
    typed: Typed,
    decoder: KeyDecoder,
    /// When a key that has come in part is given up, unless more comes.
    gives_up: Option<Instant>,
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
    /// The keys among what is typed.
    pub fn new(typed: Typed) -> Keys {
        Keys { typed, decoder: KeyDecoder::default(), gives_up: None }
    }

    /// Blocks until there is a key, or something else to do.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn wait(&mut self) -> io::Result<Woken> {
        loop {
            if let Some(key) = self.decoder.next_key() {
                return Ok(Woken::Key(key));
            }
            match self.typed.wait(self.gives_up)? {
                Ready::Typed => {
                    self.read()?;
                    if !self.decoder.has_key() {
                        return Ok(Woken::NoKey);
                    }
                }
                Ready::Late => {
                    self.gives_up = None;
                    self.decoder.time_out();
                }
                Ready::Rung => return Ok(Woken::Bell),
                Ready::Terminal => return Ok(Woken::Terminal),
            }
        }
    }

    /// Waits for the bell alone, while the terminal is the shell's, and for a limited time. `true`
    /// where it is time to look whether it is ours again.
    pub fn wait_in_background(&mut self) -> bool {
        self.typed.wait_in_background()
    }

    /// Forgets who has rung so far: what rings after that says that we go on.
    pub fn forget_rings(&mut self) {
        self.typed.forget_rings();
    }

    /// Whether a key is there already.
    pub fn are_waiting(&self) -> bool {
        self.decoder.has_key() || self.typed.is_waiting()
    }

    /// The next key of those that are there already; what has been pasted so far is all of it.
    pub fn next_waiting(&mut self) -> Option<Input> {
        while !self.decoder.has_key() && self.typed.is_waiting() && self.read().is_ok() {}
        if !self.decoder.has_key() {
            self.decoder.end_paste();
        }
        self.decoder.next_key()
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        match self.typed.read(&mut bytes)? {
            Some(0) if Terminal::is_gone() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(0) | None => {} // Pressed in a moment when it was not ours, a Ctrl-D perhaps.
            Some(count) => self.decoder.feed(&bytes[..count]),
        }
        self.gives_up = self.decoder.is_incomplete().then(|| now() + KEY_TAKES);
        Ok(())
    }
}
