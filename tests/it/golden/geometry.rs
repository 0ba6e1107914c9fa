//! Alignment and uniformity.

use serde::Deserialize;
use twindrop::eval::Geometry;
use twindrop::vectors::Embeddings;

use super::fixture::{Array, open};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    a: Array,
    b: Array,
    alignment_alpha2: f64,
    uniformity_a_t2: f64,
    uniformity_b_t2: f64,
}

#[test]
fn alignment_and_uniformity_are_those_of_the_reference() {
    let golden = open::<Golden>("alignment_uniformity");
    assert!(!golden.cases.is_empty());
    for Case { name, a, b, alignment_alpha2, uniformity_a_t2, uniformity_b_t2 } in golden.cases
    {
        let (rows, width) = (a.shape[0], a.shape[1]);
        let close = |what: &str, value: Option<f64>, expected: f64| {
            let error = (value.expect("defined") - expected).abs();
            assert!(error < 1e-12, "{name}: {what} is off by {error:.1e}");
        };
        let both = Embeddings::new(width, [a.single(), b.single()].concat());
        let alike: Vec<_> = (0..rows).map(|i| (i, rows + i)).collect();
        close("alignment", Geometry::of(&both, &alike).alignment, alignment_alpha2);
        for (side, expected) in [(a, uniformity_a_t2), (b, uniformity_b_t2)] {
            let side = Geometry::of(&Embeddings::new(width, side.single()), &[]);
            close("uniformity", side.uniformity, expected);
        }
    }
}
