//! Batch samplers by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which examples come together in a batch; sentence-transformers' `batch_sampler` and Hugging
/// Face's `group_by_length`. [`Stream`](crate::data::BatchOrder) says what each promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BatchSampler {
    /// Any: the order is random.
    #[default]
    Shuffled,
    /// No two with a text in common, so that no negative drawn from the batch is a positive.
    NoDuplicates,
    /// All of one class. (Newer sentence-transformers mix classes two by two under this name.)
    GroupByLabel,
    /// All about equally long, so that length does not tell them apart. Nothing is padded here:
    /// this saves no computation, and steps take less even time than shuffled ones, whose long
    /// and short examples make up for one another.
    GroupByLength,
}

/// Every sampler with its name here and its other name.
const NAMES: [(BatchSampler, &str, &str); 4] = [
    (BatchSampler::Shuffled, "shuffled", "batch_sampler"),
    (BatchSampler::NoDuplicates, "no-duplicates", "no_duplicates"),
    (BatchSampler::GroupByLabel, "group-by-label", "group_by_label"),
    (BatchSampler::GroupByLength, "group-by-length", "group_by_length"),
];

impl FromStr for BatchSampler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = NAMES.iter().find(|(_, name, other)| [name, other].contains(&&text));
        known.map(|(sampler, ..)| *sampler).ok_or_else(|| {
            let names = NAMES.map(|(_, name, _)| name).join(", ");
            Error::config(format!("batch sampler `{text}` is unknown: use one of {names}"))
        })
    }
}

impl TryFrom<String> for BatchSampler {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<BatchSampler> for String {
    fn from(sampler: BatchSampler) -> Self {
        sampler.to_string()
    }
}

impl fmt::Display for BatchSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(sampler, ..)| sampler == self).map(|(_, name, _)| name);
        f.write_str(name.expect("every sampler has a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_the_sampler_that_has_it() {
        for (sampler, name, other) in NAMES {
            assert_eq!(sampler.to_string(), name);
            assert_eq!(name.parse::<BatchSampler>().unwrap(), sampler);
            assert_eq!(other.parse::<BatchSampler>().unwrap(), sampler);
            let json = serde_json::to_string(&sampler).unwrap();
            assert_eq!(serde_json::from_str::<BatchSampler>(&json).unwrap(), sampler);
        }
        let error = "sorted".parse::<BatchSampler>().unwrap_err().to_string();
        assert!(
            error.starts_with("batch sampler `sorted`") && error.ends_with("group-by-length")
        );
    }
}
