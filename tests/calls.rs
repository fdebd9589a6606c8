//! CONTRACT 1, 2 and 4: calling and being called.

mod support;

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use support::threadchat;

// The log.

#[test]
fn a_filter_of_the_log_that_is_none_is_told_and_ends_nothing() {
    let mut with = Command::new(threadchat());
    with.args(["connect", "127.0.0.1:1", "--timeout", "5"]);
    for setting in ["threadchat=bogus", "a=b=c", "debug/x/y", "threadchat=bogus/x"] {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        for stderr in [Stdio::from(full()), Stdio::from(writer)] {
            let status = with.env("RUST_LOG", setting).stdin(Stdio::null()).stderr(stderr).status();
            assert_eq!(status.unwrap().code(), Some(1), "{setting}: refused, and no panic");
        }
        let output = with.stderr(Stdio::piped()).output().unwrap();
        let stderr = support::text(&output.stderr);
        assert!(stderr.starts_with("* RUST_LOG has "), "{setting}: {stderr}");
    }
    // What can be understood of it holds.
    let setting = "threadchat=bogus,threadchat::socket=debug";
    let output = with.env("RUST_LOG", setting).stderr(Stdio::piped()).output().unwrap();
    let stderr = support::text(&output.stderr);
    assert!(stderr.contains("blocks in connect to 127.0.0.1:1"), "{stderr}");
}
