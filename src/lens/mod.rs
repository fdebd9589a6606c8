//! What the threads do, made visible: in words for `--explain`, in a file for `--trace`.

pub mod boundaries;
pub mod explain;
pub mod trace;
