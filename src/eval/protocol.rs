//! What a published table computes: which figures, of which pooling.

use std::fmt;
use std::str::FromStr;

use super::metric_id::{Aggregation, Correlation, MetricId};
use crate::error::{Error, Result};
use crate::vectors::Similarity;

/// The figures of a published way to evaluate. None of them fits anything to the training pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Spearman of the cosine over all pairs of a year (Gao et al. 2021; `evaluation.py` of
    /// princeton-nlp/SimCSE, `all`).
    #[default]
    Simcse,
    /// The same, sentences being the mean of the last two layers (Yan et al. 2021;
    /// yym6472/ConSERT, `last2avg`).
    Consert,
    /// Spearman and Pearson of all four similarities over all pairs, Spearman of the cosine first
    /// (Reimers & Gurevych 2019; sentence-transformers' `EmbeddingSimilarityEvaluator`).
    Sbert,
    /// Pearson and Spearman of the cosine per subset, their mean and their mean weighted by
    /// pairs (Conneau & Kiela 2018; `sts.py` of facebookresearch/SentEval).
    Senteval,
    /// Spearman and Pearson of cosine, Euclidean and Manhattan over all pairs, Spearman of the
    /// cosine first (Muennighoff et al. 2023; embeddings-benchmark/mteb, `cosine_spearman`). It
    /// reads the original text.
    Mteb,
}

/// Every protocol with its name and what it computes, in a line.
const NAMES: [(Protocol, &str, &str); 5] = [
    (Protocol::Simcse, "simcse", "Spearman of cosine over all pairs of a set"),
    (Protocol::Consert, "consert", "the same, sentences being the mean of the last two layers"),
    (Protocol::Sbert, "sbert", "Spearman and Pearson of four similarities over all pairs"),
    (
        Protocol::Senteval,
        "senteval",
        "Pearson and Spearman of cosine, mean and wmean of subsets",
    ),
    (Protocol::Mteb, "mteb", "Spearman and Pearson of three similarities, original text"),
];

impl Protocol {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(protocol, ..)| *protocol)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(protocol, ..)| *protocol == self).map_or("", |(_, name, _)| name)
    }

    /// What it computes, in a line.
    pub fn about(self) -> &'static str {
        NAMES.iter().find(|(protocol, ..)| *protocol == self).map_or("", |(.., about)| about)
    }

    /// How subsets join.
    pub fn aggregations(self) -> &'static [Aggregation] {
        match self {
            Self::Senteval => &[Aggregation::Mean, Aggregation::Wmean],
            _ => &[Aggregation::All],
        }
    }

    /// Its correlations, the one it is known for first.
    pub fn correlations(self) -> &'static [Correlation] {
        match self {
            Self::Simcse | Self::Consert => &[Correlation::Spearman],
            Self::Sbert | Self::Mteb => &[Correlation::Spearman, Correlation::Pearson],
            Self::Senteval => &[Correlation::Pearson, Correlation::Spearman],
        }
    }

    /// Its similarities, the one it is known for first.
    pub fn similarities(self) -> &'static [Similarity] {
        match self {
            Self::Sbert => &Similarity::ALL,
            Self::Mteb => &[Similarity::Cosine, Similarity::Euclidean, Similarity::Manhattan],
            Self::Simcse | Self::Consert | Self::Senteval => &[Similarity::Cosine],
        }
    }

    /// Its figures, the one it is known for first.
    pub fn figures(self) -> Vec<MetricId> {
        MetricId::product(self.aggregations(), self.correlations(), self.similarities())
    }

    /// The name of its pooling, where it is not the model's own.
    pub fn pooling(self) -> Option<&'static str> {
        (self == Self::Consert).then_some("last-two")
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::all().find(|protocol| protocol.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::all().map(Self::name).collect();
            Error::config(format!(
                "protocol `{text}` is unknown: use one of {}",
                known.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_selects_the_published_figures() {
        let figures = |name: &str| {
            let figures = name.parse::<Protocol>().unwrap().figures();
            figures.iter().map(MetricId::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(figures("simcse"), "spearman_cosine");
        assert_eq!(figures("consert"), "spearman_cosine");
        assert_eq!(
            figures("senteval"),
            "pearson_cosine_mean spearman_cosine_mean pearson_cosine_wmean spearman_cosine_wmean"
        );
        assert_eq!(Protocol::Sbert.figures().len(), 8);
        assert_eq!(Protocol::Mteb.figures().len(), 6);
        for protocol in Protocol::all() {
            assert_eq!(protocol.name().parse::<Protocol>().unwrap(), protocol);
            assert!(!protocol.about().is_empty());
        }
        let error = "glue".parse::<Protocol>().unwrap_err().to_string();
        assert!(error.contains("`glue`") && error.contains("simcse, consert"), "{error}");
    }

    #[test]
    fn only_consert_chooses_a_pooling() {
        assert_eq!(Protocol::Consert.pooling(), Some("last-two"));
        assert!(Protocol::all().filter_map(Protocol::pooling).count() == 1);
    }
}
