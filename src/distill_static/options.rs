//! Options of a distillation.

use crate::error::{Error, Result};
use crate::sentence_encoder::StaticFormat;
use std::fmt;
use std::str::FromStr;

/// How many principal components are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcaDims {
    /// No PCA.
    None,
    /// All of them, the table then has the teacher's dimension.
    All,
    /// The first so many.
    First(usize),
}

impl FromStr for PcaDims {
    type Err = Error;

    /// A number, `auto` for all, or `none`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::All),
            number => match number.parse() {
                Ok(dim) if dim > 0 => Ok(Self::First(dim)),
                _ => Err(Error::config(format!(
                    "pca-dims `{text}`: expected a number above 0, auto (all dimensions) or none"
                ))),
            },
        }
    }
}

impl fmt::Display for PcaDims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("auto"),
            Self::First(dim) => write!(f, "{dim}"),
        }
    }
}

/// Options of [`distill`](super::distill); by default those of model2vec, in the format of
/// sentence-transformers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DistillOptions {
    /// Principal components that are kept. 256.
    pub pca_dims: PcaDims,
    /// a of the weights `a / (a + p)`, between 0 and 1; `None` for no weights. 1e-4.
    pub sif_coefficient: Option<f64>,
    /// The form of the model's directory, and what becomes of unknown tokens.
    pub format: StaticFormat,
}

impl Default for DistillOptions {
    fn default() -> Self {
        let format = StaticFormat::SentenceTransformers;
        Self { pca_dims: PcaDims::First(256), sif_coefficient: Some(1e-4), format }
    }
}

impl DistillOptions {
    /// With another [`pca_dims`](Self::pca_dims).
    #[must_use]
    pub fn with_pca_dims(self, pca_dims: PcaDims) -> Self {
        Self { pca_dims, ..self }
    }

    /// With another [`sif_coefficient`](Self::sif_coefficient).
    #[must_use]
    pub fn with_sif_coefficient(self, sif_coefficient: Option<f64>) -> Self {
        Self { sif_coefficient, ..self }
    }

    /// With another [`format`](Self::format).
    #[must_use]
    pub fn with_format(self, format: StaticFormat) -> Self {
        Self { format, ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.sif_coefficient {
            Some(a) if !(a > 0. && a < 1.) => Err(Error::config(format!(
                "sif-coefficient {a}: expected more than 0 and less than 1, or none"
            ))),
            _ => Ok(()),
        }
    }
}
