//! What the three streams are, which is asked once, before anything starts: much depends on it.

use std::io::{self, IsTerminal};

use crate::platform::terminal::Terminal;
use crate::program::cli::Common;
use crate::talk::plan::Stdin;

/// What the three streams are.
#[derive(Debug)]
pub struct Streams {
    /// What stdin is.
    pub stdin: Stdin,
    /// The terminal that stdin is, if it is one, also where it is not read.
    pub terminal: Option<Terminal>,
    /// Stdout is a terminal: a person sees what arrives.
    pub for_a_person: bool,
    /// Stderr is a terminal: a person reads hints.
    pub hints: bool,
    /// A pipe or a file is sent or received, and a person wants to see how far that is.
    pub transfers: bool,
}

impl Streams {
    /// Looks at the streams. `terminal`: what stdin is, where it is one.
    pub fn look(common: &Common, terminal: Option<Terminal>) -> Streams {
        let stdin = match &terminal {
            _ if common.recv_only => Stdin::Unread,
            Some(_) => Stdin::Terminal,
            None => Stdin::Pipe,
        };
        let (for_a_person, hints) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let transfers = (stdin == Stdin::Pipe || !for_a_person) && hints && !common.quiet;
        Streams { stdin, terminal, for_a_person, hints, transfers }
    }
}
