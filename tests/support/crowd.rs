//! A crowd for a room: as many members as a test wants, all in the thread of the test, on sockets
//! that never block, served by one loop around `poll`.
//!
//! What they say tells who has said it, as the how-manyeth, and where it ends. So whoever hears it
//! can tell what is lost, doubled, out of order, broken or said under a wrong name, whatever else
//! happens meanwhile; [`Crowd`] keeps account of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::{DEADLINE, friend_calls};

/// The most that is prepared to be said before the room has taken it, in bytes.
const PREPARED: usize = 64 * 1024;

/// How many of the last notices are kept for each member.
const NOTICES_KEPT: usize = 20_000;

/// How long `poll` waits at most, so that those who speak or read at a pace keep it.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// How fast somebody reads or speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes.
    Free,
    /// So many bytes a second.
    PerSecond(u64),
    /// Not at all.
    Never,
}

/// How a member's connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The room has ended its half, and everything before that has arrived.
    Fin,
    /// The connection was reset.
    Reset,
}

/// What somebody has said: who, and the how-manyeth it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Saying {
    pub speaker: u32,
    pub number: u32,
}

/// A row of lines of a length that a member says.
#[derive(Clone, Debug)]
pub struct Talk {
    next: u32,
    end: u32,
    length: usize,
    pace: Allowance,
}

/// A measure for a pace.
#[derive(Clone, Debug)]
struct Allowance {
    pace: Pace,
    since: Instant,
    used: u64,
}

impl Allowance {
    fn new(pace: Pace) -> Allowance {
        Allowance { pace, since: Instant::now(), used: 0 }
    }

    /// How many bytes are allowed now.
    fn left(&self) -> usize {
        match self.pace {
            Pace::Free => usize::MAX,
            Pace::Never => 0,
            Pace::PerSecond(bytes) => {
                let so_far = bytes * self.since.elapsed().as_millis() as u64 / 1000;
                so_far.saturating_sub(self.used) as usize
            }
        }
    }
}

/// A member of a crowd.
#[derive(Debug)]
pub struct Member {
    /// `None`: it has hung up.
    stream: Option<TcpStream>,
    reads: Allowance,
    /// The beginning of a line whose end has not arrived.
    partial: Vec<u8>,
    to_say: Vec<u8>,
    talk: Option<Talk>,
    /// What it has heard others say, in the order in which it has.
    pub heard: Vec<Saying>,
    /// The last lines that the host itself has sent: notices, and the welcome.
    pub notices: Vec<String>,
    /// Every other line, where the crowd keeps them.
    pub others: Vec<String>,
    /// How many lines of any kind have arrived, and bytes.
    pub lines: u64,
    pub bytes: u64,
    /// When something has arrived last, and the longest time in which nothing did.
    last: Instant,
    longest_gap: Duration,
    /// How the connection has ended, where it has.
    pub end: Option<End>,
}

/// Members of one room, with the numbers 0, 1, 2 and so on in the order of their calls.
#[derive(Debug)]
pub struct Crowd {
    port: u16,
    pub members: Vec<Member>,
    /// What the members are called; whoever is not in here may speak under any name.
    names: Vec<Option<String>>,
    /// Whether lines that are neither notices nor numbered are kept.
    pub keep_others: bool,
    /// What has gone wrong: a line that is broken, or said under a wrong name.
    pub faults: Vec<String>,
    scratch: Vec<u8>,
}

/// Lets this process have as many sockets as the system allows.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, most).expect("a limit can be raised up to the hard one");
}

/// The line that says this, of this length at least, with its newline.
pub fn line(saying: Saying, length: usize) -> Vec<u8> {
    let mut line = format!("#{} {} ", saying.speaker, saying.number).into_bytes();
    // The last but one character of a line is a mark that stands in no other place.
    line.resize(line.len().max(length.saturating_sub(2)), b'x');
    line.extend_from_slice(b"$\n");
    line
}

/// The opposite of [`line`], for what stands behind a label; an error where it is such a line but
/// not all of it.
fn parse(text: &str) -> Option<Result<Saying, ()>> {
    let rest = text.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_numeric()))?;
    let whole = || {
        let mut words = rest.splitn(3, ' ');
        let speaker = words.next()?.parse().ok()?;
        let number = words.next()?.parse().ok()?;
        let padding = words.next()?.strip_suffix('$')?;
        padding.bytes().all(|byte| byte == b'x').then_some(Saying { speaker, number })
    };
    Some(whole().ok_or(()))
}

impl Member {
    fn new(stream: TcpStream) -> Member {
        stream.set_nodelay(true).expect("it is a socket");
        stream.set_nonblocking(true).expect("it is a socket");
        Member {
            stream: Some(stream),
            reads: Allowance::new(Pace::Free),
            partial: Vec::new(),
            to_say: Vec::new(),
            talk: None,
            heard: Vec::new(),
            notices: Vec::new(),
            others: Vec::new(),
            lines: 0,
            bytes: 0,
            last: Instant::now(),
            longest_gap: Duration::ZERO,
            end: None,
        }
    }

    /// The longest time in which nothing has arrived, up to now.
    pub fn longest_gap(&self) -> Duration {
        self.longest_gap.max(self.last.elapsed())
    }

    /// Whether it has been told this by the host.
    pub fn was_told(&self, part: &str) -> bool {
        self.notices.iter().any(|notice| notice.contains(part))
    }

    /// Whether it is there, and reads.
    pub fn reads_on(&self) -> bool {
        self.stream.is_some() && self.end.is_none() && self.reads.pace != Pace::Never
    }

    /// Whether the room has taken everything that it had to say.
    pub fn has_said_all(&self) -> bool {
        self.to_say.is_empty() && self.talk.is_none()
    }

    /// Prepares more of a talk to be said.
    fn go_on(&mut self, speaker: u32) {
        let Some(talk) = &mut self.talk else { return };
        while self.to_say.len() < PREPARED && talk.next < talk.end {
            let line = line(Saying { speaker, number: talk.next }, talk.length);
            if talk.pace.left() < line.len() {
                return;
            }
            talk.pace.used += line.len() as u64;
            talk.next += 1;
            self.to_say.extend_from_slice(&line);
        }
        if talk.next == talk.end {
            self.talk = None;
        }
    }

    fn send(&mut self) {
        let Some(mut stream) = self.stream.as_ref() else { return };
        match stream.write(&self.to_say) {
            Ok(count) => drop(self.to_say.drain(..count)),
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.end = self.end.or(Some(End::Reset)),
        }
    }
}

impl Crowd {
    /// Nobody yet, for the room on this port.
    pub fn new(port: u16) -> Crowd {
        raise_file_limit();
        let scratch = vec![0; 1 << 18];
        let (members, names, faults) = (Vec::new(), Vec::new(), Vec::new());
        Crowd { port, members, names, keep_others: false, faults, scratch }
    }

    /// So many more call, in one instant; nobody waits for an answer.
    #[track_caller]
    pub fn call(&mut self, count: usize) {
        for _ in 0..count {
            self.members.push(Member::new(friend_calls(self.port)));
            self.names.push(None);
        }
    }

    /// One more calls, whose system keeps only so much for it until it reads, and is welcomed. A
    /// system that keeps a lot for somebody slow tells the room only after seconds that something
    /// of it was read.
    #[track_caller]
    pub fn join_with_buffer(&mut self, bytes: usize) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("it is a socket");
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        socket.connect(&address.into()).expect("the program listens");
        self.members.push(Member::new(socket.into()));
        self.names.push(None);
        let who = self.members.len() - 1;
        self.until_told([who], "/room welcome");
    }

    /// So many more call, and are welcomed.
    #[track_caller]
    pub fn join(&mut self, count: usize) {
        let first = self.members.len();
        self.call(count);
        self.until("all are welcomed", |crowd| {
            crowd.members[first..].iter().all(|member| member.was_told("/room welcome"))
        });
    }

    /// A member says this, as it stands.
    pub fn say(&mut self, who: usize, bytes: impl AsRef<[u8]>) {
        self.members[who].to_say.extend_from_slice(bytes.as_ref());
    }

    /// A member takes a name, and has it when this returns.
    #[track_caller]
    pub fn call_oneself(&mut self, who: usize, name: &str) {
        self.say(who, format!("/name {name}\n"));
        let told = format!(" is now {name}");
        self.until("a name", |crowd| crowd.members[who].was_told(&told));
        self.names[who] = Some(name.to_owned());
    }

    /// A member says lines of this length at this pace, after those that it has said before.
    pub fn talk(&mut self, who: usize, numbers: std::ops::Range<u32>, length: usize, pace: Pace) {
        let pace = Allowance::new(pace);
        let talk = Talk { next: numbers.start, end: numbers.end, length, pace };
        self.members[who].talk = Some(talk);
    }

    /// A member says no more than what it has prepared, and gives back the number of the line that
    /// would have been the next.
    #[track_caller]
    pub fn fall_silent(&mut self, who: usize) -> u32 {
        self.members[who].talk.take().expect("it talks").next
    }

    /// From now on a member reads at this pace.
    pub fn read(&mut self, who: usize, pace: Pace) {
        self.members[who].reads = Allowance::new(pace);
    }

    /// A member ends its half of the connection.
    pub fn finish(&mut self, who: usize) {
        // One that the room has reset is at its end already.
        if let Some(stream) = &self.members[who].stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// A member closes its connection: a reset, where it has not read everything.
    pub fn hang_up(&mut self, who: usize) {
        let member = &mut self.members[who];
        member.stream = None;
        member.to_say.clear();
        member.talk = None;
    }

    /// A member closes its connection with a reset, as one that has crashed.
    pub fn crash(&mut self, who: usize) {
        if let Some(stream) = &self.members[who].stream {
            let stream = socket2::SockRef::from(stream);
            stream.set_linger(Some(Duration::ZERO)).expect("it is a socket");
        }
        self.hang_up(who);
    }

    /// From now on gaps are measured anew.
    pub fn watch(&mut self) {
        let now = Instant::now();
        for member in &mut self.members {
            (member.last, member.longest_gap) = (now, Duration::ZERO);
        }
    }

    /// The longest time in which one of these has got nothing.
    pub fn longest_gap(&self, who: impl IntoIterator<Item = usize>) -> Duration {
        let gaps = who.into_iter().map(|who| self.members[who].longest_gap());
        gaps.max().unwrap_or_default()
    }

    /// Turns until it has come to this.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Crowd) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !done(self) {
            self.turn();
            assert!(self.faults.is_empty(), "{:#?}", self.faults);
            if Instant::now() > deadline {
                let first = self.members.iter().take(4).map(|member| {
                    let notices = &member.notices[member.notices.len().saturating_sub(3)..];
                    (member.heard.len(), member.lines, member.end, notices)
                });
                panic!("it never came to this: {what}; {:#?}", first.collect::<Vec<_>>());
            }
        }
    }

    /// Turns until these have heard so many lines of each of those speakers, but for their own;
    /// or of others as many.
    #[track_caller]
    pub fn until_heard(
        &mut self,
        who: impl IntoIterator<Item = usize>,
        speakers: impl IntoIterator<Item = usize>,
        count: u32,
    ) {
        let who: Vec<usize> = who.into_iter().collect();
        let speakers: Vec<usize> = speakers.into_iter().collect();
        let wanted = |who| speakers.iter().filter(|&&it| it != who).count() * count as usize;
        self.until("everything is heard", |crowd| {
            who.iter().all(|&who| crowd.members[who].heard.len() >= wanted(who))
        });
    }

    /// Turns until these have been told this by the host.
    #[track_caller]
    pub fn until_told(&mut self, who: impl IntoIterator<Item = usize>, part: &str) {
        let who: Vec<usize> = who.into_iter().collect();
        self.until(&format!("all are told {part:?}"), |crowd| {
            who.iter().all(|&who| crowd.members[who].was_told(part))
        });
    }

    /// Turns for so long. For what must not happen meanwhile.
    pub fn for_a_while(&mut self, how_long: Duration) {
        let end = Instant::now() + how_long;
        self.until("the time has passed", |_| Instant::now() >= end);
    }

    /// Everybody speaks and listens once, as far as that is possible now.
    pub fn turn(&mut self) {
        let mut polled = Vec::with_capacity(self.members.len());
        for (at, member) in self.members.iter_mut().enumerate() {
            member.go_on(at as u32);
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, member.reads.left() > 0);
            flags.set(PollFlags::OUT, !member.to_say.is_empty());
            if let Some(stream) = member.stream.as_ref().filter(|_| member.end.is_none()) {
                polled.push((at, PollFd::new(stream, flags)));
            }
        }
        let (who, mut sockets): (Vec<usize>, Vec<PollFd<'_>>) = polled.into_iter().unzip();
        poll(&mut sockets, Some(&TURN)).expect("the system polls");
        let found: Vec<PollFlags> = sockets.iter().map(PollFd::revents).collect();
        for (at, flags) in who.into_iter().zip(found) {
            if flags.contains(PollFlags::OUT) {
                self.members[at].send();
            }
            if flags.contains(PollFlags::IN) {
                self.hear(at);
            } else if flags.intersects(PollFlags::ERR | PollFlags::HUP) {
                self.members[at].end = Some(End::Reset);
            }
        }
    }

    fn hear(&mut self, who: usize) {
        let member = &mut self.members[who];
        let most = member.reads.left().min(self.scratch.len());
        if most == 0 {
            return;
        }
        let Some(mut stream) = member.stream.as_ref() else { return };
        let count = match stream.read(&mut self.scratch[..most]) {
            Ok(0) => {
                // As other programs do, which do not stay on their own.
                let _ = stream.shutdown(Shutdown::Write);
                return member.end = Some(End::Fin);
            }
            Ok(count) => count,
            Err(why) if why.kind() == ErrorKind::WouldBlock => return,
            Err(_) => return member.end = Some(End::Reset),
        };
        let now = Instant::now();
        member.longest_gap = member.longest_gap.max(now - member.last);
        member.last = now;
        member.reads.used += count as u64;
        member.bytes += count as u64;
        let mut partial = std::mem::take(&mut member.partial);
        let mut rest = &self.scratch[..count];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, more) = rest.split_at(end);
            rest = &more[1..];
            let member = &mut self.members[who];
            let names = &self.names;
            let fault = if partial.is_empty() {
                member.take(line, names, self.keep_others)
            } else {
                partial.extend_from_slice(line);
                let fault = member.take(&partial, names, self.keep_others);
                partial.clear();
                fault
            };
            self.faults.extend(fault.map(|fault| format!("member {who}: {fault}")));
        }
        partial.extend_from_slice(rest);
        self.members[who].partial = partial;
    }

    /// Checks that these members have heard the same in the same order, but for what each has said
    /// itself, and gives back that order.
    #[track_caller]
    pub fn common_order(&self, who: impl IntoIterator<Item = usize>) -> Vec<Saying> {
        let who: Vec<usize> = who.into_iter().collect();
        // Whoever has said nothing has heard everything; one such has to be among them.
        let longest = who.iter().max_by_key(|&&who| self.members[who].heard.len());
        let order = longest.map(|&who| self.members[who].heard.clone()).unwrap_or_default();
        for who in who {
            let heard = &self.members[who].heard;
            let others = order.iter().filter(|saying| saying.speaker as usize != who);
            assert!(
                others.eq(heard),
                "member {who} has heard {} lines, and not the same in the same order as others {}",
                heard.len(),
                order.len(),
            );
        }
        order
    }
}

impl Member {
    /// Takes a line; a text says what is wrong with it.
    fn take(&mut self, line: &[u8], names: &[Option<String>], keep: bool) -> Option<String> {
        self.lines += 1;
        let Ok(text) = std::str::from_utf8(line) else {
            return Some(format!("not UTF-8: {:?}", String::from_utf8_lossy(line)));
        };
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Some(format!("a control character: {text:?}"));
        }
        if text.starts_with("* ") || text.starts_with("/room ") {
            if self.notices.len() >= NOTICES_KEPT {
                self.notices.drain(..NOTICES_KEPT / 2);
            }
            self.notices.push(text.to_owned());
            return None;
        }
        let Some((name, said)) = text.split_once(" says: ") else {
            return Some(format!("a line without a label: {text:?}"));
        };
        match parse(said) {
            None if keep => self.others.push(text.to_owned()),
            None => {}
            Some(Err(())) => return Some(format!("broken: {text:?}")),
            Some(Ok(saying)) => {
                self.heard.push(saying);
                let right = names.get(saying.speaker as usize).and_then(Option::as_deref);
                if right.is_some_and(|right| right != name) {
                    return Some(format!("said by {right:?}: {text:?}"));
                }
            }
        }
        None
    }
}

/// The numbers of each of these speakers, from 0 to `count`, once each and in order: what a talk
/// is when nothing of it is lost, doubled or out of order.
#[track_caller]
pub fn assert_complete(order: &[Saying], speakers: impl IntoIterator<Item = usize>, count: u32) {
    let mut total = 0;
    for speaker in speakers {
        let numbers = order.iter().filter(|saying| saying.speaker as usize == speaker);
        assert!(
            numbers.map(|saying| saying.number).eq(0..count),
            "member {speaker} has said {count} lines, and others have heard others"
        );
        total += count as usize;
    }
    assert_eq!(order.len(), total, "nothing else was said");
}

/// A number in `/proc/PID/status`, such as the number of `Threads`, or `VmRSS` in KiB.
#[track_caller]
pub fn status_of(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("Linux tells")
}
