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
