//! Bad input is refused in one clear sentence, with exit code 2, and nothing is written.

mod architectures;
mod embed_job;
mod evaluators;
mod hostile;
mod hub;
mod integrations;
mod report;
mod undefined;
mod whitening;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use assert_cmd::Command;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use crate::support::{TestDir, files, tiny};

const TEXTS: [&str; 4] =
    ["a man plays a flute", "a woman eats an apple", "the cat sleeps", "dogs run in the park"];

const PAIRS: &str = "a man plays a flute\ta man plays music\t4.0\n\
                     the cat sleeps\tdogs run in the park\t0.5\n\
                     a woman eats an apple\ta woman eats fruit\t3.5\n";

const CLASSES: &str = "class\ttext\nyes\tthe cat sleeps\nno\tdogs run\n";

/// The files of a sound model, by their paths in its directory.
fn sound() -> &'static BTreeMap<String, Vec<u8>> {
    static MODEL: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let place = TestDir::new();
        tiny(TEXTS, 1).save_pretrained(&place).expect("a model");
        files(&place)
    })
}

/// Everything under `root`: the content of files, nothing for directories, and when they changed.
fn listing(root: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, Option<SystemTime>)> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let changed = fs::metadata(&path).expect("an entry").modified().ok();
            let name = path.strip_prefix(root).expect("below").to_path_buf();
            let content = path.is_file().then(|| fs::read(&path).expect("a file"));
            if content.is_none() {
                folders.push(path);
            }
            found.insert(name, (content, changed));
        }
    }
    found
}

/// A place with a sound `model`, sound data, and an `old` directory and file not to be touched.
/// What is not refused as it should be is kept, and told at the end.
struct Place(TestDir, RefCell<Vec<String>>);

impl Deref for Place {
    type Target = TestDir;

    fn deref(&self) -> &TestDir {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let complaints = self.1.take();
        assert!(complaints.is_empty() || std::thread::panicking(), "{}", complaints.join("\n"));
    }
}

impl Place {
    fn new() -> Self {
        let place = Self(TestDir::new(), RefCell::default());
        for (name, content) in sound() {
            place.write(Path::new("model").join(name), content);
        }
        place.write("pairs.tsv", PAIRS);
        place.write("classes.tsv", CLASSES);
        place.write("text.txt", TEXTS.join("\n"));
        place.write("old/kept.txt", "kept");
        place.write("old.npy", "kept");
        place
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a file");
    }

    fn json(&self, name: &str, change: impl Fn(&mut Value)) {
        let mut json = self.read_json(name);
        change(&mut json);
        self.write(name, json.to_string());
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut program = self.0.program("");
        program.args(arguments);
        limited(program)
    }

    /// Runs the program, which must say one sentence with all `words` in it, notes apart, exit with `code`
    /// and leave every file as it was.
    fn refuses_with(&self, code: i32, program: &mut Command, expected: &[&str]) {
        let before = listing(self.as_ref());
        let output = program.output().expect("the program");
        let printed = String::from_utf8(output.stderr).expect("words");
        // how a file was read may be noted before what is wrong with the rest
        let errors = printed.lines().filter(|line| !line.starts_with("note: "));
        let printed = errors.collect::<Vec<_>>().join("\n");
        let what = format!("{program:?}\nsaid: {printed}");
        let must = |holds: bool, why: String| {
            if !holds {
                self.1.borrow_mut().push(format!("{why}: {what}"));
            }
        };
        must(output.status.code() == Some(code), format!("exit {:?}", output.status.code()));
        must(output.stdout.is_empty(), "something on standard output".into());
        must(printed.starts_with("error: "), "no error".into());
        let usage = printed.contains("try '--help'");
        must(usage || printed.trim_end().lines().count() == 1, "more than a line".into());
        for word in expected {
            must(printed.contains(word), format!("no {word:?}"));
        }
        for word in
            ["panicked", "backtrace", "Backtrace", "stack backtrace", "(os error", "unwrap"]
        {
            must(!printed.contains(word), format!("{word:?}"));
        }
        let after = listing(self.as_ref());
        must(before == after, format!("changed {:?}", changes(&before, &after)));
    }

    fn refuses(&self, arguments: &str, expected: &[&str]) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.refuses_with(2, &mut self.program(&arguments), expected);
    }
}

/// Ends a program that has not ended after a minute.
fn limited(program: std::process::Command) -> Command {
    let mut program = Command::from_std(program);
    program.timeout(Duration::from_secs(60));
    program
}

fn changes<T: PartialEq>(a: &BTreeMap<PathBuf, T>, b: &BTreeMap<PathBuf, T>) -> Vec<PathBuf> {
    let names = a.keys().chain(b.keys()).filter(|name| a.get(*name) != b.get(*name));
    names.cloned().collect()
}

/// Each row: arguments and the words expected.
fn all_refused(start: &str, rows: &[(&str, &[&str])]) {
    let place = Place::new();
    for (arguments, expected) in rows {
        place.refuses(&format!("{start} {arguments}"), expected);
    }
}

const TRAIN: &str =
    "train --model model --data pairs.tsv --objective rdrop --dev pairs.tsv --output-dir out";

#[test]
fn a_sound_place_is_not_refused() {
    let place = Place::new();
    for arguments in [
        "eval --model model --data pairs.tsv --score-scale -1..5",
        "embed --model model --input text.txt --output vectors.npy",
        "embed --model model --input text.txt --output old.npy",
        &format!("{TRAIN} --max-steps 1 --quiet"),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        place.program(&arguments).assert().success();
    }
}

#[test]
fn flags_that_do_not_exist_or_contradict_one_another() {
    all_refused(
        "",
        &[
            ("", &["Usage"]),
            ("tarin", &["tarin", "train"]),
            ("eval --data pairs.tsv", &["--model"]),
            ("embed --model model --input text.txt", &["--output"]),
            ("train --model model --preset tiny", &["--model", "--preset", "cannot be used"]),
            ("train --temperature 0.1 --scale 10", &["--temperature", "--scale"]),
            ("eval --model model --data pairs.tsv --format xml", &["xml", "json"]),
            ("eval --model model --data pairs.tsv --threads 0", &["--threads"]),
            ("eval --model model --data pairs.tsv --threads 99999999", &["threads"]),
        ],
    );
}

#[test]
fn a_run_that_lacks_something() {
    all_refused(
        "train",
        &[
            ("--model model", &["--data"]),
            ("--model model --data pairs.tsv", &["--objective", "together"]),
            ("--model model --objective rdrop", &["--data", "together"]),
            ("--data pairs.tsv --objective rdrop --output-dir out", &["--model", "--preset"]),
            ("--model model --data pairs.tsv --objective rdrop", &["--output-dir"]),
            ("--output-dir out", &["--data"]),
            ("--learning-rate 1", &["--data"]),
            ("--epochs 3", &["--data"]),
            ("--dev pairs.tsv", &["--data"]),
            (
                "--model model --objective rdrop --objective simcse --objective consert \
                 --data pairs.tsv --data text.txt --output-dir out",
                &["2 data files", "3 objectives"],
            ),
            (
                "--preset huge --data pairs.tsv --objective rdrop --output-dir out",
                &["huge", "tiny or mini"],
            ),
        ],
    );
}

#[test]
fn numbers_out_of_range() {
    all_refused(
        TRAIN,
        &[
            ("--alpha -1", &["alpha -1", "0 or more"]),
            ("--alpha nan", &["alpha NaN"]),
            ("--alpha inf", &["alpha inf"]),
            ("--alpha one", &["--alpha", "one"]),
            ("--learning-rate nan", &["learning rate NaN"]),
            ("--learning-rate -1", &["learning rate -1", "0 or more"]),
            ("--warmup-steps 2.5", &["warm-up 2.5", "whole number"]),
            ("--warmup-steps -1", &["warm-up -1"]),
            ("--warmup-steps 1000", &["warm-up of 1000 steps", "has only 1"]),
            ("--batch-size 0", &["batch size 0", "at least 1"]),
            ("--batch-size -3", &["--per-device-train-batch-size", "-3"]),
            (
                "--gradient-accumulation-steps 0",
                &["gradient_accumulation_steps 0", "at least 1"],
            ),
            ("--epochs 0", &["0 steps", "epochs"]),
            ("--epochs -1", &["-1 epochs"]),
            ("--epochs nan", &["NaN epochs"]),
            ("--epochs 1e300", &["epochs", "expected"]),
            ("--max-steps 0", &["the run has 0 steps"]),
            ("--max-seq-length 65", &["max_seq_length 65", "64 positions"]),
            ("--max-seq-length 2", &["max_seq_length 2", "at least 3"]),
            ("--adam-beta1 1", &["beta1 1", "below 1"]),
            ("--adam-beta2 nan", &["beta2 NaN", "below 1"]),
            ("--adam-epsilon -1", &["epsilon -1"]),
            ("--weight-decay nan", &["decay NaN"]),
            ("--max-grad-norm nan", &["max_grad_norm NaN", "0 or more"]),
            ("--max-grad-norm -1", &["max_grad_norm -1", "0 or more"]),
            ("--seed 18446744073709551615", &["seed"]),
            ("--seed -1", &["--seed", "-1"]),
        ],
    );
    let in_batch = "train --model model --objective simcse --output-dir out --data text.txt";
    all_refused(
        in_batch,
        &[
            ("--temperature 0", &["temperature 0", "more than 0"]),
            ("--temperature -1", &["temperature -1", "more than 0"]),
            ("--temperature nan", &["temperature NaN"]),
            ("--scale 0", &["scale 0", "above 0"]),
            ("--batch-size 0", &["batch size 0", "at least 1"]),
            ("--batch-size 1", &["text.txt", "2"]),
        ],
    );
}

#[test]
fn names_nobody_knows() {
    all_refused(
        TRAIN,
        &[
            ("--objective sbert --data pairs.tsv", &["`sbert`", "rdrop", "simcse"]),
            ("--objective x*rdrop --data pairs.tsv", &["`x*rdrop`", "weight"]),
            ("--pooling average", &["average", "mean"]),
            ("--view1 blur", &["blur", "shuffle"]),
            ("--view1 token-cutoff=1.5", &["token-cutoff=1.5", "below 1"]),
            ("--view2 dropout=nan", &["nan", "below 1"]),
            ("--lr-scheduler-type polynomial", &["polynomial", "cosine"]),
        ],
    );
}

#[test]
fn objectives_without_the_data_they_need() {
    let train = "train --model model --output-dir out";
    all_refused(
        train,
        &[
            ("--objective rdrop-scores --data text.txt", &["text.txt", "no scores"]),
            ("--objective cosine-mse --data classes.tsv", &["classes.tsv", "no scores"]),
            ("--objective rdrop-classes --data pairs.tsv", &["pairs.tsv", "no class labels"]),
            (
                "--objective rdrop-classes+cosine-mse --data classes.tsv",
                &["rdrop-classes+cosine-mse", "scores", "classes"],
            ),
            ("--objective rdrop --data pairs.tsv --dev text.txt", &["text.txt", "score"]),
            (
                "--objective rdrop --data pairs.tsv --test classes.tsv",
                &["classes.tsv", "score"],
            ),
        ],
    );
    let place = Place::new();
    place.write("one.tsv", "class\ttext\nyes\tthe cat sleeps\nyes\tdogs run\n");
    place.refuses(&format!("{train} --objective rdrop --data one.tsv"), &["one.tsv", "class"]);
    place.write("one.txt", "the cat sleeps\n");
    place.refuses(&format!("{train} --objective simcse --data one.txt"), &["one.txt", "2"]);
}

#[test]
fn data_files_with_something_wrong_in_them() {
    let rows: &[(&str, &[u8], &[&str])] = &[
        ("none.tsv", b"", &["none.tsv", "empty"]),
        ("blank.tsv", b"\n \n", &["blank.tsv", "empty"]),
        ("header.tsv", b"sentence1\tsentence2\tscore\n", &["header.tsv", "only a header"]),
        ("one.tsv", b"a\nb\n", &["one.tsv", "pairs with a score"]),
        ("two.tsv", b"a\tb\nc\td\n", &["two.tsv", "pairs with a score"]),
        ("count.tsv", b"a\tb\t1\nc\td\n", &["count.tsv:2: 2 columns, expected 3"]),
        ("word.tsv", b"a\tb\t1\n\nc\td\tabc\n", &["word.tsv:3: score \"abc\" is not a number"]),
        ("nan.tsv", b"a\tb\t1\nc\td\tnan\n", &["nan.tsv:2: score is nan", "--on-missing"]),
        ("inf.tsv", b"a\tb\t1\nc\td\tinf\n", &["inf.tsv:2:", "not finite"]),
        (
            "comma.tsv",
            b"a\tb\t1\nc\td\t4,5\n",
            &["comma.tsv:2: score \"4,5\"", "--decimal-comma"],
        ),
        ("latin.tsv", b"a\tb\t1\nc\xef\td\t1\n", &["latin.tsv:2: byte 2", "UTF-8"]),
        ("hole.tsv", b"a\tb\t1\n\td\t1\n", &["hole.tsv:2: sentence1 is empty"]),
        ("array.jsonl", b"{\"text\":\"a\"}\n[1]\n", &["array.jsonl:2: an array", "object"]),
        ("broken.jsonl", b"{\"text\":\"a\n", &["broken.jsonl:1: not JSON"]),
        (
            "mixed.jsonl",
            b"{\"sentence1\":\"a\",\"sentence2\":\"b\",\"score\":1}\n{\"text\":\"a\"}\n",
            &["mixed.jsonl:2:", "text"],
        ),
        (
            "missing.jsonl",
            b"{\"sentence1\":\"a\",\"sentence2\":\"b\",\"score\":1}\n{\"sentence1\":\"a\"}\n",
            &["missing.jsonl:2: sentence2 is missing"],
        ),
        ("open.csv", b"text1,text2,score\n\"c,d,1\n", &["open.csv:2:", "unterminated"]),
        (
            "lines.csv",
            b"text1,text2,score\nc,d,\"x\ny\"\n",
            &["lines.csv:2: score", "is not a number"],
        ),
        ("names.csv", b"a,b,c\nx,y,1\n", &["names.csv:1:", "a=sentence1,b=sentence2,c=score"]),
        (
            "cut.tsv.gz",
            b"\x1f\x8b\x08\0\0\0\0\0\x02\xff",
            &["cut.tsv.gz: the gzip data are cut off"],
        ),
        ("wide.tsv", b"\xff\xfea\0", &["wide.tsv: is encoded in UTF-16"]),
        ("many.tsv", b"a\tb\tc\td\te\n", &["many.tsv:1:", "--columns"]),
        ("pairs.dat", b"a\tb\t1\n", &["pairs.dat", "--data-format"]),
        ("pairs.parquet", b"PAR1", &["pairs.parquet", "--data-format"]),
    ];
    let place = Place::new();
    for (name, content, expected) in rows {
        place.write(name, content);
        place.refuses(&format!("eval --model model --data {name}"), expected);
        let dev = format!("--dev {name} --dev-evaluator sts");
        place.refuses(&TRAIN.replace("--dev pairs.tsv", &dev), expected);
        let trained = "train --model model --objective cosine-mse --output-dir out --data";
        place.refuses(&format!("{trained} {name}"), &expected[..1]);
    }
}

#[test]
fn data_files_that_are_none_and_columns_that_cannot_be() {
    all_refused(
        "eval --model model",
        &[
            ("--data nowhere.tsv", &["nowhere.tsv: no such file"]),
            ("--data old", &["old"]),
            ("--data old --data-format tsv", &["old: is a directory"]),
            (
                "--data pairs.tsv --score-scale 1..3",
                &["pairs.tsv:1: score 4.0", "given", "1..3"],
            ),
            ("--data pairs.tsv --score-scale 5..0", &["5..0", "lower first"]),
            ("--data pairs.tsv --score-scale five", &["five", "0..5"]),
            ("--data pairs.tsv --columns sentence1,sentence2", &["pairs.tsv:1: 3 columns"]),
            ("--data pairs.tsv --columns a,b,c", &["--columns", "\"a\" is not a role"]),
            ("--data pairs.tsv --columns left=sentence1", &["pairs.tsv:1:", "left"]),
            ("--data text.txt --columns text", &["text.txt", "no columns"]),
            ("--data pairs.tsv --data-format excel", &["excel", "jsonl"]),
            ("--data pairs.tsv --header maybe", &["maybe"]),
            (
                "--data classes.tsv",
                &["classes.tsv: has class, text, expected pairs with a score"],
            ),
        ],
    );
}

#[test]
fn suites_and_figures_that_cannot_be() {
    let place = Place::new();
    place.write("own.toml", "[[set]]\nname = \"one\"\nfiles = [\"a.tsv\", \"b\"]\n");
    place.write("wrong.toml", "[[set]]\nname = \"one\"\nfile = \"a.tsv\"\n");
    let rows: &[(&str, &[&str])] = &[
        ("", &["--data"]),
        ("--suite sts --data pairs.tsv", &["--suite", "--data"]),
        ("--suite sts", &["suite sts", "--data-dir"]),
        ("--suite sts99 --data-dir old", &["`sts99`", "sts, sts-zh", ".toml"]),
        ("--suite none.toml", &["none.toml: no such file"]),
        ("--suite wrong.toml", &["wrong.toml:3: unknown field `file`"]),
        ("--suite own.toml", &["has no one: looked for a.tsv, b;", "--data-dir", "--only"]),
        (
            "--suite sts --data-dir old",
            &["old has no sts12", "STS12-en-test, nor sts13, sts14"],
        ),
        (
            "--suite sts --data-dir nowhere --only stsb",
            &["nowhere has no stsb", "sts-test.csv"],
        ),
        ("--suite sts --data-dir old --only sts17", &["no set `sts17`", "sts12, sts13"]),
        ("--suite own.toml --header true", &["--header", "apply to --data"]),
        ("--data pairs.tsv --only sts12", &["--only", "cannot be used with"]),
        ("--data pairs.tsv --data-dir old", &["--data-dir", "cannot be used with"]),
        ("--data pairs.tsv --protocol glue", &["`glue`", "simcse, consert"]),
        ("--data pairs.tsv --aggregation median", &["`median`", "all, mean, wmean"]),
        ("--data pairs.tsv --correlation kendall", &["`kendall`", "spearman, pearson"]),
        ("--data pairs.tsv --similarity cos", &["`cos`", "cosine, dot"]),
        ("--data pairs.tsv --pooling mean,best", &["`best`"]),
        ("--data pairs.tsv --bootstrap 10", &["--bootstrap 10", "100 to"]),
        ("--data pairs.tsv --bootstrap 2000000", &["--bootstrap 2000000"]),
        ("--data pairs.tsv --compare nowhere", &["`nowhere`", "hub id"]),
    ];
    for (arguments, expected) in rows {
        place.refuses(&format!("eval --model model {arguments}"), expected);
    }
}

#[test]
fn run_files_with_something_wrong_in_them() {
    let rows = [
        ("seeed = 1", &["run.toml:1:", "seeed", "seed"][..]),
        ("seed = 1\n[optimizer]\nadam-beta3 = 1", &["run.toml:3:", "adam-beta3"]),
        ("seed = 1\nseed =", &["run.toml:2:"]),
        ("seed = \"x\"", &["run.toml:1:", "string"]),
        (
            "learning-rate = nan\nmodel = 'model'\noutput-dir = 'out'\n[[stage]]\n[[stage.cycle]]\nobjective = 'rdrop'\ndata = 'pairs.tsv'",
            &["learning rate NaN"],
        ),
        (
            "seed = 1\n\ndev = { path = 'pairs.tsv', formt = 'tsv' }",
            &["run.toml:3:", "path", "score-scale"],
        ),
        (
            "model = 'model'\npreset = 'tiny'\noutput-dir = 'out'\n[[stage]]\n[[stage.cycle]]\nobjective = 'rdrop'\ndata = 'pairs.tsv'",
            &["model", "preset", "choose one"],
        ),
        (
            "model = 'model'\noutput-dir = 'out'\n[[stage]]\n[[stage.cycle]]\nobjective = 'rdrop'\ndata = 'pairs.tsv'\nsteps = 0",
            &["0 steps"],
        ),
        ("model = 'model'\noutput-dir = 'out'\n[[stage]]\n", &["nothing to train on"]),
        ("", &["nothing to train on"]),
        ("[[stage]]\n[[stage.cycle]]\nobjective = 'rdrop'", &["run.toml:2:", "data"]),
        ("pooling = 'average'", &["run.toml:1:", "average"]),
    ];
    let place = Place::new();
    for (text, expected) in rows {
        place.write("run.toml", text);
        place.refuses("train --config run.toml", expected);
    }
    place.write("latin.toml", b"model = '\xef'");
    for (file, expected) in [
        ("nowhere.toml", &["nowhere.toml: no such file"][..]),
        ("old", &["old: is a directory"]),
        ("latin.toml", &["latin.toml", "utf-8"]),
    ] {
        place.refuses(&format!("train --config {file}"), expected);
    }
}

#[test]
fn output_directories_that_are_taken_or_cannot_be() {
    let train = TRAIN.strip_suffix("out").expect("its last word");
    all_refused(
        train,
        &[
            ("old", &["old is not empty", "--overwrite-output-dir"]),
            ("old.npy", &["old.npy is a file"]),
            ("old.npy/out", &["old.npy", "directory"]),
            ("/proc/twindrop/out", &["/proc/twindrop"]),
            ("/dev/null", &["/dev/null", "directory"]),
            ("model --model model", &["model is also an input"]),
        ],
    );
}

#[test]
fn vectors_that_cannot_be_made_or_written() {
    let place = Place::new();
    place.write("long.txt", format!("the cat sleeps\n{}\n", "cat ".repeat(100)));
    place.write("lines.csv", format!("text\n\"the\ncat {}\"\n", "cat ".repeat(100)));
    let embed = "embed --model model --input";
    for (arguments, expected) in [
        ("text.txt --output vectors.arrow", &["vectors.arrow", ".npy", ".safetensors"][..]),
        ("text.txt --output vectors", &["vectors", ".npy"]),
        ("text.txt --output nowhere/vectors.npy", &["nowhere", "no such directory"]),
        ("text.txt --output old.npy/vectors.npy", &["old.npy", "no such directory"]),
        ("text.txt --output /proc/vectors.npy", &["/proc/vectors.npy"]),
        ("text.txt --output old.npy --truncate-dim 0", &["truncate_dim 0", "128"]),
        ("text.txt --output old.npy --truncate-dim 129", &["truncate_dim 129", "128"]),
        ("text.txt --output old.npy --batch-size 0", &["batch_size 0", "at least 1"]),
        ("text.txt --output old.npy --max-seq-length 2", &["max_seq_length 2", "at least 3"]),
        ("text.txt --output old.npy --max-seq-length 65", &["max_seq_length 65", "64"]),
        ("long.txt --output old.npy --no-truncation", &["cat cat", "102 tokens", "64"]),
        ("lines.csv --output old.npy --no-truncation", &["cat cat", "tokens", "64"]),
        ("pairs.tsv --output old.npy", &["pairs.tsv", "2 texts", "--columns"]),
        ("lines.csv --output lines.csv", &["lines.csv", "input"]),
        ("lines.csv --output old/../lines.csv", &["lines.csv", "input"]),
        ("nowhere.txt --output old.npy", &["nowhere.txt: no such file"]),
        ("- --output old.npy", &["standard input", "empty"]),
        ("- --output old.npy --data-format tsv", &["standard input", "empty"]),
    ] {
        place.refuses(&format!("{embed} {arguments}"), expected);
    }
    fs::create_dir(place.path("folder.npy")).expect("a folder");
    place.refuses(
        &format!("{embed} text.txt --output folder.npy"),
        &["folder.npy", "directory"],
    );
    let latin = b"fine\nna\xefve\n".as_slice();
    let arguments = ["embed", "--model", "model", "--input", "-", "--output", "old.npy"];
    let mut program = place.program(&arguments);
    place.refuses_with(2, program.write_stdin(latin), &["standard input:2: byte 3"]);
}

#[test]
fn models_that_are_not_there() {
    all_refused(
        "eval --data pairs.tsv --model",
        &[
            ("nowhere", &["`nowhere`", "hub id", "check the path"]),
            ("./a/b/c", &["`./a/b/c`", "hub id"]),
            ("pairs.tsv", &["pairs.tsv is a file", "directory"]),
            ("old", &["old: config.json is missing", "model directory"]),
            ("nobody/nothing", &["`nobody/nothing`", "HF_HUB_OFFLINE", "model directory"]),
            ("nobody/nothing@v1", &["revision v1", "HF_HUB_OFFLINE"]),
            ("nobody/../nothing", &["hub id"]),
        ],
    );
}

/// What is done to a model, and the words expected.
type Damage = (&'static str, fn(&Place), &'static [&'static str]);

fn damaged(rows: &[Damage]) {
    for (what, damage, expected) in rows {
        let place = Place::new();
        damage(&place);
        println!("{what}"); // shown where the test fails
        place.refuses("eval --model model --data pairs.tsv", expected);
        place.refuses("embed --model model --input text.txt --output old.npy", expected);
        place.refuses(&TRAIN.replace("--dev pairs.tsv", ""), expected);
    }
}

const CONFIG: &str = "model/config.json";

#[test]
fn configurations_with_something_wrong_in_them() {
    damaged(&[
        ("no file", |p| p.remove(CONFIG), &["model: config.json is missing"]),
        ("empty", |p| p.write(CONFIG, ""), &["model/config.json: not JSON"]),
        ("no JSON", |p| p.write(CONFIG, "{\n'a'"), &["model/config.json: not JSON", "line 2"]),
        ("no UTF-8", |p| p.write(CONFIG, b"\xff"), &["model/config.json", "utf-8"]),
        ("a list", |p| p.write(CONFIG, "[]"), &["model_type is missing"]),
        (
            "no type",
            |p| p.json(CONFIG, |c| c["model_type"] = Value::Null),
            &["model/config.json: model_type is missing", "bert"],
        ),
        (
            "another type",
            |p| p.json(CONFIG, |c| c["model_type"] = "t5".into()),
            &["model/config.json: model_type \"t5\" is not supported", "bert"],
        ),
        (
            "a type of two lines",
            |p| p.json(CONFIG, |c| c["model_type"] = "t5\nbert".into()),
            &["model/config.json: model_type"],
        ),
        (
            "heads that do not divide the width",
            |p| p.json(CONFIG, |c| c["num_attention_heads"] = 3.into()),
            &["model/config.json: hidden_size 128", "num_attention_heads 3"],
        ),
        (
            "no heads",
            |p| p.json(CONFIG, |c| c["num_attention_heads"] = 0.into()),
            &["model/config.json: num_attention_heads is 0"],
        ),
        (
            "absurd width",
            |p| p.json(CONFIG, |c| c["hidden_size"] = 1_000_000_000_000_u64.into()),
            &["model/config.json: hidden_size is 1000000000000"],
        ),
        (
            "absurd vocabulary",
            |p| p.json(CONFIG, |c| c["vocab_size"] = 1e12.into()),
            &["model/config.json", "vocab_size"],
        ),
        (
            "absurd depth",
            |p| p.json(CONFIG, |c| c["num_hidden_layers"] = 1_000_000_000_000_u64.into()),
            &["model/config.json: num_hidden_layers is 1000000000000"],
        ),
        (
            "a width below nothing",
            |p| p.json(CONFIG, |c| c["hidden_size"] = (-128).into()),
            &["model/config.json", "hidden_size"],
        ),
        (
            "a width of words",
            |p| p.json(CONFIG, |c| c["hidden_size"] = "wide".into()),
            &["model/config.json", "hidden_size"],
        ),
        (
            "no width",
            |p| p.json(CONFIG, |c| drop(c.as_object_mut().map(|c| c.remove("hidden_size")))),
            &["model/config.json", "hidden_size"],
        ),
        (
            "another activation",
            |p| p.json(CONFIG, |c| c["hidden_act"] = "relu6".into()),
            &["model/config.json: hidden_act \"relu6\"", "gelu"],
        ),
        (
            "dropout of everything",
            |p| p.json(CONFIG, |c| c["hidden_dropout_prob"] = 1.5.into()),
            &["model/config.json", "dropout", "0..1"],
        ),
        (
            "an epsilon below nothing",
            |p| p.json(CONFIG, |c| c["layer_norm_eps"] = (-1.).into()),
            &["model/config.json", "layer_norm_eps"],
        ),
        (
            "one token type fewer than the weights",
            |p| p.json(CONFIG, |c| c["type_vocab_size"] = 1.into()),
            &["model/model.safetensors", "token_type", "[1, 128]"],
        ),
        (
            "more layers than the weights",
            |p| p.json(CONFIG, |c| c["num_hidden_layers"] = 3.into()),
            &["model/model.safetensors", "encoder.layer.2.", "missing"],
        ),
        (
            "a bag of nothing",
            |p| {
                p.write(CONFIG, r#"{"model_type": "bag", "vocab_size": 0, "hidden_size": 0, "hidden_dropout_prob": 2}"#)
            },
            &["model/config.json", "vocab_size is 0"],
        ),
    ]);
}

const WEIGHTS: &str = "model/model.safetensors";

fn cut(place: &Place, length: usize) {
    let whole = &sound()["model.safetensors"];
    place.write(WEIGHTS, &whole[..length]);
}

fn header_of(length: u64) -> Vec<u8> {
    let whole = &sound()["model.safetensors"];
    [&length.to_le_bytes(), &whole[8..]].concat()
}

/// A tensor as it stands in a file.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

fn tensors(place: &Place, change: impl Fn(&mut BTreeMap<String, Stored>)) {
    let whole = &sound()["model.safetensors"];
    let parsed = SafeTensors::deserialize(whole).expect("a sound file");
    let stored = parsed.iter().map(|(name, view)| {
        (name.to_string(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    });
    let mut stored = stored.collect();
    change(&mut stored);
    let views = stored.iter().map(|(name, (dtype, shape, data))| {
        (name, TensorView::new(*dtype, shape.clone(), data).expect("a tensor"))
    });
    place.write(WEIGHTS, safetensors::serialize(views, None).expect("tensors"));
}

const QUERY: &str = "encoder.layer.0.attention.self.query.weight";

fn fill(place: &Place, value: f32) {
    tensors(place, |all| {
        let data = &mut all.get_mut(QUERY).expect("a tensor").2;
        data[64..68].copy_from_slice(&value.to_le_bytes());
    });
}

#[test]
fn weights_that_are_cut_short_or_not_what_they_should_be() {
    damaged(&[
        ("no file", |p| p.remove(WEIGHTS), &["model: no weights"]),
        ("0 bytes", |p| cut(p, 0), &["model/model.safetensors", "not a complete"]),
        ("7 bytes", |p| cut(p, 7), &["model/model.safetensors", "not a complete"]),
        ("8 bytes", |p| cut(p, 8), &["model/model.safetensors", "not a complete"]),
        ("cut in the header", |p| cut(p, 100), &["model/model.safetensors", "not a complete"]),
        (
            "cut in the data",
            |p| cut(p, 100_000),
            &["model/model.safetensors", "not a complete"],
        ),
        (
            "the last byte cut",
            |p| cut(p, sound()["model.safetensors"].len() - 1),
            &["model/model.safetensors", "not a complete"],
        ),
        (
            "a header without end",
            |p| p.write(WEIGHTS, header_of(u64::MAX)),
            &["model/model.safetensors", "not a complete"],
        ),
        (
            "a header longer than the file",
            |p| p.write(WEIGHTS, header_of(90_000_000)),
            &["model/model.safetensors", "not a complete"],
        ),
        ("a text", |p| p.write(WEIGHTS, "version https://git-lfs"), &["not a complete"]),
        (
            "a tensor missing",
            |p| tensors(p, |all| drop(all.remove(QUERY))),
            &["model/model.safetensors", QUERY, "missing"],
        ),
        (
            "a tensor of integers",
            |p| {
                tensors(p, |all| {
                    let shape = all[QUERY].1.clone();
                    let bytes = shape.iter().product::<usize>() * 8;
                    all.insert(QUERY.into(), (Dtype::I64, shape, vec![0; bytes]));
                });
            },
            &["model/model.safetensors", QUERY, "I64", "F32"],
        ),
        (
            "8-bit integers without their scales",
            |p| {
                tensors(p, |all| {
                    let shape = all[QUERY].1.clone();
                    let bytes = shape.iter().product();
                    all.insert(QUERY.into(), (Dtype::I8, shape, vec![0; bytes]));
                });
            },
            &["model/model.safetensors", QUERY, "I8 without one scale"],
        ),
        (
            "a tensor of another shape",
            |p| {
                tensors(p, |all| all.get_mut(QUERY).expect("a tensor").1 = vec![64, 256]);
            },
            &["model/model.safetensors", QUERY, "[64, 256]", "[128, 128]"],
        ),
        (
            "not a number",
            |p| fill(p, f32::NAN),
            &["model/model.safetensors", QUERY, "not finite"],
        ),
        ("infinite", |p| fill(p, f32::INFINITY), &["model.safetensors", QUERY, "not finite"]),
    ]);
}

const TOKENIZER: &str = "model/tokenizer.json";

#[test]
fn tokenizers_that_are_missing_or_broken() {
    damaged(&[
        ("none", |p| p.remove(TOKENIZER), &["model: neither tokenizer.json nor vocab.txt"]),
        ("empty", |p| p.write(TOKENIZER, ""), &["model/tokenizer.json: not a valid tokenizer"]),
        ("JSON, but none", |p| p.write(TOKENIZER, "{}"), &["model/tokenizer.json"]),
        ("cut", |p| p.write(TOKENIZER, "{\"version\":"), &["model/tokenizer.json"]),
        (
            "more words than the table",
            |p| {
                p.json(TOKENIZER, |t| {
                    let expected = t["model"]["vocab"].as_object_mut().expect("words");
                    let many = expected.len()..5000;
                    expected.extend(many.map(|n| (format!("word{n}"), n.into())));
                });
            },
            &["model", "4999", "rows"],
        ),
        (
            "a word far beyond the table",
            |p| p.json(TOKENIZER, |t| t["model"]["vocab"]["cat"] = 70_000.into()),
            &["model", "70000", "rows"],
        ),
        (
            "nothing for unknown words",
            |p| {
                p.json(TOKENIZER, |t| {
                    t["added_tokens"] = json!([]);
                    t["model"]["vocab"] = json!({ "[CLS]": 2, "[SEP]": 3 });
                });
            },
            &["model", "[UNK]"],
        ),
        (
            "no special tokens",
            |p| {
                p.json(TOKENIZER, |t| {
                    t["post_processor"] = Value::Null;
                    t["normalizer"] = json!({ "type": "Replace", "pattern": { "Regex": "." }, "content": "" });
                });
            },
            &["model/tokenizer_config.json", "post_processor"],
        ),
        (
            "an empty vocabulary",
            |p| {
                p.remove(TOKENIZER);
                p.write("model/vocab.txt", "");
            },
            &["model/vocab.txt", "[CLS]"],
        ),
        (
            "a vocabulary that is no text",
            |p| {
                p.remove(TOKENIZER);
                p.write("model/vocab.txt", b"\xff\xfe");
            },
            &["model/vocab.txt"],
        ),
        (
            "a broken configuration",
            |p| {
                p.remove(TOKENIZER);
                p.write("model/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\n");
                p.write("model/tokenizer_config.json", "{");
            },
            &["model/tokenizer_config.json: not JSON"],
        ),
        (
            "a length of 2",
            |p| p.write("model/sentence_bert_config.json", "{\"max_seq_length\": 2}"),
            &["model", "max_seq_length is 2", "at least 3"],
        ),
    ]);
}

#[test]
fn modules_nobody_knows() {
    const POOLING: &str = "model/1_Pooling/config.json";
    damaged(&[
        ("no JSON", |p| p.write("model/modules.json", "["), &["model/modules.json: not JSON"]),
        ("no list", |p| p.write("model/modules.json", "{}"), &["model/modules.json", "list"]),
        (
            "an unknown module",
            |p| {
                p.json("model/modules.json", |m| {
                    m[1]["type"] = "sentence_transformers.models.LSTM".into();
                });
            },
            &["model/modules.json: module \"LSTM\" is not supported", "Pooling"],
        ),
        (
            "no type",
            |p| p.json("model/modules.json", |m| m[1]["type"] = Value::Null),
            &["model/modules.json"],
        ),
        ("no pooling", |p| p.remove(POOLING), &["model/1_Pooling/config.json: no such file"]),
        (
            "pooling of no kind",
            |p| p.write(POOLING, "{\"word_embedding_dimension\": 128}"),
            &["model/1_Pooling/config.json: no pooling mode is enabled"],
        ),
        (
            "a pooling that is on twice",
            |p| p.json(POOLING, |c| c["pooling_mode"] = json!(["mean", "mean"])),
            &["model/1_Pooling/config.json: a pooling mode is enabled twice"],
        ),
        (
            "pooling of an unknown kind",
            |p| p.write(POOLING, "{\"pooling_mode\": \"average\"}"),
            &["model/1_Pooling/config.json", "average", "mean"],
        ),
    ]);
}

/// A model of finite weights whose vectors are not.
fn overflows(place: &Place) {
    tensors(place, |all| {
        for (name, (_, _, data)) in all {
            if name.contains("LayerNorm.weight") {
                data.chunks_mut(4).for_each(|x| x.copy_from_slice(&f32::MAX.to_le_bytes()));
            }
        }
    });
}

/// The weights are finite, what they compute is not: that is no bad flag, hence exit code 1. An
/// evaluation writes no vectors; it says that its figures are undefined (`undefined.rs`).
#[test]
fn vectors_that_are_not_finite_are_not_written() {
    let place = Place::new();
    overflows(&place);
    // a model that is not finite is invalid input, of a training run a divergence
    for (code, arguments) in [
        (2, "embed --model model --input text.txt --output old.npy"),
        (2, "embed --model model --input text.txt --output new.jsonl"),
        (1, TRAIN),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let expected = ["not finite", "weights"];
        place.refuses_with(code, &mut place.program(&arguments), &expected);
    }
}

#[test]
fn a_backtrace_that_was_asked_for_does_not_reach_the_reader() {
    let place = Place::new();
    fill(&place, f32::NAN);
    place.write("model/1_Pooling/config.json", "{");
    place.write("bad.tsv", "a\tb\t1\nc\td\n");
    for arguments in [
        "eval --model model --data pairs.tsv",
        "eval --model model --data bad.tsv",
        "eval --model nowhere --data pairs.tsv",
        "embed --model model --input text.txt --output old.npy",
        &format!("{TRAIN} --alpha nan"),
        &format!("{TRAIN} --alpha one"),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut program = place.program(&arguments);
        place.refuses_with(2, program.env("RUST_BACKTRACE", "1"), &[]);
    }
}

#[test]
fn streams_that_cannot_be_made() {
    all_refused(
        TRAIN,
        &[
            ("--batch-sampler sorted", &["`sorted`", "no-duplicates", "group-by-length"]),
            ("--batch-sampler group-by-label", &["pairs.tsv", "no class labels"]),
            ("--multi-dataset-batch-sampler random", &["`random`", "proportional"]),
            ("--mix random", &["--multi-dataset-batch-sampler", "proportional"]),
            (
                "--nli-triplets",
                &["pairs.tsv: has the columns sentence1, sentence2, score", "entailment"],
            ),
        ],
    );
    let place = Place::new();
    place.write("same.txt", "the cat sleeps\nThe cat sleeps\nthe  cat sleeps\n");
    place.write("one.tsv", "class\ttext\nyes\tthe cat sleeps\nyes\tdogs run\n");
    place.write("apart.tsv", "a\tb\tentailment\nc\td\tcontradiction\n");
    let train = "train --model model --objective simcse --output-dir out --data";
    for (arguments, expected) in [
        ("same.txt --batch-sampler no-duplicates", &["same.txt: one text occurs in all 3"][..]),
        (
            "one.tsv --batch-sampler group-by-label",
            &["one.tsv: all 2 examples", "same class label"],
        ),
        ("classes.tsv --batch-sampler group-by-label", &["classes.tsv: no class has two"]),
        ("text.txt --nli-triplets", &["text.txt: has the columns text and no class labels"]),
        ("classes.tsv --nli-triplets", &["classes.tsv: has 1 texts per example"]),
        ("apart.tsv --nli-triplets", &["apart.tsv: no triplets", "of 2 premises, 1", "1 a"]),
    ] {
        place.refuses(&format!("{train} {arguments}"), expected);
    }
    let phase = "[[stage.cycle]]\nobjective = 'rdrop'\ndata = 'pairs.tsv'\n";
    for (text, expected) in [
        ("batch-sampler = 'sorted'".into(), &["run.toml:1:", "`sorted`"][..]),
        (format!("[[stage]]\nmix = 'even'\n{phase}"), &["run.toml:", "`even`", "round-robin"]),
        (format!("[[stage]]\n{phase}batch-sampler = 'none'"), &["run.toml:", "`none`"]),
        (
            format!(
                "model = 'model'\n[[stage]]\nmix = 'proportional'\n{phase}{phase}steps = 2"
            ),
            &["steps = 2", "proportional"],
        ),
        (
            "dev = { path = 'pairs.tsv', nli-triplets = 'yes' }".into(),
            &["run.toml:1:", "nli-triplets"],
        ),
    ] {
        place.write("run.toml", text);
        place.refuses("train --config run.toml", expected);
    }
}

#[test]
fn parts_of_a_run_that_cannot_go_together() {
    let train = "train --model model --output-dir out";
    all_refused(
        train,
        &[
            (
                "--objective simcse --data text.txt --view2 adv=0.01",
                &["adversarial", "supervised loss", "SimCSE has none"],
            ),
            ("--objective rdrop --data pairs.tsv --view1 span=1.0", &["span=1.0", "below 1"]),
            ("--objective rdrop --data pairs.tsv --view1 adv=0", &["adv=0", "more than 0"]),
            (
                "--objective rdrop --data pairs.tsv --view1 shuffle+shuffle",
                &["shuffle", "twice"],
            ),
            ("--objective rdrop --data pairs.tsv --view1 pooling=median", &["median", "mean"]),
            (
                "--objective simcse+0.1*mlm --data text.txt --mini-batch-size 2",
                &["mini-batch-size 2", "masked language modelling"],
            ),
            (
                "--objective rdrop --data pairs.tsv --view1 adv --mini-batch-size 2",
                &["mini-batch-size 2", "adversarial"],
            ),
            ("--objective simcse --data text.txt --mini-batch-size 0", &["mini_batch_size 0"]),
            (
                "--objective simcse:temperature=0 --data text.txt",
                &["temperature", "more than 0"],
            ),
            ("--objective 0..x*simcse --data text.txt", &["0..x*simcse", "0..0.15*consert"]),
            ("--objective simcse --data text.txt --head dense", &["no objective uses"]),
            (
                "--objective kl --data text.txt",
                &["text.txt", "trains the classification head", "softmax"],
            ),
            ("--objective softmax --data classes.tsv --head joined", &["classes.tsv", "pairs"]),
            (
                "--objective softmax --data classes.tsv --objective regression --data pairs.tsv",
                &["pairs.tsv", "a run has one"],
            ),
            ("--objective rdrop --data pairs.tsv --head features=w", &["`w`", "difference"]),
            ("--objective simcse --data text.txt --projection norm=group", &["norm", "layer"]),
            (
                "--objective rdrop --data pairs.tsv --batch-size 1 --projection norm=batch",
                &["norm=batch", "at least 2"],
            ),
            (
                "--objective cosine-mse --data pairs.tsv --projection mlp,side=second",
                &["side=second", "one forward pass"],
            ),
            ("--objective simcse --data text.txt --dense 0", &["1 or more"]),
            ("--objective simcse --data text.txt --dense wide", &["wide", "out=N"]),
            ("--objective triplet --data text.txt", &["text.txt", "needs 3"]),
            ("--objective distillation --data text.txt", &["distillation", "--teacher"]),
            (
                "--objective simcse --data text.txt --teacher model",
                &["teacher model", "distillation"],
            ),
            (
                "--objective distillation --data text.txt --teacher none.npy",
                &["none.npy", "no such file"],
            ),
            ("--objective mlm --data text.txt --mlm-probability 1", &["mlm_probability 1"]),
            ("--recipe simcse --data text.txt", &["`simcse`", "twindrop recipes"]),
            ("--recipe simcse-unsup-base", &["--data unlabelled=FILE"]),
            ("--recipe simcse-unsup-base --data text.txt --data text.txt", &["no data slot"]),
            (
                "--objective simcse --data text.txt --da-final-1 span --cutoff-rate-final-1 1",
                &["span=1", "below 1"],
            ),
        ],
    );
}
