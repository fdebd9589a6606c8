//! How far a transfer is: while a pipe or a file is sent or received that is shown in one row, and at
//! the end a line says how much went each way, and how fast.
//!
//! The coordinator sees every block that is said or heard, and knows what time it is. So this is asked
//! then, and at no other time: no clock runs for it, and where nothing moves the row stays as it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use jiff::{SignedDuration, Unit};

use crate::threads::notices::Notices;

/// How long something has to move before there is a row.
const FIRST_ROW: Duration = Duration::from_secs(1);

/// How long a row stands at least: so there are three in a second, and room for one at the end of stdin.
const BETWEEN_ROWS: Duration = Duration::from_millis(334);

/// The speed is that of this long a time.
const SPEED_OF: Duration = Duration::from_secs(5);

/// Tells how many bytes of stdin are still to be read, where it is a file.
pub type InputLeft = fn() -> Option<u64>;

/// A transfer, as far as it has come.
#[derive(Debug)]
pub struct Transfer {
    /// `None`: nobody is to be shown anything.
    input_left: Option<InputLeft>,
    /// How much of the file was to be read when it began.
    input_size: Option<u64>,
    notices: Notices,
    sent: Way,
    received: Way,
    /// When there can be another row. `None`: nothing has moved.
    next_row: Option<Instant>,
}

impl Transfer {
    /// A transfer in which nothing has moved. `input_left`: where somebody is to see how far it is.
    pub fn new(input_left: Option<InputLeft>, notices: &Notices) -> Transfer {
        Transfer {
            input_left,
            input_size: input_left.and_then(|left| left()).filter(|size| *size > 0),
            notices: notices.clone(),
            sent: Way::default(),
            received: Way::default(),
            next_row: None,
        }
    }

    /// So many bytes are on their way to the friend.
    pub fn on_sent(&mut self, bytes: usize, now: Instant) {
        self.sent.add(bytes, now);
        self.on_moved(now);
    }

    /// So many bytes have come.
    pub fn on_received(&mut self, bytes: usize, now: Instant) {
        self.received.add(bytes, now);
        self.on_moved(now);
    }

    fn on_moved(&mut self, now: Instant) {
        if self.input_left.is_some() && now >= *self.next_row.get_or_insert(now + FIRST_ROW) {
            self.show(now);
        }
    }

    /// All of stdin has been read: whoever has seen a row sees the last one too.
    pub fn on_input_end(&mut self, now: Instant) {
        if self.sent.began.is_some_and(|began| now >= began.at + FIRST_ROW) {
            self.show(now);
        }
    }

    fn show(&mut self, now: Instant) {
        let Some(input_left) = self.input_left else { return };
        self.next_row = Some(now + BETWEEN_ROWS);
        let (sent, received) =
            (self.sent.so_far("sent", now), self.received.so_far("received", now));
        let of_all = sent.as_ref().and_then(|_| self.of_all(input_left()?));
        let sent = sent.map(|sent| sent + &of_all.unwrap_or_default());
        let row: Vec<String> = sent.into_iter().chain(received).collect();
        self.notices.progress(row.join("; "));
    }

    /// How much of the file that is, and how long the rest of it takes.
    fn of_all(&self, left: u64) -> Option<String> {
        let size = self.input_size?;
        let read = u128::from(size.saturating_sub(left));
        let percent = read * 100 / u128::from(size);
        // What a byte of the file is on the wire: on `frames` it can be two.
        let to_send = (u128::from(left) * u128::from(self.sent.bytes)).checked_div(read)?;
        let speed = self.sent.speed().filter(|speed| *speed > 0 && left > 0);
        let seconds = speed.and_then(|speed| u64::try_from(to_send.div_ceil(speed.into())).ok());
        let rest = seconds.map(|seconds| format!(", {} left", took(Duration::from_secs(seconds))));
        Some(format!(", {percent} %{}", rest.unwrap_or_default()))
    }

    /// It is over, and the friend did not take so many bytes.
    pub fn finish(&mut self, unsent: u64) {
        if self.input_left.is_none() || self.next_row.is_none() {
            return;
        }
        self.notices.progress_over();
        let (sent, received) = (self.sent.in_all(unsent), self.received.in_all(0));
        self.notices.notice(format_args!("sent {sent}; received {received}"));
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    bytes: u64,
    /// The first block that moved. How long that one took nobody knows.
    began: Option<Mark>,
    last: Option<Mark>,
    /// How far it was when rows were drawn, from [`SPEED_OF`] ago on.
    recent: VecDeque<Mark>,
}

/// When it was how far.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    bytes: u64,
}

impl Way {
    fn add(&mut self, bytes: usize, now: Instant) {
        self.bytes += bytes as u64;
        let mark = Mark { at: now, bytes: self.bytes };
        if self.began.is_none() {
            self.began = Some(mark);
            self.recent.push_back(mark);
        }
        self.last = Some(mark);
    }

    /// How far it is now, if it has begun.
    fn so_far(&mut self, what: &str, now: Instant) -> Option<String> {
        self.began?;
        self.recent.push_back(Mark { at: now, bytes: self.bytes });
        while self.recent.get(1).is_some_and(|mark| now.duration_since(mark.at) >= SPEED_OF) {
            self.recent.pop_front();
        }
        let speed = self.speed().map(|speed| format!(", {}/s", size(speed)));
        Some(format!("{what} {}{}", size(self.bytes), speed.unwrap_or_default()))
    }

    /// How many bytes have moved in a second lately.
    fn speed(&self) -> Option<u64> {
        speed(*self.recent.front()?, *self.recent.back()?)
    }

    /// How far it came in the end, but for what was not taken.
    fn in_all(&self, untaken: u64) -> String {
        let bytes = self.bytes.saturating_sub(untaken);
        let (Some(began), Some(last), 1..) = (self.began, self.last, bytes) else {
            return "nothing".to_owned();
        };
        let exactly = match bytes {
            0..1000 => size(bytes),
            _ => format!("{bytes} bytes ({})", size(bytes)),
        };
        match speed(began, last) {
            Some(speed) => format!("{exactly} in {}, {}/s", took(last.at - began.at), size(speed)),
            None => exactly,
        }
    }
}

/// How many bytes a second, where it took long enough to tell.
fn speed(from: Mark, to: Mark) -> Option<u64> {
    let nanos = to.at.duration_since(from.at).as_nanos();
    let bytes = u128::from(to.bytes.saturating_sub(from.bytes));
    let long_enough = nanos >= Duration::from_millis(1).as_nanos();
    long_enough.then(|| u64::try_from(bytes * 1_000_000_000 / nanos).unwrap_or(u64::MAX))
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}

/// A time in whole seconds; one of less than a second in milliseconds.
fn took(time: Duration) -> String {
    let unit = if time < Duration::from_secs(1) { Unit::Millisecond } else { Unit::Second };
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    format!("{:#}", time.round(unit).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Role;
    use crate::threads::order::Order;
    use crate::threads::outbox::{self, Orders};

    const NO_FILE: InputLeft = || None;

    fn begun(input_left: Option<InputLeft>) -> (Transfer, Orders, Instant) {
        let (to_writer, orders) = outbox::open(Role::NoticeWriter, None);
        let transfer = Transfer::new(input_left, &Notices::new(to_writer, false));
        (transfer, orders, Instant::now())
    }

    fn after(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What has been shown since: rows as they are, and lines with their newline.
    fn shown(orders: &Orders) -> Vec<String> {
        let text = |order| match order {
            Order::Progress(row) => row,
            other => String::from_utf8_lossy(other.bytes()).into_owned(),
        };
        orders.rest().map(text).collect()
    }

    #[test]
    fn there_is_a_row_from_the_second_second_on_and_at_most_four_times_a_second() {
        let (mut transfer, orders, start) = begun(Some(NO_FILE));
        let mut rows = Vec::new();
        for millis in 0..4000 {
            transfer.on_sent(1000, start + after(millis));
            rows.extend(shown(&orders).into_iter().map(|row| (millis, row)));
        }
        assert_eq!(rows[0], (1000, "sent 1.0 MB, 1.0 MB/s".to_owned()));
        let times: Vec<u64> = rows.iter().map(|(millis, _)| *millis).collect();
        for begin in 0..3000 {
            let within = times.iter().filter(|at| (begin..begin + 1000).contains(*at)).count();
            // One more can come when stdin ends.
            assert!(within <= 3, "{times:?}");
        }
        assert_eq!(times.len(), 9, "{times:?}");
    }

    #[test]
    fn of_a_file_the_part_and_the_rest_of_the_time_are_shown() {
        // As if it were read as fast as it is asked how much is left.
        use std::sync::atomic::{AtomicU64, Ordering};
        static LEFT: AtomicU64 = AtomicU64::new(300_000_000);
        let (mut transfer, orders, start) = begun(Some(|| Some(LEFT.load(Ordering::Relaxed))));
        transfer.on_sent(0, start);
        LEFT.store(210_000_000, Ordering::Relaxed);
        transfer.on_sent(90_000_000, start + after(1000));
        LEFT.store(0, Ordering::Relaxed);
        transfer.on_sent(210_000_000, start + after(1010));
        transfer.on_input_end(start + after(1010));
        transfer.finish(0);
        assert_eq!(
            shown(&orders),
            [
                "sent 90.0 MB, 90.0 MB/s, 30 %, 3s left",
                "sent 300.0 MB, 297.0 MB/s, 100 %",
                "",
                "* sent 300000000 bytes (300.0 MB) in 1s, 297.0 MB/s; received nothing\n"
            ]
        );
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds_and_at_the_end_that_of_all() {
        let (mut transfer, orders, start) = begun(Some(NO_FILE));
        let mut rows = Vec::new();
        for second in 0..=20 {
            let bytes = if second < 10 { 1_000_000 } else { 3_000_000 };
            transfer.on_received(bytes, start + after(1000 * second));
            rows.extend(shown(&orders));
        }
        transfer.on_sent(5, start + after(20_500));
        transfer.finish(0);
        assert_eq!(rows[0], "received 2.0 MB, 1.0 MB/s");
        assert_eq!(rows[19], "received 43.0 MB, 3.0 MB/s");
        assert_eq!(
            shown(&orders),
            [
                "sent 5 B; received 43.0 MB, 2.7 MB/s",
                "",
                "* sent 5 B; received 43000000 bytes (43.0 MB) in 20s, 2.1 MB/s\n"
            ]
        );
    }

    #[test]
    fn what_was_not_taken_was_not_sent_and_where_nothing_moved_nothing_is_said() {
        let (mut transfer, orders, start) = begun(Some(NO_FILE));
        transfer.finish(0);
        assert!(shown(&orders).is_empty());
        transfer.on_sent(10, start);
        transfer.finish(7);
        assert_eq!(shown(&orders), ["", "* sent 3 B; received nothing\n"]);
    }

    #[test]
    fn nothing_is_shown_where_nobody_wants_to_see_it() {
        let (mut transfer, orders, start) = begun(None);
        for second in 0..5 {
            transfer.on_received(1, start + after(1000 * second));
        }
        transfer.on_input_end(start + after(5000));
        transfer.finish(0);
        assert!(shown(&orders).is_empty());
    }

    #[test]
    fn amounts_are_said_as_a_person_would() {
        let seconds = |seconds| took(Duration::from_secs(seconds));
        assert_eq!([seconds(3), seconds(83), seconds(7385)], ["3s", "1m 23s", "2h 3m 5s"]);
        assert_eq!([took(after(12)), took(after(2600))], ["12ms", "3s"]);
        assert_eq!([size(999), size(1500), size(2_147_483_648)], ["999 B", "1.5 kB", "2.1 GB"]);
    }
}
