//! An objective of your own that a run file names, with checkpoints and resume.
//! `cargo run --release --example 10_registered_objective`

use candle_core::D;
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use twindrop::objective::{Loss, Objective, Requirements};
use twindrop::outputs::BatchOutput;
use twindrop::train::{Event, NumberRange, Resume, Run, RunConfig};
use twindrop::{ErrorKind, Result};

/// `mean ‖u − v‖²`: the mean squared distance of the two views, times a weight. Alone it would
/// collapse; the run file adds SimCSE.
struct Consistency {
    weight: f64,
}

impl Objective for Consistency {
    fn name(&self) -> Cow<'_, str> {
        "consistency".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let (u, v) = outputs.views()?[0]; // (N, D) each
        let distance = (u - v)?.sqr()?.sum(D::Minus1)?.mean_all()?;
        Ok(Loss::of("distance", (distance * self.weight)?))
    }
}

const RUN: &str = r#"
preset = "tiny"
learning-rate = 5e-4
save-steps = 5
dev = "datasets/sample/dev.tsv"
[[stage]]
max-steps = 20
[[stage.cycle]]
objective = "simcse+0.5*consistency:weight=0.1"
data = "datasets/sample/unlabelled.txt"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?; // the paths of the run file
    let output = std::env::temp_dir().join(format!("twindrop-own-{}", std::process::id()));
    let mut config: RunConfig = toml::from_str(RUN)?;
    config.output_dir = Some(output.clone());
    config.objectives.register("consistency", &["weight"], |options| {
        let weight = options.number("weight", NumberRange::NotNegative)?.unwrap_or(1.);
        Ok(Box::new(Consistency { weight }))
    })?;

    let run = Run::new(&config)?;
    let stop = run.stop();
    let ended = run.run(&mut |event| {
        if let Event::Step(step) = event {
            println!("{:>3}  loss {:.4}  {:.4?}", step.step, step.loss, step.terms);
            stop.store(step.step == 7, Ordering::Relaxed);
        }
        Ok(())
    });
    match ended {
        Err(error) if error.kind() == ErrorKind::Interrupted => println!("{error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => println!("the run ended before it was stopped"),
    }
    let run = Run::resume(&config, &Resume::default())?;
    let (_, best) = run.run(&mut |event| {
        if let Event::Resumed { step, steps, .. } = event {
            println!("resumed after step {step} of {steps}");
        }
        Ok(())
    })?;
    println!("best Spearman on dev, and its step: {:?}", best.best);
    std::fs::remove_dir_all(output)?;
    Ok(())
}
