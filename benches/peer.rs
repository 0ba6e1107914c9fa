//! One side of an interleaved comparison: does one unit of work for each line on standard input
//! and prints its milliseconds. `eval/peers/compare.py` drives it beside the same in Python.
//!
//!     cargo bench --bench peer -- train MODEL sentences.txt float32 64
//!     cargo bench --bench peer -- encode MODEL sentences.txt bfloat16 32
//!     cargo bench --bench peer -- one MODEL sentences.txt int8 1

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;
use twindrop::data::{self, ReadOptions};
use twindrop::nn::ComputeDtype;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::train::{DataConfig, Event, PhaseConfig, Run, RunConfig, StageConfig};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["train", model, file, dtype, batch] => {
            train(model, file, dtype.parse()?, batch.parse()?)
        }
        ["encode", model, file, dtype, batch] => {
            encode(model, file, dtype.parse()?, batch.parse()?)
        }
        ["one", model, file, dtype, _] => one(model, file, dtype.parse()?),
        // `cargo bench` and `cargo test` run every target: nothing was asked of this one
        _ => Ok(()),
    }
}

/// Waits for the next line; false at the end.
fn asked(since: Option<Instant>) -> bool {
    if let Some(since) = since {
        println!("{:.3}", 1e3 * since.elapsed().as_secs_f64());
    }
    std::io::stdin().lock().lines().next().is_some_and(|line| line.is_ok())
}

/// A unit is a step: two views by dropout, InfoNCE, AdamW.
fn train(model: &str, file: &str, dtype: ComputeDtype, batch: usize) -> Outcome {
    let config = RunConfig {
        model: Some(model.into()),
        dtype,
        max_seq_length: Some(64),
        per_device_train_batch_size: batch,
        eval_steps: Some(0),
        stage: vec![StageConfig {
            max_steps: Some(1_000_000),
            cycle: vec![PhaseConfig::of("simcse", DataConfig::of(Path::new(file)))],
            ..StageConfig::default()
        }],
        ..RunConfig::default()
    };
    let mut since = None;
    Run::new(&config)?.run(&mut |event| {
        if matches!(event, Event::Started { .. } | Event::Step(_)) {
            if since.is_none() {
                println!("ready");
            }
            if !asked(since) {
                std::process::exit(0);
            }
            since = Some(Instant::now());
        }
        Ok(())
    })?;
    Ok(())
}

/// A unit is the first sentence of the file, fifty times.
fn one(model: &str, file: &str, dtype: ComputeDtype) -> Outcome {
    let texts = data::read(Path::new(file), &ReadOptions::default())?;
    let text = texts.sentences().next().ok_or("no sentence")?;
    let model = SentenceEncoder::from_pretrained(model)?.with_dtype(dtype);
    let options = EncodeOptions::default();
    println!("ready");
    let mut since = None;
    while asked(since) {
        since = Some(Instant::now());
        for _ in 0..50 {
            model.encode(&[text], &options)?;
        }
    }
    Ok(())
}

/// A unit is the whole file.
fn encode(model: &str, file: &str, dtype: ComputeDtype, batch: usize) -> Outcome {
    let texts = data::read(Path::new(file), &ReadOptions::default())?;
    let texts: Vec<&str> = texts.sentences().collect();
    let model = SentenceEncoder::from_pretrained(model)?.with_dtype(dtype);
    let mut options = EncodeOptions::default();
    options.batch_size = batch;
    println!("ready");
    let mut since = None;
    while asked(since) {
        since = Some(Instant::now());
        model.encode(&texts, &options)?;
    }
    Ok(())
}
