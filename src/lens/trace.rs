//! `--trace FILE`: the same steps as lanes, spans and arrows, for Perfetto, `chrome://tracing`, and
//! [`picture`](crate::picture).
//!
//! The file is written as it happens, by a thread of its own (`trace-writer`), and what comes together
//! is written together: waking that thread for each step would cost the chat more than the writing. How
//! it is written is the business of the [`book`](crate::lens::book).
//!
//! A lane is a thread. Spans of blocking and of working take turns in it, so that together they are
//! the whole of its life. An arrow inside the program leads from the thread that hands a message
//! over to the one that takes it. An arrow to the other computer needs both traces, and nothing on
//! the wire: both sides name a message by the two addresses, the direction, and where in the stream
//! it begins.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use crate::error::Error;
use crate::lens::book::{Book, Title};
use crate::lens::boundaries::Message;
use crate::lens::clock;
use crate::lens::record::{Arrow, ArrowFacts, Facts, Lane, Record, Turn};
use crate::platform::{machine, streams};
use crate::roles::{self, Role, Sink, Who};
use crate::text::name::Name;
use crate::threads::event::{Event, Report};
use crate::threads::inbox::ToInbox;
use crate::threads::thread::{self, Thread};
use crate::watch::steps::Call;
use crate::wire::messages::Wire;

/// The thread that writes the file.
const WRITER: Role = Role::TraceWriter;

/// How many records may wait for the trace-writer. More are counted, and the count is told: the
/// coordinator must not wait for a disk.
const WAITING_MAX: usize = 50_000;

/// What so many take in memory, in bytes, about; and all threads that are started after this one.
const MEMORY: usize = 64 * 1024 * 1024;

/// How long records gather before they are written.
const GATHER: Duration = Duration::from_millis(20);

/// How much time the trace gets for its end, whatever happens.
pub const LAST_STEPS: Duration = Duration::from_millis(250);

/// Whether steps are put into a trace.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The way to the trace-writer. It is there for ever, as the way to the log is.
static TO_WRITER: OnceLock<ToWriter> = OnceLock::new();

struct ToWriter {
    records: Sender<Record>,
    /// "Do not gather any longer."
    hurry: Sender<()>,
    /// How many records were dropped.
    lost: Arc<AtomicUsize>,
}

thread_local! {
    /// This thread's number, once the trace-writer knows of it.
    static LANE: Cell<Option<Lane>> = const { Cell::new(None) };
    /// When this thread took its last turn.
    static LAST_TURN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Whether steps are put into a trace. They no longer are where it cannot be written.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

fn hand_over(record: Record) {
    let Some(to_writer) = TO_WRITER.get() else { return };
    // What the trace-writer does to tell of steps is no step.
    if roles::me().role == WRITER {
        return;
    }
    let waiting = to_writer.records.len();
    // Without its lane nothing of a thread can be shown; and there are few.
    if waiting >= WAITING_MAX && !matches!(record, Record::Lane(..) | Record::Goodbye(_)) {
        to_writer.lost.fetch_add(1, Ordering::Relaxed);
        return;
    }
    // A writer that has failed takes nothing more.
    let _ = to_writer.records.send(record);
    if waiting == WAITING_MAX / 2 {
        let _ = to_writer.hurry.try_send(());
    }
}

/// The lane of this thread; at first it is made known.
fn lane() -> Lane {
    LANE.get().unwrap_or_else(|| {
        let lane = machine::thread_number();
        LANE.set(Some(lane));
        let now = clock::since_the_beginning();
        LAST_TURN.set(now);
        hand_over(Record::Lane(lane, now, roles::me()));
        lane
    })
}

/// This thread takes a turn now.
fn turn(at: Duration) -> Turn {
    Turn { at, before: LAST_TURN.replace(at) }
}

/// This thread begins.
pub fn begins() {
    note("begins".to_owned());
}

/// Up to which level lines of the log stand in the trace.
pub fn level() -> log::LevelFilter {
    match TO_WRITER.get() {
        Some(_) => log::LevelFilter::Debug,
        None => log::LevelFilter::Off,
    }
}

/// This thread is about to block.
pub fn blocks(call: Call, at: Duration, facts: Facts) {
    hand_over(Record::Blocks(lane(), turn(at), call, Box::new(facts)));
}

/// The call in which this thread was blocked has returned.
pub fn woke(at: Duration, facts: Facts) {
    hand_over(Record::Woke(lane(), turn(at), Box::new(facts)));
}

/// This thread has ended.
pub fn ends() {
    note("ends".to_owned());
    hand_over(Record::Ends(lane(), turn(clock::since_the_beginning())));
}

/// Something has happened that is to be noted.
pub fn note(words: String) {
    hand_over(Record::Note(lane(), clock::since_the_beginning(), words));
}

/// This thread hands the block `number` over to another, with so many bytes and messages in it, of
/// which the first says this.
pub fn hands_over(number: u64, to: Who, bytes: u64, messages: u64, text: String) {
    let message = name_of_hand_over(number, to);
    let (bytes, messages, text) = (Some(bytes), Some(messages), Some(text));
    let facts = ArrowFacts { message, bytes, messages, text };
    arrow(Arrow { kind: "hand-over", begins: true, facts });
}

/// This thread takes the block `number` that was handed over to it.
pub fn takes_over(number: u64) {
    let message = name_of_hand_over(number, roles::me());
    let facts = ArrowFacts { message, ..ArrowFacts::default() };
    arrow(Arrow { kind: "hand-over", begins: false, facts });
}

fn name_of_hand_over(number: u64, to: Who) -> String {
    format!("{number}>{to}")
}

fn arrow(arrow: Arrow) {
    hand_over(Record::Arrow(lane(), clock::since_the_beginning(), Box::new(arrow)));
}

/// A message goes to the other computer (`sends`), or comes from there.
pub fn passes_the_wire(sends: bool, stream: &str, message: &Message, at: Duration) {
    let facts = ArrowFacts {
        message: format!("{stream}@{}", message.at),
        bytes: Some(message.bytes),
        messages: None,
        text: Some(message.text.clone()),
    };
    let arrow = Arrow { kind: "wire", begins: sends, facts };
    hand_over(Record::Arrow(lane(), at, Box::new(arrow)));
}

/// A trace that is being written.
#[derive(Debug)]
pub struct Trace {
    hurry: Sender<()>,
    /// `None`: it has been told that this was all.
    writer: Option<Thread>,
}

impl Trace {
    /// Begins a trace of this program in the file. It was called with this `command`, by a person of
    /// this name, `me`, if any, and speaks this `wire`. The thread that calls this has the first lane.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no thread left.
    pub fn start(
        file: &Path,
        command: String,
        me: Option<&Name>,
        wire: Wire,
        inbox: ToInbox,
    ) -> Result<Trace, Error> {
        let to = streams::create(file)
            .map_err(|why| Error::TraceNotMade { file: file.display().to_string(), why })?;
        thread::expect_memory(WRITER, MEMORY)?;
        let (epoch, began) = clock::since_the_epoch();
        let (records, waiting) = unbounded();
        let (hurry, hurried) = bounded(1);
        let lost = Arc::new(AtomicUsize::new(0));
        let to_writer = ToWriter { records, hurry: hurry.clone(), lost: Arc::clone(&lost) };
        let _ = TO_WRITER.set(to_writer);
        let me = me.map(Name::to_string).unwrap_or_default();
        let title = Title { main: lane(), command, me, wire, epoch };
        IS_ON.store(true, Ordering::Relaxed);
        let writer = Thread::start(WRITER, move || {
            let mut book = Book::new(to, began, title.main, lost);
            let result = book.begin(&title).and_then(|()| write(&mut book, &waiting, &hurried));
            IS_ON.store(false, Ordering::Relaxed);
            // Nobody listens any more where the program is ending.
            inbox.send(Event::Written(Sink::Trace, Report::Ended { result, left: 0 }));
        })?;
        Ok(Trace { hurry, writer: Some(writer) })
    }

    /// Says that this was all, and gives the thread that writes it; `None` where that was said.
    pub fn finish(&mut self) -> Option<Thread> {
        let writer = self.writer.take()?;
        let now = clock::since_the_beginning();
        IS_ON.store(false, Ordering::Relaxed);
        hand_over(Record::Goodbye(now));
        let _ = self.hurry.try_send(());
        Some(writer)
    }
}

/// Where the program could not even start, the trace is to have an end all the same.
impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(writer) = self.finish() {
            let _ = writer.ended().recv_timeout(LAST_STEPS);
        }
    }
}

/// Writes records as they come, to the last.
fn write(
    book: &mut Book<impl Write>,
    records: &Receiver<Record>,
    hurried: &Receiver<()>,
) -> io::Result<()> {
    while let Ok(record) = records.recv() {
        if !matches!(record, Record::Goodbye(_)) && records.len() < WAITING_MAX / 2 {
            // Nobody is woken for what gathers meanwhile.
            select! {
                recv(hurried) -> _ => {}
                default(GATHER) => {}
            }
        }
        for record in std::iter::once(record).chain(records.try_iter()) {
            if let Record::Goodbye(at) = record {
                return book.finish(at);
            }
            book.write(record)?;
        }
        book.flush()?;
    }
    Ok(())
}
