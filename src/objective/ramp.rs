//! A weight that moves while the run goes on.

use super::{HeadKind, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;

/// `(from + (to − from)·x)·L`, x from 0 to 1 through the run (ConSERT's loss-rate scheduler).
pub struct Ramp {
    /// The weight of the first step.
    pub from: f64,
    /// The weight after the last.
    pub to: f64,
    /// L.
    pub inner: Box<dyn Objective>,
}

impl Objective for Ramp {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        self.loss_at(twins, 0.)
    }

    fn loss_at(&self, twins: &BatchOutput, progress: f64) -> Result<Loss> {
        let weight = self.from + (self.to - self.from) * progress;
        let loss = self.inner.loss(twins)?;
        Ok(Loss { total: (loss.total * weight)?, ..loss })
    }

    fn label_kind(&self) -> LabelKind {
        self.inner.label_kind()
    }

    fn head(&self) -> Option<HeadKind> {
        self.inner.head()
    }

    fn texts_per_example(&self) -> usize {
        self.inner.texts_per_example()
    }

    fn masks(&self) -> bool {
        self.inner.masks()
    }

    fn passes(&self, columns: usize, labelled: bool) -> usize {
        self.inner.passes(columns, labelled)
    }

    fn uses_in_batch_negatives(&self) -> bool {
        self.inner.uses_in_batch_negatives()
    }

    fn name(&self) -> String {
        format!("{}..{}·{}", self.from, self.to, self.inner.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimCse;
    use super::*;
    use candle_core::{Device, Tensor};

    #[test]
    fn a_ramp_weighs_by_where_the_run_stands() {
        let cpu = Device::Cpu;
        let x = |a: f64| Tensor::new(&[[a, 1.], [1., a]], &cpu).unwrap();
        let twins = BatchOutput::of(x(0.3), x(0.5));
        let plain: f64 = SimCse::default().loss(&twins).unwrap().total.to_scalar().unwrap();
        let ramp = Ramp { from: 1., to: 3., inner: Box::new(SimCse::default()) };
        for (progress, weight) in [(0., 1.), (0.5, 2.), (1., 3.)] {
            let loss = ramp.loss_at(&twins, progress).unwrap().total;
            let loss: f64 = loss.to_scalar().unwrap();
            assert!((loss - weight * plain).abs() < 1e-12, "{progress}: {loss}");
        }
    }
}
