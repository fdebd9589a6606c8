//! What the trace-writer is told: steps as they happen, to be put into spans and arrows.

use std::error::Error;
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::lens::passage::Passed;
use crate::roles::Who;
use crate::text::reason::reason;
use crate::watch::steps::{Asked, Call, Came};

/// A thread, by the number that the system has for it.
pub type Lane = u64;

/// One step.
#[derive(Debug)]
pub enum Record {
    /// A thread appears.
    Lane(Lane, Duration, Who),
    /// A thread is about to block: so it has worked until now.
    Blocks(Lane, Turn, Call, Box<Facts>),
    /// The call has returned.
    Woke(Lane, Turn, Box<Facts>),
    /// One end of an arrow.
    Arrow(Lane, Duration, Box<Arrow>),
    /// Something has happened that is to be noted.
    Note(Lane, Duration, String),
    /// A thread has ended.
    Ends(Lane, Turn),
    /// Write what is before this, and end.
    Goodbye(Duration),
}

/// A moment at which a thread has stopped to do one thing and begun another.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// When.
    pub at: Duration,
    /// When it took the turn before. So it is seen that what tells of that was dropped.
    pub before: Duration,
}

/// One end of an arrow.
#[derive(Debug)]
pub struct Arrow {
    /// Within the program, or from one computer to the other.
    pub kind: &'static str,
    /// Whether it is the end where it begins.
    pub begins: bool,
    /// What it stands for.
    pub facts: ArrowFacts,
}

/// What an arrow stands for.
#[derive(Debug, Default, Serialize)]
pub struct ArrowFacts {
    /// The name by which its other end is found.
    pub message: String,
    /// How many bytes it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many messages are in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// What the first says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is known of a call, as a span has it and as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many bytes it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// How many bytes it gave or took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many messages ended in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// What they say, or the beginning of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How the messages lie across the calls, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cut: String,
    /// Of which connection's which direction they are.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// Where in it they begin, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Which thread woke this one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub woken_by: &'static str,
    /// What it had to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub news: String,
    /// How many buffers are out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<u64>,
    /// What the system said, where it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failed: String,
    /// It had not returned when the trace ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Not shown by `--explain`.
    #[serde(skip)]
    pub quiet: bool,
}

impl Facts {
    /// What is known before.
    pub fn before(asked: &Asked) -> Facts {
        Facts { asked: asked.bytes, out: asked.out, quiet: asked.quiet, ..Facts::default() }
    }

    /// What is known after.
    pub fn after(asked: &Asked, came: &Came<'_>) -> Facts {
        Facts {
            bytes: came.bytes,
            woken_by: came.woken_by,
            news: came.news.clone(),
            failed: came.failed.map(in_words).unwrap_or_default(),
            quiet: came.quiet,
            ..Facts::before(asked)
        }
    }

    /// And what passed.
    pub fn add(&mut self, passed: Passed) {
        let Passed { messages, text, cut, stream, offset, .. } = passed;
        self.messages = Some(messages);
        (self.text, self.cut, self.stream, self.offset) = (text, cut, stream, offset);
    }
}

fn in_words(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<io::Error>() {
        Some(why) if why.kind() == io::ErrorKind::WouldBlock => {
            "woken: the program is ending".to_owned()
        }
        Some(why) => reason(why),
        None => error.to_string(),
    }
}
