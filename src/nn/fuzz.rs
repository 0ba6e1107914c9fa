//! Every fused operation against its composed form, over random shapes.

use super::tape::tests::assert_agree_from;
use super::{Backend, ComputeDtype, Gradients, Init, ParamSpec, Parameters};
use super::{Cutoff, Dropout, Packing, Pool, Tape, Workspace};
use crate::random::{Rng, RngKey};
use candle_core::Device;
use std::sync::Arc;

/// A batch of few or many sentences of one token or many, with heads of any width.
struct Shape {
    packing: Arc<Packing>,
    heads: usize,
    width: usize,
    outputs: usize,
    rate: f32,
}

impl Shape {
    fn draw(draws: &mut Rng, case: usize) -> Self {
        let lengths: Vec<usize> = match case % 8 {
            0 => vec![1],
            1 => vec![512],
            2 => vec![1; 1 + draws.below(40)],
            _ => (0..1 + draws.below(8)).map(|_| 1 + draws.below(40)).collect(),
        };
        let samples = (0..lengths.len() as u64).collect();
        let heads = 1 + draws.below(4);
        Self {
            packing: Arc::new(Packing::new(lengths, samples)),
            heads,
            width: heads * (1 + draws.below(24)),
            outputs: 1 + draws.below(70),
            rate: [0., 0.1, 0.5][draws.below(3)],
        }
    }

    fn dropout(&self) -> Option<Dropout> {
        let key = |sample| RngKey::new(1).fold_in(sample);
        (self.rate > 0.).then(|| Dropout::new(self.rate, &self.packing, key))
    }
}

/// Embedding, cutoff, attention, residual norm, linear, GELU and pooling one after another: a
/// block of an encoder of that shape.
fn block(
    tape: &mut Tape,
    p: &Parameters,
    shape: &Shape,
    pool: Pool,
) -> crate::Result<super::TapeTensor> {
    let (packing, rows) = (&shape.packing, shape.packing.tokens());
    let get = |name: &str| p.get(name);
    let index = |height: usize| (0..rows).map(|t| (7 * t % height) as u32).collect();
    let x = tape.embedding_sum(vec![(get("words")?, index(11)), (get("places")?, index(5))])?;
    let cutoff = Cutoff { tokens: (0..rows as u32).step_by(9).collect(), ..Cutoff::default() };
    let x = tape.dropout_cutoff(&x, shape.dropout(), cutoff)?;
    let [q, k, v] = ["q", "k", "v"].map(|name| tape.linear(&x, &get(name)?, &get("inner")?));
    let attended = tape.attention([&q?, &k?, &v?], packing, shape.heads, shape.dropout())?;
    let (gamma, beta) = (get("gamma")?, get("beta")?);
    let x = tape.add_norm(&attended, Some(&x), shape.dropout(), [&gamma, &beta], 1e-12)?;
    let y = tape.linear(&x, &get("out")?, &get("outer")?)?;
    let y = tape.gelu(&y)?;
    tape.pool(&y, packing, pool)
}

fn specs(shape: &Shape) -> Vec<ParamSpec> {
    let (width, outputs) = (shape.width, shape.outputs);
    // products as large as what goes in, so that no softmax is all or nothing
    let matrix =
        |name, rows| ParamSpec::weight(name, [rows, width], 1. / (width as f64).sqrt());
    let vector = |name, len| ParamSpec {
        start: Init::Normal(1.),
        ..ParamSpec::vector(name, len, Init::Zeros)
    };
    vec![
        ParamSpec::table("words", [11, width], 1.),
        ParamSpec::table("places", [5, width], 1.),
        matrix("q", width),
        matrix("k", width),
        matrix("v", width),
        matrix("out", outputs),
        vector("inner", width),
        vector("gamma", width),
        vector("beta", width),
        vector("outer", outputs),
    ]
}

#[test]
fn a_block_of_any_shape_agrees_with_composed() {
    let mut draws = RngKey::new(11).rng();
    let pools = [Pool::Cls, Pool::Mean, Pool::Max, Pool::MeanSqrtLen, Pool::LastToken];
    for case in 0..48 {
        let shape = Shape::draw(&mut draws, case);
        let pool = pools[case % pools.len()];
        assert_agree_from(specs(&shape), 1e-4, |tape, p| block(tape, p, &shape, pool));
    }
}

#[test]
fn a_batch_of_nothing_gives_nothing() {
    let mut draws = RngKey::new(12).rng();
    let shape =
        Shape { packing: Arc::new(Packing::new([], vec![])), ..Shape::draw(&mut draws, 0) };
    let parameters = Parameters::initial(specs(&shape), 7, &Device::Cpu).unwrap();
    for dtype in [ComputeDtype::F32, ComputeDtype::Bf16, ComputeDtype::Int8] {
        let tape = Tape::inference(Backend::Fused, &Workspace::default());
        let mut tape = tape.with_dtype(dtype.available());
        let y = block(&mut tape, &parameters, &shape, Pool::Mean).unwrap();
        assert_eq!((y.shape(), y.to_vec().unwrap()), ((0, shape.outputs), vec![]));
    }
    let mut tape = Tape::recording(Backend::Fused, &Workspace::default());
    let y = block(&mut tape, &parameters, &shape, Pool::Mean).unwrap();
    let store = tape.output(&y).unwrap().sum_all().unwrap().backward().unwrap();
    let mut gradients = Gradients::new(&parameters);
    tape.backward(&store, &mut gradients).unwrap();
    let all = gradients.iter_mut().flat_map(|gradient| gradient.to_dense());
    assert!(all.into_iter().all(|g| g == 0.), "nothing seen, nothing learnt");
}
