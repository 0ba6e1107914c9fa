//! What SentEval downloads: a folder of inputs and scores, and two files with names of their own.

use super::Target;
use crate::scratch::{choice, files};
use twindrop::data::{ReadOptions, read_scored};

const NAMES: [&str; 3] = ["sts/STS.input.a.txt", "sts-dev.csv", "SICK_test.txt"];

/// Inputs and scores, a NUL between them; or one file.
pub const SENTEVAL: Target = Target {
    name: "senteval",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        scratch.choice = choice % 3;
        let mut given = files(data);
        scratch.write(NAMES[usize::from(choice % 3)], given.next().unwrap_or_default());
        if choice % 3 == 0 {
            scratch.write("sts/STS.gs.a.txt", given.next().unwrap_or_default());
        }
    },
    read: |scratch| {
        let name = ["sts", NAMES[1], NAMES[2]][usize::from(scratch.choice)];
        let Ok(scored) = read_scored(&scratch.path(name), &ReadOptions::default()) else {
            return;
        };
        for subset in scored.subsets {
            assert_eq!(subset.pairs.len(), subset.gold.len());
        }
    },
};
