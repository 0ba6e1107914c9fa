//! A row of a file of texts.

use crate::data::columns::layout::ColumnLayout;
use crate::error::Result;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;

/// The value of a column that is kept: JSON, letter for letter as it was read.
///
/// ```
/// use twindrop::data::KeptValue;
///
/// let long = KeptValue::from_json("12345678901234567890123")?;
/// assert_eq!(long.to_string(), "12345678901234567890123");
/// assert_eq!(KeptValue::from_text("7").to_string(), "\"7\"");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeptValue(Box<RawValue>);

impl KeptValue {
    /// A value of an object.
    ///
    /// # Errors
    /// Where it is not JSON.
    pub fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json).map(Self)
    }

    /// A field of a table, which is text.
    pub fn from_text(text: &str) -> Self {
        Self::from(&Value::from(text))
    }

    /// What a column of texts holds: the text itself, the JSON of any other value, nothing for
    /// null.
    pub fn cell(&self) -> Option<String> {
        let json = self.0.get();
        match serde_json::from_str::<Option<String>>(json) {
            Ok(text) => text,
            Err(_) => Some(json.to_string()),
        }
    }
}

impl From<&Value> for KeptValue {
    fn from(value: &Value) -> Self {
        Self(
            serde_json::value::to_raw_value(value)
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
        )
    }
}

/// As JSON.
impl fmt::Display for KeptValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get())
    }
}

impl PartialEq for KeptValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// The fields `keep` of the object `json`; null where it has none.
pub(super) fn kept_fields(json: &str, keep: &[String]) -> serde_json::Result<Vec<KeptValue>> {
    if keep.is_empty() {
        return Ok(vec![]);
    }
    let fields: HashMap<String, &RawValue> = serde_json::from_str(json)?;
    let field = |name: &String| fields.get(name).copied().unwrap_or(RawValue::NULL).to_owned();
    Ok(keep.iter().map(|name| KeptValue(field(name))).collect())
}

/// A row of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRow {
    /// The line it begins on, from 1; of a parquet file, the row.
    pub line: u64,
    /// Its text, not empty unless missing texts were asked to be.
    pub text: String,
    /// The columns asked for beside it, in the order asked; null where an object has no such key.
    pub kept: Vec<KeptValue>,
}

/// Where rows go; it may end the reading.
pub type Take<'a> = dyn FnMut(TextRow) -> Result<ControlFlow<()>> + 'a;

/// Where the columns to keep stand; or why a file cannot be read as texts.
pub(super) fn places(layout: &ColumnLayout, keep: &[String]) -> Result<Vec<usize>, String> {
    if layout.width() != 1 {
        let width = layout.width();
        let names = layout.names();
        let by_name = format!("{}=text", names[0]);
        return Err(format!(
            "has {width} texts per line; select the one to embed, as --columns _,text or --columns \
             {by_name}"
        ));
    }
    let names = layout.names();
    let place = |name: &String| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            format!("no column {name:?} to keep among the columns {}", names.join(", "))
        })
    };
    keep.iter().map(place).collect()
}
