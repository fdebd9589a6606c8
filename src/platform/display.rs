//! The terminal that stdout is, and how to take it away from a writer that waits for it.
//!
//! It is opened once more, non-blocking, and its writer waits in `poll`. A `write` that blocks keeps
//! everybody else from writing to that terminal; so at the end, where it takes nothing, nobody could tell
//! it any more that what is pasted is not to be marked.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::stdio;
use rustix::termios::{QueueSelector, tcflush, ttyname};

use crate::platform::jobs::ours;
use crate::platform::streams::stdout;
use crate::platform::terminal::let_output_go_on;
use crate::platform::window::is_same_terminal;

/// Where the screen can be taken away from its writer.
#[derive(Debug)]
pub struct Hold {
    /// Dropped to say so.
    wanted: PipeWriter,
    given_up: Receiver<()>,
}

/// A terminal that never blocks a `write`. A writer that blocks there keeps everybody else from
/// writing to that terminal, us too.
struct Display {
    terminal: File,
    wanted: PipeReader,
    gives_up: Sender<()>,
}

impl Hold {
    /// Takes the screen away. Its writer waits for ever then, with what it has; it can only be left.
    /// One that is just writing may do so to the end, but not longer than `until`.
    pub fn take(self, until: Instant) {
        drop(self.wanted);
        let _ = self.given_up.recv_deadline(until);
    }
}

/// Standard output, for its writer, and where to take it away again. That only a terminal can be: it
/// can be opened once more, so that non-blocking is our own affair, and not the shell's too.
///
/// # Errors
/// There is no file descriptor left.
pub fn screen() -> io::Result<(Box<dyn Write + Send>, Option<Hold>)> {
    match opened_again() {
        None => Ok((Box::new(stdout()?), None)),
        Some(terminal) => {
            let (is_wanted, wanted) = pipe()?;
            let (gives_up, given_up) = bounded(1);
            let display = Display { terminal, wanted: is_wanted, gives_up };
            Ok((Box::new(display), Some(Hold { wanted, given_up })))
        }
    }
}

/// Writes `sequence` to the terminal that stdout is, at once or not at all. Where it takes nothing,
/// what waits there is dropped first, and output that Ctrl-S has stopped goes on.
pub fn reset_screen(sequence: &[u8]) {
    let (Some(_), Some(mut terminal)) = (ours(), opened_again()) else { return };
    if !terminal.write(sequence).is_ok_and(|count| count == sequence.len()) {
        let _ = tcflush(&terminal, QueueSelector::OFlush);
        let_output_go_on();
        let _ = terminal.write(sequence);
    }
}

/// The terminal that stdout is, if it is one, non-blocking. `None` also where it cannot be opened,
/// as it belongs to somebody else, or is not in our view of the file system.
fn opened_again() -> Option<File> {
    let stdout = stdio::stdout();
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let open = |name: &OsStr| {
        OpenOptions::new().write(true).custom_flags(flags).open(name).ok().filter(|terminal| {
            is_same_terminal(stdout, terminal.as_fd()) // Or a device of the same name.
        })
    };
    let name = ttyname(stdout, Vec::new()).ok()?;
    open(OsStr::from_bytes(name.as_bytes())).or_else(|| {
        // Everybody may open this, also under `su`. Elsewhere nobody can `poll` it.
        cfg!(target_os = "linux").then(|| open(OsStr::new("/dev/tty"))).flatten()
    })
}

impl Write for Display {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.terminal.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Display {
    /// Waits until the terminal takes something; for ever, once it is taken away.
    fn wait(&self) -> io::Result<()> {
        let (terminal, wanted) = (self.terminal.as_fd(), self.wanted.as_fd());
        let mut ready =
            [PollFd::new(&terminal, PollFlags::OUT), PollFd::new(&wanted, PollFlags::IN)];
        poll(&mut ready, None)?;
        let [_, is_wanted] = ready.map(|fd| !fd.revents().is_empty());
        if is_wanted {
            let _ = self.gives_up.try_send(());
            loop {
                std::thread::park();
            }
        }
        Ok(())
    }
}
