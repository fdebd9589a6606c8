//! `--explain`: every step of every thread as a line of log, and the account at the end.
//!
//! It is meant to be read while it happens, by a class: so a thread that does the same again and
//! again tells it three times a second, and counts the rest. Where `RUST_LOG` asks for lines, each
//! step is told.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use env_logger::{Builder, Target};

use crate::lens::account;
use crate::lens::clock;
use crate::lens::lanes::{self, NAME_MAX};
use crate::lens::record::Facts;
use crate::lens::trace;
use crate::lens::units::{Bytes, Span, Times};
use crate::roles::{self, Role};
use crate::text::harmless::harmless;
use crate::threads::notices::Notices;
use crate::watch::steps::{Asked, Call};

/// How often a thread tells the same in each [`WINDOW`].
const TOLD: u32 = 3;

/// See [`TOLD`].
const WINDOW: Duration = Duration::from_secs(1);

/// Each step is told.
static TELLS_ALL: AtomicBool = AtomicBool::new(false);

/// Whether steps are put into words.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Whether steps are put into words.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Whether they may be: by `--explain`, or by `RUST_LOG`.
pub fn is_wanted(explain: bool) -> bool {
    explain || std::env::var_os("RUST_LOG").is_some()
}

/// Starts the log. Without `--explain` and without `RUST_LOG` it is off, and then each line of
/// it costs one comparison of a number in memory. `colour`: of the threads' names; `members_max`: of
/// a room, whose threads have numbers.
pub fn start_log(explain: bool, colour: bool, members_max: Option<usize>, notices: Notices) {
    let default = if explain { "threadchat=trace" } else { "off" };
    let asked = std::env::var("RUST_LOG").ok();
    TELLS_ALL.store(asked.is_some(), Ordering::Relaxed);
    let (filters, not_understood) = understood(asked.as_deref().unwrap_or(default));
    for filter in not_understood {
        let filter = harmless(filter);
        notices.notice(format_args!("RUST_LOG has {filter:?}, which is no filter; it is left out"));
    }
    let width = NAME_MAX + members_max.map_or(0, |most| format!(" {most}").len());
    let logger = Builder::new()
        .parse_filters(&filters)
        .target(Target::Pipe(Box::new(notices)))
        .format(move |line, record| {
            let time = clock::since_the_beginning();
            let who = roles::me();
            let (seconds, micros) = (time.as_secs(), time.subsec_micros());
            match lanes::colour_of(who.role).filter(|_| colour) {
                Some(code) => writeln!(
                    line,
                    "{seconds:4}.{micros:06} \x1b[{code}m{who:<width$}\x1b[39m {}",
                    record.args()
                ),
                None => writeln!(line, "{seconds:4}.{micros:06} {who:<width$} {}", record.args()),
            }
        })
        .build();
    let most = logger.filter();
    if most > log::LevelFilter::Off {
        IS_ON.store(true, Ordering::Relaxed);
    }
    // Lines of the log, as far as they are no steps, stand in the trace as well.
    log::set_max_level(most.max(trace::level()));
    let _ = log::set_boxed_logger(Box::new(Log { logger }));
    log::debug!("the log is on, at level {most}");
}

/// Those of the filters that can be understood, as one text, and those that cannot. The logger itself
/// would tell of them on stderr by a way that panics where stderr cannot be written.
fn understood(filters: &str) -> (String, Vec<&str>) {
    let (directives, pattern) = filters.split_at(filters.find('/').unwrap_or(filters.len()));
    let fits = |filter: &str| env_filter::Builder::new().try_parse(filter).is_ok();
    let (good, mut bad): (Vec<&str>, Vec<&str>) =
        directives.split(',').partition(|directive| fits(directive));
    let directives = good.join(",");
    let whole = format!("{directives}{pattern}");
    if fits(&whole) {
        return (whole, bad);
    }
    bad.push(pattern);
    (directives, bad)
}

/// The log, and beside it the trace.
struct Log {
    logger: env_logger::Logger,
}

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        self.logger.enabled(metadata) || metadata.level() <= trace::level()
    }

    fn log(&self, record: &log::Record) {
        self.logger.log(record);
        // Steps it knows already, and also those that were done before there was a log.
        let is_step = record.target() == module_path!();
        if record.level() <= trace::level() && !is_step {
            trace::note(record.args().to_string());
        }
    }

    fn flush(&self) {
        // Each record is handed over as it comes.
    }
}

/// What a thread has told lately, so that it does not tell the same again and again.
#[derive(Debug, Default)]
pub struct Habits {
    /// When the window began.
    since: Duration,
    /// For each kind of step: how often it happened in the window.
    happened: [u32; KINDS],
    /// What was not told, for each call.
    kept: [Kept; Call::COUNT],
}

/// The kinds of steps: blocking in each call, what came of each, and passing something on.
const KINDS: usize = 2 * Call::COUNT + 1;
const PASSING: usize = KINDS - 1;

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    times: u64,
    bytes: u64,
}

impl Habits {
    /// A thread is about to block.
    pub fn blocks(&mut self, call: Call, asked: &Asked) {
        if asked.quiet || !self.may_tell(call as usize) {
            return;
        }
        match (call, asked.bytes, asked.out) {
            (Call::Read | Call::Recv, Some(asked), _) => {
                log::trace!("blocks in {}, asking for up to {asked} bytes", call.name());
            }
            (Call::Send | Call::Write, Some(asked), _) => {
                log::trace!("blocks in {} with {asked} bytes", call.name());
            }
            (Call::Inbox, ..) => log::trace!("blocks on its inbox"),
            (Call::Outbox, ..) => log::trace!("blocks on its outbox"),
            (Call::Buffer, _, Some(out)) => {
                log::debug!("all {out} of its buffers are out; blocks until one comes home");
            }
            (Call::Permit, ..) => log::trace!("blocks until it is told what to do"),
            _ => log::trace!("blocks in {}", call.name()),
        }
    }

    /// A call has returned.
    pub fn woke(&mut self, call: Call, blocked: Duration, facts: &Facts) {
        // The call that finds the end of a stream has read nothing; and whatever is not to be shown is
        // nothing that somebody has said.
        let counts = facts.bytes != Some(0) && facts.failed.is_empty() && !facts.quiet;
        account::count_call(call, blocked, facts.bytes.unwrap_or(0), counts);
        // Messages come by the thousand; anything else is always shown.
        let usual = match call {
            Call::Read | Call::Recv | Call::Send | Call::Write | Call::Inbox => {
                facts.bytes.is_some_and(|bytes| bytes > 0)
            }
            _ => true,
        } && facts.failed.is_empty();
        if facts.quiet {
            return;
        }
        if usual && !self.may_tell(Call::COUNT + call as usize) {
            let kept = &mut self.kept[call as usize];
            kept.times += 1;
            kept.bytes += facts.bytes.unwrap_or(0);
            return;
        }
        let name = call.name();
        let after = format!("(blocked {})", Span(blocked));
        let mut said = String::new();
        if !facts.text.is_empty() {
            said.push_str(&format!(": \"{}\"", facts.text));
        }
        if !facts.cut.is_empty() {
            said.push_str(&format!(", {}", facts.cut));
        }
        match (call, facts.bytes) {
            _ if !facts.failed.is_empty() => log::debug!("{name} failed: {} {after}", facts.failed),
            (Call::Read | Call::Recv, Some(0)) => {
                log::debug!("{name} gave 0 bytes: nothing more will ever come {after}");
            }
            (Call::Read | Call::Recv, Some(count)) => {
                let count = Bytes(count);
                log::debug!("{name} gave {count}{said}; passes them to the coordinator {after}");
            }
            (Call::Send | Call::Write, Some(count)) => {
                log::debug!("{name} took {}{said} {after}", Bytes(count));
            }
            (Call::Inbox, _) => log::trace!("woken by {} {after}", facts.news),
            (Call::Outbox, _) => log::trace!("woken by the {} {after}", facts.woken_by),
            (Call::Buffer, _) => log::debug!("a buffer has come home {after}"),
            (Call::Permit, _) => log::trace!("is told {} {after}", facts.news),
            _ => log::trace!("{name} has returned {after}"),
        }
    }

    /// A message is passed on.
    pub fn passes(&mut self, bytes: usize, to: Role) {
        if self.may_tell(PASSING) {
            log::debug!("passes {} to {to}", Bytes(bytes as u64));
        }
    }

    /// A message is handed to so many members of a room.
    pub fn hands_to(&mut self, members: usize) {
        if self.may_tell(PASSING) {
            log::debug!("hands it to {members} members");
        }
    }

    /// Whether a step of this kind is told, since it has not happened often.
    fn may_tell(&mut self, kind: usize) -> bool {
        if TELLS_ALL.load(Ordering::Relaxed) {
            return true;
        }
        if clock::since_the_beginning().saturating_sub(self.since) > WINDOW {
            self.tell_the_rest();
        }
        self.happened[kind] += 1;
        self.happened[kind] <= TOLD
    }

    /// Tells in one line what was only counted, and begins to count again.
    pub fn tell_the_rest(&mut self) {
        let now = clock::since_the_beginning();
        let calls = [
            Call::Read,
            Call::Recv,
            Call::Send,
            Call::Write,
            Call::Inbox,
            Call::Outbox,
            Call::Buffer,
        ];
        let counted: Vec<String> = calls
            .into_iter()
            .map(|call| (call, self.kept[call as usize]))
            .filter(|(_, kept)| kept.times > 0)
            .map(|(call, Kept { times, bytes })| {
                let times = Times(times);
                match call {
                    Call::Inbox | Call::Outbox => format!("woken {times}"),
                    Call::Buffer => format!("waited {times} for a buffer"),
                    call => format!("{} {times} with {}", call.name(), Bytes(bytes)),
                }
            })
            .collect();
        if !counted.is_empty() {
            let spent = Span(now.saturating_sub(self.since));
            log::debug!("and so on, in {spent}: {}", counted.join(", "));
        }
        *self = Habits { since: now, ..Habits::default() };
    }
}

/// A thread begins.
pub fn begins() {
    log::debug!("begins");
}

/// A thread ends.
pub fn ends() {
    log::debug!("ends");
}

/// The account of what has happened, at its end.
pub fn account() {
    for line in account::lines() {
        log::debug!("{line}");
    }
}
