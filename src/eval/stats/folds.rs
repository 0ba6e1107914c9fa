//! Stratified folds, the same as scikit-learn's `StratifiedKFold(count, shuffle=True, random_state=seed)`.

use crate::eval::stats::mersenne::MersenneTwister;

/// The fold of each example, each fold with its share of every class. Classes count in the order of
/// their first example; each gets its folds from the round robin over the sorted classes, shuffled by
/// one generator for all classes.
pub(in crate::eval) fn folds(labels: &[u32], count: usize, seed: u32) -> Vec<usize> {
    let mut classes: Vec<u32> = Vec::new();
    for label in labels {
        if !classes.contains(label) {
            classes.push(*label);
        }
    }
    let mut generator = MersenneTwister::new(seed);
    let mut folds = vec![0; labels.len()];
    let mut sorted_place = 0; // of the class's first example among the sorted labels
    for class in classes {
        let members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        let mut dealt: Vec<usize> =
            (0..members.len()).map(|i| (sorted_place + i) % count).collect();
        dealt.sort_unstable();
        generator.shuffle(&mut dealt);
        sorted_place += members.len();
        members.into_iter().zip(dealt).for_each(|(member, fold)| folds[member] = fold);
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_those_of_scikit_learn() {
        // StratifiedKFold(5, shuffle=True, random_state=1111) of scikit-learn 1.9.1
        let labels: Vec<u32> = (0..37).map(|i| [2, 0, 0, 1, 2, 0, 1][i % 7]).collect();
        let expected = [
            1, 2, 2, 2, 3, 0, 4, 4, 0, 1, 0, 2, 3, 1, 0, 1, 3, 3, 4, 1, 2, 0, 4, 4, 0, 1, 0, 1,
            0, 3, 1, 3, 2, 2, 4, 3, 4,
        ];
        assert_eq!(folds(&labels, 5, 1111), expected);
    }

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
