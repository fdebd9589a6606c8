//! Small conversations in very many orders of events: no order may end in a lock-up, and none may
//! lose a word.

use std::io::{Read, Write};

use crossbeam_channel::machine::{self, thread};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use threadchat::threads::buffer::Pool;
use threadchat::threads::event::Event;
use threadchat_model::{Party, Pipe, Socket, connection};

/// How many orders are tried of each kind, if nobody says otherwise.
const ORDERS: usize = 300;

/// The deepest fault that is looked for on purpose: one that wants so many threads to be overtaken at
/// the wrong moment.
const DEPTH: usize = 3;

/// Plays a conversation in many orders. `haste`: see [`machine::begin`].
fn in_any_order(haste: u32, play: fn()) {
    let orders = std::env::var("THREADCHAT_ORDERS").ok();
    let orders = orders.map_or(ORDERS, |orders| orders.parse().expect("a number of orders"));
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.failure_persistence = FailurePersistence::Print;
    config.silence_warnings = true;
    fn run(scheduler: impl Scheduler + 'static, config: Config, haste: u32, play: fn()) {
        Runner::new(scheduler, config).run(move || {
            machine::begin(haste);
            play();
        });
    }
    run(RandomScheduler::new(orders), config.clone(), haste, play);
    run(PctScheduler::new(DEPTH, orders), config, haste, play);
}

fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().spawn(body).expect("there are threads")
}

const MINE: &str = "one two three four";
const YOURS: &str = "1 22 333 4444 55555";

/// Both say all they have, at once, by a connection that holds a few bytes, and with buffers of a
/// few bytes: everything arrives, whoever ends first.
#[test]
fn both_talk_at_once_and_nothing_is_lost_and_nobody_waits_for_ever() {
    in_any_order(0, || {
        let (here, there) = connection(3);
        let talk = |socket, words: &'static str| {
            spawn(move || {
                let (stdin, stdout) = (Pipe::holding(words), Pipe::new(usize::MAX));
                stdin.end();
                let end = Party::start(&stdin, &stdout, &[socket], false).finish(&stdout);
                (end, stdout.content())
            })
        };
        let (one, other) = (talk(here, MINE), talk(there, YOURS));
        for (party, heard) in [(one, YOURS), (other, MINE)] {
            let (end, content) = party.join().unwrap();
            assert_eq!((end.code, &*content), (0, heard), "{end:?}");
        }
    });
}

/// One has nothing to say, and ends at once; the other goes on.
#[test]
fn a_half_that_has_ended_does_not_end_the_other() {
    in_any_order(0, || {
        let (here, there) = connection(3);
        let silent = spawn(move || {
            let (stdin, stdout) = (Pipe::holding(""), Pipe::new(2));
            stdin.end();
            let party = Party::start(&stdin, &stdout, &[here], false);
            let mut from = stdout.clone();
            let reader = spawn(move || {
                let mut heard = String::new();
                from.read_to_string(&mut heard).unwrap();
                heard
            });
            let end = party.finish(&stdout);
            stdout.end();
            (end, reader.join().unwrap())
        });
        let (stdin, stdout) = (Pipe::new(2), Pipe::new(usize::MAX));
        let party = Party::start(&stdin, &stdout, &[there], false);
        let mut to = stdin.clone();
        to.write_all(YOURS.as_bytes()).unwrap();
        stdin.end();
        let end = party.finish(&stdout);
        assert_eq!((end.code, &*stdout.content()), (0, ""), "{end:?}");
        let (end, heard) = silent.join().unwrap();
        assert_eq!((end.code, &*heard), (0, YOURS), "{end:?}");
    });
}

/// Ctrl-C at any moment, with a friend who reads: both are gone, what has arrived is the beginning of
/// what was said, and where the exit code says that all is well it is all that was taken from stdin.
fn one_leaves(haste: u32) {
    in_any_order(haste, || {
        let (here, there) = connection(3);
        let friend = spawn(move || {
            let (stdin, stdout) = (Pipe::holding(YOURS), Pipe::new(usize::MAX));
            stdin.end();
            let end = Party::start(&stdin, &stdout, &[there], false).finish(&stdout);
            (end, stdout.content())
        });
        // This stdin has no end.
        let (stdin, stdout) = (Pipe::holding(MINE), Pipe::new(usize::MAX));
        let party = Party::start(&stdin, &stdout, &[here], false);
        let inbox = party.inbox.clone();
        let ctrl_c = spawn(move || assert!(inbox.send(Event::Signal)));
        let unread = stdin.clone();
        let end = party.finish(&stdout);
        ctrl_c.join().unwrap();
        let (friends, heard) = friend.join().unwrap();
        assert!(MINE.starts_with(&heard), "{heard:?}");
        assert!(YOURS.starts_with(&stdout.content()), "{:?}", stdout.content());
        if end.code == 130 {
            assert_eq!(heard, "", "the signal came before the friend was there");
            return;
        }
        if end.code == 0 && end.notices.contains("you have left") {
            // Two blocks may have been read and not handed over when the signal came.
            let taken = MINE.len() - unread.content().len();
            assert!(
                heard.len() + 3 * 4 >= taken,
                "{heard:?} of {taken} bytes, {end:?}, {friends:?}"
            );
        }
        if friends.code == 0 && end.code == 0 && friends.notices.contains("friend has left") {
            assert!(!end.notices.contains("not sent"), "{end:?}");
        }
    });
}

#[test]
fn ctrl_c_at_any_moment_ends_both_and_breaks_no_word_order() {
    one_leaves(0);
}

#[test]
fn ctrl_c_on_a_machine_that_is_busy_ends_both_as_well() {
    one_leaves(40);
}

/// The word to stop is older than the buffer: so the reader does not take it, however late it wakes.
#[test]
fn a_reader_that_is_told_to_stop_takes_no_buffer_that_comes_home_later() {
    in_any_order(0, || {
        let pool = Pool::new(1, 4);
        let block = pool.take().unwrap();
        let stopper = pool.stopper(None);
        let reader = spawn(move || pool.take().is_none());
        stopper.stop();
        drop(block);
        assert!(reader.join().unwrap());
    });
}

/// A friend who takes nothing: Ctrl-C ends it all the same, and it is told what was not sent.
#[test]
fn ctrl_c_ends_a_conversation_with_a_friend_who_takes_nothing() {
    in_any_order(0, || {
        let (here, there) = connection(3);
        here.to_friend.stick();
        let (stdin, stdout) = (Pipe::holding(MINE), Pipe::new(usize::MAX));
        let party = Party::start(&stdin, &stdout, &[here], false);
        let inbox = party.inbox.clone();
        let ctrl_c = spawn(move || assert!(inbox.send(Event::Signal)));
        let end = party.finish(&stdout);
        ctrl_c.join().unwrap();
        drop(there);
        match end.code {
            130 => {}
            1 => assert!(end.notices.contains("not sent"), "{end:?}"),
            // Nothing had been read when the signal came.
            code => assert_eq!((code, end.notices.contains("not sent")), (0, false), "{end:?}"),
        }
    });
}

/// A stdout that takes nothing: the same.
#[test]
fn ctrl_c_ends_a_conversation_whose_stdout_takes_nothing() {
    in_any_order(0, || {
        let (here, mut there) = connection(64);
        let (stdin, stdout) = (Pipe::holding(""), Pipe::new(2));
        stdout.stick();
        let party = Party::start(&stdin, &stdout, &[here], false);
        there.to_friend.write_all(YOURS.as_bytes()).unwrap();
        let inbox = party.inbox.clone();
        let ctrl_c = spawn(move || assert!(inbox.send(Event::Signal)));
        let end = party.finish(&stdout);
        ctrl_c.join().unwrap();
        assert!(end.code == 130 || end.code == 1 || !end.left_screen, "{end:?}");
        if end.code == 1 {
            let told = end.notices.contains("not written") || end.notices.contains("not sent");
            assert!(told, "{end:?}");
        }
    });
}

/// A room: the writers are woken by hand. Each member hears everything the other says, and nobody
/// sleeps on something that is there for them.
#[test]
fn in_a_room_everybody_hears_everything_and_no_writer_sleeps_through_it() {
    in_any_order(0, || {
        let (first, one) = connection(usize::MAX);
        let (second, two) = connection(usize::MAX);
        let (stdin, stdout) = (Pipe::holding(""), Pipe::new(usize::MAX));
        stdin.end();
        let party = Party::start(&stdin, &stdout, &[first, second], true);
        let one = spawn(move || talk_in_room(one, "guest-2", "a one\na two\n", "b one\n"));
        let two = spawn(move || talk_in_room(two, "guest-1", "b one\n", "a two\n"));
        let (one, heard_by_one) = one.join().unwrap();
        let (two, heard_by_two) = two.join().unwrap();
        assert!(party.inbox.send(Event::Signal));
        let rest = [(one, heard_by_one), (two, heard_by_two)]
            .map(|(socket, heard)| spawn(move || hear_out(socket, heard)));
        let end = party.finish(&stdout);
        assert_eq!(end.code, 0, "{end:?}");
        let [heard_by_one, heard_by_two] = rest.map(|thread| thread.join().unwrap());
        assert_eq!(heard_by_one.matches("guest-2 says: b one\n").count(), 1, "{heard_by_one}");
        assert!(!heard_by_one.contains("a one"), "{heard_by_one}");
        let one_and_two = "guest-1 says: a one\nguest-1 says: a two\n";
        assert_eq!(heard_by_two.matches(one_and_two).count(), 1, "{heard_by_two}");
    });
}

/// Says these words when the other is there, and listens up to the other's last.
fn talk_in_room(
    mut socket: Socket,
    other: &str,
    words: &'static str,
    last: &'static str,
) -> (Socket, String) {
    let (mut heard, mut said, mut bytes) = (String::new(), false, [0; 64]);
    loop {
        if !said && heard.contains(other) {
            socket.to_friend.write_all(words.as_bytes()).unwrap();
            said = true;
        }
        if said && heard.contains(last) {
            return (socket, heard);
        }
        let count = socket.from_friend.read(&mut bytes).unwrap();
        assert!(count > 0, "the room was closed on {heard:?}");
        heard += std::str::from_utf8(&bytes[..count]).unwrap();
    }
}

fn hear_out(mut socket: Socket, heard: String) -> String {
    let mut rest = String::new();
    socket.from_friend.read_to_string(&mut rest).unwrap();
    socket.to_friend.end();
    heard + &rest
}
