//! Where each sentence of a packed batch begins, and what its noise is called.

use std::ops::Range;

/// N sentences laid end to end as T tokens. No padding exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    starts: Vec<u32>,
    samples: Vec<u64>,
}

impl Packing {
    /// Sentences of the given lengths; `samples[i]` is the noise address of sentence `i`.
    ///
    /// # Panics
    /// If the two differ in number, or a sentence has no token.
    pub fn new(lengths: impl IntoIterator<Item = usize>, samples: Vec<u64>) -> Self {
        let mut starts = vec![0u32];
        for length in lengths {
            assert!(length > 0, "a sentence has at least one token");
            starts.push(starts[starts.len() - 1] + length as u32);
        }
        assert_eq!(starts.len(), samples.len() + 1, "one noise address per sentence");
        Self { starts, samples }
    }

    /// N, the number of sentences.
    pub fn sentences(&self) -> usize {
        self.samples.len()
    }

    /// T, the number of tokens.
    pub fn tokens(&self) -> usize {
        self.starts[self.starts.len() - 1] as usize
    }

    /// The tokens of sentence `i`.
    pub fn range(&self, i: usize) -> Range<usize> {
        self.starts[i] as usize..self.starts[i + 1] as usize
    }

    /// The token ranges of all sentences in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        (0..self.sentences()).map(|i| self.range(i))
    }

    /// The noise address of each sentence.
    pub fn samples(&self) -> &[u64] {
        &self.samples
    }
}
