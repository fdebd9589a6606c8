//! The program's own coordinator, readers, writers, buffers and outboxes, put together as in
//! `chat.rs` and `connection.rs`, with pipes of this file for the foreign calls: a socket of so many
//! bytes, a stdin and a stdout that somebody else has the other end of.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use crossbeam_channel::machine::{self, Monitor};
use crossbeam_channel::{Receiver, unbounded};
use threadchat::program::ending::Ending;
use threadchat::roles::{Number, Role, Sink, Source};
use threadchat::room::host_outbox::HostOutbox;
use threadchat::room::hosting::Hosting;
use threadchat::room::paid_outbox::PaidOutbox;
use threadchat::talk::coordinator::Coordinator;
use threadchat::talk::meeting::Meeting;
use threadchat::talk::plan::{Outboxes, Outcome, Outlets, Plan, Stdin};
use threadchat::text::audience::Audience;
use threadchat::threads::buffer::Pool;
use threadchat::threads::event::{Event, Report};
use threadchat::threads::form::Plain;
use threadchat::threads::friend::{Friend, Line};
use threadchat::threads::inbox::{self, Inbox, ToInbox};
use threadchat::threads::notices::Notices;
use threadchat::threads::order::Order;
use threadchat::threads::outbox::{self, Outbox};
use threadchat::threads::permit::{Permit, Permits};
use threadchat::threads::reader::Reader;
use threadchat::threads::thread::Thread;
use threadchat::threads::writer::Writer;
use threadchat::wire::codec::Codec;
use threadchat::wire::lines::Lines;
use threadchat::wire::messages::Wire;

/// How many bytes a buffer holds here: so few that a handful of words fills all of them.
const BUFFER: usize = 4;

/// One direction of a connection, or a pipe: bytes on their way.
#[derive(Clone)]
pub struct Pipe(Monitor<Bytes>);

struct Bytes {
    on_their_way: Vec<u8>,
    limit: usize,
    /// No more will be written.
    ended: bool,
    /// No more will be read: who writes is told so.
    broken: bool,
    /// Nothing is taken: who writes waits.
    stuck: bool,
}

impl Pipe {
    /// A pipe that holds so many bytes.
    pub fn new(limit: usize) -> Pipe {
        let on_their_way = Vec::new();
        Pipe(Monitor::new(Bytes { on_their_way, limit, ended: false, broken: false, stuck: false }))
    }

    /// A pipe with these words in it, and nothing behind them.
    pub fn holding(words: &str) -> Pipe {
        let pipe = Pipe::new(usize::MAX);
        pipe.0.change(|bytes| bytes.on_their_way = words.as_bytes().to_vec());
        pipe
    }

    /// Nothing more will be written.
    pub fn end(&self) {
        self.0.change(|bytes| bytes.ended = true);
    }

    /// Nothing more will be read or written.
    pub fn cut(&self) {
        self.0.change(|bytes| (bytes.ended, bytes.broken) = (true, true));
    }

    /// From now on nothing is taken.
    pub fn stick(&self) {
        self.0.change(|bytes| bytes.stuck = true);
    }

    /// What is on its way.
    pub fn content(&self) -> String {
        self.0.look(|bytes| String::from_utf8_lossy(&bytes.on_their_way).into_owned())
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.wait(|bytes| {
            if bytes.on_their_way.is_empty() {
                return bytes.ended.then_some(Ok(0));
            }
            let count = bytes.on_their_way.len().min(into.len());
            into[..count].copy_from_slice(&bytes.on_their_way[..count]);
            bytes.on_their_way.drain(..count);
            Some(Ok(count))
        })
    }
}

impl Write for Pipe {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.wait(|bytes| {
            if bytes.broken {
                return Some(Err(ErrorKind::ConnectionReset.into()));
            }
            let room = bytes.limit - bytes.on_their_way.len().min(bytes.limit);
            if bytes.stuck || room == 0 {
                return None;
            }
            let count = room.min(from.len());
            bytes.on_their_way.extend_from_slice(&from[..count]);
            Some(Ok(count))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connected socket.
#[derive(Clone)]
pub struct Socket {
    pub from_friend: Pipe,
    pub to_friend: Pipe,
}

/// The two ends of a connection that holds so many bytes in each direction.
pub fn connection(limit: usize) -> (Socket, Socket) {
    let (here, there) = (Pipe::new(limit), Pipe::new(limit));
    let one = Socket { from_friend: there.clone(), to_friend: here.clone() };
    (one, Socket { from_friend: here, to_friend: there })
}

struct Connection {
    socket: Socket,
    threads: [Thread; 2],
}

impl Line for Connection {
    fn cut(&self, _reset: bool) {
        self.socket.from_friend.cut();
        self.socket.to_friend.cut();
    }

    fn join(self: Box<Self>) {
        self.threads.into_iter().for_each(Thread::join);
    }
}

/// A friend is there, as `connection::begin` has it.
fn connect(socket: &Socket, number: Number, audience: Audience, inbox: &ToInbox) {
    let in_room = audience == Audience::Host;
    let whose = in_room.then_some(number);
    let (to_friend, orders) = outbox::open(Role::SocketWriter, whose);
    let (start, started) = unbounded::<()>();
    let reader = Thread::start_for(whose, Role::SocketReader, {
        let (from, inbox) = (socket.from_friend.clone(), inbox.clone());
        move || {
            if started.recv().is_err() {
                return;
            }
            let codec = in_room.then(|| Codec::Lines(Lines::new(audience, 64)));
            let size = if in_room { 66 } else { BUFFER };
            let source = Source::Friend(number);
            let reader = Reader { source, codec, sniffer: None, at_a_time: BUFFER, inbox };
            reader.run(from, &Pool::new(2, size));
        }
    });
    let reader = reader.expect("there are threads");
    let sink = Sink::Friend(number);
    let mut writer = Writer::new(sink, Box::new(Plain), orders, inbox.clone());
    if in_room {
        writer = writer.that_is_woken();
    }
    let done = writer.done();
    let writer = Thread::start_for(whose, Role::SocketWriter, {
        let (to, inbox) = (socket.to_friend.clone(), inbox.clone());
        move || {
            let last_word = writer.run(to.clone());
            if matches!(last_word, Report::Ended { result: Ok(()), .. }) {
                to.end();
            }
            let _ = inbox.send(Event::Written(sink, last_word));
        }
    });
    let writer = writer.expect("there are threads");
    let thread = writer.thread();
    let line = Box::new(Connection { socket: socket.clone(), threads: [reader, writer] });
    let address = SocketAddr::from(([127, 0, 0, 1], number.0 as u16));
    let friend =
        Friend { number, address, to_friend, done, writer: thread, called_for: None, line };
    let _ = inbox.send(Event::Connected(friend));
    let _ = start.send(());
}

/// One who talks: the program, but for its `main`, which is [`Party::finish`].
pub struct Party {
    /// To be interrupted by.
    pub inbox: ToInbox,
    events: Inbox,
    outcome: Receiver<Outcome>,
    coordinator: Thread,
    stdin: Pipe,
    stdin_reader: Thread,
    permits: Permits,
    to_screen: Outbox,
    screen_writer: Thread,
    stderr: Receiver<Order>,
}

/// How it ended for somebody.
#[derive(Debug)]
pub struct End {
    pub code: u8,
    pub notices: String,
    /// Whether the screen-writer was left.
    pub left_screen: bool,
}

impl Party {
    /// Starts everything, with friends there already: one, or the members of a room.
    pub fn start(stdin: &Pipe, stdout: &Pipe, friends: &[Socket], room: bool) -> Party {
        let (inbox, events) = inbox::open();
        let (to_screen, orders) = outbox::open(Role::ScreenWriter, None);
        let waiting = orders.waiting();
        let writer = Writer::new(Sink::Screen, Box::new(Plain), orders, inbox.clone());
        let host_outbox = HostOutbox::new(
            PaidOutbox::new(to_screen.clone(), writer.done(), None),
            waiting,
            false,
        );
        let screen_writer = Thread::start(Role::ScreenWriter, {
            let (mut writer, to, inbox) = (writer, stdout.clone(), inbox.clone());
            move || {
                let last_word = writer.run(to);
                let _ = inbox.send(Event::Written(Sink::Screen, last_word));
            }
        });
        // Nobody has to write these: they are looked at in the end.
        let (to_stderr, stderr) = outbox::open(Role::NoticeWriter, None);
        let (permits, may_read) = Permits::new(None);
        let (ask_friend, asked) = unbounded();
        let plan = Plan {
            stdin: Stdin::Pipe,
            wire: Wire::Lines,
            calling: None,
            keep: false,
            room: room.then_some(friends.len()),
            name: None,
            editor: false,
            hints: false,
            transfer: None,
            terminal: None,
        };
        let pool = Pool::new(2, if room { 66 } else { BUFFER });
        let notices = Notices::new(to_stderr, false);
        let outlets = Outlets { to_screen: to_screen.clone(), to_transcript: None, notices };
        let hosting = room.then(|| -> Box<dyn Meeting> {
            Box::new(Hosting::new(&plan, &outlets, vec![host_outbox]))
        });
        let stop_reading = Some(pool.stopper(None));
        let out =
            Outboxes { outlets, bell: None, permits: permits.clone(), stop_reading, ask_friend };
        let (leave_outcome, outcome) = unbounded();
        let coordinator = Thread::start(Role::Coordinator, {
            let events = events.clone();
            move || {
                // As the acceptor's: it is asked, and answers below.
                let _asked = asked;
                let coordinator = Coordinator::new(plan, out, hosting, machine::now());
                let _ = leave_outcome.send(coordinator.run(&events));
            }
        });
        let stdin_reader = Thread::start(Role::StdinReader, {
            let (stdin, inbox) = (stdin.clone(), inbox.clone());
            move || {
                while let Ok(Permit::Read) = may_read.recv() {
                    let codec = room.then(|| Codec::Lines(Lines::new(Audience::Pipe, 64)));
                    let (source, inbox) = (Source::Stdin, inbox.clone());
                    let reader = Reader { source, codec, sniffer: None, at_a_time: BUFFER, inbox };
                    reader.run(stdin.clone(), &pool);
                }
            }
        });
        if room {
            let here = SocketAddr::from(([127, 0, 0, 1], 9999));
            let _ = inbox.send(Event::Listening(here, Vec::new()));
        }
        let audience = if room { Audience::Host } else { Audience::Pipe };
        for (at, socket) in friends.iter().enumerate() {
            connect(socket, Number(at as u64 + 1), audience, &inbox);
        }
        Party {
            inbox,
            events,
            outcome,
            coordinator: coordinator.expect("there are threads"),
            stdin: stdin.clone(),
            stdin_reader: stdin_reader.expect("there are threads"),
            permits,
            to_screen,
            screen_writer: screen_writer.expect("there are threads"),
            stderr: stderr.waiting(),
        }
    }

    /// Waits for the end, as `chat.rs` does. What would be left there is let go of here, since no
    /// process ends with it.
    pub fn finish(self, stdout: &Pipe) -> End {
        let outcome = self.outcome.recv().expect("the coordinator says how it ended");
        self.coordinator.join();
        let mut ending = Ending::new(self.events, outcome.gone_by);
        self.permits.end();
        let mut left = Vec::new();
        match outcome.stdin_reading {
            false => self.stdin_reader.join(),
            true => left.push(self.stdin_reader),
        }
        self.to_screen.send(Order::Goodbye);
        let left_screen = !ending.ends(&self.screen_writer);
        match left_screen {
            false => self.screen_writer.join(),
            true => left.push(self.screen_writer),
        }
        // The process ends.
        drop(ending);
        self.stdin.end();
        stdout.cut();
        left.into_iter().for_each(Thread::join);
        let notices =
            self.stderr.try_iter().map(|order| String::from_utf8_lossy(order.bytes()).into_owned());
        End { code: outcome.code, notices: notices.collect(), left_screen }
    }
}
