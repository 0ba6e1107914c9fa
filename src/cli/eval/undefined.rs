//! Why metrics are undefined, one line for each reason.

use super::layout::name;
use super::suite_output::{Candidate, SuiteOutput};

/// A line for each set and reason, with the figures it is the reason of.
pub fn lines(found: &SuiteOutput) -> Vec<String> {
    let all = found.candidates.iter().chain(&found.rivals);
    all.flat_map(|candidate| of(found, candidate)).collect()
}

fn of(found: &SuiteOutput, candidate: &Candidate) -> Vec<String> {
    let several = found.candidates.len() + found.rivals.len() > 1;
    let of = if several { format!(" of {}", name(found, candidate)) } else { String::new() };
    let mut lines = Vec::new();
    for (set, estimates) in found.sets().iter().zip(&candidate.assessment.sets) {
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for (figure, estimate) in found.figures.iter().zip(estimates) {
            let Err(reason) = &estimate.value else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, figures)) => figures.push(figure.to_string()),
                None => reasons.push((reason, vec![figure.to_string()])),
            }
        }
        for (reason, figures) in reasons {
            let all = figures.len() == found.figures.len() && figures.len() > 1;
            let figures = if all { "all metrics".into() } else { figures.join(", ") };
            lines.push(format!("{}: {figures}{of} undefined: {reason}", set.title));
        }
    }
    lines
}
