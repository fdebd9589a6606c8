//! CONTRACT 3: the program as a job of a shell. In front, in the background, stopped, or where there
//! is no shell: what happens to it, and to the terminal that it shares with the shell.
//!
//! [`TABLE`] is most of it: how the program was started, what happens then, and what is true after
//! each of these. A real `bash` and a real `zsh` play each row.

mod support;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use rustix::termios::{LocalModes, Termios};
use support::observe::until_all_sleep;
use support::pty::Terminal;
use support::shell::{Kind, Script, Shell};
use support::tty::Tty;
use support::wire::receive;
use support::{
    Output, Program, contains, friend_answers, friend_calls, friend_listener, have_tool, text,
    threadchat, until,
};

const CTRL_C: &str = "\x03";
const CTRL_S: &str = "\x13";
const CTRL_U: &str = "\x15";
const CTRL_Z: &str = "\x1a";

const PASTES_MARKED: &[u8] = b"\x1b[?2004h";
const PASTES_UNMARKED: &[u8] = b"\x1b[?2004l";

/// What is in the row whenever something happens. A shell that gets it and an Enter runs it.
const HALF_TYPED: &str = "touch STOLEN";

// The table.

/// How the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    InFront,
    /// With `&`.
    Behind,
    UnderSh,
    UnderTimeout,
    UnderPython,
    InAScript,
    /// `timeout` makes a group of its own there, which is never in front.
    UnderTimeoutInAScript,
    /// In a session of its own, with our terminal, which is not that session's.
    InAnotherSession,
    /// In a session of its own, with files.
    WithoutATerminal,
    WithSignalsIgnored,
    PlainInFront,
    PlainBehind,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Happens {
    CtrlZ,
    Bg,
    Fg,
    /// A signal to the program: where the shell is in front, by the shell's `kill`.
    Sent(Signal),
    /// SIGSTOP, from somewhere else.
    Halted,
    /// Ctrl-S, and something to be shown.
    OutputStopped,
}

/// What is true then.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It has the terminal, and the row as it was. One Enter sends one line, which is shown once.
    Edits,
    /// It works, in the terminal's own line mode.
    Works,
    /// It runs in the background, and shows what arrives. The shell has its terminal.
    IsBehind,
    /// It runs, and does not have the terminal; nor has the shell.
    IsDeaf,
    /// It runs, somewhere without a terminal. The shell has its own.
    IsElsewhere,
    /// It is stopped. The shell has its terminal.
    IsStopped,
    /// It runs; what it writes does not come out.
    IsHeldUp,
    /// It has ended with this exit code. The shell has its terminal, and nothing that was typed for
    /// somebody else.
    IsGone(i32),
    /// The same where the shell cannot tell the exit code.
    HasVanished,
}

use Happens::*;
use Started::*;
use Then::*;

const INT: Happens = Sent(Signal::INT);
const TERM: Happens = Sent(Signal::TERM);
const HUP: Happens = Sent(Signal::HUP);
const QUIT: Happens = Sent(Signal::QUIT);

type Row = (Started, Then, &'static [(Happens, Then)]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (InFront, Edits, &[(INT, IsGone(0))]),
    (InFront, Edits, &[(TERM, IsGone(0))]),
    (InFront, Edits, &[(HUP, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Fg, Edits), (CtrlZ, IsStopped), (Fg, Edits), (INT, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (TERM, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (CtrlZ, IsStopped), (Fg, Edits), (HUP, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (TERM, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (HUP, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (TERM, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (INT, IsGone(0))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (HUP, IsGone(0))]),
    (InFront, Edits, &[(Halted, IsStopped), (Fg, Edits), (INT, IsGone(0))]),
    (InFront, Edits, &[(Halted, IsStopped), (Bg, IsBehind), (TERM, IsGone(0))]),
    (InFront, Edits, &[(Halted, IsStopped), (Bg, IsBehind), (Fg, Edits), (TERM, IsGone(0))]),
    (InFront, Edits, &[(OutputStopped, IsHeldUp), (INT, IsGone(1))]),
    (InFront, Edits, &[(OutputStopped, IsHeldUp), (TERM, IsGone(1))]),
    (InFront, Edits, &[(OutputStopped, IsHeldUp), (HUP, IsGone(1))]),
    (InFront, Edits, &[(OutputStopped, IsHeldUp), (CtrlZ, IsStopped), (Fg, Edits), (TERM, IsGone(0))]),

    (InFront, Edits, &[(QUIT, IsGone(131))]),
    (InFront, Edits, &[(Sent(Signal::ABORT), IsGone(134))]),
    (InFront, Edits, &[(Sent(Signal::USR1), IsGone(138))]),
    (InFront, Edits, &[(Sent(Signal::USR2), IsGone(140))]),
    (InFront, Edits, &[(Sent(Signal::ALARM), IsGone(142))]),
    (InFront, Edits, &[(Sent(Signal::XCPU), IsGone(152))]),
    (InFront, Edits, &[(OutputStopped, IsHeldUp), (QUIT, IsGone(131))]),
    (InFront, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (QUIT, IsGone(131))]),

    (Behind, IsBehind, &[(INT, IsGone(0))]),
    (Behind, IsBehind, &[(TERM, IsGone(0))]),
    (Behind, IsBehind, &[(HUP, IsGone(0))]),
    (Behind, IsBehind, &[(Fg, Edits), (INT, IsGone(0))]),
    (Behind, IsBehind, &[(Fg, Edits), (CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (TERM, IsGone(0))]),
    (Behind, IsBehind, &[(Halted, IsStopped), (Bg, IsBehind), (TERM, IsGone(0))]),
    (Behind, IsBehind, &[(Halted, IsStopped), (Fg, Edits), (OutputStopped, IsHeldUp), (TERM, IsGone(1))]),

    (UnderSh, Edits, &[(TERM, IsGone(0))]),
    (UnderSh, Edits, &[(CtrlZ, IsStopped), (Fg, Edits), (INT, IsGone(0))]),
    (UnderSh, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (HUP, IsGone(0))]),
    (UnderTimeout, Edits, &[(TERM, IsGone(0))]),
    (UnderTimeout, Edits, &[(CtrlZ, IsStopped), (Fg, Edits), (INT, IsGone(0))]),
    (UnderTimeout, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (HUP, IsGone(0))]),
    (UnderPython, Edits, &[(CtrlZ, IsStopped), (Fg, Edits), (TERM, IsGone(0))]),
    (InAScript, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (TERM, IsGone(0))]),
    (InAScript, Edits, &[(OutputStopped, IsHeldUp), (TERM, IsGone(1))]),
    (UnderTimeoutInAScript, IsDeaf, &[(INT, IsGone(0))]),
    (UnderTimeoutInAScript, IsDeaf, &[(TERM, IsGone(0))]),
    (UnderTimeoutInAScript, IsDeaf, &[(HUP, IsGone(0))]),
    (InAnotherSession, Edits, &[(CtrlZ, Edits), (TERM, IsGone(0))]),
    (WithoutATerminal, IsElsewhere, &[(INT, HasVanished)]),
    (WithoutATerminal, IsElsewhere, &[(TERM, HasVanished)]),
    (WithoutATerminal, IsElsewhere, &[(HUP, HasVanished)]),
    (WithSignalsIgnored, Edits, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Edits), (TERM, IsGone(0))]),
    (WithSignalsIgnored, Edits, &[(INT, Edits), (HUP, Edits), (TERM, IsGone(0))]),
    (WithSignalsIgnored, Edits, &[(INT, Edits), (QUIT, IsGone(131))]),

    (PlainInFront, Works, &[(INT, IsGone(0))]),
    (PlainInFront, Works, &[(TERM, IsGone(0))]),
    (PlainInFront, Works, &[(HUP, IsGone(0))]),
    (PlainInFront, Works, &[(CtrlZ, IsStopped), (Fg, Works), (TERM, IsGone(0))]),
    (PlainInFront, Works, &[(CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Works), (INT, IsGone(0))]),
    (PlainInFront, Works, &[(CtrlZ, IsStopped), (Bg, IsBehind), (TERM, IsGone(0))]),
    (PlainInFront, Works, &[(CtrlZ, IsStopped), (TERM, IsGone(0))]),
    (PlainInFront, Works, &[(QUIT, IsGone(131))]),
    (PlainInFront, Works, &[(Sent(Signal::ABORT), IsGone(134))]),
    (PlainInFront, Works, &[(Sent(Signal::USR1), IsGone(138))]),
    (PlainBehind, IsBehind, &[(INT, IsGone(0))]),
    (PlainBehind, IsBehind, &[(TERM, IsGone(0))]),
    (PlainBehind, IsBehind, &[(HUP, IsGone(0))]),
    (PlainBehind, IsBehind, &[(Fg, Works), (CtrlZ, IsStopped), (Bg, IsBehind), (Fg, Works), (TERM, IsGone(0))]),
];

/// Plays the rows of the table that begin like this.
fn plays(started: &[Started]) {
    for kind in Kind::all() {
        for row in TABLE.iter().filter(|row| started.contains(&row.0)) {
            if row.0 == UnderPython && !have_tool("python3") {
                continue;
            }
            eprintln!("{kind:?}: {row:?}"); // To be seen where it fails.
            let mut scene = Scene::begin(kind, row.0);
            scene.check(row.1);
            for &(happens, then) in row.2 {
                eprintln!("    {happens:?} {then:?}");
                scene.happens(happens);
                scene.check(then);
            }
        }
    }
}

#[test]
fn in_front() {
    plays(&[InFront]);
}

#[test]
fn behind() {
    plays(&[Behind]);
}

#[test]
fn under_sh_and_timeout_and_python() {
    plays(&[UnderSh, UnderTimeout, UnderPython]);
}

#[test]
fn in_a_script() {
    plays(&[InAScript, UnderTimeoutInAScript]);
}

#[test]
fn in_another_session_and_without_a_terminal() {
    plays(&[InAnotherSession, WithoutATerminal]);
}

#[test]
fn with_signals_ignored() {
    plays(&[WithSignalsIgnored]);
}

#[test]
fn plain() {
    plays(&[PlainInFront, PlainBehind]);
}

/// A shell, the program as its job, and a friend.
struct Scene {
    shell: Shell,
    kind: Kind,
    started: Started,
    friend: TcpStream,
    /// What the friend gets.
    got: Output,
    program: Pid,
    /// The terminal's modes at the shell's prompt.
    at_prompt: Termios,
    /// Whether it is the shell that reads what is typed.
    shell_in_front: bool,
    /// Something is in the row.
    half_typed: bool,
    /// It could not set anything right when it was stopped.
    was_halted: bool,
    /// How much had been shown before what happened last.
    before: usize,
    /// Makes words that were not said before.
    number: usize,
}

impl Scene {
    #[track_caller]
    fn begin(kind: Kind, started: Started) -> Scene {
        let mut shell = Shell::of_kind(kind);
        let at_prompt = shell.terminal.modes();
        let program = format!("{} listen 127.0.0.1:0", threadchat());
        let code = "echo code=$?";
        let behind = matches!(started, Behind | PlainBehind | WithoutATerminal);
        shell.run(&match started {
            InFront => format!("{program}; {code}"),
            Behind => format!("{program} &"),
            UnderSh => format!("sh -c '{program}; true'; {code}"),
            UnderTimeout => format!("timeout 600 {program}; {code}"),
            UnderPython => {
                let words = program.replace(' ', "', '");
                format!("python3 -c \"import subprocess; subprocess.call(['{words}'])\"; {code}")
            }
            InAScript => {
                std::fs::write(shell.path("script"), format!("{program}\nexit $?\n")).unwrap();
                format!("sh script; {code}")
            }
            UnderTimeoutInAScript => {
                let script = format!("timeout 600 {program}\nexit $?\n");
                std::fs::write(shell.path("script"), script).unwrap();
                format!("sh script; {code}")
            }
            InAnotherSession => format!("setsid -w {program}; {code}"),
            WithoutATerminal => format!("setsid {program} < /dev/null > said 2> log &"),
            WithSignalsIgnored => format!("(trap '' INT HUP; exec {program}); {code}"),
            PlainInFront => format!("{program} --plain; {code}"),
            PlainBehind => format!("{program} --plain &"),
        });
        let port = match started {
            WithoutATerminal => until("a port", || {
                support::port_in(&std::fs::read_to_string(shell.path("log")).unwrap_or_default())
            }),
            _ => shell.terminal.listening_port(),
        };
        let friend = friend_calls(port);
        let got = Output::collect(friend.try_clone().unwrap());
        let program = shell.program();
        let mut scene = Scene {
            shell,
            kind,
            started,
            friend,
            got,
            program,
            at_prompt,
            shell_in_front: behind,
            half_typed: false,
            was_halted: false,
            before: 0,
            number: 0,
        };
        if started != WithoutATerminal {
            scene.hears();
        }
        scene
    }

    /// A word that was not said before.
    fn word(&mut self) -> String {
        self.number += 1;
        format!("word{}", self.number)
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.program.as_raw_nonzero()));
        let stat = stat.unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
    }

    #[track_caller]
    fn happens(&mut self, happens: Happens) {
        self.before = self.shell.terminal.raw().len();
        match happens {
            CtrlZ => self.shell.terminal.press(CTRL_Z),
            Bg => {
                self.shell.run("bg");
                if let Kind::Zsh = self.kind {
                    // It forgets its prompt there at times, with any program.
                    self.waits_for_shown("continued");
                    self.shell.terminal.press("\n");
                }
                self.shell.wait_for_prompt();
            }
            Fg => {
                self.was_halted = false;
                self.shell.run("fg; echo code=$?");
                self.shell_in_front = false;
            }
            Sent(signal) if self.shell_in_front && self.started != WithoutATerminal => {
                self.shell.run(&format!("kill -{} %1", signal.as_raw()));
                self.friend_leaves();
            }
            Sent(signal) => {
                kill_process(self.program, signal).unwrap();
                let is_ignored = self.started == WithSignalsIgnored
                    && [Signal::INT, Signal::HUP].contains(&signal);
                if !is_ignored {
                    self.friend_leaves();
                }
            }
            Halted => {
                kill_process(self.program, Signal::STOP).unwrap();
                self.was_halted = true;
                if self.shell_in_front {
                    self.shell_tells(&["Stopped", "suspended"]); // It would take it for running.
                }
            }
            OutputStopped => {
                self.shell.terminal.press(CTRL_S);
                self.friend.write_all(b"not to be seen\n").unwrap();
                let threads = ["socket-reader", "coordinator", "screen-writer"];
                until_all_sleep(self.program.as_raw_nonzero().get().unsigned_abs(), &threads);
            }
        }
    }

    /// The friend hangs up when the program has.
    #[track_caller]
    fn friend_leaves(&mut self) {
        self.got.to_end();
        let _ = self.friend.shutdown(Shutdown::Both);
    }

    #[track_caller]
    fn check(&mut self, then: Then) {
        match then {
            Edits => self.edits(),
            Works => self.works(),
            IsBehind => {
                self.shell_is_there();
                self.hears();
                self.shell_is_there();
                assert_ne!(self.state(), 'T');
            }
            IsDeaf => {
                self.hears();
                assert_ne!(self.state(), 'T');
                self.terminal_is_untouched();
            }
            IsElsewhere => {
                let word = self.word();
                self.friend.write_all(format!("{word}\n").as_bytes()).unwrap();
                until("it is in the file", || {
                    let said = std::fs::read_to_string(self.shell.path("said")).ok()?;
                    said.contains(&word).then_some(())
                });
                self.shell_is_there();
            }
            IsStopped => {
                until("it is stopped", || (self.state() == 'T').then_some(()));
                self.shell_in_front = true;
                self.shell.wait_for_prompt();
                self.shell_is_there();
            }
            IsHeldUp => assert!(!self.shell.terminal.screen().contains("not to be seen")),
            IsGone(code) => {
                until("it is gone", || test_kill_process(self.program).is_err().then_some(()));
                match (self.shell_in_front, code) {
                    // Here `zsh` forgets the rest of the line, as at Ctrl-C.
                    (false, 131) if self.kind == Kind::Zsh => {
                        self.shell.wait_for_prompt();
                        self.shell.run("echo code=$?");
                        self.waits_for_shown("code=131\r\n");
                    }
                    (false, code) => self.waits_for_shown(&format!("code={code}\r\n")),
                    // The shell looks at its jobs when it has been given something to do.
                    (true, 0) => self.shell_tells(&["Done", "done"]),
                    (true, code) => self.shell_tells(&[&format!("xit {code}")]),
                }
                self.shell_has_got_nothing();
            }
            HasVanished => {
                until("it is gone", || test_kill_process(self.program).is_err().then_some(()));
                self.shell_has_got_nothing();
            }
        }
    }

    #[track_caller]
    fn waits_for_shown(&self, text: &str) {
        self.shell.terminal.wait_look(&format!("{text:?} is shown"), |_, raw| {
            contains(&raw[self.before..], text.as_bytes()).then_some(())
        });
    }

    /// What the shell says of its job, one way or the other.
    #[track_caller]
    fn shell_tells(&mut self, words: &[&str]) {
        until(&format!("the shell tells {words:?}"), || {
            self.shell.terminal.press("\n");
            let raw = self.shell.terminal.raw().split_off(self.before);
            words.iter().any(|word| contains(&raw, word.as_bytes())).then_some(())
        });
    }

    /// What the friend says is shown.
    #[track_caller]
    fn hears(&mut self) {
        let word = self.word();
        self.friend.write_all(format!("{word}\n").as_bytes()).unwrap();
        self.shell.terminal.wait_for(&format!("friend says: {word}"));
    }

    #[track_caller]
    fn edits(&mut self) {
        // A job that runs is not told that it is in front again: it takes a second.
        until("the keys are taken", || {
            let modes = self.shell.terminal.modes().local_modes;
            (!modes.intersects(LocalModes::ICANON | LocalModes::ECHO)).then_some(())
        });
        let row = if self.half_typed { HALF_TYPED } else { "" };
        self.has_row(row);
        let marked = self.shell.terminal.with_screen(vt100::Screen::bracketed_paste);
        assert!(marked, "pastes are not marked");
        self.hears();
        self.has_row(row);
        let word = self.word();
        self.shell.terminal.press(format!("{CTRL_U}{word}\r"));
        self.friend_gets(&word);
        self.shell.terminal.press(HALF_TYPED);
        self.has_row(HALF_TYPED);
        self.half_typed = true;
        self.shell.terminal.wait_for(&format!("\n> {word}\n"));
        let screen = self.shell.terminal.screen();
        assert_eq!(screen.matches(&word).count(), 1, "{word} is shown once in\n{screen}");
    }

    #[track_caller]
    fn has_row(&self, row: &str) {
        let row = format!("> {row}");
        self.shell.terminal.wait_screen(&format!("the row {row:?}"), |screen| {
            let (at, column) = screen.cursor_position();
            let shown = screen.rows(0, 150).nth(usize::from(at))?;
            (shown.trim_end() == row.trim_end() && usize::from(column) == row.len()).then_some(())
        });
    }

    /// The friend has got this line and nothing else since the last.
    #[track_caller]
    fn friend_gets(&self, word: &str) {
        let line = format!("{word}\n");
        let got = self.got.wait_until(|got| got.ends_with(line.as_bytes()).then(|| text(got)));
        let got = got.unwrap_or_else(|| panic!("{word} has not come: {}", self.got.text()));
        assert!(!got.contains("touch"), "{got}");
        assert_eq!(got.matches(&line).count(), 1, "{got}");
    }

    #[track_caller]
    fn works(&mut self) {
        self.hears();
        // A shell that is still busy with its own affairs would throw it away.
        until("the modes are those for a program", || {
            let modes = self.shell.terminal.modes().local_modes;
            modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG).then_some(())
        });
        let word = self.word();
        self.shell.terminal.press(format!("{word}\n"));
        self.friend_gets(&word);
        // What stays half typed the terminal drops at Ctrl-Z, as it does for every program.
        self.before = self.shell.terminal.raw().len();
        self.shell.terminal.press(HALF_TYPED);
        self.waits_for_shown(HALF_TYPED);
    }

    /// The shell is at its prompt, in its own modes, and answers.
    #[track_caller]
    fn shell_is_there(&mut self) {
        let word = self.word();
        // The quotes keep what is typed from being taken for the answer.
        self.before = self.shell.terminal.raw().len();
        self.shell.run(&format!("echo 'shell'{word}"));
        self.shell.terminal.wait_screen("the shell has answered, and waits", |screen| {
            let (at, column) = screen.cursor_position();
            let shown: Vec<String> = screen.rows(0, 150).take(usize::from(at) + 1).collect();
            let answered = shown.iter().any(|row| row.trim_end() == format!("shell{word}"));
            (answered && shown.last()? == "ready>" && column == 6).then_some(())
        });
        until("the modes are the shell's own", || {
            (format!("{:?}", self.shell.terminal.modes()) == format!("{:?}", self.at_prompt))
                .then_some(())
        });
        self.terminal_is_untouched();
    }

    /// Nothing of ours is left of what a terminal can be told.
    #[track_caller]
    fn terminal_is_untouched(&self) {
        let marked = self.shell.terminal.with_screen(vt100::Screen::bracketed_paste);
        assert!(!marked || self.was_halted, "pastes are still marked");
        assert!(wraps(&self.shell.terminal.raw()), "rows are not broken any more");
    }

    /// It gets nothing that was typed for somebody else.
    #[track_caller]
    fn shell_has_got_nothing(&mut self) {
        self.shell.terminal.press("\n");
        self.shell_is_there();
        assert!(!self.shell.path("STOLEN").exists(), "{:?} has run it", self.kind);
    }
}

/// Whether a terminal that was sent all this breaks rows (DECAWM).
fn wraps(raw: &[u8]) -> bool {
    let last = |mark: &[u8]| raw.windows(mark.len()).rposition(|part| part == mark);
    last(b"\x1b[?7l") <= last(b"\x1b[?7h")
}

// One by one.

/// A shell with the program in front, and a friend.
#[track_caller]
fn in_bash(options: &str) -> (Shell, TcpStream, Pid) {
    let mut shell = Shell::of_kind(Kind::Bash);
    shell.run(&format!("{} listen 127.0.0.1:0 {options}; echo code=$?", threadchat()));
    let friend = friend_calls(shell.terminal.listening_port());
    shell.terminal.wait_for("can read it");
    let program = shell.program();
    (shell, friend, program)
}

fn is_stopped(program: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.as_raw_nonzero()));
    status.is_ok_and(|status| status.contains("State:\tT"))
}

/// Once it had been in the background for 3 s it touched the terminal, and was stopped for it. When
/// SIGTERM and SIGCONT came it was stopped for the same again, before it could end.
#[test]
fn a_background_job_does_not_stop_itself_for_good() {
    let (mut shell, friend, program) = in_bash("");
    shell.suspend();
    shell.run("bg");
    shell.terminal.wait_for("&\n");
    // That nothing happens takes a time to see.
    let began = Instant::now();
    until("it has been there for a while", || {
        (is_stopped(program) || began.elapsed() > Duration::from_secs(4)).then_some(())
    });
    assert!(!is_stopped(program) || began.elapsed() < Duration::from_secs(1), "it is stopped");
    shell.run("kill %1; kill -CONT %1");
    drop(friend);
    until("it is gone", || test_kill_process(program).is_err().then_some(()));
}

/// The same without the line editor: a `read` stopped it at once, and was begun again after SIGCONT.
#[test]
fn a_background_job_without_the_editor_is_not_stopped_and_ends() {
    let mut shell = Shell::of_kind(Kind::Bash);
    shell.run(&format!("{} listen --plain 127.0.0.1:0 &", threadchat()));
    let friend = friend_calls(shell.terminal.listening_port());
    shell.terminal.wait_for("can read it");
    let program = shell.program();
    shell.run("kill %1");
    drop(friend);
    until("it is gone", || test_kill_process(program).is_err().then_some(()));
}

/// `timeout` puts the program into the background of a script, with nobody to bring it to the front.
#[test]
fn timeout_in_a_script_returns() {
    for options in ["", " --plain"] {
        let mut shell = Shell::of_kind(Kind::Bash);
        let program = format!("{} listen 127.0.0.1:0{options}", threadchat());
        std::fs::write(shell.path("script"), format!("timeout 4 {program}; echo code=$?")).unwrap();
        shell.run("sh script");
        let port = shell.terminal.listening_port();
        let pid = shell.program();
        shell.terminal.wait_for("code=124");
        assert!(test_kill_process(pid).is_err());
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        shell.press_enter_and_wait();
    }
}

/// A shell tells a job that runs nothing at `fg`. So it has to look for itself; it did so after 3 s, and
/// until then it took what was typed line by line, with the next line.
#[test]
fn after_fg_the_editor_is_soon_there_again() {
    for kind in Kind::all() {
        // The best of several, on a machine that has other things to do.
        let soon = (0..5).any(|_| {
            let mut scene = Scene::begin(kind, Behind);
            scene.happens(Fg);
            let began = Instant::now();
            scene.edits();
            began.elapsed() < Duration::from_secs(2)
        });
        assert!(soon, "{kind:?}: it looks once a second whether it is in front");
    }
}

/// Where the group is orphaned the system does not stop the program, and nobody could let it go on:
/// but the row was gone, and the terminal in its line mode, until Enter.
#[test]
fn ctrl_z_leaves_the_row_alone_where_nobody_could_bring_the_program_back() {
    let program = format!("{} listen 127.0.0.1:0", threadchat());
    let words = program.replace(' ', "', '");
    let python = format!("import subprocess; subprocess.call(['{words}'])");
    let mut ways = vec![vec!["sh", "-c"], vec!["timeout", "600", "sh", "-c"]];
    if have_tool("python3") {
        ways.push(vec!["python3", "-c"]);
    }
    for way in ways {
        let mut command = CommandBuilder::new(way[0]);
        command.args(&way[1..]);
        command.arg(if way[0] == "python3" { python.clone() } else { format!("{program}; true") });
        let mut terminal = Terminal::spawn(command, 24, 80);
        let friend = friend_calls(terminal.listening_port());
        terminal.wait_for("can read it");
        terminal.press("half");
        terminal.wait_for("\n> half");
        let modes = format!("{:?}", terminal.modes());
        let before = terminal.raw().len();
        // Its keys are looked at one after the other.
        terminal.press(format!("{CTRL_Z}-typed"));
        terminal.wait_look("Ctrl-Z has been looked at", |screen, raw| {
            let typed = screen.contents().contains("-typed");
            let gone = contains(&raw[before..], PASTES_UNMARKED);
            (typed || gone).then_some(())
        });
        assert_eq!(format!("{:?}", terminal.modes()), modes, "{way:?}");
        assert!(!contains(&terminal.raw()[before..], PASTES_UNMARKED), "{way:?}");
        terminal.wait_for("\n> half-typed");
        terminal.press("\r");
        assert_eq!(text(&receive(&friend, 11)), "half-typed\n");
    }
}

/// After a signal it leaves without having written what it has; but not without setting right what it
/// has told the terminal.
#[test]
fn a_terminal_that_takes_nothing_is_given_back_too() {
    // Ctrl-S.
    for signal in [Signal::TERM, Signal::HUP] {
        let (mut shell, mut friend, program) = in_bash("");
        shell
            .terminal
            .wait_look("pastes are marked", |screen, _| screen.bracketed_paste().then_some(()));
        shell.terminal.press(CTRL_S);
        friend.write_all(b"not to be seen\n").unwrap();
        let number = program.as_raw_nonzero().get().unsigned_abs();
        until_all_sleep(number, &["socket-reader", "coordinator", "screen-writer"]);
        kill_process(program, signal).unwrap();
        shell.terminal.wait_for("code=1");
        let shown = shell.terminal.raw();
        let last = |mark: &[u8]| shown.windows(mark.len()).rposition(|part| part == mark);
        assert!(last(PASTES_UNMARKED) > last(PASTES_MARKED), "{}", text(&shown));
        let screen = shell.terminal.screen();
        assert!(screen.lines().any(|row| row == "code=1"), "on a row of its own:\n{screen}");
        shell.press_enter_and_wait();
    }
}

/// The same with a window that nobody reads, which is full in the middle of a row.
#[test]
fn a_terminal_that_nobody_reads_is_given_back_too() {
    let mut tty = Tty::open();
    let before = tty.modes();
    let (mut program, mut friend) = tty.calls_a_friend();
    let mut shown = tty.read_until("\r> ");
    assert!(shown.contains("\x1b[?2004h"));
    let floods = std::thread::spawn(move || {
        while friend.write_all(b"one more line for a screen that nobody looks at\n").is_ok() {}
    });
    until_all_sleep(program.child.id(), &["socket-reader", "coordinator", "screen-writer"]);
    let began = Instant::now();
    program.signal(Signal::TERM);
    program.ends_with(1);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(tty.modes(), before);
    floods.join().unwrap();
    loop {
        let more = tty.read_now();
        shown.push_str(&more);
        if more.is_empty() {
            break;
        }
    }
    let tail = &shown[shown.len().saturating_sub(200)..];
    assert!(shown.rfind("\x1b[?2004l") > shown.rfind("\x1b[?2004h"), "{tail:?}");
    assert!(wraps(shown.as_bytes()), "{tail:?}");
    // The cursor is at the beginning of an empty row.
    let mut screen = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    screen.process(shown.as_bytes());
    assert_eq!(screen.screen().cursor_position().1, 0, "{tail:?}");
    let (row, _) = screen.screen().cursor_position();
    let row = screen.screen().rows(0, 80).nth(usize::from(row)).unwrap();
    assert_eq!(row.trim_end(), "", "{tail:?}");
}

/// What was typed before was shown by the terminal, in the midst of what the program said then.
#[test]
fn what_was_typed_before_the_row_is_there_stands_in_no_other_row() {
    let (listener, port) = friend_listener();
    let mut script = Script::start(&["connect", "127.0.0.1", &port.to_string()]);
    script.terminal.press("\nhalf"); // The first line is the script's.
    let mut friend = friend_answers(&listener);
    script.terminal.wait_for("can read it");
    friend.write_all(b"hello\n").unwrap();
    script.terminal.wait_for("friend says: hello");
    script.terminal.wait_for("> half");
    let screen = script.terminal.screen();
    assert_eq!(screen.matches("half").count(), 1, "{screen}");
    assert!(screen.lines().any(|row| row.starts_with("connected to")), "{screen}");
    script.terminal.press("-typed\r");
    assert_eq!(text(&receive(&friend, 11)), "half-typed\n");
}

/// When the first line is on the screen the keys are taken: no later one can be echoed into it.
#[test]
fn keys_are_taken_before_anything_is_shown() {
    for _ in 0..20 {
        let (terminal, _) = Terminal::listen(&["--explain"]);
        let modes = terminal.modes().local_modes;
        assert!(!modes.intersects(LocalModes::ICANON | LocalModes::ECHO), "{modes:?}");
    }
}

/// Where nothing comes of the chat the terminal is as it was.
#[test]
fn the_terminal_is_given_back_where_the_chat_cannot_begin() {
    let (_taken, port) = friend_listener();
    let taken = format!("127.0.0.1:{port}");
    let nowhere = "/nowhere/at/all";
    for (words, code) in [
        (&["listen", &taken][..], 1),
        (&["listen", "127.0.0.1:0", "--transcript", nowhere], 1),
        (&["listen", "127.0.0.1:0", "--trace", nowhere], 1),
        (&["connect", "127.0.0.1", "1"], 1),
        (&["listen", "99999"], 2),
        (&["listen", "-h"], 0),
    ] {
        let mut script = Script::start(words);
        let before = script.state();
        script.terminal.press("\n");
        script.terminal.wait_for(&format!("\ncode={code}"));
        assert_eq!(script.state(), before, "{words:?}");
        let marked = script.terminal.with_screen(vt100::Screen::bracketed_paste);
        assert!(!marked, "pastes are still marked after {words:?}");
        script.assert_nothing_left();
    }
}

/// What a shell does when its window is closed: SIGHUP to each of its jobs, and SIGCONT to those that
/// are stopped. None of them stays behind.
#[test]
fn a_closed_window_leaves_no_job_behind() {
    for (keys, plain) in [("", ""), (CTRL_Z, ""), ("&", ""), ("", "--plain"), ("&", "--plain")] {
        let mut tty = Tty::open();
        let mut command = Command::new("setsid");
        command.args(["--ctty", "bash", "--norc", "--noprofile", "-i"]);
        command.env("PS1", "ready>").env("TERM", "xterm-256color").env_remove("TMUX");
        command.stdin(tty.end()).stdout(tty.end()).stderr(tty.end());
        let mut bash = Program::spawn_as_is(&mut command);
        tty.read_until("ready>");
        let behind = if keys == "&" { "&" } else { "" };
        tty.press(format!("{} listen 127.0.0.1:0 {plain} {behind}\r", threadchat()));
        let shown = tty.read_until("on this computer");
        let port = support::port_in(&shown).expect("a port");
        let friend = friend_calls(port);
        tty.read_until("can read it");
        if keys == CTRL_Z {
            tty.press(CTRL_Z);
            tty.read_until("Stopped");
        }
        drop(tty);
        drop(friend);
        until("bash is gone", || (!bash.runs()).then_some(()));
        // Nobody is left who listens there, or who keeps the port in another way.
        until("the program is gone", || std::net::TcpListener::bind(("127.0.0.1", port)).ok());
    }
}

/// The program at a prompt, left with Ctrl-C: for comparison with all of the above.
#[test]
fn ctrl_c_gives_everything_back() {
    let mut scene = Scene::begin(Kind::Bash, InFront);
    scene.edits();
    scene.before = scene.shell.terminal.raw().len();
    scene.shell.terminal.press(CTRL_C);
    scene.friend_leaves();
    scene.check(IsGone(0));
}
