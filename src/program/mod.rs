//! The program itself: the command line, starting everything in order, and ending it in order.

pub mod address;
pub mod chat;
pub mod cli;
pub mod ending;
pub mod finder;
pub mod help;
pub mod manual;
pub mod meet;
pub mod retyped;
pub mod stdin;
pub mod streams;
pub mod sudden;
pub mod writers;
