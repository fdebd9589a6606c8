//! Every decision: finding a friend, the conversation, and how it ends. Nothing here knows of
//! sockets or files, and nothing blocks.

pub mod conversation;
pub mod coordinator;
pub mod farewell;
pub mod halves;
pub mod leaving;
pub mod meeting;
pub mod names;
pub mod plan;
pub mod redial;
pub mod ringing;
pub mod search;
pub mod shown;
pub mod transfer;
pub mod typing;
pub mod verdict;
