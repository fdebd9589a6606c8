//! The keys of a Unix terminal, one by one, and how to wake who waits for them.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crossbeam_channel::Sender;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio;
use signal_hook::consts::{SIGCONT, SIGWINCH};
use termina::Event as Input;

use super::Terminal;
use super::unix::in_foreground;
use crate::buffer::Doorbell;
use crate::presses::Presses;
use crate::reader::Permit;

/// A terminal's keys, one by one.
#[derive(Debug)]
pub struct Keys {
    /// What has been read, and what of it nobody has taken yet.
    presses: Presses,
    /// The other end of a [`Bell`].
    bell: UnixStream,
}

/// What ends the waiting for a key.
#[derive(Debug)]
pub enum Woken {
    /// There is one.
    Key(Input),
    /// Somebody has rung.
    Bell,
    /// The window has another size, or we go on after having been stopped.
    Terminal,
}

impl Keys {
    /// The keys of the terminal that stdin is, and the bell that wakes whoever waits for them and
    /// then looks at `permits`.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub(super) fn new(permits: Sender<Permit>) -> io::Result<(Bell, Keys)> {
        let (bell, rings) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        // When the window's size changes the row has to be drawn again; and after `fg`, or
        // SIGSTOP, the shell has changed the terminal's modes.
        for signal in [SIGWINCH, SIGCONT] {
            signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
        }
        let keys = Keys { presses: Presses::default(), bell: rings };
        Ok((Bell { bell: Arc::new(bell), permits }, keys))
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
            let stdin = stdio::stdin();
            let mut ready =
                [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let [pressed, rung] = ready.map(|fd| !fd.revents().is_empty());
            if pressed && !in_foreground() {
                // What is typed is for the shell, which has let us go on in the background before
                // the bell could say so. A `read` would stop us there, and block after `fg`.
                return Ok(Woken::Terminal);
            } else if pressed {
                self.read()?;
            } else if rung {
                let mut rings = [0; 64];
                let count = self.bell.read(&mut rings).unwrap_or(0);
                let by_system = rings[..count].iter().any(|&ring| ring != RING);
                return Ok(if by_system { Woken::Terminal } else { Woken::Bell });
            }
        }
    }

    /// Waits for the bell alone, while the terminal is the shell's, and for a limited time.
    pub fn wait_in_background(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.bell, PollFlags::IN)];
        let rung = poll(&mut ready, Some(&BACKGROUND)).is_ok_and(|ready| ready > 0);
        if rung {
            let _ = self.bell.read(&mut [0; 64]);
        }
        rung
    }

    /// Whether a key is there already.
    pub fn are_waiting(&self) -> bool {
        self.presses.are_waiting() || is_readable()
    }

    /// What has been pasted so far is all of it.
    pub fn end_paste(&mut self) {
        self.presses.end_paste();
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        let count = rustix::io::retry_on_intr(|| rustix::io::read(stdio::stdin(), &mut bytes))?;
        match &bytes[..count] {
            [] if !Terminal::is_gone() => {} // Ctrl-D, in a moment when it was not ours.
            [] => return Err(io::ErrorKind::UnexpectedEof.into()),
            pressed => self.presses.take(pressed, count == bytes.len()),
        }
        Ok(())
    }
}

/// Whether there is something to read on stdin now, if only its end.
fn is_readable() -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let stdin = stdio::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut ready, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

/// Longer than leaving takes: a SIGTERM comes to a stopped job together with SIGCONT.
const BACKGROUND: Timespec = Timespec { tv_sec: 3, tv_nsec: 0 };

/// What goes through the bell where we ring it. The signal handlers' byte is another (`X`).
const RING: u8 = 0;

/// How to reach a stdin-reader that waits for a key.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    bell: Arc<UnixStream>,
    permits: Sender<Permit>,
}

impl Bell {
    /// Wakes, and says why.
    pub(super) fn ring(&self, why: Permit) {
        // The reason first: who is woken looks for it.
        let _ = self.permits.send(why);
        self.doorbell()();
    }

    /// Wakes without saying why.
    pub(super) fn doorbell(&self) -> Doorbell {
        let bell = Arc::clone(&self.bell);
        // A bell that is full has been rung.
        Arc::new(move || drop((&*bell).write(&[RING])))
    }
}
