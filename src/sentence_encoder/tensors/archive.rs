//! A zip archive as `torch.save` writes it: members that lie there as they are. Nothing is
//! unpacked, so no small file becomes a large one.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where each member lies, by name; or why the bytes are no such archive.
pub(super) type Members<'a> = BTreeMap<&'a str, Range<usize>>;

const CUT: &str = "not a complete zip archive";

/// A record: its fields by their offsets, little-endian; none where the bytes end.
#[derive(Clone, Copy)]
struct ZipRecord<'a>(&'a [u8]);

impl<'a> ZipRecord<'a> {
    /// The record at `at`, if it opens with `mark`.
    fn at(bytes: &'a [u8], at: usize, mark: &[u8; 4]) -> Option<Self> {
        bytes.get(at..).filter(|rest| rest.starts_with(mark)).map(Self)
    }

    fn field(self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.0.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn size(self, at: usize, length: usize) -> Option<usize> {
        self.field(at, length).and_then(|value| value.try_into().ok())
    }
}

/// The members of the archive in `bytes`.
pub(super) fn members(bytes: &[u8]) -> Result<Members<'_>, String> {
    let (count, mut at) = directory(bytes).ok_or(CUT)?;
    let mut members = BTreeMap::new();
    for _ in 0..count {
        let record = ZipRecord::at(bytes, at, b"PK\x01\x02").ok_or(CUT)?;
        let (name, place, length) = member(bytes, record)?;
        if members.insert(name, place).is_some() {
            return Err(format!("holds {name} twice"));
        }
        at += length;
    }
    Ok(members)
}

/// How many members there are, and where the first is described: at the end of the file, where
/// numbers that are too large for it are told by a second record before it.
fn directory(bytes: &[u8]) -> Option<(u64, usize)> {
    const SIZE: usize = 22;
    let last = bytes.len().checked_sub(SIZE)?;
    let comment = |at: usize| bytes.len() - at - SIZE;
    let mut ends = (last.saturating_sub(0xffff)..=last).rev();
    let (at, end) = ends.find_map(|at| {
        let end = ZipRecord::at(bytes, at, b"PK\x05\x06")?;
        (end.size(20, 2)? == comment(at)).then_some((at, end))
    })?;
    let (count, start) = (end.field(10, 2)?, end.field(16, 4)?);
    if count < 0xffff && start < 0xffff_ffff {
        return Some((count, start.try_into().ok()?));
    }
    let locator = ZipRecord::at(bytes, at.checked_sub(20)?, b"PK\x06\x07")?;
    let large = ZipRecord::at(bytes, locator.size(8, 8)?, b"PK\x06\x06")?;
    Some((large.field(32, 8)?, large.size(48, 8)?))
}

/// The name of a member, where it lies, and how long the record is that describes it.
fn member<'a>(
    bytes: &'a [u8],
    record: ZipRecord<'a>,
) -> Result<(&'a str, Range<usize>, usize), String> {
    let length = |at| record.size(at, 2).ok_or(CUT);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let whole = 46 + name + extra + comment;
    let text = record.0.get(46..46 + name).and_then(|name| str::from_utf8(name).ok());
    let text = text.ok_or("holds a member whose name is not UTF-8")?;
    if record.field(8, 2).is_none_or(|flags| flags & 1 == 1) {
        return Err(format!("{text} is encrypted"));
    }
    if record.field(10, 2) != Some(0) {
        return Err(format!(
            "{text} is compressed, which torch.save never does; refused as a possible zip bomb"
        ));
    }
    let extra = record.0.get(46 + name..46 + name + extra).ok_or(CUT)?;
    let place = place(bytes, record, extra).ok_or(format!("{text} extends beyond the file"))?;
    Ok((text, place, whole))
}

/// Where the bytes of a member lie: behind its own header, which repeats the name and has an
/// extra field of another length.
fn place(bytes: &[u8], record: ZipRecord, extra: &[u8]) -> Option<Range<usize>> {
    // what four bytes cannot hold stands in the extra field, in this order
    let mut large = large(extra);
    let mut told = |at| match record.field(at, 4)? {
        0xffff_ffff => {
            let (value, rest) = large?.split_at_checked(8)?;
            large = Some(rest);
            ZipRecord(value).size(0, 8)
        }
        value => value.try_into().ok(),
    };
    let (size, packed, header) = (told(24)?, told(20)?, told(42)?);
    let own = ZipRecord::at(bytes, header, b"PK\x03\x04")?;
    let start = header + 30 + own.size(26, 2)? + own.size(28, 2)?;
    let end = start.checked_add(size)?;
    (size == packed && end <= bytes.len()).then_some(start..end)
}

/// The block of the extra field that holds 64-bit numbers.
fn large(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (kind, size) = (ZipRecord(extra).field(0, 2)?, ZipRecord(extra).size(2, 2)?);
        let block = extra.get(4..4 + size)?;
        if kind == 1 {
            return Some(block);
        }
        extra = &extra[4 + size..];
    }
}
