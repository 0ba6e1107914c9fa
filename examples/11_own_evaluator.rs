//! A run whose best model is chosen by an evaluator of your own.
//! `cargo run --release --example 11_own_evaluator`

use std::path::Path;
use twindrop::Result;
use twindrop::data::{Dataset, ReadOptions, read};
use twindrop::eval::{Bootstrap, Evaluator, Metrics};
use twindrop::objective::SimCse;
use twindrop::sentence_encoder::{Preset, SentenceEncoder};
use twindrop::train::{Event, Task, Training};
use twindrop::vectors::{Embed, Similarity};

/// Accuracy of finding each second sentence by its first, among the pairs of the top score.
struct Matching {
    pairs: Vec<[String; 2]>,
}

impl Matching {
    fn new(set: &Dataset) -> Self {
        let top = set.examples.iter().zip(set.unit_scores()).filter(|(_, score)| *score > 0.8);
        let pair = |texts: &[String]| [texts[0].clone(), texts[1].clone()];
        Self { pairs: top.map(|(example, _)| pair(&example.texts)).collect() }
    }
}

impl Evaluator for Matching {
    fn name(&self) -> &str {
        "matching"
    }

    fn primary_metric(&self) -> String {
        "accuracy@1".into()
    }

    fn evaluate(&self, model: &dyn Embed, _bootstrap: &Bootstrap) -> Result<Metrics> {
        let side = |side: usize| -> Vec<&str> {
            self.pairs.iter().map(|pair| pair[side].as_str()).collect()
        };
        let (queries, documents) = (model.embed(&side(0))?, model.embed(&side(1))?);
        let scores = Similarity::Cosine.matrix(&queries, &documents); // (N, N)
        let found = |row: usize| {
            let best = (0..documents.rows())
                .max_by(|&a, &b| scores[(row, a)].total_cmp(&scores[(row, b)]));
            best == Some(row)
        };
        let right = (0..queries.rows()).filter(|&row| found(row)).count();
        let accuracy = right as f64 / queries.rows() as f64;
        Ok(Metrics::default().with("accuracy@1", accuracy))
    }
}

fn main() -> Result<()> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample");
    let sentences = read(&sample.join("unlabelled.txt"), &ReadOptions::default())?;
    let dev = read(&sample.join("dev.tsv"), &ReadOptions::default())?;
    let encoder = SentenceEncoder::fresh(Preset::Tiny, sentences.sentences(), 42)?;
    let report = Training::new(encoder)
        .task(Task::new(SimCse::default(), sentences))
        .learning_rate(5e-4)
        .max_steps(40)
        .evaluate(Matching::new(&dev))
        .on_event(|event| {
            if let Event::Evaluated(evaluation) = event {
                println!("{:>3}  {:.4?}", evaluation.step, evaluation.metrics);
            }
            Ok(())
        })
        .run()?;
    println!("best accuracy@1, and its step: {:?}", report.best.best);
    Ok(())
}
