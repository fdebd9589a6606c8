//! A bare terminal that the test holds the other end of, and that any of a program's streams can
//! be. Unlike [`Terminal`](super::pty::Terminal) it has no screen and nobody reads along, so it
//! can really be taken away, and can stop taking output.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use super::{Program, friend_answers, friend_listener, threadchat, until};

/// The window's end of a terminal. Dropping it is closing the window.
pub struct Tty {
    master: File,
}

impl Tty {
    /// A new terminal.
    #[track_caller]
    pub fn open() -> Tty {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it can be used");
        // So that waiting for what is shown can have a deadline.
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).expect("a file");
        Tty { master: File::from(master) }
    }

    /// The program's end, for one of its streams.
    #[track_caller]
    pub fn end(&self) -> Stdio {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        Stdio::from(ioctl_tiocgptpeer(&self.master, flags).expect("its other end"))
    }

    /// The program in this terminal, where it has called a friend; its stderr is elsewhere.
    #[track_caller]
    pub fn calls_a_friend(&self) -> (Program, TcpStream) {
        let (listener, port) = friend_listener();
        let mut command = Command::new(threadchat());
        command.args(["connect", "127.0.0.1", &port.to_string()]).env("TERM", "xterm-256color");
        command.stdin(self.end()).stdout(self.end()).stderr(Stdio::piped());
        let program = Program::spawn_as_is(&mut command);
        let friend = friend_answers(&listener);
        program.wait_stderr("connected to");
        (program, friend)
    }

    /// Its modes.
    #[track_caller]
    pub fn modes(&self) -> String {
        // On Linux either end tells.
        format!("{:?}", rustix::termios::tcgetattr(&self.master).expect("a terminal"))
    }

    /// Presses keys.
    #[track_caller]
    pub fn press(&mut self, keys: impl AsRef<[u8]>) {
        self.master.write_all(keys.as_ref()).expect("it takes keys");
    }

    /// Reads what is shown now; nothing where there is nothing.
    pub fn read_now(&mut self) -> String {
        let mut scratch = [0; 4096];
        let count = self.master.read(&mut scratch).unwrap_or(0);
        String::from_utf8_lossy(&scratch[..count]).into_owned()
    }

    /// Reads what is shown until `text` was there, and gives back all that was read.
    #[track_caller]
    pub fn read_until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        until(text, || {
            let mut scratch = [0; 4096];
            // Nothing to read now is an error here (EAGAIN), and so is a terminal that has gone.
            let count = self.master.read(&mut scratch).unwrap_or(0);
            seen.extend_from_slice(&scratch[..count]);
            super::contains(&seen, text.as_bytes()).then_some(())
        });
        // What keeps it from breaking rows is no part of what is shown.
        String::from_utf8_lossy(&seen).replace("\x1b[?7l", "").replace("\x1b[?7h", "")
    }
}

/// threadchat as the leader of a session of its own whose controlling terminal its stdin is, as
/// a terminal window starts a shell: closing the window sends it SIGHUP.
pub fn threadchat_in_session(words: &[&str]) -> Command {
    // `setsid` becomes the program, so the process is the same.
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(super::threadchat()).args(words);
    command
}
