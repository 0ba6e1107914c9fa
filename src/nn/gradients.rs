//! Where a backward pass leaves the gradient of each parameter.

use super::parameters::{Parameter, Parameters};
use crate::error::Result;
use candle_core::backprop::GradStore;
use rayon::prelude::*;

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
    fn row_mut(&mut self, row: u32) -> &mut [f32] {
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
    /// The gradient of row `row` of a table `width` wide, zero before its first touch.
    pub(super) fn row_mut(&mut self, row: u32, width: usize) -> &mut [f32] {
        match self {
            Self::Rows(rows) => rows.row_mut(row),
            Self::Dense(values) => &mut values[row as usize * width..][..width],
        }
    }

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
    /// Buffers of the backward passes that run beside the first.
    beside: Vec<Gradients>,
}

#[derive(Debug, Default)]
struct Slot {
    live: bool,
    gradient: Option<Gradient>,
}

impl Gradients {
    /// Room for the gradients of `parameters`.
    pub fn new(parameters: &Parameters) -> Self {
        Self::of(parameters.len())
    }

    fn of(count: usize) -> Self {
        Self { slots: (0..count).map(|_| Slot::default()).collect(), beside: Vec::new() }
    }

    /// Runs `walks` at once, each with gradients of its own, and adds what they leave in the
    /// order of the walks: their sum has the same bits whoever ran first.
    ///
    /// # Errors
    /// The first of theirs.
    pub fn beside<W: Send>(
        &mut self,
        walks: Vec<W>,
        walk: impl Fn(W, &mut Self) -> Result<()> + Sync,
    ) -> Result<()> {
        let count = self.slots.len();
        let mut buffers = std::mem::take(&mut self.beside);
        buffers
            .resize_with(buffers.len().max(walks.len().saturating_sub(1)), || Self::of(count));
        buffers.iter_mut().for_each(Self::clear);
        let done: Vec<Result<()>> = std::iter::once(&mut *self)
            .chain(&mut buffers)
            .zip(walks)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(gradients, way)| walk(way, gradients))
            .collect();
        buffers.iter_mut().for_each(|buffer| self.add(buffer));
        self.beside = buffers;
        done.into_iter().collect()
    }

    /// Adds every gradient of `other`.
    fn add(&mut self, other: &mut Self) {
        for (slot, more) in self.slots.iter_mut().zip(&mut other.slots) {
            match (slot.gradient.as_mut().filter(|_| slot.live), &more.gradient) {
                _ if !more.live => {}
                (None, _) => std::mem::swap(slot, more),
                (Some(Gradient::Rows(rows)), Some(Gradient::Rows(more))) => {
                    for (&row, values) in more.rows.iter().zip(more.values.chunks(rows.width)) {
                        rows.row_mut(row).iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
                    }
                }
                (Some(Gradient::Dense(sum)), Some(Gradient::Dense(more))) => {
                    super::kernels::elementwise::add(sum, more);
                }
                (Some(sum), Some(more)) => {
                    let dense = sum.to_dense().into_iter().zip(more.to_dense());
                    *sum = Gradient::Dense(dense.map(|(a, b)| a + b).collect());
                }
                (Some(_), None) => unreachable!("what is live has a gradient"),
            }
        }
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
        if let Some(Gradient::Rows(rows)) = &slot.gradient {
            // a table that is multiplied by as well: the words a masked token may have been
            slot.gradient = Some(Gradient::Dense(rows.to_dense()));
        }
        match slot.gradient.get_or_insert_with(|| Gradient::Dense(vec![0.; parameter.len()])) {
            Gradient::Dense(values) => (values, occupied),
            Gradient::Rows(_) => unreachable!("it was made dense above"),
        }
    }

    /// Where to add the touched rows of the table `parameter`, by [`Gradient::row_mut`].
    pub(super) fn rows(&mut self, parameter: &Parameter) -> &mut Gradient {
        let slot = &mut self.slots[parameter.id];
        let [height, width] = parameter.spec().shape[..] else {
            unreachable!("a table is a matrix")
        };
        let occupied = std::mem::replace(&mut slot.live, true);
        let stays = match &slot.gradient {
            Some(Gradient::Rows(_)) => true,
            Some(Gradient::Dense(_)) => occupied,
            None => false,
        };
        if !stays {
            slot.gradient = Some(Gradient::Rows(RowGradient::new(height, width)));
        }
        slot.gradient.as_mut().expect("it was put there")
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

#[cfg(test)]
mod tests {
    use super::super::{Backend, Init, ParamSpec, Tape, Workspace};
    use super::*;
    use candle_core::Device;

    /// A table looked up and multiplied by: both ways add to one gradient, in either order.
    #[test]
    fn a_table_that_is_looked_up_and_multiplied_by_adds_both_gradients() {
        let specs = vec![
            ParamSpec::table("table", [4, 3], 1.),
            ParamSpec::vector("bias", 4, Init::Zeros),
        ];
        let parameters = Parameters::initial(specs, 1, &Device::Cpu).unwrap();
        let (table, bias) = (parameters.get("table").unwrap(), parameters.get("bias").unwrap());
        let mut gradients = Gradients::new(&parameters);
        let mut run = |backend, multiply: bool| {
            gradients.clear();
            let mut tape = Tape::recording(backend, &Workspace::default());
            let mut y = tape.embedding_sum(vec![(table.clone(), vec![1, 1, 3])]).unwrap();
            if multiply {
                y = tape.linear(&y, &table, &bias).unwrap();
            }
            let store = tape.output(&y).unwrap().sqr().unwrap().sum_all().unwrap();
            let store = store.backward().unwrap();
            gradients.absorb(&parameters, &store).unwrap();
            tape.backward(&store, &mut gradients).unwrap();
            gradients.get(&table).unwrap().to_dense()
        };
        let expected = [true, false].map(|multiply| run(Backend::Composed, multiply));
        for (multiply, expected) in
            [(false, &expected[1]), (true, &expected[0]), (false, &expected[1])]
        {
            let found = run(Backend::Fused, multiply);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}
