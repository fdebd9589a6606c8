//! What stands before a line on the screen: who says it, and in which colour. Pure rules.

use crate::text::audience;
use crate::text::name::Name;
use crate::text::rows::Label;

/// The label and the text of a line of our own: in the log a thread's name has a colour.
pub fn coloured_name(line: &str) -> (Label<'_>, &str) {
    let plain = (Label::default(), line);
    let Some((before, rest)) = line.split_once("\x1b[") else { return plain };
    let Some((colour, rest)) = rest.split_once('m') else { return plain };
    let Some((who, text)) = rest.split_once("\x1b[39m") else { return plain };
    match colour.parse() {
        Ok(colour) => (Label { before, who, colour: Some(colour), says: "" }, text),
        Err(_) => plain,
    }
}

/// What stands between a speaker and the text.
pub const SAYS: &str = " says: ";

/// What stands before each line that the host of a room sends: none of them can look like a notice
/// of our own, or like what we have said.
pub const ROOM_MARGIN: &str = "| ";

/// The label and the text of a line that the host of a room has labelled already.
pub fn by_the_host<'a>(margin: &Label<'a>, coloured: bool, line: &'a str) -> (Label<'a>, &'a str) {
    let line = line.strip_prefix(audience::WELCOME).unwrap_or(line);
    if let Some((name, text)) = line.split_once(SAYS)
        && Name::parse(name).is_ok()
    {
        let colour = coloured.then(|| colour_of(name));
        return (Label { who: name, colour, says: SAYS, ..*margin }, text);
    }
    (*margin, line)
}

/// The colour of a name: always the same, and one that can be read on black and on white.
pub fn colour_of(name: &str) -> u8 {
    // FNV-1a: nothing here depends on how good it is.
    let hash = name
        .to_lowercase()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // Red, green, yellow, blue, magenta, cyan.
    31 + (hash % 6) as u8
}
