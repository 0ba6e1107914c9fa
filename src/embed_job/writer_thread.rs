//! The writing thread: each shard whole, then the manifest that lists it.

use super::layout::ShardLayout;
use super::shards::OutputPaths;
use super::verifier::add;
use super::writer::Writer;
use crate::data::TextRow;
use crate::error::Result;
use crate::io::{Digest, PartialFile};
use crate::vectors::Quantized;
use crate::vectors::Shard;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

/// Messages to the writer thread.
pub(super) enum WriterMessage {
    Rows {
        number: usize,
        rows: Vec<TextRow>,
        vectors: Quantized,
    },
    /// The input has ended: what is open is whole.
    End,
}

/// The writing thread.
pub(super) struct WriterThread<'a> {
    layout: &'a ShardLayout,
    shard_size: u64,
    place: OutputPaths,
    open: Option<OpenShard<'a>>,
}

/// A shard that is being written.
struct OpenShard<'a> {
    number: usize,
    path: PathBuf,
    writer: Writer<'a>,
    digest: Digest,
    rows: u64,
}

impl<'a> WriterThread<'a> {
    pub fn new(layout: &'a ShardLayout, shard_size: u64, place: OutputPaths) -> Self {
        Self { layout, shard_size, place, open: None }
    }

    /// Writes until the end message; where messages just stop, what is open is discarded.
    pub fn run(mut self, orders: &Receiver<WriterMessage>) -> Result<OutputPaths> {
        while let Ok(order) = orders.recv() {
            match order {
                WriterMessage::Rows { number, rows, vectors } => {
                    self.rows(number, &rows, &vectors)?
                }
                WriterMessage::End => {
                    self.close()?;
                    break;
                }
            }
        }
        Ok(self.place)
    }

    fn rows(&mut self, number: usize, rows: &[TextRow], vectors: &Quantized) -> Result<()> {
        if self.open.as_ref().is_some_and(|open| open.number != number) {
            self.close()?;
        }
        if self.open.is_none() {
            let (path, part) = match &mut self.place {
                OutputPaths::One(path) => (path.clone(), PartialFile::output(path)?),
                OutputPaths::Many(shards) => {
                    let path = shards.path(number);
                    let part = PartialFile::create(&path)?;
                    (path, part)
                }
            };
            let writer = Writer::new(part, self.layout)?;
            self.open =
                Some(OpenShard { number, path, writer, digest: Digest::default(), rows: 0 });
        }
        let open = self.open.as_mut().expect("just opened");
        open.writer.write(rows, vectors)?;
        rows.iter().for_each(|row| add(&mut open.digest, row));
        open.rows += rows.len() as u64;
        if open.rows == self.shard_size { self.close() } else { Ok(()) }
    }

    /// The shard first, then the manifest that lists it.
    fn close(&mut self) -> Result<()> {
        let Some(OpenShard { number, path, writer, digest, rows }) = self.open.take() else {
            return Ok(());
        };
        writer.finish()?;
        let OutputPaths::Many(shards) = &mut self.place else { return Ok(()) };
        shards.add(Shard::written(&path, number, rows, digest.hex())?)
    }
}
