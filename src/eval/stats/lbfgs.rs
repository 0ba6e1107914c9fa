//! L-BFGS (Liu & Nocedal 1989): where a smooth convex function is lowest.

use std::collections::VecDeque;

/// Steps whose curvature is remembered.
const MEMORY: usize = 10;
/// The most steps; a regularised logistic regression takes tens to hundreds.
const MOST_STEPS: usize = 2000;
/// The most lengths that are tried of a step.
const MOST_TRIES: usize = 60;

/// A place, and the value and slope of the function there.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Evaluated {
    pub at: Vec<f64>,
    pub value: f64,
    slope: Vec<f64>,
}

/// `s`, `y` and `s·y` of a step that went `s` and changed the slope by `y`.
struct CurvaturePair {
    moved: Vec<f64>,
    bent: Vec<f64>,
    product: f64,
}

/// Goes down from `start` until no number of the slope is larger than `flat`, or rounding hides
/// which way is down. `of` gives a function's value and slope at a place.
pub(in crate::eval) fn lowest(
    start: Vec<f64>,
    flat: f64,
    of: impl Fn(&[f64]) -> (f64, Vec<f64>),
) -> Evaluated {
    let point = |at: Vec<f64>| {
        let (value, slope) = of(&at);
        Evaluated { at, value, slope }
    };
    let (mut here, mut memory) = (point(start), VecDeque::with_capacity(MEMORY + 1));
    for _ in 0..MOST_STEPS {
        if here.slope.iter().all(|slope| slope.abs() <= flat) {
            break;
        }
        let direction = down(&here.slope, &memory);
        // only the first step has no measure of how far to go
        let length = match memory.is_empty() {
            true => 1. / here.slope.iter().map(|slope| slope.abs()).sum::<f64>().max(1.),
            false => 1.,
        };
        let Some(next) = search(&here, &direction, length, &point) else { break };
        let moved = less(&next.at, &here.at);
        let bent = less(&next.slope, &here.slope);
        let product = dot(&moved, &bent);
        if product > 0. {
            memory.push_back(CurvaturePair { moved, bent, product });
        }
        if memory.len() > MEMORY {
            memory.pop_front();
        }
        here = next;
    }
    here
}

/// `−H·slope`, H the inverse curvature by the steps remembered (the two-loop recursion).
fn down(slope: &[f64], memory: &VecDeque<CurvaturePair>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let share = dot(&step.moved, &direction) / step.product;
        add(&mut direction, -share, &step.bent);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = last.product / dot(&last.bent, &last.bent);
        direction.iter_mut().for_each(|x| *x *= scale);
    }
    for (step, share) in memory.iter().zip(shares.into_iter().rev()) {
        let other = dot(&step.bent, &direction) / step.product;
        add(&mut direction, share - other, &step.moved);
    }
    direction
}

/// A point along `direction` that is lower by a share of what the slope promises, and where the
/// slope is less steep (Wolfe's conditions), by halving and doubling; nothing where rounding
/// hides it.
fn search(
    here: &Evaluated,
    direction: &[f64],
    mut length: f64,
    point: &impl Fn(Vec<f64>) -> Evaluated,
) -> Option<Evaluated> {
    let steep = dot(&here.slope, direction);
    let (mut near, mut far) = (0., f64::INFINITY);
    for _ in 0..MOST_TRIES {
        let mut at = here.at.clone();
        add(&mut at, length, direction);
        let next = point(at);
        let enough = next.value <= here.value + 1e-4 * length * steep;
        if !enough {
            far = length;
        } else if dot(&next.slope, direction) < 0.9 * steep {
            near = length;
        } else {
            return Some(next);
        }
        length = if far.is_finite() { (near + far) / 2. } else { 2. * length };
    }
    None
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn less(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_point_of_a_long_valley_is_found() {
        // Σ kᵢ(xᵢ − i)², kᵢ from 1 to 10⁶
        let steep = |i: usize| 10_f64.powi(i as i32);
        let found = lowest(vec![0.; 7], 1e-9, |x| {
            let away = |i: usize| x[i] - i as f64;
            let value = (0..7).map(|i| steep(i) * away(i) * away(i)).sum();
            (value, (0..7).map(|i| 2. * steep(i) * away(i)).collect())
        });
        for (i, x) in found.at.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-9, "{x} is not {i}");
        }
        assert!(found.value < 1e-15);
    }

    #[test]
    fn a_flat_start_is_left_alone() {
        let found = lowest(vec![3.], 1e-9, |_| (7., vec![0.]));
        assert_eq!((found.at, found.value), (vec![3.], 7.));
    }
}
