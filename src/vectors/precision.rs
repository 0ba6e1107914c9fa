//! Vectors in fewer bits: half precision, a byte within a range, a bit for the sign.

use super::{Embeddings, Ranges};
use crate::error::{Error, Result};
use half::f16;
use safetensors::Dtype;
use std::fmt;
use std::str::FromStr;

/// How a number of a stored vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Four bytes, as computed.
    #[default]
    Float32,
    /// IEEE half precision, rounded to the nearest.
    Float16,
    /// `⌊(x − low) / step⌋ − 128` with 256 steps between the lowest and the highest number that
    /// calibration saw in that place; numbers beyond are cut.
    Int8,
    /// The same without the 128.
    Uint8,
    /// A bit a number, 1 where it is above zero; eight to a byte, the first the highest; the byte
    /// less 128.
    Binary,
    /// The same without the 128.
    Ubinary,
}

/// Each with its usual name.
const NAMES: [(Precision, &str); 6] = [
    (Precision::Float32, "float32"),
    (Precision::Float16, "float16"),
    (Precision::Int8, "int8"),
    (Precision::Uint8, "uint8"),
    (Precision::Binary, "binary"),
    (Precision::Ubinary, "ubinary"),
];

impl Precision {
    /// Whether it needs to know the [`Ranges`] of the numbers.
    pub fn needs_ranges(self) -> bool {
        matches!(self, Self::Int8 | Self::Uint8)
    }

    /// How many numbers a stored vector has that was `width` wide.
    pub fn numbers(self, width: usize) -> usize {
        if matches!(self, Self::Binary | Self::Ubinary) { width.div_ceil(8) } else { width }
    }

    /// Bytes of a stored number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
            _ => 1,
        }
    }

    /// What NumPy calls the type of a stored number.
    pub fn numpy(self) -> &'static str {
        match self {
            Self::Float32 => "<f4",
            Self::Float16 => "<f2",
            Self::Int8 | Self::Binary => "|i1",
            Self::Uint8 | Self::Ubinary => "|u1",
        }
    }

    /// The dtype of a stored number in `.safetensors`.
    pub fn dtype(self) -> Dtype {
        match self {
            Self::Float32 => Dtype::F32,
            Self::Float16 => Dtype::F16,
            Self::Int8 | Self::Binary => Dtype::I8,
            Self::Uint8 | Self::Ubinary => Dtype::U8,
        }
    }

    /// Whether a stored number has a sign.
    pub fn is_signed(self) -> bool {
        self.dtype() != Dtype::U8
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = NAMES.iter().find(|(_, name)| *name == text);
        known.map(|(precision, _)| *precision).ok_or_else(|| {
            let names = NAMES.map(|(_, name)| name).join(", ");
            Error::config(format!("precision `{text}` is unknown: use one of {names}"))
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(precision, _)| precision == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// Vectors as they are stored, row-major and little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    precision: Precision,
    numbers: usize,
    bytes: Vec<u8>,
}

impl Quantized {
    /// How its numbers are written.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Numbers in a row.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// All rows end to end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of each row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.numbers * self.precision.bytes())
    }

    /// The numbers of a row that [`rows`](Self::rows) gave; integers up to 255 are f32 exactly.
    pub fn values(&self, row: &[u8]) -> Vec<f32> {
        match self.precision {
            Precision::Float32 => {
                row.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
            }
            Precision::Float16 => {
                let pairs = row.as_chunks::<2>().0.iter();
                pairs.map(|pair| f16::from_le_bytes(*pair).to_f32()).collect()
            }
            _ if self.precision.is_signed() => {
                row.iter().map(|&x| f32::from(x as i8)).collect()
            }
            _ => row.iter().map(|&x| f32::from(x)).collect(),
        }
    }
}

/// Writes vectors at another precision, number for number as sentence-transformers'
/// `quantize_embeddings` does. `ranges` are needed where [`Precision::needs_ranges`].
///
/// ```
/// use twindrop::vectors::{Embeddings, Precision, quantize_embeddings};
///
/// let vectors = Embeddings::new(9, vec![1., -1., 0., 2., 0., 0., 0., 0., 3.]);
/// let bits = quantize_embeddings(&vectors, Precision::Ubinary, None)?;
/// assert_eq!(bits.as_bytes(), [0b1001_0000, 0b1000_0000]);
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where ranges are needed and not there, or of another width.
pub fn quantize_embeddings(
    embeddings: &Embeddings,
    precision: Precision,
    ranges: Option<&Ranges>,
) -> Result<Quantized> {
    let (data, width) = (embeddings.as_slice(), embeddings.width());
    let bytes = match precision {
        Precision::Float32 => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Precision::Float16 => {
            data.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect()
        }
        Precision::Int8 => steps(embeddings, precision, ranges, 128)?,
        Precision::Uint8 => steps(embeddings, precision, ranges, 0)?,
        Precision::Binary => embeddings.iter().flat_map(|row| signs(row, 128)).collect(),
        Precision::Ubinary => embeddings.iter().flat_map(|row| signs(row, 0)).collect(),
    };
    Ok(Quantized { precision, numbers: precision.numbers(width), bytes })
}

/// `⌊(x − low) / step⌋` within 0..255, `step = (high − low) / 255` or 1; less `shift`.
fn steps(
    embeddings: &Embeddings,
    precision: Precision,
    ranges: Option<&Ranges>,
    shift: u8,
) -> Result<Vec<u8>> {
    let ranges = ranges
        .ok_or_else(|| Error::config(format!("{precision} needs ranges; calibrate first")))?;
    if ranges.width() != embeddings.width() {
        let (known, width) = (ranges.width(), embeddings.width());
        return Err(Error::config(format!(
            "the ranges have {known} dimensions, the embeddings {width}"
        )));
    }
    let places: Vec<(f32, f32)> = ranges
        .pairs()
        .map(|(low, high)| (low, (high - low) / 255.))
        .map(|(low, step)| (low, if step == 0. { 1. } else { step }))
        .collect();
    let rows = embeddings.iter().flat_map(|row| row.iter().zip(&places));
    let step = |(x, (low, step)): (&f32, &(f32, f32))| {
        (((x - low) / step).floor().clamp(0., 255.) as u8).wrapping_sub(shift)
    };
    Ok(rows.map(step).collect())
}

/// `xᵢ > 0`, eight to a byte, the first the highest bit; less `shift`.
fn signs(row: &[f32], shift: u8) -> impl Iterator<Item = u8> {
    row.chunks(8).map(move |eight| {
        let bits = eight.iter().enumerate().map(|(i, &x)| u8::from(x > 0.) << (7 - i));
        bits.sum::<u8>().wrapping_sub(shift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for (precision, name) in NAMES {
            assert_eq!(name.parse::<Precision>().unwrap(), precision);
            assert_eq!(precision.to_string(), name);
        }
        assert!("int4".parse::<Precision>().unwrap_err().to_string().contains("ubinary"));
    }

    #[test]
    fn a_number_on_the_edge_of_its_range_or_beyond_is_cut_to_a_byte() {
        let embeddings = Embeddings::new(2, vec![-1., 3., 1., 3.]);
        let ranges = Ranges::of(&embeddings).unwrap();
        let rows = Embeddings::new(2, vec![-1., 3., 1., 2., 9., 5.5, -9., 0.]);
        let bytes = quantize_embeddings(&rows, Precision::Uint8, Some(&ranges)).unwrap();
        // a place that never moved has steps of one; 2 / f32(2/255) falls short of 255, as in NumPy
        assert_eq!(bytes.as_bytes(), [0, 0, 254, 0, 255, 2, 0, 0]);
        let signed = quantize_embeddings(&rows, Precision::Int8, Some(&ranges)).unwrap();
        let values: Vec<f32> = signed.rows().flat_map(|row| signed.values(row)).collect();
        assert_eq!(values, [-128., -128., 126., -128., 127., -126., -128., -128.]);
        assert!(quantize_embeddings(&rows, Precision::Int8, None).is_err());
    }

    #[test]
    fn half_precision_rounds_to_the_nearest_even() {
        let rows = Embeddings::new(3, vec![0.1, 2049., 2051.]);
        let halves = quantize_embeddings(&rows, Precision::Float16, None).unwrap();
        assert_eq!(halves.values(halves.as_bytes()), [0.099_975_586, 2048., 2052.]);
    }
}
