//! SentEval's transfer tasks as it downloads them: MR, CR, SUBJ, MPQA, SST2, TREC and MRPC.

use std::io::{Cursor, Read};
use std::path::Path;

use super::source::open;
use crate::data::{Dataset, Format, ReadOptions, read, read_from};
use crate::error::{Error, Result};

/// The files of class 1 and of class 0 in a directory.
const POLAR: [[&str; 2]; 4] = [
    ["rt-polarity.pos", "rt-polarity.neg"],
    ["custrev.pos", "custrev.neg"],
    ["subj.objective", "subj.subjective"],
    ["mpqa.pos", "mpqa.neg"],
];

/// No file of SentEval's is a tenth as large.
const MOST: u64 = 64 << 20;

/// Reads texts or pairs with a class: a directory with a file for each class, `sentiment-…`,
/// `….label` or `msr_paraphrase_….txt` as SentEval's `get_transfer_data.bash` leaves them, or any
/// other file as [`read`] does. Of SentEval's files, bytes that are not UTF-8 are read as Latin-1, blanks
/// are collapsed, and an empty text becomes `.`, as in SentEval; the notes say how many.
///
/// # Errors
/// As [`read`]; where a line has other fields than its file should, naming it; where a directory has
/// none of these files.
pub fn read_labelled(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    let mut table = Table::default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pair = name.starts_with("msr_paraphrase_") && name.ends_with(".txt");
    if path.is_dir() {
        let files = POLAR.iter().find(|files| path.join(files[0]).is_file());
        let files = files.ok_or_else(|| {
            let known: Vec<&str> = POLAR.iter().map(|files| files[0]).collect();
            let message = format!("is a directory without any of {}", known.join(", "));
            Error::data(path, message)
        })?;
        for (file, class) in files.iter().zip(["1", "0"]) {
            table.add(&path.join(file), 0, |line| Some((class, vec![line])))?;
        }
    } else if name.starts_with("sentiment-") {
        table.add(path, 0, |line| {
            line.rsplit_once('\t').map(|(text, class)| (class, vec![text]))
        })?;
    } else if name.ends_with(".label") {
        table.add(path, 0, |line| {
            let (class, rest) = line.split_once(':')?;
            Some((class, vec![rest.split_once(' ')?.1]))
        })?;
    } else if pair {
        table.add(path, 1, |line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [class, _, _, left, right] = cells[..] else { return None };
            Some((class, vec![left, right]))
        })?;
    } else {
        return read(path, options);
    }
    let columns =
        if pair { &["class", "sentence1", "sentence2"][..] } else { &["class", "text"] };
    let columns = Some(columns.iter().map(|name| name.to_string()).collect());
    let (format, header) = (Some(Format::Tsv), Some(false));
    let options = ReadOptions { format, header, columns, ..ReadOptions::default() };
    let mut data = read_from(Cursor::new(table.text), path, &options)?;
    data.report.notes.extend(table.notes);
    Ok(data)
}

/// The lines of files as one table: a class and texts, a tab before each.
#[derive(Default)]
struct Table {
    text: String,
    notes: Vec<String>,
}

impl Table {
    /// Adds the lines of a file but for the first `skipped`; `cells` gives the class and the texts
    /// of a line, nothing where it has none.
    fn add<'a>(
        &mut self,
        path: &Path,
        skipped: usize,
        cells: impl for<'l> Fn(&'l str) -> Option<(&'l str, Vec<&'l str>)> + 'a,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        let reader = open(path)?.reader;
        let mut reader = reader.take(MOST + 1);
        reader.read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
        if bytes.len() as u64 > MOST {
            let message = format!("is larger than {} MiB once decompressed", MOST >> 20);
            return Err(Error::data(path, message));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            self.notes.push(format!("{name} is not UTF-8; read as Latin-1"));
            error.into_bytes().into_iter().map(char::from).collect()
        });
        if text.trim().is_empty() {
            return Err(Error::data(path, "the file is empty"));
        }
        let mut empty = 0;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        for (number, line) in text.split('\n').enumerate().skip(skipped) {
            let (class, texts) = cells(line.trim_end_matches('\r')).ok_or_else(|| {
                let message = "expected a class and its texts, as in SentEval's download";
                Error::line(path, number as u64 + 1, message)
            })?;
            self.text.push_str(class.trim());
            for text in texts {
                let words: Vec<&str> = text.split_whitespace().collect();
                empty += usize::from(words.is_empty());
                let text = if words.is_empty() { ".".to_string() } else { words.join(" ") };
                self.text.push('\t');
                self.text.push_str(&text);
            }
            self.text.push('\n');
        }
        if empty > 0 {
            self.notes.push(format!("{name}: {empty} empty texts read as \".\""));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn rows_of(files: &[(&str, &[u8])], path: &str) -> Result<(Vec<String>, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let data = read_labelled(&folder.path().join(path), &ReadOptions::default())?;
        let class = |at: usize| &data.classes[data.class_labels()[at] as usize];
        let example =
            |at: usize| format!("{} {}", class(at), data.examples[at].texts.join("|"));
        Ok(((0..data.examples.len()).map(example).collect(), data.report.notes))
    }

    #[test]
    fn each_layout_of_senteval_gives_classes_and_texts() {
        let polar: [(&str, &[u8]); 2] =
            [("rt-polarity.pos", b"a  b \nclich\xe9s\n"), ("rt-polarity.neg", b"\n\"c\n")];
        let (rows, notes) = rows_of(&polar, "").unwrap();
        assert_eq!(rows, ["1 a b", "1 clichés", "0 .", "0 \"c"]);
        assert!(
            notes.iter().any(|note| note == "rt-polarity.pos is not UTF-8; read as Latin-1")
        );
        assert!(
            notes.iter().any(|note| note.contains("1 empty texts read as \".\"")),
            "{notes:?}"
        );
        let sst =
            rows_of(&[("sentiment-dev", b"so good .\t1\nbad\t0\n")], "sentiment-dev").unwrap();
        assert_eq!(sst.0, ["1 so good .", "0 bad"]);
        let trec = [("TREC_10.label", &b"NUM:dist How far ?\nLOC:city What city ?\n"[..])];
        let trec = rows_of(&trec, "TREC_10.label").unwrap();
        assert_eq!(trec.0, ["NUM How far ?", "LOC What city ?"]);
        let text =
            b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tx y\tz\n0\t1\t2\tu\tv\n";
        let name = "msr_paraphrase_test.txt";
        assert_eq!(rows_of(&[(name, text)], name).unwrap().0, ["1 x y|z", "0 u|v"]);
    }

    /// The rest was left out without a word.
    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let text = b"bad\t0\n".repeat(MOST as usize / 6 + 1);
        let error = rows_of(&[("sentiment-dev", &text)], "sentiment-dev").unwrap_err();
        assert!(error.to_string().contains("is larger than 64 MiB"), "{error}");
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let error = rows_of(&[("TREC_10.label", b"NUM:a b\nHow far ?\n")], "TREC_10.label");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("TREC_10.label:2: expected a class and its texts"), "{error}");
        let error =
            rows_of(&[("sentiment-dev", b"\n")], "sentiment-dev").unwrap_err().to_string();
        assert!(error.contains("sentiment-dev: the file is empty"), "{error}");
        let error = rows_of(&[], "").unwrap_err().to_string();
        assert!(error.contains("is a directory without any of rt-polarity.pos"), "{error}");
    }
}
