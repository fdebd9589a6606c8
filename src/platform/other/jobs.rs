//! Windows: a console has no jobs, no background, and no Ctrl-Z.

/// A console has no background.
pub fn go_on_in_background() {}

/// A console has no background.
pub fn in_foreground() -> bool {
    true
}

/// A console has no background.
pub fn stderr_in_foreground() -> bool {
    true
}

/// Nobody could let us go on.
pub fn has_shell() -> bool {
    false
}

/// Never called, since there is no shell.
pub fn stop_process() {}
