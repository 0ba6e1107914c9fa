//! Formats of files: bytes → rows.

pub(in crate::data) mod delimiter;
pub(in crate::data) mod dialect;
pub(in crate::data) mod json_object;
pub(in crate::data) mod json_values;
pub(in crate::data) mod lines;
#[cfg(feature = "parquet")]
pub(in crate::data) mod parquet;
pub(in crate::data) mod quoted;
pub(in crate::data) mod row;
pub(in crate::data) mod rows;
pub(in crate::data) mod senteval;
pub(in crate::data) mod shallow;
pub(in crate::data) mod source;
pub(in crate::data) mod transfer;
pub(in crate::data) mod zstd;
