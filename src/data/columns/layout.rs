//! Which column is what: record → the texts and the label of an example.

use serde_json::{Map, Value};

use crate::data::columns::classes::quoted;
use crate::data::columns::column::{Column, Problem};
use crate::data::columns::column_positions::{ColumnPositions, Conflict};
use crate::data::columns::column_roles;
use crate::data::columns::labels::{Meaning, NO_LABEL, is_inference, is_label, is_number};
use crate::data::columns::lists::expanded;
use crate::data::columns::role::Role;
use crate::data::formats::row::RowContent;

/// The columns of a file, known to make examples.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct ColumnLayout {
    columns: Vec<Column>,
    parts: ColumnPositions,
    /// Whether more columns may follow.
    open: bool,
    guessed: bool,
    /// Whether columns were given by name: what else a file holds is then of no account.
    renamed: bool,
}

/// The fields of an example.
#[derive(Debug, PartialEq)]
pub(in crate::data) struct Fields {
    pub texts: Vec<String>,
    pub label: Option<String>,
}

impl ColumnLayout {
    /// Columns by position, such as `score,sentence1,sentence2,..`.
    pub fn positional(roles: &[&str]) -> Result<Self, String> {
        let (roles, open) = match roles {
            [roles @ .., ".."] => (roles, true),
            roles => (roles, false),
        };
        let column =
            |name: &&str| Ok(Column { name: name.to_string(), role: Role::asked(name)? });
        let columns = roles.iter().map(column).collect::<Result<_, String>>()?;
        let layout = Self::new(columns).map_err(|conflict| match conflict.ignore {
            Some(_) => format!("{} (`_` in --columns)", conflict.message),
            None => conflict.message,
        })?;
        Ok(Self { open, ..layout })
    }

    /// Columns by name; `renamed` are the roles of those whose names say nothing to us.
    pub fn named(names: &[&str], renamed: &[(String, Role)]) -> Result<Self, String> {
        if let Some((name, _)) = renamed.iter().find(|(name, _)| !names.contains(&&**name)) {
            return Err(format!("no column {name:?} among the columns {}", names.join(", ")));
        }
        let columns = column_roles::columns(names, renamed);
        let layout = Self::new(columns).map_err(|conflict| match conflict.ignore {
            Some(name) => format!("{}: --columns {name}=_", conflict.message),
            None => conflict.message,
        })?;
        Ok(Self { renamed: !renamed.is_empty(), ..layout })
    }

    /// The only column of a file, whose name says nothing: its texts.
    pub fn only_text(name: &str) -> Result<Self, String> {
        let role = Role::asked("text")?;
        Self::new(vec![Column { name: name.into(), role }]).map_err(|conflict| conflict.message)
    }

    /// The same layout, believed only as long as the file does not speak against it.
    pub fn guessed(self) -> Self {
        Self { guessed: true, ..self }
    }

    fn new(columns: Vec<Column>) -> Result<Self, Conflict> {
        let parts = ColumnPositions::of(&columns)?;
        Ok(Self { columns, parts, open: false, guessed: false, renamed: false })
    }

    /// What the label means; nothing if there is none.
    pub fn meaning(&self) -> Option<Meaning> {
        self.parts.label.map(|(_, meaning)| meaning)
    }

    /// Whether `cells` have a score where one should stand.
    pub fn has_score(&self, cells: &[&str]) -> bool {
        self.score_cell(cells).is_some_and(is_number)
    }

    /// Whether `cells` have a word where a score should stand.
    pub fn refuses(&self, cells: &[&str]) -> bool {
        self.score_cell(cells).is_some_and(|cell| !cell.is_empty() && !is_number(cell))
    }

    fn score_cell<'c>(&self, cells: &[&'c str]) -> Option<&'c str> {
        match self.parts.label {
            Some((position, Meaning::Score)) => cells.get(position).copied(),
            _ => None,
        }
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// How many texts an example has.
    pub fn width(&self) -> usize {
        self.parts.texts.len()
    }

    /// Whether the column called `name` is a part of an example.
    #[cfg(feature = "parquet")]
    pub fn is_used(&self, name: &str) -> bool {
        let label = self.parts.label.map(|(position, _)| position);
        let mut used = self.parts.texts.iter().copied().chain(label);
        used.any(|position| self.columns[position].name == name)
    }

    /// The subset a record belongs to; empty where the file names none.
    pub fn subset(&self, record: &RowContent) -> String {
        let position = self.columns.iter().position(|column| column.role == Role::Subset);
        let Some(position) = position else { return String::new() };
        match record {
            RowContent::Cells(cells) => cells.get(position).cloned().unwrap_or_default(),
            RowContent::Object(object) => match object.get(&self.columns[position].name) {
                Some(Value::String(name)) => name.trim().to_string(),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            },
        }
    }

    /// Whether the label stands in a column that may hold scores or classes.
    pub fn has_plain_label(&self) -> bool {
        let label = self.parts.label.map(|(position, _)| self.columns[position].role);
        label == Some(Role::Label)
    }

    /// The columns read by what their names are usually used for, as `query read as anchor`.
    pub fn readings(&self) -> Vec<String> {
        let mut readings = Vec::new();
        for column in &self.columns {
            let role = column.role.name();
            if let (Role::Text(..), None, Some(role)) =
                (column.role, Role::named(&column.name), role)
            {
                readings.push(format!("{} read as {role}", column.name));
            }
        }
        readings
    }

    /// The examples of a record: one, or where its texts are lists, one for each of them. With
    /// `blank`, a text that is missing is an empty one.
    pub fn examples(&self, record: RowContent, blank: bool) -> Result<Vec<Fields>, Problem> {
        match &record {
            RowContent::Cells(cells) => self.check_count(cells.len()),
            RowContent::Object(object) => self.check_names(object),
        }
        .map_err(Problem::Broken)?;
        let texts: Vec<&Column> =
            self.parts.texts.iter().map(|&position| &self.columns[position]).collect();
        match expanded(&record, &texts)? {
            None => Ok(vec![self.fields(record, blank)?]),
            Some(records) => records.into_iter().map(|one| self.fields(one, blank)).collect(),
        }
    }

    /// The texts and the label of a record.
    fn fields(&self, mut record: RowContent, blank: bool) -> Result<Fields, Problem> {
        let mut take = |position: usize| self.columns[position].take(&mut record, position);
        // an exact size: there may be millions of them
        let mut texts = Vec::with_capacity(self.parts.texts.len());
        for &position in &self.parts.texts {
            texts.push(match take(position) {
                Err(Problem::Missing(_)) if blank => String::new(),
                text => text?,
            });
        }
        let label = match self.parts.label.map(|(position, _)| take(position)).transpose() {
            Err(Problem::Missing(what)) if blank => {
                let message =
                    format!("{what}, and a label cannot be blank; use --on-missing skip");
                return Err(Problem::Broken(message));
            }
            label => label?,
        };
        if self.guessed {
            self.doubt(&texts, label.as_deref()).map_err(Problem::Broken)?;
        }
        Ok(Fields { texts, label })
    }

    fn check_count(&self, count: usize) -> Result<(), String> {
        let expected = self.columns.len();
        if count == expected || (self.open && count > expected) {
            return Ok(());
        }
        let columns = if count == 1 { "column" } else { "columns" };
        let more = if self.open { " or more" } else { "" };
        let names = self.names().join(", ");
        Err(format!("{count} {columns}, expected {expected}{more} ({names})"))
    }

    /// The first object decides; what only later ones have must not go unseen.
    fn check_names(&self, object: &Map<String, Value>) -> Result<(), String> {
        let known = |name: &str| self.columns.iter().any(|column| column.name == name);
        let used = |name: &str| {
            !self.renamed && Role::named(name).is_some_and(|role| role != Role::Subset)
        };
        match object.keys().find(|name| !known(name) && used(name)) {
            Some(name) => Err(format!("{name} is not in the first object of the file")),
            None => Ok(()),
        }
    }

    /// A guess made from the first line is wrong where a later line could not have led to it.
    fn doubt(&self, texts: &[String], label: Option<&str>) -> Result<(), String> {
        let (odd, what) = match (texts, self.meaning()) {
            ([_, .., last], None) if is_label(last) => {
                (last.as_str(), "does not look like a text")
            }
            (_, Some(Meaning::Class)) => match label {
                Some(label) if !is_inference(label) && label != NO_LABEL => {
                    (label, "is not an NLI label")
                }
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        Err(format!(
            "{} {what}, but by the first line the columns are {}; set them with --columns",
            quoted(odd),
            self.names().join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cells: &[&str]) -> RowContent {
        RowContent::Cells(cells.iter().map(|cell| cell.to_string()).collect())
    }

    fn one(layout: &ColumnLayout, record: RowContent) -> Result<Fields, String> {
        match layout.examples(record, false) {
            Ok(mut examples) => Ok(examples.remove(0)),
            Err(Problem::Missing(what) | Problem::Broken(what)) => Err(what),
        }
    }

    #[test]
    fn texts_come_in_the_order_of_their_roles() {
        let names = ["negative_2", "id", "positive", "negative_1", "anchor"];
        let layout = ColumnLayout::named(&names, &[]).unwrap();
        let Fields { texts, label } = one(&layout, record(&["d", "7", "b", "c", "a"])).unwrap();
        assert_eq!((texts.concat().as_str(), label), ("abcd", None));
    }

    #[test]
    fn a_renamed_column_plays_the_role_asked_for() {
        let renamed = [("s1".into(), Role::asked("sentence1").unwrap())];
        let layout = ColumnLayout::named(&["sentence2", "s1", "score"], &renamed).unwrap();
        let Fields { texts, label } = one(&layout, record(&["b", "a", "3"])).unwrap();
        assert_eq!((texts.concat().as_str(), label.as_deref()), ("ab", Some("3")));
        let error = ColumnLayout::named(&["text"], &renamed).unwrap_err();
        assert_eq!(error, "no column \"s1\" among the columns text");
    }

    #[test]
    fn two_dots_allow_more_columns_but_not_fewer() {
        let layout = ColumnLayout::positional(&["_", "text", ".."]).unwrap();
        assert_eq!(one(&layout, record(&["", "a"])).unwrap().texts, ["a"]);
        assert_eq!(one(&layout, record(&["", "a", "b", ""])).unwrap().texts, ["a"]);
        let error = one(&layout, record(&["a"])).unwrap_err();
        assert_eq!(error, "1 column, expected 2 or more (_, text)");
    }

    #[test]
    fn what_only_a_later_object_has_is_not_dropped_in_silence() {
        let layout = ColumnLayout::named(&["id", "text1", "text2"], &[]).unwrap();
        let fields =
            |text| one(&layout, RowContent::Object(serde_json::from_str(text).unwrap()));
        assert!(fields(r#"{"text1": "a", "text2": "b", "lang": "en", "subset": "x"}"#).is_ok());
        let error = fields(r#"{"text1": "a", "text2": "b", "score": 1}"#).unwrap_err();
        assert_eq!(error, "score is not in the first object of the file");
    }

    #[test]
    fn a_guess_is_doubted_where_a_later_line_speaks_against_it() {
        let pairs = || ColumnLayout::positional(&["anchor", "positive"]).unwrap();
        assert!(one(&pairs(), record(&["a", "2.5"])).is_ok());
        let error = one(&pairs().guessed(), record(&["a", "2.5"])).unwrap_err();
        assert!(
            error.starts_with("\"2.5\" does not look like a text, but by the first line"),
            "{error}"
        );
        let inference = ColumnLayout::positional(&["premise", "hypothesis", "label"]).unwrap();
        assert!(one(&inference.clone().guessed(), record(&["a", "b", "neutral"])).is_ok());
        let error = one(&inference.guessed(), record(&["a", "b", "?"])).unwrap_err();
        assert!(error.starts_with("\"?\" is not an NLI label"), "{error}");
    }
}
