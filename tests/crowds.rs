//! CONTRACT 7 under load and abuse: a room full of people, and what any of them can do to the
//! others, seen from outside.
//!
//! The crowd is played by the test ([`support::crowd`]): what its members say is numbered, so that
//! each line that is lost, doubled, broken or out of order is seen. What a test says of memory,
//! threads and processor time is what the system says of the host.

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::crowd::{
    Crowd, End, Pace, Saying, assert_complete, line, raise_file_limit, status_of,
};
use support::limits::{as_user_without_threads, limited};
use support::observe::cpu_ticks;
use support::process::{threads, wait_until_quiet};
use support::tty::Tty;
use support::{Program, friend_calls, have_tool, peak_memory, random_bytes, threadchat, until};

/// The longest that nobody may hear anything, whatever one member does: the 2 s of CONTRACT 7, and
/// what the looks of the host and of this crowd take, on a machine that has other things to do.
const FROZEN: Duration = Duration::from_millis(3_500);

/// The crowds that need the whole machine take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // Another test that has failed is no reason to fail too.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A room that is open, its host with stdin, stdout and stderr on pipes; and nobody in it yet.
#[track_caller]
fn room(options: &[&str]) -> (Program, Crowd) {
    raise_file_limit();
    let (host, port) = Program::listen(&[&["--room"], options].concat());
    (host, Crowd::new(port))
}

/// Ctrl-C at the host ends it within 3 s, with exit code 0, when everybody who reads has been told
/// that the room is closed.
#[track_caller]
fn ends_at_once(mut host: Program, mut crowd: Crowd) {
    let stay = |crowd: &Crowd| -> Vec<usize> {
        (0..crowd.members.len()).filter(|&who| crowd.members[who].reads_on()).collect()
    };
    let told = stay(&crowd);
    let began = Instant::now();
    host.signal(Signal::INT);
    crowd
        .until("all connections end, and the host", |crowd| stay(crowd).is_empty() && !host.runs());
    let took = began.elapsed();
    host.ends_with(0);
    for who in told {
        let member = &crowd.members[who];
        assert_eq!(member.end, Some(End::Fin), "member {who}");
        let last = member.notices.last().map(String::as_str);
        assert_eq!(last, Some("* the room is closed"), "member {who}");
    }
    assert!(took < Duration::from_secs(3), "it took {took:?}");
}

/// By how much the memory of a process has grown at most since it had this much, in bytes.
fn growth(host: &Program, before: u64) -> u64 {
    peak_memory(host.child.id()).saturating_sub(before)
}

#[test]
fn a_thousand_members_hear_everything_once_and_in_one_order() {
    const MEMBERS: usize = 1_000;
    const SPEAKERS: usize = 20;
    const LINES: u32 = 50;
    let _alone = alone();
    let (host, mut crowd) = room(&["--max-members=1000"]);
    let pid = host.child.id();
    let (idle, threads) = (peak_memory(pid), status_of(pid, "Threads"));
    let began = Instant::now();
    crowd.join(MEMBERS);
    let joined = began.elapsed();
    for who in 0..SPEAKERS {
        crowd.call_oneself(who, &format!("s{who}"));
    }
    let quiet = status_of(pid, "VmRSS") * 1024 - idle;
    let began = Instant::now();
    for who in 0..SPEAKERS {
        crowd.talk(who, 0..LINES, 40, Pace::Free);
    }
    crowd.until_heard(0..MEMBERS, 0..SPEAKERS, LINES);
    let talked = began.elapsed();
    let busy = growth(&host, idle);
    let threads = status_of(pid, "Threads") - threads;
    eprintln!(
        "{MEMBERS} members in {joined:?}, {} deliveries in {talked:?}; {} KiB a member when quiet, \
         {} KiB at most; {threads} threads",
        MEMBERS * SPEAKERS * LINES as usize,
        quiet / 1024 / MEMBERS as u64,
        busy / 1024 / MEMBERS as u64,
    );
    // Whatever comes twice comes before the answer to this.
    for who in 0..MEMBERS {
        crowd.say(who, "/who\n");
    }
    crowd.until_told(0..MEMBERS, "* here: host, ");
    let order = crowd.common_order(0..MEMBERS);
    assert_complete(&order, 0..SPEAKERS, LINES);
    assert_eq!(threads, 2 * MEMBERS as u64, "a reader and a writer each");
    assert!(busy <= MEMBERS as u64 * 64 * 1024, "{} KiB a member", busy / 1024 / MEMBERS as u64);
    assert!(crowd.members.iter().all(|member| member.end.is_none()), "nobody was dropped");
    ends_at_once(host, crowd);
}

#[test]
fn one_who_stops_reading_is_dropped_while_the_others_talk_on() {
    // 21 MB are said to ten who listen, in lines of 1,000 bytes: 210 MB are delivered. That is a
    // hundred times what the system's buffers and the host's hold for somebody, and takes seconds.
    const HEARERS: usize = 10;
    const LINES: u32 = 7_000;
    let (host, mut crowd) = room(&[]);
    let idle = peak_memory(host.child.id());
    let silent = 0;
    let speakers = 1..4;
    crowd.join(1 + 3 + HEARERS);
    crowd.read(silent, Pace::Never);
    crowd.watch();
    let began = Instant::now();
    for who in speakers.clone() {
        crowd.talk(who, 0..LINES, 1_000, Pace::Free);
    }
    crowd.until_heard(1..4 + HEARERS, speakers.clone(), LINES);
    let gap = crowd.longest_gap(1..4 + HEARERS);
    eprintln!(
        "all said in {:?}; the longest gap was {gap:?}; the memory grew by {} KiB",
        began.elapsed(),
        growth(&host, idle) / 1024
    );
    assert!(gap < FROZEN, "nobody heard anything for {gap:?}");
    let dropped = "* guest-1 has left: took nothing for 2 s while others waited";
    crowd.until_told(1..4 + HEARERS, dropped);
    crowd.until("its connection is reset", |crowd| crowd.members[silent].end == Some(End::Reset));
    assert_complete(&crowd.common_order(1..4 + HEARERS), speakers, LINES);
    assert!(growth(&host, idle) < 16 << 20, "{} KiB more", growth(&host, idle) / 1024);
    ends_at_once(host, crowd);
}

#[test]
fn a_crowd_that_stops_reading_one_after_the_other_is_dropped() {
    const SILENT: usize = 10;
    let (host, mut crowd) = room(&[]);
    let idle = peak_memory(host.child.id());
    let (speaker, hearer) = (SILENT, SILENT + 1);
    crowd.join(SILENT + 2);
    crowd.watch();
    crowd.talk(speaker, 0..1_000_000, 1_000, Pace::PerSecond(4 << 20));
    for silent in 0..SILENT {
        crowd.read(silent, Pace::Never);
        let dropped = format!("* guest-{} has left: took nothing for 2 s", silent + 1);
        crowd.until_told([hearer], &dropped);
        let gap = crowd.longest_gap([speaker, hearer]);
        // The speaker hears nothing but announcements.
        assert!(crowd.members[hearer].longest_gap() < FROZEN, "for {gap:?}");
    }
    let count = crowd.fall_silent(speaker);
    crowd.until_heard([hearer], [speaker], count);
    assert_complete(&crowd.members[hearer].heard, [speaker], count);
    crowd.say(hearer, "/who\n");
    crowd.until_told([hearer], "* here: host, guest-11, guest-12 (you)");
    assert!(growth(&host, idle) < 16 << 20, "{} KiB more", growth(&host, idle) / 1024);
    ends_at_once(host, crowd);
}

#[test]
fn one_who_stops_reading_is_dropped_also_where_short_lines_are_said_one_at_a_time() {
    // A room that counted messages, or that waited for each buffer to come home, would freeze here
    // for good, with next to nothing in its queues.
    let (host, mut crowd) = room(&[]);
    let (silent, speaker, hearers) = (0, 1, 2..6);
    crowd.join(6);
    crowd.read(silent, Pace::Never);
    crowd.watch();
    let mut next = 0;
    crowd.until("the silent one is dropped", |crowd| {
        // The next line is said when everybody has heard the last.
        if hearers.clone().all(|who| crowd.members[who].heard.len() == next as usize) {
            crowd.say(speaker, line(Saying { speaker: speaker as u32, number: next }, 0));
            next += 1;
        }
        hearers.clone().all(|who| crowd.members[who].was_told("* guest-1 has left: took nothing"))
    });
    eprintln!("{next} lines, the longest gap {:?}", crowd.longest_gap(hearers.clone()));
    assert!(crowd.longest_gap(hearers.clone()) < FROZEN);
    crowd.until_heard(hearers.clone(), [speaker], next);
    assert_complete(&crowd.common_order(hearers), [speaker], next);
    ends_at_once(host, crowd);
}

#[test]
fn one_who_floods_is_served_in_turn_with_the_others() {
    if !have_tool("nc") {
        return;
    }
    let (host, mut crowd) = room(&[]);
    let idle = peak_memory(host.child.id());
    let port = host.listening_port().to_string();
    // A shell's pipe needs a way to end both: `yes` ends when `nc` has ended.
    let (yes, to_nc) = std::io::pipe().unwrap();
    let flood = Command::new("yes").stdout(to_nc).stdin(Stdio::null()).spawn();
    let mut nc = Command::new("nc");
    nc.args(["127.0.0.1", &port]).stdin(yes).stdout(Stdio::null()).stderr(Stdio::null());
    let mut nc = Program::spawn_as_is(&mut nc);
    let mut flood = flood.unwrap();
    crowd.join(8);
    crowd.watch();
    for who in 0..4 {
        crowd.call_oneself(who, &format!("s{who}"));
        crowd.talk(who, 0..200, 40, Pace::PerSecond(4_000));
    }
    crowd.until_heard(0..8, 0..4, 200);
    let flooded: u64 = crowd.members.iter().map(|member| member.bytes).sum();
    eprintln!("{} MB of the flood were delivered meanwhile", flooded / 1_000_000);
    assert_complete(&crowd.common_order(0..8), 0..4, 200);
    assert!(crowd.longest_gap(0..8) < FROZEN);
    assert!(growth(&host, idle) < 16 << 20, "{} KiB more", growth(&host, idle) / 1024);
    // While the flood goes on.
    ends_at_once(host, crowd);
    nc.wait();
    let _ = flood.kill();
    let _ = flood.wait();
}

#[test]
fn floods_of_questions_names_and_callers_do_not_fill_the_memory() {
    const MEMBERS: usize = 500;
    let (host, mut crowd) = room(&["--max-members=1000"]);
    crowd.join(MEMBERS);
    let quiet = peak_memory(host.child.id());
    let bounded = |host: &Program, what: &str| {
        let more = growth(host, quiet);
        eprintln!("after {what}: {} KiB more", more / 1024);
        assert!(more < 24 << 20, "{what}: {} KiB more", more / 1024);
    };
    // By one who does not want to know,
    let (deaf, curious, fickle, asks) = (0, 1, 2, 3);
    crowd.read(deaf, Pace::Never);
    crowd.say(deaf, "/who\n".repeat(1_000_000));
    // by one who does,
    const QUESTIONS: usize = 10_000;
    crowd.say(curious, "/who\n".repeat(QUESTIONS));
    let lines = crowd.members[curious].lines;
    crowd
        .until("all is answered", |crowd| crowd.members[curious].lines >= lines + QUESTIONS as u64);
    bounded(&host, "questions");
    // by one who wants another name all the time,
    const NAMES: usize = 200;
    for at in 0..NAMES {
        crowd.say(fickle, format!("/name n{at}\n"));
    }
    let last = format!("is now n{}", NAMES - 1);
    crowd.until("the last name is known, or told of with others", |crowd| {
        crowd.members[4..]
            .iter()
            .all(|member| member.was_told(&last) || member.was_told(" have changed names"))
    });
    crowd.say(asks, "/who\n");
    crowd.until_told([asks], &format!(", n{}, ", NAMES - 1));
    bounded(&host, "names");
    // and by callers who hang up, some of them before they are welcomed.
    for at in 0..150 {
        crowd.call(1);
        if at % 3 == 0 {
            crowd.until("a welcome", |crowd| crowd.members[MEMBERS + at].lines > 0);
        }
        crowd.turn();
        crowd.hang_up(MEMBERS + at);
    }
    crowd.join(1);
    bounded(&host, "callers");
    // Everybody is served still.
    crowd.talk(asks, 0..10, 40, Pace::Free);
    crowd.until_heard(4..MEMBERS, [asks], 10);
    ends_at_once(host, crowd);
}

#[test]
fn a_slow_reader_stays_and_the_speakers_wait_for_it() {
    const SLOW: u64 = 50_000;
    let (host, mut crowd) = room(&[]);
    let (slow, speakers) = (0, 1..3);
    crowd.join_with_buffer(32 * 1024);
    crowd.join(5);
    crowd.read(slow, Pace::PerSecond(SLOW));
    // Talk that is slow enough for it: it is never far behind.
    const LINES: u32 = 50;
    for who in speakers.clone() {
        crowd.talk(who, 0..LINES, 500, Pace::PerSecond(SLOW / 4));
    }
    crowd.until_heard(0..6, speakers.clone(), LINES);
    // Then everybody says much more than it can read, for longer than anybody is waited for who
    // reads nothing.
    let heard = |crowd: &Crowd| crowd.members[3].bytes;
    let before = heard(&crowd);
    let began = Instant::now();
    for who in speakers.clone() {
        crowd.talk(who, LINES..1_000_000, 1_000, Pace::Free);
    }
    crowd.for_a_while(Duration::from_secs(4));
    let (said, took) = (heard(&crowd) - before, began.elapsed());
    let counts: Vec<u32> = speakers.clone().map(|who| crowd.fall_silent(who)).collect();
    assert_eq!(crowd.members[slow].end, None, "it reads, and is not dropped");
    // It reads on, and the others hear as much: what waits for it is bounded.
    let read = SLOW * took.as_millis() as u64 / 1000;
    eprintln!(
        "{} KB were said in {took:?}, of which {} KB could be read",
        said / 1000,
        read / 1000
    );
    assert!(said < read + (1 << 20), "{} KB more than it reads", (said - read) / 1000);
    // Nothing is lost to anybody.
    crowd.read(slow, Pace::Free);
    let total = counts.iter().sum::<u32>() as usize;
    crowd.until("everybody has heard everything", |crowd| {
        [0, 3, 4, 5].iter().all(|&who: &usize| crowd.members[who].heard.len() >= total)
    });
    let order = crowd.common_order([0, 3, 4, 5]);
    for (speaker, count) in speakers.zip(counts) {
        let own = order.iter().copied().filter(|saying| saying.speaker as usize == speaker);
        assert_complete(&own.collect::<Vec<_>>(), [speaker], count);
    }
    assert!(!host.stderr.text().contains("has left"), "{}", host.stderr.text());
    ends_at_once(host, crowd);
}

#[test]
fn members_who_come_and_go_at_random_disturb_nobody() {
    const COMINGS: usize = 1_000;
    const STAY: usize = 8;
    const LINES: u32 = 400;
    let (host, mut crowd) = room(&["--max-members=1000"]);
    let pid = host.child.id();
    crowd.join(STAY);
    wait_until_quiet(&[pid]);
    let (threads_before, files_before) = (status_of(pid, "Threads"), open_files(pid));
    for who in 0..4 {
        crowd.call_oneself(who, &format!("s{who}"));
        crowd.talk(who, 0..LINES, 100, Pace::PerSecond(LINES as u64 * 100 / 5));
    }
    let choices = random_bytes(8 * COMINGS, 7);
    let mut choices = choices.iter().map(|&byte| usize::from(byte));
    let mut here: Vec<usize> = Vec::new();
    let mut come = 0;
    while come < COMINGS || !here.is_empty() {
        let choice = choices.next().expect("there are enough");
        if come < COMINGS && (choice % 2 == 0 || here.is_empty()) && here.len() < 60 {
            crowd.call(1);
            come += 1;
            here.push(crowd.members.len() - 1);
        } else if let Some(who) = (!here.is_empty()).then(|| here.swap_remove(choice % here.len()))
        {
            match choice % 5 {
                0 => crowd.say(who, "/quit\n"),
                1 => crowd.finish(who),
                2 => crowd.hang_up(who),
                // Something was half said.
                3 => {
                    crowd.say(who, "and now for");
                    crowd.turn();
                    crowd.finish(who);
                }
                _ => crowd.crash(who),
            }
        }
        crowd.turn();
    }
    crowd.until_heard(0..STAY, 0..4, LINES);
    assert_complete(&crowd.common_order(0..STAY), 0..4, LINES);
    crowd.say(7, "/who\n");
    let all = "* here: host, s0, s1, s2, s3, guest-5, guest-6, guest-7, guest-8 (you)";
    until("all others are gone", || {
        crowd.say(7, "/who\n");
        crowd.for_a_while(Duration::from_millis(20));
        let last = crowd.members[7].notices.last()?;
        (last == all).then_some(())
    });
    // Of those who have left nothing is kept.
    until("their threads and sockets are gone", || {
        let now = (status_of(pid, "Threads"), open_files(pid));
        (now == (threads_before, files_before)).then_some(())
    });
    ends_at_once(host, crowd);
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

#[test]
fn nothing_that_a_member_sends_looks_like_anything_else() {
    let (host, mut crowd) = room(&[]);
    crowd.join(3);
    crowd.keep_others = true;
    let (rude, hearer) = (0, 2);
    crowd.call_oneself(1, "Susan");
    // What others would say, in many ways, and what the host would.
    let forged: [(&str, &str); 9] = [
        ("Susan says: hello", "Susan says: hello"),
        ("* Susan has left", "* Susan has left"),
        ("/room welcome", "/room welcome"),
        ("\rSusan says: hello", "^MSusan says: hello"),
        ("x\x1b[2K\x1b[GSusan says: hello", "x^[[2K^[[GSusan says: hello"),
        ("x\x0bSusan says: hello", "x^KSusan says: hello"),
        ("x\u{85}Susan says: hello", "x<U+0085>Susan says: hello"),
        ("x\u{2028}Susan says: hello", "x<U+2028>Susan says: hello"),
        ("/name Susan says:", "/name Susan says:"),
    ];
    for (said, heard) in forged {
        crowd.say(rude, format!("{said}\n"));
        crowd.until("it is heard", |crowd| !crowd.members[hearer].others.is_empty());
        let line = crowd.members[hearer].others.remove(0);
        let rest = line.strip_prefix("guest-1 says: ").unwrap_or_else(|| panic!("{line:?}"));
        // How a character is made visible is for others to judge; that it is, is checked for every
        // line that a crowd hears.
        if !heard.contains("<U+") {
            assert_eq!(rest, heard);
        }
        assert!(!rest.contains(['\u{85}', '\u{2028}']), "{rest:?}");
    }
    // Binary junk is as many lines as it has newlines, all of them under one name.
    let mut junk = random_bytes(300_000, 3);
    junk.push(b'\n');
    // But for what is a command, of which there is none in these.
    let newlines = junk.iter().filter(|&&byte| byte == b'\n').count();
    crowd.say(rude, &junk);
    crowd.until("the junk is heard", |crowd| crowd.members[hearer].others.len() >= newlines);
    assert!(
        crowd.members[hearer].others.iter().all(|line| line.starts_with("guest-1 says: ")),
        "all of it under one name"
    );
    crowd.members[hearer].others.clear();
    // A line without an end is relayed in parts, each of them labelled.
    let endless = "y".repeat(100_000);
    crowd.say(rude, &endless);
    crowd.until("most of it is heard", |crowd| crowd.members[hearer].others.len() >= 6);
    crowd.finish(rude);
    crowd.until_told([hearer], "* guest-1 has left");
    let parts = std::mem::take(&mut crowd.members[hearer].others);
    let text: String = parts
        .iter()
        .map(|part| part.strip_prefix("guest-1 says: ").unwrap_or_else(|| panic!("{part:?}")))
        .collect();
    assert!(text == endless, "{} of {} characters", text.len(), endless.len());
    assert!(parts.iter().all(|part| part.len() <= 16 * 1024 + "guest-1 says: ".len()));
    // A member who has ended its half gets what waits, and then the end.
    crowd.until("the other half ends", |crowd| crowd.members[rude].end == Some(End::Fin));
    ends_at_once(host, crowd);
}

#[test]
fn two_hundred_who_call_in_the_same_instant_are_all_served() {
    let _alone = alone();
    let (host, mut crowd) = room(&["--max-members=200"]);
    let began = Instant::now();
    crowd.join(200);
    let took = began.elapsed();
    crowd.talk(199, 0..1, 40, Pace::Free);
    crowd.until_heard(0..200, [199], 1);
    eprintln!("all are in after {took:?}, and served after {:?}", began.elapsed());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    // One more is told why not.
    crowd.call(1);
    crowd.until_told([200], "* the room is full, with 200 members; try again later");
    crowd.until("goodbye", |crowd| crowd.members[200].end == Some(End::Fin));
    ends_at_once(host, crowd);
}

#[test]
fn long_lines_from_four_speakers_at_once_arrive_whole() {
    let (host, mut crowd) = room(&[]);
    crowd.join(8);
    for who in 0..4 {
        crowd.call_oneself(who, &format!("s{who}"));
    }
    for who in 0..4 {
        crowd.talk(who, 0..1_000, 3_000, Pace::Free);
    }
    crowd.until_heard(0..8, 0..4, 1_000);
    assert_complete(&crowd.common_order(0..8), 0..4, 1_000);
    ends_at_once(host, crowd);
}

/// A room whose host has this for its stdout.
#[track_caller]
fn room_with_stdout(stdout: impl Into<Stdio>) -> (Program, Crowd) {
    let mut command = Command::new(threadchat());
    command.args(["listen", "127.0.0.1:0", "--room", "--color=never"]);
    command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
    let host = Program::spawn_as_is(&mut command);
    let port = host.listening_port();
    (host, Crowd::new(port))
}

/// Two members talk, until two others have heard all of it; nobody reads the host's stdout.
#[track_caller]
fn talk_past_stdout(host: &Program, crowd: &mut Crowd, lines: u32) {
    crowd.join(4);
    crowd.watch();
    for who in 0..2 {
        crowd.talk(who, 0..lines, 200, Pace::Free);
    }
    crowd.until_heard(0..4, 0..2, lines);
    let gap = crowd.longest_gap(0..4);
    assert!(gap < FROZEN, "nobody heard anything for {gap:?}");
    assert_complete(&crowd.common_order(0..4), 0..2, lines);
    host.wait_stderr("* stdout takes nothing; the room goes on without it\n");
}

/// The number in the notice of what is missing.
#[track_caller]
fn missing(host: &Program) -> usize {
    let words = " messages are missing here, as stdout took nothing\n";
    host.wait_stderr(words);
    let text = host.stderr.text();
    let before = text.split(words).next().expect("it is there");
    let number = before.rsplit("* ").next().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| host.fail("no number"))
}

#[test]
fn a_room_goes_on_without_a_stdout_that_nobody_reads_and_tells_what_is_missing() {
    const LINES: u32 = 5_000;
    let (mut stdout, to_stdout) = std::io::pipe().unwrap();
    let (mut host, mut crowd) = room_with_stdout(to_stdout);
    talk_past_stdout(&host, &mut crowd, LINES);
    // Somebody reads again.
    let reader = std::thread::spawn(move || {
        let mut all = String::new();
        stdout.read_to_string(&mut all).map(|_| all)
    });
    let missing = missing(&host);
    // And what is said from now on is there.
    crowd.say(2, "at last\n");
    crowd.say(3, "/who\n");
    crowd.until_told([3], "* here:");
    host.signal(Signal::INT);
    // Not all of what was said has come out.
    host.ends_with(1);
    let all = reader.join().unwrap().expect("it is text");
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.last(), Some(&"guest-3 says: at last"));
    let whole = lines[..lines.len() - 1].iter().filter(|line| {
        line.starts_with("guest-") && line.contains(" says: #") && line.ends_with('$')
    });
    assert_eq!(whole.count(), lines.len() - 1, "every line is whole");
    assert_eq!(lines.len() - 1 + missing, 2 * LINES as usize, "{missing} are said to be missing");
}

#[test]
fn a_room_goes_on_without_a_terminal_that_was_stopped_with_ctrl_s() {
    const LINES: u32 = 3_000;
    let mut tty = Tty::open();
    let (mut host, mut crowd) = room_with_stdout(tty.end());
    crowd.join(1);
    crowd.say(0, "hello\n");
    crowd.until("it is said", |crowd| crowd.members[0].has_said_all());
    tty.read_until("guest-1 says: hello\r\n");
    tty.press("\x13");
    let mut others = Crowd::new(host.listening_port());
    others.join(4);
    for who in 0..2 {
        others.talk(who, 0..LINES, 200, Pace::Free);
    }
    others.watch();
    others.until_heard(0..4, 0..2, LINES);
    let gap = others.longest_gap(0..4);
    assert!(gap < FROZEN, "nobody heard anything for {gap:?}");
    host.wait_stderr("* stdout takes nothing; the room goes on without it\n");
    tty.press("\x11");
    let mut shown = String::new();
    until("it is told what is missing", || {
        shown += &tty.read_now();
        host.stderr.text().contains(" messages are missing here").then_some(())
    });
    let missing = missing(&host);
    others.say(2, "at last\n");
    others.until("it is said", |others| others.members[2].has_said_all());
    shown += &tty.read_until("says: at last");
    let lines = shown.matches("$\r\n").count();
    assert_eq!(lines + missing, 2 * LINES as usize, "{missing} are said to be missing");
    host.signal(Signal::INT);
    host.ends_with(1);
}

#[test]
fn a_room_in_which_nobody_speaks_wakes_no_thread() {
    let (host, mut crowd) = room(&[]);
    let pid = host.child.id();
    crowd.join(20);
    crowd.talk(0, 0..100, 1_000, Pace::Free);
    crowd.until_heard(0..20, [0], 100);
    // Some have come and gone, and one does not read.
    crowd.read(5, Pace::Never);
    crowd.finish(7);
    crowd.hang_up(8);
    crowd.until_told([9], "* guest-9 has left");
    crowd.until("who has left is told so", |crowd| crowd.members[7].end == Some(End::Fin));
    let before = wait_until_quiet(&[pid]);
    std::thread::sleep(Duration::from_secs(3));
    let after = threads(pid);
    assert_eq!(before, after, "a thread was woken, or has run");
    assert_eq!(after.iter().filter(|thread| thread.name == "socket-reader").count(), 18);
    ends_at_once(host, crowd);
}

/// A room whose host is allowed no more than this, in the words of `ulimit`.
#[track_caller]
fn limited_room(start: &[String], limit: &str) -> (Program, Crowd) {
    raise_file_limit();
    let words = limited(start, limit, &["listen", "127.0.0.1:0", "--room"]);
    let host = Program::spawn(Command::new(&words[0]).args(&words[1..]));
    let port = host.listening_port();
    (host, Crowd::new(port))
}

/// Callers come until one is refused; then the room goes on, and takes callers again when
/// somebody has left.
#[track_caller]
fn refuses_one_politely_and_goes_on(host: Program, mut crowd: Crowd) {
    let pid = host.child.id();
    crowd.until("one is refused", |crowd| {
        let last = crowd.members.len();
        assert!(last < 100, "the limit limits nothing");
        crowd.call(1);
        crowd.until("an answer", |crowd| crowd.members[last].lines > 0);
        crowd.members[last].was_told("* this room cannot take you now: ")
    });
    let refused = crowd.members.len() - 1;
    crowd.until("goodbye", |crowd| crowd.members[refused].end == Some(End::Fin));
    assert!(refused > 2, "some were taken");
    eprintln!("{refused} were taken, and then: {:?}", crowd.members[refused].notices);
    // The others hear nothing of it, and the room goes on.
    crowd.talk(0, 0..10, 40, Pace::Free);
    crowd.until_heard(0..refused, [0], 10);
    // A few more are refused, which costs little; the host is told once.
    let ticks = cpu_ticks(pid);
    for more in refused + 1..refused + 6 {
        crowd.call(1);
        crowd.until("goodbye", |crowd| crowd.members[more].end == Some(End::Fin));
        assert!(crowd.members[more].was_told("* this room cannot take you now: "));
    }
    wait_until_quiet(&[pid]);
    let ticks = cpu_ticks(pid) - ticks;
    assert!(ticks < 20, "it spins: {ticks} ticks");
    assert_eq!(host.stderr.text().matches("* callers are refused: ").count(), 1);
    // Somebody leaves, and somebody else can come.
    crowd.finish(1);
    crowd.until_told([0], "* guest-2 has left");
    crowd.until("it has left", |crowd| crowd.members[1].end == Some(End::Fin));
    crowd.hang_up(1);
    let mut newcomer = 0;
    crowd.until("a caller is taken", |crowd| {
        newcomer = crowd.members.len();
        crowd.call(1);
        crowd.until("an answer", |crowd| crowd.members[newcomer].lines > 0);
        crowd.members[newcomer].was_told("/room welcome")
    });
    crowd.talk(newcomer, 0..10, 40, Pace::Free);
    crowd.until("the newcomer is heard", |crowd| crowd.members[0].heard.len() == 10);
    ends_at_once(host, crowd);
}

#[test]
fn a_caller_for_whom_there_is_no_file_is_refused_and_the_room_goes_on() {
    let (host, crowd) = limited_room(&[], "-n 40");
    refuses_one_politely_and_goes_on(host, crowd);
}

#[test]
fn a_caller_for_whom_there_is_no_thread_is_refused_and_the_room_goes_on() {
    let Some(start) = as_user_without_threads() else { return };
    let (host, crowd) = limited_room(&start, "-u 40");
    refuses_one_politely_and_goes_on(host, crowd);
}

#[test]
fn a_caller_who_has_gone_before_being_taken_is_no_fault() {
    let (host, mut crowd) = room(&[]);
    crowd.call(50);
    (0..25).for_each(|who| crowd.crash(who));
    (25..50).for_each(|who| crowd.hang_up(who));
    crowd.join(2);
    crowd.talk(50, 0..10, 40, Pace::Free);
    crowd.until_heard([51], [50], 10);
    ends_at_once(host, crowd);
}

#[test]
fn whoever_hears_the_room_close_has_heard_everything_that_anybody_has() {
    const MEMBERS: usize = 50;
    let (host, mut crowd) = room(&[]);
    crowd.join(MEMBERS);
    for who in 0..10 {
        crowd.talk(who, 0..1_000_000, 100, Pace::Free);
    }
    crowd.until("all are speaking", |crowd| {
        let heard = &crowd.members[MEMBERS - 1].heard;
        (0..10).all(|who| heard.iter().any(|saying| saying.speaker == who))
    });
    host.signal(Signal::INT);
    // They go on speaking, until the room hears no more of it.
    crowd.until("all connections end", |crowd| {
        crowd.members.iter().all(|member| member.end.is_some())
    });
    let mut host = host;
    host.ends_with(0);
    for (who, member) in crowd.members.iter().enumerate() {
        assert!(member.was_told("* the room is closed"), "member {who}");
    }
    let order = crowd.common_order(0..MEMBERS);
    for who in 0..10 {
        let own = order.iter().copied().filter(|saying| saying.speaker == who);
        let own: Vec<Saying> = own.collect();
        assert_complete(&own, [who as usize], own.len() as u32);
    }
}

#[test]
fn ctrl_c_is_heard_while_one_who_stops_reading_holds_the_others_up() {
    let (host, mut crowd) = room(&[]);
    crowd.join(3);
    crowd.read(0, Pace::Never);
    crowd.talk(1, 0..1_000_000, 1_000, Pace::Free);
    // The silent one has to be full.
    let mut before = (0, Instant::now());
    crowd.until("nobody hears anything any more", |crowd| {
        let bytes = crowd.members[2].bytes;
        if bytes != before.0 {
            before = (bytes, Instant::now());
        }
        bytes > 0 && before.1.elapsed() > Duration::from_millis(300)
    });
    crowd.fall_silent(1);
    ends_at_once(host, crowd);
}

#[test]
fn what_the_host_pipes_in_is_heard_by_all_but_the_one_who_stops_reading() {
    const LINES: u32 = 20_000;
    const HOST: u32 = 1_000;
    let (mut host, mut crowd) = room(&[]);
    crowd.join(4);
    crowd.read(0, Pace::Never);
    crowd.watch();
    let talk = (0..LINES).flat_map(|number| line(Saying { speaker: HOST, number }, 1_000));
    host.pipe_in(talk.collect());
    crowd.until_heard(1..4, [HOST as usize], LINES);
    let gap = crowd.longest_gap(1..4);
    assert!(gap < FROZEN, "nobody heard anything for {gap:?}");
    assert_complete(&crowd.common_order(1..4), [HOST as usize], LINES);
    crowd.until_told(1..4, "* guest-1 has left: took nothing for 2 s while others waited");
    ends_at_once(host, crowd);
}

#[test]
fn announcements_to_one_who_stops_reading_are_counted_instead_of_kept() {
    let (host, mut crowd) = room(&[]);
    let (silent, hearer) = (0, 1);
    crowd.join(2);
    let idle = peak_memory(host.child.id());
    crowd.read(silent, Pace::Never);
    // As many as make more lines than the system's buffers and the outbox hold.
    const CALLERS: usize = 6_000;
    for at in 0..CALLERS {
        crowd.call(1);
        crowd.crash(2 + at);
        // Each is announced alone: nothing can be put together for those who listen.
        crowd.turn();
    }
    crowd.join(1);
    let here = format!("* here: host, guest-1, guest-2 (you), guest-{}", CALLERS + 3);
    until("the callers are gone", || {
        crowd.say(hearer, "/who\n");
        crowd.for_a_while(Duration::from_millis(20));
        (crowd.members[hearer].notices.last() == Some(&here)).then_some(())
    });
    assert!(growth(&host, idle) < 16 << 20, "{} KiB more", growth(&host, idle) / 1024);
    // Nobody was held back for it, so that it is here still; and it gets the sums.
    crowd.read(silent, Pace::Free);
    let sum = |crowd: &Crowd, what: &str| -> usize {
        let lines = crowd.members[silent].notices.iter().filter(|line| line.contains(what));
        lines.map(|line| line.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(1)).sum()
    };
    // Besides the callers, guest-2 has joined, and the last one.
    crowd.until("it is told of everybody", |crowd| {
        (sum(crowd, " joined"), sum(crowd, " left")) == (CALLERS + 2, CALLERS)
    });
    crowd.say(silent, "/who\n");
    crowd.until_told([silent], "* here: host, guest-1 (you)");
    assert_eq!((sum(&crowd, " joined"), sum(&crowd, " left")), (CALLERS + 2, CALLERS));
    let lines = crowd.members[silent].lines;
    eprintln!("{lines} lines tell of {CALLERS} who came and went");
    assert!(lines < 2 * CALLERS as u64, "some were counted together");
    ends_at_once(host, crowd);
}

/// A line that is empty has a label all the same. With the longest of names, 16 KiB of such lines
/// were 8 MB for everybody else, and one buffer paid for them.
#[test]
fn empty_lines_under_a_long_name_are_bounded_too() {
    let _alone = alone();
    let (mut host, port) = Program::listen(&["--room"]);
    let _silent = friend_calls(port);
    host.wait_stderr("* guest-1 has joined");
    let mut floods = friend_calls(port);
    // 32 letters of 4 bytes, each with three marks of 4.
    let name = "\u{10400}\u{1e8d0}\u{1e8d1}\u{1e8d2}".repeat(32);
    floods.write_all(format!("/name {name}\n").as_bytes()).expect("the name is sent");
    host.wait_stderr(&format!("is now {name}"));
    let idle = peak_memory(host.child.id());
    let flood = std::thread::spawn(move || {
        let _ = floods.write_all(&b"\n".repeat(4_000_000));
        floods
    });
    host.wait_stderr("* guest-1 has left: took nothing for 2 s while others waited");
    let grown = growth(&host, idle);
    eprintln!("the memory grew by {} KiB", grown / 1024);
    assert!(grown < 3 << 20, "{} KiB more", grown / 1024);
    flood.join().expect("the flood ends");
    host.signal(Signal::INT);
    host.ends_with(0);
}
