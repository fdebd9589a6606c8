//! A bad network: a proxy in the test process, between two real programs over loopback. It delays what
//! passes, splits and joins it, holds one direction up, resets the connection, or ends one direction
//! before its time, each at a chosen byte.
//!
//! It is a thread with both connections, and waits for both at once. So a reset is a matter of closing
//! them, with nobody else who has them open.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::DEADLINE;

/// Where what passes comes from.
pub const CALLER: usize = 0;
/// See [`CALLER`].
pub const LISTENER: usize = 1;

/// What is done to the next bytes of a direction. When there are no more steps, everything passes.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// So many pass as they come.
    Pass(usize),
    /// So many pass one by one, each in a segment of its own.
    Split(usize),
    /// So many are gathered first, and then pass in one piece.
    Join(usize),
    /// Nothing passes for so many milliseconds.
    Delay(u64),
    /// Nothing passes until the other direction has ended, or has come to a stall too.
    Stall,
}

/// What goes wrong with a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both sides are told that the connection is gone (RST).
    Reset,
    /// The receiver is told that this was all (FIN); what still comes is swallowed.
    HalfClose,
}

/// What happens to a direction.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub steps: Vec<Step>,
    /// What goes wrong, and after how many bytes.
    pub fault: Option<(usize, Fault)>,
}

/// What became of the two directions, from [`CALLER`] and from [`LISTENER`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    /// How many bytes passed.
    pub passed: [usize; 2],
    /// The receiver was told that this was all, and it was.
    pub ended: [bool; 2],
    /// The fault took place.
    pub faulted: [bool; 2],
    /// One of the programs reset the connection itself.
    pub was_reset: bool,
}

/// A proxy that takes one call.
pub struct Proxy {
    pub port: u16,
    thread: JoinHandle<Course>,
}

impl Proxy {
    /// A proxy to the program that listens on `port`.
    pub fn to(port: u16, schedules: [Schedule; 2]) -> Proxy {
        let (listener, own_port) = super::friend_listener();
        let thread = std::thread::spawn(move || {
            let caller = accept(&listener);
            drop(listener);
            let there = SocketAddr::from(([127, 0, 0, 1], port));
            let listening = TcpStream::connect(there).expect("the program listens");
            Wires::new([caller, listening], schedules).run()
        });
        Proxy { port: own_port, thread }
    }

    /// Waits for the end of both connections.
    #[track_caller]
    pub fn finish(self) -> Course {
        let deadline = Instant::now() + DEADLINE;
        while !self.thread.is_finished() {
            assert!(Instant::now() < deadline, "the connections do not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.thread.join().expect("the proxy is well")
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    super::friend_answers(listener)
}

/// Two connections, and what is to become of what passes between them.
struct Wires {
    /// The connections to the caller and to the listener.
    ends: [TcpStream; 2],
    ways: [Way; 2],
    course: Course,
}

/// A direction.
struct Way {
    steps: VecDeque<Step>,
    fault: Option<(usize, Fault)>,
    /// What has come and not gone.
    held: Vec<u8>,
    /// How much of it goes in one piece.
    piece: usize,
    /// How many bytes have come.
    came: usize,
    /// Nothing passes before then.
    until: Option<Instant>,
    stalled: bool,
    /// Nothing more comes.
    no_more: bool,
    /// The receiver has been told so.
    closed: bool,
}

impl Way {
    fn new(schedule: Schedule) -> Way {
        Way {
            steps: schedule.steps.into(),
            fault: schedule.fault,
            held: Vec::new(),
            piece: usize::MAX,
            came: 0,
            until: None,
            stalled: false,
            no_more: false,
            closed: false,
        }
    }

    fn is_over(&self) -> bool {
        self.no_more && self.closed
    }

    /// What is waited for: to read from one side, or to write to the other.
    fn waits_for(&self) -> Option<PollFlags> {
        let joining =
            matches!(self.steps.front(), Some(&Step::Join(size)) if self.held.len() < size);
        match self {
            _ if self.is_over() || self.stalled || self.until.is_some() => None,
            _ if self.held.is_empty() || (joining && !self.no_more && self.room() > 0) => {
                (!self.no_more).then_some(PollFlags::IN)
            }
            _ => Some(PollFlags::OUT),
        }
    }

    /// How many bytes may come before the fault, or the end of the step.
    fn room(&self) -> usize {
        let to_fault = match self.fault {
            Some((at, _)) => at.saturating_sub(self.came),
            None => usize::MAX,
        };
        let to_step = match self.steps.front() {
            Some(&Step::Pass(size) | &Step::Split(size)) => size,
            Some(&Step::Join(size)) => size.saturating_sub(self.held.len()),
            _ => usize::MAX,
        };
        to_fault.min(to_step)
    }
}

impl Wires {
    fn new(ends: [TcpStream; 2], schedules: [Schedule; 2]) -> Wires {
        for end in &ends {
            end.set_nodelay(true).expect("it is a socket");
            end.set_nonblocking(true).expect("it is a socket");
        }
        Wires { ends, ways: schedules.map(Way::new), course: Course::default() }
    }

    fn run(mut self) -> Course {
        loop {
            // What the second does may let the first go on.
            for which in [CALLER, LISTENER, CALLER] {
                if !self.prepare(which) {
                    return self.reset();
                }
            }
            if self.ways.iter().all(Way::is_over) {
                return self.course;
            }
            self.wait();
            for which in [CALLER, LISTENER] {
                let result = match self.ways[which].waits_for() {
                    Some(PollFlags::IN) => self.read(which),
                    Some(_) => self.write(which),
                    None => Ok(()),
                };
                match result {
                    Err(why) if why.kind() != ErrorKind::WouldBlock => {
                        self.course.was_reset = true;
                        return self.reset();
                    }
                    _ => {}
                }
            }
        }
    }

    /// Begins whatever step is next, and whatever goes wrong now. `false`: reset the connections.
    fn prepare(&mut self, which: usize) -> bool {
        loop {
            let other = &self.ways[1 - which];
            let (other_stalls, other_is_over) = (other.stalled, other.is_over());
            let way = &mut self.ways[which];
            if way.until.is_some_and(|until| Instant::now() >= until) {
                way.until = None;
            }
            if way.stalled && (other_stalls || other_is_over) {
                way.stalled = false;
                // The one that waits for the other lets it go on too.
                self.ways[1 - which].stalled = false;
                continue;
            }
            if !way.held.is_empty() || way.stalled || way.until.is_some() {
                return true;
            }
            if let Some((at, fault)) = way.fault
                && way.came >= at
                && !self.course.faulted[which]
            {
                self.course.faulted[which] = true;
                if fault == Fault::Reset {
                    return false;
                }
                way.closed = true;
                way.steps.clear();
                way.fault = None;
                let _ = self.ends[1 - which].shutdown(Shutdown::Write);
                return true;
            }
            if way.no_more && !way.closed {
                way.closed = true;
                self.course.ended[which] = true;
                let _ = self.ends[1 - which].shutdown(Shutdown::Write);
            }
            match way.steps.front() {
                Some(Step::Pass(0) | Step::Split(0) | Step::Join(0)) => {}
                Some(&Step::Delay(time)) => {
                    way.until = Some(Instant::now() + Duration::from_millis(time));
                }
                Some(Step::Stall) => way.stalled = !way.is_over(),
                _ => return true,
            }
            way.steps.pop_front();
        }
    }

    fn wait(&self) {
        let mut fds = Vec::new();
        for (which, way) in self.ways.iter().enumerate() {
            match way.waits_for() {
                Some(PollFlags::IN) => fds.push(PollFd::new(&self.ends[which], PollFlags::IN)),
                Some(_) => fds.push(PollFd::new(&self.ends[1 - which], PollFlags::OUT)),
                None => {}
            }
        }
        let until = self.ways.iter().filter_map(|way| way.until).min();
        let limit = until.map_or(DEADLINE, |until| until.saturating_duration_since(Instant::now()));
        let limit = Timespec::try_from(limit).expect("a short time");
        let ready = poll(&mut fds, Some(&limit)).expect("sockets can be waited for");
        assert!(ready > 0 || until.is_some(), "nothing passes any more");
    }

    fn read(&mut self, which: usize) -> std::io::Result<()> {
        let way = &mut self.ways[which];
        let mut scratch = [0; 1 << 16];
        let room = way.room().min(scratch.len());
        let count = self.ends[which].read(&mut scratch[..room])?;
        way.came += count;
        way.no_more = count == 0;
        if way.closed {
            return Ok(()); // Swallowed.
        }
        way.held.extend_from_slice(&scratch[..count]);
        way.piece = usize::MAX;
        match way.steps.front_mut() {
            Some(Step::Pass(left)) => *left -= count,
            Some(Step::Split(left)) => {
                *left -= count;
                way.piece = 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, which: usize) -> std::io::Result<()> {
        let way = &mut self.ways[which];
        let piece = way.held.len().min(way.piece);
        let count = self.ends[1 - which].write(&way.held[..piece])?;
        way.held.drain(..count);
        self.course.passed[which] += count;
        if way.held.is_empty() && matches!(way.steps.front(), Some(Step::Join(_))) {
            way.steps.pop_front();
        }
        Ok(())
    }

    /// Closes both connections in the way that a machine does that has forgotten them.
    fn reset(self) -> Course {
        for end in &self.ends {
            let _ = socket2::SockRef::from(end).set_linger(Some(Duration::ZERO));
        }
        self.course
    }
}
