//! Opening a model with the options of the command line.

use super::args::{ModelArgs, UsageArgs};
use crate::cli::shared::print::note;
use crate::error::{Error, Result};
use crate::nn::{ComputeDtype, isa_name, kernel_warnings};
use crate::sentence_encoder::{SentenceEncoder, TextClassifier};
use std::path::{Path, PathBuf};

/// A model's directory, if it is one, and its files there: what no output may replace.
pub fn paths(name: &str) -> Vec<PathBuf> {
    const FILES: [&str; 11] = [
        "",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "pytorch_model.bin",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ];
    FILES.map(|file| Path::new(name).join(file)).into()
}

/// Loads a model with the options given.
pub fn open(args: &ModelArgs) -> Result<SentenceEncoder> {
    let model = load(&args.model, args.usage)?;
    note_dtype(args.usage.dtype.unwrap_or(model.model().dtype()));
    Ok(model)
}

/// A model with the options applied.
pub fn load(name: &str, usage: UsageArgs) -> Result<SentenceEncoder> {
    with_usage(SentenceEncoder::from_pretrained(name)?, usage)
}

/// A classifier, regressor or cross-encoder with the options applied.
pub fn open_classifier(name: &str, usage: UsageArgs) -> Result<TextClassifier> {
    if usage.pooling.is_some() {
        let message = "--pooling: a head reads what it was trained on; omit it";
        return Err(Error::config(message));
    }
    let encoder = with_usage(SentenceEncoder::for_classification(name)?, usage)?;
    note_dtype(usage.dtype.unwrap_or(encoder.model().dtype()));
    TextClassifier::of(encoder)
}

/// The same model with the options applied; prints what its files leave open.
fn with_usage(mut model: SentenceEncoder, usage: UsageArgs) -> Result<SentenceEncoder> {
    if let Some(pooling) = usage.pooling {
        model = model.with_pooling(pooling);
    }
    if let Some(length) = usage.max_seq_length {
        model.set_max_seq_length(length)?;
    }
    warn(&model);
    Ok(if let Some(dtype) = usage.dtype { model.with_dtype(dtype) } else { model })
}

/// Prints what was passed over or guessed when the model was loaded, and which instructions do not
/// work on this CPU, a line each.
pub fn warn(model: &SentenceEncoder) {
    kernel_warnings().iter().for_each(|warning| note(format!("warning: {warning}")));
    model.notes().iter().for_each(|note| super::print::note(format!("warning: {note}")));
}

/// Prints a note if the CPU lacks instructions for `dtype`.
pub fn note_dtype(dtype: ComputeDtype) {
    if dtype.is_native() {
        return;
    }
    let (isa, available) = (isa_name(), dtype.available());
    if available == dtype {
        note(format!(
            "note: no VNNI instructions ({isa}): {dtype} gives the same embeddings, slower"
        ));
    } else {
        note(format!("note: no {dtype} instructions ({isa}): computing in {available}"));
    }
}
