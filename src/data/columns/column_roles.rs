//! Names of columns → their roles: those asked for first, then those of known names.

use crate::data::columns::column::Column;
use crate::data::columns::column_positions::ColumnPositions;
use crate::data::columns::role::{ExampleShape, KnownName, Role};

/// The columns called `names`. `renamed` are the roles asked for by name; they win: a column of a
/// known name that cannot be combined with them is ignored.
pub(in crate::data) fn columns(names: &[&str], renamed: &[(String, Role)]) -> Vec<Column> {
    let asked = |name: &str| renamed.iter().find(|(other, _)| other == name).map(|&(_, r)| r);
    let mut columns = Vec::with_capacity(names.len());
    for &name in names {
        let known = match KnownName::of(name) {
            Some(KnownName::Role(role)) => Some(role),
            _ => None,
        };
        let role = asked(name).or(known).unwrap_or(Role::Ignored);
        columns.push(Column { name: name.to_string(), role });
    }
    let is_asked: Vec<bool> = names.iter().map(|name| asked(name).is_some()).collect();
    ignore_conflicts(&mut columns, &is_asked);
    read_queries_and_documents(&mut columns, &is_asked);
    ignore_useless_score(&mut columns, &is_asked);
    columns
}

/// Ignores known columns that cannot be combined with those asked for.
fn ignore_conflicts(columns: &mut [Column], is_asked: &[bool]) {
    let asked: Vec<Role> = columns
        .iter()
        .zip(is_asked)
        .filter(|(_, asked)| **asked)
        .map(|(c, _)| c.role)
        .collect();
    let shape = asked.iter().find_map(|role| role.shape());
    let labelled = asked.iter().any(|role| role.is_label());
    for (column, _) in columns.iter_mut().zip(is_asked).filter(|(_, asked)| !**asked) {
        let taken = asked.contains(&column.role) || (labelled && column.role.is_label());
        let other_shape =
            shape.is_some_and(|shape| column.role.shape().is_some_and(|own| own != shape));
        if taken || other_shape {
            column.role = Role::Ignored;
        }
    }
}

/// Gives columns such as `query` and `document` their part, which depends on the others: an anchor
/// or a positive that a group lacks, an anchor and its positive together, or a text alone. Where two
/// could have it, neither has.
fn read_queries_and_documents(columns: &mut [Column], is_asked: &[bool]) {
    use ExampleShape::{Group, Single};
    let only = |known: KnownName| {
        let mut found = (0..columns.len())
            .filter(|&at| !is_asked[at] && KnownName::of(&columns[at].name) == Some(known));
        (found.next(), found.next().is_some())
    };
    let ((query, queries), (document, documents)) =
        (only(KnownName::Query), only(KnownName::Document));
    let has = |place| columns.iter().any(|column| column.role == Role::Text(Group, place));
    let (anchor, positive) = (has(0), has(1));
    let shape = columns.iter().find_map(|column| column.role.shape());
    let mut set = |at: Option<usize>, many: bool, role| {
        if let (Some(at), false) = (at, many) {
            columns[at].role = role;
        }
    };
    match shape {
        Some(Group) => {
            if !anchor {
                set(query, queries, Role::Text(Group, 0));
            }
            if !positive {
                set(document, documents, Role::Text(Group, 1));
            }
        }
        Some(_) => {}
        None if query.is_some() && document.is_some() => {
            set(query, queries, Role::Text(Group, 0));
            set(document, documents, Role::Text(Group, 1));
        }
        None => {
            set(query, queries, Role::Text(Single, 0));
            set(document, documents, Role::Text(Single, 0));
        }
    }
}

/// A score belongs to two texts: of anything else it is a column like others.
fn ignore_useless_score(columns: &mut [Column], is_asked: &[bool]) {
    let texts = columns.iter().filter(|column| column.is_text()).count();
    if texts == 0 || texts == 2 {
        return;
    }
    for (column, _) in columns.iter_mut().zip(is_asked).filter(|(_, asked)| !**asked) {
        if column.role == Role::Score {
            column.role = Role::Ignored;
        }
    }
}

/// The `--columns` that would make examples of columns called `names`, where what they hold suggests
/// one; `cells` are the fields of the first row below them.
pub(in crate::data) fn suggestion(names: &[&str], cells: &[&str]) -> Option<String> {
    let by_names = completed(names);
    let roles = by_names.or_else(|| by_cells(names, cells))?;
    let named: Vec<String> = roles
        .iter()
        .map(|(name, role)| {
            let name =
                if name.contains(',') { format!("\"{name}\"") } else { name.to_string() };
            format!("{name}={role}")
        })
        .collect();
    let list = named.join(",");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_=,.-".contains(c);
    Some(if list.chars().all(plain) { list } else { format!("'{list}'") })
}

/// Unknown columns for the texts that the known ones lack.
fn completed<'a>(names: &[&'a str]) -> Option<Vec<(&'a str, &'static str)>> {
    let columns = columns(names, &[]);
    let shape = columns.iter().find_map(|column| column.role.shape())?;
    let lacks = shape.needs().iter().enumerate().filter(|(place, _)| {
        !columns.iter().any(|column| column.role == Role::Text(shape, *place))
    });
    let mut free = columns.iter().zip(names).filter(|(column, name)| {
        column.role == Role::Ignored && KnownName::of(name) != Some(KnownName::Id)
    });
    let mut roles = Vec::new();
    for (_, role) in lacks {
        roles.push((*free.next()?.1, *role));
    }
    let renamed: Vec<(String, Role)> = roles
        .iter()
        .filter_map(|(name, role)| Some((name.to_string(), Role::asked(role).ok()?)))
        .collect();
    let whole = self::columns(names, &renamed);
    (!roles.is_empty() && ColumnPositions::of(&whole).is_ok()).then_some(roles)
}

/// Roles by what the first row holds, for columns of which none is known.
fn by_cells<'a>(names: &[&'a str], cells: &[&str]) -> Option<Vec<(&'a str, &'static str)>> {
    let is_text =
        |cell: &str| !crate::data::columns::labels::is_label(cell) && !cell.is_empty();
    let mut texts = Vec::new();
    let mut label = None;
    for (at, name) in names.iter().enumerate() {
        let cell = cells.get(at).copied().unwrap_or("text");
        match KnownName::of(name) {
            Some(KnownName::Id) => {}
            _ if is_text(cell) => texts.push(*name),
            _ => label = label.or(Some((*name, crate::data::columns::labels::is_number(cell)))),
        }
    }
    let roles: &[&str] = match (texts.len(), label) {
        (0, _) => return None,
        (1, _) => &["text"],
        (_, Some((_, true))) => &["sentence1", "sentence2"],
        (_, Some(_)) => &["premise", "hypothesis"],
        (2, None) => &["anchor", "positive"],
        _ => &["anchor", "positive", "negative"],
    };
    let mut roles: Vec<_> = texts.into_iter().zip(roles.iter().copied()).collect();
    if let (Some((name, number)), true) = (label, roles.len() == 2) {
        roles.push((name, if number { "score" } else { "label" }));
    }
    Some(roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(line: &str) -> String {
        let names: Vec<&str> = line.split('|').collect();
        let mut texts: Vec<(usize, String)> = Vec::new();
        for column in columns(&names, &[]) {
            if let Role::Text(shape, place) = column.role {
                texts.push((place, format!("{:?} {}", shape, column.name)));
            }
        }
        texts.sort();
        texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_query_is_an_anchor_beside_a_document_and_a_text_alone() {
        assert_eq!(roles("query|document"), "Group query, Group document");
        assert_eq!(roles("Question|id|Answer"), "Group Question, Group Answer");
        assert_eq!(
            roles("query|positive|negative"),
            "Group query, Group positive, Group negative"
        );
        assert_eq!(roles("anchor|passage"), "Group anchor, Group passage");
        assert_eq!(roles("id|question"), "Single question");
        assert_eq!(roles("review|stars"), "Single review");
        assert_eq!(roles("text|comment"), "Single text");
        assert_eq!(roles("sentence1|sentence2|question"), "Pair sentence1, Pair sentence2");
        // which of the two is the positive is not for us to say
        assert_eq!(roles("query|answer|passage"), "Group query");
        assert_eq!(roles("review|comment"), "");
    }

    #[test]
    fn what_is_asked_for_wins_over_known_names() {
        let names = ["q", "sentence1", "sentence2", "score", "label"];
        let asked = |asked: &[(&str, &str)]| {
            let renamed: Vec<_> =
                asked.iter().map(|(n, r)| (n.to_string(), Role::asked(r).unwrap())).collect();
            let columns = columns(&names, &renamed);
            let used = columns.into_iter().filter(|column| column.role != Role::Ignored);
            used.map(|column| column.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(asked(&[("q", "text"), ("score", "_"), ("label", "_")]), "q");
        assert_eq!(asked(&[("q", "text"), ("label", "class")]), "q label");
        assert_eq!(asked(&[("label", "class")]), "sentence1 sentence2 label");
        assert_eq!(asked(&[("q", "sentence1")]), "q sentence2 score label");
        let score = columns(&["text", "score"], &[]);
        assert_eq!(score[1].role, Role::Ignored);
    }

    #[test]
    fn the_columns_that_would_do_are_suggested() {
        let fix = |names: &[&str], cells: &[&str]| suggestion(names, cells).unwrap_or_default();
        assert_eq!(fix(&["sentence1", "other", "score"], &[]), "other=sentence2");
        assert_eq!(fix(&["a", "b"], &["x y", "z"]), "a=anchor,b=positive");
        assert_eq!(
            fix(&["s, 1", "s2", "gold"], &["x", "y", "4.5"]),
            "'\"s, 1\"=sentence1,s2=sentence2,gold=score'"
        );
        assert_eq!(
            fix(&["a", "b", "c"], &["x", "y", "neutral"]),
            "a=premise,b=hypothesis,c=label"
        );
        assert_eq!(fix(&["id", "body"], &["7", "x"]), "body=text");
        assert_eq!(fix(&["number"], &["7"]), "");
    }
}
