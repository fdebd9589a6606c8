//! The keys of a Unix terminal, one by one, and how to wake who waits for them.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::str::Utf8Error;
use std::sync::Arc;

use crossbeam_channel::Sender;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio;
use signal_hook::consts::{SIGCONT, SIGWINCH};
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event as Input, Parser};

use super::Terminal;
use super::unix::in_foreground;
use crate::buffer::Doorbell;
use crate::reader::Permit;

/// A terminal's keys, one by one.
#[derive(Debug)]
pub struct Keys {
    parser: Parser,
    /// The beginning of a character whose rest has not come.
    half: Vec<u8>,
    /// Keys that have been read, and that nobody has taken yet.
    waiting: VecDeque<Input>,
    /// The other end of a [`Bell`].
    bell: UnixStream,
    /// The beginning of what was pasted has been read, and its end has not.
    pasting: bool,
}

/// What ends the waiting for a key.
#[derive(Debug)]
pub enum Woken {
    /// There is one.
    Key(Input),
    /// Somebody has rung.
    Bell,
    /// The window has another size, or we go on after having been stopped.
    Terminal,
}

impl Keys {
    /// The keys of the terminal that stdin is, and the bell that wakes whoever waits for them and
    /// then looks at `permits`.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub(super) fn new(permits: Sender<Permit>) -> io::Result<(Bell, Keys)> {
        let (bell, rings) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        // When the window's size changes the row has to be drawn again; and after `fg`, or
        // SIGSTOP, the shell has changed the terminal's modes.
        for signal in [SIGWINCH, SIGCONT] {
            signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
        }
        let keys = Keys {
            parser: Parser::default(),
            half: Vec::new(),
            waiting: VecDeque::new(),
            bell: rings,
            pasting: false,
        };
        Ok((Bell { bell: Arc::new(bell), permits }, keys))
    }

    /// Blocks until there is a key, or something else to do.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn wait(&mut self) -> io::Result<Woken> {
        loop {
            if let Some(key) = self.waiting.pop_front() {
                return Ok(Woken::Key(key));
            }
            let stdin = stdio::stdin();
            let mut ready =
                [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let [pressed, rung] = ready.map(|fd| !fd.revents().is_empty());
            if pressed && !in_foreground() {
                // What is typed is for the shell, which has let us go on in the background before
                // the bell could say so. A `read` would stop us there, and block after `fg`.
                return Ok(Woken::Terminal);
            } else if pressed {
                self.read()?;
            } else if rung {
                let mut rings = [0; 64];
                let count = self.bell.read(&mut rings).unwrap_or(0);
                let by_system = rings[..count].iter().any(|&ring| ring != RING);
                return Ok(if by_system { Woken::Terminal } else { Woken::Bell });
            }
        }
    }

    /// Waits for the bell alone, while the terminal is the shell's, and for a limited time.
    pub fn wait_in_background(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.bell, PollFlags::IN)];
        let rung = poll(&mut ready, Some(&BACKGROUND)).is_ok_and(|ready| ready > 0);
        if rung {
            let _ = self.bell.read(&mut [0; 64]);
        }
        rung
    }

    /// Whether a key is there already.
    pub fn are_waiting(&self) -> bool {
        !self.waiting.is_empty() || is_readable()
    }

    /// What has been pasted so far is all of it.
    pub fn end_paste(&mut self) {
        if std::mem::take(&mut self.pasting) {
            self.parser.parse(PASTE_ENDS, false);
            self.take_parsed();
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        let count = rustix::io::retry_on_intr(|| rustix::io::read(stdio::stdin(), &mut bytes))?;
        let (pressed, more) = (&bytes[..count], count == bytes.len());
        match pressed {
            [] if !Terminal::is_gone() => {} // Ctrl-D, in a moment when it was not ours.
            [] => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Ctrl-C is heard also behind the beginning of something that does not end.
            [before @ .., CTRL_C] => {
                self.parse(before, more);
                (self.parser, self.pasting) = (Parser::default(), false);
                self.parse(&[CTRL_C], false);
            }
            _ => self.parse(pressed, more),
        }
        Ok(())
    }

    /// The parser skips what is not UTF-8, and the key behind it; here it can be seen.
    fn parse(&mut self, pressed: &[u8], more: bool) {
        let bytes = [std::mem::take(&mut self.half), pressed.to_vec()].concat();
        let bytes = self.without_answers(bytes);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.parser.parse(chunk.valid().as_bytes(), more);
            let invalid = chunk.invalid();
            let is_half = |error: Utf8Error| error.error_len().is_none();
            if chunks.peek().is_none() && std::str::from_utf8(invalid).is_err_and(is_half) {
                self.half = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.parser.parse("\u{fffd}".as_bytes(), more);
            }
        }
        self.take_parsed();
    }

    /// Alt with `]` or `P` looks like the beginning of a terminal's answer (OSC, DCS): the parser
    /// would take all further keys for the rest of it. Nobody asks the terminal anything here.
    fn without_answers(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|part| part == mark);
        let (begins, ends) = (last(PASTE_BEGINS), last(PASTE_ENDS));
        let was_pasting = self.pasting;
        self.pasting = match (begins, ends) {
            (None, None) => was_pasting,
            (begins, ends) => begins > ends,
        };
        if !was_pasting && begins.is_none() {
            while let Some(at) =
                bytes.windows(2).position(|pair| pair == [ESCAPE, b']'] || pair == [ESCAPE, b'P'])
            {
                bytes.drain(at..at + 2);
            }
        }
        bytes
    }

    fn take_parsed(&mut self) {
        while let Some(key) = self.parser.pop() {
            // Plain characters that come in a bunch are one piece: a row of 100,000 characters
            // would else be copied once for each.
            match (plain_character(&key), self.waiting.back_mut()) {
                (Some(character), Some(Input::Paste(text))) => text.push(character),
                (Some(character), _) => self.waiting.push_back(Input::Paste(character.into())),
                (None, _) => self.waiting.push_back(key),
            }
        }
    }
}

/// The character that a key stands for, where nothing else is held but Shift.
fn plain_character(key: &Input) -> Option<char> {
    match key {
        Input::Key(KeyEvent {
            code: KeyCode::Char(character),
            modifiers: Modifiers::NONE | Modifiers::SHIFT,
            kind: KeyEventKind::Press,
            ..
        }) => Some(*character),
        _ => None,
    }
}

/// Whether there is something to read on stdin now, if only its end.
fn is_readable() -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let stdin = stdio::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut ready, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

const ESCAPE: u8 = 0x1b;
const CTRL_C: u8 = 0x03;

/// Longer than leaving takes: a SIGTERM comes to a stopped job together with SIGCONT.
const BACKGROUND: Timespec = Timespec { tv_sec: 3, tv_nsec: 0 };

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// What goes through the bell where we ring it. The signal handlers' byte is another (`X`).
const RING: u8 = 0;

/// How to reach a stdin-reader that waits for a key.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    bell: Arc<UnixStream>,
    permits: Sender<Permit>,
}

impl Bell {
    /// Wakes, and says why.
    pub(super) fn ring(&self, why: Permit) {
        // The reason first: who is woken looks for it.
        let _ = self.permits.send(why);
        self.doorbell()();
    }

    /// Wakes without saying why.
    pub(super) fn doorbell(&self) -> Doorbell {
        let bell = Arc::clone(&self.bell);
        // A bell that is full has been rung.
        Arc::new(move || drop((&*bell).write(&[RING])))
    }
}
