//! Every objective without a reference fixture: its value on 3 × 3 numbers worked out by hand,
//! and its gradient against differences of its value.

mod by_hand;
mod reading;
mod slopes;

use candle_core::{Device, Tensor};
use twindrop::objective::Objective;
use twindrop::twins::{Labels, Sight, Twins};

/// Rows of numbers.
fn rows<const N: usize, const D: usize>(rows: [[f64; D]; N]) -> Tensor {
    Tensor::new(&rows, &Device::Cpu).expect("rows of one length")
}

/// Numbers in a line.
fn line<const N: usize>(numbers: [f64; N]) -> Tensor {
    Tensor::new(&numbers, &Device::Cpu).expect("numbers")
}

fn classes<const N: usize>(classes: [u32; N]) -> Labels {
    Labels::Classes(Tensor::new(&classes, &Device::Cpu).expect("classes"))
}

/// What a pass says by embeddings alone.
fn seen(columns: &[Tensor]) -> Sight {
    Sight { columns: columns.to_vec(), ..Sight::default() }
}

/// What a pass says by its head alone.
fn said(logits: &Tensor) -> Sight {
    Sight { logits: Some(logits.clone()), ..Sight::default() }
}

fn once(first: Sight, labels: Labels) -> Twins {
    Twins { first, second: None, labels }
}

fn twice(first: Sight, second: Sight, labels: Labels) -> Twins {
    Twins { first, second: Some(second), labels }
}

fn value(objective: &dyn Objective, twins: &Twins) -> f64 {
    let loss = objective.loss(twins).unwrap_or_else(|e| panic!("{}: {e}", objective.name()));
    loss.total.to_scalar().expect("a loss is a scalar of f64")
}
