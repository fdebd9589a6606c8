//! The keyboard in place of the terminal's line mode: from keys to lines.
//!
//! A terminal has a line mode of its own, from the days of the teletype: it knows Backspace and
//! little else, and an arriving message lands in the middle of what is being typed. A
//! [`Keyboard`] takes its place. To the stdin-reader it is one more thing to `read` from: it
//! blocks until a line is finished, and gives its bytes.
//!
//! What the keys mean is in [`Editor`], which knows no terminal. What the row looks like is the
//! business of the [screen](crate::terminal::screen), and drawn by the screen-writer alone. What is left
//! for here is whose the terminal is just now, and whether lines are still wanted:
//!
//! | state | whose the keys are | until |
//! |---|---|---|
//! | `Off` | the terminal's own, in its line mode | the next `read` takes them: `On`, or `Background` |
//! | `On` | ours: they edit the row | Ctrl-Z, or others stop us: `Background`; we are told to stop: `Stopping`; nothing more can be said: `Off` |
//! | `Background` | the shell's | we are in front again: `On`; we are told to stop: `Stopping` |
//! | `Stopping` | nobody's; what there was is handed out | all of it is: `Stopped` |
//! | `Stopped` | nobody's; they wait | the next `read`, as for `Off` |

use std::io::{self, Read};

use crossbeam_channel::{Receiver, bounded};
use termina::Event as Input;
use termina::event::{KeyCode, KeyEvent, Modifiers};

use crate::platform::jobs;
use crate::platform::terminal::{self, Terminal};
use crate::platform::window;
use crate::terminal::attention::focus_in;
use crate::terminal::editor::{Editor, LINES_MAX, Meaning};
use crate::terminal::keys::{Keys, Woken};
use crate::terminal::row::RowBoard;
use crate::threads::buffer::AtHome;
use crate::threads::event::Event;
use crate::threads::inbox::ToInbox;
use crate::threads::notices::{Notices, Unsent};
use crate::threads::order::Order;
use crate::threads::outbox::Outbox;
use crate::threads::permit::Permit;
use crate::wire::messages::Wire;

/// Ctrl-C.
const INTERRUPT: Input = Input::Key(KeyEvent::new(KeyCode::Char('c'), Modifiers::CONTROL));

/// How many keys may be waiting to be looked at when we are told to stop.
const WAITING_MAX: usize = 10_000;

/// How many things are told at most that a word can become.
const CHOICES_MAX: usize = 100;

/// A terminal whose keys are read one by one. See the [module's page](self).
#[derive(Debug)]
pub struct Keyboard {
    terminal: Terminal,
    keys: Keys,
    editor: Editor,
    /// Finished lines, and how much of them has been handed out.
    ready: Vec<u8>,
    given: usize,
    state: State,
    /// The row stands on the board as it is.
    drawn: bool,
    /// Ctrl-D has been pressed.
    ended: bool,
    /// What was pressed after that.
    late: Vec<Input>,
    /// Where we are told to stop. It is the stdin-reader's own channel.
    permits: Receiver<Permit>,
    /// The stdin-reader's empty buffers. While it has none, lines wait here, and keys are read on:
    /// a friend who takes nothing must not keep Ctrl-C from being heard.
    buffers: AtHome,
    /// Where the input row is put up.
    board: RowBoard,
    /// Who is here, as the screen has told.
    people: Receiver<Vec<String>>,
    to_screen: Outbox,
    notices: Notices,
    inbox: ToInbox,
}

/// What Tab completes.
#[derive(Debug)]
pub struct Completes {
    /// The help that lists the commands.
    pub commands: &'static [&'static str],
    /// Who is here, as the screen tells.
    pub people: Receiver<Vec<String>>,
}

/// Whose the keys are; see the [module's page](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The terminal's own, in its line mode.
    Off,
    /// Ours: they edit the row.
    On,
    /// The shell's: we are in the background, or about to be stopped.
    Background,
    /// We were told to stop, and hand out what is there.
    Stopping,
    /// We have stopped; they wait.
    Stopped,
}

impl Keyboard {
    /// A keyboard that has not touched the terminal yet. `permits` and `buffers` are the
    /// stdin-reader's.
    #[expect(clippy::too_many_arguments, reason = "a thread is given what it needs, once")]
    pub fn new(
        terminal: Terminal,
        keys: Keys,
        permits: Receiver<Permit>,
        buffers: AtHome,
        board: RowBoard,
        completes: Completes,
        to_screen: Outbox,
        notices: Notices,
        inbox: ToInbox,
    ) -> Keyboard {
        Keyboard {
            terminal,
            keys,
            editor: Editor::with_commands(completes.commands),
            ready: Vec::new(),
            given: 0,
            state: State::Off,
            drawn: false,
            ended: false,
            late: Vec::new(),
            permits,
            buffers,
            board,
            people: completes.people,
            to_screen,
            notices,
            inbox,
        }
    }

    /// Waits for one key, or for being woken, and does what is to be done about it.
    fn attend(&mut self) -> io::Result<()> {
        if let Ok(Permit::Stop | Permit::End) = self.permits.try_recv() {
            self.stop();
            return Ok(());
        }
        match self.state {
            State::Off | State::Stopped => self.begin(),
            State::Background => {
                if self.keys.wait_in_background() {
                    self.begin();
                }
                return Ok(());
            }
            State::On | State::Stopping => {}
        }
        // Keys that come in a bunch are drawn once.
        if self.state == State::On && !self.drawn && !self.keys.are_waiting() {
            self.draw();
        }
        if self.state == State::Background {
            return Ok(());
        }
        match self.keys.wait() {
            Ok(Woken::Key(key)) => {
                self.drawn = false;
                self.on_key(key);
            }
            // The reason is among the permits, or it is that a buffer has come home.
            Ok(Woken::Bell | Woken::NoKey) => {}
            // The shell has changed the terminal's modes, or the window has another size.
            Ok(Woken::Terminal) => self.begin(),
            Err(_) => {
                self.state = State::Off;
                return Err(io::Error::other("the terminal is gone"));
            }
        }
        Ok(())
    }

    fn on_key(&mut self, key: Input) {
        if self.is_about_focus(&key) {
            return;
        }
        if self.ended && key != INTERRUPT {
            return self.late.push(key); // Lines that were typed before Ctrl-D are still here.
        }
        self.editor.set_columns(window::size().columns);
        if let Ok(people) = self.people.try_recv() {
            self.editor.set_people(people);
        }
        let was_searching = self.editor.is_searching();
        let meaning = self.editor.on(key);
        if self.editor.is_searching() != was_searching {
            self.take_keys();
        }
        match meaning {
            Meaning::Nothing => {}
            Meaning::Lines(lines) => {
                self.draw();
                self.ready.extend_from_slice(lines.as_bytes());
            }
            Meaning::LongPaste(lines) => {
                self.draw();
                self.notices.notice(format_args!(
                    "a paste of more than {} KiB does not wait in the row: its lines go at once",
                    LINES_MAX / 1024
                ));
                self.ready.extend_from_slice(lines.as_bytes());
            }
            Meaning::Interrupt => {
                terminal::let_output_go_on();
                // After the lines that were handed out; others are not sent any more.
                let _ = self.inbox.send(Event::Signal);
            }
            Meaning::Redraw => {
                self.to_screen.send(Order::Clear);
            }
            Meaning::Suspend => self.suspend(),
            Meaning::Choices(choices) => self.show_choices(&choices),
            Meaning::End => self.ended = true,
        }
    }

    /// Whether it is no key, but says whether somebody looks: that is for the screen-writer.
    fn is_about_focus(&self, key: &Input) -> bool {
        let here = focus_in(key);
        if let Some(here) = here {
            self.to_screen.send(Order::Focus(here));
        }
        here.is_some()
    }

    fn show_choices(&self, choices: &[String]) {
        let shown = choices[..choices.len().min(CHOICES_MAX)].join(", ");
        match choices.len().saturating_sub(CHOICES_MAX) {
            0 => self.notices.answer(shown),
            more => self.notices.answer(format_args!("{shown}, and {more} more")),
        }
    }

    /// Takes over the terminal, unless it is the shell's just now.
    fn begin(&mut self) {
        if jobs::in_foreground() {
            self.take_keys();
            self.drawn = false;
            self.state = State::On;
        } else {
            if self.state != State::Background {
                // Somebody else has stopped us, and the shell has written where the row was.
                self.board.clear();
                self.to_screen.send(Order::RowLost);
            }
            self.state = State::Background;
        }
    }

    /// In a search Ctrl-S is a key; otherwise the terminal stops at it, as in a shell.
    fn take_keys(&self) {
        self.terminal.take_keys(self.editor.is_searching());
    }

    /// We were told to stop: what has been typed is handed over, whole or half, as a terminal in
    /// its line mode does (see [`Permits::stop`](crate::threads::permit::Permits::stop)).
    fn stop(&mut self) {
        self.look_at_waiting_keys();
        let half = self.editor.take_half();
        self.ready.extend_from_slice(half.as_bytes());
        if self.state == State::On {
            self.draw();
        }
        // The next friend may be near, and keys go on being pressed: the terminal is not given
        // back, for a moment, into a mode that treats them differently. At the end `main` does.
        self.state = State::Stopping;
    }

    /// Keys that nobody has looked at yet; but not for ever, where somebody leans on one.
    fn look_at_waiting_keys(&mut self) {
        for _ in 0..WAITING_MAX {
            let Some(key) = self.keys.next_waiting() else { break };
            if self.is_about_focus(&key) {
                continue;
            }
            match self.editor.on(key) {
                Meaning::Lines(lines) | Meaning::LongPaste(lines) => {
                    self.ready.extend_from_slice(lines.as_bytes());
                }
                Meaning::Interrupt => {
                    let _ = self.inbox.send(Event::Signal);
                }
                _ => {}
            }
        }
    }

    /// Nothing more can be said: after Ctrl-D, or a typed `end`, of which nothing is known here.
    /// The terminal gets its own line mode back, without an input row. Nothing happens where it
    /// has that already, and where somebody else has told us to stop.
    pub fn rest(&mut self) {
        if matches!(self.state, State::Off | State::Stopped) || Terminal::is_gone() {
            return;
        }
        // What was typed after Ctrl-D.
        for key in std::mem::take(&mut self.late) {
            if let Meaning::Lines(lines) | Meaning::LongPaste(lines) = self.editor.on(key) {
                self.ready.extend_from_slice(lines.as_bytes());
            }
        }
        self.look_at_waiting_keys();
        let mut unsent = Unsent::of(Wire::Lines, &self.ready[self.given..]);
        unsent.add(Wire::Lines, self.editor.take_half().as_bytes());
        (self.ready, self.given) = (Vec::new(), 0);
        self.board.clear();
        self.to_screen.send(Order::RowAway(None));
        self.terminal.rest();
        self.state = State::Off;
        self.notices.not_sent(&unsent);
    }

    /// Ctrl-Z: the shell gets its terminal, until `fg`.
    fn suspend(&mut self) {
        if !jobs::has_shell() {
            return; // Nobody could let us go on.
        }
        terminal::let_output_go_on();
        self.board.clear();
        let (gone, is_gone) = bounded(1);
        self.to_screen.send(Order::RowAway(Some(gone)));
        if is_gone.recv().is_err() {
            return; // The screen-writer has ended, and so will everything.
        }
        self.terminal.rest();
        self.state = State::Background;
        // We are in front until we have stopped, a moment later: only what rings from now on is a
        // reason to look.
        self.keys.forget_rings();
        jobs::stop_process();
    }

    fn draw(&mut self) {
        self.board.put_up(self.editor.row());
        self.drawn = true;
    }
}

impl Read for Keyboard {
    /// Gives a line, as a terminal in its line mode does.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len()
            || (self.buffers.count() == 0 && self.state != State::Stopping)
        {
            if self.given == self.ready.len() {
                (self.ready, self.given) = (Vec::new(), 0);
                if self.state == State::Stopping {
                    self.state = State::Stopped;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                if std::mem::take(&mut self.ended) {
                    self.rest();
                    return Ok(0);
                }
            }
            self.attend()?;
        }
        let rest = &self.ready[self.given..];
        let line = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let count = line.min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}
