//! What the columns are: from what was said of them, else a header, else the first line.

use super::classes::quoted;
use super::labels::{is_inference, is_number};
use super::layout::ColumnLayout;
use super::options::{Format, ReadOptions};
use super::role::Role;
use super::row::RowContent;

/// What [`ReadOptions::columns`] says, once understood.
#[derive(Debug)]
pub(super) enum ColumnSpec {
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
            Format::Jsonl if !by_name => {
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

/// The layout of a file that opens with `first`, and whether that was a header.
pub(super) fn layout(
    first: &RowContent,
    said: ColumnSpec,
    header: Option<bool>,
) -> Result<(ColumnLayout, bool), String> {
    let cells: Vec<&str> = match first {
        RowContent::Cells(cells) => cells.iter().map(String::as_str).collect(),
        RowContent::Object(object) => {
            let names: Vec<&str> = object.keys().map(String::as_str).collect();
            let renamed =
                if let ColumnSpec::Names(renamed) = said { renamed } else { Vec::new() };
            return Ok((ColumnLayout::named(&names, &renamed)?, false));
        }
    };
    let has_header = || header.unwrap_or_else(|| is_header(&cells));
    match said {
        ColumnSpec::Positions(layout) => Ok((layout, has_header())),
        ColumnSpec::Names(renamed) => Ok((ColumnLayout::named(&cells, &renamed)?, true)),
        ColumnSpec::Nothing if has_header() => Ok((ColumnLayout::named(&cells, &[])?, true)),
        ColumnSpec::Nothing => Ok((guess(&cells)?, false)),
    }
}

/// Two known names are no accident; one is a header if it is all that is needed.
fn is_header(cells: &[&str]) -> bool {
    let known = cells.iter().filter(|cell| Role::named(cell).is_some()).count();
    known >= 2 || (known == 1 && ColumnLayout::named(cells, &[]).is_ok())
}

/// The layouts people use without a header, told apart by their first line.
fn guess(cells: &[&str]) -> Result<ColumnLayout, String> {
    let numbers: Vec<bool> = cells.iter().map(|cell| is_number(cell)).collect();
    let mut roles = match (cells, &numbers[..]) {
        ([_], _) => "text",
        (_, [false, false]) => "anchor positive",
        (_, [_, _, true]) => "sentence1 sentence2 score",
        ([.., last], [_, _, false]) if is_inference(last) => "premise hypothesis label",
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

    fn named(line: &str) -> Result<(ColumnLayout, bool), String> {
        let cells = RowContent::Cells(line.split('|').map(String::from).collect());
        layout(&cells, ColumnSpec::Nothing, None)
    }

    fn columns(line: &str) -> String {
        let (layout, header) = named(line).unwrap();
        assert!(!header, "{line} was taken for a header");
        layout.names().join(" ")
    }

    fn said(columns: &[&str], format: Format) -> Result<ColumnSpec, String> {
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
    fn a_header_is_known_by_its_names() {
        for line in
            ["text", "id|Sentence", "sentence2|x|sentence1", "label|label_desc|sentence"]
        {
            assert!(named(line).unwrap().1, "{line} was taken for data");
        }
        for line in ["positive|good", "label|a b", "the text", "subset|3|a|b"] {
            columns(line);
        }
    }

    #[test]
    fn a_header_that_makes_no_example_is_an_error_not_data() {
        let error = named("sentence1|sentence_two|score").unwrap_err();
        assert_eq!(
            error,
            "no column sentence2 among the columns sentence1, sentence_two, score"
        );
    }

    #[test]
    fn positions_hold_with_and_without_a_header() {
        for (line, header) in [("sentence2|sentence1", true), ("a|b", false)] {
            let first = RowContent::Cells(line.split('|').map(String::from).collect());
            let said = said(&["text2", "text1"], Format::Tsv).unwrap();
            let (layout, found) = layout(&first, said, None).unwrap();
            assert_eq!((layout.names().join(" ").as_str(), found), ("text2 text1", header));
        }
    }

    #[test]
    fn what_is_said_must_fit_the_format() {
        assert!(said(&["text"], Format::Text).unwrap_err().contains("no columns"));
        assert!(said(&["text"], Format::Jsonl).unwrap_err().contains("name=role"));
        assert!(said(&["a=text", "label"], Format::Tsv).unwrap_err().contains("\"label\""));
        assert!(said(&["a=txt"], Format::Csv).unwrap_err().contains("\"txt\" is not a role"));
        let columns = Some(vec!["a=text".to_string()]);
        let options = ReadOptions { columns, header: Some(false), ..ReadOptions::default() };
        assert!(ColumnSpec::of(&options, Format::Tsv).unwrap_err().contains("needs a header"));
    }
}
