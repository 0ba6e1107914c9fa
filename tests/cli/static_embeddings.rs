//! Static embedding models in every command, and their distillation.

use std::fs;

use serde_json::Value;

use crate::support::{TestDir, fixture, tiny};

const TEXTS: [&str; 8] = [
    "a man plays a flute",
    "a woman eats an apple",
    "the cat sleeps",
    "dogs run in the park",
    "a man plays the guitar",
    "a woman eats a pear",
    "the cat sits",
    "a dog runs in a garden",
];

/// A teacher in `teacher`, its texts, and the static model distilled from it in `static`.
fn place(options: &str) -> TestDir {
    let place = TestDir::new();
    tiny(TEXTS, 1).save_pretrained(place.path("teacher")).expect("saved");
    place.write("texts.txt", TEXTS.join("\n"));
    let pairs: Vec<String> =
        (0..4).map(|i| format!("{}\t{}\t{}", TEXTS[i], TEXTS[i + 4], 5 - i)).collect();
    place.write("scored.tsv", pairs.join("\n"));
    let pairs: Vec<String> =
        (0..4).map(|i| format!("{}\t{}", TEXTS[i], TEXTS[i + 4])).collect();
    place.write("pairs.tsv", pairs.join("\n"));
    place.run(&format!(
        "distill-static --model teacher --output static --pca-dims 16 {options}"
    ));
    place
}

/// A model of the fixtures in `model`.
fn written_by(program: &str) -> TestDir {
    let (place, from) = (place(""), fixture(&format!("static_embedding/{program}")));
    for entry in fs::read_dir(from).expect("a fixture") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        place.write(format!("model/{name}"), fs::read(&path).expect("a file"));
    }
    place
}

#[test]
fn a_distilled_model_says_how_it_came_about_and_is_the_same_for_any_number_of_threads() {
    let place = place("");
    let again = "distill-static --model teacher --pca-dims 16 --output-dir";
    let printed = place.run(&format!("{again} again --threads 3")).stderr;
    let table = place.read("static/model.safetensors");
    assert!(table == place.read("again/model.safetensors"));
    assert!(printed.contains("16 dimensions that explain"), "{printed}");
    assert!(printed.contains("special or unused left out"), "{printed}");
    let card = place.read_to_string("static/README.md");
    for expected in ["Distilled from `teacher`", "## Distillation", "SIF coefficient | 0.0001"]
    {
        assert!(card.contains(expected), "{expected}: {card}");
    }
    place.write("words.txt", "zebra\n\nnew york\nthe\n");
    let printed = place.run(&format!("{again} words --vocabulary words.txt")).stderr;
    assert!(printed.contains("2 words added, 1 that are no new tokens skipped"), "{printed}");
    let printed =
        place.run(&format!("{again} wide --pca-dims 500 --sif-coefficient none")).stderr;
    assert!(printed.contains("--pca-dims 500 is more than the 128 dimensions"), "{printed}");
    let list = place.read_json("static/modules.json");
    assert_eq!(list[0]["type"], "sentence_transformers.models.StaticEmbedding");
    assert_eq!(list[1]["type"], "sentence_transformers.models.Normalize");
    place.run(&format!("{again} other --layout model2vec"));
    let config = place.read_json("other/config.json");
    assert_eq!(
        (&config["model_type"], &config["normalize"]),
        (&"model2vec".into(), &true.into())
    );
    assert!(
        place.path("static/config.json").exists() != place.path("other/config.json").exists()
    );
}

#[test]
fn static_models_are_evaluated_embedded_and_searched() {
    for place in ["plain", "model2vec", "model2vec-mapping"].map(written_by) {
        for model in ["static", "model"] {
            let eval =
                format!("eval --model {model} --data scored.tsv --bootstrap 0 --format json");
            let found: Value = serde_json::from_str(&place.run(&eval).stdout).expect("JSON");
            assert!(found.to_string().contains("spearman"), "{found}");
            let embed = format!("embed --model {model} --input texts.txt --output {model}.npy");
            let printed = place.run(&embed).stderr;
            assert!(!printed.contains("warning"), "{printed}");
            let search = format!(
                "search --model {model} --corpus texts.txt --query flute --top-k 2 --format jsonl"
            );
            let line: Value = serde_json::from_str(&place.run(&search).stdout).expect("JSON");
            assert_eq!(line["hits"].as_array().expect("hits").len(), 2, "{line}");
        }
    }
}

#[test]
fn static_models_are_trained_and_saved_in_their_own_format() {
    for (program, file) in [
        ("plain", "embedding.weight"),
        ("model2vec", "embeddings"),
        ("model2vec-mapping", "mapping"),
    ] {
        let place = written_by(program);
        let train = "train --model model --data pairs.tsv --objective mnrl --max-steps 3 \
                     --view1 dropout=0.1 --view2 dropout=0.1 --learning-rate 0.01 \
                     --per-device-train-batch-size 4 --output-dir out";
        place.run(train);
        let weights = place.read("out/model.safetensors");
        assert!(String::from_utf8_lossy(&weights).contains(file), "{program}");
        assert!(
            weights != place.read("model/model.safetensors"),
            "{program}: nothing was learnt"
        );
        let list = place.read_json("out/modules.json");
        assert_eq!(
            list[0]["type"], "sentence_transformers.models.StaticEmbedding",
            "{program}"
        );
        let is_own = place.path("out/config.json").is_file();
        assert_eq!(is_own, program != "plain", "{program}");
        place.run("embed --model out --input texts.txt --output out.npy");
        place.run(
            "train --model out --data texts.txt --objective simcse --max-steps 2 \
                   --view1 dropout=0.1 --view2 dropout=0.1 --output-dir again",
        );
        place.run("whiten --model out --data texts.txt --dim 2 --output-dir whitened");
        let printed =
            place.run("embed --model whitened --input texts.txt --output w.npy").stderr;
        assert!(printed.contains("2 dimensions"), "{printed}");
        let printed = place.run("doctor --model whitened").stdout;
        assert!(printed.contains("static embedding"), "{printed}");
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_with_a_static_model_to_the_same_bits() {
    let place = written_by("model2vec-mapping");
    let train = "train --model model --data pairs.tsv --objective mnrl --learning-rate 0.01 \
                 --lr-scheduler-type constant --per-device-train-batch-size 2 --save-steps 2 \
                 --view1 dropout=0.1";
    place.run(&format!("{train} --max-steps 6 --output-dir whole"));
    place.run(&format!("{train} --max-steps 3 --output-dir part"));
    place.run("train --resume --output-dir part --max-steps 6");
    assert!(place.read("whole/model.safetensors") == place.read("part/model.safetensors"));
}

#[test]
fn what_a_static_model_cannot_do_is_refused() {
    let place = written_by("plain");
    let refuses = |arguments: &str, expected: &str| {
        let output = place.program(arguments).output().expect("the program");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {printed}");
        assert!(printed.contains(expected), "{arguments}: {printed}");
    };
    refuses("quantize model --output-dir int8", "has no matrix products");
    let distill = "distill-static --output-dir out --model";
    refuses(&format!("{distill} model"), "a static embedding model itself");
    refuses(&format!("{distill} teacher --sif-coefficient 2"), "expected more than 0");
    refuses(&format!("{distill} teacher --sif-coefficient x"), "expected a number or none");
    refuses(&format!("{distill} teacher --pca-dims 0"), "expected a number above 0, auto");
    refuses(&format!("{distill} teacher --layout gguf"), "sentence-transformers or model2vec");
    refuses(&format!("{distill} teacher --vocabulary nowhere.txt"), "nowhere.txt");
    place.write("empty.txt", "\n \n");
    refuses(&format!("{distill} teacher --vocabulary empty.txt"), "has no words");
    refuses("distill-static --model teacher --output-dir model", "--overwrite-output-dir");
    assert!(!place.path("out").exists() && !place.path("int8").exists());
    place.write("model/config.json", "{\"model_type\": \"model2vec\", \"max_length\": \"x\"}");
    refuses("embed --model model --input texts.txt --output x.npy", "max_length is \"x\"");
}

/// Its directory has no config.json beside `heads.json`.
#[test]
fn a_head_on_a_static_model_is_trained_saved_and_used() {
    let place = written_by("plain");
    place
        .write("classes.tsv", "class\ttext\na\tthe cat\nb\tdogs run\na\tcat sleeps\nb\tdogs\n");
    let train = "train --model model --data classes.tsv --objective softmax --max-steps 4 \
                 --learning-rate 0.1 --output-dir";
    place.run(&format!("{train} out"));
    assert!(place.path("out/heads.json").is_file() && !place.path("out/config.json").exists());
    let printed = place.run("predict --model out --input classes.tsv").stdout;
    assert_eq!(printed.lines().count(), 5, "{printed}");
    let next = train.replace("--model model", "--model out");
    let printed = place.run(&format!("{next} next"));
    assert!(
        printed.stderr.contains("training goes on with the heads of out"),
        "{}",
        printed.stderr
    );
}
