//! A program that is allowed no more than so much of something, as `ulimit` and `prlimit` have it:
//! files, threads, memory.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{have_tool, skipped, threadchat};

/// The words before a command whose threads are counted by themselves: the limit of threads counts all
/// processes of a user, and does not hold for root. So it has to be a user who has no others; or one
/// in a namespace of its own, where they are counted anew. `None` where that is not allowed here.
#[track_caller]
pub fn as_user_without_threads() -> Option<Vec<String>> {
    static USERS: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() * 256 + USERS.fetch_add(1, Ordering::Relaxed) % 256;
    let user = format!("--reuid={}", 1_000_000_000 + number);
    let start: Vec<String> = match rustix::process::geteuid().is_root() {
        true => ["setpriv", &user, "--clear-groups"],
        false => ["unshare", "--user", "--map-root-user"],
    }
    .map(str::to_owned)
    .to_vec();
    if !have_tool(&start[0]) {
        return None;
    }
    let works =
        Command::new(&start[0]).args(&start[1..]).arg(threadchat()).arg("--version").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped(&format!("{start:?} is not allowed here"));
        return None;
    }
    Some(start)
}

/// threadchat, allowed no more than this, in the words of `ulimit`; `start` goes before it. It is the
/// process that is started, not a child of it.
pub fn limited(start: &[String], limit: &str, words: &[&str]) -> Vec<String> {
    // The hard limit too, which the program could raise the other to.
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let shell = ["bash", "-c", &script, threadchat()].map(str::to_owned);
    start.iter().cloned().chain(shell).chain(words.iter().map(|&word| word.to_owned())).collect()
}
