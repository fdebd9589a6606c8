//! Noticing a friend who speaks the other wire. A pure rule, beside the two of [`wire`](crate::wire):
//! it says so and changes nothing.

use crate::wire::{HEADER, Oddity, Wire};

/// Looks at the first bytes that arrive, to notice a friend who speaks the other wire.
///
/// It only ever says so; what arrives is handled as the wire in use has it.
#[derive(Debug)]
pub struct Sniffer {
    wire: Wire,
    /// The first bytes: enough of them to judge.
    seen: Vec<u8>,
    /// How many bytes have arrived.
    total: usize,
    done: bool,
}

impl Sniffer {
    const ENOUGH: usize = 64;

    /// A sniffer beside a reader that expects `wire`.
    pub fn new(wire: Wire) -> Sniffer {
        Sniffer { wire, seen: Vec::new(), total: 0, done: false }
    }

    /// Looks at what has just arrived.
    pub fn look(&mut self, arrived: &[u8]) -> Option<Oddity> {
        if self.done || arrived.is_empty() {
            return None;
        }
        self.total += arrived.len();
        let kept = arrived.len().min(Self::ENOUGH - self.seen.len());
        self.seen.extend_from_slice(&arrived[..kept]);
        let &[first, second, third, ..] = self.seen.as_slice() else { return None };
        let length = usize::from(u16::from_le_bytes([first, second]));
        match self.wire {
            Wire::Lines => {
                // UTF-16 looks the same up to here; the byte that tells them apart is the next.
                if self.seen.len() < (HEADER + length).min(4) {
                    return None;
                }
                self.done = true;
                // Text has no such second character; and a frame has its text right behind it.
                let payload = &self.seen[HEADER..self.seen.len().min(HEADER + length)];
                let text = payload.iter().all(|&byte| byte >= b' ' && byte != 0x7f);
                (second < b'\t' && length > 0 && third >= b' ' && text)
                    .then_some(Oddity::LooksLike(Wire::Frames))
            }
            Wire::Frames => {
                let printable = |byte: u8| (b' '..0x7f).contains(&byte);
                let suspicious = printable(first) && printable(second);
                self.done = !suspicious || self.total >= HEADER + length;
                if self.done || arrived.last() != Some(&b'\n') {
                    return None;
                }
                self.done = true;
                Some(Oddity::LooksLike(Wire::Lines))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_wire_is_recognised_in_one_piece_and_byte_by_byte() {
        fn verdict(wire: Wire, bytes: &[u8], piece: usize) -> Option<Oddity> {
            let mut sniffer = Sniffer::new(wire);
            bytes.chunks(piece).find_map(|piece| sniffer.look(piece))
        }
        for piece in [1, 2, 3, 100] {
            let frames = Some(Oddity::LooksLike(Wire::Frames));
            assert_eq!(verdict(Wire::Lines, b"\x06\x00random\x07\x00strings", piece), frames);
            assert_eq!(verdict(Wire::Lines, b"\x06\x00\x01\x02", piece), None);
            assert_eq!(verdict(Wire::Lines, b"h\0e\0l\0l\0o\0", piece), None, "UTF-16 is no frame");
            assert_eq!(verdict(Wire::Lines, b"hello\n", piece), None);
            let lines = Some(Oddity::LooksLike(Wire::Lines));
            assert_eq!(verdict(Wire::Frames, b"hello\n", piece), lines);
            assert_eq!(verdict(Wire::Frames, b"\x06\x00random", piece), None);
        }
    }

    #[test]
    fn nothing_at_all_upsets_it() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for wire in [Wire::Lines, Wire::Frames] {
                    let mut sniffer = Sniffer::new(wire);
                    sniffer.look(&[first]);
                    sniffer.look(&[]);
                    sniffer.look(&[second, first, b'\n']);
                    sniffer.look(&[second; 100]);
                }
            }
        }
    }
}
