//! Bytes of one type of number or another → f32.

use safetensors::Dtype;

/// How many bytes a number has, and what reads one.
type Reading = (usize, fn(&[u8]) -> f32);

/// Integers are for matrices of 8 bits; nothing else of a model is made of them.
fn reading(dtype: Dtype) -> Option<Reading> {
    Some(match dtype {
        Dtype::F32 => (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        Dtype::F64 => {
            (8, |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
        }
        Dtype::BF16 => (2, |b| f32::from_bits(u32::from(wide(b)) << 16)),
        Dtype::F16 => (2, |b| half(wide(b))),
        Dtype::I8 => (1, |b| f32::from(b[0] as i8)),
        _ => return None,
    })
}

/// All numbers in `bytes`; nothing where they are of no type known.
pub(super) fn row_major(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    // apart, so that the loop of the usual case is a copy
    if dtype == Dtype::F32 {
        let fours = bytes.as_chunks::<4>().0.iter();
        return Some(fours.map(|four| f32::from_le_bytes(*four)).collect());
    }
    let (size, read) = reading(dtype)?;
    Some(bytes.chunks_exact(size).map(read).collect())
}

/// The numbers of `shape` in row-major order, where along axis `i` the next lies `strides[i]`
/// numbers further.
pub(super) fn strided(
    dtype: Dtype,
    bytes: &[u8],
    shape: &[usize],
    strides: &[usize],
) -> Option<Vec<f32>> {
    let (size, read) = reading(dtype)?;
    let count = shape.iter().product();
    let (mut numbers, mut index) = (Vec::with_capacity(count), vec![0; shape.len()]);
    for _ in 0..count {
        let at: usize = index.iter().zip(strides).map(|(&i, &stride)| i * stride).sum();
        numbers.push(read(&bytes[at * size..][..size]));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Some(numbers)
}

fn wide(pair: &[u8]) -> u16 {
    u16::from_le_bytes([pair[0], pair[1]])
}

/// IEEE half precision to single: sign, exponent and mantissa moved to their wider places.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1. } else { 1. };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0. => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024. + mantissa) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_of_known_numbers() {
        for (bits, value) in
            [(0x3c00, 1.), (0xc000, -2.), (0x3555, 0.333_251_95), (1, 5.960_464_5e-8)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
