//! The declared list of dependencies is a used list.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in `[dependencies]` and `[target.….dependencies]`, as code spells them.
fn declared(manifest: &toml::Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(|targets| targets.values());
    let tables = tables.filter_map(toml::Value::as_table).chain([manifest]);
    let dependencies = tables.filter_map(|table| table.get("dependencies")?.as_table());
    dependencies.flat_map(toml::Table::keys).map(|name| name.replace('-', "_")).collect()
}

/// The code under a directory, without its comments.
fn code_under(directory: &Path) -> String {
    let mut code = String::new();
    for entry in fs::read_dir(directory).expect("a directory of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            code += &code_under(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(&path).expect("a source file");
            for line in source.lines() {
                code += line.split("//").next().unwrap_or("");
                code.push('\n');
            }
        }
    }
    code
}

/// Dependencies that no path or `use` of the code begins with.
fn unused<'a>(declared: &'a [String], code: &str) -> Vec<&'a str> {
    let named = |name: &&String| {
        let uses = [format!("{name}::"), format!("use {name};"), format!("use {name} as")];
        uses.iter().any(|path| {
            code.match_indices(path.as_str()).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            })
        })
    };
    declared.iter().filter(|name| !named(name)).map(String::as_str).collect()
}

#[test]
fn every_declared_dependency_is_used() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let declared = declared(&manifest.parse().expect("Cargo.toml is TOML"));
    assert!(declared.iter().any(|name| name == "candle_core"), "{declared:?}");
    assert_eq!(unused(&declared, &code_under(&root().join("src"))), [""; 0]);
}

#[test]
fn a_dependency_without_a_path_in_the_code_is_unused() {
    let manifest = "[dependencies]\nhf-hub = \"1\"\ncsv = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nrustix = \"1\"";
    let declared = declared(&manifest.parse().expect("TOML"));
    assert_eq!(unused(&declared, "let my_csv::x; use super::rustix::a;").len(), 3);
    assert_eq!(unused(&declared, "use hf_hub::Api; rustix::fs::sync(); use csv;"), [""; 0]);
}
