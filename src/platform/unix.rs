//! Unix: streams are files, and terminals have modes.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind::WouldBlock;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender};
use nix::sys::signal::{SigSet, Signal as Sig};
use nix::sys::termios::tcgetsid;
use nix::unistd::{Pid, getpgrp, getsid, tcgetpgrp};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, kill_current_process_group, setrlimit};
use rustix::stdio;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty,
    tcflush, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::USUAL_COLUMNS;
use super::bell::Bell;
use super::keys::Keys;
use super::lines::Lines;
use crate::threads::buffer::Doorbell;
use crate::threads::reader::Permit;

/// What the system says of a process, a group or a session that our container does not show us
/// (`docker exec`, `unshare --pid`). `rustix` takes it for impossible; so these calls are `nix`'s.
const HIDDEN: Pid = Pid::from_raw(0);

// The standard library's handles keep buffers of their own, and a lock around them. Here
// one thread owns each stream and does its own buffering, so the bare file is what it wants.
// (A stream that was closed when we started is `/dev/null`: the library sees to that.)

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

/// A file whose calls block, also where it is non-blocking: whoever shares it with us may have made
/// it so.
struct Patient(File);

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
    columns_of(stdio::stdout())
}

/// How many columns the terminal has that stderr is.
pub fn columns_of_stderr() -> usize {
    columns_of(stdio::stderr())
}

fn columns_of(terminal: BorrowedFd) -> usize {
    match tcgetwinsize(terminal) {
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

pub(super) fn is_same_terminal(one: BorrowedFd, other: BorrowedFd) -> bool {
    let terminal = |fd| rustix::fs::fstat(fd).ok().filter(|_| isatty(fd)).map(|stat| stat.st_rdev);
    // `/dev/tty` is a name for whatever terminal the session has.
    let session = |fd| tcgetsid(fd).ok().filter(|&session| session != HIDDEN);
    let same_name = terminal(one) == terminal(other);
    let same_session = session(one).is_some() && session(one) == session(other);
    terminal(one).is_some() && terminal(other).is_some() && (same_name || same_session)
}

/// The terminal that stdin is.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// The modes that it had when it was first ours. (While we are in the background it can be in
    /// those that a shell has for itself.)
    modes: Arc<OnceLock<Termios>>,
    bell: Option<Bell>,
}

impl Terminal {
    /// Notes the modes, where it is ours; `None` where stdin is no terminal.
    pub fn save() -> Option<Terminal> {
        if !isatty(stdio::stdin()) {
            return None;
        }
        let terminal = Terminal { modes: Arc::default(), bell: None };
        terminal.modes();
        Some(terminal)
    }

    /// The modes to give it back with; `None` where it has not been ours yet.
    fn modes(&self) -> Option<&Termios> {
        if let (None, Some(stdin)) = (self.modes.get(), ours())
            && let Ok(modes) = tcgetattr(stdin)
        {
            let _ = self.modes.set(modes);
        }
        self.modes.get()
    }

    /// Gives it other modes than it had when it was first ours, if it is ours now.
    fn change(&self, how: impl FnOnce(&mut Termios)) {
        if let (Some(stdin), Some(modes)) = (ours(), self.modes()) {
            let mut modes = modes.clone();
            how(&mut modes);
            // Now, not after the output has drained: output stopped with Ctrl-S never drains.
            // A terminal that has gone is noticed by reading from it.
            let _ = tcsetattr(stdin, OptionalActions::Now, &modes);
        }
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
        let (bell, rings) = Bell::new(permits)?;
        self.bell = Some(bell);
        Ok(Keys::new(rings))
    }

    /// What is typed in the terminal's own line mode, a line a `read`. `permits` leads to whoever
    /// reads, and `told` is where that thread finds them.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub fn lines(
        &mut self,
        permits: Sender<Permit>,
        told: Receiver<Permit>,
    ) -> io::Result<impl Read + Send + 'static> {
        let (bell, rings) = Bell::new(permits)?;
        self.bell = Some(bell);
        Ok(Lines::new(rings, told))
    }

    /// What wakes whoever waits for what is typed, without a reason.
    pub fn doorbell(&self) -> Option<Doorbell> {
        self.bell.as_ref().map(Bell::doorbell)
    }

    /// From now on each key is handed over as it is pressed, Ctrl-C too, and nothing is echoed.
    /// Ctrl-S and Ctrl-Q still stop what is shown.
    pub fn take_keys(&self) {
        self.change(|modes| {
            modes.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL;
            modes.local_modes -= LocalModes::ISIG | LocalModes::IEXTEN; // Ctrl-C, Ctrl-V and the like.
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        });
    }

    /// Whether we are in the foreground: otherwise the terminal is the shell's just now.
    pub fn is_ours(&self) -> bool {
        in_foreground()
    }

    /// Whether somebody is there who could let us go on after Ctrl-Z. Without one the system does not
    /// stop us (POSIX: an orphaned process group, of whose members none has its parent in another
    /// group of the session).
    ///
    /// The group of the session's leader is always one, since the leader's parent is in another
    /// session: a program in a window of its own, under `sh -c` or not, or without job control. Every
    /// other group was made from within the session, by a shell or whoever else starts jobs there.
    pub fn has_shell(&self) -> bool {
        getsid(None) != Ok(getpgrp())
    }

    /// Lets output go on that Ctrl-S has stopped, as a terminal does itself where Ctrl-C or Ctrl-Z is
    /// a signal: what is still to be said is to be seen.
    pub fn let_output_go_on(&self) {
        let_output_go_on();
    }

    /// Gives the terminal its own modes back, for the time being: what was typed stays.
    pub fn rest(&self) {
        self.change(|_| {});
    }

    /// Stops the process, and whoever was started with it, as the terminal itself does at
    /// Ctrl-Z. It may still run for a moment; when it goes on, [`Keys::wait_in_background`] is woken.
    pub fn stop_process(&self) {
        let _ = kill_current_process_group(Signal::TSTP);
    }

    /// Whether stdin has stopped being a terminal: its window was closed.
    pub fn is_gone() -> bool {
        !isatty(stdio::stdin())
    }

    /// Wakes the thread that waits for what is typed. With the line editor it hands out what is half
    /// typed, if anything is; its next `read` gives the error `WouldBlock`.
    ///
    /// `false` where nobody can be woken.
    pub fn wake_stdin_reader(&self) -> bool {
        if let Some(bell) = &self.bell {
            bell.ring(Permit::Stop);
        }
        self.bell.is_some()
    }

    /// Gives the terminal back as it was, without what was typed and not read: the shell
    /// would run it.
    pub fn give_back(&self) {
        if let Some(stdin) = ours() {
            let _ = tcflush(stdin, QueueSelector::IFlush);
        }
        self.rest();
    }

    /// What was typed and nobody has read, once nobody reads any more. Call [`Terminal::give_back`]
    /// soon after it.
    pub fn unread(&self) -> Vec<u8> {
        // A terminal that does not wait for Enter hands out half a line too, and one that waits for
        // no key at all does not block.
        self.change(|modes| {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 0;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        });
        let mut typed = vec![0; 4096]; // As much as a terminal keeps.
        let count = ours().and_then(|_| read_typed(&mut typed).ok().flatten()).unwrap_or(0);
        typed.truncate(count);
        typed.retain(|&byte| byte != 0); // What the terminal keeps in place of a Ctrl-D.
        typed
    }
}

/// The system stops a job in the background that reads from its terminal or changes it, and does so
/// again when it is let go on, before it can end. So in this thread, and in all that it starts, the
/// system does nothing of the kind: a `read` there is an error instead. To be called first.
///
/// That keeps us from being stopped, but not from harm: see `ours`.
pub fn go_on_in_background() {
    let mut signals = SigSet::empty();
    signals.add(Sig::SIGTTIN);
    signals.add(Sig::SIGTTOU);
    let _ = signals.thread_block();
}

/// The terminal that stdin is, if it may be touched: while we are in the background it is the
/// shell's. Whoever changes it, empties it or reads from it asks here first.
pub(super) fn ours() -> Option<BorrowedFd<'static>> {
    in_foreground().then(stdio::stdin)
}

/// A terminal that is not the session's own has no jobs, and so no background.
pub(super) fn in_foreground() -> bool {
    tcgetpgrp(stdio::stdin()).map_or(true, |group| group == getpgrp())
}

/// See [`Terminal::let_output_go_on`].
pub(super) fn let_output_go_on() {
    if let Some(stdin) = ours()
        && let Ok(mut modes) = tcgetattr(stdin)
    {
        let before = modes.clone();
        modes.input_modes -= InputModes::IXON;
        let _ = tcsetattr(stdin, OptionalActions::Now, &modes);
        let _ = tcsetattr(stdin, OptionalActions::Now, &before);
    }
}

/// One `read` of what has been typed. `None` where there is nothing for us: the terminal has been
/// the shell's since the caller looked, or somebody else was faster.
pub(super) fn read_typed(into: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::io::retry_on_intr(|| rustix::io::read(stdio::stdin(), &mut *into)) {
        Err(Errno::IO | Errno::AGAIN) if !Terminal::is_gone() => Ok(None),
        other => Ok(Some(other?)),
    }
}
