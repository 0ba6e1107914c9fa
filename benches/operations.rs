//! Each operation of the encoder at the sizes of MiniLM (384 wide, 12 heads, 128 sentences of 16
//! tokens), forward and backward, against what this machine can do in the same run: dot products
//! in registers, and copying memory.
//!
//!     cargo bench --bench operations
//!     RAYON_NUM_THREADS=1 cargo bench --bench operations -- linear

use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use twindrop::Result;
use twindrop::nn::{
    Backend, ComputeDtype, Dropout, Gradients, Init, Packing, ParamSpec, Parameters, Pool,
    Tape, TapeTensor, Workspace,
};
use twindrop::random::RngKey;

const WIDTH: usize = 384;
const INNER: usize = 4 * WIDTH;
const HEADS: usize = 12;
const LENGTH: usize = 16;
const TOKENS: usize = 128 * LENGTH;

/// What bounds an operation, and how much of it there is.
#[derive(Clone, Copy)]
enum Work {
    /// Operations in matrix products.
    Products(usize),
    /// Numbers read and written.
    Numbers(usize),
}

type Operation = fn(&mut Tape, &Parameters, &TapeTensor, &Arc<Packing>) -> Result<TapeTensor>;

struct Case {
    name: &'static str,
    inputs: usize,
    /// Forward, and backward.
    work: [Work; 2],
    run: Operation,
}

const CASES: [Case; 7] = [
    Case {
        name: "linear 384 → 1536",
        inputs: WIDTH,
        work: [Work::Products(LINEAR), Work::Products(2 * LINEAR)],
        run: |tape, p, x, _| tape.linear(x, &p.get("up")?, &p.get("inner")?),
    },
    Case {
        name: "linear 1536 → 384",
        inputs: INNER,
        work: [Work::Products(LINEAR), Work::Products(2 * LINEAR)],
        run: |tape, p, x, _| tape.linear(x, &p.get("down")?, &p.get("bias")?),
    },
    Case {
        name: "attention",
        inputs: WIDTH,
        work: [Work::Products(ATTENTION), Work::Products(5 * ATTENTION / 2)],
        run: |tape, _, x, packing| tape.attention([x, x, x], packing, HEADS, None),
    },
    Case {
        name: "attention with dropout",
        inputs: WIDTH,
        work: [Work::Products(ATTENTION), Work::Products(5 * ATTENTION / 2)],
        run: |tape, _, x, packing| tape.attention([x, x, x], packing, HEADS, dropout(packing)),
    },
    Case {
        name: "residual, dropout, norm",
        inputs: WIDTH,
        work: [Work::Numbers(4 * TOKENS * WIDTH), Work::Numbers(5 * TOKENS * WIDTH)],
        run: |tape, p, x, packing| {
            let norm = [&p.get("gamma")?, &p.get("bias")?];
            tape.add_norm(x, Some(x), dropout(packing), norm, 1e-12)
        },
    },
    Case {
        name: "gelu",
        inputs: INNER,
        work: [Work::Numbers(2 * TOKENS * INNER), Work::Numbers(3 * TOKENS * INNER)],
        run: |tape, _, x, _| tape.gelu(x),
    },
    Case {
        name: "embedding",
        inputs: WIDTH,
        work: [Work::Numbers(2 * TOKENS * WIDTH), Work::Numbers(2 * TOKENS * WIDTH)],
        run: |tape, p, x, _| {
            let index = (0..x.shape().0).map(|t| (t * 7919 % 30_000) as u32).collect();
            tape.embedding_sum(vec![(p.get("words")?, index)])
        },
    },
];

const LINEAR: usize = 2 * TOKENS * WIDTH * INNER;
const ATTENTION: usize = 4 * TOKENS * LENGTH * WIDTH;

fn dropout(packing: &Arc<Packing>) -> Option<Dropout> {
    Some(Dropout::new(0.1, packing, |sample| RngKey::new(1).fold_in(sample)))
}

fn parameters() -> Result<Parameters> {
    let matrix = |name, shape| ParamSpec::weight(name, shape, 0.02);
    let vector = |name, len| ParamSpec::vector(name, len, Init::Ones);
    let specs = vec![
        matrix("up", [INNER, WIDTH]),
        matrix("down", [WIDTH, INNER]),
        matrix("words", [30_000, WIDTH]),
        vector("inner", INNER),
        vector("bias", WIDTH),
        vector("gamma", WIDTH),
    ];
    Parameters::initial(specs, 7, &candle_core::Device::Cpu)
}

/// An operation between an input from outside and a mean over each sentence, so that the gradient
/// that enters the walk back is small.
struct Bench {
    parameters: Parameters,
    packing: Arc<Packing>,
    workspace: Workspace,
    values: Vec<f32>,
}

impl Bench {
    fn new() -> Result<Self> {
        let mut draws = RngKey::new(3).rng();
        let samples = (0..(TOKENS / LENGTH) as u64).collect();
        Ok(Self {
            parameters: parameters()?,
            packing: Arc::new(Packing::new([LENGTH; TOKENS / LENGTH], samples)),
            workspace: Workspace::default(),
            values: (0..TOKENS * INNER).map(|_| draws.normal() as f32).collect(),
        })
    }

    fn forward(&self, case: &Case, dtype: ComputeDtype) -> Result<Duration> {
        let tape = Tape::inference(Backend::Fused, &self.workspace);
        let mut tape = tape.with_dtype(dtype);
        let x = tape.constant((TOKENS, case.inputs), &self.values[..TOKENS * case.inputs])?;
        let start = Instant::now();
        black_box((case.run)(&mut tape, &self.parameters, &x, &self.packing)?);
        Ok(start.elapsed())
    }

    fn backward(
        &self,
        case: &Case,
        dtype: ComputeDtype,
        gradients: &mut Gradients,
    ) -> Result<Duration> {
        let tape = Tape::recording(Backend::Fused, &self.workspace);
        let mut tape = tape.with_dtype(dtype);
        let x = tape.constant((TOKENS, case.inputs), &self.values[..TOKENS * case.inputs])?;
        let y = (case.run)(&mut tape, &self.parameters, &x, &self.packing)?;
        let pooled = tape.pool(&y, &self.packing, Pool::Mean)?;
        let store = tape.output(&pooled)?.sqr()?.sum_all()?.backward()?;
        drop((x, y, pooled));
        gradients.clear();
        let start = Instant::now();
        tape.backward(&store, gradients)?;
        Ok(start.elapsed())
    }
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let bench = Bench::new()?;
    let mut gradients = Gradients::new(&bench.parameters);
    let copy = peak::copy();
    println!("copying memory: {:.1} G numbers/s read and written", copy / 1e9);
    for dtype in [ComputeDtype::F32, ComputeDtype::Bf16, ComputeDtype::Int8] {
        let Some(products) = peak::products(dtype).filter(|_| dtype.available() == dtype)
        else {
            println!("{dtype:?}: no loop for this machine");
            continue;
        };
        println!("{dtype:?} in registers: {:.0} G operations/s", products / 1e9);
        for case in &CASES {
            for (direction, work) in ["forward", "backward"].into_iter().zip(case.work) {
                let linear = case.name.starts_with("linear");
                let recording = direction == "backward";
                if dtype != ComputeDtype::F32 && !linear
                    || dtype == ComputeDtype::Int8 && recording
                {
                    continue; // the same loops as in f32
                }
                let (count, most) = match work {
                    Work::Products(count) => (count, products),
                    Work::Numbers(count) => (count, copy),
                };
                let mut best = Duration::MAX;
                let mut group = criterion.benchmark_group(format!("{} {direction}", case.name));
                group.throughput(Throughput::Elements(count as u64));
                group.bench_function(format!("{dtype:?}"), |bencher| {
                    bencher.iter_custom(|times| {
                        let once = |_| {
                            let time = if recording {
                                bench.backward(case, dtype, &mut gradients)
                            } else {
                                bench.forward(case, dtype)
                            };
                            let time = time.expect("the operation runs");
                            best = best.min(time);
                            time
                        };
                        (0..times).map(once).sum()
                    });
                });
                group.finish();
                if best < Duration::MAX {
                    let share = count as f64 / best.as_secs_f64() / most;
                    println!("{:>50}: {:.0} % of the machine's peak", "at best", 100. * share);
                }
            }
        }
    }
    criterion.final_summary();
    Ok(())
}

/// What the machine can do with all threads of the pool.
mod peak {
    use std::hint::black_box;
    use std::time::Instant;
    use twindrop::nn::ComputeDtype;

    /// Numbers read and written in a second by copying 64 MiB.
    pub fn copy() -> f64 {
        use rayon::prelude::*;
        let from = vec![1f32; 16 << 20];
        let mut to = vec![0f32; from.len()];
        let rate = |_| {
            let start = Instant::now();
            to.par_chunks_mut(1 << 16)
                .zip(from.par_chunks(1 << 16))
                .for_each(|(to, from)| to.copy_from_slice(from));
            2. * black_box(&to).len() as f64 / start.elapsed().as_secs_f64()
        };
        (0..9).map(rate).fold(0., f64::max)
    }

    /// Operations in a second where nothing leaves the registers; `None` where there is no loop
    /// for the machine.
    pub fn products(dtype: ComputeDtype) -> Option<f64> {
        let (numbers, turn) = turn(dtype)?;
        let rate = |_| {
            const TURNS: usize = 20_000_000;
            let start = Instant::now();
            rayon::broadcast(|_| turn(TURNS));
            let done = TURNS * SUMS * 2 * numbers * rayon::current_num_threads();
            done as f64 / start.elapsed().as_secs_f64()
        };
        Some((0..5).map(rate).fold(0., f64::max))
    }

    /// Independent sums: more than a multiply-add's latency.
    const SUMS: usize = 16;

    #[cfg(not(target_arch = "x86_64"))]
    fn turn(_: ComputeDtype) -> Option<(usize, fn(usize))> {
        None
    }

    /// Numbers of an instruction, and the loop of `SUMS` instructions a turn.
    #[cfg(target_arch = "x86_64")]
    fn turn(dtype: ComputeDtype) -> Option<(usize, fn(usize))> {
        use std::arch::x86_64::*;
        macro_rules! spin {
            ($features:literal, $zero:ident, $given:expr, |$sum:ident, $x:ident| $step:expr) => {{
                #[target_feature(enable = $features)]
                fn spin(turns: usize) {
                    let mut sums = [$zero(); SUMS];
                    let $x = $given;
                    for _ in 0..turns {
                        for $sum in &mut sums {
                            *$sum = $step;
                        }
                    }
                    black_box(sums);
                }
                // SAFETY: called only where the features were detected.
                |turns| unsafe { spin(turns) }
            }};
        }
        Some(match dtype {
            ComputeDtype::F32 if is_x86_feature_detected!("avx512f") => (
                16,
                spin!(
                    "avx512f",
                    _mm512_setzero_ps,
                    _mm512_set1_ps(black_box(0.5)),
                    |sum, x| _mm512_fmadd_ps(x, x, *sum)
                ),
            ),
            ComputeDtype::Bf16 if is_x86_feature_detected!("avx512bf16") => (
                32,
                spin!(
                    "avx512f,avx512bf16",
                    _mm512_setzero_ps,
                    _mm512_cvtne2ps_pbh(_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(0.5)),
                    |sum, x| _mm512_dpbf16_ps(*sum, x, x)
                ),
            ),
            ComputeDtype::Int8 if is_x86_feature_detected!("avx512vnni") => (
                64,
                spin!(
                    "avx512f,avx512vnni",
                    _mm512_setzero_si512,
                    _mm512_set1_epi8(black_box(1)),
                    |sum, x| _mm512_dpbusd_epi32(*sum, x, x)
                ),
            ),
            _ => return None,
        })
    }
}
