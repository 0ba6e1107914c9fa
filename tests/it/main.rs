//! What the library computes, asked through its public items.

mod architectures;
mod bootstrap;
mod classifiers;
mod data_files;
mod data_loading;
mod dependencies;
mod golden;
mod heads;
mod hub;
mod imports;
mod large_batches;
mod learning;
mod model_directories;
mod objectives;
mod position_encoding;
mod prompts;
mod scipy;
mod search;
mod static_embeddings;
mod thread_safety;
mod views;
mod weights;

#[path = "../support/mod.rs"]
mod support;
