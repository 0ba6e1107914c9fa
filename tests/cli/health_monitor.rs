//! A run says by itself what goes wrong in it.

use serde_json::Value;
use twindrop::data::{Dataset, ReadOptions, read};
use twindrop::train::{DataConfig, Event, PhaseConfig, Run, RunConfig, StageConfig};

use crate::support::{TestDir, sample, succeed, tiny};

const SAYS: &str = "the two forward passes give the same output; enable dropout";

/// What a short run of R-Drop over the batch prints to standard error, and its log.
fn trained(view: &str, more: &[&str]) -> (String, Vec<Value>) {
    let place = TestDir::new();
    let mut program = place.program("train --preset tiny --objective rdrop-batch --data");
    program.arg(sample("unlabelled.txt")).arg("--dev").arg(sample("dev.tsv"));
    program.args(["--view1", view, "--view2", view, "--max-steps", "6", "--eval-steps", "3"]);
    let printed = succeed(program.args(["--output-dir", "out"]).args(more));
    (printed.stderr, place.read_json_lines("out/log.jsonl"))
}

fn events<'a>(log: &'a [Value], name: &str) -> Vec<&'a Value> {
    log.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn an_agreement_without_dropout_is_called_out_once_even_when_quiet() {
    let (printed, log) = trained("dropout=off", &["--quiet"]);
    assert_eq!(printed.matches("warning: ").count(), 1, "{printed}");
    assert!(printed.contains("warning: step 1: kl of R-Drop over batch is "), "{printed}");
    assert!(printed.contains(SAYS), "{printed}");
    let warnings = events(&log, "warning");
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["step"], 1);
    assert!(warnings[0]["message"].as_str().is_some_and(|message| message.contains(SAYS)));
}

#[test]
fn dropout_leaves_nothing_to_warn_of_and_geometry_is_printed_and_logged() {
    let (printed, log) = trained("dropout=model", &[]);
    assert!(events(&log, "warning").is_empty() && !printed.contains("warning"), "{printed}");
    let evaluations = events(&log, "evaluated");
    assert_eq!(evaluations.len(), 2);
    for evaluation in evaluations {
        let figure = |name: &str| evaluation[name].as_f64().expect("a number");
        assert!((0. ..4.).contains(&figure("alignment")), "{evaluation}");
        assert!((-8. ..0.).contains(&figure("uniformity")), "{evaluation}");
        assert!((-1. ..0.99).contains(&figure("mean_cosine")), "{evaluation}");
        assert!((2. ..128.5).contains(&figure("effective_rank")), "{evaluation}");
        let line = format!(
            "(uniformity {:.2}, alignment {:.2}, effective rank {:.0})",
            figure("uniformity"),
            figure("alignment"),
            figure("effective_rank")
        );
        assert!(printed.contains(&line), "{printed} lacks {line}");
    }
}

#[test]
fn looking_does_not_change_what_is_learnt() {
    let sets = [read(&sample("train.tsv"), &ReadOptions::default()).expect("pairs")];
    let dev = read(&sample("dev.tsv"), &ReadOptions::default()).expect("pairs");
    let steps = |dev: Option<&Dataset>| {
        let encoder = tiny(sets[0].sentences(), 5);
        let config = RunConfig {
            learning_rate: 1e-3,
            eval_steps: Some(2),
            stage: vec![StageConfig {
                max_steps: Some(8),
                cycle: vec![PhaseConfig::of("rdrop", DataConfig::of("unread"))],
                ..StageConfig::default()
            }],
            ..RunConfig::default()
        };
        let run = Run::with_data(&config, encoder, &sets, dev, None).expect("a run");
        let (mut steps, mut looks) = (Vec::new(), 0);
        let listen = &mut |event: &Event| {
            match event {
                Event::Step(step) => {
                    steps.push((step.loss.to_bits(), step.grad_norm.to_bits()))
                }
                Event::Evaluated { .. } => looks += 1,
                _ => {}
            }
            Ok(())
        };
        run.run(listen).expect("steps");
        (steps, looks)
    };
    let (alone, looked) = (steps(None), steps(Some(&dev)));
    assert_eq!((alone.1, looked.1), (0, 4));
    assert_eq!(alone.0, looked.0);
}
