//! RULINGS, Screen: where more came than the window shows, in a flood or while the screen was a
//! shell's, it is said how many messages that were, below the last of them, when it is quiet again.

mod support;

use std::io::Write;

use support::pty::Terminal;
use support::shell::Shell;
use support::{contains, friend_calls, text};

/// The rows of what came, the notice, and the row that is being typed, at the end of the screen.
#[track_caller]
fn wait_for_end(terminal: &Terminal, expected: &[&str]) {
    terminal.wait_until(&format!("{expected:?} at its end"), |screen| {
        let rows: Vec<&str> = screen.trim_end().lines().map(str::trim_end).collect();
        rows.ends_with(expected).then_some(())
    });
}

fn numbered(count: usize) -> String {
    (1..=count).map(|number| format!("number {number}\n")).collect()
}

#[test]
fn after_a_flood_it_is_said_how_many_came_and_not_after_a_few() {
    let (mut flooded, port) = Terminal::listen(&[]);
    let (mut calm, calm_port) = Terminal::listen(&[]);
    let (mut other, other_port) = Terminal::listen(&[]);
    let mut friend = friend_calls(port);
    let mut calm_friend = friend_calls(calm_port);
    let mut other_friend = friend_calls(other_port);
    for terminal in [&mut flooded, &mut calm, &mut other] {
        terminal.wait_for("can read it\n> ");
        terminal.press("half typed\x1b[D");
        terminal.wait_for("> half typed");
    }
    calm_friend.write_all(numbered(5).as_bytes()).unwrap();
    calm.wait_for("friend says: number 5\n> half typed");
    friend.write_all(numbered(1204).as_bytes()).unwrap();
    let end = ["friend says: number 1204", "* 1,204 messages came meanwhile", "> half typed"];
    wait_for_end(&flooded, &end);
    // It is said once, and what comes then is no part of it.
    other_friend.write_all(numbered(300).as_bytes()).unwrap();
    friend.write_all(b"after it\n").unwrap();
    wait_for_end(&other, &["* 300 messages came meanwhile", "> half typed"]);
    wait_for_end(&flooded, &["friend says: after it", "> half typed"]);
    let said = text(&flooded.everything()).matches("came meanwhile").count();
    assert_eq!(said, 1);
    // More than a second has passed here too.
    assert!(!contains(&calm.everything(), b"meanwhile"), "{}", calm.screen());
}

#[test]
fn a_screenful_is_counted_in_rows_and_with_q_nothing_is_said() {
    let (long, port) = Terminal::listen(&[]);
    let (socket, quiet_port) = support::place_where_nobody_listens();
    drop(socket);
    let quiet = Terminal::start(&["listen", "-q", &format!("127.0.0.1:{quiet_port}")]);
    let mut quiet_friend = support::until("it listens", || {
        std::net::TcpStream::connect(("127.0.0.1", quiet_port)).ok()
    });
    let mut friend = friend_calls(port);
    long.wait_for("can read it\n> ");
    // Ten messages of three rows in a window of 24.
    let message = format!("{}\n", "word ".repeat(40)).repeat(10);
    quiet_friend.write_all(message.as_bytes()).unwrap();
    quiet.wait_for("friend says: word");
    friend.write_all(message.as_bytes()).unwrap();
    wait_for_end(&long, &["* 10 messages came meanwhile", ">"]);
    assert!(!contains(&quiet.everything(), b"meanwhile"), "{}", quiet.screen());
}

#[test]
fn after_fg_it_is_said_how_many_came_while_it_was_stopped_or_behind() {
    let (mut shell, mut friend) = Shell::in_conversation("");
    shell.terminal.wait_for("can read it\n> ");
    shell.suspend();
    friend.write_all(numbered(100).as_bytes()).unwrap();
    shell.run("fg");
    wait_for_end(
        &shell.terminal,
        &["friend says: number 100", "* 100 messages came meanwhile", ">"],
    );
    // Behind it shows what comes, one by one.
    shell.suspend();
    shell.run("bg");
    for number in 1..=60 {
        friend.write_all(format!("again {number}\n").as_bytes()).unwrap();
        shell.terminal.wait_for(&format!("friend says: again {number}"));
    }
    shell.run("fg");
    wait_for_end(&shell.terminal, &["* 60 messages came meanwhile", ">"]);
    assert_eq!(text(&shell.terminal.everything()).matches("came meanwhile").count(), 2);
}
