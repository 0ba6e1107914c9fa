//! `twindrop embed`.

mod args;
mod output;

pub use args::EmbedArgs;

use crate::cli::shared::model::{open, paths};
use crate::cli::shared::notes::{counts, note_report};
use crate::cli::shared::print::note;
use crate::embed_job::{Calibration, EmbedJob, EmbedProgress, Input, WorkerRank};
use crate::error::{Error, Result};
use crate::hub;
use crate::io;
use crate::report::format::grouped;
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use crate::train::now;
use crate::vectors::Ranges;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Interval between progress lines.
const EVERY: Duration = Duration::from_secs(5);

pub fn run(args: &EmbedArgs) -> Result<()> {
    let sharded = args.shard_size.is_some();
    let form = output::form(&args.output, args.output_format.as_deref(), sharded)?;
    form.check(&args.keep_columns)?;
    let input = inputs(&args.input)?;
    expect_apart(args, &input)?;
    input.sizes()?; // a missing file is reported before the model is loaded
    let read = args.columns.of(PathBuf::new()).options();
    let (reports, total) = input.check(&read, &args.keep_columns)?;
    reports.iter().for_each(note_report);
    let share = share(args)?;
    let known = args.ranges.as_deref().map(Ranges::read).transpose()?;
    let calibration = match (known, &args.calibration) {
        (Some(ranges), _) => Calibration::Known(ranges),
        (_, Some(path)) => Calibration::Texts(Input::Files(vec![path.clone()])),
        _ => Calibration::First(args.calibration_rows),
    };
    let model = open(&args.model)?;
    let encode = encode(args, &model)?;
    let bulk = EmbedJob {
        model: &model,
        input,
        read,
        keep_columns: args.keep_columns.clone(),
        encode,
        precision: args.precision,
        calibration,
        form,
        output: args.output.clone(),
        shard_size: args.shard_size,
        share: share.clone(),
        resume: args.resume,
    };
    if !share.said_by.is_empty() {
        note(format!("rank {} of {} ({})", share.rank, share.world, share.said_by));
    }
    let mut pace = ProgressPrinter::new(total);
    let done = bulk.run(&mut |progress| pace.on_event(progress))?;
    for shard in &done.damaged {
        note(format!("warning: {shard} was damaged or missing and has been written again"));
    }
    let (rows, all) = (grouped(done.encoded), grouped(done.rows));
    let total = match (done.encoded == done.rows, done.complete) {
        (true, _) => String::new(),
        (false, true) => format!("; output complete with {all}"),
        (false, false) => format!("; {all} in total when all ranks have finished"),
    };
    let embeddings = if done.encoded == 1 { "embedding" } else { "embeddings" };
    let (dimensions, place) = (done.numbers, args.output.display());
    let counts = counts(&done.reports, model.tokenizer().truncated_texts());
    note(format!(
        "{rows} {embeddings}, {dimensions} dimensions, saved to {place}{total}{counts}"
    ));
    Ok(())
}

/// Refuses an output that would replace something that is read.
fn expect_apart(args: &EmbedArgs, input: &Input) -> Result<()> {
    if let Input::Files(files) = input {
        io::expect_apart(&args.output, files)?;
    }
    let others = [&args.calibration, &args.ranges].into_iter().flatten();
    io::expect_apart(&args.output, others)?;
    io::expect_apart(&args.output, paths(&args.model.model))
}

fn encode(args: &EmbedArgs, model: &SentenceEncoder) -> Result<EncodeOptions> {
    let named = args.prompt_name.as_deref().map(|name| model.prompts().named(name));
    let named = named.transpose()?.map(String::from);
    Ok(EncodeOptions {
        batch_size: args.batch_size,
        normalize_embeddings: args.normalize_embeddings,
        truncate_dim: args.truncate_dim,
        truncate_text: !args.no_truncation,
        prompt: args.prompt.clone().or(named),
        ..EncodeOptions::default()
    })
}

/// Files by path or hub name, those that a glob pattern matches in the order of their names, or
/// `-`.
pub fn inputs(named: &[PathBuf]) -> Result<Input> {
    if let [one] = named
        && one.as_os_str() == "-"
    {
        return Ok(Input::Standard);
    }
    let mut files = Vec::new();
    for path in named {
        let text = path.to_string_lossy();
        if text == "-" {
            return Err(Error::config("-: standard input cannot be combined with files"));
        }
        if path.exists() || !text.contains(['*', '?', '[']) {
            files.push(hub::data(path)?);
            continue;
        }
        let found = glob::glob(&text).map_err(|error| {
            Error::config(format!("{text}: invalid pattern: {}", error.msg))
        })?;
        let before = files.len();
        files.extend(found.flatten().filter(|path| path.is_file()));
        if files.len() == before {
            return Err(Error::config(format!("{text} matches no file")));
        }
    }
    Ok(Input::Files(files))
}

/// Rank and world size by flags, else by the launcher's environment variables.
fn share(args: &EmbedArgs) -> Result<WorkerRank> {
    let share = match (args.rank, args.world_size.map(NonZeroUsize::get)) {
        (Some(rank), Some(world)) => WorkerRank::new(rank, world)?,
        (None, Some(1)) => WorkerRank::alone(),
        (None, None) => WorkerRank::from_variables(|name| std::env::var(name).ok())?,
        _ => return Err(Error::config("--rank and --world-size must be given together")),
    };
    if share.world > 1 && args.shard_size.is_none() {
        let who = match share.said_by.as_str() {
            "" => "--world-size".to_string(),
            names => names.to_string(),
        };
        return Err(Error::config(format!(
            "{who}: {} processes share the work by shards; give --shard-size, or --world-size 1 for a single process",
            share.world
        )));
    }
    Ok(share)
}

/// Prints a progress line every few seconds.
struct ProgressPrinter {
    /// Rows of the input, where they are known.
    total: Option<u64>,
    /// Rows behind it when the first was encoded: those before were done by an earlier run.
    start: Option<u64>,
    started: Instant,
    last_printed: Instant,
}

impl ProgressPrinter {
    fn new(total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { total, start: None, started: now, last_printed: now }
    }

    fn on_event(&mut self, progress: EmbedProgress) {
        if progress.encoded == 0 {
            (self.start, self.started) = (Some(progress.rows), Instant::now());
        }
        self.start.get_or_insert(0);
        if self.last_printed.elapsed() >= EVERY {
            self.last_printed = Instant::now();
            let line = self.line(progress, self.started.elapsed());
            note(format!("{} {line}", now()));
        }
    }

    /// `1,000 of 4,000 rows, 50 rows/s, 60 s left`.
    fn line(&self, progress: EmbedProgress, elapsed: Duration) -> String {
        let EmbedProgress { rows, encoded } = progress;
        let seconds = elapsed.as_secs_f64();
        let speed = encoded as f64 / seconds;
        let start = self.start.unwrap_or(rows);
        let Some(total) = self.total.filter(|total| *total >= rows) else {
            return format!("{} rows, {speed:.0} rows/s", grouped(rows));
        };
        // of several ranks, each passes the rows of others in no time
        let passed = (rows - start) as f64;
        let left = seconds / passed * (total - rows) as f64;
        let left = if passed > 0. { format!(", {left:.0} s left") } else { String::new() };
        format!("{} of {} rows, {speed:.0} rows/s{left}", grouped(rows), grouped(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rows_of_all_and_the_time_left_where_all_are_known() {
        let line = |total, start, rows, encoded| {
            let mut pace = ProgressPrinter::new(total);
            pace.start = Some(start);
            pace.line(EmbedProgress { rows, encoded }, Duration::from_secs(20))
        };
        let whole = line(Some(4_000), 0, 1_000, 1_000);
        assert_eq!(whole, "1,000 of 4,000 rows, 50 rows/s, 60 s left");
        // resumed after 2,000 rows; and one of two ranks
        let rest = line(Some(4_000), 2_000, 3_000, 1_000);
        assert_eq!(rest, "3,000 of 4,000 rows, 50 rows/s, 20 s left");
        assert_eq!(
            line(Some(4_000), 0, 2_000, 1_000),
            "2,000 of 4,000 rows, 50 rows/s, 20 s left"
        );
        assert_eq!(line(None, 0, 1_000, 1_000), "1,000 rows, 50 rows/s");
    }
}
