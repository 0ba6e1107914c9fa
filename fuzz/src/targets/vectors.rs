//! What `embed` leaves beside its numbers: a manifest of shards, and the ranges of int8.

use super::Target;
use super::tensors::behind_length;
use crate::scratch::{choice, files};
use twindrop::embed::{Embeddings, Ranges};

/// A manifest beside two sound shards of two rows; ranges; or a header before 16 bytes.
pub const VECTORS: Target = Target {
    name: "vectors",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        scratch.choice = choice % 3;
        let header = br#"{"embeddings":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        scratch.provide("1.safetensors", behind_length(header, &[0x3e; 16]));
        scratch.provide("2.safetensors", behind_length(header, &[0x3e; 16]));
        let mut given = files(data);
        let first = given.next().unwrap_or_default();
        match scratch.choice {
            0 => scratch.write("manifest.json", first),
            1 => scratch.write("ranges.json", first),
            _ => scratch.write("x.safetensors", behind_length(first, &[0x3e; 16])),
        }
    },
    read: |scratch| {
        if scratch.choice == 1 {
            if let Ok(ranges) = Ranges::read(&scratch.path("ranges.json")) {
                assert!(ranges.width() > 0);
            }
            return;
        }
        let name = ["manifest.json", "", "x.safetensors"][usize::from(scratch.choice)];
        let Ok(vectors) = Embeddings::read(scratch.path(name)) else { return };
        assert_eq!(vectors.row(vectors.rows() - 1).len(), vectors.width());
    },
};
