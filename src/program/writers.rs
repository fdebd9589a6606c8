//! Where everything goes that is shown or kept: stdout, stderr, and the file of `--transcript`. A
//! writer thread for each, started before any source, and ended after all of them.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::lens::trace::{LAST_STEPS, Trace};
use crate::platform::display::{self, Hold};
use crate::platform::{streams, window};
use crate::program::cli::{Common, Meet};
use crate::program::ending::{Ending, LAST_LINES};
use crate::program::streams::Streams;
use crate::roles::Sink;
use crate::room::host_outbox::HostOutbox;
use crate::room::paid_outbox::PaidOutbox;
use crate::terminal::board::Board;
use crate::terminal::row::Row;
use crate::terminal::screen::{self, Screen};
use crate::terminal::transcript::Transcript;
use crate::threads::event::Event;
use crate::threads::form::{Form, Payloads, Plain};
use crate::threads::inbox::ToInbox;
use crate::threads::notices::Notices;
use crate::threads::order::Order;
use crate::threads::outbox::{self, Outbox};
use crate::threads::thread::Thread;
use crate::threads::writer::Writer;
use crate::watch::steps::Call;
use crate::watch::watched::Watched;
use crate::wire::messages::Wire;

/// The writers, and the ways to them.
#[derive(Debug)]
pub struct Writers {
    screen: ScreenWriter,
    /// To stderr, or to the screen where that is the same terminal.
    pub notices: Notices,
    /// Where the bell rings: the screen, or where that is a pipe, stderr's terminal.
    bell: Option<Outbox>,
    /// Stderr's writer, where stderr is not the screen itself.
    notice_writer: Option<Running>,
    transcript: Option<Running>,
    /// The screen and the transcript as those who hear what is said in a room, where there is one.
    pub host_outboxes: Vec<HostOutbox>,
}

/// The rows that are being typed, for the screen-writer.
pub struct Rows {
    /// Each is what is being typed now.
    pub rows: Receiver<Row>,
    /// Where the screen puts up who is here, for Tab.
    pub people: Board<Vec<String>>,
    /// Something was typed before, and shown by the terminal.
    pub after_echo: bool,
}

/// A writer's thread, and the way to it.
#[derive(Debug)]
struct Running {
    outbox: Outbox,
    thread: Thread,
}

/// Stdout's writer.
#[derive(Debug)]
struct ScreenWriter {
    running: Running,
    /// Where stdout is a terminal.
    hold: Option<Hold>,
    /// With the line editor.
    editor: bool,
}

impl Writers {
    /// Starts the writers. `rows`: what is being typed, with the line editor.
    ///
    /// # Errors
    /// A stream cannot be used, the transcript cannot be opened, or there is no thread left.
    pub fn start(
        meet: &Meet,
        streams: &Streams,
        rows: Option<Rows>,
        inbox: &ToInbox,
    ) -> Result<Writers, Error> {
        let common = meet.common();
        // First, since it is what is most likely to fail.
        let transcript = match &common.transcript {
            None => None,
            Some(file) => Some(start_transcript(file, common.wire, inbox)?),
        };
        let (transcript, transcript_outbox) = transcript.unzip();
        let (screen, screen_outbox) = start_screen(common, streams.for_a_person, rows, inbox)?;
        let (notices, notice_writer) = start_notices(common, &screen.running.outbox, inbox)?;
        let bell = match (&notice_writer, streams.for_a_person) {
            _ if !common.bell => None,
            (_, true) => Some(screen.running.outbox.clone()),
            (Some(stderr), false) if streams.hints => Some(stderr.outbox.clone()),
            _ => None,
        };
        // Otherwise they must not be kept: they hold the outboxes open.
        let host_outboxes = match meet.room() {
            Some(_) => std::iter::once(screen_outbox).chain(transcript_outbox).collect(),
            None => Vec::new(),
        };
        Ok(Writers { screen, notices, bell, notice_writer, transcript, host_outboxes })
    }

    /// The way to the screen.
    pub fn to_screen(&self) -> Outbox {
        self.screen.running.outbox.clone()
    }

    /// The way to the terminal whose bell is to ring, if there is one.
    pub fn bell(&self) -> Option<Outbox> {
        self.bell.clone()
    }

    /// The way to the transcript, where there is one.
    pub fn to_transcript(&self) -> Option<Outbox> {
        self.transcript.as_ref().map(|transcript| transcript.outbox.clone())
    }

    /// Ends the writers, when they have written what they have; or leaves them, where nobody takes
    /// it in time. Stderr comes last, since it is to be told what became of the others.
    pub fn finish(self, trace: Option<Trace>, ending: &mut Ending) {
        let Writers { screen, notices, notice_writer, transcript, .. } = self;
        if let Some(stuck) = transcript.and_then(|it| it.finish(ending)) {
            notices.notice("not written: the end of the transcript");
            stuck.leave("the transcript's file does not take what it has");
        }
        let gone_by = ending.gone_by;
        if notice_writer.is_some() {
            ending.gone_by = gone_by.checked_sub(LAST_LINES).unwrap_or(gone_by);
        }
        // Also after a second Ctrl-C: the row that was being typed is no place for a prompt.
        ending.gone_by = ending.gone_by.max(Instant::now() + LAST_LINES);
        screen.finish(ending);
        if let Some(writer) = trace.and_then(|mut trace| trace.finish()) {
            // Also where somebody else has used up the time. It has next to nothing left to write, and
            // without its end the file is no JSON.
            ending.gone_by = ending.gone_by.max(Instant::now() + LAST_STEPS);
            if let Some(stuck) = ending.join(writer) {
                stuck.leave("the trace's file does not take what it has");
            }
        }
        if let Some(notice_writer) = notice_writer {
            if !ending.hurried {
                // Also on a machine that was too busy until now: no exit code without a reason.
                ending.gone_by = gone_by.max(Instant::now() + LAST_LINES);
            }
            notices.report_lost();
            if let Some(stuck) = notice_writer.finish(ending) {
                stuck.leave("stderr does not take what it has");
            }
        }
    }
}

impl Running {
    /// Starts the thread that writes to a sink, in this form. The rest is for whoever has to know how
    /// far it is, and to take back what waits.
    fn start(
        sink: Sink,
        form: Box<dyn Form>,
        to: impl io::Write + Send + 'static,
        inbox: &ToInbox,
    ) -> Result<(Running, PaidOutbox, Receiver<Order>), Error> {
        let (outbox, orders) = outbox::open(sink.role(), None);
        let waiting = orders.waiting();
        let mut writer = Writer::new(sink, form, orders, inbox.clone());
        let paid = PaidOutbox::new(outbox.clone(), writer.done(), None);
        let inbox = inbox.clone();
        let thread = Thread::start(sink.role(), move || {
            let last_word = writer.run(Watched::new(to, Call::Write));
            // Nobody listens any more where the program is ending.
            let _ = inbox.send(Event::Written(sink, last_word));
        })?;
        Ok((Running { outbox, thread }, paid, waiting))
    }

    /// Tells it that this was all. Gives the thread back where it does not end in time.
    fn finish(self, ending: &mut Ending) -> Option<Thread> {
        self.outbox.send(Order::Goodbye);
        ending.join(self.thread)
    }
}

impl ScreenWriter {
    fn finish(self, ending: &mut Ending) {
        let Some(stuck) = self.running.finish(ending) else { return };
        stuck.leave("stdout does not take what it has");
        if let Some(hold) = self.hold {
            hold.take(Instant::now() + LAST_LINES);
        }
        if self.editor {
            display::reset_screen(screen::RESET);
        }
    }
}

/// Stdout: a screen for a person, or a pipe or a file.
fn start_screen(
    common: &Common,
    for_a_person: bool,
    rows: Option<Rows>,
    inbox: &ToInbox,
) -> Result<(ScreenWriter, HostOutbox), Error> {
    let editor = rows.is_some();
    let form: Box<dyn Form> = match (for_a_person, common.wire) {
        (true, wire) => {
            let mut screen = Screen::new(wire, common.color.is_wanted(), common.time);
            if let Some(Rows { rows, people, after_echo }) = rows {
                screen = screen.with_rows(rows).with_people(people);
                screen = if after_echo { screen.after_echo() } else { screen };
                screen = if common.quiet { screen } else { screen.with_meanwhile() };
                screen = if common.bell { screen.with_attention() } else { screen };
            }
            Box::new(screen)
        }
        (false, Wire::Lines) => Box::new(Plain),
        (false, Wire::Frames) => Box::new(Payloads::default()),
    };
    let (stdout, hold) =
        display::screen().map_err(|why| Error::NoStream { stream: "stdout", why })?;
    let (running, paid, waiting) = Running::start(Sink::Screen, form, stdout, inbox)?;
    let host_outbox = HostOutbox::new(paid, waiting, for_a_person);
    Ok((ScreenWriter { running, hold, editor }, host_outbox))
}

/// Stderr. Where it is the screen, notices go through the screen's writer: so they stand after the
/// messages that came before them, and nothing is torn.
fn start_notices(
    common: &Common,
    to_screen: &Outbox,
    inbox: &ToInbox,
) -> Result<(Notices, Option<Running>), Error> {
    if window::one_terminal() {
        return Ok((Notices::new(to_screen.clone(), common.quiet), None));
    }
    let stderr = streams::stderr().map_err(|why| Error::NoStream { stream: "stderr", why })?;
    // What it says may quote a friend: that is no less dangerous on another terminal than stdout.
    let form: Box<dyn Form> = match io::stderr().is_terminal() {
        true => {
            let screen = Screen::new(common.wire, false, false);
            Box::new(screen.in_window(window::size_of_stderr))
        }
        false => Box::new(Plain),
    };
    let (running, ..) = Running::start(Sink::Notices, form, stderr, inbox)?;
    Ok((Notices::new(running.outbox.clone(), common.quiet), Some(running)))
}

/// The file of the transcript is opened here and now: one that cannot be had is better known before a
/// word is said.
fn start_transcript(
    file: &Path,
    wire: Wire,
    inbox: &ToInbox,
) -> Result<(Running, HostOutbox), Error> {
    let to = streams::append(file)
        .map_err(|why| Error::NoTranscript { file: file.display().to_string(), why })?;
    let form = Box::new(Transcript::new(wire));
    let (running, paid, waiting) = Running::start(Sink::Transcript, form, to, inbox)?;
    Ok((running, HostOutbox::new(paid, waiting, true)))
}
