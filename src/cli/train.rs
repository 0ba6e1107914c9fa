//! `twindrop train`.

mod args;

pub use args::TrainArgs;

use super::progress::TrainProgress;
use super::signals::Signals;
use super::{default_run, output, recipes};
use crate::cli::shared::model::{note_dtype, warn};
use crate::cli::shared::notes::counts;
use crate::cli::shared::print::{figure, note, say};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{Evaluator, shown};
use crate::hub;
use crate::io;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::{
    DataConfig, Event, PhaseConfig, Recipe, Run, RunConfig, RunSummary, SetMetrics, SetResults,
    StageConfig, TrainingResults,
};
use crate::view::{NetworkDropout, View};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

pub fn run(args: TrainArgs) -> Result<()> {
    let nothing = TrainArgs { output: args.output.clone(), ..TrainArgs::default() };
    if args == nothing && args.output.reports()?.is_none_or(|reports| reports.is_empty()) {
        return default_run::run(&args.output);
    }
    if !args.output.lines() {
        hub::disable_progress_bars();
    }
    let config = config(&args)?;
    if let (Some(directory), Some(model), None) =
        (&config.output_dir, &config.model, args.resume.asked()?)
    {
        io::expect_apart(directory, [model])?;
    }
    let run = match args.resume.asked()? {
        Some(resume) => Run::resume(&config, &resume)?,
        None => Run::new(&config)?,
    };
    note_dtype(config.dtype);
    if args.output.lines() {
        warn(&run.encoder);
    }
    run.notes.iter().for_each(|text| note(format!("note: {text}")));
    let counts = counts(&run.reports, run.encoder.tokenizer().truncated_texts());
    if args.dry_run {
        describe(&config, &run.summary())?;
        if !counts.is_empty() {
            note(format!("data: {}", counts.trim_start_matches("; ")));
        }
        return Ok(());
    }
    if config.output_dir.is_none() {
        return Err(Error::config("no output directory: give --output-dir DIR"));
    }
    train(&args, &config, run, &counts)
}

/// Trains, and reports on the model before and after.
fn train(args: &TrainArgs, config: &RunConfig, run: Run, counts: &str) -> Result<()> {
    let run = run.with_command(command_line());
    run.check_memory()?;
    let signals = Signals::that_stop(&run.stop())?;
    let sets = [run.dev.clone(), run.test.clone()];
    let before = metrics(&run.encoder, &sets)
        .map_err(|error| interrupted(error, "before the first step; nothing was written"))?;
    let (begun, mut own, mut total) = (Instant::now(), (0, 0.), 0);
    let mut progress = TrainProgress::new(&args.output);
    let ended = run.run(&mut |event| {
        match event {
            Event::Step(step) => own = (own.0 + 1, own.1 + step.seconds),
            Event::Finished { steps, .. } => total = *steps,
            _ => {}
        }
        progress.on_event(event)
    });
    let (encoder, best) = ended.map_err(|error| signals.explain(error, config))?;
    let mut results = TrainingResults::new(total, best, own, begun.elapsed().as_secs_f64());
    let after = metrics(&encoder, &sets)
        .map_err(|error| interrupted(error, "after training; the model is saved"))?;
    let [dev, test] = results_of(&sets, before, after);
    (results.dev, results.test) = (dev, test);
    if let Some(directory) = &config.output_dir {
        results.write(directory)?;
        note(format!("model saved to {}{counts}", directory.display()));
    }
    if args.output.json() {
        output::scores(&results);
    }
    table(&results).map_or(Ok(()), |table| args.output.table(&table))
}

/// The command line; what is not UTF-8 in it with U+FFFD in its place.
fn command_line() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// An interruption that came when no step was under way.
fn interrupted(error: Error, when: &str) -> Error {
    match error.kind() {
        ErrorKind::Interrupted => Error::new(error.kind(), format!("interrupted {when}")),
        _ => error,
    }
}

/// Prints the resolved run file and a summary of its steps and memory.
fn describe(config: &RunConfig, summary: &RunSummary) -> Result<()> {
    say(config.to_toml()?)?;
    let RunSummary { steps, parameters, heads, memory, .. } = summary;
    say(format!("{steps} steps, {parameters} parameters, of which {heads} in heads"))?;
    for (number, stage) in summary.stages.iter().enumerate() {
        let (steps, rate) = (stage.steps, stage.learning_rate);
        say(format!("stage {}: {steps} steps, learning rate up to {rate:e}", number + 1))?;
        for phase in &stage.phases {
            say(format!(
                "  {} x {}: batch of {} from {} examples, {}, about {} tokens; views {}",
                phase.turns,
                phase.objective,
                phase.batch_size,
                phase.examples,
                forward_passes(phase.forward_passes),
                phase.tokens,
                phase.views.join(" | ")
            ))?;
        }
    }
    say(format!("estimated memory: {} MiB", memory >> 20))
}

/// `1 forward pass`, `2 forward passes`.
fn forward_passes(count: usize) -> String {
    match count {
        1 => "1 forward pass".into(),
        count => format!("{count} forward passes"),
    }
}

/// The development set and the test set, where they are given.
type Sets = [Option<Arc<dyn Evaluator>>; 2];

/// All metrics of the dev set and of the test set.
fn metrics(encoder: &SentenceEncoder, sets: &Sets) -> Result<[SetMetrics; 2]> {
    let mut found = [SetMetrics::new(), SetMetrics::new()];
    for (metrics, set) in found.iter_mut().zip(sets) {
        if let Some(set) = set {
            *metrics = SetResults::metrics(&**set, encoder)?;
        }
    }
    Ok(found)
}

fn results_of(
    sets: &Sets,
    before: [SetMetrics; 2],
    after: [SetMetrics; 2],
) -> [Option<SetResults>; 2] {
    let mut metrics = before.into_iter().zip(after);
    sets.each_ref().map(|set| {
        let (before, after) = metrics.next()?;
        set.as_ref().map(|set| SetResults::of(&**set, before, after))
    })
}

fn table(results: &TrainingResults) -> Option<String> {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    let sets = [("dev", &results.dev), ("test", &results.test)];
    let mut given = sets.iter().filter_map(|(_, set)| set.as_ref());
    let all = given.all(|set| set.metric == "spearman_cosine");
    table.set_header([if all { "Spearman × 100" } else { "metric" }, "before", "after"]);
    for (role, set) in sets {
        if let Some(SetResults { name, metric, before, after, .. }) = set {
            let name = match all {
                true => format!("{role} ({name})"),
                false => format!("{} of {role} ({name})", shown(metric).0),
            };
            table.add_row([name, figure(metric, *before), figure(metric, *after)]);
        }
    }
    (!table.is_empty()).then(|| table.to_string())
}

/// The run file with the flags over it.
fn config(args: &TrainArgs) -> Result<RunConfig> {
    let mut config = match (&args.config, &args.recipe) {
        _ if args.resume.is_only_source(names_run(args)) => {
            args.resume.run_file(args.output_dir.as_deref())?
        }
        (Some(path), _) => RunConfig::from_file(path)?,
        (None, Some(name)) => Recipe::named(name)?.config()?,
        (None, None) => RunConfig::default(),
    };
    macro_rules! over {
        ($($field:ident),*) => { $( if let Some(value) = args.$field.clone() {
            config.$field = value.into();
        } )* };
    }
    over!(
        model,
        preset,
        output_dir,
        pooling,
        max_seq_length,
        head,
        class_weights,
        projection,
        dense,
        mini_batch_size,
        mlm_probability,
        dtype,
        per_device_train_batch_size,
        batch_sampler,
        learning_rate,
        lr_scheduler_type,
        warmup_steps,
        max_grad_norm,
        gradient_accumulation_steps,
        eval_steps,
        early_stopping_patience,
        save_strategy,
        save_steps,
        save_minutes,
        save_total_limit,
        max_bad_steps,
        max_memory,
        seed
    );
    if let Some(reports) = args.output.reports()? {
        config.report_to = reports;
    }
    if args.preset.is_some() {
        config.model = None;
    }
    if args.model.is_some() {
        config.preset = None;
    }
    config.overwrite_output_dir |= args.overwrite_output_dir;
    let optimizer = &mut config.optimizer;
    for (field, value) in [
        (&mut optimizer.adam_beta1, args.adam_beta1),
        (&mut optimizer.adam_beta2, args.adam_beta2),
        (&mut optimizer.adam_epsilon, args.adam_epsilon),
        (&mut optimizer.weight_decay, args.weight_decay),
    ] {
        *field = value.unwrap_or(*field);
    }
    optimizer.bias_correction &= !args.no_bias_correction;
    optimizer.lazy_adam |= args.lazy_adam;
    let dev = args.dev.iter().map(|path| dev_set(args, path));
    let dev: Vec<DataConfig> = dev.collect();
    let test = args.test.clone().map(|path| args.test_columns.of(path, &args.columns));
    if !dev.is_empty() {
        config.dev = dev;
    }
    config.test = test.or(config.test);
    if args.recipe.is_some() {
        recipes::fill(&mut config, &args.data, |data| args.columns.over(data))?;
    } else if !args.data.is_empty() || !args.objective.is_empty() {
        config.stage = vec![StageConfig { cycle: cycle(args)?, ..StageConfig::default() }];
    }
    if !args.dev_evaluator.is_empty() {
        config.dev_evaluator.clone_from(&args.dev_evaluator);
    }
    if args.metric_for_best_model.is_some() {
        config.greater_is_better = None;
    }
    over!(metric_for_best_model, greater_is_better);
    for stage in &mut config.stage {
        stage.num_train_epochs = args.num_train_epochs.or(stage.num_train_epochs);
        stage.max_steps = args.max_steps.or(stage.max_steps);
        stage.mix = args.multi_dataset_batch_sampler.unwrap_or(stage.mix);
        if args.learning_rate.is_some() {
            stage.learning_rate = None;
        }
        for phase in &mut stage.cycle {
            over_phase(args, phase)?;
        }
    }
    Ok(config)
}

/// A development set, `FILE` or `NAME=FILE`.
fn dev_set(args: &TrainArgs, path: &Path) -> DataConfig {
    let of = |path: PathBuf| args.dev_columns.of(path, &args.columns);
    let named = path.to_str().filter(|_| !path.exists()).and_then(|text| text.split_once('='));
    match named {
        Some((name, path)) => DataConfig { name: Some(name.into()), ..of(path.into()) },
        None => of(path.into()),
    }
}

/// Each objective with its file: as many files as objectives, or one for all of them.
fn cycle(args: &TrainArgs) -> Result<Vec<PhaseConfig>> {
    if args.data.is_empty() || args.objective.is_empty() {
        return Err(Error::config("--objective and --data must be given together"));
    }
    let (objectives, files) = (args.objective.len(), args.data.len());
    if files != 1 && files != objectives {
        return Err(Error::config(format!(
            "{files} data files for {objectives} objectives: give one file for all, or one per objective"
        )));
    }
    let file = |number: usize| args.columns.of(args.data[number.min(files - 1)].clone());
    let objectives = args.objective.iter().enumerate();
    Ok(objectives.map(|(number, name)| PhaseConfig::of(name, file(number))).collect())
}

fn over_phase(args: &TrainArgs, phase: &mut PhaseConfig) -> Result<()> {
    let from_scale = match args.scale {
        Some(scale) if !(scale.is_finite() && scale > 0.) => {
            return Err(Error::config(format!("--scale {scale}: expected a number above 0")));
        }
        scale => scale.map(|scale| 1. / scale),
    };
    phase.data.nli_triplets |= args.nli_triplets;
    phase.temperature = args.temperature.or(from_scale).or(phase.temperature);
    phase.alpha = args.alpha.or(phase.alpha);
    let [first, second] = args.consert.views()?;
    phase.view1 = args.view1.clone().or(first).or(phase.view1.take());
    phase.view2 = args.view2.clone().or(second).or(phase.view2.take());
    if args.consert.no_dropout {
        for view in [&mut phase.view1, &mut phase.view2] {
            view.get_or_insert(View::PLAIN).dropout = NetworkDropout::Off;
        }
    }
    phase.teacher = args.teacher.clone().or(phase.teacher.take());
    Ok(())
}

/// Whether the flags say what is trained: by a run file, a recipe, data or an objective.
fn names_run(args: &TrainArgs) -> bool {
    let file = args.config.is_some() || args.recipe.is_some();
    file || !args.data.is_empty() || !args.objective.is_empty()
}
