//! CONTRACT 2, a transfer's row: while a pipe or a file is sent or received and stderr is a terminal,
//! one row shows how far it is, and a line at the end says how much went each way.
//!
//! The friends are bare sockets that send or read a little at a time, until the row is there: so it
//! takes as long as it takes, and nothing waits for the clock.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use portable_pty::CommandBuilder;
use support::bare::BareTerminal;
use support::member::Member;
use support::pty::Terminal;
use support::shell::Shell;
use support::tty::Tty;
use support::{
    Program, contains, friend_answers, friend_calls, friend_listener, threadchat, until,
};

/// How much goes at a time.
const PIECE: usize = 16 * 1024;

/// threadchat in a terminal, with these words and redirections; after it the shell says `code=`.
#[track_caller]
fn in_terminal(words: &str) -> Terminal {
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", &format!("trap : INT; {} {words}; echo code=$?", threadchat())]);
    Terminal::spawn(command, 24, 100)
}

/// Sends a little at a time until this is on the screen. Gives how much that was.
#[track_caller]
fn send_until(friend: &mut TcpStream, terminal: &Terminal, text: &str) -> usize {
    let mut sent = 0;
    until(text, || {
        friend.write_all(&[b'x'; PIECE]).expect("it is taken");
        sent += PIECE;
        terminal.screen().contains(text).then_some(sent)
    })
}

/// The same for what is read.
#[track_caller]
fn read_until(friend: &mut TcpStream, terminal: &Terminal, text: &str) -> usize {
    let mut read = 0;
    until(text, || {
        friend.read_exact(&mut [0; PIECE]).expect("there is more");
        read += PIECE;
        terminal.screen().contains(text).then_some(read)
    })
}

/// Reads all that still comes. Gives how much that was.
#[track_caller]
fn read_rest(friend: &mut TcpStream) -> usize {
    let mut rest = Vec::new();
    friend.read_to_end(&mut rest).expect("it ends")
}

/// A file of so many times this byte.
fn file_of(folder: &Path, byte: u8, count: usize) -> String {
    let path = folder.join("file");
    std::fs::write(&path, vec![byte; count]).expect("a file");
    path.to_str().expect("a name").to_owned()
}

/// How often the row was drawn.
fn rows_drawn(terminal: &Terminal) -> usize {
    let all = terminal.everything();
    let drawn = |text: &[u8]| all.windows(text.len()).filter(|it| *it == text).count();
    drawn(b"\rsent ") + drawn(b"\rreceived ")
}

/// Waits for the end. Then the last lines are these, the shell's stands by itself, and no row is left.
#[track_caller]
fn assert_ends(terminal: &mut Terminal, lines: &[&str]) {
    terminal.wait();
    let screen = terminal.screen();
    let rows: Vec<&str> = screen.trim_end().lines().collect();
    let last: Vec<&str> = rows[rows.len() - lines.len()..].to_vec();
    for (line, row) in lines.iter().zip(&last) {
        let fits = match line.split_once('~') {
            Some((begin, end)) => row.starts_with(begin) && row.ends_with(end),
            None => row == line,
        };
        assert!(fits, "{row:?} is not {line:?} in {screen}");
    }
    let above = &rows[..rows.len() - lines.len()];
    assert!(!above.iter().any(|row| row.contains("B/s")), "{screen}");
}

#[test]
fn a_file_that_is_sent_shows_how_far_it_is_and_at_the_end_how_much_went() {
    for wire in ["lines", "frames"] {
        let folder = tempfile::tempdir().unwrap();
        // On the wire of frames each of these empty lines is two bytes.
        let file = file_of(folder.path(), b'\n', 40_000_000);
        let (listener, port) = friend_listener();
        let start = Instant::now();
        let words = format!("connect 127.0.0.1 {port} --wire {wire} < {file}");
        let mut terminal = in_terminal(&words);
        let mut friend = friend_answers(&listener);
        let read = read_until(&mut friend, &terminal, " left");
        let row = terminal.wait_until("the row", |screen| {
            let row = screen.lines().find(|row| row.starts_with("sent "))?;
            Some(row.to_owned())
        });
        let form = ["sent ", " MB, ", "B/s, ", " %, ", " left"];
        let mut rest = row.as_str();
        for part in form {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} in {row:?}")).1;
        }
        let read = read + read_rest(&mut friend);
        terminal.wait_raw(b", 100 %");
        let elapsed = start.elapsed();
        drop(friend);
        let bytes = if wire == "lines" { 40_000_000 } else { 80_000_000 };
        assert_eq!(read, if wire == "lines" { bytes } else { bytes + "..end".len() });
        let end =
            format!("* sent {bytes} bytes ({}.0 MB) in ~B/s; received nothing", bytes / 1_000_000);
        let left = ["friend has left", "code=0"];
        assert_ends(&mut terminal, &[&[end.as_str()], &left[..]].concat());
        let drawn = rows_drawn(&terminal) as f64;
        assert!(drawn <= 4.0 * elapsed.as_secs_f64(), "{drawn} rows in {elapsed:?}");
    }
}

/// A listener that keeps what comes in a file, and has shown the first row of it.
struct Copying {
    folder: tempfile::TempDir,
    copy: PathBuf,
    terminal: Terminal,
    friend: TcpStream,
    /// How many bytes the friend has sent.
    sent: usize,
}

impl Copying {
    fn begun() -> Copying {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let terminal = in_terminal(&format!("listen 127.0.0.1:0 > {}", copy.display()));
        let mut friend = friend_calls(terminal.listening_port());
        let sent = send_until(&mut friend, &terminal, "\nreceived ");
        Copying { folder, copy, terminal, friend, sent }
    }
}

#[test]
fn a_listener_that_keeps_what_comes_shows_how_much_that_is() {
    let Copying { folder: _folder, copy, mut terminal, friend, sent } = Copying::begun();
    friend.shutdown(Shutdown::Write).unwrap();
    let end = format!("* sent nothing; received {sent} bytes (~B/s");
    assert_ends(&mut terminal, &[&end, "friend has left", "code=0"]);
    assert_eq!(std::fs::read(&copy).unwrap().len(), sent);
}

#[test]
fn both_ways_are_in_one_row_and_each_conversation_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(folder.path(), b'x', 30_000_000);
    let copy = folder.path().join("copy");
    let (listener, port) = friend_listener();
    let words = format!("connect 127.0.0.1 {port} < {file} > {}", copy.display());
    let mut terminal = in_terminal(&words);
    let mut friend = friend_answers(&listener);
    let mut other = friend.try_clone().unwrap();
    let mut sent = 0;
    until("a row with both", || {
        other.write_all(&[b'y'; PIECE]).unwrap();
        friend.read_exact(&mut [0; PIECE]).unwrap();
        sent += PIECE;
        let screen = terminal.screen();
        screen
            .lines()
            .any(|row| row.starts_with("sent ") && row.contains("; received "))
            .then_some(())
    });
    other.shutdown(Shutdown::Write).unwrap();
    read_rest(&mut friend);
    terminal.wait();
    let screen = terminal.screen();
    let line = screen.lines().find(|row| row.starts_with("* sent 30000000 bytes (30.0 MB) in "));
    assert!(line.is_some_and(|it| it.contains(&format!("; received {sent} bytes ("))), "{screen}");

    // One after the other.
    let mut terminal =
        in_terminal(&format!("listen 127.0.0.1:0 --keep --recv-only > {}", copy.display()));
    let port = terminal.listening_port();
    for count in [1, 2] {
        let mut friend = friend_calls(port);
        let sent = send_until(&mut friend, &terminal, "\nreceived ");
        friend.shutdown(Shutdown::Write).unwrap();
        terminal.wait_for(&format!("\n* sent nothing; received {sent} bytes ("));
        terminal.wait_until("the next is waited for", |screen| {
            let row = screen.trim_end().lines().last()?;
            let listens = screen.matches("listening on").count() == count + 1;
            (listens && row.starts_with("listening on")).then_some(())
        });
    }
    terminal.press("\x03");
    terminal.wait();
    assert!(terminal.screen().trim_end().ends_with("interrupted\ncode=0"), "{}", terminal.screen());
}

#[test]
fn at_a_prompt_the_row_stands_below_what_the_friend_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(folder.path(), b'x', 30_000_000);
    let (listener, port) = friend_listener();
    let mut terminal = in_terminal(&format!("connect 127.0.0.1 {port} < {file}"));
    let mut friend = friend_answers(&listener);
    read_until(&mut friend, &terminal, " left");
    for number in 0..5 {
        friend.write_all(format!("hello {number}\n").as_bytes()).unwrap();
        terminal.wait_screen("the message, and below it the row", |screen| {
            let text = screen.contents();
            let (_, below) = text.split_once(&format!("\nfriend says: hello {number}\n"))?;
            let row = below.trim_end();
            let at_its_end = usize::from(screen.cursor_position().1) == row.len();
            (row.starts_with("sent ") && !row.contains('\n') && at_its_end).then_some(())
        });
    }
    read_rest(&mut friend);
    friend.shutdown(Shutdown::Write).unwrap();
    terminal.wait();
    let screen = terminal.screen();
    let rows: Vec<&str> = screen.lines().collect();
    let said = rows.iter().position(|row| *row == "friend says: hello 0").expect("it was said");
    let five: Vec<String> = (0..5).map(|number| format!("friend says: hello {number}")).collect();
    assert_eq!(rows[said..said + 5], five);
    assert!(rows[said + 5].starts_with("* sent 30000000 bytes (30.0 MB) in "), "{screen}");
    assert_eq!(rows[said + 6..said + 8], ["friend has left", "code=0"]);
}

#[test]
fn the_log_and_notices_stand_whole_above_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let words = format!("listen 127.0.0.1:0 --explain < /dev/null > {}", copy.display());
    let mut terminal = in_terminal(&words);
    let mut friend = friend_calls(terminal.listening_port());
    send_until(&mut friend, &terminal, "\nreceived ");
    friend.shutdown(Shutdown::Write).unwrap();
    terminal.wait();
    let all = String::from_utf8(terminal.everything()).unwrap();
    let all = all.replace("\x1b[?7l", "").replace("\x1b[?7h", "");
    let (mut log, mut other) = (0, Vec::new());
    for row in all.lines() {
        // What stands there for good is what came after the row was erased.
        let (drawn, row) = row.rsplit_once("\x1b[K").unwrap_or(("\r", row));
        assert!(drawn.ends_with('\r'), "{drawn:?} stands before {row:?}");
        let row = row.trim_end_matches('\r');
        let colourless = row.replace("\x1b[39m", "");
        let begins_with_time = colourless.trim_start().split('.').next().is_some_and(|seconds| {
            !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit())
        });
        match begins_with_time || row.starts_with("  ") {
            true => log += 1,
            false => other.push(row.to_owned()),
        }
    }
    assert!(log > 20, "{log} lines of the log");
    let known = ["listening on ", "* ", "connected to ", "friend has left", "code=0"];
    for row in other {
        assert!(known.iter().any(|begin| row.starts_with(begin)), "{row:?}");
    }
}

#[test]
fn without_a_terminal_or_with_q_stderr_has_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| folder.path().join(name).display().to_string();
    // Beside one that shows it: they get the same, at the same time.
    let mut shows = in_terminal(&format!("listen 127.0.0.1:0 > {}", copy("one")));
    let mut quiet = Tty::open();
    let (mut piped, port) = Program::listen(&[]);
    let (caller, quiet_port) = friend_listener();
    let mut command = Command::new(threadchat());
    command.args(["connect", "-q", "127.0.0.1", &quiet_port.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(quiet.end());
    let mut program = Program::spawn_as_is(command.env("TERM", "xterm-256color"));
    let mut friends =
        [friend_calls(port), friend_answers(&caller), friend_calls(shows.listening_port())];
    until("the row", || {
        friends.iter_mut().for_each(|friend| friend.write_all(&[b'x'; PIECE]).unwrap());
        shows.screen().contains("\nreceived ").then_some(())
    });
    friends.iter_mut().for_each(|friend| friend.shutdown(Shutdown::Write).unwrap());
    piped.end_stdin();
    program.end_stdin();
    let ended = piped.ends_with(0);
    assert!(!ended.stderr.contains("B/s") && !ended.stderr.contains('\x1b'), "{}", ended.stderr);
    program.ends_with(0);
    assert_eq!(quiet.read_now(), "");
    shows.wait();
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_the_line_at_the_end_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut tty = Tty::open();
    let mut shows =
        in_terminal(&format!("listen 127.0.0.1:0 > {}", folder.path().join("copy").display()));
    let (listener, port) = friend_listener();
    let mut command = Command::new(threadchat());
    command.args(["connect", "127.0.0.1", &port.to_string()]).env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(tty.end());
    let mut program = Program::spawn_as_is(&mut command);
    let mut friends = [friend_answers(&listener), friend_calls(shows.listening_port())];
    let mut sent = 0;
    until("the row", || {
        friends.iter_mut().for_each(|friend| friend.write_all(&[b'x'; PIECE]).unwrap());
        sent += PIECE;
        shows.screen().contains("\nreceived ").then_some(())
    });
    friends.iter_mut().for_each(|friend| friend.shutdown(Shutdown::Write).unwrap());
    program.end_stdin();
    let shown = tty.read_until("friend has left");
    assert!(shown.contains(&format!("\n* sent nothing; received {sent} bytes (")), "{shown}");
    assert!(!shown.contains("\x1b[K") && shown.matches("received").count() == 1, "{shown}");
    program.ends_with(0);
    shows.wait();
}

#[test]
fn a_stderr_that_takes_nothing_holds_nothing_up() {
    let (listener, port) = friend_listener();
    // Its stderr is a terminal that nobody reads, and that is full already.
    let terminal = BareTerminal::start(&["listen", "127.0.0.1:0"]);
    terminal.fill();
    let mut command = Command::new("sh");
    let path = format!("/proc/{}/fd/2", terminal.pid());
    let script = format!("exec \"$0\" connect 127.0.0.1 {port} 2> {path}");
    command.args(["-c", &script, threadchat()]).env("TERM", "xterm-256color");
    let mut program = Program::spawn(&mut command);
    let mut friend = friend_answers(&listener);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let shows = in_terminal(&format!("listen 127.0.0.1:0 > {}", copy.display()));
    let mut other = friend_calls(shows.listening_port());
    let mut sent = 0;
    until("the row of another", || {
        friend.write_all(&[b'x'; PIECE]).unwrap();
        other.write_all(&[b'x'; PIECE]).unwrap();
        sent += PIECE;
        shows.screen().contains("\nreceived ").then_some(())
    });
    until("all of it", || (program.stdout.bytes().len() == sent).then_some(()));
    friend.shutdown(Shutdown::Write).unwrap();
    program.end_stdin();
    program.ends_with(0);
}

#[test]
fn ctrl_c_leaves_no_row_behind() {
    let Copying { folder: _folder, copy, mut terminal, mut friend, sent } = Copying::begun();
    until("all of it", || (std::fs::metadata(&copy).unwrap().len() == sent as u64).then_some(()));
    terminal.press("\x03");
    read_rest(&mut friend);
    drop(friend);
    let end = format!("* sent nothing; received {sent} bytes (~B/s");
    assert_ends(&mut terminal, &[&end, "you have left", "code=0"]);
}

#[test]
fn a_stalled_transfer_shows_its_last_figures_and_draws_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let terminal = in_terminal(&format!("listen 127.0.0.1:0 > {}", copy.display()));
    let mut friend = friend_calls(terminal.listening_port());
    send_until(&mut friend, &terminal, "\nreceived ");
    let before = (terminal.everything(), terminal.screen());
    // Another one begins meanwhile, and has its row: more than a second has passed.
    let other =
        in_terminal(&format!("listen 127.0.0.1:0 > {}", folder.path().join("two").display()));
    send_until(&mut friend_calls(other.listening_port()), &other, "\nreceived ");
    // (One may have been under way when we looked.)
    let drawn = contains(&terminal.everything()[before.0.len()..], b"\rreceived ");
    assert!(!drawn || terminal.everything().len() < before.0.len() + 100, "{}", terminal.screen());
    assert!(terminal.screen().contains("\nreceived "), "{}", terminal.screen());
}

#[test]
fn in_the_background_there_is_no_row_and_in_front_again_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Shell::start();
    shell.run(&format!("{} listen 127.0.0.1:0 > copy &", threadchat()));
    let port = shell.terminal.listening_port();
    let mut friend = friend_calls(port);
    let other =
        in_terminal(&format!("listen 127.0.0.1:0 > {}", folder.path().join("copy").display()));
    let mut other_friend = friend_calls(other.listening_port());
    let mut both = |friend: &mut TcpStream, what: &str| {
        until(what, || {
            friend.write_all(&[b'x'; PIECE]).unwrap();
            other_friend.write_all(&[b'x'; PIECE]).unwrap();
            other.screen().contains("\nreceived ").then_some(())
        });
    };
    both(&mut friend, "a second has passed");
    assert!(!contains(&shell.terminal.everything(), b"\rreceived "), "{}", shell.terminal.screen());
    shell.run("fg");
    send_until(&mut friend, &shell.terminal, "\nreceived ");
    shell.suspend();
    let stopped = shell.terminal.everything().len();
    shell.run("fg");
    until("the row again", || {
        friend.write_all(&[b'x'; PIECE]).unwrap();
        contains(&shell.terminal.everything()[stopped..], b"\rreceived ").then_some(())
    });
    friend.shutdown(Shutdown::Write).unwrap();
    shell.wait_for_prompt();
    let screen = shell.terminal.screen();
    assert!(screen.contains("\nfriend has left\n"), "{screen}");
}

#[test]
fn a_room_whose_host_is_piped_shows_it_too() {
    for wire in ["lines", "frames"] {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let words =
            format!("listen 127.0.0.1:0 --room --wire {wire} < /dev/null > {}", copy.display());
        let mut terminal = in_terminal(&words);
        let mut member = Member::joins(terminal.listening_port(), wire);
        let (mut said, line) = (0, member.message("x".repeat(1000)));
        until("the row", || {
            member.send(&line);
            said += line.len();
            terminal.screen().contains("\nreceived ").then_some(())
        });
        member.say("last");
        said += member.message("last").len();
        until("all of it", || {
            let copied = std::fs::read_to_string(&copy).unwrap();
            copied.ends_with("says: last\n").then_some(())
        });
        terminal.press("\x03");
        member.rest();
        member.end();
        terminal.wait();
        let end = format!("\n* sent nothing; received {said} bytes (");
        assert!(terminal.screen().contains(&end), "{end:?} is not in {}", terminal.screen());
    }
}
