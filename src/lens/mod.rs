//! What the threads do, made visible: in words for `--explain`, in a file for `--trace`. Here is who
//! listens; how a thread says what it does is the business of [`watch`](crate::watch).

pub mod account;
pub mod book;
pub mod boundaries;
pub mod clock;
pub mod explain;
pub mod lanes;
pub mod listener;
pub mod passage;
pub mod record;
pub mod trace;
pub mod units;
