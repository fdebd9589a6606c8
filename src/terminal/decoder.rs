//! From the bytes that a terminal sends to the keys that were pressed, and to what was pasted.
//!
//! A terminal sends more than keys: what it answers to other programs that have asked it something,
//! and reports that nobody here has asked for. All of this begins with ESC, as most keys do, and a
//! `read` may cut it anywhere. So the bytes are first taken apart into characters, control
//! characters and sequences. What each key is called is the business of `termina`'s parser, which
//! gets whole sequences only, and only those that can be keys.
//!
//! (Parsers that know every sequence, such as `vte`, are made for the other direction. There `ESC (`
//! and `ESC X` begin something; on a keyboard they are Alt with a character.)
//!
//! A pure rule, but for one thing that only time can tell: whether more comes. The reader of
//! the bytes says when a while has passed without any; see [`KeyDecoder::is_incomplete`].

use std::collections::VecDeque;

use termina::event::{KeyCode, KeyEvent, Modifiers};
use termina::{Event as Input, Parser};

/// Turns bytes into keys. See the [module's page](self).
#[derive(Debug, Default)]
pub struct KeyDecoder {
    state: State,
    /// Keys that have been read, and that nobody has taken yet.
    waiting: VecDeque<Input>,
}

/// What has begun, and has not ended yet.
#[derive(Debug, Default)]
enum State {
    /// Nothing.
    #[default]
    Ground,
    /// A character of several bytes.
    Character(Vec<u8>),
    /// A sequence, from its ESC on.
    Sequence(Vec<u8>),
    /// An answer of the terminal's, up to the next control character: its end, BEL or the ESC of ST,
    /// or a key, if it has none.
    Answer,
    /// What is being pasted.
    Paste(Vec<u8>),
}

/// What the last byte of a sequence does to it.
enum Step {
    /// It wants another one.
    GoesOn,
    /// It ends it.
    Ends,
    /// It does not belong to it, and begins something new: the sequence means nothing.
    Breaks,
    /// It shows that this is an [`State::Answer`].
    Answers,
}

impl KeyDecoder {
    /// Takes what one `read` gave.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.take_byte(byte);
        }
    }

    /// The next key, or what was pasted.
    pub fn next_key(&mut self) -> Option<Input> {
        self.waiting.pop_front()
    }

    /// Whether there is a next.
    pub fn has_key(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether it matters when the next byte comes. If none comes for a while, call
    /// [`KeyDecoder::time_out`].
    pub fn is_incomplete(&self) -> bool {
        match &self.state {
            State::Ground | State::Character(_) => false,
            State::Sequence(_) | State::Answer => true,
            State::Paste(text) => text.ends_with(&[CTRL_C]),
        }
    }

    /// Nothing more has come for a while. What began a sequence means nothing, and a Ctrl-C at which
    /// a paste has come to a stop is one that somebody has pressed, since the paste does not end.
    pub fn time_out(&mut self) {
        match &mut self.state {
            State::Ground | State::Character(_) => {}
            State::Sequence(_) | State::Answer => self.state = State::Ground,
            State::Paste(text) => {
                while text.pop_if(|byte| *byte == CTRL_C).is_some() {
                    self.waiting.push_back(INTERRUPT);
                }
                self.end_paste();
            }
        }
    }

    /// What has been pasted so far is all of it.
    pub fn end_paste(&mut self) {
        if let State::Paste(text) = &self.state {
            self.waiting.push_back(pasted(text));
            self.state = State::Ground;
        }
    }

    fn take_byte(&mut self, byte: u8) {
        match (std::mem::take(&mut self.state), byte) {
            (State::Paste(mut text), _) => {
                text.push(byte);
                match text.strip_suffix(PASTE_ENDS) {
                    Some(whole) => self.waiting.push_back(pasted(whole)),
                    None => self.state = State::Paste(text),
                }
            }
            (State::Character(mut begun), _) => {
                begun.push(byte);
                self.take_character(begun);
            }
            (State::Sequence(mut begun), _) => {
                begun.push(byte);
                self.take_sequence(begun);
            }
            (State::Answer, BELL) => {}
            (State::Answer, b' '..=b'~' | 0x80..) => self.state = State::Answer,
            (State::Ground | State::Answer, ESCAPE) => self.state = State::Sequence(vec![ESCAPE]),
            (State::Ground, b' '..=b'~' | 0x80..) => self.take_character(vec![byte]),
            (State::Ground | State::Answer, _) => self.waiting.extend(key(&[byte])),
        }
    }

    /// A character, or its first bytes. What is not UTF-8 can be seen.
    fn take_character(&mut self, bytes: Vec<u8>) {
        match (std::str::from_utf8(&bytes), bytes.as_slice()) {
            (Ok(character), _) => self.type_text(character),
            (Err(error), _) if error.error_len().is_none() => {
                self.state = State::Character(bytes);
            }
            (Err(_), [_]) => self.type_text("\u{fffd}"),
            // The last byte does not belong to it.
            (Err(_), _) => {
                self.type_text("\u{fffd}");
                self.feed(&bytes[bytes.len() - 1..]);
            }
        }
    }

    /// Characters that come in a bunch are one piece: a row of 100,000 would otherwise be copied
    /// once for each.
    fn type_text(&mut self, characters: &str) {
        match self.waiting.back_mut() {
            Some(Input::Paste(text)) => text.push_str(characters),
            _ => self.waiting.push_back(Input::Paste(characters.to_owned())),
        }
    }

    /// A sequence as far as it has come.
    fn take_sequence(&mut self, mut sequence: Vec<u8>) {
        // ESC before a sequence is Alt held together with its key (as in rxvt); of any others only
        // the last one counts.
        if let [ESCAPE, ESCAPE, third, ..] = sequence[..]
            && !matches!(third, b'[' | b'O')
        {
            sequence.remove(0);
        }
        match step(&sequence[1..]) {
            Step::GoesOn => self.state = State::Sequence(sequence),
            Step::Ends if sequence.ends_with(PASTE_BEGINS) => self.state = State::Paste(Vec::new()),
            Step::Ends => self.waiting.extend(key(&sequence)),
            Step::Breaks => self.feed(&sequence[sequence.len() - 1..]),
            Step::Answers => self.state = State::Answer,
        }
    }
}

fn pasted(text: &[u8]) -> Input {
    Input::Paste(String::from_utf8_lossy(text).into_owned())
}

/// How far a sequence has come; `sequence` is what follows its ESC.
fn step(sequence: &[u8]) -> Step {
    match sequence {
        // Alt, see above.
        [ESCAPE] => Step::GoesOn,
        [ESCAPE, sequence @ ..] => step(sequence),

        // Control sequences (CSI). rxvt ends some with `$`, which otherwise stands before the last
        // byte. The Linux console has a `[` too many for F1 to F5. A click of the mouse, in its
        // oldest form, has three more bytes.
        [b'['] | [b'[', b'['] => Step::GoesOn,
        [b'[', b'[', b' '..=b'~'] => Step::Ends,
        [b'[', b'M', .., ..b' '] => Step::Breaks,
        [b'[', b'M', _, _, _] => Step::Ends,
        [b'[', b'M', ..] => Step::GoesOn,
        [b'[', number @ .., b'$'] if number.iter().all(u8::is_ascii_digit) => Step::Ends,
        [b'[', .., b' '..=b'?'] => Step::GoesOn,
        [b'[', .., b'@'..=b'~'] => Step::Ends,

        // Arrows and the keypad (SS3); some terminals have a number there.
        [b'O'] | [b'O', .., b'0'..=b'9' | b';'] => Step::GoesOn,
        [b'O', .., b'@'..=b'~'] => Step::Ends,

        // Alt with one of these, or an answer. OSC begins with a number, or with the letter of a
        // title; DCS with a number or a sign; and of APC there is only kitty's.
        [b']' | b'P' | b'_'] => Step::GoesOn,
        [b']', b'0'..=b'9' | b'l' | b'L'] | [b'P', b'!'..=b'?'] | [b'_', b'G'] => Step::Answers,

        [b'[' | b'O' | b']' | b'P' | b'_', ..] => Step::Breaks,

        // Alt with another key. Ctrl-C is heard whatever stands before it.
        [CTRL_C] => Step::Breaks,
        character => match std::str::from_utf8(character) {
            Ok(_) => Step::Ends,
            Err(error) if error.error_len().is_none() => Step::GoesOn,
            Err(_) => Step::Breaks,
        },
    }
}

/// The key that a control character or a whole sequence stands for, if for any.
fn key(sequence: &[u8]) -> Option<Input> {
    let (alt, sequence) = match sequence {
        [ESCAPE, ESCAPE, ..] => (Modifiers::ALT, &sequence[1..]),
        _ => (Modifiers::NONE, sequence),
    };
    let (sequence, held) = as_xterm_has_it(sequence);
    let known = match sequence.as_slice() {
        [ESCAPE, b'\\'] => false, // The end of an answer (ST).
        [ESCAPE, b'[', b'[', _] | [ESCAPE, b'O', _] => true,
        // Answers have a sign there.
        [ESCAPE, b'[', numbers @ .., _] => numbers.first().is_none_or(u8::is_ascii_digit),
        _ => true,
    };
    if !known {
        return None;
    }
    let mut parser = Parser::default();
    parser.parse(&sequence, false);
    match parser.pop()? {
        Input::Key(key) => {
            let modifiers = key.modifiers | held | alt;
            Some(Input::Key(KeyEvent { modifiers, ..key }))
        }
        focus @ (Input::FocusIn | Input::FocusOut) => Some(focus),
        // The mouse, the cursor's place: nobody has asked for them.
        _ => None,
    }
}

/// A key as the parser knows it, and what is held together with it: rxvt and Konsole have some of
/// their own.
fn as_xterm_has_it(sequence: &[u8]) -> (Vec<u8>, Modifiers) {
    const SHIFT: Modifiers = Modifiers::SHIFT;
    const CONTROL: Modifiers = Modifiers::CONTROL;
    let Some((&last, begin)) = sequence.split_last() else { return (Vec::new(), Modifiers::NONE) };
    let ending_with = |last: u8| [begin, &[last]].concat();
    match (begin, last) {
        // rxvt: arrows.
        ([ESCAPE, b'['], b'a'..=b'd') => (ending_with(last.to_ascii_uppercase()), SHIFT),
        ([ESCAPE, b'O'], b'a'..=b'd') => (ending_with(last.to_ascii_uppercase()), CONTROL),
        // Home, End and others that have a number.
        ([ESCAPE, b'[', _, ..], b'$') => (ending_with(b'~'), SHIFT),
        ([ESCAPE, b'[', _, ..], b'^') => (ending_with(b'~'), CONTROL),
        ([ESCAPE, b'[', _, ..], b'@') => (ending_with(b'~'), SHIFT | CONTROL),
        // Konsole.
        ([ESCAPE, b'O', number @ ..], _) if !number.is_empty() => {
            ([b"\x1b[", number, &[last]].concat(), Modifiers::NONE)
        }
        _ => (sequence.to_vec(), Modifiers::NONE),
    }
}

const CTRL_C: u8 = 0x03;
const BELL: u8 = 0x07;
const ESCAPE: u8 = 0x1b;

const INTERRUPT: Input = Input::Key(KeyEvent::new(KeyCode::Char('c'), Modifiers::CONTROL));

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is typed when these bytes come, without the other keys.
    fn typed(decoder: &mut KeyDecoder, bytes: &[u8]) -> String {
        decoder.feed(bytes);
        std::iter::from_fn(|| decoder.next_key())
            .filter_map(|key| match key {
                Input::Paste(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn nothing_that_came_before_a_pause_swallows_or_changes_what_is_typed_after_it(
            before in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                "\u{1b}[\\[OP\\]_]?[ -~]{0,10}".prop_map(String::into_bytes),
            ],
        ) {
            let mut decoder = KeyDecoder::default();
            typed(&mut decoder, &before);
            decoder.time_out();
            decoder.end_paste();
            let after = typed(&mut decoder, b"[D typed ~");
            prop_assert!(after.ends_with("[D typed ~"), "{after:?}");
        }

        #[test]
        fn ctrl_c_is_heard_whatever_came_before_it(
            before in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut decoder = KeyDecoder::default();
            typed(&mut decoder, &before);
            decoder.feed(&[CTRL_C]);
            prop_assert!(std::iter::from_fn(|| decoder.next_key()).any(|key| key == INTERRUPT));
        }
    }

    #[test]
    fn a_sequence_that_cannot_be_one_does_not_take_the_next_key_with_it() {
        for begun in ["\x1b[1", "\x1b[?6", "\x1bO", "\x1b]", "\x1bP", "\x1b[M!", "\x1b]11;rgb:"] {
            let mut decoder = KeyDecoder::default();
            decoder.feed(begun.as_bytes());
            decoder.feed(b"\r");
            let enter = Input::Key(KeyCode::Enter.into());
            assert_eq!(decoder.next_key(), Some(enter), "after {begun:?}");
            assert_eq!(typed(&mut decoder, b"x"), "x", "after {begun:?}");
        }
    }
}
