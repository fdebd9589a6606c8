//! Arguments in, exit code out.

#![deny(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::todo,
    clippy::unimplemented,
    clippy::dbg_macro,
    clippy::disallowed_methods
)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use threadchat::chat;
use threadchat::cli::Cli;
use threadchat::platform::Terminal;

fn main() -> ExitCode {
    let started = Instant::now();
    let cli = Cli::parse();
    let place = match cli.verb.check().and_then(|()| cli.verb.place()) {
        Ok(place) => place,
        Err(usage) => usage.exit(),
    };
    let terminal = Terminal::save();
    end_on_panic(terminal.clone());
    chat::run(&cli, place, terminal, started)
}

/// A panic in any thread ends the process: a chat that goes on with a thread missing is deaf or
/// dumb, and does not know it.
fn end_on_panic(terminal: Option<Terminal>) {
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(terminal) = &terminal {
            terminal.give_back();
        }
        let thread = std::thread::current();
        let _ = writeln!(
            io::stderr(),
            "threadchat: a fault in the program itself ({}: {}); please report it",
            thread.name().unwrap_or("a thread"),
            panic.to_string().replace('\n', " ")
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "main may wait for the thread that is no more"
        )]
        std::process::exit(101);
    }));
}
