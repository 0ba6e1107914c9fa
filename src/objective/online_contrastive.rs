//! The contrastive loss of hard pairs (`OnlineContrastiveLoss` of sentence-transformers).

use super::maths::cosine;
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::{DType, Tensor};
use std::borrow::Cow;

/// `mean (d²  where y = 1 and hard, max(0, margin − d)² where y = 0 and hard, else 0)`,
/// `d = 1 − cos(u,v)`. A pair that belongs together is hard where it is farther apart than the
/// nearest of the others, one of the others where it is nearer than the farthest that belongs
/// together; against the mean of its own kind where the batch has no other kind. The source
/// sums: N times this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnlineContrastive {
    /// Where texts are far enough apart.
    pub margin: f64,
}

impl Default for OnlineContrastive {
    /// 0.5, as in sentence-transformers.
    fn default() -> Self {
        Self { margin: 0.5 }
    }
}

impl Objective for OnlineContrastive {
    fn name(&self) -> Cow<'_, str> {
        "online contrastive".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_texts_per_example(2)
            .with_passes(Passes::fixed(1))
            .with_in_batch_negatives()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("contrastive", outputs, |view| {
            let (u, v) = view.pair()?;
            let d = cosine(u, v)?.affine(-1., 1.)?; // (N)
            let (near, far) = hard(&d, outputs.scores()?)?;
            let far = (d.affine(-1., self.margin)?.relu()?.sqr()? * far)?;
            Ok(((d.sqr()? * near)? + far)?.mean_all()?)
        })
    }
}

/// Which pairs are hard, 1 or 0: those that belong together, and the others; each (N).
fn hard(d: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
    let numbers = |x: &Tensor| x.to_dtype(DType::F64)?.to_vec1::<f64>();
    let pairs: Vec<(f64, f64)> = numbers(d)?.into_iter().zip(numbers(y)?).collect();
    let of = |kind| pairs.iter().filter(move |(_, y)| *y == kind).map(|(d, _)| *d);
    let mean = |kind| of(kind).sum::<f64>() / of(kind).count() as f64;
    let nearest = of(0.).reduce(f64::min).unwrap_or_else(|| mean(1.));
    let farthest = of(1.).reduce(f64::max).unwrap_or_else(|| mean(0.));
    let near = pairs.iter().map(|&(d, y)| f64::from(u8::from(y == 1. && d > nearest)));
    let far = pairs.iter().map(|&(d, y)| f64::from(u8::from(y == 0. && d < farthest)));
    let flags = |flags: Vec<f64>| Tensor::new(flags, d.device())?.to_dtype(d.dtype());
    Ok((flags(near.collect())?, flags(far.collect())?))
}
