//! The house rule: a file knows only what stands below it. `src/lib.rs` draws the floors; this test
//! reads every `use` and every path in `src` and holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each folder, or file beside them, on its floor: an arrow leads to a lower one, or stays inside.
const FLOORS: &[(&str, u8)] = &[
    ("roles", 0),
    ("platform", 0),
    ("text", 1),
    ("watch", 1),
    ("wire", 2),
    ("picture", 2),
    ("error", 3),
    ("threads", 4),
    ("talk", 5),
    ("terminal", 5),
    ("net", 5),
    ("lens", 5),
    ("room", 6),
    ("program", 7),
    ("main", 8),
];

/// What must not be named, and where.
const STRANGERS: &[(&str, &[&str])] = &[
    ("talk", BLOCKING),
    ("room", BLOCKING),
    ("wire", &["crossbeam_channel", "TcpStream", "std::thread"]),
    ("text", &["crossbeam_channel", "TcpStream", "std::thread"]),
    ("threads/reader.rs", &["watch", "lens", "steps"]),
    ("threads/writer.rs", &["watch", "lens", "steps"]),
];
const BLOCKING: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "socket2",
    "std::fs",
    "File",
    "stdin()",
    "std::thread",
    "thread::spawn",
    "thread::Builder",
    "Thread::start",
];

/// How long a file may be, without its tests, and a function.
const FILE_MAX: usize = 430;
const FUNCTION_MAX: usize = 50;

/// The source by its modules' names, as `threads::reader`, without comments and tests.
struct House(BTreeMap<String, String>);

impl House {
    fn read() -> House {
        let mut files = BTreeMap::new();
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![src.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("lib.rs")
                {
                    let name = path.strip_prefix(&src).unwrap().with_extension("");
                    let name = name.to_str().unwrap().replace('/', "::");
                    let text = without_tests_and_comments(&fs::read_to_string(&path).unwrap());
                    files.insert(name.trim_end_matches("::mod").to_owned(), text);
                }
            }
        }
        assert!(files.len() > 20, "the source is not where it should be");
        House(files)
    }

    /// The files that a path leads to: through what a `mod.rs` gives on, there can be more than one,
    /// one for each system.
    fn files_at(&self, path: &str) -> BTreeSet<String> {
        let words: Vec<&str> = path.split("::").collect();
        let known = (1..=words.len()).rev().map(|count| words[..count].join("::"));
        let Some(file) = known.into_iter().find(|it| self.0.contains_key(it)) else {
            return BTreeSet::new();
        };
        let next = words.get(file.split("::").count());
        let given_on: BTreeSet<String> = used(&self.0[&file], "pub use ")
            .iter()
            .filter(|it| next.is_some_and(|next| it.ends_with(&format!("::{next}"))))
            .flat_map(|it| self.files_at(&absolute(&file, it)))
            .filter(|it| *it != file)
            .collect();
        if given_on.is_empty() { BTreeSet::from([file]) } else { given_on }
    }

    /// Every arrow: which file knows which.
    fn arrows(&self) -> BTreeMap<&String, BTreeSet<String>> {
        let arrows = self.0.iter().map(|(file, text)| {
            let named = named(file, text).into_iter();
            let led_to = named.flat_map(|it| self.files_at(&absolute(file, &it)));
            (file, led_to.filter(|it| it != file).collect())
        });
        arrows.collect()
    }

    /// What would hide an arrow: a path from the root that leads to no file, and a `use` of everything.
    fn hidden(&self) -> BTreeSet<String> {
        let mut hidden = BTreeSet::new();
        for (file, text) in &self.0 {
            for path in named(file, text).iter().filter(|it| from_a_root(it)) {
                if path.ends_with('*')
                    || !path.contains("::")
                    || self.files_at(&absolute(file, path)).is_empty()
                {
                    hidden.insert(format!("{file}: nobody can see where {path} leads"));
                }
            }
        }
        hidden
    }
}

/// Every path in a file that may lead to another one.
fn named(file: &str, text: &str) -> Vec<String> {
    let root = if file == "main" { "threadchat::" } else { "crate::" };
    let uses = used(text, "use ");
    // What begins with something that was brought in leads on from there.
    let onwards = uses.iter().filter(|it| from_a_root(it)).flat_map(|it| {
        let last = format!("{}::", it.rsplit("::").next().unwrap());
        let further = paths(text, &last).into_iter();
        further.map(move |path| format!("{it}::{}", &path[last.len()..])).collect::<Vec<_>>()
    });
    let inline = [root, "super::", "self::"].into_iter().flat_map(|it| paths(text, it));
    onwards.chain(inline).chain(own_paths(text)).chain(uses.iter().cloned()).collect()
}

fn from_a_root(path: &str) -> bool {
    ["crate", "threadchat", "super"].contains(&path.split("::").next().unwrap())
}

fn without_tests_and_comments(text: &str) -> String {
    let (code, tests) = text.split_once("#[cfg(test)]").unwrap_or((text, "mod tests"));
    assert!(tests.lines().find(|it| !it.is_empty()).unwrap().contains("mod tests"), "{tests}");
    code.lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

/// Two slashes in a string are no comment.
fn without_comment(line: &str) -> &str {
    let mut comments = line.match_indices("//").map(|(at, _)| &line[..at]);
    let quotes = |it: &str| it.replace("\\\"", "").replace("'\"'", "").matches('"').count();
    comments.find(|it| quotes(it) % 2 == 0).unwrap_or(line)
}

/// What the `use`s of a text name, each by itself.
fn used(text: &str, what: &str) -> Vec<String> {
    let mut names = Vec::new();
    for at in text.match_indices(what).map(|(at, _)| at) {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + what.len()..];
        let tree = rest.split(';').next().unwrap();
        unfold(tree, "", &mut names);
    }
    names
}

/// `a::{b, c::{self, d}}` is `a::b`, `a::c` and `a::c::d`.
fn unfold(tree: &str, before: &str, into: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    for (at, c) in tree.char_indices().chain([(tree.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                // By whatever name it is known here: the path is what counts.
                let part = tree[start..at].trim().split(" as ").next().unwrap();
                start = at + 1;
                match part.split_once('{') {
                    Some((path, inner)) => {
                        let inner = inner.strip_suffix('}').unwrap_or(inner);
                        unfold(inner, &format!("{before}{}", path.trim()), into);
                    }
                    None if part.is_empty() => {}
                    None => {
                        let whole = format!("{before}{part}");
                        into.push(whole.trim_end_matches("::self").to_owned());
                    }
                }
            }
            _ => {}
        }
    }
}

/// The paths that are named where they are used, and begin with this.
fn paths(text: &str, root: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let found = text.match_indices(root).filter(|(at, _)| !text[..*at].ends_with(word));
    found.map(|(at, _)| text[at..].split(|c| !word(c)).next().unwrap().to_owned()).collect()
}

/// Those that begin with the name of a file in a file's own folder.
fn own_paths(text: &str) -> Vec<String> {
    let modules = text.lines().filter_map(|it| it.trim_start_matches("pub ").strip_prefix("mod "));
    modules.flat_map(|it| paths(text, &it.replace(';', "::"))).collect()
}

/// A path from the root of the crate.
fn absolute(file: &str, path: &str) -> String {
    if let Some(rest) = path.strip_prefix("crate::").or(path.strip_prefix("threadchat::")) {
        return rest.to_owned();
    }
    let parent = || file.rsplit_once("::").map_or(String::new(), |(parent, _)| parent.to_owned());
    match path.strip_prefix("super::") {
        Some(rest) => absolute(&parent(), rest),
        // What a mod.rs gives on of its own folder; of anything else nothing is known.
        None => format!("{file}::{}", path.trim_start_matches("self::")),
    }
}

fn floor(file: &str) -> u8 {
    let room = file.split("::").next().unwrap();
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("{file} stands on no floor of the house")).1
}

fn in_rings(arrows: &BTreeMap<&String, BTreeSet<String>>) -> BTreeSet<String> {
    let reached_from = |start: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(file) = next.pop() {
            let further = arrows[&file].iter().filter(|it| !seen.contains(*it)).cloned();
            next.extend(further.collect::<Vec<_>>());
            seen.extend(arrows[&file].iter().cloned());
        }
        seen
    };
    arrows
        .keys()
        .filter(|file| reached_from(file).contains(**file))
        .map(|it| it.to_string())
        .collect()
}

/// Each function that is too long, with its length.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let (mut found, mut open) = (Vec::new(), None);
    for (at, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if let Some(name) = function(code)
            && !line.ends_with(';')
        {
            open = Some((at, indent, name.to_owned()));
        } else if let Some((start, its_indent, name)) = &open
            && indent == *its_indent
            && code == "}"
        {
            if at - start + 1 > FUNCTION_MAX {
                found.push((name.clone(), at - start + 1));
            }
            open = None;
        }
    }
    found
}

/// The name of the function that begins in a line, where one does.
fn function(code: &str) -> Option<&str> {
    let (before, rest) = code.split_once("fn ")?;
    let begins = before.split_whitespace().all(|it| it.starts_with("pub") || it == "const");
    begins.then(|| rest.split(['(', '<']).next().unwrap())
}

#[test]
fn every_arrow_points_down_and_no_file_is_too_long_to_be_read() {
    let house = House::read();
    let arrows = house.arrows();
    let mut faults = house.hidden();
    for (from, led_to) in &arrows {
        for to in led_to {
            let inside = from.split("::").next() == to.split("::").next();
            let pictures = from.starts_with("picture") && !to.starts_with("text") && !inside;
            if pictures || (!inside && floor(to) >= floor(from)) {
                faults.insert(format!("{from} -> {to}: not down"));
            }
        }
    }
    faults.extend(in_rings(&arrows).iter().map(|file| format!("{file}: in a ring")));
    for (file, text) in &house.0 {
        let path = format!("{}.rs", file.replace("::", "/"));
        for (place, strangers) in STRANGERS {
            let here = path == *place || path.starts_with(&format!("{place}/"));
            let uses = used(text, "use ").join("\n");
            let names = |it: &str| text.contains(it) || uses.contains(it);
            for stranger in strangers.iter().filter(|it| here && names(it)) {
                faults.insert(format!("{file}: names {stranger}"));
            }
        }
        if text.lines().count() > FILE_MAX {
            faults.insert(format!("{file}: more than {FILE_MAX} lines"));
        }
        for (name, _) in long_functions(text) {
            faults.insert(format!("{file}: {name} has more than {FUNCTION_MAX} lines"));
        }
    }
    assert!(faults.is_empty(), "{} faults in the house: {faults:#?}", faults.len());
}
