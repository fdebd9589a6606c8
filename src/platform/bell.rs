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

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}
