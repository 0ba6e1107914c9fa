//! Queries, a corpus, and judgements of which document answers which query.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::judgements::{Judge, is_judgement_header};
use super::{Format, ReadOptions, ReadReport};
use crate::data::columns::classes::quoted;
use crate::data::columns::role::plain_name;
use crate::data::formats::dialect::Dialect;
use crate::data::formats::json_object::kind;
use crate::data::formats::lines::Lines;
use crate::data::formats::row::RowContent;
use crate::data::formats::rows::rows;
use crate::data::formats::source::{Source, open};
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
    /// how well each answers it: above 0 if it does. A document that is not in the corpus has a
    /// place behind its end: it answers the query and is never found.
    pub judged: Vec<Vec<(usize, f64)>>,
    /// What was decided and left out while the files were read, file by file.
    pub reports: Vec<ReadReport>,
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
        if let Some(unknown) = judge.unknown() {
            return Err(Error::config(unknown));
        }
        let judged = judge.finish();
        Ok(Self { queries, corpus, judged, reports: Vec::new() })
    }
}

/// Reads queries, a corpus and judgements. Queries and documents are `id, text` in a `.tsv` or
/// `.csv`, or objects of a `.jsonl` or `.json` with `_id` (or `id`), `text` and perhaps `title`, as
/// BEIR has them; judgements are `query-id, corpus-id` with a score or without one (which is 1), or
/// TREC's four columns. Each may begin with a header, and may be compressed.
///
/// A judgement may name a document that the corpus lacks, as some of the published sets do: it
/// counts as relevant and is never found, as in trec_eval, BEIR and sentence-transformers. Judgements
/// of queries that are not there are left out. Both are counted in [`Collection::reports`].
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
/// an empty field, an id that came before, or a score that is no number; where no judgement names
/// a query that is there.
pub fn read_collection(queries: &Path, corpus: &Path, qrels: &Path) -> Result<Collection> {
    let (queries, corpus) = (entries(queries)?, entries(corpus)?);
    let mut judge = Judge::new(queries.index()?, corpus.index()?);
    let (mut first, mut some) = (true, false);
    let mut report = each_row(qrels, |_, record| {
        let RowContent::Cells(cells) = record else {
            return Err("an object, expected query-id, corpus-id and a score".into());
        };
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        if std::mem::take(&mut first) && is_judgement_header(&cells) {
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
    if judge.known_queries == 0 {
        let id = quoted(judge.unknown_query.as_deref().unwrap_or_default());
        let message = format!("names no query that is there; the first it names is {id}");
        return Err(Error::data(qrels, message));
    }
    report.notes.extend(judge.notes());
    let judged = judge.finish();
    let reports = vec![queries.report, corpus.report, report];
    Ok(Collection { queries: queries.entries, corpus: corpus.entries, judged, reports })
}

/// The files of a directory laid out as BEIR's: `queries`, `corpus` (`.jsonl` or `.tsv`) and
/// `qrels/SPLIT.tsv`, or `qrels.tsv`, each perhaps with `.gz` or `.zst` behind it.
///
/// # Errors
/// Where one is not there.
pub fn collection_files(directory: &Path, split: &str) -> Result<[PathBuf; 3]> {
    let find = |names: [String; 2]| {
        let [first, second] = &names;
        let endings = ["", ".gz", ".zst"].iter();
        let mut paths = endings
            .flat_map(|ending| names.iter().map(move |name| format!("{name}{ending}")))
            .map(|name| directory.join(name));
        paths.find(|path| path.is_file()).ok_or_else(|| {
            let [first, second] = [first, second].map(|name| directory.join(name));
            let message =
                format!("neither {} nor {} exists", first.display(), second.display());
            Error::config(message)
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
    report: ReadReport,
}

impl Entries<'_> {
    fn index(&self) -> Result<HashMap<&str, usize>> {
        index(&self.entries).map_err(|[first, again]| {
            let (id, line) = (quoted(&self.entries[again].id), self.lines[first]);
            let message = format!("duplicate id {id}, first used in line {line}");
            Error::line(self.path, self.lines[again], message)
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
    let (mut entries, mut lines) = (Vec::new(), Vec::new());
    let mut columns: Option<EntryColumns> = None;
    let mut report = each_row(path, |line, record| {
        entries.push(match (record, &columns) {
            (RowContent::Object(object), _) => object_entry(&object)?,
            (RowContent::Cells(cells), None) => {
                let (found, header) = EntryColumns::of(&cells)?;
                columns = Some(found.clone());
                if header {
                    return Ok(());
                }
                found.entry(&cells)?
            }
            (RowContent::Cells(cells), Some(columns)) => columns.entry(&cells)?,
        });
        lines.push(line);
        Ok(())
    })?;
    if entries.is_empty() {
        return Err(Error::data(path, "no entries: the file has only a header"));
    }
    if columns.is_some_and(|columns| !columns.named)
        && let Some(TextEntry { id, text }) = entries.first()
    {
        let line = quoted(&format!("{id}, {text}"));
        report.notes.push(format!("first line read as data: {line}"));
    }
    Ok(Entries { path, entries, lines, report })
}

/// Which columns of a table of entries hold what.
#[derive(Debug, Clone)]
struct EntryColumns {
    id: usize,
    title: Option<usize>,
    text: usize,
    /// How many columns there are.
    count: usize,
    /// Whether a header names them.
    named: bool,
}

impl EntryColumns {
    /// The columns of a table that opens with `cells`, and whether those are a header: an id, and
    /// then what else they hold.
    fn of(cells: &[String]) -> Result<(Self, bool), String> {
        let names: Vec<String> = cells.iter().map(|cell| plain_name(cell)).collect();
        let place =
            |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let id =
            place(&["id", "qid", "pid", "docid", "docno", "queryid", "corpusid", "passageid"]);
        let text = place(&[
            "text", "query", "question", "document", "doc", "passage", "content", "contents",
            "body", "answer", "sentence",
        ]);
        let count = cells.len();
        match (id, text) {
            (Some(id), Some(text)) => {
                let title = place(&["title"]);
                Ok((Self { id, title, text, count, named: true }, true))
            }
            _ if count == 2 => {
                Ok((Self { id: 0, title: None, text: 1, count, named: false }, false))
            }
            _ => {
                let columns = if count == 1 { "column" } else { "columns" };
                Err(format!(
                    "{count} {columns}, expected 2 (id, text), or a header that names them"
                ))
            }
        }
    }

    fn entry(&self, cells: &[String]) -> Result<TextEntry, String> {
        if cells.len() != self.count {
            let columns = if cells.len() == 1 { "column" } else { "columns" };
            let (found, expected) = (cells.len(), self.count);
            let names = if expected == 2 { " (id, text)" } else { "" };
            return Err(format!("{found} {columns}, expected {expected}{names}"));
        }
        let title = self.title.map_or("", |title| &cells[title]);
        let text = format!("{title} {}", cells[self.text]).trim().to_string();
        entry(cells[self.id].clone(), text)
    }
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

/// Hands out each row with the number of its line.
fn each_row(
    path: &Path,
    mut take: impl FnMut(u64, RowContent) -> Result<(), String>,
) -> Result<ReadReport> {
    let format = Format::of(path).filter(|format| *format != Format::Text);
    let format = format.ok_or_else(|| {
        let message = "expected a .tsv, .csv, .jsonl or .json, or one of them with .gz or .zst";
        Error::config(format!("{}: {message}", path.display()))
    })?;
    let Source { reader, sample, is_whole } = open(path)?;
    let (dialect, note) = Dialect::of(format, &ReadOptions::default(), &sample, is_whole);
    let mut rows = rows(Lines::new(reader, path), format, dialect);
    let mut some = false;
    while let Some(row) = rows.next()? {
        some = true;
        take(row.line, row.record).map_err(|message| Error::line(path, row.line, message))?;
    }
    if !some {
        return Err(Error::data(path, "the file is empty"));
    }
    let (notes, blank_lines) = (note.into_iter().collect(), rows.blank_lines());
    Ok(ReadReport { path: path.into(), notes, blank_lines, ..ReadReport::default() })
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
        for other in [&beir, &trec] {
            assert_eq!((&ours.queries, &ours.corpus), (&other.queries, &other.corpus));
            assert_eq!(ours.judged, other.judged);
        }
        assert_eq!(ours.judged, [vec![(0, 0.), (1, 1.)], vec![(0, 1.)]]);
        assert_eq!(
            (ours.queries[1].text.as_str(), ours.corpus[0].text.as_str()),
            ("two", "A b")
        );
    }

    #[test]
    fn a_judgement_of_a_document_that_is_not_there_counts_and_is_counted() {
        let (queries, corpus) = (("q.tsv", "q1\tone\n"), ("c.tsv", "d1\ta\nd2\tb\n"));
        let qrels = "q1\td9\nq1\td2\nq1\td8\nq7\td1\n";
        let read = read([queries, corpus, ("r.tsv", qrels)]).unwrap();
        assert_eq!(read.judged, [vec![(1, 1.), (2, 1.), (3, 1.)]]);
        assert_eq!(
            read.reports[2].notes,
            [
                "2 judgements name documents that the corpus lacks, as \"d9\": counted as relevant \
                 and never found",
                "1 judgement names queries that are not there, as \"q7\": left out",
            ]
        );
        let entry = |id: &str| TextEntry { id: id.into(), text: id.into() };
        let strict = |query, document| {
            Collection::new(vec![entry("q")], vec![entry("d")], &[(query, document, 1.)])
        };
        assert!(strict("q", "d").is_ok());
        let error = strict("q", "x").unwrap_err().to_string();
        assert_eq!(error, "unknown document id \"x\"");
        assert_eq!(strict("x", "d").unwrap_err().to_string(), "unknown query id \"x\"");
    }

    #[test]
    fn a_header_names_the_columns_in_any_order() {
        let named = read([
            ("q.tsv", "qid\tquestion\nq1\tone\n"),
            ("c.csv", "url,contents,title,docno\nx,b,A,d1\ny,c,,d2\n"),
            ("r.tsv", "qid\tdocno\tgrade\nq1\td1\t2\n"),
        ])
        .unwrap();
        let entry = |id: &str, text: &str| TextEntry { id: id.into(), text: text.into() };
        assert_eq!(named.queries, [entry("q1", "one")]);
        assert_eq!(named.corpus, [entry("d1", "A b"), entry("d2", "c")]);
        assert_eq!(named.judged, [vec![(0, 2.)]]);
        assert!(named.reports.iter().all(|report| report.notes.is_empty()));
    }

    #[test]
    fn what_cannot_be_judged_names_the_line() {
        let (queries, corpus) = (("q.tsv", "q1\tone\n"), ("c.tsv", "d1\ta\nd2\tb\n"));
        for (qrels, message) in [
            ("q9\td1\n", "r.tsv: names no query that is there; the first it names is \"q9\""),
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
            assert!(error.contains(message), "{error}");
        }
        for (name, text, message) in [
            ("c.tsv", "d1\ta\nd1\tb\n", "c.tsv:2: duplicate id \"d1\", first used in line 1"),
            ("c.tsv", "d1\ta\nd2\n", "c.tsv:2: 1 column, expected 2 (id, text)"),
            ("c.tsv", "d1\t\n", "c.tsv:1: the text of \"d1\" is empty"),
            ("c.tsv", "id\ttext\n", "c.tsv: no entries"),
            ("c.jsonl", "{\"text\":\"a\"}\n", "c.jsonl:1: _id is missing"),
            ("c.jsonl", "{\"_id\":\"a\",\"text\":1}\n", "c.jsonl:1: text is a number"),
            ("c.txt", "a\n", "expected a .tsv, .csv, .jsonl or .json"),
            ("c.tsv", "d1\ta\tb\n", "c.tsv:1: 3 columns, expected 2 (id, text), or a header"),
        ] {
            let error = read([queries, (name, text), ("r.tsv", "q1\td1\n")]).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
