//! Windows: standard output, standard error, and files to write to. A console speaks UTF-16, which only
//! the standard library's own handles translate.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Standard output, written through: what is handed over must not wait for a newline.
///
/// # Errors
/// None here.
pub fn stdout() -> io::Result<impl Write + Send + 'static> {
    Ok(WrittenThrough(io::stdout()))
}

/// Standard error.
///
/// # Errors
/// None here.
pub fn stderr() -> io::Result<impl Write + Send + 'static> {
    Ok(io::stderr())
}

/// A file to write to after what is in it. Its folder decides who may read it.
///
/// # Errors
/// Those of opening it.
pub fn append(path: &Path) -> io::Result<impl Write + Send + 'static> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A file to write to from its beginning, in place of what is in it. Its folder decides who may
/// read it.
///
/// # Errors
/// Those of opening it.
pub fn create(path: &Path) -> io::Result<impl Write + Send + 'static> {
    File::create(path)
}

/// What Windows says of a pipe, other than an anonymous one, that nobody reads any more: those that
/// Cygwin makes are such. The standard library knows only what it says of an anonymous one.
const ERROR_PIPE_NOT_CONNECTED: i32 = 233;

struct WrittenThrough(io::Stdout);

impl Write for WrittenThrough {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes).and_then(|count| self.0.flush().map(|()| count));
        written.map_err(|error| match error.raw_os_error() {
            Some(ERROR_PIPE_NOT_CONNECTED) => io::ErrorKind::BrokenPipe.into(),
            _ => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
