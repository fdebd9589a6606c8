//! Buffers that are handed from a reader through a coordinator to a writer, and come home.
//!
//! This is the flow control of threadchat (see `buffer.rs` there) and nothing else: each reader has
//! four buffers, and waits for one to come home where it has none.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::{BLOCK, Ends, Outcome};

/// Each reader has so many.
const BUFFERS: usize = 4;

/// Where a buffer is to go.
#[derive(Clone, Copy)]
enum To {
    Friend,
    Screen,
}

struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    home: Sender<Buffer>,
}

/// A buffer, or the end of what was read.
type Event = (To, Option<Buffer>);

pub fn talk(ends: &Ends) -> Outcome {
    let (to_coordinator, inbox) = unbounded();
    let (to_friend, for_friend) = unbounded();
    let (to_screen, for_screen) = unbounded();
    let (stdin_to, friend_to) = (to_coordinator.clone(), to_coordinator);
    thread::scope(|scope| {
        scope.spawn(|| {
            write(&ends.friend, for_friend);
            // Half-close: that was all from us.
            let _ = ends.friend.shutdown(Shutdown::Write);
        });
        scope.spawn(|| write(&ends.stdout, for_screen));
        scope.spawn(|| read(&ends.stdin, To::Friend, stdin_to));
        scope.spawn(|| read(&ends.friend, To::Screen, friend_to));
        coordinate(inbox, to_friend, to_screen);
    });
    Ok(())
}

fn coordinate(inbox: Receiver<Event>, to_friend: Sender<Buffer>, to_screen: Sender<Buffer>) {
    let (mut to_friend, mut to_screen) = (Some(to_friend), Some(to_screen));
    for (to, buffer) in inbox {
        let outbox = match to {
            To::Friend => &mut to_friend,
            To::Screen => &mut to_screen,
        };
        match (buffer, &outbox) {
            (Some(buffer), Some(open)) => drop(open.send(buffer)),
            // A dropped outbox tells its writer that this was all.
            _ => *outbox = None,
        }
    }
}

fn read(mut from: impl Read, to: To, inbox: Sender<Event>) {
    let (home, empties) = unbounded();
    for _ in 0..BUFFERS {
        let _ = home.send(Buffer { bytes: vec![0; BLOCK], filled: 0, home: home.clone() });
    }
    for mut buffer in empties {
        match from.read(&mut buffer.bytes) {
            Ok(count @ 1..) => buffer.filled = count,
            _ => break,
        }
        if inbox.send((to, Some(buffer))).is_err() {
            return;
        }
    }
    let _ = inbox.send((to, None));
}

fn write(mut to: impl Write, outbox: Receiver<Buffer>) {
    for buffer in outbox {
        if to.write_all(&buffer.bytes[..buffer.filled]).is_err() {
            return;
        }
        let home = buffer.home.clone();
        let _ = home.send(buffer);
    }
}
