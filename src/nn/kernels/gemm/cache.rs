//! Packed right-hand sides kept between products.

use super::dtype::ComputeDtype;
use super::layout::Packed;
use super::matrix::Matrix;
use std::sync::{Arc, Mutex, PoisonError};

/// The packed form of a right-hand side that outlives a product, kept until the matrix changes or
/// is asked for transposed: a backward pass packs where the forward pass had packed.
#[derive(Debug, Default)]
pub(in crate::nn) struct Cache {
    /// Whether what is packed is the transpose; nothing where the matrix has changed.
    slot: Mutex<(Option<bool>, Arc<Packed>)>,
    packing: Mutex<()>,
}

impl Cache {
    /// The matrix has changed.
    pub fn forget(&self) {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
    }

    /// `b` (k × n), packed. No lock is held while threads pack together: one that waits for the
    /// others may take up a task that asks for the same matrix.
    pub fn packed(&self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) -> Arc<Packed> {
        let transposed = Some(b.row == 1);
        let slot = || self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |slot: &(Option<bool>, Arc<Packed>)| {
            let is = &slot.1;
            let same = slot.0 == transposed && is.dtype == dtype && (is.k, is.n) == (k, n);
            same.then(|| is.clone())
        };
        if let Some(packed) = found(&slot()) {
            return packed;
        }
        let Ok(_packing) = self.packing.try_lock() else {
            return Arc::new(Packed::default().pack(dtype, k, n, b));
        };
        let old = {
            let mut slot = slot();
            if let Some(packed) = found(&slot) {
                return packed;
            }
            slot.0 = None;
            Arc::try_unwrap(std::mem::take(&mut slot.1)).unwrap_or_default()
        };
        let packed = Arc::new(old.pack(dtype, k, n, b));
        *slot() = (transposed, packed.clone());
        packed
    }
}
