//! Intervals hold the truth as often as they say, and p is uniform where nothing differs.

use rayon::prelude::*;
use twindrop::eval::{Bootstrap, Correlation, williams};
use twindrop::random::{Rng, RngKey};

/// What people say: standard normal.
fn gold(draws: &mut Rng, pairs: usize) -> Vec<f64> {
    (0..pairs).map(|_| draws.normal()).collect()
}

/// A model whose similarities have the correlation `rho` with gold.
fn model(draws: &mut Rng, gold: &[f64], rho: f64) -> Vec<f64> {
    let noise = (1. - rho * rho).sqrt();
    gold.iter().map(|score| rho * score + noise * draws.normal()).collect()
}

/// How often the interval of 2,000 samples of 100 pairs holds the truth.
fn coverage(correlation: Correlation, rho: f64, truth: f64) -> f64 {
    let bootstrap = Bootstrap { draws: 1000, ..Bootstrap::default() };
    let holds = |sample: u64| {
        let mut draws = RngKey::new(17).fold_in(sample).rng();
        let gold = gold(&mut draws, 100);
        let model = model(&mut draws, &gold, rho);
        let bootstrap = Bootstrap { seed: sample, ..bootstrap };
        let interval = bootstrap.interval(correlation, &gold, &model).expect("an interval");
        (interval.low..=interval.high).contains(&truth)
    };
    let held = (0..2000).into_par_iter().filter(|&sample| holds(sample)).count();
    held as f64 / 2000.
}

/// Of bivariate normal pairs, Spearman's ρ is `6/π · asin(r/2)`.
#[test]
fn intervals_hold_the_truth_in_nineteen_samples_of_twenty() {
    for rho in [0.3, 0.7] {
        let spearman = 6. / std::f64::consts::PI * (rho / 2_f64).asin();
        for (correlation, truth) in
            [(Correlation::Pearson, rho), (Correlation::Spearman, spearman)]
        {
            let coverage = coverage(correlation, rho, truth);
            println!("{correlation:?} {rho}: {coverage}");
            assert!((0.93..=0.97).contains(&coverage), "{correlation:?} {rho}: {coverage}");
        }
    }
}

/// Kolmogorov and Smirnov's largest distance from the uniform distribution, in units of `1/√n`.
fn distance_from_uniform(mut p: Vec<f64>) -> f64 {
    p.sort_by(f64::total_cmp);
    let n = p.len() as f64;
    let steps = p.iter().zip(0..).map(|(p, i)| {
        let below = f64::from(i) / n;
        (p - below).abs().max((below + 1. / n - p).abs())
    });
    steps.fold(0., f64::max) * n.sqrt()
}

#[test]
fn p_is_uniform_where_two_models_do_not_differ() {
    let bootstrap = Bootstrap { draws: 999, ..Bootstrap::default() };
    for correlation in Correlation::ALL {
        let p = |sample: u64| {
            let mut draws = RngKey::new(23).fold_in(sample).rng();
            let gold = gold(&mut draws, 40);
            let (a, b) = (model(&mut draws, &gold, 0.6), model(&mut draws, &gold, 0.6));
            let bootstrap = Bootstrap { seed: sample, ..bootstrap };
            let swapped = bootstrap.permutation(correlation, &gold, &a, &b).expect("a p");
            let r = |x: &[f64], y: &[f64]| correlation.of(x, y).expect("defined");
            let test = williams(r(&gold, &a), r(&gold, &b), r(&a, &b), 40).expect("a test");
            (swapped, test.p)
        };
        let (swaps, williams): (Vec<f64>, Vec<f64>) = (0..1000).into_par_iter().map(p).unzip();
        // 1.63 is passed by one uniform sample in a hundred
        let distance = distance_from_uniform(swaps);
        assert!(distance < 1.63, "{correlation:?}, swaps: {distance}");
        let distance = distance_from_uniform(williams);
        assert!(distance < 1.63, "{correlation:?}, Williams: {distance}");
    }
}

#[test]
fn a_better_model_is_found_to_be_better() {
    let bootstrap = Bootstrap { draws: 2000, ..Bootstrap::default() };
    let mut draws = RngKey::new(5).rng();
    let gold = gold(&mut draws, 400);
    let (good, poor) = (model(&mut draws, &gold, 0.8), model(&mut draws, &gold, 0.6));
    for correlation in Correlation::ALL {
        let interval = bootstrap.difference(correlation, &gold, &good, &poor).expect("defined");
        assert!(interval.low > 0.1 && interval.high < 0.35, "{interval:?}");
        let p = bootstrap.permutation(correlation, &gold, &good, &poor).expect("defined");
        assert_eq!(p, 1. / 2001.);
        // an interval of a difference is the narrower for being paired
        let one = |side: &[f64]| bootstrap.interval(correlation, &gold, side).expect("defined");
        let (a, b) = (one(&good), one(&poor));
        assert!(interval.high - interval.low < a.high - b.low - (a.low - b.high));
    }
}
