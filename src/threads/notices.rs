//! What the program itself has to say, on stderr: status lines, notices, errors, and the log.
//!
//! [`Notices`] is the only way there; everybody who has something to say gets a clone. It never
//! waits: the lines go to a thread of their own. (A coordinator that wrote them itself hung after
//! 655 lines of log, with a stderr that nobody read.) If too many lines are waiting already, more are
//! dropped and counted, and the count is shown when stderr takes lines again.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::text::harmless::harmless;
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::wire::messages::{self, Wire};

/// How many lines may wait. A line is short; this many are a fraction of a megabyte.
const WAITING_MAX: usize = 1_000;

/// How many may wait for a line of the log to be added: a flood of log must not push out what is said
/// to the person.
const LOG_MAX: usize = WAITING_MAX - 100;

/// How many may wait for an error to be added: no flood of other lines must push out an error.
const ERRORS_MAX: usize = WAITING_MAX + 100;

/// How many may wait for the row of a transfer to be drawn: where nobody reads stderr, rows must not
/// pile up.
const ROWS_MAX: usize = 8;

/// The way to stderr. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Notices {
    to_writer: Outbox,
    /// How many lines were dropped since the last time that this was shown.
    lost: Arc<AtomicUsize>,
    quiet: bool,
}

impl Notices {
    /// Notices that go to the writer at the end of `to_writer`. With `quiet` there are only answers,
    /// errors and the log.
    pub fn new(to_writer: Outbox, quiet: bool) -> Notices {
        Notices { to_writer, lost: Arc::default(), quiet }
    }

    /// A status line: what the program is doing.
    pub fn status(&self, line: impl Display) {
        if !self.quiet {
            self.hand_over(format!("{line}\n"), WAITING_MAX);
        }
    }

    /// A status line that people copy: an address, or a command. Nothing in it comes from a friend.
    pub fn to_copy(&self, line: impl Display) {
        if !self.quiet {
            self.order(Order::ToCopy(format!("{line}\n")), WAITING_MAX);
        }
    }

    /// A notice: something that a person should know, but that stops nothing.
    pub fn notice(&self, line: impl Display) {
        if !self.quiet {
            self.hand_over(format!("* {line}\n"), WAITING_MAX);
        }
    }

    /// The answer to a command that was typed. The person has asked for it, so it is given even when
    /// quiet.
    pub fn answer(&self, line: impl Display) {
        self.hand_over(format!("* {line}\n"), WAITING_MAX);
    }

    /// The same in several lines.
    pub fn answers(&self, lines: &[&str]) {
        lines.iter().for_each(|line| self.answer(line));
    }

    /// What was typed and not sent, so that it can be copied from the screen and said again.
    pub fn not_sent(&self, unsent: &Unsent) {
        for line in &unsent.lines {
            self.notice(format_args!("not sent: {line}"));
        }
        if unsent.more > 0 {
            self.notice(format_args!("not sent: {} more lines", unsent.more));
        }
    }

    /// An error: why the conversation could not start, or broke. Said even when quiet.
    pub fn error(&self, error: impl Display) {
        self.hand_over(format!("threadchat: {error}\n"), ERRORS_MAX);
    }

    /// How far a transfer is: a row that is drawn over the one before. Where too much is waiting it is
    /// left out: soon there will be another.
    pub fn progress(&self, row: String) {
        if !self.quiet && self.to_writer.len() < ROWS_MAX {
            self.to_writer.send(Order::Progress(row));
        }
    }

    /// Takes that row away.
    pub fn progress_over(&self) {
        if !self.quiet {
            self.order(Order::Progress(String::new()), WAITING_MAX);
        }
    }

    /// Says how many lines were dropped, if any were. Every line that goes out does so first; at the
    /// end, when no other line comes, it has to be called.
    pub fn report_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line = format!("* {lost} lines are missing here: nobody read stderr\n");
            self.to_writer.send(Order::Own(Cow::Owned(line.into_bytes())));
        }
    }

    fn hand_over(&self, line: String, limit: usize) {
        self.order(Order::Own(Cow::Owned(line.into_bytes())), limit);
    }

    fn order(&self, line: Order, limit: usize) {
        // Two threads may both find the last free place: one line too many does no harm.
        if self.to_writer.len() >= limit {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.report_lost();
        // A writer that has ended takes no more lines: the program is ending too.
        self.to_writer.send(line);
    }
}

/// Lines that were typed but not sent. A person wants to see them, but not all of a large paste.
#[derive(Debug, Default)]
pub struct Unsent {
    lines: Vec<String>,
    more: usize,
}

impl Unsent {
    /// How many lines are shown at most.
    const LINES: usize = 12;

    /// How much of a line is shown at most, in bytes.
    const LONGEST: usize = 8 * 1024;

    /// The messages in a block.
    pub fn of(wire: Wire, block: &[u8]) -> Unsent {
        let mut unsent = Unsent::default();
        unsent.add(wire, block);
        unsent
    }

    /// Adds the messages in a block.
    pub fn add(&mut self, wire: Wire, block: &[u8]) {
        for message in messages::messages(wire, block) {
            if self.lines.len() == Unsent::LINES {
                self.more += 1;
                continue;
            }
            let text = String::from_utf8_lossy(message.text);
            let shown = &text[..text.floor_char_boundary(Unsent::LONGEST)];
            let mut line = harmless(shown).into_owned();
            if shown.len() < text.len() {
                line.push_str(&format!("... ({} bytes in all)", message.text.len()));
            }
            self.lines.push(line);
        }
    }
}

/// The logger writes its records here, each in one `write`.
impl Write for Notices {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.hand_over(String::from_utf8_lossy(record).into_owned(), LOG_MAX);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Each record is handed over as it comes.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Role;
    use crate::threads::outbox;

    #[test]
    fn what_nobody_reads_is_counted_and_told_later_and_an_error_still_fits() {
        let (to_writer, outbox) = outbox::open(Role::NoticeWriter, None);
        let outbox = outbox.waiting();
        let notices = Notices::new(to_writer, false);
        for number in 0..WAITING_MAX + 7 {
            notices.status(number);
        }
        assert_eq!(outbox.len(), WAITING_MAX);
        notices.error("it broke");
        let lines: Vec<String> = outbox
            .try_iter()
            .map(|order| match order {
                Order::Own(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                other => panic!("no line: {other:?}"),
            })
            .collect();
        assert_eq!(lines[WAITING_MAX], "* 7 lines are missing here: nobody read stderr\n");
        assert_eq!(lines[WAITING_MAX + 1], "threadchat: it broke\n");
    }

    #[test]
    fn a_flood_of_log_does_not_push_out_what_is_said_to_the_person() {
        let (to_writer, outbox) = outbox::open(Role::NoticeWriter, None);
        let outbox = outbox.waiting();
        let mut notices = Notices::new(to_writer, false);
        for _ in 0..WAITING_MAX {
            notices.write_all(b"a step\n").unwrap();
        }
        assert_eq!(outbox.len(), LOG_MAX);
        notices.status("friend has left");
        let last = outbox.try_iter().last().unwrap();
        assert_eq!(last.bytes(), b"friend has left\n");
    }

    #[test]
    fn of_what_was_not_sent_a_screenful_is_shown() {
        let (to_writer, outbox) = outbox::open(Role::NoticeWriter, None);
        let outbox = outbox.waiting();
        let notices = Notices::new(to_writer, false);
        let mut unsent = Unsent::of(Wire::Lines, b"one\x1b\ntwo");
        unsent.add(Wire::Lines, &[b'x'; 10_000]);
        unsent.add(Wire::Lines, "line\n".repeat(1_000).as_bytes());
        notices.not_sent(&unsent);
        let lines: Vec<String> = outbox
            .try_iter()
            .map(|order| String::from_utf8_lossy(order.bytes()).into_owned())
            .collect();
        assert_eq!(lines[..2], ["* not sent: one^[\n", "* not sent: two\n"]);
        assert!(lines[2].ends_with("xxx... (10000 bytes in all)\n"));
        assert_eq!(lines.len(), 13);
        assert_eq!(lines[12], "* not sent: 991 more lines\n");
    }

    #[test]
    fn quiet_silences_status_and_notices_but_never_errors() {
        let (to_writer, outbox) = outbox::open(Role::NoticeWriter, None);
        let outbox = outbox.waiting();
        let notices = Notices::new(to_writer, true);
        notices.status("listening");
        notices.notice("odd");
        assert!(outbox.is_empty());
        notices.error("it broke");
        assert_eq!(outbox.len(), 1);
    }
}
