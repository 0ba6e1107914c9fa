//! `.safetensors`, what `torch.save` writes, and an index of shards.

use super::Target;
use crate::scratch::{Scratch, choice, files};
use twindrop::io::tensors::TensorFile;

fn read(scratch: &Scratch, name: &str) {
    let Ok(file) = TensorFile::open(&scratch.path(name)) else { return };
    for name in file.names() {
        let Ok(numbers) = file.numbers(name) else { continue };
        let shape = file.shape(name).expect("it has a name");
        assert_eq!(numbers.len(), shape.iter().product::<usize>(), "{name} of {shape:?}");
    }
}

/// A file as it is; or a header and what follows it, behind the length that the header has.
pub const SAFETENSORS: Target = Target {
    name: "safetensors",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        let file = if choice % 4 == 0 { data.to_vec() } else { framed(data) };
        scratch.write("x.safetensors", file);
    },
    read: |scratch| read(scratch, "x.safetensors"),
};

fn framed(data: &[u8]) -> Vec<u8> {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (header, numbers) = data.split_at(end);
    behind_length(header, numbers)
}

/// A `.safetensors` file of a header and what follows it.
pub fn behind_length(header: &[u8], numbers: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, numbers].concat()
}

/// A file as it is; or a pickle in an archive with two storages of 64 bytes; or a pickle behind
/// what an older file opens with.
pub const TORCH: Target = Target {
    name: "torch",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        let file = match choice % 4 {
            0 => data.to_vec(),
            1 => [LEGACY, data].concat(),
            _ => {
                archive(&[("x/data.pkl", data), ("x/data/0", &[1; 64]), ("x/data/1", &[2; 64])])
            }
        };
        scratch.write("x.bin", file);
    },
    read: |scratch| read(scratch, "x.bin"),
};

/// The number that the form is known by, its version, and nothing of the machine.
const LEGACY: &[u8] =
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// A zip archive of members stored as they are, every length and checksum right.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let start = file.len() as u32;
        let length = (content.len() as u32).to_le_bytes();
        let mut about = vec![0; 8]; // flags, method, time and date
        about.extend(checksum(content).to_le_bytes());
        about.extend([length, length].concat());
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0, 0]);
        file.extend([b"PK\x03\x04\x14\0", &about[..], name.as_bytes(), content].concat());
        let place = [&[0; 10][..], &start.to_le_bytes()].concat();
        directory
            .extend([b"PK\x01\x02\x14\0\x14\0", &about[..], &place, name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (start, length) = (file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count].concat());
    file.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

/// CRC-32 as zip has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

/// An index beside two sound shards.
pub const INDEX: Target = Target {
    name: "index",
    prepare: |scratch, data| {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let shard = framed(&[&header[..], &[0; 8]].concat());
        scratch.provide("1.safetensors", &shard);
        scratch.provide("2.safetensors", &shard);
        for (name, file) in ["index.json", "3.safetensors"].into_iter().zip(files(data)) {
            scratch.write(name, file);
        }
    },
    read: |scratch| read(scratch, "index.json"),
};
