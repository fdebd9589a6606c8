//! A conversation between two programs, timed: the load for `scripts/bench talk`.
//!
//! ```text
//! talk_load WAY --port PORT [--megabytes N] [--count N] [--random] -- LISTENER ... -- CALLER ...
//! ```
//!
//! It starts the listener, waits until the system has the listening socket, starts the caller, and
//! plays what is at the other end of their four pipes: it feeds both of them, and looks at every byte
//! that comes out. Nothing is measured before a line has gone each way. The ways:
//!
//! - `one-way`: the caller is fed, and the listener gives it out;
//! - `both-ways`: both at once;
//! - `round-trip`: a line of 20 bytes to the caller, out of the listener, back into the listener, and
//!   out of the caller, again and again;
//! - `lines`: the caller is fed lines, each with a `write` of its own;
//! - `listener-ends`, `caller-ends`: that side's input ends first, and then the other's begins. What of
//!   it comes out? (Once it has ended nothing is fed any more, and it is seen whether both programs end.)
//! - `start`: how long from a program's start until its first line is out at the other end of a
//!   connection that this program has, listening and calling.
//!
//! It prints a line of `key=value`. CPU seconds, switches of context and memory are the system's own
//! figures for each process, read before the conversation ends; the kernel counts the time of its
//! network code where it happens to run, so that only the sum of all three is to be trusted.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this looks into /proc, and so works on Linux only");
    std::process::exit(1);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::fs::{read_dir, read_to_string};
    use std::io::{self, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use clap::Parser;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// What is fed at once, and asked for at once: as much as a pipe holds.
    const BLOCK: usize = 64 * 1024;

    /// What is fed repeats itself after so many bytes: a prime, so that no block of the usual sizes can be
    /// lost or come twice without being noticed.
    const PERIOD: usize = 1_048_583;

    /// A line of the ways that count lines, with its newline.
    const LINE: usize = 20;

    /// A program that gives nothing for so long is taken to have come to a stop.
    const PATIENCE: Duration = Duration::from_secs(10);

    type Outcome<T = ()> = Result<T, Box<dyn Error>>;

    #[derive(Parser)]
    struct Args {
        way: String,
        /// Where the listener will listen, and the caller call, on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// How much is fed in each direction.
        #[arg(long, default_value_t = 200)]
        megabytes: usize,
        /// How many lines there are, or round trips.
        #[arg(long, default_value_t = 20_000)]
        count: usize,
        /// Random bytes, in place of lines of text.
        #[arg(long)]
        random: bool,
        /// The two commands, with `--` between them.
        #[arg(last = true)]
        commands: Vec<String>,
    }

    pub fn main() -> Outcome {
        let args = Args::parse();
        let mut commands = args.commands.split(|word| word == "--");
        let (Some(listener), Some(caller)) = (commands.next(), commands.next()) else {
            return Err("two commands are wanted, with -- between them".into());
        };
        if args.way == "start" {
            return start(&args, listener, caller);
        }
        let mut talk = Talk::begin(args.port, listener, caller)?;
        let payload: Arc<[u8]> = payload(args.random).into();
        // Whole rounds: what is fed ends with a line.
        let bytes = (args.megabytes * 1_000_000).next_multiple_of(PERIOD);
        let before = talk.looks();
        let began = Instant::now();
        match &*args.way {
            "one-way" => {
                talk.carry(&payload, bytes, 0)?;
                report_bytes(bytes, began.elapsed());
            }
            "both-ways" => {
                talk.carry(&payload, bytes, bytes)?;
                report_bytes(2 * bytes, began.elapsed());
            }
            "round-trip" => report_delays(&mut talk.round_trips(args.count)?),
            "lines" => {
                talk.lines(args.count)?;
                let seconds = began.elapsed().as_secs_f64();
                print!("lines_per_s={:.0} ", args.count as f64 / seconds);
            }
            "listener-ends" => return talk.one_ends(payload, bytes, true),
            "caller-ends" => return talk.one_ends(payload, bytes, false),
            other => return Err(format!("there is no way {other}").into()),
        }
        let seconds = began.elapsed().as_secs_f64();
        let after = talk.looks();
        for (side, (before, after)) in ["listener", "caller"].iter().zip(before.iter().zip(&after))
        {
            print!(
                "{side}_cpu_s={:.4} {side}_switches={} {side}_peak_kib={} ",
                after.cpu - before.cpu,
                after.switches - before.switches,
                after.peak_kib,
            );
        }
        println!("seconds={seconds:.4} {}", talk.end()?);
        Ok(())
    }

    fn report_bytes(bytes: usize, took: Duration) {
        print!("mb_per_s={:.1} ", bytes as f64 / 1e6 / took.as_secs_f64());
    }

    fn report_delays(delays: &mut [Duration]) {
        delays.sort();
        let at = |share: f64| {
            delays[((delays.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3
        };
        print!("p50_us={:.1} p99_us={:.1} max_us={:.1} ", at(0.5), at(0.99), at(1.0));
    }

    /// What is fed, once round. Lines of text of 1 to 100 bytes, some of it not ASCII; or anything.
    fn payload(random: bool) -> Vec<u8> {
        const WORDS: [&str; 8] =
            ["so", "gehört", "hello", "café", "你好", "thread", "a", "blocking"];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut bytes = Vec::with_capacity(PERIOD + 128);
        while bytes.len() < PERIOD - 128 {
            match next() {
                number if random => bytes.extend_from_slice(&number.to_le_bytes()),
                number if number % 10 == 0 => bytes.push(b'\n'),
                number => {
                    bytes
                        .extend_from_slice(WORDS[(number >> 32) as usize % WORDS.len()].as_bytes());
                    bytes.push(b' ');
                }
            }
        }
        bytes.resize(PERIOD - 1, b'.');
        bytes.push(b'\n');
        bytes
    }

    /// What the system says of a process.
    struct Look {
        cpu: f64,
        switches: u64,
        peak_kib: u64,
    }

    impl Look {
        /// Threads that have ended are not counted: none does before the end.
        fn at(pid: u32) -> Look {
            let mut look = Look { cpu: 0.0, switches: 0, peak_kib: 0 };
            for task in read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let read = |name| read_to_string(task.path().join(name)).unwrap_or_default();
                let ran: f64 =
                    read("schedstat").split(' ').next().unwrap_or("").parse().unwrap_or(0.0);
                look.cpu += ran / 1e9;
                let status = read("status");
                let value = |key: &str| -> u64 {
                    let line = status.lines().find_map(|line| line.strip_prefix(key));
                    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
                };
                look.switches += value("voluntary_ctxt_switches:");
                look.peak_kib = value("VmHWM:");
            }
            look
        }
    }

    /// A program with a pipe to its stdin, and one from its stdout.
    struct Side {
        child: Child,
        stdin: Option<ChildStdin>,
        stdout: ChildStdout,
    }

    impl Side {
        fn start(command: &[String]) -> Outcome<Side> {
            let (name, words) = command.split_first().ok_or("a command is empty")?;
            let mut child = Command::new(name)
                .args(words)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?;
            let stdin = child.stdin.take();
            let stdout = child.stdout.take().ok_or("no stdout")?;
            Ok(Side { child, stdin, stdout })
        }

        fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(bytes))
        }

        /// Until everything has come, or nothing comes any more.
        fn end(mut self, until: Instant) -> io::Result<(Vec<u8>, String)> {
            drop(self.stdin.take());
            let mut left = Vec::new();
            let ended = loop {
                match self.child.try_wait()? {
                    Some(status) => {
                        break status.code().map_or("signal".into(), |code| code.to_string());
                    }
                    None if Instant::now() > until => {
                        self.child.kill()?;
                        self.child.wait()?;
                        break "never".into();
                    }
                    None => thread::sleep(Duration::from_millis(2)),
                }
            };
            self.stdout.read_to_end(&mut left)?;
            Ok((left, ended))
        }
    }

    impl Drop for Side {
        fn drop(&mut self) {
            // One that has ended already is not there to be killed.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    struct Talk {
        listener: Side,
        caller: Side,
    }

    impl Talk {
        /// Both run, and a line has gone each way.
        fn begin(port: u16, listener: &[String], caller: &[String]) -> Outcome<Talk> {
            let listener = Side::start(listener)?;
            wait_for_listener(port)?;
            let mut talk = Talk { listener, caller: Side::start(caller)? };
            talk.round_trips(1)?;
            Ok(talk)
        }

        fn looks(&self) -> [Look; 2] {
            [Look::at(self.listener.child.id()), Look::at(self.caller.child.id())]
        }

        /// So many bytes from the caller to the listener, and so many the other way.
        fn carry(&mut self, payload: &[u8], there: usize, back: usize) -> Outcome {
            let Talk { listener, caller } = self;
            thread::scope(|scope| {
                let feeders = [
                    scope.spawn(|| feed(caller.stdin.as_mut(), payload, there)),
                    scope.spawn(|| feed(listener.stdin.as_mut(), payload, back)),
                ];
                let heard = scope.spawn(|| hear(&mut caller.stdout, payload, back));
                let count = hear(&mut listener.stdout, payload, there)?;
                let count_back = heard.join().map_err(|_| "a thread panicked")??;
                for feeder in feeders {
                    feeder.join().map_err(|_| "a thread panicked")??;
                }
                match count == there && count_back == back {
                    true => Ok(()),
                    false => {
                        Err(format!("{count} of {there} bytes came, and {count_back} of {back}")
                            .into())
                    }
                }
            })
        }

        fn round_trips(&mut self, count: usize) -> Outcome<Vec<Duration>> {
            let mut delays = Vec::with_capacity(count);
            let mut line = [0; LINE];
            for number in 0..count {
                let said = line_number(number);
                let began = Instant::now();
                self.caller.say(&said)?;
                self.listener.stdout.read_exact(&mut line)?;
                self.listener.say(&line)?;
                self.caller.stdout.read_exact(&mut line)?;
                delays.push(began.elapsed());
                if line != said {
                    return Err(format!("line {number} came back as another").into());
                }
            }
            Ok(delays)
        }

        fn lines(&mut self, count: usize) -> Outcome {
            let Talk { listener, caller } = self;
            thread::scope(|scope| {
                let feeder = scope
                    .spawn(|| (0..count).try_for_each(|number| caller.say(&line_number(number))));
                let (mut heard, mut next) = (vec![0; BLOCK], 0);
                let mut rest = 0;
                while next < count {
                    match listener.stdout.read(&mut heard[rest..])? {
                        0 => return Err(format!("{next} of {count} lines came").into()),
                        more => rest += more,
                    }
                    let whole = rest - rest % LINE;
                    for line in heard[..whole].chunks(LINE) {
                        if line != line_number(next) {
                            return Err(format!("line {next} came as another").into());
                        }
                        next += 1;
                    }
                    heard.copy_within(whole..rest, 0);
                    rest -= whole;
                }
                Ok(feeder.join().map_err(|_| "a thread panicked")??)
            })
        }

        /// One side's input ends, and then the other is fed; tells how much of it came out.
        fn one_ends(mut self, payload: Arc<[u8]>, bytes: usize, listener: bool) -> Outcome {
            let (first, other) = match listener {
                true => (&mut self.listener, &mut self.caller),
                false => (&mut self.caller, &mut self.listener),
            };
            drop(first.stdin.take());
            let mut stdin = other.stdin.take();
            let fed = Arc::clone(&payload);
            // Never joined: one that has gone takes no more, and one that has stopped never does.
            thread::spawn(move || feed(stdin.as_mut(), &fed, bytes));
            let came = hear(&mut first.stdout, &payload, bytes)?;
            println!("came={came} of={bytes} {}", self.end()?);
            Ok(())
        }

        /// Both inputs end. Nothing more may come, and both should be gone soon.
        fn end(self) -> Outcome<String> {
            let until = Instant::now() + PATIENCE;
            // The listener's input too, before anybody is waited for.
            let Talk { mut listener, caller } = self;
            drop(listener.stdin.take());
            let (more, caller) = caller.end(until)?;
            let (more_still, listener) = listener.end(until)?;
            let more = more.len() + more_still.len();
            Ok(format!("listener_exit={listener} caller_exit={caller} more={more}"))
        }
    }

    fn line_number(number: usize) -> [u8; LINE] {
        let mut line = [b'.'; LINE];
        let digits = number.to_string();
        line[..digits.len()].copy_from_slice(digits.as_bytes());
        line[LINE - 1] = b'\n';
        line
    }

    fn feed(stdin: Option<&mut ChildStdin>, payload: &[u8], bytes: usize) -> io::Result<()> {
        let Some(stdin) = stdin else { return Ok(()) };
        let mut said = 0;
        while said < bytes {
            let from = said % payload.len();
            let block = &payload[from..payload.len().min(from + BLOCK.min(bytes - said))];
            stdin.write_all(block)?;
            said += block.len();
        }
        Ok(())
    }

    /// How much came, as far as it was what was fed. A program that has come to a stop is left: what it
    /// would have given later is lost.
    fn hear(stdout: &mut ChildStdout, payload: &[u8], bytes: usize) -> Result<usize, String> {
        let (mut block, mut heard) = (vec![0; BLOCK], 0);
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        while heard < bytes {
            let mut ready = [PollFd::new(stdout, PollFlags::IN)];
            if poll(&mut ready, Some(&patience)).map_err(|error| error.to_string())? == 0 {
                break;
            }
            let count = stdout.read(&mut block).map_err(|error| error.to_string())?;
            if count == 0 {
                break;
            }
            let mut arrived = &block[..count];
            while !arrived.is_empty() {
                let from = heard % payload.len();
                let piece = arrived.len().min(payload.len() - from);
                if heard + piece > bytes || arrived[..piece] != payload[from..from + piece] {
                    return Err(format!(
                        "what came out is another from byte {heard} on, or soon after"
                    ));
                }
                heard += piece;
                arrived = &arrived[piece..];
            }
        }
        Ok(heard)
    }

    /// Looks into the system's own table: to call would be a conversation.
    fn wait_for_listener(port: u16) -> Outcome {
        let until = Instant::now() + PATIENCE;
        let of_port = format!(":{port:04X} ");
        while Instant::now() < until {
            for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
                let table = read_to_string(table).unwrap_or_default();
                let listens = |line: &str| {
                    let mut words = line.split_whitespace();
                    let address = words.nth(1).unwrap_or_default();
                    format!("{address} ").contains(&of_port) && words.nth(1) == Some("0A")
                };
                if table.lines().any(listens) {
                    return Ok(());
                }
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("nobody listens on port {port}").into())
    }

    /// Each program by itself, with this one at the other end of its connection.
    fn start(args: &Args, listener: &[String], caller: &[String]) -> Outcome {
        let address = (Ipv4Addr::LOCALHOST, args.port);
        let said = line_number(0);
        let mut line = [0; LINE];

        // A pipe takes the line at once: it is there before the program has been loaded.
        let began = Instant::now();
        let mut side = Side::start(listener)?;
        side.say(&said)?;
        let mut friend = loop {
            match TcpStream::connect(address) {
                Ok(friend) => break friend,
                Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_micros(200)),
                Err(error) => return Err(error.into()),
            }
        };
        friend.read_exact(&mut line)?;
        let listening = began.elapsed();
        drop((side, friend));

        let port = TcpListener::bind(address)?;
        let began = Instant::now();
        let mut side = Side::start(caller)?;
        side.say(&said)?;
        let mut friend = port.accept()?.0;
        friend.read_exact(&mut line)?;
        let calling = began.elapsed();
        drop(side);

        if line != said {
            return Err("the first line came out as another".into());
        }
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!("listen_ms={:.2} connect_ms={:.2}", ms(listening), ms(calling));
        Ok(())
    }
}
