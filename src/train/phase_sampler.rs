//! In what order the phases of a round have their turns.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the phases of a stage take turns; sentence-transformers' `multi_dataset_batch_sampler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PhaseSampler {
    /// One after the other, each for its steps. A stage lasts for its steps: a loader
    /// that is through begins anew, shuffled again, where sentence-transformers would end the
    /// epoch with the shortest.
    #[default]
    RoundRobin,
    /// In proportion to the batches of their data, evenly spread: an epoch is once through all
    /// of them.
    Proportional,
}

/// Every mix with its name here and its other name.
const NAMES: [(PhaseSampler, &str, &str); 2] = [
    (PhaseSampler::RoundRobin, "round-robin", "round_robin"),
    (PhaseSampler::Proportional, "proportional", "proportional"),
];

impl FromStr for PhaseSampler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = NAMES.iter().find(|(_, name, other)| [name, other].contains(&&text));
        known.map(|(mix, ..)| *mix).ok_or_else(|| {
            Error::config(format!("mix `{text}` is unknown: use round-robin or proportional"))
        })
    }
}

impl TryFrom<String> for PhaseSampler {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<PhaseSampler> for String {
    fn from(mix: PhaseSampler) -> Self {
        mix.to_string()
    }
}

impl fmt::Display for PhaseSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(mix, ..)| mix == self).map(|(_, name, _)| name);
        f.write_str(name.expect("every mix has a name"))
    }
}

impl PhaseSampler {
    /// How many of the first `steps` steps of a round are turns of phase `which`, where phase i
    /// has wᵢ = `weights[i]` turns in all.
    ///
    /// In proportion, turn j of phase i stands at (2j + 1)/2wᵢ of the round, and turns come in
    /// that order, earlier phases first where two stand in one place. After s steps, phase i has
    /// had s·wᵢ/Σw turns, give or take ½ + wᵢ/Σw · K/2 for K phases.
    pub(super) fn turns(self, weights: &[u64], which: usize, steps: u64) -> u64 {
        match self {
            Self::RoundRobin => {
                let before = weights[..which].iter().sum();
                steps.saturating_sub(before).min(weights[which])
            }
            Self::Proportional => {
                let (mut least, mut most) = (0, weights[which].min(steps));
                while least < most {
                    let turn = least.midpoint(most);
                    if place(weights, which, turn) < u128::from(steps) {
                        least = turn + 1;
                    } else {
                        most = turn;
                    }
                }
                least
            }
        }
    }
}

/// The step of the round at which phase `which` has its turn number `turn`: how many turns, its
/// own and others', stand before it.
fn place(weights: &[u64], which: usize, turn: u64) -> u128 {
    let middle = 2 * u128::from(turn) + 1;
    let before = |(other, &weight): (usize, &u64)| {
        // turn j of the other stands before where 2j + 1 < middle · weight / weights[which]
        let (reach, own) = (middle * u128::from(weight), u128::from(weights[which]));
        let odd = if other < which { reach / own } else { reach.div_ceil(own) - 1 };
        odd.div_ceil(2)
    };
    weights.iter().enumerate().map(before).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The phases of one round, one step after the other.
    fn round(mix: PhaseSampler, weights: &[u64]) -> Vec<usize> {
        let turn = |step, which: &usize| {
            mix.turns(weights, *which, step + 1) > mix.turns(weights, *which, step)
        };
        let steps = 0..weights.iter().sum();
        steps.map(|step| (0..weights.len()).find(|which| turn(step, which)).unwrap()).collect()
    }

    #[test]
    fn a_round_in_proportion_spreads_the_turns_of_each_phase() {
        assert_eq!(round(PhaseSampler::Proportional, &[4, 2]), [0, 1, 0, 0, 1, 0]);
        assert_eq!(round(PhaseSampler::Proportional, &[2, 2, 2]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(round(PhaseSampler::Proportional, &[1, 7]), [1, 1, 1, 0, 1, 1, 1, 1]);
        assert_eq!(round(PhaseSampler::RoundRobin, &[2, 1, 3]), [0, 0, 1, 2, 2, 2]);
    }

    #[test]
    fn a_name_reads_back_as_the_mix_that_has_it() {
        for (mix, name, other) in NAMES {
            assert_eq!(mix.to_string(), name);
            assert_eq!(other.parse::<PhaseSampler>().unwrap(), mix);
            let json = serde_json::to_string(&mix).unwrap();
            assert_eq!(serde_json::from_str::<PhaseSampler>(&json).unwrap(), mix);
        }
        assert!("random".parse::<PhaseSampler>().is_err());
    }

    #[test]
    fn a_round_of_billions_of_turns_is_asked_in_no_time() {
        let weights = [4_000_000_000, 3, 999_999_999];
        let turns = |steps| {
            [0, 1, 2].map(|which| PhaseSampler::Proportional.turns(&weights, which, steps))
        };
        assert_eq!(turns(5_000_000_002), weights);
        assert_eq!(turns(2_500_000_001), [2_000_000_000, 2, 499_999_999]);
    }

    proptest! {
        #[test]
        fn turns_come_in_the_order_of_their_places(
            weights in prop::collection::vec(1u64..40, 1..5),
        ) {
            let mut places: Vec<(u64, usize)> = Vec::new();
            let all: u64 = weights.iter().product();
            for (which, &weight) in weights.iter().enumerate() {
                // (2j + 1)/2w over the common denominator 2·Πw
                places.extend((0..weight).map(|turn| ((2 * turn + 1) * (all / weight), which)));
            }
            places.sort_unstable();
            let expected: Vec<usize> = places.into_iter().map(|(_, which)| which).collect();
            prop_assert_eq!(round(PhaseSampler::Proportional, &weights), expected);
        }

        #[test]
        fn after_any_step_each_phase_has_about_its_share(
            weights in prop::collection::vec(1u64..1000, 1..6),
            part in 0f64..1.,
        ) {
            let all: u64 = weights.iter().sum();
            let steps = (part * all as f64) as u64;
            let mut sum = 0;
            for (which, &weight) in weights.iter().enumerate() {
                let turns = PhaseSampler::Proportional.turns(&weights, which, steps);
                let share = weight as f64 / all as f64;
                let bound = 0.5 + share * weights.len() as f64 / 2. + 1e-9;
                prop_assert!((turns as f64 - share * steps as f64).abs() <= bound);
                sum += turns;
            }
            prop_assert_eq!(sum, steps);
        }
    }
}
