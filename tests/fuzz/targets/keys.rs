//! The bytes of a terminal: what is typed and pasted, and between them what the terminal answers to
//! other programs. However `read` cuts them, what was typed comes out, in order, and nothing else.

use termina::Event;
use termina::event::{KeyCode, KeyEvent, Modifiers};
use threadchat::terminal::decoder::KeyDecoder;

use super::Choices;

/// What comes out, with text taken apart.
#[derive(Clone, Debug, PartialEq)]
enum Press {
    Character(char),
    Key(KeyCode, Modifiers),
}

const SHIFT: Modifiers = Modifiers::SHIFT;
const CONTROL: Modifiers = Modifiers::CONTROL;
const ALT: Modifiers = Modifiers::ALT;
const NONE: Modifiers = Modifiers::NONE;

/// Keys, as terminals send them.
const KEYS: [(&[u8], KeyCode, Modifiers); 31] = [
    (b"\r", KeyCode::Enter, NONE),
    (b"\t", KeyCode::Tab, NONE),
    (b"\x7f", KeyCode::Backspace, NONE),
    (b"\x01", KeyCode::Char('a'), CONTROL),
    (b"\x1a", KeyCode::Char('z'), CONTROL),
    (b"\x03", KeyCode::Char('c'), CONTROL),
    (b"\x1bb", KeyCode::Char('b'), ALT),
    (b"\x1b7", KeyCode::Char('7'), ALT),
    (b"\x1b(", KeyCode::Char('('), ALT),
    ("\x1bé".as_bytes(), KeyCode::Char('é'), ALT),
    (b"\x1b\x7f", KeyCode::Backspace, ALT),
    (b"\x1b[A", KeyCode::Up, NONE),
    (b"\x1bOA", KeyCode::Up, NONE),
    (b"\x1b[1;5D", KeyCode::Left, CONTROL),
    (b"\x1b[3~", KeyCode::Delete, NONE),
    (b"\x1b[3;3~", KeyCode::Delete, ALT),
    (b"\x1b[Z", KeyCode::BackTab, SHIFT),
    (b"\x1b[97;5u", KeyCode::Char('a'), CONTROL),
    (b"\x1bOP", KeyCode::Function(1), NONE),
    (b"\x1b[[A", KeyCode::Function(1), NONE),
    (b"\x1b[15~", KeyCode::Function(5), NONE),
    (b"\x1bO5P", KeyCode::Function(1), CONTROL),
    (b"\x1b[a", KeyCode::Up, SHIFT),
    (b"\x1bOb", KeyCode::Down, CONTROL),
    (b"\x1b[7$", KeyCode::Home, SHIFT),
    (b"\x1b[8^", KeyCode::End, CONTROL),
    (b"\x1b[3@", KeyCode::Delete, SHIFT.union(CONTROL)),
    (b"\x1b\x1b[D", KeyCode::Left, ALT),
    (b"\x1b\x1bOD", KeyCode::Left, ALT),
    (b"\x1b\x1b[3~", KeyCode::Delete, ALT),
    (b"\x1b\x1b\x1b[7~", KeyCode::Home, ALT),
];

/// What is typed: also what stands in sequences.
const CHARACTERS: [char; 16] =
    ['a', 'D', 'O', '[', ']', 'P', 'G', '7', ';', '~', '$', 'é', '四', '👩', '\u{301}', ' '];

/// What nobody has typed, each whole.
const ANSWERS: [&[u8]; 21] = [
    b"\x1b[?62;22c",
    b"\x1b[>84;0;0c",
    b"\x1b[=1c",
    b"\x1b[?2026;2$y",
    b"\x1b[4;2$y",
    b"\x1b[24;80R",
    b"\x1b[?1;2S",
    b"\x1b[0n",
    b"\x1b[8;24;80t",
    b"\x1b[2;1;1;112;112;1;0x",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[<0;3;3M",
    b"\x1b[32;3;3M",
    b"\x1b[M !!",
    b"\x1b[24;80;1;1;1\"w",
    b"\x1bP!|00000000\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b]11;rgb:1c1c/1c1c/1c1c\x07",
    b"\x1b]lA window\x1b\\",
    b"\x1b[201~",
];

/// What has begun, and is given up when nothing comes for a while.
const BEGUN: [&[u8]; 10] = [
    b"\x1b",
    b"\x1b[",
    b"\x1bO",
    b"\x1b]",
    b"\x1bP",
    b"\x1b_",
    b"\x1b[1;",
    b"\x1b[M ",
    b"\x1b]11;rgb:1",
    b"\x1bP1+r52",
];

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// What there is between two silences.
#[derive(Default)]
struct Burst {
    bytes: Vec<u8>,
    expected: Vec<Press>,
}

pub fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let lengths: Vec<usize> = (0..1 + choices.below(6)).map(|_| 1 + choices.below(20)).collect();
    let mut lengths = lengths.iter().cycle();
    let mut decoder = KeyDecoder::default();
    while !choices.is_over() {
        let burst = Burst::of(&mut choices);
        let mut rest = burst.bytes.as_slice();
        let mut pressed = Vec::new();
        while !rest.is_empty() {
            let length = lengths.next().map_or(rest.len(), |&length| length.min(rest.len()));
            let (now, later) = rest.split_at(length);
            decoder.feed(now);
            pressed.extend(std::iter::from_fn(|| decoder.next_key()));
            rest = later;
        }
        decoder.time_out();
        pressed.extend(std::iter::from_fn(|| decoder.next_key()));
        let pressed: Vec<Press> = pressed.into_iter().flat_map(taken_apart).collect();
        assert_eq!(pressed, burst.expected, "of {:?}", String::from_utf8_lossy(&burst.bytes));
    }
}

impl Burst {
    fn of(choices: &mut Choices) -> Burst {
        let mut burst = Burst::default();
        while !choices.is_over() {
            match choices.below(16) {
                0..=4 => burst.types(CHARACTERS[choices.below(CHARACTERS.len())]),
                5..=7 => {
                    let (bytes, code, modifiers) = KEYS[choices.below(KEYS.len())];
                    burst.bytes.extend_from_slice(bytes);
                    burst.expected.push(Press::Key(code, modifiers));
                }
                8 | 9 => burst.bytes.extend_from_slice(ANSWERS[choices.below(ANSWERS.len())]),
                10 => burst.answers(choices),
                11 => burst.pastes(choices, true),
                12 => burst.types_nonsense(choices),
                13 => {
                    // Esc, and right after it what the terminal answers.
                    burst.bytes.push(0x1b);
                    burst.bytes.extend_from_slice(ANSWERS[choices.below(ANSWERS.len())]);
                }
                14 => {
                    burst.bytes.extend_from_slice(BEGUN[choices.below(BEGUN.len())]);
                    return burst;
                }
                _ => {
                    burst.pastes(choices, false);
                    return burst;
                }
            }
        }
        burst
    }

    fn types(&mut self, character: char) {
        self.bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.expected.push(Press::Character(character));
    }

    /// What is not UTF-8 can be seen.
    fn types_nonsense(&mut self, choices: &mut Choices) {
        let nonsense: [&[u8]; 4] = [b"\xff", b"\x80", b"\xe4\xbd", b"\xf0\x9f\x91"];
        self.bytes.extend_from_slice(nonsense[choices.below(4)]);
        self.expected.push(Press::Character('\u{fffd}'));
        // Nothing that would make a character of it.
        self.types('a');
    }

    /// Any control sequence with a sign that no key has, and any string (OSC and its like).
    fn answers(&mut self, choices: &mut Choices) {
        let begins: [&[u8]; 8] = [
            b"\x1b[?", b"\x1b[>", b"\x1b[=", b"\x1b[<", b"\x1b]1", b"\x1bP1", b"\x1bP>", b"\x1b_G",
        ];
        let begin = choices.below(begins.len());
        self.bytes.extend_from_slice(begins[begin]);
        let length = choices.below(30);
        let (lowest, count) = if begin < 4 { (0x20, 0x20) } else { (0x20, 0x5f) };
        for _ in 0..length {
            self.bytes.push(lowest + choices.byte() % count);
        }
        match (begin < 4, choices.byte()) {
            (true, last) => self.bytes.push(b'@' + last % 0x3f),
            (false, last) if last % 2 == 0 => self.bytes.push(0x07),
            (false, _) => self.bytes.extend_from_slice(b"\x1b\\"),
        }
    }

    /// Any bytes, Ctrl-C and all that looks like keys among them. Of a paste without an end a Ctrl-C at
    /// its end is one, and otherwise it goes on until somebody says that this was all.
    fn pastes(&mut self, choices: &mut Choices, ends: bool) {
        let length = choices.below(40);
        let mut pasted = choices.bytes(length).to_vec();
        if pasted.windows(PASTE_ENDS.len()).any(|part| part == PASTE_ENDS) {
            return;
        }
        self.bytes.extend_from_slice(PASTE_BEGINS);
        self.bytes.extend_from_slice(&pasted);
        if ends {
            self.bytes.extend_from_slice(PASTE_ENDS);
        } else {
            self.bytes.push(0x03);
            self.expected.push(Press::Key(KeyCode::Char('c'), CONTROL));
            while pasted.last() == Some(&0x03) {
                pasted.pop();
                self.expected.push(Press::Key(KeyCode::Char('c'), CONTROL));
            }
        }
        self.expected.extend(String::from_utf8_lossy(&pasted).chars().map(Press::Character));
    }
}

fn taken_apart(event: Event) -> Vec<Press> {
    match event {
        Event::Paste(text) => text.chars().map(Press::Character).collect(),
        Event::Key(KeyEvent { code, modifiers, .. }) => vec![Press::Key(code, modifiers)],
        // Told by the terminal, and typed by nobody.
        Event::FocusIn | Event::FocusOut => Vec::new(),
        other => panic!("{other:?} is neither a key nor text"),
    }
}
