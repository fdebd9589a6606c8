//! Where a message ends, on the two wires and in what a person types: pure rules. Nothing here knows
//! a thread, a socket or a buffer.

pub mod codec;
pub mod fault;
pub mod framer;
pub mod frames;
pub mod lines;
pub mod messages;
pub mod sniffer;
pub mod space;
pub mod step;
pub mod typed;

#[cfg(test)]
mod tests;
