//! The one thing that blocks, threads, and a clock.
//!
//! Time passes when nobody can do anything without it: then it is the next time that somebody waits
//! for. (And where that is asked for, sooner: as on a machine that is busy with something else.)

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use shuttle::rand::Rng;
use shuttle::sync::{Condvar, Mutex};

/// What is known of the execution that is on. `shuttle` lets one thread run at a time, on one thread
/// of the system's, so this is not shared.
#[derive(Default)]
struct Machine {
    /// How much time has passed.
    clock: Duration,
    /// How many threads there are.
    alive: usize,
    /// How many of them sleep until somebody else wakes them.
    asleep: usize,
    /// Until when others sleep at most.
    deadlines: Vec<Instant>,
    /// One in so many looks at the clock finds that the time is over already; 0: none.
    haste: u32,
    threads: HashMap<shuttle::thread::ThreadId, thread::Thread>,
}

std::thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::default();
}

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// An execution begins, in this thread. `haste`: see [`Machine::haste`].
pub fn begin(haste: u32) {
    MACHINE.with_borrow_mut(|machine| *machine = Machine { alive: 1, haste, ..Machine::default() });
}

/// What time it is.
pub fn now() -> Instant {
    MACHINE.with_borrow(|machine| *BEGAN + machine.clock)
}

/// Somebody who sleeps, or is about to.
pub struct Sleeper {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Awake,
    Asleep,
    Rung,
}

impl Sleeper {
    fn new() -> Arc<Sleeper> {
        Arc::new(Sleeper { state: Mutex::new(State::Awake), bell: Condvar::new() })
    }

    fn ring(&self) {
        let mut state = self.state.lock().unwrap();
        if *state == State::Asleep {
            MACHINE.with_borrow_mut(|machine| machine.asleep -= 1);
        }
        *state = State::Rung;
        self.bell.notify_all();
    }

    fn sleep(&self) {
        let mut state = self.state.lock().unwrap();
        if *state == State::Rung {
            return;
        }
        *state = State::Asleep;
        MACHINE.with_borrow_mut(|machine| machine.asleep += 1);
        while *state != State::Rung {
            state = self.bell.wait(state).unwrap();
        }
    }

    fn sleep_until(&self, deadline: Instant) {
        MACHINE.with_borrow_mut(|machine| machine.deadlines.push(deadline));
        loop {
            if *self.state.lock().unwrap() == State::Rung || now() >= deadline {
                break;
            }
            let haste = MACHINE.with_borrow(|machine| machine.haste);
            let hasty = haste > 0 && shuttle::rand::thread_rng().gen_range(0..haste) == 0;
            MACHINE.with_borrow_mut(|machine| {
                let all = machine.asleep + machine.deadlines.len() == machine.alive;
                let first = machine.deadlines.iter().all(|&other| deadline <= other);
                if first && (all || hasty) {
                    machine.clock = deadline - *BEGAN;
                }
            });
            shuttle::thread::yield_now();
        }
        MACHINE.with_borrow_mut(|machine| {
            let at = machine.deadlines.iter().position(|&other| other == deadline);
            machine.deadlines.swap_remove(at.expect("it was put there"));
        });
    }
}

/// What can be waited for.
pub trait Wakes {
    /// Whether it is there; else it wakes the sleeper when that may have changed.
    fn is_ready(&self, or_wake: &Arc<Sleeper>) -> bool;

    /// When it will be there by itself.
    fn deadline(&self) -> Option<Instant>;
}

/// Waits for one of several, and tells which.
pub fn wait_for_any(sources: &[&dyn Wakes]) -> usize {
    loop {
        let sleeper = Sleeper::new();
        let ready: Vec<usize> =
            (0..sources.len()).filter(|&at| sources[at].is_ready(&sleeper)).collect();
        match ready[..] {
            [] => {}
            [only] => return only,
            _ => return ready[shuttle::rand::thread_rng().gen_range(0..ready.len())],
        }
        match sources.iter().filter_map(|source| source.deadline()).min() {
            None => sleeper.sleep(),
            Some(deadline) => sleeper.sleep_until(deadline),
        }
    }
}

/// Something that several threads use, one at a time, and whose changes they can wait for.
pub struct Monitor<T>(Arc<Mutex<Watched<T>>>);

struct Watched<T> {
    value: T,
    sleepers: Vec<Arc<Sleeper>>,
}

impl<T> Monitor<T> {
    pub fn new(value: T) -> Monitor<T> {
        Monitor(Arc::new(Mutex::new(Watched { value, sleepers: Vec::new() })))
    }

    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.lock().unwrap().value)
    }

    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut watched = self.0.lock().unwrap();
        let result = change(&mut watched.value);
        let sleepers = std::mem::take(&mut watched.sleepers);
        drop(watched);
        sleepers.iter().for_each(|sleeper| sleeper.ring());
        result
    }

    /// Waits until the change can be made.
    pub fn wait<R>(&self, mut change: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            let sleeper = Sleeper::new();
            let mut watched = self.0.lock().unwrap();
            if let Some(result) = change(&mut watched.value) {
                let sleepers = std::mem::take(&mut watched.sleepers);
                drop(watched);
                sleepers.iter().for_each(|sleeper| sleeper.ring());
                return result;
            }
            watched.sleepers.push(Arc::clone(&sleeper));
            drop(watched);
            sleeper.sleep();
        }
    }

    pub fn is_ready(&self, is_ready: impl FnOnce(&T) -> bool, or_wake: &Arc<Sleeper>) -> bool {
        let mut watched = self.0.lock().unwrap();
        let ready = is_ready(&watched.value);
        if !ready {
            watched.sleepers.push(Arc::clone(or_wake));
        }
        ready
    }
}

impl<T> Clone for Monitor<T> {
    fn clone(&self) -> Monitor<T> {
        Monitor(Arc::clone(&self.0))
    }
}

/// As `std::thread`, as far as it is used.
pub mod thread {
    pub use shuttle::thread::yield_now;

    use super::{MACHINE, Monitor, io};

    #[derive(Clone)]
    pub struct Thread(Monitor<bool>);

    impl Thread {
        fn new() -> Thread {
            Thread(Monitor::new(false))
        }

        pub fn unpark(&self) {
            self.0.change(|token| *token = true);
        }
    }

    impl std::fmt::Debug for Thread {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Thread")
        }
    }

    pub fn current() -> Thread {
        let id = shuttle::thread::current().id();
        MACHINE.with_borrow_mut(|machine| {
            machine.threads.entry(id).or_insert_with(Thread::new).clone()
        })
    }

    pub fn park() {
        current().0.wait(|token| std::mem::take(token).then_some(()));
    }

    #[derive(Default)]
    pub struct Builder(Option<String>);

    impl Builder {
        pub fn new() -> Builder {
            Builder::default()
        }

        pub fn name(self, name: String) -> Builder {
            Builder(Some(name))
        }

        pub fn stack_size(self, _bytes: usize) -> Builder {
            self
        }

        pub fn spawn<T: Send + 'static>(
            self,
            body: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            let builder = shuttle::thread::Builder::new();
            let builder = match self.0 {
                Some(name) => builder.name(name),
                None => builder,
            };
            let ended = Monitor::new(None);
            MACHINE.with_borrow_mut(|machine| machine.alive += 1);
            let handle = builder.spawn({
                let ended = ended.clone();
                move || {
                    let result = body();
                    ended.change(|ended| *ended = Some(result));
                    MACHINE.with_borrow_mut(|machine| machine.alive -= 1);
                }
            })?;
            let id = handle.thread().id();
            let thread = MACHINE.with_borrow_mut(|machine| {
                machine.threads.entry(id).or_insert_with(Thread::new).clone()
            });
            Ok(JoinHandle { thread, ended })
        }
    }

    pub struct JoinHandle<T> {
        thread: Thread,
        ended: Monitor<Option<T>>,
    }

    impl<T> JoinHandle<T> {
        pub fn join(self) -> Result<T, ()> {
            Ok(self.ended.wait(Option::take))
        }

        pub fn thread(&self) -> &Thread {
            &self.thread
        }
    }

    impl<T> std::fmt::Debug for JoinHandle<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JoinHandle")
        }
    }
}
