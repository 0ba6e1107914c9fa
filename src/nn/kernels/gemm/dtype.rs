//! The dtype of a product.

use crate::error::{Error, Result};
use crate::nn::kernels::isa::features;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What numbers a product multiplies: the `dtype` of a run. Weights are stored, sums taken and
/// everything else computed in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ComputeDtype {
    /// `f32` as they are.
    #[default]
    #[serde(rename = "float32")]
    F32,
    /// Rounded to bf16 (8 bits of mantissa) first: twice as fast.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// Rounded to 8-bit integers first, weights by output channel and activations by token. For
    /// encoding only; a tape that records multiplies in `f32`.
    #[serde(rename = "int8")]
    Int8,
}

impl FromStr for ComputeDtype {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "float32" | "f32" => Ok(Self::F32),
            "bfloat16" | "bf16" => Ok(Self::Bf16),
            "int8" => Ok(Self::Int8),
            _ => Err(Error::config(format!(
                "dtype `{text}` is unknown: use float32, bfloat16 or int8"
            ))),
        }
    }
}

impl fmt::Display for ComputeDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::Int8 => "int8",
        })
    }
}

impl ComputeDtype {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// Itself where this CPU multiplies such numbers, else `f32`. Integers are multiplied on every
    /// CPU, bf16 where it has instructions for it.
    #[must_use]
    pub fn available(self) -> Self {
        match self {
            Self::Bf16 if !features().bf16 => Self::F32,
            _ => self,
        }
    }

    /// Whether this CPU has instructions made for it: without them int8 is computed in 16 bits, and
    /// on CPUs without AVX2 in plain code.
    #[must_use]
    pub fn is_native(self) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => features().bf16,
            Self::Int8 => features().vnni,
        }
    }

    /// Numbers in the 32 bits of a cell.
    pub(super) fn numbers(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }
}
