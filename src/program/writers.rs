//! Where everything goes that is shown or kept: stdout, stderr, and the file of `--transcript`. A
//! writer thread for each, started before any source, and ended behind all of them.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::lens::trace::{LAST_STEPS, Trace};
use crate::platform::display::{self, Hold};
use crate::platform::{streams, window};
use crate::program::cli::Common;
use crate::program::ending::Ending;
use crate::roles::{Role, Sink};
use crate::room::host_outbox::Ear;
use crate::terminal::screen::{self, Row, Screen};
use crate::terminal::transcript::Transcript;
use crate::threads::event::Event;
use crate::threads::form::{Form, Payloads, Plain};
use crate::threads::inbox::ToInbox;
use crate::threads::notices::Notices;
use crate::threads::order::Order;
use crate::threads::outbox::{self, Outbox};
use crate::threads::paid_outbox::PaidOutbox;
use crate::threads::thread::Thread;
use crate::threads::writer::Writer;
use crate::watch::steps::{Call, Watched};
use crate::wire::messages::Wire;

/// How much of the time for leaving is kept for stderr.
pub const LAST_LINES: Duration = Duration::from_millis(50);

/// The writers, and the ways to them.
#[derive(Debug)]
pub struct Sinks {
    /// To the screen-writer.
    pub to_screen: Outbox,
    /// To stderr, or to the screen where that is the same terminal.
    pub notices: Notices,
    screen_writer: Thread,
    /// Where stdout is a terminal.
    hold: Option<Hold>,
    /// With the line editor.
    editor: bool,
    /// Stderr's writer, where stderr is not the screen itself.
    notice_writer: Option<(Outbox, Thread)>,
    transcript: Option<(Outbox, Thread)>,
    /// The screen and the transcript as those who hear what is said in a room, where there is one.
    pub ears: Vec<Ear>,
}

impl Sinks {
    /// Starts the writers. `for_a_person`: stdout is a terminal; `room`: what many say is heard
    /// here; `rows`: where the row comes from that is being typed, with the line editor, and whether
    /// something was typed before (see [`Screen::behind_echo`]).
    ///
    /// # Errors
    /// A stream cannot be used, the transcript cannot be opened, or there is no thread left.
    pub fn start(
        common: &Common,
        for_a_person: bool,
        room: bool,
        rows: Option<(Receiver<Row>, bool)>,
        inbox: &ToInbox,
    ) -> Result<Sinks, Error> {
        // First, since it is what is most likely to fail.
        let transcript = match &common.transcript {
            None => None,
            Some(file) => Some(start_transcript(file, common.wire, inbox.clone())?),
        };
        let (transcript, transcript_ear) = transcript.unzip();
        let (to_screen, orders) = outbox::open(Role::ScreenWriter, None);
        let waiting = orders.waiting();
        let editor = rows.is_some();
        let form: Box<dyn Form> = match (for_a_person, common.wire) {
            (true, wire) => {
                let screen = Screen::new(wire, common.color.is_wanted(), common.time);
                Box::new(match rows {
                    Some((rows, true)) => screen.with_rows(rows).behind_echo(),
                    Some((rows, false)) => screen.with_rows(rows),
                    None => screen,
                })
            }
            (false, Wire::Lines) => Box::new(Plain),
            (false, Wire::Frames) => Box::new(Payloads),
        };
        let (stdout, hold) =
            display::screen().map_err(|why| Error::NoStream { stream: "stdout", why })?;
        let writer = Writer::new(Sink::Screen, form, orders, inbox.clone());
        let screen_ear = Ear::new(
            PaidOutbox::new(to_screen.clone(), writer.done(), None),
            waiting,
            for_a_person,
        );
        let screen_writer = start_writer(Role::ScreenWriter, writer, stdout, inbox.clone())?;

        // Where stderr is the screen, notices go through the screen's writer: so they stand
        // behind the messages that came before them, and nothing is torn.
        let (notices, notice_writer) = if window::one_terminal() {
            (Notices::new(to_screen.clone(), common.quiet), None)
        } else {
            let (to_stderr, orders) = outbox::open(Role::NoticeWriter, None);
            let stderr =
                streams::stderr().map_err(|why| Error::NoStream { stream: "stderr", why })?;
            // What it says may quote a friend: that is no less dangerous on another terminal than stdout.
            let form: Box<dyn Form> = match io::stderr().is_terminal() {
                true => {
                    let screen = Screen::new(common.wire, false, false);
                    Box::new(screen.in_window(window::columns_of_stderr))
                }
                false => Box::new(Plain),
            };
            let writer = Writer::new(Sink::Notices, form, orders, inbox.clone());
            let writer = start_writer(Role::NoticeWriter, writer, stderr, inbox.clone())?;
            (Notices::new(to_stderr.clone(), common.quiet), Some((to_stderr, writer)))
        };
        // Else they must not be kept: they hold the outboxes open.
        let ears = match room {
            true => std::iter::once(screen_ear).chain(transcript_ear).collect(),
            false => Vec::new(),
        };
        Ok(Sinks {
            to_screen,
            notices,
            screen_writer,
            hold,
            editor,
            notice_writer,
            transcript,
            ears,
        })
    }

    /// The way to the transcript, where there is one.
    pub fn to_transcript(&self) -> Option<Outbox> {
        self.transcript.as_ref().map(|(to_transcript, _)| to_transcript.clone())
    }

    /// Ends the writers, when they have written what they have; or leaves them, where nobody takes
    /// it in time.
    pub fn finish(self, trace: Option<Trace>, ending: &mut Ending) {
        if let Some((to_transcript, writer)) = self.transcript {
            let _ = to_transcript.send(Order::Goodbye);
            if ending.ends(&writer) {
                writer.join();
            } else {
                self.notices.notice("not written: the end of the transcript");
                writer.leave("the transcript's file does not take what it has");
            }
        }
        let _ = self.to_screen.send(Order::Goodbye);
        let gone_by = ending.gone_by;
        if self.notice_writer.is_some() {
            // Stderr comes last, since it is to be told what became of stdout; and it gets time.
            ending.gone_by = gone_by.checked_sub(LAST_LINES).unwrap_or(gone_by);
        }
        // Also after a second Ctrl-C: the row that was being typed is no place for a prompt.
        ending.gone_by = ending.gone_by.max(Instant::now() + LAST_LINES);
        match ending.ends(&self.screen_writer) {
            true => self.screen_writer.join(),
            false => {
                self.screen_writer.leave("stdout does not take what it has");
                if let Some(hold) = self.hold {
                    hold.take(Instant::now() + LAST_LINES);
                }
                if self.editor {
                    display::reset_screen(screen::RESET);
                }
            }
        }
        if let Some(writer) = trace.and_then(|mut trace| trace.finish()) {
            // Also where somebody else has used up the time. It has next to nothing left to write, and
            // without its end the file is no JSON.
            ending.gone_by = ending.gone_by.max(Instant::now() + LAST_STEPS);
            match ending.ends(&writer) {
                true => writer.join(),
                false => writer.leave("the trace's file does not take what it has"),
            }
        }
        if let Some((to_stderr, writer)) = self.notice_writer {
            if !ending.hurried {
                // Also on a machine that was too busy until now: no exit code without a reason.
                ending.gone_by = gone_by.max(Instant::now() + LAST_LINES);
            }
            self.notices.tell_lost();
            let _ = to_stderr.send(Order::Goodbye);
            match ending.ends(&writer) {
                true => writer.join(),
                false => writer.leave("stderr does not take what it has"),
            }
        }
    }
}

fn start_writer(
    role: Role,
    mut writer: Writer,
    to: impl io::Write + Send + 'static,
    inbox: ToInbox,
) -> Result<Thread, Error> {
    Thread::start(role, move || {
        let last_word = writer.run(Watched::new(to, Call::Write));
        // Nobody listens any more where the program is ending.
        let _ = inbox.send(Event::Written(writer.sink(), last_word));
    })
}

/// The file is opened here and now: one that cannot be had is better known before a word is said.
fn start_transcript(
    file: &Path,
    wire: Wire,
    inbox: ToInbox,
) -> Result<((Outbox, Thread), Ear), Error> {
    let to = streams::append(file)
        .map_err(|why| Error::NoTranscript { file: file.display().to_string(), why })?;
    let (to_transcript, orders) = outbox::open(Role::Transcript, None);
    let form = Box::new(Transcript::new(wire));
    let waiting = orders.waiting();
    let writer = Writer::new(Sink::Transcript, form, orders, inbox.clone());
    let ear = Ear::new(PaidOutbox::new(to_transcript.clone(), writer.done(), None), waiting, true);
    Ok(((to_transcript, start_writer(Role::Transcript, writer, to, inbox)?), ear))
}
