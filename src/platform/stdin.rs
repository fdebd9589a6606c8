//! Standard input, and how to wake the thread that waits for it. No call wakes a `read`: so that thread
//! waits in `poll` instead, for something to read or for a bell.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat, tell};
use rustix::io::Errno;
use rustix::stdio;
use rustix::termios::isatty;
use signal_hook::consts::{SIGCONT, SIGWINCH};

use crate::platform::bell::{Bell, Ready};
use crate::platform::jobs::{in_foreground, ours};
use crate::platform::machine::now;

/// Standard input that is a pipe or a file, and the bell that wakes its reader: each `read` from then on
/// is the error `WouldBlock`, whatever there is to be read.
///
/// # Errors
/// There is no file descriptor left.
pub fn piped() -> io::Result<(impl Read + Send + 'static, Option<Bell>)> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (rung, bell) = pipe()?;
    // It is rung at a signal, and there are no more than two: the pipe has room for them.
    let bell = Bell::new(move || drop((&bell).write(&[RING])));
    Ok((Piped { input, rung }, Some(bell)))
}

/// How many bytes of stdin are still to be read, where it is a file.
pub fn left_to_read() -> Option<u64> {
    let stdin = stdio::stdin();
    let stat = fstat(stdin).ok().filter(|stat| FileType::from_raw_mode(stat.st_mode).is_file())?;
    Some(u64::try_from(stat.st_size).ok()?.saturating_sub(tell(stdin).ok()?))
}

struct Piped {
    input: File,
    rung: PipeReader,
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready =
                [PollFd::new(&self.input, PollFlags::IN), PollFd::new(&self.rung, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                // The limit of open files has been lowered below two. Then a `read` has to do.
                Err(Errno::INVAL) => return self.input.read(into),
                other => other?,
            };
            let [_, rung] = ready.map(|fd| !fd.revents().is_empty());
            if rung {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match self.input.read(into) {
                // Whoever has the same file open can make it non-blocking, or read before us.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

/// What goes through a bell where we ring it. The signal handlers' byte is another (`X`).
const RING: u8 = 0;

/// A shell that moves a running job to the foreground tells the job nothing. So a job in the
/// background looks for itself, this often.
const BETWEEN_LOOKS: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What is typed at the terminal that stdin is, and the bell that wakes whoever waits for it.
///
/// # Errors
/// There is no file descriptor left.
pub fn typed() -> io::Result<(Typed, Option<Bell>)> {
    let (bell, rung) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rung.set_nonblocking(true)?;
    // When the window's size changes the row has to be drawn again; and after `fg`, or
    // SIGSTOP, the shell has changed the terminal's modes.
    for signal in [SIGWINCH, SIGCONT] {
        signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
    }
    // A bell that is full has been rung.
    let bell = Bell::new(move || drop((&bell).write(&[RING])));
    Ok((Typed { rung }, Some(bell)))
}

/// What is typed, as bytes; and what else there is to be woken by.
#[derive(Debug)]
pub struct Typed {
    rung: UnixStream,
}

impl Typed {
    /// Waits for something to be typed, or for the bell; `until`: no longer than this.
    ///
    /// # Errors
    /// Those of `poll`.
    pub fn wait(&mut self, until: Option<Instant>) -> io::Result<Ready> {
        loop {
            let left = until.map(|at| at.saturating_duration_since(now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let stdin = stdio::stdin();
            let mut ready =
                [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.rung, PollFlags::IN)];
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
                return Ok(self.who_rang());
            }
        }
    }

    /// Waits for the bell alone, in the background, where the terminal is the shell's; and not for long.
    /// `true` where it is time to look whether we are in front again.
    pub fn wait_in_background(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.rung, PollFlags::IN)];
        let is_rung = poll(&mut ready, Some(&BETWEEN_LOOKS)).is_ok_and(|ready| ready > 0);
        !is_rung || self.who_rang() == Ready::Terminal
    }

    /// Forgets who has rung so far. To be called before we stop: what rings after that says that we go on.
    pub fn forget_rings(&mut self) {
        self.who_rang();
    }

    fn who_rang(&mut self) -> Ready {
        let mut rings = [0; 64];
        let count = self.rung.read(&mut rings).unwrap_or(0);
        let by_system = rings[..count].iter().any(|&ring| ring != RING);
        if by_system { Ready::Terminal } else { Ready::Rung }
    }

    /// Whether there is something to read on a terminal that is ours now, if only its end.
    pub fn is_waiting(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let stdin = stdio::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        ours().is_some() && poll(&mut ready, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// One `read` of what has been typed. `None` where there is nothing for us: the terminal has been
    /// the shell's since the caller waited, or somebody else was faster.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        read_typed(into)
    }
}

pub(super) fn read_typed(into: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::io::retry_on_intr(|| rustix::io::read(stdio::stdin(), &mut *into)) {
        Err(Errno::IO | Errno::AGAIN) if isatty(stdio::stdin()) => Ok(None),
        other => Ok(Some(other?)),
    }
}
