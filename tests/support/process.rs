//! What the system itself tells about a running program: its threads, what they cost, and its
//! sockets with their options. Linux only, as `/proc` is.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;

use super::until;

/// A thread of a running program, as `/proc/PID/task` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadState {
    pub name: String,
    pub id: u32,
    /// `S` sleeps, `R` runs.
    pub state: char,
    /// How often it has been scheduled away from a processor, wanting to or not: a thread that
    /// was woken even once since has a greater number.
    pub switches: u64,
    /// The processor time it has used, in the kernel's ticks.
    pub ticks: u64,
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ThreadState { name, id, state, switches, ticks } = self;
        write!(f, "{name} ({id}): {state}, {switches} switches, {ticks} ticks")
    }
}

/// The threads of a process; none where it has ended.
pub fn threads(pid: u32) -> Vec<ThreadState> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut threads: Vec<ThreadState> = tasks
        .filter_map(|task| {
            let task = task.ok()?.path();
            // A thread may end between one look and the next.
            let read = |file: &str| std::fs::read_to_string(task.join(file)).ok();
            let status = read("status")?;
            let count = |key: &str| -> Option<u64> {
                let (_, value) = status
                    .lines()
                    .find_map(|line| line.split_once(':').filter(|(name, _)| *name == key))?;
                value.trim().parse().ok()
            };
            let stat = read("stat")?;
            // The name stands in brackets, and may hold anything; fields are counted behind it.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            Some(ThreadState {
                name: read("comm")?.trim_end().to_owned(),
                id: task.file_name()?.to_str()?.parse().ok()?,
                state: fields.first()?.chars().next()?,
                switches: count("voluntary_ctxt_switches")? + count("nonvoluntary_ctxt_switches")?,
                ticks: fields.get(11)?.parse::<u64>().ok()?
                    + fields.get(12)?.parse::<u64>().ok()?,
            })
        })
        .collect();
    threads.sort_by_key(|thread| thread.id);
    threads
}

/// Waits until a process has threads of all these names.
#[track_caller]
pub fn wait_for_threads(pid: u32, names: &[&str]) {
    until(&format!("process {pid} has the threads {names:?}"), || {
        let threads = threads(pid);
        names.iter().all(|name| threads.iter().any(|thread| thread.name == *name)).then_some(())
    });
}

/// Second handles on a process's sockets, through which their options and addresses can be read.
/// The process need not help: the system gives them to its parent.
///
/// `None` where the system does not (a container without the right to trace).
#[track_caller]
pub fn sockets(pid: u32) -> Option<Vec<Socket>> {
    let process = Pid::from_raw(i32::try_from(pid).expect("a process")).expect("a process");
    let process = pidfd_open(process, PidfdFlags::empty()).expect("it runs");
    let mut sockets = Vec::new();
    for fd in std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs") {
        let path = fd.expect("it runs").path();
        let is_socket = std::fs::read_link(&path)
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        if !is_socket {
            continue;
        }
        let number =
            path.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a number");
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(fd) => sockets.push(Socket::from(fd)),
            Err(rustix::io::Errno::BADF) => {} // Closed between one look and the next.
            Err(why) => {
                super::skipped(&format!("the system does not show a program's sockets: {why}"));
                return None;
            }
        }
    }
    // Those that others open for moments (to look up a name) are of no interest.
    sockets.retain(|socket| matches!(socket.r#type(), Ok(socket2::Type::STREAM)));
    // Nor are the pairs by which it wakes itself.
    sockets.retain(|socket| socket.local_addr().is_ok_and(|address| !address.is_unix()));
    Some(sockets)
}

/// The socket that a process listens on, once it does. `None` as in [`sockets`].
#[track_caller]
pub fn listening_socket(pid: u32) -> Option<Socket> {
    until(&format!("process {pid} listens"), || match sockets(pid) {
        None => Some(None),
        Some(sockets) => {
            sockets.into_iter().find(|socket| socket.is_listener().unwrap_or(false)).map(Some)
        }
    })
}

/// The socket of a process's conversation, once it is connected. `None` as in [`sockets`].
#[track_caller]
pub fn connected_socket(pid: u32) -> Option<Socket> {
    until(&format!("process {pid} is connected"), || match sockets(pid) {
        None => Some(None),
        Some(sockets) => sockets.into_iter().find(|socket| socket.peer_addr().is_ok()).map(Some),
    })
}

/// Waits until every thread of these processes sleeps, and none has been scheduled for half a second:
/// until they are blocked, all of them, in what they wait for. Gives back their threads as they are
/// then. One that only waits for a processor, for however long, is not blocked.
///
/// Nobody can tell from this that nothing is on its way to them. A test that sends them something
/// waits for a sign first that it is there.
#[track_caller]
pub fn wait_until_quiet(pids: &[u32]) -> Vec<ThreadState> {
    let look = || -> Vec<ThreadState> { pids.iter().flat_map(|pid| threads(*pid)).collect() };
    let mut before = look();
    let mut since = Instant::now();
    until("every thread is quiet", || {
        let now = look();
        if now != before || now.iter().any(|thread| thread.state != 'S') {
            before = now;
            since = Instant::now();
        }
        (since.elapsed() > Duration::from_millis(500)).then(|| before.clone())
    })
}
