//! Where results and notes go: files, links, devices, pipes, standard output and standard error,
//! some of them closed or full. And inputs that can be read once only.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::embed_job::{model, sentence};
use crate::support::{TestDir, succeed};

/// A directory with `rows` sentences in `in.txt`, and some pairs.
fn place(rows: usize) -> TestDir {
    let place = TestDir::new();
    place.write("in.txt", (0..rows).map(|n| sentence(n) + "\n").collect::<String>());
    let pairs = (0..8).map(|n| format!("{}\t{}\n", sentence(n), sentence(n + 8)));
    place.write("pairs.tsv", pairs.collect::<String>());
    place
}

/// `COMMAND --model MODEL ARGUMENTS`, of which COMMAND may have two words.
fn program(place: &TestDir, command: &str, arguments: &str) -> Command {
    let mut program = place.program(command);
    program.arg("--model").arg(model()).args(arguments.split_whitespace());
    program
}

fn run(place: &TestDir, command: &str, arguments: &str) {
    succeed(&mut program(place, command, arguments));
}

fn fifo(place: &TestDir, name: &str) {
    succeed(Command::new("mkfifo").arg(place.path(name)));
}

/// Exit code and what was written to standard error.
fn ended(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

/// Commands that write one file, to which its path is to be added.
const COMMANDS: [(&str, &str, &str); 5] = [
    ("embed", "--input in.txt --output", "out.jsonl"),
    ("mine paraphrases", "--input in.txt --output", "out.tsv"),
    ("mine negatives", "--data pairs.tsv --output", "out.tsv"),
    ("mine duplicates", "--input in.txt --output", "out.tsv"),
    ("eval triplets", "--data triplets.tsv --output", "out.json"),
];

fn with_triplets(rows: usize) -> TestDir {
    let place = place(rows);
    let triplet = |n| format!("{}\t{}\t{}\n", sentence(n), sentence(n + 1), sentence(n + 2));
    place.write("triplets.tsv", (0..4).map(triplet).collect::<String>());
    place
}

#[test]
fn an_output_follows_links_and_keeps_the_mode() {
    let place = with_triplets(20);
    for (command, arguments, name) in COMMANDS {
        run(&place, command, &format!("{arguments} plain-{name}"));
        let expected = place.read(format!("plain-{name}"));
        fs::create_dir_all(place.path("inner")).unwrap();
        let (real, link) = (place.path("inner/real"), place.path(format!("link-{name}")));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        symlink("inner/real", &link).unwrap();
        run(&place, command, &format!("{arguments} link-{name}"));
        assert!(link.symlink_metadata().unwrap().is_symlink(), "{command}: the link is gone");
        assert!(fs::read(&real).unwrap() == expected, "{command}");
        let mode = real.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{command}");
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn an_output_that_is_a_fifo_is_written_into() {
    let place = with_triplets(20);
    for (command, arguments, name) in COMMANDS {
        run(&place, command, &format!("{arguments} plain-{name}"));
        fifo(&place, name);
        let path = place.path(name);
        let reader = thread::spawn(move || fs::read(path).unwrap());
        run(&place, command, &format!("{arguments} {name}"));
        assert!(reader.join().unwrap() == place.read(format!("plain-{name}")), "{command}");
        let kind = fs::symlink_metadata(place.path(name)).unwrap().file_type();
        assert!(kind.is_fifo(), "{command}: the FIFO is gone");
        fs::remove_file(place.path(name)).unwrap();
    }
}

#[test]
fn a_device_stays_a_device() {
    let place = place(20);
    symlink("/dev/null", place.path("null.jsonl")).unwrap();
    run(&place, "embed", "--input in.txt --output null.jsonl");
    run(&place, "embed", "--input in.txt --output /dev/null --output-format npy");
    run(&place, "mine duplicates", "--input in.txt --output /dev/null");
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(place.path("null.jsonl").symlink_metadata().unwrap().is_symlink());
    let full =
        program(&place, "embed", "--input in.txt --output /dev/full --output-format csv");
    let (code, message) = ended({ full }.output().unwrap());
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("/dev/full: no space left on device"), "{message}");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
}

#[test]
fn a_dash_is_standard_output() {
    let place = with_triplets(20);
    for (command, arguments, name) in COMMANDS {
        run(&place, command, &format!("{arguments} {name}"));
        let mut program = program(&place, command, arguments);
        let printed = succeed(program.arg("-"));
        let expected = place.read_to_string(name);
        // `eval` prints its table as well
        let same = printed.stdout == expected || printed.stdout.starts_with(&expected);
        assert!(same, "{command}: {}", printed.stdout);
        assert!(!place.path("-").exists(), "{command}");
    }
    let binary = "--input in.txt --output - --output-format npy";
    let mut binary = program(&place, "embed", binary);
    let (code, message) = ended(binary.stdout(Stdio::piped()).output().unwrap());
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("npy needs a regular file"), "{message}");
}

#[test]
fn no_command_overwrites_its_input() {
    let place = with_triplets(20);
    symlink("in.txt", place.path("link.tsv")).unwrap();
    fs::hard_link(place.path("in.txt"), place.path("hard.tsv")).unwrap();
    let copy = place.path("model");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(model()).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let before = crate::support::files(&place);
    for arguments in [
        "embed --model model --input in.txt --output in.txt --output-format csv",
        "embed --model model --input in.txt --output model/model.safetensors",
        "embed --model model --input pairs.tsv --columns _,text --precision int8 \
         --calibration in.txt --output in.txt --output-format npy",
        "mine duplicates --model model --input in.txt --output in.txt",
        "mine duplicates --model model --input in.txt --output link.tsv",
        "mine duplicates --model model --input in.txt --output hard.tsv",
        "mine duplicates --model model --input in.txt --output x.txt --report link.tsv",
        "mine duplicates --model model --input in.txt --output x.tsv --report x.tsv",
        "mine paraphrases --model model --input in.txt --output link.tsv",
        "mine negatives --model model --data pairs.tsv --output pairs.tsv",
        "mine negatives --model model --data pairs.tsv --corpus in.txt --output link.tsv",
        "eval triplets --model model --data triplets.tsv --output triplets.tsv",
        "eval triplets --model model --data triplets.tsv --output model/config.json",
        "eval --model model --data pairs.tsv --output model/modules.json",
        "quantize model --output-dir model --overwrite-output-dir",
        "train --model model --data in.txt --objective simcse --max-steps 1 --output-dir model \
         --overwrite-output-dir",
        "whiten --model model --data in.txt --output-dir model --overwrite-output-dir",
    ] {
        let (code, message) = ended(place.program(arguments).output().unwrap());
        assert_eq!(code, Some(2), "{arguments}: {message}");
        assert!(crate::support::files(&place) == before, "{arguments} changed a file");
    }
}

#[test]
fn what_can_be_read_once_loses_no_row() {
    let place = place(60);
    let lines = place.read("in.txt");
    for (command, arguments, name) in [
        ("embed", "--precision int8 --calibration-rows 20 --input {} --output", "int8.npy"),
        ("embed", "--precision uint8 --calibration-rows 20 --input {} --output", "uint8.npy"),
        ("mine duplicates", "--threshold 0.9 --input {} --output", "kept.txt"),
        ("mine paraphrases", "--input {} --output", "pairs.tsv"),
    ] {
        let of = |input: &str| arguments.replace("{}", input);
        run(&place, command, &format!("{} file-{name}", of("in.txt")));
        let expected = place.read(format!("file-{name}"));
        assert!(!expected.is_empty());

        fifo(&place, "pipe.txt");
        let (path, own) = (place.path("pipe.txt"), lines.clone());
        let writer = thread::spawn(move || {
            let mut pipe = OpenOptions::new().write(true).open(path).unwrap();
            let _ = pipe.write_all(&own);
        });
        run(&place, command, &format!("{} pipe-{name}", of("pipe.txt")));
        writer.join().unwrap();
        assert!(place.read(format!("pipe-{name}")) == expected, "{command} {arguments}: FIFO");
        fs::remove_file(place.path("pipe.txt")).unwrap();

        for input in ["-", "/dev/stdin"] {
            let arguments = format!("{} in-{name} --data-format text", of(input));
            let mut program = program(&place, command, &arguments);
            let mut child =
                program.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&lines).unwrap();
            assert!(child.wait().unwrap().success(), "{command} {arguments}");
            let found = place.read(format!("in-{name}"));
            assert!(found == expected, "{command} {arguments}");
        }
    }
    // what cannot be read again cannot be resumed, shared, or calibrated with
    for arguments in ["--shard-size 9 --resume", "--shard-size 9 --rank 0 --world-size 2"] {
        let arguments = format!("--input /dev/stdin --output shards {arguments}");
        let mut child = program(&place, "embed", &arguments);
        let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdin.take());
        let (code, message) = ended(child.wait_with_output().unwrap());
        assert!(
            code == Some(2) && message.contains("cannot be resumed or shared"),
            "{message}"
        );
    }
}

#[test]
fn a_closed_or_full_standard_error_ends_no_run() {
    let place = place(20);
    let shell = |arguments: &str, redirection: &str| {
        let mut shell = place.command("sh");
        let model = model().display();
        let program = crate::support::TWINDROP;
        shell.arg("-c").arg(format!("{program} {arguments} --model {model} {redirection}"));
        shell
    };
    let train = "train --data in.txt --objective simcse --max-steps 3 --save-steps 1 \
                 --overwrite-output-dir --output-dir out";
    for redirection in ["2>/dev/full", "2>&-", "2>/dev/full >/dev/null --quiet"] {
        for (arguments, result) in [
            ("embed --input in.txt --output e.npy", "e.npy"),
            ("mine duplicates --input in.txt --output d.txt", "d.txt"),
            ("mine paraphrases --input in.txt --output p.tsv", "p.tsv"),
            (train, "out/model.safetensors"),
        ] {
            if redirection.contains("--quiet") && arguments != train {
                continue;
            }
            let status = shell(arguments, redirection).status().unwrap();
            assert_eq!(status.code(), Some(0), "{arguments} {redirection}");
            fs::remove_file(place.path(result)).unwrap();
        }
    }
    // an error's exit code does not depend on whether it can be printed
    let status = shell("embed --input nowhere.txt --output e.npy", "2>/dev/full").status();
    assert_eq!(status.unwrap().code(), Some(2));

    // a reader of standard error that ends in the middle
    let mut child = shell(train, "--json >/dev/null").stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.path("out/model.safetensors").is_file());
}

#[test]
fn a_reader_of_standard_output_may_end_and_a_full_disk_is_told() {
    let place = place(3000);
    let search = "--corpus in.txt --query cat --top-k 3000 --format tsv";
    let mut child = program(&place, "search", search);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("query\t"), "{first}");
    let (code, message) = ended(child.wait_with_output().unwrap());
    assert_eq!(
        (code, message.contains("error") || message.contains("panic")),
        (Some(0), false),
        "{message}"
    );

    let mut embed = program(&place, "embed", "--input in.txt --output -");
    let mut child = embed.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (code, message) = ended(child.wait_with_output().unwrap());
    assert_eq!(
        (code, message.contains("error") || message.contains("panic")),
        (Some(0), false),
        "{message}"
    );

    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (command, arguments) in [("search", search), ("embed", "--input in.txt --output -")] {
        let mut program = program(&place, command, arguments);
        let (code, message) =
            ended(program.stdout(full()).stderr(Stdio::piped()).output().unwrap());
        assert_eq!(code, Some(2), "{message}");
        assert!(
            message.contains("error: standard output: no space left on device"),
            "{message}"
        );
    }
}
