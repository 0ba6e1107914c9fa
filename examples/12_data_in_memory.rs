//! Datasets built in memory: R-Drop on scored pairs and SimCSE on sentences, alternating.
//! `cargo run --release --example 12_data_in_memory`

use twindrop::Result;
use twindrop::data::{Dataset, Scale};
use twindrop::eval::{PairSet, StsEvaluator};
use twindrop::objective::{RDrop, RDropTarget, SimCse};
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};
use twindrop::train::{Event, Task, Training};

const PAIRS: [(&str, &str, f64); 6] = [
    ("a man plays a guitar", "a man is playing the guitar", 4.8),
    ("a woman slices an onion", "someone cuts a vegetable", 3.6),
    ("a dog runs in the park", "a dog is running outside", 4.2),
    ("a cat sleeps on the sofa", "a plane takes off", 0.0),
    ("children play football", "kids kick a ball", 4.0),
    ("it rains in the town", "a man plays the piano", 0.2),
];

fn main() -> Result<()> {
    let sentences = PAIRS.iter().flat_map(|(a, b, _)| [*a, *b]);
    let scored = Dataset::from_scored_pairs(PAIRS, Scale::FIVE)?;
    let plain = Dataset::from_sentences(sentences.clone())?;
    let dev = StsEvaluator::new(PairSet::of(&scored)?);
    let encoder = SentenceEncoder::fresh(Preset::Tiny, sentences, 42)?;
    let report = Training::new(encoder)
        .task(Task::new(RDrop::over(RDropTarget::Scores), scored))
        .task(Task::new(SimCse::default(), plain))
        .batch_size(4)
        .learning_rate(1e-3)
        .max_steps(12)
        .evaluate(dev)
        .on_event(|event| {
            if let Event::Step(step) = event {
                println!("{:>3}  {:<10} loss {:.4}", step.step, step.objective, step.loss);
            }
            Ok(())
        })
        .run()?;
    let embedding = report.encoder.encode_one("a dog runs", &EncodeOptions::default())?;
    println!("an embedding of {} dimensions; best {:?}", embedding.len(), report.best.best);
    Ok(())
}
