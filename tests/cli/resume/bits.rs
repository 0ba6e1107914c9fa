//! Four steps and four more are eight steps, whatever the settings.

use super::*;

/// The run that the others differ from.
const PAIRS: &str = "
    learning-rate = 1e-3
    eval-steps = 3
    dev = '@/dev.tsv'
    per-device-train-batch-size = 8
    [[stage]]
    max-steps = 8
    [[stage.cycle]]
    objective = 'rdrop'
    data = '@/pairs.tsv'
";

/// Steps of `text` as it is and with a stop after `at`; the same files come of both.
fn stopped_at(place: &TestDir, name: &str, text: &str, at: &[u64]) {
    let whole = config(place, text, &format!("{name}-whole"));
    run_until(Run::new(&whole).expect("a run"), None).expect("a whole run");
    let parts = config(place, text, &format!("{name}-parts"));
    for (number, &step) in at.iter().enumerate() {
        let run = if number == 0 { Run::new(&parts).expect("a run") } else { resume(&parts) };
        run_until(run, Some(step)).expect("a part of a run");
    }
    run_until(resume(&parts), None).expect("the rest of a run");
    let [whole, parts] = [whole, parts].map(|run| run.output_dir.expect("a directory"));
    assert!(outputs(&whole).len() >= 10, "{:?}", outputs(&whole).keys());
    assert_eq!(differences(&whole, &parts), [""; 0], "{name}");
}

#[test]
fn for_every_setting_of_the_optimizer() {
    let place = training_dir();
    let settings = [
        ("plain", ""),
        ("uncorrected", "[optimizer]\nbias-correction = false"),
        ("lazy", "[optimizer]\nlazy-adam = true"),
        ("betas", "[optimizer]\nadam-beta1 = 0.5\nadam-beta2 = 0.9\nadam-epsilon = 1e-4"),
        ("decay", "[optimizer]\nweight-decay = 0.3"),
    ];
    for (name, setting) in settings {
        let (top, stages) = PAIRS.split_once("[[stage]]").expect("a stage");
        stopped_at(&place, name, &format!("{top}{setting}\n[[stage]]{stages}"), &[4]);
    }
    for top in ["max-grad-norm = 0.1", "lr-scheduler-type = 'cosine'\nwarmup-steps = 3"] {
        stopped_at(&place, &top[..3], &format!("{top}\n{PAIRS}"), &[4]);
    }
}

#[test]
fn for_accumulated_gradients_and_cached_ones() {
    let place = training_dir();
    for top in [
        "gradient-accumulation-steps = 3",
        "mini-batch-size = 5",
        "dtype = 'bfloat16'",
        "early-stopping-patience = 1",
        "batch-sampler = 'group-by-length'",
        "projection = 'simcse'",
        "dense = '32'",
    ] {
        let name = top.split(' ').next().expect("a name");
        stopped_at(&place, name, &format!("{top}\n{PAIRS}"), &[4]);
    }
}

#[test]
fn for_every_kind_of_plan() {
    let place = training_dir();
    let phase = |objective: &str, data: &str| {
        format!("[[stage.cycle]]\nobjective = '{objective}'\ndata = '@/{data}'\n")
    };
    let turns = format!(
        "learning-rate = 1e-3\nper-device-train-batch-size = 8\n[[stage]]\nmax-steps = 8\n{}steps = 2\n{}",
        phase("rdrop", "pairs.tsv"),
        phase("simcse", "text.txt")
    );
    let stages = format!(
        "{turns}[[stage]]\nmax-steps = 3\nlearning-rate = 5e-4\n{}",
        phase("0..1*consert+mlm", "text.txt")
    );
    let mixed = turns
        .replace("max-steps = 8", "max-steps = 8\nmix = 'proportional'")
        .replace("steps = 2\n[[", "[[");
    let attacked = format!(
        "dev = '@/dev.tsv'\n[[stage]]\nmax-steps = 4\n{}view1 = 'adv=1'\n",
        phase("cosine-mse+0.1*consert", "pairs.tsv")
    );
    for (name, text, at) in [
        ("turns", turns, &[4][..]),
        ("stages", stages, &[3, 8, 9]),
        ("mixed", mixed, &[5]),
        ("attacked", attacked, &[2]),
    ] {
        stopped_at(&place, name, &text, at);
    }
}

#[test]
fn a_finished_run_goes_on_for_longer() {
    let place = training_dir();
    let short = config(&place, PAIRS, "longer");
    run_until(Run::new(&short).expect("a run"), None).expect("a run");
    let longer = config(&place, &PAIRS.replace("max-steps = 8", "max-steps = 12"), "longer");
    run_until(resume(&longer), None).expect("more of it");
    let log = fs::read_to_string(place.path("longer/log.jsonl")).expect("a log");
    let steps = log.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        (event["event"] == "step").then(|| event["step"].as_u64().expect("a number"))
    });
    assert_eq!(steps.collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_eq!(
        last_checkpoint(&place.path("longer")),
        Some(place.path("longer/checkpoint-12"))
    );
}

#[test]
fn a_run_of_another_number_of_threads_goes_on_to_the_same_bits() {
    let place = training_dir();
    let (whole, parts) = (config(&place, PAIRS, "whole"), config(&place, PAIRS, "parts"));
    let on = |threads: usize, act: &(dyn Fn() -> Result<()> + Sync)| {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(act).expect("a run");
    };
    on(2, &|| run_until(Run::new(&whole)?, None));
    on(1, &|| run_until(Run::new(&parts)?, Some(4)));
    on(4, &|| run_until(resume(&parts), None));
    assert_eq!(differences(&place.path("whole"), &place.path("parts")), [""; 0]);
}
