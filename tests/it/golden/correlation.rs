//! Correlations against SciPy's.

use serde::{Deserialize, Deserializer};
use twindrop::eval::{average_ranks, pearson, spearman};

use super::fixture::read;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    aggregate: Aggregate,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(deserialize_with = "exact")]
    x: Vec<f64>,
    #[serde(deserialize_with = "exact")]
    y: Vec<f64>,
    #[serde(deserialize_with = "exact")]
    ranks_x: Vec<f64>,
    #[serde(deserialize_with = "exact")]
    ranks_y: Vec<f64>,
    spearman: Figure,
    pearson: Figure,
}

#[derive(Deserialize)]
struct Figure {
    value: Option<Exact>,
    is_nan: bool,
}

#[derive(Deserialize)]
struct Aggregate {
    subsets: Vec<Subset>,
    all: Exact,
    mean: Exact,
    weighted_mean: Exact,
}

#[derive(Deserialize)]
struct Subset {
    #[serde(deserialize_with = "exact")]
    gold: Vec<f64>,
    #[serde(deserialize_with = "exact")]
    predicted: Vec<f64>,
    spearman: Exact,
}

fn golden() -> Golden {
    serde_json::from_str(&quoted(&read("correlation"))).expect("the fixture's format")
}

/// The same JSON with numbers as strings: `serde_json` reads the last digit of a long number
/// only nearly, and that digit carries the case `large_offset`.
fn quoted(json: &str) -> String {
    let (mut text, mut inside, mut number) = (String::new(), false, false);
    for c in json.chars() {
        let digit =
            !inside && (c.is_ascii_digit() || "+-.".contains(c) || (number && c == 'e'));
        if digit != number {
            text.push('"');
            number = digit;
        }
        inside ^= c == '"';
        text.push(c);
    }
    text
}

/// A number that was quoted, read to its nearest `f64`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Exact(f64);

impl TryFrom<String> for Exact {
    type Error = std::num::ParseFloatError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        digits.parse().map(Self)
    }
}

fn exact<'de, D: Deserializer<'de>>(numbers: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<Exact>::deserialize(numbers)?.into_iter().map(|number| number.0).collect())
}

fn close(what: &str, value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-12, "{what}: {value} is not {expected}");
}

fn check(what: String, value: Option<f64>, expected: &Figure) {
    assert_eq!(value.is_none(), expected.is_nan, "{what}: {value:?}");
    if let (Some(value), Some(expected)) = (value, &expected.value) {
        close(&what, value, expected.0);
    }
}

#[test]
fn correlations_and_ranks_are_those_of_scipy() {
    let golden = golden();
    assert!(!golden.cases.is_empty());
    for case in golden.cases {
        let name = case.name;
        assert_eq!(average_ranks(&case.x), case.ranks_x, "{name}: ranks of x");
        assert_eq!(average_ranks(&case.y), case.ranks_y, "{name}: ranks of y");
        check(format!("{name}: spearman"), spearman(&case.x, &case.y), &case.spearman);
        check(format!("{name}: pearson"), pearson(&case.x, &case.y), &case.pearson);
    }
}

#[test]
fn subsets_join_to_all_mean_and_weighted_mean() {
    let Golden { aggregate, .. } = golden();
    let rho = |subset: &Subset| spearman(&subset.predicted, &subset.gold).expect("defined");
    for (i, subset) in aggregate.subsets.iter().enumerate() {
        close(&format!("subset {i}"), rho(subset), subset.spearman.0);
    }
    let join = |side: fn(&Subset) -> &[f64]| -> Vec<f64> {
        aggregate.subsets.iter().flat_map(side).copied().collect()
    };
    let all = spearman(&join(|s| &s.predicted), &join(|s| &s.gold)).expect("defined");
    close("all", all, aggregate.all.0);

    let sizes: Vec<f64> = aggregate.subsets.iter().map(|s| s.gold.len() as f64).collect();
    let values: Vec<f64> = aggregate.subsets.iter().map(rho).collect();
    let weighted: f64 = values.iter().zip(&sizes).map(|(value, size)| value * size).sum();
    close("mean", values.iter().sum::<f64>() / values.len() as f64, aggregate.mean.0);
    close("weighted", weighted / sizes.iter().sum::<f64>(), aggregate.weighted_mean.0);
}
