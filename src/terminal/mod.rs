//! A person's side: from keys to lines, and from messages to rows on the screen.

pub mod above;
pub mod attention;
pub mod board;
pub mod clock;
pub mod decoder;
pub mod editor;
pub mod history;
pub mod keyboard;
pub mod keys;
pub mod label;
pub mod layout;
pub mod lines;
pub mod meanwhile;
pub mod people;
pub mod progress;
pub mod row;
pub mod screen;
pub mod transcript;
