//! A suite: which sets are evaluated together, and where their files may lie.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::pairs::PairSet;
use crate::data::{Dataset, Format, ReadOptions, Scale, Scored, Subset, read, read_scored};
use crate::error::{Error, ErrorKind, Result};
use crate::io;

/// The suites that come with the program.
const BUILT_IN: [(&str, &str); 5] = [
    ("clue", include_str!("../../eval/suites/clue.toml")),
    ("glue", include_str!("../../eval/suites/glue.toml")),
    ("senteval-transfer", include_str!("../../eval/suites/senteval-transfer.toml")),
    ("sts", include_str!("../../eval/suites/sts.toml")),
    ("sts-zh", include_str!("../../eval/suites/sts-zh.toml")),
];

/// Sets of scored pairs that are evaluated together. As a file:
///
/// ```
/// use std::path::Path;
/// use twindrop::eval::Suite;
///
/// let text = r#"
///     [[set]]
///     name = "support"
///     title = "Support questions"    # what a table calls it
///     card = "support.md"            # who made it, under which licence
///     files = ["support.tsv", "raw"] # where it may lie: the first there is read
///     subsets = ["mail", "chat"]     # or "every" that the file tells, or all "joined"
///     score-scale = "1..5"
/// "#;
/// let suite = Suite::parse(text, Path::new("own.toml"))?;
/// assert_eq!((suite.name.as_str(), suite.sets[0].files.len()), ("own", 2));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Its name; that of its file by default.
    #[serde(default)]
    pub name: String,
    /// What is done with its sets.
    #[serde(default)]
    pub task: SuiteTask,
    /// Its sets in the order of the table.
    #[serde(rename = "set")]
    pub sets: Vec<SuiteSet>,
}

/// What a suite does with its sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteTask {
    /// Correlates similarities with the scores of pairs: `"sts"`.
    #[default]
    Sts,
    /// Fits a [`ProbeEvaluator`](super::ProbeEvaluator) to texts or pairs with a class: `"probe"`.
    Probe,
    /// Evaluates trained classifiers and regressors, one for each set: `"classification"`.
    Classification,
}

/// A set of a suite.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuiteSet {
    /// The prefix of its figures.
    pub name: String,
    /// What a table calls it; its name by default.
    pub title: Option<String>,
    /// Its dataset card.
    pub card: Option<String>,
    /// Files or folders within the directory of the data, of which the first there is read.
    /// `a + b` are both, one after the other. Of a probe without `train` this is the whole set, which is
    /// cross-validated, else the test set.
    pub files: Vec<String>,
    /// Where the training set of a probe may lie, likewise.
    #[serde(default)]
    pub train: Vec<String>,
    /// Where the development set of a probe may lie, likewise.
    #[serde(default)]
    pub dev: Vec<String>,
    /// Which subsets it has.
    #[serde(default)]
    pub subsets: Subsets,
    /// What the columns are, as in [`ReadOptions::columns`].
    pub columns: Option<Vec<String>>,
    /// How fields are separated, where the extension does not say.
    pub data_format: Option<Format>,
    /// Whether the first line names the columns, where it does not show.
    pub header: Option<bool>,
    /// The range of the scores.
    pub score_scale: Option<Scale>,
    /// The metric of a classifier that a table shows; the accuracy by default.
    pub metric: Option<String>,
}

/// Which subsets of a file make a set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum Subsets {
    /// All that the file names: `"every"`.
    #[default]
    Every,
    /// One, whatever the file names: `"joined"`.
    Joined,
    /// These, in this order; what else the file has is left out. `OnWN` is `surprise.OnWN` too.
    Named(Vec<String>),
}

impl TryFrom<toml::Value> for Subsets {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let wrong = || "subsets: expected \"every\", \"joined\" or a list of names".to_string();
        match value {
            toml::Value::String(word) if word == "every" => Ok(Self::Every),
            toml::Value::String(word) if word == "joined" => Ok(Self::Joined),
            toml::Value::Array(names) if !names.is_empty() => {
                let names = names.into_iter().map(|name| name.try_into().map_err(|_| wrong()));
                names.collect::<Result<_, _>>().map(Self::Named)
            }
            _ => Err(wrong()),
        }
    }
}

impl Suite {
    /// The names of the suites that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The suite of a name, or in a file that ends in `.toml`.
    ///
    /// # Errors
    /// Where there is none, or a key or value of its file is unknown or wrong.
    pub fn open(suite: &str) -> Result<Self> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == suite) {
            return Self::parse(
                text,
                &Path::new("eval/suites").join(name).with_extension("toml"),
            );
        }
        let path = Path::new(suite);
        if path.extension().is_none_or(|end| end != "toml") {
            let known: Vec<&str> = Self::names().collect();
            let known = known.join(", ");
            return Err(Error::config(format!(
                "suite `{suite}` is unknown: use {known}, or a file of your own in .toml"
            )));
        }
        let text = io::read_text(path, io::CONFIGURATION)?;
        Self::parse(&text, path)
    }

    /// The suite in `text`; errors call it `path`.
    ///
    /// # Errors
    /// Where a key or value is unknown or wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut suite: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
            let line = before.matches('\n').count() as u64 + 1;
            Error::line(path, line, error.message().replace('\n', ", "))
        })?;
        if suite.name.is_empty() {
            suite.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        }
        if suite.sets.is_empty() {
            return Err(Error::data(path, "no sets; a suite file needs at least one [[set]]"));
        }
        for (place, set) in suite.sets.iter().enumerate() {
            let name = &set.name;
            if suite.sets[..place].iter().any(|other| other.name == *name) {
                return Err(Error::data(path, format!("duplicate set name {name}")));
            }
            if name.is_empty() || set.files.is_empty() {
                return Err(Error::data(path, format!("set `{name}` needs a name and files")));
            }
        }
        Ok(suite)
    }

    /// The same with only the sets of these names; with all where none are given.
    ///
    /// # Errors
    /// Where it has no set of a name.
    pub fn only(mut self, names: &[String]) -> Result<Self> {
        let has = |name: &str| self.sets.iter().any(|set| set.name == name);
        if let Some(name) = names.iter().find(|name| !has(name)) {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            let (suite, known) = (&self.name, known.join(", "));
            return Err(Error::config(format!(
                "suite {suite} has no set `{name}`; it has {known}"
            )));
        }
        self.sets.retain(|set| names.is_empty() || names.contains(&set.name));
        Ok(self)
    }

    /// The pairs of every set, from the files within `directory`.
    ///
    /// # Errors
    /// Where a set is not there, naming the files looked for; or as [`read_scored`].
    pub fn read(&self, directory: &Path) -> Result<Vec<PairSet>> {
        let files = self.find(directory)?;
        self.sets.iter().zip(&files).map(|(set, path)| set.read(path)).collect()
    }

    /// The examples of every set, from the files within `directory`.
    ///
    /// # Errors
    /// Where a set is not there, naming the files looked for; or as [`read`](crate::data::read).
    pub fn read_labelled(&self, directory: &Path) -> Result<Vec<Dataset>> {
        let files = self.find(directory)?;
        self.sets.iter().zip(&files).map(|(set, path)| read(path, &set.options())).collect()
    }

    /// The file of every set within `directory`.
    fn find(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let found = self.sets.iter().map(|set| set.find(directory));
        let found: Vec<Option<PathBuf>> = found.collect();
        if found.iter().any(Option::is_none) {
            let found: Vec<bool> = found.iter().map(Option::is_some).collect();
            return Err(self.missing(directory, &found));
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// That sets are not there: those not `found`.
    pub(super) fn missing(&self, directory: &Path, found: &[bool]) -> Error {
        let missing = self.sets.iter().zip(found).filter(|(_, found)| !**found);
        let missing: Vec<&SuiteSet> = missing.map(|(set, _)| set).collect();
        let names: Vec<&str> = missing[1..].iter().map(|set| set.name.as_str()).collect();
        let rest = if names.is_empty() {
            String::new()
        } else {
            format!(", nor {}", names.join(", "))
        };
        let (directory, first) = (directory.display(), missing[0]);
        let files = [&first.train, &first.dev, &first.files].map(|files| files.iter());
        let files: Vec<&str> = files.into_iter().flatten().map(String::as_str).collect();
        let (name, files) = (&first.name, files.join(", "));
        let message = format!(
            "{directory} has no {name}: looked for {files}{rest}; \
             give --data-dir, or choose sets with --only"
        );
        Error::new(ErrorKind::Data, message)
    }
}

impl SuiteSet {
    /// The first of its files that is there.
    fn find(&self, directory: &Path) -> Option<PathBuf> {
        self.files.iter().map(|file| directory.join(file)).find(|path| path.exists())
    }

    /// How its files are read.
    pub(super) fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.data_format,
            header: self.header,
            columns: self.columns.clone(),
            scale: self.score_scale,
            ..ReadOptions::default()
        }
    }

    fn read(&self, path: &Path) -> Result<PairSet> {
        let scored = read_scored(path, &self.options())?;
        let named = scored.subsets.iter().any(|subset| !subset.name.is_empty());
        let divided = named || !matches!(self.subsets, Subsets::Named(_));
        let subsets = match &self.subsets {
            Subsets::Named(names) if named => chosen(scored.subsets, names, path)?,
            Subsets::Joined => vec![joined(scored.subsets)],
            _ => scored.subsets,
        };
        let title = self.title.clone().unwrap_or_else(|| self.name.clone());
        let (path, scale, report) = (path.into(), scored.scale, scored.report);
        let set = PairSet::new(&self.name, Scored { path, scale, subsets, report });
        Ok(PairSet { title, divided, ..set })
    }
}

/// The subsets of these names, in this order.
fn chosen(subsets: Vec<Subset>, names: &[String], path: &Path) -> Result<Vec<Subset>> {
    let known: Vec<&str> = subsets.iter().map(|subset| subset.name.as_str()).collect();
    let place = |name: &String| {
        let same = |other: &&str| {
            let rest = other.strip_suffix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        known.iter().position(same).ok_or_else(|| {
            let known = known.join(", ");
            Error::data(path, format!("no subset `{name}`; it has {known}"))
        })
    };
    let places = names.iter().map(place).collect::<Result<Vec<_>>>()?;
    let subset = |(place, name): (usize, &String)| Subset {
        name: name.clone(), // as the suite spells it
        ..subsets[place].clone()
    };
    Ok(places.into_iter().zip(names).map(subset).collect())
}

/// All pairs in one subset without a name.
fn joined(subsets: Vec<Subset>) -> Subset {
    subsets.into_iter().fold(Subset::default(), |mut joined, subset| {
        joined.pairs.extend(subset.pairs);
        joined.gold.extend(subset.gold);
        joined
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Suite> {
        Suite::parse(text, Path::new("own.toml"))
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_suites_that_come_along_are_sound() {
        for name in Suite::names() {
            let suite = Suite::open(name).unwrap();
            assert_eq!(suite.name, name);
            for set in suite.sets {
                let card = set.card.expect("a card");
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join(card);
                let text = std::fs::read_to_string(&path).expect("its card");
                assert!(text.contains("Licence") && text.contains("Source"), "{path:?}");
            }
        }
        assert_eq!(Suite::open("senteval-transfer").unwrap().task, SuiteTask::Probe);
        let sts = Suite::open("sts").unwrap();
        let names: Vec<&str> = sts.sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names, ["sts12", "sts13", "sts14", "sts15", "sts16", "stsb", "sickr"]);
        let subsets = sts.sets.iter().map(|set| match &set.subsets {
            Subsets::Named(names) => names.len(),
            _ => 0,
        });
        assert_eq!(subsets.collect::<Vec<_>>(), [5, 3, 6, 5, 5, 0, 0]);
    }

    #[test]
    fn a_suite_that_cannot_be_says_why() {
        assert_eq!(
            complaint("set = []"),
            "own.toml: no sets; a suite file needs at least one [[set]]"
        );
        let two = "[[set]]\nname = \"a\"\nfiles = [\"f\"]\n";
        assert_eq!(complaint(&two.repeat(2)), "own.toml: duplicate set name a");
        assert!(
            complaint("[[set]]\nname = \"a\"\nfiles = []\n").contains("needs a name and files")
        );
        let error = complaint(&format!("{two}subset = 1\n"));
        assert!(error.starts_with("own.toml:4: unknown field `subset`"), "{error}");
        let error = complaint(&format!("{two}subsets = \"some\"\n"));
        assert!(error.contains("expected \"every\", \"joined\" or a list"), "{error}");
        let error = Suite::open("sts17").unwrap_err().to_string();
        assert!(
            error.contains(
                "`sts17` is unknown: use clue, glue, senteval-transfer, sts, sts-zh, or"
            ),
            "{error}"
        );
    }

    #[test]
    fn only_some_sets_are_kept_in_the_order_of_the_suite() {
        let only = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            Suite::open("sts").unwrap().only(&names)
        };
        let suite = only(&["stsb", "sts12"]).unwrap();
        let names: Vec<&str> = suite.sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names, ["sts12", "stsb"]);
        assert_eq!(only(&[]).unwrap().sets.len(), 7);
        let error = only(&["sts12", "sts11"]).unwrap_err().to_string();
        assert!(
            error.starts_with("suite sts has no set `sts11`; it has sts12, sts13"),
            "{error}"
        );
    }

    #[test]
    fn subsets_are_named_with_and_without_what_stands_before_a_dot() {
        let named = |name: &str| Subset { name: name.into(), ..Subset::default() };
        let file = vec![named("surprise.OnWN"), named("MSRvid"), named("SMT")];
        let names = ["MSRvid".to_string(), "OnWN".to_string()];
        let subsets = chosen(file.clone(), &names, Path::new("f")).unwrap();
        assert_eq!(subsets, [named("MSRvid"), named("OnWN")]);
        let error = chosen(file, &["WN".to_string()], Path::new("f")).unwrap_err().to_string();
        assert_eq!(error, "f: no subset `WN`; it has surprise.OnWN, MSRvid, SMT");
    }
}
