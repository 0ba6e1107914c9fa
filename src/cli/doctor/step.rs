//! Timed training steps and encoding of a model in memory.

use super::findings::{Findings, size};
use crate::cli::default_run;
use crate::data::{Dataset, Example};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::ComputeDtype;
use crate::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};
use crate::train::{DataConfig, Event, PhaseConfig, Run, RunConfig, StageConfig, StepEvent};
use std::time::Instant;

/// Sentences per step, and per encoding.
const BATCH: usize = 32;
const ENCODED: usize = 256;

/// Steps: the first checks the gradient of every parameter, the last is timed.
const STEPS: u64 = 3;

/// Takes steps of SimCSE on the sentences of `sets`, or on the bundled ones.
pub fn check(
    findings: &mut Findings,
    model: Option<SentenceEncoder>,
    sets: &[Dataset],
) -> Result<()> {
    let plain = sentences(sets)?;
    let count = plain.examples.len();
    if count < 2 {
        let advice = "a training step needs at least two different sentences: give more --data";
        return findings.warn("step", format!("{count} sentence"), advice);
    }
    let model = match model {
        Some(model) => model,
        None => SentenceEncoder::fresh(Preset::Tiny, plain.sentences(), 42)?,
    };
    let model = encoding(findings, model, &plain)?;
    match steps(model, &plain) {
        Ok((memory, step)) => {
            findings.ok("gradients", "finite and nonzero for every parameter")?;
            let StepEvent { loss, grad_norm, sentences, tokens, seconds, .. } = &step;
            let speed = *sentences as f64 / seconds.max(1e-9);
            findings.ok(
                "step",
                format!(
                    "{seconds:.3} s for {sentences} sentences and {tokens} tokens, {speed:.0} \
                     sentences/s; loss {loss:.4}, gradient norm {grad_norm:.4}"
                ),
            )?;
            findings.ok("step", format!("estimated memory of such a run: {}", size(memory)))
        }
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::Internal => "please report it with this output",
                ErrorKind::Numerics => {
                    "its weights are damaged or of a training run that diverged: take an earlier \
                     checkpoint, or download the model again"
                }
                _ => "this model cannot be trained as it is; correct what the message names",
            };
            findings.fail("step", error.to_string(), advice)
        }
    }
}

/// Each different text of the sets once, alone; of the bundled sample, where there is none.
fn sentences(sets: &[Dataset]) -> Result<Dataset> {
    let bundled = default_run::plain()?;
    let all: Vec<&str> = match sets {
        [] => bundled.sentences().collect(),
        sets => sets.iter().flat_map(Dataset::sentences).collect(),
    };
    let mut known = std::collections::HashSet::new();
    let texts = all.into_iter().filter(|text| known.insert(*text)).take(8 * ENCODED);
    let examples =
        texts.map(|text| Example { texts: vec![text.into()], label: None }).collect();
    Ok(Dataset { examples, ..bundled.clone() })
}

/// How fast the model encodes in every dtype that this CPU computes in; the model again.
fn encoding(
    findings: &mut Findings,
    mut model: SentenceEncoder,
    plain: &Dataset,
) -> Result<SentenceEncoder> {
    let texts: Vec<&str> = plain.sentences().take(ENCODED).collect();
    let own = model.model().dtype();
    for dtype in ComputeDtype::ALL.into_iter().filter(|dtype| dtype.available() == *dtype) {
        model = model.with_dtype(dtype);
        let options = EncodeOptions::default();
        let attempt = || {
            model.encode(&texts, &options)?; // packs the weights
            let started = Instant::now();
            model.encode(&texts, &options)?;
            Ok::<_, Error>(started.elapsed().as_secs_f64())
        };
        match attempt() {
            Ok(seconds) => {
                let (count, speed) = (texts.len(), texts.len() as f64 / seconds.max(1e-9));
                let says =
                    format!("{dtype}: {count} texts in {seconds:.3} s, {speed:.0} sentences/s");
                findings.ok("encoding", says)?;
            }
            Err(error) => {
                findings.fail(
                    "encoding",
                    error.to_string(),
                    "this model cannot encode texts",
                )?;
                break;
            }
        }
    }
    Ok(model.with_dtype(own))
}

/// Takes the steps; the memory such a run wants, and the last step.
fn steps(model: SentenceEncoder, plain: &Dataset) -> Result<(u64, StepEvent)> {
    let phase = PhaseConfig::of("simcse", DataConfig::of(&plain.path));
    let stage =
        StageConfig { max_steps: Some(STEPS), cycle: vec![phase], ..StageConfig::default() };
    let config = RunConfig {
        per_device_train_batch_size: BATCH.min(plain.examples.len()),
        max_bad_steps: 0,
        stage: vec![stage],
        ..RunConfig::default()
    };
    let run = Run::with_data(&config, model, std::slice::from_ref(plain), None, None)?;
    let memory = run.summary().memory;
    let mut last = None;
    run.run(&mut |event| {
        if let Event::Step(step) = event {
            last = Some(step.clone());
        }
        Ok(())
    })?;
    Ok((memory, last.expect("a run of steps says each")))
}
