//! Where operating systems differ: the three standard streams, the terminal and its modes, jobs, signals,
//! and how to wake a thread that is blocked. Nothing here decides anything, or knows anybody above.
//!
//! Most files are about Unix; in the folder `other` stands a file of the same name for Windows, with the
//! same functions in it.

pub mod bell;
pub mod interface;
pub mod machine;

#[cfg_attr(not(unix), path = "other/display.rs")]
pub mod display;
#[cfg_attr(not(unix), path = "other/jobs.rs")]
pub mod jobs;
#[cfg_attr(not(unix), path = "other/limits.rs")]
pub mod limits;
#[cfg_attr(not(unix), path = "other/signals.rs")]
pub mod signals;
#[cfg_attr(not(unix), path = "other/stdin.rs")]
pub mod stdin;
#[cfg_attr(not(unix), path = "other/streams.rs")]
pub mod streams;
#[cfg_attr(not(unix), path = "other/terminal.rs")]
pub mod terminal;
#[cfg_attr(not(unix), path = "other/window.rs")]
pub mod window;
