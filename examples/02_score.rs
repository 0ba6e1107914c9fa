//! Semantic textual similarity: a similarity matrix, and the correlation of a model's similarities
//! with gold scores. `cargo run --release --example 02_score [MODEL]`

use std::path::Path;
use twindrop::Result;
use twindrop::data::{self, Dataset, ReadOptions};
use twindrop::eval::{Bootstrap, Evaluator, PairSet, StsEvaluator};
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};

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

    let metrics = StsEvaluator::new(PairSet::of(&test)?).evaluate(&model, &Bootstrap::NONE)?;
    let sizes = metrics.about.iter().map(|(name, count)| format!("{count} {name}"));
    println!("\ntest.tsv: {}, × 100", sizes.collect::<Vec<_>>().join(", "));
    for (name, metric) in &metrics.figures {
        let value = metric.value.as_ref();
        let value = value.map_or("undefined".into(), |value| format!("{:.2}", 100. * value));
        println!("  {name:<20} {value:>7}");
    }
    Ok(())
}

fn sample(name: &str) -> Result<Dataset> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample").join(name);
    data::read(&path, &ReadOptions::default())
}
