//! What one set says of a model, under the names people know.

use serde::{Deserialize, Serialize};

/// What one set says of a model: each figure in `[-1, 1]`, or `None` where it is undefined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // the figures are named by what they are
pub struct StsReport {
    /// How many pairs were scored.
    pub pairs: usize,
    /// How many distinct sentences they hold.
    pub sentences: usize,
    pub spearman_cosine: Option<f64>,
    pub pearson_cosine: Option<f64>,
    pub spearman_dot: Option<f64>,
    pub pearson_dot: Option<f64>,
    pub spearman_euclidean: Option<f64>,
    pub pearson_euclidean: Option<f64>,
    pub spearman_manhattan: Option<f64>,
    pub pearson_manhattan: Option<f64>,
}

impl StsReport {
    /// The figures by the names sentence-transformers gives them, in order.
    pub fn figures(&self) -> [(&'static str, Option<f64>); 8] {
        [
            ("spearman_cosine", self.spearman_cosine),
            ("pearson_cosine", self.pearson_cosine),
            ("spearman_dot", self.spearman_dot),
            ("pearson_dot", self.pearson_dot),
            ("spearman_euclidean", self.spearman_euclidean),
            ("pearson_euclidean", self.pearson_euclidean),
            ("spearman_manhattan", self.spearman_manhattan),
            ("pearson_manhattan", self.pearson_manhattan),
        ]
    }

    /// Names of the figures that have no value: too few pairs, or a side without variation.
    pub fn undefined(&self) -> Vec<&'static str> {
        let missing = self.figures().into_iter().filter(|(_, value)| value.is_none());
        missing.map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_names_and_order_and_says_null() {
        let report = StsReport {
            pairs: 3,
            sentences: 4,
            spearman_cosine: Some(0.5),
            pearson_cosine: None,
            spearman_dot: Some(-1.),
            pearson_dot: Some(0.25),
            spearman_euclidean: Some(0.),
            pearson_euclidean: Some(0.75),
            spearman_manhattan: None,
            pearson_manhattan: Some(1.),
        };
        let json = serde_json::to_string(&report).expect("numbers and names");
        let expected = concat!(
            r#"{"pairs":3,"sentences":4,"spearman_cosine":0.5,"pearson_cosine":null,"#,
            r#""spearman_dot":-1.0,"pearson_dot":0.25,"spearman_euclidean":0.0,"#,
            r#""pearson_euclidean":0.75,"spearman_manhattan":null,"pearson_manhattan":1.0}"#,
        );
        assert_eq!(json, expected);
        assert_eq!(report.undefined(), ["pearson_cosine", "spearman_manhattan"]);
        let back: StsReport = serde_json::from_str(&json).expect("what was written");
        assert_eq!(back, report);
        let names: Vec<_> = report.figures().iter().map(|(name, _)| *name).collect();
        let written: serde_json::Value = serde_json::from_str(&json).expect("an object");
        assert!(names.iter().all(|name| written.get(name).is_some()));
    }
}
