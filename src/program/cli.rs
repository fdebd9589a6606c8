//! The command line: its words, and what each word may be. What they ask for is told by
//! [`meet`](crate::program::meet), what places look like by
//! [`address`](crate::program::address); examples stand in [`help`](crate::program::help).
//!
//! A bad word is a usage error (exit 2) that says what would be right; nothing is wrapped round
//! or guessed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::net::place::Family;
use crate::platform::window;
use crate::program::help::{CONNECT_EXAMPLES, EXAMPLES, LISTEN_EXAMPLES, PICTURE_EXAMPLES};
use crate::program::retyped;
use crate::text::name::Name;
use crate::wire::messages::Wire;

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
    pub place: Option<String>,

    /// The port, where the first word is a host alone
    #[arg(value_name = "PORT", hide_short_help = true)]
    pub port: Option<String>,

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
    pub place: String,

    /// The port, where the first word is a host alone
    #[arg(value_name = "PORT", hide_short_help = true)]
    pub port: Option<String>,

    /// Call again once a second until somebody answers, or until SECONDS have passed
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = seconds)]
    pub wait: Option<Option<Duration>>,

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

    /// Show the time before each message, received or sent
    #[arg(long)]
    pub time: bool,

    /// Ring the terminal's bell when something arrives, once a second at most
    ///
    /// It rings for what a friend says, and for somebody who calls. Where the terminal tells whether
    /// somebody looks at it, it rings only while nobody does.
    #[arg(long)]
    pub bell: bool,

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
        let knows_escapes = window::knows_escapes();
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
        let mut command = Cli::command();
        let mut matches = command.try_get_matches_from_mut(words)?;
        let options = matches.subcommand().and_then(|(verb, given)| {
            command.find_subcommand(verb).map(|verb| retyped::options(verb, given))
        });
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
}

/// An error as clap's own are: with the usage of the verb, and exit code 2.
pub fn usage_error(verb: &str, why: &str) -> clap::Error {
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

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_limit_is_more_than_nothing() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for word in ["0", "-1", "x", "", "inf", "NaN", "1e12"] {
            assert!(seconds(word).is_err(), "{word}");
        }
    }
}
