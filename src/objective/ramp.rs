//! A weight that changes during the run.

use super::{Loss, Objective, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `w·L` with `w = from + (to − from)·progress` (ConSERT's loss-rate scheduler).
pub struct Ramp {
    /// The weight of the first step.
    pub from: f64,
    /// The weight after the last.
    pub to: f64,
    /// L.
    pub inner: Box<dyn Objective>,
}

impl Ramp {
    fn weight(&self, progress: f64) -> f64 {
        self.from + (self.to - self.from) * progress
    }
}

impl Objective for Ramp {
    fn name(&self) -> Cow<'_, str> {
        format!("{}..{}·{}", self.from, self.to, self.inner.name()).into()
    }

    fn requirements(&self) -> Requirements {
        self.inner.requirements()
    }

    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss> {
        let loss = self.inner.loss(outputs, progress)?;
        Ok(Loss { total: (loss.total * self.weight(progress))?, ..loss })
    }

    fn terms(&self, progress: f64) -> Vec<(f64, &dyn Objective)> {
        vec![(self.weight(progress), &*self.inner)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CosineMse, SimCse, Sum, supervised};
    use super::*;
    use candle_core::{Device, Tensor};

    #[test]
    fn a_ramp_weighs_by_where_the_run_stands() {
        let cpu = Device::Cpu;
        let x = |a: f64| Tensor::new(&[[a, 1.], [1., a]], &cpu).unwrap();
        let outputs = BatchOutput::of(x(0.3), x(0.5));
        let plain: f64 =
            SimCse::default().loss(&outputs, 0.).unwrap().total.to_scalar().unwrap();
        let ramp = Ramp { from: 1., to: 3., inner: Box::new(SimCse::default()) };
        for (progress, weight) in [(0., 1.), (0.5, 2.), (1., 3.)] {
            let loss = ramp.loss(&outputs, progress).unwrap().total;
            let loss: f64 = loss.to_scalar().unwrap();
            assert!((loss - weight * plain).abs() < 1e-12, "{progress}: {loss}");
        }
    }

    #[test]
    fn a_ramp_passes_progress_and_terms_of_what_it_wraps() {
        let ramp = |from, to, inner| Ramp { from, to, inner };
        let inner = ramp(0., 1., Box::new(CosineMse));
        let sum = Sum(vec![(0.5, Box::new(SimCse::default())), (2., Box::new(inner))]);
        let outer = ramp(1., 3., Box::new(sum));
        let found = supervised(&outer, 0.5);
        assert_eq!(found.len(), 1, "SimCSE reads no labels");
        assert_eq!((found[0].0, &*found[0].1.name()), (2. * 2. * 0.5, "cosine MSE"));

        let x = |a: f64| Tensor::new(&[[a, 1.], [1., a]], &Device::Cpu).unwrap();
        let outputs = BatchOutput::of(x(0.3), x(0.5));
        let nested = ramp(1., 1., Box::new(ramp(0., 1., Box::<SimCse>::default())));
        let loss = |progress| nested.loss(&outputs, progress).unwrap().total;
        assert_eq!(loss(0.).to_scalar::<f64>().unwrap(), 0.);
        assert!(loss(1.).to_scalar::<f64>().unwrap() > 0.);
    }
}
