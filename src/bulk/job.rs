//! The run: a thread that reads, all that encode, a thread that writes.

use super::form::Form;
use super::input::{Input, Reading, Window};
use super::manifest::{Manifest, Shard, Source};
use super::shards::Shards;
use super::share::Share;
use super::writer::{Layout, Writer};
use crate::data::{ReadOptions, TextRow};
use crate::disk::{self, Digest};
use crate::embed::{Embeddings, Precision, Quantized, Ranges, quantize_embeddings};
use crate::error::{Error, ErrorKind, Result};
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use serde_json::json;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Where the ranges of int8 and uint8 come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibration {
    /// They are known.
    Known(Ranges),
    /// The vectors of these texts.
    Texts(Input),
    /// The vectors of the first rows of the input; of the whole input, whoever shares the work.
    First(usize),
}

/// Texts to be embedded, and where their vectors go.
pub struct Bulk<'a> {
    /// Who embeds.
    pub model: &'a SentenceEncoder,
    /// What is read.
    pub input: Input,
    /// What is known of its files.
    pub read: ReadOptions,
    /// Columns to be written beside the vectors.
    pub keep_columns: Vec<String>,
    /// How texts are encoded.
    pub encode: EncodeOptions,
    /// How numbers are written.
    pub precision: Precision,
    /// Where int8 and uint8 take their ranges from.
    pub calibration: Calibration,
    /// The form of the files.
    pub form: Form,
    /// A file; with `shard_size`, a directory.
    pub output: PathBuf,
    /// Rows of a shard; none for one file of all.
    pub shard_size: Option<u64>,
    /// Which of several processes this one is.
    pub share: Share,
    /// Go on where an earlier run was stopped.
    pub resume: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows of the input behind it.
    pub rows: u64,
    /// Rows that it encoded; others were done before, or are another process's.
    pub encoded: u64,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
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
}

/// What the writing thread is told.
enum Order {
    Rows {
        number: usize,
        rows: Vec<TextRow>,
        vectors: Quantized,
    },
    /// The input has ended: what is open is whole.
    End,
}

/// Where files go.
enum Place {
    One(PathBuf),
    Many(Box<Shards>),
}

impl Bulk<'_> {
    /// Embeds the input. A file appears when it is whole; what is refused before the first row
    /// leaves nothing behind.
    ///
    /// # Errors
    /// Where settings cannot be, the earlier run that is to be resumed was another, a row cannot
    /// be read or encoded, or a file cannot be written.
    pub fn run(&self, listen: &mut dyn FnMut(Progress)) -> Result<Summary> {
        self.form.check(&self.keep_columns)?;
        if self.shard_size == Some(0) {
            return Err(Error::config("shard_size 0: at least one row"));
        }
        if self.shard_size.is_none() && (self.resume || self.share.world > 1) {
            let words = "only shards can be resumed or shared; give --shard-size";
            return Err(Error::config(words));
        }
        if self.input == Input::Standard && (self.resume || self.share.world > 1) {
            let words = "standard input can neither be resumed nor shared; give a file";
            return Err(Error::config(words));
        }
        let mut place = self.place()?;
        let known = match &mut place {
            Place::Many(shards) => shards.manifest().ranges.clone(),
            Place::One(_) => None,
        };
        let damaged = match &place {
            Place::Many(shards) => shards.damaged.clone(),
            Place::One(_) => vec![],
        };
        let reading = Reading {
            input: &self.input,
            options: &self.read,
            keep: &self.keep_columns,
            shard_size: self.shard_size.unwrap_or(u64::MAX),
        };
        thread::scope(|threads| {
            let (send, windows) = sync_channel(2);
            let reading = &reading;
            threads.spawn(move || reading.run(&send));
            let mut windows = Windows { front: VecDeque::new(), rest: windows };
            let ranges = self.ranges(known, &mut windows)?;
            if let Place::Many(shards) = &mut place {
                shards.manifest().ranges.clone_from(&ranges);
            }
            self.encode_all(windows, place, ranges.as_ref(), damaged, listen)
        })
    }

    fn width(&self) -> usize {
        self.encode.truncate_dim.unwrap_or(self.model.get_embedding_dimension())
    }

    fn place(&self) -> Result<Place> {
        if self.shard_size.is_none() {
            return Ok(Place::One(self.output.clone()));
        }
        let manifest = self.manifest()?;
        let (form, share) = (self.form, self.share.clone());
        Shards::open(&self.output, form, share, manifest, self.resume)
            .map(|shards| Place::Many(shards.into()))
    }

    /// A manifest of nothing yet.
    fn manifest(&self) -> Result<Manifest> {
        let calibration = match &self.calibration {
            Calibration::First(rows) if self.precision.needs_ranges() => Some(*rows),
            _ => None,
        };
        let settings = json!({
            "twindrop": env!("CARGO_PKG_VERSION"),
            "model_sha256": self.model.fingerprint()?,
            "dtype": self.model.model().arithmetic(),
            "prompt": self.model.prompt_of(&self.encode)?,
            "normalize_embeddings": self.encode.normalize_embeddings,
            "truncate_dim": self.encode.truncate_dim,
            "truncate_text": self.encode.truncate_text,
            "precision": self.precision.to_string(),
            "calibration_rows": calibration,
            "format": self.form.name(),
            "shard_size": self.shard_size,
            "columns": self.read.columns,
            "data_format": self.read.format,
            "header": self.read.header,
            "keep_columns": self.keep_columns,
        });
        let settings = settings.as_object().cloned().unwrap_or_default();
        let ranges = match &self.calibration {
            Calibration::Known(ranges) if self.precision.needs_ranges() => Some(ranges.clone()),
            _ => None,
        };
        let source =
            |(path, bytes): (PathBuf, u64)| Source { file: path.display().to_string(), bytes };
        let input = self.input.sizes()?.into_iter().map(source).collect();
        let numbers = self.precision.numbers(self.width());
        Ok(Manifest {
            complete: false,
            rows: 0,
            numbers,
            settings,
            input,
            ranges,
            shards: vec![],
        })
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
                        "the ranges are of {known} numbers, the vectors have {width}"
                    )));
                }
                return Ok(Some(ranges.clone()));
            }
            (Calibration::Texts(input), _) => first(input, &self.read, usize::MAX)?,
            (Calibration::First(rows), _) if self.input == Input::Standard => {
                windows.first(*rows)?
            }
            (Calibration::First(rows), _) => first(&self.input, &self.read, *rows)?,
        };
        Ranges::of(&self.model.encode(&texts, &self.encode)?).map(Some)
    }

    fn encode_all(
        &self,
        mut windows: Windows,
        place: Place,
        ranges: Option<&Ranges>,
        damaged: Vec<String>,
        listen: &mut dyn FnMut(Progress),
    ) -> Result<Summary> {
        let numbers = self.precision.numbers(self.width());
        let keep = self.keep_columns.clone();
        let layout = Layout { form: self.form, precision: self.precision, numbers, keep };
        let shard_size = self.shard_size.unwrap_or(u64::MAX);
        let mut checked = Checked::new(&place);
        let mut progress = Progress { rows: 0, encoded: 0 };
        let mut place = thread::scope(|threads| {
            let (send, orders) = sync_channel(2);
            let writing = Writing { layout: &layout, shard_size, place, open: None };
            let writing = threads.spawn(move || writing.run(&orders));
            let read = (|| {
                while let Some(window) = windows.next() {
                    let window = window?;
                    let number =
                        usize::try_from(window.first / shard_size).unwrap_or(usize::MAX);
                    progress.rows = window.first + window.rows.len() as u64;
                    if self.share.owns(number) && !checked.is_done(number, &window.rows)? {
                        progress.encoded += window.rows.len() as u64;
                        if !self.encode_one(number, window, ranges, &send)? {
                            return Ok(()); // the writing thread has an error to tell
                        }
                    }
                    listen(progress);
                }
                checked.end()?;
                let _ = send.send(Order::End);
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
            Place::One(path) => self.settle_one(path, &layout, &progress, ranges)?,
            Place::Many(shards) => {
                let count = progress.rows.div_ceil(shard_size);
                shards.settle(usize::try_from(count).unwrap_or(usize::MAX))?
            }
        };
        let Progress { rows, encoded } = progress;
        Ok(Summary { rows, encoded, numbers, complete, damaged })
    }

    /// Encodes a window and hands it on; false where nobody takes it.
    fn encode_one(
        &self,
        number: usize,
        window: Window,
        ranges: Option<&Ranges>,
        send: &SyncSender<Order>,
    ) -> Result<bool> {
        let texts: Vec<&str> = window.rows.iter().map(|row| row.text.as_str()).collect();
        let embeddings: Embeddings = self.model.encode(&texts, &self.encode)?;
        let vectors = quantize_embeddings(&embeddings, self.precision, ranges)?;
        Ok(send.send(Order::Rows { number, rows: window.rows, vectors }).is_ok())
    }

    /// Vectors that cannot be read without their ranges get a manifest beside them.
    fn settle_one(
        &self,
        path: &Path,
        layout: &Layout,
        progress: &Progress,
        ranges: Option<&Ranges>,
    ) -> Result<bool> {
        if let Some(ranges) = ranges {
            let mut manifest = self.manifest()?;
            let shard = Shard {
                file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                number: 0,
                rows: progress.rows,
                bytes: std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len(),
                sha256: disk::sha256(path)?,
                texts_sha256: String::new(),
            };
            manifest.complete = true;
            manifest.numbers = layout.numbers;
            manifest.ranges = Some(ranges.clone());
            manifest.shards = vec![shard];
            manifest.write(&path.with_extension("manifest.json"))?;
        }
        Ok(true)
    }
}

/// The first texts of an input, from its beginning.
fn first(input: &Input, options: &ReadOptions, rows: usize) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    input.each(options, &[], &mut |row| {
        texts.push(row.text);
        let enough = texts.len() >= rows;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(texts)
}

/// Windows as they come, those looked at before first.
struct Windows {
    front: VecDeque<Result<Window>>,
    rest: Receiver<Result<Window>>,
}

impl Windows {
    fn next(&mut self) -> Option<Result<Window>> {
        self.front.pop_front().or_else(|| self.rest.recv().ok())
    }

    /// The first texts, which will be handed out all the same.
    fn first(&mut self, rows: usize) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        while texts.len() < rows {
            let Ok(window) = self.rest.recv() else { break };
            let window = window?;
            let more = window.rows.iter().map(|row| row.text.clone());
            texts.extend(more.take(rows - texts.len()));
            self.front.push_back(Ok(window));
        }
        Ok(texts)
    }
}

/// Rows of shards that were finished before, compared with what those were made of.
struct Checked {
    known: std::collections::BTreeMap<usize, Shard>,
    open: Option<(usize, Digest, u64)>,
    place: PathBuf,
}

impl Checked {
    fn new(place: &Place) -> Self {
        let (known, place) = match place {
            Place::Many(shards) => (shards.done.clone(), shards.path(0)),
            Place::One(path) => (std::collections::BTreeMap::new(), path.clone()),
        };
        Self { known, open: None, place }
    }

    fn is_done(&mut self, number: usize, rows: &[TextRow]) -> Result<bool> {
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
    fn end(&mut self) -> Result<()> {
        let Some((number, digest, rows)) = self.open.take() else { return Ok(()) };
        let shard = &self.known[&number];
        if shard.rows == rows && shard.texts_sha256 == digest.hex() {
            return Ok(());
        }
        let place = self.place.parent().unwrap_or(&self.place).display();
        Err(Error::config(format!(
            "{place}: the input changed: {} was made of other rows; choose another --output",
            shard.file
        )))
    }
}

/// A row as a digest knows it: each part by its length and its bytes.
fn add(digest: &mut Digest, row: &TextRow) {
    digest.text(&row.text);
    row.kept.iter().for_each(|value| digest.text(&value.to_string()));
}

/// The writing thread.
struct Writing<'a> {
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

impl Writing<'_> {
    /// Writes until the end is told; where orders just stop, what is open is given up.
    fn run(mut self, orders: &Receiver<Order>) -> Result<Place> {
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
        let bytes = std::fs::metadata(&path).map_err(|error| Error::io(&path, error))?.len();
        shards.add(Shard {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            number,
            rows,
            bytes,
            sha256: disk::sha256(&path)?,
            texts_sha256: digest.hex(),
        })
    }
}
