//! The writing thread: each shard whole, then the manifest that lists it.

use super::checked::add;
use super::manifest::Shard;
use super::shards::Shards;
use super::writer::{Layout, Writer};
use crate::data::TextRow;
use crate::disk::Digest;
use crate::embed::Quantized;
use crate::error::Result;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

/// What the writing thread is told.
pub(super) enum Order {
    Rows {
        number: usize,
        rows: Vec<TextRow>,
        vectors: Quantized,
    },
    /// The input has ended: what is open is whole.
    End,
}

/// Where files go.
pub(super) enum Place {
    One(PathBuf),
    Many(Box<Shards>),
}

/// The writing thread.
pub(super) struct Writing<'a> {
    layout: &'a Layout,
    shard_size: u64,
    place: Place,
    open: Option<Open<'a>>,
}

/// A shard that is being written.
struct Open<'a> {
    number: usize,
    path: PathBuf,
    writer: Writer<'a>,
    digest: Digest,
    rows: u64,
}

impl<'a> Writing<'a> {
    pub fn new(layout: &'a Layout, shard_size: u64, place: Place) -> Self {
        Self { layout, shard_size, place, open: None }
    }

    /// Writes until the end is told; where orders just stop, what is open is given up.
    pub fn run(mut self, orders: &Receiver<Order>) -> Result<Place> {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Rows { number, rows, vectors } => self.rows(number, &rows, &vectors)?,
                Order::End => {
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
            let path = match &mut self.place {
                Place::One(path) => path.clone(),
                Place::Many(shards) => {
                    shards.begin()?;
                    shards.path(number)
                }
            };
            let writer = Writer::create(&path, self.layout)?;
            self.open = Some(Open { number, path, writer, digest: Digest::default(), rows: 0 });
        }
        let open = self.open.as_mut().expect("just opened");
        open.writer.write(rows, vectors)?;
        rows.iter().for_each(|row| add(&mut open.digest, row));
        open.rows += rows.len() as u64;
        if open.rows == self.shard_size { self.close() } else { Ok(()) }
    }

    /// The shard first, then the manifest that lists it.
    fn close(&mut self) -> Result<()> {
        let Some(Open { number, path, writer, digest, rows }) = self.open.take() else {
            return Ok(());
        };
        writer.finish()?;
        let Place::Many(shards) = &mut self.place else { return Ok(()) };
        shards.add(Shard::written(&path, number, rows, digest.hex())?)
    }
}
