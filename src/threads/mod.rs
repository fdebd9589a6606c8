//! How bytes travel: every thread that blocks, and what travels between them. Nothing is decided here.

pub mod buffer;
pub mod event;
pub mod form;
pub mod friend;
pub mod inbox;
pub mod notices;
pub mod order;
pub mod outbox;
pub mod permit;
pub mod reader;
pub mod thread;
pub mod writer;
