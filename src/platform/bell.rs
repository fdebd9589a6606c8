//! Waking a thread that is blocked in a call.

use std::fmt;
use std::sync::Arc;

/// Whether `shutdown` on a socket wakes a thread that is blocked in `recv` on it. Windows does
/// not see to that (rust-lang/rust#121594).
pub const SHUTDOWN_WAKES: bool = cfg!(unix);

/// A bell that wakes a thread. It does not say why: the reason has been left, beforehand, where that
/// thread looks for it.
#[derive(Clone)]
pub struct Bell(Arc<dyn Fn() + Send + Sync>);

impl Bell {
    /// A bell that is rung in this way.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Bell {
        Bell(Arc::new(ring))
    }

    /// Wakes the thread, or lets its next wait end at once. This itself never waits.
    pub fn ring(&self) {
        (self.0)();
    }
}

/// What ends the waiting of a thread that waits for what is typed, and for its bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Something has been typed.
    Typed,
    /// Nothing, in the time that there was.
    Late,
    /// Somebody has rung.
    Rung,
    /// The window has another size, or we go on after having been stopped, or we are in the
    /// background now.
    Terminal,
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}
