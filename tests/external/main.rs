//! Tests of what is not part of the project: a real model and real text.

mod minilm;
mod recipes;
