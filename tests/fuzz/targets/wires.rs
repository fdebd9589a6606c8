//! The decoders of both wires, for every audience, behind the reader that feeds them: any bytes,
//! cut anywhere. What comes out is compared with the same bytes in one piece, and with a second
//! decoder, which is given everything at once and so is simple.

use std::io::{self, Read};

use threadchat::roles::Source;
use threadchat::text::audience::Audience;
use threadchat::threads::buffer::Pool;
use threadchat::threads::event::{Event, News, ReadError};
use threadchat::threads::inbox;
use threadchat::threads::reader::Reader;
use threadchat::wire::codec::Codec;
use threadchat::wire::framer::Framer;
use threadchat::wire::frames::Frames;
use threadchat::wire::lines::Lines;
use threadchat::wire::messages::{FRAME_MAX, HEADER, Wire, messages};
use threadchat::wire::sniffer::{Opening, Sniffer, Verdict};
use threadchat::wire::step::Oddity;
use threadchat::wire::typed::{Messages, Typed};

use super::Choices;

const AUDIENCES: [Audience; 5] =
    [Audience::Pipe, Audience::Person, Audience::Caller, Audience::Member, Audience::Host];

/// What a reader can be about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Raw,
    Lines(Audience),
    Frames(Audience),
    Framer { typed: bool },
    Typed(Option<Wire>),
}

/// What the coordinator is told, without how it lies in blocks.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Message(Vec<u8>),
    /// A message without its end.
    Part(Vec<u8>),
    Oddity(Oddity),
    Command(String),
    Request(String),
    Goodbye,
    End,
    Broke(Why),
}

/// Why nothing more can be read: the error, but that its sentence is not compared with one that the
/// second decoder would have to know.
#[derive(Clone, Debug)]
struct Why(String);

impl Why {
    fn somehow() -> Why {
        Why(String::new())
    }
}

impl PartialEq for Why {
    fn eq(&self, other: &Why) -> bool {
        self.0 == other.0 || self.0.is_empty() || other.0.is_empty()
    }
}

pub fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let audience = AUDIENCES[choices.below(AUDIENCES.len())];
    let kind = match choices.below(7) {
        0 => Kind::Raw,
        1 => Kind::Lines(audience),
        2 => Kind::Frames(audience),
        3 => Kind::Framer { typed: false },
        4 => Kind::Framer { typed: true },
        5 => Kind::Typed(None),
        _ => Kind::Typed(Some(Wire::Frames)),
    };
    // Small, so that small inputs come to every limit; 1 is `--recv-buffer 1`.
    let at_a_time = [1, 2, 3, 7, 64, 65_536][choices.below(6)];
    let longest = [8, 9, 40, 300, FRAME_MAX][choices.below(5)];
    let (whole, pieces) = choices.pieces();

    let at_once = told(kind, longest, usize::MAX, &[whole]);
    let in_pieces = told(kind, longest, at_a_time, &pieces);
    assert_eq!(in_pieces, at_once, "{kind:?}: it matters how the bytes are cut");
    if let Some(expected) = expected(kind, longest, whole) {
        assert_eq!(at_once, expected, "{kind:?}");
    }
    if kind == (Kind::Framer { typed: false }) {
        there_and_back(longest, &at_once);
    }
    // What it says depends on the cuts; it only must not fall over.
    for wire in [Wire::Lines, Wire::Frames] {
        let mut sniffer = Sniffer::new(wire);
        let oddities = pieces.iter().filter_map(|piece| sniffer.look(piece)).count();
        assert!(oddities <= 1, "the same thing is noticed twice");
        // Whether somebody is a browser does not depend on them.
        let verdict = |pieces: &[&[u8]]| {
            let mut opening = Opening::new(wire);
            let known = pieces.iter().map(|piece| opening.look(piece));
            known.into_iter().find(|it| *it != Verdict::Unknown).unwrap_or_else(|| opening.end())
        };
        assert_eq!(verdict(&pieces), verdict(&[whole]), "{wire}: it matters how the bytes are cut");
    }
}

/// Gives the pieces to a reader, one `read` after the other, and notes what it says.
fn told(kind: Kind, longest: usize, at_a_time: usize, pieces: &[&[u8]]) -> Vec<Told> {
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let at_a_time = at_a_time.min(total.max(1));
    // With as many buffers as could be wanted: nobody brings any home meanwhile.
    let (count, size) = match kind {
        Kind::Raw | Kind::Typed(None) => (total + 8, at_a_time),
        _ => (3 * total + 8, HEADER + longest.min(2 * total + 8)),
    };
    let pool = Pool::new(count, size);
    let (to_inbox, inbox) = inbox::open();
    let framer = |typed| Framer::new(typed, longest);
    let messages = |_| Messages::Framer(framer(true));
    let reader = Reader {
        source: Source::Stdin,
        codec: match kind {
            Kind::Raw => None,
            Kind::Lines(audience) => Some(Codec::Lines(Lines::new(audience, longest))),
            Kind::Frames(audience) => Some(Codec::Frames(Frames::new(audience, longest))),
            Kind::Framer { typed } => Some(Codec::Framer(framer(typed))),
            Kind::Typed(wire) => Some(Codec::Typed(Typed::new(wire.map(messages)))),
        },
        sniffer: None,
        at_a_time,
        inbox: to_inbox,
    };
    reader.run(Pieces(pieces.to_vec()), &pool);

    let mut told: Vec<Told> = Vec::new();
    // The bytes of blocks that follow each other, where messages may go on in the next.
    let mut bytes = Vec::new();
    for said in inbox.events() {
        let Event::Read(_, news) = said.event else { panic!("a reader says {said:?}") };
        if let News::Block(block) = &news {
            assert!(!block.is_empty(), "an empty block");
            bytes.extend_from_slice(block.bytes());
            continue;
        }
        put_messages(kind, &mut bytes, &mut told);
        if matches!(news, News::Ended(Err(_))) && told.last() == Some(&Told::Goodbye) {
            // That more follows piped input's `end` says that this was the end as well. Where both
            // are known at once the one word stands for the other.
            told.pop();
        }
        told.push(match news {
            News::Block(_) => continue,
            News::Oddity(oddity) => Told::Oddity(oddity),
            News::Command(line) => Told::Command(line),
            News::Request(request, _) => Told::Request(request.to_string()),
            News::Goodbye => Told::Goodbye,
            News::Ended(Ok(())) => Told::End,
            News::Ended(Err(ReadError::Rule(why))) => Told::Broke(Why(why.to_string())),
            News::Ended(Err(ReadError::Io(why))) => panic!("nothing was wrong: {why}"),
        });
    }
    assert!(
        matches!(told.last(), Some(Told::End | Told::Broke(_))),
        "the last word is missing: {told:?}"
    );
    told
}

/// What became frames is the same again when it has been read as frames.
fn there_and_back(longest: usize, told: &[Told]) {
    let mut stream = Vec::new();
    let mut said = Vec::new();
    for word in told {
        if let Told::Message(text) = word {
            stream.extend_from_slice(&(text.len() as u16).to_le_bytes());
            stream.extend_from_slice(text);
            said.push(word.clone());
        }
    }
    said.push(Told::End);
    assert_eq!(self::told(Kind::Frames(Audience::Pipe), longest, 7, &[&stream]), said);
}

fn put_messages(kind: Kind, bytes: &mut Vec<u8>, told: &mut Vec<Told>) {
    let wire = match kind {
        Kind::Raw | Kind::Lines(_) | Kind::Typed(None) => Wire::Lines,
        _ => Wire::Frames,
    };
    told.extend(messages(wire, bytes).map(|message| match message.whole {
        true => Told::Message(message.text.to_vec()),
        false => Told::Part(message.text.to_vec()),
    }));
    bytes.clear();
}

/// Gives one piece for each `read`, or as much of it as is asked for.
struct Pieces<'a>(Vec<&'a [u8]>);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        assert!(!into.is_empty(), "nothing is asked for");
        let Some(piece) = self.0.first_mut() else { return Ok(0) };
        let count = piece.read(into)?;
        if piece.is_empty() {
            self.0.remove(0);
        }
        Ok(count)
    }
}

/// What has to be told of these bytes; `None`: that is more than the second decoder knows.
fn expected(kind: Kind, longest: usize, whole: &[u8]) -> Option<Vec<Told>> {
    match kind {
        Kind::Raw => Some(lines_of(whole).chain([Told::End]).collect()),
        Kind::Lines(Audience::Pipe | Audience::Member) => Some(shown_lines(longest, whole)),
        Kind::Frames(Audience::Pipe | Audience::Member) if longest == FRAME_MAX => {
            Some(frames(whole))
        }
        Kind::Framer { typed: false } => Some(framed_lines(longest, whole)),
        _ => None,
    }
}

/// Lines as they stand.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = Told> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| match line.strip_suffix(b"\n") {
        Some(line) => Told::Message(line.to_vec()),
        None => Told::Part(line.to_vec()),
    })
}

/// Lines for a person: joined again they are what came, but for what is at their ends.
fn shown_lines(longest: usize, whole: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    for line in whole.split_inclusive(|&byte| byte == b'\n') {
        let ended = line.ends_with(b"\n");
        let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
        let mut parts = 0;
        // A part is cut off as soon as it is full, also where nothing follows; in front of a
        // character that it would cut in two, or of a `\r`.
        while rest.len() >= longest {
            let mut end = longest;
            let is_half = |end: usize| {
                (1..=3.min(end)).any(|back| {
                    let tail = &rest[end - back..end];
                    std::str::from_utf8(tail)
                        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
                })
            };
            if rest[end - 1] == b'\r' {
                end -= 1;
            } else if is_half(end) {
                end -= (1..=3)
                    .find(|back| rest[end - back] & 0b1100_0000 != 0b1000_0000)
                    .expect("a character has a beginning");
            }
            told.push(Told::Message(rest[..end].to_vec()));
            rest = &rest[end..];
            parts += 1;
        }
        if ended {
            rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        }
        if !(rest.is_empty() && (parts > 0 || !ended)) {
            told.push(Told::Message(rest.to_vec()));
        }
    }
    told.push(Told::End);
    told
}

fn frames(mut rest: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    loop {
        let Some((header, behind)) = rest.split_first_chunk::<2>() else {
            told.push(match rest {
                [] => Told::End,
                _ => Told::Broke(Why::somehow()),
            });
            break;
        };
        let length = usize::from(u16::from_le_bytes(*header));
        if behind.len() < length {
            if !behind.is_empty() {
                told.push(Told::Part(behind.to_vec()));
            }
            told.push(Told::Broke(Why::somehow()));
            break;
        }
        let (payload, later) = behind.split_at(length);
        if payload == b"end" {
            told.push(Told::Goodbye);
            if !later.is_empty() {
                told.push(Told::Oddity(Oddity::AfterEnd));
            }
            told.push(Told::End);
            break;
        }
        told.push(Told::Message(payload.to_vec()));
        rest = later;
    }
    told
}

/// Each line a frame, up to the first that cannot be one.
fn framed_lines(longest: usize, whole: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    let mut lines = whole.split_inclusive(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.len() > longest || std::str::from_utf8(line).is_err() {
            told.push(Told::Broke(Why::somehow()));
            return told;
        }
        if line == b"end" {
            told.extend(match lines.peek() {
                None => vec![Told::Goodbye, Told::End],
                Some(_) => vec![Told::Broke(Why::somehow())],
            });
            return told;
        }
        told.push(Told::Message(line.to_vec()));
    }
    told.push(Told::End);
    told
}
