//! Which objective sees which loader at which step: alternation, stages, or one and the same.

use super::PhaseSampler;

/// An objective on a loader, for `steps` steps of every round of its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Which objective.
    pub objective: usize,
    /// Which loader it reads.
    pub loader: usize,
    /// Steps of a round; at least 1. One after the other where phases go round robin; spread
    /// over the round in proportion, where they are as many as the loader has batches.
    pub steps: u64,
}

/// A cycle of phases, gone round for `steps` steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// The phases in order; at least one.
    pub cycle: Vec<Phase>,
    /// How they take turns.
    pub mix: PhaseSampler,
    /// How long the stage lasts.
    pub steps: u64,
    /// Its highest learning rate, where it has a schedule of its own.
    pub learning_rate: Option<f64>,
}

/// Stages one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curriculum {
    /// In order.
    pub stages: Vec<Stage>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledStep {
    /// Which objective on which loader.
    pub phase: Phase,
    /// How many earlier steps of the run read that loader.
    pub cursor: u64,
}

impl Stage {
    /// The phase of step `step` of the stage: the one whose turns it adds to.
    fn phase(&self, step: u64) -> Phase {
        let (weights, place) = (self.weights(), step % self.round());
        let turns = |which, steps| self.mix.turns(&weights, which, steps);
        let mut phases = self.cycle.iter().enumerate();
        let own = phases.find(|&(which, _)| turns(which, place + 1) > turns(which, place));
        *own.expect("a step is some phase's turn").1
    }

    /// How many of the first `steps` steps read `loader`.
    fn batches_read(&self, loader: usize, steps: u64) -> u64 {
        let weights = self.weights();
        let (rounds, rest) = (steps / self.round(), steps % self.round());
        let turns = self.cycle.iter().enumerate().filter(|(_, phase)| phase.loader == loader);
        let turns = turns
            .map(|(which, phase)| rounds * phase.steps + self.mix.turns(&weights, which, rest));
        turns.sum()
    }

    fn weights(&self) -> Vec<u64> {
        self.cycle.iter().map(|phase| phase.steps).collect()
    }

    /// The steps of a round; 1 of a stage that has no phase, hence no step.
    fn round(&self) -> u64 {
        self.cycle.iter().map(|phase| phase.steps).sum::<u64>().max(1)
    }

    /// The steps until the first phase has had `turns` steps: the length of so many batches of
    /// its loader, with all that alternates between them round robin.
    pub fn steps_for(cycle: &[Phase], turns: u64) -> u64 {
        let round: u64 = cycle.iter().map(|phase| phase.steps).sum();
        let first = cycle.first().map_or(1, |phase| phase.steps);
        let (whole, rest) = (turns / first, turns % first);
        whole * round + rest
    }
}

impl Curriculum {
    /// The length of the run.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    /// What step `step` does, counted from 0. A function of the curriculum alone: to resume a run its
    /// step is enough.
    ///
    /// # Panics
    /// If `step` lies beyond the end.
    pub fn step(&self, step: u64) -> ScheduledStep {
        let mut before = 0;
        for stage in &self.stages {
            if step < before + stage.steps {
                let phase = stage.phase(step - before);
                return ScheduledStep { phase, cursor: self.reads(phase.loader, step) };
            }
            before += stage.steps;
        }
        panic!("step {step} is beyond the curriculum of {before} steps")
    }

    /// How many of the first `steps` steps read `loader`.
    pub fn reads(&self, loader: usize, steps: u64) -> u64 {
        let (mut left, mut reads) = (steps, 0);
        for stage in &self.stages {
            let taken = left.min(stage.steps);
            (left, reads) = (left - taken, reads + stage.batches_read(loader, taken));
        }
        reads
    }

    /// How often the first `steps` steps went through the data of the first phase of their
    /// stages, where `steps_of` says how many steps on a loader go through it once.
    pub fn epochs(&self, steps: u64, steps_of: impl Fn(usize) -> f64) -> f64 {
        let (mut left, mut epochs) = (steps, 0.);
        for stage in &self.stages {
            let taken = left.min(stage.steps);
            left -= taken;
            if let Some(first) = stage.cycle.first() {
                epochs +=
                    stage.batches_read(first.loader, taken) as f64 / steps_of(first.loader);
            }
        }
        epochs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(objective: usize, loader: usize, steps: u64) -> Phase {
        Phase { objective, loader, steps }
    }

    #[test]
    fn phases_take_turns_and_cursors_count_what_was_read() {
        let cycle = vec![phase(0, 0, 2), phase(1, 1, 1)];
        let curriculum =
            Curriculum { stages: vec![Stage { cycle, steps: 7, ..Stage::default() }] };
        let seen: Vec<_> = (0..7)
            .map(|step| curriculum.step(step))
            .map(|turn| (turn.phase.objective, turn.cursor))
            .collect();
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (1, 1), (0, 4)]);
    }

    #[test]
    fn a_later_stage_goes_on_where_an_earlier_one_left_its_stream() {
        let stage = |cycle, steps| Stage { cycle, steps, ..Stage::default() };
        let first = stage(vec![phase(0, 0, 1), phase(1, 1, 1)], 5);
        let second = stage(vec![phase(2, 0, 1)], 3);
        let curriculum = Curriculum { stages: vec![first, second] };
        assert_eq!(curriculum.steps(), 8);
        assert_eq!(curriculum.step(5), ScheduledStep { phase: phase(2, 0, 1), cursor: 3 });
        assert_eq!(curriculum.step(7).cursor, 5);
    }

    #[test]
    fn a_stage_without_phases_is_passed_over() {
        let stages = vec![
            Stage::default(),
            Stage { cycle: vec![phase(0, 0, 1)], steps: 2, ..Stage::default() },
        ];
        assert_eq!(
            Curriculum { stages }.step(1),
            ScheduledStep { phase: phase(0, 0, 1), cursor: 1 }
        );
    }

    #[test]
    fn cursors_of_a_stream_never_skip_or_repeat() {
        let cycle = vec![phase(0, 0, 2), phase(1, 1, 3), phase(2, 0, 1), phase(3, 2, 7)];
        let stage = |mix, steps| Stage { cycle: cycle.clone(), mix, steps, ..Stage::default() };
        let stages = [
            (PhaseSampler::RoundRobin, 11),
            (PhaseSampler::Proportional, 30),
            (PhaseSampler::Proportional, 8),
            (PhaseSampler::RoundRobin, 20),
        ];
        let curriculum =
            Curriculum { stages: stages.map(|(mix, steps)| stage(mix, steps)).to_vec() };
        let mut next = [0, 0, 0];
        for step in 0..curriculum.steps() {
            let turn = curriculum.step(step);
            assert_eq!(turn.cursor, next[turn.phase.loader], "step {step}");
            next[turn.phase.loader] += 1;
        }
        assert_eq!(next.iter().sum::<u64>(), 69);
    }

    #[test]
    fn a_round_in_proportion_is_once_through_every_stream() {
        let cycle = vec![phase(0, 0, 180), phase(1, 1, 25), phase(2, 2, 2)];
        let mix = PhaseSampler::Proportional;
        let curriculum = Curriculum {
            stages: vec![Stage { cycle, mix, steps: 3 * 207, ..Stage::default() }],
        };
        for round in 0..3 {
            let mut reads = [0, 0, 0];
            for step in round * 207..(round + 1) * 207 {
                let turn = curriculum.step(step);
                assert_eq!(turn.cursor, round * turn.phase.steps + reads[turn.phase.loader]);
                reads[turn.phase.loader] += 1;
            }
            assert_eq!(reads, [180, 25, 2]);
        }
        // the two batches of the smallest are neither first nor last nor together
        let two = (0..207).filter(|&step| curriculum.step(step).phase.loader == 2);
        assert_eq!(two.collect::<Vec<_>>(), [51, 155]);
    }

    #[test]
    fn an_epoch_of_the_first_phase_counts_what_alternates_with_it() {
        assert_eq!(Stage::steps_for(&[phase(0, 0, 1)], 10), 10);
        assert_eq!(Stage::steps_for(&[phase(0, 0, 1), phase(1, 1, 1)], 10), 20);
        assert_eq!(Stage::steps_for(&[phase(0, 0, 2), phase(1, 1, 3)], 5), 11);
    }
}
