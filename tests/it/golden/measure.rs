//! How far numbers are from the reference's, and how far they may be.

/// How far a tensor may be from its reference: `tolerance · max |reference|`, or `floor` where
/// that is more.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Relative to the largest number of the reference.
    pub tolerance: f64,
    /// What rounding alone does, whatever the reference: where a loss is nearly 0, or where a
    /// gradient cancels, no number of this width is relatively near.
    pub floor: f64,
}

impl Bound {
    /// Nothing but relative.
    pub fn relative(tolerance: f64) -> Self {
        Self { tolerance, floor: 0. }
    }
}

/// The worst relative error of a group of tensors.
pub struct Group {
    name: String,
    tensors: usize,
    worst: (f64, String),
    floored: Vec<String>,
}

impl Group {
    pub fn new(name: impl Into<String>) -> Self {
        let worst = (0., String::from("none"));
        Self { name: name.into(), tensors: 0, worst, floored: Vec::new() }
    }

    /// Asks that `found` be within `bound` of `reference`.
    pub fn check(&mut self, what: &str, found: &[f64], reference: &[f64], bound: Bound) {
        let Self { name, .. } = self;
        assert_eq!(found.len(), reference.len(), "{name}: {what}: numbers");
        let error = largest(found.iter().zip(reference).map(|(x, y)| x - y));
        let scale = largest(reference.iter().copied());
        let relative = if error == 0. { 0. } else { error / scale };
        let Bound { tolerance, floor } = bound;
        assert!(
            error <= (tolerance * scale).max(floor),
            "{name}: {what}: off by {error:.1e} where the largest number is {scale:.1e}, \
             relatively {relative:.1e}; allowed {tolerance:.1e}, or {floor:.1e} absolutely"
        );
        self.tensors += 1;
        if relative > tolerance {
            let share = error / floor;
            self.floored.push(format!("{what} {relative:.1e} ({share:.2} of its floor)"));
        } else if relative >= self.worst.0 {
            self.worst = (relative, what.to_string());
        }
    }

    /// The same for numbers of single precision.
    pub fn check_single(&mut self, what: &str, found: &[f32], reference: &[f64], bound: Bound) {
        let found: Vec<f64> = found.iter().map(|&x| x.into()).collect();
        self.check(what, &found, reference, bound);
    }

    /// Says how it went.
    pub fn finish(self) {
        let Self { name, tensors, worst: (worst, what), floored } = self;
        assert!(tensors > 0, "{name}: the fixture has nothing to compare");
        println!("{name}: {tensors} tensors, worst relative error {worst:.1e} ({what})");
        if !floored.is_empty() {
            println!("{name}: only by their rounding floor: {}", floored.join(", "));
        }
    }
}

/// The largest magnitude; what is not a number is infinite.
pub fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0., |most, x| if x.is_nan() { f64::INFINITY } else { most.max(x.abs()) })
}
