//! The product of packed operands by the kernel of their dtype.

#[cfg(target_arch = "x86_64")]
use super::bf16;
use super::dtype::ComputeDtype;
use super::layout::{Left, Packed};
use super::matrix::Target;
use super::{float, int8};
use crate::nn::kernels::isa::{Isa, features};
use crate::nn::kernels::simd::Portable;
use crate::nn::kernels::with_simd;

/// `target = left · right (+ bias)` on this thread.
///
/// # Panics
/// Where shapes or dtypes disagree, or the target is too small.
pub(in crate::nn) fn multiply(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    let rows = left.tiles.each().map(|(first, here, _)| first + here).last().unwrap_or(0);
    if rows == 0 || right.n == 0 {
        return;
    }
    assert!((left.dtype, left.k) == (right.dtype, right.k), "operands of one product");
    assert!(target.width == right.n && bias.is_none_or(|bias| bias.len() == right.n));
    assert!(target.stride >= target.width);
    assert!(target.data.len() >= (rows - 1) * target.stride + target.width);
    if left.k == 0 {
        return empty(rows, bias, target);
    }
    match right.dtype {
        ComputeDtype::F32 if left.exact && features().isa == Isa::Portable => {
            // SAFETY: as below.
            unsafe { float::multiply::<Portable<true>>(left, right, bias, target) }
        }
        ComputeDtype::F32 => with_simd!(S => {
            // SAFETY: the assertions above keep every row of the target inside its slice.
            unsafe { float::multiply::<S>(left, right, bias, target) }
        }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above; `features` found the unit on this CPU.
        ComputeDtype::Bf16 if features().amx => unsafe {
            bf16::multiply_amx(left, right, bias, target)
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above; `Bf16` is packed only where the CPU has it.
        ComputeDtype::Bf16 => unsafe { bf16::multiply(left, right, bias, target) },
        #[cfg(not(target_arch = "x86_64"))]
        ComputeDtype::Bf16 => unreachable!("no CPU of this kind multiplies bf16"),
        ComputeDtype::Int8 => int8::multiply(left, right, bias, target),
    }
}

/// The product of matrices with k = 0.
fn empty(rows: usize, bias: Option<&[f32]>, target: Target) {
    let Target { data, stride, width, accumulate } = target;
    for row in data.chunks_mut(stride).take(rows) {
        match bias {
            _ if accumulate => {}
            Some(bias) => row[..width].copy_from_slice(bias),
            None => row[..width].fill(0.),
        }
    }
}
