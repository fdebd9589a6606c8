//! From an address to a friend on the line: sockets, and the threads that call, take calls, and look
//! up names.

pub mod acceptor;
pub mod connection;
pub mod connector;
pub mod neighbours;
pub mod place;
pub mod requests;
pub mod resolver;
pub mod socket;
