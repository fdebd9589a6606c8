//! How a thread that waits for what is typed is woken: by what is typed, by a bell, or by the system.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio;
use signal_hook::consts::{SIGCONT, SIGWINCH};

use super::unix::in_foreground;
use crate::platform::machine::now;
use crate::threads::buffer::Doorbell;
use crate::threads::reader::Permit;

/// What goes through the bell where we ring it. The signal handlers' byte is another (`X`).
const RING: u8 = 0;

/// A shell that moves a running job to the foreground tells the job nothing. So a job in the
/// background looks for itself, this often.
const BETWEEN_LOOKS: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// How to reach a stdin-reader that waits for what is typed.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    bell: Arc<UnixStream>,
    permits: Sender<Permit>,
}

/// What ends the waiting.
pub(super) enum Ready {
    /// Something has been typed.
    Typed,
    /// Nothing, in the time that there was.
    Late,
    /// Somebody has rung.
    Rung,
    /// The window has another size, or we go on after having been stopped, or we are in the
    /// background now.
    Terminal,
}

/// The other end of a [`Bell`].
#[derive(Debug)]
pub(super) struct Rings(UnixStream);

impl Bell {
    /// A bell, and what it wakes. `permits` leads to whoever waits.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub(super) fn new(permits: Sender<Permit>) -> io::Result<(Bell, Rings)> {
        let (bell, rings) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        // When the window's size changes the row has to be drawn again; and after `fg`, or
        // SIGSTOP, the shell has changed the terminal's modes.
        for signal in [SIGWINCH, SIGCONT] {
            signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
        }
        Ok((Bell { bell: Arc::new(bell), permits }, Rings(rings)))
    }

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

impl Rings {
    /// Waits for something to read on stdin, or for the bell; `until`: no longer than this.
    ///
    /// # Errors
    /// Those of `poll`.
    pub(super) fn wait(&mut self, until: Option<Instant>) -> io::Result<Ready> {
        loop {
            let left = until.map(|at| at.saturating_duration_since(now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let stdin = stdio::stdin();
            let mut ready =
                [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut ready, left.as_ref()) {
                Err(Errno::INTR) => continue,
                Ok(0) => return Ok(Ready::Late),
                other => other?,
            };
            let [typed, rung] = ready.map(|fd| !fd.revents().is_empty());
            if typed {
                // What is typed while we are in the background is for the shell, which may have let
                // us go on there before the bell could say so.
                return Ok(if in_foreground() { Ready::Typed } else { Ready::Terminal });
            }
            if rung {
                return Ok(self.answer());
            }
        }
    }

    /// Waits for the bell alone, in the background, and not for long: see [`BETWEEN_LOOKS`]. `true`
    /// where it is time to look whether we are in front again.
    pub(super) fn wait_in_background(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        let is_rung = poll(&mut ready, Some(&BETWEEN_LOOKS)).is_ok_and(|ready| ready > 0);
        !is_rung || matches!(self.answer(), Ready::Terminal)
    }

    /// Forgets what has been rung so far. To be called before we stop: what rings after that says that
    /// we go on.
    pub(super) fn forget(&mut self) {
        self.answer();
    }

    fn answer(&mut self) -> Ready {
        let mut rings = [0; 64];
        let count = self.0.read(&mut rings).unwrap_or(0);
        let by_system = rings[..count].iter().any(|&ring| ring != RING);
        if by_system { Ready::Terminal } else { Ready::Rung }
    }
}
