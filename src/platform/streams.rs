//! Standard output, standard error, and files to write to.
//!
//! The standard library's handles keep buffers of their own, and a lock around them. Here one thread
//! owns each stream and does its own buffering, so the bare file is what it wants. (A stream that was
//! closed when we started is `/dev/null`: the library sees to that.)

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

/// Standard output, one `write` a call.
///
/// # Errors
/// There is no file descriptor left.
pub fn stdout() -> io::Result<impl Write + Send + 'static> {
    Ok(Patient(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// Standard error, one `write` a call.
///
/// # Errors
/// There is no file descriptor left.
pub fn stderr() -> io::Result<impl Write + Send + 'static> {
    Ok(Patient(File::from(io::stderr().as_fd().try_clone_to_owned()?)))
}

/// A file to write to after what is in it. It is made for its owner alone, if it has to be.
///
/// # Errors
/// Those of opening it. A pipe that nobody reads is one: opening it would wait.
pub fn append(path: &Path) -> io::Result<impl Write + Send + 'static> {
    open(OpenOptions::new().append(true), path)
}

/// A file to write to from its beginning, in place of what is in it. It is made for its owner alone,
/// if it has to be.
///
/// # Errors
/// As for [`append`].
pub fn create(path: &Path) -> io::Result<impl Write + Send + 'static> {
    open(OpenOptions::new().write(true).truncate(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Patient> {
    let no_waiting = OFlags::NONBLOCK.bits() as i32;
    options.create(true).mode(0o600).custom_flags(no_waiting).open(path).map(Patient)
}

/// A file whose calls block, also where it is non-blocking: whoever shares it with us may have made
/// it so.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
