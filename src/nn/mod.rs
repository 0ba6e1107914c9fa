//! Named parameters and the layer-level operations, each with its own backward.
//!
//! An architecture is a composition of the operations of [`Tape`]. On the CPU each is one fused
//! kernel forward and one backward ([`Backend::Fused`]); [`Backend::Composed`] builds the same
//! operation out of candle's own, for other devices and as the oracle of the tests.

mod activate;
mod add;
mod add_norm;
mod adversarial;
mod attention;
mod attention_heads;
mod bias;
mod columns;
mod dropout;
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
mod pool;
mod post_norm;
mod probe;
mod relative_attention;
mod rotary;
mod row_scale;
mod tape;
mod unfold;
mod workspace;

pub use activate::Activation;
pub use adversarial::fast_gradient;
pub use dropout::{Cutoff, Dropout};
pub use gradients::{Gradient, Gradients, RowGradient};
pub(crate) use kernels::gemm::quantize_weights;
pub use kernels::gemm::{ComputeDtype, kernel_warnings};
pub use kernels::isa::{check_isa, isa_name};
pub use kernels::update::{AdamStep, adam_step, sum_of_squares};
pub use local_attention::LocalWindow;
pub use packing::Packing;
pub use parameters::{Init, ParamSpec, Parameter, Parameters};
pub use pool::Pool;
pub use post_norm::PostNorm;
pub use probe::Probe;
pub use relative_attention::{Distances, Relative};
pub use rotary::Rotation;
pub use tape::{Backend, Tape, TapeTensor};
pub use workspace::Workspace;
