//! Many people instead of two. The threads are the same, and so is the coordinator. What is added here:
//! who hears whom, and how nobody holds up the others.

pub mod announcement;
pub mod closing;
pub mod host_outbox;
pub mod hosting;
pub mod member;
pub mod paid_outbox;
pub mod relay;
pub mod rules;
