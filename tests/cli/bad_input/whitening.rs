//! `twindrop whiten`.

use super::*;

const WHITEN: &str = "whiten --model model --data text.txt --dim 2 --output-dir";

#[test]
fn whitening_that_cannot_be_fitted() {
    let place = Place::new();
    place.write("same.txt", "the cat sleeps\n".repeat(5));
    place.write("one.txt", "the cat sleeps\n");
    place.write("empty.txt", "");
    let start = "whiten --model model --output-dir out";
    for (arguments, expected) in [
        ("", &["--data"][..]),
        ("--data nowhere.txt", &["nowhere.txt"]),
        ("--data empty.txt", &["empty.txt"]),
        ("--data text.txt nowhere.txt", &["nowhere.txt"]),
        ("--data text.txt", &["4 sentences are too few", "choose dim 3 or less"]),
        ("--data text.txt --dim 0", &["dim 0", "at least 1"]),
        ("--data text.txt --dim 4", &["dim 4", "numerical rank 3"]),
        ("--data text.txt --dim 100000", &["dim 100000", "dimensions"]),
        ("--data text.txt --dim two", &["--dim", "two"]),
        ("--data same.txt --dim 1", &["all 5 sentences have the same embedding"]),
        ("--data one.txt --dim 1", &["1 sentences have no variance"]),
        ("--data text.txt --method pca", &["pca", "abtt"]),
        ("--data text.txt --method abtt --dim 2", &["--dim needs --method whitening"]),
        ("--data text.txt --components 2", &["--components needs --method abtt"]),
        (
            "--data text.txt --method abtt --components 3",
            &["components 3", "one direction must remain"],
        ),
        ("--data text.txt --dim 2 --columns _,text", &["text.txt"]),
    ] {
        place.refuses(&format!("{start} {arguments}"), expected);
    }
    place.refuses("whiten --model model --data text.txt --dim 2", &["--output-dir"]);
    place.refuses(&format!("{WHITEN} old"), &["old", "--overwrite-output-dir"]);
    place.refuses(&format!("{WHITEN} old.npy"), &["old.npy"]);
}

#[test]
fn a_dense_layer_with_an_activation_is_not_whitened_and_one_without_is_joined() {
    let place = Place::new();
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        place.program(&arguments).assert().success();
    };
    run(&format!("{WHITEN} once"));
    run("whiten --model once --data text.txt --dim 2 --output-dir twice");
    place.json("once/2_Dense/config.json", |config| {
        config["activation_function"] = "torch.nn.modules.activation.Tanh".into();
    });
    let arguments = "whiten --model once --data text.txt --dim 2 --output-dir out";
    place.refuses(arguments, &["a dense layer with activation tanh", "only one with identity"]);
}

#[test]
fn vectors_that_are_not_finite_are_not_whitened() {
    let place = Place::new();
    overflows(&place);
    let arguments: Vec<&str> = WHITEN.split_whitespace().chain(["out"]).collect();
    place.refuses_with(2, &mut place.program(&arguments), &["not finite", "weights"]);
}
