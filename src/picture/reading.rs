//! A trace file, as text, to what is in it.
//!
//! The file is in the Chrome trace event format, with one event on each line (see the recorder).
//! It may have been cut anywhere, since its program may have been killed: then the closing
//! bracket is missing, and the last line may be half a line. Whatever else is wrong with it makes
//! it somebody else's file, and it is refused with a sentence.

use std::collections::HashMap;

use serde::Deserialize;

use crate::picture::error::Error;

/// Later than this, in microseconds since 1970, no conversation is held: the year 2100. With this
/// and [`TIME_MAX`] every time fits into 64 bits of nanoseconds.
const EPOCH_MAX: i64 = 4_102_444_800_000_000;

/// A trace is shorter than this, in microseconds: 100 days, which a double holds to the nanosecond.
const TIME_MAX: f64 = 8_640_000_000_000.0;

/// What one program recorded. All times are nanoseconds since 1970 by its own clock.
#[derive(Debug, Default)]
pub struct Trace {
    /// The file's name, as it was typed.
    pub file: String,
    /// The command line after the program's name: `listen 9999`.
    pub command: String,
    /// What the person was called from the beginning, or nothing.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// How many events the file holds.
    pub events: usize,
    /// Whether the file has its end. Where it has not, the program was killed, or runs still.
    pub whole: bool,
    /// The names of the threads.
    pub threads: Vec<String>,
    /// What the threads did, in the order in which it was written down.
    pub spans: Vec<Span>,
    /// The ends of arrows.
    pub ends: Vec<ArrowEnd>,
    /// What happened at a moment.
    pub notes: Vec<Note>,
}

/// A stretch of a thread's life: blocked in a call, or working.
#[derive(Debug)]
pub struct Span {
    /// Whose, as an index into [`Trace::threads`].
    pub thread: usize,
    /// When it began.
    pub start: i64,
    /// When it ended; not before it began.
    pub end: i64,
    /// The call that the thread was blocked in; `None` where it worked.
    pub call: Option<String>,
    /// What is known of the call.
    pub details: Option<Box<Details>>,
}

/// One end of an arrow: a message is handed over, or taken.
#[derive(Debug)]
pub struct ArrowEnd {
    /// Whose, as an index into [`Trace::threads`].
    pub thread: usize,
    /// When.
    pub at: i64,
    /// Whether this is where the arrow begins.
    pub begins: bool,
    /// Whether it goes to another computer.
    pub wire: bool,
    /// The message's name. Both ends have the same.
    pub message: String,
    /// What is known of the message.
    pub details: Details,
}

/// Something that happened at a moment, in words.
#[derive(Debug)]
pub struct Note {
    /// Whose, as an index into [`Trace::threads`].
    pub thread: usize,
    /// When.
    pub at: i64,
    /// A sentence.
    pub text: String,
}

/// What is known of a call or of a message. See the recorder for what each of them means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the recorder tells what they mean")]
pub struct Details {
    pub asked: Option<u64>,
    pub bytes: Option<u64>,
    pub messages: Option<u64>,
    pub text: Option<String>,
    pub cut: Option<String>,
    pub woken_by: Option<String>,
    pub news: Option<String>,
    pub out: Option<u64>,
    pub failed: Option<String>,
    pub open: bool,
}

/// One line of the file.
#[derive(Deserialize)]
struct Event {
    ph: String,
    #[serde(default)]
    cat: String,
    name: String,
    tid: u64,
    ts: f64,
    #[serde(default)]
    dur: f64,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    // Of the first event.
    version: String,
    epoch_us: i64,
    command: String,
    // Of the first event, and of a thread's name.
    name: String,
    // Of an arrow's end.
    message: String,
    #[serde(flatten)]
    details: Details,
}

/// Reads a trace.
///
/// # Errors
/// Where the file is empty, is no trace of ours, or has been damaged.
pub fn read(file: &str, bytes: &[u8]) -> Result<Trace, Error> {
    let not_ours = || Error::NotATrace { file: file.to_owned() };
    let empty = || Error::EmptyTrace { file: file.to_owned() };
    let broken = |index| Error::BrokenTrace { file: file.to_owned(), line: index + 1 };
    let mut lines: Vec<&[u8]> =
        bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let last = lines.iter().rposition(|line| !line.is_empty()).ok_or_else(empty)?;
    lines.truncate(last + 1);
    lines[0] = lines[0].strip_prefix(b"[").ok_or_else(not_ours)?;
    let mut trace = Trace { file: file.to_owned(), ..Trace::default() };
    trace.whole = lines.pop_if(|line| *line == b"]").is_some();

    let mut epoch = None;
    let mut lane_of = HashMap::new();
    for (index, line) in lines.into_iter().enumerate() {
        let line = line.strip_suffix(b",").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let event: Event = match (serde_json::from_slice(line), epoch) {
            (Ok(event), _) => event,
            (Err(_), None) => return Err(not_ours()),
            (Err(_), Some(_)) if index == last => break, // Cut in the middle of the line.
            (Err(_), Some(_)) => return Err(broken(index)),
        };
        if !event.is_in_range() {
            return Err(broken(index));
        }
        trace.events += 1;
        match epoch {
            None => epoch = Some(trace.begin(event).ok_or_else(not_ours)?),
            Some(epoch) => trace.take(event, epoch, &mut lane_of),
        }
    }
    if epoch.is_none() { Err(empty()) } else { Ok(trace) }
}

impl Event {
    fn is_in_range(&self) -> bool {
        let in_range = |time: f64| (0.0..=TIME_MAX).contains(&time);
        in_range(self.ts) && in_range(self.dur)
    }
}

impl Trace {
    /// Takes the first event, which says whose trace this is. Gives back when that began, in
    /// nanoseconds since 1970; `None`: the trace is none of ours.
    fn begin(&mut self, event: Event) -> Option<i64> {
        let args = event.args;
        let ours = event.ph == "M" && event.name == "threadchat";
        if !ours || !(0..=EPOCH_MAX).contains(&args.epoch_us) {
            return None;
        }
        self.command = args.command;
        self.name = args.name;
        self.version = args.version;
        Some(args.epoch_us * 1000)
    }

    fn take(&mut self, event: Event, epoch: i64, lane_of: &mut HashMap<u64, usize>) {
        if event.ph == "M" {
            // The system gives a thread's number to another one when the first has ended, so a new
            // name under an old number is a new thread.
            if event.name == "thread_name" {
                let thread = self.thread(event.args.name);
                lane_of.insert(event.tid, thread);
            }
            return;
        }
        let thread = match lane_of.get(&event.tid) {
            Some(thread) => *thread,
            None => {
                let thread = self.thread(format!("thread {}", event.tid));
                *lane_of.entry(event.tid).or_insert(thread)
            }
        };
        let at = epoch + nanoseconds(event.ts);
        match event.ph.as_str() {
            "X" => {
                let blocked = event.cat == "blocked";
                let details = event.args.details;
                self.spans.push(Span {
                    thread,
                    start: at,
                    end: at + nanoseconds(event.dur),
                    call: blocked.then_some(event.name),
                    details: (details != Details::default()).then(|| Box::new(details)),
                });
            }
            "s" | "f" => self.ends.push(ArrowEnd {
                thread,
                at,
                begins: event.ph == "s",
                wire: event.name == "wire",
                message: event.args.message,
                details: event.args.details,
            }),
            "i" => self.notes.push(Note { thread, at, text: event.name }),
            // Kinds of a later version's, which other viewers may know.
            _ => {}
        }
    }

    /// The lane of the thread with this name. With `--keep` each conversation has a socket-reader,
    /// one after the other, and they share a lane.
    fn thread(&mut self, name: String) -> usize {
        match self.threads.iter().position(|other| *other == name) {
            Some(thread) => thread,
            None => {
                self.threads.push(name);
                self.threads.len() - 1
            }
        }
    }
}

/// Microseconds with three decimals, as exactly as they were written.
fn nanoseconds(microseconds: f64) -> i64 {
    (microseconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: &str = r#"{"ph":"M","name":"threadchat","pid":7,"tid":7,"ts":0,"args":{"version":"0.1.0","epoch_us":1774224000000000,"command":"listen 9999","wire":"lines"}}"#;
    const NAME: &str = r#"{"ph":"M","name":"thread_name","pid":7,"tid":9,"ts":1.000,"args":{"name":"socket-reader"}}"#;
    const SPAN: &str = r#"{"ph":"X","cat":"blocked","name":"recv","pid":7,"tid":9,"ts":4319999999999.998,"dur":0.001,"args":{"bytes":6,"text":"hello","stream":"a>b","offset":0}}"#;

    fn file(events: &[&str]) -> String {
        format!("[\n{}\n]\n", events.join(",\n"))
    }

    fn read_text(text: &str) -> Result<Trace, String> {
        read("a.json", text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_trace_is_read_to_the_nanosecond() {
        let trace = read_text(&file(&[FIRST, NAME, SPAN])).unwrap();
        assert_eq!((trace.command.as_str(), trace.events, trace.whole), ("listen 9999", 3, true));
        assert_eq!(trace.threads, ["socket-reader"]);
        let span = &trace.spans[0];
        assert_eq!(span.start, 1_774_224_000_000_000_000 + 4_319_999_999_999_998);
        assert_eq!(span.end - span.start, 1);
        assert_eq!(span.call.as_deref(), Some("recv"));
        assert_eq!(span.details.as_ref().unwrap().bytes, Some(6));
    }

    #[test]
    fn a_trace_may_be_cut_anywhere_after_its_first_event() {
        let text = file(&[FIRST, NAME, SPAN]);
        let first = text.find(FIRST).unwrap() + FIRST.len();
        for end in first..text.len() - 2 {
            let trace = read_text(&text[..end]).unwrap();
            assert!(!trace.whole && trace.events <= 3, "cut at {end}");
        }
        for end in 1..first {
            assert!(read_text(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_file_that_is_no_trace_of_ours_is_refused_with_a_sentence() {
        let other = SPAN.replace("\"ts\":4319999999999.998", "\"ts\":1");
        for (text, part) in [
            ("", "holds no events"),
            ("\n\n", "holds no events"),
            ("[\n]\n", "holds no events"),
            ("{\"traceEvents\":[]}", "is not a trace of threadchat's"),
            ("[1,2,3]", "is not a trace of threadchat's"),
            ("hello", "is not a trace of threadchat's"),
            (&file(&[&other]), "is not a trace of threadchat's"),
            (&file(&[FIRST, "garbage", SPAN]), "line 3 of a.json is not an event"),
            (&file(&[FIRST, &SPAN.replace("0.001", "-1"), SPAN]), "line 3 of a.json"),
            (&file(&[FIRST, &SPAN.replace("4319999999999.998", "1e300"), SPAN]), "line 3"),
            (&file(&[&FIRST.replace("1774224000000000", "9e18")]), "is not a trace"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(part) && error.contains("a.json"), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_thread_number_that_is_given_again_is_another_thread() {
        let other = NAME.replace("socket-reader", "socket-writer");
        let span = SPAN.replace("4319999999999.998", "5");
        let trace = read_text(&file(&[FIRST, NAME, &span, &other, &span])).unwrap();
        assert_eq!(trace.threads, ["socket-reader", "socket-writer"]);
        assert_eq!(trace.spans.iter().map(|span| span.thread).collect::<Vec<_>>(), [0, 1]);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("a.json", &bytes);
            let mut text = format!("[\n{FIRST},\n{NAME},\n").into_bytes();
            text.extend_from_slice(&bytes);
            let _ = read("a.json", &text);
        }

        #[test]
        fn no_change_of_a_byte_makes_it_panic(at in 0..700_usize, byte: u8) {
            let mut text = file(&[FIRST, NAME, SPAN]).into_bytes();
            let at = at % text.len();
            text[at] = byte;
            let _ = read("a.json", &text);
        }
    }
}
