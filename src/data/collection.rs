//! Queries, a corpus, and judgements of which document answers which query.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Format;
use super::classes::quoted;
use super::lines::Lines;
use super::read::open;
use super::row::RowContent;
use super::rows::{kind, rows};
use crate::error::{Error, Result};

/// A query or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEntry {
    /// The name that judgements know it by.
    pub id: String,
    /// What is embedded: of a document with a title, the title and the text.
    pub text: String,
}

/// What a search is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The queries.
    pub queries: Vec<TextEntry>,
    /// The documents; of two that are equally alike, the one that comes first here is first.
    pub corpus: Vec<TextEntry>,
    /// For each query the documents judged, by their places in the corpus in ascending order, and
    /// how well each answers it: above 0 if it does.
    pub judged: Vec<Vec<(usize, f64)>>,
}

impl Collection {
    /// Queries and a corpus with judgements (query, document, score) by their ids.
    ///
    /// # Errors
    /// Where an id comes twice or is not there, a score is not finite, or a pair has two scores.
    pub fn new(
        queries: Vec<TextEntry>,
        corpus: Vec<TextEntry>,
        judgements: &[(&str, &str, f64)],
    ) -> Result<Self> {
        let known = |entries| {
            index(entries).map_err(|[_, again]| {
                let id = quoted(&entries[again].id);
                Error::config(format!("duplicate id {id}"))
            })
        };
        let mut judge = Judge::new(known(&queries)?, known(&corpus)?);
        for (query, document, score) in judgements {
            judge.add(query, document, *score).map_err(Error::config)?;
        }
        let judged = judge.finish();
        Ok(Self { queries, corpus, judged })
    }
}

/// Reads queries, a corpus and judgements. Queries and documents are `id, text` in a `.tsv` or
/// `.csv`, or objects of a `.jsonl` with `_id` (or `id`), `text` and perhaps `title`, as BEIR
/// has them; judgements are `query-id, corpus-id` with a score or without one (which is 1), or
/// TREC's four columns. Each may begin with a header.
///
/// ```no_run
/// use twindrop::data::read_collection;
///
/// let [queries, corpus, qrels] = ["queries.jsonl", "corpus.jsonl", "qrels/test.tsv"];
/// let scifact = read_collection(queries.as_ref(), corpus.as_ref(), qrels.as_ref())?;
/// println!("{} queries, {} documents", scifact.queries.len(), scifact.corpus.len());
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where a file cannot be read, holds nothing, or, naming the line, where a line has other columns,
/// an empty field, an id that came before, one that is not there, or a score that is no number.
pub fn read_collection(queries: &Path, corpus: &Path, qrels: &Path) -> Result<Collection> {
    let (queries, corpus) = (entries(queries)?, entries(corpus)?);
    let mut judge = Judge::new(queries.index()?, corpus.index()?);
    let (mut first, mut some) = (true, false);
    each_row(qrels, |_, record| {
        let RowContent::Cells(cells) = record else {
            return Err("an object, expected query-id, corpus-id and a score".into());
        };
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        if std::mem::take(&mut first) && is_header(&cells) {
            return Ok(());
        }
        some = true;
        let (query, document, score) = match cells[..] {
            [query, document] => (query, document, "1"),
            [query, document, score] | [query, _, document, score] => (query, document, score),
            _ => {
                let (count, names) = (cells.len(), "query-id, corpus-id and a score");
                return Err(format!("{count} columns, expected {names}"));
            }
        };
        let number = score.parse::<f64>();
        let score = number.map_err(|_| format!("score {} is not a number", quoted(score)))?;
        judge.add(query, document, score)
    })?;
    if !some {
        return Err(Error::data(qrels, "no relevance judgements: the file has only a header"));
    }
    let judged = judge.finish();
    Ok(Collection { queries: queries.entries, corpus: corpus.entries, judged })
}

/// The files of a directory laid out as BEIR's: `queries`, `corpus` (`.jsonl` or `.tsv`) and
/// `qrels/SPLIT.tsv`, or `qrels.tsv`.
///
/// # Errors
/// Where one is not there.
pub fn collection_files(directory: &Path, split: &str) -> Result<[PathBuf; 3]> {
    let find = |names: [String; 2]| {
        let [first, second] = names.map(|name| directory.join(name));
        [&first, &second].into_iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
            let words = format!("neither {} nor {} exists", first.display(), second.display());
            Error::config(words)
        })
    };
    Ok([
        find(["queries.jsonl", "queries.tsv"].map(String::from))?,
        find(["corpus.jsonl", "corpus.tsv"].map(String::from))?,
        find([format!("qrels/{split}.tsv"), "qrels.tsv".into()])?,
    ])
}

/// What a file of queries or documents holds.
struct Entries<'p> {
    path: &'p Path,
    entries: Vec<TextEntry>,
    lines: Vec<u64>,
}

impl Entries<'_> {
    fn index(&self) -> Result<HashMap<&str, usize>> {
        index(&self.entries).map_err(|[first, again]| {
            let (id, line) = (quoted(&self.entries[again].id), self.lines[first]);
            let words = format!("duplicate id {id}, first used in line {line}");
            Error::line(self.path, self.lines[again], words)
        })
    }
}

/// Where each id stands; or the places of two that are the same.
fn index(entries: &[TextEntry]) -> std::result::Result<HashMap<&str, usize>, [usize; 2]> {
    let mut places = HashMap::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        if let Some(first) = places.insert(entry.id.as_str(), place) {
            return Err([first, place]);
        }
    }
    Ok(places)
}

fn entries(path: &Path) -> Result<Entries<'_>> {
    let (mut entries, mut lines, mut first) = (Vec::new(), Vec::new(), true);
    each_row(path, |line, record| {
        let first = std::mem::take(&mut first);
        entries.push(match record {
            RowContent::Object(object) => object_entry(&object)?,
            RowContent::Cells(cells) if first && is_header(&cells) => return Ok(()),
            RowContent::Cells(cells) => cells_entry(cells)?,
        });
        lines.push(line);
        Ok(())
    })?;
    if entries.is_empty() {
        return Err(Error::data(path, "no entries: the file has only a header"));
    }
    Ok(Entries { path, entries, lines })
}

fn cells_entry(cells: Vec<String>) -> Result<TextEntry, String> {
    let [id, text] = <[String; 2]>::try_from(cells).map_err(|cells| {
        let columns = if cells.len() == 1 { "column" } else { "columns" };
        format!("{} {columns}, expected 2 (id, text)", cells.len())
    })?;
    entry(id, text)
}

fn object_entry(object: &Map<String, Value>) -> Result<TextEntry, String> {
    let id = match object.get("_id").or_else(|| object.get("id")) {
        Some(Value::String(id)) => id.trim().to_string(),
        Some(Value::Number(id)) => id.to_string(),
        Some(other) => return Err(format!("_id is {}, expected a string", kind(other))),
        None => return Err("_id is missing".into()),
    };
    let text = |name: &str| match object.get(name) {
        Some(Value::String(text)) => Ok(text.trim()),
        Some(other) => Err(format!("{name} is {}, expected a string", kind(other))),
        None if name == "text" => Err("text is missing".into()),
        None => Ok(""),
    };
    entry(id, format!("{} {}", text("title")?, text("text")?).trim().to_string())
}

fn entry(id: String, text: String) -> Result<TextEntry, String> {
    match (id.is_empty(), text.is_empty()) {
        (true, _) => Err("id is empty".into()),
        (_, true) => Err(format!("the text of {} is empty", quoted(&id))),
        _ => Ok(TextEntry { id, text }),
    }
}

/// Whether a first line names columns: an id, and then what else they hold.
fn is_header(cells: &[impl AsRef<str>]) -> bool {
    let names = [
        &["_id", "id", "qid", "pid", "docid", "query-id", "query_id"][..],
        &["text", "query", "document", "passage", "corpus-id", "corpus_id", "docid", "pid"],
    ];
    let known = |(cell, names): (&_, &[&str])| {
        let cell: &str = AsRef::as_ref(cell);
        names.contains(&cell.to_ascii_lowercase().as_str())
    };
    cells.len() > 1 && cells.iter().zip(names).all(known)
}

/// Hands out each row with the number of its line.
fn each_row(
    path: &Path,
    mut take: impl FnMut(u64, RowContent) -> Result<(), String>,
) -> Result<()> {
    let format = Format::of(path).filter(|format| *format != Format::Text);
    let format = format.ok_or_else(|| {
        Error::config(format!("{}: expected a .tsv, .csv or .jsonl", path.display()))
    })?;
    let mut rows = rows(Lines::new(open(path)?, path), format);
    let mut some = false;
    while let Some(row) = rows.next()? {
        some = true;
        take(row.line, row.record).map_err(|words| Error::line(path, row.line, words))?;
    }
    if some { Ok(()) } else { Err(Error::data(path, "the file is empty")) }
}

/// Takes judgements one after the other.
struct Judge<'a> {
    queries: HashMap<&'a str, usize>,
    corpus: HashMap<&'a str, usize>,
    scores: Vec<HashMap<usize, f64>>,
}

impl<'a> Judge<'a> {
    fn new(queries: HashMap<&'a str, usize>, corpus: HashMap<&'a str, usize>) -> Self {
        let scores = vec![HashMap::new(); queries.len()];
        Self { queries, corpus, scores }
    }

    fn add(&mut self, query: &str, document: &str, score: f64) -> Result<(), String> {
        let find = |places: &HashMap<&str, usize>, what: &str, id: &str| {
            let place = places.get(id).copied();
            place.ok_or_else(|| format!("unknown {what} id {}", quoted(id)))
        };
        let query_place = find(&self.queries, "query", query)?;
        let place = find(&self.corpus, "document", document)?;
        if !score.is_finite() {
            return Err(format!("score {score} is not finite"));
        }
        match self.scores[query_place].insert(place, score) {
            Some(other) if other != score => {
                let (query, document) = (quoted(query), quoted(document));
                Err(format!("{document} has the scores {other} and {score} for query {query}"))
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Vec<Vec<(usize, f64)>> {
        let sorted = |scores: HashMap<usize, f64>| {
            let mut scores: Vec<(usize, f64)> = scores.into_iter().collect();
            scores.sort_unstable_by_key(|(place, _)| *place);
            scores
        };
        self.scores.into_iter().map(sorted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(files: [(&str, &str); 3]) -> Result<Collection> {
        let folder = tempfile::tempdir().unwrap();
        let paths = files.map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        });
        read_collection(&paths[0], &paths[1], &paths[2])
    }

    #[test]
    fn every_layout_of_the_same_collection_reads_alike() {
        let ours = read([
            ("q.tsv", "id\ttext\nq1\tone\nq2\ttwo\n"),
            ("c.tsv", "d1\tA b\nd2\tc\n"),
            ("r.tsv", "q2\td1\nq1\td2\nq1\td1\t0\nq1\td2\n"),
        ])
        .unwrap();
        let beir = read([
            (
                "q.jsonl",
                "{\"_id\":\"q1\",\"text\":\"one\"}\n{\"_id\":\"q2\",\"text\":\" two\"}\n",
            ),
            (
                "c.jsonl",
                "{\"_id\":\"d1\",\"title\":\"A\",\"text\":\"b\"}\n\
                 {\"_id\":\"d2\",\"title\":\"\",\"text\":\"c\",\"metadata\":{}}\n",
            ),
            ("r.tsv", "query-id\tcorpus-id\tscore\nq2\td1\t1\nq1\td2\t1\nq1\td1\t0\n"),
        ])
        .unwrap();
        let trec = read([
            ("q.csv", "q1,one\nq2,two\n"),
            ("c.csv", "pid,passage\nd1,A b\nd2,c\n"),
            ("r.tsv", "q2\t0\td1\t1\nq1\t0\td2\t1\nq1\t0\td1\t0\n"),
        ])
        .unwrap();
        assert_eq!(ours, beir);
        assert_eq!(ours, trec);
        assert_eq!(ours.judged, [vec![(0, 0.), (1, 1.)], vec![(0, 1.)]]);
        assert_eq!(
            (ours.queries[1].text.as_str(), ours.corpus[0].text.as_str()),
            ("two", "A b")
        );
    }

    #[test]
    fn what_cannot_be_judged_names_the_line() {
        let (queries, corpus) = (("q.tsv", "q1\tone\n"), ("c.tsv", "d1\ta\nd2\tb\n"));
        for (qrels, words) in [
            ("q1\td1\nq9\td1\n", "r.tsv:2: unknown query id \"q9\""),
            ("q1\td3\n", "r.tsv:1: unknown document id \"d3\""),
            ("q1\td1\tgood\n", "r.tsv:1: score \"good\" is not a number"),
            ("q1\td1\tinf\n", "r.tsv:1: score inf is not finite"),
            ("q1\n", "r.tsv:1: 1 columns, expected query-id"),
            (
                "q1\td1\t1\nq1\td1\t2\n",
                "r.tsv:2: \"d1\" has the scores 1 and 2 for query \"q1\"",
            ),
            ("query-id\tcorpus-id\n", "r.tsv: no relevance judgements"),
            ("", "r.tsv: the file is empty"),
        ] {
            let error = read([queries, corpus, ("r.tsv", qrels)]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for (name, text, words) in [
            ("c.tsv", "d1\ta\nd1\tb\n", "c.tsv:2: duplicate id \"d1\", first used in line 1"),
            ("c.tsv", "d1\ta\nd2\n", "c.tsv:2: 1 column, expected 2 (id, text)"),
            ("c.tsv", "d1\t\n", "c.tsv:1: the text of \"d1\" is empty"),
            ("c.tsv", "id\ttext\n", "c.tsv: no entries"),
            ("c.jsonl", "{\"text\":\"a\"}\n", "c.jsonl:1: _id is missing"),
            ("c.jsonl", "{\"_id\":\"a\",\"text\":1}\n", "c.jsonl:1: text is a number"),
            ("c.txt", "a\n", "expected a .tsv, .csv or .jsonl"),
        ] {
            let error = read([queries, (name, text), ("r.tsv", "q1\td1\n")]).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
