//! Masked language modelling (Devlin et al. 2019, arXiv 1810.04805).

use super::maths::cross_entropy;
use super::{Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, MaskedTokens};
use candle_core::{DType, Tensor};
use std::borrow::Cow;

/// `CE(p,t)` over the M masked tokens, p the output of the language model's head and t what stood
/// there; over two passes where there are two, their mean. A pass that masks nothing adds 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mlm;

impl Objective for Mlm {
    fn name(&self) -> Cow<'_, str> {
        "MLM".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default().with_passes(Passes::fixed(0)).with_masked_tokens()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("mlm", outputs, |view| {
            let MaskedTokens { logits, targets } = view.masked()?;
            if targets.elem_count() == 0 {
                return Ok(Tensor::zeros((), DType::F64, logits.device())?);
            }
            Ok(cross_entropy(logits, targets)?.to_dtype(DType::F64)?) // as all losses
        })
    }
}
