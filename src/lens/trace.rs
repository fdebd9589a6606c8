//! `--trace FILE`: the same steps as lanes, spans and arrows, for Perfetto, `chrome://tracing`, and
//! [`picture`](crate::picture).
//!
//! The file is in the Chrome trace event format, as a JSON array, an event a line. It is written as
//! it happens, by a thread of its own (`trace-writer`), and what comes together is written together:
//! waking that thread for each step would cost the chat more than the writing. Readers accept an
//! array that is not closed, so that the file can be read also where the program was killed.
//!
//! A lane is a thread. Spans of blocking and of working take turns in it, so that together they are
//! the whole of its life. An arrow inside the program leads from the thread that hands a message
//! over to the one that takes it. An arrow to the other computer needs both traces, and nothing on
//! the wire: both sides name a message by the two addresses, the direction, and where in the stream
//! it begins.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::lens::boundaries::Message;
use crate::lens::explain;
use crate::platform::{machine, streams};
use crate::roles::{self, Number, Role, Sink, Who};
use crate::text::name::Name;
use crate::threads::event::{Event, Report};
use crate::threads::inbox::ToInbox;
use crate::threads::thread::{self, Thread};
use crate::watch::steps::{self, Call, Facts};
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

/// How often the clocks are looked at.
const LOOKS: usize = 20;

/// Times are counted from a multiple of this since 1970, the same on every computer: so the numbers
/// are small enough to be exact in the arithmetic of those who read them (doubles).
const EPOCH: u64 = 50 * 24 * 60 * 60;

/// The way to the trace-writer. It is there for ever, as the way to the log is.
static TO_WRITER: OnceLock<ToWriter> = OnceLock::new();

struct ToWriter {
    records: Sender<Record>,
    /// "Do not gather any longer."
    hurry: Sender<()>,
    /// How many records were dropped.
    lost: AtomicUsize,
    /// What [`steps::since_the_beginning`] counts from, counted from the epoch.
    began: Duration,
}

/// A thread, by the number that the system has for it.
type Lane = u64;

/// What the trace-writer is told.
enum Record {
    /// A thread appears.
    Lane(Lane, Duration, Who),
    /// A thread is about to block: so it has worked until now.
    Blocks(Lane, Turn, Call, Box<Facts>),
    /// The call has returned.
    Woke(Lane, Turn, Box<Facts>),
    /// One end of an arrow.
    Arrow(Lane, Duration, Box<Arrow>),
    /// Something worth a word has happened.
    Note(Lane, Duration, String),
    /// A thread has ended.
    Ends(Lane, Turn),
    /// Write what is before this, and end.
    Goodbye(Duration),
}

/// A moment at which a thread has stopped to do one thing and begun another.
#[derive(Clone, Copy)]
struct Turn {
    at: Duration,
    /// When it took the turn before. So it is seen that what tells of that was dropped.
    before: Duration,
}

/// One end of an arrow.
struct Arrow {
    kind: &'static str,
    begins: bool,
    facts: ArrowFacts,
}

/// What an arrow stands for.
#[derive(Serialize)]
struct ArrowFacts {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

thread_local! {
    /// This thread's number, once the trace-writer knows of it.
    static LANE: Cell<Option<Lane>> = const { Cell::new(None) };
    /// When this thread took its last turn.
    static LAST_TURN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// This thread is the trace-writer itself.
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

fn hand_over(record: Record) {
    let Some(to_writer) = TO_WRITER.get() else { return };
    if IS_WRITER.get() {
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
        let now = steps::since_the_beginning();
        LAST_TURN.set(now);
        hand_over(Record::Lane(lane, now, roles::me()));
        lane
    })
}

/// This thread takes a turn now.
fn turn(at: Duration) -> Turn {
    Turn { at, before: LAST_TURN.replace(at) }
}

/// This thread begins. The trace-writer has no lane of its own: what it does to tell of steps is no
/// step.
pub fn begins() {
    IS_WRITER.set(roles::me().role == WRITER);
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
    hand_over(Record::Ends(lane(), turn(steps::since_the_beginning())));
}

/// Something has happened that is worth a word.
pub fn note(words: String) {
    hand_over(Record::Note(lane(), steps::since_the_beginning(), words));
}

/// This thread hands the block `number` over to another.
pub fn hands_over(number: u64, to: Role, whose: Option<Number>, facts: HandedOver) {
    let HandedOver { bytes, messages, text } = facts;
    arrow(Arrow {
        kind: "hand-over",
        begins: true,
        facts: ArrowFacts {
            message: name_of_hand_over(number, to, whose),
            bytes: Some(bytes),
            messages: Some(messages),
            text: Some(text),
        },
    });
}

/// What is handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// How many bytes.
    pub bytes: u64,
    /// How many messages are in them.
    pub messages: u64,
    /// What the first says.
    pub text: String,
}

/// This thread, which is called `me`, takes the block `number` that was handed over to it.
pub fn takes_over(number: u64, me: Role, whose: Option<Number>) {
    let message = name_of_hand_over(number, me, whose);
    let facts = ArrowFacts { message, bytes: None, messages: None, text: None };
    arrow(Arrow { kind: "hand-over", begins: false, facts });
}

fn name_of_hand_over(number: u64, to: Role, whose: Option<Number>) -> String {
    match whose {
        Some(whose) => format!("{number}>{to} {whose}"),
        None => format!("{number}>{to}"),
    }
}

fn arrow(arrow: Arrow) {
    hand_over(Record::Arrow(lane(), steps::since_the_beginning(), Box::new(arrow)));
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

/// The name of one direction of a connection, the same on both computers.
pub fn name_of_stream(from: Option<SocketAddr>, to: Option<SocketAddr>) -> String {
    let name = |end: Option<SocketAddr>| end.map_or("?".to_owned(), |it| plain(it).to_string());
    format!("{}>{}", name(from), name(to))
}

/// Without the scope of a link-local address, which each computer has its own numbers for, and
/// with an IPv4 address as such.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
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
        let began = began_since_1970();
        let epoch = Duration::from_secs(began.as_secs() / EPOCH * EPOCH);
        let began = began.saturating_sub(epoch);
        let (records, waiting) = unbounded();
        let (hurry, hurried) = bounded(1);
        let to_writer =
            ToWriter { records, hurry: hurry.clone(), lost: AtomicUsize::new(0), began };
        let _ = TO_WRITER.set(to_writer);
        let me = me.map(Name::to_string).unwrap_or_default();
        let main = lane();
        steps::trace(true);
        let writer = Thread::start(WRITER, move || {
            let (to, lanes) = (BufWriter::new(to), BTreeMap::new());
            let mut book = Book { to, main, lanes, first: true };
            let result = book.write_all(&command, &me, wire, epoch, &waiting, &hurried);
            steps::trace(false);
            // Nobody listens any more where the program is ending.
            let report = Report::Ended { result, left: 0 };
            let _ = inbox.send(Event::Written(Sink::Trace, report));
        })?;
        Ok(Trace { hurry, writer: Some(writer) })
    }

    /// Says that this was all, and gives the thread that writes it; `None` where that was said.
    pub fn finish(&mut self) -> Option<Thread> {
        let writer = self.writer.take()?;
        let now = steps::since_the_beginning();
        steps::trace(false);
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

/// The file, and what is known of each thread.
struct Book<W: Write> {
    to: BufWriter<W>,
    /// The thread of what is the whole program's.
    main: Lane,
    lanes: BTreeMap<Lane, Now>,
    /// Nothing has been written yet.
    first: bool,
}

/// What a thread does.
struct Now {
    since: Duration,
    /// What it is blocked in; `None`: it works.
    call: Option<(Call, Box<Facts>)>,
}

/// An event of the format.
#[derive(Serialize)]
struct Line<A: Serialize> {
    ph: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'static str,
    name: Cow<'static, str>,
    pid: u32,
    tid: Lane,
    ts: Micros,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// An arrow ends at the span in which its end lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// How far a note reaches: over its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<A>,
}

impl Line<()> {
    fn new(ph: &'static str, name: impl Into<Cow<'static, str>>, tid: Lane, at: Duration) -> Self {
        Line {
            ph,
            cat: "",
            name: name.into(),
            pid: std::process::id(),
            tid,
            ts: Micros(at),
            dur: None,
            id: None,
            bp: None,
            s: None,
            args: None,
        }
    }

    fn with<A: Serialize>(self, args: A) -> Line<A> {
        let Line { ph, cat, name, pid, tid, ts, dur, id, bp, s, .. } = self;
        Line { ph, cat, name, pid, tid, ts, dur, id, bp, s, args: Some(args) }
    }
}

/// A time in microseconds, as the format has it.
struct Micros(Duration);

impl Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Exact: see `EPOCH`.
        to.serialize_f64(self.0.as_nanos() as f64 / 1_000.0)
    }
}

impl<W: Write> Book<W> {
    fn write_all(
        &mut self,
        command: &str,
        me: &str,
        wire: Wire,
        epoch: Duration,
        records: &Receiver<Record>,
        hurried: &Receiver<()>,
    ) -> io::Result<()> {
        self.begin(command, me, wire, epoch)?;
        // Also of a program that is killed at once something is to be seen.
        self.to.flush()?;
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
                    return self.finish(began() + at);
                }
                self.write(record)?;
            }
            self.tell_lost()?;
            self.to.flush()?;
        }
        Ok(())
    }

    fn begin(&mut self, command: &str, me: &str, wire: Wire, epoch: Duration) -> io::Result<()> {
        self.to.write_all(b"[")?;
        let epoch = u64::try_from(epoch.as_micros()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        self.put(&Line::new("M", "threadchat", self.main, Duration::ZERO).with(json!({
            "version": version,
            "epoch_us": epoch,
            "command": command,
            "name": me,
            "wire": wire.to_string(),
        })))?;
        self.put(
            &Line::new("M", "process_name", self.main, Duration::ZERO)
                .with(json!({"name": format!("threadchat {command}")})),
        )
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        match record {
            Record::Lane(lane, at, who) => {
                let at = began() + at;
                self.lanes.insert(lane, Now { since: at, call: None });
                let place = explain::place_of(who.role);
                self.put(
                    &Line::new("M", "thread_name", lane, at).with(json!({"name": who.to_string()})),
                )?;
                let line = Line::new("M", "thread_sort_index", lane, at);
                self.put(&line.with(json!({"sort_index": place})))
            }
            Record::Blocks(lane, turn, call, facts) => {
                self.take_turn(lane, turn, None)?;
                self.begin_span(lane, began() + turn.at, Some((call, facts)));
                Ok(())
            }
            Record::Woke(lane, turn, facts) => {
                self.take_turn(lane, turn, Some(facts))?;
                self.begin_span(lane, began() + turn.at, None);
                Ok(())
            }
            Record::Ends(lane, turn) => {
                self.take_turn(lane, turn, None)?;
                self.lanes.remove(&lane);
                Ok(())
            }
            Record::Arrow(lane, at, arrow) => {
                let Arrow { kind, begins, facts } = *arrow;
                // Only what goes to another computer means the same to other programs.
                let whose = if kind == "wire" { Duration::ZERO } else { began() };
                let id = id_of(&format!("{}{kind}{}", whose.as_nanos(), facts.message));
                let line = Line::new(if begins { "s" } else { "f" }, kind, lane, began() + at);
                let bp = (!begins).then_some("e");
                self.put(&Line { cat: "message", id: Some(id), bp, ..line }.with(facts))
            }
            Record::Note(lane, at, words) => {
                let line = Line::new("i", words, lane, began() + at);
                self.put(&Line { cat: "note", s: Some("t"), ..line })
            }
            Record::Goodbye(_) => Ok(()),
        }
    }

    fn begin_span(&mut self, lane: Lane, at: Duration, call: Option<(Call, Box<Facts>)>) {
        if let Some(now) = self.lanes.get_mut(&lane) {
            *now = Now { since: at, call };
        }
    }

    /// Writes what a thread has been doing until this turn; nothing, where it is not known.
    fn take_turn(&mut self, lane: Lane, turn: Turn, facts: Option<Box<Facts>>) -> io::Result<()> {
        match self.lanes.get(&lane) {
            Some(now) if now.since == began() + turn.before => {
                self.end_span(lane, began() + turn.at, facts)
            }
            _ => Ok(()),
        }
    }

    /// Writes what a thread has been doing until now. `facts`: what came of the call that it was
    /// blocked in.
    fn end_span(&mut self, lane: Lane, at: Duration, facts: Option<Box<Facts>>) -> io::Result<()> {
        let Some(now) = self.lanes.get_mut(&lane) else { return Ok(()) };
        let (since, call) = (now.since, now.call.take());
        let dur = Some(Micros(at.saturating_sub(since)));
        match (call, facts) {
            (Some((call, before)), facts) => {
                let facts = facts.unwrap_or(Box::new(Facts { open: true, ..*before }));
                let line = Line::new("X", call.name(), lane, since);
                self.put(&Line { cat: "blocked", dur, ..line }.with(facts))
            }
            (None, None) if at <= since => Ok(()),
            (None, None) => {
                let line = Line::new("X", "works", lane, since);
                self.put(&Line { cat: "working", dur, ..line })
            }
            // It was blocked before anybody watched.
            (None, Some(_)) => Ok(()),
        }
    }

    fn tell_lost(&mut self) -> io::Result<()> {
        let lost = TO_WRITER.get().map_or(0, |it| it.lost.swap(0, Ordering::Relaxed));
        if lost > 0 {
            let at = began() + steps::since_the_beginning();
            let words =
                format!("{lost} steps are missing here: the file did not take them in time");
            let line = Line::new("i", words, self.main, at);
            self.put(&Line { cat: "note", s: Some("t"), ..line })?;
        }
        Ok(())
    }

    /// The end: what every thread does that is still there.
    fn finish(&mut self, at: Duration) -> io::Result<()> {
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            self.end_span(lane, at, None)?;
        }
        self.tell_lost()?;
        self.to.write_all(b"\n]\n")?;
        self.to.flush()
    }

    fn put(&mut self, line: &Line<impl Serialize>) -> io::Result<()> {
        // The comma comes before each event, so that the last can be the last at any moment.
        let before: &[u8] = if std::mem::take(&mut self.first) { b"\n" } else { b",\n" };
        self.to.write_all(before)?;
        serde_json::to_writer(&mut self.to, line).map_err(io::Error::from)
    }
}

/// When the program began, counted from 1970. That is now, less what has passed since; but the two
/// clocks cannot be read in one instant, and a program that had to wait for a processor in between
/// would be late against another by as much, and hear what was not said yet. So of a few looks the
/// quickest counts.
fn began_since_1970() -> Duration {
    let looks = (0..LOOKS).map(|_| {
        let before = steps::since_the_beginning();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let took = steps::since_the_beginning().saturating_sub(before);
        (took, now.saturating_sub(before + took / 2))
    });
    looks.min().unwrap_or_default().1
}

/// When the program began, counted from the epoch.
fn began() -> Duration {
    TO_WRITER.get().map_or(Duration::ZERO, |it| it.began)
}

/// The number that both ends of an arrow have, in the hexadecimal form that readers want. It has to
/// be the same on every computer: this is FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn id_of(name: &str) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let id = name.bytes().fold(BASIS, |id, byte| (id ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{id:#x}")
}
