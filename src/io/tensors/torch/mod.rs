//! What `torch.save` writes: a pickle that names tensors, and the storages of their elements. In a
//! zip archive since torch 1.6; before, one after the other.

mod nodes;
mod pickle;
mod rebuild;

use super::location::{Locations, TensorLocation};
use crate::io::read_exact_at;
use nodes::{Node, Nodes, Storage, Strided};
use pickle::Machine;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// How often the bytes of a file may be read into tensors in total: tied weights share theirs,
/// but a file of one element expanded to 2⁴⁰ has no legitimate use.
const TIMES: u64 = 4;

/// The start of a legacy file: a pickle of this number, after its protocol.
const LEGACY: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The tensors of a file of `size` bytes.
pub(super) fn read(file: &File, size: u64) -> Locations {
    let mut start = [0; 16];
    let length = start.len().min(usize::try_from(size).unwrap_or(usize::MAX));
    read_exact_at(file, &mut start[..length], 0).map_err(|error| error.to_string())?;
    if start.starts_with(b"PK\x03\x04") {
        return zipped(file, size);
    }
    if start[0] == 0x80 && start[2..].starts_with(LEGACY) {
        return legacy(file, size);
    }
    Err("not a file of torch.save: neither a zip archive nor the legacy format".into())
}

/// The byte range of each member of an archive, by name. `torch.save` stores members without
/// compression; nothing is unpacked, so no small file becomes a large one.
fn members(file: &File, size: u64) -> Result<BTreeMap<String, Range<u64>>, String> {
    let broken = |error| format!("not a complete zip archive ({error})");
    let file = file.try_clone().map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err("holds two members of the same name".into());
    }
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(broken)?;
        let name = member.name().map_err(|_| "holds a member whose name is not UTF-8")?;
        let name = name.into_owned();
        if member.encrypted() {
            return Err(format!("{name} is encrypted"));
        }
        if member.compression() != CompressionMethod::Stored {
            return Err(format!(
                "{name} is compressed, which torch.save never does; refused as a possible zip bomb"
            ));
        }
        let start = member.data_start().ok_or("not a complete zip archive")?;
        let end = start.checked_add(member.size());
        let end = end.filter(|&end| end <= size && member.size() == member.compressed_size());
        let end = end.ok_or_else(|| format!("{name} extends beyond the file"))?;
        members.insert(name, start..end);
    }
    Ok(members)
}

fn bytes(file: &File, range: &Range<u64>, limit: u64) -> Result<Vec<u8>, String> {
    let length = range.end - range.start;
    if length > limit {
        return Err(format!("its pickle is longer than {} MiB", limit >> 20));
    }
    let mut bytes = vec![0; length as usize];
    read_exact_at(file, &mut bytes, range.start).map_err(|_| "its pickle is truncated")?;
    Ok(bytes)
}

fn zipped(file: &File, size: u64) -> Locations {
    let members = members(file, size)?;
    let mut roots = members.keys().filter_map(|name| name.strip_suffix("/data.pkl"));
    let root = roots.next().ok_or("holds no data.pkl, so torch.save did not write it")?;
    if let Some(order) = members.get(&format!("{root}/byteorder"))
        && bytes(file, order, 1 << 20)?.trim_ascii() == b"big"
    {
        return Err("holds big-endian numbers; save it on a little-endian machine".into());
    }
    let pickle = bytes(file, &members[&format!("{root}/data.pkl")], pickle::LONGEST as u64)?;
    let mut machine = Machine::new(&pickle);
    let state = machine.run()?;
    resolve(&tensors(machine.nodes(), state)?, size, |storage| {
        members.get(&format!("{root}/data/{}", storage.key)).cloned()
    })
}

/// A number to know the format by, its version, the properties of the machine, the tensors, the
/// keys of their storages: five pickles. Then each storage after its count of elements.
fn legacy(file: &File, size: u64) -> Locations {
    const PICKLES: usize = 5;
    let start = bytes(file, &(0..size.min((PICKLES * pickle::LONGEST) as u64)), u64::MAX)?;
    let mut machine = Machine::new(&start);
    for _ in ["format", "version", "machine"] {
        machine.run()?;
    }
    let state = machine.run()?;
    let keys = machine.run()?;
    let tensors = tensors(machine.nodes(), state)?;
    let sizes: BTreeMap<&str, u64> =
        machine.nodes().storages().map(|s| (s.key, s.dtype.bitsize() as u64 / 8)).collect();
    let Node::List(keys) = machine.nodes().get(keys) else {
        return Err("has no list of storages".into());
    };
    let mut at = machine.position() as u64;
    let mut storages = BTreeMap::new();
    let mut seen = HashSet::new();
    for &key in keys {
        let Node::Text(key) = machine.nodes().get(key) else {
            return Err("has a storage without a name".into());
        };
        // each takes a read of the file, so a list that repeats one key is refused
        if !seen.insert(*key) {
            return Err(format!("lists storage {key} twice"));
        }
        let element = *sizes
            .get(key)
            .ok_or_else(|| format!("storage {key} is not used by any tensor"))?;
        let mut count = [0; 8];
        let count = read_exact_at(file, &mut count, at).map(|()| u64::from_le_bytes(count));
        let end = count.ok().and_then(|count| count.checked_mul(element)?.checked_add(at + 8));
        let end = end.filter(|&end| end <= size);
        let end =
            end.ok_or_else(|| format!("truncated: storage {key} extends beyond the file"))?;
        storages.insert(*key, at + 8..end);
        at = end;
    }
    resolve(&tensors, size, |storage| storages.get(storage.key).cloned())
}

/// The tensors of a state dict by name; other entries (an epoch, say) are left out.
fn tensors<'n, 'a>(
    nodes: &'n Nodes<'a>,
    state: u32,
) -> Result<Vec<(&'a str, &'n Strided<'a>)>, String> {
    let Node::Dict(items) = nodes.get(state) else {
        return Err("holds no dict of named tensors".into());
    };
    let named =
        items.iter().filter_map(|&(key, value)| match (nodes.get(key), nodes.get(value)) {
            (Node::Text(name), Node::Tensor(tensor)) => Some((*name, &**tensor)),
            _ => None,
        });
    let named: Vec<_> = named.collect();
    if named.is_empty() { Err("holds no named tensors".into()) } else { Ok(named) }
}

/// The location of each tensor, in the byte range of its storage.
fn resolve(
    tensors: &[(&str, &Strided)],
    file_size: u64,
    range: impl Fn(&Storage) -> Option<Range<u64>>,
) -> Locations {
    let mut locations = BTreeMap::new();
    let mut total = 0u64;
    for (name, tensor) in tensors {
        let storage = &tensor.storage;
        let element = storage.dtype.bitsize() as u64 / 8;
        let range = range(storage)
            .ok_or_else(|| format!("tensor {name}: storage {} is missing", storage.key))?;
        let stored = range.end - range.start;
        if (storage.count as u64).checked_mul(element).is_none_or(|bytes| bytes > stored) {
            return Err(format!(
                "tensor {name}: storage {} has {stored} bytes, too few for {} elements of {:?}",
                storage.key, storage.count, storage.dtype
            ));
        }
        let bytes = tensor.shape.iter().try_fold(element, |all, &n| all.checked_mul(n as u64));
        total = total.saturating_add(bytes.unwrap_or(u64::MAX));
        if total > TIMES * file_size {
            return Err(format!(
                "its tensors up to {name} take more than {TIMES} times the size of the file"
            ));
        }
        let location = TensorLocation {
            file: 0,
            dtype: storage.dtype,
            shape: tensor.shape.clone(),
            start: range.start + tensor.offset as u64 * element,
            strides: (!tensor.is_row_major()).then(|| tensor.strides.clone()),
        };
        locations.insert(name.to_string(), location);
    }
    Ok(locations)
}
