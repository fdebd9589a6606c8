//! Where a message ends, on the two wires and in what a person types: pure rules. Nothing here knows
//! a thread, a socket or a buffer.

pub mod messages;
pub mod sniffer;
pub mod typed;
