//! `y = γ·(r − mean r)/σ(r) + β` with `r = residual + dropout(x)`.

use super::dropout::{Dropout, ROWS};
use super::kernels::norm::{backward, forward};
use super::parameters::Parameter;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{D, Tensor};
use rayon::prelude::*;

struct AddNorm {
    x: TapeTensor,
    residual: Option<TapeTensor>,
    dropout: Option<Dropout>,
    weight: Parameter,
    bias: Option<Parameter>,
    normal: Buffer,    // x̂, (T, D)
    inverse: Vec<f32>, // 1/σ, (T)
}

impl Tape {
    /// LayerNorm of `residual + dropout(x)`: (T, D) → (T, D).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn add_norm(
        &mut self,
        x: &TapeTensor,
        residual: Option<&TapeTensor>,
        dropout: Option<Dropout>,
        [weight, bias]: [&Parameter; 2],
        epsilon: f32,
    ) -> Result<TapeTensor> {
        self.add_norm_of(x, residual, dropout, (weight, Some(bias)), epsilon)
    }

    /// LayerNorm of `x`: (T, D) → (T, D); β is 0 where there is no bias.
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn norm(
        &mut self,
        x: &TapeTensor,
        weight: &Parameter,
        bias: Option<&Parameter>,
        epsilon: f32,
    ) -> Result<TapeTensor> {
        self.add_norm_of(x, None, None, (weight, bias), epsilon)
    }

    fn add_norm_of(
        &mut self,
        x: &TapeTensor,
        residual: Option<&TapeTensor>,
        dropout: Option<Dropout>,
        (weight, bias): (&Parameter, Option<&Parameter>),
        epsilon: f32,
    ) -> Result<TapeTensor> {
        if let Data::Composed(x) = &x.data {
            let residual = residual.map(|value| match &value.data {
                Data::Composed(tensor) => tensor,
                Data::Fused { .. } => unreachable!("a tape has one backend"),
            });
            let norm = (weight.tensor(), bias.map(Parameter::tensor));
            return TapeTensor::composed(composed(x, residual, dropout, norm, epsilon)?);
        }
        let cols = x.cols;
        let mut normal = self.buffer(x.rows * cols);
        let mut y = self.buffer(x.rows * cols);
        let mut inverse = vec![0f32; x.rows];
        let beta = match bias {
            Some(bias) => bias.with(<[f32]>::to_vec)?,
            None => vec![0.; cols],
        };
        weight.with(|gamma| {
            let tasks = normal
                .par_chunks_mut(ROWS * cols)
                .zip(y.par_chunks_mut(ROWS * cols))
                .zip(inverse.par_chunks_mut(ROWS));
            tasks.enumerate().for_each(|(chunk, ((normal, y), inverse))| {
                let cells = chunk * ROWS * cols..chunk * ROWS * cols + normal.len();
                match &dropout {
                    Some(drop) => {
                        drop.apply(chunk * ROWS, cols, &x.slice()[cells.clone()], normal)
                    }
                    None => normal.copy_from_slice(&x.slice()[cells.clone()]),
                }
                if let Some(residual) = residual {
                    let residual = &residual.slice()[cells];
                    normal.iter_mut().zip(residual).for_each(|(sum, x)| *sum += x);
                }
                let rows = normal.chunks_exact_mut(cols).zip(y.chunks_exact_mut(cols));
                for ((r, y), inverse) in rows.zip(inverse) {
                    *inverse = forward(r, y, gamma, &beta, epsilon);
                }
            });
        })?;
        Ok(self.push(x.shape(), y, || AddNorm {
            x: x.place(),
            residual: residual.map(TapeTensor::place),
            dropout,
            weight: weight.clone(),
            bias: bias.cloned(),
            normal,
            inverse,
        }))
    }
}

impl Backward for AddNorm {
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let cols = self.x.cols;
        let partial: Vec<(Vec<f32>, Vec<f32>)> = self.weight.with(|gamma| {
            let tasks = g
                .par_chunks_mut(ROWS * cols)
                .zip(self.normal.par_chunks(ROWS * cols))
                .zip(self.inverse.par_chunks(ROWS));
            tasks
                .map(|((g, normal), inverse)| {
                    let (mut d_gamma, mut d_beta) = (vec![0f32; cols], vec![0f32; cols]);
                    let rows = normal.chunks_exact(cols).zip(g.chunks_exact_mut(cols));
                    for ((normal, g), &inverse) in rows.zip(inverse) {
                        backward(normal, g, gamma, inverse, &mut d_gamma, &mut d_beta);
                    }
                    (d_gamma, d_beta)
                })
                .collect()
        })?;
        add_partials(sweep, &self.weight, partial.iter().map(|p| &p.0[..]));
        if let Some(bias) = &self.bias {
            add_partials(sweep, bias, partial.iter().map(|p| &p.1[..]));
        }
        if let Some(residual) = &self.residual {
            let mut dx = sweep.buffer(g.len());
            dx.par_chunks_mut(ROWS * cols).zip(g.par_chunks(ROWS * cols)).enumerate().for_each(
                |(chunk, (dx, g))| match &self.dropout {
                    Some(dropout) => dropout.apply(chunk * ROWS, cols, g, dx),
                    None => dx.copy_from_slice(g),
                },
            );
            sweep.add(&self.x, dx);
            sweep.add(residual, g);
        } else {
            if let Some(dropout) = &self.dropout {
                dropout.apply_in_place(0, cols, &mut g);
            }
            sweep.add(&self.x, g);
        }
        Ok(())
    }
}

/// Adds partial sums to a parameter's gradient in the order of their chunks.
fn add_partials<'a>(
    sweep: &mut BackwardSweep,
    parameter: &Parameter,
    partials: impl Iterator<Item = &'a [f32]>,
) {
    let (sum, occupied) = sweep.gradients.dense(parameter);
    if !occupied {
        sum.fill(0.);
    }
    for partial in partials {
        sum.iter_mut().zip(partial).for_each(|(sum, x)| *sum += x);
    }
}

fn composed(
    x: &Tensor,
    residual: Option<&Tensor>,
    dropout: Option<Dropout>,
    (weight, bias): (&Tensor, Option<&Tensor>),
    epsilon: f32,
) -> candle_core::Result<Tensor> {
    let mut r = x.clone();
    if let Some(dropout) = dropout {
        r = (r * dropout.mask(x.dim(1)?, x.device())?)?;
    }
    if let Some(residual) = residual {
        r = (r + residual)?;
    }
    let centred = r.broadcast_sub(&r.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(epsilon))?.sqrt()?)?;
    let y = normal.broadcast_mul(weight)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;
    use std::sync::Arc;

    #[test]
    fn fused_add_norm_agrees_with_composed() {
        for (tokens, width, rate) in [(1, 4, 0.), (5, 17, 0.), (150, 32, 0.2), (65, 48, 0.5)] {
            let packing = Arc::new(Packing::new([tokens], vec![3]));
            let matrix = vec![tokens, width];
            let shapes = [
                ("x", matrix.clone()),
                ("residual", matrix),
                ("weight", vec![width]),
                ("bias", vec![width]),
            ];
            assert_agree(&shapes, 5e-5, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let (x, residual) = (tape.leaf(&p.get("x")?), tape.leaf(&p.get("residual")?));
                let norm = [&p.get("weight")?, &p.get("bias")?];
                let y = tape.add_norm(&x, Some(&residual), dropout, norm, 1e-12)?;
                let y = tape.add_norm(&y, None, None, norm, 1e-5)?;
                tape.norm(&y, norm[0], None, 1e-5)
            });
        }
    }
}
