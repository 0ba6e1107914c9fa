//! Where a backward pass leaves the gradient of an intermediate value.

use std::sync::{Arc, Mutex, PoisonError};

/// Where the gradient of a value lands: see [`Tape::probe`](super::Tape::probe). Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Vec<f32>>>);

impl Probe {
    /// The gradient of the last backward pass, row-major; empty where it did not reach the probe.
    pub fn take(&self) -> Vec<f32> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put(&self, gradient: Vec<f32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gradient;
    }
}
