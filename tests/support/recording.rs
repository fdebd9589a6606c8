//! Traces of conversations that nobody held: what `--trace` would have recorded of two programs,
//! on computers whose clocks are as far apart as one likes.

use std::fmt::Write;

use serde_json::{Value, json};

/// 1 hour, in nanoseconds.
pub const HOUR: i64 = 3_600_000_000_000;

/// One microsecond, in nanoseconds.
const US: i64 = 1000;

const EPOCH_US: i64 = 1_774_224_000_000_000;

/// When a conversation begins, in nanoseconds after the epoch.
const BEGIN: i64 = 86_400_000_000_000;

/// The trace of one program, being recorded.
pub struct Recording {
    text: String,
    /// How far this computer's clock is ahead.
    ahead: i64,
    /// Thread number, name, and until when it has been recorded, by a true clock.
    threads: Vec<(u64, &'static str, i64)>,
    handed: u64,
    pub events: usize,
}

impl Recording {
    /// Begins a trace.
    pub fn new(command: &str, ahead: i64) -> Recording {
        let first = json!({"ph": "M", "name": "threadchat", "pid": 77, "tid": 77, "ts": 0,
            "args": {"version": "0.1.0", "epoch_us": EPOCH_US, "command": command, "wire": "lines"}});
        let mut recording =
            Recording { text: "[".to_owned(), ahead, threads: Vec::new(), handed: 0, events: 0 };
        recording.event(&first);
        let name = format!("threadchat {command}");
        recording.event(&json!({"ph": "M", "name": "process_name", "pid": 77, "tid": 77, "ts": 0,
            "args": {"name": name}}));
        recording
    }

    fn event(&mut self, event: &Value) {
        self.events += 1;
        let separator = if self.events == 1 { "\n" } else { ",\n" };
        let _ = write!(self.text, "{separator}{event}");
    }

    /// Microseconds with three decimals, as they stand in the file.
    fn time(&self, at: i64) -> f64 {
        (BEGIN + at + self.ahead) as f64 / 1000.0
    }

    /// A thread begins.
    pub fn thread(&mut self, name: &'static str, at: i64) {
        let tid = 100 + self.threads.len() as u64;
        let ts = self.time(at);
        self.threads.push((tid, name, at));
        self.event(&json!({"ph": "M", "name": "thread_name", "pid": 77, "tid": tid, "ts": ts,
            "args": {"name": name}}));
        self.note(name, at, "begins");
    }

    fn index(&self, name: &str) -> usize {
        let index = self.threads.iter().position(|thread| thread.1 == name);
        index.unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn span(&mut self, thread: &str, until: i64, cat: &str, name: &str, args: Value) {
        let index = self.index(thread);
        let (tid, _, since) = self.threads[index];
        assert!(until >= since, "{thread} {name}: {until} is before {since}");
        let (ts, dur) = (self.time(since), (until - since) as f64 / 1000.0);
        self.threads[index].2 = until;
        self.event(&json!({"ph": "X", "cat": cat, "name": name, "pid": 77, "tid": tid, "ts": ts,
            "dur": dur, "args": args}));
    }

    /// The thread has been blocked in this call until now.
    pub fn blocked(&mut self, thread: &str, until: i64, call: &str, args: Value) {
        self.span(thread, until, "blocked", call, args);
    }

    /// The thread has worked until now.
    pub fn works(&mut self, thread: &str, until: i64) {
        self.span(thread, until, "working", "works", json!({}));
    }

    /// Something to note.
    pub fn note(&mut self, thread: &str, at: i64, text: &str) {
        let (tid, _, _) = self.threads[self.index(thread)];
        let ts = self.time(at);
        self.event(
            &json!({"ph": "i", "s": "t", "cat": "note", "name": text, "pid": 77, "tid": tid,
            "ts": ts}),
        );
    }

    /// An end of an arrow.
    #[expect(clippy::too_many_arguments, reason = "as many as the format has")]
    pub fn arrow(
        &mut self,
        ph: &str,
        wire: bool,
        thread: &str,
        at: i64,
        message: &str,
        text: &str,
        bytes: u64,
    ) {
        let (tid, _, _) = self.threads[self.index(thread)];
        let ts = self.time(at);
        let name = if wire { "wire" } else { "hand-over" };
        let args = json!({"message": message, "bytes": bytes, "messages": 1, "text": text});
        self.event(&json!({"ph": ph, "bp": "e", "cat": "message", "name": name, "id": "0x1f",
            "pid": 77, "tid": tid, "ts": ts, "args": args}));
    }

    fn hand_over(&mut self, from: &str, given: i64, to: &str, taken: i64, text: &str, bytes: u64) {
        self.handed += 1;
        let message = format!("{}>{to}", self.handed);
        self.arrow("s", false, from, given, &message, text, bytes);
        self.arrow("f", false, to, taken, &message, text, bytes);
    }

    /// The file, whole.
    pub fn text(&self) -> String {
        format!("{}\n]\n", self.text)
    }
}

/// Two programs that talk: index 0 listens, 1 has called.
pub struct Talk {
    pub sides: [Recording; 2],
    offsets: [u64; 2],
}

const STREAMS: [&str; 2] = ["127.0.0.1:9999>127.0.0.1:50514", "127.0.0.1:50514>127.0.0.1:9999"];

impl Talk {
    /// Both have started and found each other, 1.4 s after the listener began. The clock of the
    /// caller is ahead by so many nanoseconds.
    pub fn begin(ahead: i64) -> Talk {
        let listener = Recording::new("listen 9999", 0);
        let mut talk =
            Talk { sides: [listener, Recording::new("connect 127.0.0.1", ahead)], offsets: [0, 0] };
        for (side, start) in [(0, 0), (1, 1_400_000 * US)] {
            let it = &mut talk.sides[side];
            for (number, name) in [
                "main",
                "coordinator",
                "notice-writer",
                "screen-writer",
                "stdin-reader",
                if side == 0 { "acceptor" } else { "connector" },
                "ctrl-c",
            ]
            .into_iter()
            .enumerate()
            {
                it.thread(name, start + 40 * US * number as i64);
            }
            for name in ["coordinator", "notice-writer", "screen-writer", "stdin-reader"] {
                it.works(name, start + 400 * US);
            }
        }
        for (side, finder, call, at) in
            [(0, "acceptor", "accept", 1_401_200 * US), (1, "connector", "connect", 1_401_150 * US)]
        {
            let it = &mut talk.sides[side];
            it.works(finder, if side == 0 { 420 * US } else { 1_400_900 * US });
            it.blocked(finder, at, call, json!({"news": "a friend, at 127.0.0.1:50514"}));
            it.hand_over(finder, at + 6 * US, "coordinator", at + 30 * US, "", 0);
            it.works(finder, at + 20 * US);
            it.note(finder, at + 20 * US, "ends");
            let news = json!({"woken_by": finder, "news": "a friend, at 127.0.0.1:50514"});
            it.blocked("coordinator", at + 28 * US, "inbox", news);
            for (name, later) in [("socket-reader", 60), ("socket-writer", 90)] {
                it.thread(name, at + later * US);
                it.works(name, at + (later + 40) * US);
            }
            it.blocked("stdin-reader", at + 140 * US, "permit", json!({}));
            it.works("stdin-reader", at + 150 * US);
            it.works("coordinator", at + 160 * US);
        }
        talk
    }

    /// One of them types a line, at this time after the beginning; it takes `way` to arrive.
    pub fn says(&mut self, who: usize, at: i64, text: &str, way: i64) {
        let bytes = text.len() as u64 + 1;
        let other = 1 - who;
        let it = &mut self.sides[who];
        let got = json!({"asked": 65536, "bytes": bytes, "messages": 1, "text": text});
        let news = format!("{bytes} bytes");
        it.blocked("stdin-reader", at, "read", got.clone());
        it.hand_over("stdin-reader", at + 4 * US, "coordinator", at + 24 * US, text, bytes);
        it.works("stdin-reader", at + 12 * US);
        let woken = json!({"woken_by": "stdin-reader", "news": news, "text": text});
        it.blocked("coordinator", at + 22 * US, "inbox", woken);
        it.hand_over("coordinator", at + 27 * US, "socket-writer", at + 45 * US, text, bytes);
        it.works("coordinator", at + 34 * US);
        it.blocked(
            "socket-writer",
            at + 43 * US,
            "outbox",
            json!({"woken_by": "coordinator", "news": news, "text": text}),
        );
        it.works("socket-writer", at + 52 * US);
        let message = format!("{}@{}", STREAMS[who], self.offsets[who]);
        let stream = json!({"asked": bytes, "bytes": bytes, "messages": 1, "text": text,
            "stream": STREAMS[who], "offset": self.offsets[who]});
        self.offsets[who] += bytes;
        it.blocked("socket-writer", at + 75 * US, "send", stream.clone());
        it.arrow("s", true, "socket-writer", at + 52 * US, &message, text, bytes);
        it.works("socket-writer", at + 80 * US);
        let arrival = at + 52 * US + way;
        let it = &mut self.sides[other];
        it.blocked("socket-reader", arrival, "recv", stream);
        it.arrow("f", true, "socket-reader", arrival, &message, text, bytes);
        it.hand_over(
            "socket-reader",
            arrival + 4 * US,
            "coordinator",
            arrival + 25 * US,
            text,
            bytes,
        );
        it.works("socket-reader", arrival + 12 * US);
        let woken = json!({"woken_by": "socket-reader", "news": news, "text": text});
        it.blocked("coordinator", arrival + 23 * US, "inbox", woken);
        it.hand_over(
            "coordinator",
            arrival + 28 * US,
            "screen-writer",
            arrival + 47 * US,
            text,
            bytes,
        );
        it.works("coordinator", arrival + 35 * US);
        it.blocked(
            "screen-writer",
            arrival + 45 * US,
            "outbox",
            json!({"woken_by": "coordinator", "news": news, "text": text}),
        );
        it.works("screen-writer", arrival + 55 * US);
        it.blocked("screen-writer", arrival + 70 * US, "write", json!({"asked": bytes + 13, "bytes": bytes + 13, "messages": 1, "text": format!("friend says: {text}")}));
        it.works("screen-writer", arrival + 74 * US);
    }

    /// Where both are when the traces end.
    pub fn ends(&mut self, at: i64) {
        for it in &mut self.sides {
            for (name, call) in [
                ("stdin-reader", "read"),
                ("socket-reader", "recv"),
                ("coordinator", "inbox"),
                ("socket-writer", "outbox"),
                ("screen-writer", "outbox"),
            ] {
                it.blocked(name, at, call, json!({"open": true}));
            }
        }
    }
}

/// A conversation of six lines between two people, whose clocks are so far apart.
pub fn conversation(ahead: i64) -> Talk {
    let mut talk = Talk::begin(ahead);
    let second = 1_000_000 * US;
    talk.says(0, 3 * second, "hello", 85 * US);
    talk.says(1, 5 * second + 200_000 * US, "hi Leta!", 95 * US);
    talk.says(1, 6 * second, "did you hear?", 80 * US);
    // Both press Enter at once.
    talk.says(0, 9 * second, "naïve café, 你好, 👍", 120 * US);
    talk.says(1, 9 * second + 90 * US + 110 * US, "and this came while you were typing", 90 * US);
    talk.says(0, 12 * second, "bye", 85 * US);
    talk.ends(13 * second);
    talk
}

/// A conversation of at least so many events, at the speed of a pipe.
pub fn flood(events: usize) -> Talk {
    let mut talk = Talk::begin(0);
    let mut number = 0;
    while talk.sides.iter().map(|side| side.events).sum::<usize>() < events {
        number += 1;
        let at = 2_000_000 * US + number * 260 * US;
        talk.says((number % 2) as usize, at, &format!("line {number}"), 85 * US);
    }
    talk.ends(2_000_000 * US + (number + 2) * 260 * US);
    talk
}
