//! The targets: one for each reader of what a stranger may have written.

mod checkpoint;
mod collection;
mod data;
mod model;
mod npy;
mod senteval;
mod tensors;
mod tokenizer;
mod toml;
mod vectors;

use crate::scratch::Scratch;

/// How an input becomes files, which is not measured, and who reads them, which is.
pub struct Target {
    pub name: &'static str,
    pub prepare: fn(&mut Scratch, &[u8]),
    pub read: fn(&Scratch),
}

/// All of them. A new reader gets its line here, its file beside this one, and a few seeds in
/// `seeds/NAME`.
pub const ALL: [Target; 17] = [
    tensors::SAFETENSORS,
    tensors::TORCH,
    tensors::INDEX,
    tokenizer::TOKENIZER,
    model::MODEL,
    npy::NPY,
    vectors::VECTORS,
    data::TSV,
    data::CSV,
    data::JSONL,
    data::JSON,
    data::TEXT,
    senteval::SENTEVAL,
    collection::COLLECTION,
    toml::RUN,
    toml::SUITE,
    checkpoint::CHECKPOINT,
];

/// The one that `TWINDROP_FUZZ` names.
pub fn chosen() -> &'static Target {
    let name = std::env::var("TWINDROP_FUZZ").unwrap_or_default();
    static TARGETS: [Target; ALL.len()] = ALL;
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
        eprintln!("TWINDROP_FUZZ is `{name}`, expected one of {}", names.join(" "));
        std::process::exit(2)
    })
}
