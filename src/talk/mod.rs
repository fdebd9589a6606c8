//! Every decision: finding a friend, the conversation, and how it ends. No socket, no file and no
//! thread is known here.

pub mod conversation;
pub mod coordinator;
pub mod leaving;
