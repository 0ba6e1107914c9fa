//! `twindrop eval`.

use super::args::{EvalArgs, ModelArgs, ReportFormat};
use super::say;
use crate::data;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::StsReport;
use crate::nn::Arithmetic;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::evaluator;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

pub fn run(args: &EvalArgs) -> Result<()> {
    let config = args.columns.of(args.data.clone());
    let dataset = data::read(&config.path, &config.options())?;
    let evaluator = evaluator(&dataset)?;
    let model = open(&args.model)?;
    let report = evaluator.evaluate(&model)?;
    for name in report.undefined() {
        eprintln!("note: {name} is undefined: scores or similarities are all the same");
    }
    match args.format {
        ReportFormat::Json => say(serde_json::to_string(&report).map_err(|e| {
            Error::new(ErrorKind::Internal, format!("the report is not JSON: {e}"))
        })?),
        ReportFormat::Table => say(table(evaluator.name(), &report)),
    }
}

/// A model with what was asked to differ.
pub fn open(args: &ModelArgs) -> Result<SentenceEncoder> {
    let mut model = SentenceEncoder::from_pretrained(&args.model)?;
    if let Some(pooling) = args.pooling {
        model = model.with_pooling(pooling);
    }
    if let Some(length) = args.max_seq_length {
        model.set_max_seq_length(length)?;
    }
    let dtype = args.dtype.unwrap_or_default();
    note_dtype(dtype);
    Ok(if args.dtype.is_some() { model.with_dtype(dtype) } else { model })
}

/// Says so where the machine cannot compute as asked.
pub fn note_dtype(dtype: Arithmetic) {
    if dtype.available() != dtype {
        eprintln!("note: this CPU has no bf16 and int8 dot products; computing in float32");
    }
}

/// A correlation as papers print it.
pub fn percent(figure: Option<f64>) -> String {
    figure.map_or_else(|| "undefined".into(), |figure| format!("{:.2}", 100. * figure))
}

fn table(name: &str, report: &StsReport) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["similarity", "Spearman", "Pearson"]);
    for pair in report.figures().chunks_exact(2) {
        let similarity = pair[0].0.trim_start_matches("spearman_");
        table.add_row([similarity.to_string(), percent(pair[0].1), percent(pair[1].1)]);
    }
    format!(
        "{name}: {} pairs, {} distinct sentences (× 100)\n{table}",
        report.pairs, report.sentences
    )
}
