//! What people say, made safe: pure rules about words, names and rows of text. Nothing here knows a
//! wire, a thread or a terminal.

pub mod audience;
pub mod command;
pub mod harmless;
pub mod invisible;
pub mod name;
pub mod reason;
pub mod rows;
