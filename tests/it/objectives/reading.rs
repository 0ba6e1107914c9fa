//! A loss is read at a glance.

use std::path::Path;

/// The files of the room, each without its tests.
fn files() -> Vec<(String, String)> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/objective");
    let paths = std::fs::read_dir(&room).expect("src/objective is there").flatten();
    let read = |path: &Path| std::fs::read_to_string(path).expect("a readable file");
    let code = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_string();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_string();
    paths.map(|entry| (name(&entry.path()), code(read(&entry.path())))).collect()
}

/// Each function with the lines between its braces, as rustfmt sets them.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let starts = (0..lines.len()).filter(|&at| is_function(lines[at]));
    let bodies = starts.filter_map(|start| {
        let indent = lines[start].len() - lines[start].trim_start().len();
        let open =
            start + lines[start..].iter().position(|line| line.ends_with(['{', ';', '}']))?;
        let end = format!("{}}}", " ".repeat(indent));
        let close = open + lines[open..].iter().position(|line| *line == end)?;
        let has_body = lines[open].ends_with('{');
        has_body.then(|| (lines[start].trim().to_string(), close - open - 1))
    });
    bodies.collect()
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").unwrap_or(line);
    let line = line.strip_prefix("(super)").unwrap_or(line);
    line.trim_start().starts_with("fn ")
}

#[test]
fn a_file_has_at_most_300_lines_and_a_formula_fewer_than_16() {
    let files = files();
    assert!(files.len() > 15, "{} files", files.len());
    let mut formulas = 0;
    for (file, code) in files {
        let lines = code.lines().count();
        assert!(lines <= 300, "{file} has {lines} lines, expected 300 at most");
        for (function, lines) in functions(&code) {
            assert!(lines < 16, "{file}: {function} has {lines} lines, expected fewer than 16");
            formulas += usize::from(function.contains("Result<Loss>"));
        }
    }
    assert!(formulas > 20, "only {formulas} functions that form a loss were found");
}

#[test]
fn functions_are_counted_between_their_braces() {
    let code = "impl A {\n    fn a(&self);\n\n    pub(super) fn b(\n        x: u8,\n    ) -> u8 {\n        \
                if x > 0 {\n            1\n        }\n    }\n}\nfn c() {\n}\n";
    let found = functions(code);
    assert_eq!(found.iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), [3, 0]);
}
