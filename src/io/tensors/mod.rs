//! Tensors by name in files: `.safetensors`, `torch.save`, an index of shards; and matrices in
//! `.npy`. One reader and one writer, used by models, checkpoints and stored embeddings.

mod element;
mod file;
mod header;
mod index;
mod location;
pub(crate) mod npy;
mod torch;
mod write;

pub(crate) use element::decode;
pub use file::TensorFile;
pub(crate) use write::{matrix_header, write_tensors};
