//! The signals that end a process, but for Ctrl-C's own, which is the `ctrlc` crate's.
//!
//! Some ask us to leave. Of the others each would end the process on the spot, with the terminal as
//! the line editor has it, and with half a line in it that the shell would run. So they are waited
//! for, too: the terminal is given back first, and then the process ends as it would have.

use std::ffi::c_int;
use std::{fs, io};

use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator;
use signal_hook::low_level::emulate_default_handler;

/// These ask to leave.
const LEAVE: [c_int; 2] = [SIGTERM, SIGHUP];

/// These end the process at once, unless somebody waits for them. (A fault in a program
/// raises others, which cannot be waited for: SIGSEGV and its like.)
const END: [c_int; 10] =
    [SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGSYS, SIGTRAP];

/// This says that a file may not grow any more (`ulimit -f`). Where it is waited for, the `write` fails
/// as on a full disk, and that is enough.
const FULL: c_int = SIGXFSZ;

/// The signals, to be waited for.
#[derive(Debug)]
pub struct Signals(iterator::Signals);

impl Signals {
    /// From now on signals wait for [`Signals::run`]. Those that were ignored when we came stay ignored
    /// (`nohup`; a script's `&`): whoever started us wants it so. (Linux lists them. Elsewhere it can be
    /// known of Ctrl-C alone.)
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub fn take() -> io::Result<Option<Signals>> {
        let ignored = ignored();
        let heard = |signal: &c_int| ignored >> (signal - 1) & 1 == 0;
        let all = LEAVE.into_iter().chain(END).chain([FULL]);
        iterator::Signals::new(all.filter(heard)).map(Signals).map(Some)
    }

    /// Waits for signals for as long as the process lives. `leave` is called for each that asks us to;
    /// `give_back` before one ends the process.
    pub fn run(mut self, leave: impl Fn(), give_back: impl Fn()) {
        for signal in self.0.forever() {
            if LEAVE.contains(&signal) {
                leave();
            } else if signal != FULL {
                give_back();
                // It does not come back from this.
                let _ = emulate_default_handler(signal);
            }
        }
    }
}

/// The signals that are ignored, as Linux lists them: a bit for each, the lowest for the signal 1.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
