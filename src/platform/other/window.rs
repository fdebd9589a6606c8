//! Windows: what can be known of the console that the standard streams are.

use std::io::{self, IsTerminal};

use terminal_size::{Height, Width, terminal_size_of};

/// How large a terminal's window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many columns it has.
    pub columns: usize,
    /// How many rows.
    pub rows: usize,
}

/// That of a console where nobody can say.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// How large the terminal is that stdout is.
pub fn size() -> Size {
    known(terminal_size_of(io::stdout()))
}

/// How large the terminal is that stderr is.
pub fn size_of_stderr() -> Size {
    known(terminal_size_of(io::stderr()))
}

fn known(size: Option<(Width, Height)>) -> Size {
    match size {
        Some((Width(columns @ 1..), Height(rows @ 1..))) => {
            Size { columns: usize::from(columns), rows: usize::from(rows) }
        }
        _ => USUAL,
    }
}

/// Whether a terminal here can be trusted to obey escape sequences. A console has to be asked, and does
/// not by itself: before Windows 10 it prints them. `TERM` says of any other, as in Git Bash, what it is.
pub fn knows_escapes() -> bool {
    if terminal_size_of(io::stdout()).is_some() {
        return anstyle_query::windows::enable_ansi_colors() == Some(true);
    }
    let kind = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "unknown"].contains(&kind.as_str())
}

/// Whether it is known of the terminal that it breaks its rows anew when its window becomes narrower. Newer
/// consoles do, and older ones cut them off.
pub fn breaks_rows_anew() -> bool {
    false
}

/// Whether stdout and stderr are the same terminal. A Windows program has one console.
pub fn one_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
