//! An hour of use, compressed: the short version of `scripts/soak`, which has the promises. Its long
//! version takes minutes, and shows what grows by a little each time.

mod support;

use std::process::Command;

use support::{Program, have_tool, threadchat};

#[test]
fn thousands_of_conversations_leave_nothing_behind_and_lose_nothing() {
    if !have_tool("python3") {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/soak");
    let mut soak = Program::spawn(Command::new("python3").args(["-B", script]).args([
        "--seconds",
        "6",
        "--program",
        threadchat(),
    ]));
    let ended = soak.ends_with(0);
    eprint!("{}", support::text(&ended.stdout));
    assert_eq!(ended.stdout.iter().filter(|&&byte| byte == b'\n').count(), 5, "each has a verdict");
}
