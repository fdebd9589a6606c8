//! Threads with names; and at the end one can tell whether each of them has ended.

use std::io::ErrorKind;

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use crate::error::Error;
use crate::platform::limits;
use crate::platform::machine::thread::{self, Builder, JoinHandle};
use crate::roles::{self, Number, Role};
use crate::watch::steps;

/// The stack of a thread that serves one friend of many, in bytes: a thousand members have two
/// thousand threads. Much more than they need, also in a build for debugging.
pub const SMALL_STACK: usize = 256 * 1024;

/// The stack of every other thread, in bytes: what the standard library gives one.
pub const STACK: usize = 2 * 1024 * 1024;

/// How much memory has to be left besides the stack, in bytes: the running threads go on allocating.
/// A thread that is started with the very last of the memory, or that allocates when there is none
/// left, can do nothing but abort the process.
const TO_WORK_WITH: usize = 4 * 1024 * 1024;

/// Checks that there is memory to start a thread with a stack of so many bytes, and for it to work.
///
/// # Errors
/// There is no memory for it.
pub fn expect_memory(thread: Role, stack: usize) -> Result<(), Error> {
    match limits::has_memory_for((stack + TO_WORK_WITH) as u64) {
        true => Ok(()),
        false => Err(Error::NoThread { thread, why: ErrorKind::OutOfMemory.into() }),
    }
}

/// A thread that was started here.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<()>,
    role: Role,
    /// Nothing is ever sent here: the channel closes when the thread ends, however that happens.
    ended: Receiver<()>,
}

impl Thread {
    /// Starts a thread with a name that the operating system shows (`ps -L`, `top -H`, a
    /// debugger).
    ///
    /// # Errors
    /// The system has no thread left, or no memory for one.
    pub fn start(role: Role, body: impl FnOnce() + Send + 'static) -> Result<Thread, Error> {
        Thread::start_for(None, role, body)
    }

    /// The same for one friend of many.
    ///
    /// # Errors
    /// The system has no thread left, or no memory for one.
    pub fn start_for(
        whose: Option<Number>,
        role: Role,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<Thread, Error> {
        let stack = if whose.is_some() { SMALL_STACK } else { STACK };
        expect_memory(role, stack)?;
        let builder = Builder::new().name(role.name().to_owned()).stack_size(stack);
        let (ends, ended) = bounded(0);
        let handle = builder
            .spawn(move || {
                roles::begin(role, whose);
                let _ends: crossbeam_channel::Sender<()> = ends; // Dropped, and so closed, last.
                steps::begins();
                body();
                steps::ends();
            })
            .map_err(|why| match expect_memory(role, stack) {
                Ok(()) => Error::NoThread { thread: role, why },
                // The memory has gone meanwhile; for that, too, the system would just say that it can
                // start no thread.
                Err(error) => error,
            })?;
        Ok(Thread { handle, role, ended })
    }

    /// The thread itself, to wake it when it is parked.
    pub fn thread(&self) -> thread::Thread {
        self.handle.thread().clone()
    }

    /// A channel that closes when the thread ends.
    pub fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Joins a thread that has said its last word, or is sure to say it soon: so this does not wait
    /// for anything outside the program.
    pub fn join(self) {
        // It cannot have panicked: the panic hook ends the process.
        let _ = self.handle.join();
        log::debug!("joined {}", self.role);
    }

    /// Leaves a thread to end with the process.
    pub fn leave(self, why: &str) {
        log::debug!("leaves {}: {why}", self.role);
    }
}
