//! The bytes of one direction, from the first to the last: which messages end in each piece of them,
//! what they say, and how they lie across the calls.

use std::net::SocketAddr;

use crate::lens::boundaries::{Boundaries, Message, Piece};
use crate::watch::steps::Call;
use crate::wire::messages::Wire;

/// How many messages of a piece are shown.
const SHOWN: usize = 3;

/// How long what is shown may be, in bytes.
const TEXT_MAX: usize = 80;

/// Follows the bytes of one direction.
#[derive(Debug)]
pub struct Passage {
    boundaries: Boundaries,
    call: Call,
    /// The name of the stream, where it is one direction of a connection.
    stream: Option<String>,
}

/// What passed in a piece.
#[derive(Debug, Default)]
pub struct Passed {
    /// How many messages ended in it.
    pub messages: u64,
    /// What they say, or the beginning of it.
    pub text: String,
    /// How the messages lie across the calls, in words.
    pub cut: String,
    /// Of which stream it is.
    pub stream: String,
    /// Where in the stream it begins, in bytes.
    pub offset: Option<u64>,
    /// Those that both computers name.
    pub named: Vec<Message>,
}

impl Passage {
    /// Follows what passes by way of this call, on this wire, from the one address to the other;
    /// without any it is no direction of a connection.
    pub fn new(
        call: Call,
        wire: Wire,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
    ) -> Passage {
        let stream = from.or(to).map(|_| name_of_stream(from, to));
        Passage { boundaries: Boundaries::new(wire), call, stream }
    }

    /// The call by which it passes.
    pub fn call(&self) -> Call {
        self.call
    }

    /// Takes the next piece; an empty one is the end.
    pub fn take(&mut self, bytes: &[u8]) -> Passed {
        let piece = match bytes {
            [] => self.boundaries.finish(),
            bytes => self.boundaries.next(bytes),
        };
        let (text, cut) = (text_of(&piece), cuts_of(&piece, self.call));
        let Some(stream) = self.stream.clone() else {
            return Passed { messages: piece.ended, text, cut, ..Passed::default() };
        };
        let named = piece.messages.into_iter().filter(|message| message.named).collect();
        let offset = Some(piece.offset);
        Passed { messages: piece.ended, text, cut, stream, offset, named }
    }
}

/// The name of one direction of a connection, the same on both computers.
fn name_of_stream(from: Option<SocketAddr>, to: Option<SocketAddr>) -> String {
    let name = |end: Option<SocketAddr>| end.map_or("?".to_owned(), |it| plain(it).to_string());
    format!("{}>{}", name(from), name(to))
}

/// Without the scope of a link-local address, which each computer has its own numbers for, and
/// with an IPv4 address as such.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What the messages of a piece say.
fn text_of(piece: &Piece) -> String {
    let shown = piece.messages.iter().take(SHOWN).map(|message| message.text.as_str());
    let mut texts: Vec<&str> = shown.collect();
    if texts.len() < SHOWN && !piece.rest.is_empty() {
        texts.push(&piece.rest);
    }
    let text = texts.join(" | ");
    let end = text.floor_char_boundary(TEXT_MAX);
    if end < text.len() { format!("{}...", &text[..end]) } else { text }
}

/// How the messages of a piece lie across the calls, where that is not one message a call.
fn cuts_of(piece: &Piece, call: Call) -> String {
    let call = call.name();
    let mut cuts = match (piece.ended, piece.pieces, piece.open) {
        (0, _, true) => "no end of a message yet".to_owned(),
        (0, _, false) => String::new(),
        (1, 0 | 1, false) => String::new(),
        (1, 0 | 1, true) => format!("1 message in 1 {call}, and the beginning of another"),
        (1, pieces, _) => format!("1 message in {pieces} {call}s"),
        (ended, 0 | 1, _) => format!("{ended} messages in 1 {call}"),
        (ended, pieces, _) => format!("{ended} messages in 1 {call}, the first in {pieces}"),
    };
    if piece.cuts_character {
        cuts.push_str(if cuts.is_empty() { "" } else { "; " });
        cuts.push_str("a character was cut here");
    }
    cuts
}
