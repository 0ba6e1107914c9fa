//! Metrics as JSON and as tables.

use super::intervals;
use super::layout::{table, with_interval};
use crate::cli::shared::print::percent;
use crate::eval::{Bootstrap, Estimate, Metrics};
use serde_json::{Map, Value, json};

/// A model and its metrics.
pub struct ModelMetrics {
    pub model: String,
    pub metrics: Metrics,
}

/// −1..1, null where undefined, under sentence-transformers' names.
pub fn flat(answer: &ModelMetrics) -> Map<String, Value> {
    let ModelMetrics { model, metrics } = answer;
    let mut flat = Map::from_iter([("model".to_string(), json!(model))]);
    flat.extend(metrics.about.iter().map(|(name, x)| (name.to_string(), number(*x))));
    let figures = || metrics.figures.iter();
    flat.extend(figures().map(|(name, one)| (name.clone(), json!(one.value.as_ref().ok()))));
    let intervals = figures().filter_map(|(name, one)| {
        let interval = one.interval?;
        Some((name.clone(), json!([interval.low, interval.high])))
    });
    let undefined = metrics.undefined().map(|(name, why)| (name.to_string(), json!(why)));
    let parts: [(&str, Map<String, Value>); 2] =
        [("intervals", intervals.collect()), ("undefined", undefined.collect())];
    let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
    flat.extend(parts.map(|(name, part)| (name.to_string(), part.into())));
    flat
}

/// A count is printed as an integer.
fn number(x: f64) -> Value {
    if x.fract() == 0. { json!(x as i64) } else { json!(x) }
}

/// A table a model.
pub fn tables(title: &str, answers: &[ModelMetrics], bootstrap: &Bootstrap) -> String {
    let draws = intervals::title(bootstrap);
    let mut parts = Vec::new();
    for ModelMetrics { model, metrics } in answers {
        let about =
            metrics.about.iter().map(|(name, x)| format!("{} {x}", name.replace('_', " ")));
        let about: Vec<String> = about.collect();
        parts.push(format!("{title}, {model}: {} (× 100{draws})", about.join(", ")));
        parts.push(matrix(&metrics.figures));
    }
    parts.join("\n")
}

/// `cosine_map@10` stands in the row `cosine_map` and the column `@10`, `dev_accuracy` in `dev` and
/// `accuracy`; what would be wider than high is turned.
fn matrix(figures: &[(String, Estimate)]) -> String {
    let mut places: Vec<[String; 2]> = figures.iter().map(|(name, _)| place(name)).collect();
    let unique = |side: usize, places: &[[String; 2]]| {
        places.iter().fold(Vec::<String>::new(), |mut unique, place| {
            if !unique.contains(&place[side]) {
                unique.push(place[side].clone());
            }
            unique
        })
    };
    let [mut rows, mut columns] = [0, 1].map(|side| unique(side, &places));
    if columns.len() > rows.len() {
        places.iter_mut().for_each(|place| place.reverse());
        std::mem::swap(&mut rows, &mut columns);
    }
    let between = if columns.len() > 2 { "\n" } else { " " };
    let mut table = table([""].into_iter().chain(columns.iter().map(String::as_str)));
    for row in &rows {
        let cells = columns.iter().map(|column| {
            let at = places.iter().position(|[r, c]| r == row && c == column);
            at.map_or_else(String::new, |at| cell(&figures[at], between))
        });
        table.add_row([row.clone()].into_iter().chain(cells));
    }
    table.to_string()
}

/// The two parts of a name.
fn place(name: &str) -> [String; 2] {
    let at = name.find('@').unwrap_or_else(|| name.find('_').unwrap_or(0));
    let (row, column) = name.split_at(at);
    [row.to_string(), column.trim_start_matches('_').replace('_', " ")]
}

/// × 100 with its interval; a threshold is what it is, and the largest of thresholds nothing.
fn cell((name, estimate): &(String, Estimate), between: &str) -> String {
    match &estimate.value {
        _ if name.starts_with("max_") && name.ends_with("_threshold") => String::new(),
        Ok(value) if name.ends_with("_threshold") => format!("{value:.4}"),
        value => {
            with_interval(percent(value.as_ref().ok().copied()), estimate.interval, between)
        }
    }
}
