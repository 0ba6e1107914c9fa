//! Named parameters and the layer-level operations, each with its own backward.
//!
//! An architecture is a composition of the operations of [`Tape`]. On the CPU each is one fused
//! kernel forward and one backward ([`Backend::Fused`]); [`Backend::Composed`] builds the same
//! operation out of candle's own, for other devices and as the oracle of the tests.

mod activate;
mod add_norm;
mod attention;
mod bias;
mod disturb;
mod embedding;
#[cfg(test)]
mod fuzz;
mod gather;
mod gelu;
mod gradients;
mod kernels;
mod linear;
mod packing;
mod parameters;
mod perturb;
mod pool;
mod tape;
mod workspace;

pub use activate::Activation;
pub use disturb::{Probe, fast_gradient};
pub use gradients::{Gradient, Gradients, RowGradient};
pub use kernels::gemm::Arithmetic;
pub use kernels::update::{AdamStep, adam_step, sum_of_squares};
pub use packing::Packing;
pub use parameters::{Parameter, Parameters, Spec, Start};
pub use perturb::{Cutoff, Dropout};
pub use pool::Pool;
pub use tape::{Backend, Tape, Value};
pub use workspace::Workspace;
