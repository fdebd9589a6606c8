//! From the first thread to the last: starting everything in order, and ending it in order.
//!
//! Sinks are started before sources, so that whatever a source brings has somewhere to go.
//! At the end *the writers are joined, and readers that cannot be woken are left*: a `read` from
//! a pipe, an `accept` and a name being looked up end with the process.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, select, unbounded};

use crate::buffer::{BUFFER_SIZE, BUFFERS, Pool};
use crate::cli::{Cli, Verb};
use crate::connection::{self, Manner};
use crate::conversation::LEAVING;
use crate::coordinator::{self, Calling, Coordinator, Outboxes, Outcome, Plan, Stdin};
use crate::error::Error;
use crate::event::{Event, News, Sink, Source};
use crate::explain::{self, Watched};
use crate::notices::Notices;
use crate::platform::{self, Terminal};
use crate::reader::Reader;
use crate::screen::Form;
use crate::socket::{self, Family, Place};
use crate::thread::Thread;
use crate::wire::{Codec, Framer, Wire};
use crate::writer::{Order, Writer};

/// How many bytes to ask stdin for at a time: what a pipe holds.
const AT_A_TIME: usize = 65_536;

/// How much of the time for leaving is kept for stderr.
const LAST_LINES: Duration = Duration::from_millis(50);

/// Holds the conversation that the command line asks for.
pub fn run(cli: &Cli, place: Place, terminal: Option<Terminal>, started: Instant) -> ExitCode {
    match Chat::start(cli, place, terminal, started) {
        Ok(chat) => chat.finish(),
        Err(error) => {
            // The writer for stderr may not be there yet.
            use io::Write as _;
            let _ = writeln!(io::stderr(), "threadchat: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The threads of the program, but for a connection's own two; see [`connection`].
struct Chat {
    inbox: Receiver<Event>,
    notices: Notices,
    wire: Wire,
    terminal: Option<Terminal>,
    to_screen: Sender<Order>,
    screen_writer: Thread,
    /// Stderr's writer, where stderr is not the screen itself.
    notice_writer: Option<(Sender<Order>, Thread)>,
    stdin_reader: Option<Thread>,
    /// The acceptor or the connector.
    seeker: Thread,
    coordinator: Thread,
    /// Where the coordinator's thread leaves how it ended.
    outcome: Receiver<Outcome>,
}

impl Chat {
    fn start(
        cli: &Cli,
        place: Place,
        terminal: Option<Terminal>,
        started: Instant,
    ) -> Result<Chat, Error> {
        let common = cli.verb.common();
        let for_a_person = io::IsTerminal::is_terminal(&io::stdout());
        let stdin = match &terminal {
            _ if common.recv_only => Stdin::Unread,
            Some(_) => Stdin::Terminal,
            None => Stdin::Pipe,
        };

        // Every channel is unbounded, and none needs a bound: what travels in them is paid for
        // by the readers' buffers (see `buffer`), or is a handful of words of our own.
        let (to_inbox, inbox) = unbounded();
        ctrlc::set_handler({
            let to_inbox = to_inbox.clone();
            // This handler, and so this way to the inbox, lives as long as the process.
            move || {
                let _ = to_inbox.send(Event::Signal);
            }
        })
        .map_err(Error::NoSignals)?;

        // Sinks first.
        let (to_screen, screen_outbox) = unbounded();
        let form = match (for_a_person, common.wire) {
            (true, wire) => Form::Labelled { wire, columns: platform::columns },
            (false, Wire::Lines) => Form::Plain,
            (false, Wire::Frames) => Form::Payloads,
        };
        let stdout = platform::stdout().map_err(|why| Error::NoStream { stream: "stdout", why })?;
        let writer =
            Writer { sink: Sink::Screen, form, outbox: screen_outbox, inbox: to_inbox.clone() };
        let screen_writer = start_writer("screen-writer", writer, stdout)?;

        // Where stderr is the screen, notices go through the screen's writer: so they stand
        // behind the messages that came before them, and nothing is torn.
        let (notices, notice_writer) = if platform::one_terminal() {
            (Notices::new(to_screen.clone(), common.quiet), None)
        } else {
            let (to_stderr, outbox) = unbounded();
            let stderr =
                platform::stderr().map_err(|why| Error::NoStream { stream: "stderr", why })?;
            let inbox = to_inbox.clone();
            let writer = Writer { sink: Sink::Notices, form: Form::Plain, outbox, inbox };
            let writer = start_writer("notice-writer", writer, stderr)?;
            (Notices::new(to_stderr.clone(), common.quiet), Some((to_stderr, writer)))
        };
        explain::start_log(common.explain, started, notices.clone());

        // Then the coordinator. It begins by asking for a friend, which waits in the channel
        // until the thread that looks for friends is there.
        let (let_read, may_read) = unbounded();
        let (ask_friend, asked) = unbounded();
        let plan = Plan {
            stdin,
            wire: common.wire,
            calling: match &cli.verb {
                Verb::Listen(_) => None,
                Verb::Connect(connect) => Some(Calling {
                    to: place.to_string(),
                    timeout: connect.timeout,
                    wait: cli.verb.wait(),
                }),
            },
            keep: cli.verb.keep(),
            terminal: terminal.clone(),
        };
        let stdin_pool = match common.wire {
            Wire::Lines => Pool::new(BUFFERS, AT_A_TIME),
            Wire::Frames => Pool::new(BUFFERS, BUFFER_SIZE),
        };
        let outboxes = Outboxes {
            to_screen: to_screen.clone(),
            notices: notices.clone(),
            let_read,
            stop_reading: (stdin == Stdin::Pipe).then(|| stdin_pool.stopper()),
            ask_friend,
        };
        let (leave_outcome, outcome) = unbounded();
        let coordinator = Thread::start("coordinator", {
            let inbox = inbox.clone();
            move || {
                let coordinator = Coordinator::new(plan, outboxes, Instant::now());
                let _ = leave_outcome.send(coordinator.run(&inbox));
            }
        })?;

        // Then the sources.
        let stdin_reader = match stdin {
            Stdin::Unread => None,
            Stdin::Terminal | Stdin::Pipe => Some(start_stdin_reader(
                stdin == Stdin::Terminal,
                common.wire,
                stdin_pool,
                may_read,
                to_inbox.clone(),
            )?),
        };
        let seeker = Seeker {
            place,
            family: common.family(),
            typed: stdin == Stdin::Terminal,
            manner: Manner {
                wire: common.wire,
                for_a_person,
                recv_buffer: common.recv_buffer as usize,
            },
            asked,
            inbox: to_inbox,
        };
        let seeker = match &cli.verb {
            Verb::Listen(_) => Thread::start("acceptor", move || seeker.accept())?,
            Verb::Connect(connect) => {
                let timeout = connect.timeout;
                Thread::start("connector", move || seeker.connect(timeout))?
            }
        };

        Ok(Chat {
            inbox,
            notices,
            wire: common.wire,
            terminal,
            to_screen,
            screen_writer,
            notice_writer,
            stdin_reader,
            seeker,
            coordinator,
            outcome,
        })
    }

    /// Waits for the coordinator to end, and then ends everything else: sources, then sinks.
    fn finish(self) -> ExitCode {
        // No outcome: the coordinator has panicked, and the panic hook is ending the process.
        let Ok(outcome) = self.outcome.recv() else { return ExitCode::FAILURE };
        self.coordinator.join();
        let mut ending = Ending::new(self.inbox, outcome.gone_by);

        // The stdin-reader. What was half typed is shown as not sent, instead of being left for
        // the shell, where the next Enter would run it.
        let mut stdin_reading = outcome.stdin_reading;
        if let Some(terminal) = &self.terminal {
            let mut unread = Vec::new();
            let mut typed = Typed { bytes: Vec::new(), ended: !stdin_reading };
            if terminal.wake_stdin_reader() {
                while !typed.ended && ending.next_event(|event| typed.note(&event)) {}
                // After Ctrl-D nobody has read what was typed.
                unread = terminal.unread();
            }
            terminal.give_back();
            self.notices.not_sent(self.wire, &typed.bytes);
            self.notices.not_sent(Wire::Lines, &unread);
            stdin_reading = !typed.ended;
        }
        match self.stdin_reader {
            // It waits to be let read again, and the coordinator that could let it is gone.
            Some(reader) if !stdin_reading => reader.join(),
            Some(reader) => reader.leave("nothing can wake a read from stdin"),
            None => {}
        }
        match outcome.still_asking {
            false => self.seeker.join(),
            true => self.seeker.leave("nothing can wake the call that it is blocked in"),
        }

        // The sinks have everything now; they write it and end.
        let _ = self.to_screen.send(Order::Goodbye);
        let gone_by = ending.gone_by;
        if self.notice_writer.is_some() {
            // Stderr comes last, since it is to be told what became of stdout; and it gets time.
            ending.gone_by = gone_by.checked_sub(LAST_LINES).unwrap_or(gone_by);
        }
        match ending.ends(&self.screen_writer) {
            true => self.screen_writer.join(),
            false => self.screen_writer.leave("stdout does not take what it has"),
        }
        if let Some((to_stderr, writer)) = self.notice_writer {
            if !ending.hurried {
                // Also on a machine that was too busy until now: no exit code without a reason.
                ending.gone_by = gone_by.max(Instant::now() + LAST_LINES);
            }
            let _ = to_stderr.send(Order::Goodbye);
            match ending.ends(&writer) {
                true => writer.join(),
                false => writer.leave("stderr does not take what it has"),
            }
        }
        ExitCode::from(if ending.hurried { coordinator::INTERRUPTED } else { outcome.code })
    }
}

/// What the stdin-reader still hands over.
struct Typed {
    bytes: Vec<u8>,
    ended: bool,
}

impl Typed {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Read(Source::Stdin, News::Block(block)) => {
                self.bytes.extend_from_slice(block.bytes());
            }
            Event::Read(Source::Stdin, News::Ended(_)) => self.ended = true,
            _ => {}
        }
    }
}

/// Waiting for the last threads, while Ctrl-C goes on working.
struct Ending {
    inbox: Receiver<Event>,
    /// When whoever has not ended is left.
    gone_by: Instant,
    /// A signal has come.
    interrupted: bool,
    /// A second signal has come: gone at once.
    hurried: bool,
}

impl Ending {
    fn new(inbox: Receiver<Event>, gone_by: Option<Instant>) -> Ending {
        Ending {
            inbox,
            // What is left to write is a few words of our own.
            gone_by: gone_by.unwrap_or_else(|| Instant::now() + LEAVING),
            interrupted: gone_by.is_some(),
            hurried: false,
        }
    }

    fn on_signal(&mut self) {
        if self.interrupted {
            self.hurried = true;
            self.gone_by = Instant::now();
        }
        self.interrupted = true;
    }

    /// Whether the thread ends in time.
    fn ends(&mut self, thread: &Thread) -> bool {
        loop {
            select! {
                recv(thread.ended()) -> _ => return true,
                recv(self.inbox) -> event => if let Ok(Event::Signal) = event { self.on_signal() },
                recv(at(self.gone_by)) -> _ => return thread.has_ended(),
            }
        }
    }

    /// Waits for an event, but not beyond the end: then it is `false`.
    fn next_event(&mut self, take: impl FnOnce(Event)) -> bool {
        match self.inbox.recv_deadline(self.gone_by) {
            Ok(Event::Signal) => self.on_signal(),
            Ok(event) => take(event),
            Err(_) => return false,
        }
        true
    }
}

fn start_writer(
    name: &'static str,
    mut writer: Writer,
    to: impl io::Write + Send + 'static,
) -> Result<Thread, Error> {
    Thread::start(name, move || {
        let last_word = writer.run(to);
        // Nobody listens any more where the program is ending.
        let _ = writer.inbox.send(Event::Written(writer.sink, last_word));
    })
}

fn start_stdin_reader(
    typed: bool,
    wire: Wire,
    pool: Pool,
    may_read: Receiver<()>,
    inbox: Sender<Event>,
) -> Result<Thread, Error> {
    let stdin = platform::stdin().map_err(|why| Error::NoStream { stream: "stdin", why })?;
    Thread::start("stdin-reader", move || {
        let mut stdin = Watched::new(Input { stdin, typed }, "read");
        // Once for piped input. A person who has pressed Ctrl-D can type to the next friend.
        while may_read.recv().is_ok() {
            let reader = Reader {
                source: Source::Stdin,
                codec: match wire {
                    Wire::Lines => None,
                    Wire::Frames => Some(Codec::Framer(Framer::new(typed))),
                },
                sniffer: None,
                at_a_time: AT_A_TIME,
                inbox: inbox.clone(),
            };
            reader.run(&mut stdin, &pool);
        }
    })
}

/// Standard input, where the end of a terminal's input is told from the end of the terminal.
struct Input<R> {
    stdin: R,
    typed: bool,
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.stdin.read(into) {
            Ok(0) if self.typed && Terminal::is_gone() => {
                Err(io::Error::other("the terminal is gone"))
            }
            other => other,
        }
    }
}

/// The thread that looks for friends: the acceptor or the connector. Whenever the coordinator
/// asks for one it looks until it has found one, or has failed.
struct Seeker {
    place: Place,
    family: Family,
    typed: bool,
    manner: Manner,
    asked: Receiver<()>,
    inbox: Sender<Event>,
}

impl Seeker {
    fn accept(mut self) {
        while self.asked.recv().is_ok() {
            let result = self.accept_one();
            self.report(result);
        }
    }

    fn accept_one(&mut self) -> Result<(), Error> {
        let listener = socket::listen(&self.place, self.family)?;
        let at = listener.local_addr().map_err(|why| socket::cannot_listen(&self.place, why))?;
        // The next time it is the same port again, also where any would have done.
        self.place.port = at.port();
        let _ = self.inbox.send(Event::Listening(at));
        log::trace!("blocks in accept");
        let (stream, address) =
            socket::accept(&listener).map_err(|why| Error::CannotAccept { at, why })?;
        log::debug!("accept gave a connection from {address}; closes the listening socket");
        // From here on callers are refused, and one who is queued is reset, instead of being
        // connected to nobody.
        drop(listener);
        self.begin(stream, address)
    }

    fn connect(self, timeout: Duration) {
        while self.asked.recv().is_ok() {
            let result = socket::connect(&self.place, self.family, timeout)
                .and_then(|(stream, address)| self.begin(stream, address));
            self.report(result);
        }
    }

    fn begin(&self, stream: TcpStream, address: SocketAddr) -> Result<(), Error> {
        socket::prepare(&stream, self.typed);
        connection::begin(stream, address, self.manner, &self.inbox)
    }

    fn report(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            // Nobody listens any more where the program is ending.
            let _ = self.inbox.send(Event::NotConnected(error));
        }
    }
}
