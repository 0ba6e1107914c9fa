//! `twindrop train` without arguments: trains the tiny preset on the bundled sample three times.

use super::output::OutputArgs;
use super::progress::TrainProgress;
use crate::cli::shared::print::{note, percent};
use crate::data::{self, Dataset, ReadOptions};
use crate::error::Result;
use crate::eval::Evaluator;
use crate::sentence_encoder::{Preset, SentenceEncoder};
use crate::train::{DataConfig, PhaseConfig, Run, RunConfig, StageConfig};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use std::path::Path;
use std::sync::Arc;

const TRAIN: (&str, &str) = ("train.tsv", include_str!("../../datasets/sample/train.tsv"));
const DEV: (&str, &str) = ("dev.tsv", include_str!("../../datasets/sample/dev.tsv"));
const TEST: (&str, &str) = ("test.tsv", include_str!("../../datasets/sample/test.tsv"));
const PLAIN: (&str, &str) =
    ("unlabelled.txt", include_str!("../../datasets/sample/unlabelled.txt"));

const SEED: u64 = 42;

fn bundled((name, text): (&str, &str)) -> Result<Dataset> {
    let path = Path::new("datasets/sample").join(name);
    data::read_from(text.as_bytes(), &path, &ReadOptions::default())
}

/// The bundled sentences.
///
/// # Errors
/// Never: they are part of the program.
pub fn plain() -> Result<Dataset> {
    bundled(PLAIN)
}

pub fn run(args: &OutputArgs) -> Result<()> {
    let (pairs, plain) = (bundled(TRAIN)?, plain()?);
    let (dev, test) = (bundled(DEV)?, bundled(TEST)?);
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(["tiny preset on the bundled sample", "dev", "test"]);
    let ways: [(&str, &[(&str, &Dataset)]); 3] = [
        ("InfoNCE (SimCSE, unlabelled sentences)", &[("simcse", &plain)]),
        ("R-Drop (scored pairs)", &[("rdrop", &pairs)]),
        ("InfoNCE and R-Drop alternating", &[("rdrop", &pairs), ("simcse", &plain)]),
    ];
    for (number, (name, phases)) in ways.into_iter().enumerate() {
        if args.lines() {
            note(name);
        }
        let sets: Vec<Dataset> = phases.iter().map(|(_, set)| (*set).clone()).collect();
        let texts = pairs.sentences().chain(plain.sentences());
        let encoder = SentenceEncoder::fresh(Preset::Tiny, texts, SEED)?;
        let run = Run::with_data(&config(phases), encoder, &sets, Some(&dev), Some(&test))?;
        let (dev, test) = (run.dev.clone(), run.test.clone());
        let figures = |encoder: &_| -> Result<[String; 2]> {
            let score = |set: &Option<Arc<dyn Evaluator>>| match set {
                Some(set) => set.score(encoder).map(percent),
                None => Ok(String::new()),
            };
            Ok([score(&dev)?, score(&test)?])
        };
        if number == 0 {
            let [dev, test] = figures(&run.encoder)?;
            table.add_row(["untrained".into(), dev, test]);
        }
        let mut progress = TrainProgress::new(args);
        let (encoder, _) = run.run(&mut |event| progress.on_event(event))?;
        let [dev, test] = figures(&encoder)?;
        table.add_row([name.into(), dev, test]);
    }
    args.table(&format!(
        "{table}\nSpearman × 100 on held-out pairs. To train on your own data: twindrop train --help"
    ))
}

fn config(phases: &[(&str, &Dataset)]) -> RunConfig {
    let phase = |(objective, set): &(&str, &Dataset)| {
        PhaseConfig::of(objective, DataConfig::of(&set.path))
    };
    RunConfig {
        seed: SEED,
        learning_rate: 1e-3,
        // evaluating costs more than a step here
        eval_steps: Some(200),
        stage: vec![StageConfig {
            num_train_epochs: Some(7.),
            cycle: phases.iter().map(phase).collect(),
            ..StageConfig::default()
        }],
        ..RunConfig::default()
    }
}
