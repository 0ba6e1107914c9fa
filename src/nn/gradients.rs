//! Where a backward pass leaves the gradient of each parameter.

use super::parameters::{Parameter, Parameters};
use crate::error::Result;
use candle_core::backprop::GradStore;

/// The gradient of one parameter.
#[derive(Debug, Clone)]
pub enum Gradient {
    /// One number per element.
    Dense(Vec<f32>),
    /// Only the touched rows of a table: costs what the batch's distinct tokens cost.
    Rows(RowGradient),
}

/// The rows of a (V, D) table that a batch touched, in the order of first touch.
#[derive(Debug, Clone)]
pub struct RowGradient {
    width: usize,
    slots: Vec<u32>,
    rows: Vec<u32>,
    values: Vec<f32>,
}

const UNTOUCHED: u32 = u32::MAX;

impl RowGradient {
    fn new(height: usize, width: usize) -> Self {
        Self { width, slots: vec![UNTOUCHED; height], rows: Vec::new(), values: Vec::new() }
    }

    fn clear(&mut self) {
        for row in self.rows.drain(..) {
            self.slots[row as usize] = UNTOUCHED;
        }
        self.values.clear();
    }

    /// The gradient of row `row`, zero before its first touch.
    pub(super) fn row_mut(&mut self, row: u32) -> &mut [f32] {
        let slot = &mut self.slots[row as usize];
        if *slot == UNTOUCHED {
            *slot = self.rows.len() as u32;
            self.rows.push(row);
            self.values.resize(self.values.len() + self.width, 0.);
        }
        let start = *slot as usize * self.width;
        &mut self.values[start..start + self.width]
    }

    /// The gradient of row `row`, if the batch touched it.
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        let slot = self.slots[row];
        let start = slot as usize * self.width;
        (slot != UNTOUCHED).then(|| &self.values[start..start + self.width])
    }

    /// D, the width of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The gradient as one number per element.
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.; self.slots.len() * self.width];
        for (row, values) in self.rows.iter().zip(self.values.chunks_exact(self.width)) {
            dense[*row as usize * self.width..][..self.width].copy_from_slice(values);
        }
        dense
    }
}

impl Gradient {
    /// The numbers that are not known to be zero.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Dense(values) => values,
            Self::Rows(rows) => &rows.values,
        }
    }

    /// The same, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Dense(values) => values,
            Self::Rows(rows) => &mut rows.values,
        }
    }

    /// One number per element.
    pub fn to_dense(&self) -> Vec<f32> {
        match self {
            Self::Dense(values) => values.clone(),
            Self::Rows(rows) => rows.to_dense(),
        }
    }
}

/// The gradients of a step. Buffers stay from step to step; [`clear`](Self::clear) forgets
/// their content. What is added is added in the order of the calls.
#[derive(Debug, Default)]
pub struct Gradients {
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    live: bool,
    gradient: Option<Gradient>,
}

impl Gradients {
    /// Room for the gradients of `parameters`.
    pub fn new(parameters: &Parameters) -> Self {
        Self { slots: parameters.iter().map(|_| Slot::default()).collect() }
    }

    /// Forgets every gradient.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.live = false;
            if let Some(Gradient::Rows(rows)) = &mut slot.gradient {
                rows.clear();
            }
        }
    }

    /// The gradient of `parameter`, if a backward pass reached it.
    pub fn get(&self, parameter: &Parameter) -> Option<&Gradient> {
        let slot = &self.slots[parameter.id];
        slot.gradient.as_ref().filter(|_| slot.live)
    }

    /// Every gradient that a backward pass reached, in the order of the parameters.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Gradient> {
        self.slots.iter_mut().filter(|slot| slot.live).filter_map(|slot| slot.gradient.as_mut())
    }

    /// Where to add the gradient of `parameter`, and whether something is there already (if
    /// not, the content is unspecified and must be overwritten).
    pub(super) fn dense(&mut self, parameter: &Parameter) -> (&mut [f32], bool) {
        let slot = &mut self.slots[parameter.id];
        let occupied = std::mem::replace(&mut slot.live, true);
        match slot.gradient.get_or_insert_with(|| Gradient::Dense(vec![0.; parameter.len()])) {
            Gradient::Dense(values) => (values, occupied),
            Gradient::Rows(_) => unreachable!("a table is only ever looked up"),
        }
    }

    /// Where to add the touched rows of the table `parameter`.
    pub(super) fn rows(&mut self, parameter: &Parameter) -> &mut RowGradient {
        let slot = &mut self.slots[parameter.id];
        slot.live = true;
        let [height, width] = parameter.spec().shape[..] else {
            unreachable!("a table is a matrix")
        };
        match slot
            .gradient
            .get_or_insert_with(|| Gradient::Rows(RowGradient::new(height, width)))
        {
            Gradient::Rows(rows) => rows,
            Gradient::Dense(_) => unreachable!("a table is only ever looked up"),
        }
    }

    /// Adds what candle's graph says of `parameters` (heads, and composed encoders).
    ///
    /// # Errors
    /// Where a gradient cannot be read.
    pub fn absorb(&mut self, parameters: &Parameters, store: &GradStore) -> Result<()> {
        for parameter in parameters.iter() {
            let Some(tensor) = store.get(parameter.tensor()) else { continue };
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let (sum, occupied) = self.dense(parameter);
            if occupied {
                sum.iter_mut().zip(&values).for_each(|(sum, x)| *sum += x);
            } else {
                sum.copy_from_slice(&values);
            }
        }
        Ok(())
    }
}
