//! Scored pairs, subset by subset, from any of the layouts in which people keep them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::read::read_with_subsets;
use super::{Dataset, ReadOptions, ReadReport, Scale};
use crate::data::formats::senteval::{self, Subset};
use crate::data::formats::source::open;
use crate::error::Result;

/// The scored pairs of a file or folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Where they came from.
    pub path: PathBuf,
    /// What the scores lie on, given or found out; nothing where they fit no usual scale.
    pub scale: Option<Scale>,
    /// The subsets in the order in which they first occur; a single one without a name where
    /// the file names none.
    pub subsets: Vec<Subset>,
    /// What was decided and left out while it was read.
    pub report: ReadReport,
}

/// Reads scored pairs: a file as [`read`](super::read) does, its subsets by the column of that
/// name; and what SentEval downloads, known by its names: a folder of `STS.input.X.txt` and
/// `STS.gs.X.txt` (pairs without a score left out, a file a subset), `sts-test.csv` (which has
/// tabs) and `SICK_test_annotated.txt`.
///
/// # Errors
/// As [`read`](super::read); and where the examples are not pairs with a score.
pub fn read_scored(path: &Path, options: &ReadOptions) -> Result<Scored> {
    if path.is_dir() {
        let (subsets, skipped_rows) = senteval::folder(path)?;
        let fits = |subset: &Subset| subset.gold.iter().all(|&g| Scale::FIVE.contains(g));
        let scale = subsets.iter().all(fits).then_some(Scale::FIVE);
        let report = ReadReport { path: path.into(), skipped_rows, ..ReadReport::default() };
        return Ok(Scored { path: path.into(), scale, subsets, report });
    }
    let known = if options.columns.is_none() { senteval::options(path)? } else { None };
    let known =
        known.map(|known| ReadOptions { scale: options.scale.or(known.scale), ..known });
    let options = known.as_ref().unwrap_or(options);
    let (dataset, names) = read_with_subsets(open(path)?, path, options)?;
    let subsets = grouped(&dataset, names)?;
    let scale = dataset.scale.filter(|_| dataset.scale_question.is_none());
    Ok(Scored { path: path.into(), scale, subsets, report: dataset.report })
}

/// The pairs of `dataset` by the name of their subset.
fn grouped(dataset: &Dataset, names: Vec<String>) -> Result<Vec<Subset>> {
    dataset.expect_scored_pairs()?;
    let (mut subsets, mut places) = (Vec::<Subset>::new(), HashMap::new());
    let pairs = dataset.texts(0).zip(dataset.texts(1)).zip(dataset.gold());
    for (((left, right), score), name) in pairs.zip(names) {
        let at = *places.entry(name).or_insert_with_key(|name| {
            subsets.push(Subset { name: name.clone(), ..Subset::default() });
            subsets.len() - 1
        });
        subsets[at].pairs.push((left.to_string(), right.to_string()));
        subsets[at].gold.push(score);
    }
    Ok(subsets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(name: &str, text: &str) -> Result<Scored> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read_scored(&path, &ReadOptions::default())
    }

    fn subsets_of(scored: &Scored) -> Vec<(&str, String, &[f64])> {
        let sentences = |subset: &Subset| {
            let pairs = subset.pairs.iter().map(|(left, right)| format!("{left}={right}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let subsets = scored.subsets.iter();
        subsets.map(|s| (s.name.as_str(), sentences(s), s.gold.as_slice())).collect()
    }

    #[test]
    fn a_column_tells_the_subsets_in_order_of_first_appearance() {
        let scored = read("f.tsv", "b\t5\tx\ty\na\t1\tu\tv\nb\t0\tp\tq\n").unwrap();
        let expected: [(&str, String, &[f64]); 2] =
            [("b", "x=y p=q".into(), &[5., 0.]), ("a", "u=v".into(), &[1.])];
        assert_eq!(subsets_of(&scored), expected);
        let json = "{\"sentence1\":\"x\",\"sentence2\":\"y\",\"score\":1,\"subset\":\"s\"}\n\
                    {\"sentence1\":\"p\",\"sentence2\":\"q\",\"score\":0,\"subset\":7}\n";
        let scored = read("f.jsonl", json).unwrap();
        let expected: [(&str, String, &[f64]); 2] =
            [("s", "x=y".into(), &[1.]), ("7", "p=q".into(), &[0.])];
        assert_eq!(subsets_of(&scored), expected);
    }

    #[test]
    fn without_that_column_there_is_one_subset_without_a_name() {
        let scored = read("f.csv", "sentence1,sentence2,score\na,b,1\nc,d,0\n").unwrap();
        assert_eq!(subsets_of(&scored), [("", "a=b c=d".into(), &[1., 0.][..])]);
    }

    #[test]
    fn pairs_without_a_score_are_refused() {
        let error = read("f.tsv", "a\tb\nc\td\n").unwrap_err().to_string();
        assert!(
            error.contains("f.tsv: has anchor, positive, expected pairs with a score; name"),
            "{error}"
        );
    }
}
