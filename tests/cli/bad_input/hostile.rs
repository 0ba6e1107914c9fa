//! Files that a stranger wrote: whatever they ask for, one sentence within two seconds of one
//! core and a bounded memory, and nothing of theirs is run.

use super::*;
use crate::support::TWINDROP;

/// The program with 2 s of CPU time and 1.5 GiB of address space.
fn bounded(place: &Place, arguments: &str) -> Command {
    let mut program = if cfg!(target_os = "linux") {
        let mut shell = place.command("sh");
        shell.args(["-c", "ulimit -t 2; ulimit -v 1572864; exec \"$0\" \"$@\"", TWINDROP]);
        shell
    } else {
        place.command(TWINDROP)
    };
    program.args(["--threads", "2"]).args(arguments.split_whitespace());
    limited(program)
}

type Row<'a> = (&'a str, &'a dyn Fn(&Place), &'a [&'a str]);

/// Each row: what is wrong, what writes it into a sound place, and the words expected.
fn refused(arguments: &str, rows: &[Row]) {
    for (what, write, expected) in rows {
        let place = Place::new();
        write(&place);
        println!("{what}");
        place.refuses_with(2, &mut bounded(&place, arguments), expected);
    }
}

const EVAL: &str = "eval --model model --data pairs.tsv";

/// An archive of members at `method` of packing, as a zip without any trick.
fn zip(members: &[(&str, &[u8])], method: u8) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let start = (file.len() as u32).to_le_bytes();
        let length = (content.len() as u32).to_le_bytes();
        let name = name.as_bytes();
        let about = [
            &[0, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[length, length].concat(),
            &[name.len() as u8, 0, 0, 0],
        ]
        .concat();
        file.extend([b"PK\x03\x04\x14\0", &about[..], name, content].concat());
        directory
            .extend([b"PK\x01\x02\x14\0\x14\0", &about[..], &[0; 10], &start, name].concat());
    }
    let count = [members.len() as u8, 0];
    let end = [(directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes()];
    file.extend(directory);
    file.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &end.concat(), &[0, 0]].concat());
    file
}

const BIN: &str = "model/pytorch_model.bin";

/// The pickle alone where the weights should be.
fn pickled(place: &Place, pickle: &[u8]) {
    place.remove(WEIGHTS);
    place.write(BIN, zip(&[("x/data.pkl", pickle), ("x/data/0", &[0; 64])], 0));
}

/// A tensor called `a` over 16 singles of storage `key`, with the opcodes of its offset, sizes
/// and strides.
fn tensor(key: &str, count: &[u8], view: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage",
        &b"ctorch\nFloatStorage\nX\x01\0\0\0"[..],
        key.as_bytes(),
        b"X\x03\0\0\0cpu",
        count,
        b"tQ",
        view,
        b"tRs.",
    ]
    .concat()
}

#[test]
fn a_pickle_runs_nothing_and_builds_nothing_but_tensors() {
    let run = b"cos\nsystem\n(X\x09\0\0\0touch ranatR.";
    let four = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x09touch ran\x85R.";
    refused(
        EVAL,
        &[
            (
                "os.system",
                &|p| pickled(p, run),
                &[BIN, "calls os.system; refused: convert it to safetensors"],
            ),
            ("the same, spelled anew", &|p| pickled(p, four), &["calls posix.system"]),
            (
                "in a dict of tensors",
                &|p| pickled(p, b"\x80\x02}X\x01\0\0\0acbuiltins\neval\n(X\x01\0\0\x001tRs."),
                &["calls builtins.eval"],
            ),
            (
                "a whole model",
                &|p| pickled(p, b"\x80\x02ctransformers.models.bert\nBertModel\n)\x81."),
                &["calls transformers.models.bert.BertModel"],
            ),
            ("an object", &|p| pickled(p, b"\x80\x02)\x81."), &["NEWOBJ", "refused"]),
            ("an import by number", &|p| pickled(p, b"\x80\x02\x82\x01."), &["EXT", "refused"]),
            (
                "a call of what is no function",
                &|p| pickled(p, b"\x80\x02X\x01\0\0\0a)R."),
                &["calls an object that is not a function"],
            ),
            ("an empty stack", &|p| pickled(p, b"\x80\x02."), &["empty stack"]),
            ("no end", &|p| pickled(p, b"\x80\x02}"), &["truncated"]),
            (
                "five million empty tuples",
                &|p| pickled(p, &[b")".repeat(5_000_000), b".".to_vec()].concat()),
                &["longer than 4 MiB"],
            ),
            (
                "a million lists, one in the other",
                &|p| {
                    pickled(
                        p,
                        &[&b"]".repeat(1_000_000)[..], &b"a".repeat(999_999), b"."].concat(),
                    )
                },
                &["no dict of named tensors"],
            ),
        ],
    );
}

#[test]
fn tensors_of_an_archive_lie_in_it_and_claim_no_more() {
    let view = b"K\0K\x04\x85K\x01\x85";
    refused(
        EVAL,
        &[
            (
                "a zip bomb",
                &|p| {
                    p.remove(WEIGHTS);
                    p.write(BIN, zip(&[("x/data.pkl", &[0x78; 200])], 8));
                },
                &["x/data.pkl is compressed", "refused"],
            ),
            (
                "a member that lies behind the end",
                &|p| {
                    p.remove(WEIGHTS);
                    let mut file = zip(&[("x/data.pkl", b"\x80\x02}.")], 0);
                    let at = file.len() - 22 - 56 + 20;
                    file[at..at + 8].fill(0x7f);
                    p.write(BIN, file);
                },
                &["x/data.pkl extends beyond the file"],
            ),
            (
                "a cut archive",
                &|p| {
                    pickled(p, &tensor("0", b"K\x10", view));
                    let whole = fs::read(p.path(BIN)).expect("a file");
                    p.write(BIN, &whole[..whole.len() - 30]);
                },
                &["not a complete zip archive"],
            ),
            (
                "one member twice",
                &|p| {
                    p.remove(WEIGHTS);
                    p.write(BIN, zip(&[("x/data.pkl", b"}."), ("x/data.pkl", b"}.")], 0));
                },
                &["two members of the same name"],
            ),
            (
                "a storage that is not there",
                &|p| pickled(p, &tensor("7", b"K\x10", view)),
                &["tensor a: storage 7 is missing"],
            ),
            (
                "a storage of more numbers than bytes",
                &|p| pickled(p, &tensor("0", b"J\xff\xff\xff\x7f", view)),
                &["storage 0 has 64 bytes", "2147483647"],
            ),
            (
                "a tensor that ends behind its storage",
                &|p| pickled(p, &tensor("0", b"K\x10", b"K\x0dK\x04\x85K\x01\x85")),
                &["[4]", "at 13 exceeds its storage of 16"],
            ),
            (
                "a tensor before its storage",
                &|p| pickled(p, &tensor("0", b"K\x10", b"J\xff\xff\xff\xffK\x04\x85K\x01\x85")),
                &["invalid offset"],
            ),
            (
                "one number spread over 2^62",
                &|p| {
                    let large = b"K\0J\0\0\0\x40J\0\0\0\x40\x86K\0K\0\x86";
                    pickled(p, &tensor("0", b"K\x10", large))
                },
                &["up to a take more than 4 times the size of the file"],
            ),
            (
                "not torch's",
                &|p| {
                    p.remove(WEIGHTS);
                    p.write(BIN, "version https://git-lfs.github.com/spec/v1\n");
                },
                &[BIN, "not a file of torch.save"],
            ),
            (
                "an older file that is cut",
                &|p| {
                    p.remove(WEIGHTS);
                    let whole = include_bytes!("../../fixtures/torch-legacy.bin");
                    p.write(BIN, &whole[..whole.len() - 1]);
                },
                &[BIN, "truncated"],
            ),
            (
                "tensors of another model",
                &|p| {
                    p.remove(WEIGHTS);
                    p.write(BIN, include_bytes!("../../fixtures/torch.bin"));
                },
                &[
                    BIN,
                    "is missing, and so are 36 others that config.json requires",
                    "unused tensors in the file: bfloat, column, double and",
                ],
            ),
        ],
    );
}

const INDEX: &str = "model/model.safetensors.index.json";

/// An index that has every tensor in `file`.
fn index(place: &Place, file: &str) {
    let whole = &sound()["model.safetensors"];
    let tensors = SafeTensors::deserialize(whole).expect("a sound file");
    let map: serde_json::Map<String, Value> =
        tensors.names().into_iter().map(|name| (name.to_string(), file.into())).collect();
    place.write(INDEX, json!({ "weight_map": map }).to_string());
}

fn moved(place: &Place, to: &str) {
    fs::rename(place.path(WEIGHTS), place.path(to)).expect("a file");
}

#[test]
fn shards_lie_whole_in_their_own_directory() {
    let absolute = std::env::temp_dir().join("x.safetensors").display().to_string();
    refused(
        EVAL,
        &[
            (
                "a way out",
                &|p| {
                    moved(p, "1.safetensors");
                    index(p, "../1.safetensors");
                },
                &[INDEX, "`../1.safetensors` points outside its directory"],
            ),
            (
                "from the root",
                &|p| {
                    p.remove(WEIGHTS);
                    index(p, &absolute);
                },
                &[INDEX, "points outside its directory"],
            ),
            #[cfg(unix)]
            (
                "a link out",
                &|p| {
                    moved(p, "1.safetensors");
                    let link = p.path("model/1.safetensors");
                    std::os::unix::fs::symlink("../1.safetensors", link).expect("a link");
                    index(p, "1.safetensors");
                },
                &[INDEX, "`1.safetensors` points outside its directory"],
            ),
            (
                "a cut shard",
                &|p| {
                    cut(p, 100_000);
                    moved(p, "model/1.safetensors");
                    index(p, "1.safetensors");
                },
                &["model/1.safetensors: not a complete safetensors file"],
            ),
            (
                "no shard",
                &|p| {
                    p.remove(WEIGHTS);
                    index(p, "1.safetensors");
                },
                &["model/1.safetensors: no such file"],
            ),
            (
                "a shard without its tensor",
                &|p| {
                    tensors(p, |all| drop(all.remove(QUERY)));
                    moved(p, "model/1.safetensors");
                    index(p, "1.safetensors");
                },
                &[INDEX, QUERY, "is missing from 1.safetensors"],
            ),
            (
                "an index of itself",
                &|p| {
                    p.remove(WEIGHTS);
                    index(p, "model.safetensors.index.json");
                },
                &[INDEX, "is not a tensor file"],
            ),
            (
                "no index",
                &|p| {
                    p.remove(WEIGHTS);
                    p.write(INDEX, "{\"weight_map\": []}");
                },
                &[INDEX, "not an index of tensors"],
            ),
        ],
    );
}

#[test]
fn a_model_directory_names_nothing_outside_itself() {
    const MODULES: &str = "model/modules.json";
    let path = |at: usize, to: &'static str| {
        move |p: &Place| p.json(MODULES, |modules| modules[at]["path"] = to.into())
    };
    refused(
        EVAL,
        &[
            ("up", &path(1, "../old"), &[MODULES, "`../old/config.json` points outside"]),
            ("up and down", &path(1, "1_Pooling/../../old"), &[MODULES, "points outside"]),
            (
                "from the root",
                &path(1, "/etc"),
                &[MODULES, "`/etc/config.json` points outside"],
            ),
            (
                "a dense layer elsewhere",
                &|p| {
                    p.json(MODULES, |modules| {
                        modules[1]["type"] = "x.Dense".into();
                        modules[1]["path"] = "../old".into();
                    });
                },
                &[MODULES, "points outside"],
            ),
            #[cfg(unix)]
            (
                "a folder that is a link out",
                &|p| {
                    p.write("old/config.json", "{\"pooling_mode\": \"cls\"}");
                    fs::remove_dir_all(p.path("model/1_Pooling")).expect("a folder");
                    let link = p.path("model/1_Pooling");
                    std::os::unix::fs::symlink("../old", link).expect("a link");
                },
                &[MODULES, "`1_Pooling/config.json` points outside"],
            ),
        ],
    );
}

#[test]
fn headers_and_configurations_ask_for_no_more_than_there_is() {
    let header = |text: &'static str, numbers: usize| {
        move |p: &Place| {
            let length = (text.len() as u64).to_le_bytes();
            p.write(WEIGHTS, [&length[..], text.as_bytes(), &vec![0; numbers]].concat());
        }
    };
    let size = |name: &'static str, size: f64| {
        move |p: &Place| p.json(CONFIG, |config| config[name] = size.into())
    };
    refused(
        EVAL,
        &[
            (
                "a shape beyond numbers",
                &header(
                    r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}}"#,
                    4,
                ),
                &[WEIGHTS, "not a complete safetensors file"],
            ),
            (
                "tensors one over the other",
                &header(
                    r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                        "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
                    12,
                ),
                &[WEIGHTS, "not a complete safetensors file"],
            ),
            (
                "offsets that go back",
                &header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
                &[WEIGHTS, "not a complete safetensors file"],
            ),
            (
                "a header of nothing but axes",
                &|p| {
                    let axes = "1,".repeat(9 << 20);
                    let header = format!(
                        r#"{{"a":{{"dtype":"F32","shape":[{axes}1],"data_offsets":[0,4]}}}}"#
                    );
                    let length = (header.len() as u64).to_le_bytes();
                    p.write(WEIGHTS, [&length[..], header.as_bytes(), &[0; 4]].concat());
                },
                &[WEIGHTS, "more than the limit of 16777216"],
            ),
            (
                "a width of 2^40",
                &size("hidden_size", 2f64.powi(40)),
                &[CONFIG, "hidden_size is 1099511627776", "expected at most"],
            ),
            (
                "10^9 layers",
                &size("num_hidden_layers", 1e9),
                &[CONFIG, "num_hidden_layers is 1000000000"],
            ),
            (
                "a vocabulary as large as may be, and no such table",
                &size("vocab_size", f64::from(1 << 24)),
                &[CONFIG],
            ),
            (
                "a configuration without end",
                &|p| p.write(CONFIG, format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20))),
                &[CONFIG, "is larger than 1 MiB"],
            ),
            (
                "deep JSON",
                &|p| p.write(CONFIG, format!("{{\"a\": {}", "[".repeat(500_000))),
                &[CONFIG, "not JSON: recursion limit exceeded"],
            ),
            (
                "a long name",
                &|p| p.write(CONFIG, json!({"model_type": "x".repeat(500_000)}).to_string()),
                &[CONFIG, "model_type \"xxx"],
            ),
        ],
    );
}

#[test]
fn a_tokenizer_neither_grows_a_text_without_bound_nor_panics() {
    let part = |name: &'static str, value: Value| {
        move |p: &Place| p.json(TOKENIZER, |tokenizer| tokenizer[name] = value.clone())
    };
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    let pattern = |pattern: &str| {
        json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
               "invert": false})
    };
    refused(
        EVAL,
        &[
            (
                "a text twice as long, sixty times over",
                &part(
                    "normalizer",
                    json!({"type": "Sequence", "normalizers": vec![double; 60]}),
                ),
                &[TOKENIZER, "by a factor of 1152921504606847000"],
            ),
            (
                "a pattern of gigabytes",
                &part("pre_tokenizer", pattern("(((\\w{50}){50}){50}){50}")),
                &[TOKENIZER, "patterns exceed"],
            ),
            (
                "merges of what is no word",
                &part(
                    "model",
                    json!({"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a c"]}),
                ),
                &[TOKENIZER, "not a valid tokenizer"],
            ),
            (
                "a merge shorter than its prefix",
                &part(
                    "model",
                    json!({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2},
                           "continuing_subword_prefix": "####", "merges": ["a b"]}),
                ),
                &[TOKENIZER, "not a valid tokenizer"],
            ),
            (
                "merges that are millions of numbers",
                &part("model", json!({"type": "BPE", "vocab": {}, "merges": vec![0; 4 << 20]})),
                &[TOKENIZER, "4194308 values"],
            ),
            (
                "words taken apart in square time",
                &|p| {
                    p.json(TOKENIZER, |tokenizer| {
                        tokenizer["model"]["max_input_chars_per_word"] = 1_000_000_000.into();
                    });
                },
                &[TOKENIZER, "max_input_chars_per_word is 1000000000"],
            ),
            (
                "deep JSON",
                &|p| p.write(TOKENIZER, "{\"normalizer\":".to_string() + &"[".repeat(500_000)),
                &[TOKENIZER, "recursion limit exceeded"],
            ),
            (
                "a vocabulary without end",
                &|p| {
                    p.remove(TOKENIZER);
                    p.write("model/vocab.txt", "[PAD]\n");
                    let file =
                        fs::OpenOptions::new().write(true).open(p.path("model/vocab.txt"));
                    file.and_then(|file| file.set_len(1 << 30)).expect("a hole");
                },
                &["model/vocab.txt", "is larger than 64 MiB"],
            ),
        ],
    );
}

/// A file with a hole of a gigabyte in it takes no room on disk.
fn hole(place: &Place, name: &str, content: &str) {
    place.write(name, content);
    let file = fs::OpenOptions::new().write(true).open(place.path(name));
    file.and_then(|file| file.set_len(1 << 30)).expect("a hole");
}

#[test]
fn data_of_any_size_and_depth_is_refused_where_it_stops_making_sense() {
    let place = Place::new();
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    place
        .write("quote.csv", "text1,text2,score\n\"".to_string() + &"c,d,1\n".repeat(3_000_000));
    place.write("wide.tsv", "a\t".repeat(1_000_000));
    place.write("wide.csv", "a,".repeat(1_000_000));
    place.write("deep.jsonl", format!("{{\"text\": {deep}}}\n"));
    place.write("nul.tsv", "a\tb\t1\nc\td\t\0\n");
    place.write("wrong.tsv", b"a\tb\t1\n\xf0\x28\x8c\x28\td\t1\n");
    for (data, expected) in [
        ("quote.csv", &["quote.csv:", "more than 16 MiB", "unterminated"][..]),
        ("wide.tsv", &["wide.tsv:1: more than 1000 columns"]),
        ("wide.csv", &["wide.csv:1: more than 1000 columns"]),
        ("deep.jsonl", &["deep.jsonl:1: text is an array, expected a string"]),
        ("nul.tsv", &["nul.tsv:2: score"]),
        ("wrong.tsv", &["wrong.tsv:2: byte 1 of the line is not UTF-8"]),
    ] {
        let mut program = bounded(&place, &format!("eval --model model --data {data}"));
        place.refuses_with(2, &mut program, expected);
    }
    for (name, content) in [("long.tsv", "a\tb\t1\n"), ("long.txt", "a\n")] {
        let place = Place(TestDir::new(), RefCell::default());
        hole(&place, name, content);
        // 1 GiB is not to be listed before and after
        let mut program = bounded(&place, &format!("eval --model model --data {name}"));
        let output = program.output().expect("the program");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.contains("2: longer than 16 MiB; is this a text file?"), "{printed}");
    }
}

#[test]
fn run_files_suites_and_vectors_of_any_depth_and_size() {
    let place = Place::new();
    let deep = "[".repeat(200_000);
    place.write("deep.toml", format!("model = {deep}"));
    place.write("tables.toml", format!("[{}a]\n", "a.".repeat(200_000)));
    place.write("large.toml", "# ".repeat(1 << 20));
    let run = "preset = \"tiny\"\noutput-dir = \"out\"\n[[stage]]\n[[stage.cycle]]\n\
               objective = \"distillation\"\ndata = \"text.txt\"\nteacher = \"x.npy\"\n";
    place.write("run.toml", run);
    let header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 384)}";
    let length = (header.len() as u16).to_le_bytes();
    place.write("x.npy", [b"\x93NUMPY\x01\0", &length[..], header.as_bytes()].concat());
    for (arguments, expected) in [
        ("train --config deep.toml", &["deep.toml:1:"][..]),
        ("train --config tables.toml", &["tables.toml:1:"]),
        ("train --config large.toml", &["large.toml: is larger than 1 MiB"]),
        ("train --config run.toml", &["x.npy", "does not match its shape"]),
        ("eval --model model --suite deep.toml", &["deep.toml:1:"]),
        ("eval --model model --suite large.toml", &["large.toml: is larger than 1 MiB"]),
    ] {
        place.refuses_with(2, &mut bounded(&place, arguments), expected);
    }
}
