//! The text of a JSON object → a record.

use serde_json::Value;

use crate::data::formats::row::{COLUMNS, RowContent};
use crate::data::formats::shallow::Shallow;

/// The record that the JSON object `text` is.
pub(in crate::data) fn object(text: &str) -> Result<Option<RowContent>, String> {
    match serde_json::from_str(text).map(|Shallow(value)| value) {
        Ok(Value::Object(object)) if object.len() > COLUMNS => Err(format!(
            "an object of more than {COLUMNS} fields; is this a table of sentences?"
        )),
        Ok(Value::Object(object)) => Ok(Some(RowContent::Object(object))),
        Ok(other) => {
            Err(format!("{}, expected an object such as {{\"text\": …}}", kind(&other)))
        }
        Err(error) => Err(not_json(&error)),
    }
}

/// serde's words without its own line number, which is always 1 here.
fn not_json(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    format!("not JSON at column {}: {message}", error.column())
}

/// What a JSON value is, in words.
pub(in crate::data) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
