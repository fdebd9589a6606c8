//! A real shell in a real terminal, with the program started from it: the shell shows what the
//! program has done to the terminal, and runs whatever the program has left in its input.

use std::ffi::OsStr;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use portable_pty::CommandBuilder;

use super::pty::Terminal;
use super::until;

/// An interactive shell in a folder of its own.
pub struct Shell {
    pub terminal: Terminal,
    folder: tempfile::TempDir,
}

const PROMPT: &str = "ready>";

/// Which shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bash,
    Zsh,
}

impl Kind {
    /// Those that are here.
    pub fn all() -> Vec<Kind> {
        match super::have_tool("zsh") {
            true => vec![Kind::Bash, Kind::Zsh],
            false => vec![Kind::Bash],
        }
    }
}

impl Shell {
    /// Starts a shell that has job control, and says nothing to its terminal about pastes: so that
    /// whatever is said about them is the program's. Waits for its prompt.
    #[track_caller]
    pub fn of_kind(kind: Kind) -> Shell {
        let folder = tempfile::tempdir().expect("a folder");
        let readline = folder.path().join("inputrc");
        std::fs::write(&readline, "set enable-bracketed-paste off\n").expect("a file");
        let command = match kind {
            Kind::Bash => bash(),
            Kind::Zsh => {
                let rc = "zmodload zsh/zle; unset zle_bracketed_paste; setopt nopromptsp\n";
                std::fs::write(folder.path().join(".zshrc"), rc).expect("a file");
                let mut command = CommandBuilder::new("zsh");
                command.args(["-d", "-i"]);
                command
            }
        };
        Shell::start_in(folder, command, readline, 150)
    }

    /// The program that was started in this shell, or by what was started in it.
    #[track_caller]
    pub fn program(&self) -> rustix::process::Pid {
        until("the program runs", || {
            let processes = std::fs::read_dir("/proc").expect("this is Linux").flatten();
            processes.map(|process| process.path()).find_map(|process| {
                let number = process.file_name()?.to_str()?.parse().ok()?;
                let name = std::fs::read_to_string(process.join("comm")).ok()?;
                let folder = std::fs::read_link(process.join("cwd")).ok()?;
                let ours = name.trim_end() == "threadchat" && folder == self.folder.path();
                ours.then(|| rustix::process::Pid::from_raw(number)).flatten()
            })
        })
    }

    /// Starts bash and waits for its prompt.
    #[track_caller]
    pub fn start() -> Shell {
        Shell::start_in(tempfile::tempdir().expect("a folder"), bash(), "/dev/null", 100)
    }

    #[track_caller]
    fn start_in(
        folder: tempfile::TempDir,
        mut command: CommandBuilder,
        readline: impl AsRef<OsStr>,
        columns: u16,
    ) -> Shell {
        command.cwd(folder.path());
        command.env("PS1", PROMPT);
        command.env("HOME", folder.path());
        command.env("ZDOTDIR", folder.path());
        command.env("INPUTRC", readline);
        let shell = Shell { terminal: Terminal::spawn(command, 50, columns), folder };
        shell.wait_for_prompt();
        shell
    }

    /// Types a command and Enter.
    #[track_caller]
    pub fn run(&mut self, command: &str) {
        self.terminal.press(format!("{command}\n"));
    }

    /// Types a command that starts the program as a listener, and gives its port. Behind it the
    /// shell says `code=` and the exit code.
    #[track_caller]
    pub fn listen(&mut self, options: &str) -> u16 {
        let program = super::threadchat();
        self.run(&format!("{program} listen 127.0.0.1:0 {options}; echo code=$?"));
        self.terminal.listening_port()
    }

    /// Starts bash and in it the program as a listener, and a friend who has called it.
    #[track_caller]
    pub fn in_conversation(options: &str) -> (Shell, TcpStream) {
        let mut shell = Shell::start();
        let port = shell.listen(options);
        let friend = super::friend_calls(port);
        shell.terminal.wait_for("connected to");
        (shell, friend)
    }

    /// Presses Ctrl-Z, and waits until the shell is in front.
    #[track_caller]
    pub fn suspend(&mut self) {
        self.terminal.press("\x1a");
        self.wait_for_prompt();
    }

    /// Waits until the cursor stands behind a prompt.
    #[track_caller]
    pub fn wait_for_prompt(&self) {
        self.terminal.wait_until("the shell's prompt", |screen| {
            (screen.trim_end().lines().last()?.trim_end() == PROMPT).then_some(())
        });
    }

    /// Presses Enter, as a person does who wants to see whether the shell is there; when this
    /// returns, whatever was left in the shell's input has been run.
    #[track_caller]
    pub fn press_enter_and_wait(&mut self) {
        self.wait_for_prompt();
        self.terminal.press("\n");
        self.run("echo all''done");
        self.terminal.wait_for("\nalldone");
    }

    /// A file in the folder in which the shell stands.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn bash() -> CommandBuilder {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command
}

/// A shell script in a terminal: it changes the modes from the usual ones, so that they cannot be
/// right by chance, waits for a key, runs the program, says `code=` and waits for another key.
pub struct Script {
    pub terminal: Terminal,
}

impl Script {
    /// Starts the script for a program with these words.
    #[track_caller]
    pub fn start(words: &[&str]) -> Script {
        Script::start_in(&[], words)
    }

    /// The same with these variables in the environment.
    #[track_caller]
    pub fn start_in(environment: &[(&str, &OsStr)], words: &[&str]) -> Script {
        let script = "trap : INT TERM HUP; stty -echoctl erase '#'; echo before; read x; \
                      \"$0\" \"$@\"; echo code=$?; read x; echo \"left=<$x>\"";
        let mut command = CommandBuilder::new("bash");
        command.args(["-c", script, super::threadchat()]);
        command.args(words);
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let terminal = Terminal::spawn(command, 24, 100);
        terminal.wait_for("before");
        Script { terminal }
    }

    /// What the program can change of a terminal: its modes, and the flags of the open file that
    /// it shares with the shell.
    #[track_caller]
    pub fn state(&self) -> String {
        let info = Path::new("/proc").join(self.terminal.pid().to_string()).join("fdinfo/0");
        let info = std::fs::read_to_string(info).expect("the shell is there");
        let flags = info.lines().find(|line| line.starts_with("flags:")).expect("Linux tells");
        format!("{:?} {flags}", self.terminal.modes())
    }

    /// The script's next input is what is pressed now; nothing that was pressed before is left.
    #[track_caller]
    pub fn assert_nothing_left(&mut self) {
        self.terminal.press("\n");
        self.terminal.wait_for("left=<");
        self.terminal.wait_for("left=<>");
    }

    /// The program's own process.
    #[track_caller]
    pub fn program(&self) -> rustix::process::Pid {
        let shell = self.terminal.pid();
        until("the program runs", || {
            let path = format!("/proc/{shell}/task/{shell}/children");
            let children = std::fs::read_to_string(path).expect("the shell is there");
            rustix::process::Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
        })
    }
}
