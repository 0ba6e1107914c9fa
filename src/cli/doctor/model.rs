//! A model: whether it loads, its architecture, and which other programs load it.

use super::findings::{Findings, size};
use crate::error::{Error, Result};
use crate::hub;
use crate::io::tensors::TensorFile;
use crate::nn::Parameter;
use crate::report::format::grouped;
use crate::sentence_encoder::{
    Compatibility, SentenceEncoder, TextClassifier, check_compatibility,
};
use std::path::Path;

/// The model in a directory, of embeddings or with a head of transformers'.
fn load(directory: &Path) -> Result<SentenceEncoder> {
    match TextClassifier::is_sequence_in(directory)? {
        true => SentenceEncoder::for_classification(directory.to_string_lossy()),
        false => SentenceEncoder::from_directory(directory),
    }
}

/// The model called `name`, where it loads.
pub fn check(findings: &mut Findings, name: &str) -> Result<Option<SentenceEncoder>> {
    let loaded = hub::resolve(name).and_then(|directory| Ok((load(&directory)?, directory)));
    let (encoder, directory) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let advice = "run `twindrop check-model DIR` for details";
            findings.fail("model", error.to_string(), advice)?;
            return Ok(None);
        }
    };
    findings.ok("model", format!("{name}: {}", shape(&encoder)))?;
    findings.ok("modules", modules(&encoder))?;
    for note in encoder.notes() {
        findings.warn("files", note, "correct the file, or accept what is said")?;
    }
    let (length, positions) =
        (encoder.max_seq_length(), encoder.model().encoder().max_positions());
    let tokens = grouped(encoder.tokenizer().vocabulary_size() as u64);
    let cut = match (length, positions) {
        (usize::MAX, _) => "not truncated".to_string(),
        (length, usize::MAX) => format!("truncated to {length} tokens"),
        (length, positions) => format!("truncated to {length} of {positions} positions"),
    };
    let says = format!("{cut}, vocabulary of {tokens} tokens");
    findings.ok("texts", says)?;
    file(findings, &directory)?;
    others(findings, name, &check_compatibility(&directory)?)?;
    Ok(Some(encoder))
}

/// `bert, 6 layers, hidden size 384, 22,713,216 parameters`.
fn shape(encoder: &SentenceEncoder) -> String {
    let (model, inner) = (encoder.model(), encoder.model().encoder());
    let config = inner.config();
    let kind = config["model_type"].as_str().unwrap_or("unknown");
    let numbers: usize = model.parameters().iter().map(Parameter::len).sum();
    let (layers, width) = (inner.layers(), inner.width());
    if let Some(format) = encoder.static_format() {
        let numbers = grouped(numbers as u64);
        return format!("static embedding ({format}), dimension {width}, {numbers} parameters");
    }
    format!(
        "{kind}, {layers} layers, hidden size {width}, {} parameters",
        grouped(numbers as u64)
    )
}

/// `mean pooling, dense 384 to 256, L2-normalized`.
fn modules(encoder: &SentenceEncoder) -> String {
    let model = encoder.model();
    let mut modules = vec![format!("{} pooling", model.pooling())];
    if let Some(dense) = model.dense() {
        modules.push(format!("dense {} to {}", dense.inputs(), dense.config().out));
    }
    if encoder.normalizes() {
        modules.push("L2-normalized".into());
    }
    modules.join(", ")
}

fn file(findings: &mut Findings, directory: &Path) -> Result<()> {
    let path = directory.join("model.safetensors");
    let Ok(file) = TensorFile::open(&path) else {
        return findings.ok("weights", "not in model.safetensors");
    };
    let dtypes: Vec<String> = file.dtypes().iter().map(|dtype| dtype.to_string()).collect();
    let bytes = path.metadata().map_err(|error| Error::io(&path, error))?.len();
    let says = format!("model.safetensors, {}, {}", size(bytes), dtypes.join(" and "));
    findings.ok("weights", says)
}

fn others(findings: &mut Findings, name: &str, verdicts: &[Compatibility]) -> Result<()> {
    let named = |verdicts: Vec<&Compatibility>| {
        let names = verdicts.iter().map(|verdict| verdict.reader.to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let faulty: Vec<&Compatibility> =
        verdicts.iter().filter(|v| !v.faults.is_empty()).collect();
    if faulty.is_empty() {
        return findings
            .ok("readers", format!("loaded by {}", named(verdicts.iter().collect())));
    }
    let says = format!("not loaded correctly by {}", named(faulty));
    findings.warn("readers", says, format!("run `twindrop check-model {name}` for the reasons"))
}
