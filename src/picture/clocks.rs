//! How far the clocks of the computers are apart, as far as the messages tell.
//!
//! A message cannot arrive before it was sent. So where one seems to, or seems to have taken an
//! hour, the clocks differ. With messages in both directions the best guess is that the quickest
//! took equally long each way, which is what NTP assumes too (RFC 5905, section 8).

use std::collections::BTreeMap;

/// Clocks that differ by less than this, in nanoseconds, are left alone where no message contradicts
/// them: two programs on one computer have the same clock, and what a busy computer adds to a
/// message's way would otherwise be taken for a difference.
const AGREED: i128 = 1_000_000_000;

/// A message from one trace to another.
#[derive(Clone, Copy, Debug)]
pub struct Crossing {
    /// The trace of who sent it.
    pub from: usize,
    /// The trace of who received it.
    pub to: usize,
    /// When, by the sender's clock, in nanoseconds.
    pub sent: i64,
    /// When, by the receiver's clock, in nanoseconds.
    pub received: i64,
}

/// What was found out about the clock of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The others go by this one.
    Reference,
    /// It has no message in common with any trace before it, so nothing is known.
    Unknown,
    /// It agrees with the clock of trace `with`, as far as can be seen.
    Agrees {
        /// Which trace it was compared with.
        with: usize,
        /// It is at most so far off, in nanoseconds; `None` with messages in one direction only.
        within: Option<i128>,
    },
    /// It is ahead of the clock of trace `with`.
    Ahead {
        /// Which trace it was compared with.
        with: usize,
        /// By how much, in nanoseconds; negative where it is behind.
        by: i128,
        /// How far that may be off, in nanoseconds; `None` where it is a guess.
        give_or_take: Option<i128>,
    },
    /// No one shift makes every message arrive after it was sent: a clock was set, or drifted.
    Changed {
        /// Which trace it was compared with.
        with: usize,
        /// By how much it is ahead at best, in nanoseconds.
        by: i128,
        /// By how much the worst message still seems to arrive too early, in nanoseconds.
        wrong_by: i128,
    },
}

/// For each trace, what is known of its clock, and what has to be added to its times, in
/// nanoseconds, to make them those of the first.
///
/// Traces are compared in pairs, spreading from the first over those pairs that tell most. In a
/// room everybody talks with the host alone, so that no other pair could contradict.
pub fn compare(traces: usize, crossings: &[Crossing]) -> Vec<(Clock, i128)> {
    let mut quickest: BTreeMap<(usize, usize), i128> = BTreeMap::new();
    for message in crossings.iter().filter(|message| message.from != message.to) {
        let took = i128::from(message.received) - i128::from(message.sent);
        let least = quickest.entry((message.from, message.to)).or_insert(took);
        *least = took.min(*least);
    }
    let mut found: Vec<Option<(Clock, i128)>> = vec![None; traces];
    for root in 0..traces {
        if found[root].is_some() {
            continue;
        }
        found[root] = Some((if root == 0 { Clock::Reference } else { Clock::Unknown }, 0));
        while let Some((with, other, clock)) = best_pair(&found, &quickest) {
            let shift = found[with].map_or(0, |(_, shift)| shift) - clock.ahead();
            found[other] = Some((clock, shift));
        }
    }
    found.into_iter().map(|found| found.unwrap_or((Clock::Unknown, 0))).collect()
}

impl Clock {
    /// By how much it is taken to be ahead, in nanoseconds.
    fn ahead(self) -> i128 {
        match self {
            Clock::Ahead { by, .. } | Clock::Changed { by, .. } => by,
            _ => 0,
        }
    }
}

/// Of all pairs of a trace that is known and one that is not, the one that tells most.
fn best_pair(
    found: &[Option<(Clock, i128)>],
    quickest: &BTreeMap<(usize, usize), i128>,
) -> Option<(usize, usize, Clock)> {
    let is_known = |trace: usize| found.get(trace).is_some_and(Option::is_some);
    let pairs = quickest.keys().flat_map(|&(one, other)| [(one, other), (other, one)]);
    let pairs = pairs.filter(|&(known, other)| is_known(known) && !is_known(other));
    let best = pairs.min_by_key(|&(known, other)| {
        match (quickest.get(&(known, other)), quickest.get(&(other, known))) {
            (Some(there), Some(back)) => (false, there + back),
            _ => (true, 0),
        }
    });
    let (known, other) = best?;
    let there = quickest.get(&(known, other)).copied();
    let back = quickest.get(&(other, known)).copied();
    Some((known, other, judge(known, there, back)))
}

/// What the quickest message in each direction says about the other clock.
fn judge(with: usize, there: Option<i128>, back: Option<i128>) -> Clock {
    match (there, back) {
        (Some(there), Some(back)) => {
            let by = (there - back).div_euclid(2);
            if there + back < 0 {
                let worst = (there - by).min(back + by);
                return Clock::Changed { with, by, wrong_by: -worst };
            }
            if there >= 0 && back >= 0 && by.abs() < AGREED {
                return Clock::Agrees { with, within: Some(there.max(back)) };
            }
            Clock::Ahead { with, by, give_or_take: Some((there + back + 1) / 2) }
        }
        (Some(there), None) if (0..AGREED).contains(&there) => Clock::Agrees { with, within: None },
        (None, Some(back)) if (0..AGREED).contains(&back) => Clock::Agrees { with, within: None },
        (Some(there), None) => Clock::Ahead { with, by: there, give_or_take: None },
        (None, Some(back)) => Clock::Ahead { with, by: -back, give_or_take: None },
        (None, None) => Clock::Unknown,
    }
}

/// What the page says about the clock of a trace; nothing where there is nothing to say.
pub fn sentence(clock: Clock, own: &str, label_of: impl Fn(usize) -> String) -> Option<String> {
    let way = |by: i128| if by < 0 { "behind" } else { "ahead of" };
    let back = |by: i128| if by < 0 { "forward" } else { "back" };
    match clock {
        Clock::Reference => None,
        Clock::Unknown => Some(format!(
            "{own} has no message in common with the traces before it, \
             so its clock has been left as it is."
        )),
        Clock::Agrees { with, within: Some(within) } => Some(format!(
            "The clocks of {own} and {} agree within {}; nothing has been shifted.",
            label_of(with),
            duration(within)
        )),
        Clock::Agrees { with, within: None } => Some(format!(
            "Nothing contradicts the clocks of {own} and {}, so nothing has been shifted; \
             but messages went in one direction only, so this is a guess.",
            label_of(with)
        )),
        Clock::Ahead { with, by, give_or_take: Some(error) } => Some(format!(
            "The clock of {own} was {} {} that of {}; it has been shifted {} by so much \
             (give or take {}).",
            duration(by),
            way(by),
            label_of(with),
            back(by),
            duration(error)
        )),
        Clock::Ahead { with, by, give_or_take: None } => Some(format!(
            "The clock of {own} was about {} {} that of {}; it has been shifted {} by so much. \
             This is a guess, as if the quickest message had taken no time at all, since \
             messages went in one direction only.",
            duration(by),
            way(by),
            label_of(with),
            back(by)
        )),
        Clock::Changed { with, by, wrong_by } => Some(format!(
            "The clock of {own} was {} {} that of {}, and has been shifted {}; but one of the \
             clocks changed during the conversation: some message still seems to arrive {} \
             before it was sent.",
            duration(by),
            way(by),
            label_of(with),
            back(by),
            duration(wrong_by)
        )),
    }
}

/// A duration as a person would say it; its sign is left out.
pub fn duration(nanoseconds: i128) -> String {
    let nanoseconds = nanoseconds.unsigned_abs();
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if seconds >= 60 {
        let mut words = String::new();
        if days > 0 {
            words.push_str(&format!("{days} d "));
        }
        if seconds >= 3600 {
            words.push_str(&format!("{hours} h "));
        }
        return format!("{words}{minutes} min {}.{:03} s", seconds % 60, rest / 1_000_000);
    }
    match nanoseconds {
        1_000_000_000.. => format!("{seconds}.{:06} s", rest / 1000),
        1_000_000.. => format!("{}.{:03} ms", rest / 1_000_000, rest / 1000 % 1000),
        10_000.. => format!("{} µs", (rest + 500) / 1000),
        _ => format!("{}.{:03} µs", rest / 1000, rest % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000_000;

    /// A message that was sent at `at` by a true clock and took `delay`.
    fn message(from: usize, to: usize, at: i64, delay: i64, ahead: &[i64]) -> Crossing {
        Crossing { from, to, sent: at + ahead[from], received: at + delay + ahead[to] }
    }

    /// How long the message takes after the shift.
    fn takes(message: &Crossing, clocks: &[(Clock, i128)]) -> i128 {
        i128::from(message.received) + clocks[message.to].1
            - i128::from(message.sent)
            - clocks[message.from].1
    }

    #[test]
    fn a_clock_that_is_an_hour_ahead_is_found_out() {
        let ahead = [0, HOUR];
        let messages = [
            message(0, 1, 0, 100, &ahead),
            message(1, 0, 1000, 300, &ahead),
            message(0, 1, 5, 900, &ahead),
        ];
        let clocks = compare(2, &messages);
        assert_eq!(clocks[0], (Clock::Reference, 0));
        let by = i128::from(HOUR) - 100;
        assert_eq!(clocks[1], (Clock::Ahead { with: 0, by, give_or_take: Some(200) }, -by));
        let sentence = sentence(clocks[1].0, "connect", |_| "listen".to_owned()).unwrap();
        assert_eq!(
            sentence,
            "The clock of connect was 59 min 59.999 s ahead of that of listen; it has been \
             shifted back by so much (give or take 0.200 µs)."
        );
    }

    #[test]
    fn clocks_that_agree_are_left_alone() {
        let messages = [message(0, 1, 0, 80_000, &[0, 0]), message(1, 0, 0, 20_000, &[0, 0])];
        let expected = Clock::Agrees { with: 0, within: Some(80_000) };
        assert_eq!(compare(2, &messages)[1], (expected, 0));
    }

    /// On a busy computer the quickest messages of one direction may be slow all the same.
    #[test]
    fn slow_messages_in_one_direction_are_no_reason_to_shift_a_clock() {
        let messages = [message(0, 1, 0, 4_200_000, &[0, 0]), message(1, 0, 0, 20_000, &[0, 0])];
        let expected = Clock::Agrees { with: 0, within: Some(4_200_000) };
        assert_eq!(compare(2, &messages)[1], (expected, 0));
    }

    #[test]
    fn one_direction_alone_is_a_guess_and_shifts_no_more_than_it_has_to() {
        let late = [message(0, 1, 0, 70, &[0, -HOUR])];
        let by = i128::from(70 - HOUR);
        assert_eq!(compare(2, &late)[1], (Clock::Ahead { with: 0, by, give_or_take: None }, -by));
        let fine = [message(1, 0, 0, 70, &[0, 0])];
        assert_eq!(compare(2, &fine)[1], (Clock::Agrees { with: 0, within: None }, 0));
    }

    #[test]
    fn a_clock_that_was_set_meanwhile_is_said_to_have_changed() {
        let messages = [
            Crossing { from: 0, to: 1, sent: 0, received: 100 },
            Crossing { from: 1, to: 0, sent: 10_000, received: 8_100 },
        ];
        assert_eq!(compare(2, &messages)[1].0, Clock::Changed { with: 0, by: 1000, wrong_by: 900 });
    }

    #[test]
    fn a_room_is_compared_through_its_host_and_a_stranger_is_left_alone() {
        let ahead = [5, 0, HOUR, -HOUR];
        let messages = [
            message(2, 1, 0, 10, &ahead),
            message(1, 2, 9, 10, &ahead),
            message(0, 1, 9, 10, &ahead),
            message(1, 0, 9, 10, &ahead),
        ];
        let clocks = compare(4, &messages);
        assert!(matches!(clocks[2].0, Clock::Ahead { with: 1, .. }), "{clocks:?}");
        assert_eq!(clocks[2].1, i128::from(-HOUR));
        assert_eq!(clocks[3], (Clock::Unknown, 0));
    }

    #[test]
    fn a_duration_reads_as_a_person_would_say_it() {
        for (nanoseconds, words) in [
            (3_600_012_345_678, "1 h 0 min 0.012 s"),
            (-3_600_012_345_678, "1 h 0 min 0.012 s"),
            (90_061_000_000_000, "1 d 1 h 1 min 1.000 s"),
            (61_000_000_000, "1 min 1.000 s"),
            (2_500_000_000, "2.500000 s"),
            (1_500_000, "1.500 ms"),
            (80_400, "80 µs"),
            (7, "0.007 µs"),
        ] {
            assert_eq!(duration(nanoseconds), words);
        }
    }

    proptest! {
        #[test]
        fn after_the_shift_no_message_arrives_before_it_was_sent(
            ahead in -4_000_000_000_000_000_i64..4_000_000_000_000_000,
            sent in proptest::collection::vec((any::<bool>(), 0..HOUR, 0..5_000_000_000_i64), 1..40),
        ) {
            let ahead = [0, ahead];
            let messages: Vec<Crossing> = sent
                .iter()
                .map(|&(to_first, at, delay)| {
                    let (from, to) = if to_first { (1, 0) } else { (0, 1) };
                    message(from, to, at, delay, &ahead)
                })
                .collect();
            let clocks = compare(2, &messages);
            for message in &messages {
                prop_assert!(takes(message, &clocks) >= 0, "{message:?} {clocks:?}");
            }
            // With both directions the error is at most half of the slower direction's quickest
            // message, or what is let pass as agreeing.
            let least = |to_first: bool| {
                let delays = sent.iter().filter(|message| message.0 == to_first);
                delays.map(|message| message.2).min()
            };
            if let (Some(there), Some(back)) = (least(false), least(true)) {
                let error = (clocks[1].1 + i128::from(ahead[1])).abs();
                let slower = i128::from(there.max(back));
                prop_assert!(error <= slower, "{error} {slower} {clocks:?}");
                if let (Clock::Ahead { give_or_take: Some(bound), .. }, _) = clocks[1] {
                    prop_assert!(error <= bound);
                }
            }
        }

        #[test]
        fn no_times_make_it_panic(
            messages in proptest::collection::vec((0..5_usize, 0..5_usize, any::<i64>(), any::<i64>()), 0..30),
        ) {
            let messages: Vec<Crossing> = messages
                .iter()
                .map(|&(from, to, sent, received)| Crossing { from, to, sent, received })
                .collect();
            for (clock, _) in compare(5, &messages) {
                sentence(clock, "a", |_| "b".to_owned());
            }
        }
    }
}
