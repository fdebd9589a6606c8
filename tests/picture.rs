//! `threadchat picture` (section 9 of the contract): from traces to a page, and the page in a real
//! browser.

mod support;

use std::path::{Path, PathBuf};

use support::browser::Browser;
use support::recording::{HOUR, Talk, conversation, flood};
use support::{Program, error_sentence, until};
use tempfile::TempDir;

const LEFT: &str = "\u{e012}";
const RIGHT: &str = "\u{e014}";
const HOME: &str = "\u{e011}";
const END: &str = "\u{e010}";

/// A folder with the traces of a conversation, `listen.json` and `connect.json`.
fn recorded(talk: &Talk) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, side) in ["listen.json", "connect.json"].iter().zip(&talk.sides) {
        std::fs::write(folder.path().join(name), side.text()).unwrap();
    }
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// The picture of these traces of a folder.
#[track_caller]
fn draw(folder: &TempDir, traces: &[&str]) -> PathBuf {
    let page = path(folder, "talk.html");
    let traces: Vec<String> = traces.iter().map(|name| path(folder, name)).collect();
    let mut words: Vec<&str> = vec!["picture"];
    words.extend(traces.iter().map(String::as_str));
    words.extend(["-o", &page]);
    let ended = Program::start(&words).ends_with(0);
    assert!(ended.stdout.is_empty() && ended.stderr.is_empty(), "{ended:?}");
    PathBuf::from(page)
}

#[track_caller]
fn assert_quiet(browser: &Browser) {
    assert_eq!(browser.console(), Vec::<String>::new(), "the console");
}

fn sentence(browser: &Browser) -> String {
    browser.text("#where") + " · " + &browser.text("#what")
}

/// Steps forward, from where it stands, until the sentence has these words in it.
#[track_caller]
fn step_to(browser: &Browser, words: &str) -> String {
    let number = |name| browser.state(name).parse::<u32>().unwrap();
    for step in number("step")..=number("events") {
        browser.until_state("step", &step.to_string());
        let sentence = sentence(browser);
        if sentence.contains(words) {
            return sentence;
        }
        browser.key(RIGHT);
    }
    panic!("no step says {words:?}");
}

#[test]
fn both_sides_of_a_conversation_stand_in_one_picture() {
    let folder = recorded(&conversation(HOUR));
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    browser.open(&page);
    assert_quiet(&browser);

    // Threads that only start others are hidden until they are asked for.
    let threads = |browser: &Browser| browser.count("g.lane:not(.lane-label)");
    assert_eq!(threads(&browser), 12);
    browser.click("#threads");
    until("all threads are there", || (threads(&browser) == 18).then_some(()));
    browser.click("#threads");
    until("and hidden again", || (threads(&browser) == 12).then_some(()));

    browser.click("#all");
    until("all six messages cross", || {
        (browser.count("path.arrow.wire:not(#legend path)") == 6).then_some(())
    });
    assert!(browser.count("path.arrow.hand-over:not(#legend path)") >= 24);
    assert!(browser.count(".span.blocked:not(#legend .span)") > 40);
    assert!(browser.count(".span.working:not(#legend .span)") > 40);
    assert_eq!(browser.count(".arrow.cut"), 0);
    let backwards = browser.run(
        "const ends = (d) => d.match(/M([-.0-9]+) .* L([-.0-9]+)/).slice(1).map(Number); \
         const paths = [...document.querySelectorAll('#lanes path.arrow')]; \
         return paths.map((path) => ends(path.getAttribute('d'))).filter(([from, to]) => to < from)",
    );
    assert_eq!(backwards, serde_json::json!([]), "no message arrives before it was sent");

    let clocks = browser.text("#clocks");
    assert!(
        clocks.contains("The clock of connect was 1 h 0 min 0.000 s ahead of that of listen")
            || clocks.contains("The clock of connect was 59 min 59.999 s ahead of that of listen"),
        "{clocks}"
    );
    assert_quiet(&browser);
}

#[test]
fn keys_and_buttons_step_through_the_events_with_a_sentence_for_each() {
    let folder = recorded(&conversation(0));
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    browser.open(&page);
    assert_eq!(browser.state("step"), "1");
    let first = sentence(&browser);
    browser.key(RIGHT);
    browser.until_state("step", "2");
    assert_ne!(sentence(&browser), first);
    browser.click("#next");
    browser.until_state("step", "3");
    browser.click("#previous");
    browser.until_state("step", "2");
    browser.key(LEFT);
    browser.until_state("step", "1");
    assert_eq!(sentence(&browser), first);

    let said = step_to(&browser, "read gave 6 bytes, “hello”");
    assert!(
        said.ends_with(
            "listen, stdin-reader: read gave 6 bytes, “hello”; passes them to the coordinator and \
             wakes it"
        ),
        "{said}"
    );
    assert!(browser.text("#more").contains("socket-reader is blocked in recv"), "two threads");
    assert_eq!(browser.count(".span.current"), 1);
    assert_eq!(browser.count("path.arrow.current"), 1);

    let said = step_to(&browser, "recv gave 6 bytes, “hello”");
    assert!(said.contains("connect, socket-reader"), "{said}");
    let more = browser.text("#more");
    assert!(more.contains("listen had sent it 85 µs before"), "{more}");
    assert!(more.contains("stdin-reader is blocked in read"), "{more}");
    step_to(&browser, "woken by socket-reader: 6 bytes, “hello”; passes them to screen-writer");

    browser.key(END);
    browser.until_state("step", &browser.state("events"));
    assert!(sentence(&browser).contains("still blocked in"), "{}", sentence(&browser));
    browser.key(HOME);
    browser.until_state("step", "1");
    assert_quiet(&browser);
}

#[test]
fn the_picture_zooms_moves_and_changes_its_axis() {
    let folder = recorded(&conversation(0));
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    browser.open(&page);
    let range = || {
        let number = |name| browser.state(name).parse::<f64>().unwrap();
        (number("from"), number("to"))
    };
    let changes = |what: &str, act: &dyn Fn()| {
        let before = range();
        act();
        until(what, || (range() != before).then(range))
    };
    let (_, all) = changes("it shows all", &|| browser.key("0"));
    assert!((12.9e9..13.1e9).contains(&all), "{all}");
    browser.click("#true-time");
    browser.until_state("axis", "true");
    let whole = range();
    let nearer = changes("the button zooms in", &|| browser.click("#zoom-in"));
    assert!(nearer.1 - nearer.0 < whole.1 - whole.0);
    let nearer_still = changes("the wheel zooms in", &|| browser.wheel("#lanes", -400));
    assert!(nearer_still.1 - nearer_still.0 < nearer.1 - nearer.0);
    let later = changes("a key moves", &|| browser.key("d"));
    assert!(later.0 > nearer_still.0);
    let dragged = changes("the mouse moves", &|| browser.drag((700, 500), (500, 500)));
    assert!(dragged.0 > later.0);
    let farther = changes("the button zooms out", &|| browser.click("#zoom-out"));
    assert!(farther.1 - farther.0 > dragged.1 - dragged.0);
    for _ in 0..60 {
        browser.key("+");
    }
    until("a microsecond fills the window", || {
        let (from, to) = range();
        (to - from < 1000.0).then_some(())
    });
    browser.key("e");
    browser.until_state("axis", "even");
    assert_quiet(&browser);
}

#[test]
fn a_click_on_a_span_steps_to_its_end() {
    let folder = recorded(&conversation(0));
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    browser.open(&page);
    browser.key(END);
    browser.until_state("step", &browser.state("events"));
    browser.key(HOME);
    browser.until_state("step", "1");
    // The acceptor's only call, which is broad.
    let id = browser.run(
        "const spans = [...document.querySelectorAll('#lanes .span.blocked.call')]; \
         const span = spans.find((s) => s.getBBox().width > 60); \
         span.id = 'chosen'; return span.dataset.span",
    );
    browser.click("#chosen");
    until("the span is the current one", || {
        let current = browser.run("return document.querySelector('.span.current')?.dataset.span");
        (current == id).then_some(())
    });
    assert_quiet(&browser);
}

#[test]
fn a_hostile_message_stays_text() {
    let mut talk = Talk::begin(0);
    let hostile = [
        "</script><script>document.title='pwned'</script>",
        "<img src=x onerror=\"document.title='pwned'\">",
        "<!-- <script> \u{2028} ' \" ` ${document.title='pwned'} \\",
        "]]></svg><svg onload=document.title='pwned'>",
    ];
    for (number, text) in (1_i64..).zip(hostile) {
        talk.says((number % 2) as usize, 2_000_000_000 + number * 1_000_000, text, 85_000);
    }
    talk.ends(3_000_000_000);
    let folder = recorded(&talk);
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    browser.open(&page);
    for text in hostile {
        let said = step_to(&browser, "recv gave");
        assert!(said.contains(text), "{said:?} {text:?}");
        let next = browser.state("step").parse::<u32>().unwrap() + 1;
        browser.key(RIGHT);
        browser.until_state("step", &next.to_string());
    }
    assert_eq!(browser.run("return document.title"), "threadchat: the threads of a conversation");
    assert_eq!(browser.count("img"), 0);
    assert_eq!(browser.count("script"), 2);
    assert_quiet(&browser);
}

#[test]
fn one_side_alone_makes_a_picture_whose_wires_are_cut_short() {
    let folder = recorded(&conversation(HOUR));
    let page = draw(&folder, &["connect.json"]);
    let Some(browser) = Browser::start(1024, 768) else { return };
    browser.open(&page);
    assert_eq!(browser.text("#clocks"), "");
    browser.click("#all");
    until("the cut arrows", || (browser.count(".arrow.wire.cut") >= 6).then_some(()));
    assert_quiet(&browser);
}

#[test]
fn a_cut_trace_is_drawn_as_far_as_it_goes() {
    let folder = recorded(&conversation(0));
    let whole = std::fs::read(path(&folder, "listen.json")).unwrap();
    std::fs::write(path(&folder, "cut.json"), &whole[..whole.len() * 3 / 4]).unwrap();
    let page = draw(&folder, &["cut.json", "connect.json"]);
    let Some(browser) = Browser::start(1024, 768) else { return };
    browser.open(&page);
    assert!(browser.text("#peers").contains("has no end"), "{}", browser.text("#peers"));
    assert_quiet(&browser);
}

#[test]
fn a_trace_without_events_makes_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let side = support::recording::Recording::new("listen 9999", 0);
    std::fs::write(path(&folder, "listen.json"), side.text()).unwrap();
    let page = draw(&folder, &["listen.json"]);
    let Some(browser) = Browser::start(1024, 768) else { return };
    browser.open(&page);
    assert_eq!(browser.text("#what"), "Nothing has been recorded yet.");
    for key in [LEFT, RIGHT, HOME, END, "+", "-", "0", "e", "d"] {
        browser.key(key);
    }
    assert_quiet(&browser);
}

#[test]
fn two_hundred_thousand_events_are_opened_and_stepped_through() {
    let talk = flood(200_000);
    let folder = recorded(&talk);
    let page = draw(&folder, &["listen.json", "connect.json"]);
    let Some(browser) = Browser::start(1600, 900) else { return };
    let begun = std::time::Instant::now();
    browser.open(&page);
    let opened = begun.elapsed();
    assert!(opened.as_secs() < 15, "{opened:?}");
    assert!(browser.count("#lanes *") < 20_000, "only what can be seen is drawn");
    // How long an act and its drawing take, by the browser's own clock.
    let measured = browser.run(
        "const times = {}; const act = (name, id) => { const t = performance.now(); \
         document.getElementById(id).click(); window.dispatchEvent(new Event('beforeprint')); window.dispatchEvent(new Event('afterprint')); \
         times[name] = Math.round(performance.now() - t); }; \
         act('step', 'next'); act('zoom', 'zoom-in'); act('all', 'all'); act('even', 'even'); \
         act('step even', 'next'); act('zoom even', 'zoom-in'); act('all even', 'all'); \
         return times",
    );
    eprintln!(
        "opened in {opened:?} ({} ms of script), page {} bytes, {measured}",
        browser.state("load-ms"),
        std::fs::metadata(&page).unwrap().len()
    );
    browser.until_state("axis", "even");
    browser.key(END);
    browser.until_state("step", &browser.state("events"));
    assert_quiet(&browser);
}

#[test]
fn the_page_asks_nothing_of_the_network() {
    let folder = recorded(&conversation(0));
    let page = std::fs::read_to_string(draw(&folder, &["listen.json", "connect.json"])).unwrap();
    for word in ["http://", "https://", "src=", "@import", "<link", "fetch(", "XMLHttp"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_picture_goes_to_stdout_where_that_is_asked_for() {
    let folder = recorded(&conversation(0));
    let trace = path(&folder, "listen.json");
    let ended = Program::start(&["picture", &trace, "-o", "-"]).ends_with(0);
    assert!(ended.stdout.starts_with(b"<!DOCTYPE html>"));
    assert!(!Path::new("-").exists());
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_sentence() {
    let folder = recorded(&conversation(0));
    let file = |name: &str, text: &str| {
        std::fs::write(path(&folder, name), text).unwrap();
        path(&folder, name)
    };
    let trace = path(&folder, "listen.json");
    let page = path(&folder, "page.html");
    let whole = std::fs::read_to_string(&trace).unwrap();
    let damaged = file("damaged.json", &whole.replacen("\"ph\":\"X\"", "\"ph\":5", 1));
    for (traces, output, part) in [
        (vec![file("empty.json", "")], &page, "holds no events"),
        (vec![trace.clone(), file("package.json", "{\"name\": 1}")], &page, "is not a trace of"),
        (vec![path(&folder, "nowhere.json")], &page, "no such file or directory"),
        (vec![folder.path().to_str().unwrap().to_owned()], &page, "is a directory"),
        (vec![damaged], &page, "is not an event"),
        (vec![trace.clone()], &path(&folder, "no/such/folder.html"), "cannot write the picture"),
        (vec![path(&folder, "connect.json"), trace.clone()], &trace, "is one of the traces"),
    ] {
        let mut words: Vec<&str> = vec!["picture"];
        words.extend(traces.iter().map(String::as_str));
        words.extend(["-o", output]);
        let ended = Program::start(&words).ends_with(1);
        let error = error_sentence(&ended.stderr);
        assert!(error.contains(part), "{part:?} in {error:?}");
        assert!(!Path::new(&page).exists(), "nothing is written");
    }
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), whole, "the trace is as it was");
    Program::start(&["picture", &trace]).ends_with(2);
    Program::start(&["picture", "-o", &page]).ends_with(2);
}

#[test]
fn a_trace_of_another_conversation_stands_beside_and_the_page_says_so() {
    let folder = recorded(&conversation(-HOUR));
    let connect = std::fs::read_to_string(path(&folder, "connect.json")).unwrap();
    std::fs::write(path(&folder, "other.json"), connect.replace("50514", "50599")).unwrap();
    let page = draw(&folder, &["listen.json", "connect.json", "other.json"]);
    let Some(browser) = Browser::start(1024, 768) else { return };
    browser.open(&page);
    let clocks = browser.text("#clocks");
    assert!(clocks.contains("The clock of connect 1 was "), "{clocks}");
    assert!(clocks.contains(" behind that of listen"), "{clocks}");
    assert!(clocks.contains("connect 2 has no message in common"), "{clocks}");
    // As on paper: everything that a window shows only after scrolling.
    browser.run("window.dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.count("g.lane:not(.lane-label)"), 18);
    assert_quiet(&browser);
}
