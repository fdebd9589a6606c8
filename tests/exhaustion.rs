//! What happens where the system has no more: files, threads and memory run out at every step of
//! starting up, and in the middle of a conversation. There are two good answers: the program works, or
//! it says in one sentence what it did not get, and ends with exit code 1 (CONTRACT 2, 8).
//!
//! What is allowed is raised one by one, or step by step, until everything works: so each thing that
//! the program needs is the one that is missing in some run.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use support::limits::{as_user_without_threads, limited};
use support::process::wait_until_quiet;
use support::pty::Terminal;
use support::wire::{END, frame, receive_to_end};
use support::{DEADLINE, Program, contains, error_sentence, friend_listener, port_in, until};

/// Whom the program is to talk to, and how, while something runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Listen,
    Keep,
    Room,
    Connect,
    Frames,
    Watched,
    Recording,
}

const KINDS: [Kind; 7] = [
    Kind::Listen,
    Kind::Keep,
    Kind::Room,
    Kind::Connect,
    Kind::Frames,
    Kind::Watched,
    Kind::Recording,
];

impl Kind {
    /// The command line; `folder` is for files.
    fn words(self, folder: &Path) -> Vec<String> {
        let file = |name: &str| folder.join(name).display().to_string();
        let options: Vec<String> = match self {
            Kind::Connect => return ["connect", "localhost"].map(str::to_owned).to_vec(),
            Kind::Listen => vec![],
            Kind::Keep => vec!["--keep".into(), "--recv-only".into()],
            Kind::Room => vec!["--room".into()],
            Kind::Frames => vec!["--wire".into(), "frames".into()],
            Kind::Watched => vec!["--explain".into()],
            Kind::Recording => {
                vec!["--trace".into(), file("trace"), "--transcript".into(), file("transcript")]
            }
        };
        ["listen", "127.0.0.1:0"].map(str::to_owned).into_iter().chain(options).collect()
    }
}

/// Has a short conversation with a program of this kind that is allowed no more than `limit`. `None`:
/// it took place, and everything arrived; else the sentence that says why not.
fn talk(kind: Kind, start: &[String], limit: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    // Another user may have to write here.
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let (listener, own_port) = friend_listener();
    let mut words = kind.words(folder.path());
    if kind == Kind::Connect {
        words.push(own_port.to_string());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = limited(start, limit, &words);
    // A room at the end of its stdin stays open too; a pipe with nothing in it would do as well.
    let mut program = Program::spawn_as_is(
        Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let friend = match kind {
        Kind::Connect => until_called(&mut program, &listener),
        _ => program
            .stderr
            .wait_until(|said| port_in(&String::from_utf8_lossy(said)))
            // It may have ended again by now.
            .and_then(|port| TcpStream::connect(("127.0.0.1", port)).ok()),
    };
    let mut talked = false;
    if let Some(mut friend) = friend {
        friend.set_read_timeout(Some(DEADLINE)).unwrap();
        let hello: Vec<u8> = match kind {
            Kind::Frames => [frame("hello"), END.to_vec()].concat(),
            _ => b"hello\n".to_vec(),
        };
        // A program that cannot go on hangs up; that it says why is seen below.
        let said = friend.write_all(&hello).and_then(|()| friend.shutdown(Shutdown::Write));
        if kind == Kind::Room {
            let enough = |said: &[u8]| {
                (contains(said, b"has left") || contains(said, b"are refused")).then_some(())
            };
            program.stderr.wait_until(enough).expect("a room goes on");
            program.signal(Signal::TERM);
        }
        talked = said.and_then(|()| friend.read_to_end(&mut Vec::new())).is_ok();
    }
    if kind == Kind::Keep {
        // It listens again, or it has ended.
        let again = |said: &[u8]| (said.split(|&byte| byte == b'\n').count() > 4).then_some(());
        if program.stderr.wait_until(again).is_some() {
            program.signal(Signal::TERM);
        }
    }
    let ended = program.wait();
    match ended.code {
        0 if ended.stdout.is_empty() => {
            assert_eq!(kind, Kind::Room, "{limit}: nothing was said: {}", ended.stderr);
            let refused = ended.stderr.lines().find(|line| line.contains("callers are refused: "));
            Some(refused.expect("a reason").to_owned())
        }
        0 => {
            assert!(talked, "{limit}: {}", ended.stderr);
            assert!(contains(&ended.stdout, b"hello\n"), "{limit}: {:?}", ended.stdout);
            None
        }
        1 => Some(error_sentence(&ended.stderr).to_owned()),
        code => program.fail(format!("exit code {code} with {limit}")),
    }
}

/// Waits for the program's call, or for its end.
fn until_called(
    program: &mut Program,
    listener: &std::net::TcpListener,
) -> Option<std::net::TcpStream> {
    listener.set_nonblocking(true).unwrap();
    until("it calls, or ends", || match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(false).unwrap();
            Some(Some(stream))
        }
        Err(_) => (!program.runs()).then_some(None),
    })
}

/// Raises what is allowed step by step. Up to some point there has to be a sentence with this advice;
/// from there on it has to work. Gives back the sentences, each once, and what sufficed.
#[track_caller]
fn until_it_works(
    kind: Kind,
    start: &[String],
    limit: &str,
    steps: impl Iterator<Item = u64>,
    advice: &str,
) -> (Vec<String>, u64) {
    let mut sentences: Vec<String> = Vec::new();
    for allowed in steps {
        match talk(kind, start, &format!("{limit} {allowed}")) {
            Some(sentence) => {
                assert!(sentence.contains(advice), "{kind:?} {limit} {allowed}: {sentence}");
                // Ports are different each time.
                let sentence = sentence.replace(|c: char| c.is_ascii_digit(), "N");
                if sentences.last() != Some(&sentence) {
                    sentences.push(sentence);
                }
            }
            None => return (sentences, allowed),
        }
    }
    panic!("{kind:?} never works; the last sentences: {sentences:?}");
}

/// With fewer the system does not even find the program's libraries.
const FIRST_FILE: u64 = 4;

#[test]
fn with_any_number_of_files_it_works_or_says_that_there_are_too_few() {
    for kind in KINDS {
        let (sentences, enough) =
            until_it_works(kind, &[], "-n", FIRST_FILE..40, "too many open files");
        eprintln!("{kind:?}: {enough} files suffice; with fewer: {sentences:#?}");
        assert!(sentences.len() > 2, "{sentences:?}");
        for sentence in sentences.iter().filter(|sentence| sentence.starts_with("cannot ")) {
            let own = ["cannot write the transcript", "cannot write the trace"];
            let has_advice = sentence.contains("raise `ulimit -n`")
                || own.iter().any(|own| sentence.starts_with(own));
            assert!(has_advice, "{sentence}");
        }
    }
}

#[test]
fn with_any_number_of_threads_it_works_or_says_which_it_did_not_get() {
    for kind in KINDS {
        let Some(start) = as_user_without_threads() else { return };
        // A connection's own two: a room is not given up for them.
        let (sentences, enough) = until_it_works(kind, &start, "-u", 1..40, "");
        eprintln!("{kind:?}: {enough} threads suffice; with fewer: {sentences:#?}");
        for sentence in &sentences {
            assert!(sentence.contains("cannot start the "), "{sentence}");
            assert!(sentence.contains("raise `ulimit -u`"), "{sentence}");
        }
        // A sentence for each thread but `main`.
        assert!(sentences.len() as u64 + 1 == enough, "{enough}: {sentences:?}");
    }
}

/// In KiB. With much less the system cannot even load the program.
fn some_memory() -> u64 {
    (4_000..)
        .step_by(250)
        .find(|kib| {
            let words = limited(&[], &format!("-v {kib}"), &["--version"]);
            let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
            output.status.success() && output.stdout.starts_with(b"threadchat ")
        })
        .unwrap()
}

#[test]
fn with_any_amount_of_memory_it_works_or_says_that_there_is_too_little() {
    let first = some_memory();
    for kind in KINDS {
        let steps = (first + 500..first + 120_000).step_by(700);
        let (sentences, enough) = until_it_works(kind, &[], "-v", steps, "out of memory");
        eprintln!("{kind:?}: {enough} KiB suffice; with less: {sentences:#?}");
        assert!(sentences.len() > 1, "{sentences:?}");
        for sentence in &sentences {
            assert!(sentence.contains("raise `ulimit -v`"), "{sentence}");
        }
    }
}

/// Starts threadchat at a terminal, allowed no more than this; it has to end by itself, or be told to.
fn at_a_terminal(start: &[String], limit: &str, advice: &str) -> bool {
    let words = limited(start, limit, &["listen", "127.0.0.1:0"]);
    let mut command = CommandBuilder::new(&words[0]);
    command.args(&words[1..]);
    let mut terminal = Terminal::spawn(command, 24, 200);
    let works = terminal.wait_screen("it listens, or says why not", |screen| {
        let contents = screen.contents();
        match contents.contains("threadchat: ") {
            true => Some(false),
            // Where there is no file for a caller, that is said right behind it.
            false => (port_in(&contents).is_some() && contents.contains("> ")).then_some(true),
        }
    });
    let mut works = works;
    if works {
        terminal.press("\x03");
    }
    match terminal.wait() {
        130 => assert!(works, "{limit}: {}", terminal.screen()),
        1 => {
            works = false;
            let screen = terminal.screen();
            let errors: Vec<&str> =
                screen.lines().filter_map(|line| line.strip_prefix("threadchat: ")).collect();
            assert_eq!(errors.len(), 1, "{limit}: {screen}");
            assert!(errors[0].contains(advice), "{limit}: {screen}");
            assert!(!screen.contains("panicked"), "{limit}: {screen}");
        }
        code => terminal.fail(format!("exit code {code} with {limit}")),
    }
    assert_eq!(format!("{:?}", terminal.modes()), format!("{:?}", terminal.modes_before()));
    works
}

#[test]
fn a_terminal_is_given_back_whatever_runs_out() {
    let works: Vec<bool> = (FIRST_FILE..16)
        .map(|files| at_a_terminal(&[], &format!("-n {files}"), "raise `ulimit -n`"))
        .collect();
    assert!(works[0] != works[works.len() - 1] && works.is_sorted(), "{works:?}");
    if let Some(start) = as_user_without_threads() {
        let works: Vec<bool> = (1..10)
            .map(|threads| at_a_terminal(&start, &format!("-u {threads}"), "raise `ulimit -u`"))
            .collect();
        assert!(works[0] != works[works.len() - 1] && works.is_sorted(), "{works:?}");
    }
    let first = some_memory() + 500;
    let works: Vec<bool> = (first..first + 30_000)
        .step_by(900)
        .map(|kib| at_a_terminal(&[], &format!("-v {kib}"), "raise `ulimit -v`"))
        .collect();
    assert!(works[0] != works[works.len() - 1] && works.is_sorted(), "{works:?}");
}

/// What a conversation may take, in bytes (CONTRACT 8).
const CONVERSATION: u64 = 1024 * 1024;

/// Takes from a running program what it could still get of something.
#[track_caller]
fn take_away(program: &Program, what: Resource, rest: u64) {
    let pid = Pid::from_child(&program.child);
    let limit = Rlimit { current: Some(rest), maximum: Some(rest) };
    prlimit(Some(pid), what, limit).expect("the limit of a child can be lowered");
}

/// How much memory a program has by the count of its limit, in bytes.
fn memory_of(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_conversation_goes_on_when_no_file_thread_or_memory_is_left() {
    for options in [&[][..], &["--wire", "frames"], &["--explain"]] {
        let (mut program, friend) = support::wire::talk(options);
        // Until every thread has begun, and with what a conversation may take.
        wait_until_quiet(&[program.child.id()]);
        take_away(&program, Resource::Nofile, 0);
        take_away(&program, Resource::Nproc, 0);
        take_away(&program, Resource::As, memory_of(&program) + CONVERSATION);
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let said = match options.contains(&"frames") {
            true => [frame(&line[..999]).repeat(3_000), END.to_vec()].concat(),
            false => line.repeat(3_000),
        };
        program.pipe_in(line.repeat(3_000));
        let mut sending = friend.try_clone().unwrap();
        let sent = said.clone();
        let sender = std::thread::spawn(move || {
            sending.write_all(&sent).unwrap();
            sending.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(receive_to_end(&friend).len(), said.len(), "{options:?}");
        sender.join().unwrap();
        let ended = program.ends_with(0);
        assert!(ended.stdout == line.repeat(3_000), "{} bytes", ended.stdout.len());
    }
}

#[test]
fn keep_that_cannot_listen_again_says_so() {
    let (mut program, friend) = support::wire::talk(&["--keep", "--recv-only"]);
    take_away(&program, Resource::Nofile, 0);
    (&friend).write_all(b"hello\n").unwrap();
    support::wire::leave(friend);
    let ended = program.ends_with(1);
    assert_eq!(ended.stdout, b"hello\n");
    let error = error_sentence(&ended.stderr);
    assert!(error.starts_with("cannot listen on 127.0.0.1:"), "{error}");
    assert!(error.ends_with(": too many open files; raise `ulimit -n`"), "{error}");
}

#[test]
fn a_caller_that_has_no_file_left_is_not_told_to_check_the_address() {
    let (listener, port) = friend_listener();
    let words = ["connect", "--wait", "127.0.0.1", &port.to_string()];
    let words = limited(&[], "-n 10", &words);
    let mut program = Program::spawn(Command::new(&words[0]).args(&words[1..]));
    let ended = program.ends_with(1);
    let error = error_sentence(&ended.stderr);
    assert!(
        error.starts_with(&format!(
            "cannot connect to 127.0.0.1:{port}: no file is left for the connection; \
             raise `ulimit -n` ("
        )),
        "{error}"
    );
    drop(listener);
}

#[test]
fn a_name_that_no_file_is_left_to_look_up_is_not_called_unknown() {
    let words = limited(&[], "-n 10", &["connect", "localhost", "1"]);
    let mut program = Program::spawn(Command::new(&words[0]).args(&words[1..]));
    let ended = program.ends_with(1);
    let error = error_sentence(&ended.stderr);
    assert_eq!(error, "cannot look up localhost: too many open files; raise `ulimit -n`");
}
