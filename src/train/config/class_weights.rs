//! Weights of classes in the cross-entropy.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::io;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The weight of each class in the cross-entropy, which is then `Σ w[yᵢ]·CEᵢ / Σ w[yᵢ]` over a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClassWeights {
    /// `N/(C·N_c)`, as scikit-learn's: classes have the same weight in all.
    Balanced,
    /// A file with a class, a tab and its weight on each line.
    File(PathBuf),
}

impl ClassWeights {
    /// The weights in the order of the classes of `set`.
    ///
    /// # Errors
    /// Where the file cannot be read, lacks a class, has one that the data lack, or a weight that is
    /// not positive.
    pub(in crate::train) fn of(&self, set: &Dataset) -> Result<Vec<f64>> {
        match self {
            Self::Balanced => Ok(balanced(&set.class_labels(), set.classes.len())),
            Self::File(path) => {
                let given = read(path)?;
                if let Some(name) = given.keys().find(|name| !set.classes.contains(name)) {
                    let known = set.classes.join(", ");
                    let message =
                        format!("class \"{name}\" is not among those of the data: {known}");
                    return Err(Error::data(path, message));
                }
                let weight = |name: &String| {
                    given.get(name).copied().ok_or_else(|| {
                        Error::data(path, format!("no weight for class \"{name}\" of the data"))
                    })
                };
                set.classes.iter().map(weight).collect()
            }
        }
    }
}

fn balanced(labels: &[u32], classes: usize) -> Vec<f64> {
    let count = |class: usize| labels.iter().filter(|&&label| label as usize == class).count();
    let weight = |class| labels.len() as f64 / (classes * count(class).max(1)) as f64;
    (0..classes).map(weight).collect()
}

fn read(path: &Path) -> Result<BTreeMap<String, f64>> {
    let text = io::read_text(path, io::CONFIGURATION)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let entries = lines.map(|(line, number)| {
        let entry = line.rsplit_once('\t').and_then(|(name, weight)| {
            let weight: f64 = weight.trim().parse().ok()?;
            (weight.is_finite() && weight > 0.).then(|| (name.trim().to_string(), weight))
        });
        entry.ok_or_else(|| {
            let message = "expected a class, a tab and a weight above 0";
            Error::line(path, number, message)
        })
    });
    entries.collect()
}

impl FromStr for ClassWeights {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(if text == "balanced" { Self::Balanced } else { Self::File(text.into()) })
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Balanced => f.write_str("balanced"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl TryFrom<String> for ClassWeights {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClassWeights> for String {
    fn from(weights: ClassWeights) -> Self {
        weights.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn's compute_class_weight("balanced"): n/(classes·count).
    #[test]
    fn balanced_weights_are_inverse_to_the_counts() {
        assert_eq!(balanced(&[0, 0, 0, 1], 2), [4. / 6., 2.]);
    }
}
