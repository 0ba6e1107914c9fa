//! The run: a thread that reads, all that encode, a thread that writes.

use super::input::{Input, ReaderThread, RowWindow};
use super::layout::ShardLayout;
use super::options::{Calibration, EmbedJob};
use super::shards::OutputPaths;
use super::shards::Shards;
use super::verifier::{ShardVerifier, add};
use super::windows::{Windows, first};
use super::writer_thread::{WriterMessage, WriterThread};
use crate::data::ReadReport;
use crate::error::{Error, ErrorKind, Result};
use crate::io::{self, Digest};
use crate::vectors::{EmbedManifest, Embeddings, InputRead, Ranges, quantize_embeddings};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedProgress {
    /// Rows of the input behind it.
    pub rows: u64,
    /// Rows that it encoded; others were done before, or are another process's.
    pub encoded: u64,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedSummary {
    /// Rows of the whole input.
    pub rows: u64,
    /// Rows that this run encoded.
    pub encoded: u64,
    /// Numbers in a stored vector.
    pub numbers: usize,
    /// Whether every row of the input is written, by whichever process.
    pub complete: bool,
    /// Shards of an earlier run that were no longer whole, and were made again.
    pub damaged: Vec<String>,
    /// What was decided and left out while the input was read, file by file.
    pub reports: Vec<ReadReport>,
}

/// What was encoded, and how many of its texts came again.
struct Encoded {
    summary: EmbedSummary,
    duplicates: u64,
}

/// Counts texts that came before, by their hashes; among so many distinct ones at most that memory
/// stays bounded.
#[derive(Default)]
struct RepeatedTexts {
    known: HashSet<u64>,
    count: u64,
}

fn no_thread(error: std::io::Error) -> Error {
    let message = "raise the limits of processes and memory (ulimit -u, ulimit -v)";
    Error::config(format!("cannot start a thread: {error}; {message}"))
}

/// The distinct texts that are remembered: 16 MiB of hashes.
const REMEMBERED: usize = 1 << 20;

impl RepeatedTexts {
    fn add(&mut self, text: &str) {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        if self.known.contains(&hash) {
            self.count += 1;
        } else if self.known.len() < REMEMBERED {
            self.known.insert(hash);
        }
    }
}

impl EmbedJob<'_> {
    /// Embeds the input. A file appears when it is whole; what is refused before the first row
    /// leaves nothing behind.
    ///
    /// # Errors
    /// Where settings cannot be, the earlier run that is to be resumed was another, a row cannot
    /// be read or encoded, or a file cannot be written.
    pub fn run(&self, listen: &mut dyn FnMut(EmbedProgress)) -> Result<EmbedSummary> {
        self.check()?;
        let sizes = self.input.sizes()?;
        let mut place = self.place()?;
        let known = match &mut place {
            OutputPaths::Many(shards) => shards.manifest().ranges.clone(),
            OutputPaths::One(_) => None,
        };
        let damaged = match &place {
            OutputPaths::Many(shards) => shards.damaged.clone(),
            OutputPaths::One(_) => vec![],
        };
        let reading = ReaderThread {
            input: &self.input,
            options: &self.read,
            keep: &self.keep_columns,
            shard_size: self.shard_size.unwrap_or(u64::MAX),
        };
        thread::scope(|threads| {
            let (send, windows) = sync_channel(2);
            let reading = &reading;
            let reader =
                thread::Builder::new().spawn_scoped(threads, move || reading.run(&send));
            let reader = reader.map_err(no_thread)?;
            let mut windows = Windows::new(windows);
            let ranges = self.ranges(known, &mut windows)?;
            windows.expect_first()?;
            if let OutputPaths::Many(shards) = &mut place {
                shards.manifest().ranges.clone_from(&ranges);
                shards.begin()?;
            }
            let done = self.encode_all(windows, place, ranges.as_ref(), &sizes, listen)?;
            let mut reports = reader.join().unwrap_or_default();
            if let Some(first) = reports.first_mut() {
                first.duplicates = done.duplicates;
            }
            Ok(EmbedSummary { reports, damaged, ..done.summary })
        })
    }

    /// Refuses settings that cannot be, before anything is read.
    fn check(&self) -> Result<()> {
        self.form.check(&self.keep_columns)?;
        if self.shard_size == Some(0) {
            return Err(Error::config("shard_size 0: expected at least 1"));
        }
        if self.shard_size.is_none() && (self.resume || self.share.world > 1) {
            let message = "resuming and sharing work need shards; give --shard-size";
            return Err(Error::config(message));
        }
        let is_regular = self.input.is_regular();
        if !is_regular && (self.resume || self.share.world > 1) {
            let message =
                "standard input, pipes and devices cannot be resumed or shared; give a file";
            return Err(Error::config(message));
        }
        if !is_regular && self.calibrates_on_input() {
            let message = "the calibration texts are the input, which can be read once only; give \
                         --calibration-rows, or a file";
            return Err(Error::config(message));
        }
        if self.lacks_place_for_ranges() {
            return Err(Error::config(format!(
                "{}: {} is read with ranges from a manifest beside the output; write to a regular \
                 file, or give --ranges",
                self.output.display(),
                self.precision
            )));
        }
        Ok(())
    }

    /// Whether the ranges are those of texts that are also the input.
    fn calibrates_on_input(&self) -> bool {
        let Calibration::Texts(Input::Files(texts)) = &self.calibration else { return false };
        let Input::Files(input) = &self.input else { return false };
        self.precision.needs_ranges() && texts.iter().any(|path| input.contains(path))
    }

    /// Whether the output is a stream, beside which no manifest can stand that is needed.
    fn lacks_place_for_ranges(&self) -> bool {
        let known = matches!(self.calibration, Calibration::Known(_));
        let is_stream = self.shard_size.is_none() && io::is_stream(&self.output);
        is_stream && self.precision.needs_ranges() && !known
    }

    pub(super) fn width(&self) -> usize {
        self.encode.truncate_dim.unwrap_or(self.model.get_embedding_dimension())
    }

    fn place(&self) -> Result<OutputPaths> {
        if self.shard_size.is_none() {
            return Ok(OutputPaths::One(self.output.clone()));
        }
        let manifest = EmbedManifest::begun(self)?;
        let (form, share) = (self.form, self.share.clone());
        Shards::open(&self.output, form, share, manifest, self.resume)
            .map(|shards| OutputPaths::Many(shards.into()))
    }

    /// The ranges to step between, where there is need of any.
    fn ranges(&self, known: Option<Ranges>, windows: &mut Windows) -> Result<Option<Ranges>> {
        if !self.precision.needs_ranges() {
            return Ok(None);
        }
        let texts = match (&self.calibration, &known) {
            (Calibration::Known(ranges), _) | (_, Some(ranges)) => {
                let (known, width) = (ranges.width(), self.width());
                if known != width {
                    return Err(Error::config(format!(
                        "the ranges have {known} dimensions, the embeddings {width}"
                    )));
                }
                return Ok(Some(ranges.clone()));
            }
            (Calibration::Texts(input), _) => first(input, &self.read, usize::MAX)?,
            (Calibration::First(rows), _) if !self.input.is_regular() => {
                windows.first(*rows)?
            }
            (Calibration::First(rows), _) => first(&self.input, &self.read, *rows)?,
        };
        Ranges::of(&self.model.encode(&texts, &self.encode)?).map(Some)
    }

    fn encode_all(
        &self,
        mut windows: Windows,
        place: OutputPaths,
        ranges: Option<&Ranges>,
        sizes: &[(PathBuf, u64)],
        listen: &mut dyn FnMut(EmbedProgress),
    ) -> Result<Encoded> {
        let numbers = self.precision.numbers(self.width());
        let keep = self.keep_columns.clone();
        let layout = ShardLayout { form: self.form, precision: self.precision, numbers, keep };
        let shard_size = self.shard_size.unwrap_or(u64::MAX);
        let mut checked = ShardVerifier::new(&place);
        let mut progress = EmbedProgress { rows: 0, encoded: 0 };
        let mut repeats = RepeatedTexts::default();
        let mut all_rows = Digest::default();
        let is_sharded = self.shard_size.is_some();
        let mut place = thread::scope(|threads| {
            let (send, orders) = sync_channel(2);
            let writing = WriterThread::new(&layout, shard_size, place);
            let writing =
                thread::Builder::new().spawn_scoped(threads, move || writing.run(&orders));
            let writing = writing.map_err(no_thread)?;
            let read = (|| {
                while let Some(window) = windows.next() {
                    let window = window?;
                    let number =
                        usize::try_from(window.first / shard_size).unwrap_or(usize::MAX);
                    progress.rows = window.first + window.rows.len() as u64;
                    window.rows.iter().for_each(|row| repeats.add(&row.text));
                    if is_sharded {
                        window.rows.iter().for_each(|row| add(&mut all_rows, row));
                    }
                    if self.share.owns(number) && !checked.is_done(number, &window.rows)? {
                        progress.encoded += window.rows.len() as u64;
                        if !self.encode_one(number, window, ranges, &send)? {
                            return Ok(()); // the writer thread has an error to report
                        }
                    }
                    listen(progress);
                }
                checked.end()?;
                self.expect_same_sizes(sizes)?;
                let _ = send.send(WriterMessage::End);
                Ok(())
            })();
            drop(send);
            drop(windows); // so that the reading thread ends too
            let written = writing.join();
            let written = written.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Internal, "the writing thread stopped"))
            });
            read.and(written)
        })?;
        let complete = match &mut place {
            OutputPaths::One(path) => {
                if let Some(ranges) = ranges.filter(|_| !io::is_stream(path)) {
                    EmbedManifest::of_one(self, path, progress.rows, ranges)?;
                }
                true
            }
            OutputPaths::Many(shards) => {
                let read = InputRead { rows: progress.rows, sha256: all_rows.hex() };
                shards.settle(read, shard_size)?
            }
        };
        let EmbedProgress { rows, encoded } = progress;
        let (reports, damaged) = Default::default();
        let summary = EmbedSummary { rows, encoded, numbers, complete, damaged, reports };
        Ok(Encoded { summary, duplicates: repeats.count })
    }

    /// Refuses an input of which files grew or shrank while they were read: what was read of it may
    /// be a part.
    fn expect_same_sizes(&self, sizes: &[(PathBuf, u64)]) -> Result<()> {
        if !self.input.is_regular() || self.input.sizes()? == sizes {
            return Ok(());
        }
        let place = self.output.display();
        Err(Error::config(format!(
            "{place}: the input changed while it was read; choose another --output"
        )))
    }

    /// Encodes a window and hands it on; false where the receiver is gone.
    fn encode_one(
        &self,
        number: usize,
        window: RowWindow,
        ranges: Option<&Ranges>,
        send: &SyncSender<WriterMessage>,
    ) -> Result<bool> {
        let texts: Vec<&str> = window.rows.iter().map(|row| row.text.as_str()).collect();
        let embeddings: Embeddings = self.model.encode(&texts, &self.encode)?;
        let vectors = quantize_embeddings(&embeddings, self.precision, ranges)?;
        Ok(send.send(WriterMessage::Rows { number, rows: window.rows, vectors }).is_ok())
    }
}
