//! CONTRACT 8, what a stranger can do: nothing that arrives is obeyed by the terminal or looks
//! like somebody else's words, memory is bounded, and no input ends the program without a reason.
//! Without the line editor, so that nothing but what was said stands in the output; tests/screen.rs
//! has it with the editor, and tests/transcript.rs has the files.

mod support;

use std::io::{ErrorKind, Read, Write, pipe};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::bare::BareTerminal;
use support::flow::{Comparison, Random, wait_until_all_sleep};
use support::obeyed::Obeyed;
use support::pty::Terminal;
use support::until;
use support::{
    Output, Program, contains, friend_answers, friend_calls, friend_listener, peak_memory,
};
use support::{random_bytes, threadchat};

/// Fails where anything but text has reached the terminal.
#[track_caller]
fn assert_harmless(terminal: &Terminal) {
    let raw = terminal.raw();
    let size = std::num::NonZeroU16::new(500).unwrap();
    let mut parser = vt100::Parser::new_with_callbacks(size, size, 0, Obeyed::default());
    let fresh = parser.screen().clone();
    parser.process(&raw);
    assert_eq!(parser.callbacks().0, <[&str; 0]>::default(), "the terminal obeyed");
    let screen = parser.screen();
    assert_eq!(screen.attributes_formatted(), fresh.attributes_formatted(), "colours");
    assert_eq!(screen.input_mode_formatted(), fresh.input_mode_formatted(), "modes");
    assert!(!screen.hide_cursor() && !screen.alternate_screen());
    assert_eq!(screen.cursor_position().1, 0, "the cursor is behind the last line");

    let text = String::from_utf8(raw).expect("what a terminal gets is UTF-8");
    for (at, character) in text.char_indices() {
        let ours = character == '\n' || character == '\r' && text[at + 1..].starts_with('\n');
        assert!(ours || !character.is_control(), "{character:?} has reached the terminal");
    }
}

/// What a terminal shows of a message, without the label; and nothing else may have happened.
#[track_caller]
fn shown(message: &[u8], wire: &str) -> String {
    let (mut terminal, port) = Terminal::listen(&["--plain", "--wire", wire]);
    let mut friend = friend_calls(port);
    match wire {
        "lines" => friend.write_all(&[message, b"\n"].concat()).unwrap(),
        _ => {
            let length = u16::try_from(message.len()).unwrap().to_le_bytes();
            friend.write_all(&[&length, message, b"\x03\x00end"].concat()).unwrap();
        }
    }
    drop(friend);
    terminal.wait_for("friend has left");
    terminal.ends_with(0);
    assert_harmless(&terminal);
    let raw = String::from_utf8(terminal.raw()).unwrap();
    let (_, from) = raw.split_once("friend says: ").expect("it is shown");
    let (message, _) = from.split_once("\r\nfriend has left").expect("it is shown whole");
    // Of several rows one.
    message.replace("\r\n  ", "")
}

#[track_caller]
fn assert_shown(message: impl AsRef<[u8]>, expected: &str) {
    for wire in ["lines", "frames"] {
        assert_eq!(shown(message.as_ref(), wire), expected, "on {wire}");
    }
}

// What a terminal would obey.

#[test]
fn escape_sequences_are_shown_and_not_obeyed() {
    assert_shown("\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b[1A", "^[[31mred^[[0m ^[[2J^[[H^[[1A");
    assert_shown("\x1b[?25l\x1b[?1049h\x1b[?2004h\x1bc", "^[[?25l^[[?1049h^[[?2004h^[c");
}

#[test]
fn titles_clipboards_and_questions_are_shown_and_not_obeyed() {
    assert_shown("\x1b]0;a title\x07", "^[]0;a title^G");
    assert_shown("\x1b]52;c;cm0gLXJmIC8=\x1b\\", "^[]52;c;cm0gLXJmIC8=^[\\");
    assert_shown("\x1b[c\x1b[6n\x1b[21t\x1bP$qm\x1b\\\x05", "^[[c^[[6n^[[21t^[P$qm^[\\^E");
}

#[test]
fn other_control_characters_are_shown_and_not_obeyed() {
    assert_shown("paid\rover \x08\x08\x7f\0\x07", "paid^Mover ^H^H^?^@^G");
    assert_shown("\x0b\x0c\x0e\x0f\x11\x13\x1a", "^K^L^N^O^Q^S^Z");
}

#[test]
fn every_c0_and_c1_character_is_visible() {
    for code in (0..0x20).chain([0x7f]) {
        // The tab is none of them; newline and return (at the end) are how lines end.
        if ![b'\t', b'\n'].contains(&code) {
            let visible = format!("a^{}b", char::from(code ^ 0x40));
            assert_eq!(shown(&[b'a', code, b'b'], "lines"), visible);
        }
    }
    for code in 0x80..0xa0_u8 {
        let text = format!("a{}b", char::from(code));
        let visible = shown(text.as_bytes(), "lines");
        assert!(visible.contains(&format!("{code:02X}")), "{visible}");
    }
}

#[test]
fn c1_sequences_are_shown_and_not_obeyed() {
    assert_shown("\u{9b}31m\u{9d}0;title\u{9c}", "<U+009B>31m<U+009D>0;title<U+009C>");
    // The same as single bytes, which some terminals still obey, is not UTF-8.
    assert_shown(b"\x9b31m\x85", "\u{fffd}31m\u{fffd}");
}

#[test]
fn a_tab_is_shown_as_the_space_that_it_is() {
    // The label is 13 columns wide.
    assert_shown("a\tb", "a  b");
}

// What a person could not see.

#[test]
fn bidirectional_controls_are_visible() {
    for control in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
        let expected = format!("a<U+{:04X}>b", u32::from(control));
        assert_eq!(shown(format!("a{control}b").as_bytes(), "lines"), expected);
    }
}

#[test]
fn invisible_characters_are_visible() {
    for invisible in "\u{ad}\u{34f}\u{115f}\u{180e}\u{200b}\u{200c}\u{200d}\u{2028}\u{2029}\u{2060}\u{2064}\u{206f}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{e0001}\u{e0041}\u{e0100}".chars() {
        let expected = format!("a<U+{:04X}>b", u32::from(invisible));
        assert_eq!(shown(format!("a{invisible}b").as_bytes(), "lines"), expected);
    }
}

/// The list was made by hand, and lacked these: signs of format, joiners of several scripts, blanks, a
/// note without a head, and what is no character at all.
#[test]
fn invisible_characters_that_few_know_are_visible() {
    for invisible in "\u{13430}\u{13438}\u{1343f}\u{13441}\u{13442}\u{2d7f}\u{1107f}\u{16fe4}\u{11d45}\u{11d97}\u{1d159}\u{fdd0}\u{ffff}\u{10fffe}".chars() {
        let expected = format!("a<U+{:04X}>b", u32::from(invisible));
        assert_eq!(shown(format!("a{invisible}b").as_bytes(), "lines"), expected);
    }
    // The look of a picture, for what is none.
    assert_shown("\u{2014}\u{fe0f}", "\u{2014}<U+FE0F>");
}

#[test]
fn marks_without_end_are_counted() {
    let tower = |count| format!("e{}", "\u{301}".repeat(count));
    assert_shown(tower(30), &tower(30));
    assert_shown(tower(31), &format!("{}<1 more mark>", tower(30)));
    assert_shown(tower(5_000) + "x", &format!("{}<4970 more marks>x", tower(30)));
    // Of several kinds, and in a room's or a member's hands again.
    let mixed = "\u{301}\u{20dd}\u{93e}\u{1161}".repeat(100);
    let thirty: String = mixed.chars().take(30).collect();
    let once = format!("a{thirty}<370 more marks>");
    assert_shown(format!("a{mixed}"), &once);
    assert_shown(&once, &once);
}

#[test]
fn a_flag_that_is_spelled_with_tags_stays_whole() {
    let england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
    assert_shown(format!("{england}{england} x"), &format!("{england}{england} x"));
    // No flag is spelled like this, and a text can be.
    for (tags, shown) in [
        ("\u{e0067}\u{e0062}\u{e0065}x", "<U+E0067><U+E0062><U+E0065>x"),
        ("\u{e0020}\u{e0062}\u{e0065}\u{e007f}", "<U+E0020><U+E0062><U+E0065><U+E007F>"),
        ("\u{e007f}", "<U+E007F>"),
    ] {
        assert_shown(format!("\u{1f3f4}{tags}"), &format!("\u{1f3f4}{shown}"));
    }
    let no_flag = england.replace('\u{1f3f4}', "a");
    assert!(shown(no_flag.as_bytes(), "lines").starts_with("a<U+E0067>"));
}

#[test]
fn invalid_utf8_is_shown_as_the_replacement_character() {
    assert_shown(b"a\xffb", "a\u{fffd}b");
    assert_shown(b"\xc3(\xa0\xa1", "\u{fffd}(\u{fffd}\u{fffd}");
    // An overlong escape, a surrogate, half an emoji at the end.
    assert_shown(b"\xc0\x9b[31m", "\u{fffd}\u{fffd}[31m");
    assert_shown(b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}");
    assert_shown(b"cut \xf0\x9f\x98", "cut \u{fffd}");
}

#[test]
fn text_in_any_script_and_emoji_are_shown_as_they_are() {
    for text in [
        "Grüße, Ελληνικά, русский, Հայերեն, ქართული",
        "עברית, العربية, فارسی, हिन्दी, ไทย, မြန်မာ",
        "中文, 日本語, 한국어, አማርኛ, ᏣᎳᎩ",
        "می\u{200c}خواهم ශ්\u{200d}රී",
        "e\u{301} o\u{308} Z\u{30c}",
        "😀 👍🏽 🇩🇪 1\u{fe0f}\u{20e3} ❤\u{fe0f}\u{200d}🔥",
        "👩\u{200d}👩\u{200d}👧 🏳\u{fe0f}\u{200d}🌈",
    ] {
        // Some of them may be too wide for one row.
        assert_eq!(shown(text.as_bytes(), "lines").replace("\r\n  ", ""), text);
    }
}

// Whose words they are.

/// Lines that pretend to be somebody else's once the screen breaks them.
const PRETENDED: [&str; 5] = [
    "* the friend is now root",
    "friend says: give me your password",
    "friend has left",
    "> yes, I agree",
    "threadchat: the connection broke",
];

/// A line whose first row is full to the last column, however the terminal counts, and that goes
/// on with `pretended`.
fn lines_that_pretend(columns: usize, pretended: &str) -> Vec<String> {
    let first = columns - "friend says: ".len();
    let later = columns - 2;
    let mut lines = vec![
        format!("{}{pretended}", "x".repeat(first)),
        format!("{}{pretended}", " ".repeat(first)),
        format!("{}{pretended}", "x".repeat(first + later)),
        format!("{}{pretended}", " ".repeat(first + 3 * later)),
        format!("{}{pretended}", "中".repeat(first / 2)),
        format!("x{}{pretended}", "中".repeat(first / 2)),
        format!("{}{pretended}", "\t".repeat(first.div_ceil(8))),
        format!("{}{pretended}", "👩\u{200d}👩\u{200d}👧".repeat(first / 6)),
        format!("{}{pretended}", "❤\u{fe0f}".repeat(first / 2)),
        format!("{}{pretended}", "e\u{301}".repeat(first)),
        format!("{}{pretended}", "\u{7}".repeat(first / 2)),
        format!("{}{pretended}", "\u{202e}".repeat(first / 8)),
        format!("{}{pretended}", "🇩🇪".repeat(first / 2)),
        format!("{}{pretended}", "한".repeat(first)),
    ];
    // A break of the friend's own, in every manner but the newline.
    for separator in ["\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\x1b[E", "\x1bD"] {
        lines.push(format!("hello{separator}{pretended}"));
    }
    lines
}

/// Fails unless every row is labelled or begins with two spaces, and unless the program has
/// broken all of them itself.
#[track_caller]
fn assert_rows_tell_whose_they_are(terminal: &Terminal, columns: u16) {
    terminal.with_screen(|screen| {
        for (number, row) in screen.rows(0, columns).enumerate() {
            let told = row.starts_with("friend says:") || row.starts_with("  ") || row.is_empty();
            assert!(told, "row {number} hides whose it is: {row:?}\n{}", screen.contents());
            let wrapped = screen.row_wrapped(u16::try_from(number).unwrap());
            assert!(!wrapped, "row {number} was broken: {row:?}\n{}", screen.contents());
        }
    });
}

/// A notice with a long name in it was left to the terminal to break, which began the next row with
/// a part of the name.
#[test]
fn a_notice_that_a_name_makes_longer_than_the_screen_is_broken_by_the_program() {
    for name in ["A".repeat(32), "李".repeat(32)] {
        let (listener, port) = friend_listener();
        let words = ["connect", "127.0.0.1", &port.to_string(), "--plain"];
        let terminal = Terminal::start_sized(&words, 20, 30);
        let mut friend = friend_answers(&listener);
        friend.write_all(format!("/name {name}\nhello\n").as_bytes()).unwrap();
        terminal.wait_for("hello");
        terminal.with_screen(|screen| {
            let rows: Vec<String> = screen.rows(0, 30).collect();
            let notice = rows.iter().position(|row| row.starts_with("* friend is now")).unwrap();
            assert!(rows[notice + 1].starts_with("  "), "{rows:#?}");
            for number in 0..20 {
                assert!(!screen.row_wrapped(number), "row {number} was broken: {rows:#?}");
            }
        });
    }
}

/// A conversation in a terminal of this width with nothing on it but what the friend says.
#[track_caller]
fn quiet_terminal(columns: u16) -> (Terminal, TcpStream) {
    let (listener, port) = friend_listener();
    let words = ["connect", "127.0.0.1", &port.to_string(), "--quiet", "--plain"];
    (Terminal::start_sized(&words, 40, columns), friend_answers(&listener))
}

#[test]
fn every_further_row_of_a_line_begins_with_two_spaces_at_any_width() {
    for columns in [20, 40, 80] {
        let (mut terminal, mut friend) = quiet_terminal(columns);
        let mut number = 0;
        for pretended in PRETENDED {
            for line in lines_that_pretend(columns.into(), pretended) {
                number += 1;
                friend.write_all(format!("{line}\n#{number}\n").as_bytes()).unwrap();
                terminal.wait_raw(format!("friend says: #{number}\r\n").as_bytes());
                assert_rows_tell_whose_they_are(&terminal, columns);
            }
        }
        drop(friend);
        terminal.ends_with(0);
        assert_harmless(&terminal);
    }
}

#[test]
fn every_further_row_begins_with_two_spaces_after_the_window_was_resized() {
    let (mut terminal, mut friend) = quiet_terminal(80);
    let mut number = 0;
    for columns in [80, 30, 120, 47] {
        terminal.resize(40, columns);
        for line in lines_that_pretend(columns.into(), PRETENDED[0]) {
            number += 1;
            // Rows of another width scroll away first.
            let line = format!("{}{line}\n#{number}\n", "\n".repeat(40));
            friend.write_all(line.as_bytes()).unwrap();
            terminal.wait_raw(format!("friend says: #{number}\r\n").as_bytes());
            assert_rows_tell_whose_they_are(&terminal, columns);
        }
    }
}

/// Vowel signs and the like, to which the C library (and many a terminal) gives columns of their
/// own, and others none.
#[test]
fn marks_that_only_some_terminals_give_a_column_cannot_overflow_a_row() {
    for (mark, columns) in [
        ('\u{9be}', 1),
        ('\u{bbe}', 1),
        ('\u{cc0}', 1),
        ('\u{d3e}', 1),
        ('\u{dcf}', 1),
        ('\u{1b35}', 1),
        ('\u{302e}', 2),
        ('\u{1d165}', 1),
    ] {
        let (mut terminal, mut friend) = quiet_terminal(80);
        let line = format!("{}{}\n", String::from(mark).repeat(200), PRETENDED[0]);
        friend.write_all(line.as_bytes()).unwrap();
        drop(friend);
        terminal.ends_with(0);
        let raw = String::from_utf8(terminal.raw()).unwrap();
        for row in raw.lines() {
            let width: usize = row.chars().map(|it| if it == mark { columns } else { 1 }).sum();
            assert!(width <= 80, "U+{:04X}: a row is {width} columns wide", u32::from(mark));
        }
    }
}

#[test]
fn every_line_inside_a_frame_is_labelled() {
    let lines = PRETENDED.join("\n");
    let expected = lines.replace('\n', "\r\nfriend says: ");
    assert_eq!(shown(lines.as_bytes(), "frames"), expected);
}

#[test]
fn a_pipe_gets_everything_as_it_came() {
    let awkward = [
        &b"\x1b[31mred \x1b]0;title\x07\x1b]52;c;Zm9v\x07\x1b[6n\rover\x08\x7f\0\n"[..],
        "\u{9b}31m\u{202e}\u{200b}\u{feff}\n".as_bytes(),
        b"\xff\xfe\xc3(\xed\xa0\x80\xc0\x9b\n",
        &"x".repeat(200).into_bytes(),
        &[(0..=255).collect::<Vec<u8>>(), random_bytes(100_000, 11)].concat(),
    ]
    .concat();
    let (mut program, port) = Program::listen(&[]);
    friend_calls(port).write_all(&awkward).unwrap();
    program.end_stdin();
    assert!(program.ends_with(0).stdout == awkward);
}

// Memory, and a friend who floods.

/// The most that a conversation may add to the idle process: about 1 MiB, and what the system's
/// own allocator makes of it.
const GROWTH_MAX: u64 = 3 << 20;

/// A friend who sends as fast as the network takes it.
struct Flood {
    so_far: Arc<AtomicU64>,
    refused: Arc<AtomicBool>,
}

impl Flood {
    fn start(mut to: TcpStream, mut from: impl Read + Send + 'static) -> Flood {
        to.set_nonblocking(true).unwrap();
        let flood = Flood { so_far: Arc::default(), refused: Arc::default() };
        let (so_far, refused) = (Arc::clone(&flood.so_far), Arc::clone(&flood.refused));
        std::thread::spawn(move || {
            let mut scratch = vec![0; 1 << 16];
            loop {
                let count = from.read(&mut scratch).unwrap();
                let mut rest = &scratch[..count];
                while !rest.is_empty() {
                    match to.write(rest) {
                        Ok(count) => {
                            rest = &rest[count..];
                            so_far.fetch_add(count as u64, Ordering::Relaxed);
                            refused.store(false, Ordering::Relaxed);
                        }
                        Err(why) if why.kind() == ErrorKind::WouldBlock => {
                            refused.store(true, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        Err(_) => return, // The test is over.
                    }
                }
                if count == 0 {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
            }
        });
        flood
    }

    /// Waits until the network takes nothing more and the program does nothing about it; fails
    /// if that is only so because everything has been sent.
    #[track_caller]
    fn wait_until_held_back(&self, pid: u32, all: u64) {
        until("the friend is held back", || {
            let before = self.so_far.load(Ordering::Relaxed);
            wait_until_all_sleep(pid, "socket-reader");
            let same = self.so_far.load(Ordering::Relaxed) == before;
            (same && self.refused.load(Ordering::Relaxed)).then_some(())
        });
        let so_far = self.so_far.load(Ordering::Relaxed);
        assert!(so_far < all / 2, "{so_far} bytes were taken in");
    }
}

const FLOOD: u64 = 100_000_000;

#[test]
fn memory_is_bounded_and_the_friend_held_back_while_a_piped_stdout_is_not_read() {
    for wire in ["lines", "frames"] {
        let (stdout, to_stdout) = pipe().unwrap();
        let mut command = Command::new(threadchat());
        command.args(["listen", "127.0.0.1:0", "--wire", wire]);
        command.stdin(Stdio::piped()).stdout(to_stdout).stderr(Stdio::piped());
        let mut program = Program::spawn_as_is(&mut command);
        drop(command); // Or the pipe would never end.
        let pid = program.child.id();
        let friend = friend_calls(program.listening_port());
        program.wait_stderr("connected to");
        wait_until_all_sleep(pid, "socket-reader");
        let idle = peak_memory(pid);
        let (flood, expected): (Box<dyn Read + Send>, Box<dyn Read + Send>) = match wire {
            "lines" => (Box::new(Random::new(FLOOD, 9)), Box::new(Random::new(FLOOD, 9))),
            _ => (
                Box::new(repeated(b"\x05\x00flood", FLOOD).chain(&b"\x03\x00end"[..])),
                Box::new(repeated(b"flood\n", FLOOD / 7 * 6)),
            ),
        };
        let flood = Flood::start(friend, flood);
        flood.wait_until_held_back(pid, FLOOD);
        assert_bounded(pid, idle);

        let arrived = Comparison::start(stdout, expected);
        arrived.wait_for(FLOOD / 7 * 6);
        assert_bounded(pid, idle);
        program.end_stdin();
        arrived.finish();
        program.ends_with(0);
    }
}

/// As many copies of `part` as fit into `count` bytes.
fn repeated(part: &'static [u8], count: u64) -> impl Read + Send {
    let block = part.repeat(1_000);
    let whole = count / part.len() as u64;
    struct Repeated(Vec<u8>, u64, u64);
    impl Read for Repeated {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let at = usize::try_from(self.1 % self.0.len() as u64).unwrap();
            let left = usize::try_from(self.2 - self.1).unwrap();
            let count = into.len().min(self.0.len() - at).min(left);
            into[..count].copy_from_slice(&self.0[at..at + count]);
            self.1 += count as u64;
            Ok(count)
        }
    }
    Repeated(block, 0, whole * part.len() as u64)
}

#[track_caller]
fn assert_bounded(pid: u32, idle: u64) {
    let growth = peak_memory(pid) - idle;
    assert!(growth < GROWTH_MAX, "{} KiB more than the idle process", growth / 1024);
}

#[test]
fn memory_is_bounded_and_the_friend_held_back_while_a_terminal_is_not_read() {
    // The worst that a byte can become: characters that are shown as eight.
    for (wire, part) in [
        ("lines", "flood\n".as_bytes()),
        ("lines", b"\n"),
        ("lines", b"no end"),
        ("lines", "\u{9b}".as_bytes()),
        ("lines", b"\t"),
        // Names that are taken, and names that are not.
        ("lines", b"/name you\n"),
        ("lines", b"/name a\n"),
        ("frames", b"\x07\x00/name a"),
        ("frames", b"\x00\x00"),
        ("frames", b"\x03\x00\n\n\n"),
    ] {
        let (listener, port) = friend_listener();
        let words = ["connect", "127.0.0.1", &port.to_string(), "--wire", wire];
        let terminal = BareTerminal::start(&words);
        let friend = friend_answers(&listener);
        wait_until_all_sleep(terminal.pid(), "socket-reader");
        let idle = peak_memory(terminal.pid());
        let flood = Flood::start(friend, repeated(part, FLOOD));
        flood.wait_until_held_back(terminal.pid(), FLOOD);
        assert_bounded(terminal.pid(), idle);
    }
}

// Nonsense.

/// Bytes that are nonsense in every manner: random ones, and pieces that mean something, in any
/// order and cut anywhere.
fn nonsense(seed: u64) -> Vec<u8> {
    const PIECES: [&[u8]; 14] = [
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
        b"\n",
        b"\r\n",
        b"\r",
        b"\xf0\x9f",
        b"\xe2\x80\xae",
        b"\t",
        b"\x00\x00",
        b"\x05\x00",
        b"\xff\xff",
        b"\xe2\x80\x8d",
        b"text ",
    ];
    let choices = random_bytes(20_000, seed);
    let mut bytes = random_bytes(20_000, seed + 1_000);
    for choice in &choices {
        bytes.extend_from_slice(PIECES[usize::from(*choice) % PIECES.len()]);
    }
    bytes
}

#[track_caller]
fn assert_no_fault_of_its_own(said: &str, code: u32) {
    assert!(code == 0 || code == 1, "exit code {code}");
    assert!(!said.contains("panic") && !said.contains("fault in the program"), "{said}");
    assert!(said.contains(if code == 0 { "friend has left" } else { "threadchat: " }), "{said}");
}

#[test]
fn no_nonsense_from_a_friend_makes_it_fail_without_a_reason_at_a_terminal() {
    for seed in 0..6 {
        for (wire, size) in [("lines", "65536"), ("frames", "65536"), ("frames", "1")] {
            let (listener, port) = friend_listener();
            let port = port.to_string();
            let words =
                ["connect", "--plain", "127.0.0.1", &port, "--wire", wire, "--recv-buffer", size];
            let mut terminal = Terminal::start(&words);
            let mut friend = friend_answers(&listener);
            let _ = friend.write_all(&nonsense(seed)); // It may hang up on nonsense.
            drop(friend);
            let code = terminal.wait();
            let said = String::from_utf8_lossy(&terminal.raw()).into_owned();
            assert_no_fault_of_its_own(&said, code);
            assert_harmless(&terminal);
        }
    }
}

#[test]
fn no_nonsense_from_a_friend_makes_it_fail_without_a_reason_at_a_pipe() {
    for seed in 10..16 {
        for wire in ["lines", "frames"] {
            let (mut program, port) = Program::listen(&["--wire", wire]);
            let mut friend = friend_calls(port);
            let _ = friend.write_all(&nonsense(seed));
            drop(friend);
            program.end_stdin();
            let ended = program.wait();
            assert_no_fault_of_its_own(&ended.stderr, ended.code.unsigned_abs());
        }
    }
}

#[test]
fn no_nonsense_on_stdin_makes_it_fail_without_a_reason() {
    for seed in 20..26 {
        for wire in ["lines", "frames"] {
            let (mut program, port) = Program::listen(&["--wire", wire]);
            let mut friend = friend_calls(port);
            program.pipe_in(nonsense(seed));
            let mut came = Vec::new();
            let _ = friend.read_to_end(&mut came);
            drop(friend);
            let ended = program.wait();
            assert_no_fault_of_its_own(&ended.stderr, ended.code.unsigned_abs());
            assert!(wire == "frames" || came == nonsense(seed));
        }
    }
}

#[test]
fn no_nonsense_at_the_keyboard_makes_it_fail_without_a_reason() {
    for seed in 30..33 {
        for wire in ["lines", "frames"] {
            let (mut terminal, port) = Terminal::listen(&["--plain", "--wire", wire]);
            let mut friend = friend_calls(port);
            terminal.wait_for("connected to");
            // Without the keys with which a person ends, stops or suspends a program, and in
            // lines that a terminal takes.
            let keys: Vec<u8> = nonsense(seed)
                .into_iter()
                .map(|key| {
                    if b"\x03\x04\x0f\x11\x12\x13\x16\x1a\x1c".contains(&key) { b'?' } else { key }
                })
                .collect();
            let came = Output::collect(friend.try_clone().unwrap());
            for line in keys[..8_000].chunks(200) {
                terminal.press([line, b"\n"].concat());
            }
            terminal.press("the last line\n");
            // Not its echo: the kernel drops echoes that the screen is too slow for.
            let last = |bytes: &[u8]| contains(bytes, b"the last line").then_some(());
            assert!(came.wait_until(last).is_some(), "the last line does not come");
            terminal.press("\x04");
            came.to_end();
            if wire == "frames" {
                friend.write_all(b"\x03\x00end").unwrap();
            }
            drop(friend);
            let code = terminal.wait();
            assert_no_fault_of_its_own(&String::from_utf8_lossy(&terminal.raw()), code);
        }
    }
}

// Whose program it is.

/// What a browser sends, from a page that somebody has open.
const REQUEST: &str =
    "POST / HTTP/1.1\r\nHost: 127.0.0.1:9999\r\nContent-Type: text/plain\r\n\r\nhello\n";

/// How a browser begins at an address that starts with `https`.
const TLS_GREETING: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[test]
fn what_a_browser_sends_is_shown_with_a_notice_of_what_it_looks_like() {
    for wire in ["lines", "frames"] {
        for (sent, notice) in [(REQUEST.as_bytes(), "HTTP"), (TLS_GREETING, "TLS")] {
            for piece in [1, 7, sent.len()] {
                let (mut program, port) = Program::listen(&["--wire", wire]);
                let friend = friend_calls(port);
                support::wire::send_in_pieces(&friend, sent, piece);
                friend.shutdown(Shutdown::Write).unwrap();
                program.wait_stderr("* the friend ");
                program.end_stdin();
                let ended = program.wait();
                let notices: Vec<&str> = ended
                    .stderr
                    .lines()
                    .filter(|line| line.starts_with("* the friend seems"))
                    .collect();
                assert_eq!(notices.len(), 1, "{wire}, {piece}: {}", ended.stderr);
                assert!(notices[0].contains(notice), "{wire}, {piece}: {}", ended.stderr);
                // It goes where everything goes that a friend says.
                if wire == "lines" {
                    assert_eq!(ended.stdout, sent);
                }
            }
        }
    }
}

#[test]
fn a_person_who_speaks_of_http_is_no_browser() {
    for line in ["GET me a coffee", "what is HTTP/1.1", "GET / HTTP/1.1 is how it begins"] {
        let (mut program, port) = Program::listen(&[]);
        let mut friend = friend_calls(port);
        friend.write_all(format!("{line}\nGET / HTTP/1.1\n").as_bytes()).unwrap();
        drop(friend);
        program.wait_stdout("GET / HTTP/1.1\n");
        program.end_stdin();
        let ended = program.ends_with(0);
        assert!(!ended.stderr.contains("seems"), "{}", ended.stderr);
    }
}
