//! One thread that waits for both directions at once, as `nc`, `ncat` and `socat` do.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use rustix::event::{PollFd, PollFlags, poll};

use crate::{BLOCK, Ends, Outcome};

/// What has been read in one direction, and has not been written yet.
struct Way {
    block: Vec<u8>,
    written: usize,
    filled: usize,
    ended: bool,
}

impl Way {
    fn new() -> Way {
        Way { block: vec![0; BLOCK], written: 0, filled: 0, ended: false }
    }

    fn wants_to_read(&self) -> bool {
        !self.ended && self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.written == self.filled
    }

    fn read(&mut self, mut from: impl Read) -> io::Result<()> {
        self.filled = from.read(&mut self.block)?;
        self.written = 0;
        self.ended = self.filled == 0;
        Ok(())
    }

    fn write(&mut self, mut to: impl Write) -> io::Result<()> {
        match to.write(&self.block[self.written..self.filled]) {
            Ok(count) => self.written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

pub fn talk(ends: &Ends) -> Outcome {
    let Ends { stdin, stdout, friend } = ends;
    friend.set_nonblocking(true)?;
    let (mut out, mut back) = (Way::new(), Way::new());
    let mut said_all = false;
    while !(said_all && back.ended) {
        let flags = |wanted, flag| if wanted { flag } else { PollFlags::empty() };
        let of_friend =
            flags(back.wants_to_read(), PollFlags::IN) | flags(!out.is_empty(), PollFlags::OUT);
        let mut ready = [
            PollFd::new(stdin, flags(out.wants_to_read(), PollFlags::IN)),
            PollFd::new(friend, of_friend),
        ];
        // What has ended is left out: it would be ready for ever.
        let from = usize::from(!out.wants_to_read());
        poll(&mut ready[from..], None)?;
        let [stdin_is, friend_is] = [ready[0].revents(), ready[1].revents()];
        if out.wants_to_read() && !stdin_is.is_empty() {
            out.read(stdin)?;
        }
        if !out.is_empty() {
            out.write(friend)?;
        }
        if back.wants_to_read() && friend_is.intersects(PollFlags::IN | PollFlags::HUP) {
            back.read(friend)?;
            // A pipe takes all of it, or makes us wait.
            let mut stdout = stdout;
            stdout.write_all(&back.block[..back.filled])?;
            back.written = back.filled;
        }
        if out.ended && !said_all {
            friend.shutdown(Shutdown::Write)?;
            said_all = true;
        }
    }
    Ok(())
}
