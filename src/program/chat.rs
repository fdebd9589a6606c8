//! From the first thread to the last: starting everything in order, and ending it in order.
//!
//! Sinks are started before sources, so that whatever a source brings has somewhere to go.
//! At the end *the writers are joined, and readers that cannot be woken are left*: a `read` from
//! a pipe, an `accept` and a name being looked up end with the process.

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvError, unbounded};

use crate::error::Error;
use crate::lens::explain;
use crate::lens::trace::Trace;
use crate::net::acceptor::Acceptor;
use crate::net::connection::LineSettings;
use crate::net::connector::Connector;
use crate::net::place::Place;
use crate::net::requests::Requests;
use crate::platform::terminal::Terminal;
use crate::platform::{display, limits, stdin as platform_stdin, window};
use crate::program::cli::Meet;
use crate::program::ending::Ending;
use crate::program::writers::{LAST_LINES, Sinks};
use crate::roles::{Role, Source};
use crate::room::rules;
use crate::talk::coordinator::{self, Calling, Coordinator, Outboxes, Outcome, Plan, Stdin};
use crate::terminal::keyboard::Keyboard;
use crate::terminal::keys::Keys;
use crate::terminal::lines::Lines as TypedLines;
use crate::terminal::screen::{self, RowBoard};
use crate::text::audience::Audience;
use crate::threads::buffer::{BUFFER_SIZE, BUFFERS, Pool, Stopper};
use crate::threads::event::{Event, News};
use crate::threads::inbox::{self, Inbox, ToInbox};
use crate::threads::notices::{Notices, Unsent};
use crate::threads::permit::{Permit, Permits};
use crate::threads::reader::Reader;
use crate::threads::thread::{self, Thread};
use crate::watch::steps::{self, Call, Facts, Watched};
use crate::wire::codec;
use crate::wire::messages::{END_FRAME, Wire};

/// How many bytes to ask stdin for at a time: what a pipe holds.
const AT_A_TIME: usize = 65_536;

/// How many files are open besides those of a room's members, about.
const OTHER_FILES: u64 = 16;

/// Holds the conversation that the command line asks for.
pub fn run(meet: &Meet, place: Place, terminal: Option<Terminal>) -> ExitCode {
    match Chat::start(meet, place, terminal.clone()) {
        Ok(chat) => chat.finish(),
        Err(error) => {
            if let Some(terminal) = terminal {
                terminal.give_back();
            }
            // The writer for stderr may not be there yet. Or it may be writing the log, so the line
            // goes out in one piece.
            use io::Write as _;
            let _ = io::stderr().write_all(format!("threadchat: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Gives the terminal back in the midst of everything, since the process is about to end.
pub fn give_back_at_once(terminal: Option<&Terminal>) {
    if let Some(terminal) = terminal {
        terminal.give_back();
    }
    if window::knows_escapes() && io::IsTerminal::is_terminal(&io::stdout()) {
        // It may have been while rows were written.
        let has_row = terminal.is_some_and(Terminal::can_edit);
        display::reset_screen(if has_row { screen::RESET } else { screen::WRAPPING });
    }
}

/// The threads of the program, but for a connection's own two; see
/// [`connection`](crate::net::connection).
struct Chat {
    inbox: Inbox,
    wire: Wire,
    terminal: Option<Terminal>,
    sinks: Sinks,
    trace: Option<Trace>,
    permits: Permits,
    stdin_reader: Option<Thread>,
    /// Wakes it where stdin is piped.
    stop_reading: Option<Stopper>,
    /// The acceptor or the connector.
    finder: Thread,
    coordinator: Thread,
    /// Where the coordinator's thread leaves how it ended.
    outcome: Receiver<Outcome>,
}

impl Chat {
    fn start(meet: &Meet, place: Place, terminal: Option<Terminal>) -> Result<Chat, Error> {
        let common = meet.common();
        let for_a_person = io::IsTerminal::is_terminal(&io::stdout());
        let hints = io::IsTerminal::is_terminal(&io::stderr());
        let room = meet.room();
        let stdin = match &terminal {
            _ if common.recv_only => Stdin::Unread,
            Some(_) => Stdin::Terminal,
            None => Stdin::Pipe,
        };

        let (to_inbox, inbox) = inbox::open(match meet {
            Meet::Listen(_) => Role::Acceptor,
            Meet::Connect(_) => Role::Connector,
        });
        // These handlers, and so this way to the inbox, live as long as the process.
        let leave = {
            let to_inbox = to_inbox.clone();
            let had_terminal = terminal.is_some();
            move || {
                let gone = had_terminal && Terminal::is_gone();
                let _ = to_inbox.send(if gone { Event::HungUp } else { Event::Signal });
            }
        };
        let to_give_back = terminal.clone();
        thread::on_signals(leave, move || give_back_at_once(to_give_back.as_ref()))?;

        // What the stdin-reader reads. Keys are taken before anything is shown: or the terminal would
        // show them in the midst of it.
        let no_stdin = |why| Error::NoStream { stream: "stdin", why };
        let typed = stdin == Stdin::Terminal;
        let (mut keys, mut stream, mut bell_of_pipe, mut bell) = (None, None, None, None);
        let (permits, may_read);
        match &terminal {
            Some(terminal) if typed => {
                let (bytes, rings) = platform_stdin::typed().map_err(no_stdin)?;
                bell = rings;
                (permits, may_read) = Permits::new(bell.clone());
                if !common.plain && terminal.can_edit() {
                    keys = Some(Keys::new(bytes));
                    terminal.take_keys();
                } else {
                    let lines = TypedLines::new(bytes, may_read.clone());
                    stream = Some(Input::Stream(Box::new(lines)));
                }
            }
            _ => {
                (permits, may_read) = Permits::new(None);
                if stdin == Stdin::Pipe {
                    let (piped, rings) = platform_stdin::piped().map_err(no_stdin)?;
                    bell_of_pipe = rings;
                    stream = Some(Input::Stream(Box::new(piped)));
                }
            }
        }

        // Sinks first, and before them whoever watches.
        let trace = match &common.trace {
            None => None,
            Some(file) => {
                let command = meet.in_words(&place);
                let me = common.name.as_ref();
                Some(Trace::start(file, command, me, common.wire, to_inbox.clone())?)
            }
        };
        let (board, rows) = RowBoard::new();
        let rows = keys.as_ref().map(|keys| (rows, keys.are_waiting()));
        let mut sinks = Sinks::start(common, for_a_person, room.is_some(), rows, &to_inbox)?;
        let colour = hints && common.color.is_wanted();
        explain::start_log(common.explain, colour, room, sinks.notices.clone());
        if let Some(members_max) = room {
            make_room(members_max, &sinks.notices);
        }

        // Then what the coordinator has to know.
        let (ask_friend, asked) = unbounded();
        let plan = Plan {
            stdin,
            wire: common.wire,
            calling: match meet {
                Meet::Listen(_) => None,
                Meet::Connect(connect) => Some(Calling {
                    to: place.to_string(),
                    timeout: connect.timeout,
                    wait: meet.wait(),
                }),
            },
            keep: meet.keep(),
            room,
            name: common.name.clone(),
            editor: keys.is_some(),
            hints,
            terminal: terminal.clone(),
        };
        let stdin_pool = match common.wire {
            Wire::Lines => Pool::new(BUFFERS, AT_A_TIME),
            Wire::Frames => Pool::new(BUFFERS, BUFFER_SIZE),
        };
        let stdin_pool = match (&keys, bell) {
            (Some(_), Some(bell)) => stdin_pool.with_bell(bell),
            _ => stdin_pool,
        };
        let stop_reading = (stdin == Stdin::Pipe).then(|| stdin_pool.stopper(bell_of_pipe));
        let outboxes = Outboxes {
            to_screen: sinks.to_screen.clone(),
            notices: sinks.notices.clone(),
            to_transcript: sinks.to_transcript(),
            permits: permits.clone(),
            stop_reading: stop_reading.clone(),
            ask_friend,
            ears: std::mem::take(&mut sinks.ears),
        };
        // Then the sources.
        let from = match (keys, &terminal) {
            (Some(keys), Some(terminal)) => Some(Input::Keys(Box::new(Keyboard::new(
                terminal.clone(),
                keys,
                may_read.clone(),
                stdin_pool.at_home(),
                board,
                sinks.to_screen.clone(),
                sinks.notices.clone(),
                to_inbox.clone(),
            )))),
            _ => stream,
        };
        let stdin_reader = match from {
            None => None,
            Some(from) => Some(start_stdin_reader(
                from,
                typed,
                common.wire,
                room.is_some(),
                stdin_pool,
                may_read,
                to_inbox.clone(),
            )?),
        };
        let audience = match meet {
            Meet::Listen(_) if room.is_some() => Audience::Host,
            _ if !for_a_person => Audience::Pipe,
            Meet::Listen(_) => Audience::Person,
            Meet::Connect(_) => Audience::Caller,
        };
        let settings =
            LineSettings { wire: common.wire, audience, recv_buffer: common.recv_buffer as usize };
        let requests = Requests::new(asked, to_inbox, settings, typed || room.is_some());
        let finder = start_finder(meet, place, hints, requests)?;

        // The coordinator last: the sources wait for its word. So where there is no thread for one of
        // them, nothing has begun, and no key has been asked for.
        let (leave_outcome, outcome) = unbounded();
        let coordinator = Thread::start(Role::Coordinator, {
            let inbox = inbox.clone();
            move || {
                let coordinator = Coordinator::new(plan, outboxes, Instant::now());
                let _ = leave_outcome.send(coordinator.run(&inbox));
            }
        })?;

        Ok(Chat {
            inbox,
            wire: common.wire,
            terminal,
            sinks,
            trace,
            permits,
            stdin_reader,
            stop_reading,
            finder,
            coordinator,
            outcome,
        })
    }

    /// Waits for the coordinator to end, and then ends everything else: sources, then sinks.
    fn finish(self) -> ExitCode {
        // No outcome: the coordinator has panicked, and the panic hook is ending the process.
        let outcome = steps::blocked_untold(Call::Join, || self.outcome.recv());
        let Ok(outcome) = outcome else { return ExitCode::FAILURE };
        self.coordinator.join();
        let mut ending = Ending::new(self.inbox, outcome.gone_by);

        // The stdin-reader. What was half typed is shown as not sent, instead of being left for
        // the shell, where the next Enter would run it.
        let mut stdin_reading = outcome.stdin_reading;
        if let Some(terminal) = &self.terminal {
            let gone_by = ending.gone_by;
            // Also where nothing is to be waited for: a stdin-reader that goes on after the
            // terminal was given back could take it again.
            ending.gone_by = gone_by.max(Instant::now() + LAST_LINES);
            let mut unsent = Unsent::default();
            if self.permits.stop() {
                while stdin_reading
                    && ending.next_event(|event| match event {
                        Event::Read(Source::Stdin, News::Block(block)) => {
                            unsent.add(self.wire, block.bytes());
                        }
                        Event::Read(Source::Stdin, News::Command(line)) => {
                            unsent.add(Wire::Lines, line.as_bytes());
                        }
                        Event::Read(Source::Stdin, News::Ended(_)) => stdin_reading = false,
                        _ => {}
                    })
                {}
            }
            // What nobody has read: half a line without the line editor, or what came after Ctrl-D.
            unsent.add(Wire::Lines, &terminal.unread());
            self.sinks.notices.not_sent(&unsent);
            if !ending.hurried {
                ending.gone_by = gone_by;
            }
            terminal.give_back();
        }
        self.permits.end();
        let wakes = self.stop_reading.filter(Stopper::wakes);
        if let Some(stdin_reader) = &wakes {
            stdin_reader.stop();
        }
        match self.stdin_reader {
            // It waits to be let read again, or to be told that this was all.
            Some(reader) if !stdin_reading => reader.join(),
            Some(reader) if wakes.is_some() && ending.ends(&reader) => reader.join(),
            Some(reader) => reader.leave("nothing can wake a read from stdin"),
            None => {}
        }
        match outcome.still_asking {
            false => self.finder.join(),
            true => self.finder.leave("nothing can wake the call that it is blocked in"),
        }

        // The sinks have everything now; they write it and end.
        self.sinks.finish(self.trace, &mut ending);
        ExitCode::from(if ending.hurried { coordinator::INTERRUPTED } else { outcome.code })
    }
}

/// Starts the acceptor or the connector.
fn start_finder(
    meet: &Meet,
    place: Place,
    hints: bool,
    requests: Requests,
) -> Result<Thread, Error> {
    let common = meet.common();
    let (family, wire) = (common.family(), common.wire);
    match meet {
        Meet::Listen(_) => {
            let acceptor = Acceptor {
                place,
                family,
                hints,
                options: common.options.clone(),
                refusal: Box::new(move |error| no_room_for_you(wire, error)),
                requests,
            };
            let room = meet.room().is_some();
            Thread::start(Role::Acceptor, move || match room {
                true => acceptor.run_for_room(),
                false => acceptor.run(),
            })
        }
        Meet::Connect(connect) => {
            let (timeout, wait) = (connect.timeout, meet.wait().flatten());
            let connector = Connector { place, family, timeout, wait, requests };
            Thread::start(Role::Connector, move || connector.run())
        }
    }
}

/// What a caller is told whom a room cannot take: the bytes to send.
fn no_room_for_you(wire: Wire, error: &Error) -> Vec<u8> {
    let why = format_args!("this room cannot take you now: {}", error.to_a_caller());
    let mut bytes = rules::refusal(wire, why);
    if wire == Wire::Frames {
        bytes.extend_from_slice(END_FRAME);
    }
    bytes
}

fn start_stdin_reader(
    mut from: Input,
    typed: bool,
    wire: Wire,
    room: bool,
    pool: Pool,
    may_read: Receiver<Permit>,
    inbox: ToInbox,
) -> Result<Thread, Error> {
    Thread::start(Role::StdinReader, move || {
        // Once for piped input. A person who has pressed Ctrl-D can type to the next friend.
        while let Ok(permit) = steps::blocked(
            Call::Permit,
            Facts::default,
            || may_read.recv(),
            |permit| Facts { news: in_words(*permit), ..Facts::default() },
        ) {
            match permit {
                Permit::Read => {}
                Permit::Stop => continue, // It is not reading.
                Permit::End => break,
            }
            let reader = Reader {
                source: Source::Stdin,
                codec: codec::for_stdin(wire, room, typed),
                sniffer: None,
                at_a_time: AT_A_TIME,
                inbox: inbox.clone(),
            };
            let watched = Watched::new(&mut from, Call::Read).with_messages(Wire::Lines);
            reader.run(watched, &pool);
            if let Input::Keys(keyboard) = &mut from {
                keyboard.rest();
            }
        }
    })
}

/// What a permit says to the stdin-reader; an error: there will be none any more.
fn in_words(permit: Result<Permit, RecvError>) -> String {
    let words = match permit {
        Ok(Permit::Read) => "to begin",
        Ok(Permit::Stop) => "to stop",
        Ok(Permit::End) | Err(_) => "that this was all",
    };
    words.to_owned()
}

/// Each member is an open file.
fn make_room(members_max: usize, notices: &Notices) {
    let Some(limit) = limits::raise_file_limit() else { return };
    log::debug!("the system lets us have {limit} open files");
    let members = limit.saturating_sub(OTHER_FILES);
    if members < members_max as u64 {
        notices.notice(format_args!(
            "there will be room for about {members} members: the system lets us have {limit} open \
             files (ulimit -n)"
        ));
    }
}

/// What the stdin-reader reads.
enum Input {
    /// A terminal, key by key.
    Keys(Box<Keyboard>),
    /// A terminal in its own line mode, a pipe or a file.
    Stream(Box<dyn Read + Send>),
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Keys(keyboard) => keyboard.read(into),
            Input::Stream(stream) => stream.read(into),
        }
    }
}
