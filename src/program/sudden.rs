//! What can end us suddenly: a signal, and a fault of our own. Whatever it is, the terminal is given back.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;
use crate::platform::machine::thread::Builder;
use crate::platform::signals::Signals;
use crate::platform::terminal::Terminal;
use crate::platform::{display, window};
use crate::roles::{self, Role};
use crate::terminal::screen;
use crate::threads::event::Event;
use crate::threads::inbox::ToInbox;
use crate::threads::thread::{SMALL_STACK, STACK, expect_memory};

/// Listens for Ctrl-C, in a thread that the `ctrlc` crate starts, and for the other signals in one of
/// ours. One that asks us to leave is told to the coordinator; before one ends the process, the
/// terminal is given back. These threads, and so this way to the inbox, live as long as the process.
///
/// # Errors
/// The system has no thread left, or no memory for one.
pub fn on_signals(terminal: Option<&Terminal>, inbox: &ToInbox) -> Result<(), Error> {
    let leave = {
        let (inbox, had_terminal) = (inbox.clone(), terminal.is_some());
        move || {
            let gone = had_terminal && Terminal::is_gone();
            let _ = inbox.send(if gone { Event::HungUp } else { Event::Signal });
        }
    };
    let thread = Role::CtrlC;
    expect_memory(thread, STACK)?;
    match ctrlc::try_set_handler(leave.clone()) {
        Ok(()) => {}
        // It was ignored when we came, and so it stays: whoever started us has seen to that.
        Err(ctrlc::Error::MultipleHandlers) => log::debug!("Ctrl-C is ignored"),
        Err(ctrlc::Error::System(why)) => return Err(Error::NoThread { thread, why }),
        Err(why) => return Err(Error::NoSignals(why)),
    }
    let Some(signals) = Signals::take().map_err(Error::NoOtherSignals)? else { return Ok(()) };
    let thread = Role::Signals;
    expect_memory(thread, SMALL_STACK)?;
    let terminal = terminal.cloned();
    // As the other one it is left, and has nothing to tell to those who watch.
    let builder = Builder::new().name(thread.name().to_owned()).stack_size(SMALL_STACK);
    let started = builder.spawn(move || {
        roles::begin(thread, None);
        signals.run(leave, move || give_back(terminal.as_ref()));
    });
    started.map(drop).map_err(|why| Error::NoThread { thread, why })
}

/// A panic in any thread ends the process: a chat that goes on with a thread missing is deaf or
/// dumb, and does not know it.
pub fn end_on_panic(terminal: Option<Terminal>) {
    std::panic::set_hook(Box::new(move |panic| {
        give_back(terminal.as_ref());
        let thread = std::thread::current();
        let _ = writeln!(
            io::stderr(),
            "threadchat: a fault in the program itself ({}: {}); please report it",
            thread.name().unwrap_or("a thread"),
            panic.to_string().replace('\n', " ")
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever waits for this thread would wait for ever"
        )]
        std::process::exit(101);
    }));
}

/// Gives the terminal back in the midst of everything, since the process is about to end.
fn give_back(terminal: Option<&Terminal>) {
    if let Some(terminal) = terminal {
        terminal.give_back();
    }
    if window::knows_escapes() && io::stdout().is_terminal() {
        // It may have been while rows were written.
        let has_row = terminal.is_some_and(Terminal::can_edit);
        display::reset_screen(if has_row { screen::RESET } else { screen::WRAPPING });
    }
}
