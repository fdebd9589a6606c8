//! Windows: it has none of the signals of Unix. Closing a console comes as Ctrl-C does.

use std::io;

/// The signals of Unix, of which there are none here.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// There are none.
    ///
    /// # Errors
    /// None here.
    pub fn take() -> io::Result<Option<Signals>> {
        Ok(None)
    }

    /// Nobody waits for what never comes.
    pub fn run(self, _leave: impl Fn(), _give_back: impl Fn()) {}
}
