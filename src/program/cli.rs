//! The command line: its words, its help, and what each word may be.
//!
//! A bad word is a usage error (exit 2) that says what would be right; nothing is wrapped round
//! or guessed.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{
    ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind,
};
use clap_mangen::Man;

use crate::net::place::{Family, Place};
use crate::platform;
use crate::text::command::{HELP, HELP_OF_A_HOST};
use crate::text::name::Name;
use crate::wire::messages::Wire;

/// The port of the original programs.
pub const DEFAULT_PORT: u16 = 9999;

const EXAMPLES: &str = "\
Examples:
  threadchat listen                       wait for a friend on port 9999
  threadchat connect 192.168.1.5          call the friend who waits there
  threadchat connect --wait 192.168.1.5   the same, before the friend is there
  threadchat listen --room                open a room: many may call
  threadchat listen > copy                receive a file ...
  threadchat connect 192.168.1.5 < file   ... and send it, from another computer

Ctrl-D ends what you say, Ctrl-C leaves. The line is not encrypted.";

const EXIT_CODES: &str = "\
0    the conversation ended as people end conversations
1    it could not start, or it broke
2    the command line is wrong
130  interrupted before a conversation, or by a second signal";

const LISTEN_EXAMPLES: &str = "\
Examples:
  threadchat listen                    port 9999, every address of this computer
  threadchat listen 8000               another port
  threadchat listen 192.168.1.5:9999   on one address only
  threadchat listen 0                  on any free port; the first line tells which
  threadchat listen --keep             when a friend has left, wait for the next
  threadchat listen --room             many may call, and everyone hears everyone
  threadchat listen > copy             write what arrives into a file, byte for byte

The friend may use `nc`, `ncat`, `socat` or `telnet` as well, also in a room.";

const PICTURE_EXAMPLES: &str = "\
Examples:
  threadchat picture leta.json -o talk.html              what one side recorded
  threadchat picture leta.json susan.json -o talk.html   both sides, with arrows between them

A side is recorded with --trace: threadchat listen --trace leta.json

The page is a single file that needs no network. It has a lane for each thread, and steps
through what happened with the arrow keys. Where the clocks of two computers differ, it shifts
one of them, as the messages tell, and says by how much.";

const CONNECT_EXAMPLES: &str = "\
Examples:
  threadchat connect 192.168.1.5           port 9999
  threadchat connect 192.168.1.5:8000      another port; `192.168.1.5 8000` does too
  threadchat connect [fe80::1%eth0]:8000   IPv6 wants brackets where a port follows
  threadchat connect --wait=60 my-friend   call again until somebody answers
  threadchat connect my-friend < file      send a file, byte for byte

The friend may use `nc`, `ncat`, `socat` or `telnet` as well.";

/// A chat for two computers, or for a room of them.
///
/// One listens, the other connects; then what one types is on the other's screen the moment
/// Enter is pressed. Where stdin or stdout is a pipe or a file, bytes go through untouched.
#[derive(Debug, Parser)]
#[command(name = "threadchat", version, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Meet somebody.
    #[command(flatten)]
    Meet(Meet),
    /// Draw a recorded conversation as a page that a browser shows
    #[command(after_help = PICTURE_EXAMPLES, override_usage = "threadchat picture TRACE... -o FILE")]
    Picture(Picture),
    /// Write a completion script for a shell to stdout
    ///
    /// For bash: threadchat completions bash > ~/.local/share/bash-completion/completions/threadchat
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to stdout
    ///
    /// To read it at once: threadchat man | man -l -
    Man,
}

/// The two ways to meet. Once connected they are the same.
#[derive(Debug, Subcommand)]
pub enum Meet {
    /// Wait for a friend to call
    #[command(after_help = LISTEN_EXAMPLES, override_usage = "threadchat listen [OPTIONS] [[HOST:]PORT]")]
    Listen(Listen),
    /// Call a friend who is listening
    #[command(after_help = CONNECT_EXAMPLES, override_usage = "threadchat connect [OPTIONS] HOST[:PORT]")]
    Connect(Connect),
}

/// `threadchat listen`
#[derive(Debug, Args)]
pub struct Listen {
    /// Where to listen: a port, or HOST:PORT for one address of this computer only
    #[arg(value_name = "[HOST:]PORT")]
    place: Option<String>,

    /// The port, where the first word is a host alone
    #[arg(value_name = "PORT", hide_short_help = true)]
    port: Option<String>,

    /// Open a room: any number may call, and everyone hears everyone
    ///
    /// Members join with connect, nc, telnet or ncat. Your own keyboard and screen are a member
    /// too, called "host" unless --name says otherwise. The room is open until Ctrl-C.
    #[arg(long, conflicts_with = "keep")]
    pub room: bool,

    /// How many members a room has at most, yourself not counted
    #[arg(long, value_name = "N", default_value_t = 100, requires = "room",
          value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub max_members: u32,

    /// When a conversation is over, wait for the next friend
    ///
    /// It listens again on the same port until Ctrl-C. stdin has to be a terminal, or
    /// --recv-only has to be given: piped input could only go to the first friend.
    #[arg(long)]
    pub keep: bool,

    /// What both verbs have.
    #[command(flatten)]
    pub common: Common,
}

/// `threadchat connect`
#[derive(Debug, Args)]
pub struct Connect {
    /// Whom to call: a name or an address; the port is 9999 unless given
    #[arg(value_name = "HOST[:PORT]")]
    place: String,

    /// The port, where the first word is a host alone
    #[arg(value_name = "PORT", hide_short_help = true)]
    port: Option<String>,

    /// Call again once a second until somebody answers, or until SECONDS have passed
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = seconds)]
    wait: Option<Option<Duration>>,

    /// How long to look for the friend and to wait for an answer, in all
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,

    /// What both verbs have.
    #[command(flatten)]
    pub common: Common,
}

/// Options of both verbs.
#[derive(Debug, Args)]
pub struct Common {
    /// How messages stand on the line; both sides have to use the same
    #[arg(long, value_enum, default_value_t = Wire::Lines, value_name = "WIRE")]
    pub wire: Wire,

    /// What you are called; the friend is told, as by typing "/name NAME"
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<Name>,

    /// Do not edit lines here: leave typing to the terminal's own line mode
    #[arg(long)]
    pub plain: bool,

    /// Show the time at which each message was received
    #[arg(long)]
    pub time: bool,

    /// Append what both say to FILE, with date, time and speaker
    #[arg(long, value_name = "FILE")]
    pub transcript: Option<PathBuf>,

    /// Whether speakers have colours: always, never, or at a terminal unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,

    /// Only receive: stdin is never read
    #[arg(long)]
    pub recv_only: bool,

    /// How many bytes to ask the network for at a time, from 1 to 1048576
    #[arg(long, value_name = "BYTES", default_value_t = 65_536,
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub recv_buffer: u32,

    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,

    /// Use IPv6 only
    #[arg(short = '6')]
    v6: bool,

    /// Tell on stderr what each thread does, step by step
    #[arg(long)]
    pub explain: bool,

    /// Record what each thread does into FILE, for Perfetto and for "threadchat picture"
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Tell nothing but errors on stderr
    #[arg(short, long)]
    pub quiet: bool,

    /// All the options that were given, to be given again in a command that is proposed.
    #[arg(skip)]
    pub options: String,
}

/// `threadchat picture`
#[derive(Debug, Args)]
pub struct Picture {
    /// The files that --trace recorded: one side's, both sides', or those of a whole room
    #[arg(value_name = "TRACE", required = true)]
    pub traces: Vec<PathBuf>,

    /// The page to write; - is stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// At a terminal that has colours, unless the environment sets NO_COLOR
    Auto,
    /// At every terminal
    Always,
    /// Nowhere
    Never,
}

impl Colour {
    /// Whether labels are to be coloured on a terminal. See <https://no-color.org>.
    pub fn is_wanted(self) -> bool {
        let set = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        // Asked in any case: it is also what makes a console obey.
        let knows_escapes = platform::knows_escapes();
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !set("NO_COLOR") && knows_escapes,
        }
    }
}

impl Cli {
    /// What these words ask for; the first is the program's own name.
    ///
    /// # Errors
    /// A usage error, or a page of help.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        if let Some(number) = apart_from_wait(&words) {
            let why = format!(
                "--wait takes its seconds with an equals sign: --wait={number} \
                 (if {number} is the port, put it before --wait)"
            );
            return Err(usage_error("connect", &why));
        }
        let mut matches = Cli::command().try_get_matches_from(words)?;
        let options = matches.subcommand().map(|(verb, given)| options(verb, given));
        let mut cli = Cli::from_arg_matches_mut(&mut matches)
            .map_err(|error| error.format(&mut Cli::command()))?;
        if let Verb::Meet(meet) = &mut cli.verb {
            meet.common_mut().options = options.unwrap_or_default();
        }
        Ok(cli)
    }
}

impl Common {
    /// What `-4` and `-6` say.
    pub fn family(&self) -> Family {
        match (self.v4, self.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

impl Meet {
    /// What both verbs have.
    pub fn common(&self) -> &Common {
        match self {
            Meet::Listen(listen) => &listen.common,
            Meet::Connect(connect) => &connect.common,
        }
    }

    fn common_mut(&mut self) -> &mut Common {
        match self {
            Meet::Listen(listen) => &mut listen.common,
            Meet::Connect(connect) => &mut connect.common,
        }
    }

    /// The verb and the place, as they might have been typed.
    pub fn in_words(&self, place: &Place) -> String {
        let (verb, more) = match self {
            Meet::Listen(Listen { room: true, .. }) => ("listen", " --room"),
            Meet::Listen(_) => ("listen", ""),
            Meet::Connect(_) => ("connect", ""),
        };
        match &place.host {
            Some(_) => format!("{verb} {place}{more}"),
            None => format!("{verb} {}{more}", place.port),
        }
    }

    /// Whether to go on after the first conversation.
    pub fn keep(&self) -> bool {
        matches!(self, Meet::Listen(Listen { keep: true, .. }))
    }

    /// Whether to host a room, and for how many members at most.
    pub fn room(&self) -> Option<usize> {
        match self {
            Meet::Listen(Listen { room: true, max_members, .. }) => Some(*max_members as usize),
            _ => None,
        }
    }

    /// Whether to call again, and for how long at most.
    pub fn wait(&self) -> Option<Option<Duration>> {
        match self {
            Meet::Listen(_) => None,
            Meet::Connect(connect) => connect.wait,
        }
    }

    /// Where to listen, or whom to call.
    ///
    /// # Errors
    /// A usage error.
    pub fn place(&self) -> Result<Place, clap::Error> {
        let place = match self {
            Meet::Listen(Listen { place, port, .. }) => {
                listening_place(place.as_deref(), port.as_deref())
            }
            Meet::Connect(Connect { place, port, .. }) => calling_place(place, port.as_deref()),
        };
        place.map_err(|why| usage_error(self.verb(), &why))
    }

    fn verb(&self) -> &'static str {
        match self {
            Meet::Listen(_) => "listen",
            Meet::Connect(_) => "connect",
        }
    }

    /// Checks what no single option can know.
    ///
    /// # Errors
    /// A usage error.
    pub fn check(&self) -> Result<(), clap::Error> {
        if self.keep() && !self.common().recv_only && !std::io::stdin().is_terminal() {
            let why = "--keep needs a terminal as stdin, or --recv-only: \
                       piped input could only go to the first friend";
            return Err(usage_error("listen", why));
        }
        if let Some(name) = &self.common().name
            && self.room().is_some()
            && name.is_taken_in_room()
            && *name != Name::host()
        {
            return Err(usage_error("listen", &format!("nobody can be called {name} in a room")));
        }
        let Common { trace, transcript, .. } = self.common();
        if trace.is_some() && trace == transcript {
            let why =
                "--trace and --transcript cannot have the same file: one would overwrite the other";
            return Err(usage_error(self.verb(), why));
        }
        Ok(())
    }
}

/// Writes the completion script for a shell.
///
/// # Errors
/// Those of `to`.
pub fn write_completions(shell: clap_complete::Shell, to: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "threadchat", &mut script);
    to.write_all(&script)
}

/// Writes the manual page: one for all verbs, with a section for each.
///
/// # Errors
/// Those of `to`.
pub fn write_manual(to: &mut impl Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let manual = Man::new(command.clone());
    manual.render_title(to)?;
    manual.render_name_section(to)?;
    let verbs = || command.get_subcommands().cloned();
    let usages: Vec<String> = verbs()
        .map(|mut verb| verb.render_usage().to_string().replacen("Usage: ", "", 1))
        .collect();
    write_as_it_is("SYNOPSIS", usages.iter().map(String::as_str), to)?;
    manual.render_description_section(to)?;
    for verb in verbs() {
        let mut options = Vec::new();
        Man::new(verb.clone()).render_options_section(&mut options)?;
        let title = format!(".SH {}", verb.get_name().to_uppercase());
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let options = String::from_utf8_lossy(&options);
        to.write_all(options.replacen(".SH OPTIONS", &format!("{title}\n{about}"), 1).as_bytes())?;
    }
    write_as_it_is("AT THE KEYBOARD", HELP, to)?;
    write_as_it_is("AT THE KEYBOARD OF A ROOM'S HOST", HELP_OF_A_HOST, to)?;
    write_as_it_is("EXIT STATUS", EXIT_CODES.lines(), to)?;
    write_as_it_is("EXAMPLES", EXAMPLES.lines().skip(1), to)?;
    manual.render_version_section(to)
}

/// A section of the manual whose lines are not to be filled.
fn write_as_it_is<'a>(
    title: &str,
    lines: impl IntoIterator<Item = &'a str>,
    to: &mut impl Write,
) -> io::Result<()> {
    writeln!(to, ".SH {title}\n.nf")?;
    for line in lines {
        // A bare hyphen may become another sign, and a dot at the beginning is a request.
        writeln!(to, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(to, ".fi")
}

/// An error as clap's own are: with the usage of the verb, and exit code 2.
fn usage_error(verb: &str, why: &str) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    match command.find_subcommand_mut(verb) {
        Some(verb) => verb.error(ErrorKind::ValueValidation, why),
        None => command.error(ErrorKind::ValueValidation, why),
    }
}

/// The number in `connect --wait 5 HOST`, which would be taken for a host, or for the port.
fn apart_from_wait(words: &[OsString]) -> Option<&str> {
    if words.get(1)? != "connect" {
        return None;
    }
    let number = words.windows(2).find(|pair| pair[0] == "--wait")?[1].to_str()?;
    seconds(number).ok().map(|_| number)
}

/// The options that were given to a verb, as they could be typed again.
fn options(verb: &str, given: &ArgMatches) -> String {
    let mut command = Cli::command();
    command.build();
    let Some(command) = command.find_subcommand(verb) else { return String::new() };
    let mut line = String::new();
    for option in command.get_arguments().filter(|option| !option.is_positional()) {
        let id = option.get_id().as_str();
        if given.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let name = match (option.get_long(), option.get_short()) {
            (Some(long), _) => format!(" --{long}"),
            (None, Some(short)) => format!(" -{short}"),
            (None, None) => continue,
        };
        line.push_str(&name);
        if option.get_action().takes_values() {
            for value in given.get_raw(id).into_iter().flatten() {
                line.push(if option.is_require_equals_set() { '=' } else { ' ' });
                line.push_str(&quoted(&value.to_string_lossy()));
            }
        }
    }
    line
}

/// A word as a shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |character: char| character.is_alphanumeric() || "-_./:=,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

fn listening_place(word: Option<&str>, port: Option<&str>) -> Result<Place, String> {
    let Some(word) = word else { return Ok(Place { host: None, port: DEFAULT_PORT }) };
    match host_and_port("listen", word, port)? {
        (host, Some(port)) => {
            // Every address of this computer, as without a host: of IPv4 and of IPv6.
            let every = host.parse() == Ok(Ipv6Addr::UNSPECIFIED);
            Ok(Place { host: (!every).then_some(host), port: number(port, 0)? })
        }
        // A lone word is the port; to take it for a host would be a guess.
        (host, None) if host.contains(':') => {
            Err(format!("{host} needs brackets and a port: listen [{host}]:{DEFAULT_PORT}"))
        }
        (host, None) if host.parse() == Ok(Ipv4Addr::UNSPECIFIED) => Err(format!(
            "{host} is an address, not a port; to listen on every IPv4 address: \
             listen {host}:{DEFAULT_PORT}; on every address: listen {DEFAULT_PORT}"
        )),
        (host, None)
            if host.starts_with(char::is_alphabetic) || host.parse::<Ipv4Addr>().is_ok() =>
        {
            Err(format!(
                "{host:?} is not a port; to listen on one address: listen {host}:{DEFAULT_PORT}"
            ))
        }
        (word, None) => Ok(Place { host: None, port: number(&word, 0)? }),
    }
}

fn calling_place(word: &str, port: Option<&str>) -> Result<Place, String> {
    let (host, port) = host_and_port("connect", word, port)?;
    let port = port.map_or(Ok(DEFAULT_PORT), |port| number(port, 1))?;
    Ok(Place { host: Some(host), port })
}

/// The host and the port, in one word or in two. What is neither is told what was probably meant,
/// but not taken for that.
fn host_and_port<'a>(
    verb: &str,
    word: &'a str,
    second: Option<&'a str>,
) -> Result<(String, Option<&'a str>), String> {
    let bare = bare(word);
    if bare != word {
        return Err(match bare {
            "" => format!("{word:?} is neither a host nor a port"),
            bare => format!(
                "{word:?} is more than a host and a port; the same without the rest: {verb} {bare}"
            ),
        });
    }
    // An interface's name may have one, as on Windows.
    if word.split('%').next().is_some_and(|host| host.contains(char::is_whitespace)) {
        return Err(format!(
            "{word:?} has a space in it: a host has none, and a port is a word apart"
        ));
    }
    if let Some(port) = word.strip_prefix(':')
        && !port.contains(':')
    {
        return Err(match verb {
            "listen" => format!("{word} lacks its host; to listen on every address: listen {port}"),
            _ => format!("{word} lacks its host: {verb} HOST{word}"),
        });
    }
    let (host, port) = split_port(word)?;
    let place = |port| Place { host: Some(host.clone()), port }.to_string();
    match (port, second) {
        (Some(""), _) => {
            let port = second.and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_PORT);
            return Err(format!("{word} lacks its port after the colon: {verb} {}", place(port)));
        }
        (Some(_), Some(second)) => {
            return Err(format!(
                "the port is there twice: {word} has one, and then comes {second}; \
                 leave one out: {verb} {word}"
            ));
        }
        _ => {}
    }
    let port = port.or(second);
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match port {
        // A number alone is never a host, though the system would make an address of it.
        None if verb == "listen" => Ok((host, None)),
        None if is_number(&host) => {
            Err(format!("{host} is a port without a host: {verb} HOST:{host}"))
        }
        Some(port) if is_number(&host) => Err(match verb {
            _ if !is_number(port) => {
                format!("{host} is no host: the host comes first: {verb} {port} {host}")
            }
            "listen" => {
                format!("{host} is no host, and one port is enough: listen {port}")
            }
            _ => format!("{host} is no host: a number alone is a port: {verb} HOST:{port}"),
        }),
        port => {
            expect_whole(&host)?;
            Ok((host, port))
        }
    }
}

/// What a word has of a host and a port, where it is a web address, or one for `ssh`.
fn bare(word: &str) -> &str {
    let word = word.split_once("://").map_or(word, |(_, rest)| rest);
    let word = word.split(['/', '?', '#']).next().unwrap_or(word);
    word.rsplit('@').next().unwrap_or(word)
}

/// An IPv4 address has four numbers. The system takes fewer, and in other notations too: 192.168.5
/// would be 192.168.0.5, which is hardly what was meant.
fn expect_whole(host: &str) -> Result<(), String> {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(host);
    let digits = |word: &str, radix| !word.is_empty() && word.chars().all(|it| it.is_digit(radix));
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = digits(last, 10) || hexadecimal.is_some_and(|last| digits(last, 16));
    if is_number && !host.contains(':') && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!(
            "{host} is not an IPv4 address: that has four numbers from 0 to 255, as in 192.168.1.5"
        ));
    }
    Ok(())
}

/// Splits `HOST:PORT`, `[IPV6]:PORT`, `HOST`, `IPV6` or `[IPV6]`.
fn split_port(word: &str) -> Result<(String, Option<&str>), String> {
    if let Some((bracketed, rest)) = word.split_once(']') {
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(format!("{word} is not of the form [ADDRESS]:PORT")),
        };
        return Ok((host_name(&format!("{bracketed}]"))?, port));
    }
    let (host, port) = match word.split_once(':') {
        // More than one colon: an IPv6 address, which has none to spare for a port.
        Some((_, rest)) if rest.contains(':') => (word, None),
        Some((host, port)) => (host, Some(port)),
        None => (word, None),
    };
    Ok((host_name(host)?, port))
}

/// A host, without brackets if it has any.
fn host_name(word: &str) -> Result<String, String> {
    let bracketed = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = bracketed.unwrap_or(word);
    if host.is_empty() {
        return Err("the host is empty: give a name or an address".to_owned());
    }
    let address = host.split('%').next().unwrap_or(host);
    let colons = bracketed.is_some() || host.contains([':', '[', ']']);
    if colons && address.parse::<Ipv6Addr>().is_err() {
        return Err(format!(
            "{word} is not an IPv6 address; with a port it is written [::1]:{DEFAULT_PORT}"
        ));
    }
    Ok(host.to_owned())
}

/// A port, from `lowest` to 65535.
fn number(word: &str, lowest: u16) -> Result<u16, String> {
    // `parse` alone would take "+9".
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.parse() {
        Ok(port) if digits && port >= lowest => Ok(port),
        _ => Err(format!("{word:?} is not a port: a port is a number from {lowest} to 65535")),
    }
}

/// A name that can be had.
fn name(word: &str) -> Result<Name, String> {
    match Name::parse(word) {
        Ok(name) if name.is_taken() => Err("nobody can be called that here".to_owned()),
        Ok(name) => Ok(name),
        Err(why) => Err(why.to_owned()),
    }
}

/// A time limit in seconds, with a fraction if need be.
fn seconds(word: &str) -> Result<Duration, String> {
    const YEAR: f64 = 31_536_000.0;
    match word.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= YEAR => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it is a number of seconds, more than 0 and at most a year".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: &str) -> Result<(Option<String>, u16), String> {
        let words = line.split(' ').map(OsString::from);
        let cli = Cli::read(words).map_err(|error| error.to_string())?;
        let Verb::Meet(meet) = cli.verb else { return Err("no meeting".to_owned()) };
        let place = meet.place().map_err(|error| error.to_string())?;
        Ok((place.host, place.port))
    }

    #[track_caller]
    fn assert_place(line: &str, host: Option<&str>, port: u16) {
        assert_eq!(place(line), Ok((host.map(str::to_owned), port)), "for {line}");
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_listener_takes_a_port_or_a_host_and_a_port() {
        assert_place("threadchat listen", None, 9999);
        assert_place("threadchat listen 8000", None, 8000);
        assert_place("threadchat listen 0", None, 0);
        assert_place("threadchat listen 192.168.1.5:9999", Some("192.168.1.5"), 9999);
        assert_place("threadchat listen [::1]:9999", Some("::1"), 9999);
        assert_place("threadchat listen localhost:0", Some("localhost"), 0);
        assert_place("threadchat listen ::1 9999", Some("::1"), 9999);
    }

    #[test]
    fn a_caller_takes_every_form_of_address_that_people_type() {
        assert_place("threadchat connect localhost", Some("localhost"), 9999);
        assert_place("threadchat connect localhost:80", Some("localhost"), 80);
        assert_place("threadchat connect localhost 80", Some("localhost"), 80);
        assert_place("threadchat connect ::1", Some("::1"), 9999);
        assert_place("threadchat connect ::1 80", Some("::1"), 80);
        assert_place("threadchat connect [::1]", Some("::1"), 9999);
        assert_place("threadchat connect [::1]:80", Some("::1"), 80);
        assert_place("threadchat connect fe80::1%eth0", Some("fe80::1%eth0"), 9999);
        assert_place("threadchat connect -4 1.2.3.4:65535 --quiet", Some("1.2.3.4"), 65535);
    }

    #[test]
    fn what_is_no_port_or_no_host_is_refused_not_guessed() {
        for words in [
            "99999",
            "65536",
            "-1",
            "abc",
            ":9999",
            "host:",
            "host:abc",
            "host:99999",
            "+9",
            "[::1",
            "[::1]9",
            "::1",
            "[::1]",
            "a:b:c",
            "[]:9",
            "",
        ] {
            assert!(place(&format!("threadchat listen {words}")).is_err(), "listen {words}");
        }
        for words in [
            "host:99999",
            "host:0",
            "host:-1",
            "host:abc",
            "host:",
            ":9999",
            "9999",
            "host 0",
            "host 65536",
            "a:b:c",
            "[x]:9",
            "-1",
            "",
            "host 1 2",
        ] {
            assert!(place(&format!("threadchat connect {words}")).is_err(), "connect {words}");
        }
    }

    #[test]
    fn a_time_limit_is_more_than_nothing() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for word in ["0", "-1", "x", "", "inf", "NaN", "1e12"] {
            assert!(seconds(word).is_err(), "{word}");
        }
    }
}
