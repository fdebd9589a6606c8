//! Standard input that is a pipe or a file, and how to wake the thread that reads it.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::threads::buffer::Doorbell;

/// Piped input. No call wakes a `read`, so its reader waits in `poll`, for a byte or for the bell.
struct Piped {
    input: File,
    bell: PipeReader,
}

/// Standard input, and the bell that wakes its reader: each `read` from then on is the error
/// `WouldBlock`, whatever there is to be read.
///
/// # Errors
/// There is no file descriptor left.
pub fn piped_stdin() -> io::Result<(impl Read + Send + 'static, Option<Doorbell>)> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (bell, ring) = pipe()?;
    let ring = Arc::new(ring);
    Ok((Piped { input, bell }, Some(Arc::new(move || ring_once(&ring)))))
}

/// It is rung at a signal, and there are no more than two: the pipe has room for them.
fn ring_once(mut ring: &PipeWriter) {
    let _ = ring.write(&[0]);
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready =
                [PollFd::new(&self.input, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
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
