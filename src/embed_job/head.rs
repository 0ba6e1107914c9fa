//! Heads of files whose number of rows is known at their end only: as long for one row as for
//! any number, written first and again at last.

use super::format::OutputFormat;
use crate::vectors::Precision;

/// Bytes of a head, of which both forms need half.
pub(super) const LENGTH: usize = 256;
/// NumPy writes so few for a matrix, and so do we as long as a row count fits.
const NPY: usize = 128;

/// The head of a file of `rows` of `numbers` at `precision`; nothing for forms without one.
pub(super) fn head(
    form: OutputFormat,
    precision: Precision,
    rows: u64,
    numbers: usize,
) -> Vec<u8> {
    match form {
        OutputFormat::Npy => npy(precision, rows, numbers),
        OutputFormat::Safetensors => safetensors(precision, rows, numbers),
        _ => vec![],
    }
}

/// Magic, version 1.0, length, and the header padded to 128 bytes in all.
fn npy(precision: Precision, rows: u64, numbers: usize) -> Vec<u8> {
    let kind = precision.numpy();
    let mut header = format!(
        "{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {numbers}), }}"
    );
    let before = 10; // magic, version and length
    header.push_str(&" ".repeat(NPY - 1 - before - header.len()));
    header.push('\n');
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((header.len() as u16).to_le_bytes());
    head.extend(header.as_bytes());
    head
}

/// The length of the JSON, and the JSON, which blanks may follow.
fn safetensors(precision: Precision, rows: u64, numbers: usize) -> Vec<u8> {
    let kind = match precision {
        Precision::Float32 => "F32",
        Precision::Float16 => "F16",
        _ if precision.is_signed() => "I8",
        _ => "U8",
    };
    let bytes = rows * (numbers * precision.bytes()) as u64;
    let json = format!(
        "{{\"embeddings\":{{\"dtype\":\"{kind}\",\"shape\":[{rows},{numbers}],\"data_offsets\":[0,{bytes}]}}}}"
    );
    let mut head = ((LENGTH - 8) as u64).to_le_bytes().to_vec();
    head.extend(json.as_bytes());
    head.resize(LENGTH, b' ');
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_as_long_for_one_row_as_for_the_most() {
        for form in [OutputFormat::Npy, OutputFormat::Safetensors] {
            let few = head(form, Precision::Float32, 1, 384);
            let most = head(form, Precision::Ubinary, u64::MAX >> 24, 1 << 20);
            assert_eq!((few.len(), few.len() % 64), (most.len(), 0));
        }
    }
}
