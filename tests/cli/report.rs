//! The report of a run: a page that stands alone, whatever sentences it shows.

use roxmltree::{Document, ParsingOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use twindrop::data::{ReadOptions, read};
use twindrop::report::plot::{ColorRole, Mark};
use twindrop::report::{Report, ReportOptions};

use crate::support::{TestDir, files, succeed, tiny};

/// Sentences that would break a page, or its reader.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script> </style> </table> <!-- a cat",
    "\"'>&amp;&#60;<img src=x onerror=alert(1)> & a dog",
    "\u{202e}evil\u{2066} right to left \u{200f}א",
    "a nul \0 and an escape \u{1b}[31m and a bell \u{7}",
    "https://example.org/x.js url(http://example.org) @import",
    "<![CDATA[ ]]> \u{ffff} &lt; -->",
    "LONG",
];

fn word() -> String {
    "x".repeat(10_000)
}

/// Scored pairs, each hostile sentence among them.
fn pairs() -> String {
    let mut rows = String::from("sentence1\tsentence2\tscore\n");
    for (place, score) in (0..24).zip([4.5, 0.5, 3.0, 1.5, 5.0, 2.0].into_iter().cycle()) {
        let hostile = HOSTILE[place % HOSTILE.len()].replace("LONG", &word());
        rows += &format!("{hostile} {place}\tthe man number {place} plays\t{score}\n");
    }
    rows
}

/// A directory with two runs of a few steps from `base`, and their data.
fn place() -> &'static TestDir {
    static PLACE: OnceLock<TestDir> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = TestDir::new();
        place.write("pairs.tsv", pairs());
        let set = read(&place.path("pairs.tsv"), &ReadOptions::default()).expect("pairs");
        tiny(set.sentences(), 1).save_pretrained(place.path("base")).expect("a model");
        for (objective, run) in [("rdrop", "run<b>1"), ("simcse", "other")] {
            let flags = "train --model base --data pairs.tsv --dev pairs.tsv --test pairs.tsv \
                --max-steps 4 --eval-steps 2 --batch-size 4 --learning-rate 1e-3 --quiet";
            place.run(&format!("{flags} --objective {objective} --output-dir {run}"));
        }
        place
    })
}

/// The page of some flags, in a file of its own.
fn page(name: &str, flags: &str) -> String {
    let mut program = place().program(&format!("report {flags} --bootstrap 200 -o"));
    succeed(program.arg(name));
    place().read_to_string(name)
}

fn both() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| page("both.html", "run<b>1 other"))
}

/// The page is XML as well as HTML, so that a strict reader can say whether it is whole.
fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_page_is_whole_and_every_part_of_it_is_there() {
    let document = parsed(both());
    let ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "an id for one thing only");
    for section in [
        "results",
        "comparison",
        "training",
        "agreement",
        "geometry",
        "pairs",
        "settings",
        "provenance",
    ] {
        assert!(unique.contains(section), "no {section}");
    }
    for node in document.descendants() {
        let link = node.attribute("href").and_then(|link| link.strip_prefix('#'));
        assert!(link.is_none_or(|link| unique.contains(link)), "{link:?} leads nowhere");
        for id in node.attribute("aria-labelledby").unwrap_or("").split_whitespace() {
            assert!(unique.contains(id), "{id} names nothing");
        }
    }
    let count = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!(count("h1"), 1);
    assert_eq!(count("svg"), count("title") - 1, "every picture has a title");
    assert_eq!(count("svg"), count("desc"), "every picture is described");
    // results; dev curves and change; 2 × (loss, two terms or none, rate, norm, dev, rank);
    // 2 × (dots, bars) before and after; 2 × two spectra
    assert!(count("svg") > 20, "{} pictures", count("svg"));
}

#[test]
fn a_page_refers_to_nothing_and_runs_nothing() {
    let document = parsed(both());
    for node in document.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        let refused = [
            "script", "link", "iframe", "img", "object", "embed", "base", "form", "image",
            "use",
        ];
        assert!(!refused.contains(&name), "<{name}>");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "src", "{name}={value}");
            assert!(name != "href" || value.starts_with('#'), "{name}={value}");
            assert!(name != "style", "{name}={value}");
        }
    }
    let style = document.descendants().filter(|node| node.has_tag_name("style"));
    let style: String = style.filter_map(|node| node.text()).collect();
    assert!(style.contains("prefers-color-scheme") && style.contains("@media print"));
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("http"));
}

#[test]
fn hostile_sentences_are_shown_and_do_nothing() {
    let document = parsed(both());
    let isolated = document.descendants().filter(|node| node.has_tag_name("bdi"));
    let shown: Vec<&str> = isolated.filter_map(|node| node.text()).collect();
    for sentence in &HOSTILE[..6] {
        let seen = sentence
            .replace('\0', "␀")
            .replace('\u{1b}', "␛")
            .replace('\u{7}', "␇")
            .replace('\u{ffff}', "\u{fffd}");
        assert!(
            shown.iter().any(|expected| expected.starts_with(&seen)),
            "{sentence:?} is not shown"
        );
    }
    let long = shown.iter().filter(|expected| expected.contains(&word()));
    assert!(long.count() > 0, "a long word is kept whole");
    let heads = document.descendants().filter(|node| node.has_tag_name("h3"));
    assert!(
        heads.flat_map(|node| node.descendants()).any(|node| node.text() == Some("run<b>1"))
    );
}

#[test]
fn a_page_is_the_same_for_any_number_of_threads() {
    let of =
        |threads: &str| page("threads.html", &format!("run<b>1 other --threads {threads}"));
    assert!(of("1") == of("2"), "the bytes differ");
}

#[test]
fn figures_are_those_that_eval_prints() {
    let flags = "eval --model other --data pairs.tsv --format json --bootstrap 0";
    let printed = place().run(flags).stdout;
    let json: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let options = ReportOptions { bootstrap: draws(100), ..ReportOptions::default() };
    let report = report(&["other"], &options);
    let (_, set) = report.runs[0].telling().expect("a set");
    let found = &set.after.as_ref().expect("figures").assessment.sets[0];
    for (estimate, name) in found.iter().zip(["spearman_cosine", "pearson_cosine"]) {
        assert_eq!(estimate.value.as_ref().ok().copied(), json[name].as_f64(), "{name}");
        assert!(estimate.value.is_ok() && estimate.interval.is_some());
    }
}

fn draws(draws: usize) -> twindrop::eval::Bootstrap {
    twindrop::eval::Bootstrap { draws, ..Default::default() }
}

/// A report of runs, whose paths are told from the place they lie in.
fn report(runs: &[&str], options: &ReportOptions) -> Report {
    let paths: Vec<PathBuf> = runs.iter().map(|run| place().path(run)).collect();
    let at = |config: twindrop::train::DataConfig| twindrop::train::DataConfig {
        path: place().path("pairs.tsv"),
        ..config
    };
    let file = || Some(at(twindrop::train::DataConfig::of("pairs.tsv")));
    let model = Some(place().path("base").to_string_lossy().into_owned());
    let options = ReportOptions { dev: file(), test: file(), model, ..options.clone() };
    Report::of(&paths, &options).expect("a report")
}

#[test]
fn before_is_the_base_and_the_change_is_their_difference() {
    let options = ReportOptions { bootstrap: draws(100), ..ReportOptions::default() };
    let report = report(&["other"], &options);
    let set = report.runs[0].sets[1].1.as_ref().expect("a test set");
    let value = |found: &twindrop::report::PairScores| {
        found.assessment.sets[0][0].value.clone().expect("a figure")
    };
    let (before, after) =
        (set.before.as_ref().expect("a base"), set.after.as_ref().expect("a model"));
    let change = set.change.as_ref().expect("a change").sets[0][0].value.expect("a figure");
    assert!((value(after) - value(before) - change).abs() < 1e-12);
    assert_ne!(before.cosines(), after.cosines(), "training changed the model");
}

#[test]
fn what_cannot_be_had_is_said_in_its_place() {
    let place = place();
    let settings = "model = \"gone\"\ndev = \"gone.tsv\"\ntest = \"pairs.tsv\"\n";
    place.write("bare/run.toml", settings);
    place.write("bare/provenance.json", "{\"seed\": 7, \"command\": [\"a b\"]}");
    let log = "{\"event\":\"started\",\"steps\":9,\"parameters\":1}\n{\"ev";
    place.write("bare/log.jsonl", log);
    let page = page("bare.html", "bare");
    let text: String =
        parsed(&page).descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
    for expected in [
        "gone.tsv: no such file",
        "--dev FILE",
        "No results before training",
        "No results after training",
        "0 of 9 steps",
        "1 line of log.jsonl could not be read",
        "'a b'",
        "Unknown: twindrop, threads, cpu",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    fs::remove_file(place.path("bare/log.jsonl")).expect("a file");
    let page = self::page("bare.html", "bare --no-eval");
    assert!(page.contains("No training curves: ") && page.contains("log.jsonl"));
    assert!(!page.contains("id=\"agreement\""));
}

#[test]
fn an_undefined_figure_says_why() {
    let same = "a b\tc d\t3\na b\tc d\t3\ne f\tg h\t3\n";
    place().write("same.tsv", same);
    let page = page("same.html", "other --test same.tsv --score-scale 0..5");
    parsed(&page);
    assert!(page.contains("undefined<small>all gold scores are equal"), "no reason");
    assert!(page.contains("ρ is undefined"));
    assert!(page.contains("Rank errors are undefined: all gold scores are equal."));
    assert!(!page.contains("NaN") && !page.contains("inf<"));
}

/// The plots of a run of the program, each by its name without `extension`.
fn plots(extension: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = format!("plots-{extension}");
    page(&format!("{folder}.html"), &format!("other --plots {folder}"));
    let named = |(name, content): (String, Vec<u8>)| {
        Some((name.strip_suffix(&format!(".{extension}"))?.to_string(), content))
    };
    files(place().path(folder)).into_iter().filter_map(named).collect()
}

const PLOTS: [&str; 6] =
    ["results", "loss", "dev", "scatter-after", "cosines-before", "spectrum"];

#[test]
fn plots_are_written_as_svg() {
    let plots = plots("svg");
    for (name, svg) in &plots {
        let svg = str::from_utf8(svg).expect("UTF-8");
        let document = Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document.root_element().tag_name().name(), "svg");
        assert!(!svg.contains("var(") && svg.contains("<style>"));
    }
    assert!(PLOTS.iter().all(|name| plots.contains_key(*name)), "{:?}", plots.keys());
}

#[cfg(feature = "png")]
#[test]
fn plots_are_written_as_png_too() {
    let bitmaps = plots("png");
    assert!(bitmaps.values().all(|png| png.starts_with(b"\x89PNG\r\n\x1a\n")));
    assert!(bitmaps.keys().eq(plots("svg").keys()), "{:?}", bitmaps.keys());
}

#[test]
fn no_mark_of_a_picture_is_outside_of_it() {
    let options = ReportOptions { bootstrap: draws(100), ..ReportOptions::default() };
    for plot in report(&["run<b>1", "other"], &options).plots() {
        for mark in &plot.marks {
            let points = match mark {
                Mark::Line { points, .. }
                | Mark::Area { points, .. }
                | Mark::Dots { points, .. } => points.clone(),
                Mark::Text(text) => {
                    assert!(text.color != ColorRole::Paper, "{}: words nobody sees", plot.name);
                    vec![text.at]
                }
            };
            for [x, y] in points {
                let within =
                    (0. ..=plot.width).contains(&x) && (0. ..=plot.height).contains(&y);
                assert!(within, "{}: {mark:?}", plot.name);
            }
        }
    }
}
