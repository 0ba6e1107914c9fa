//! Objects whose positives and negatives are lists of texts, as retrieval data are published.

use serde_json::{Map, Value};

use crate::data::columns::column::{Column, Problem};
use crate::data::columns::role::{ExampleShape, Role};
use crate::data::formats::row::RowContent;

/// The records that a record with lists among its `texts` stands for, nothing where it has none: the
/// n-th has the n-th text of each list, and a shorter list begins again. So every text of the lists
/// is in an example.
pub(in crate::data) fn expanded(
    record: &RowContent,
    texts: &[&Column],
) -> Result<Option<Vec<RowContent>>, Problem> {
    let RowContent::Object(object) = record else { return Ok(None) };
    let mut lists: Vec<(&str, &[Value])> = Vec::new();
    for column in texts {
        if let (Role::Text(ExampleShape::Group, _), Some(Value::Array(items))) =
            (column.role, object.get(&column.name))
        {
            if items.is_empty() {
                return Err(Problem::Missing(format!("{} is an empty list", column.name)));
            }
            lists.push((&column.name, items));
        }
    }
    let Some(longest) = lists.iter().map(|(_, items)| items.len()).max() else {
        return Ok(None);
    };
    let others: Map<String, Value> = object
        .iter()
        .filter(|(name, _)| !lists.iter().any(|(list, _)| list == name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let record = |number: usize| {
        let mut record = others.clone();
        for (name, items) in &lists {
            record.insert(name.to_string(), items[number % items.len()].clone());
        }
        RowContent::Object(record)
    };
    Ok(Some((0..longest).map(record).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::columns::layout::ColumnLayout;

    fn examples(object: &str) -> Result<Vec<String>, Problem> {
        let layout = ColumnLayout::named(&["query", "pos", "neg"], &[]).unwrap();
        let record = RowContent::Object(serde_json::from_str(object).unwrap());
        let examples = layout.examples(record, false)?;
        Ok(examples.into_iter().map(|example| example.texts.join(" ")).collect())
    }

    #[test]
    fn every_text_of_the_lists_is_in_an_example() {
        let object = r#"{"query": "q", "pos": ["a", "b"], "neg": ["x", "y", "z"]}"#;
        assert_eq!(examples(object).unwrap(), ["q a x", "q b y", "q a z"]);
        let plain = r#"{"query": "q", "pos": "a", "neg": ["x"]}"#;
        assert_eq!(examples(plain).unwrap(), ["q a x"]);
    }

    #[test]
    fn an_empty_list_is_a_missing_text_and_a_number_in_one_too() {
        let error = examples(r#"{"query": "q", "pos": ["a"], "neg": []}"#).unwrap_err();
        assert_eq!(error, Problem::Missing("neg is an empty list".into()));
        let error = examples(r#"{"query": "q", "pos": ["a"], "neg": [null]}"#).unwrap_err();
        assert_eq!(error, Problem::Missing("neg is null".into()));
        let error = examples(r#"{"query": ["q"], "pos": ["a"], "neg": ["x"]}"#).unwrap();
        assert_eq!(error, ["q a x"]);
    }
}
