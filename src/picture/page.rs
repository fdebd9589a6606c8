//! The page: the drawing program, and below it the data.
//!
//! The data are columns of numbers, each the difference to the one before where it grows, and a
//! table of strings, so that 200,000 events are a few megabytes that a browser reads at once.
//! What is in them came from a friend and is hostile: no `<` of theirs stands in the page, so
//! nothing can end the element that they are in, and `page.js` shows them as text and never as
//! HTML.

use std::collections::HashMap;

use serde::Serialize;

use crate::picture::layout::{Arrow, Peer, Picture};
use crate::picture::reading::Details;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page.
pub fn write(picture: &Picture) -> String {
    let data = harmless(&serde_json::to_string(&data(picture)).unwrap_or_default());
    // The data go in by position and not by replacing a word, since they may contain any word.
    let (head, rest) = PAGE.split_once("/* style */").unwrap_or((PAGE, ""));
    let (body, rest) = rest.split_once("/* data */").unwrap_or((rest, ""));
    let (between, tail) = rest.split_once("/* script */").unwrap_or((rest, ""));
    [head, STYLE, body, &data, between, SCRIPT, tail].concat()
}

/// The same JSON without a character that means something to HTML or ends a line of JavaScript.
/// All of these occur in strings only.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[derive(Serialize)]
struct Data<'a> {
    peers: Vec<PeerData<'a>>,
    lanes: Vec<LaneData<'a>>,
    spans: Spans,
    notes: Notes,
    arrows: Arrows,
    details: Vec<DetailsData>,
    strings: Vec<&'a str>,
    /// Milliseconds since 1970.
    begin: i64,
}

#[derive(Serialize)]
struct PeerData<'a> {
    label: &'a str,
    command: &'a str,
    file: &'a str,
    events: usize,
    whole: bool,
    clock: Option<&'a str>,
}

#[derive(Serialize)]
struct LaneData<'a> {
    peer: usize,
    name: &'a str,
    minor: bool,
}

/// By the time of the end. `call` is a string, or -1 for work; `details` -1 for none.
#[derive(Default, Serialize)]
struct Spans {
    end: Vec<i64>,
    took: Vec<i64>,
    lane: Vec<usize>,
    call: Vec<i64>,
    details: Vec<i64>,
}

#[derive(Default, Serialize)]
struct Notes {
    at: Vec<i64>,
    lane: Vec<usize>,
    text: Vec<usize>,
}

/// By the time of the beginning. A lane of -1 is an end that no trace has.
#[derive(Default, Serialize)]
struct Arrows {
    at: Vec<i64>,
    took: Vec<i64>,
    from: Vec<i64>,
    to: Vec<i64>,
    wire: Vec<u8>,
    details: Vec<i64>,
}

/// [`Details`] with strings by their number.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
struct DetailsData {
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    news: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    open: bool,
}

/// What is written once and then called by its number.
#[derive(Default)]
struct Tables<'a> {
    strings: Vec<&'a str>,
    string_numbers: HashMap<&'a str, usize>,
    details: Vec<DetailsData>,
    details_numbers: HashMap<DetailsData, usize>,
}

impl<'a> Tables<'a> {
    fn string(&mut self, text: &'a str) -> usize {
        *self.string_numbers.entry(text).or_insert_with(|| {
            self.strings.push(text);
            self.strings.len() - 1
        })
    }

    fn details(&mut self, details: &'a Details) -> i64 {
        if *details == Details::default() {
            return -1;
        }
        let mut string = |text: &'a Option<String>| text.as_deref().map(|text| self.string(text));
        let data = DetailsData {
            asked: details.asked,
            bytes: details.bytes,
            messages: details.messages,
            text: string(&details.text),
            cut: string(&details.cut),
            by: string(&details.woken_by),
            news: string(&details.news),
            out: details.out,
            failed: string(&details.failed),
            open: details.open,
        };
        let number = *self.details_numbers.entry(data.clone()).or_insert_with(|| {
            self.details.push(data);
            self.details.len() - 1
        });
        as_number(number)
    }
}

fn as_number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(-1)
}

fn peer_data(peer: &Peer) -> PeerData<'_> {
    PeerData {
        label: &peer.label,
        command: &peer.command,
        file: &peer.file,
        events: peer.events,
        whole: peer.whole,
        clock: peer.clock.as_deref(),
    }
}

fn data(picture: &Picture) -> Data<'_> {
    let mut tables = Tables::default();
    let mut spans = Spans::default();
    let mut last = 0;
    for span in &picture.spans {
        spans.end.push(span.end - last);
        last = span.end;
        spans.took.push(span.end - span.start);
        spans.lane.push(span.lane);
        spans.call.push(span.call.as_deref().map_or(-1, |call| as_number(tables.string(call))));
        spans.details.push(span.details.as_deref().map_or(-1, |details| tables.details(details)));
    }
    let mut notes = Notes::default();
    last = 0;
    for note in &picture.notes {
        notes.at.push(note.at - last);
        last = note.at;
        notes.lane.push(note.lane);
        notes.text.push(tables.string(&note.text));
    }
    let mut arrows = Arrows::default();
    last = 0;
    let lane = |end: Option<(usize, i64)>| end.map_or(-1, |(lane, _)| as_number(lane));
    for arrow @ Arrow { from, to, .. } in &picture.arrows {
        let begin = from.or(*to).map_or(0, |(_, at)| at);
        let end = to.or(*from).map_or(0, |(_, at)| at);
        arrows.at.push(begin - last);
        last = begin;
        arrows.took.push(end - begin);
        arrows.from.push(lane(*from));
        arrows.to.push(lane(*to));
        arrows.wire.push(u8::from(arrow.wire));
        arrows.details.push(tables.details(&arrow.details));
    }
    Data {
        peers: picture.peers.iter().map(peer_data).collect(),
        lanes: picture
            .lanes
            .iter()
            .map(|lane| LaneData { peer: lane.peer, name: &lane.name, minor: lane.minor })
            .collect(),
        spans,
        notes,
        arrows,
        details: tables.details,
        strings: tables.strings,
        begin: picture.begin / 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Lane, Note};
    use super::*;

    #[test]
    fn no_text_of_a_friend_ends_the_element_it_is_in() {
        let hostile = "</script><script>alert(1)</script><!-- & \u{2028}\u{2029} /* script */";
        let picture = Picture {
            lanes: vec![Lane { peer: 0, name: hostile.to_owned(), minor: false }],
            notes: vec![Note { lane: 0, at: 0, text: hostile.to_owned() }],
            ..Picture::default()
        };
        let page = write(&picture);
        let plain = write(&Picture::default());
        for sign in ["<", "</script", "<!--", "&", "\u{2028}", "\u{2029}"] {
            assert_eq!(page.matches(sign).count(), plain.matches(sign).count(), "{sign}");
        }
        assert!(page.ends_with(plain.rsplit_once("\"begin\":0}").unwrap().1));
    }

    #[test]
    fn the_page_asks_nothing_of_any_other_place() {
        let page = write(&Picture::default());
        for word in ["http:", "https:", "src=", "@import", "/* data */"] {
            let found = page.find(word);
            assert!(found.is_none(), "{word}: {:?}", found.map(|at| &page[at..at + 30]));
        }
        assert!(page.contains(SCRIPT) && page.contains(STYLE));
    }
}
