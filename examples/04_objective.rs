//! An objective of one's own. `cargo run --release --example 04_objective`

use candle_core::{D, Tensor};
use std::path::Path;
use twindrop::eval::Evaluator;
use twindrop::objective::{Loss, Objective};
use twindrop::sentence_encoder::{Preset, SentenceEncoder};
use twindrop::train::{
    Curriculum, Event, Phase, Settings, Stage, Trainer, TrainingTask, evaluator,
};
use twindrop::train::{DataLoader, DataLoaderOptions};
use twindrop::view::View;
use twindrop::{Result, data};

/// `mean ‖u − v‖² + log mean exp(−2‖uᵢ − uⱼ‖²)` on the unit sphere: twins close together, all
/// sentences far apart (Wang & Isola 2020, arXiv 2005.10242).
struct AlignUniform;

impl Objective for AlignUniform {
    fn loss(&self, outputs: &twindrop::outputs::BatchOutput, _progress: f64) -> Result<Loss> {
        let (u, v) = outputs.views()?[0];
        let unit = |x: &Tensor| x.broadcast_div(&x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?);
        let (u, v) = (unit(u)?, unit(v)?); // (N, D)
        let align = (&u - v)?.sqr()?.sum(D::Minus1)?.mean_all()?;
        let distances = ((u.matmul(&u.t()?)? * -2.)? + 2.)?; // (N, N)
        let uniform = (distances * -2.)?.exp()?.mean_all()?.log()?;
        Loss::of("align", align).plus(1., "uniform", uniform)
    }
    fn requirements(&self) -> twindrop::objective::Requirements {
        twindrop::objective::Requirements::default()
    }
    fn name(&self) -> std::borrow::Cow<'_, str> {
        "align + uniform".into()
    }
}

fn main() -> Result<()> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample");
    let read = |name| data::read(&sample.join(name), &data::ReadOptions::default());
    let (sentences, dev) = (read("unlabelled.txt")?, evaluator(&read("dev.tsv")?)?);
    let mut encoder = SentenceEncoder::fresh(Preset::Tiny, sentences.sentences(), 42)?;
    println!("untrained: ρ {:?} on dev", dev.score(&encoder)?);
    let views = [View::DROPOUT, View::DROPOUT];
    let options = DataLoaderOptions { whole_batches: true, ..DataLoaderOptions::default() };
    let stream = DataLoader::new(&sentences, encoder.tokenizer(), options)?;
    let cycle = vec![Phase { objective: 0, loader: 0, steps: 1 }];
    let trainer = Trainer {
        encoder: &mut encoder,
        tasks: vec![TrainingTask::new(Box::new(AlignUniform), views)],
        loaders: vec![stream],
        curriculum: Curriculum { stages: vec![Stage { cycle, steps: 40, ..Stage::default() }] },
        settings: Settings { learning_rate: 5e-4, ..Settings::default() },
        dev: Some(&dev),
        output: None,
        checkpointer: None,
    };
    let best = trainer.run(&mut |event| {
        if let Event::Step(step) = event {
            println!("{:>3}  loss {:+.3}  {:.3?}", step.step, step.loss, step.terms);
        }
        Ok(())
    })?;
    println!("trained: ρ and its step {:?}", best.best);
    Ok(())
}
