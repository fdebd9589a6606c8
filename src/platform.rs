//! Where operating systems differ: the three standard streams, the terminal's modes, and how to
//! wake a thread that is blocked on the keyboard. Nothing here decides anything.

use std::io::{self, Read, Write};

#[cfg(unix)]
pub use unix::{Terminal, columns, one_terminal, stderr, stdin, stdout};

#[cfg(not(unix))]
pub use other::{Terminal, columns, one_terminal, stderr, stdin, stdout};

/// Whether `shutdown` on a socket wakes a thread that is blocked in `recv` on it. Windows does
/// not see to that (rust-lang/rust#121594).
pub const SHUTDOWN_WAKES: bool = cfg!(unix);

/// How wide a terminal is where nobody can say.
const USUAL_COLUMNS: usize = 80;

#[cfg(unix)]
mod unix {
    use super::{Read, USUAL_COLUMNS, Write, io};
    use std::fs::File;
    use std::io::ErrorKind::WouldBlock;
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::process::getpgrp;
    use rustix::stdio;
    use rustix::termios::{
        LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty, tcflush,
        tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
    };

    // The standard library's handles keep buffers of their own, and a lock around them. Here
    // one thread owns each stream and does its own buffering, so the bare file is what it wants.
    // (A stream that was closed when we started is `/dev/null`: the library sees to that.)

    /// Standard input, one `read` a call.
    ///
    /// # Errors
    /// There is no file descriptor left.
    pub fn stdin() -> io::Result<impl Read + Send + 'static> {
        Ok(Patient(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

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

    /// A file whose calls block, also where it is non-blocking: whoever shares it with us may
    /// have made it so, and on a terminal we do ourselves, to wake the stdin-reader.
    struct Patient(File);

    impl Read for Patient {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            loop {
                match self.0.read(into) {
                    // On a terminal this is how the stdin-reader is woken.
                    Err(error) if error.kind() == WouldBlock && !isatty(&self.0) => {
                        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None)?;
                    }
                    other => return other,
                }
            }
        }
    }

    impl Write for Patient {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            loop {
                match self.0.write(bytes) {
                    Err(error) if error.kind() == WouldBlock => {
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

    /// How many columns the terminal has that stdout is.
    pub fn columns() -> usize {
        match tcgetwinsize(stdio::stdout()) {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => USUAL_COLUMNS,
        }
    }

    /// Whether stdout and stderr are the same terminal. One thread should write to it then.
    pub fn one_terminal() -> bool {
        let terminal =
            |fd| rustix::fs::fstat(fd).ok().filter(|_| isatty(fd)).map(|stat| stat.st_rdev);
        let stdout = terminal(stdio::stdout());
        stdout.is_some() && stdout == terminal(stdio::stderr())
    }

    /// The terminal that stdin is, and the modes that it had when we came.
    #[derive(Clone, Debug)]
    pub struct Terminal {
        modes: Termios,
        flags: OFlags,
    }

    impl Terminal {
        /// Notes the modes; `None` where stdin is no terminal. A terminal that somebody left
        /// non-blocking is made to block.
        pub fn save() -> Option<Terminal> {
            let stdin = stdio::stdin();
            let modes = tcgetattr(stdin).ok()?;
            let flags = fcntl_getfl(stdin).ok()? - OFlags::NONBLOCK;
            let _ = fcntl_setfl(stdin, flags);
            Some(Terminal { modes, flags })
        }

        /// Whether stdin has stopped being a terminal: its window was closed.
        pub fn is_gone() -> bool {
            !isatty(stdio::stdin())
        }

        /// Wakes the thread that is blocked reading a line from this terminal. It gets what was
        /// half typed, if anything was, and after that the error `WouldBlock`.
        ///
        /// There is no call that wakes a `read`. But a terminal that changes its modes makes its
        /// readers look again, and what they find then is (1) that half a line now counts as
        /// input, since the terminal no longer waits for Enter, and (2) that where there is no
        /// input they are not to wait for it any more. Call [`Terminal::give_back`] soon, as the
        /// shell has the same file open.
        ///
        /// `false` where it could not be woken.
        pub fn wake_stdin_reader(&self) -> bool {
            if !in_foreground() {
                return false;
            }
            let mut modes = self.modes.clone();
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            // Where the terminal has gone there is nobody to wake: its readers got an error.
            let _ = fcntl_setfl(stdio::stdin(), self.flags | OFlags::NONBLOCK);
            tcsetattr(stdio::stdin(), OptionalActions::Now, &modes).is_ok()
        }

        /// Gives the terminal back as it was, without what was typed and not read: the shell
        /// would run it.
        pub fn give_back(&self) {
            if !in_foreground() {
                return;
            }
            let stdin = stdio::stdin();
            let _ = fcntl_setfl(stdin, self.flags);
            let _ = tcflush(stdin, QueueSelector::IFlush);
            // Now, not after the output has drained: output stopped with Ctrl-S never drains.
            let _ = tcsetattr(stdin, OptionalActions::Now, &self.modes);
        }

        /// What was typed and nobody has read, after [`Terminal::wake_stdin_reader`].
        pub fn unread(&self) -> Vec<u8> {
            let mut typed = vec![0; 4096]; // As much as a terminal keeps.
            let count = rustix::io::read(stdio::stdin(), &mut typed).unwrap_or(0);
            typed.truncate(count);
            typed
        }
    }

    /// A job in the background that touches its terminal is stopped (SIGTTOU).
    fn in_foreground() -> bool {
        tcgetpgrp(stdio::stdin()).is_ok_and(|group| group == getpgrp())
    }
}

#[cfg(not(unix))]
mod other {
    use super::{Read, USUAL_COLUMNS, Write, io};
    use std::io::IsTerminal;

    // A Windows console speaks UTF-16, which only the standard library's own handles translate.

    /// Standard input.
    ///
    /// # Errors
    /// None here.
    pub fn stdin() -> io::Result<impl Read + Send + 'static> {
        Ok(io::stdin())
    }

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

    struct WrittenThrough(io::Stdout);

    impl Write for WrittenThrough {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.0.write(bytes)?;
            self.0.flush()?;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    /// How many columns the terminal has that stdout is.
    pub fn columns() -> usize {
        USUAL_COLUMNS
    }

    /// Whether stdout and stderr are the same terminal. A Windows program has one console.
    pub fn one_terminal() -> bool {
        io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// The console. It keeps its modes, and drops unread input when a program ends.
    #[derive(Clone, Debug)]
    pub struct Terminal;

    impl Terminal {
        /// `None` where stdin is no terminal.
        pub fn save() -> Option<Terminal> {
            io::stdin().is_terminal().then_some(Terminal)
        }

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
}
