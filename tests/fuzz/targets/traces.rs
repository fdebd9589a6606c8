//! `picture` reads files that people were sent: whatever is in them, it draws a page or gives a
//! sentence. The page is one that does nothing but what we wrote.

use threadchat::picture::{layout, page, reading};

/// What each trace begins with.
const BEGINNING: &[u8] = br#"[
{"ph":"M","name":"threadchat","pid":7,"tid":7,"ts":0,"args":{"version":"0.1.0","epoch_us":1774224000000000,"command":"listen 9999","wire":"lines"}},
"#;

/// What stands between two traces in one input.
const ANOTHER: &[u8] = b"\n=====\n";

pub fn run(input: &[u8]) {
    draw(&[input]);
    // Most files that are no traces at all are refused in the first line.
    let begun = [BEGINNING, input].concat();
    draw(&[&begun]);
    if let Some(at) = begun.windows(ANOTHER.len()).position(|part| part == ANOTHER) {
        let other = [BEGINNING, &begun[at + ANOTHER.len()..]].concat();
        draw(&[&begun[..at], &other]);
    }
}

fn draw(files: &[&[u8]]) {
    let mut traces = Vec::new();
    for file in files {
        match reading::read("a.json", file) {
            Ok(trace) => traces.push(trace),
            Err(why) => {
                let sentence = why.to_string();
                assert!(sentence.contains("a.json"), "{sentence:?}");
                return;
            }
        }
    }
    let page = page::write(&layout::lay_out(traces));
    // What was read stands in the page as data: nothing of it can be taken for HTML, and a browser
    // can read it.
    let empty = page::write(&layout::lay_out(Vec::new()));
    let count = |page: &str| page.bytes().filter(|byte| b"<>&".contains(byte)).count();
    assert_eq!(count(&page), count(&empty), "something of a trace can be taken for HTML");
    let common = page.bytes().zip(empty.bytes()).take_while(|(one, other)| one == other).count();
    let data = page[..common].rfind('>').expect("the data are in an element") + 1;
    let end = data + page[data..].find('<').expect("the element has an end");
    if let Err(why) = serde_json::from_str::<serde_json::Value>(&page[data..end]) {
        panic!("the data are no JSON: {why}");
    }
}
