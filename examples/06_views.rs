//! What a view does. `cargo run --release --example 06_views [MODEL]`
//!
//! A `View` says what may happen while a batch is looked at; its `ViewSample` says what does. The
//! picture is one sentence's embedding output: a row a token, `·` where a cutoff made it zero.

use std::path::Path;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::{Preset, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::vectors::Embeddings;
use twindrop::vectors::Similarity;
use twindrop::view::{View, ViewSample};
use twindrop::{Result, data};

const VIEWS: [&str; 6] = [
    "dropout=model",
    "shuffle+dropout=off",
    "token-cutoff=0.3+dropout=off",
    "feature-cutoff=0.2+dropout=off",
    "element-cutoff=0.2+dropout=off",
    "shuffle+token-cutoff=0.3+feature-cutoff=0.2",
];

fn main() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample/unlabelled.txt");
    let sample = data::read(&path, &data::ReadOptions::default())?;
    let encoder = match std::env::args().nth(1) {
        Some(name) => SentenceEncoder::from_pretrained(name)?,
        None => SentenceEncoder::fresh(Preset::Tiny, sample.sentences(), 42)?,
    };
    let texts: Vec<&str> = sample.sentences().take(64).collect();
    let sequences = encoder.tokenizer().encode(&texts)?;
    let tokens = Tokens::pack(&sequences, (0..texts.len() as u64).collect());
    let width = encoder.get_embedding_dimension();
    let model = encoder.model();
    let see = |pass: &ViewSample| model.embed(&tokens, pass).map(|x| Embeddings::new(width, x));
    let (plain, length) = (see(&ViewSample::plain())?, sequences[0].len()); // (N, D)
    println!("\"{}\" has {length} tokens", texts[0]);
    for view in VIEWS {
        let pass = view.parse::<View>()?.sample(RngKey::new(42).fold_in(0), 0);
        println!("\n{view}");
        println!("  positions {:?}", &pass.positions(&tokens.packing)[..length]);
        let cutoff = pass.cutoff(&tokens.packing, width);
        let zero = |t: usize, d: usize| {
            let feature = cutoff.features.iter().find(|(range, _)| range.contains(&t));
            cutoff.tokens.contains(&(t as u32))
                || cutoff.cells.contains(&(t as u32, d as u32))
                || feature.is_some_and(|(_, columns)| columns.contains(&(d as u32)))
        };
        for t in (0..length).filter(|_| !cutoff.is_empty()) {
            let row = (0..width.min(64)).map(|d| if zero(t, d) { '·' } else { '█' });
            println!("  {}", row.collect::<String>());
        }
        let cosines = Similarity::Cosine.paired(&plain, &see(&pass)?);
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        println!("  cosine with the plain look: {mean:.4} in the mean");
    }
    Ok(())
}
