//! One encoder, many threads. `cargo run --release --example 08_threads [MODEL]`
//!
//! Encoding takes the model by reference and changes nothing of it, so a server shares one among
//! its threads. Whoever asks, and in what company, a text has the same bits.

use std::path::Path;
use twindrop::Result;
use twindrop::data::{self, ReadOptions};
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};

fn main() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample/unlabelled.txt");
    let sample = data::read(&path, &ReadOptions::default())?;
    let texts: Vec<&str> = sample.sentences().collect();
    let model = match std::env::args().nth(1) {
        Some(name) => SentenceEncoder::from_pretrained(name)?,
        None => SentenceEncoder::fresh(Preset::Tiny, sample.sentences(), 42)?,
    };
    let options = EncodeOptions::default().with_batch_size(16).with_normalize_embeddings(true);

    let alone = model.encode(&texts, &options)?; // (N, D)
    let shares: Vec<Result<_>> = std::thread::scope(|scope| {
        let (model, options) = (&model, &options);
        let ask = |texts| scope.spawn(move || model.encode(texts, options));
        let threads: Vec<_> = texts.chunks(texts.len().div_ceil(4)).map(ask).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("encoding does not panic"))
            .collect()
    });

    let mut row = 0;
    for (number, share) in shares.into_iter().enumerate() {
        let share = share?;
        let same = share.iter().enumerate().all(|(i, vector)| vector == alone.row(row + i));
        println!("thread {number}: {} vectors, the same bits: {same}", share.rows());
        row += share.rows();
    }
    Ok(())
}
