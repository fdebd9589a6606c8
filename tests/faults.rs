//! A bad network between two real programs: what it delays, splits, joins, holds up, resets and cuts
//! off, at random places and in both directions at once. Whatever it does, the verdict is the same:
//! what was delivered is the beginning of what was sent, all of it where both sides ended well; exit
//! codes and sentences are those of CONTRACT 4 and 5; and nobody panics or hangs.
//!
//! A failure prints a seed. `PROPTEST_RNG_SEED=...` plays the same cases again, and `PROPTEST_CASES=...`
//! plays more than the usual number.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};
use support::member::{Member, WIRES, close_room, open_headless_room};
use support::proxy::{CALLER, Course, Fault, LISTENER, Proxy, Schedule, Step};
use support::pty::Terminal;
use support::wire::{END, frame};
use support::{Ended, Program, random_bytes, threadchat};

/// How many random cases each wire gets, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Lines,
    Frames,
}

/// Where a program's stdin comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stdin {
    Pipe,
    File,
    /// `/dev/null`.
    Nothing,
    /// `--recv-only`.
    Unread,
}

/// One of the two programs.
#[derive(Clone)]
struct Side {
    stdin: Stdin,
    recv_buffer: usize,
    /// What it is given to say.
    said: Vec<u8>,
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = String::from_utf8_lossy(&self.said[..self.said.len().min(60)]);
        let Side { stdin, recv_buffer, .. } = self;
        write!(f, "{stdin:?} of {} bytes {said:?}, receives {recv_buffer}", self.said.len())
    }
}

#[derive(Clone, Debug)]
struct Case {
    wire: Wire,
    sides: [Side; 2],
    schedules: [Schedule; 2],
}

impl Case {
    /// What one side sends, as it stands on the wire, when nothing goes wrong.
    fn sent(&self, side: usize) -> Vec<u8> {
        let said = &self.sides[side].said;
        if self.wire == Wire::Lines {
            return said.clone();
        }
        let whole = said.strip_suffix(b"\n").unwrap_or(said);
        let mut bytes = Vec::new();
        if !said.is_empty() {
            whole.split(|&byte| byte == b'\n').for_each(|line| bytes.extend(frame(line)));
        }
        bytes.extend(END);
        bytes
    }

    /// What a pipe gets of it when so much has arrived.
    fn shown(&self, bytes: &[u8]) -> Vec<u8> {
        match self.wire {
            Wire::Lines => bytes.to_vec(),
            Wire::Frames => taken_apart(bytes).0,
        }
    }

    fn play(&self) -> Result<(), TestCaseError> {
        let mut listener = self.start(LISTENER, &["listen", "127.0.0.1:0"]);
        let proxy = Proxy::to(listener.listening_port(), self.schedules.clone());
        let mut caller = self.start(CALLER, &["connect", "127.0.0.1", &proxy.port.to_string()]);
        let ended = [caller.wait(), listener.wait()];
        let course = proxy.finish();
        self.judge(&ended, course).map_err(|why| {
            let [caller, listener] = &ended;
            TestCaseError::fail(format!(
                "{why}\n{course:?}\n---- the caller ended with {}, stdout has {} bytes, stderr:\n{}\n\
                 ---- the listener ended with {}, stdout has {} bytes, stderr:\n{}----",
                caller.code,
                caller.stdout.len(),
                caller.stderr,
                listener.code,
                listener.stdout.len(),
                listener.stderr,
            ))
        })
    }

    fn start(&self, which: usize, words: &[&str]) -> Program {
        let side = &self.sides[which];
        let mut command = Command::new(threadchat());
        command.args(words).args(["--recv-buffer", &side.recv_buffer.to_string()]);
        if self.wire == Wire::Frames {
            command.args(["--wire", "frames"]);
        }
        if side.stdin == Stdin::Unread {
            command.arg("--recv-only");
        }
        let stdin = match side.stdin {
            Stdin::Pipe => Stdio::piped(),
            Stdin::Nothing | Stdin::Unread => Stdio::null(),
            Stdin::File => {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&side.said).unwrap();
                std::io::Seek::rewind(&mut file).unwrap();
                file.into()
            }
        };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = Program::spawn_as_is(&mut command);
        if side.stdin == Stdin::Pipe {
            program.pipe_in(side.said.clone());
        }
        program
    }

    fn judge(&self, ended: &[Ended; 2], course: Course) -> Result<(), String> {
        for (which, Ended { code, stdout, stderr }) in ended.iter().enumerate() {
            let errors: Vec<&str> =
                stderr.lines().filter(|line| line.starts_with("threadchat: ")).collect();
            check(matches!(code, 0 | 1), "there is no such exit code")?;
            check(
                errors.len() == usize::from(*code == 1),
                "an error for exit code 1, and one alone",
            )?;
            for noise in ["panicked", "backtrace", "fault in the program", "os error"] {
                check(!stderr.contains(noise), noise)?;
            }
            let other = 1 - which;
            let sent = self.sent(other);
            let most = self.shown(&sent[..course.passed[other]]);
            check(most.starts_with(stdout), "what was delivered is no beginning of what was sent")?;
        }
        let went_wrong = |fault| {
            [CALLER, LISTENER].map(|way| {
                course.faulted[way] && self.schedules[way].fault.is_some_and(|it| it.1 == fault)
            })
        };
        let (reset, cut) = (went_wrong(Fault::Reset), went_wrong(Fault::HalfClose));
        for (which, side) in ended.iter().enumerate() {
            let other = 1 - which;
            match (reset.contains(&true), cut) {
                // Nothing goes wrong: everything is there.
                (false, [false, false]) => {
                    check(!course.was_reset, "one side has reset the connection")?;
                    check(side.code == 0, "it ends well")?;
                    let all = self.shown(&self.sent(other));
                    check(side.stdout == all, "something is missing")?;
                }
                // The connection is gone: only who had heard the friend's end cannot know.
                (true, _) => {
                    let heard_the_end =
                        course.ended[other] || cut[other] || self.heard_goodbye(which, course);
                    check(side.code == 1 || heard_the_end, "a reset goes unnoticed")?;
                    // Where saying `end` is what found out, recv only knows where the stream ends.
                    let names: &[&str] = match self.wire {
                        _ if cut[other] => &["threadchat: "],
                        Wire::Lines => &["reset", "broken pipe"],
                        Wire::Frames => &["reset", "broken pipe", "cut off"],
                    };
                    let named = names.iter().any(|name| side.stderr.contains(name));
                    check(side.code == 0 || named, "the reset is not named")?;
                }
                // One direction ended before its time, and this is who heard that.
                (false, _) if cut[other] && !cut[which] => {
                    let arrived = &self.sent(other)[..course.passed[other]];
                    check(side.stdout == self.shown(arrived), "what arrived is out")?;
                    self.check_cut(side, arrived)?;
                }
                // The friend was cut off.
                (false, _) if self.wire == Wire::Lines => {
                    check(side.code == 0, "a half-close is no fault")?;
                    if !cut[other] {
                        check(side.stdout == self.sent(other), "the other direction is whole")?;
                    }
                }
                // And so did not say `end`, or went before taking everything.
                (false, _) => {
                    let told = side.stderr.contains("cut off") || side.stderr.contains(" broke: ");
                    check(side.code == 0 || told, "the end is not named")?;
                }
            }
        }
        Ok(())
    }

    /// Whether a side has heard the friend's `end`: what becomes of the connection then is told only
    /// where something is said after that.
    fn heard_goodbye(&self, side: usize, course: Course) -> bool {
        let arrived = &self.sent(1 - side)[..course.passed[1 - side]];
        self.wire == Wire::Frames && matches!(taken_apart(arrived).1, Rest::Ended)
    }

    /// What a side says to whom only this has arrived, and then the end of the stream.
    fn check_cut(&self, side: &Ended, arrived: &[u8]) -> Result<(), String> {
        let says = |words: &str| side.code == 1 && side.stderr.contains(words);
        let Wire::Frames = self.wire else {
            return check(side.code == 0, "a half-close is no fault");
        };
        match taken_apart(arrived).1 {
            Rest::Ended => check(side.code == 0, "the friend had said `end`"),
            // After its own `end` it takes that for an ordinary end.
            Rest::Nothing => check(
                side.code == 0 || says("without the closing \"end\" frame"),
                "cut off without `end`",
            ),
            Rest::Header => check(says("1 of the 2 bytes of its length came"), "cut in a header"),
            Rest::Part { came, of } => {
                check(says(&format!("{came} of its {of} bytes came")), "cut in a frame")
            }
        }
    }
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// What is left when whole frames have been taken.
enum Rest {
    Ended,
    Nothing,
    Header,
    Part { came: usize, of: usize },
}

/// What a pipe gets of frames, and what the last of them was.
fn taken_apart(mut bytes: &[u8]) -> (Vec<u8>, Rest) {
    let mut out = Vec::new();
    loop {
        let (length, rest) = match *bytes {
            [] => return (out, Rest::Nothing),
            [_] => return (out, Rest::Header),
            [low, high, ref rest @ ..] => (usize::from(u16::from_le_bytes([low, high])), rest),
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            out.extend_from_slice(rest);
            return (out, Rest::Part { came: rest.len(), of: length });
        };
        if payload == b"end" {
            return (out, Rest::Ended);
        }
        out.extend_from_slice(payload);
        out.push(b'\n');
        bytes = rest;
    }
}

// Random cases.

/// A line, without its newline.
fn any_line(wire: Wire) -> BoxedStrategy<Vec<u8>> {
    let longest: usize = if wire == Wire::Frames { 65_535 } else { 400_000 };
    let text = "\\PC{0,60}".prop_map(String::into_bytes);
    let long = (1..=longest, any::<u8>()).prop_map(|(length, byte)| vec![byte % 26 + b'a'; length]);
    let short = Just(Vec::new());
    let binary = (1..2_000usize, any::<u64>()).prop_map(|(count, seed)| random_bytes(count, seed));
    match wire {
        Wire::Frames => prop_oneof![4 => text, 2 => short, 1 => long]
            .prop_filter("`end` ends the transmission", |line| line != b"end")
            .boxed(),
        Wire::Lines => prop_oneof![4 => text, 2 => short, 1 => long, 3 => binary].boxed(),
    }
}

fn any_side(wire: Wire) -> impl Strategy<Value = Side> {
    let stdin = prop_oneof![
        4 => Just(Stdin::Pipe),
        3 => Just(Stdin::File),
        1 => Just(Stdin::Nothing),
        1 => Just(Stdin::Unread),
    ];
    let recv_buffer = prop_oneof![
        1 => Just(1usize),
        1 => 2..100usize,
        2 => 100..10_000usize,
        2 => Just(65_536usize),
        1 => Just(1_048_576usize),
    ];
    let lines = prop::collection::vec(any_line(wire), 0..12);
    (stdin, recv_buffer, lines, any::<bool>()).prop_map(|(stdin, recv_buffer, lines, newline)| {
        let mut said = lines.join(&b'\n');
        if newline && !lines.is_empty() {
            said.push(b'\n');
        }
        if matches!(stdin, Stdin::Nothing | Stdin::Unread) {
            said.clear();
        }
        Side { stdin, recv_buffer, said }
    })
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..20_000usize).prop_map(Step::Pass),
        2 => (1..600usize).prop_map(Step::Split),
        2 => (2..50_000usize).prop_map(Step::Join),
        1 => (1..8u64).prop_map(Step::Delay),
        2 => Just(Step::Stall),
    ];
    prop::collection::vec(step, 0..7)
}

fn any_fault() -> impl Strategy<Value = Option<(Index, Fault)>> {
    let fault = prop_oneof![Just(Fault::Reset), Just(Fault::HalfClose)];
    prop::option::weighted(0.35, (any::<Index>(), fault))
}

fn any_case(wire: Wire) -> impl Strategy<Value = Case> {
    let sides = [any_side(wire), any_side(wire)];
    let steps = [any_steps(), any_steps()];
    let faults = [any_fault(), any_fault()];
    (sides, steps, faults).prop_map(move |(mut sides, mut steps, faults)| {
        // Two who only receive would wait for each other for ever.
        if sides.iter().all(|side| side.stdin == Stdin::Unread) {
            sides[LISTENER].stdin = Stdin::Nothing;
        }
        for which in [CALLER, LISTENER] {
            // Small pieces take long, so there is less to be taken in them.
            let most = sides[1 - which].recv_buffer.saturating_mul(2_000);
            let said = &mut sides[which].said;
            if said.len() > most {
                let mut end = most;
                while wire == Wire::Frames && std::str::from_utf8(&said[..end]).is_err() {
                    end -= 1;
                }
                said.truncate(end);
                if wire == Wire::Frames && said.rsplit(|&byte| byte == b'\n').next() == Some(b"end")
                {
                    said.pop();
                }
            }
            // Who only receives ends when the friend has: it is not the one to wait for.
            if sides[1 - which].stdin == Stdin::Unread {
                steps[which].retain(|step| !matches!(step, Step::Stall));
            }
        }
        let mut case = Case { wire, sides, schedules: Default::default() };
        for which in [CALLER, LISTENER] {
            let length = case.sent(which).len();
            let fault = faults[which].map(|(at, fault)| (at.index(length + 1), fault));
            case.schedules[which] = Schedule { steps: steps[which].clone(), fault };
        }
        case
    })
}

#[track_caller]
fn play_any_cases(wire: Wire) {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    // Each attempt to make a failure smaller starts two programs.
    config.max_shrink_iters = 200;
    config.max_shrink_time = 60_000;
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => rand_seed(),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    let cases = config.cases;
    let result = TestRunner::new(config).run(&any_case(wire), |case| case.play());
    if let Err(why) = result {
        panic!("with PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases}:\n{why}");
    }
}

/// A number that nobody knows before.
fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[test]
fn whatever_the_network_does_lines_arrive_from_the_beginning_and_the_end_is_told() {
    play_any_cases(Wire::Lines);
}

#[test]
fn whatever_the_network_does_frames_arrive_from_the_beginning_and_the_end_is_told() {
    play_any_cases(Wire::Frames);
}

// A person at one end, in a few schedules that are always the same.

/// A person who listens, and a program on pipes that calls through the proxy.
#[track_caller]
fn person_and_caller(options: &[&str], schedules: [Schedule; 2]) -> (Terminal, Program, Proxy) {
    let words = [&["listen", "127.0.0.1:0", "--recv-buffer", "7"], options].concat();
    let person = Terminal::start_sized(&words, 50, 160);
    let proxy = Proxy::to(person.listening_port(), schedules);
    let caller = Program::connect(proxy.port, options);
    person.wait_for("connected to");
    (person, caller, proxy)
}

#[track_caller]
fn is_given_back(person: &Terminal) {
    assert_eq!(format!("{:?}", person.modes()), format!("{:?}", person.modes_before()));
}

const SONG: &str = "Grüße: 🕴 größer als ein Byte\n";

#[test]
fn a_person_reads_whole_messages_whatever_the_network_does_to_their_bytes() {
    for options in [&[][..], &["--wire", "frames"]] {
        let rough = vec![Step::Split(25), Step::Delay(3), Step::Join(11), Step::Pass(3)];
        let split = Schedule { steps: vec![Step::Split(10_000)], fault: None };
        let rough = Schedule { steps: rough, fault: None };
        let (mut person, mut caller, proxy) = person_and_caller(options, [rough, split]);
        caller.say(SONG.repeat(3));
        person.wait_until("three messages", |screen| {
            let label = format!("friend says: {}", SONG.trim_end());
            (screen.matches(&label).count() == 3).then_some(())
        });
        person.press("schön\n");
        caller.wait_stdout("schön\n");
        caller.end_stdin();
        person.wait_for("friend has left");
        person.ends_with(0);
        caller.ends_with(0);
        is_given_back(&person);
        assert!(!proxy.finish().was_reset);
    }
}

#[test]
fn a_person_is_told_of_a_reset_in_the_middle_of_a_message_and_gets_the_terminal_back() {
    for (options, part) in [(&[][..], 5), (&["--wire", "frames"], 7)] {
        let fault = Some((part, Fault::Reset));
        let reset = Schedule { steps: vec![Step::Split(3)], fault };
        let (mut person, mut caller, proxy) =
            person_and_caller(options, [reset, Schedule::default()]);
        person.press("half a li");
        person.wait_for("> half a li");
        caller.say("hello there\n");
        person.wait_for("threadchat: the connection to 127.0.0.1:");
        person.wait_for("broke: connection reset by peer; what was sent last may not have arrived");
        person.wait_for("friend says: hello");
        person.wait_for("* not sent: half a li");
        person.ends_with(1);
        is_given_back(&person);
        caller.ends_with(1);
        assert!(proxy.finish().faulted[CALLER]);
    }
}

#[test]
fn to_a_person_a_half_close_is_a_friend_who_has_left_or_was_cut_off() {
    let half =
        |at| [Schedule { steps: vec![], fault: Some((at, Fault::HalfClose)) }, Schedule::default()];
    let (mut person, mut caller, proxy) = person_and_caller(&[], half(3));
    caller.say("hello\n");
    person.wait_for("friend says: hel");
    person.wait_for("friend has left");
    person.ends_with(0);
    is_given_back(&person);
    caller.end_stdin();
    caller.ends_with(0);
    proxy.finish();

    let (mut person, mut caller, proxy) = person_and_caller(&["--wire", "frames"], half(5));
    caller.say("hello\n");
    person.wait_for("friend says: hel");
    person.wait_for("cut off inside a frame: 3 of its 5 bytes came");
    person.ends_with(1);
    is_given_back(&person);
    // Nothing is missing of what the person has said.
    caller.wait_stderr("* the friend has ended");
    caller.end_stdin();
    caller.ends_with(0);
    proxy.finish();
}

#[test]
fn what_a_person_types_while_the_network_takes_nothing_arrives_when_it_does() {
    // Nothing gets through from the person before the caller has ended.
    let stall = Schedule { steps: vec![Step::Pass(3), Step::Stall], fault: None };
    let (mut person, mut caller, proxy) = person_and_caller(&[], [Schedule::default(), stall]);
    for number in 0..5 {
        person.press(format!("line {number}\n"));
        person.wait_for(&format!("> line {number}"));
        caller.say(format!("answer {number}\n"));
        person.wait_for(&format!("friend says: answer {number}"));
    }
    caller.end_stdin();
    person.wait_for("friend has left");
    person.ends_with(0);
    is_given_back(&person);
    let ended = caller.ends_with(0);
    assert_eq!(ended.stdout, b"line 0\nline 1\nline 2\nline 3\nline 4\n");
    assert_eq!(proxy.finish().ended, [true, true]);
}

// A room.

/// Waits until somebody has been told this, among other things.
#[track_caller]
fn hears(member: &mut Member, part: &str) {
    while !member.hear().ends_with(part) {}
}

#[test]
fn in_a_room_a_member_with_a_bad_connection_harms_nobody_else() {
    for wire in WIRES {
        let (room, port) = open_headless_room(&["--wire", wire]);
        let mut listener = Member::joins(port, wire);
        // What one says comes byte by byte, stands still in the middle of a line, and never goes on.
        // The other hears a part of a message, and then its connection is gone.
        let stalled = Schedule { steps: vec![Step::Split(9), Step::Stall], fault: None };
        let lost = Schedule { steps: vec![], fault: Some((1_000, Fault::Reset)) };
        let one = Proxy::to(port, [stalled, Schedule::default()]);
        let mut one_says = Program::connect(one.port, &["--wire", wire]);
        one_says.say("one\nhalf a line\n");
        hears(&mut listener, "one");
        let other = Proxy::to(port, [Schedule::default(), lost]);
        let mut other_says = Program::connect(other.port, &["--wire", wire]);
        other_says.say("other\n");
        hears(&mut listener, "other");
        let mut speaker = Member::joins(port, wire);
        for number in 0..200 {
            speaker.say(format!("message {number}"));
        }
        for number in 0..200 {
            hears(&mut listener, &format!("message {number}"));
        }
        let ended = other_says.ends_with(1);
        assert!(ended.stderr.contains("connection reset"), "{}", ended.stderr);
        assert!(other.finish().faulted[LISTENER]);
        one_says.wait_stdout("message 199");
        let mut late = Member::joins(port, wire);
        speaker.say("and on it goes");
        hears(&mut late, "and on it goes");
        one_says.end_stdin();
        close_room(room);
        one_says.wait_stdout("the room is closed");
        one_says.ends_with(0);
        one.finish();
    }
}
