//! Stands in for `crossbeam-channel`, and for the system's threads and clock, under the model
//! checker: the same methods, as far as threadchat uses them, but who goes next at each of them is
//! decided by `shuttle`.
//!
//! [`machine`] has the only thing that blocks; a channel is a queue behind it.

pub mod machine;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use machine::{Monitor, Sleeper, Wakes};

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct RecvError;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum TryRecvError {
    Empty,
    Disconnected,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum RecvTimeoutError {
    Timeout,
    Disconnected,
}

pub struct SendError<T>(pub T);

#[derive(Debug)]
pub enum TrySendError<T> {
    Full(T),
    Disconnected(T),
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError")
    }
}

struct Queue<T> {
    waiting: VecDeque<T>,
    limit: usize,
    senders: usize,
    receivers: usize,
}

impl<T> Queue<T> {
    fn take(&mut self) -> Option<Result<T, RecvError>> {
        match self.waiting.pop_front() {
            Some(next) => Some(Ok(next)),
            None if self.senders == 0 => Some(Err(RecvError)),
            None => None,
        }
    }
}

pub struct Sender<T>(Monitor<Queue<T>>);

pub struct Receiver<T>(From<T>);

enum From<T> {
    Queue(Monitor<Queue<T>>),
    Never,
    /// Ready at this time; what it gives is made then.
    At(Instant, fn(Instant) -> T),
}

pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(usize::MAX)
}

pub fn bounded<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Monitor::new(Queue { waiting: VecDeque::new(), limit, senders: 1, receivers: 1 });
    (Sender(queue.clone()), Receiver(From::Queue(queue)))
}

pub fn never<T>() -> Receiver<T> {
    Receiver(From::Never)
}

pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver(From::At(when, |when| when))
}

impl<T> Sender<T> {
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut value = Some(value);
        self.0.wait(|queue| {
            if queue.receivers == 0 {
                return Some(value.take().map_or(Ok(()), |value| Err(SendError(value))));
            }
            if queue.waiting.len() >= queue.limit {
                return None;
            }
            queue.waiting.extend(value.take());
            Some(Ok(()))
        })
    }

    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.change(|queue| match () {
            () if queue.receivers == 0 => Err(TrySendError::Disconnected(value)),
            () if queue.waiting.len() >= queue.limit => Err(TrySendError::Full(value)),
            () => {
                queue.waiting.push_back(value);
                Ok(())
            }
        })
    }

    pub fn len(&self) -> usize {
        self.0.look(|queue| queue.waiting.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Receiver<T> {
    pub fn recv(&self) -> Result<T, RecvError> {
        loop {
            machine::wait_for_any(&[self]);
            match self.try_recv() {
                Ok(next) => return Ok(next),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.0 {
            From::Queue(queue) => match queue.change(Queue::take) {
                Some(next) => next.map_err(|RecvError| TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            },
            From::Never => Err(TryRecvError::Empty),
            From::At(when, make) if machine::now() >= *when => Ok(make(*when)),
            From::At(..) => Err(TryRecvError::Empty),
        }
    }

    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        loop {
            match self.try_recv() {
                Ok(next) => return Ok(next),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if machine::now() >= deadline => {
                    return Err(RecvTimeoutError::Timeout);
                }
                Err(TryRecvError::Empty) => {
                    machine::wait_for_any(&[self, &at(deadline)]);
                }
            }
        }
    }

    pub fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_deadline(machine::now() + time)
    }

    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            From::Queue(queue) => queue.look(|queue| queue.waiting.len()),
            From::Never | From::At(..) => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Wakes for Receiver<T> {
    fn is_ready(&self, or_wake: &Arc<Sleeper>) -> bool {
        match &self.0 {
            From::Queue(queue) => {
                queue.is_ready(|queue| !queue.waiting.is_empty() || queue.senders == 0, or_wake)
            }
            From::Never => false,
            From::At(when, _) => machine::now() >= *when,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.0 {
            From::At(when, _) => Some(when),
            _ => None,
        }
    }
}

impl<W: Wakes> Wakes for &W {
    fn is_ready(&self, or_wake: &Arc<Sleeper>) -> bool {
        W::is_ready(self, or_wake)
    }

    fn deadline(&self) -> Option<Instant> {
        W::deadline(self)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.0.change(|queue| queue.senders += 1);
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.change(|queue| queue.senders -= 1);
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver(match &self.0 {
            From::Queue(queue) => {
                queue.change(|queue| queue.receivers += 1);
                From::Queue(queue.clone())
            }
            From::Never => From::Never,
            From::At(when, make) => From::At(*when, *make),
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let From::Queue(queue) = &self.0 {
            // Dropped outside: what is in it may hold an end of this very channel.
            let left = queue.change(|queue| {
                queue.receivers -= 1;
                if queue.receivers == 0 {
                    std::mem::take(&mut queue.waiting)
                } else {
                    VecDeque::new()
                }
            });
            drop(left);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

/// Waits for several at once; which of those that are ready is chosen is `shuttle`'s business.
#[macro_export]
macro_rules! select {
    ($(recv($from:expr) -> $next:pat => $body:block)+ default($time:expr) => $late:expr $(,)?) => {
        $crate::select! {
            $(recv($from) -> $next => $body,)+
            recv($crate::at($crate::machine::now() + $time)) -> _ => $late,
        }
    };
    ($(recv($from:expr) -> $next:pat => $body:expr),+ $(,)?) => {
        loop {
            let chosen = $crate::machine::wait_for_any(&[$(&$from),+]);
            let mut arms = 0..;
            $(
                if arms.next() == Some(chosen) {
                    match $from.try_recv() {
                        Err($crate::TryRecvError::Empty) => continue,
                        next => {
                            let $next = next.map_err(|_| $crate::RecvError);
                            #[allow(unreachable_code, reason = "an arm may return")]
                            {
                                break $body;
                            }
                        }
                    }
                }
            )+
        }
    };
}
