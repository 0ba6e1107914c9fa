//! The counter-based generator: a bit is a function of its address and of nothing else.
//!
//! An address is (seed, step, sample, view, layer, site, index). Nothing is drawn in sequence
//! from shared state, so the same address gives the same bit for any number of threads, any
//! split of the batch, and any number of replays.

/// What a draw is for. The numbers are part of the address: never reuse or reorder them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum RngSite {
    /// Dropout after the embedding layer's LayerNorm.
    Embedding = 1,
    /// Dropout on attention probabilities.
    Attention = 2,
    /// Dropout on the attention block's output.
    AttentionOutput = 3,
    /// Dropout on the feed-forward block's output.
    FeedForward = 4,
    /// A permutation of positions.
    Shuffle = 5,
    /// Which rows, columns or cells a cutoff removes.
    Cutoff = 6,
    /// Dropout on a head's input.
    Head = 7,
    /// The order of a data stream.
    Order = 8,
    /// The value a parameter starts from.
    Initial = 9,
    /// Where the span begins that a view leaves out or keeps.
    Span = 10,
    /// Which tokens are masked, and by what.
    Mask = 11,
}

/// A place in the address space; [`RngKey::fold_in`] descends into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RngKey(u64);

impl RngKey {
    /// The root of everything drawn under `seed`.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x7477_696e_6472_6f70)) // "twindrop"
    }

    /// The key of `part` within this one. Order matters: `a.at(1).at(2) != a.at(2).at(1)`.
    #[must_use]
    pub fn fold_in(self, part: u64) -> Self {
        Self(mix(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(part.wrapping_add(1))))
    }

    /// The key of a site of a layer within this one.
    #[must_use]
    pub fn site(self, layer: usize, site: RngSite) -> Self {
        self.fold_in(layer as u64).fold_in(site as u64)
    }

    /// 32 bits that belong to `index` of this key. Two keyed rounds of multiply and shift, on
    /// 32-bit lanes only, so that a loop over `index` vectorises.
    #[inline(always)]
    pub fn bits(self, index: u32) -> u32 {
        let (low, high) = (self.0 as u32, (self.0 >> 32) as u32);
        let mut x = index.wrapping_mul(0x9e37_79b9) ^ low;
        x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad);
        x = (x ^ (x >> 15)).wrapping_add(high).wrapping_mul(0x735a_2d97);
        x ^= x >> 15;
        x = x.wrapping_mul(0x85eb_ca6b);
        x ^ (x >> 13)
    }

    /// A sequence of draws that starts at this key.
    pub fn rng(self) -> Rng {
        Rng(self.0)
    }
}

/// Draws in order, for permutations and initial values.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in `0..bound` (`bound` > 0), by multiplication; the bias is below 2⁻³² for any
    /// bound that fits 32 bits.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Uniform in the open interval (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box–Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2. * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The first `count` of a uniform permutation of `0..len` (Fisher–Yates).
    pub fn choose(&mut self, len: usize, count: usize) -> Vec<u32> {
        let mut items: Vec<u32> = (0..len as u32).collect();
        for i in 0..count.min(len) {
            let j = i + self.below(len - i);
            items.swap(i, j);
        }
        items.truncate(count);
        items
    }

    /// A uniform permutation of `0..len`.
    pub fn permutation(&mut self, len: usize) -> Vec<u32> {
        self.choose(len, len)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_depends_on_every_part_of_its_address() {
        let key = RngKey::new(1).fold_in(2).site(3, RngSite::Attention);
        assert_eq!(key, RngKey::new(1).fold_in(2).site(3, RngSite::Attention));
        assert_ne!(key, RngKey::new(2).fold_in(2).site(3, RngSite::Attention));
        assert_ne!(key, RngKey::new(1).fold_in(3).site(3, RngSite::Attention));
        assert_ne!(key, RngKey::new(1).fold_in(2).site(2, RngSite::Attention));
        assert_ne!(key, RngKey::new(1).fold_in(2).site(3, RngSite::Embedding));
        assert_ne!(RngKey::new(1).fold_in(2).fold_in(3), RngKey::new(1).fold_in(3).fold_in(2));
    }

    #[test]
    fn bits_are_uniform_and_uncorrelated_between_neighbours() {
        for seed in 0..20 {
            let (key, n) = (RngKey::new(seed), 100_000u32);
            let rate =
                |f: &dyn Fn(u32) -> bool| (0..n).filter(|&i| f(i)).count() as f64 / n as f64;
            let low = |x: u32| x < u32::MAX / 10;
            // 5 standard deviations of a binomial rate at n = 100,000
            assert!((rate(&|i| low(key.bits(i))) - 0.1).abs() < 0.005);
            assert!(
                (rate(&|i| low(key.bits(i)) && low(key.bits(i + 1))) - 0.01).abs() < 0.0016
            );
            let other = key.fold_in(1);
            assert!((rate(&|i| low(key.bits(i)) && low(other.bits(i))) - 0.01).abs() < 0.0016);
        }
    }

    #[test]
    fn a_choice_has_the_asked_count_without_repeats() {
        let mut draws = RngKey::new(7).rng();
        for (len, count) in [(0, 0), (1, 1), (10, 3), (10, 10)] {
            let mut chosen = draws.choose(len, count);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), count);
            assert!(chosen.iter().all(|&i| (i as usize) < len));
        }
    }

    #[test]
    fn normal_draws_have_mean_zero_and_variance_one() {
        let mut draws = RngKey::new(3).rng();
        let x: Vec<f64> = (0..50_000).map(|_| draws.normal()).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.).abs() < 0.05);
    }
}
