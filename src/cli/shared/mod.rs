//! What several commands share: options, opening a model, printing.

pub mod args;
pub mod model;
pub mod notes;
pub mod print;
