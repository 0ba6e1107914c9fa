//! Files or standard input → windows of rows, read by a thread of its own.

use crate::data::{Format, ReadOptions, ReadReport, TextRow, each_text, each_text_from};
use crate::error::{Error, Result};
use crate::io;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

/// Where texts come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Files, one after the other.
    Files(Vec<PathBuf>),
    /// Standard input; text, unless the options say otherwise.
    Standard,
}

/// Rows that are encoded together, and the bytes of text at which there are enough.
const ROWS: usize = 4096;
const BYTES: usize = 8 << 20;

/// Rows that follow one another in one shard.
#[derive(Debug, Default)]
pub(super) struct RowWindow {
    /// The number of its first row among all.
    pub first: u64,
    pub rows: Vec<TextRow>,
}

/// What a reading thread does, and where a window ends beside its own limits.
pub(super) struct ReaderThread<'a> {
    pub input: &'a Input,
    pub options: &'a ReadOptions,
    pub keep: &'a [String],
    pub shard_size: u64,
}

impl Input {
    /// Whether it can be read again: standard input, pipes and devices cannot.
    pub fn is_regular(&self) -> bool {
        match self {
            Self::Files(paths) => paths.iter().all(|path| io::is_regular(path)),
            Self::Standard => false,
        }
    }

    /// Files and their bytes; nothing for standard input.
    ///
    /// # Errors
    /// Where one is not there.
    pub fn sizes(&self) -> Result<Vec<(PathBuf, u64)>> {
        let size = |path: &PathBuf| {
            let data = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
            Ok((path.clone(), data.len()))
        };
        match self {
            Self::Files(paths) => paths.iter().map(size).collect(),
            Self::Standard => Ok(vec![]),
        }
    }

    /// Hands each row to `take`, file after file, until it has enough; what was decided and left out
    /// on the way, file by file.
    ///
    /// # Errors
    /// As [`each_text`].
    pub fn each(
        &self,
        options: &ReadOptions,
        keep: &[String],
        take: &mut dyn FnMut(TextRow) -> Result<ControlFlow<()>>,
    ) -> Result<Vec<ReadReport>> {
        match self {
            Self::Files(paths) => {
                let (mut enough, mut reports) = (false, Vec::new());
                for path in paths.iter() {
                    reports.push(each_text(path, options, keep, &mut |row| {
                        let flow = take(row)?;
                        enough = flow.is_break();
                        Ok(flow)
                    })?);
                    if enough {
                        break;
                    }
                }
                Ok(reports)
            }
            Self::Standard => {
                let mut options = options.clone();
                options.format.get_or_insert(Format::Text);
                let (source, name) = (std::io::stdin(), Path::new("standard input"));
                let source = BufReader::new(source);
                Ok(vec![each_text_from(source, name, &options, keep, take)?])
            }
        }
    }

    /// Reads files to their ends without keeping anything, so that an error in a row is reported
    /// before any work; in standard input and pipes it is reported when the row is reached. With what was
    /// decided, file by file, come the rows of all files, where all can be read before.
    ///
    /// # Errors
    /// As [`each_text`].
    pub fn check(
        &self,
        options: &ReadOptions,
        keep: &[String],
    ) -> Result<(Vec<ReadReport>, Option<u64>)> {
        let Self::Files(paths) = self else { return Ok((Vec::new(), None)) };
        let mut rows = 0;
        let mut pass = |path: &PathBuf| {
            each_text(path, options, keep, &mut |_| {
                rows += 1;
                Ok(ControlFlow::Continue(()))
            })
        };
        let files = paths.iter().filter(|path| path.is_file());
        let reports = files.map(&mut pass).collect::<Result<Vec<_>>>()?;
        Ok((reports, self.is_regular().then_some(rows)))
    }
}

impl ReaderThread<'_> {
    /// Sends windows until the input ends, the receiver is gone, or a row cannot be read: that is sent
    /// last. Returns what was decided and left out on the way.
    pub fn run(&self, send: &SyncSender<Result<RowWindow>>) -> Vec<ReadReport> {
        let (mut window, mut bytes) = (RowWindow::default(), 0);
        let read = self.input.each(self.options, self.keep, &mut |row| {
            bytes += row.text.len();
            window.rows.push(row);
            let next = window.first + window.rows.len() as u64;
            let full = window.rows.len() == ROWS || bytes >= BYTES;
            if !full && !next.is_multiple_of(self.shard_size) {
                return Ok(ControlFlow::Continue(()));
            }
            bytes = 0;
            let full = std::mem::replace(&mut window, RowWindow { first: next, rows: vec![] });
            Ok(match send.send(Ok(full)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        // a receiver that is gone has an error of its own to report
        match read {
            Ok(reports) => {
                if !window.rows.is_empty() {
                    let _ = send.send(Ok(window));
                }
                reports
            }
            Err(error) => {
                let _ = send.send(Err(error));
                Vec::new()
            }
        }
    }
}
