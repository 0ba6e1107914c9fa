//! What has no value is told as undefined, with the reason, and is no failure.

use super::*;

/// What the program prints, which must succeed and complain of nothing.
fn printed(place: &Place, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = place.program(&arguments).output().expect("the program");
    let message = String::from_utf8(output.stderr).expect("words");
    let message: String =
        message.lines().filter(|line| !line.contains(": first line read as ")).collect();
    assert_eq!((output.status.code(), message.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).expect("words")
}

fn json(place: &Place, arguments: &str) -> Value {
    let text = printed(place, &format!("{arguments} --format json"));
    serde_json::from_str(&text).expect("JSON")
}

const EVAL: &str = "eval --model model --data pairs.tsv";

#[test]
fn a_model_whose_vectors_are_not_finite_is_undefined_by_its_first_sentence() {
    let place = Place::new();
    overflows(&place);
    let reason = "the embedding of \"a man plays a flute\" is not finite";
    let report = json(&place, &format!("{EVAL} --geometry"));
    for figure in ["spearman_cosine", "pearson_manhattan"] {
        assert!(report[figure].is_null(), "{report}");
        assert_eq!(report["undefined"][figure], reason);
    }
    let geometry = &report["geometry"];
    for part in [&geometry["all"], &geometry["by_length"][0]] {
        assert!(part["uniformity"].is_null() && part["hubness"].is_null(), "{geometry}");
    }
    assert_eq!(geometry["all"]["undefined"]["effective_rank"], reason);
    assert!(geometry["singular_values"].is_null());
    assert_eq!(geometry["undefined"]["singular_values"], reason);
    let table = printed(&place, &format!("{EVAL} --geometry"));
    assert!(table.contains(&format!("pairs: all metrics undefined: {reason}")), "{table}");
    let some = format!("all, score 4 to 5, tokens 5 to 7: all metrics undefined: {reason}");
    assert!(table.contains(&some), "{table}");
}

#[test]
fn only_the_sets_and_subsets_of_a_vector_that_is_not_finite_are_undefined() {
    let place = Place::new();
    // the word `sleeps` overflows, and with it the sentence that has it
    let vocabulary: Value = {
        let text = fs::read_to_string(place.path("model/tokenizer.json")).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    let row = vocabulary["model"]["vocab"]["sleeps"].as_u64().expect("a word") as usize;
    tensors(&place, |all| {
        let (_, shape, data) = all.get_mut("embeddings.word_embeddings.weight").expect("words");
        let width = shape[1] * 4;
        let word = &mut data[row * width..][..width];
        word.chunks_mut(4).for_each(|x| x.copy_from_slice(&f32::MAX.to_le_bytes()));
    });
    let suite = "[[set]]\nname = \"one\"\nfiles = [\"one.tsv\"]\n\
                 [[set]]\nname = \"two\"\nfiles = [\"two.tsv\"]\n";
    place.write("own.toml", suite);
    place.write(
        "one.tsv",
        "a\t1\ta man\tan apple\na\t4\ta man\ta man plays\na\t2\ta flute\tdogs\n",
    );
    place.write(
        "two.tsv",
        "a\t1\ta man\tan apple\na\t4\ta man\ta man plays\na\t3\tdogs\ta flute\n\
         b\t2\ta flute\tthe cat sleeps\nb\t1\ta man\tdogs\n",
    );
    let report = json(&place, "eval --model model --suite own.toml --bootstrap 0");
    let sets = &report["models"][0]["sets"];
    let reason = "the embedding of \"the cat sleeps\" is not finite";
    assert!(sets["one"]["figures"]["spearman_cosine"]["value"].is_number(), "{sets}");
    let two = &sets["two"]["figures"]["spearman_cosine"];
    assert!(two["value"].is_null() && two["reason"] == reason, "{sets}");
    let subsets = &sets["two"]["subsets"];
    assert!(subsets["a"]["spearman_cosine"].is_number(), "{subsets}");
    assert_eq!(subsets["b"]["undefined"]["spearman_cosine"], reason);
    let average = &report["models"][0]["average"]["spearman_cosine"];
    assert_eq!(average["reason"], "two is undefined");
    let table = printed(&place, "eval --model model --suite own.toml --bootstrap 0");
    assert!(table.contains(&format!("two: spearman_cosine undefined: {reason}")), "{table}");
    // two models, and one against another
    let both =
        "eval --model model --model model --compare model --suite own.toml --bootstrap 100";
    let report = json(&place, both);
    let difference = &report["comparisons"][0]["sets"]["two"]["spearman_cosine"];
    assert!(difference["difference"].is_null() && difference["reason"] == reason);
    let summary = &report["summary"]["sets"]["two"]["spearman_cosine"];
    assert!(
        summary["mean"].is_null() && summary["reason"] == "undefined for model",
        "{summary}"
    );
    assert!(printed(&place, both).contains(&format!("of model undefined: {reason}")));
}

#[test]
fn one_pair_and_constant_scores_are_undefined() {
    let place = Place::new();
    place.write("one.tsv", "a man\ta woman\t3\n");
    place.write("same.tsv", "a man\ta woman\t3\nthe cat\tdogs\t3\n");
    place.write("equal.tsv", "a man\ta man\t3\nthe cat\tthe cat\t1\n");
    for (data, geometry, reason) in [
        (
            "one.tsv",
            "2 sentences; 10 nearest neighbours need at least 11",
            "1 pair; a correlation needs at least 2",
        ),
        (
            "same.tsv",
            "no pairs with a score in the top fifth of the scale",
            "all gold scores are equal",
        ),
        (
            "equal.tsv",
            "2 sentences; 10 nearest neighbours need at least 11",
            "all similarities are equal",
        ),
    ] {
        let arguments = format!("eval --model model --data {data} --geometry");
        let report = json(&place, &arguments);
        assert!(report["spearman_cosine"].is_null(), "{report}");
        assert_eq!(report["undefined"]["spearman_cosine"], reason);
        let table = printed(&place, &arguments);
        assert!(table.contains(&format!("undefined: {reason}")), "{table}");
        assert!(table.contains(&format!("undefined: {geometry}")), "{table}");
    }
}

#[test]
fn a_model_that_gives_one_vector_for_everything_is_undefined() {
    let place = Place::new();
    tensors(&place, |all| {
        for (name, (_, _, data)) in all {
            if name.contains("LayerNorm.weight") {
                data.fill(0); // what is left is the bias
            }
            if name.contains("LayerNorm.bias") {
                data.chunks_mut(4).for_each(|x| x.copy_from_slice(&0.5f32.to_le_bytes()));
            }
        }
    });
    let report = json(&place, &format!("{EVAL} --geometry"));
    assert_eq!(report["undefined"]["spearman_cosine"], "all similarities are equal");
    let all = &report["geometry"]["all"];
    assert_eq!(all["uniformity"].as_f64().map(f64::round), Some(0.));
    assert!((all["effective_rank"].as_f64().expect("defined") - 1.).abs() < 1e-6);
    // enough sentences for ten neighbours
    let expected =
        ["a", "an", "the", "man", "cat", "dogs", "run", "park", "eats", "plays", "in"];
    let rows =
        expected.iter().enumerate().map(|(i, word)| format!("{word}\tapple\t{}\n", i % 3));
    place.write("many.tsv", rows.collect::<String>());
    let report = json(&place, "eval --model model --data many.tsv --geometry");
    let all = &report["geometry"]["all"];
    assert!(all["hubness"].is_null(), "{all}");
    assert_eq!(all["undefined"]["hubness"], "all embeddings have the same direction");
}
