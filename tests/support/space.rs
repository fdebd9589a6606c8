//! A corner of the machine that belongs to one test: names that mean what the test says
//! (`/etc/hosts`), and ports that nobody else uses. Made of Linux namespaces; where the machine
//! does not let us make them, the test says so and is skipped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::{Program, have_tool, skipped, threadchat};

/// The namespaces, which live as long as this.
pub struct Space {
    /// A process that does nothing but keep them.
    keeper: Child,
    own_user: bool,
    own_network: bool,
    /// The files that stand in the place of the system's.
    _files: tempfile::TempDir,
}

impl Space {
    /// The machine's own network, but these names only, written as in `/etc/hosts`.
    pub fn with_names(hosts: &str) -> Option<Space> {
        Space::make(false, hosts, None)
    }

    /// A network of its own with nothing but the loopback device, and these names only.
    pub fn with_network(hosts: &str) -> Option<Space> {
        Space::make(true, hosts, None)
    }

    /// The same, and other names are asked for at 127.0.0.1, where the test's name server is.
    pub fn with_name_server(hosts: &str) -> Option<Space> {
        Space::make(true, hosts, Some("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n"))
    }

    fn make(own_network: bool, hosts: &str, resolver: Option<&str>) -> Option<Space> {
        if !(have_tool("unshare") && have_tool("nsenter") && have_tool("mount")) {
            return None;
        }
        if own_network && !have_tool("ip") {
            return None;
        }
        let files = tempfile::tempdir().expect("a temporary folder");
        let mut script = "set -e\n".to_owned();
        if own_network {
            script += "ip link set lo up\n";
        }
        let mut stand_in = |file: &str, text: &str| {
            let copy = files.path().join(file);
            std::fs::write(&copy, text).expect("a temporary file");
            script += &format!("mount --bind '{}' /etc/{file}\n", copy.display());
        };
        stand_in("hosts", hosts);
        if let Some(text) = resolver {
            stand_in("resolv.conf", text);
        }
        script += "echo ready\nexec cat\n";

        let own_user = !rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if own_network {
            command.arg("--net");
        }
        if own_user {
            command.args(["--user", "--map-root-user"]);
        }
        // It reads a pipe of ours, and so ends with us, whatever becomes of us.
        let mut keeper = command
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare can be run");
        let mut line = String::new();
        let _ = BufReader::new(keeper.stdout.take().expect("a pipe")).read_line(&mut line);
        if line != "ready\n" {
            let mut why = String::new();
            let _ = keeper.stderr.take().expect("a pipe").read_to_string(&mut why);
            let _ = keeper.wait();
            skipped(&format!("this machine lets nobody make namespaces here: {}", why.trim()));
            return None;
        }
        Some(Space { keeper, own_user, own_network, _files: files })
    }

    /// A command that runs in here; it is the process that is started, not a child of it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.keeper.id())).arg("--mount");
        if self.own_network {
            command.arg("--net");
        }
        if self.own_user {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", program]);
        command
    }

    /// Starts threadchat in here.
    #[track_caller]
    pub fn start(&self, words: &[&str]) -> Program {
        Program::spawn(self.command(threadchat()).args(words))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
