//! The members of a room, all in one thread: the load for `scripts/bench room`.
//!
//! It calls a chat server with `--members` connections and lets them talk in two ways:
//!
//! - `one`, a line at a time: one member says a line, and the next when everybody else has it. The
//!   delay of a line is counted for each who hears it, from before the line is written to behind
//!   the `recv` that brought it.
//! - `bulk`: some members say as many lines as their sockets take, each with a `send` of its own, or
//!   with `--send` many to a `send`, as a file through a pipe. The time is that from the first line
//!   to the last arrival. How many lines there are is found out first, with a few, so that a
//!   slow server has no more to do than a fast one has in the same time.
//!
//! What is said is 20 bytes with its newline: who says it, the how manieth it is, and dots. Every
//! line that arrives is looked at, and is one of these (the first is the only good one):
//!
//! - `exact`: the server's label for this speaker, and the line that this speaker said next;
//! - `unlabelled`: the line alone, so that nobody can know whose it is;
//! - `disordered`: a line that came already, or out of its turn (those before it are missing then);
//! - `broken`: anything else. Two speakers' lines mixed, a line cut in two.
//!
//! What a server says of its own (`* ...`, `<announce> ...`) is not counted. The server's label is
//! learned before anything is counted: each speaker says one line while the others are silent.
//!
//! It prints a line of `key=value` for each way. It is to be much faster than what it measures:
//! one `epoll`, large `recv` buffers, and a line that is what it should be costs one comparison.
//! It works on Linux only, as `scripts/bench` does.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this load generator uses epoll, and so works on Linux only");
    std::process::exit(1);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    use clap::Parser;
    use rustix::buffer::spare_capacity;
    use rustix::event::{Timespec, epoll};

    /// A line, with its newline.
    const LINE: usize = 20;

    /// How much one `recv` asks for.
    const RECV: usize = 256 * 1024;

    /// How often a speaker may `send` before the others get to hear.
    const SENDS: usize = 64;

    /// How many call at once: fewer than the smallest backlog (`ncat` has 10).
    const CALLERS: usize = 8;

    /// Whoever brings nothing for so long is given up.
    const PATIENCE: Duration = Duration::from_secs(10);

    type Outcome<T> = Result<T, Box<dyn Error>>;

    #[derive(Parser)]
    struct Args {
        /// Where the server listens.
        server: SocketAddr,
        /// How many members there are.
        #[arg(long, default_value_t = 10)]
        members: usize,
        /// How many of them speak, in bulk.
        #[arg(long, default_value_t = 4)]
        speakers: usize,
        /// How much they say with one `send`, in bytes, in bulk: a line, or many.
        #[arg(long, default_value_t = LINE)]
        send: usize,
        /// For how long they speak, each way.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// How long each way may take at most, in seconds.
        #[arg(long, default_value_t = 60.0)]
        deadline: f64,
        /// The server's process, whose memory and threads are to be told.
        #[arg(long)]
        pid: Option<u32>,
        /// Only one of the ways: `one` or `bulk`.
        #[arg(long)]
        only: Option<String>,
    }

    pub fn main() -> Outcome<()> {
        let args = Args::parse();
        let wanted = |way: &str| args.only.as_ref().is_none_or(|only| only == way);
        let seconds = Duration::from_secs_f64(args.seconds);
        let deadline = Duration::from_secs_f64(args.deadline);
        let empty = Server::look(args.pid);
        let mut room = Room::enter(&args)?;
        let joined = Server::look(args.pid);
        if wanted("one") {
            let (run, mut delays) = room.one_at_a_time(seconds, deadline)?;
            let (p50, p99) = (percentile(&mut delays, 50), percentile(&mut delays, 99));
            let worst = percentile(&mut delays, 100);
            report("one", &args, &run, &[empty, joined, Server::look(args.pid)]);
            println!(" p50_us={p50:.1} p99_us={p99:.1} max_us={worst:.1}");
        }
        if wanted("bulk") {
            let run = room.in_bulk(seconds, deadline)?;
            report("bulk", &args, &run, &[empty, joined, Server::look(args.pid)]);
            println!();
        }
        Ok(())
    }

    fn report(way: &str, args: &Args, run: &Run, servers: &[Server; 3]) {
        let Run { tally, seconds, worked, expected, lost, expired } = run;
        let Tally { exact, unlabelled, broken, disordered, own, .. } = tally;
        let [empty, joined, after] = servers;
        print!(
            "way={way} members={} expected={expected} exact={exact} unlabelled={unlabelled} \
             broken={broken} disordered={disordered} missing={} own={own} lost_members={lost} \
             expired={expired} seconds={seconds:.4} worked={worked:.2} per_second={:.0} rss_empty_kib={} \
             rss_joined_kib={} rss_after_kib={} rss_peak_kib={} threads={}",
            args.members,
            expected.saturating_sub(exact + unlabelled + disordered),
            tally.lines() as f64 / seconds,
            empty.resident,
            joined.resident,
            after.resident,
            after.peak,
            after.threads,
        );
    }

    /// In microseconds; the 100th is the longest.
    fn percentile(delays: &mut [u64], percent: usize) -> f64 {
        if delays.is_empty() {
            return f64::NAN;
        }
        let at = (delays.len() * percent / 100).min(delays.len() - 1);
        *delays.select_nth_unstable(at).1 as f64 / 1e3
    }

    /// What the system says of the server's process.
    #[derive(Clone, Copy, Default)]
    struct Server {
        /// Memory, in KiB: now, and at most so far.
        resident: u64,
        peak: u64,
        threads: u64,
    }

    /// What `/proc` counts processor time in: a hundredth of a second, on every Linux.
    const TICK: f64 = 0.01;

    impl Server {
        fn look(pid: Option<u32>) -> Server {
            let status = pid
                .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok())
                .unwrap_or_default();
            let number = |key: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
            };
            Server {
                resident: number("VmRSS:"),
                peak: number("VmHWM:"),
                threads: number("Threads:"),
            }
        }
    }

    /// How much processor time it has used, in seconds: for the program and for the system on its
    /// behalf, all threads together.
    fn worked(pid: u32) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The second field is the program's name, in brackets; it may have spaces in it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        ticks.sum::<f64>() * TICK
    }

    /// How a way of talking went.
    struct Run {
        tally: Tally,
        /// How many lines should have arrived, for all who hear them together.
        expected: u64,
        seconds: f64,
        /// How much of that the server's processor was at work for it.
        worked: f64,
        /// How many members the server has hung up on.
        lost: usize,
        /// 1 where it was given up: not everything has arrived in time.
        expired: u8,
    }

    /// What has arrived.
    #[derive(Clone, Copy, Default)]
    struct Tally {
        exact: u64,
        unlabelled: u64,
        broken: u64,
        disordered: u64,
        /// The server's own words.
        own: u64,
    }

    impl Tally {
        fn lines(&self) -> u64 {
            self.exact + self.unlabelled + self.broken + self.disordered
        }

        fn since(&self, before: &Tally) -> Tally {
            Tally {
                exact: self.exact - before.exact,
                unlabelled: self.unlabelled - before.unlabelled,
                broken: self.broken - before.broken,
                disordered: self.disordered - before.disordered,
                own: self.own - before.own,
            }
        }
    }

    /// The line that a speaker says: `03:00000017:.......`.
    fn line(speaker: usize, number: u64) -> Vec<u8> {
        format!("{speaker:02}:{number:08}:.......\n").into_bytes()
    }

    /// Whose line this is, and the how manieth.
    fn parse(tail: &[u8]) -> Option<(usize, u64)> {
        let text = std::str::from_utf8(tail).ok()?.strip_suffix(":.......\n")?;
        let (speaker, number) = text.split_once(':')?;
        Some((speaker.parse().ok()?, number.parse().ok()?))
    }

    /// What is to arrive next, with a label in front: counts on in decimal digits, in place.
    #[derive(Clone)]
    struct Expected {
        line: Vec<u8>,
        label: usize,
    }

    impl Expected {
        fn new(label: &[u8], speaker: usize, number: u64) -> Expected {
            Expected { line: [label, &line(speaker, number)].concat(), label: label.len() }
        }

        fn unlabelled(&self) -> &[u8] {
            &self.line[self.label..]
        }

        fn number(&self) -> u64 {
            parse(self.unlabelled()).map_or(0, |(_, number)| number)
        }

        fn count_on(&mut self) {
            for digit in self.line[self.label + 3..self.label + 11].iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    return;
                }
                *digit = b'0';
            }
        }
    }

    struct Member {
        stream: TcpStream,
        /// The beginning of a line whose end has not come.
        carried: Vec<u8>,
        /// What comes next from each of the speakers.
        expected: Vec<Expected>,
        /// Who was heard last: mostly that is who is heard next.
        last: usize,
        /// Anything has arrived at all.
        welcomed: bool,
        lost: bool,
        /// How many lines it has got, and how many it is to get.
        got: u64,
        due: u64,
        /// What it has still to say.
        speech: Option<Speech>,
    }

    struct Speech {
        next: Expected,
        more: u64,
        rendered: Vec<u8>,
        sent: usize,
    }

    impl Speech {
        /// The next lines, where those before are sent: as many as fit into one `send`.
        fn render(&mut self, send: usize) {
            if self.sent < self.rendered.len() {
                return;
            }
            self.rendered.clear();
            self.sent = 0;
            while self.more > 0 && (self.rendered.is_empty() || self.rendered.len() + LINE <= send)
            {
                self.rendered.extend_from_slice(&self.next.line);
                self.next.count_on();
                self.more -= 1;
            }
        }
    }

    struct Room {
        members: Vec<Member>,
        speakers: usize,
        /// How much they say with one `send`, in bytes.
        send: usize,
        /// What each of the speakers says next.
        said: Vec<u64>,
        epoll: OwnedFd,
        events: Vec<epoll::Event>,
        scratch: Vec<u8>,
        tally: Tally,
        /// How many members have not got all that is due to them.
        waited_for: usize,
        pid: Option<u32>,
    }

    const IN: epoll::EventFlags = epoll::EventFlags::IN;

    impl Room {
        /// Everybody joins, and the labels are learned.
        fn enter(args: &Args) -> Outcome<Room> {
            let mut room = Room {
                members: Vec::new(),
                speakers: args.speakers.clamp(1, args.members),
                send: args.send,
                said: vec![0; args.speakers.clamp(1, args.members)],
                epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
                events: Vec::with_capacity(args.members.max(64)),
                scratch: vec![0; RECV],
                tally: Tally::default(),
                waited_for: 0,
                pid: args.pid,
            };
            while room.members.len() < args.members {
                for _ in 0..CALLERS.min(args.members - room.members.len()) {
                    room.call(args.server)?;
                }
                room.until_welcomed()?;
            }
            for speaker in 0..room.speakers {
                room.learn_label(speaker)?;
            }
            room.tally = Tally::default();
            Ok(room)
        }

        fn call(&mut self, server: SocketAddr) -> Outcome<()> {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(self.members.len() as u64);
            epoll::add(&self.epoll, &stream, data, IN)?;
            self.members.push(Member {
                stream,
                carried: Vec::new(),
                expected: Vec::new(),
                last: 0,
                welcomed: false,
                lost: false,
                got: 0,
                due: 0,
                speech: None,
            });
            Ok(())
        }

        fn until_welcomed(&mut self) -> Outcome<()> {
            let patience = Instant::now() + PATIENCE;
            while !self.members.iter().all(|member| member.welcomed) {
                self.turn(None, patience)?;
                if let Some(lost) = self.members.iter().position(|member| member.lost) {
                    return Err(format!("the server has hung up on member {lost}").into());
                }
                if Instant::now() >= patience {
                    return Err("the server has not welcomed everybody".into());
                }
            }
            Ok(())
        }

        /// One speaks while the others are silent: what comes before its line is its label. As
        /// everybody was welcomed before, nothing of the joining comes behind it, but for
        /// announcements.
        fn learn_label(&mut self, speaker: usize) -> Outcome<()> {
            let said = line(speaker, self.said[speaker]);
            self.said[speaker] += 1;
            (&self.members[speaker].stream).write_all(&said)?;
            let patience = Instant::now() + PATIENCE;
            let mut label = Vec::new();
            for (number, member) in self.members.iter_mut().enumerate() {
                if number == speaker {
                    continue;
                }
                let mut arrived = std::mem::take(&mut member.carried);
                while !arrived.ends_with(&said) {
                    if Instant::now() >= patience {
                        return Err(format!("member {number} has not heard {speaker}").into());
                    }
                    match member.stream.read(&mut self.scratch) {
                        Ok(0) => return Err("the server has hung up".into()),
                        Ok(count) => arrived.extend_from_slice(&self.scratch[..count]),
                        Err(why) if why.kind() == ErrorKind::WouldBlock => {
                            std::thread::yield_now();
                        }
                        Err(why) => return Err(why.into()),
                    }
                }
                arrived.truncate(arrived.len() - LINE);
                let newline = arrived.iter().rposition(|&byte| byte == b'\n');
                label = arrived.split_off(newline.map_or(0, |at| at + 1));
            }
            for member in &mut self.members {
                member.expected.push(Expected::new(&label, speaker, 1));
            }
            Ok(())
        }

        /// Waits for something to arrive, and takes it all; true where the time is over.
        fn turn(
            &mut self,
            mut delays: Option<(&mut Vec<u64>, Instant)>,
            by: Instant,
        ) -> Outcome<()> {
            let left = by.saturating_duration_since(Instant::now());
            let limit = Timespec {
                tv_sec: left.as_secs().try_into()?,
                tv_nsec: left.subsec_nanos().into(),
            };
            self.events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&limit)) {
                Err(rustix::io::Errno::INTR) => return Ok(()),
                other => other?,
            };
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                let flags = event.flags;
                let number = event.data.u64() as usize;
                if flags.contains(epoll::EventFlags::OUT) {
                    self.speak(number)?;
                }
                if flags.intersects(IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    let got = self.hear(number)?;
                    if let Some((delays, since)) = &mut delays {
                        let delay = since.elapsed().as_nanos() as u64;
                        (0..got).for_each(|_| delays.push(delay));
                    }
                }
            }
            self.events = events;
            Ok(())
        }

        /// One `recv`; how many lines it brought.
        fn hear(&mut self, number: usize) -> Outcome<u64> {
            let member = &mut self.members[number];
            let carried = member.carried.len();
            self.scratch[..carried].copy_from_slice(&member.carried);
            let count = match member.stream.read(&mut self.scratch[carried..]) {
                Ok(count) if count > 0 => count,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(0),
                _ => {
                    epoll::delete(&self.epoll, &member.stream)?;
                    member.lost = true;
                    if member.got < member.due {
                        self.waited_for -= 1;
                    }
                    return Ok(0);
                }
            };
            member.welcomed = true;
            let before = self.tally.lines();
            let arrived = &self.scratch[..carried + count];
            let rest = match member.expected.is_empty() {
                // Nothing is said yet but who is there: a line may have to be remembered.
                true => arrived.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1),
                false => member.check(arrived, &mut self.tally),
            };
            member.carried.clear();
            member.carried.extend_from_slice(&arrived[rest..]);
            let got = self.tally.lines() - before;
            let was_waited_for = member.got < member.due;
            member.got += got;
            if was_waited_for && member.got >= member.due {
                self.waited_for -= 1;
            }
            Ok(got)
        }

        /// A few `send`s.
        fn speak(&mut self, number: usize) -> Outcome<()> {
            let member = &mut self.members[number];
            let Some(speech) = &mut member.speech else { return Ok(()) };
            for _ in 0..SENDS {
                speech.render(self.send);
                match member.stream.write(&speech.rendered[speech.sent..]) {
                    Ok(count) => speech.sent += count,
                    Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                    // It is lost, as its next `recv` tells.
                    Err(_) => (speech.more, speech.sent) = (0, speech.rendered.len()),
                }
                if speech.more == 0 && speech.sent == speech.rendered.len() {
                    member.speech = None;
                    let data = epoll::EventData::new_u64(number as u64);
                    epoll::modify(&self.epoll, &member.stream, data, IN)?;
                    break;
                }
            }
            Ok(())
        }

        /// So many lines are to come from each of these speakers.
        fn expect(&mut self, speakers: usize, lines: u64) -> u64 {
            self.waited_for = 0;
            let mut all = 0;
            for (number, member) in self.members.iter_mut().enumerate() {
                let own = usize::from(number < speakers);
                member.due = lines * (speakers - own) as u64;
                member.got = 0;
                all += member.due;
                if member.due > 0 && !member.lost {
                    self.waited_for += 1;
                }
            }
            all
        }

        fn worked(&self) -> f64 {
            self.pid.map_or(0.0, worked)
        }

        fn lost(&self) -> usize {
            self.members.iter().filter(|member| member.lost).count()
        }

        /// The members are given a line each time when they all have the one before.
        fn one_at_a_time(
            &mut self,
            seconds: Duration,
            deadline: Duration,
        ) -> Outcome<(Run, Vec<u64>)> {
            let mut delays = Vec::with_capacity(4_000_000);
            // The first tenth is not counted: everybody is to be awake.
            let mut begin = Instant::now();
            let warm = begin + seconds / 10;
            let (mut warming, mut expected, mut expired) = (true, 0, 0);
            let (mut before, mut worked) = (self.tally, self.worked());
            loop {
                let now = Instant::now();
                if warming && now >= warm {
                    (warming, begin, before, expected) = (false, now, self.tally, 0);
                    delays.clear();
                    worked = self.worked();
                }
                if now >= begin + seconds || expired > 0 {
                    break;
                }
                expected += self.expect(1, 1);
                let said = line(0, self.said[0]);
                self.said[0] += 1;
                let since = Instant::now();
                (&self.members[0].stream).write_all(&said)?;
                let by = since + deadline.min(PATIENCE);
                while self.waited_for > 0 {
                    self.turn(Some((&mut delays, since)), by)?;
                    if self.waited_for > 0 && Instant::now() >= by {
                        expired = 1;
                        break;
                    }
                }
            }
            let seconds = begin.elapsed().as_secs_f64();
            let worked = self.worked() - worked;
            let tally = self.tally.since(&before);
            Ok((Run { tally, expected, seconds, worked, lost: self.lost(), expired }, delays))
        }

        /// All speakers say what they have to, as fast as they can.
        fn in_bulk(&mut self, seconds: Duration, deadline: Duration) -> Outcome<Run> {
            let hearers = (self.speakers * (self.members.len() - 1)) as f64;
            // A few, some, and then the real thing: what is slow with a few may be fast with many.
            let mut lines = (50_000.0 / hearers).max(50.0);
            let mut run = self.speak_all(lines as u64, deadline)?;
            for part in [0.15, 1.0] {
                if run.expired > 0 {
                    break;
                }
                let rate = run.tally.lines() as f64 / run.seconds;
                // At most ten times the lines before, which may have been quick by accident.
                let wanted = rate * seconds.as_secs_f64() * part / hearers;
                lines = wanted.clamp(50.0, 5_000_000.0).min(lines * 100.0);
                run = self.speak_all(lines as u64, deadline)?;
            }
            Ok(run)
        }

        fn speak_all(&mut self, lines: u64, deadline: Duration) -> Outcome<Run> {
            let expected = self.expect(self.speakers, lines);
            let (before, worked) = (self.tally, self.worked());
            let begin = Instant::now();
            for speaker in 0..self.speakers {
                let member = &mut self.members[speaker];
                if member.lost {
                    continue;
                }
                let next = Expected::new(&[], speaker, self.said[speaker]);
                member.speech = Some(Speech { next, more: lines, rendered: Vec::new(), sent: 0 });
                self.said[speaker] += lines;
                let data = epoll::EventData::new_u64(speaker as u64);
                epoll::modify(&self.epoll, &member.stream, data, IN | epoll::EventFlags::OUT)?;
            }
            let (mut expired, mut progress) = (0, (begin, before.lines()));
            while self.waited_for > 0 {
                self.turn(None, progress.0 + PATIENCE)?;
                let now = Instant::now();
                if self.tally.lines() != progress.1 {
                    progress = (now, self.tally.lines());
                }
                if now >= progress.0 + PATIENCE || now >= begin + deadline {
                    expired = 1;
                    break;
                }
            }
            let seconds = begin.elapsed().as_secs_f64();
            let worked = self.worked() - worked;
            let tally = self.tally.since(&before);
            Ok(Run { tally, expected, seconds, worked, lost: self.lost(), expired })
        }
    }

    impl Member {
        /// Looks at every whole line, and gives back where the one begins that has no end yet.
        fn check(&mut self, arrived: &[u8], tally: &mut Tally) -> usize {
            let mut at = 0;
            'lines: loop {
                let rest = &arrived[at..];
                for speaker in (self.last..self.expected.len()).chain(0..self.last) {
                    let expected = &mut self.expected[speaker];
                    let exact = rest.starts_with(&expected.line);
                    if exact || rest.starts_with(expected.unlabelled()) {
                        at += if exact { expected.line.len() } else { LINE };
                        *if exact { &mut tally.exact } else { &mut tally.unlabelled } += 1;
                        expected.count_on();
                        self.last = speaker;
                        continue 'lines;
                    }
                }
                let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return at };
                self.puzzle(&rest[..=end], tally);
                at += end + 1;
            }
        }

        /// A line that is not what should come next.
        fn puzzle(&mut self, line: &[u8], tally: &mut Tally) {
            if line.starts_with(b"* ") || line.starts_with(b"<announce>") {
                tally.own += 1;
                return;
            }
            let (label, tail) = line.split_at(line.len().saturating_sub(LINE));
            let whose = parse(tail).filter(|&(speaker, _)| speaker < self.expected.len());
            let Some((speaker, number)) = whose else {
                tally.broken += 1;
                return;
            };
            let expected = &mut self.expected[speaker];
            let known = label.is_empty() || *label == expected.line[..expected.label];
            *if known { &mut tally.disordered } else { &mut tally.broken } += 1;
            if number >= expected.number() {
                let label = expected.line[..expected.label].to_vec();
                *expected = Expected::new(&label, speaker, number + 1);
            }
        }
    }
}
