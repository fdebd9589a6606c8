//! From an address to a friend on the line: sockets, and the threads that call, take calls, and look
//! up names.

pub mod connection;
pub mod neighbours;
pub mod resolver;
pub mod seeker;
pub mod socket;
