//! The folders and files that SentEval downloads, as they come.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, Read};
use std::path::Path;

use crate::data::formats::lines::{LONGEST, Lines};
use crate::data::formats::source::open;
use crate::data::{Format, ReadOptions, Scale};
use crate::error::{Error, Result};

/// Pairs of one origin, and their gold similarity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subset {
    /// Its name; empty where the file has none.
    pub name: String,
    /// Both sentences of each pair.
    pub pairs: Vec<(String, String)>,
    /// A score for each pair.
    pub gold: Vec<f64>,
}

/// The subsets in a folder of `STS.input.X.txt` (two sentences and a tab between them) and
/// `STS.gs.X.txt` (a score, or nothing where the pair has none), by name; and how many pairs have
/// none.
pub(in crate::data) fn folder(path: &Path) -> Result<(Vec<Subset>, u64)> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(|error| Error::io(path, error))? {
        let entry = entry.map_err(|error| Error::io(path, error))?;
        names.extend(entry.file_name().to_str().and_then(input).map(String::from));
    }
    if names.is_empty() {
        let message = "is a directory without STS.input.….txt and STS.gs.….txt";
        return Err(Error::data(path, message));
    }
    let (mut subsets, mut unscored) = (Vec::new(), 0);
    for name in names {
        let (subset, without) = subset(path, &name)?;
        subsets.push(subset);
        unscored += without;
    }
    Ok((subsets, unscored))
}

/// The subset whose input a file of this name is.
fn input(file: &str) -> Option<&str> {
    file.strip_prefix("STS.input.")?.strip_suffix(".txt")
}

fn subset(folder: &Path, name: &str) -> Result<(Subset, u64)> {
    let file = |kind: &str| folder.join(format!("STS.{kind}.{name}.txt"));
    let inputs = lines(&file("input"))?;
    let scores = lines(&file("gs"))?;
    let mut subset = Subset { name: name.into(), ..Subset::default() };
    if inputs.len() != scores.len() {
        let (lines, scores) = (inputs.len(), scores.len());
        let message = format!(
            "{scores} lines, but its input has {lines}; a pair without a score needs a blank line"
        );
        return Err(Error::data(&file("gs"), message));
    }
    let rows = inputs.iter().zip(&scores).zip(1..).filter(|((_, score), _)| !score.is_empty());
    for ((pair, score), line) in rows {
        let value: Option<f64> = score.parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| {
            Error::line(&file("gs"), line, format!("score \"{score}\" is not a finite number"))
        })?;
        let mut sentences = pair.split('\t').map(str::trim);
        match (sentences.next(), sentences.next()) {
            (Some(left), Some(right)) if !left.is_empty() && !right.is_empty() => {
                subset.pairs.push((left.into(), right.into()));
                subset.gold.push(value);
            }
            _ => {
                let message = "expected two sentences and a tab between them";
                return Err(Error::line(&file("input"), line, message));
            }
        }
    }
    if subset.pairs.is_empty() {
        return Err(Error::data(&file("gs"), "no scores"));
    }
    let unscored = (inputs.len() - subset.pairs.len()) as u64;
    Ok((subset, unscored))
}

/// All lines of a file, trimmed.
fn lines(path: &Path) -> Result<Vec<String>> {
    let mut lines = Lines::new(open(path)?.reader, path);
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push(line.trim_matches(['\n', '\r', ' ']).to_string());
    }
    Ok(all)
}

/// How to read a single file of SentEval's; nothing where it is none.
///
/// `sts-{train,dev,test}.csv`: genre, file, year, number, score and two sentences between tabs,
/// whatever its extension says. `SICK_….txt`: number, two sentences, score, label, with a header.
pub(in crate::data) fn options(path: &Path) -> Result<Option<ReadOptions>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let benchmark = name.starts_with("sts-") && name.ends_with(".csv");
    let sick = name.starts_with("SICK_") && name.ends_with(".txt");
    if !benchmark && !sick {
        return Ok(None);
    }
    let (mut first, source) = (Vec::new(), open(path)?.reader);
    let read = source.take(LONGEST as u64).read_until(b'\n', &mut first);
    read.map_err(|error| Error::io(path, error))?;
    let tabs = first.iter().filter(|&&byte| byte == b'\t').count();
    let known = |columns: &str, header, low| ReadOptions {
        format: Some(Format::Tsv),
        header: Some(header),
        columns: Some(columns.split(' ').map(String::from).collect()),
        scale: Some(Scale { low, high: 5. }),
        ..ReadOptions::default()
    };
    Ok(match () {
        () if benchmark && tabs >= 6 => {
            Some(known("_ _ _ _ score sentence1 sentence2 ..", false, 0.))
        }
        () if sick && tabs >= 3 => Some(known("_ sentence1 sentence2 score ..", true, 1.)),
        () => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read_scored;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn of(files: &[(&str, &str)]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                fs::write(folder.0.path().join(name), text).unwrap();
            }
            folder
        }

        fn read(&self, name: &str) -> Result<Vec<Subset>> {
            let path = self.0.path().join(name);
            read_scored(&path, &ReadOptions::default()).map(|scored| scored.subsets)
        }

        /// What is wrong, without the way to the folder.
        fn complaint(&self, name: &str) -> String {
            let way = self.0.path().display().to_string();
            self.read(name).unwrap_err().to_string().replace(&way, "")
        }
    }

    fn subset(name: &str, pairs: &[(&str, &str)], gold: &[f64]) -> Subset {
        let pairs = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        Subset { name: name.into(), pairs, gold: gold.into() }
    }

    #[test]
    fn pairs_without_a_score_are_left_out_of_a_folder() {
        let folder = Folder::of(&[
            ("STS.input.b.txt", "\"a\tc\"\r\nd\te\nf\tg\tsource\nh\ti\n"),
            ("STS.gs.b.txt", "4.5\r\n\n0\n\n"),
            ("STS.input.a.txt", "x\ty"),
            ("STS.gs.a.txt", "1"),
            ("readme.txt", "not a subset"),
        ]);
        let expected = [
            subset("a", &[("x", "y")], &[1.]),
            subset("b", &[("\"a", "c\""), ("f", "g")], &[4.5, 0.]),
        ];
        assert_eq!(folder.read("").unwrap(), expected);
    }

    #[test]
    fn what_a_folder_lacks_is_named() {
        let complaint = |files: &[(&str, &str)]| Folder::of(files).complaint("");
        assert!(complaint(&[]).contains("without STS.input"));
        let input = ("STS.input.a.txt", "x\ty\nu\tv\n");
        assert_eq!(complaint(&[input]), "/STS.gs.a.txt: no such file or directory");
        let error = complaint(&[input, ("STS.gs.a.txt", "1\n")]);
        assert!(error.starts_with("/STS.gs.a.txt: 1 lines, but its input has 2"), "{error}");
        let error = complaint(&[input, ("STS.gs.a.txt", "1\nfour\n")]);
        assert_eq!(error, "/STS.gs.a.txt:2: score \"four\" is not a finite number");
        let error = complaint(&[("STS.input.a.txt", "x y\n"), ("STS.gs.a.txt", "1\n")]);
        assert_eq!(error, "/STS.input.a.txt:1: expected two sentences and a tab between them");
        assert_eq!(complaint(&[input, ("STS.gs.a.txt", "\n\n")]), "/STS.gs.a.txt: no scores");
    }

    #[test]
    fn the_benchmark_has_tabs_whatever_its_extension_says() {
        let rows = "main-news\tMSRpar\t2012\t1\t2.500\ta \"b\", c\td\n\
                    main-news\tMSRpar\t2012\t2\t0\te\tf\tsource\tsource\n";
        let folder = Folder::of(&[("sts-test.csv", rows)]);
        let expected = [subset("", &[("a \"b\", c", "d"), ("e", "f")], &[2.5, 0.])];
        assert_eq!(folder.read("sts-test.csv").unwrap(), expected);
        let other = Folder::of(&[("sts-dev.csv", "sentence1,sentence2,score\na,b,1\n")]);
        assert_eq!(other.read("sts-dev.csv").unwrap(), [subset("", &[("a", "b")], &[1.])]);
    }

    #[test]
    fn sick_has_a_header_and_two_labels() {
        let rows = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\r\n\
                    6\tA b\tC d\t3.3\tNEUTRAL\r\n7\tE\tF\t5\tENTAILMENT\r\n";
        let folder = Folder::of(&[("SICK_test_annotated.txt", rows)]);
        let expected = [subset("", &[("A b", "C d"), ("E", "F")], &[3.3, 5.])];
        assert_eq!(folder.read("SICK_test_annotated.txt").unwrap(), expected);
    }
}
