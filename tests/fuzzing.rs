//! CONTRACT 3, 5, 8, 9 for any input at all: what the fuzzer has found worth keeping is played again,
//! and some random bytes beside it. For longer there is `scripts/fuzz`, which calls the same
//! functions.

#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// How many inputs are made up for each target.
const RANDOM: u32 = 300;

fn corpus_of(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut corpus: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let path = file.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

fn holds(name: &str) {
    let (_, run) = targets::TARGETS.into_iter().find(|(target, _)| *target == name).unwrap();
    let corpus = corpus_of(name);
    for (file, bytes) in &corpus {
        assert!(catch_unwind(|| run(bytes)).is_ok(), "with {file}");
    }
    // Half of the random inputs are changed ones of the corpus: these come further.
    let known: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    let changed = (
        prop::sample::select(known),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    )
        .prop_map(|(mut bytes, changes)| {
            for (at, byte) in changes {
                match bytes.len() {
                    0 => bytes.push(byte),
                    length => bytes[at.index(length)] = byte,
                }
            }
            bytes
        });
    let input = prop_oneof![prop::collection::vec(any::<u8>(), 0..400), changed];
    TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(RANDOM) })
        .run(&input, |bytes| {
            run(&bytes);
            Ok(())
        })
        .unwrap_or_else(|why| panic!("{name}: {why}"));
}

#[test]
fn each_wire_gives_the_same_messages_however_its_bytes_are_cut() {
    holds("wires");
}

#[test]
fn those_who_watch_see_where_messages_end_however_the_bytes_are_cut() {
    holds("boundaries");
}

#[test]
fn no_text_makes_a_terminal_do_anything_but_show_it() {
    holds("text");
}

#[test]
fn a_name_is_a_word_that_cannot_be_taken_for_anything_else() {
    holds("words");
}

#[test]
fn whatever_is_typed_and_heard_the_screen_shows_it_and_the_row_below_it() {
    holds("editor");
}

#[test]
fn what_is_typed_comes_out_whatever_answers_lie_between_and_however_the_bytes_are_cut() {
    holds("keys");
}

#[test]
fn any_file_is_drawn_or_refused_with_a_sentence() {
    holds("traces");
}
