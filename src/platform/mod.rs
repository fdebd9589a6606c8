//! Where operating systems differ: the three standard streams, the terminal's modes, and how to
//! wake a thread that is blocked on the keyboard. Nothing here decides anything.

pub mod interface;
pub mod machine;

#[cfg(unix)]
pub use display::{Hold, reset_screen, screen};
#[cfg(unix)]
pub use keys::{Keys, Woken};
#[cfg(unix)]
pub use piped::piped_stdin;
#[cfg(unix)]
pub use signals::Signals;
#[cfg(unix)]
pub use unix::{
    Terminal, append, columns, columns_of_stderr, create, file_left, go_on_in_background,
    has_memory_for, is_out_of_files, one_terminal, raise_file_limit, stderr, stdout, thread_number,
};

#[cfg(not(unix))]
pub use other::{
    Hold, Keys, Signals, Terminal, Woken, append, columns, columns_of_stderr, create, file_left,
    go_on_in_background, has_memory_for, is_out_of_files, one_terminal, piped_stdin,
    raise_file_limit, reset_screen, screen, stderr, stdout, thread_number,
};

/// Whether `shutdown` on a socket wakes a thread that is blocked in `recv` on it. Windows does
/// not see to that (rust-lang/rust#121594).
pub const SHUTDOWN_WAKES: bool = cfg!(unix);

/// Numbers for threads, where the system's cannot be had.
#[cfg(not(target_os = "linux"))]
fn next_number() -> u64 {
    static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
}

/// How wide a terminal is where nobody can say.
const USUAL_COLUMNS: usize = 80;

/// Whether a terminal here can be trusted to obey escape sequences: colours, and moving the
/// cursor. `TERM` says what it is; a Windows console has to be asked.
pub fn knows_escapes() -> bool {
    let kind = std::env::var("TERM").unwrap_or_default();
    console_obeys().unwrap_or(!["", "dumb", "unknown"].contains(&kind.as_str()))
}

#[cfg(not(unix))]
use other::console_obeys;
#[cfg(unix)]
use unix::console_obeys;

#[cfg(unix)]
mod bell;
#[cfg(unix)]
mod display;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod lines;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod piped;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod unix;
