//! What can be known of the terminals that the standard streams are, without touching them.

use std::os::fd::BorrowedFd;

use nix::sys::termios::tcgetsid;
use nix::unistd::Pid;
use rustix::stdio;
use rustix::termios::{isatty, tcgetwinsize};

/// How large a terminal's window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many columns it has.
    pub columns: usize,
    /// How many rows.
    pub rows: usize,
}

/// That of a terminal where nobody can say.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// What the system gives as a terminal's session where our container does not show it (`docker exec`,
/// `unshare --pid`). `rustix` takes it for impossible; so that call is `nix`'s.
const HIDDEN: Pid = Pid::from_raw(0);

/// How large the terminal is that stdout is.
pub fn size() -> Size {
    size_of(stdio::stdout())
}

/// How large the terminal is that stderr is.
pub fn size_of_stderr() -> Size {
    size_of(stdio::stderr())
}

fn size_of(terminal: BorrowedFd) -> Size {
    let known = |count: u16, usual| if count > 0 { usize::from(count) } else { usual };
    match tcgetwinsize(terminal) {
        Ok(size) => Size {
            columns: known(size.ws_col, USUAL.columns),
            rows: known(size.ws_row, USUAL.rows),
        },
        Err(_) => USUAL,
    }
}

/// Whether a terminal here can be trusted to obey escape sequences: colours, and moving the
/// cursor. `TERM` says what it is.
pub fn knows_escapes() -> bool {
    let kind = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "unknown"].contains(&kind.as_str())
}

/// Whether it is known of the terminal that it breaks its rows anew when its window becomes narrower. Many
/// do, and the others cut them off; most have the same `TERM`, and none can be asked.
pub fn breaks_rows_anew() -> bool {
    let named = |name| std::env::var_os(name).is_some();
    let kind = std::env::var("TERM").unwrap_or_default();
    // tmux and GNU screen can have the same name, and each may run within the other.
    let is_tmux = kind.starts_with("screen") && named("TMUX") && !named("STY");
    let known = ["tmux", "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"];
    is_tmux || known.iter().any(|known| kind.starts_with(known))
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
