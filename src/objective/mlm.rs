//! Masked language modelling (Devlin et al. 2019, arXiv 1810.04805).

use super::maths::cross_entropy;
use super::{LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::{BatchOutput, MaskedTokens};
use candle_core::{DType, Tensor};

/// `CE(p,t)` over the M masked tokens, p what the language model's head says and t what stood
/// there; over two passes where there are two, their mean. A pass that masks nothing adds 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mlm;

impl Objective for Mlm {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("mlm", twins, |sight| {
            let MaskedTokens { logits, targets } = sight.masked()?;
            if targets.elem_count() == 0 {
                return Ok(Tensor::zeros((), DType::F64, logits.device())?);
            }
            Ok(cross_entropy(logits, targets)?.to_dtype(DType::F64)?) // as all losses
        })
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::None
    }

    fn masks(&self) -> bool {
        true
    }

    /// None: it reads a look of its own, at masked tokens.
    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        0
    }

    fn name(&self) -> String {
        "MLM".into()
    }
}
