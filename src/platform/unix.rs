//! Unix: streams are files, and terminals have modes.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind::WouldBlock;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crossbeam_channel::Sender;
use nix::sys::termios::tcgetsid;
use nix::unistd::{Pid, getpgrp, getppid, getsid, tcgetpgrp};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, kill_current_process_group, setrlimit};
use rustix::stdio;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty,
    tcflush, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::USUAL_COLUMNS;
use super::keys::{Bell, Keys};
use crate::buffer::Doorbell;
use crate::reader::Permit;

/// What the system says of a process, a group or a session that our container does not show us
/// (`docker exec`, `unshare --pid`). `rustix` takes it for impossible; so these calls are `nix`'s.
const HIDDEN: Pid = Pid::from_raw(0);

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

/// A file to write to behind what is in it. It is made for its owner alone, if it has to be.
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

/// The number that the system has for this thread, which `ps -L` shows too.
#[cfg(target_os = "linux")]
pub fn thread_number() -> u64 {
    u64::from(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
}

/// A number for this thread: the system's own wants `unsafe` here.
#[cfg(not(target_os = "linux"))]
pub fn thread_number() -> u64 {
    super::next_number()
}

/// An open file that is of no use, and so can be closed when another is wanted.
///
/// # Errors
/// There is no file descriptor left.
pub fn file_left() -> io::Result<File> {
    File::open("/dev/null")
}

/// Whether the system, or its limit for us, has no room for another open file.
pub fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|out| code == Some(out.raw_os_error()))
}

/// Whether our limit of memory (`ulimit -v`), if there is one, leaves room for so many bytes more.
pub fn has_memory_for(bytes: u64) -> bool {
    let Some(limit) = getrlimit(Resource::As).current else { return true };
    // Linux tells what it counts. Elsewhere the limit limits little.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    size.is_none_or(|kib| (kib * 1024).saturating_add(bytes) <= limit)
}

/// Raises our limit of open files as far as we may; tells how many that are, if there is a limit.
/// A thousand members have a thousand sockets, and a shell's usual limit is 1,024.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    // macOS does not take more than 10,240 (OPEN_MAX), also where there is no limit.
    let most = limit.maximum.map_or(10_240, |maximum| maximum.min(10_240));
    for current in [limit.maximum, Some(most)] {
        let raised = Rlimit { current, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return current;
        }
    }
    limit.current
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

/// Only Windows has consoles of this kind.
pub(super) fn console_obeys() -> Option<bool> {
    None
}

/// Whether stdout and stderr are the same terminal. One thread should write to it then.
pub fn one_terminal() -> bool {
    is_same_terminal(stdio::stdout(), stdio::stderr())
}

fn is_same_terminal(one: BorrowedFd, other: BorrowedFd) -> bool {
    let terminal = |fd| rustix::fs::fstat(fd).ok().filter(|_| isatty(fd)).map(|stat| stat.st_rdev);
    // `/dev/tty` is a name for whatever terminal the session has.
    let session = |fd| tcgetsid(fd).ok().filter(|&session| session != HIDDEN);
    let same_name = terminal(one) == terminal(other);
    let same_session = session(one).is_some() && session(one) == session(other);
    terminal(one).is_some() && terminal(other).is_some() && (same_name || same_session)
}

/// The terminal that stdin is, and the modes that it had when we came.
#[derive(Clone, Debug)]
pub struct Terminal {
    modes: Termios,
    flags: OFlags,
    /// With the line editor.
    bell: Option<Bell>,
}

impl Terminal {
    /// Notes the modes; `None` where stdin is no terminal. A terminal that somebody left
    /// non-blocking is made to block.
    pub fn save() -> Option<Terminal> {
        let stdin = stdio::stdin();
        let modes = tcgetattr(stdin).ok()?;
        let flags = fcntl_getfl(stdin).ok()? - OFlags::NONBLOCK;
        let _ = fcntl_setfl(stdin, flags);
        Some(Terminal { modes, flags, bell: None })
    }

    /// Whether keys can be read one by one, and a row be drawn: stdout has to be the same
    /// terminal, and one that can move its cursor.
    pub fn can_edit(&self) -> bool {
        super::knows_escapes() && is_same_terminal(stdio::stdin(), stdio::stdout())
    }

    /// The keys of the terminal. `permits` leads to whoever reads them.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub fn keys(&mut self, permits: Sender<Permit>) -> io::Result<Keys> {
        let (bell, keys) = Keys::new(permits)?;
        self.bell = Some(bell);
        Ok(keys)
    }

    /// What wakes whoever waits for a key, without a reason.
    pub fn doorbell(&self) -> Option<Doorbell> {
        self.bell.as_ref().map(Bell::doorbell)
    }

    /// From now on each key is handed over as it is pressed, Ctrl-C too, and nothing is echoed.
    /// Ctrl-S and Ctrl-Q still stop what is shown. In the background this stops the process, until
    /// `fg`.
    pub fn take_keys(&self) {
        let mut modes = self.modes.clone();
        modes.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL;
        modes.local_modes -= LocalModes::ISIG | LocalModes::IEXTEN; // Ctrl-C, Ctrl-V and the like.
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        // One that has gone is noticed by reading from it.
        let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &modes);
    }

    /// Whether we are in the foreground: else the terminal is the shell's just now.
    pub fn is_ours(&self) -> bool {
        in_foreground()
    }

    /// Whether somebody is there who could let us go on after Ctrl-Z: the shell that we were
    /// started from. Without one the system does not stop us (an orphaned process group).
    pub fn has_shell(&self) -> bool {
        let parent = getppid();
        parent != HIDDEN && getsid(Some(parent)) == getsid(None)
    }

    /// Lets output go on that Ctrl-S has stopped, as a terminal does itself where Ctrl-C is a
    /// signal: what is still to be said is to be seen.
    pub fn let_output_go_on(&self) {
        if let Ok(mut modes) = tcgetattr(stdio::stdin()) {
            let before = modes.clone();
            modes.input_modes -= InputModes::IXON;
            let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &modes);
            let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &before);
        }
    }

    /// Gives the terminal its own modes back, for the time being: what was typed stays.
    pub fn rest(&self) {
        if in_foreground() {
            let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &self.modes);
        }
    }

    /// Stops the process, and whoever was started with it, as the terminal itself does at
    /// Ctrl-Z. It may still run for a moment; when it goes on, [`Keys::wait`] is woken.
    pub fn stop_process(&self) {
        let _ = kill_current_process_group(Signal::TSTP);
    }

    /// Whether stdin has stopped being a terminal: its window was closed.
    pub fn is_gone() -> bool {
        !isatty(stdio::stdin())
    }

    /// Wakes the thread that is blocked reading a line from this terminal. It gets what was
    /// half typed, if anything was, and after that the error `WouldBlock`.
    ///
    /// Without the line editor there is no call that wakes a `read`. But a terminal that changes its modes makes its
    /// readers look again, and what they find then is (1) that half a line now counts as
    /// input, since the terminal no longer waits for Enter, and (2) that where there is no
    /// input they are not to wait for it any more. Call [`Terminal::give_back`] soon, as the
    /// shell has the same file open.
    ///
    /// `false` where it could not be woken.
    pub fn wake_stdin_reader(&self) -> bool {
        match &self.bell {
            Some(bell) => {
                bell.ring(Permit::Stop);
                true
            }
            None => self.end_line_mode(),
        }
    }

    fn end_line_mode(&self) -> bool {
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

    /// What was typed and nobody has read, once nobody reads any more.
    pub fn unread(&self) -> Vec<u8> {
        if !self.end_line_mode() {
            return Vec::new();
        }
        let mut typed = vec![0; 4096]; // As much as a terminal keeps.
        let count = rustix::io::read(stdio::stdin(), &mut typed).unwrap_or(0);
        typed.truncate(count);
        typed.retain(|&byte| byte != 0); // What the terminal keeps in place of a Ctrl-D.
        typed
    }
}

/// A job in the background that touches its terminal is stopped (SIGTTOU). A terminal that is not
/// the session's own has no jobs.
pub(super) fn in_foreground() -> bool {
    tcgetpgrp(stdio::stdin()).map_or(true, |group| group == getpgrp())
}
