//! One column: its own name, what it is, and its field out of a record.

use std::mem;

use serde_json::{Map, Value};

use crate::data::columns::missing::{is_missing_label, is_missing_text};
use crate::data::columns::role::Role;
use crate::data::formats::json_object::kind;
use crate::data::formats::row::RowContent;

/// A column by its own name, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Column {
    pub name: String,
    pub role: Role,
}

/// Why a field cannot be had.
#[derive(Debug, PartialEq)]
pub(in crate::data) enum Problem {
    /// It is empty, null, a NaN, or not there.
    Missing(String),
    /// It is of the wrong kind.
    Broken(String),
}

impl Column {
    /// The field of this column, which stands at `position`.
    pub fn take(&self, record: &mut RowContent, position: usize) -> Result<String, Problem> {
        let field = match record {
            RowContent::Cells(cells) => {
                cells.get_mut(position).map(mem::take).unwrap_or_default()
            }
            RowContent::Object(object) => self.value(object)?,
        };
        let is_missing =
            if self.is_text() { is_missing_text(&field) } else { is_missing_label(&field) };
        match (is_missing, field.is_empty()) {
            (false, _) => Ok(field),
            (true, true) => Err(Problem::Missing(format!("{} is empty", self.name))),
            (true, false) => Err(Problem::Missing(format!("{} is {field}", self.name))),
        }
    }

    fn value(&self, object: &Map<String, Value>) -> Result<String, Problem> {
        let (name, text, number) = (&self.name, self.is_text(), self.role == Role::Score);
        match object.get(name) {
            Some(Value::String(field)) if !number => Ok(field.trim().to_string()),
            Some(Value::Number(field)) if !text => Ok(field.to_string()),
            Some(Value::Null) => Err(Problem::Missing(format!("{name} is null"))),
            None => Err(Problem::Missing(format!("{name} is missing"))),
            Some(other) => {
                let expected = match (text, number) {
                    (true, _) => "a string",
                    (_, true) => "a number",
                    _ => "a string or a number",
                };
                let found = kind(other);
                Err(Problem::Broken(format!("{name} is {found}, expected {expected}")))
            }
        }
    }

    /// Whether it holds texts.
    pub fn is_text(&self) -> bool {
        matches!(self.role, Role::Text(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(name: &str, object: &str) -> Result<String, Problem> {
        let column = Column { name: name.into(), role: Role::named(name).unwrap() };
        column.take(&mut RowContent::Object(serde_json::from_str(object).unwrap()), 0)
    }

    #[test]
    fn a_field_of_an_object_has_the_type_its_role_asks_for() {
        assert_eq!(take("text", "{\"text\": \" a b \"}").unwrap(), "a b");
        assert_eq!(take("score", "{\"score\": 4.50}").unwrap(), "4.5");
        assert_eq!(take("label", "{\"label\": \"yes\"}").unwrap(), "yes");
        assert_eq!(take("label", "{\"label\": 102}").unwrap(), "102");
        for (name, object, complaint) in [
            ("text", "{\"text\": 1}", "text is a number, expected a string"),
            ("score", "{\"score\": \"1\"}", "score is a string, expected a number"),
            ("label", "{\"label\": {}}", "label is an object, expected a string or a number"),
        ] {
            assert_eq!(take(name, object).unwrap_err(), Problem::Broken(complaint.into()));
        }
        for (name, object, complaint) in [
            ("text", "{\"txt\": \"a\"}", "text is missing"),
            ("text", "{\"text\": \" \"}", "text is empty"),
            ("text", "{\"text\": \"NaN\"}", "text is NaN"),
            ("label", "{\"label\": null}", "label is null"),
        ] {
            assert_eq!(take(name, object).unwrap_err(), Problem::Missing(complaint.into()));
        }
    }

    #[test]
    fn a_field_is_taken_by_position_from_a_line() {
        let column = Column { name: "b".into(), role: Role::Class };
        let mut record = RowContent::Cells(vec!["x".into(), "y".into()]);
        assert_eq!(column.take(&mut record, 1).unwrap(), "y");
        let error = column.take(&mut record, 2).unwrap_err();
        assert_eq!(error, Problem::Missing("b is empty".into()));
    }
}
