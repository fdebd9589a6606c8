//! threadchat

#![deny(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::todo,
    clippy::unimplemented,
    clippy::dbg_macro,
    clippy::disallowed_methods
)]

pub mod buffer;
pub mod chat;
pub mod cli;
pub mod connection;
pub mod coordinator;
pub mod error;
pub mod event;
pub mod explain;
pub mod notices;
pub mod platform;
pub mod reader;
pub mod screen;
pub mod socket;
pub mod thread;
pub mod wire;
pub mod writer;
