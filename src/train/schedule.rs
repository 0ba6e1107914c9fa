//! The learning rate as a pure function of the step.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the rate moves after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerType {
    /// Falls to zero on a line.
    #[default]
    Linear,
    /// Falls to zero on half a cosine.
    Cosine,
    /// Stays.
    Constant,
}

impl std::str::FromStr for SchedulerType {
    type Err = Error;

    /// Hugging Face's names; `constant_with_warmup` is `constant`, whose warm-up is 0 unless
    /// asked for.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "linear" => Ok(Self::Linear),
            "cosine" => Ok(Self::Cosine),
            "constant" | "constant_with_warmup" => Ok(Self::Constant),
            _ => Err(Error::config(format!(
                "schedule `{text}` is unknown: use linear, cosine or constant"
            ))),
        }
    }
}

/// The learning rate of every step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    peak: f64,
    kind: SchedulerType,
    warmup: u64,
    steps: u64,
}

impl Schedule {
    /// A run of `steps` steps that climbs to `peak` over the first `warmup` (a count, or a
    /// fraction of the steps where below 1, rounded up).
    ///
    /// # Errors
    /// Where the peak or the warm-up is negative or not finite, or the warm-up longer than the
    /// run.
    pub fn new(peak: f64, kind: SchedulerType, warmup: f64, steps: u64) -> Result<Self> {
        if !peak.is_finite() || peak < 0. {
            return Err(Error::config(format!("learning rate {peak}: expected 0 or more")));
        }
        if !warmup.is_finite() || warmup < 0. || (warmup >= 1. && warmup.fract() != 0.) {
            let message = format!(
                "warm-up {warmup}: expected a whole number of steps, or a fraction below 1"
            );
            return Err(Error::config(message));
        }
        let warmup = if warmup < 1. { (warmup * steps as f64).ceil() } else { warmup } as u64;
        if warmup > steps {
            return Err(Error::config(format!(
                "warm-up of {warmup} steps, but the run has only {steps}"
            )));
        }
        Ok(Self { peak, kind, warmup, steps })
    }

    /// The rate of step `step`, counted from 0: `peak · step/warmup` first, then `peak · f(x)`,
    /// x from 0 to 1 over the rest, f(x) = 1 − x (linear), ½(1 + cos πx) (cosine) or 1.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let rest = (self.steps - self.warmup).max(1) as f64;
        let x = ((step - self.warmup) as f64 / rest).min(1.);
        self.peak
            * match self.kind {
                SchedulerType::Linear => 1. - x,
                SchedulerType::Cosine => f64::midpoint(1., (std::f64::consts::PI * x).cos()),
                SchedulerType::Constant => 1.,
            }
    }
}

/// Schedules one after the other, each with its steps: stages that name a learning rate have
/// their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedules(pub(super) Vec<(u64, Schedule)>);

impl Schedules {
    /// One schedule for all `steps` of a run.
    pub fn one(schedule: Schedule, steps: u64) -> Self {
        Self(vec![(steps, schedule)])
    }

    /// The rate of step `step` of the run, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let mut rest = step;
        for (steps, schedule) in &self.0 {
            if rest < *steps {
                return schedule.rate(rest);
            }
            rest -= steps;
        }
        0.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_of_its_own_rate_begins_its_schedule_anew() {
        let stage = |peak, steps| {
            (steps, Schedule::new(peak, SchedulerType::Linear, 0., steps).unwrap())
        };
        let schedules = Schedules(vec![stage(1., 2), stage(10., 4)]);
        let rates: Vec<f64> = (0..7).map(|step| schedules.rate(step)).collect();
        assert_eq!(rates, [1., 0.5, 10., 7.5, 5., 2.5, 0.]);
    }

    #[test]
    fn linear_climbs_then_falls_to_zero() {
        let schedule = Schedule::new(1., SchedulerType::Linear, 4., 10).unwrap();
        let rates: Vec<f64> = (0..=10).map(|step| schedule.rate(step)).collect();
        let expected = [0., 0.25, 0.5, 0.75, 1., 5. / 6., 4. / 6., 0.5, 2. / 6., 1. / 6., 0.];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn a_fraction_of_the_steps_is_rounded_up() {
        let schedule = Schedule::new(1., SchedulerType::Constant, 0.1, 25).unwrap();
        assert_eq!((schedule.rate(2), schedule.rate(3), schedule.rate(24)), (2. / 3., 1., 1.));
    }

    #[test]
    fn cosine_is_half_way_in_the_middle() {
        let schedule = Schedule::new(2., SchedulerType::Cosine, 0., 100).unwrap();
        assert!((schedule.rate(50) - 1.).abs() < 1e-12);
        assert!(schedule.rate(100) < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (peak, warmup) in [(-1., 0.), (f64::NAN, 0.), (1., -1.), (1., 2.5), (1., 11.)] {
            assert!(Schedule::new(peak, SchedulerType::Linear, warmup, 10).is_err());
        }
    }
}
