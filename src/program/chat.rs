//! From the first thread to the last: starting everything in order, and ending it in order.
//!
//! Sinks are started before sources, so that whatever a source brings has somewhere to go.
//! At the end *the writers are joined, and readers that cannot be woken are left*: a `read` from
//! a pipe (on Windows), an `accept` and a name being looked up end with the process.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::error::Error;
use crate::lens::explain;
use crate::lens::listener::Listener;
use crate::lens::trace::Trace;
use crate::net::place::Place;
use crate::platform::limits;
use crate::platform::stdin::left_to_read;
use crate::platform::terminal::Terminal;
use crate::program::cli::Meet;
use crate::program::ending::Ending;
use crate::program::stdin::{self, StdinReader};
use crate::program::streams::Streams;
use crate::program::writers::Writers;
use crate::program::{finder, sudden};
use crate::roles::Role;
use crate::room::hosting::Hosting;
use crate::talk::coordinator::{self, Coordinator};
use crate::talk::meeting::Meeting;
use crate::talk::plan::{Calling, Outboxes, Outcome, Outlets, Plan};
use crate::threads::inbox::{self, Inbox, ToInbox};
use crate::threads::notices::Notices;
use crate::threads::thread::Thread;
use crate::watch::steps::{self, Call};

/// How many files are open besides those of a room's members, about.
const OTHER_FILES: u64 = 16;

/// Holds the conversation that the command line asks for.
pub fn run(meet: &Meet, place: &Place, terminal: Option<Terminal>) -> ExitCode {
    match Chat::start(meet, place, terminal.clone()) {
        Ok(chat) => chat.finish(),
        Err(error) => {
            if let Some(terminal) = terminal {
                terminal.give_back();
            }
            // The writer for stderr may not be there yet. Or it may be writing the log, so the line
            // goes out in one piece.
            let _ = io::stderr().write_all(format!("threadchat: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// The threads of the program, but for a connection's own two; see
/// [`connection`](crate::net::connection).
struct Chat {
    /// For `main` when the coordinator has ended: Ctrl-C goes on working.
    inbox: Inbox,
    trace: Option<Trace>,
    writers: Writers,
    stdin_reader: StdinReader,
    /// The acceptor or the connector.
    finder: Thread,
    coordinator: Thread,
    /// Where the coordinator's thread leaves how it ended.
    outcome: Receiver<Outcome>,
}

impl Chat {
    /// Starts everything: sinks, then sources, then the coordinator.
    fn start(meet: &Meet, place: &Place, terminal: Option<Terminal>) -> Result<Chat, Error> {
        let streams = Streams::look(meet.common(), terminal);
        let (to_inbox, inbox) = inbox::open();
        sudden::on_signals(streams.terminal.as_ref(), &to_inbox)?;
        // Keys are taken before anything is shown: or the terminal would show them in the midst of it.
        let (stdin, rows) = stdin::open(meet, &streams)?;

        // Sinks, and before them whoever watches.
        start_watching(meet);
        let trace = start_trace(meet, place, &to_inbox)?;
        let mut writers = Writers::start(meet, &streams, rows, &to_inbox)?;
        start_log(meet, &streams, &writers.notices);
        if let Some(members_max) = meet.room() {
            make_room(members_max, &writers.notices);
        }

        // Sources.
        let stdin_reader = stdin.start(meet, &streams, &writers, to_inbox.clone())?;
        let (ask_friend, asked) = unbounded();
        let finder = finder::start(meet, place.clone(), &streams, asked, to_inbox)?;

        // The coordinator last: the sources wait for its word. So where there is no thread for one of
        // them, nothing has begun, and no key has been asked for.
        let plan = plan(meet, place, &streams, stdin_reader.editor);
        let outboxes = outboxes(&writers, &stdin_reader, ask_friend);
        let room = room(&plan, &outboxes.outlets, &mut writers);
        let (coordinator, outcome) = start_coordinator(plan, outboxes, room, inbox.clone())?;
        Ok(Chat { inbox, trace, writers, stdin_reader, finder, coordinator, outcome })
    }

    /// Waits for the coordinator to end, and then ends everything else: sources, then sinks.
    fn finish(self) -> ExitCode {
        // No outcome: the coordinator has panicked, and the panic hook is ending the process.
        let outcome = steps::blocked_quietly(Call::Join, || self.outcome.recv());
        let Ok(outcome) = outcome else { return ExitCode::FAILURE };
        self.coordinator.join();
        let mut ending = Ending::new(self.inbox, outcome.gone_by);

        // Sources.
        self.stdin_reader.end(outcome.stdin_reading, &self.writers.notices, &mut ending);
        match outcome.still_asking {
            false => self.finder.join(),
            true => self.finder.leave("nothing can wake the call that it is blocked in"),
        }

        // The sinks have everything now; they write it and end.
        self.writers.finish(self.trace, &mut ending);
        ExitCode::from(if ending.hurried { coordinator::INTERRUPTED } else { outcome.code })
    }
}

/// What the coordinator has to know.
fn plan(meet: &Meet, place: &Place, streams: &Streams, editor: bool) -> Plan {
    Plan {
        stdin: streams.stdin,
        wire: meet.common().wire,
        calling: match meet {
            Meet::Listen(_) => None,
            Meet::Connect(connect) => {
                Some(Calling { to: place.to_string(), timeout: connect.timeout, wait: meet.wait() })
            }
        },
        keep: meet.keep(),
        room: meet.room(),
        name: meet.common().name.clone(),
        editor,
        hints: streams.hints,
        transfer: streams.transfers.then_some(left_to_read),
        terminal: streams.terminal.clone(),
    }
}

/// The ways out of the coordinator.
fn outboxes(writers: &Writers, stdin_reader: &StdinReader, ask_friend: Sender<()>) -> Outboxes {
    Outboxes {
        outlets: Outlets {
            to_screen: writers.to_screen(),
            to_transcript: writers.to_transcript(),
            notices: writers.notices.clone(),
        },
        bell: writers.bell(),
        permits: stdin_reader.permits.clone(),
        stop_reading: stdin_reader.stop_reading.clone(),
        ask_friend,
    }
}

/// The room that friends come to, where one is wanted.
fn room(plan: &Plan, outlets: &Outlets, writers: &mut Writers) -> Option<Box<dyn Meeting>> {
    let host_outboxes = std::mem::take(&mut writers.host_outboxes);
    plan.room.map(|_| -> Box<dyn Meeting> { Box::new(Hosting::new(plan, outlets, host_outboxes)) })
}

/// Starts the coordinator, whose last word comes by a channel.
fn start_coordinator(
    plan: Plan,
    outboxes: Outboxes,
    room: Option<Box<dyn Meeting>>,
    inbox: Inbox,
) -> Result<(Thread, Receiver<Outcome>), Error> {
    let (leave_outcome, outcome) = unbounded();
    let thread = Thread::start(Role::Coordinator, move || {
        let coordinator = Coordinator::new(plan, outboxes, room, Instant::now());
        let _ = leave_outcome.send(coordinator.run(&inbox));
    })?;
    Ok((thread, outcome))
}

/// From now on it is listened to what the threads do, where somebody wants to know.
fn start_watching(meet: &Meet) {
    let common = meet.common();
    if common.trace.is_some() || explain::is_wanted(common.explain) {
        steps::install(Box::new(Listener::new(common.wire)));
    }
}

/// Starts the trace, where there is to be one.
fn start_trace(meet: &Meet, place: &Place, inbox: &ToInbox) -> Result<Option<Trace>, Error> {
    let common = meet.common();
    let Some(file) = &common.trace else { return Ok(None) };
    let command = meet.in_words(place);
    Trace::start(file, command, common.name.as_ref(), common.wire, inbox.clone()).map(Some)
}

/// Starts the log, for `--explain` and for whoever sets `RUST_LOG`.
fn start_log(meet: &Meet, streams: &Streams, notices: &Notices) {
    let common = meet.common();
    let colour = streams.hints && common.color.is_wanted();
    explain::start_log(common.explain, colour, meet.room(), notices.clone());
}

/// Each member is an open file.
fn make_room(members_max: usize, notices: &Notices) {
    let Some(limit) = limits::raise_file_limit() else { return };
    log::debug!("the system lets us have {limit} open files");
    let members = limit.saturating_sub(OTHER_FILES);
    if members < members_max as u64 {
        notices.notice(format_args!(
            "there will be room for about {members} members: the system lets us have {limit} open \
             files (ulimit -n)"
        ));
    }
}
