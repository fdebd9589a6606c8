//! `--explain`: every step of every thread as a line of log, and the account at the end.
//!
//! It is meant to be read while it happens, by a class: so a thread that does the same again and
//! again tells it three times a second, and counts the rest. Where `RUST_LOG` asks for lines, each
//! step is told.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use env_logger::{Builder, Target};

use crate::lens::trace;
use crate::roles::{self, Role};
use crate::text::harmless::harmless;
use crate::threads::notices::Notices;
use crate::watch::steps::{self, Call, Facts};

/// How often a thread tells the same in each [`WINDOW`].
const TOLD: u32 = 3;

/// See [`TOLD`].
const WINDOW: Duration = Duration::from_secs(1);

/// How long the longest name of a thread is.
const NAME_MAX: usize = 13;

/// Each step is told.
static TELLS_ALL: AtomicBool = AtomicBool::new(false);

/// The threads, as the account has them, and the colours of their names: numbers of ECMA-48's
/// "select graphic rendition", none of which is red or the colour of plain text.
const THREADS: [(Role, u8); 12] = [
    (Role::StdinReader, 36),
    (Role::SocketReader, 32),
    (Role::Coordinator, 33),
    (Role::SocketWriter, 92),
    (Role::ScreenWriter, 96),
    (Role::NoticeWriter, 94),
    (Role::Transcript, 94),
    (Role::Acceptor, 35),
    (Role::Connector, 35),
    (Role::Resolver, 35),
    (Role::Main, 95),
    (Role::TraceWriter, 94),
];

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
            let time = steps::since_the_beginning();
            let who = roles::me();
            let (seconds, micros) = (time.as_secs(), time.subsec_micros());
            match THREADS.get(place_of(who.role)).filter(|_| colour) {
                Some((_, code)) => writeln!(
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
        steps::explain();
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

/// Which of the threads it is that has this role; one that is not shown comes after all of them.
pub fn place_of(who: Role) -> usize {
    THREADS.iter().position(|(known, _)| *known == who).unwrap_or(THREADS.len())
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
        let is_step = [module_path!(), steps::STEPS].contains(&record.target());
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
    pub fn blocks(&mut self, call: Call, facts: &Facts) {
        if facts.untold || !self.may_tell(call as usize) {
            return;
        }
        match (call, facts.asked, facts.out) {
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
        count(call, blocked, facts);
        // Messages come by the thousand; anything else is worth a line.
        let usual = match call {
            Call::Read | Call::Recv | Call::Send | Call::Write | Call::Inbox => {
                facts.bytes.is_some_and(|bytes| bytes > 0)
            }
            _ => true,
        } && facts.failed.is_empty();
        if facts.untold {
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
        if steps::since_the_beginning().saturating_sub(self.since) > WINDOW {
            self.tell_the_rest();
        }
        self.happened[kind] += 1;
        self.happened[kind] <= TOLD
    }

    /// Tells in one line what was only counted, and begins to count again.
    pub fn tell_the_rest(&mut self) {
        let now = steps::since_the_beginning();
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

/// How much a thread did in a call, and how long it was blocked there. It is added up while the
/// program runs, since a thread that is left at the end cannot be asked.
#[derive(Debug)]
struct Total {
    calls: AtomicU64,
    bytes: AtomicU64,
    messages: AtomicU64,
    nanos: AtomicU64,
}

impl Total {
    const fn new() -> Total {
        Total {
            calls: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        }
    }
}

static TOTALS: [[Total; Call::COUNT]; THREADS.len()] =
    [const { [const { Total::new() }; Call::COUNT] }; THREADS.len()];

/// A message that has no end of its own has ended, with the stream.
pub fn count_last(call: Call, messages: u64) {
    let facts = Facts { messages: Some(messages), bytes: Some(0), ..Facts::default() };
    count(call, Duration::ZERO, &facts);
}

fn count(call: Call, blocked: Duration, facts: &Facts) {
    let Some(totals) = TOTALS.get(place_of(roles::me().role)) else { return };
    let total = &totals[call as usize];
    let add = |to: &AtomicU64, amount| to.fetch_add(amount, Ordering::Relaxed);
    // The call that finds the end of a stream has read nothing; and to draw the row that is being
    // typed, or to write a line of the log, is not to write what somebody has said.
    if facts.bytes != Some(0) && facts.failed.is_empty() && !facts.untold {
        add(&total.calls, 1);
    }
    add(&total.bytes, facts.bytes.unwrap_or(0));
    add(&total.messages, facts.messages.unwrap_or(0));
    add(&total.nanos, u64::try_from(blocked.as_nanos()).unwrap_or(u64::MAX));
}

/// What every thread has done so far.
#[derive(Clone, Debug)]
pub struct Account {
    rows: [[Row; Call::COUNT]; THREADS.len()],
    at: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    calls: u64,
    bytes: u64,
    messages: u64,
    nanos: u64,
}

impl Account {
    /// As it was when the program began; `None` where nothing is explained.
    pub fn of_nothing() -> Option<Box<Account>> {
        let mut account = Account::now()?;
        account.rows.iter_mut().flatten().for_each(|row| *row = Row::default());
        account.at = Duration::ZERO;
        Some(account)
    }

    /// As it is now; `None` where nothing is explained.
    pub fn now() -> Option<Box<Account>> {
        if !log::log_enabled!(log::Level::Debug) || !steps::are_watched() {
            return None;
        }
        let read = |total: &Total| Row {
            calls: total.calls.load(Ordering::Relaxed),
            bytes: total.bytes.load(Ordering::Relaxed),
            messages: total.messages.load(Ordering::Relaxed),
            nanos: total.nanos.load(Ordering::Relaxed),
        };
        let rows = std::array::from_fn(|at| std::array::from_fn(|call| read(&TOTALS[at][call])));
        Some(Box::new(Account { rows, at: steps::since_the_beginning() }))
    }

    /// What was done since then, in a few lines.
    pub fn tell_since(before: Option<Box<Account>>) {
        let (Some(before), Some(mut now)) = (before, Account::now()) else { return };
        for (row, old) in now.rows.iter_mut().flatten().zip(before.rows.iter().flatten()) {
            row.calls -= old.calls;
            row.bytes -= old.bytes;
            row.messages -= old.messages;
            row.nanos -= old.nanos;
        }
        let took = now.at.saturating_sub(before.at);
        log::debug!("the account, of {}:", Span(took));
        let row = |thread: Role, call: Call| {
            now.rows.get(place_of(thread)).map_or(Row::default(), |row| row[call as usize])
        };
        let (read, sent) =
            (row(Role::StdinReader, Call::Read), row(Role::SocketWriter, Call::Send));
        let (heard, shown) =
            (row(Role::SocketReader, Call::Recv), row(Role::ScreenWriter, Call::Write));
        for (what, messages, from, call, to, other) in [
            ("said", sent, read, Call::Read, sent, Call::Send),
            ("heard", heard, heard, Call::Recv, shown, Call::Write),
        ] {
            log::debug!(
                "  {what:<5} {}, {}, in {} and {}",
                Counted(messages.messages, "message"),
                Bytes(messages.bytes),
                Counted(from.calls, call.name()),
                Counted(to.calls, other.name())
            );
        }
        for (at, (thread, _)) in THREADS.iter().enumerate() {
            let blocked = in_words(&now.rows[at]);
            if !blocked.is_empty() {
                log::debug!("  {thread:<NAME_MAX$} was blocked {blocked}");
            }
        }
    }
}

/// In which calls a thread was blocked, and for how long in each.
fn in_words(row: &[Row; Call::COUNT]) -> String {
    let calls = [
        (Call::Read, "read"),
        (Call::Recv, "recv"),
        (Call::Send, "send"),
        (Call::Write, "write"),
        (Call::Accept, "accept"),
        (Call::Connect, "connect"),
        (Call::Inbox, "its inbox"),
        (Call::Outbox, "its outbox"),
        (Call::Buffer, "want of a buffer"),
    ];
    let blocked: Vec<String> = calls
        .into_iter()
        .map(|(call, name)| (row[call as usize].nanos, name))
        .filter(|(nanos, _)| *nanos > 0)
        .map(|(nanos, name)| format!("{} in {name}", Span(Duration::from_nanos(nanos))))
        .collect();
    blocked.join(", ")
}

/// How long something took, in the unit that fits.
struct Span(Duration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            _ if seconds >= 100.0 => write!(f, "{seconds:.0} s"),
            _ if seconds >= 1.0 => write!(f, "{seconds:.1} s"),
            _ if seconds >= 0.001 => write!(f, "{:.0} ms", seconds * 1e3),
            _ => write!(f, "{:.0} us", seconds * 1e6),
        }
    }
}

/// How many of something.
struct Counted<'a>(u64, &'a str);

impl std::fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counted(count, what) = *self;
        write!(f, "{count} {what}{}", if count == 1 { "" } else { "s" })
    }
}

struct Bytes(u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // "1 bytes" is what the log has always said, and what is easy to look for.
        write!(f, "{} bytes", self.0)
    }
}

struct Times(u64);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => f.write_str("once more"),
            times => write!(f, "{times} times more"),
        }
    }
}
