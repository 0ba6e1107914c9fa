//! Named parameters and the layer-level operations, each with its own backward.
//!
//! An architecture is a composition of the operations of [`Tape`]. On the CPU each is one fused
//! kernel forward and one backward ([`Backend::Fused`]); [`Backend::Composed`] builds the same
//! operation out of candle's own, for other devices and as the oracle of the tests.

mod activate;
mod add;
mod add_norm;
mod attention;
mod bias;
mod columns;
mod disturb;
mod embedding;
#[cfg(test)]
mod fuzz;
mod gate;
mod gather;
mod gradients;
pub(crate) mod kernels;
mod linear;
mod local_attention;
mod packing;
mod parameters;
mod perturb;
mod pool;
mod post_norm;
mod relative_attention;
mod rotary;
mod tape;
mod unfold;
mod workspace;

pub use activate::Activation;
pub use disturb::{Probe, fast_gradient};
pub use gradients::{Gradient, Gradients, RowGradient};
pub use kernels::gemm::ComputeDtype;
pub(crate) use kernels::gemm::quantize_weights;
pub use kernels::isa::{check_isa, isa_name};
pub use kernels::update::{AdamStep, adam_step, sum_of_squares};
pub use local_attention::Window;
pub use packing::Packing;
pub use parameters::{Parameter, Parameters, Spec, Start};
pub use perturb::{Cutoff, Dropout};
pub use pool::Pool;
pub use post_norm::PostNorm;
pub use relative_attention::{Distances, Relative};
pub use rotary::Rotation;
pub use tape::{Backend, Tape, Value};
pub use workspace::Workspace;
