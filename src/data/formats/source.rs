//! The bytes of a file as text: opened, decompressed, its line ends made line feeds, and a first
//! part of it to decide by.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::data::formats::zstd::ZstdReader;
use crate::error::{Error, Result};

/// The bytes at the start of a file by which delimiter, quotes and header are decided.
const SAMPLE: usize = 64 << 10;

/// A decompressed text and its start.
pub(in crate::data) struct Source<'a> {
    /// All of it, the start included.
    pub reader: Box<dyn BufRead + 'a>,
    /// Its first bytes, at most 64 KiB.
    pub sample: Vec<u8>,
    /// Whether the sample is all there is.
    pub is_whole: bool,
}

/// Opens a file; what is compressed is decompressed, whatever its name says.
pub(in crate::data) fn open(path: &Path) -> Result<Source<'static>> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut source = BufReader::new(file);
    // a directory opens like a file and fails here, whatever its name
    source.fill_buf().map_err(|error| Error::io(path, error))?;
    Source::new(source, path)
}

/// The text of a file, decompressed where it is compressed by gzip or zstd.
///
/// # Errors
/// Where it cannot be opened, or is encoded in UTF-16.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead>> {
    open(path).map(|source| source.reader)
}

impl<'a> Source<'a> {
    /// The text in `reader`, which may be compressed by gzip or zstd; errors call it `name`.
    pub fn new(mut reader: impl BufRead + 'a, name: &Path) -> Result<Self> {
        let failed = |error| Error::io(name, error);
        // `fill_buf` of a pipe may hold fewer bytes than there will be, but hardly fewer than four
        let start = reader.fill_buf().map_err(failed)?;
        let mut reader: Box<dyn BufRead + 'a> = match start {
            [0x1f, 0x8b, ..] => {
                let decoder = MultiGzDecoder::new(reader);
                Box::new(BufReader::new(Decompressed { decoder, format: "gzip" }))
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = ZstdReader::new(reader);
                Box::new(BufReader::new(Decompressed { decoder, format: "zstd" }))
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                let message = "is encoded in UTF-16; save the file as UTF-8";
                return Err(Error::data(name, message));
            }
            _ => Box::new(reader),
        };
        let mut sample = Vec::new();
        (&mut reader).take(SAMPLE as u64).read_to_end(&mut sample).map_err(failed)?;
        let is_whole = sample.len() < SAMPLE;
        let old_line_ends = !sample.contains(&b'\n') && sample.contains(&b'\r');
        let reader = Cursor::new(sample.clone()).chain(reader);
        let reader: Box<dyn BufRead + 'a> = if old_line_ends {
            sample.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
            Box::new(BufReader::new(CarriageReturns(reader)))
        } else {
            Box::new(reader)
        };
        Ok(Self { reader, sample, is_whole })
    }
}

/// Names the compression in an error of its decoder.
struct Decompressed<R> {
    decoder: R,
    format: &'static str,
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            let format = self.format;
            io::Error::other(format!(
                "the {format} data are cut off or damaged ({error}); download or compress the \
                 file again"
            ))
        })
    }
}

/// Line ends of old Macintosh systems, a carriage return alone, as line feeds.
struct CarriageReturns<R>(R);

impl<R: Read> Read for CarriageReturns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        buffer[..read].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn text(bytes: &[u8]) -> Result<String> {
        let mut source = Source::new(bytes, Path::new("f.tsv"))?;
        let mut text = String::new();
        let read = source.reader.read_to_string(&mut text);
        read.map_err(|error| Error::io(Path::new("f.tsv"), error))?;
        assert!(text.as_bytes().starts_with(&source.sample));
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(text.as_bytes(), level)
    }

    #[test]
    fn what_is_compressed_is_decompressed_part_by_part() {
        let long = "a plane is taking off\n".repeat(20_000);
        assert_eq!(text(long.as_bytes()).unwrap(), long);
        for compress in [gzip, zstd] {
            assert_eq!(text(&compress(&long)).unwrap(), long);
            // parts compressed one by one and put together, as log files are
            assert_eq!(text(&[compress("a\n"), compress("b\n")].concat()).unwrap(), "a\nb\n");
        }
    }

    #[test]
    fn compressed_data_that_end_early_are_an_error() {
        let long = (0..20_000).map(|i| format!("row {i}\n")).collect::<String>();
        for (bytes, name) in [(gzip(&long), "gzip"), (zstd(&long), "zstd")] {
            let error = text(&bytes[..bytes.len() / 2]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("the {name} data are cut off or damaged")),
                "{error}"
            );
        }
    }

    #[test]
    fn carriage_returns_alone_end_lines_and_utf16_is_named() {
        assert_eq!(text(b"a\tb\rc\td\r").unwrap(), "a\tb\nc\td\n");
        assert_eq!(text(b"a\r\nb\r\n").unwrap(), "a\r\nb\r\n");
        let error = text(b"\xff\xfea\0\n\0").unwrap_err().to_string();
        assert_eq!(error, "f.tsv: is encoded in UTF-16; save the file as UTF-8");
    }
}
