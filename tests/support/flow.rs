//! Streams that are too large to keep: made up while they are read, and compared while they
//! arrive; and a look at what waits in a socket or a thread.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::until;

/// An endless-looking stream of random bytes, the same for the same seed, that ends after
/// `left` of them.
pub struct Random {
    state: u64,
    left: u64,
    word: [u8; 8],
    used: usize,
}

impl Random {
    /// `count` bytes that depend on `seed`.
    pub fn new(count: u64, seed: u64) -> Random {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Random { state, left: count, word: [0; 8], used: 8 }
    }
}

impl Read for Random {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut at = 0;
        while at < count {
            if self.used == self.word.len() {
                // xorshift64*
                self.state ^= self.state >> 12;
                self.state ^= self.state << 25;
                self.state ^= self.state >> 27;
                self.word = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
                self.used = 0;
            }
            let now = (self.word.len() - self.used).min(count - at);
            into[at..at + now].copy_from_slice(&self.word[self.used..self.used + now]);
            self.used += now;
            at += now;
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Writes all of `from` into `to` in a thread of its own, and drops `to` at the end.
pub fn pour(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) -> JoinHandle<io::Result<u64>> {
    std::thread::spawn(move || {
        let mut scratch = vec![0; 1 << 16];
        let mut total = 0;
        loop {
            let count = from.read(&mut scratch)?;
            if count == 0 {
                return Ok(total);
            }
            to.write_all(&scratch[..count])?;
            total += count as u64;
        }
    })
}

/// What arrives, compared with what should, in a thread of its own.
pub struct Comparison {
    so_far: Arc<AtomicU64>,
    verdict: JoinHandle<Result<u64, String>>,
}

impl Comparison {
    /// Compares all of `from`, to its end, with all of `expected`.
    pub fn start(
        from: impl Read + Send + 'static,
        expected: impl Read + Send + 'static,
    ) -> Comparison {
        let so_far = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&so_far);
        let verdict = std::thread::spawn(move || compare(from, expected, &count));
        Comparison { so_far, verdict }
    }

    /// Waits until this many bytes have arrived and were the right ones.
    #[track_caller]
    pub fn wait_for(&self, count: u64) {
        until(&format!("{count} bytes"), || {
            let so_far = self.so_far.load(Ordering::Relaxed);
            (so_far >= count || self.verdict.is_finished()).then_some(())
        });
    }

    /// How many have arrived.
    pub fn so_far(&self) -> u64 {
        self.so_far.load(Ordering::Relaxed)
    }

    /// Waits for the end; fails at the first byte that differs, is missing, or is one too many.
    #[track_caller]
    pub fn finish(self) -> u64 {
        self.verdict.join().expect("it compares").unwrap_or_else(|why| panic!("{why}"))
    }
}

fn compare(
    mut from: impl Read,
    mut expected: impl Read,
    so_far: &AtomicU64,
) -> Result<u64, String> {
    let (mut came, mut wanted) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut at: u64 = 0;
    loop {
        let count = from.read(&mut came).map_err(|why| format!("after {at} bytes: {why}"))?;
        // At its end, one byte more is asked for: there must be none.
        let asked = count.max(1);
        let mut known = 0;
        while known < asked {
            match expected.read(&mut wanted[known..asked]).expect("it is made up") {
                0 => break,
                more => known += more,
            }
        }
        match (count, known) {
            (0, 0) => return Ok(at),
            (0, _) => return Err(format!("it ended after {at} bytes")),
            _ if known < count => return Err(format!("more than {} bytes", at + known as u64)),
            _ => {}
        }
        if let Some(within) = (0..count).find(|&at| came[at] != wanted[at]) {
            return Err(format!("byte {} differs", at + within as u64));
        }
        at += count as u64;
        so_far.store(at, Ordering::Relaxed);
    }
}

/// Waits until everything that `stream` has sent has been taken out of the other socket by the
/// program (both ends are on this machine).
#[track_caller]
pub fn wait_until_received(stream: &TcpStream) {
    let here = format!(":{:04X}", stream.local_addr().expect("it is connected").port());
    let there = format!(":{:04X}", stream.peer_addr().expect("it is connected").port());
    until("the program receives everything", || {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
        let queues = |local: &str, remote: &str| {
            let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let line =
                lines.find(|words| words[1].ends_with(local) && words[2].ends_with(remote))?;
            let (sending, receiving) = line[4].split_once(':')?;
            Some((sending.to_owned(), receiving.to_owned()))
        };
        let sent = queues(&here, &there)?.0 == "00000000";
        // Where the program has closed its end there is nothing left to take.
        let taken = queues(&there, &here).is_none_or(|(_, waiting)| waiting == "00000000");
        (sent && taken).then_some(())
    });
}

/// Whether a process has a thread of this name.
pub fn has_thread(pid: u32, name: &str) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().any(|task| {
        let comm = std::fs::read_to_string(task.path().join("comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    })
}

/// Waits until every thread of a process sleeps, and thread `name` is among them.
#[track_caller]
pub fn wait_until_all_sleep(pid: u32, name: &str) {
    until("all threads sleep", || all_sleep(pid, name).then_some(()));
}

/// Whether every thread of a process sleeps, and thread `name` is among them.
pub fn all_sleep(pid: u32, name: &str) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let mut there = false;
    for task in tasks.flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((front, state)) = stat.rsplit_once(") ") else { return false };
        there |= front.ends_with(&format!("({name}"));
        if !state.starts_with('S') {
            return false;
        }
    }
    there
}
