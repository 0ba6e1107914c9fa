//! The imports of a crate, file by file, and circles among them.

use super::code::{code_of, is_word, words};
use std::collections::{BTreeMap, BTreeSet};

/// A name of one file that another file uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The importing file, relative to `src/`.
    pub from: String,
    /// The line there, from 1.
    pub line: usize,
    /// The file the name comes from.
    pub to: String,
}

impl Import {
    pub fn importer(&self) -> &str {
        top(&self.from)
    }

    pub fn imported(&self) -> &str {
        top(&self.to)
    }
}

fn top(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or(path)
}

type ModulePath = Vec<String>;

struct File {
    path: String,
    code: String,
    /// Re-exported name → where it comes from, as written.
    reexports: BTreeMap<String, Vec<String>>,
}

/// The files of a crate by module.
pub struct Crate {
    files: BTreeMap<ModulePath, File>,
}

/// `eval/sts.rs` and `eval/sts/mod.rs` → `[eval, sts]`; `lib.rs` → `[]`.
fn module_path(path: &str) -> ModulePath {
    let stem = path.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Vec::new() } else { stem.split('/').map(String::from).collect() }
}

impl Crate {
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = files.into_iter().map(|(path, source)| {
            let code = code_of(&source);
            let reexports = reexports(&code);
            (module_path(&path), File { path, code, reexports })
        });
        Self { files: files.collect() }
    }

    /// The top-level modules.
    pub fn modules(&self) -> BTreeSet<String> {
        self.files.keys().filter_map(|path| path.first().cloned()).collect()
    }

    /// Every import of one file from another, `lib.rs` left out.
    pub fn imports(&self) -> Vec<Import> {
        let mut found = BTreeSet::new();
        for (module, file) in self.files.iter().filter(|(module, _)| !module.is_empty()) {
            for (at, path, reexported) in paths(&file.code) {
                let Some(start) = self.absolute(module, &path, reexported) else { continue };
                let Some(to) = self.resolve(start.0, &start.1, 0) else { continue };
                if to != file.path {
                    let line = file.code[..at].matches('\n').count() + 1;
                    found.insert(Import { from: file.path.clone(), line, to });
                }
            }
        }
        found.into_iter().collect()
    }

    /// The module a path starts in and the rest of it; nothing for paths of other crates, and
    /// for a parent's re-export of its child.
    fn absolute(
        &self,
        module: &ModulePath,
        path: &[String],
        reexported: bool,
    ) -> Option<(ModulePath, Vec<String>)> {
        match path.first()?.as_str() {
            "crate" | "twindrop" => Some((Vec::new(), path[1..].to_vec())),
            "self" if !reexported => Some((module.clone(), path[1..].to_vec())),
            "super" => {
                let supers = path.iter().take_while(|word| *word == "super").count();
                let up = module.len().checked_sub(supers)?;
                Some((module[..up].to_vec(), path[supers..].to_vec()))
            }
            child if !reexported && path.len() > 1 => {
                let mut inner = module.clone();
                inner.push(child.to_string());
                self.files.contains_key(&inner).then(|| (inner, path[1..].to_vec()))
            }
            _ => None,
        }
    }

    /// The file that `rest`, seen from `module`, is written in.
    fn resolve(&self, mut module: ModulePath, rest: &[String], depth: usize) -> Option<String> {
        let mut rest = rest;
        while let [next, more @ ..] = rest {
            let mut inner = module.clone();
            inner.push(next.clone());
            if !self.files.contains_key(&inner) {
                break;
            }
            (module, rest) = (inner, more);
        }
        let file = self.files.get(&module)?;
        if let Some(path) = rest.first().and_then(|name| file.reexports.get(name))
            && depth < 8
        {
            let (start, rest) = self.absolute(&module, path, false)?;
            return self.resolve(start, &rest, depth + 1).or(Some(file.path.clone()));
        }
        (!module.is_empty()).then(|| file.path.clone())
    }
}

/// Names that `pub use` brings, with their paths.
fn reexports(code: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (at, path, reexported) in paths(code) {
        let _ = at;
        if reexported && let Some(name) = path.last() {
            found.insert(name.clone(), path);
        }
    }
    found
}

/// Every path of two names or more in the code: where it stands, its names, and whether a
/// `pub use` brings it. The branches of a `use` are paths of their own.
fn paths(code: &str) -> Vec<(usize, Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut end = 0;
    let mut before: [&str; 2] = ["", ""];
    let mut public_until = 0;
    for (at, word) in words(code) {
        if at >= end {
            let is_use = before[1] == "use";
            let public = is_use && (before[0] == "pub" || at < public_until);
            let rest = &code[at + word.len()..];
            // `pub(in crate::a)` is no import
            if before == ["pub", "in"] {
                before = [before[1], word];
                end = at + rest.find(')').map_or(0, |length| word.len() + length);
                continue;
            }
            if is_use || rest.trim_start().starts_with("::") {
                let start = found.len();
                let length = tree(&code[at..], &mut Vec::new(), &mut found, at, public);
                end = at + length;
                if !is_use {
                    found[start..].iter_mut().for_each(|path| path.2 = false);
                }
            }
        }
        if word == "pub" && code[at + 3..].trim_start().starts_with('(') {
            // `pub(crate) use`: public up to the end of the statement
            public_until = code[at..].find(';').map_or(code.len(), |length| at + length);
        }
        before = [before[1], word];
    }
    found.retain(|(_, path, _)| path.len() > 1 || path.first().is_some_and(|w| w == "crate"));
    found
}

/// Reads `a::b::{c, d::e}` and returns how long it is.
fn tree(
    code: &str,
    prefix: &mut Vec<String>,
    found: &mut Vec<(usize, Vec<String>, bool)>,
    at: usize,
    public: bool,
) -> usize {
    let depth = prefix.len();
    let mut length = 0;
    loop {
        let rest = &code[length..];
        let skipped = rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        length += skipped;
        if rest.starts_with('{') {
            length += 1;
            loop {
                let rest = &code[length..];
                length += rest.len()
                    - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
                if code[length..].starts_with('}') || length >= code.len() {
                    length = (length + 1).min(code.len());
                    break;
                }
                let read = tree(&code[length..], prefix, found, at + length, public);
                if read == 0 {
                    length += 1;
                }
                length += read;
            }
            break;
        }
        let name = rest.len() - rest.trim_start_matches(is_word).len();
        if name == 0 {
            length += usize::from(rest.starts_with('*'));
            found.push((at, prefix.clone(), public));
            break;
        }
        prefix.push(rest[..name].to_string());
        length += name;
        let after = code[length..].trim_start();
        if let Some(more) = after.strip_prefix("::") {
            length = code.len() - more.len();
            continue;
        }
        if prefix.last().is_some_and(|last| last == "self") && prefix.len() > 1 {
            prefix.pop();
        }
        found.push((at, prefix.clone(), public));
        // `name as other`
        if let Some(other) = after.strip_prefix("as ") {
            let other = other.trim_start();
            length = code.len() - other.trim_start_matches(is_word).len();
        }
        break;
    }
    prefix.truncate(depth);
    length
}

/// The sets of nodes that reach each other, each sorted; single nodes are none.
pub fn circles(edges: impl IntoIterator<Item = (String, String)>) -> Vec<Vec<String>> {
    let mut next: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in edges.into_iter().filter(|(from, to)| from != to) {
        next.entry(to.clone()).or_default();
        next.entry(from).or_default().insert(to);
    }
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        next.keys().map(|node| (node, reachable(node, &next))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for node in next.keys() {
        let together = reach[node].iter().filter(|other| reach[**other].contains(node));
        let mut circle: Vec<String> = together.map(|other| (*other).clone()).collect();
        circle.sort();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn reachable<'a>(
    start: &'a String,
    next: &'a BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<&'a String> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![start]);
    while let Some(node) = left.pop() {
        for other in &next[node] {
            if seen.insert(other) {
                left.push(other);
            }
        }
    }
    seen
}
