//! Texts in, vectors out. `cargo run --release --example 01_embed [MODEL]`
//!
//! Without a model directory (or hub id) a tiny model is made on the spot: its vocabulary is
//! learnt from the bundled sample, its weights are random. Even so, sentences that share words
//! come out alike, because the mean of their token vectors does.

use std::path::Path;
use twindrop::Result;
use twindrop::data::{self, ReadOptions};
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};

fn main() -> Result<()> {
    let model = model()?;
    let sentences = [
        "The kettle is boiling on the stove.",
        "On the stove the kettle is boiling.",
        "He uses his new camera to photograph birds.",
    ];

    let vectors = model.encode(&sentences, &EncodeOptions::default())?; // (N, D)
    println!("{} sentences, {} numbers each:", vectors.rows(), vectors.width());
    for (sentence, vector) in sentences.iter().zip(vectors.iter()) {
        println!("  {:>7.3?} …  {sentence}", &vector[..4]);
    }

    let mut options = EncodeOptions::default();
    options.normalize_embeddings = true;
    options.truncate_dim = Some(32);
    let short = model.encode(&sentences, &options)?; // (N, 32), rows of length one
    let length = short.row(0).iter().map(|x| x * x).sum::<f32>().sqrt();
    println!("shortened to {} numbers, each vector of length {length:.3}", short.width());

    let alone = model.encode(&sentences[2..], &EncodeOptions::default())?;
    let same = alone.row(0) == vectors.row(2);
    println!("a sentence alone and in company has the same bits: {same}");

    let tokens = model.tokenizer().encode(&sentences)?;
    let lengths: Vec<_> = tokens.iter().map(|sequence| sequence.len()).collect();
    println!("tokens: {lengths:?}, laid end to end; no padding between them");
    Ok(())
}

/// The model named by the first argument, else a fresh tiny one.
fn model() -> Result<SentenceEncoder> {
    if let Some(name) = std::env::args().nth(1) {
        return SentenceEncoder::from_pretrained(name);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample/unlabelled.txt");
    let sample = data::read(&path, &ReadOptions::default())?;
    SentenceEncoder::fresh(Preset::Tiny, sample.sentences(), 42)
}
