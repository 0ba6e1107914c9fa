//! A room of `src/` imports only from rooms above it.
//!
//! Comments, doc comments and strings may name any room, and so may `#[cfg(test)]` items: a
//! test may look up what its room may not. `lib.rs` is the door and belongs to no room; what it
//! re-exports counts as the room it comes from (`crate::Error` is `error`).

mod code;

use code::{code_of, idents, is_word, words};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in import order, as in `ARCHITECTURE.md`.
const ROOMS: [&str; 23] = [
    "error",
    "disk",
    "noise",
    "data",
    "nn",
    "pooling",
    "view",
    "tokens",
    "encoder",
    "twins",
    "heads",
    "model",
    "objective",
    "embed",
    "search",
    "eval",
    "hub",
    "sentence_encoder",
    "bulk",
    "train",
    "report",
    "cli",
    "main",
];

/// What `lib.rs` says: its modules, and the room of each name it re-exports.
#[derive(Default)]
struct Door {
    modules: Vec<String>,
    names: BTreeMap<String, String>,
}

impl Door {
    fn of(source: &str) -> Self {
        let (code, mut door) = (code_of(source), Self::default());
        for statement in code.split(';') {
            let words: Vec<_> = idents(statement).collect();
            match words[..] {
                [.., "mod", name] => door.modules.push(name.into()),
                ["pub", "use", room, ref names @ ..] => {
                    door.names.extend(names.iter().map(|&name| (name.into(), room.into())));
                }
                _ => {}
            }
        }
        door
    }

    /// The place in [`ROOMS`] of what `crate::name` is.
    fn place(&self, name: &str) -> Option<usize> {
        place(self.names.get(name).map_or(name, String::as_str))
    }
}

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

/// What is wrong with the arrows of one file; `path` is relative to `src/`.
fn faults(path: &str, source: &str, door: &Door) -> Vec<String> {
    let room = path.split(['/', '.']).next().unwrap_or(path);
    let Some(own) = place(room) else {
        return vec![format!("src/{path} is in no room of the table")];
    };
    let code = code_of(source);
    let wrong = imports(&code, depth(path)).into_iter().filter_map(|(at, name)| {
        let line = code[..at].matches('\n').count() + 1;
        match door.place(name) {
            Some(other) if other <= own => None,
            Some(other) => {
                Some(format!("{room} may not import {} (src/{path}:{line})", ROOMS[other]))
            }
            None => Some(format!("crate::{name} is no room (src/{path}:{line})")),
        }
    });
    wrong.collect()
}

/// How many `super::` lead from a file to the root of the crate.
fn depth(path: &str) -> usize {
    path.trim_end_matches("/mod.rs").split('/').count()
}

/// Where the code names something of the crate's root, and what: `crate::a`, `crate::{a, b}`,
/// `twindrop::a`, or `super::` often enough.
fn imports(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut end = 0;
    for (at, word) in words(code) {
        if at < end || !["crate", "twindrop", "super"].contains(&word) {
            continue;
        }
        let mut rest = &code[at + word.len()..];
        let mut supers = usize::from(word == "super");
        while let Some(after) = after_colons(rest) {
            rest = after;
            let Some(more) = rest.strip_prefix("super").filter(|_| word == "super") else {
                break;
            };
            (supers, rest) = (supers + 1, more);
        }
        end = code.len() - rest.len();
        if end > at + word.len() && (word != "super" || supers >= depth) {
            found.extend(heads(rest).into_iter().map(|name| (at, name)));
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

fn after_colons(code: &str) -> Option<&str> {
    code.trim_start().strip_prefix("::").map(str::trim_start)
}

/// The first name of a path, or of each path in braces.
fn heads(code: &str) -> Vec<&str> {
    let Some(group) = code.strip_prefix('{') else { return idents(code).take(1).collect() };
    let (mut heads, mut deep, mut fresh) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => deep += 1,
            '}' if deep == 0 => break,
            '}' => deep -= 1,
            ',' if deep == 0 => fresh = true,
            c if fresh && is_word(c) => {
                heads.extend(idents(&group[at..]).next());
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

/// The rooms that `ARCHITECTURE.md` lists: the first cells of the table under "Rooms".
fn listed(page: &str) -> Vec<String> {
    let section = page.split("\n## ").find(|section| section.starts_with("Rooms"));
    let rows = section.unwrap_or("").lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split('`').next());
    cells.map(|cell| cell.trim_end_matches('/').trim_end_matches(".rs").into()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `.rs` file under a directory, sorted.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("src/ is there").flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let files = paths.into_iter().flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

#[test]
fn every_arrow_points_to_a_room_above() {
    let src = root().join("src");
    let door = Door::of(&read(&src.join("lib.rs")));
    let mut faults = Vec::new();
    for file in sources(&src) {
        let path = file.strip_prefix(&src).expect("a file under src/").to_string_lossy();
        // `tests.rs` holds a `#[cfg(test)] mod tests;`
        if path != "lib.rs" && !path.ends_with("/tests.rs") {
            faults.extend(self::faults(&path.replace('\\', "/"), &read(&file), &door));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_module_has_a_room_and_every_room_a_module() {
    let src = root().join("src");
    let modules = Door::of(&read(&src.join("lib.rs"))).modules;
    for module in &modules {
        assert!(place(module).is_some(), "{module} is in src/lib.rs but in no room");
    }
    for room in ROOMS {
        let there = modules.iter().any(|module| module == room);
        assert!(there || src.join(room).with_extension("rs").is_file(), "there is no {room}");
    }
}

#[test]
fn the_picture_lists_the_rooms_in_the_same_order() {
    assert_eq!(listed(&read(&root().join("ARCHITECTURE.md"))), ROOMS);
}

#[test]
fn an_arrow_the_wrong_way_is_found_however_it_is_spelled() {
    let door =
        Door::of("pub mod error;\n#[cfg(x)]\npub mod cli;\npub use error::{Error, Kind};");
    assert_eq!(door.modules, ["error", "cli"]);
    let faults = |source| faults("eval/sts.rs", source, &door);
    let bad = "//! Sts.\n\nuse crate::train::Run;";
    assert_eq!(faults(bad), ["eval may not import train (src/eval/sts.rs:3)"]);
    for bad in [
        "use crate::{\n error::Result, train::{Run, Plan}};",
        "fn f(x: &crate::train::Run) {}",
        "pub(crate) use crate :: train;",
        "use super::super::train::Run;",
        "const Q: char = '\"'; use crate::train; const R: char = '\"';",
        "fn f<'a>(x: &'a u8) { twindrop::train::run(x) }",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::train;",
    ] {
        let found = faults(bad);
        assert!(found.len() == 1 && found[0].contains("import train"), "{bad}: {found:?}");
    }
    assert_eq!(faults("use crate::misc;"), ["crate::misc is no room (src/eval/sts.rs:1)"]);
    let lost = self::faults("util.rs", "", &door);
    assert_eq!(lost, ["src/util.rs is in no room of the table"]);
}

#[test]
fn an_arrow_up_and_words_that_are_no_arrows_pass() {
    let door = Door::of("pub use error::{Error, Kind};");
    for good in [
        "use crate::embed::Embed; use crate::{Error, error::Result};",
        "pub(in crate::eval) fn f() {} use super::train; use super::super::embed;",
        "/// As [`crate::train`].\n// use crate::train;\n/* crate::cli::a */ fn f() {}",
        "const A: &str = \"crate::train::a \\\" crate::cli\"; const B: &str = r#\"crate::cli::\"x\"#;",
        "#[cfg(test)]\nmod tests {\n use crate::train::Run; fn f() { { } }\n}",
        "#[cfg(test)]\nuse crate::train::Run;",
    ] {
        assert_eq!(faults("eval/sts.rs", good, &door), [""; 0], "{good}");
    }
}

#[test]
fn the_table_of_the_picture_is_read_by_its_first_cells() {
    let page = "# A\n\n## Rooms\n\n| room | duty |\n| --- | --- |\n| `a.rs` | `b` |\n| `nn/` | c |\n\n## C\n\n| `d` | e |\n";
    assert_eq!(listed(page), ["a", "nn"]);
}
