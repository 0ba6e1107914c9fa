//! What the tasks of `twindrop eval` have in common: models, intervals, output.

use super::intervals::bootstrap;
use super::layout::print_report;
use super::metrics::{self, ModelMetrics};
use crate::cli::shared::args::{EncodeArgs, ReportFormat, UsageArgs};
use crate::cli::shared::model::{load, note_dtype, paths};
use crate::cli::shared::notes::{counts_line_if_any, note_prompt, note_prompts};
use crate::cli::shared::print::note;
use crate::data::ReadReport;
use crate::error::{Error, Result};
use crate::eval::{Bootstrap, Evaluator};
use crate::io;
use crate::sentence_encoder::PromptedEncoder;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const METRICS: &str = "Metrics";
const OUTPUT: &str = "Output";

/// Models to evaluate, and the output of their metrics.
#[derive(Args)]
pub struct TaskArgs {
    /// Model directory or hub id; repeat to evaluate several models
    #[arg(
        long,
        visible_alias = "model-name-or-path",
        value_name = "MODEL",
        required = true,
        help_heading = "Model"
    )]
    pub model: Vec<String>,
    #[command(flatten, next_help_heading = "Model")]
    pub usage: UsageArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub encode: EncodeArgs,
    /// Number of bootstrap resamples for 95 % confidence intervals; 0 disables them
    #[arg(long, value_name = "N", default_value = "10000", help_heading = METRICS)]
    pub bootstrap: usize,
    /// Random seed of the bootstrap
    #[arg(long, value_name = "N", default_value = "42", help_heading = METRICS)]
    pub seed: u64,
    /// Output format
    #[arg(long, value_enum, default_value = "table", help_heading = OUTPUT)]
    pub format: ReportFormat,
    /// Also write the metrics to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
}

/// The prompts of a task.
#[derive(Default)]
pub struct TaskPrompts {
    /// Whether its texts are queries and documents.
    pub is_retrieval: bool,
    /// Before queries, instead of the model's own.
    pub query: Option<String>,
    /// Before documents, likewise.
    pub document: Option<String>,
}

impl TaskPrompts {
    /// Prints the prompts that a model is evaluated with, if there are any.
    fn note(&self, model: &PromptedEncoder) {
        match self.is_retrieval {
            true => note_prompts(model.query_prompt(), model.document_prompt()),
            false => note_prompt(model.text_prompt()),
        }
    }
}

impl TaskArgs {
    /// Checks the options before data are read: `inputs` are the files that will be.
    pub fn check(&self, inputs: &[&Path]) -> Result<Bootstrap> {
        if let Some(output) = &self.output {
            io::expect_apart(output, inputs)?;
            io::expect_apart(output, self.model.iter().flat_map(|model| paths(model)))?;
        }
        let parent = self.output.as_deref().and_then(Path::parent);
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir());
        if let Some(parent) = parent {
            let message = format!("--output: no such directory: {}", parent.display());
            return Err(Error::config(message));
        }
        if let Some(directory) = self.output.as_deref().filter(|path| path.is_dir()) {
            let message =
                format!("--output {} is a directory; expected a file", directory.display());
            return Err(Error::config(message));
        }
        bootstrap(self.bootstrap, self.seed)
    }

    /// Evaluates every model and prints its metrics; `title` names the data, of which `reports` say
    /// how they were read.
    pub fn report(
        &self,
        task: &str,
        title: &str,
        evaluator: &dyn Evaluator,
        reports: &[&ReadReport],
        prompts: &TaskPrompts,
    ) -> Result<()> {
        let draws = self.check(&[])?;
        note_dtype(self.usage.dtype.unwrap_or_default());
        let (mut answers, mut truncated) = (Vec::new(), 0);
        for name in &self.model {
            let model = load(name, self.usage)?;
            let prompted = PromptedEncoder::new(&model, self.encode.options(&model)?);
            let prompted =
                prompted.with_prompts(prompts.query.clone(), prompts.document.clone());
            prompts.note(&prompted);
            let metrics = evaluator.evaluate(&prompted, &draws)?;
            truncated = truncated.max(model.tokenizer().truncated_texts());
            answers.push(ModelMetrics { model: name.clone(), metrics });
        }
        self.note_undefined(&answers);
        let report = report_object(task, title, &answers);
        print_report(&report, self.output.as_deref(), self.format, || {
            metrics::tables(title, &answers, &draws)
        })?;
        counts_line_if_any(title, reports.iter().copied(), truncated);
        Ok(())
    }

    /// Prints why metrics are undefined, each reason once.
    pub fn note_undefined(&self, answers: &[ModelMetrics]) {
        for ModelMetrics { model, metrics } in answers {
            let of = if answers.len() > 1 { format!(" of {model}") } else { String::new() };
            let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
            for (name, reason) in metrics.undefined() {
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, names)) => names.push(name),
                    None => reasons.push((reason, vec![name])),
                }
            }
            for (reason, names) in reasons {
                let (first, are) = match names[..] {
                    [one] => (one.to_string(), "is"),
                    [one, .., last] => (format!("{one} … {last}"), "are"),
                    [] => continue,
                };
                note(format!("note: {first}{of} {are} undefined: {reason}"));
            }
        }
    }
}

/// A flat object for one model, a list of objects for several.
fn report_object(task: &str, title: &str, answers: &[ModelMetrics]) -> Value {
    let mut object = json!({ "task": task, "data": title });
    match answers {
        [one] => {
            let flat = metrics::flat(one);
            object.as_object_mut().expect("an object").extend(flat);
        }
        _ => object["models"] = answers.iter().map(metrics::flat).map(Value::from).collect(),
    }
    object
}
