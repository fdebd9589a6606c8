//! Jobs: in the foreground the terminal is ours, in the background it is the shell's.
//!
//! Whoever touches the terminal asks here first. The signals with which the system stops a job that
//! touches it all the same (SIGTTIN, SIGTTOU) are blocked in every thread: it may have been moved to the
//! background since, and a call that stops it is begun again when it goes on, and stops it once more,
//! before it can end. So `stty tostop` does not hold it either.

use std::os::fd::BorrowedFd;

use nix::sys::signal::{SigSet, Signal as Sig};
use nix::unistd::{getpgrp, getsid, tcgetpgrp};
use rustix::process::{Signal, kill_current_process_group};
use rustix::stdio;

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

/// Whether we are in the foreground. A terminal that is not the session's own has no jobs, and so no
/// background.
pub fn in_foreground() -> bool {
    // Not `rustix`'s call: it takes 0 for impossible, which stands for a group that our container does
    // not show us (`docker exec`, `unshare --pid`).
    tcgetpgrp(stdio::stdin()).map_or(true, |group| group == getpgrp())
}

/// Whether we are in the foreground of the terminal that stderr is. In the background only lines are
/// written there, as every program does, and nothing that moves the cursor.
pub fn stderr_in_foreground() -> bool {
    tcgetpgrp(stdio::stderr()).map_or(true, |group| group == getpgrp())
}

/// The terminal that stdin is, if it may be touched: while we are in the background it is the
/// shell's. Whoever changes it, empties it or reads from it asks here first.
pub(super) fn ours() -> Option<BorrowedFd<'static>> {
    in_foreground().then(stdio::stdin)
}

/// Whether somebody is there who could let us go on after Ctrl-Z. Without one the system does not
/// stop us (POSIX: an orphaned process group, of whose members none has its parent in another
/// group of the session).
///
/// The group of the session's leader is always one, since the leader's parent is in another
/// session: a program in a window of its own, under `sh -c` or not, or without job control. Every
/// other group was made from within the session, by a shell or whoever else starts jobs there.
pub fn has_shell() -> bool {
    getsid(None) != Ok(getpgrp())
}

/// Stops the process, and whoever was started with it, as the terminal itself does at Ctrl-Z. It may
/// still run for a moment; when it goes on, the thread that waits in [`stdin`](crate::platform::stdin)
/// is woken.
pub fn stop_process() {
    let _ = kill_current_process_group(Signal::TSTP);
}
