//! Buffers that outlive a step: what one step frees the next one takes, without zeroing.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};

/// A pool of f32 buffers. Cloning shares the pool.
#[derive(Debug, Clone, Default)]
pub struct Workspace(Arc<Mutex<BTreeMap<usize, Vec<Vec<f32>>>>>);

impl Workspace {
    /// A buffer of `len` numbers with **unspecified** content: whoever takes it overwrites it.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let data = pop(&mut free, len..=len.saturating_mul(2)).unwrap_or_else(|| {
            // what is too small makes room: batches of every size would else leave theirs behind
            drop(pop(&mut free, len / 2..=len));
            vec![0.; round_up(len)]
        });
        Buffer { data, len, home: self.clone() }
    }
}

/// Takes the smallest free buffer of these sizes off its shelf.
fn pop(
    free: &mut BTreeMap<usize, Vec<Vec<f32>>>,
    sizes: RangeInclusive<usize>,
) -> Option<Vec<f32>> {
    let (&size, shelf) = free.range_mut(sizes).next()?;
    let data = shelf.pop();
    if shelf.is_empty() {
        free.remove(&size);
    }
    data
}

/// An eighth of the next power of two: batches differ by a few tokens, and buffers should fit
/// the next one too.
fn round_up(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 8).max(16))
}

/// A borrowed buffer; goes back to its pool when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    data: Vec<f32>,
    len: usize,
    home: Workspace,
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.data[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.len]
    }
}

impl Buffer {
    /// No numbers, from no pool.
    pub(super) fn empty() -> Self {
        Self { data: Vec::new(), len: 0, home: Workspace::default() }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return;
        }
        let mut free = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(data.len()).or_default().push(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_buffer_serves_the_next_slightly_smaller_request() {
        let workspace = Workspace::default();
        let first = workspace.take(1000);
        let address = first.as_ptr();
        drop(first);
        assert_eq!(workspace.take(990).as_ptr(), address);
    }

    #[test]
    fn a_buffer_has_the_length_asked_for() {
        let workspace = Workspace::default();
        for len in [0, 1, 17, 4096, 5000] {
            assert_eq!(workspace.take(len).len(), len);
        }
    }
}
