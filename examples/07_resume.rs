//! A run that is stopped and goes on. `cargo run --release --example 07_resume`

use std::path::Path;
use std::sync::atomic::Ordering;
use twindrop::train::{DataConfig, Event, PhaseConfig, Resume, Run, RunConfig, StageConfig};
use twindrop::{Error, ErrorKind, Result};

fn main() -> Result<()> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample");
    let output = std::env::temp_dir().join(format!("twindrop-resume-{}", std::process::id()));
    let cycle = vec![PhaseConfig::of("rdrop", DataConfig::of(sample.join("train.tsv")))];
    let config = RunConfig {
        preset: Some("tiny".into()),
        learning_rate: 1e-3,
        output_dir: Some(output.clone()),
        stage: vec![StageConfig { max_steps: Some(20), cycle, ..StageConfig::default() }],
        ..RunConfig::default()
    };
    // what Ctrl-C does in the program
    let run = Run::new(&config)?;
    let stop = run.stop();
    let ended = run.run(&mut |event| {
        if let Event::Step(step) = event
            && step.step == 8
        {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    });
    match ended {
        Err(error) if error.kind() == ErrorKind::Interrupted => println!("{error}"),
        Err(error) => return Err(error),
        Ok(_) => println!("it was over before it was stopped"),
    }
    let run = Run::resume(&config, &Resume::default())?;
    let (encoder, _) = run.run(&mut |event| {
        match event {
            Event::Resumed { step, steps, .. } => println!("on from step {step} of {steps}"),
            Event::Finished { steps, .. } => println!("finished after {steps}"),
            _ => {}
        }
        Ok(())
    })?;
    println!("{} numbers a sentence", encoder.get_embedding_dimension());
    std::fs::remove_dir_all(&output).map_err(|error| Error::io(&output, error))
}
