//! Recipes are listed, explained and planned without their data.

use twindrop::train::Recipe;

use crate::support::{TestDir, sample, succeed};

#[test]
fn recipes_are_listed_with_their_sources_and_slots() {
    let listed = TestDir::new().run("recipes").stdout;
    for recipe in Recipe::all() {
        assert!(listed.contains(recipe.name) && listed.contains(recipe.source()));
        assert!(recipe.slots().all(|(slot, _)| listed.contains(&format!("{slot}: "))));
    }
}

#[test]
fn a_recipe_without_its_data_says_what_it_reads() {
    let dir = TestDir::new();
    let output = dir.program("train --recipe simcse-unsup-base").output().expect("the program");
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(
        printed.contains("the recipe needs the data <unlabelled>: give --data unlabelled=FILE"),
        "{printed}"
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let dir = TestDir::new();
    let arguments =
        "train --recipe consert-unsup-base --preset tiny --dry-run --output-dir out";
    let mut program = dir.program(arguments);
    let printed = succeed(program.arg("--data").arg(sample("unlabelled.txt"))).stdout;
    for expected in
        ["learning-rate = 0.0000005", "220 steps", "2 forward passes", "estimated memory: "]
    {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
    assert!(!dir.path("out").exists());
}
