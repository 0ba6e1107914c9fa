//! Do distances match human judgement? `cargo run --release --example 02_score [MODEL]`
//!
//! First a similarity matrix to look at, then the number that papers report: Spearman's ρ
//! between the model's similarity of pairs and the score people gave them.

use std::path::Path;
use twindrop::Result;
use twindrop::data::{self, Dataset, ReadOptions};
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};
use twindrop::train::evaluator;

fn main() -> Result<()> {
    let test = sample("test.tsv")?;
    let model = match std::env::args().nth(1) {
        Some(name) => SentenceEncoder::from_pretrained(name)?,
        None => SentenceEncoder::fresh(
            Preset::Tiny,
            sample("unlabelled.txt")?.sentences(), // the vocabulary; the weights are random
            42,
        )?,
    };

    // the pairs of highest and lowest score, each sentence against each
    let mut pairs: Vec<_> = test.examples.iter().zip(test.gold()).collect();
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [best, worst] = [pairs[0], pairs[pairs.len() - 1]];
    let texts = [&best.0.texts[..2], &worst.0.texts[..2]].concat();
    let vectors = model.encode(&texts, &EncodeOptions::default())?;
    let cosines = model.similarity(&vectors, &vectors); // (4, 4)
    println!("people give 1, 2 a score of {}, and 3, 4 a score of {}:\n", best.1, worst.1);
    for (i, text) in texts.iter().enumerate() {
        let row: Vec<_> = (0..texts.len()).map(|j| format!("{:.3}", cosines[(i, j)])).collect();
        println!("  {}  {}  {text}", i + 1, row.join(" "));
    }

    let report = evaluator(&test)?.evaluate(&model)?;
    println!("\ntest.tsv: {} pairs of {} sentences, × 100", report.pairs, report.sentences);
    for (name, figure) in report.figures() {
        let figure = figure.map_or("undefined".into(), |rho| format!("{:.2}", 100. * rho));
        println!("  {name:<20} {figure:>7}");
    }
    Ok(())
}

fn sample(name: &str) -> Result<Dataset> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample").join(name);
    data::read(&path, &ReadOptions::default())
}
