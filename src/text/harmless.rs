//! Text that a terminal can be given: made harmless. Pure rules. (How it is broken into rows:
//! [`rows`](crate::text::rows).)
//!
//! A terminal *obeys* some of the bytes that it is sent: they move the cursor, set the title,
//! fill the clipboard, or make the terminal answer as if the person had typed. So nothing that a
//! friend sends reaches a terminal unless it is text, and whatever else it is becomes visible
//! instead (CWE-150).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::invisible::{is_suspect, joins};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const TEXT_LOOK: char = '\u{fe0e}';
const EMOJI_LOOK: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';
const LAST_TAG: char = '\u{e007f}';

/// What lies between a tag and the character of ASCII that it stands for.
const TAGS: u32 = 0xe0000;

/// How many letters and digits the code of a region has at most (ISO 3166-2, as Unicode writes it).
const REGION_MAX: usize = 6;

/// How many marks a letter may carry: as many as Unicode's "stream-safe text" (UAX #15) has at most. No
/// language needs more than a few.
const MARKS_MAX: usize = 30;

/// The text with everything in a visible form that a terminal would obey, or that a person
/// could not see; of marks without end it says how many there are. Tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    // Most text is plain, and that is found out much faster.
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if plain || !(text.chars().any(is_suspect) || has_towers(text)) {
        return Cow::Borrowed(text);
    }
    let mut shown = Shown { text: String::with_capacity(text.len() + 16), ..Shown::default() };
    for cluster in text.graphemes(true) {
        // What it does its work for may itself be shown in another form, and then has no use for it.
        let mut base_is_shown = false;
        let mut at = 0;
        while let Some(character) = cluster[at..].chars().next() {
            if let Some(length) = flag_of_tags(&cluster[at..]) {
                base_is_shown = shown.put_whole(&cluster[at..at + length]);
                at += length;
                continue;
            }
            let (before, after) = (&cluster[..at], &cluster[at + character.len_utf8()..]);
            let stays =
                !is_suspect(character) || (base_is_shown && has_a_place(before, character, after));
            // A mark is on top of something that is shown, or it begins this.
            let on_top_of_a_form = goes_on_top(character) && !base_is_shown && at > 0;
            base_is_shown = match character {
                _ if stays => shown.put(character) && !on_top_of_a_form,
                // The notation of every Unix terminal: ^[ is the escape character.
                '\0'..='\x1f' => {
                    shown.put_form(format_args!("^{}", char::from(b'@' + character as u8)))
                }
                '\x7f' => shown.put_form(format_args!("^?")),
                _ => shown.put_form(format_args!("<U+{:04X}>", u32::from(character))),
            };
            at += character.len_utf8();
        }
    }
    Cow::Owned(shown.finish())
}

/// Text that has been made harmless, and how many marks have come at its end.
#[derive(Default)]
struct Shown {
    text: String,
    marks: usize,
}

impl Shown {
    /// Puts a character that may stay as it is. `false`: it is a mark too many, and is only counted.
    fn put(&mut self, character: char) -> bool {
        if goes_on_top(character) {
            self.marks += 1;
        } else {
            self.tell_marks();
        }
        let fits = self.marks <= MARKS_MAX;
        if fits {
            self.text.push(character);
        }
        fits
    }

    /// Puts what stays whole.
    fn put_whole(&mut self, picture: &str) -> bool {
        self.tell_marks();
        self.text.push_str(picture);
        true
    }

    /// Puts another form of a character, which is then not shown itself.
    fn put_form(&mut self, form: fmt::Arguments) -> bool {
        self.tell_marks();
        let _ = self.text.write_fmt(form);
        false
    }

    /// No more marks come: tells of those that were too many.
    fn tell_marks(&mut self) {
        match std::mem::take(&mut self.marks).saturating_sub(MARKS_MAX) {
            0 => {}
            1 => self.text.push_str("<1 more mark>"),
            more => {
                let _ = write!(self.text, "<{more} more marks>");
            }
        }
    }

    fn finish(mut self) -> String {
        self.tell_marks();
        self.text
    }
}

/// Whether there are more marks somewhere than a letter may carry.
fn has_towers(text: &str) -> bool {
    // One character of each 31 tells whether they can all be marks, and mostly they cannot.
    let mut samples = text.chars().skip(MARKS_MAX).step_by(MARKS_MAX + 1);
    let mut marks = 0;
    samples.any(goes_on_top)
        && text.chars().any(|character| {
            marks = if goes_on_top(character) { marks + 1 } else { 0 };
            marks > MARKS_MAX
        })
}

/// Whether a character is drawn on top of the one before it.
pub fn is_mark(character: char) -> bool {
    character.width() == Some(0)
}

/// Whether a character is drawn into the place of the one before it, if only by some terminals: marks
/// of any kind, vowels within a Korean syllable, a colour of skin.
fn goes_on_top(character: char) -> bool {
    let tone = matches!(character, '\u{1f3fb}'..='\u{1f3ff}');
    character >= '\u{300}' && (is_mark(character) || is_combining_mark(character) || tone)
}

/// How long the flag is that a text begins with, in bytes, where it is spelled with tags: a black flag,
/// the code of a region (England is `gbeng`) in characters that are not drawn, and the last tag.
fn flag_of_tags(text: &str) -> Option<usize> {
    let tags = text.strip_prefix(BLACK_FLAG)?;
    let code: String = tags
        .chars()
        .map_while(|tag| char::from_u32(u32::from(tag).checked_sub(TAGS)?))
        .take_while(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        .take(REGION_MAX + 1)
        .collect();
    let known = code.len() > 2 && code.len() <= REGION_MAX;
    let is_country = code.bytes().take(2).all(|it| it.is_ascii_lowercase());
    let last = tags.chars().nth(code.len()) == Some(LAST_TAG);
    (known && is_country && last).then_some((1 + code.len() + 1) * LAST_TAG.len_utf8())
}

/// Whether an invisible character does its proper work where it stands: joining pictures into
/// one emoji, choosing a symbol's look, or shaping letters in a script that needs it.
fn has_a_place(before: &str, character: char, after: &str) -> bool {
    let Some(base) = before.chars().next_back() else { return false };
    let joins_letters = matches!(base,
        // Arabic and its relatives, the scripts of India, Khmer, Mongolian.
        '\u{0600}'..='\u{08ff}' | '\u{0900}'..='\u{0dff}' | '\u{1780}'..='\u{17ff}'
        | '\u{1820}'..='\u{18af}')
        && !is_suspect(base);
    match character {
        ZERO_WIDTH_NON_JOINER => joins_letters,
        // Only an emoji goes on after a joiner within what is one character to a person.
        ZERO_WIDTH_JOINER => {
            joins_letters
                || after.chars().next().is_some_and(|next| {
                    next.width().is_some_and(|width| width > 0) && !goes_on_top(next)
                })
        }
        TEXT_LOOK | EMOJI_LOOK => {
            let keycap = after.starts_with(KEYCAP) && "0123456789#*".contains(base);
            keycap || (!base.is_ascii() && is_picture(base))
        }
        _ => joins(base, character),
    }
}

/// Whether a character can be shown as a coloured picture.
fn is_picture(character: char) -> bool {
    let coloured = [character, EMOJI_LOOK].iter().collect::<String>();
    let becomes_wide = character.width() == Some(1) && coloured.width() == 2;
    // Others are as wide as a picture always; but so are the characters of East Asia, between them.
    let is_wide = character.width() == Some(2)
        && matches!(character,
            '\u{231a}' | '\u{231b}' | '\u{232b}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}'
            | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}');
    becomes_wide || is_wide
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn assert_shown(text: &str, shown: &str) {
        assert_eq!(harmless(text), shown, "for {text:?}");
    }

    #[test]
    fn escape_sequences_cannot_move_colour_title_or_clipboard() {
        assert_shown("\x1b[2J\x1b[31mred", "^[[2J^[[31mred");
        assert_shown("\x1b]2;title\x07", "^[]2;title^G");
        assert_shown("\x1b]52;c;cm0=\x1b\\", "^[]52;c;cm0=^[\\");
        assert_shown("a\u{9b}31mb", "a<U+009B>31mb");
        assert_shown("safe\rover", "safe^Mover");
        assert_shown("\0\x08\x7f\x0c", "^@^H^?^L");
    }

    #[test]
    fn text_cannot_be_shown_backwards_or_hide_anything() {
        assert_shown("a\u{202e}b", "a<U+202E>b");
        assert_shown("a\u{2066}b\u{2069}", "a<U+2066>b<U+2069>");
        assert_shown("a\u{200b}b\u{feff}", "a<U+200B>b<U+FEFF>");
        assert_shown("a\u{200d}b", "a<U+200D>b");
        assert_shown("a\u{fe0f}", "a<U+FE0F>");
        assert_shown("x\u{e0041}", "x<U+E0041>");
        assert_shown("a\u{2028}b", "a<U+2028>b");
    }

    #[test]
    fn text_in_any_script_and_emoji_are_shown_as_they_are() {
        for text in [
            "plain\twith a tab",
            "Grüße, Ελληνικά, русский, עברית, العربية, हिन्दी, ไทย, 中文, 日本語, 한국어",
            "می\u{200c}خواهم",
            "ශ්\u{200d}රී ලංකා",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} ❤\u{fe0f}\u{200d}🔥 🏳\u{fe0f}\u{200d}🌈 1\u{fe0f}\u{20e3} 👍🏽 🇩🇪",
            "e\u{301}",
        ] {
            assert_shown(text, text);
        }
    }

    #[test]
    fn a_joiner_behind_what_is_shown_in_another_form_is_shown_as_well() {
        // U+FE07 selects no look of a flag. Behind the `>` that stands for it there is no emoji.
        assert_eq!(harmless("🏳\u{fe07}\u{200d}🌈"), "🏳<U+FE07><U+200D>🌈");
        assert_eq!(harmless("🏳\u{fe0f}\u{200d}🌈"), "🏳\u{fe0f}\u{200d}🌈");
        assert_eq!(harmless("ب\u{200d}\u{200c}"), "ب\u{200d}<U+200C>");
    }

    #[test]
    fn all_emoji_are_pictures_and_no_letter_is() {
        let is_in = |set| {
            let set = crate::text::invisible::tests::unicode(set);
            move |character| set.iter().any(|range| range.contains(&character))
        };
        // Two letters of a region are a flag, which has but one look.
        let emoji = is_in(r"[\p{Emoji}--\p{Regional_Indicator}]");
        let symbols = is_in(r"[\p{Emoji}\p{So}\p{Sk}\p{Unassigned}]");
        for character in '\u{80}'..=char::MAX {
            let (is, code) = (is_picture(character), u32::from(character));
            assert!(is || !emoji(character), "U+{code:04X} is an emoji");
            assert!(!is || symbols(character), "U+{code:04X} is no picture");
        }
    }

    #[test]
    fn of_marks_without_end_thirty_are_shown_and_the_rest_is_counted() {
        let tower = |count| "\u{301}".repeat(count);
        assert_shown(&format!("e{}", tower(30)), &format!("e{}", tower(30)));
        assert_shown(&format!("e{}", tower(31)), &format!("e{}<1 more mark>", tower(30)));
        assert_shown(
            &format!("e{}\u{7}e{}\t", tower(32), tower(33)),
            &format!("e{}<2 more marks>^Ge{}<3 more marks>\t", tower(30), tower(30)),
        );
        // Whatever is drawn into the place of the character before it, in some terminal.
        for mark in ["\u{5b0}", "\u{e31}", "\u{20dd}", "\u{93e}", "\u{1161}", "\u{1f3fd}"] {
            let shown = format!("x{}<70 more marks>", mark.repeat(30));
            assert_shown(&format!("x{}", mark.repeat(100)), &shown);
        }
    }

    #[test]
    fn a_look_belongs_to_a_picture() {
        for text in ["ℹ\u{fe0f}", "Ⓜ\u{fe0f}", "🅰\u{fe0f}", "☎\u{fe0e}", "😀\u{fe0f}", "〰\u{fe0f}"]
        {
            assert_shown(text, text);
        }
        assert_shown("—\u{fe0f}", "—<U+FE0F>");
        assert_shown("、\u{fe0f}", "、<U+FE0F>");
        assert_shown("四\u{fe0e}", "四<U+FE0E>");
    }

    #[test]
    fn what_joins_letters_of_one_script_has_a_place_between_them_alone() {
        assert_shown("ⵜ\u{2d7f}ⵜ", "ⵜ\u{2d7f}ⵜ");
        assert_shown("ⵜ\u{2d7f}\u{2d7f}", "ⵜ\u{2d7f}<U+2D7F>");
        assert_shown("a\u{2d7f}b", "a<U+2D7F>b");
        assert_shown("a\u{1107f}", "a<U+1107F>");
    }

    proptest! {
        #[test]
        fn what_is_harmless_stays_as_it_is(
            text in "(\\PC|[\\x00-\u{a0}\u{2000}-\u{206f}]|[👩🏽❤🏴\u{e0067}\u{e0062}\u{e007f}\u{200d}\u{fe0f}]|\u{301}{0,40}){0,80}",
        ) {
            let shown = harmless(&text);
            prop_assert_eq!(harmless(&shown), shown.as_ref());
            let mut marks = 0;
            for character in shown.chars() {
                marks = if goes_on_top(character) { marks + 1 } else { 0 };
                prop_assert!(marks <= MARKS_MAX + REGION_MAX + 1);
            }
        }
    }
}
