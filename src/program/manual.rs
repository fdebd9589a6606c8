//! What is made of the command line for other programs: the page for `man`, and the scripts with
//! which a shell completes words.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::program::cli::Cli;
use crate::program::help::{EXAMPLES, EXIT_CODES};
use crate::text::command::{HELP, HELP_OF_A_HOST};

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
