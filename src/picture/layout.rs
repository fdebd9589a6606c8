//! From traces to lanes and arrows on one time axis.
//!
//! The ends of an arrow find each other by the message's name, all times become those of the
//! first trace's clock, and the lanes get the order in which arrows are shortest: the socket
//! threads of the first program and of the others face each other.

use std::collections::{HashMap, VecDeque};

use crate::picture::clocks::{self, Clock, Crossing};
use crate::picture::reading::{ArrowEnd, Details, Trace};

/// Everything that the page shows. Times are nanoseconds since [`Picture::begin`].
#[derive(Debug, Default)]
pub struct Picture {
    /// The programs, in the order of the traces.
    pub peers: Vec<Peer>,
    /// The threads, from top to bottom.
    pub lanes: Vec<Lane>,
    /// What they did, by the time at which it ended.
    pub spans: Vec<Span>,
    /// What was handed over, by the time at which it was.
    pub arrows: Vec<Arrow>,
    /// What happened at a moment, by time.
    pub notes: Vec<Note>,
    /// When the first of all events happened, by the first trace's clock: nanoseconds since 1970.
    pub begin: i64,
}

/// A program that took part.
#[derive(Debug)]
pub struct Peer {
    /// What it is called in sentences: `listen`.
    pub label: String,
    /// Its command line.
    pub command: String,
    /// The file of its trace.
    pub file: String,
    /// How many events that has.
    pub events: usize,
    /// Whether that has its end.
    pub whole: bool,
    /// What there is to say about its clock.
    pub clock: Option<String>,
}

/// A thread.
#[derive(Debug)]
pub struct Lane {
    /// Whose, as an index into [`Picture::peers`].
    pub peer: usize,
    /// The thread's name.
    pub name: String,
    /// Whether a picture is clearer without it.
    pub minor: bool,
}

/// A stretch of a thread's life.
#[derive(Debug)]
#[expect(missing_docs, reason = "they are those of reading::Span")]
pub struct Span {
    pub lane: usize,
    pub start: i64,
    pub end: i64,
    pub call: Option<String>,
    pub details: Option<Box<Details>>,
}

/// A message that is handed over.
#[derive(Debug)]
pub struct Arrow {
    /// Where it begins: lane and time. `None` where no trace has this end.
    pub from: Option<(usize, i64)>,
    /// Where it ends.
    pub to: Option<(usize, i64)>,
    /// Whether it goes from one computer to the other.
    pub wire: bool,
    /// What is known of the message.
    pub details: Details,
}

impl Arrow {
    fn at(&self) -> i64 {
        self.from.or(self.to).map_or(0, |(_, at)| at)
    }
}

/// Something that happened at a moment.
#[derive(Debug)]
#[expect(missing_docs, reason = "they are those of reading::Note")]
pub struct Note {
    pub lane: usize,
    pub at: i64,
    pub text: String,
}

/// Where an end of an arrow stands: its trace, and which of that trace's it is.
type Place = (usize, usize);

/// The two ends of an arrow, where a trace has them.
type Pair = (Option<Place>, Option<Place>);

/// Puts traces on one time axis.
pub fn lay_out(traces: Vec<Trace>) -> Picture {
    let pairs = join(&traces);
    let axis = Axis::of(&traces, &pairs);
    let labels = labels(&traces);
    let (lanes, lane_of) = order(&traces);
    let begin = i64::try_from(axis.begin).unwrap_or(i64::MAX);
    let mut picture = Picture { lanes, begin, ..Picture::default() };
    let arrows = pairs.iter().map(|pair| arrow(&traces, *pair, &axis, &lane_of));
    picture.arrows.extend(arrows);
    picture.arrows.sort_by_key(Arrow::at);
    for (index, trace) in traces.into_iter().enumerate() {
        let lanes = &lane_of[index];
        let at = |at| axis.at(index, at);
        picture.peers.push(Peer {
            clock: clocks::sentence(axis.clocks[index].0, &labels[index], |it| labels[it].clone()),
            label: labels[index].clone(),
            command: trace.command,
            file: trace.file,
            events: trace.events,
            whole: trace.whole,
        });
        picture.spans.extend(trace.spans.into_iter().map(|span| Span {
            lane: lanes[span.thread],
            start: at(span.start),
            end: at(span.end),
            call: span.call,
            details: span.details,
        }));
        picture.notes.extend(trace.notes.into_iter().map(|note| Note {
            lane: lanes[note.thread],
            at: at(note.at),
            text: note.text,
        }));
    }
    picture.spans.sort_by_key(|span| (span.end, span.start));
    picture.notes.sort_by_key(|note| note.at);
    picture
}

/// The one time axis: by the first trace's clock, from the first thing that is shown on.
struct Axis {
    /// What is known of each trace's clock, and by how much its times are shifted.
    clocks: Vec<(Clock, i128)>,
    /// The time of the first thing that is shown.
    begin: i128,
}

impl Axis {
    fn of(traces: &[Trace], pairs: &[Pair]) -> Axis {
        let crossings: Vec<Crossing> = pairs
            .iter()
            .filter_map(|&(from, to)| {
                let ((from, s), (to, f)) = (from?, to?);
                let (sent, received) = (traces[from].ends[s].at, traces[to].ends[f].at);
                (from != to).then_some(Crossing { from, to, sent, received })
            })
            .collect();
        let clocks = clocks::compare(traces.len(), &crossings);
        let mut axis = Axis { clocks, begin: 0 };
        let first = |(index, trace): (usize, &Trace)| {
            let spans = trace.spans.iter().map(|span| span.start);
            let ends = trace.ends.iter().map(|end| end.at);
            let notes = trace.notes.iter().map(|note| note.at);
            spans.chain(ends).chain(notes).min().map(|at| axis.shifted(index, at))
        };
        axis.begin = traces.iter().enumerate().filter_map(first).min().unwrap_or(0);
        axis
    }

    fn shifted(&self, trace: usize, at: i64) -> i128 {
        i128::from(at) + self.clocks[trace].1
    }

    fn at(&self, trace: usize, at: i64) -> i64 {
        // Nothing real is out of range.
        i64::try_from(self.shifted(trace, at) - self.begin).unwrap_or(i64::MAX)
    }
}

/// The arrow between two ends.
fn arrow(traces: &[Trace], pair: Pair, axis: &Axis, lane_of: &[Vec<usize>]) -> Arrow {
    let end = |place: Option<Place>| {
        let (trace, index) = place?;
        let end = &traces[trace].ends[index];
        Some((lane_of[trace][end.thread], axis.at(trace, end.at), end))
    };
    let (from, to) = (end(pair.0), end(pair.1));
    let known = from.or(to).map(|(_, _, end)| (end.wire, end.details.clone()));
    let (wire, details) = known.unwrap_or_default();
    let bare = |(lane, at, _)| (lane, at);
    Arrow { from: from.map(bare), to: to.map(bare), wire, details }
}

/// Joins the ends of arrows. A message inside a program has its name there alone; one between
/// computers has it everywhere.
fn join(traces: &[Trace]) -> Vec<Pair> {
    let mut begun: HashMap<(Option<usize>, String), VecDeque<Place>> = HashMap::new();
    let key = |trace: usize, end: &ArrowEnd| match end.wire {
        true => (None, without_zones(&end.message)),
        false => (Some(trace), end.message.clone()),
    };
    let all = || {
        let places = traces.iter().enumerate();
        places.flat_map(|(trace, read)| {
            read.ends.iter().enumerate().map(move |(index, end)| ((trace, index), end))
        })
    };
    for (place, end) in all().filter(|(_, end)| end.begins) {
        begun.entry(key(place.0, end)).or_default().push_back(place);
    }
    let mut pairs = Vec::new();
    for (place, end) in all().filter(|(_, end)| !end.begins) {
        // Should a name come twice, the first that was given is the first that was taken.
        let from = begun.get_mut(&key(place.0, end)).and_then(VecDeque::pop_front);
        pairs.push((from, Some(place)));
    }
    let mut never_taken: Vec<Place> = begun.into_values().flatten().collect();
    never_taken.sort_unstable();
    pairs.extend(never_taken.into_iter().map(|place| (Some(place), None)));
    pairs
}

/// `[fe80::1%eth0]` is `[fe80::1%3]` on the other computer: each has its own names for its zones.
fn without_zones(message: &str) -> String {
    let mut parts = message.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + part.find(']').map_or(part, |end| &part[end..]))
}

/// What the programs are called in sentences: as the person who ran them, or by their verb; and by a
/// number where that is not enough.
fn labels(traces: &[Trace]) -> Vec<String> {
    let name = |trace: &Trace| match trace.command.split_whitespace().next() {
        _ if !trace.name.is_empty() => trace.name.clone(),
        Some(verb) => verb.to_owned(),
        None => "threadchat".to_owned(),
    };
    let names: Vec<String> = traces.iter().map(name).collect();
    let number = |index: usize| {
        let same = |other: &&String| **other == names[index];
        let before = names[..index].iter().filter(same).count();
        let alone = names.iter().filter(same).count() == 1;
        if alone { names[index].clone() } else { format!("{} {}", names[index], before + 1) }
    };
    (0..traces.len()).map(number).collect()
}

/// The lanes from top to bottom; and for each trace, the lane of each of its threads.
fn order(traces: &[Trace]) -> (Vec<Lane>, Vec<Vec<usize>>) {
    let mut lanes = Vec::new();
    let mut lane_of = Vec::new();
    for (peer, trace) in traces.iter().enumerate() {
        let mut threads: Vec<usize> = (0..trace.threads.len()).collect();
        threads.sort_by_key(|thread| rank(&trace.threads[*thread]));
        if peer > 0 {
            threads.reverse();
        }
        let mut own = vec![0; threads.len()];
        for thread in threads {
            own[thread] = lanes.len();
            let name = trace.threads[thread].clone();
            lanes.push(Lane { peer, minor: is_minor(&name), name });
        }
        lane_of.push(own);
    }
    (lanes, lane_of)
}

/// Where a thread stands, from the top of the first program to its sockets at the bottom. A
/// member's two socket threads stand together.
fn rank(name: &str) -> (usize, u64, usize) {
    const ORDER: [&str; 9] = [
        "main",
        "ctrl-c",
        "notice-writer",
        "transcript",
        "acceptor",
        "connector",
        "resolver",
        "stdin-reader",
        "screen-writer",
    ];
    let (kind, number) = match name.split_once(' ') {
        Some((kind, number)) => (kind, number.parse().unwrap_or(u64::MAX)),
        None => (name, 0),
    };
    match kind {
        "coordinator" => (100, 0, 0),
        "socket-reader" => (101, number, 0),
        "socket-writer" => (101, number, 1),
        _ => match ORDER.iter().position(|other| *other == kind) {
            Some(place) => (10 + place, number, 0),
            None => (0, number, 0),
        },
    }
}

/// Threads that only start the others, or wait for a signal, or write what is not conversation.
fn is_minor(name: &str) -> bool {
    matches!(name, "main" | "ctrl-c" | "notice-writer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::reading;

    fn trace(command: &str, threads: &[&str]) -> Trace {
        Trace {
            command: command.to_owned(),
            name: String::new(),
            threads: threads.iter().map(|name| (*name).to_owned()).collect(),
            ..Trace::default()
        }
    }

    fn end(thread: usize, at: i64, begins: bool, wire: bool, message: &str) -> ArrowEnd {
        let message = message.to_owned();
        ArrowEnd { thread, at, begins, wire, message, details: Details::default() }
    }

    const THREADS: [&str; 6] =
        ["main", "coordinator", "socket-writer", "stdin-reader", "socket-reader", "screen-writer"];

    #[test]
    fn the_socket_threads_of_two_programs_face_each_other() {
        let traces = vec![trace("listen 9999", &THREADS), trace("connect a", &THREADS)];
        let picture = lay_out(traces);
        let names: Vec<&str> = picture.lanes.iter().map(|lane| lane.name.as_str()).collect();
        let first = [
            "main",
            "stdin-reader",
            "screen-writer",
            "coordinator",
            "socket-reader",
            "socket-writer",
        ];
        assert_eq!(names[..6], first);
        let second: Vec<&str> = first.into_iter().rev().collect();
        assert_eq!(names[6..], second);
        assert!(picture.lanes[0].minor && !picture.lanes[1].minor);
    }

    #[test]
    fn the_threads_of_a_member_stand_together() {
        let threads =
            ["socket-writer 10", "socket-reader 2", "socket-reader 10", "socket-writer 2"];
        let picture = lay_out(vec![trace("listen --room", &threads)]);
        let names: Vec<&str> = picture.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(
            names,
            ["socket-reader 2", "socket-writer 2", "socket-reader 10", "socket-writer 10"]
        );
    }

    #[test]
    fn arrows_join_inside_a_program_and_between_programs_but_not_otherwise() {
        let mut one = trace("listen", &THREADS);
        let mut other = trace("connect a", &THREADS);
        one.ends = vec![
            end(3, 10, true, false, "1>coordinator"),
            end(1, 20, false, false, "1>coordinator"),
            end(2, 30, true, true, "[fe80::1%eth0]:1>[fe80::2%eth0]:2@0"),
            end(1, 35, true, false, "2>socket-writer"),
        ];
        other.ends = vec![
            end(3, 1, true, false, "1>coordinator"),
            end(4, 40, false, true, "[fe80::1%3]:1>[fe80::2%3]:2@0"),
        ];
        let picture = lay_out(vec![one, other]);
        let lanes = |arrow: &Arrow| {
            let name = |end: (usize, i64)| {
                let lane = &picture.lanes[end.0];
                format!("{} {}", lane.peer, lane.name)
            };
            (arrow.from.map(name), arrow.to.map(name))
        };
        let found: Vec<_> = picture.arrows.iter().map(lanes).collect();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            found,
            [
                (some("1 stdin-reader"), None),
                (some("0 stdin-reader"), some("0 coordinator")),
                (some("0 socket-writer"), some("1 socket-reader")),
                (some("0 coordinator"), None),
            ]
        );
    }

    #[test]
    fn two_programs_with_the_same_verb_are_told_apart() {
        let traces = [trace("listen", &[]), trace("connect a", &[]), trace("connect b", &[])];
        assert_eq!(labels(&traces), ["listen", "connect 1", "connect 2"]);
    }

    #[test]
    fn times_are_those_of_the_first_clock_and_begin_at_nothing() {
        const HOUR: i64 = 3_600_000_000_000;
        let mut one = trace("listen", &THREADS);
        let mut other = trace("connect a", &THREADS);
        one.notes = vec![reading::Note { thread: 0, at: 1000, text: "begins".to_owned() }];
        one.ends = vec![end(2, 2000, true, true, "a"), end(4, 9000, false, true, "b")];
        other.ends =
            vec![end(4, 3000 + HOUR, false, true, "a"), end(2, 8000 + HOUR, true, true, "b")];
        let picture = lay_out(vec![one, other]);
        assert_eq!((picture.begin, picture.notes[0].at), (1000, 0));
        let times = |arrow: &Arrow| (arrow.from.unwrap().1, arrow.to.unwrap().1);
        let times: Vec<_> = picture.arrows.iter().map(times).collect();
        assert_eq!(times, [(1000, 2000), (7000, 8000)]);
    }
}
