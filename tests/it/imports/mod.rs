//! Which module of `src/` may import which: the allow-list of `ARCHITECTURE.md`, checked against
//! the code, and no circles between the files of a module.
//!
//! Comments, strings and `#[cfg(test)]` items are left out: a test may import anything. A
//! re-export (`pub use`) counts as the file its name comes from, not as the file that repeats it.

mod code;
mod graph;

use graph::{Crate, circles};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level module → the top-level modules it may import; `*` stands for all.
type AllowList = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table under "Modules": `` | `data/` | io, random | … ``.
fn allow_list(page: &str) -> AllowList {
    let section = page.split("\n## ").find(|section| section.starts_with("Modules"));
    let rows = section.unwrap_or("").lines().filter_map(|line| line.strip_prefix("| `"));
    let entries = rows.map(|row| {
        let mut cells = row.split('|');
        let name = cells.next().unwrap_or("").trim().trim_end_matches(['`', '/']);
        let imports = cells.next().unwrap_or("").split(',').map(str::trim);
        let imports = imports.filter(|import| !import.is_empty()).map(String::from);
        (name.trim_end_matches(".rs").to_string(), imports.collect())
    });
    entries.collect()
}

/// What the code imports against the list.
fn violations(krate: &Crate, allowed: &AllowList) -> Vec<String> {
    let imports = krate.imports().into_iter().filter_map(|import| {
        let from = import.importer();
        let to = import.imported();
        let Some(list) = allowed.get(from) else {
            return Some(format!("src/{} is in no module of the table", import.from));
        };
        let free = from == to || to == "error" || list.contains("*") || list.contains(to);
        (!free).then(|| {
            format!("{from} may not import {to} (src/{}:{})", import.from, import.line)
        })
    });
    imports.collect()
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

/// The crate as it stands in `src/`, without its files of tests.
fn this_crate() -> Crate {
    let src = root().join("src");
    let files = sources(&src).into_iter().filter_map(|file| {
        let path = file.strip_prefix(&src).expect("a file under src/").to_string_lossy();
        let path = path.replace('\\', "/");
        (!path.ends_with("/tests.rs")).then(|| (path, read(&file)))
    });
    Crate::new(files)
}

fn architecture() -> AllowList {
    allow_list(&read(&root().join("ARCHITECTURE.md")))
}

#[test]
fn every_import_is_allowed_by_the_table() {
    let found = violations(&this_crate(), &architecture());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_entry_of_the_table_is_used_and_every_module_is_in_it() {
    let (krate, allowed) = (this_crate(), architecture());
    let modules: BTreeSet<String> = krate.modules();
    let listed: BTreeSet<String> = allowed.keys().cloned().collect();
    assert_eq!(modules, listed, "modules of src/lib.rs and rows of ARCHITECTURE.md");
    let used: BTreeSet<(String, String)> = krate
        .imports()
        .iter()
        .map(|import| (import.importer().to_string(), import.imported().to_string()))
        .collect();
    for (module, imports) in &allowed {
        for import in imports.iter().filter(|import| *import != "*") {
            let pair = (module.clone(), import.clone());
            assert!(used.contains(&pair), "{module} does not import {import}: strike it out");
        }
    }
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    let imports = this_crate().imports();
    let edges = imports.iter().map(|i| (i.importer().to_string(), i.imported().to_string()));
    let found = circles(edges);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let imports = this_crate().imports();
    let found = circles(imports.into_iter().map(|import| (import.from, import.to)));
    assert!(found.is_empty(), "{} circles: {found:#?}", found.len());
}

/// A crate of three modules, with `eval/sts.rs` as given.
fn small(sts: &str) -> Crate {
    let files = [
        (
            "lib.rs",
            "pub mod error;\npub mod eval;\npub mod train;\npub use error::{Error, Kind};",
        ),
        ("error.rs", "pub struct Error; pub enum Kind {}"),
        ("train.rs", "pub struct Run;"),
        (
            "eval/mod.rs",
            "mod sts;\nmod pairs;\npub use pairs::Pairs;\npub const SCALE: f64 = 5.;",
        ),
        ("eval/pairs.rs", "pub struct Pairs;"),
        ("eval/sts.rs", sts),
    ];
    Crate::new(files.map(|(path, source)| (path.to_string(), source.to_string())))
}

fn allowing(imports: &str) -> AllowList {
    allow_list(&format!(
        "\n## Modules\n\n| `error.rs` | | |\n| `train.rs` | * | |\n| `eval/` | {imports} | |\n"
    ))
}

#[test]
fn a_forbidden_import_is_found_however_it_is_spelled() {
    for bad in [
        "//! Sts.\n\nuse crate::train::Run;",
        "use crate::{\n error::Error, train::{Run, Run as Plan}};",
        "fn f(x: &crate::train::Run) {}",
        "pub(crate) use crate :: train;",
        "use super::super::train::Run;",
        "const Q: char = '\"'; use crate::train; const R: char = '\"';",
        "fn f<'a>(x: &'a u8) { twindrop::train::run(x) }",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::train;",
    ] {
        let found = violations(&small(bad), &allowing(""));
        assert!(!found.is_empty() && found[0].contains("import train"), "{bad}: {found:?}");
        assert_eq!(violations(&small(bad), &allowing("train")), [""; 0], "{bad}");
    }
    let line = violations(&small("//! Sts.\n\nuse crate::train::Run;"), &allowing(""));
    assert_eq!(line, ["eval may not import train (src/eval/sts.rs:3)"]);
}

#[test]
fn what_is_no_import_passes() {
    for good in [
        "use crate::{Error, error::Kind};",
        "pub(in crate::eval) fn f() {} use super::Pairs; use super::pairs;",
        "/// As [`crate::train`].\n// use crate::train;\n/* crate::train::a */ fn f() {}",
        "const A: &str = \"crate::train::a \\\" crate::cli\"; const B: &str = r#\"crate::train::\"x\"#;",
        "#[cfg(test)]\nmod tests {\n use crate::train::Run; fn f() { { } }\n}",
        "#[cfg(test)]\nuse crate::train::Run;",
    ] {
        assert_eq!(violations(&small(good), &allowing("")), [""; 0], "{good}");
    }
}

#[test]
fn a_circle_goes_through_the_file_a_name_comes_from() {
    let files = |sts: &str, parent: &str| {
        let files = [
            ("lib.rs", "pub mod eval;"),
            ("eval/mod.rs", parent),
            ("eval/pairs.rs", "use super::Table; pub struct Pairs;"),
            ("eval/sts.rs", sts),
        ];
        let krate = Crate::new(files.map(|(path, source)| (path.into(), source.into())));
        circles(krate.imports().into_iter().map(|import| (import.from, import.to)))
    };
    let parent = "mod sts;\nmod pairs;\npub use sts::Table;\npub use pairs::Pairs;";
    assert_eq!(files("pub struct Table;", parent), Vec::<Vec<String>>::new());
    let pair = [["eval/pairs.rs".to_string(), "eval/sts.rs".to_string()]];
    assert_eq!(files("use super::Pairs; pub struct Table;", parent), pair);
    let parent = "mod sts;\nmod pairs;\nuse pairs::Pairs;\npub struct Table(Pairs);";
    assert_eq!(files("", parent), [["eval/mod.rs".to_string(), "eval/pairs.rs".to_string()]]);
}
