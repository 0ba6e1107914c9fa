//! Tests of what a clone or a machine may lack: a real model, real text, instructions of a CPU,
//! rights. What is missing is found out when they run, and reported as ignored with the reason.

mod full_disk;
mod minilm;
mod recipes;

#[path = "../support/mod.rs"]
mod support;

use libtest_mimic::{Arguments, Completion, Trial};
use std::process::ExitCode;

/// A test that gets what `input` finds, and is ignored for the reason that `input` gives.
fn trial<T: 'static>(name: &str, input: fn() -> Result<T, String>, test: fn(T)) -> Trial {
    Trial::ignorable_test(name, move || match input() {
        Ok(input) => {
            test(input);
            Ok(Completion::Completed)
        }
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

/// Rows of `module(input): tests;`.
macro_rules! trials {
    ($($module:ident($input:ident): $($test:ident),+;)+) => {
        vec![$($(trial(
            concat!(stringify!($module), "::", stringify!($test)),
            $module::$input,
            $module::$test,
        )),+),+]
    };
}

fn main() -> ExitCode {
    let trials = trials! {
        full_disk(own_mounts):
            a_full_disk_ends_the_run_in_a_sentence_and_costs_no_step,
            a_directory_that_may_not_be_written_is_refused;
        minilm(bf16_model):
            bf16_moves_embeddings_by_little;
        minilm(model):
            embeddings_equal_those_of_sentence_transformers,
            int8_moves_embeddings_by_little,
            a_quantized_copy_is_smaller_and_computes_as_int8_does,
            a_saved_and_loaded_copy_gives_the_same_bits,
            the_size_of_a_batch_does_not_change_a_vector;
        recipes(data):
            every_recipe_takes_twenty_steps_on_real_text;
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
