//! Whether somebody looks at the terminal, where it tells: then its bell need not ring.
//!
//! A terminal is asked to tell when it gets or loses the focus (xterm's mode 1004). Some tell at once
//! how it is, some only when it changes, and some never: until it is known the bell rings.

use std::io::{self, Write};

use termina::Event as Input;

/// The terminal's bell.
const BELL: &[u8] = b"\x07";

/// The terminal is to tell of its focus, or not any more.
const TELL_OF_FOCUS: &[u8] = b"\x1b[?1004h";
const TELL_NO_FOCUS: &[u8] = b"\x1b[?1004l";

/// What it sends then.
const REPORTS: [&[u8]; 2] = [b"\x1b[I", b"\x1b[O"];

/// What is known of whoever sits before the terminal.
#[derive(Debug, Default)]
pub struct Attention {
    /// The bell is wanted, and so the terminal is asked while there is the line editor.
    asks: bool,
    focus: Focus,
}

/// What the terminal has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    /// It has not been asked to tell anything.
    #[default]
    Unasked,
    /// It has been asked, and has told nothing.
    Unknown,
    /// Somebody looks at it.
    Here,
    /// Somebody looks elsewhere.
    Away,
}

impl Attention {
    /// The terminal is to be asked.
    pub fn asking() -> Attention {
        Attention { asks: true, focus: Focus::Unasked }
    }

    /// Asks the terminal, unless it has been asked already. To be called where its keys are ours.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn ask(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.asks && self.focus == Focus::Unasked {
            self.focus = Focus::Unknown;
            to.write_all(TELL_OF_FOCUS)?;
        }
        Ok(())
    }

    /// The terminal is to tell nothing any more: its keys are somebody else's.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn ask_no_more(&mut self, to: &mut dyn Write) -> io::Result<()> {
        match std::mem::take(&mut self.focus) {
            Focus::Unasked => Ok(()),
            _ => to.write_all(TELL_NO_FOCUS),
        }
    }

    /// The terminal has told. (Where it was not asked, somebody else has asked it.)
    pub fn note(&mut self, here: bool) {
        if self.focus != Focus::Unasked {
            self.focus = if here { Focus::Here } else { Focus::Away };
        }
    }

    /// Rings, unless somebody looks.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn ring(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.focus == Focus::Here { Ok(()) } else { to.write_all(BELL) }
    }
}

/// What a key says about the focus, if it is such a report.
pub fn focus_in(key: &Input) -> Option<bool> {
    match key {
        Input::FocusIn => Some(true),
        Input::FocusOut => Some(false),
        _ => None,
    }
}

/// What was typed, without reports of the focus that have come among it.
pub fn without_reports(typed: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(typed.len());
    let mut rest = typed;
    while let [first, next @ ..] = rest {
        match REPORTS.iter().find_map(|report| rest.strip_prefix(*report)) {
            Some(after) => rest = after,
            None => {
                kept.push(*first);
                rest = next;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Vec<u8> {
        let mut to = Vec::new();
        write(&mut to).unwrap();
        to
    }

    #[test]
    fn it_rings_unless_somebody_is_known_to_look() {
        let mut attention = Attention::asking();
        attention.note(true);
        assert_eq!(written(|to| attention.ring(to)), BELL, "nobody has asked");
        assert_eq!(written(|to| attention.ask(to)), TELL_OF_FOCUS);
        assert_eq!(written(|to| attention.ask(to)), b"");
        assert_eq!(written(|to| attention.ring(to)), BELL);
        attention.note(true);
        assert_eq!(written(|to| attention.ring(to)), b"");
        attention.note(false);
        assert_eq!(written(|to| attention.ring(to)), BELL);
        attention.note(true);
        assert_eq!(written(|to| attention.ask_no_more(to)), TELL_NO_FOCUS);
        assert_eq!(written(|to| attention.ask_no_more(to)), b"");
        assert_eq!(written(|to| attention.ring(to)), BELL);
    }

    #[test]
    fn a_terminal_that_is_not_to_be_asked_is_not_asked() {
        let mut attention = Attention::default();
        assert_eq!(written(|to| attention.ask(to)), b"");
        assert_eq!(written(|to| attention.ask_no_more(to)), b"");
        assert_eq!(written(|to| attention.ring(to)), BELL);
    }

    #[test]
    fn reports_are_no_part_of_what_was_typed() {
        assert_eq!(without_reports(b"\x1b[Ihal\x1b[Of \x1b[A\x1b[O"), b"half \x1b[A");
        assert_eq!(without_reports(b"\x1b[\x1b[O"), b"\x1b[");
    }
}
