//! `embed` on inputs of any size: the same bytes however it is stopped, shared or cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::vectors::{Embeddings, Ranges, StoredEmbeddings};

use crate::support::{TestDir, files, succeed, tiny};

const WORDS: [&str; 12] = [
    "a", "man", "plays", "the", "flute", "woman", "eats", "an", "apple", "cat", "sleeps", "dog",
];

/// Sentence number `n`, no two alike.
pub fn sentence(n: usize) -> String {
    let expected_text =
        (0..3 + n % 9).map(|i| WORDS[(n / 7 + n * (i + 1) + i * i) % WORDS.len()]);
    format!("{} {n}", expected_text.collect::<Vec<_>>().join(" "))
}

/// The directory of a small model, the same for all tests.
pub fn model() -> &'static Path {
    static MODEL: OnceLock<TestDir> = OnceLock::new();
    let place = MODEL.get_or_init(|| {
        let place = TestDir::new();
        let texts: Vec<String> = (0..50).map(sentence).collect();
        tiny(texts.iter().map(String::as_str), 1).save_pretrained(&place).unwrap();
        let config = "config_sentence_transformers.json";
        let mut json = place.read_json(config);
        json["prompts"] = serde_json::json!({"query": "the cat: ", "empty": null});
        place.write(config, json.to_string());
        place
    });
    place.as_ref()
}

fn encoder() -> SentenceEncoder {
    SentenceEncoder::from_directory(model()).unwrap()
}

/// A directory with `rows` sentences in `in.txt`.
fn place(rows: usize) -> TestDir {
    let place = TestDir::new();
    place.write("in.txt", (0..rows).map(|n| sentence(n) + "\n").collect::<String>());
    place
}

fn program(place: &TestDir, arguments: &str) -> Command {
    let mut program = place.program("embed --model");
    program.arg(model()).args(arguments.split_whitespace()).stderr(Stdio::piped());
    program
}

/// Runs to the end, and gives what was said.
fn embed(place: &TestDir, arguments: &str) -> String {
    succeed(&mut program(place, arguments)).stderr
}

fn names(directory: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Lets a run go on until it has `more` shards than before, and a moment longer; false where it
/// came to its end.
fn killed(mut child: Child, directory: &Path, more: usize, moment: Duration) -> bool {
    let shards = || {
        let names = names(directory.to_path_buf());
        names.iter().filter(|name| name.starts_with("shard-") && name.ends_with(".npy")).count()
    };
    let before = shards();
    while shards() < before + more {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(moment);
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill(); // SIGKILL: nothing is tidied up
    child.wait().unwrap();
    running
}

#[test]
fn a_run_killed_again_and_again_ends_with_the_bytes_of_one_left_alone() {
    let place = place(3000);
    let shards = "--input in.txt --shard-size 37 --batch-size 16";
    embed(&place, &format!("{shards} --output alone"));
    let again = format!("{shards} --output killed --resume");
    let (mut kills, mut state) = (0, 1u64);
    for _ in 0..60 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let moment = Duration::from_micros(state >> 50); // up to 16 ms
        let child = program(&place, &again).stderr(Stdio::null()).spawn().unwrap();
        if !killed(child, &place.path("killed"), 3 + kills % 5, moment) {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 5, "killed {kills} times only");
    embed(&place, &again);
    let (alone, killed) = (files(place.path("alone")), files(place.path("killed")));
    assert_eq!(alone.keys().collect::<Vec<_>>(), killed.keys().collect::<Vec<_>>());
    assert_eq!(alone.len(), 3000usize.div_ceil(37) + 1);
    assert!(alone == killed, "a file differs");
    // and it holds every row once, in order
    let stored = StoredEmbeddings::open(place.path("killed/manifest.json")).unwrap();
    let texts: Vec<String> = (0..3000).map(sentence).collect();
    let whole = encoder().encode(&texts, &EncodeOptions::default()).unwrap();
    assert_eq!(stored.read(0..3000).unwrap(), whole);
    let printed = embed(&place, &again);
    assert!(
        printed.contains("0 embeddings") && printed.contains("output complete with 3,000"),
        "{printed}"
    );
}

#[test]
fn a_damaged_or_missing_shard_is_made_again() {
    let place = place(200);
    let arguments = "--input in.txt --shard-size 50 --output out --resume";
    embed(&place, arguments);
    let before = files(place.path("out"));
    fs::remove_file(place.path("out/shard-00001.npy")).unwrap();
    let path = place.path("out/shard-00003.npy");
    let mut bytes = fs::read(&path).unwrap();
    bytes[300] ^= 1;
    fs::write(&path, bytes).unwrap();
    let printed = embed(&place, arguments);
    for name in ["shard-00001.npy was damaged", "shard-00003.npy was damaged", "100 embeddings"]
    {
        assert!(printed.contains(name), "{printed}");
    }
    assert!(files(place.path("out")) == before);
}

#[test]
fn processes_that_share_the_work_equal_one() {
    let place = place(1000);
    let arguments = "--input in.txt --shard-size 64 --precision int8 --calibration-rows 300";
    embed(&place, &format!("{arguments} --output one"));
    let first = embed(&place, &format!("{arguments} --output three --rank 0 --world-size 3"));
    assert!(first.contains("when all ranks have finished"), "{first}");
    assert!(StoredEmbeddings::open(place.path("three/manifest.json")).is_err());
    let mut torch = program(&place, &format!("{arguments} --output three"));
    let torch = torch.env("RANK", "2").env("WORLD_SIZE", "3").output().unwrap();
    let printed = String::from_utf8(torch.stderr).unwrap();
    assert!(printed.contains("rank 2 of 3 (RANK, WORLD_SIZE)"), "{printed}");
    let mut slurm = program(&place, &format!("{arguments} --output three"));
    assert!(
        slurm.env("SLURM_PROCID", "1").env("SLURM_NTASKS", "3").status().unwrap().success()
    );
    assert!(files(place.path("one")) == files(place.path("three")));
}

#[test]
fn a_file_of_the_hub_is_read_from_the_cache() {
    let place = place(30);
    let cached = place.path("hub/datasets--org--name");
    fs::create_dir_all(cached.join("refs")).unwrap();
    fs::create_dir_all(cached.join("snapshots/c0ffee")).unwrap();
    fs::write(cached.join("refs/main"), "c0ffee").unwrap();
    fs::copy(place.path("in.txt"), cached.join("snapshots/c0ffee/part.txt")).unwrap();
    embed(&place, "--input in.txt --output here.npy");
    let mut program = program(&place, "--input org/name:part.txt --output there.npy");
    let offline = program.env("HF_HOME", place.as_ref()).env("HF_HUB_OFFLINE", "1");
    assert!(offline.env_remove("HF_HUB_CACHE").status().unwrap().success());
    let [here, there] = ["here.npy", "there.npy"].map(|name| place.path(name));
    assert!(fs::read(here).unwrap() == fs::read(there).unwrap());
}

#[test]
fn two_that_do_the_same_share_are_refused() {
    let place = place(20_000);
    let arguments = "--input in.txt --shard-size 500 --output out";
    let mut first = program(&place, arguments).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !place.path("out/.twindrop.lock").is_file() {
        assert!(begun.elapsed().as_secs() < 60, "the first did not begin");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = program(&place, &format!("{arguments} --resume")).output().unwrap();
    let printed = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(2), "{printed}");
    assert!(printed.contains(&format!("process {}", first.id())), "{printed}");
    first.kill().unwrap();
    first.wait().unwrap();
    embed(&place, &format!("{arguments} --resume"));
    assert!(!place.path("out/.twindrop.lock").exists());
}

#[test]
fn another_number_of_processes_may_finish_what_one_began() {
    let place = place(600);
    let arguments = "--input in.txt --shard-size 40";
    embed(&place, &format!("{arguments} --output one"));
    embed(&place, &format!("{arguments} --output other --rank 1 --world-size 2"));
    let printed = embed(&place, &format!("{arguments} --output other --resume"));
    assert!(printed.contains("320 embeddings"), "{printed}");
    let mut other = files(place.path("other"));
    other.retain(|name, _| name != "manifest-1-of-2.json");
    assert!(files(place.path("one")) == other);
}

#[test]
fn every_form_holds_the_same_vectors() {
    let place = place(300);
    for form in ["npy", "safetensors", "jsonl", "csv"] {
        embed(&place, &format!("--input in.txt --output all.{form}"));
    }
    let whole = Embeddings::read(place.path("all.npy")).unwrap();
    assert_eq!(Embeddings::read(place.path("all.safetensors")).unwrap(), whole);
    let jsonl = place.read_to_string("all.jsonl");
    assert_eq!(jsonl.lines().count(), 300);
    for (n, line) in jsonl.lines().enumerate() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["text"], sentence(n));
        let vector: Vec<f32> = serde_json::from_value(json["embedding"].clone()).unwrap();
        assert_eq!(vector, whole.row(n));
    }
    let csv = place.read_to_string("all.csv");
    let last = csv.lines().last().unwrap().split(',').skip(1).map(|x| x.parse().unwrap());
    assert_eq!(last.collect::<Vec<f32>>(), whole.row(299));
}

#[test]
fn a_vector_is_the_same_in_any_window_shard_or_company() {
    let place = place(4500); // more than a window
    embed(&place, "--input in.txt --output all.npy");
    embed(&place, "--input in.txt --output shards --shard-size 2500");
    let whole = Embeddings::read(place.path("all.npy")).unwrap();
    let stored = StoredEmbeddings::open(place.path("shards/manifest.json")).unwrap();
    assert!(stored.read(0..4500).unwrap() == whole);
    let (part, both) = (stored.read(2400..2600).unwrap(), 2400 * 128..2600 * 128);
    assert_eq!(part.as_slice(), &whole.as_slice()[both]);
    // other batches, and the other way round
    let texts: Vec<String> = (0..4500).rev().map(sentence).collect();
    let mut options = EncodeOptions::default();
    options.batch_size = 7;
    let found = encoder().encode(&texts, &options).unwrap();
    assert!((0..4500).all(|n| whole.row(n) == found.row(4499 - n)), "company changes a vector");
}

#[test]
fn ranges_of_one_run_serve_another() {
    let place = place(300);
    embed(&place, "--input in.txt --output a.npy --precision uint8 --calibration-rows 200");
    let ranges = Ranges::read(&place.path("a.manifest.json")).unwrap();
    let texts: Vec<String> = (0..200).map(sentence).collect();
    let vectors = encoder().encode(&texts, &EncodeOptions::default()).unwrap();
    assert_eq!(ranges, Ranges::of(&vectors).unwrap());
    embed(&place, "--input in.txt --output b.npy --precision uint8 --ranges a.manifest.json");
    let read = |name: &str| place.read(name);
    assert!(read("a.npy") == read("b.npy"));
    let lines: String = (0..200).map(|n| sentence(n) + "\n").collect();
    place.write("first.txt", lines);
    embed(&place, "--input in.txt --output c.npy --precision uint8 --calibration first.txt");
    assert!(read("a.npy") == read("c.npy"));
    // standard input is calibrated with its own first rows, and loses none of them
    let mut piped =
        program(&place, "--input - --output d.npy --precision uint8 --calibration-rows 200");
    piped.stdin(fs::File::open(place.path("in.txt")).unwrap());
    assert!(piped.status().unwrap().success());
    assert!(read("a.npy") == read("d.npy"));
}

#[test]
fn fewer_bits_make_a_file_smaller() {
    let place = place(100);
    for (precision, kind, bytes) in [
        ("float16", "<f2", 256),
        ("int8", "|i1", 128),
        ("binary", "|i1", 16),
        ("ubinary", "|u1", 16),
    ] {
        embed(&place, &format!("--input in.txt --output x.npy --precision {precision}"));
        let file = place.read("x.npy");
        assert_eq!(file.len(), 128 + 100 * bytes, "{precision}");
        assert!(String::from_utf8_lossy(&file[..128]).contains(kind), "{precision}");
    }
    embed(&place, "--input in.txt --output x.npy --precision float16");
    let halves = Embeddings::read(place.path("x.npy")).unwrap();
    embed(&place, "--input in.txt --output y.npy");
    let whole = Embeddings::read(place.path("y.npy")).unwrap();
    let worst = halves
        .as_slice()
        .iter()
        .zip(whole.as_slice())
        .map(|(a, b)| (a - b).abs() / (b.abs() + 1e-4));
    assert!(worst.fold(0f32, f32::max) < 1e-3);
}

#[test]
fn a_prompt_is_put_before_every_text() {
    let place = place(20);
    let texts: Vec<String> = (0..20).map(|n| format!("the cat: {}", sentence(n))).collect();
    let expected = encoder().encode(&texts, &EncodeOptions::default()).unwrap();
    for prompt in [["--prompt-name", "query"], ["--prompt", "the cat: "]] {
        let mut program = program(&place, "--input in.txt --output x.npy");
        assert!(program.args(prompt).status().unwrap().success());
        let found = Embeddings::read(place.path("x.npy")).unwrap();
        assert_eq!(found, expected, "{prompt:?}");
    }
    // a default prompt goes where no other was asked for, and stays with a saved model
    let copy = place.path("copy");
    encoder().save_pretrained(&copy).unwrap();
    let path = copy.join("config_sentence_transformers.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"the cat: \""), "{text}");
    let led =
        text.replace("\"default_prompt_name\": null", "\"default_prompt_name\": \"query\"");
    fs::write(&path, led).unwrap();
    let led = SentenceEncoder::from_directory(&copy).unwrap();
    let plain: Vec<String> = (0..20).map(sentence).collect();
    assert_eq!(led.encode(&plain, &EncodeOptions::default()).unwrap(), expected);
    let mut none = EncodeOptions::default();
    none.prompt = Some(String::new());
    let bare = encoder().encode(&plain, &EncodeOptions::default()).unwrap();
    assert_eq!(led.encode(&plain, &none).unwrap(), bare);
}

#[test]
fn files_of_many_kinds_follow_one_another_and_keep_their_columns() {
    let place = place(3);
    place.write("b1.csv", "id,text\n7,\"a man, a cat\"\n");
    place.write("b2.jsonl", "{\"id\": 8, \"text\": \"a dog\"}\n");
    embed(&place, "--input b*.* --output x.jsonl --keep-columns id");
    let text = place.read_to_string("x.jsonl");
    let rows: Vec<&str> =
        text.lines().map(|l| l.split(",\"embedding\"").next().unwrap()).collect();
    assert_eq!(
        rows,
        ["{\"text\":\"a man, a cat\",\"id\":\"7\"", "{\"text\":\"a dog\",\"id\":8"]
    );
    embed(&place, "--input b1.csv in.txt b2.jsonl --output x.npy --truncate-dim 5 --normalize");
    let vectors = Embeddings::read(place.path("x.npy")).unwrap();
    assert_eq!((vectors.rows(), vectors.width()), (5, 5));
    let length: f32 = vectors.row(3).iter().map(|x| x * x).sum();
    assert!((length - 1.).abs() < 1e-5);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read_as_it_is_written() {
    let place = place(20_000);
    embed(&place, "--input in.txt --output a.parquet --truncate-dim 8");
    embed(&place, "--input a.parquet --output b.npy --truncate-dim 8");
    embed(&place, "--input in.txt --output c.npy --truncate-dim 8");
    let read = |name: &str| place.read(name);
    assert!(read("b.npy") == read("c.npy"));
    embed(&place, "--input a.parquet --output d.parquet --precision int8 --truncate-dim 8");
    assert_eq!(&read("d.parquet")[..4], b"PAR1");
}

#[test]
fn texts_are_searched_and_mined_from_the_command_line() {
    let place = place(400);
    let run = |arguments: &[&str]| succeed(place.program("").args(arguments));
    let model = model().to_str().unwrap();
    let read = |name: &str| place.read_to_string(name);
    let tsv = run(&[
        "search",
        "--model",
        model,
        "--corpus",
        "in.txt",
        "--query",
        &sentence(33),
        "--top-k",
        "3",
        "--format",
        "tsv",
        "--prompt",
        "",
    ])
    .stdout;
    let lines: Vec<Vec<&str>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[1][1], lines[1][3], lines[1][4]), ("1", "33", sentence(33).as_str()));

    let copies: String = (0..400).map(|n| format!("{n}\t{}\n", sentence(n % 390))).collect();
    place.write("twice.tsv", format!("id\ttext\n{copies}"));
    run(&[
        "mine",
        "duplicates",
        "--model",
        model,
        "--input",
        "twice.tsv",
        "--output",
        "once.tsv",
        "--report",
        "gone.tsv",
        "--threshold",
        "1",
    ]);
    let (once, gone) = (read("once.tsv"), read("gone.tsv"));
    assert_eq!(once.lines().next(), Some("id\ttext"));
    assert_eq!(once.lines().count() + gone.lines().count(), 402);
    assert!(!once.contains("\n390\t") && once.contains("\n0\t"), "{once}");
    assert!(gone.contains("\n392\t2\t"), "{gone}");

    let printed = run(&[
        "mine",
        "paraphrases",
        "--model",
        model,
        "--input",
        "in.txt",
        "--output",
        "pairs.tsv",
        "--max-pairs",
        "50",
    ])
    .stderr;
    assert!(printed.contains("50 pairs of 400 texts"), "{printed}");
    run(&[
        "mine",
        "negatives",
        "--model",
        model,
        "--data",
        "pairs.tsv",
        "--positive-from",
        "-1",
        "--corpus",
        "in.txt",
        "--output",
        "triplets.tsv",
        "--num-negatives",
        "2",
        "--sampling-strategy",
        "random",
    ]);
    let triplets = read("triplets.tsv");
    assert_eq!(triplets.lines().next(), Some("anchor\tpositive\tnegative"));
    assert_eq!(triplets.lines().count(), 101);
    run(&[
        "train",
        "--model",
        model,
        "--data",
        "triplets.tsv",
        "--objective",
        "mnrl",
        "--max-steps",
        "1",
        "--output-dir",
        "out",
        "--quiet",
    ]);
}

/// Exit code and what was said.
fn ended(place: &TestDir, arguments: &str) -> (Option<i32>, String) {
    let output = program(place, arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_rank_that_differs_from_one_that_began_is_refused() {
    let place = place(12_000);
    let mut other = place.read("in.txt");
    other[5] = if other[5] == b'x' { b'y' } else { b'x' };
    place.write("other.txt", &other);
    other.extend(b"one more\n");
    place.write("grown.txt", &other);
    let arguments = "--input in.txt --shard-size 6000 --output out --precision int8";
    let few = "--calibration-rows 100";
    let first = format!("{arguments} {few} --rank 0 --world-size 2");
    let mut first = program(&place, &first).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !place.path("out/manifest-0-of-2.json").is_file() {
        assert!(begun.elapsed().as_secs() < 120, "no manifest of a rank that began");
        std::thread::sleep(Duration::from_millis(5));
    }
    let shards = || names(place.path("out")).into_iter().filter(|name| name.ends_with(".npy"));
    assert_eq!(shards().count(), 0, "the manifest comes before the first row");
    let manifest = place.read_json("out/manifest-0-of-2.json");
    assert!(manifest["ranges"].is_object() && manifest["settings"]["model_sha256"].is_string());
    let rank = format!("{few} --rank 1 --world-size 2");
    for (arguments, expected_text) in [
        (
            format!("{arguments} {rank} --normalize-embeddings"),
            "normalize embeddings was false",
        ),
        (format!("{arguments} {rank} --calibration-rows 9"), "calibration rows was 100"),
        (
            arguments.replace("in.txt", "other.txt") + " " + &rank,
            "the input changed: other.txt",
        ),
        (arguments.replace("in.txt", "grown.txt") + " " + &rank, "the input was"),
        (arguments.replace("int8", "uint8") + " " + &rank, "precision was \"int8\""),
    ] {
        let (code, printed) = ended(&place, &arguments);
        assert_eq!(code, Some(2), "{arguments}: {printed}");
        assert!(printed.contains(expected_text), "no `{expected_text}`: {printed}");
    }
    assert!(!names(place.path("out")).iter().any(|name| name.contains("1-of-2")));
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn what_ranks_wrote_is_checked_before_it_is_called_complete() {
    let place = place(8000);
    let arguments = "--input in.txt --shard-size 1000 --output";
    embed(&place, &format!("{arguments} begun --rank 0 --world-size 2"));
    let shard = |name: &str| place.path(format!("{name}/shard-00002.npy"));
    let edit = |name: &str, from: &str, to: &str| {
        let path = place.path(format!("{name}/manifest-0-of-2.json"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    type Damage<'a> = &'a dyn Fn(&str);
    let damages: [(&str, Damage, &str); 5] = [
        ("gone", &|name| fs::remove_file(shard(name)).unwrap(), "is missing, damaged"),
        (
            "short",
            &|name| {
                fs::File::options().write(true).open(shard(name)).unwrap().set_len(9).unwrap()
            },
            "is missing, damaged",
        ),
        (
            "flipped",
            &|name| {
                let mut bytes = fs::read(shard(name)).unwrap();
                bytes[300] ^= 1;
                fs::write(shard(name), bytes).unwrap();
            },
            "is missing, damaged",
        ),
        ("rows", &|name| edit(name, "\"rows\": 1000", "\"rows\": 999"), "or of other rows"),
        ("read", &|name| edit(name, "\"rows\": 8000", "\"rows\": 7999"), "read 7999 rows"),
    ];
    for (name, damage, expected_text) in damages {
        for (file, bytes) in files(place.path("begun")) {
            place.write(format!("{name}/{file}"), bytes);
        }
        damage(name);
        let (code, printed) =
            ended(&place, &format!("{arguments} {name} --rank 1 --world-size 2"));
        assert_eq!(code, Some(2), "{name}: {printed}");
        assert!(printed.contains(expected_text), "{name}: no `{expected_text}`: {printed}");
        assert!(!place.path(format!("{name}/manifest.json")).exists(), "{name}");
    }
    // the middle of the input changed between the ranks, and its size and ends did not
    let mut text = place.read("in.txt");
    let middle = text.len() / 2;
    text[middle] = if text[middle] == b'e' { b'a' } else { b'e' };
    place.write("in.txt", text);
    let (code, printed) = ended(&place, &format!("{arguments} begun --rank 1 --world-size 2"));
    assert!(code == Some(2) && printed.contains("or other texts"), "{printed}");
}

#[test]
fn a_kept_column_is_copied_letter_for_letter() {
    let place = place(1);
    let values =
        ["[1, [2, {\"a\": null}]]", "{\"b\":{\"c\":[1.0]}}", "12345678901234567890123", "1.50"];
    let lines = values.map(|value| format!("{{\"text\": \"a cat\", \"id\": {value}}}\n"));
    place.write("b.jsonl", lines.concat());
    embed(&place, "--input b.jsonl --output x.jsonl --keep-columns id");
    let text = place.read_to_string("x.jsonl");
    let found: Vec<&str> = text
        .lines()
        .map(|line| {
            line.split(",\"embedding\"").next().unwrap().split("\"id\":").nth(1).unwrap()
        })
        .collect();
    assert_eq!(found, values);
    embed(&place, "--input b.jsonl --output x.csv --keep-columns id");
    let mut table = csv::Reader::from_path(place.path("x.csv")).unwrap();
    let cells: Vec<String> = table.records().map(|row| row.unwrap()[1].to_string()).collect();
    assert_eq!(cells, values);
}
