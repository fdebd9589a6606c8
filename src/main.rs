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

use threadchat::lens::clock;
use threadchat::picture;
use threadchat::platform::jobs;
use threadchat::platform::terminal::Terminal;
use threadchat::program::cli::{Cli, Verb};
use threadchat::program::{chat, manual, sudden};
use threadchat::roles::{self, Role};
use threadchat::text::reason::reason;

fn main() -> ExitCode {
    roles::begin(Role::Main, None);
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(why) if why.use_stderr() => why.exit(),
        // It is not an error, but `--help` or `--version`.
        Err(page) => return printed(page.print().and_then(|()| io::stdout().flush())),
    };
    let meet = match cli.verb {
        Verb::Meet(meet) => meet,
        Verb::Picture(what) => {
            return match picture::draw(&what.traces, &what.output) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    let _ = writeln!(io::stderr(), "threadchat: {why}");
                    ExitCode::FAILURE
                }
            };
        }
        Verb::Completions { shell } => {
            return printed(manual::write_completions(shell, &mut io::stdout()));
        }
        Verb::Man => return printed(manual::write_manual(&mut io::stdout())),
    };
    let place = match meet.check().and_then(|()| meet.place()) {
        Ok(place) => place,
        Err(usage) => usage.exit(),
    };
    clock::begin();
    jobs::go_on_in_background();
    let terminal = Terminal::save();
    sudden::end_on_panic(terminal.clone());
    chat::run(&meet, &place, terminal)
}

/// What came of printing something that is not a chat.
fn printed(result: io::Result<()>) -> ExitCode {
    match result {
        // `threadchat man | head` has seen enough.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "threadchat: cannot write to stdout: {}", reason(&why));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
