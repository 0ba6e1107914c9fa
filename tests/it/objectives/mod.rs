//! Every objective without a reference fixture: its value on 3 × 3 numbers worked out by hand,
//! and its gradient against differences of its value.

mod by_hand;
mod ranking;
mod reading;
mod slopes;

use candle_core::{Device, Tensor};
use twindrop::objective::Objective;
use twindrop::outputs::{BatchOutput, Targets, ViewOutput};

/// Rows of numbers.
fn rows<const N: usize, const D: usize>(rows: [[f64; D]; N]) -> Tensor {
    Tensor::new(&rows, &Device::Cpu).expect("rows of one length")
}

/// Numbers in a line.
fn line<const N: usize>(numbers: [f64; N]) -> Tensor {
    Tensor::new(&numbers, &Device::Cpu).expect("numbers")
}

fn classes<const N: usize>(classes: [u32; N]) -> Targets {
    Targets::Classes(Tensor::new(&classes, &Device::Cpu).expect("classes"))
}

/// An output with embeddings only.
fn embedding_view(columns: &[Tensor]) -> ViewOutput {
    ViewOutput { columns: columns.to_vec(), ..ViewOutput::default() }
}

/// An output with the logits of a head only.
fn logits_view(logits: &Tensor) -> ViewOutput {
    ViewOutput { logits: Some(logits.clone()), ..ViewOutput::default() }
}

fn once(first: ViewOutput, labels: Targets) -> BatchOutput {
    BatchOutput { first, second: None, targets: labels }
}

fn twice(first: ViewOutput, second: ViewOutput, labels: Targets) -> BatchOutput {
    BatchOutput { first, second: Some(second), targets: labels }
}

fn value(objective: &dyn Objective, outputs: &BatchOutput) -> f64 {
    let loss =
        objective.loss(outputs, 0.).unwrap_or_else(|e| panic!("{}: {e}", objective.name()));
    loss.total.to_scalar().expect("a loss is a scalar of f64")
}
