//! What can be seen of a process, its threads, its pipes and its sockets from outside. A test
//! that has nothing to read waits for one of these states with [`until`].

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::until;

/// The processor time that a process has used, in clock ticks (mostly 10 ms).
#[track_caller]
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The second field is a name in parentheses, in which anything can stand. After it come
    // the fields from the third on; utime and stime are the 14th and 15th (proc(5)).
    let (_, rest) = stat.rsplit_once(')').expect("Linux tells");
    let number = |at: usize| -> u64 {
        rest.split_whitespace().nth(at).and_then(|word| word.parse().ok()).expect("a number")
    };
    number(14 - 3) + number(15 - 3)
}

/// Whether the thread of this name exists and sleeps: it is blocked in a call or on a channel.
pub fn thread_sleeps(pid: u32, name: &str) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().any(|task| {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { return false };
        stat.split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'))
            .is_some_and(|(thread, rest)| thread == name && rest.trim_start().starts_with('S'))
    })
}

/// How many bytes wait in a pipe, by either of its ends, or in a terminal.
#[track_caller]
pub fn waiting_in(pipe: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(pipe).expect("it is a pipe")
}

/// Whether a pipe or a socket takes no more, by the end that is written to: who writes now blocks.
#[track_caller]
pub fn is_full(to: impl AsFd) -> bool {
    let mut ready = [PollFd::new(&to, PollFlags::OUT)];
    poll(&mut ready, Some(&Timespec::default())).expect("it can be written to");
    ready[0].revents().is_empty()
}

/// A TCP socket of this machine, as `/proc/net/tcp` has it.
#[derive(Debug)]
pub struct Tcp {
    pub local_port: u16,
    pub remote_port: u16,
    /// 1 is ESTABLISHED, 2 is SYN_SENT, 6 is TIME_WAIT, 10 is LISTEN.
    pub state: u8,
    /// Bytes that were sent and that the other side's system has not acknowledged.
    pub unacknowledged: u64,
    /// Bytes that have come and that its program has not taken.
    pub unread: u64,
}

/// Every IPv4 TCP socket of this machine (of this network namespace).
#[track_caller]
pub fn tcp_sockets() -> Vec<Tcp> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("this is Linux");
    let socket = |line: &str| -> Option<Tcp> {
        let mut words = line.split_whitespace().skip(1);
        let mut port = || u16::from_str_radix(words.next()?.split_once(':')?.1, 16).ok();
        let (local_port, remote_port) = (port()?, port()?);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        let (sending, receiving) = words.next()?.split_once(':')?;
        let unacknowledged = u64::from_str_radix(sending, 16).ok()?;
        let unread = u64::from_str_radix(receiving, 16).ok()?;
        Some(Tcp { local_port, remote_port, state, unacknowledged, unread })
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// Waits until some socket is in the middle of calling this port (SYN sent, no answer).
#[track_caller]
pub fn until_somebody_calls(port: u16) {
    until("a call without an answer", || {
        tcp_sockets().iter().any(|tcp| tcp.remote_port == port && tcp.state == 2).then_some(())
    });
}

/// Waits until the other side's system has acknowledged everything that this stream sent.
#[track_caller]
pub fn until_acknowledged(stream: &std::net::TcpStream) {
    let (local, remote) = (
        stream.local_addr().expect("a socket").port(),
        stream.peer_addr().expect("a connection").port(),
    );
    until("all is acknowledged", || {
        tcp_sockets()
            .iter()
            .any(|tcp| {
                (tcp.local_port, tcp.remote_port) == (local, remote) && tcp.unacknowledged == 0
            })
            .then_some(())
    });
}

/// How many bytes that this stream sent are in the other socket, and have not been taken from there.
#[track_caller]
pub fn waiting_at_the_other_end(stream: &std::net::TcpStream) -> u64 {
    let here = stream.local_addr().expect("a socket").port();
    let there = stream.peer_addr().expect("a connection").port();
    let sockets = tcp_sockets();
    let other = sockets.iter().find(|tcp| (tcp.local_port, tcp.remote_port) == (there, here));
    other.map_or(0, |tcp| tcp.unread)
}

/// A listener that answers no further call: its queue is full of the one caller that is given
/// back too. Linux then swallows what arrives, as a machine does that is switched off.
#[track_caller]
pub fn listener_that_does_not_answer(
    at: std::net::SocketAddr,
) -> (std::net::TcpListener, std::net::TcpStream) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
        .and_then(|socket| socket.bind(&at.into()).map(|()| socket))
        .and_then(|socket| socket.listen(0).map(|()| socket))
        .expect("a listener");
    let listener = std::net::TcpListener::from(socket);
    let at = listener.local_addr().expect("it is bound");
    (listener, std::net::TcpStream::connect(at).expect("the queue has room for one"))
}

/// Waits until these threads have slept for a while: each of a number of looks in a row.
#[track_caller]
pub fn until_all_sleep(pid: u32, threads: &[&str]) {
    let mut in_a_row = 0;
    until("they all sleep", || {
        let all = threads.iter().all(|name| thread_sleeps(pid, name));
        in_a_row = if all { in_a_row + 1 } else { 0 };
        (in_a_row >= 50).then_some(())
    });
}

/// Whether a program can be given a network and a view of the file system of its own here; a
/// test that wants one is skipped where it cannot.
#[track_caller]
pub fn can_have_a_network_of_its_own() -> bool {
    if !(super::have_tool("unshare") && super::have_tool("ip")) {
        return false;
    }
    let mut command = std::process::Command::new("unshare");
    let can = command
        .args(["-rmn", "sh", "-c", "ip link set lo up && mount -t tmpfs none /run"])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        super::skipped("no network namespace can be made here (unshare -rmn)");
    }
    can
}
