//! A bare chat server with two threads a member: the yardstick for a room.
//!
//! It does what a room does and nothing else: the reader of a member sends each `recv`, with a label
//! in front of every line, to all other members' writers, and the writers write. There is no order
//! that is the same for all, no bound for what waits, no name, nobody is announced but by a word of
//! welcome; it ends when it is killed. What it costs more to have all that is what a room pays.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, RwLock};
use std::thread::Builder;

/// Everybody's way to be written to.
type Members = Arc<RwLock<BTreeMap<usize, Sender<Arc<[u8]>>>>>;

/// The threads have as much stack as those of a room's members.
const STACK: usize = 256 * 1024;

/// How much a writer puts together for one `send`, as a room's does.
const STAGING: usize = 8 * 1024;

/// Serves at this address until it is killed.
pub fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    let members = Members::default();
    for number in 1.. {
        let stream = Arc::new(listener.accept()?.0);
        stream.set_nodelay(true)?;
        let (to_writer, outbox) = channel();
        to_writer.send(Arc::from(&b"* welcome\n"[..]))?;
        if let Ok(mut members) = members.write() {
            members.insert(number, to_writer);
        }
        let (to, all) = (Arc::clone(&stream), Arc::clone(&members));
        Builder::new().stack_size(STACK).spawn(move || read(number, &stream, &all))?;
        Builder::new().stack_size(STACK).spawn(move || write(&to, &outbox))?;
    }
    Ok(())
}

fn read(number: usize, from: &TcpStream, members: &Members) {
    let mut from = BufReader::with_capacity(16 * 1024, from);
    let label = format!("guest-{number} says: ");
    let mut line = Vec::new();
    // What has come together goes on together, but whole lines only.
    while from.fill_buf().is_ok_and(|arrived| !arrived.is_empty()) {
        let mut said = Vec::with_capacity(2 * from.buffer().len());
        while !from.buffer().is_empty() {
            if !matches!(from.read_until(b'\n', &mut line), Ok(count) if count > 0) {
                break;
            }
            said.extend_from_slice(label.as_bytes());
            said.append(&mut line);
        }
        let said: Arc<[u8]> = said.into();
        let Ok(members) = members.read() else { return };
        for (_, to_writer) in members.iter().filter(|&(&member, _)| member != number) {
            // Whoever has gone hears nothing.
            let _ = to_writer.send(Arc::clone(&said));
        }
    }
    if let Ok(mut members) = members.write() {
        members.remove(&number);
    }
}

fn write(mut to: &TcpStream, outbox: &Receiver<Arc<[u8]>>) {
    let mut staging = Vec::with_capacity(STAGING);
    while let Ok(first) = outbox.recv() {
        staging.clear();
        staging.extend_from_slice(&first);
        while staging.len() < STAGING
            && let Ok(more) = outbox.try_recv()
        {
            staging.extend_from_slice(&more);
        }
        if to.write_all(&staging).is_err() {
            return;
        }
    }
}
