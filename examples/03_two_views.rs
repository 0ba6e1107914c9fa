//! One batch seen twice. `cargo run --release --example 03_two_views [MODEL]`
//!
//! Dropout makes two looks at a sentence differ a little. A `ViewSample` is such a look: what it drops
//! follows from its address (seed, step, number), so the same pass can be taken again, bit for
//! bit. An objective sees the `BatchOutput` of two passes and says how far they are from agreement.

use candle_core::{DType, Tensor};
use std::path::Path;
use twindrop::model::Batch;
use twindrop::objective::{Objective, RDrop, RDropTarget, SimCse};
use twindrop::outputs::Targets;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::{Preset, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::vectors::Similarity::Cosine;
use twindrop::view::View;
use twindrop::{Result, data};

fn main() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample/unlabelled.txt");
    let sample = data::read(&path, &data::ReadOptions::default())?;
    let encoder = match std::env::args().nth(1) {
        Some(name) => SentenceEncoder::from_pretrained(name)?,
        None => SentenceEncoder::fresh(Preset::Tiny, sample.sentences(), 42)?,
    };
    let texts: Vec<&str> = sample.sentences().take(8).collect();
    let sequences = encoder.tokenizer().encode(&texts)?;
    let tokens = Tokens::pack(&sequences, (0..texts.len() as u64).collect());
    let batch = Batch { tokens, texts_per_example: 1, targets: Targets::None };

    let step = RngKey::new(42).fold_in(0);
    let passes = [0, 1].map(|number| View::DROPOUT.sample(step, number));
    let (twins, _) = encoder.model().forward_views(&batch, &passes)?;
    let (u, v) = twins.views()?[0]; // each (N, D)
    let rows = |x: &Tensor| x.to_dtype(DType::F32)?.to_vec2::<f32>();
    let (u, v) = (rows(u)?, rows(v)?);
    println!("cosines  twin  next  (of a sentence's two looks; of the next one's second look)");
    for (i, text) in texts.iter().enumerate() {
        let next = &v[(i + 1) % v.len()];
        println!(
            "        {:.3} {:.3}  {text}",
            Cosine.between(&u[i], &v[i]),
            Cosine.between(&u[i], next)
        );
    }
    let (again, _) = encoder.model().forward_views(&batch, &passes)?;
    let same = rows(again.views()?[0].0)? == u;
    println!("the same pass again gives the same bits: {same}");

    let rdrop = RDrop { target: RDropTarget::Batch { temperature: 0.05 }, ..RDrop::default() };
    for objective in [&rdrop as &dyn Objective, &SimCse::default()] {
        let loss = objective.loss(&twins, 0.)?;
        println!("{}: {:.4}", objective.name(), loss.total.to_scalar::<f64>()?);
        for (name, term) in &loss.terms {
            println!("  {name:<8} {:.4}", term.to_scalar::<f64>()?);
        }
    }
    Ok(())
}
