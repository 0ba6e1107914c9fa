//! Is the first line of a table a header? By the options, the format and known names, else by what
//! the lines below it hold.

use crate::data::columns::column_roles;
use crate::data::columns::labels::{is_inference, is_label, is_number};
use crate::data::columns::layout::ColumnLayout;
use crate::data::columns::role::KnownName;

/// The rows below the first line that are compared with it.
pub(in crate::data) const ROWS: usize = 20;

/// The longest name of a column.
const LONGEST: usize = 40;

/// Two known names are no accident; one is a header if it is all that is needed, and the others
/// could be names.
pub(in crate::data) fn has_known_names(cells: &[&str]) -> bool {
    let known: Vec<KnownName> = cells.iter().filter_map(|cell| KnownName::of(cell)).collect();
    match known[..] {
        [] => false,
        [KnownName::Role(_)] => ColumnLayout::named(cells, &[]).is_ok(),
        [_] => {
            let others = cells.iter().filter(|cell| KnownName::of(cell).is_none());
            others.clone().all(|cell| is_name(cell)) && ColumnLayout::named(cells, &[]).is_ok()
        }
        _ => true,
    }
}

/// Whether the first line differs from the rows below it as names differ from what they name: it
/// has a word where they have numbers or labels, or nothing but single words above texts.
pub(in crate::data) fn differs_as_header(first: &[&str], rows: &[Vec<String>]) -> bool {
    let rows: Vec<&Vec<String>> = rows.iter().filter(|row| row.len() == first.len()).collect();
    if rows.is_empty() || first.iter().any(|cell| is_label(cell)) {
        return false;
    }
    // a name does not come again below itself, as a label does
    let recurs = |column: usize| rows.iter().any(|row| row[column] == first[column]);
    if (0..first.len()).any(recurs) {
        return false;
    }
    let all = |column: usize, is: fn(&str) -> bool| rows.iter().all(|row| is(&row[column]));
    let columns = 0..first.len();
    let above_numbers = columns.clone().any(|column| {
        is_name(first[column]) && (all(column, is_number) || all(column, is_inference))
    });
    let mut names: Vec<&str> = first.to_vec();
    names.sort_unstable();
    names.dedup();
    let only_names = first.iter().all(|cell| is_name(cell)) && names.len() == first.len();
    let above_texts = rows.len() > 1 && columns.clone().any(|column| all(column, is_text));
    above_numbers || (only_names && above_texts)
}

/// Whether a cell could name a column.
fn is_name(cell: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    cell.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && cell.len() <= LONGEST
        && cell.chars().all(word)
        && !cell.ends_with('.')
}

/// Whether a cell is more than a word.
fn is_text(cell: &str) -> bool {
    cell.contains(char::is_whitespace) || !cell.is_ascii() || cell.len() > LONGEST
}

/// What is wrong with columns called `names`, and the `--columns` that would put it right; `cells`
/// are the fields of the first row below them.
pub(in crate::data) fn with_fix(message: &str, names: &[&str], cells: &[&str]) -> String {
    if message.contains("--columns") {
        return message.into();
    }
    match column_roles::suggestion(names, cells) {
        Some(fix) => format!("{message}; name them, as --columns {fix}"),
        None => format!("{message}; name those to be used, as --columns NAME=text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<&str> {
        line.split('|').collect()
    }

    #[test]
    fn known_names_are_a_header() {
        for line in [
            "text",
            "id|Sentence",
            "sentence2|x|sentence1",
            "label|label_desc|sentence",
            "query|document",
            "docno|contents",
            "review",
            "Review|stars",
            "sentence_A|sentence_B|relatedness_score",
        ] {
            assert!(has_known_names(&cells(line)), "{line}");
        }
        for line in
            ["positive|good", "label|a b", "the text", "subset|3|a|b", "answer|the big one"]
        {
            assert!(!has_known_names(&cells(line)), "{line}");
        }
    }

    #[test]
    fn an_unknown_first_line_is_judged_by_the_rows_below_it() {
        let header = |lines: &[&str]| {
            let rows: Vec<Vec<String>> = lines[1..]
                .iter()
                .map(|line| cells(line).iter().map(|cell| cell.to_string()).collect())
                .collect();
            differs_as_header(&cells(lines[0]), &rows)
        };
        assert!(header(&["s1|s2|gold", "a|b|4.5"]));
        assert!(header(&["p|h|judgment", "a b|c|neutral", "d|e|entailment"]));
        assert!(header(&["utterance", "how are you", "fine, thanks"]));
        assert!(header(&["utterance|reply", "how are you|fine", "你好|嗨"]));
        assert!(!header(&["hello", "how are you", "fine"]));
        assert!(!header(&["a plane|a train", "a man|a dog", "x y|z"]));
        assert!(!header(&["a|b|4.5", "c|d|1"]));
        assert!(!header(&["short|w", "short|w w", "long|w w w"]));
        assert!(!header(&["Yes.", "I am here", "and you are"]));
        assert!(!header(&["same|same", "a b|c d", "e f|g h"]));
        assert!(!header(&["utterance"]));
    }
}
