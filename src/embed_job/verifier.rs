//! Shards of an earlier run, held against the input again.

use super::shards::OutputPaths;
use crate::data::TextRow;
use crate::error::{Error, Result};
use crate::io::Digest;
use crate::vectors::Shard;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Rows of shards that were finished before, compared with what those were made of.
pub(super) struct ShardVerifier {
    known: BTreeMap<usize, Shard>,
    open: Option<(usize, Digest, u64)>,
    place: PathBuf,
}

impl ShardVerifier {
    pub fn new(place: &OutputPaths) -> Self {
        let (known, place) = match place {
            OutputPaths::Many(shards) => (shards.done.clone(), shards.path(0)),
            OutputPaths::One(path) => (BTreeMap::new(), path.clone()),
        };
        Self { known, open: None, place }
    }

    pub fn is_done(&mut self, number: usize, rows: &[TextRow]) -> Result<bool> {
        if self.open.as_ref().is_some_and(|(open, ..)| *open != number) {
            self.end()?;
        }
        if !self.known.contains_key(&number) {
            return Ok(false);
        }
        let (_, digest, count) =
            self.open.get_or_insert_with(|| (number, Digest::default(), 0));
        rows.iter().for_each(|row| add(digest, row));
        *count += rows.len() as u64;
        Ok(true)
    }

    /// The rows of a finished shard have all been seen.
    pub fn end(&mut self) -> Result<()> {
        let Some((number, digest, rows)) = self.open.take() else { return Ok(()) };
        let shard = &self.known[&number];
        if shard.rows == rows && shard.texts_sha256 == digest.hex() {
            return Ok(());
        }
        let place = self.place.parent().unwrap_or(&self.place).display();
        Err(Error::config(format!(
            "{place}: the input changed: {} was written from other rows; choose another --output",
            shard.file
        )))
    }
}

/// A row as a digest knows it: each part by its length and its bytes.
pub(super) fn add(digest: &mut Digest, row: &TextRow) {
    digest.text(&row.text);
    row.kept.iter().for_each(|value| digest.text(&value.to_string()));
}
