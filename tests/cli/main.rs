//! What the program `twindrop` does: every test here starts it.

mod bad_input;
mod classifiers;
mod data_files;
mod embed_job;
mod evaluators;
mod every_cpu;
mod health_monitor;
mod integrations;
mod model_directories;
#[cfg(unix)]
mod outputs;
mod recipes;
mod report;
mod rerank;
mod resume;
mod set_geometry;
mod static_embeddings;
mod suites;
#[cfg(unix)]
mod trust;
mod whitening;

#[path = "../support/mod.rs"]
mod support;
