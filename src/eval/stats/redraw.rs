//! Items drawn again with replacement → the figures of each draw.

use rayon::prelude::*;

use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::resample::count;

/// `[figure][draw]` of `figures` figures over draws of `items` items: `of` is given how often each
/// item was drawn and fills in the figures, NaN where one has no value. A draw is a function of
/// the seed and its number alone.
pub(in crate::eval) fn redraw(
    bootstrap: &Bootstrap,
    items: usize,
    figures: usize,
    of: impl Fn(&[u32], &mut [f64]) + Sync,
) -> Vec<Vec<f64>> {
    let key = bootstrap.key("resample");
    let mut rows = vec![f64::NAN; bootstrap.draws * figures];
    rows.par_chunks_mut(figures.max(1)).enumerate().for_each_init(
        || vec![0; items],
        |counts, (number, row)| {
            count(counts, key.fold_in(number as u64));
            of(counts, row);
        },
    );
    let column = |nth| rows.iter().skip(nth).step_by(figures).copied().collect();
    (0..figures).map(column).collect()
}

/// `Σ cᵢxᵢ / Σ cᵢ`, every item counted once where no counts are given.
pub(in crate::eval) fn mean(values: &[f64], counts: Option<&[u32]>) -> f64 {
    let sum: f64 = match counts {
        Some(counts) => values.iter().zip(counts).map(|(x, &c)| x * f64::from(c)).sum(),
        None => values.iter().sum(),
    };
    sum / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_holds_as_many_items_as_there_are() {
        let bootstrap = Bootstrap { draws: 50, ..Bootstrap::default() };
        let found = redraw(&bootstrap, 7, 2, |counts, row| {
            row.copy_from_slice(&[
                counts.iter().map(|&c| f64::from(c)).sum(),
                mean(&[0., 1., 0., 0., 0., 0., 0.], Some(counts)),
            ]);
        });
        assert_eq!(found[0], [7.; 50]);
        let spread = bootstrap.percentiles(&found[1]).unwrap();
        assert!(spread.low < 1. / 7. && spread.high > 1. / 7., "{spread:?}");
        assert!(found[1].windows(2).any(|pair| pair[0] != pair[1]));
    }
}
