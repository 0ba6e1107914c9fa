//! What `embed` leaves beside its numbers: a manifest of shards, and the ranges of int8.

use super::Target;
use super::tensors::behind_length;
use crate::scratch::choice;
use twindrop::vectors::{Embeddings, Ranges};

const NAMES: [&str; 3] = ["manifest.json", "ranges.json", "x.safetensors"];

/// A manifest beside two sound shards of two rows; ranges; or a header before 16 bytes.
pub const VECTORS: Target = Target {
    name: "vectors",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        scratch.choice = choice % 3;
        let header = br#"{"embeddings":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        scratch.provide("1.safetensors", behind_length(header, &[0x3e; 16]));
        scratch.provide("2.safetensors", behind_length(header, &[0x3e; 16]));
        let file = match scratch.choice {
            2 => behind_length(data, &[0x3e; 16]),
            _ => data.to_vec(),
        };
        scratch.write(NAMES[usize::from(scratch.choice)], file);
    },
    read: |scratch| {
        let path = scratch.path(NAMES[usize::from(scratch.choice)]);
        if scratch.choice == 1 {
            assert!(Ranges::read(&path).map_or(true, |ranges| ranges.width() > 0));
        } else if let Ok(vectors) = Embeddings::read(path) {
            assert_eq!(vectors.row(vectors.rows() - 1).len(), vectors.width());
        }
    },
};
