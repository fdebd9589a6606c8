//! From the bytes that a terminal sends to the keys that were pressed, and to what was pasted. A
//! pure rule around `termina`'s parser, for what a chat cannot leave to it: Ctrl-C is heard whatever
//! stands before it, what is not UTF-8 can be seen, and no key is taken for a terminal's answer.

use std::collections::VecDeque;
use std::str::Utf8Error;

use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event as Input, Parser};

/// What has been pressed. See the [module's page](self).
#[derive(Debug, Default)]
pub struct Presses {
    parser: Parser,
    /// The beginning of a character whose rest has not come.
    half: Vec<u8>,
    /// Keys that have been read, and that nobody has taken yet.
    waiting: VecDeque<Input>,
    /// The beginning of what was pasted has been read, and its end has not.
    pasting: bool,
}

impl Presses {
    /// Takes what one `read` gave; `more`: there may be more to read already.
    pub fn take(&mut self, pressed: &[u8], more: bool) {
        match pressed {
            // Ctrl-C is heard also behind the beginning of something that does not end.
            [before @ .., CTRL_C] => {
                self.parse(before, more);
                (self.parser, self.pasting) = (Parser::default(), false);
                self.parse(&[CTRL_C], false);
            }
            _ => self.parse(pressed, more),
        }
    }

    /// The next key, or what was pasted.
    pub fn pop(&mut self) -> Option<Input> {
        self.waiting.pop_front()
    }

    /// Whether there is a next.
    pub fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What has been pasted so far is all of it.
    pub fn end_paste(&mut self) {
        if std::mem::take(&mut self.pasting) {
            self.parser.parse(PASTE_ENDS, false);
            self.take_parsed();
        }
    }

    /// The parser skips what is not UTF-8, and the key behind it; here it can be seen.
    fn parse(&mut self, pressed: &[u8], more: bool) {
        let bytes = [std::mem::take(&mut self.half), pressed.to_vec()].concat();
        let bytes = self.without_answers(bytes);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.parser.parse(chunk.valid().as_bytes(), more);
            let invalid = chunk.invalid();
            let is_half = |error: Utf8Error| error.error_len().is_none();
            if chunks.peek().is_none() && std::str::from_utf8(invalid).is_err_and(is_half) {
                self.half = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.parser.parse("\u{fffd}".as_bytes(), more);
            }
        }
        self.take_parsed();
    }

    /// Alt with `]` or `P` looks like the beginning of a terminal's answer (OSC, DCS): the parser
    /// would take all further keys for the rest of it. Nobody asks the terminal anything here.
    fn without_answers(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|part| part == mark);
        let (begins, ends) = (last(PASTE_BEGINS), last(PASTE_ENDS));
        let was_pasting = self.pasting;
        self.pasting = match (begins, ends) {
            (None, None) => was_pasting,
            (begins, ends) => begins > ends,
        };
        if !was_pasting && begins.is_none() {
            while let Some(at) =
                bytes.windows(2).position(|pair| pair == [ESCAPE, b']'] || pair == [ESCAPE, b'P'])
            {
                bytes.drain(at..at + 2);
            }
        }
        bytes
    }

    fn take_parsed(&mut self) {
        while let Some(key) = self.parser.pop() {
            // Plain characters that come in a bunch are one piece: a row of 100,000 characters
            // would else be copied once for each.
            match (plain_character(&key), self.waiting.back_mut()) {
                (Some(character), Some(Input::Paste(text))) => text.push(character),
                (Some(character), _) => self.waiting.push_back(Input::Paste(character.into())),
                (None, _) => self.waiting.push_back(key),
            }
        }
    }
}

/// The character that a key stands for, where nothing else is held but Shift.
fn plain_character(key: &Input) -> Option<char> {
    match key {
        Input::Key(KeyEvent {
            code: KeyCode::Char(character),
            modifiers: Modifiers::NONE | Modifiers::SHIFT,
            kind: KeyEventKind::Press,
            ..
        }) => Some(*character),
        _ => None,
    }
}

const ESCAPE: u8 = 0x1b;
const CTRL_C: u8 = 0x03;

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
