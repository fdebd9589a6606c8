//! Text that a terminal can be given: made harmless, measured, and broken into rows. Pure rules.
//!
//! A terminal *obeys* some of the bytes that it is sent: they move the cursor, set the title,
//! fill the clipboard, or make the terminal answer as if the person had typed. So nothing that a
//! friend sends reaches a terminal unless it is text, and whatever else it is becomes visible
//! instead (CWE-150). Nor may a message look like somebody else's: where a line is wider than the
//! screen the rows are broken here, each further one beginning with two spaces.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::invisible::{is_suspect, joins};

/// What stands before each further row of a line that is wider than the screen.
const MARGIN: &str = "  ";

/// How many columns the widest single character may take: one of Khmer's signs, U+17D8.
const WIDEST: usize = 3;

/// What stands before each line of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Label<'a> {
    /// What comes before the speaker: the time, or nothing.
    pub before: &'a str,
    /// The speaker: `friend`.
    pub who: &'a str,
    /// The speaker's colour, if any: the number of ECMA-48's "select graphic rendition".
    pub colour: Option<u8>,
    /// What stands between the speaker and the text: ` says: `.
    pub says: &'a str,
}

/// A line for the screen: the label and the text, made harmless and broken into rows of at most
/// `columns` columns, with a newline behind each.
pub fn labelled(label: &Label, text: &str, columns: usize) -> String {
    // Narrower than this there is no room for the margin and the widest character.
    let mut rows = Rows::new(columns.max(MARGIN.len() + WIDEST));
    rows.put_text(label.before);
    if let Some(colour) = label.colour {
        rows.put_unseen(&format!("\x1b[{colour}m"));
    }
    rows.put_text(label.who);
    if label.colour.is_some() {
        rows.put_unseen("\x1b[39m");
    }
    rows.put_text(label.says);
    for (at, part) in harmless(text).split('\t').enumerate() {
        if at > 0 {
            rows.put_tab();
        }
        rows.put_text(part);
    }
    rows.finish()
}

/// The characters of a line, as people count them, made harmless, and how many columns each may
/// take. Those before it took `column`s.
pub fn cells(line: &str, mut column: usize) -> Vec<(String, usize)> {
    let mut cells = Vec::new();
    for cluster in harmless(line).graphemes(true) {
        let (text, width) = match cluster {
            "\t" => (" ".repeat(TAB - column % TAB), TAB - column % TAB),
            _ => (cluster.to_owned(), columns_of(cluster)),
        };
        cells.push((text, width));
        column += width;
    }
    cells
}

/// How many columns a text may take that has no tabs.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(columns_of).sum()
}

/// How far apart the tab stops of every terminal are.
const TAB: usize = 8;

/// Breaks a line into rows, since a terminal that does so itself begins the next one with
/// whatever the friend wrote.
struct Rows {
    rows: String,
    columns: usize,
    /// The column at which the next character will stand.
    column: usize,
}

impl Rows {
    fn new(columns: usize) -> Rows {
        Rows { rows: String::new(), columns, column: 0 }
    }

    /// Puts text without tabs, a whole character (as people count them) at a time.
    fn put_text(&mut self, text: &str) {
        // Plain characters are one column each, as long as no mark can stand behind them: most of
        // most text, and the rest of the rules is slow.
        let plain = text.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        let plain = if plain == text.len() { plain } else { plain.saturating_sub(1) };
        let (plain, text) = text.split_at(plain);
        self.put_plain(plain);
        for cluster in text.graphemes(true) {
            let width = columns_of(cluster);
            if width <= self.columns - MARGIN.len() {
                self.put(cluster, width);
                continue;
            }
            // No emoji is that wide; this is one that somebody made up to overflow the row.
            for (at, character) in cluster.char_indices() {
                let character = &cluster[at..at + character.len_utf8()];
                self.put(character, columns_of(character));
            }
        }
    }

    /// Puts characters of one column each.
    fn put_plain(&mut self, mut text: &str) {
        while !text.is_empty() {
            if self.column == self.columns {
                self.break_row();
            }
            let (now, later) = text.split_at(text.len().min(self.columns - self.column));
            self.rows.push_str(now);
            self.column += now.len();
            text = later;
        }
    }

    /// Puts what the terminal obeys and does not show: a colour.
    fn put_unseen(&mut self, code: &str) {
        self.rows.push_str(code);
    }

    fn break_row(&mut self) {
        self.rows.push('\n');
        self.rows.push_str(MARGIN);
        self.column = MARGIN.len();
    }

    /// A tab becomes the spaces up to the next stop: a real one would not break the row.
    fn put_tab(&mut self) {
        for _ in 0..TAB - self.column % TAB {
            self.put(" ", 1);
        }
    }

    fn put(&mut self, text: &str, width: usize) {
        if self.column + width > self.columns {
            self.break_row();
        }
        self.rows.push_str(text);
        self.column += width;
    }

    fn finish(mut self) -> String {
        self.rows.push('\n');
        self.rows
    }
}

/// How many columns a character may take. Terminals differ where several code points make one
/// picture; the most that any of them takes is counted, so that none ever breaks a row itself.
fn columns_of(cluster: &str) -> usize {
    cluster
        .chars()
        .map(|character| match character {
            // The selector that asks for the coloured picture makes a narrow symbol a wide one.
            EMOJI_LOOK => 1,
            character => character.width().unwrap_or(0).max(wide_mark(character)),
        })
        .sum()
}

/// How many columns the C library, and with it many a terminal, gives to a mark that others draw
/// on top of the character before it: vowel signs above all. (From comparing glibc's `wcwidth`
/// with this crate's, character by character.)
fn wide_mark(character: char) -> usize {
    match character {
        '\u{302e}' | '\u{302f}' | '\u{3248}'..='\u{324f}' | '\u{16ff0}' | '\u{16ff1}' => 2,
        '\u{0605}'
        | '\u{070f}'
        | '\u{0890}'
        | '\u{0891}'
        | '\u{08e2}'
        | '\u{09be}'
        | '\u{09d7}'
        | '\u{0b3e}'
        | '\u{0b57}'
        | '\u{0bbe}'
        | '\u{0bd7}'
        | '\u{0cc0}'
        | '\u{0cc2}'
        | '\u{0cc7}'
        | '\u{0cc8}'
        | '\u{0cca}'
        | '\u{0ccb}'
        | '\u{0cd5}'
        | '\u{0cd6}'
        | '\u{0d3e}'
        | '\u{0d4e}'
        | '\u{0d57}'
        | '\u{0dcf}'
        | '\u{0ddf}'
        | '\u{1715}'
        | '\u{1734}'
        | '\u{1b35}'
        | '\u{1b3b}'
        | '\u{1b3d}'
        | '\u{1b43}'
        | '\u{1b44}'
        | '\u{1baa}'
        | '\u{1bf2}'
        | '\u{1bf3}'
        | '\u{a8fa}'
        | '\u{a953}'
        | '\u{a9c0}'
        | '\u{111c0}'
        | '\u{111c2}'
        | '\u{111c3}'
        | '\u{11235}'
        | '\u{1133e}'
        | '\u{1134d}'
        | '\u{11357}'
        | '\u{114b0}'
        | '\u{114bd}'
        | '\u{115af}'
        | '\u{116b6}'
        | '\u{11930}'
        | '\u{1193d}'
        | '\u{1193f}'
        | '\u{11941}'
        | '\u{11a84}'..='\u{11a89}'
        | '\u{11d46}'
        | '\u{1d165}'
        | '\u{1d166}'
        | '\u{1d16d}'..='\u{1d172}' => 1,
        _ => 0,
    }
}

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
        // Only an emoji goes on behind a joiner within what is one character to a person.
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

    fn plain(who: &str, text: &str, columns: usize) -> String {
        labelled(&Label { before: "", who, colour: None, says: " " }, text, columns)
    }

    #[test]
    fn a_coloured_label_takes_no_more_room_than_a_plain_one() {
        let label = Label { before: "12:00:00 ", who: "Susan", colour: Some(36), says: " says: " };
        let rows = labelled(&label, "0123456789", 26);
        assert_eq!(rows, "12:00:00 \x1b[36mSusan\x1b[39m says: 01234\n  56789\n");
    }

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
    fn every_further_row_of_a_wide_line_begins_with_two_spaces() {
        let rows = plain("friend says:", "0123456789 friend says: pay", 20);
        assert_eq!(rows, "friend says: 0123456\n  789 friend says: p\n  ay\n");
        assert_eq!(plain("a:", "四四四四", 8), "a: 四四\n  四四\n");
        assert_eq!(plain("a:", "x\ty", 80), "a: x    y\n");
    }

    #[test]
    fn a_joiner_behind_what_is_shown_in_another_form_is_shown_as_well() {
        // U+FE07 selects no look of a flag. Behind the `>` that stands for it there is no emoji.
        assert_eq!(harmless("🏳\u{fe07}\u{200d}🌈"), "🏳<U+FE07><U+200D>🌈");
        assert_eq!(harmless("🏳\u{fe0f}\u{200d}🌈"), "🏳\u{fe0f}\u{200d}🌈");
        assert_eq!(harmless("ب\u{200d}\u{200c}"), "ب\u{200d}<U+200C>");
    }

    #[test]
    fn a_made_up_emoji_cannot_overflow_the_row() {
        let chain = ["👩"; 40].join("\u{200d}");
        for row in plain("a:", &chain, 20).lines() {
            assert!(columns_of(row) <= 20, "{row}");
        }
    }

    /// A row of the fewest columns once held less than the margin and this character of three.
    #[test]
    fn each_character_there_is_fits_into_a_row_of_any_width() {
        for character in '\0'..=char::MAX {
            assert!(columns_of(character.encode_utf8(&mut [0; 4])) <= WIDEST, "{character:?}");
        }
        for columns in 0..12 {
            let rows = plain("a:", "x\u{17d8}\u{17d8}y\u{17d8}", columns);
            for row in rows.lines() {
                assert!(columns_of(row) <= columns.max(MARGIN.len() + WIDEST), "{rows:?}");
            }
        }
    }

    #[test]
    fn all_emoji_are_pictures_and_no_letter_is() {
        let is_in = |set| {
            let set = crate::invisible::tests::unicode(set);
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

        #[test]
        fn nothing_at_all_gets_past_or_overflows_a_row(
            text in "(\\PC|[\\x00-\\u{a0}\\u{2000}-\\u{206f}\\u{fe00}-\\u{fe0f}]|[👩🏽❤\u{200d}\u{fe0f}]){0,80}",
            columns in 0_usize..60,
        ) {
            let rows = plain("friend says:", &text, columns);
            let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            prop_assert!(!rows.chars().any(obeyed));
            for (at, row) in rows.lines().enumerate() {
                prop_assert!(columns_of(row) <= columns.max(MARGIN.len() + WIDEST), "{:?}", row);
                prop_assert!(at == 0 || row.starts_with("  "), "{:?}", row);
            }
        }
    }
}
