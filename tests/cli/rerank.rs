//! Cross-encoders: their objectives, `twindrop rerank` and `mine negatives --rescore`.

use serde_json::Value;

use crate::support::{TestDir, succeed};

const THINGS: [&str; 4] = ["house", "car", "ball", "hat"];

/// Four documents for each of four queries, of which the one that names the query's thing is relevant.
fn lists() -> String {
    let rows = THINGS.iter().flat_map(|query| {
        THINGS.iter().map(move |document| {
            let relevance = 3 * u8::from(query == document);
            format!("where is the {query}\tthe {document} is here\t{relevance}\n")
        })
    });
    "query\tdocument\tscore\n".to_string() + &rows.collect::<String>()
}

fn place() -> TestDir {
    let dir = TestDir::new();
    dir.write("lists.tsv", lists());
    dir
}

const TRAIN: &str = "train --preset tiny --data lists.tsv --head joined --learning-rate 3e-3 --quiet \
                     --batch-size 8 --output-dir";

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_objective_over_lists_trains_a_cross_encoder() {
    let dir = place();
    for objective in [
        "bce",
        "margin-mse",
        "ranknet",
        "listnet",
        "lambda",
        "distill-kl:temperature=2",
        "bce:rdrop=1",
        "listnet:rdrop=0.5",
    ] {
        let scale = if objective.starts_with("bce") { "--score-scale 0..3" } else { "" };
        let program = format!(
            "{TRAIN} out --objective {objective} {scale} --max-steps 3 --overwrite-output-dir"
        );
        succeed(&mut dir.program(&program));
        let steps = dir.read_json_lines("out/log.jsonl").into_iter();
        let steps: Vec<Value> = steps.filter(|event| event["event"] == "step").collect();
        assert!(steps.iter().all(|step| step["loss"].as_f64().is_some_and(|x| x > 0.)));
        let has_agreement = steps.iter().any(|step| step.to_string().contains("agreement"));
        assert_eq!(has_agreement, objective.contains("rdrop"), "{objective}");
        let config: Value =
            serde_json::from_str(&dir.read_to_string("out/config.json")).unwrap();
        let class = config["sentence_transformers"]["activation_fn"].as_str().unwrap();
        assert_eq!(class.ends_with("Sigmoid"), objective.starts_with("bce"), "{objective}");
    }
}

#[test]
fn the_documents_of_a_query_come_in_the_order_of_their_scores() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} ce --objective listnet --max-steps 4")));
    let found = json_lines(&dir.run("rerank --model ce --input lists.tsv").stdout);
    assert_eq!(found.len(), 4);
    let printed = dir.run("predict --model ce --input lists.tsv").stdout;
    let scores: Vec<f64> = printed.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    for (query, own) in found.iter().zip(scores.chunks(4)) {
        let hits = query["hits"].as_array().unwrap();
        let ranked: Vec<f64> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
        let mut expected = own.to_vec();
        expected.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(ranked, expected);
    }
    // the hits of a search, cut to the best
    crate::support::tiny(THINGS, 1).save_pretrained(dir.path("plain")).unwrap();
    dir.write("docs.txt", "the house is here\nthe car is here\nthe hat is here\n");
    let search =
        "search --model plain --corpus docs.txt --query house --query car --format jsonl";
    dir.write("hits.jsonl", dir.run(search).stdout);
    let again = json_lines(&dir.run("rerank --model ce --input hits.jsonl --top-k 2").stdout);
    assert_eq!(again.len(), 2);
    for query in &again {
        let hits = query["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 2);
        assert!(hits[0]["score"].as_f64() >= hits[1]["score"].as_f64());
        assert!(hits[0]["corpus_id"].is_number() && hits[0]["text"].is_string());
    }
    let table = dir.run("rerank --model ce --input hits.jsonl --format tsv").stdout;
    assert!(table.starts_with("query\trank\tscore\tcorpus_id\ttext\nhouse\t1\t"), "{table}");
    assert_eq!(table.lines().count(), 7);
}

#[test]
fn candidates_of_hard_negatives_are_scored_again_by_a_cross_encoder() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} ce --objective listnet --max-steps 4")));
    crate::support::tiny(THINGS, 1).save_pretrained(dir.path("plain")).unwrap();
    let pairs: String =
        THINGS.iter().map(|t| format!("where is the {t}\tthe {t} is here\n")).collect();
    dir.write("pairs.tsv", "anchor\tpositive\n".to_string() + &pairs);
    let mine = "mine negatives --model plain --data pairs.tsv --num-negatives 1 --range-max 3 --output";
    succeed(&mut dir.program(&format!("{mine} by-cosine.tsv")));
    succeed(&mut dir.program(&format!("{mine} by-score.tsv --rescore ce")));
    // the negative is the best of the three others by the cross-encoder
    let scored = json_lines(&dir.run("rerank --model ce --input lists.tsv").stdout);
    let rows = dir.read_to_string("by-score.tsv");
    for (query, row) in scored.iter().zip(rows.lines().skip(1)) {
        let cells: Vec<&str> = row.split('\t').collect();
        let hits = query["hits"].as_array().unwrap().iter();
        let mut others = hits.filter(|hit| hit["text"] != cells[1]);
        assert_eq!(
            (&query["query"], &others.next().unwrap()["text"]),
            (&cells[0].into(), &cells[2].into())
        );
    }
}

#[test]
fn what_cannot_be_ranked_is_refused_in_one_sentence() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} ce --objective listnet --max-steps 1")));
    dir.write("pairs.tsv", "query\tdocument\tscore\na\tb\t1\nc\td\t0\n");
    dir.write("texts.txt", "a\nb\n");
    dir.write(
        "hits.jsonl",
        "{\"query\": \"a\", \"hits\": [{\"corpus_id\": 1, \"score\": 0.5}]}\n",
    );
    for (program, expected) in [
        ("rerank --model ce --input texts.txt", "expected a query and a document"),
        ("rerank --model ce --input hits.jsonl", "hits.jsonl:1: missing field `text`"),
        ("rerank --model ce --input lists.tsv --top-k 0", "--top-k 0"),
        ("rerank --model ce --input lists.tsv --output lists.tsv", "is also an input"),
        (
            "train --preset tiny --data pairs.tsv --head joined --objective listnet --output-dir x",
            "no query has two documents",
        ),
    ] {
        let output = dir.program(program).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{program}: {message}");
        assert!(message.contains(expected), "{program}: {message}");
    }
    assert_eq!(dir.read_to_string("lists.tsv"), lists(), "an input is untouched");
}
