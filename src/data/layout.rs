//! Which column is what: record → the texts and the label of an example.

use serde_json::{Map, Value};

use super::classes::quoted;
use super::column::Column;
use super::column_positions::ColumnPositions;
use super::labels::{Meaning, is_inference, is_label};
use super::role::Role;
use super::row::RowContent;

/// The columns of a file, known to make examples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ColumnLayout {
    columns: Vec<Column>,
    parts: ColumnPositions,
    /// Whether more columns may follow.
    open: bool,
    guessed: bool,
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
        Ok(Self { open, ..Self::new(columns)? })
    }

    /// Columns by name; `renamed` are the roles of those whose names say nothing to us.
    pub fn named(names: &[&str], renamed: &[(String, Role)]) -> Result<Self, String> {
        if let Some((name, _)) = renamed.iter().find(|(name, _)| !names.contains(&&**name)) {
            return Err(format!("no column {name:?} among the columns {}", names.join(", ")));
        }
        let role = |name: &str| {
            let asked = renamed.iter().find(|(other, _)| other == name).map(|&(_, role)| role);
            asked.or_else(|| Role::named(name)).unwrap_or(Role::Ignored)
        };
        let column = |name: &&str| Column { name: name.to_string(), role: role(name) };
        Self::new(names.iter().map(column).collect())
    }

    /// The same layout, believed only as long as the file does not speak against it.
    pub fn guessed(self) -> Self {
        Self { guessed: true, ..self }
    }

    fn new(columns: Vec<Column>) -> Result<Self, String> {
        let parts = ColumnPositions::of(&columns)?;
        Ok(Self { columns, parts, open: false, guessed: false })
    }

    /// What the label means; nothing if there is none.
    pub fn meaning(&self) -> Option<Meaning> {
        self.parts.label.map(|(_, meaning)| meaning)
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

    /// The texts and the label of a record; or what is wrong with it.
    pub fn fields(
        &self,
        mut record: RowContent,
    ) -> Result<(Vec<String>, Option<String>), String> {
        match &record {
            RowContent::Cells(cells) => self.check_count(cells.len())?,
            RowContent::Object(object) => self.check_names(object)?,
        }
        let mut take = |position: usize| self.columns[position].take(&mut record, position);
        // an exact size: there may be millions of them
        let mut texts = Vec::with_capacity(self.parts.texts.len());
        for &position in &self.parts.texts {
            texts.push(take(position)?);
        }
        let label = self.parts.label.map(|(position, _)| take(position)).transpose()?;
        if self.guessed {
            self.doubt(&texts, label.as_deref())?;
        }
        Ok((texts, label))
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
        let used = |name: &str| Role::named(name).is_some_and(|role| role != Role::Subset);
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
                Some(label) if !is_inference(label) => (label, "is not an NLI label"),
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

    #[test]
    fn texts_come_in_the_order_of_their_roles() {
        let names = ["negative_2", "id", "positive", "negative_1", "anchor"];
        let layout = ColumnLayout::named(&names, &[]).unwrap();
        let (texts, label) = layout.fields(record(&["d", "7", "b", "c", "a"])).unwrap();
        assert_eq!((texts.concat().as_str(), label), ("abcd", None));
    }

    #[test]
    fn a_renamed_column_plays_the_role_asked_for() {
        let renamed = [("s1".into(), Role::asked("sentence1").unwrap())];
        let layout = ColumnLayout::named(&["sentence2", "s1", "score"], &renamed).unwrap();
        let (texts, label) = layout.fields(record(&["b", "a", "3"])).unwrap();
        assert_eq!((texts.concat().as_str(), label.as_deref()), ("ab", Some("3")));
        let error = ColumnLayout::named(&["text"], &renamed).unwrap_err();
        assert_eq!(error, "no column \"s1\" among the columns text");
    }

    #[test]
    fn two_dots_allow_more_columns_but_not_fewer() {
        let layout = ColumnLayout::positional(&["_", "text", ".."]).unwrap();
        assert_eq!(layout.fields(record(&["", "a"])).unwrap().0, ["a"]);
        assert_eq!(layout.fields(record(&["", "a", "b", ""])).unwrap().0, ["a"]);
        let error = layout.fields(record(&["a"])).unwrap_err();
        assert_eq!(error, "1 column, expected 2 or more (_, text)");
    }

    #[test]
    fn what_only_a_later_object_has_is_not_dropped_in_silence() {
        let layout = ColumnLayout::named(&["id", "text1", "text2"], &[]).unwrap();
        let fields =
            |text| layout.fields(RowContent::Object(serde_json::from_str(text).unwrap()));
        assert!(fields(r#"{"text1": "a", "text2": "b", "lang": "en", "subset": "x"}"#).is_ok());
        let error = fields(r#"{"text1": "a", "text2": "b", "score": 1}"#).unwrap_err();
        assert_eq!(error, "score is not in the first object of the file");
    }

    #[test]
    fn a_guess_is_doubted_where_a_later_line_speaks_against_it() {
        let pairs = || ColumnLayout::positional(&["anchor", "positive"]).unwrap();
        assert!(pairs().fields(record(&["a", "2.5"])).is_ok());
        let error = pairs().guessed().fields(record(&["a", "2.5"])).unwrap_err();
        assert!(
            error.starts_with("\"2.5\" does not look like a text, but by the first line"),
            "{error}"
        );
        let inference = ColumnLayout::positional(&["premise", "hypothesis", "label"]).unwrap();
        assert!(inference.clone().guessed().fields(record(&["a", "b", "neutral"])).is_ok());
        let error = inference.guessed().fields(record(&["a", "b", "-"])).unwrap_err();
        assert!(error.starts_with("\"-\" is not an NLI label"), "{error}");
    }
}
