//! Which columns make an example: where its texts and its label stand.

use crate::data::columns::column::Column;
use crate::data::columns::labels::Meaning;
use crate::data::columns::role::{ExampleShape, Role};

/// Positions of columns.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct ColumnPositions {
    /// Where the texts stand, in the order of their roles.
    pub texts: Vec<usize>,
    /// Where the label stands, and what it means.
    pub label: Option<(usize, Meaning)>,
}

/// Why columns make no example.
#[derive(Debug)]
pub(in crate::data) struct Conflict {
    pub message: String,
    /// The column without which they would make one.
    pub ignore: Option<String>,
}

impl From<String> for Conflict {
    fn from(message: String) -> Self {
        Self { message, ignore: None }
    }
}

impl ColumnPositions {
    /// The parts among `columns`; or why they make no example.
    pub fn of(columns: &[Column]) -> Result<Self, Conflict> {
        let shape = shape(columns)?;
        let texts = texts(columns, shape)?;
        let label = label(columns, shape, texts.len())?;
        Ok(Self { texts, label })
    }
}

/// Where the texts of an example stand among `columns`, in the order of their roles.
fn texts(columns: &[Column], shape: ExampleShape) -> Result<Vec<usize>, Conflict> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (position, column) in columns.iter().enumerate() {
        if let Role::Text(_, place) = column.role {
            places.push((place, position));
        }
    }
    places.sort_unstable();
    if let Some(pair) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(same(&columns[pair[0].1], &columns[pair[1].1]));
    }
    for (place, missing) in shape.needs().iter().enumerate() {
        if !places.iter().any(|text| text.0 == place) {
            let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
            let message = format!("no column {missing} among the columns {}", names.join(", "));
            return Err(message.into());
        }
    }
    Ok(places.into_iter().map(|(_, position)| position).collect())
}

/// The shape of the texts in `columns`.
fn shape(columns: &[Column]) -> Result<ExampleShape, Conflict> {
    let mut shapes = columns.iter().filter_map(|column| match column.role {
        Role::Text(shape, _) => Some((shape, &column.name)),
        _ => None,
    });
    let Some((shape, name)) = shapes.next() else { return Ok(ExampleShape::Single) };
    match shapes.find(|(other, _)| *other != shape) {
        Some((_, other)) => Err(Conflict {
            message: format!(
                "columns {name} and {other} cannot be combined; ignore one of them"
            ),
            ignore: Some(other.clone()),
        }),
        None => Ok(shape),
    }
}

fn same(one: &Column, other: &Column) -> Conflict {
    let (one, other) = (&one.name, &other.name);
    Conflict {
        message: format!("columns {one} and {other} have the same role; ignore one of them"),
        ignore: Some(other.clone()),
    }
}

/// Where the label of an example of `width` texts stands, and what it means.
fn label(
    columns: &[Column],
    shape: ExampleShape,
    width: usize,
) -> Result<Option<(usize, Meaning)>, Conflict> {
    let only = |role: Role| {
        let mut found = (0..columns.len()).filter(|&position| columns[position].role == role);
        match (found.next(), found.next()) {
            (Some(one), Some(other)) => Err(same(&columns[one], &columns[other])),
            (first, _) => Ok(first),
        }
    };
    match (only(Role::Score)?, only(Role::Class)?, only(Role::Label)?) {
        (Some(_), Some(class), _) => Err(Conflict {
            message: "a score and a class; ignore one of them".into(),
            ignore: Some(columns[class].name.clone()),
        }),
        (Some(_), ..) if width != 2 => {
            Err(String::from("a score, which needs exactly two texts").into())
        }
        (Some(position), ..) => Ok(Some((position, Meaning::Score))),
        (_, Some(position), _) => Ok(Some((position, Meaning::Class))),
        (.., Some(position)) => {
            let sure = shape == ExampleShape::Inference || width != 2;
            Ok(Some((position, if sure { Meaning::Class } else { Meaning::Either })))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(roles: &[&str]) -> Result<ColumnPositions, Conflict> {
        let column =
            |name: &&str| Column { name: name.to_string(), role: Role::asked(name).unwrap() };
        ColumnPositions::of(&roles.iter().map(column).collect::<Vec<_>>())
    }

    #[test]
    fn columns_that_make_no_example_are_refused() {
        for (roles, complaint) in [
            (&["score", "_"][..], "no column text among the columns score, _"),
            (&[], "no column text among the columns "),
            (&["sentence1", "score"], "no column sentence2 among the columns sentence1, score"),
            (
                &["positive", "negative"],
                "no column anchor among the columns positive, negative",
            ),
            (&["text", "text1", "text2"], "columns text and text1 cannot be combined"),
            (
                &["text1", "sentence1", "text2"],
                "columns text1 and sentence1 have the same role; ignore one of them",
            ),
            (
                &["text", "label", "label"],
                "columns label and label have the same role; ignore one of them",
            ),
            (&["text", "score"], "a score, which needs exactly two texts"),
            (&["text1", "text2", "score", "class"], "a score and a class"),
        ] {
            let error = parts(roles).unwrap_err().message;
            assert!(error.starts_with(complaint), "{error}");
        }
    }

    #[test]
    fn a_label_is_a_class_wherever_it_cannot_be_a_score() {
        let meaning = |roles: &[&str]| parts(roles).unwrap().label.map(|(_, meaning)| meaning);
        assert_eq!(meaning(&["text1", "text2"]), None);
        assert_eq!(meaning(&["text1", "text2", "label"]), Some(Meaning::Either));
        assert_eq!(meaning(&["text1", "text2", "class"]), Some(Meaning::Class));
        assert_eq!(meaning(&["text1", "text2", "label", "score"]), Some(Meaning::Score));
        assert_eq!(meaning(&["premise", "hypothesis", "label"]), Some(Meaning::Class));
        assert_eq!(meaning(&["label", "text"]), Some(Meaning::Class));
        let triplet = ["anchor", "positive", "negative", "label"];
        assert_eq!(meaning(&triplet), Some(Meaning::Class));
    }
}
