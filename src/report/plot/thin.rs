//! Many points on few pixels: the range within a pixel, and a mean over neighbours.

/// What a column of pixels holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The middle of the points' x.
    pub x: f64,
    /// Their lowest y.
    pub low: f64,
    /// Their highest y.
    pub high: f64,
    /// Their mean y.
    pub mean: f64,
}

/// The points `(x, y)`, sorted by x, in at most `columns` equal parts of their range; parts
/// without a point are left out.
pub fn band(points: &[(f64, f64)], columns: usize) -> Vec<Band> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let scale = columns as f64 / (last.0 - first.0).max(f64::MIN_POSITIVE);
    let column = |x: f64| (((x - first.0) * scale) as usize).min(columns.saturating_sub(1));
    points.chunk_by(|a, b| column(a.0) == column(b.0)).map(joined).collect()
}

/// One or more points as one.
fn joined(points: &[(f64, f64)]) -> Band {
    let count = points.len() as f64;
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let mean = points.iter().map(|point| point.1).sum::<f64>() / count;
    Band { x: (points[0].0 + points[points.len() - 1].0) / 2., low, high, mean }
}

/// How many neighbours to smooth `count` values over: a twelfth of them, an odd number.
pub fn window(count: usize) -> usize {
    (count / 12) | 1
}

/// `yᵢ′`, the mean of the `window` values around each; at the ends of those there are.
pub fn smoothed(values: &[f64], window: usize) -> Vec<f64> {
    let mut sums = vec![0.; values.len() + 1];
    for (i, value) in values.iter().enumerate() {
        sums[i + 1] = sums[i] + value;
    }
    let half = window / 2;
    let mean = |i: usize| {
        let (from, to) = (i.saturating_sub(half), (i + half + 1).min(values.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_and_the_highest_point_survive_thinning() {
        let mut points: Vec<(f64, f64)> =
            (0..50_000).map(|i| (f64::from(i), (f64::from(i) / 9.).sin())).collect();
        points[31_007].1 = 7.;
        points[17].1 = -7.;
        let bands = band(&points, 280);
        assert!(bands.len() <= 280);
        let high = bands.iter().map(|band| band.high).fold(f64::MIN, f64::max);
        let low = bands.iter().map(|band| band.low).fold(f64::MAX, f64::min);
        assert_eq!((low, high), (-7., 7.));
        assert!(bands.windows(2).all(|pair| pair[0].x < pair[1].x));
    }

    #[test]
    fn few_points_stay_what_they_are() {
        let points = [(1., 5.), (2., 6.), (9., 1.)];
        let bands = band(&points, 300);
        assert_eq!(bands.iter().map(|b| (b.x, b.mean)).collect::<Vec<_>>(), points);
        assert_eq!(band(&[], 10), []);
        assert_eq!(band(&[(3., 4.)], 10).len(), 1);
    }

    #[test]
    fn smoothing_is_the_mean_of_neighbours() {
        assert_eq!(smoothed(&[1., 4., 1., 4.], 3), [2.5, 2., 3., 2.5]);
        assert_eq!(smoothed(&[1., 4.], 1), [1., 4.]);
        assert_eq!((window(11), window(150), window(40)), (1, 13, 3));
    }
}
