//! A thread for each direction, which reads, and writes what it has read.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use crate::{BLOCK, Ends, Outcome};

pub fn talk(ends: &Ends) -> Outcome {
    thread::scope(|scope| {
        scope.spawn(|| {
            carry(&ends.stdin, &ends.friend);
            // Half-close: that was all from us.
            let _ = ends.friend.shutdown(Shutdown::Write);
        });
        scope.spawn(|| carry(&ends.friend, &ends.stdout));
    });
    Ok(())
}

fn carry(mut from: impl Read, mut to: impl Write) {
    let mut block = vec![0; BLOCK];
    while let Ok(count @ 1..) = from.read(&mut block) {
        if to.write_all(&block[..count]).is_err() {
            return;
        }
    }
}
