//! What can be known of the terminals that the standard streams are, without touching them.

use std::os::fd::BorrowedFd;

use nix::sys::termios::tcgetsid;
use nix::unistd::Pid;
use rustix::stdio;
use rustix::termios::{isatty, tcgetwinsize};

/// How wide a terminal is where nobody can say.
const USUAL_COLUMNS: usize = 80;

/// What the system gives as a terminal's session where our container does not show it (`docker exec`,
/// `unshare --pid`). `rustix` takes it for impossible; so that call is `nix`'s.
const HIDDEN: Pid = Pid::from_raw(0);

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

/// Whether a terminal here can be trusted to obey escape sequences: colours, and moving the
/// cursor. `TERM` says what it is.
pub fn knows_escapes() -> bool {
    let kind = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "unknown"].contains(&kind.as_str())
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
