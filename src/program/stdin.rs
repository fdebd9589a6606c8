//! The stdin-reader: what it reads, its buffers, its thread, and how it is ended.

use std::io::{self, Read};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvError};

use crate::error::Error;
use crate::platform;
use crate::platform::bell::Bell;
use crate::platform::terminal::Terminal;
use crate::program::cli::Meet;
use crate::program::ending::{Ending, LAST_LINES};
use crate::program::streams::Streams;
use crate::program::writers::{Rows, Writers};
use crate::roles::{Role, Source};
use crate::talk::plan::Stdin;
use crate::terminal::attention::without_reports;
use crate::terminal::board::Board;
use crate::terminal::keyboard::{Completes, Keyboard};
use crate::terminal::keys::Keys;
use crate::terminal::lines::Lines as TypedLines;
use crate::terminal::row::RowBoard;
use crate::text::command::{HELP, HELP_OF_A_HOST};
use crate::threads::buffer::{BUFFER_SIZE, BUFFERS, Pool, Stopper};
use crate::threads::event::{Event, News};
use crate::threads::inbox::ToInbox;
use crate::threads::notices::{Notices, Unsent};
use crate::threads::permit::{Permit, Permits};
use crate::threads::reader::Reader;
use crate::threads::thread::Thread;
use crate::watch::steps::{self, Asked, Call, Came};
use crate::watch::watched::{Followed, Watched};
use crate::wire::codec::{self, Codec};
use crate::wire::messages::Wire;

/// How many bytes to ask stdin for at a time: what a pipe holds.
const AT_A_TIME: usize = 65_536;

/// Stdin, opened: nothing has been read from it, and nobody reads it yet.
pub struct Opened {
    kind: Kind,
    permits: Permits,
    may_read: Receiver<Permit>,
}

/// What is read.
enum Kind {
    /// A terminal, key by key, and where the row is put that is being typed.
    Keys {
        terminal: Terminal,
        keys: Keys,
        board: RowBoard,
        completes: Completes,
        bell: Option<Bell>,
    },
    /// A terminal in its own line mode.
    Lines(TypedLines),
    /// A pipe or a file.
    Pipe { bytes: Box<dyn Read + Send>, bell: Option<Bell> },
    /// Nothing is ever read.
    Nothing,
}

/// Opens stdin, and takes the keys where there is the line editor: then it gives the rows that are
/// being typed.
///
/// # Errors
/// Stdin cannot be used.
pub fn open(meet: &Meet, streams: &Streams) -> Result<(Opened, Option<Rows>), Error> {
    let no_stdin = |why| Error::NoStream { stream: "stdin", why };
    match (streams.stdin, &streams.terminal) {
        (Stdin::Terminal, Some(terminal)) => {
            let (bytes, bell) = platform::stdin::typed().map_err(no_stdin)?;
            let (permits, may_read) = Permits::new(bell.clone());
            if meet.common().plain || !terminal.can_edit() {
                let kind = Kind::Lines(TypedLines::new(bytes, may_read.clone()));
                return Ok((Opened { kind, permits, may_read }, None));
            }
            let keys = Keys::new(bytes);
            terminal.take_keys(false);
            let (board, rows) = RowBoard::new();
            let (people_board, people) = Board::new();
            let commands = if meet.room().is_some() { &HELP_OF_A_HOST } else { &HELP };
            let completes = Completes { commands, people };
            let rows = Rows { rows, people: people_board, after_echo: keys.are_waiting() };
            let kind = Kind::Keys { terminal: terminal.clone(), keys, board, completes, bell };
            Ok((Opened { kind, permits, may_read }, Some(rows)))
        }
        (Stdin::Unread, _) => {
            let (permits, may_read) = Permits::new(None);
            Ok((Opened { kind: Kind::Nothing, permits, may_read }, None))
        }
        _ => {
            let (permits, may_read) = Permits::new(None);
            let (bytes, bell) = platform::stdin::piped().map_err(no_stdin)?;
            let kind = Kind::Pipe { bytes: Box::new(bytes), bell };
            Ok((Opened { kind, permits, may_read }, None))
        }
    }
}

/// The stdin-reader's thread, where there is one, and the ways to stop it.
pub struct StdinReader {
    thread: Option<Thread>,
    /// Lets it read.
    pub permits: Permits,
    /// Tells it to read no more, where stdin is piped.
    pub stop_reading: Option<Stopper>,
    /// Whether what is typed is edited here.
    pub editor: bool,
    terminal: Option<Terminal>,
    wire: Wire,
}

impl Opened {
    /// Starts the stdin-reader, which waits to be let read.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        self,
        meet: &Meet,
        streams: &Streams,
        writers: &Writers,
        inbox: ToInbox,
    ) -> Result<StdinReader, Error> {
        let Opened { kind, permits, may_read } = self;
        let wire = meet.common().wire;
        let mut reader = StdinReader {
            thread: None,
            permits,
            stop_reading: None,
            editor: matches!(kind, Kind::Keys { .. }),
            terminal: streams.terminal.clone(),
            wire,
        };
        let size = if wire == Wire::Lines { AT_A_TIME } else { BUFFER_SIZE };
        let mut pool = Pool::new(BUFFERS, size);
        let input = match kind {
            Kind::Keys { terminal, keys, board, completes, bell } => {
                if let Some(bell) = bell {
                    pool = pool.with_bell(bell);
                }
                Input::Keys(Box::new(Keyboard::new(
                    terminal,
                    keys,
                    may_read.clone(),
                    pool.at_home(),
                    board,
                    completes,
                    writers.to_screen(),
                    writers.notices.clone(),
                    inbox.clone(),
                )))
            }
            Kind::Lines(lines) => Input::Stream(Box::new(lines)),
            Kind::Pipe { bytes, bell } => {
                reader.stop_reading = Some(pool.stopper(bell));
                Input::Stream(bytes)
            }
            Kind::Nothing => return Ok(reader),
        };
        let (room, typed) = (meet.room().is_some(), streams.stdin == Stdin::Terminal);
        reader.thread = Some(Thread::start(Role::StdinReader, move || {
            run(input, || codec::for_stdin(wire, room, typed), &pool, &may_read, &inbox);
        })?);
        Ok(reader)
    }
}

/// The stdin-reader: reads to the end whenever it is let read.
fn run(
    mut input: Input,
    codec: impl Fn() -> Option<Codec>,
    pool: &Pool,
    may_read: &Receiver<Permit>,
    inbox: &ToInbox,
) {
    // Once for piped input. A person who has pressed Ctrl-D can type to the next friend.
    while let Ok(permit) = steps::blocked(
        Call::Permit,
        Asked::default(),
        || may_read.recv(),
        |permit| Came { news: in_words(*permit), ..Came::default() },
    ) {
        match permit {
            Permit::Read => {}
            Permit::Stop => continue, // It is not reading.
            Permit::End => break,
        }
        let reader = Reader {
            source: Source::Stdin,
            codec: codec(),
            sniffer: None,
            at_a_time: AT_A_TIME,
            inbox: inbox.clone(),
        };
        let watched = Watched::new(&mut input, Call::Read);
        reader.run(Followed::new(watched, Call::Read, None, None), pool);
        if let Input::Keys(keyboard) = &mut input {
            keyboard.rest();
        }
    }
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

impl StdinReader {
    /// Ends it, or leaves it where nothing can wake it, and gives the terminal back. `reading`: it
    /// has not said its last word.
    pub fn end(self, mut reading: bool, notices: &Notices, ending: &mut Ending) {
        if let Some(terminal) = &self.terminal {
            let gone_by = ending.gone_by;
            // Also where nothing is to be waited for: a stdin-reader that goes on after the
            // terminal was given back could take it again.
            ending.gone_by = gone_by.max(Instant::now() + LAST_LINES);
            let mut unsent = Unsent::default();
            if self.permits.stop() {
                while reading
                    && ending.next_event(|event| reading = self.reads_on(event, &mut unsent))
                {
                }
            }
            // What nobody has read: half a line without the line editor, or what came after Ctrl-D.
            unsent.add(Wire::Lines, &without_reports(&terminal.unread()));
            notices.not_sent(&unsent);
            if !ending.hurried {
                ending.gone_by = gone_by;
            }
            terminal.give_back();
        }
        self.permits.end();
        let wakes = self.stop_reading.filter(Stopper::wakes);
        if let Some(pipe) = &wakes {
            pipe.stop();
        }
        match self.thread {
            // It waits to be let read again, or to be told that this was all.
            Some(reader) if !reading => reader.join(),
            Some(reader) if wakes.is_some() && ending.ends(&reader) => reader.join(),
            Some(reader) => reader.leave("nothing can wake a read from stdin"),
            None => {}
        }
    }

    /// What was half typed is shown as not sent, instead of being left for the shell, where the next
    /// Enter would run it. `false`: that was its last word.
    fn reads_on(&self, event: Event, unsent: &mut Unsent) -> bool {
        match event {
            Event::Read(Source::Stdin, News::Block(block)) => unsent.add(self.wire, block.bytes()),
            Event::Read(Source::Stdin, News::Command(line)) => {
                unsent.add(Wire::Lines, line.as_bytes());
            }
            Event::Read(Source::Stdin, News::Ended(_)) => return false,
            _ => {}
        }
        true
    }
}
