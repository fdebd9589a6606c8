//! The program itself: the command line, starting everything in order, and ending it in order.

pub mod chat;
pub mod cli;
pub mod ending;
pub mod writers;
