//! Reports of what is no run, or into what is no file.

use super::*;

#[test]
fn directories_that_are_no_runs() {
    all_refused(
        "report",
        &[
            ("-o report.html", &["RUN"]),
            ("model", &["--output"]),
            ("nowhere -o report.html", &["nowhere is not a directory"]),
            ("pairs.tsv -o report.html", &["pairs.tsv is not a directory"]),
            ("model -o report.html", &["model is not a run directory", "run.toml"]),
        ],
    );
}

#[test]
fn pages_that_cannot_be_written_and_flags_that_contradict() {
    let place = Place::new();
    place.write("run/run.toml", "model = \"model\"\n");
    place.write("odd/run.toml", "model = \"model\"\nmodle = 3\n");
    for (arguments, expected) in [
        ("run -o report.pdf", &["report.pdf", ".html"][..]),
        ("run -o old", &["old", ".html"]),
        ("run -o nowhere/report.html", &["nowhere/report.html", "no such directory"]),
        ("run -o report.html --plots old.npy", &["old.npy is a file", "--plots"]),
        ("run -o report.html --bootstrap 5", &["--bootstrap 5", "100 to"]),
        ("run -o report.html --columns a,b", &["--columns", "--dev and --test"]),
        ("run -o report.html --dev nothing.tsv", &["nothing.tsv: no such file"]),
        ("run -o report.html --dev text.txt", &["text.txt", "expected pairs with a score"]),
        ("run -o report.html --dev pairs.tsv --model old", &["old"]),
        ("run -o report.html --dev pairs.tsv --no-eval", &["--dev", "--no-eval"]),
        ("odd -o report.html", &["odd/run.toml:2", "modle"]),
    ] {
        place.refuses(&format!("report {arguments}"), expected);
    }
}
