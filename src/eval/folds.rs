//! Examples dealt into folds, each with its share of every class.

use crate::random::RngKey;

/// The fold of each example. Classes are shuffled by the seed, each by itself, and dealt one after
/// the other, so that folds differ by at most one example, in all and of a class.
pub(super) fn folds(labels: &[u32], count: usize, seed: u64) -> Vec<usize> {
    let mut folds = vec![0; labels.len()];
    let classes = labels.iter().max().map_or(0, |&last| last + 1);
    let mut next = 0;
    for class in 0..classes {
        let members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        let mut draws = RngKey::new(seed).fold_in(class.into()).rng();
        for member in draws.permutation(members.len()) {
            folds[members[member as usize]] = next % count;
            next += 1;
        }
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_has_its_share_of_every_class() {
        let labels: Vec<u32> = (0..103).map(|i| [0, 0, 0, 2, 2, 1][i % 6]).collect();
        let dealt = folds(&labels, 10, 1);
        for class in [None, Some(0), Some(1), Some(2)] {
            let of = |fold: usize| {
                let here =
                    |i: &usize| dealt[*i] == fold && class.is_none_or(|c| labels[*i] == c);
                (0..103).filter(here).count()
            };
            let sizes: Vec<usize> = (0..10).map(of).collect();
            assert!(
                sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1,
                "{sizes:?}"
            );
        }
        assert_ne!(dealt, folds(&labels, 10, 2));
        assert!(folds(&[], 10, 1).is_empty());
    }
}
