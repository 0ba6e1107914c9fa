//! Evaluators beside STS.

use super::*;

const NLI: &str = "a cat\tan animal\tentailment\na cat\ta dog\tcontradiction\n";

#[test]
fn pairs_that_are_of_no_kind() {
    all_refused(
        "eval pairs --model model",
        &[
            ("", &["--data"]),
            ("--data none.tsv", &["none.tsv", "no such file"]),
            ("--data text.txt", &["text.txt: has text", "pairs with a score or a class"]),
            ("--data classes.tsv", &["classes.tsv: has class, text", "pairs with"]),
            ("--data pairs.tsv", &["pairs.tsv: score 4 is neither 0 nor 1", "--positive-from"]),
            ("--data pairs.tsv --positive-from nan", &["--positive-from", "finite"]),
            ("--data pairs.tsv --positive yes", &["has scores, not class labels"]),
            ("--data pairs.tsv --positive-from 3 --positive yes", &["cannot be used with"]),
            ("--data pairs.tsv --positive-from 3 --similarity cos", &["`cos`", "cosine"]),
            ("--data pairs.tsv --positive-from 3 --bootstrap 7", &["--bootstrap 7", "100"]),
            ("--data pairs.tsv --positive-from 3 --output old", &["old is a directory"]),
            (
                "--data pairs.tsv --positive-from 3 --output no/x.json",
                &["no such directory: no"],
            ),
        ],
    );
    let place = Place::new();
    place.write("nli.tsv", NLI);
    let pairs = |rest: &str, expected: &[&str]| {
        place.refuses(&format!("eval pairs --model model --data nli.tsv {rest}"), expected);
    };
    pairs("", &["classes contradiction, entailment", "--positive CLASS"]);
    pairs("--positive yes", &["no class \"yes\"", "contradiction, entailment"]);
    pairs(
        "--positive entailment --negative entailment",
        &["both as --positive and as --negative"],
    );
    pairs("--negative entailment", &["--positive"]);
}

#[test]
fn a_task_takes_no_flags_of_another() {
    all_refused(
        "eval",
        &[
            ("--model model pairs --data pairs.tsv", &["pairs", "cannot be used with"]),
            ("pairs --data pairs.tsv", &["--model"]),
            ("pairs --model model --data pairs.tsv --suite sts", &["--suite"]),
            ("ranking --model model", &["ranking"]),
        ],
    );
}

#[test]
fn triplets_that_are_none() {
    all_refused(
        "eval triplets --model model",
        &[
            ("--data pairs.tsv", &["has sentence1, sentence2, score", "positive and negative"]),
            ("--data pairs.tsv --nli-triplets", &["pairs.tsv", "entailment and contradiction"]),
            ("--data text.txt --margin 1", &["text.txt", "anchor"]),
        ],
    );
    let place = Place::new();
    place.write("three.tsv", "a\tb\tc\n");
    place.refuses(
        "eval triplets --model model --data three.tsv --margin inf",
        &["margin inf", "finite"],
    );
    place.write("cut.tsv", "a\tb\tc\nd\te\n");
    place.refuses("eval triplets --model model --data cut.tsv", &["cut.tsv:2: 2 columns"]);
}

#[test]
fn collections_with_something_wrong_in_them() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("corpus.tsv", "", &["corpus.tsv: the file is empty"]),
        ("corpus.tsv", "id\ttext\n", &["corpus.tsv: no entries"]),
        ("corpus.tsv", "d\ta cat\nd\ta dog\n", &["corpus.tsv:2: duplicate id \"d\"", "line 1"]),
        ("corpus.tsv", "d\ta\tcat\n", &["corpus.tsv:1: 3 columns, expected 2"]),
        ("corpus.tsv", "d\ta cat\n\te\n", &["corpus.tsv:2: id is empty"]),
        ("queries.jsonl", "{\"_id\":\"q\"}\n", &["queries.jsonl:1: text is missing"]),
        ("queries.jsonl", "{\"_id\":[1],\"text\":\"a\"}\n", &["_id is an array"]),
        ("queries.jsonl", "{\"_id\":\"q\",\"te", &["queries.jsonl:1: not JSON"]),
        ("qrels/test.tsv", "p\td\t1\n", &["test.tsv: names no query that is there", "\"p\""]),
        ("qrels/test.tsv", "q\td\tyes\n", &["test.tsv:1: score \"yes\" is not a number"]),
        ("qrels/test.tsv", "q\td\tnan\n", &["test.tsv:1: score NaN is not finite"]),
        ("qrels/test.tsv", "q d 1\n", &["test.tsv:1: 1 columns"]),
    ];
    for (name, content, expected) in rows {
        let place = Place::new();
        place.write("set/queries.tsv", "q\ta cat\n");
        place.write("set/corpus.tsv", "d\ta cat\n");
        place.write("set/qrels/test.tsv", "q\td\t1\n");
        place.write(Path::new("set").join(name), content);
        place.refuses("eval retrieval --model model --data-dir set", expected);
    }
    let place = Place::new();
    place.write("set/queries.tsv", "q\ta cat\n");
    place.write("set/corpus.tsv", "d\ta cat\n");
    place.write("set/qrels/test.tsv", "q\td\t1\n");
    let set = |rest: &str, expected: &[&str]| {
        place.refuses(&format!("eval retrieval --model model {rest}"), expected);
    };
    set("", &["--data-dir", "--qrels"]);
    set("--queries set/queries.tsv", &["--data-dir", "--qrels"]);
    set("--data-dir set --split dev", &["dev.tsv", "qrels.tsv"]);
    set("--data-dir old", &["queries.jsonl", "queries.tsv"]);
    set("--data-dir set --k 0,1", &["k", "1 or more"]);
    set("--data-dir set --corpus set/corpus.tsv", &["cannot be used with"]);
    let files = "--queries text.txt --corpus set/corpus.tsv --qrels set/qrels/test.tsv";
    set(files, &["text.txt", ".tsv, .csv, .jsonl or .json"]);
}

#[test]
fn probes_that_cannot_be_fitted() {
    all_refused(
        "eval probe --model model",
        &[
            ("", &["--train"]),
            ("--train pairs.tsv", &["pairs.tsv: has sentence1", "a class", "--columns"]),
            ("--train text.txt --dev text.txt", &["text.txt: has text", "a class"]),
            ("--train classes.tsv", &["classes.tsv: 10 folds of 2 examples"]),
            ("--train classes.tsv --folds 1", &["1 folds of 2 examples"]),
            ("--train classes.tsv --dev classes.tsv --grid 0", &["C 0", "above 0"]),
            ("--train classes.tsv --dev classes.tsv --grid nan", &["C NaN", "above 0"]),
            ("--train classes.tsv --dev classes.tsv --features w", &["`w`", "difference"]),
        ],
    );
    let place = Place::new();
    place.write("nli.tsv", NLI);
    place.write("other.tsv", "class\ttext\nperhaps\tthe cat sleeps\n");
    let probe = |rest: &str, expected: &[&str]| {
        let start = "eval probe --model model --train classes.tsv";
        place.refuses(&format!("{start} {rest}"), expected);
    };
    probe("--dev other.tsv", &["other.tsv", "class \"perhaps\"", "no, yes"]);
    probe("--dev nli.tsv", &["nli.tsv: has 2 texts", "classes.tsv has 1"]);
}

#[test]
fn transfer_tasks_that_cannot_be_evaluated() {
    let place = Place::new();
    let suite = "eval --model model --suite senteval-transfer --data-dir . --only";
    place
        .refuses(&format!("{suite} mr"), &["has no mr: looked for", "downstream/MR", "--only"]);
    place.write("mr-all.tsv", "");
    place.refuses(&format!("{suite} mr"), &["mr-all.tsv", "empty"]);
    place.write("mr-all.tsv", "1\ta\n0\tb\n");
    place.refuses(&format!("{suite} mr"), &["mr-all.tsv: 10 folds of 2 examples"]);
    place.refuses(&format!("{suite} mr --geometry"), &["--geometry", "does not apply"]);
    place.write("trec-train.tsv", "NUM\ta\n".repeat(12));
    place.write("trec-test.tsv", "LOC\ta\n");
    place.refuses(&format!("{suite} trec"), &["trec-test.tsv: class \"LOC\"", "NUM"]);
}
