//! `tokenizer.json` and `vocab.txt`, and what a tokenizer so made does to texts.

use super::Target;
use crate::scratch::choice;
use twindrop::tokens::Tokenizer;

const TEXTS: [&str; 4] =
    ["The cat sat on the mat.", "", "ﬁ İ 漢字\u{301} [MASK] x86", "aaaaaaaaaaaaaaaa"];

/// Either file; from a `tokenizer.json`, texts are encoded.
pub const TOKENIZER: Target = Target {
    name: "tokenizer",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        let (name, other) = match choice % 8 {
            0 => ("vocab.txt", "tokenizer.json"),
            _ => ("tokenizer.json", "vocab.txt"),
        };
        scratch.remove(other);
        scratch.write(name, data);
    },
    read: |scratch| {
        let Ok(tokenizer) = Tokenizer::from_dir(scratch.folder(), 16) else { return };
        for text in TEXTS {
            for sequence in tokenizer.encode(&[text]).into_iter().flatten() {
                assert!((1..=16).contains(&sequence.len()));
            }
        }
        let _ = tokenizer.encode_pairs(&[(TEXTS[0], TEXTS[2])]);
        let _ = (tokenizer.vocabulary_size(), tokenizer.masking(0.15));
    },
};
