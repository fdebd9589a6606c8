//! A terminal whose screen the test reads itself: late, slowly, or not at all.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::fs::OFlags;

/// A terminal that the test reads itself, as slowly as it likes; and the program in it.
pub struct BareTerminal {
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    pub output: Box<dyn Read + Send>,
    // Closed, it would be the end of the terminal.
    master: Box<dyn portable_pty::MasterPty + Send>,
}

impl BareTerminal {
    /// Starts threadchat in a terminal of 24 rows of 80 columns.
    pub fn start(words: &[&str]) -> BareTerminal {
        let mut command = CommandBuilder::new(super::threadchat());
        command.args(words);
        BareTerminal::spawn(command)
    }

    /// The same in a terminal that can move its cursor, so that there is a line editor.
    pub fn start_with_editor(words: &[&str]) -> BareTerminal {
        let mut command = CommandBuilder::new(super::threadchat());
        command.args(words);
        command.env("TERM", "xterm-256color");
        BareTerminal::spawn(command)
    }

    fn spawn(mut command: CommandBuilder) -> BareTerminal {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env_remove("RUST_LOG");
        let child = pair.slave.spawn_command(command).unwrap();
        let output = pair.master.try_clone_reader().unwrap();
        BareTerminal { child, output, master: pair.master }
    }

    /// The keyboard of the terminal. Can be taken once; dropping it presses Enter and Ctrl-D.
    pub fn keys(&self) -> Box<dyn Write + Send> {
        self.master.take_writer().unwrap()
    }

    /// The process in the terminal.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Writes to the terminal, as another program can, until it takes nothing more.
    pub fn fill(&self) {
        let path = self.master.tty_name().unwrap();
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let mut terminal =
            OpenOptions::new().write(true).custom_flags(flags as i32).open(path).unwrap();
        while terminal.write_all(b".").is_ok() {}
    }
}

impl Drop for BareTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
