//! `embed` at length, `search` and `mine`.

use super::*;

const EMBED: &str = "embed --model model --input text.txt --output";

#[test]
fn a_bulk_run_that_cannot_be() {
    let place = Place::new();
    place.write("ids.csv", "id,text\n1,a cat\n");
    place.write("late.tsv", "text\tclass\na\tx\nb\n");
    place.write("broken.jsonl", "{\"text\": \"a cat\"}\n{\"text\": 1}\n");
    place.write("short.npy", b"\x93NUMPY\x01\x00\xff\xff");
    place.write("empty.json", "{}");
    place.write("ranges.json", "{\"low\": [0.0, 1.0], \"high\": [1.0, 2.0]}");
    place.write("upside.json", "{\"low\": [1.0], \"high\": [0.0]}");
    place.write("one.txt", "the cat sleeps\n");
    for (arguments, expected) in [
        ("out.npy --shard-size 10", &["out.npy", "--shard-size", "directory"][..]),
        ("out --shard-size 0", &["shard_size 0", "at least 1"]),
        ("old --shard-size 10", &["old is not empty", "--resume"]),
        ("pairs.tsv --shard-size 10", &["pairs.tsv is a file", "directory"]),
        ("out.npy --resume", &["--shard-size"]),
        ("out.npy --rank 0 --world-size 2", &["2 processes", "--shard-size"]),
        ("out --shard-size 10 --rank 2 --world-size 2", &["rank 2 of 2"]),
        ("out --shard-size 10 --rank 1", &["--rank and --world-size"]),
        ("out --shard-size 10 --output-format xml", &["xml", "npy", "jsonl"]),
        ("out.npy --precision int4", &["int4", "int8", "ubinary"]),
        ("out.npy --precision int8 --ranges empty.json", &["empty.json", "no ranges"]),
        ("out.npy --precision int8 --ranges upside.json", &["upside.json", "below its low"]),
        ("out.npy --precision int8 --ranges ranges.json", &["2 dimensions", "128"]),
        ("out.npy --precision int8 --ranges short.npy", &["short.npy", "truncated"]),
        ("out.npy --precision uint8 --calibration one.txt", &["1 embeddings", "at least 2"]),
        ("out.npy --precision uint8 --calibration nowhere", &["nowhere"]),
        ("out.npy --prompt-name query", &["no prompt \"query\"", "none"]),
        ("out.npy --prompt a --prompt-name b", &["--prompt", "cannot be used"]),
        ("out.npy --keep-columns id", &[".npy", "cannot store", ".jsonl"]),
        ("out.jsonl --keep-columns embedding", &["embedding", "already has"]),
        ("out.jsonl --keep-columns id", &["text.txt", "no column \"id\""]),
        ("out.npy --input nothing-*.txt", &["nothing-*.txt", "matches no file"]),
        ("out.npy --input a[.txt", &["a[.txt", "pattern"]),
        ("out.npy --input text.txt -", &["standard input", "files"]),
        ("out.npy --input text.txt late.tsv", &["late.tsv:3", "1 column"]),
        ("out --shard-size 9 --input broken.jsonl", &["broken.jsonl:2", "a number"]),
    ] {
        place.refuses(&format!("{EMBED} {arguments}"), expected);
    }
    let embed = "embed --model model --input";
    for (arguments, expected) in [
        ("ids.csv --output x.jsonl --keep-columns ix", &["ids.csv", "\"ix\"", "id, text"][..]),
        ("- --output out --shard-size 9 --resume", &["standard input", "resumed"]),
    ] {
        place.refuses(&format!("{embed} {arguments}"), expected);
    }
    let arguments: Vec<&str> = EMBED.split(' ').chain(["out", "--shard-size", "9"]).collect();
    let mut program = place.program(&arguments);
    program.env("RANK", "one").env("WORLD_SIZE", "2");
    place.refuses_with(2, &mut program, &["RANK is \"one\"", "expected a number"]);
    let mut program = place.program(&EMBED.split(' ').chain(["x.npy"]).collect::<Vec<_>>());
    program.env("SLURM_PROCID", "0").env("SLURM_NTASKS", "8");
    place.refuses_with(2, &mut program, &["SLURM_PROCID, SLURM_NTASKS", "--shard-size"]);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_without_its_feature() {
    let place = Place::new();
    place.write("text.parquet", "PAR1");
    place.refuses(&format!("{EMBED} x.parquet"), &["without parquet", "--features parquet"]);
    let read = "embed --model model --input text.parquet --output x.npy";
    place.refuses(read, &["text.parquet", "without parquet", "--features parquet"]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_that_is_none() {
    let place = Place::new();
    place.write("text.parquet", "PAR1");
    let read = "embed --model model --input text.parquet --output x.npy";
    place.refuses(read, &["text.parquet", "not parquet"]);
}

#[test]
fn a_run_resumed_as_another() {
    let place = Place::new();
    place.write("more.txt", "one more line\nand another\n");
    let begun = format!("{EMBED} out --shard-size 2");
    let arguments: Vec<&str> = begun.split(' ').collect();
    place.program(&arguments).assert().success();
    for (other, expected) in [
        ("", &["out is not empty", "--resume"][..]),
        ("--resume --precision float16", &["precision", "float32", "float16"]),
        ("--resume --normalize", &["normalize embeddings", "false", "true"]),
        ("--resume --shard-size 3", &["shard size", "2", "3"]),
        ("--resume --prompt cat", &["prompt", "null", "cat"]),
        ("--resume --max-seq-length 9", &["model sha256"]),
        ("--resume --output-format jsonl", &["format", "npy", "jsonl"]),
        ("--resume --input more.txt", &["the input", "+", "bytes"]),
    ] {
        place.refuses(&format!("{begun} {other}"), expected);
    }
    // as many bytes, other words
    let text = TEXTS.join("\n").replace("apple", "olive");
    place.write("text.txt", text);
    place.refuses(
        &format!("{begun} --resume"),
        &["the input changed", "text.txt is another file"],
    );
    place.write("text.txt", TEXTS.join("\n"));
    place.write("out/manifest.json", "{}");
    place.refuses(&format!("{begun} --resume"), &["manifest.json", "not a manifest"]);
}

#[test]
fn a_search_that_cannot_be() {
    let place = Place::new();
    let npy = |rows: usize, width: usize, number: f32| {
        let shape = format!("({rows}, {width})");
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let mut bytes = b"\x93NUMPY\x01\x00\x4f\x00".to_vec();
        bytes.extend(format!("{header:<78}\n").bytes());
        bytes.extend(vec![number; rows * width].iter().flat_map(|x| x.to_le_bytes()));
        bytes
    };
    place.write("a.npy", npy(3, 4, 1.));
    place.write("b.npy", npy(3, 5, 1.));
    place.write("nan.npy", npy(3, 4, f32::NAN));
    let shard = |file: &str, rows: u64| {
        serde_json::json!({"file": file, "number": 0, "rows": rows, "bytes": 1, "sha256": "",
                           "texts_sha256": ""})
    };
    let manifest = |complete: bool, precision: &str, shards: Vec<serde_json::Value>| {
        serde_json::json!({"complete": complete, "rows": 3, "numbers": 4,
                           "settings": {"precision": precision}, "input": [], "shards": shards})
        .to_string()
    };
    place.write("wrong.json", manifest(true, "float32", vec![shard("a.npy", 7)]));
    place.write("open.json", manifest(false, "float32", vec![]));
    place.write("bits.json", manifest(true, "int8", vec![shard("a.npy", 3)]));
    place.write("none.json", manifest(true, "float32", vec![]));
    place.write("other.json", "{}");
    place.write("out.json", manifest(true, "float32", vec![shard("../a.npy", 3)]));
    for (arguments, expected) in [
        ("--corpus a.npy", &["--queries"][..]),
        ("--corpus a.npy --query cat", &["--query", "--model"]),
        ("--corpus text.txt --queries a.npy", &["text.txt", "--model"]),
        ("--corpus a.npy --queries b.npy", &["5 dimensions", "4", "one model"]),
        ("--corpus a.npy --queries a.npy --top-k 0", &["top_k 0"]),
        ("--corpus a.npy --queries a.npy --score near", &["near", "cosine"]),
        ("--corpus nan.npy --queries a.npy", &["nan.npy: row 0 is not finite"]),
        ("--corpus nowhere.npy --queries a.npy", &["nowhere.npy: no such file"]),
        ("--corpus wrong.json --queries a.npy", &["a.npy", "3 rows", "7"]),
        ("--corpus open.json --queries a.npy", &["open.json", "not finished", "--resume"]),
        ("--corpus bits.json --queries a.npy", &["bits.json", "int8"]),
        ("--corpus none.json --queries a.npy", &["none.json", "no shards"]),
        ("--corpus other.json --queries a.npy", &["other.json", "not a manifest"]),
        ("--corpus out.json --queries a.npy", &["out.json: `../a.npy` points outside its"]),
        ("--corpus a.npy --queries a.npy --texts text.txt", &["text.txt", "4 texts", "3"]),
        ("--model model --corpus pairs.tsv --query cat", &["pairs.tsv", "2 texts"]),
    ] {
        place.refuses(&format!("search {arguments}"), expected);
    }
}

#[test]
fn a_mine_with_nothing_in_it() {
    let place = Place::new();
    place.write("tab.csv", "text\n\"a\tcat\"\n\"a cat\"\n");
    let mine = |what: &str| format!("mine {what} --model model");
    for (what, arguments, expected) in [
        ("gold", "", &["gold"][..]),
        ("paraphrases", "--input text.txt --output x.npy", &["x.npy", ".tsv"]),
        ("paraphrases", "--input text.txt --output x.tsv --top-k 0", &["expected at least 1"]),
        ("paraphrases", "--input text.txt --output x.tsv --threshold nan", &["finite"]),
        ("paraphrases", "--input tab.csv --output x.tsv", &["tab", ".csv or .jsonl"]),
        ("duplicates", "--input text.txt --output x.txt --threshold 0", &["threshold 0"]),
        ("duplicates", "--input text.txt --output x.txt --report x.npy", &["x.npy"]),
        ("duplicates", "--input - --output x.txt", &["-"]),
        ("negatives", "--data text.txt --output x.tsv", &["text.txt", "one text"]),
        ("negatives", "--data pairs.tsv --output x.tsv", &["has scores", "--positive-from 4"]),
        ("negatives", "--data pairs.tsv --output x.txt", &["x.txt", ".jsonl"]),
        (
            "negatives",
            "--data pairs.tsv --positive-from 0 --output x.tsv --num-negatives 0",
            &["num_negatives 0"],
        ),
        (
            "negatives",
            "--data pairs.tsv --positive-from 0 --output x.tsv --range-min 5 --range-max 6",
            &["do not fit"],
        ),
        (
            "negatives",
            "--data pairs.tsv --positive-from 0 --output x.tsv --min-score 1",
            &["no negative"],
        ),
        (
            "negatives",
            "--data pairs.tsv --output x.tsv --max-score inf",
            &["--max-score", "finite"],
        ),
        ("negatives", "--data pairs.tsv --output x.tsv --corpus nowhere.txt", &["nowhere.txt"]),
    ] {
        place.refuses(&format!("{} {arguments}", mine(what)), expected);
    }
}
