//! A trace, read and checked: one strict reader for every trace of every test. Whatever a trace
//! may not be, it refuses, whichever test it was that made it.
//!
//! The format is the Chrome trace event format as a JSON array, an event a line. Times are
//! microseconds with 3 decimals, which are whole nanoseconds here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::process::ThreadState;

/// The threads that a program can have, as a trace calls them.
const THREADS: [&str; 11] = [
    "main",
    "acceptor",
    "connector",
    "resolver",
    "coordinator",
    "stdin-reader",
    "socket-reader",
    "socket-writer",
    "screen-writer",
    "notice-writer",
    "transcript",
];

/// The calls in which a thread can be blocked.
const CALLS: [&str; 11] = [
    "read", "recv", "send", "write", "accept", "connect", "inbox", "outbox", "buffer", "permit",
    "join",
];

/// A multiple of this since 1970 is what times are counted from, in microseconds.
const EPOCH: u64 = 50 * 24 * 60 * 60 * 1_000_000;

/// Longer texts are cut (and end in dots).
const TEXT_MAX: usize = 80 + "...".len();

/// How a trace has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// With the array's end, and everything that was handed over was also taken.
    InPeace,
    /// With the array's end; but the program was interrupted, so something may not have been taken.
    Interrupted,
    /// Somewhere: the program was killed.
    Killed,
}

/// What a thread did from one moment to another, in nanoseconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub tid: u64,
    /// What it was blocked in; `None`: it worked.
    pub call: Option<String>,
    pub begin: u64,
    pub end: u64,
    pub facts: Facts,
}

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub asked: Option<u64>,
    pub bytes: Option<u64>,
    pub messages: Option<u64>,
    pub text: Option<String>,
    pub cut: Option<String>,
    pub stream: Option<String>,
    pub offset: Option<u64>,
    pub woken_by: Option<String>,
    pub news: Option<String>,
    pub out: Option<u64>,
    pub failed: Option<String>,
    pub open: Option<bool>,
}

/// One end of an arrow.
#[derive(Clone, Debug)]
pub struct End {
    pub tid: u64,
    pub at: u64,
    pub facts: ArrowFacts,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrowFacts {
    pub message: String,
    pub bytes: Option<u64>,
    pub messages: Option<u64>,
    pub text: Option<String>,
}

/// A message that goes from thread to thread.
#[derive(Clone, Debug)]
pub struct HandOver {
    pub from: End,
    /// `None`: it was never taken.
    pub to: Option<End>,
}

/// One end of a message that goes from one computer to the other, which has the other end.
#[derive(Clone, Debug)]
pub struct OnWire {
    pub id: String,
    pub end: End,
    /// SENDER>RECEIVER.
    pub stream: String,
    /// Where in the stream it begins.
    pub offset: u64,
    pub bytes: u64,
    pub text: String,
}

/// Something worth a word.
#[derive(Clone, Debug)]
pub struct Note {
    pub tid: u64,
    pub at: u64,
    pub words: String,
}

/// A trace that has passed every check.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    pub pid: u32,
    pub command: String,
    /// What the person was called from the beginning, or nothing.
    pub name: String,
    pub wire: String,
    /// The names of the threads.
    pub threads: BTreeMap<u64, String>,
    /// The order is that of the file; of one thread, that of time.
    pub spans: Vec<Span>,
    pub hand_overs: Vec<HandOver>,
    pub sent: Vec<OnWire>,
    pub received: Vec<OnWire>,
    pub notes: Vec<Note>,
    /// How many steps it says are missing.
    pub missing: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "ph")]
    _ph: String,
    name: String,
    pid: u32,
    tid: u64,
    ts: f64,
    args: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpan {
    #[serde(rename = "ph")]
    _ph: String,
    cat: String,
    name: String,
    pid: u32,
    tid: u64,
    ts: f64,
    dur: f64,
    args: Option<Facts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnd {
    ph: String,
    bp: Option<String>,
    cat: String,
    name: String,
    id: String,
    pid: u32,
    tid: u64,
    ts: f64,
    args: ArrowFacts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNote {
    #[serde(rename = "ph")]
    _ph: String,
    s: String,
    cat: String,
    name: String,
    pid: u32,
    tid: u64,
    ts: f64,
}

/// Microseconds with 3 decimals as nanoseconds.
#[track_caller]
fn nanos(micros: f64) -> u64 {
    let shortest = micros.to_string();
    let decimals = shortest.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    assert!(micros >= 0.0 && decimals <= 3, "{shortest} is no time");
    (micros * 1_000.0).round() as u64
}

/// Text that a terminal can be trusted with, and that is no longer than it should be.
#[track_caller]
fn assert_harmless(text: &str, line: &str) {
    assert!(
        !text.chars().any(|it| it.is_control() && it != '\t'),
        "{text:?} can do harm, in {line}"
    );
}

/// Reads a trace of a program that has ended in peace, and checks it.
#[track_caller]
pub fn read(path: &Path) -> Trace {
    Trace::read(path, How::InPeace)
}

/// The same where somebody has interrupted it.
#[track_caller]
pub fn read_interrupted(path: &Path) -> Trace {
    Trace::read(path, How::Interrupted)
}

/// The same where it was killed.
#[track_caller]
pub fn read_killed(path: &Path) -> Trace {
    Trace::read(path, How::Killed)
}

/// The lines of the file that are events, without what stands between them.
#[track_caller]
fn events(text: &str, how: How) -> Vec<&str> {
    let inner = text.strip_prefix("[\n").unwrap_or_else(|| panic!("no array: {text:.80}"));
    if how == How::Killed {
        assert!(!text.ends_with("\n]\n"), "it was killed, and has ended its trace all the same");
        let mut lines: Vec<&str> = inner.split(",\n").collect();
        // The last may be cut.
        if lines.last().is_some_and(|last| serde_json::from_str::<Value>(last).is_err()) {
            lines.pop();
        }
        return lines;
    }
    let array: Value = serde_json::from_str(text).expect("a trace is valid JSON");
    let inner = inner.strip_suffix("\n]\n").unwrap_or_else(|| panic!("no end of the array"));
    let lines: Vec<&str> = inner.split(",\n").collect();
    assert_eq!(array.as_array().map(Vec::len), Some(lines.len()), "an event a line");
    lines
}

impl Trace {
    #[track_caller]
    fn read(path: &Path, how: How) -> Trace {
        let text = std::fs::read_to_string(path).expect("a trace can be read");
        let lines = events(&text, how);
        let mut trace = Trace::begin(path, lines[0]);
        let mut starts = HashMap::new();
        let mut ends = HashMap::new();
        let mut sorted = BTreeSet::new();
        for (at, line) in lines.iter().enumerate().skip(1) {
            assert!(!line.contains('\n'), "an event is one line: {line}");
            let fields: Value =
                serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            let text = |key: &str| fields[key].as_str().unwrap_or_default();
            assert_eq!(fields["pid"].as_u64(), Some(trace.pid.into()), "{line}");
            match text("ph") {
                "M" => trace.take_metadata(at, line, &mut sorted),
                "X" => trace.take_span(line, how),
                "s" | "f" => trace.take_end(line, &mut starts, &mut ends),
                "i" => trace.take_note(line),
                other => panic!("{other:?} is no kind of event: {line}"),
            }
        }
        let named: BTreeSet<u64> = trace.threads.keys().copied().collect();
        assert_eq!(named, sorted, "each thread has a name and a place");
        trace.check_lives(how);
        trace.check_hand_overs(starts, ends, how);
        trace.check_places(how);
        trace.check_streams(how);
        trace
    }

    /// The first event.
    #[track_caller]
    fn begin(path: &Path, line: &str) -> Trace {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct First {
            version: String,
            epoch_us: u64,
            command: String,
            name: String,
            wire: String,
        }
        let event: Metadata =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!((event.name.as_str(), event.ts), ("threadchat", 0.0), "{line}");
        let first: First =
            serde_json::from_value(event.args).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!(first.version, env!("CARGO_PKG_VERSION"), "{line}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("it is later").as_micros() as u64;
        assert_eq!(first.epoch_us % EPOCH, 0, "{line}");
        // (Not "now": the next 50 days may just have begun.)
        assert!(now.saturating_sub(first.epoch_us) < 2 * EPOCH, "{line}");
        assert!(["lines", "frames"].contains(&first.wire.as_str()), "{line}");
        assert_eq!(event.tid, u64::from(event.pid), "the thread is main: {line}");
        Trace {
            path: path.to_owned(),
            pid: event.pid,
            command: first.command,
            name: first.name,
            wire: first.wire,
            threads: BTreeMap::new(),
            spans: Vec::new(),
            hand_overs: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            notes: Vec::new(),
            missing: 0,
        }
    }

    #[track_caller]
    fn take_metadata(&mut self, at: usize, line: &str, sorted: &mut BTreeSet<u64>) {
        let event: Metadata =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        match event.name.as_str() {
            "process_name" => {
                let name = format!("threadchat {}", self.command);
                assert_eq!(event.args, serde_json::json!({ "name": name }), "{line}");
                assert_eq!((at, event.ts, event.tid), (1, 0.0, u64::from(event.pid)), "{line}");
            }
            "thread_name" => {
                let name = event.args["name"].as_str().unwrap_or_default();
                assert_eq!(event.args, serde_json::json!({ "name": name }), "{line}");
                let (kind, number) = name.split_once(' ').unwrap_or((name, "1"));
                assert!(THREADS.contains(&kind), "{line}");
                assert!(number.parse::<u64>().is_ok_and(|number| number > 0), "{line}");
                nanos(event.ts);
                let before = self.threads.insert(event.tid, name.to_owned());
                assert_eq!(before, None, "a number is a thread's for good: {line}");
            }
            "thread_sort_index" => {
                let index = event.args["sort_index"].as_u64();
                let index = index.unwrap_or_else(|| panic!("no number in {line}"));
                assert_eq!(event.args, serde_json::json!({ "sort_index": index }), "{line}");
                assert!(self.threads.contains_key(&event.tid), "it has a name first: {line}");
                assert!(sorted.insert(event.tid), "once: {line}");
            }
            _ => panic!("{line}"),
        }
    }

    #[track_caller]
    fn take_span(&mut self, line: &str, how: How) {
        let event: RawSpan =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(self.threads.contains_key(&event.tid), "no name: {line}");
        let (begin, length) = (nanos(event.ts), nanos(event.dur));
        let call = match event.cat.as_str() {
            "blocked" => {
                assert!(CALLS.contains(&event.name.as_str()), "{line}");
                Some(event.name)
            }
            "working" => {
                assert_eq!((event.name.as_str(), &event.args), ("works", &None), "{line}");
                None
            }
            other => panic!("{other:?}: {line}"),
        };
        let facts = event.args.unwrap_or_default();
        for text in [&facts.text, &facts.news, &facts.cut, &facts.failed].into_iter().flatten() {
            assert!(!text.is_empty(), "{line}");
            assert_harmless(text, line);
        }
        if let Some(text) = &facts.text {
            assert!(text.len() <= TEXT_MAX, "{} bytes of text: {line}", text.len());
        }
        if let (Some(asked), Some(bytes)) = (facts.asked, facts.bytes) {
            assert!(bytes <= asked, "more than was asked for: {line}");
        }
        assert_ne!(facts.open, Some(false), "{line}");
        assert!(facts.open.is_none() || how != How::Killed, "nobody has written that: {line}");
        let moves = matches!(call.as_deref(), Some("read" | "recv" | "send" | "write"));
        let on_wire = matches!(call.as_deref(), Some("recv" | "send"));
        if moves {
            assert!(facts.asked.is_some(), "{line}");
            let came = [facts.bytes.is_some(), facts.failed.is_some(), facts.open.is_some()];
            assert_eq!(came.into_iter().filter(|it| *it).count(), 1, "what came of it? {line}");
        } else {
            assert_eq!((facts.asked, &facts.text), (None, &None), "{line}");
        }
        assert_eq!(facts.stream.is_some(), on_wire && facts.bytes.is_some(), "{line}");
        assert_eq!(facts.offset.is_some(), on_wire && facts.bytes.is_some(), "{line}");
        if call.as_deref() == Some("inbox") && facts.open.is_none() {
            assert!(facts.news.is_some(), "{line}");
        }
        if call.as_deref() == Some("buffer") {
            assert!(facts.out.is_some(), "{line}");
        }
        self.spans.push(Span { tid: event.tid, call, begin, end: begin + length, facts });
    }

    #[track_caller]
    fn take_end(
        &mut self,
        line: &str,
        starts: &mut HashMap<String, End>,
        ends: &mut HashMap<String, End>,
    ) {
        let event: RawEnd =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(self.threads.contains_key(&event.tid), "no name: {line}");
        assert_eq!(event.cat, "message", "{line}");
        let begins = event.ph == "s";
        assert_eq!(event.bp.as_deref(), (!begins).then_some("e"), "{line}");
        let number = event.id.strip_prefix("0x").unwrap_or_else(|| panic!("no number: {line}"));
        assert!(u64::from_str_radix(number, 16).is_ok(), "{line}");
        let end = End { tid: event.tid, at: nanos(event.ts), facts: event.args };
        let facts = &end.facts;
        if let Some(text) = &facts.text {
            assert_harmless(text, line);
            assert!(text.len() <= TEXT_MAX, "{} bytes of text: {line}", text.len());
        }
        match event.name.as_str() {
            "hand-over" => {
                let (number, taker) = facts.message.split_once('>').expect("NUMBER>TAKER");
                assert!(number.parse::<u64>().is_ok_and(|number| number > 0), "{line}");
                assert_eq!(facts.bytes.is_some(), begins, "{line}");
                assert_eq!(facts.messages.is_some(), begins, "{line}");
                assert_eq!(facts.text.is_some(), begins, "{line}");
                if !begins {
                    assert_eq!(self.threads[&end.tid], taker, "{line}");
                }
                let before = if begins { starts } else { ends }.insert(event.id, end);
                assert!(before.is_none(), "an arrow has one beginning and one end: {line}");
            }
            "wire" => {
                let (stream, offset) = facts.message.split_once('@').expect("STREAM@OFFSET");
                let (sender, receiver) = stream.split_once('>').expect("SENDER>RECEIVER");
                for address in [sender, receiver] {
                    assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{line}");
                }
                let on_wire = OnWire {
                    id: event.id,
                    stream: stream.to_owned(),
                    offset: offset.parse().expect("an offset"),
                    bytes: facts.bytes.unwrap_or_else(|| panic!("how many bytes? {line}")),
                    text: facts.text.clone().unwrap_or_else(|| panic!("no text: {line}")),
                    end,
                };
                assert!(on_wire.end.facts.messages.is_none(), "{line}");
                assert!(on_wire.bytes > 0, "{line}");
                let thread = if begins { "socket-writer" } else { "socket-reader" };
                assert_eq!(kind(&self.threads[&event.tid]), thread, "{line}");
                if begins { &mut self.sent } else { &mut self.received }.push(on_wire);
            }
            other => panic!("{other:?}: {line}"),
        }
    }

    #[track_caller]
    fn take_note(&mut self, line: &str) {
        let event: RawNote =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(self.threads.contains_key(&event.tid), "no name: {line}");
        assert_eq!((event.cat.as_str(), event.s.as_str()), ("note", "t"), "{line}");
        assert!(!event.name.is_empty(), "{line}");
        assert_harmless(&event.name, line);
        let (count, rest) = event.name.split_once(' ').unwrap_or_default();
        if rest.contains("missing here") {
            self.missing += count.parse::<u64>().unwrap_or_else(|_| panic!("how many? {line}"));
        }
        self.notes.push(Note { tid: event.tid, at: nanos(event.ts), words: event.name });
    }

    /// The spans of a thread, in the order of time.
    pub fn life(&self, tid: u64) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.tid == tid).collect()
    }

    /// Blocked and working take turns, without a gap, and are the whole life of each thread.
    #[track_caller]
    fn check_lives(&self, how: How) {
        for (tid, name) in &self.threads {
            let life = self.life(*tid);
            // One that was killed may have had no time to finish a span.
            assert!(!life.is_empty() || how == How::Killed, "{name} does nothing");
            let mut blocked = 0;
            let mut worked = 0;
            for pair in life.windows(2) {
                let [one, next] = pair else { unreachable!() };
                if self.missing == 0 {
                    assert_eq!(one.end, next.begin, "{name}: {one:?}\nand then {next:?}");
                    assert_ne!(
                        one.call.is_some(),
                        next.call.is_some(),
                        "{name}: {one:?}\nand then {next:?}"
                    );
                } else {
                    assert!(one.end <= next.begin, "{name}: {one:?}\nand then {next:?}");
                }
                assert_eq!(one.facts.open, None, "{name} went on: {one:?}\nand then {next:?}");
            }
            for span in &life {
                let length = span.end - span.begin;
                *if span.call.is_some() { &mut blocked } else { &mut worked } += length;
            }
            if let ([first, ..], 0) = (&life[..], self.missing) {
                let last = life.last().expect("there is a first");
                assert_eq!(blocked + worked, last.end - first.begin, "the life of {name}");
            }
        }
    }

    /// Each message that was handed over was taken, once, and not before.
    #[track_caller]
    fn check_hand_overs(
        &mut self,
        starts: HashMap<String, End>,
        mut ends: HashMap<String, End>,
        how: How,
    ) {
        let mut names = BTreeSet::new();
        for (id, from) in starts {
            assert!(names.insert(from.facts.message.clone()), "a name is one message's: {from:?}");
            let to = ends.remove(&id);
            if let Some(to) = &to {
                assert_eq!(from.facts.message, to.facts.message);
                assert!(from.at <= to.at, "taken before it was handed over: {from:?} {to:?}");
            }
            // A block of nothing is not handed over, nor is one of no message, unless the message
            // is one without words.
            assert!(from.facts.bytes > Some(0), "{from:?}");
            assert!(from.facts.messages > Some(0), "{from:?}");
            let taken = to.is_some() || how != How::InPeace || self.missing > 0;
            assert!(taken, "nobody has taken {from:?}");
            self.hand_overs.push(HandOver { from, to });
        }
        // Where steps are missing, or the program was killed, a beginning may be missing.
        let known = ends.is_empty() || self.missing > 0 || how == How::Killed;
        assert!(known, "nobody has handed over {ends:?}");
        self.hand_overs.sort_by_key(|it| it.from.at);
    }

    /// Both ends of each arrow, and each note, lie in a span of their thread: messages are handed over
    /// and taken while it works, and pass the wire in its `send` and its `recv`.
    #[track_caller]
    fn check_places(&self, how: How) {
        if self.missing > 0 || how == How::Killed {
            return;
        }
        let mut lives: HashMap<u64, Vec<&Span>> = HashMap::new();
        for span in &self.spans {
            lives.entry(span.tid).or_default().push(span);
        }
        let check = |what: &dyn std::fmt::Debug, tid: u64, at: u64, calls: &[Option<&str>]| {
            let life = lives.get(&tid).map(Vec::as_slice).unwrap_or_default();
            // Two spans meet in one instant, so there can be two.
            let first = life.partition_point(|span| span.end < at);
            let mut around = life[first..].iter().take_while(|span| span.begin <= at);
            let fits = around.any(|span| calls.is_empty() || calls.contains(&span.call.as_deref()));
            assert!(fits, "not in {calls:?} of {}: {what:?}", self.threads[&tid]);
        };
        for it in &self.hand_overs {
            check(&it.from, it.from.tid, it.from.at, &[None]);
            if let Some(to) = &it.to {
                check(to, to.tid, to.at, &[None]);
            }
        }
        for it in &self.sent {
            // A message that has no end of its own has ended when nothing more is to be sent.
            check(it, it.end.tid, it.end.at, &[Some("send"), None]);
        }
        for it in &self.received {
            check(it, it.end.tid, it.end.at, &[Some("recv")]);
        }
        for it in &self.notes {
            check(it, it.tid, it.at, &[]);
        }
    }

    /// What was sent and received is a stream without a gap, and so are the messages in it.
    #[track_caller]
    fn check_streams(&self, how: How) {
        if self.missing > 0 {
            return;
        }
        for (call, messages) in [("send", &self.sent), ("recv", &self.received)] {
            let mut streams: BTreeMap<&str, u64> = BTreeMap::new();
            for span in self.spans.iter().filter(|span| span.call.as_deref() == Some(call)) {
                let (Some(stream), Some(offset)) = (&span.facts.stream, span.facts.offset) else {
                    continue;
                };
                let at = streams.entry(stream).or_default();
                assert_eq!(*at, offset, "a gap before {span:?}");
                *at += span.facts.bytes.unwrap_or_default();
            }
            let mut within: BTreeMap<&str, Vec<&OnWire>> = BTreeMap::new();
            for message in messages {
                within.entry(&message.stream).or_default().push(message);
            }
            for (stream, messages) in within {
                let mut at = 0;
                for (number, message) in messages.into_iter().enumerate() {
                    // Later ones have an arrow only here and there.
                    match number < 10_000 {
                        true => assert_eq!(message.offset, at, "a gap before {message:?}"),
                        false => assert!(message.offset >= at, "an overlap: {message:?}"),
                    }
                    at = message.offset + message.bytes;
                }
                // A call that a kill has interrupted is not there, but what it was about to send is.
                let end = streams.get(stream).copied();
                let killed = how == How::Killed;
                assert!(killed || Some(at) <= end, "a message that was not in {stream}");
            }
        }
    }

    /// What a thread is called; in a room without the member's number.
    pub fn kind_of(&self, tid: u64) -> &str {
        kind(&self.threads[&tid])
    }

    /// The spans of the threads of this name in which they are blocked in this call.
    pub fn calls(&self, thread: &str, call: &str) -> Vec<&Span> {
        let own = |span: &&Span| self.threads[&span.tid] == thread;
        let spans = self.spans.iter().filter(own);
        spans.filter(|span| span.call.as_deref() == Some(call)).collect()
    }

    /// Whether a note has these words in it.
    pub fn has_note(&self, words: &str) -> bool {
        self.notes.iter().any(|note| note.words.contains(words))
    }

    /// The way of each block whose first message is `text`, from its reader on: the threads that it
    /// was handed over to, and the end of each hand-over. They are in the order of time.
    #[track_caller]
    pub fn hops(&self, from: &str, text: &str, to: &str) -> Vec<&HandOver> {
        let hops = self.hand_overs.iter().filter(|it| {
            self.threads[&it.from.tid] == from
                && it.from.facts.text.as_deref() == Some(text)
                && it.from.facts.message.split_once('>').map(|(_, taker)| taker) == Some(to)
        });
        hops.collect()
    }

    /// Finds the only hand-over of this text from the one thread to the other.
    #[track_caller]
    pub fn hop(&self, from: &str, text: &str, to: &str) -> &HandOver {
        let hops = self.hops(from, text, to);
        assert_eq!(
            hops.len(),
            1,
            "from {from} to {to}: {text:?}: {hops:?} in {}",
            self.path.display()
        );
        hops[0]
    }

    /// Fails unless the threads of the running program have these numbers and names.
    #[track_caller]
    pub fn assert_has_threads(&self, system: &[ThreadState]) {
        let mut signals = 0;
        for thread in system {
            let name = match thread.name.as_str() {
                "threadchat" if thread.id == self.pid => "main",
                // Who writes the trace does not trace itself.
                "trace-writer" => continue,
                // Who waits for other signals than Ctrl-C is not watched.
                "signals" => continue,
                // It is not the program's own, and may not have taken its name yet.
                "ctrl-c" | "threadchat" => {
                    signals += 1;
                    continue;
                }
                name => name,
            };
            let traced = self.threads.get(&u64::from(thread.id)).map(|name| kind(name));
            assert_eq!(traced, Some(name), "{thread}; in the trace: {:?}", self.threads);
        }
        assert_eq!(signals, 1, "one thread waits for signals: {system:?}");
    }
}

/// The name of a thread without the number of the friend.
fn kind(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(kind, _)| kind)
}

/// Checks that two traces are those of two programs that have talked to each other: each message
/// that one has sent arrived at the other, and not before. Gives back how many they were, of both
/// directions.
#[track_caller]
pub fn assert_both_ends(one: &Trace, other: &Trace) -> usize {
    let mut count = 0;
    for (sender, receiver) in [(one, other), (other, one)] {
        let streams: BTreeSet<&str> =
            receiver.received.iter().map(|it| it.stream.as_str()).collect();
        let sent: Vec<&OnWire> =
            sender.sent.iter().filter(|it| streams.contains(it.stream.as_str())).collect();
        let mut arrived: HashMap<&str, &OnWire> =
            receiver.received.iter().map(|it| (it.id.as_str(), it)).collect();
        for from in sent {
            let to = arrived.remove(from.id.as_str());
            let to = to.unwrap_or_else(|| panic!("it has not arrived: {from:?}"));
            assert_eq!(from.end.facts, to.end.facts, "both ends tell the same");
            assert!(
                from.end.at <= to.end.at,
                "it arrived {} ns before it was sent: {from:?}\n{to:?}",
                from.end.at - to.end.at
            );
            count += 1;
        }
        let unknown = arrived.values().filter(|it| sender.sends(&it.stream)).count();
        assert_eq!(unknown, 0, "nobody has sent {arrived:?}");
    }
    count
}

impl Trace {
    fn sends(&self, stream: &str) -> bool {
        self.sent.iter().any(|it| it.stream == stream)
    }
}

/// Checks that what one program was told to say went all the way to the other's screen: every
/// thread, in the right order. The message has to be alone in what was read.
#[track_caller]
pub fn assert_said(sender: &Trace, receiver: &Trace, text: &str) {
    let read = sender.hop("stdin-reader", text, "coordinator");
    let read_at = sender.calls("stdin-reader", "read");
    let read_at = read_at.iter().rfind(|span| span.end <= read.from.at);
    let read_text = read_at.map(|span| span.facts.text.as_deref().unwrap_or_default());
    assert_eq!(read_text, Some(text), "the last read before it was handed over");
    let send = sender.hop("coordinator", text, "socket-writer");
    let sent: Vec<_> = sender.sent.iter().filter(|it| it.text == text).collect();
    let [sent] = sent[..] else { panic!("{text:?} was sent {} times", sent.len()) };
    let arrived: Vec<_> = receiver.received.iter().filter(|it| it.id == sent.id).collect();
    let [arrived] = arrived[..] else { panic!("{text:?} arrived {} times", arrived.len()) };
    let heard = receiver.hop("socket-reader", text, "coordinator");
    let show = receiver.hop("coordinator", text, "screen-writer");
    let shown_to = show.to.as_ref().expect("it was taken");
    let writes = receiver.calls("screen-writer", "write");
    let shown = writes.iter().find(|span| span.begin >= shown_to.at && span.facts.bytes > Some(0));
    let shown = shown.unwrap_or_else(|| panic!("{text:?} was not written"));
    // It is the same block in each program: it is moved, and not copied.
    for (one, next) in [(read, send), (heard, show)] {
        let number = |it: &HandOver| {
            it.from.facts.message.split_once('>').map(|(number, _)| number.to_owned())
        };
        assert_eq!(number(one), number(next), "{text:?}");
    }
    let taken = |it: &HandOver| it.to.as_ref().expect("it was taken").at;
    let way = [
        read.from.at,
        taken(read),
        send.from.at,
        taken(send),
        sent.end.at,
        arrived.end.at,
        heard.from.at,
        taken(heard),
        show.from.at,
        taken(show),
        shown.begin,
    ];
    assert!(way.is_sorted(), "{text:?} goes back in time: {way:?}");
}
