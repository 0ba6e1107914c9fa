//! A run as it is typed: two objectives in turn. `cargo run --release --example 05_train [MODEL]`
//!
//! What was typed is a `RunConfig`, what is built from it a `Run`: all files are read and all
//! settings checked before the first step. `twindrop train --config run.toml` takes this text.

use twindrop::train::{Event, Run, RunConfig};

const RUN: &str = r#"
    preset = "tiny"
    learning-rate = 5e-4
    dev = "datasets/sample/dev.tsv"
    test = "datasets/sample/test.tsv"

    [[stage]]
    num-train-epochs = 2

    [[stage.cycle]] # one step of R-Drop on scored pairs …
    objective = "rdrop"
    alpha = 0.5
    data = "datasets/sample/train.tsv"

    [[stage.cycle]] # … then one of InfoNCE on plain sentences, and so on
    objective = "simcse"
    temperature = 0.05
    data = "datasets/sample/unlabelled.txt"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?; // where the paths begin
    let mut config: RunConfig = toml::from_str(RUN)?;
    if let Some(model) = std::env::args().nth(1) {
        (config.model, config.preset) = (Some(model), None);
        config.learning_rate = 2e-5;
    }
    let run = Run::new(&config)?;
    let test = run.test.clone().expect("the text above names a test set");
    let before = test.score(&run.encoder)?.unwrap_or(f64::NAN);

    println!("{} steps", run.steps());
    let (encoder, best) = run.run(&mut |event| {
        match event {
            Event::Step(step) if [0, 1].contains(&(step.step % 20)) => {
                println!("{:>5}  {:<20} loss {:.4}", step.step, step.objective, step.loss);
            }
            Event::Evaluated(evaluation) => {
                let mark = if evaluation.best { "best so far" } else { "" };
                let score = 100. * evaluation.score.unwrap_or(f64::NAN);
                println!("{:>5}  dev {score:.2} {mark}", evaluation.step);
            }
            Event::Finished { seconds, .. } => println!("{seconds:.1} s in steps"),
            _ => {}
        }
        Ok(())
    })?;

    let after = test.score(&encoder)?.unwrap_or(f64::NAN);
    println!("best on dev: {:?}", best.best);
    println!("test, Spearman × 100: {:.2} -> {:.2}", 100. * before, 100. * after);
    Ok(())
}
