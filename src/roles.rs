//! Who is who: the threads by their roles, the friends by their numbers, and the ends that bytes come
//! from and go to. The words that everything else is told in.

use std::cell::Cell;
use std::fmt;

/// What a thread is there for. Its name is what the system shows (`ps -L`, `top -H`, a debugger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads stdin, or keys.
    StdinReader,
    /// Receives what a friend says.
    SocketReader,
    /// Makes every decision.
    Coordinator,
    /// Sends to a friend.
    SocketWriter,
    /// Writes to stdout.
    ScreenWriter,
    /// Writes to stderr.
    NoticeWriter,
    /// Writes the file of `--transcript`.
    Transcript,
    /// Waits for calls.
    Acceptor,
    /// Calls.
    Connector,
    /// Looks a name up.
    Resolver,
    /// Starts the others, and waits for them to end.
    Main,
    /// Writes the file of `--trace`.
    TraceWriter,
    /// Waits for Ctrl-C; the `ctrlc` crate starts it.
    CtrlC,
    /// Waits for every other signal that would end the program.
    Signals,
}

impl Role {
    /// How many there are.
    pub const COUNT: usize = Role::Signals as usize + 1;

    /// The thread's name: at most 15 bytes, or Linux would cut it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::StdinReader => "stdin-reader",
            Role::SocketReader => "socket-reader",
            Role::Coordinator => "coordinator",
            Role::SocketWriter => "socket-writer",
            Role::ScreenWriter => "screen-writer",
            Role::NoticeWriter => "notice-writer",
            Role::Transcript => "transcript",
            Role::Acceptor => "acceptor",
            Role::Connector => "connector",
            Role::Resolver => "resolver",
            Role::Main => "main",
            Role::TraceWriter => "trace-writer",
            Role::CtrlC => "ctrl-c",
            Role::Signals => "signals",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which friend: they are numbered from 1, as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One thread among the others: in a room each member has a reader and a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// What it is there for.
    pub role: Role,
    /// Whose it is, where several friends have threads of the same role.
    pub of: Option<Number>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Some(number) => f.pad(&format!("{} {number}", self.role)),
            None => self.role.fmt(f),
        }
    }
}

thread_local! {
    // A thread that we have not started is the one that waits for Ctrl-C.
    static ME: Cell<Who> = const { Cell::new(Who { role: Role::CtrlC, of: None }) };
}

/// Who this thread is.
pub fn me() -> Who {
    ME.get()
}

/// This thread is there for `role` from now on, and for this one of many friends.
pub fn begin(role: Role, of: Option<Number>) {
    ME.set(Who { role, of });
}

/// Whom a reader reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The keyboard, or what is piped in.
    Stdin,
    /// The friend's end of the connection.
    Friend(Number),
}

impl Source {
    /// The role of the thread that reads there.
    pub fn role(self) -> Role {
        match self {
            Source::Stdin => Role::StdinReader,
            Source::Friend(_) => Role::SocketReader,
        }
    }
}

/// Whom a writer writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// The friend's end of the connection.
    Friend(Number),
    /// Standard output.
    Screen,
    /// Standard error.
    Notices,
    /// The file of `--transcript`.
    Transcript,
    /// The file of `--trace`.
    Trace,
}

impl Sink {
    /// The role of the thread that writes there.
    pub fn role(self) -> Role {
        match self {
            Sink::Friend(_) => Role::SocketWriter,
            Sink::Screen => Role::ScreenWriter,
            Sink::Notices => Role::NoticeWriter,
            Sink::Transcript => Role::Transcript,
            Sink::Trace => Role::TraceWriter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_shows_every_name_whole() {
        for role in [Role::SocketReader, Role::SocketWriter, Role::ScreenWriter, Role::NoticeWriter]
        {
            assert!(role.name().len() <= 15, "{role}");
        }
    }
}
