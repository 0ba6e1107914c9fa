//! Data files as people bring them, given to every command: what is read, what is said of it, and
//! what is counted. Rows expected of files are those of pandas (see `tests/it/data_files.rs`).

use std::process::Output;

use serde_json::Value;

use crate::support::{TestDir, tiny};

/// A directory with a small model in `model`.
fn place() -> TestDir {
    let place = TestDir::new();
    let texts = ["who sleeps", "a cat sleeps", "dogs run in the park", "stocks fell"];
    tiny(texts, 1).save_pretrained(place.path("model")).expect("a model");
    place
}

/// What a run that fails with exit code 2 says.
#[track_caller]
fn refusal(place: &TestDir, arguments: &str) -> String {
    let Output { status, stderr, .. } = place.program(arguments).output().expect("the program");
    let stderr = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(2), "{arguments}: {stderr}");
    stderr
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn a_header_is_never_embedded_mined_or_searched() {
    let place = place();
    place.write("review.csv", "review\nI love it\nI hate it\n");
    let embedded = place.run("embed --model model --input review.csv --output out.jsonl");
    assert_eq!(place.read_json_lines("out.jsonl").len(), 2);
    assert!(last_line(&embedded.stderr).starts_with("2 embeddings, "), "{}", embedded.stderr);

    place.write("qd.csv", "query,document\nwho sleeps,a cat\nwho runs,a dog\n");
    place.run("mine negatives --model model --data qd.csv --output n.tsv --num-negatives 1");
    let mined =
        "anchor\tpositive\tnegative\nwho sleeps\ta cat\ta dog\nwho runs\ta dog\ta cat\n";
    assert_eq!(place.read_to_string("n.tsv"), mined);

    place.write("q.tsv", "qid\tquestion\nq1\twho sleeps\n");
    place.write("c.tsv", "docno\tcontents\nd1\ta cat sleeps\nd2\tstocks fell\n");
    place.write("r.tsv", "q1\td1\t1\n");
    let files = "--queries q.tsv --corpus c.tsv --qrels r.tsv";
    let found = place.run(&format!(
        "eval retrieval --model model {files} --k 1 --bootstrap 0 --format json"
    ));
    let found: Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!((&found["queries"], &found["documents"]), (&1.into(), &2.into()));
}

#[test]
fn the_decision_about_an_unknown_first_line_is_printed() {
    let place = place();
    place.write("data.tsv", "who sleeps\na cat\n");
    let run = place.run("embed --model model --input data.tsv --output out.jsonl");
    let note =
        "note: data.tsv: first line read as data: \"who sleeps\"; --header true if it names";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    place.write("names.tsv", "utterance\nwho is it\na cat sleeps\n");
    let run = place.run("embed --model model --input names.tsv --output out.jsonl");
    let note = "note: names.tsv: first line read as a header: \"utterance\"; --header false";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    assert_eq!(place.read_json_lines("out.jsonl").len(), 2);
}

#[test]
fn an_error_about_a_column_ends_with_the_columns_that_fix_it() {
    let place = place();
    place.write("f.csv", "left,right,rating\na cat,a dog,4.5\nx,y,1\n");
    let refused = refusal(&place, "eval --model model --data f.csv --bootstrap 0");
    let fix = "--columns left=sentence1,right=sentence2,rating=score";
    assert!(refused.trim_end().ends_with(fix), "{refused}");
    place.run(&format!("eval --model model --data f.csv --bootstrap 0 {fix}"));

    // names with a comma are given in quotes
    place.write("g.csv", "\"text, long\",id\na cat,1\na dog,2\n");
    let mut command = place.program("embed --model model --input g.csv --output out.jsonl");
    command.args(["--columns", "\"text, long\"=text"]);
    assert!(command.output().expect("the program").status.success());
    assert_eq!(place.read_json_lines("out.jsonl").len(), 2);
}

#[test]
fn missing_cells_are_listed_before_any_work_or_left_out_or_blank() {
    let place = place();
    place.write("one.csv", "text\nfirst\n\"\"\nthird\n");
    place.write("two.csv", "id,text\n1,first\n2,\n3,third\n");
    for file in ["one.csv", "two.csv"] {
        let run = format!("embed --model model --input {file} --output out.jsonl");
        let refused = refusal(&place, &run);
        let start = format!("error: {file}:3: text is empty; correct it, or give --on-missing");
        assert!(refused.contains(&start), "{refused}");
        assert!(!place.path("out.jsonl").exists());
        for (on_missing, rows, count) in [
            ("skip", 2, "; 1 row with missing cells skipped"),
            ("blank", 3, "; 1 missing text read as empty"),
        ] {
            let run = place.run(&format!("{run} --on-missing {on_missing}"));
            assert_eq!(place.read_json_lines("out.jsonl").len(), rows);
            assert!(last_line(&run.stderr).ends_with(count), "{}", run.stderr);
            std::fs::remove_file(place.path("out.jsonl")).expect("a file");
        }
    }
    let rows: String = (0..20).map(|i| if i % 2 == 0 { "a,\n" } else { "a,b\n" }).collect();
    place.write("many.csv", format!("anchor,positive\n{rows}"));
    let train =
        "train --model model --data many.csv --objective mnrl --output-dir out --max-steps 1";
    let refused = refusal(&place, train);
    let expected =
        "10 rows have missing cells, in lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20; correct";
    assert!(refused.contains(expected) && !place.path("out").exists(), "{refused}");
}

#[test]
fn every_command_counts_what_it_left_out_in_its_last_line() {
    let place = place();
    let long = "dogs run in the park ".repeat(100);
    place.write("t.csv", format!("text\na cat\n\na cat\n{long}\nNaN\n"));
    let counts = "; 1 blank line skipped, 1 row with missing cells skipped, 1 duplicate, 1 text \
                  truncated";
    let given = "--on-missing skip --max-seq-length 16";
    let run = place.run(&format!("embed --model model --input t.csv --output o.jsonl {given}"));
    assert!(last_line(&run.stderr).ends_with(counts), "{}", run.stderr);
    let whiten = "whiten --model model --data t.csv --dim 1 --output-dir w";
    let run = place.run(&format!("{whiten} {given}"));
    assert!(last_line(&run.stderr).ends_with(counts), "{}", run.stderr);
    let mine = "mine paraphrases --model model --input t.csv --output p.tsv";
    let run = place.run(&format!("{mine} {given}"));
    assert!(last_line(&run.stderr).ends_with(counts), "{}", run.stderr);
    let search = "search --model model --corpus t.csv --query cat";
    let run = place.run(&format!("{search} --on-missing skip"));
    let counts = "skipped, 1 duplicate";
    assert!(last_line(&run.stderr).contains(counts), "{}", run.stderr);
    let train =
        "train --model model --data t.csv --objective simcse --output-dir out --max-steps 1";
    let run = place.run(&format!("{train} {given} --per-device-train-batch-size 2 -q"));
    let counts = "model saved to out; 1 blank line skipped, 1 row with missing cells skipped, 1 \
                  duplicate, 1 text truncated";
    assert!(last_line(&run.stderr).ends_with(counts), "{}", run.stderr);
}

#[test]
fn compressed_and_quoted_tables_are_read() {
    let place = place();
    // written by Python's gzip of "sentence1\tsentence2\tscore\na cat\ta dog\t3\nb c\td e\t1\n"
    let gzip: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 78, 205, 43, 73, 205, 75, 78, 53, 228, 44, 134,
        178, 140, 56, 139, 147, 243, 139, 82, 185, 18, 21, 146, 19, 75, 56, 19, 21, 82, 242,
        211, 57, 141, 185, 146, 20, 146, 57, 83, 20, 82, 57, 13, 185, 0, 196, 111, 52, 86, 50,
        0, 0, 0,
    ];
    place.write("sts.tsv.gz", gzip);
    place.write("sts.tsv", "\"sentence1\"\t\"sentence2\"\t\"score\"\n\"a cat\"\t\"a dog\"\t3\n\"b c\"\t\"d e\"\t1\n");
    let eval = |file: &str| {
        let eval = format!("eval --model model --data {file} --bootstrap 0 --format json");
        let run = place.run(&eval);
        (serde_json::from_str::<Value>(&run.stdout).expect("JSON"), run.stderr)
    };
    let ((zipped, _), (quoted, printed)) = (eval("sts.tsv.gz"), eval("sts.tsv"));
    assert_eq!(zipped["models"][0]["average"], quoted["models"][0]["average"]);
    assert!(
        printed.contains("note: sts.tsv: every field is in quotes: read without them"),
        "{printed}"
    );
    place.write("ap.tsv", "\"anchor\"\t\"positive\"\n\"a \"\"b\"\"\"\t\"c\"\n\"d\"\t\"e\"\n");
    place.run("mine negatives --model model --data ap.tsv --output n.tsv --num-negatives 1");
    let mined = "anchor\tpositive\tnegative\na \"b\"\tc\te\nd\te\tc\n";
    assert_eq!(place.read_to_string("n.tsv"), mined);
}

#[test]
fn labels_that_nobody_agreed_on_are_no_class() {
    let place = place();
    place.write("snli.csv", "premise,hypothesis,label\na,b,0\na,c,2\nd,e,1\nd,f,-1\n");
    place.write(
        "snli.tsv",
        "premise\thypothesis\tlabel\na\tb\tentailment\na\tc\tcontradiction\nd\te\tneutral\nd\tf\t-\n",
    );
    // sentence1, sentence2 and integer labels: scores, or classes where the objective needs them
    place.write("nli.csv", "sentence1,sentence2,label\na,b,0\na,c,2\nd,e,1\n");
    let heads = |file: &str| {
        let run = place.run(&format!(
            "train --model model --data {file} --objective softmax --max-steps 1 --output-dir out \
             --dry-run"
        ));
        let line = run.stdout.lines().find(|line| line.contains("in heads"));
        (line.expect("a summary").to_string(), run.stderr)
    };
    let ((csv, printed), (tsv, _), (nli, read)) =
        (heads("snli.csv"), heads("snli.tsv"), heads("nli.csv"));
    assert_eq!((&csv, &csv), (&tsv, &nli));
    assert!(printed.contains("1 pair without a gold label left out"), "{printed}");
    assert!(read.contains("note: nli.csv: labels read as classes 0, 1, 2"), "{read}");
}

#[test]
fn scores_without_order_are_refused_before_the_run_and_a_batch_without_is_no_fault() {
    let place = place();
    let pair = |i: usize, label: u8| format!("a cat {i}\ta dog {}\t{label}\n", i % 7);
    let table = |label: &dyn Fn(usize) -> u8| {
        let rows: String = (0..60).map(|i| pair(i, label(i))).collect();
        format!("sentence1\tsentence2\tlabel\n{rows}")
    };
    place.write("ones.tsv", table(&|_| 1));
    place.write("rare.tsv", table(&|i| u8::from(i != 7)));
    let train = |data: &str| {
        format!(
            "train --model model --data {data} --objective cosent --per-device-train-batch-size 4 \
             --max-steps 30 --output-dir out --overwrite-output-dir"
        )
    };
    let refused = refusal(&place, &train("ones.tsv"));
    let expected = "ones.tsv: all scores are 1, cosent needs pairs that differ";
    assert!(refused.to_lowercase().contains(expected), "{refused}");
    for seed in [1, 2] {
        let run = place.run(&format!("{} --seed {seed}", train("rare.tsv")));
        assert!(run.stderr.contains("is exactly 0 on this batch"), "{}", run.stderr);
    }
}

#[test]
fn each_file_of_a_run_may_have_its_own_columns_header_and_scale() {
    let place = place();
    place.write("train.csv", "q,d\nwho sleeps,a cat\nwho runs,a dog\n");
    place.write("dev.tsv", "4,5\ta cat\tcats\n0,5\tstocks\tdogs\n");
    place.write("test.csv", "x;y;rating\na cat;cats;9\nstocks;dogs;1\n");
    place.run(
        "train --model model --data train.csv --columns q=anchor,d=positive --objective mnrl \
         --dev dev.tsv --dev-columns score,sentence1,sentence2 --dev-header false \
         --dev-decimal-comma --dev-score-scale 0..5 \
         --test test.csv --test-columns x=sentence1,y=sentence2,rating=score --test-score-scale \
         1..9 --max-steps 1 --output-dir out --per-device-train-batch-size 2",
    );
    let run = place.read_to_string("out/run.toml");
    assert!(
        run.contains("score-scale = \"1..9\"") && run.contains("decimal-comma = true"),
        "{run}"
    );
}

#[test]
fn a_scale_is_asked_for_where_it_matters_and_only_there() {
    let place = place();
    let rows: String = (1..=5).map(|i| format!("a cat {i},a dog,{i}\n")).collect();
    place.write("likert.csv", format!("sentence1,sentence2,score\n{rows}"));
    place.run("eval --model model --data likert.csv --bootstrap 0");
    let train = |objective: &str| {
        format!(
            "train --model model --data likert.csv --objective {objective} --max-steps 1 \
             --output-dir out --overwrite-output-dir --per-device-train-batch-size 4"
        )
    };
    place.run(&train("cosent"));
    let refused = refusal(&place, &train("cosine-mse"));
    let expected = "likert.csv: scores 1 to 5 may lie on 0..5 or on 1..5, and the objective needs to \
                 know; give --score-scale 0..5 or --score-scale 1..5";
    assert!(refused.contains(expected), "{refused}");
    place.run(&format!("{} --score-scale 1..5", train("cosine-mse")));
    place.write("ten.csv", "sentence1,sentence2,score\na cat,a dog,0.4\nx,y,10\n");
    let run = place.run(&train("cosine-mse").replace("likert", "ten"));
    assert!(
        run.stderr.contains("note: ten.csv: scores 0.4 to 10 read as 0..10"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_negative_equals_neither_anchor_nor_positive_and_counts_add_up() {
    let place = place();
    place.write("p.tsv", "anchor\tpositive\nA cat\tcats\nA cat\tdogs\nwho runs\ta cat\n");
    place.write("c.txt", "a  CAT\nCATS\nWho runs\nstocks\n");
    let run = place.run(
        "mine negatives --model model --data p.tsv --corpus c.txt --output n.jsonl \
         --num-negatives 9",
    );
    let rows = place.read_json_lines("n.jsonl");
    let plain = |value: &Value| {
        let text = value.as_str().expect("a text").to_lowercase();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for row in &rows {
        let [anchor, positive, negative] =
            ["anchor", "positive", "negative"].map(|name| plain(&row[name]));
        assert!(negative != anchor && negative != positive, "{row}");
    }
    let expected = format!(
        "{0} rows saved to n.jsonl; {0} of 27 negatives found for 3 pairs of 2",
        rows.len()
    );
    assert!(last_line(&run.stderr).starts_with(&expected), "{}", run.stderr);

    place.write("s.tsv", "sentence1\tsentence2\tscore\na\tb\t5\nc\td\t0\ne\tf\t4\n");
    let mine = "mine negatives --model model --data s.tsv --output n.tsv --num-negatives 1";
    let refused = refusal(&place, mine);
    assert!(
        refused.contains("s.tsv: has scores; give the minimum score of a positive"),
        "{refused}"
    );
    let run = place.run(&format!("{mine} --positive-from 4"));
    assert_eq!(place.read_to_string("n.tsv"), "anchor\tpositive\tnegative\na\tb\tf\ne\tf\tb\n");
    assert!(
        last_line(&run.stderr).contains("1 pairs that are not positive left out"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_judged_document_that_is_not_there_is_relevant_and_never_found() {
    let place = place();
    place.write("q.tsv", "q1\ta cat sleeps\nq2\tstocks fell\n");
    place.write("c.tsv", "d1\ta cat sleeps\nd2\tstocks fell\nd3\tdogs run\n");
    place.write("r.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td9\t1\nq2\td2\t1\n");
    let run = place.run(
        "eval retrieval --model model --queries q.tsv --corpus c.tsv --qrels r.tsv --k 1,3 \
         --bootstrap 0 --format json",
    );
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    // as pytrec_eval has it: recall@1 = (1/2 + 1)/2, ndcg@3 = (1/(1 + 1/log2 3) + 1)/2
    for (name, value) in [
        ("cosine_accuracy@1", 1.),
        ("cosine_recall@1", 0.75),
        ("cosine_ndcg@3", 0.806_573_596_8),
    ] {
        let number = found[name].as_f64().expect("a number");
        assert!((number - value).abs() < 1e-9, "{name} is {number}");
    }
    let note = "note: r.tsv: 1 judgement names documents that the corpus lacks, as \"d9\": counted \
                as relevant and never found";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}

#[test]
fn what_becomes_of_labels_that_an_objective_does_not_use_is_said() {
    let place = place();
    let premise = |p: &str| format!("{p}\tcats {p}\tentailment\n{p}\tdogs\tcontradiction\n");
    place.write("nli.tsv", ["a cat", "it", "he", "she"].map(premise).concat());
    let run = place.run(
        "train --model model --data nli.tsv --objective simcse --max-steps 1 --output-dir out \
         --per-device-train-batch-size 2",
    );
    let expected =
        "uses no labels: they are ignored, and each of the 2 texts of a row is a sentence";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    let run = place.run(
        "train --model model --recipe simcse-sup-base --data nli.tsv --max-steps 1 --output-dir o2 \
         --per-device-train-batch-size 2 --dry-run",
    );
    assert!(
        run.stderr.contains("4 triplets of premise, entailment and contradiction"),
        "{}",
        run.stderr
    );
}

#[test]
fn embedding_goes_on_after_rows_not_yet_written_were_repaired() {
    let place = place();
    let long = "dogs run in the park ".repeat(100);
    place.write("t.txt", format!("a cat\na dog\n{long}\nstocks fell\n"));
    let embed = "embed --model model --input t.txt --output out --shard-size 2 --output-format jsonl \
                 --no-truncation --resume";
    let refused = refusal(&place, embed);
    assert!(refused.contains("more than max_seq_length"), "{refused}");
    place.write("t.txt", "a cat\na dog\ndogs run\nstocks fell\n");
    let run = place.run(embed);
    let last = last_line(&run.stderr);
    assert!(last.starts_with("2 embeddings, "), "{last}");
    assert!(last.contains("saved to out; output complete with 4"), "{last}");
    // rows that were written are another matter
    place.write("t.txt", "a cat\na bird\ndogs run\nstocks fell\n");
    assert!(refusal(&place, embed).contains("the input was "));
}
