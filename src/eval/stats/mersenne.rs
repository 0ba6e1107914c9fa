//! MT19937 (Matsumoto & Nishimura 1998), seeded and shuffling as NumPy's `RandomState`.
//!
//! Only for folds that must be those of scikit-learn; everything else uses `crate::random`.

const SIZE: usize = 624;
const SHIFT: usize = 397;

pub(in crate::eval) struct MersenneTwister {
    state: [u32; SIZE],
    next: usize,
}

impl MersenneTwister {
    /// `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for i in 1..SIZE {
            let last = state[i - 1];
            state[i] =
                1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: SIZE }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == SIZE {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..SIZE {
            let high = self.state[i] & 0x8000_0000;
            let y = high | (self.state[(i + 1) % SIZE] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % SIZE] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// A number of `0..=most`, by drawing its bits until they are not above it.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let value = self.next_u32() & mask;
            if value <= most {
                return value;
            }
        }
    }

    /// `RandomState.shuffle`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let other = self.up_to(i as u32) as usize;
            items.swap(i, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shuffles_are_those_of_numpy() {
        // RandomState(1111).bytes(16) and .shuffle(arange(12)) of NumPy 2.4.6
        let mut generator = MersenneTwister::new(1111);
        let drawn = [(); 4].map(|()| generator.next_u32());
        assert_eq!(drawn, [410380700, 1846919479, 3972860645, 1097182545]);
        let mut items: Vec<u32> = (0..12).collect();
        MersenneTwister::new(1111).shuffle(&mut items);
        assert_eq!(items, [9, 10, 6, 8, 3, 11, 0, 4, 2, 1, 5, 7]);
    }
}
