//! Stored elements of a dtype → f32.

use half::{bf16, f16};
use safetensors::Dtype;

/// Bytes of an element, and its conversion.
type Conversion = (usize, fn(&[u8]) -> f32);

/// I8 is for quantized matrices; a model stores no other integers that are read.
fn conversion(dtype: Dtype) -> Option<Conversion> {
    Some(match dtype {
        Dtype::F32 => (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        Dtype::F64 => {
            (8, |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
        }
        Dtype::BF16 => (2, |b| bf16::from_le_bytes([b[0], b[1]]).to_f32()),
        Dtype::F16 => (2, |b| f16::from_le_bytes([b[0], b[1]]).to_f32()),
        Dtype::I8 => (1, |b| f32::from(b[0] as i8)),
        _ => return None,
    })
}

/// Bytes of an element of a dtype that can be read.
pub(crate) fn element_size(dtype: Dtype) -> Option<usize> {
    conversion(dtype).map(|(size, _)| size)
}

/// Appends all elements in `bytes` to `values`.
///
/// # Panics
/// If the dtype is not one of [`element_size`].
pub(crate) fn decode(dtype: Dtype, bytes: &[u8], values: &mut Vec<f32>) {
    // apart, so that the loop of the usual case is a copy
    if dtype == Dtype::F32 {
        values.extend(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)));
        return;
    }
    let (size, convert) = conversion(dtype).expect("a dtype that can be read");
    values.extend(bytes.chunks_exact(size).map(convert));
}

/// The elements of `shape` in row-major order, where along axis `i` the next is `strides[i]`
/// elements further.
///
/// # Panics
/// If the dtype is not one of [`element_size`].
pub(super) fn decode_strided(
    dtype: Dtype,
    bytes: &[u8],
    shape: &[usize],
    strides: &[usize],
) -> Vec<f32> {
    let (size, convert) = conversion(dtype).expect("a dtype that can be read");
    let count = shape.iter().product();
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        let at: usize = index.iter().zip(strides).map(|(&i, &stride)| i * stride).sum();
        values.push(convert(&bytes[at * size..][..size]));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    values
}
