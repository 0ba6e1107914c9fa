//! What `torch.save` writes: a pickle that names tensors, and the storages they lie in. In a zip
//! archive since torch 1.6; before, one behind the other.

use super::archive;
use super::pickle::{Machine, Node};
use super::rebuild::{Storage, Strided};
use super::{TensorLocation, TensorLocations};
use std::collections::BTreeMap;
use std::ops::Range;

/// How often the bytes of a file may be read into tensors all told: tied weights share theirs,
/// but a file of one number spread over 2⁴⁰ has no honest use.
const TIMES: usize = 4;

/// What an old file opens with: a pickle of this number.
const LEGACY: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The tensors of a file.
pub(super) fn places(bytes: &[u8]) -> TensorLocations {
    if bytes.starts_with(b"PK\x03\x04") {
        return zipped(bytes);
    }
    match bytes.get(2..) {
        Some(rest) if bytes[0] == 0x80 && rest.starts_with(LEGACY) => legacy(bytes),
        _ => {
            Err("not a file of torch.save: neither a zip archive nor the legacy format".into())
        }
    }
}

fn zipped(bytes: &[u8]) -> TensorLocations {
    let members = archive::members(bytes)?;
    let mut roots = members.keys().filter_map(|name| name.strip_suffix("/data.pkl"));
    let root = roots.next().ok_or("holds no data.pkl, so torch.save did not write it")?;
    let order = members.get(&*format!("{root}/byteorder"));
    if order.is_some_and(|place| bytes[place.clone()].trim_ascii() == b"big") {
        return Err("holds big-endian numbers; save it on a little-endian machine".into());
    }
    let pickle = members[&*format!("{root}/data.pkl")].clone();
    let mut machine = Machine::new(&bytes[pickle]);
    let root_node = machine.run()?;
    let storage = |key: &str| members.get(&*format!("{root}/data/{key}")).cloned();
    resolve(&tensors(&machine, root_node)?, bytes.len(), |told| {
        storage(told.key).ok_or_else(|| format!("storage {} is missing", told.key))
    })
}

/// A number to know the form by, its version, what the machine was like, the tensors, the keys of
/// their storages; then each storage behind its count of numbers.
fn legacy(bytes: &[u8]) -> TensorLocations {
    let mut machine = Machine::new(bytes);
    for _ in ["form", "version", "machine"] {
        machine.run()?;
    }
    let (root, keys) = (machine.run()?, machine.run()?);
    let tensors = tensors(&machine, root)?;
    let told = machine.storages().map(|told| (told.key, told.dtype.bitsize() / 8));
    let sizes: BTreeMap<&str, usize> = told.collect();
    let Node::List(keys) = machine.node(keys) else {
        return Err("has no list of storages".into());
    };
    let (mut at, mut storages) = (machine.position(), BTreeMap::new());
    for &key in keys {
        let Node::Text(key) = machine.node(key) else {
            return Err("has a storage without a name".into());
        };
        let size = *sizes
            .get(key)
            .ok_or_else(|| format!("storage {key} is not used by any tensor"))?;
        let count = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
        let count = count.and_then(|count| usize::try_from(u64::from_le_bytes(*count)).ok());
        let end = count.and_then(|count| count.checked_mul(size)?.checked_add(at + 8));
        let end = end.filter(|&end| end <= bytes.len());
        let end =
            end.ok_or_else(|| format!("truncated: storage {key} extends beyond the file"))?;
        storages.insert(*key, at + 8..end);
        at = end;
    }
    resolve(&tensors, bytes.len(), |told| {
        storages
            .get(told.key)
            .cloned()
            .ok_or_else(|| format!("storage {} is missing", told.key))
    })
}

/// The tensors of a state dict by name; what else it holds (an epoch) is left out.
fn tensors<'m, 'a>(
    machine: &'m Machine<'a>,
    root: u32,
) -> Result<Vec<(&'a str, &'m Strided<'a>)>, String> {
    let Node::Dict(items) = machine.node(root) else {
        return Err("holds no dict of named tensors".into());
    };
    let named = items.iter().filter_map(|&(key, value)| {
        match (machine.node(key), machine.node(value)) {
            (Node::Text(name), Node::Tensor(tensor)) => Some((*name, &**tensor)),
            _ => None,
        }
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { Err("holds no named tensors".into()) } else { Ok(named) }
}

/// Each tensor in the bytes of its storage.
fn resolve(
    tensors: &[(&str, &Strided)],
    file: usize,
    storage: impl Fn(&Storage) -> Result<Range<usize>, String>,
) -> TensorLocations {
    let (mut places, mut claimed) = (BTreeMap::new(), 0usize);
    for (name, tensor) in tensors {
        let told = &tensor.storage;
        let size = told.dtype.bitsize() / 8;
        let place = storage(told).map_err(|words| format!("tensor {name}: {words}"))?;
        if told.count.checked_mul(size).is_none_or(|bytes| bytes > place.len()) {
            return Err(format!(
                "tensor {name}: storage {} has {} bytes, too few for {} elements of {:?}",
                told.key,
                place.len(),
                told.count,
                told.dtype
            ));
        }
        let bytes = tensor.shape.iter().try_fold(size, |all, &n| all.checked_mul(n));
        claimed = claimed.saturating_add(bytes.unwrap_or(usize::MAX));
        if claimed > TIMES * file {
            return Err(format!(
                "its tensors up to {name} take more than {TIMES} times the size of the file"
            ));
        }
        let start = place.start + tensor.offset * size;
        let strides = (!tensor.is_row_major()).then(|| tensor.strides.clone());
        let shape = tensor.shape.clone();
        let place = TensorLocation { map: 0, dtype: told.dtype, shape, start, strides };
        places.insert(name.to_string(), place);
    }
    Ok(places)
}
