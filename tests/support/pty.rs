//! A real pseudo-terminal with a program in it, and its screen as a person would see it.

use std::fmt::Display;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use rustix::termios::Termios;

use super::{DEADLINE, wait_with_deadline};

/// What the terminal in which the tests run may have put into the environment, by which a program
/// could take ours for that one.
const OTHER_TERMINALS: [&str; 5] =
    ["TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "TERM_PROGRAM", "WT_SESSION"];

/// A terminal of its own: the program's three streams are it, and it is the session's
/// controlling terminal.
pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    screen: Screen,
    modes_before: Termios,
}

#[derive(Clone)]
struct Screen(Arc<(Mutex<State>, Condvar)>);

struct State {
    parser: vt100::Parser,
    /// Every byte that came.
    everything: Vec<u8>,
    /// The same without [`NO_WRAPPING`] and [`WRAPPING`].
    raw: Vec<u8>,
    /// The end of what came, which may be the beginning of one of the two.
    held: Vec<u8>,
    no_wrapping: bool,
    ended: bool,
}

/// What the program tells the terminal before it writes rows, and after them: not to break rows
/// itself, and to do so again.
const NO_WRAPPING: &[u8] = b"\x1b[?7l";
const WRAPPING: &[u8] = b"\x1b[?7h";

impl State {
    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.everything.extend_from_slice(bytes);
        self.held.extend_from_slice(bytes);
        loop {
            // They come in turn. One that is out of turn stays, for the test to see.
            let next = if self.no_wrapping { WRAPPING } else { NO_WRAPPING };
            let found = self.held.windows(next.len()).position(|part| part == next);
            let Some(at) = found else { break };
            self.raw.extend(self.held.drain(..at));
            self.held.drain(..next.len());
            self.no_wrapping = !self.no_wrapping;
        }
        let next = if self.no_wrapping { WRAPPING } else { NO_WRAPPING };
        let begun = (1..next.len()).rev().find(|&count| self.held.ends_with(&next[..count]));
        let whole = self.held.len() - begun.filter(|_| !bytes.is_empty()).unwrap_or(0);
        self.raw.extend(self.held.drain(..whole));
    }
}

impl Terminal {
    /// Starts threadchat in a terminal of 24 rows of 80 columns.
    #[track_caller]
    pub fn start(words: &[&str]) -> Terminal {
        Terminal::start_sized(words, 24, 80)
    }

    /// Starts threadchat in a terminal of this size.
    #[track_caller]
    pub fn start_sized(words: &[&str], rows: u16, columns: u16) -> Terminal {
        let mut command = CommandBuilder::new(super::threadchat());
        command.args(words);
        Terminal::spawn(command, rows, columns)
    }

    /// Starts any command in a terminal.
    #[track_caller]
    pub fn spawn(mut command: CommandBuilder, rows: u16, columns: u16) -> Terminal {
        command.env("TERM", "xterm-256color");
        command.env_remove("RUST_LOG");
        command.env_remove("NO_COLOR");
        for sign in OTHER_TERMINALS {
            command.env_remove(sign);
        }
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let modes_before = modes_of(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave); // Or the test would keep the terminal open when the program has ended.
        let mut output = pair.master.try_clone_reader().expect("its output can be read");
        let screen = Screen(Arc::new((
            Mutex::new(State {
                parser: vt100::Parser::new(nonzero(rows), nonzero(columns), 10_000),
                everything: Vec::new(),
                raw: Vec::new(),
                held: Vec::new(),
                no_wrapping: false,
                ended: false,
            }),
            Condvar::new(),
        )));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut scratch = [0; 4096];
            loop {
                let count = output.read(&mut scratch).unwrap_or(0);
                let (lock, changed) = &*shown.0;
                let mut state = lock.lock().unwrap();
                state.take(&scratch[..count]);
                state.ended |= count == 0;
                changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("its keyboard can be typed on");
        Terminal { master: Some(pair.master), keys: Some(keys), child, screen, modes_before }
    }

    /// A listener in a terminal, and its port, when it is ready.
    #[track_caller]
    pub fn listen(options: &[&str]) -> (Terminal, u16) {
        let terminal = Terminal::start(&[&["listen", "127.0.0.1:0"], options].concat());
        let port = terminal.listening_port();
        (terminal, port)
    }

    /// The port in the listener's first line, once it is on the screen.
    #[track_caller]
    pub fn listening_port(&self) -> u16 {
        self.wait_until("a listening port", super::port_in)
    }

    /// Presses keys.
    #[track_caller]
    pub fn press(&mut self, keys: impl AsRef<[u8]>) {
        let keyboard = self.keys.as_mut().expect("the terminal is there");
        keyboard.write_all(keys.as_ref()).and_then(|()| keyboard.flush()).expect("keys");
    }

    /// What is on the screen now, a line a row.
    pub fn screen(&self) -> String {
        let state = self.screen.0.0.lock().unwrap();
        state.parser.screen().contents()
    }

    /// Every byte that the program has sent to the terminal, but for what keeps it from breaking rows.
    pub fn raw(&self) -> Vec<u8> {
        self.screen.0.0.lock().unwrap().raw.clone()
    }

    /// Every byte that the program has sent to the terminal.
    pub fn everything(&self) -> Vec<u8> {
        self.screen.0.0.lock().unwrap().everything.clone()
    }

    /// Looks at the screen in detail: cursor, cells, title.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.0.0.lock().unwrap().parser.screen())
    }

    /// Waits until this stands on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text).then_some(()));
    }

    /// Waits until `found` gives something for what is on the screen.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let (lock, changed) = &*self.screen.0;
        let deadline = Instant::now() + DEADLINE;
        let mut state = lock.lock().unwrap();
        loop {
            if let Some(value) = found(&state.parser.screen().contents()) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                drop(state);
                self.fail(format!("the screen lacks {what}"));
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until `found` gives something for the screen with its cursor and its cells.
    #[track_caller]
    pub fn wait_screen<T>(&self, what: &str, found: impl Fn(&vt100::Screen) -> Option<T>) -> T {
        self.wait_look(what, |screen, _| found(screen))
    }

    /// Waits until `found` gives something for the screen in detail and for every byte so far.
    #[track_caller]
    pub fn wait_look<T>(
        &self,
        what: &str,
        mut found: impl FnMut(&vt100::Screen, &[u8]) -> Option<T>,
    ) -> T {
        let (lock, changed) = &*self.screen.0;
        let deadline = Instant::now() + DEADLINE;
        let mut state = lock.lock().unwrap();
        loop {
            if let Some(value) = found(state.parser.screen(), &state.raw) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                let cursor = state.parser.screen().cursor_position();
                drop(state);
                self.fail(format!("it never came to this: {what}; the cursor is at {cursor:?}"));
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until the program has sent these bytes to the terminal, wherever they are now.
    #[track_caller]
    pub fn wait_raw(&self, part: &[u8]) {
        let (lock, changed) = &*self.screen.0;
        let deadline = Instant::now() + DEADLINE;
        let mut state = lock.lock().unwrap();
        while !super::contains(&state.raw, part) {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                drop(state);
                self.fail(format!("the terminal never got {:?}", String::from_utf8_lossy(part)));
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// The terminal's modes, as the kernel has them.
    #[track_caller]
    pub fn modes(&self) -> Termios {
        modes_of(&**self.master.as_ref().expect("the terminal is there"))
    }

    /// The modes that it had before the program was started.
    pub fn modes_before(&self) -> &Termios {
        &self.modes_before
    }

    /// How many bytes of whole lines have been typed and not been read yet.
    #[track_caller]
    pub fn unread_keys(&self) -> u64 {
        let master = self.master.as_ref().expect("the terminal is there");
        let path = master.tty_name().expect("it has a name");
        let tty = std::fs::File::open(path).expect("it opens");
        rustix::io::ioctl_fionread(tty).expect("it is a terminal")
    }

    /// How many bytes wait in it for the program to read them: whole lines only, in the usual mode.
    #[track_caller]
    pub fn unread(&self) -> u64 {
        let master = self.master.as_ref().expect("the terminal is there");
        let path = master.tty_name().expect("it has a name");
        let tty = std::fs::OpenOptions::new().read(true).open(path).expect("it opens");
        rustix::io::ioctl_fionread(tty).expect("it is a terminal")
    }

    /// Gives the window another size.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        // Both at once, or the program could draw for the new size on a screen of the old one.
        let mut state = self.screen.0.0.lock().unwrap();
        self.master.as_ref().expect("the terminal is there").resize(size).expect("it resizes");
        state.parser.screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// Closes the window: the other end of the terminal is gone.
    pub fn close_window(&mut self) {
        self.keys = None;
        self.master = None;
        // The thread that reads the output holds a clone, which ends with the program.
    }

    /// The process in the terminal.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).expect("a process");
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Whether it runs still.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for its end, which has to have this exit code. The screen is complete then.
    #[track_caller]
    pub fn ends_with(&mut self, code: u32) {
        let ended = self.wait();
        if ended != code {
            self.fail(format!("exit code {ended} instead of {code}"));
        }
    }

    /// Waits for its end and gives back the exit code. The screen is complete then.
    #[track_caller]
    pub fn wait(&mut self) -> u32 {
        let status = wait_with_deadline(|| self.child.try_wait());
        let status = status.unwrap_or_else(|| self.fail("it does not end"));
        self.wait_for_end_of_output();
        status.exit_code()
    }

    fn wait_for_end_of_output(&self) {
        if self.master.is_none() {
            return;
        }
        let (lock, changed) = &*self.screen.0;
        let state = lock.lock().unwrap();
        let _ = changed.wait_timeout_while(state, DEADLINE, |state| !state.ended).unwrap();
    }

    /// Fails the test with what is on the screen.
    #[track_caller]
    pub fn fail(&self, why: impl Display) -> ! {
        panic!("{why}\n---- screen\n{}\n----", self.screen());
    }
}

#[track_caller]
fn modes_of(master: &dyn MasterPty) -> Termios {
    let path = master.tty_name().expect("it has a name");
    let tty = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("it opens");
    rustix::termios::tcgetattr(tty).expect("it is a terminal")
}

fn nonzero(size: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(size).expect("a terminal has a row and a column")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
