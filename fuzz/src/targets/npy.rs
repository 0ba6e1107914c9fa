//! Vectors in NumPy's `.npy`.

use super::Target;
use crate::scratch::choice;
use twindrop::vectors::Embeddings;

/// A file as it is; or a header and numbers, a line end between them, behind the right length.
pub const NPY: Target = Target {
    name: "npy",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
        let (header, numbers) = data.split_at(end);
        let length = header.len() as u32;
        let file = match choice % 4 {
            0 => data.to_vec(),
            1 => {
                let head = [b"\x93NUMPY\x02\0", &length.to_le_bytes()[..], header].concat();
                [&head[..], numbers].concat()
            }
            _ => {
                let length = (length as u16).to_le_bytes();
                [b"\x93NUMPY\x01\0", &length[..], header, numbers].concat()
            }
        };
        scratch.write("x.npy", file);
    },
    read: |scratch| {
        let Ok(vectors) = Embeddings::read(scratch.path("x.npy")) else { return };
        assert_eq!(vectors.row(vectors.rows() - 1).len(), vectors.width());
    },
};
