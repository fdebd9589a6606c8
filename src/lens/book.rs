//! The file of a trace: the Chrome trace event format, as a JSON array, an event a line. Readers accept
//! an array that is not closed, so that the file can be read also where the program was killed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::lens::clock;
use crate::lens::lanes;
use crate::lens::record::{Arrow, Facts, Lane, Record, Turn};
use crate::watch::steps::Call;
use crate::wire::messages::Wire;

/// What a trace is of.
#[derive(Debug)]
pub struct Title {
    /// The thread of what is the whole program's.
    pub main: Lane,
    /// How the program was called.
    pub command: String,
    /// What the person is called who called it; empty where that is not known.
    pub me: String,
    /// How messages stand on the wire.
    pub wire: Wire,
    /// What times are counted from, itself counted from 1970.
    pub epoch: Duration,
}

/// The file, and what is known of each thread.
#[derive(Debug)]
pub struct Book<W: Write> {
    to: BufWriter<W>,
    /// The thread of what is the whole program's.
    main: Lane,
    /// When the program began, counted from the epoch.
    began: Duration,
    /// How many records were dropped.
    lost: Arc<AtomicUsize>,
    lanes: BTreeMap<Lane, Now>,
    /// Nothing has been written yet.
    first: bool,
}

/// What a thread does.
#[derive(Debug)]
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
        // Exact: see `clock`.
        to.serialize_f64(self.0.as_nanos() as f64 / 1_000.0)
    }
}

impl<W: Write> Book<W> {
    /// A book that nothing is written in yet. Times are counted from when the program `began`;
    /// `lost`: how many records were dropped.
    pub fn new(to: W, began: Duration, main: Lane, lost: Arc<AtomicUsize>) -> Book<W> {
        let (to, lanes) = (BufWriter::new(to), BTreeMap::new());
        Book { to, main, began, lost, lanes, first: true }
    }

    /// Writes what stands at the beginning.
    pub fn begin(&mut self, title: &Title) -> io::Result<()> {
        self.to.write_all(b"[")?;
        let Title { main, command, me, wire, epoch } = title;
        let epoch = u64::try_from(epoch.as_micros()).unwrap_or_default();
        self.put(&Line::new("M", "threadchat", *main, Duration::ZERO).with(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "epoch_us": epoch,
            "command": command,
            "name": me,
            "wire": wire.to_string(),
        })))?;
        self.put(
            &Line::new("M", "process_name", *main, Duration::ZERO)
                .with(json!({"name": format!("threadchat {command}")})),
        )?;
        // Also of a program that is killed at once something is to be seen.
        self.to.flush()
    }

    /// Writes what is known so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.report_lost()?;
        self.to.flush()
    }

    /// Writes what follows of a step.
    pub fn write(&mut self, record: Record) -> io::Result<()> {
        match record {
            Record::Lane(lane, at, who) => {
                let at = self.began + at;
                self.lanes.insert(lane, Now { since: at, call: None });
                let place = lanes::place_of(who.role);
                self.put(
                    &Line::new("M", "thread_name", lane, at).with(json!({"name": who.to_string()})),
                )?;
                let line = Line::new("M", "thread_sort_index", lane, at);
                self.put(&line.with(json!({"sort_index": place})))
            }
            Record::Blocks(lane, turn, call, facts) => {
                self.take_turn(lane, turn, None)?;
                self.begin_span(lane, self.began + turn.at, Some((call, facts)));
                Ok(())
            }
            Record::Woke(lane, turn, facts) => {
                self.take_turn(lane, turn, Some(facts))?;
                self.begin_span(lane, self.began + turn.at, None);
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
                let whose = if kind == "wire" { Duration::ZERO } else { self.began };
                let id = id_of(&format!("{}{kind}{}", whose.as_nanos(), facts.message));
                let line = Line::new(if begins { "s" } else { "f" }, kind, lane, self.began + at);
                let bp = (!begins).then_some("e");
                self.put(&Line { cat: "message", id: Some(id), bp, ..line }.with(facts))
            }
            Record::Note(lane, at, words) => {
                let line = Line::new("i", words, lane, self.began + at);
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
            Some(now) if now.since == self.began + turn.before => {
                self.end_span(lane, self.began + turn.at, facts)
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

    fn report_lost(&mut self) -> io::Result<()> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let at = self.began + clock::since_the_beginning();
            let words =
                format!("{lost} steps are missing here: the file did not take them in time");
            let line = Line::new("i", words, self.main, at);
            self.put(&Line { cat: "note", s: Some("t"), ..line })?;
        }
        Ok(())
    }

    /// The end: what every thread does that is still there.
    pub fn finish(&mut self, at: Duration) -> io::Result<()> {
        let at = self.began + at;
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            self.end_span(lane, at, None)?;
        }
        self.report_lost()?;
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

/// The number that both ends of an arrow have, in the hexadecimal form that readers want. It has to
/// be the same on every computer: this is FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn id_of(name: &str) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let id = name.bytes().fold(BASIS, |id, byte| (id ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{id:#x}")
}
