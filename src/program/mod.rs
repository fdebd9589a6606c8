//! The program itself: the command line, starting everything in order, and ending it in order.

pub mod address;
pub mod chat;
pub mod cli;
pub mod ending;
pub mod help;
pub mod manual;
pub mod retyped;
pub mod writers;
