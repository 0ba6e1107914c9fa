//! Batches: the order in which an epoch visits the examples.

pub(in crate::data) mod batch_order;
pub(in crate::data) mod batching;
pub(in crate::data) mod epoch;
pub(in crate::data) mod groups;
pub(in crate::data) mod repeats;
pub(in crate::data) mod sampler;
