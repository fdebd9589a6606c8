//! How a thread says what it does. Nobody listens unless somebody asked for it; what is then made of
//! it is the business of the [`lens`](crate::lens).

pub mod steps;
pub mod watched;
