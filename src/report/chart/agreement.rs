//! Gold scores against cosine similarities.

use crate::data::Scale;
use crate::report::format::{number, percent};
use crate::report::pairs::PairScores;
use crate::report::plot::{Axis, ColorRole, Frame, Mark, Plot};

/// Ranks are about right within this share of all, and far off beyond the other.
pub const NEAR: f64 = 0.1;
/// See [`NEAR`].
pub const FAR: f64 = 0.25;

/// Parts of the scale that have a histogram each.
const BUCKETS: usize = 5;

/// Bars of a histogram.
const BARS: usize = 40;

/// Gold against cosine, coloured by how far a pair's rank is off; `cosines` is the axis.
pub fn scatter(
    name: &str,
    title: &str,
    judged: &PairScores,
    scale: Scale,
    cosines: &Axis,
) -> Plot {
    let rho = judged.assessment.sets[0][0].value.as_ref();
    let title = match rho {
        Ok(rho) => format!("{title}: ρ × 100 = {}", percent(*rho)),
        Err(_) => format!("{title}: ρ is undefined"),
    };
    let gold = Axis::linear([scale.low, scale.high], 6);
    let mut frame = Frame::sized(name, &title, gold, cosines.clone(), [348., 300.]);
    frame.axes("gold score");
    let residuals = judged.residuals();
    let values: Vec<(f64, f64)> =
        judged.gold().iter().copied().zip(judged.cosines().iter().copied()).collect();
    for off in [0, -1, 1, -2, 2] {
        let ours = values.iter().zip(&residuals).filter(|(_, r)| class(**r) == off);
        frame.dots(
            &ours.map(|(value, _)| *value).collect::<Vec<_>>(),
            ColorRole::Rank(off),
            3.4,
        );
    }
    let far = |sign: f64| residuals.iter().filter(|r| sign * **r > FAR).count();
    let description = format!(
        "{} pairs, of which {} are ranked much too low and {} much too high.",
        values.len(),
        far(-1.),
        far(1.)
    );
    frame.finish(&description)
}

/// −2..2: much too low, too low, about right, too high, much too high.
fn class(residual: f64) -> i8 {
    let size = i8::from(residual.abs() > NEAR) + i8::from(residual.abs() > FAR);
    if residual < 0. { -size } else { size }
}

/// The cosines of pairs in each fifth of the scale: its name, and what falls in it.
pub fn buckets(judged: &PairScores, scale: Scale) -> Vec<(String, Vec<f64>)> {
    let edge =
        |place: usize| scale.low + (scale.high - scale.low) * place as f64 / BUCKETS as f64;
    let digits = if (0..=BUCKETS).all(|place| edge(place).fract() == 0.) { 0 } else { 1 };
    let name =
        |place| format!("{}–{}", number(edge(place), digits), number(edge(place + 1), digits));
    let mut buckets: Vec<_> = (0..BUCKETS).map(|place| (name(place), Vec::new())).collect();
    for (gold, cosine) in judged.gold().iter().zip(judged.cosines()) {
        let place = (scale.unit(*gold) * BUCKETS as f64) as usize; // a negative number is 0
        buckets[place.min(BUCKETS - 1)].1.push(*cosine);
    }
    buckets
}

/// The middle value; nothing of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even.is_multiple_of(2) => Some((sorted[middle - 1] + sorted[middle]) / 2.),
        _ => Some(sorted[middle]),
    }
}

/// The share of a bucket in each bar.
fn shares(values: &[f64], axis: &Axis) -> Vec<f64> {
    let mut shares = vec![0.; BARS];
    for value in values {
        let bar = (axis.place(*value) * BARS as f64) as usize;
        shares[bar.min(BARS - 1)] += 1. / values.len() as f64;
    }
    shares
}

/// A histogram of cosines for each bucket, the most alike on top. `tallest` is the share that
/// fills a row, so that pictures can be compared; 0 takes the tallest bar.
pub fn histogram(
    name: &str,
    title: &str,
    buckets: &[(String, Vec<f64>)],
    cosines: &Axis,
    (color, tallest): (ColorRole, f64),
) -> Plot {
    let (low, high) = cosines.ends();
    let mut rows = Axis::between(0., buckets.len() as f64, 1);
    rows.ticks =
        buckets.iter().enumerate().map(|(row, (name, _))| (row as f64, name.clone())).collect();
    let size = [348., 88. + 38. * buckets.len() as f64];
    let mut frame = Frame::sized(name, title, cosines.clone(), rows, size);
    frame.axes("cosine similarity");
    let tallest = if tallest > 0. { tallest } else { peak(buckets, cosines) };
    let mut description = Vec::new();
    for (row, (name, values)) in buckets.iter().enumerate() {
        let base = row as f64;
        let Some(middle) = median(values) else { continue };
        let mut outline = vec![(low, base)];
        for (bar, share) in shares(values, cosines).into_iter().enumerate() {
            let edge = |bar: usize| low + (high - low) * bar as f64 / BARS as f64;
            let top = base + 0.9 * share / tallest.max(share);
            outline.extend([(edge(bar), top), (edge(bar + 1), top)]);
        }
        outline.push((high, base));
        frame.area(&outline, color, 0.55);
        let points = [frame.at(middle, base), frame.at(middle, base + 0.55)].to_vec();
        frame.mark(Mark::Line { points, color: ColorRole::Text, width: 1.4 });
        description.push(format!("{name}: {} pairs, median {middle:.2}", values.len()));
    }
    frame.finish(&(description.join("; ") + "."))
}

/// The tallest bar of all buckets.
pub fn peak(buckets: &[(String, Vec<f64>)], cosines: &Axis) -> f64 {
    let bars = buckets.iter().flat_map(|(_, values)| shares(values, cosines));
    bars.fold(f64::MIN_POSITIVE, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_fall_into_five_classes() {
        assert_eq!([-0.9, -0.2, 0., 0.1, 0.11, 0.3].map(class), [-2, -1, 0, 0, 1, 2]);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3., 1., 2.]), Some(2.));
        assert_eq!(median(&[4., 1., 2., 3.]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn bars_share_out_a_bucket() {
        let axis = Axis::between(-1., 1., 4);
        let shares = shares(&[-1., 0., 1., 1.], &axis);
        assert_eq!((shares[0], shares[20], shares[39]), (0.25, 0.25, 0.5));
    }
}
