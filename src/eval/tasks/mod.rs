//! The other tasks: pairs, triplets, retrieval, probes, heads.

pub(in crate::eval) mod binary;
pub(in crate::eval) mod examples;
pub(in crate::eval) mod head;
pub(in crate::eval) mod probe;
pub(in crate::eval) mod probe_suite;
pub(in crate::eval) mod ranking;
pub(in crate::eval) mod regression;
pub(in crate::eval) mod retrieval;
pub(in crate::eval) mod threshold;
pub(in crate::eval) mod triplet;
