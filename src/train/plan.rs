//! Which objective sees which stream at which step: alternation, stages, or one and the same.

/// One turn of a cycle: `steps` steps of an objective on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Which objective.
    pub objective: usize,
    /// Which stream it reads.
    pub stream: usize,
    /// Steps before the next phase has its turn; at least 1.
    pub steps: u64,
}

/// A cycle of phases, gone round for `steps` steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The phases in order; at least one.
    pub cycle: Vec<Phase>,
    /// How long the stage lasts.
    pub steps: u64,
}

/// Stages one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In order.
    pub stages: Vec<Stage>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Which objective on which stream.
    pub phase: Phase,
    /// How many earlier steps of the run read that stream.
    pub cursor: u64,
}

impl Stage {
    /// The phase of step `step` of the stage.
    fn phase(&self, step: u64) -> Phase {
        let mut place = step % self.round();
        for phase in &self.cycle {
            if place < phase.steps {
                return *phase;
            }
            place -= phase.steps;
        }
        unreachable!("a place lies within its round")
    }

    /// How many of the first `steps` steps read `stream`.
    fn reads(&self, stream: usize, steps: u64) -> u64 {
        let (rounds, mut rest) = (steps / self.round(), steps % self.round());
        let mut reads = 0;
        for phase in &self.cycle {
            let now = rest.min(phase.steps);
            rest -= now;
            if phase.stream == stream {
                reads += rounds * phase.steps + now;
            }
        }
        reads
    }

    fn round(&self) -> u64 {
        self.cycle.iter().map(|phase| phase.steps).sum()
    }

    /// The steps until the first phase has had `turns` steps: the length of so many batches of
    /// its stream, with all that alternates between them.
    pub fn steps_for(cycle: &[Phase], turns: u64) -> u64 {
        let round: u64 = cycle.iter().map(|phase| phase.steps).sum();
        let first = cycle.first().map_or(1, |phase| phase.steps);
        let (whole, rest) = (turns / first, turns % first);
        whole * round + rest
    }
}

impl Plan {
    /// The length of the run.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    /// What step `step` does, counted from 0. A function of the plan alone: to resume a run its
    /// step is enough.
    ///
    /// # Panics
    /// If `step` lies beyond the end.
    pub fn turn(&self, step: u64) -> Turn {
        let (mut before, mut earlier) = (0, Vec::new());
        for stage in &self.stages {
            if step < before + stage.steps {
                let phase = stage.phase(step - before);
                let past =
                    earlier.iter().map(|past: &&Stage| past.reads(phase.stream, past.steps));
                let cursor = past.sum::<u64>() + stage.reads(phase.stream, step - before);
                return Turn { phase, cursor };
            }
            before += stage.steps;
            earlier.push(stage);
        }
        panic!("step {step} lies beyond a plan of {before}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(objective: usize, stream: usize, steps: u64) -> Phase {
        Phase { objective, stream, steps }
    }

    #[test]
    fn phases_take_turns_and_cursors_count_what_was_read() {
        let cycle = vec![phase(0, 0, 2), phase(1, 1, 1)];
        let plan = Plan { stages: vec![Stage { cycle, steps: 7 }] };
        let seen: Vec<_> = (0..7)
            .map(|step| plan.turn(step))
            .map(|turn| (turn.phase.objective, turn.cursor))
            .collect();
        assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (1, 1), (0, 4)]);
    }

    #[test]
    fn a_later_stage_goes_on_where_an_earlier_one_left_its_stream() {
        let first = Stage { cycle: vec![phase(0, 0, 1), phase(1, 1, 1)], steps: 5 };
        let second = Stage { cycle: vec![phase(2, 0, 1)], steps: 3 };
        let plan = Plan { stages: vec![first, second] };
        assert_eq!(plan.steps(), 8);
        assert_eq!(plan.turn(5), Turn { phase: phase(2, 0, 1), cursor: 3 });
        assert_eq!(plan.turn(7).cursor, 5);
    }

    #[test]
    fn cursors_of_a_stream_never_skip_or_repeat() {
        let cycle = vec![phase(0, 0, 2), phase(1, 1, 3), phase(2, 0, 1)];
        let stage = |steps| Stage { cycle: cycle.clone(), steps };
        let plan = Plan { stages: vec![stage(11), stage(8)] };
        let mut next = [0, 0];
        for step in 0..plan.steps() {
            let turn = plan.turn(step);
            assert_eq!(turn.cursor, next[turn.phase.stream], "step {step}");
            next[turn.phase.stream] += 1;
        }
    }

    #[test]
    fn an_epoch_of_the_first_phase_counts_what_alternates_with_it() {
        assert_eq!(Stage::steps_for(&[phase(0, 0, 1)], 10), 10);
        assert_eq!(Stage::steps_for(&[phase(0, 0, 1), phase(1, 1, 1)], 10), 20);
        assert_eq!(Stage::steps_for(&[phase(0, 0, 2), phase(1, 1, 3)], 5), 11);
    }
}
