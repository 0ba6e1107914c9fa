//! The configurations of a model's directory, beside sound weights and a sound vocabulary.

use super::Target;
use super::tensors::behind_length;
use crate::scratch::files;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};

const FILES: [&str; 6] = [
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "2_Dense/config.json",
];

/// The files, a NUL between them; one that is not there does not exist.
pub const MODEL: Target = Target {
    name: "model",
    prepare: |scratch, data| {
        scratch.provide("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncat\n");
        let header = br#"{"embeddings.word_embeddings.weight":
            {"dtype":"F32","shape":[6,2],"data_offsets":[0,48]}}"#;
        scratch.provide("model.safetensors", behind_length(header, &[0x3e; 48]));
        let header = br#"{"linear.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
            "linear.bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#;
        scratch.provide("2_Dense/model.safetensors", behind_length(header, &[0x3e; 24]));
        let mut given = files(data);
        for name in FILES {
            match given.next() {
                Some(file) => scratch.write(name, file),
                None => scratch.remove(name),
            }
        }
    },
    read: |scratch| {
        let Ok(model) = SentenceEncoder::from_directory(scratch.folder()) else { return };
        let _ = model.encode(&["cat"], &EncodeOptions::default());
    },
};
