//! Ranking of the documents of a query by a cross-encoder's scores: losses over lists.

use super::maths::log_softmax;
use super::{HeadKind, LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::{Error, Result};
use crate::outputs::{BatchOutput, Lists};
use candle_core::{Device, Tensor};
use std::borrow::Cow;

/// A loss over lists: the pairs of one query in a batch, with scores s of the model's head and
/// targets t. Over two passes it is the mean of both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listwise {
    /// Margin MSE (Hofstätter et al. 2020, arXiv 2010.02666): the mean over pairs of documents of
    /// `((sᵢ − sⱼ) − (tᵢ − tⱼ))²`, t the scores of a teacher.
    MarginMse,
    /// RankNet (Burges et al. 2005): the mean of `log(1 + exp(−(sᵢ − sⱼ)))` over pairs with
    /// `tᵢ > tⱼ`.
    RankNet,
    /// ListNet (Cao et al. 2007): the mean over lists of `−Σᵢ softmax(t)ᵢ·log softmax(s)ᵢ`.
    ListNet,
    /// LambdaRank as a loss (Wang et al. 2018, LambdaLoss): the mean over lists of
    /// `Σ |ΔNDCGᵢⱼ|·log₂(1 + exp(−(sᵢ − sⱼ)))` over pairs with `tᵢ > tⱼ`, gains `2ᵗ − 1`.
    Lambda,
    /// The mean over lists of `KL(softmax(t/τ) ‖ softmax(s/τ))`, t the scores of a teacher.
    Distill {
        /// τ.
        temperature: f64,
    },
}

/// The highest grade of relevance: gains are powers of two.
const MOST_RELEVANT: f64 = 30.;

impl Listwise {
    fn term(self) -> &'static str {
        match self {
            Self::MarginMse => "margin_mse",
            Self::RankNet => "ranknet",
            Self::ListNet => "listnet",
            Self::Lambda => "lambda",
            Self::Distill { .. } => "kl",
        }
    }

    /// The loss of scores s (N) → scalar; 0, with a gradient of 0, where no list orders anything.
    fn of(self, s: &Tensor, batch: &Lists) -> Result<Tensor> {
        match self {
            Self::MarginMse => margin_mse(s, batch),
            Self::RankNet => ranknet(s, batch),
            Self::ListNet => listnet(s, batch),
            Self::Lambda => lambda(s, batch),
            Self::Distill { temperature } => distill(s, batch, temperature),
        }
    }
}

impl Objective for Listwise {
    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::MarginMse => "margin MSE",
            Self::RankNet => "RankNet",
            Self::ListNet => "ListNet",
            Self::Lambda => "LambdaRank",
            Self::Distill { .. } => "KL to a teacher's scores",
        }
        .into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Lists)
            .with_head(HeadKind::Regression)
            .with_passes(Passes::fixed(1))
            .with_score_differences_only()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let batch = outputs.lists()?;
        Loss::mean_over_passes(self.term(), outputs, |view| self.of(&view.prediction()?, batch))
    }
}

/// `0·Σ sᵢ`: no loss, and a gradient of zeros.
fn nothing(s: &Tensor) -> Result<Tensor> {
    Ok((s * s.zeros_like()?)?.sum_all()?)
}

/// `log(1 + eˣ) = max(x, 0) + log(1 + exp(−|x|))`.
pub(super) fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.)?.log()?)?)
}

/// `mean ((sᵢ − sⱼ) − (tᵢ − tⱼ))²` over i < j.
fn margin_mse(s: &Tensor, batch: &Lists) -> Result<Tensor> {
    let pairs = pairs(batch, |i, j| i < j);
    let Some(d) = differences(s, &pairs)? else { return nothing(s) };
    let margin = pairs.iter().map(|&[i, j]| batch.target(i) - batch.target(j));
    let margins = Tensor::from_vec(margin.collect(), pairs.len(), &Device::Cpu)?;
    Ok((d - margins)?.sqr()?.mean_all()?)
}

/// `mean log(1 + exp(−(sᵢ − sⱼ)))` over tᵢ > tⱼ.
fn ranknet(s: &Tensor, batch: &Lists) -> Result<Tensor> {
    let pairs = pairs(batch, |i, j| batch.target(i) > batch.target(j));
    let Some(d) = differences(s, &pairs)? else { return nothing(s) };
    Ok(softplus(&d.neg()?)?.mean_all()?)
}

/// `Σ |ΔNDCGᵢⱼ|·log₂(1 + exp(−(sᵢ − sⱼ)))` over tᵢ > tⱼ, divided by the number of lists.
fn lambda(s: &Tensor, batch: &Lists) -> Result<Tensor> {
    let pairs = pairs(batch, |i, j| batch.target(i) > batch.target(j));
    let Some(d) = differences(s, &pairs)? else { return nothing(s) };
    let ndcg = NdcgWeights::of(batch, &s.to_vec1()?)?;
    let changes = pairs.iter().map(|&[i, j]| ndcg.change(i as usize, j as usize));
    let changes = Tensor::from_vec(changes.collect(), pairs.len(), &Device::Cpu)?;
    let sum = (softplus(&d.neg()?)? * changes)?.sum_all()?;
    Ok((sum / (std::f64::consts::LN_2 * batch.lists.len() as f64))?)
}

/// The mean over lists of `−Σ p·log softmax(s)`, `p = softmax(t)`.
fn listnet(s: &Tensor, batch: &Lists) -> Result<Tensor> {
    mean_over(s, batch, |s, t| {
        Ok((log_softmax(t)?.exp()? * log_softmax(s)?)?.sum_all()?.neg()?)
    })
}

/// The mean over lists of `Σ p·(log p − log softmax(s/τ))`, `p = softmax(t/τ)`.
fn distill(s: &Tensor, batch: &Lists, temperature: f64) -> Result<Tensor> {
    mean_over(s, batch, |s, t| {
        let (log_p, log_q) =
            (log_softmax(&(t / temperature)?)?, log_softmax(&(s / temperature)?)?);
        Ok((log_p.exp()? * (&log_p - log_q)?)?.sum_all()?)
    })
}

/// The mean over lists of `loss` of the scores and the targets of each.
fn mean_over(
    s: &Tensor,
    batch: &Lists,
    loss: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let losses = batch.lists.iter().map(|list| {
        let targets: Vec<f64> = list.iter().map(|&place| batch.target(place)).collect();
        let places = Tensor::new(&list[..], &Device::Cpu)?;
        loss(&s.index_select(&places, 0)?, &Tensor::new(targets, &Device::Cpu)?)
    });
    let losses = losses.collect::<Result<Vec<_>>>()?;
    if losses.is_empty() { nothing(s) } else { Ok(Tensor::stack(&losses, 0)?.mean_all()?) }
}

/// The pairs (i, j) of each list for which `takes(i, j)`.
fn pairs(batch: &Lists, takes: impl Fn(u32, u32) -> bool) -> Vec<[u32; 2]> {
    let of_list = |list: &Vec<u32>| {
        let all = list.iter().flat_map(|&i| list.iter().map(move |&j| [i, j]));
        all.filter(|&[i, j]| takes(i, j)).collect::<Vec<_>>()
    };
    batch.lists.iter().flat_map(of_list).collect()
}

/// `sᵢ − sⱼ` of each pair, (P); none where there is no pair.
fn differences(s: &Tensor, pairs: &[[u32; 2]]) -> Result<Option<Tensor>> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let side = |side: usize| {
        let places: Vec<u32> = pairs.iter().map(|pair| pair[side]).collect();
        s.index_select(&Tensor::new(places, &Device::Cpu)?, 0)
    };
    Ok(Some((side(0)? - side(1)?)?))
}

/// By how much the NDCG of a list changes where two of its documents change places.
struct NdcgWeights {
    /// `(2ᵗ − 1)/DCG of the ideal order` of each document, (N).
    gains: Vec<f64>,
    /// `1/log₂(1 + rank)` of each document in the order of the scores, (N).
    discounts: Vec<f64>,
}

impl NdcgWeights {
    fn of(batch: &Lists, scores: &[f64]) -> Result<Self> {
        let count = batch.targets.len();
        let mut weights = Self { gains: vec![0.; count], discounts: vec![0.; count] };
        for list in &batch.lists {
            weights.weigh(list, batch, scores)?;
        }
        Ok(weights)
    }

    /// The weights of a list.
    fn weigh(&mut self, list: &[u32], batch: &Lists, scores: &[f64]) -> Result<()> {
        let gains = list.iter().map(|&i| gain(batch.target(i))).collect::<Result<Vec<_>>>()?;
        let best = ideal(gains.clone());
        list.iter().zip(gains).for_each(|(&i, gain)| self.gains[i as usize] = gain / best);
        let mut order = list.to_vec();
        order.sort_by(|&a, &b| {
            scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b))
        });
        for (rank, place) in order.into_iter().enumerate() {
            self.discounts[place as usize] = discount(rank);
        }
        Ok(())
    }

    /// `|gainᵢ − gainⱼ|·|discountᵢ − discountⱼ|`.
    fn change(&self, i: usize, j: usize) -> f64 {
        (self.gains[i] - self.gains[j]).abs() * (self.discounts[i] - self.discounts[j]).abs()
    }
}

/// `2ᵗ − 1` of a grade of relevance.
fn gain(relevance: f64) -> Result<f64> {
    if (0. ..=MOST_RELEVANT).contains(&relevance) {
        return Ok(relevance.exp2() - 1.);
    }
    Err(Error::config(format!(
        "lambda: a relevance of {relevance}, expected grades from 0 to {MOST_RELEVANT}"
    )))
}

/// `1/log₂(1 + rank)`, ranks from 1; `place` is from 0.
fn discount(place: usize) -> f64 {
    1. / (place as f64 + 2.).log2()
}

/// The DCG of the ideal order; 1 where all gains are 0.
fn ideal(mut gains: Vec<f64>) -> f64 {
    gains.sort_by(|a, b| b.total_cmp(a));
    let dcg: f64 = gains.iter().enumerate().map(|(place, gain)| gain * discount(place)).sum();
    if dcg > 0. { dcg } else { 1. }
}
