//! Windows: a console edits lines itself, and speaks UTF-16. (And whatever else is not Unix.)

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use terminal_size::{Height, Width, terminal_size_of};

use super::USUAL_COLUMNS;
use crate::threads::buffer::Doorbell;
use crate::threads::reader::Permit;

// A Windows console speaks UTF-16, which only the standard library's own handles translate.

/// Standard input.
///
/// # Errors
/// None here.
fn stdin() -> io::Result<impl Read + Send + 'static> {
    let stdin = io::stdin();
    let typed = stdin.is_terminal();
    Ok(Input { stdin, typed })
}

/// Standard input that is a pipe or a file. Nothing wakes its reader here.
///
/// # Errors
/// None here.
pub fn piped_stdin() -> io::Result<(impl Read + Send + 'static, Option<Doorbell>)> {
    Ok((stdin()?, None))
}

/// The signals of Unix, of which there are none here: closing a console is told as Ctrl-C is.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// There are none.
    ///
    /// # Errors
    /// None here.
    pub fn take() -> io::Result<Option<Signals>> {
        Ok(None)
    }

    /// Nobody waits for what never comes.
    pub fn run(self, _leave: impl Fn(), _give_back: impl Fn()) {}
}

/// Standard output, written through: what is handed over must not wait for a newline.
///
/// # Errors
/// None here.
pub fn stdout() -> io::Result<impl Write + Send + 'static> {
    Ok(WrittenThrough(io::stdout()))
}

/// Nothing takes a console away from its writer.
#[derive(Debug)]
pub enum Hold {}

impl Hold {
    /// Never called.
    pub fn take(self, _until: Instant) {
        match self {}
    }
}

/// Standard output, for its writer.
///
/// # Errors
/// None here.
pub fn screen() -> io::Result<(Box<dyn Write + Send>, Option<Hold>)> {
    Ok((Box::new(stdout()?), None))
}

/// There is no line editor here, after which something would have to be set right.
pub fn reset_screen(_sequence: &[u8]) {}

/// A console has no background.
pub fn go_on_in_background() {}

/// Standard error.
///
/// # Errors
/// None here.
pub fn stderr() -> io::Result<impl Write + Send + 'static> {
    Ok(io::stderr())
}

/// A file to write to behind what is in it. Its folder decides who may read it.
///
/// # Errors
/// Those of opening it.
pub fn append(path: &Path) -> io::Result<impl Write + Send + 'static> {
    std::fs::OpenOptions::new().append(true).create(true).open(path)
}

/// A file to write to from its beginning, in place of what is in it. Its folder decides who may
/// read it.
///
/// # Errors
/// Those of opening it.
pub fn create(path: &Path) -> io::Result<impl Write + Send + 'static> {
    File::create(path)
}

/// A number for this thread: the system's own wants `unsafe` here.
pub fn thread_number() -> u64 {
    super::next_number()
}

/// No file has to be kept in reserve: sockets are not counted here.
///
/// # Errors
/// Always.
pub fn file_left() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is no such limit.
pub fn has_memory_for(_bytes: u64) -> bool {
    true
}

/// See [`file_left`].
pub fn is_out_of_files(_error: &io::Error) -> bool {
    false
}

/// There is no such limit.
pub fn raise_file_limit() -> Option<u64> {
    None
}

struct Input {
    stdin: io::Stdin,
    typed: bool,
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.stdin.read(into)?;
            if !self.typed || count == 0 {
                return Ok(count);
            }
            // Enter is two characters in a console. The first is never part of what was typed, and
            // a friend with a pipe would have it in the file.
            let kept = without_returns(&mut into[..count]);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

/// Moves what is not a carriage return to the front; gives back how much that is.
fn without_returns(bytes: &mut [u8]) -> usize {
    let mut kept = 0;
    for at in 0..bytes.len() {
        if bytes[at] != b'\r' {
            bytes[kept] = bytes[at];
            kept += 1;
        }
    }
    kept
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

/// How many columns the terminal has that stdout is.
pub fn columns() -> usize {
    columns_in(terminal_size_of(io::stdout()))
}

/// How many columns the terminal has that stderr is.
pub fn columns_of_stderr() -> usize {
    columns_in(terminal_size_of(io::stderr()))
}

fn columns_in(size: Option<(Width, Height)>) -> usize {
    match size {
        Some((Width(columns), _)) if columns > 0 => usize::from(columns),
        _ => USUAL_COLUMNS,
    }
}

/// Asks the console to obey escape sequences, which it does not by itself; `false`: it will print
/// them, as before Windows 10. `None`: stdout is no console, though perhaps another terminal, as in
/// Git Bash.
pub(super) fn console_obeys() -> Option<bool> {
    terminal_size_of(io::stdout())?;
    Some(anstyle_query::windows::enable_ansi_colors() == Some(true))
}

/// Whether stdout and stderr are the same terminal. A Windows program has one console.
pub fn one_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// There is no line editor here: a console edits lines itself, with history and arrow keys.
#[derive(Debug)]
pub enum Keys {}

/// What ends the waiting for a key; never seen here.
#[derive(Debug)]
pub enum Woken {
    /// There is one.
    Key(termina::Event),
    /// What came is no key, or not yet.
    NoKey,
    /// Somebody has rung.
    Bell,
    /// The window has another size.
    Terminal,
}

impl Keys {
    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn wait(&mut self) -> io::Result<Woken> {
        match *self {}
    }

    /// Never called.
    pub fn wait_in_background(&mut self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn forget_rings(&mut self) {
        match *self {}
    }

    /// Never called.
    pub fn are_waiting(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn next_waiting(&mut self) -> Option<termina::Event> {
        match *self {}
    }
}

/// The console. It keeps its modes, and drops unread input when a program ends.
#[derive(Clone, Debug)]
pub struct Terminal;

impl Terminal {
    /// `None` where stdin is no terminal.
    pub fn save() -> Option<Terminal> {
        io::stdin().is_terminal().then_some(Terminal)
    }

    /// See [`Keys`].
    pub fn can_edit(&self) -> bool {
        false
    }

    /// Not to be had; see [`Terminal::can_edit`].
    ///
    /// # Errors
    /// Always.
    pub fn keys(&mut self, _permits: Sender<Permit>) -> io::Result<Keys> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What is typed, a line a `read`: the console's own line mode.
    ///
    /// # Errors
    /// None here.
    pub fn lines(
        &mut self,
        _permits: Sender<Permit>,
        _told: Receiver<Permit>,
    ) -> io::Result<impl Read + Send + 'static> {
        stdin()
    }

    /// Nobody waits for a key.
    pub fn doorbell(&self) -> Option<Doorbell> {
        None
    }

    /// Nothing is changed.
    pub fn take_keys(&self) {}

    /// A console has no background.
    pub fn is_ours(&self) -> bool {
        true
    }

    /// There is no Ctrl-Z on Windows.
    pub fn has_shell(&self) -> bool {
        false
    }

    /// Nothing was stopped.
    pub fn let_output_go_on(&self) {}

    /// Nothing was changed.
    pub fn rest(&self) {}

    /// There is no such thing on Windows.
    pub fn stop_process(&self) {}

    /// A console does not go away under a program.
    pub fn is_gone() -> bool {
        false
    }

    /// Nothing wakes a thread that reads a console.
    pub fn wake_stdin_reader(&self) -> bool {
        false
    }

    /// Nothing was changed.
    pub fn give_back(&self) {}

    /// Nobody can tell.
    pub fn unread(&self) -> Vec<u8> {
        Vec::new()
    }
}
