//! Where a tensor is stored.

use safetensors::Dtype;
use std::collections::BTreeMap;

/// Where the elements of a tensor are stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorLocation {
    /// Which of the files of an index; 0 for a single file.
    pub file: usize,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Offset of the first element in the file, in bytes.
    pub start: u64,
    /// Elements from one index to the next along each axis; `None` for row-major order.
    pub strides: Option<Vec<usize>>,
}

/// Locations by the name of the tensor, or what is wrong with the file.
pub(super) type Locations = Result<BTreeMap<String, TensorLocation>, String>;

impl TensorLocation {
    /// Bytes from the first element to the end of the last; the reader checked that they fit.
    pub fn bytes(&self) -> usize {
        span(&self.shape, self.strides.as_deref()).expect("checked when the file was opened")
            * self.dtype.bitsize()
            / 8
    }
}

/// Elements from the first to the last of a tensor, both counted: `1 + Σ (nᵢ − 1) sᵢ`, or the
/// product of the shape without strides. `None` where it overflows.
pub(super) fn span(shape: &[usize], strides: Option<&[usize]>) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    match strides {
        None => shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)),
        Some(strides) => shape.iter().zip(strides).try_fold(1usize, |sum, (&n, &stride)| {
            sum.checked_add((n - 1).checked_mul(stride)?)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_from_the_first_element_to_the_last() {
        assert_eq!(span(&[2, 3], None), Some(6));
        assert_eq!(span(&[2, 3], Some(&[1, 2])), Some(6));
        assert_eq!(span(&[2, 3], Some(&[10, 1])), Some(13));
        assert_eq!(span(&[], Some(&[])), Some(1));
        assert_eq!(span(&[0, 3], Some(&[3, 1])), Some(0));
        assert_eq!(span(&[usize::MAX, 2], None), None);
        assert_eq!(span(&[3], Some(&[usize::MAX])), None);
    }
}
