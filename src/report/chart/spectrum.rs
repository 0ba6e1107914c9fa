//! Singular values of the embeddings.

use crate::report::plot::{Axis, ColorRole, Frame, Plot};

/// The spectra of a model before and after, as far as they are there: `(name, σ, colour)`.
pub type Spectrum<'a> = (&'a str, &'a [f64], ColorRole);

/// `σₖ / Σσ` by k on a logarithmic axis: the shares that effective rank is the entropy of.
pub fn spectra(name: &str, spectra: &[Spectrum]) -> Option<Plot> {
    let shares = spectra.iter().map(|(_, values, _)| shares(values)).collect::<Vec<_>>();
    let high = shares.iter().flatten().copied().fold(0., f64::max);
    if high == 0. {
        return None;
    }
    // a last direction of next to nothing would flatten all others
    let last =
        |shares: &Vec<f64>| shares.get(shares.len().saturating_sub(1) * 49 / 50).copied();
    let low = shares.iter().filter_map(last).fold(high / 10., f64::min).max(1e-6 * high);
    let percents = |share: f64| format!("{} %", (1e6 * share).round() / 1e4);
    let axis = Axis::logarithmic(low, high, percents);
    let longest = shares.iter().map(Vec::len).max().unwrap_or(1);
    let title = "Normalized singular values";
    let frame = Frame::new(name, title, Axis::between(0., longest as f64, 4), axis).with_key();
    let description = spectra.iter().zip(&shares).map(|((name, ..), shares)| {
        format!(
            "{name}: the first of {} has a share of {:.1} %",
            shares.len(),
            100. * shares[0]
        )
    });
    let description = description.collect::<Vec<_>>().join("; ") + ".";
    Some(drawn(frame, spectra, &shares, &description))
}

/// `Σⱼ≤ₖ σⱼ² / Σσ²`: how much of the vectors the first k directions hold.
pub fn directions(name: &str, spectra: &[Spectrum]) -> Option<Plot> {
    let held = spectra.iter().map(|(_, values, _)| held(values)).collect::<Vec<_>>();
    if held.iter().all(Vec::is_empty) {
        return None;
    }
    let longest = held.iter().map(Vec::len).max().unwrap_or(1);
    let axis = Axis::between(0., 1., 4).named(|share| format!("{:.0} %", 100. * share));
    let title = "Cumulative share of squared singular values";
    let frame = Frame::new(name, title, Axis::between(0., longest as f64, 4), axis).with_key();
    let description = spectra.iter().zip(&held).map(|((name, ..), held)| {
        let enough = held.iter().position(|share| *share >= 0.9).map_or(0, |k| k + 1);
        format!("{name}: {enough} directions explain 90 %")
    });
    let description = description.collect::<Vec<_>>().join("; ") + ".";
    Some(drawn(frame, spectra, &held, &description))
}

fn drawn(frame: Frame, spectra: &[Spectrum], values: &[Vec<f64>], description: &str) -> Plot {
    let mut frame = frame;
    frame.axes("k, largest first");
    let mut across = 0.;
    for ((name, _, color), values) in spectra.iter().zip(values) {
        let places = (1..=values.len()).map(|k| k as f64);
        frame.line(&places.zip(values.iter().copied()).collect::<Vec<_>>(), *color, 1.8);
        across = frame.key(across, name, *color);
    }
    frame.finish(description)
}

fn shares(values: &[f64]) -> Vec<f64> {
    let total = values.iter().sum::<f64>();
    values.iter().map(|value| value / total).collect()
}

fn held(values: &[f64]) -> Vec<f64> {
    let total = values.iter().map(|value| value * value).sum::<f64>();
    let mut sum = 0.;
    let next = |value: &f64| {
        sum += value * value;
        sum / total
    };
    values.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_add_up_to_all() {
        assert_eq!(held(&[3., 4.]), [0.36, 1.]);
        assert_eq!(shares(&[3., 1.]), [0.75, 0.25]);
    }

    #[test]
    fn one_direction_is_a_picture_too_and_none_is_none() {
        assert!(spectra("s", &[("after", &[2.], ColorRole::After)]).is_some());
        assert!(directions("s", &[("after", &[2.], ColorRole::After)]).is_some());
        assert!(spectra("s", &[("after", &[], ColorRole::After)]).is_none());
        assert!(directions("s", &[]).is_none());
    }
}
