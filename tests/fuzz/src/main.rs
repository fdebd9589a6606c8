//! libFuzzer's way to the targets: which one is meant stands in the environment.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../targets/mod.rs"]
mod targets;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

fn target() -> targets::Target {
    let wanted = std::env::var("THREADCHAT_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.into_iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("THREADCHAT_FUZZ_TARGET is no target: {wanted:?}"))
}

fuzz_target!(|bytes: &[u8]| {
    let (_, run) = TARGET.get_or_init(target);
    run(bytes);
});
