//! The system's threads and its clock; or those of the model checker (`scripts/model`), which lets
//! them go on in any order that there can be, and takes the place of the channels as well.

#[cfg(model)]
pub use crossbeam_channel::machine::{now, thread};
#[cfg(not(model))]
pub use std::thread;

/// What time it is.
#[cfg(not(model))]
#[must_use]
pub fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The number that the system has for this thread, which `ps -L` shows too.
#[cfg(target_os = "linux")]
pub fn thread_number() -> u64 {
    u64::from(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
}

/// A number for this thread: the system's own wants `unsafe` here.
#[cfg(not(target_os = "linux"))]
pub fn thread_number() -> u64 {
    static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
}
