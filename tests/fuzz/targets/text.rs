//! What makes text harmless: whatever a friend sends, a terminal prints characters, in the rows that
//! are meant for them, and does nothing else.

use threadchat::text::harmless::{harmless, is_mark};
use threadchat::text::rows::{Label, columns_of, labelled};

use super::Choices;
use super::terminal::Terminal;

pub fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let columns = 1 + choices.below(120);
    let colour = [None, Some(31)][choices.below(2)];
    let who = choices.below(20);
    let who = String::from_utf8_lossy(choices.bytes(who)).into_owned();
    // A name is made of letters; what else could stand there is made harmless before.
    let who: String = harmless(&who).replace('\t', " ");
    let text = String::from_utf8_lossy(choices.0);
    // A line has no newline, and how wide is a blank that was not written?
    let text = text.replace('\n', " ");

    let shown = harmless(&text);
    assert_is_harmless(&shown);
    assert_eq!(harmless(&shown), shown, "what is harmless stays as it is");

    let label = Label { before: "12:00:00 ", who: &who, colour, says: " says: " };
    let rows = labelled(&label, &text, columns);
    assert_rows(&rows, columns.max(5), colour.is_some());
    assert_complete(&rows, &["12:00:00 ", &who, " says: ", &shown].concat());
    assert_width(&shown);
}

/// Nothing that a terminal obeys, and nothing that nobody can see; nor marks without end.
fn assert_is_harmless(text: &str) {
    let text = without_flags(text);
    let (mut before, mut marks) = (None, 0);
    for character in text.chars() {
        let invisible = matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{13442}' | '\u{1d159}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}');
        assert!(character == '\t' || !character.is_control(), "{character:?} is obeyed");
        assert!(!invisible, "{character:?} cannot be seen");
        // These belong to what stands before them.
        if matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}') {
            let fits = |it: char| !it.is_ascii() || it.is_ascii_digit() || "#*".contains(it);
            assert!(before.is_some_and(fits), "{character:?} stands alone in {text:?}");
        }
        marks = if is_mark(character) { marks + 1 } else { 0 };
        assert!(marks <= 30, "too many marks in {text:?}");
        before = Some(character);
    }
}

/// Without what is spelled with tags, which nobody can see one by one: a black flag, letters and digits
/// of a region's code, and the last tag.
fn without_flags(text: &str) -> String {
    let mut rest = text;
    let mut without = String::new();
    while let Some(at) = rest.find('\u{1f3f4}') {
        let tags = &rest[at + 4..];
        let is_tag = |it: char| matches!(it, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
        let code = tags.find(|it| !is_tag(it)).unwrap_or(tags.len());
        let is_flag = (3 * 4..=6 * 4).contains(&code) && tags[code..].starts_with('\u{e007f}');
        without.push_str(&rest[..at + 4]);
        rest = if is_flag { &tags[code + 4..] } else { tags };
    }
    without + rest
}

/// The terminal shows as many rows as there are lines, breaks none itself, and is afterwards as it
/// was, but for the cursor, which is at the beginning of the next.
fn assert_rows(rows: &str, columns: usize, coloured: bool) {
    let count = rows.matches('\n').count();
    let mut terminal = Terminal::new(count as u16 + 3, columns);
    let fresh = terminal.screen().clone();
    terminal.show(rows.as_bytes());
    assert_eq!(terminal.scrolled(), 0);
    let (shown, row, column) = terminal.rows();
    assert_eq!((row, column), (count, 0), "{rows:?} in {columns} columns");
    for (shown, row) in shown.iter().zip(rows.lines()).skip(1) {
        assert!(row.starts_with("  "), "{row:?} begins with what the friend wrote");
        assert!(shown.is_empty() || shown.starts_with("  "), "{shown:?}");
    }
    assert!(shown[count..].iter().all(String::is_empty), "{shown:?}");
    let screen = terminal.screen();
    assert_eq!(screen.attributes_formatted(), fresh.attributes_formatted(), "attributes");
    assert_eq!(screen.input_mode_formatted(), fresh.input_mode_formatted(), "modes");
    assert!(!screen.hide_cursor() && !screen.alternate_screen());
    let (height, width) = screen.size();
    for (row, column) in (0..height.get()).flat_map(|row| (0..width.get()).map(move |at| (row, at)))
    {
        let cell = screen.cell(row, column).expect("it is on the screen");
        let plain = cell.fgcolor() == vt100::Color::Default || coloured;
        let other = cell.bold() || cell.inverse() || cell.underline() || cell.italic();
        let back = cell.bgcolor() == vt100::Color::Default;
        assert!(plain && back && !other, "a cell of {rows:?} has attributes");
    }
}

/// What is shown, without the breaks and the margins, is what was to be shown.
fn assert_complete(rows: &str, whole: &str) {
    let joined: String = rows
        .trim_end_matches('\n')
        .split('\n')
        .enumerate()
        .map(|(at, row)| if at == 0 { row } else { &row[2..] })
        .collect();
    let joined = joined.replace("\x1b[31m", "").replace("\x1b[39m", "");
    // A tab has become spaces.
    let without = |text: &str| text.chars().filter(|it| !"\t ".contains(*it)).collect::<String>();
    assert_eq!(without(&joined), without(whole));
    if !whole.contains('\t') {
        assert_eq!(joined, whole);
    }
}

/// No terminal needs more columns than are counted; and of plain characters it needs just these.
fn assert_width(shown: &str) {
    let shown: String = shown.chars().take(400).collect();
    let shown = shown.replace('\t', " ");
    // The last character may have been cut in two here.
    let shown = harmless(&shown);
    let columns = columns_of(&shown);
    let mut terminal = Terminal::new(2, 4_000);
    terminal.show(shown.as_bytes());
    let (_, column) = terminal.screen().cursor_position();
    let column = usize::from(column);
    assert!(column <= columns, "{shown:?} takes {column} columns, and not {columns}");
    let plain = |it: char| matches!(it, ' '..='~' | '一'..='龥' | 'ぁ'..='ん');
    if shown.chars().all(plain) {
        assert_eq!(column, columns, "{shown:?}");
    }
}
