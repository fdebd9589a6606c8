//! Windows: what can be known of the console that the standard streams are.

use std::io::{self, IsTerminal};

use terminal_size::{Height, Width, terminal_size_of};

/// How wide a console is where nobody can say.
const USUAL_COLUMNS: usize = 80;

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

/// Whether a terminal here can be trusted to obey escape sequences. A console has to be asked, and does
/// not by itself: before Windows 10 it prints them. `TERM` says of any other, as in Git Bash, what it is.
pub fn knows_escapes() -> bool {
    if terminal_size_of(io::stdout()).is_some() {
        return anstyle_query::windows::enable_ansi_colors() == Some(true);
    }
    let kind = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "unknown"].contains(&kind.as_str())
}

/// Whether stdout and stderr are the same terminal. A Windows program has one console.
pub fn one_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
