//! Which characters a terminal obeys, or draws nothing for: from Unicode's data. Pure rules.
//!
//! The tests below check the lists against that data: a newer Unicode that has more of these characters
//! makes them fail, and they say what the list has to be.

use std::ops::RangeInclusive;

/// Whether a character is obeyed rather than shown, or leaves no mark on the screen.
pub fn is_suspect(character: char) -> bool {
    is_control(character)
        || is_blank(character)
        || letters_joined_by(character).is_some()
        || is_no_character(character)
}

/// By what Unicode says of it: a control (`Cc`, but for the tab), a separator of lines or paragraphs
/// (`Zl`, `Zp`: another line would have no label), a sign of the format (`Cf`: overrides of direction,
/// joiners, tags; but for the few that are drawn, around the digits after them), or anything else that is
/// not drawn (`Default_Ignorable_Code_Point`).
fn is_control(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}'
            | '\u{a}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A picture of nothing. No property has them: the Braille pattern without a dot, Egyptian signs that
/// mirror others or keep a place free, and a note without a head.
fn is_blank(character: char) -> bool {
    matches!(character, '\u{2800}' | '\u{13440}'..='\u{13442}' | '\u{1d159}')
}

/// Of a sign that joins letters of one script, or numbers, and is not drawn itself: those letters.
/// (Others like them, as those of Khmer and Burmese, are drawn where they join nothing.)
fn letters_joined_by(character: char) -> Option<RangeInclusive<char>> {
    Some(match character {
        '\u{2d7f}' => '\u{2d30}'..='\u{2d67}',    // Tifinagh
        '\u{1107f}' => '\u{11005}'..='\u{1106f}', // Brahmi
        '\u{113d0}' => '\u{11380}'..='\u{113b5}', // Tulu-Tigalari
        '\u{1193e}' => '\u{11900}'..='\u{1192f}', // Dives Akuru
        '\u{11d45}' => '\u{11d00}'..='\u{11d30}', // Masaram Gondi
        '\u{11d97}' => '\u{11d60}'..='\u{11d89}', // Gunjala Gondi
        '\u{11f42}' => '\u{11f04}'..='\u{11f33}', // Kawi
        '\u{16fe4}' => '\u{18b00}'..='\u{18cff}', // Khitan
        _ => return None,
    })
}

/// Whether a character is not drawn because it joins the letter before it to the next.
pub fn joins(letter: char, character: char) -> bool {
    letters_joined_by(character).is_some_and(|letters| letters.contains(&letter))
}

/// The last two places of each plane, and 32 more, will never be characters. Some terminals draw
/// nothing for them.
fn is_no_character(character: char) -> bool {
    u32::from(character) & 0xfffe == 0xfffe || matches!(character, '\u{fdd0}'..='\u{fdef}')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use regex_syntax::hir::{Class, HirKind};

    /// The characters of a set, which is written as for a regular expression.
    pub(crate) fn unicode(set: &str) -> Vec<RangeInclusive<char>> {
        let parsed = regex_syntax::parse(set).unwrap();
        let HirKind::Class(Class::Unicode(class)) = parsed.kind() else {
            panic!("{set} is no set of characters")
        };
        class.iter().map(|range| range.start()..=range.end()).collect()
    }

    /// Fails unless these are the characters of the set.
    #[track_caller]
    fn assert_is(rule: fn(char) -> bool, set: &str) {
        let listed = unicode(set);
        for character in char::MIN..=char::MAX {
            let is_listed = listed.iter().any(|range| range.contains(&character));
            let code = u32::from(character);
            assert_eq!(rule(character), is_listed, "U+{code:04X}; the list has to be {listed:x?}");
        }
    }

    #[test]
    fn the_controls_are_unicodes() {
        assert_is(
            is_control,
            r"[[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Default_Ignorable_Code_Point}]--[\t\p{Prepended_Concatenation_Mark}]]",
        );
    }

    #[test]
    fn what_is_no_character_is_unicodes() {
        assert_is(is_no_character, r"\p{Noncharacter_Code_Point}");
    }

    #[test]
    fn what_joins_letters_joins_those_of_its_script() {
        for (joiner, script) in [
            ('\u{2d7f}', "Tifinagh"),
            ('\u{1107f}', "Brahmi"),
            ('\u{113d0}', "Tulu_Tigalari"),
            ('\u{1193e}', "Dives_Akuru"),
            ('\u{11d45}', "Masaram_Gondi"),
            ('\u{11d97}', "Gunjala_Gondi"),
            ('\u{11f42}', "Kawi"),
            ('\u{16fe4}', "Khitan_Small_Script"),
        ] {
            let of_script = unicode(&format!(r"[\p{{Script={script}}}\p{{Unassigned}}]"));
            for character in letters_joined_by(joiner).unwrap().chain([joiner]) {
                let fits = of_script.iter().any(|range| range.contains(&character));
                assert!(fits, "{script}: U+{:04X}", u32::from(character));
            }
        }
    }
}
