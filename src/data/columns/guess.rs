//! What the columns are: from what was said of them, else a header, else the first line.

use serde_json::{Map, Value};

use crate::data::columns::classes::quoted;
use crate::data::columns::header::{differs_as_header, has_known_names, with_fix};
use crate::data::columns::labels::{NO_LABEL, is_inference, is_number};
use crate::data::columns::layout::ColumnLayout;
use crate::data::columns::role::Role;
use crate::data::formats::row::RowContent;
use crate::data::options::{Format, ReadOptions};

/// What [`ReadOptions::columns`] says, once understood.
#[derive(Debug)]
pub(in crate::data) enum ColumnSpec {
    Nothing,
    /// What each column is.
    Positions(ColumnLayout),
    /// What the columns of these names are.
    Names(Vec<(String, Role)>),
}

impl ColumnSpec {
    /// What `options` say of the columns of a file in `format`; or why that cannot be.
    pub fn of(options: &ReadOptions, format: Format) -> Result<Self, String> {
        let Some(columns) = &options.columns else {
            return match format {
                Format::Text => ColumnLayout::positional(&["text"]).map(Self::Positions),
                _ => Ok(Self::Nothing),
            };
        };
        let by_name = columns.iter().any(|column| column.contains('='));
        match format {
            Format::Text => Err("a text file has no columns".into()),
            Format::Jsonl | Format::Json if !by_name => {
                Err("JSON objects have no column order: give name=role".into())
            }
            _ if by_name && options.header == Some(false) => {
                Err("name=role needs a header, but --header is false".into())
            }
            _ if by_name => {
                let named = columns.iter().map(|column| renamed(column));
                named.collect::<Result<_, _>>().map(Self::Names)
            }
            _ => {
                let roles: Vec<&str> = columns.iter().map(String::as_str).collect();
                ColumnLayout::positional(&roles).map(Self::Positions)
            }
        }
    }
}

fn renamed(column: &str) -> Result<(String, Role), String> {
    let (name, role) = column.rsplit_once('=').ok_or_else(|| {
        format!("{column:?} is given by position and others by name: give all as name=role")
    })?;
    Ok((name.trim().to_string(), Role::asked(role.trim())?))
}

/// What the first row of a file tells.
#[derive(Debug)]
pub(in crate::data) struct Opening {
    pub layout: ColumnLayout,
    /// Whether it is a header.
    pub header: bool,
    /// What was inferred from the content, for the user to check.
    pub note: Option<String>,
}

/// What a file in `format` that opens with `first` and goes on with `rows` is; `header` is what was
/// said of its first line.
pub(in crate::data) fn layout(
    first: &RowContent,
    rows: &[Vec<String>],
    columns: ColumnSpec,
    format: Format,
    header: Option<bool>,
) -> Result<Opening, String> {
    let cells: Vec<&str> = match first {
        RowContent::Cells(cells) => cells.iter().map(String::as_str).collect(),
        RowContent::Object(object) => return of_object(object, columns),
    };
    let below: Vec<&str> =
        rows.first().map(|row| row.iter().map(String::as_str).collect()).unwrap_or_default();
    let (header, sure) = match (header, &columns, format) {
        (Some(header), ..) => (header, true),
        (None, ColumnSpec::Names(_), _) => (true, true),
        (None, _, Format::Text) => (false, true), // a first line "text" is a sentence
        (None, ..) if has_known_names(&cells) => (true, true),
        (None, ColumnSpec::Positions(layout), _) if layout.refuses(&cells) => (true, true),
        (None, ColumnSpec::Positions(layout), Format::Csv) => {
            (!layout.has_score(&cells), false)
        }
        (None, _, Format::Csv) => (true, cells.len() > 1),
        _ => (differs_as_header(&cells, rows), false),
    };
    let layout = match columns {
        ColumnSpec::Positions(layout) => layout,
        ColumnSpec::Names(renamed) => ColumnLayout::named(&cells, &renamed)
            .map_err(|message| with_fix(&message, &cells, &below))?,
        ColumnSpec::Nothing if header => by_names(&cells, &below, sure)?,
        ColumnSpec::Nothing => guess(&cells)?,
    };
    let note = (!sure).then(|| first_line_note(&cells, header));
    Ok(Opening { layout, header, note })
}

/// The layout of a header. A single column needs no known name.
fn by_names(names: &[&str], below: &[&str], sure: bool) -> Result<ColumnLayout, String> {
    ColumnLayout::named(names, &[]).or_else(|message| match names {
        [name] => ColumnLayout::only_text(name),
        _ if sure && has_known_names(names) => Err(with_fix(&message, names, below)),
        _ => {
            let message = format!("{message} (--header false if the first line is data)");
            Err(with_fix(&message, names, below))
        }
    })
}

fn first_line_note(cells: &[&str], header: bool) -> String {
    let line = quoted(&cells.join(", "));
    if header {
        format!("first line read as a header: {line}; --header false if it is data")
    } else {
        format!("first line read as data: {line}; --header true if it names columns")
    }
}

fn of_object(object: &Map<String, Value>, columns: ColumnSpec) -> Result<Opening, String> {
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    let renamed = if let ColumnSpec::Names(renamed) = columns { renamed } else { Vec::new() };
    let layout = ColumnLayout::named(&names, &renamed).map_err(|message| {
        let cells: Vec<String> = object.values().map(cell_of).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        with_fix(&message, &names, &cells)
    })?;
    Ok(Opening { layout, header: false, note: None })
}

/// A value as a table would hold it; of a list, its first text.
fn cell_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.first().map(cell_of).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The layouts people use without a header, distinguished by their first line.
fn guess(cells: &[&str]) -> Result<ColumnLayout, String> {
    let numbers: Vec<bool> = cells.iter().map(|cell| is_number(cell)).collect();
    let mut roles = match (cells, &numbers[..]) {
        ([_], _) => "text",
        (_, [false, false]) => "anchor positive",
        (_, [_, _, true]) => "sentence1 sentence2 score",
        ([.., last], [_, _, false]) if is_inference(last) || *last == NO_LABEL => {
            "premise hypothesis label"
        }
        (_, [false, false, false]) => "anchor positive negative",
        (_, [_, true, _, _, ..]) => "subset score sentence1 sentence2",
        _ => return Err(no_guess(cells)),
    }
    .split(' ')
    .collect::<Vec<_>>();
    roles.resize(cells.len(), "_");
    Ok(ColumnLayout::positional(&roles)?.guessed())
}

fn no_guess(cells: &[&str]) -> String {
    let hint = match cells.len() {
        2 => "label,text",
        3 => "score,sentence1,sentence2 or label,_,text",
        _ => "subset,score,sentence1,sentence2",
    };
    let why = match cells {
        [_, second, _, _, ..] => format!(" (the second, {}, is not a score)", quoted(second)),
        _ => String::new(),
    };
    let count = cells.len();
    format!(
        "cannot infer the roles of the {count} columns{why}; give them, as in --columns {hint}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(line: &str, columns: ColumnSpec, format: Format) -> Result<Opening, String> {
        let cells = RowContent::Cells(line.split('|').map(String::from).collect());
        layout(&cells, &[], columns, format, None)
    }

    fn named(line: &str) -> Result<Opening, String> {
        opening(line, ColumnSpec::Nothing, Format::Tsv)
    }

    fn columns(line: &str) -> String {
        let Opening { layout, header, note } = named(line).unwrap();
        assert!(!header, "{line} was taken for a header");
        assert!(note.unwrap().starts_with("first line read as data: \""));
        layout.names().join(" ")
    }

    fn parsed(columns: &[&str], format: Format) -> Result<ColumnSpec, String> {
        let columns = Some(columns.iter().map(|column| column.to_string()).collect());
        ColumnSpec::of(&ReadOptions { columns, ..ReadOptions::default() }, format)
    }

    #[test]
    fn the_first_line_tells_the_usual_layouts_apart() {
        assert_eq!(columns("one sentence"), "text");
        assert_eq!(columns("a b|c d"), "anchor positive");
        assert_eq!(columns("a b|c d|4.50"), "sentence1 sentence2 score");
        assert_eq!(columns("a b|c d|neutral"), "premise hypothesis label");
        assert_eq!(columns("a b|c d|e f"), "anchor positive negative");
        assert_eq!(columns("MSRvid|5|a b|c d"), "subset score sentence1 sentence2");
        assert_eq!(columns("SICK|3.6|a|b|neutral"), "subset score sentence1 sentence2 _");
    }

    #[test]
    fn what_may_be_two_things_is_taken_for_neither() {
        for (line, hint) in [
            ("a b|3", "label,text"),
            ("1|a b", "label,text"),
            ("1|a b|c d", "score,sentence1,sentence2 or label,_,text"),
            ("a b|1|c d", "score,sentence1,sentence2 or label,_,text"),
            ("bq|abc|a|b", "(the second, \"abc\", is not a score)"),
            ("a|b|c|d|e", "subset,score,sentence1,sentence2"),
        ] {
            let error = named(line).unwrap_err();
            assert!(error.starts_with("cannot infer") && error.contains(hint), "{error}");
        }
    }

    #[test]
    fn a_header_that_makes_no_example_is_an_error_with_the_columns_that_would() {
        let error = named("sentence1|sentence_two|score").unwrap_err();
        assert_eq!(
            error,
            "no column sentence2 among the columns sentence1, sentence_two, score; name them, as \
             --columns sentence_two=sentence2"
        );
        let error = opening("a|b", ColumnSpec::Nothing, Format::Csv).unwrap_err();
        assert_eq!(
            error,
            "no column text among the columns a, b (--header false if the first line is data); name \
             them, as --columns a=anchor,b=positive"
        );
        let object =
            serde_json::from_str("{\"s\": \"a\", \"t\": \"b\", \"gold\": 4.5}").unwrap();
        let first = RowContent::Object(object);
        let error = layout(&first, &[], ColumnSpec::Nothing, Format::Jsonl, None).unwrap_err();
        assert!(error.ends_with("--columns s=sentence1,t=sentence2,gold=score"), "{error}");
    }

    #[test]
    fn a_csv_has_a_header_and_its_only_column_needs_no_known_name() {
        let one = opening("utterance", ColumnSpec::Nothing, Format::Csv).unwrap();
        assert_eq!((one.layout.names(), one.header), (vec!["utterance".into()], true));
        let note = "first line read as a header: \"utterance\"; --header false if it is data";
        assert_eq!(one.note.unwrap(), note);
        let known = opening("review", ColumnSpec::Nothing, Format::Csv).unwrap();
        assert!(known.header && known.note.is_none());
    }

    #[test]
    fn positions_hold_with_and_without_a_header() {
        for (line, format, header) in [
            ("sentence2|sentence1", Format::Tsv, true),
            ("a|b", Format::Tsv, false),
            ("a|b", Format::Csv, true),
        ] {
            let columns = parsed(&["text2", "text1"], format).unwrap();
            let found = opening(line, columns, format).unwrap();
            assert_eq!(found.layout.names().join(" "), "text2 text1");
            assert_eq!(found.header, header, "{line} {format:?}");
        }
        // a score tells, whatever the format
        for (line, header) in [("a|b|4.5", false), ("s1|s2|gold", true)] {
            for format in [Format::Tsv, Format::Csv] {
                let columns = parsed(&["text1", "text2", "score"], format).unwrap();
                assert_eq!(opening(line, columns, format).unwrap().header, header, "{line}");
            }
        }
    }

    #[test]
    fn what_is_said_must_fit_the_format() {
        assert!(parsed(&["text"], Format::Text).unwrap_err().contains("no columns"));
        assert!(parsed(&["text"], Format::Jsonl).unwrap_err().contains("name=role"));
        assert!(parsed(&["a=text", "label"], Format::Tsv).unwrap_err().contains("\"label\""));
        assert!(parsed(&["a=txt"], Format::Csv).unwrap_err().contains("\"txt\" is not a role"));
        let columns = Some(vec!["a=text".to_string()]);
        let options = ReadOptions { columns, header: Some(false), ..ReadOptions::default() };
        assert!(ColumnSpec::of(&options, Format::Tsv).unwrap_err().contains("needs a header"));
    }
}
