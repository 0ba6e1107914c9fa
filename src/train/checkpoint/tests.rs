use super::*;
use crate::io::failing;
use crate::train::{Event, Resume, Run, RunConfig};

const RUN_FILE: &str = "
    preset = 'tiny'
    learning-rate = 1e-3
    save-steps = 1
    eval-steps = 1
    per-device-train-batch-size = 4
    dense = '16'
    dev = '@/pairs.tsv'
    [[stage]]
    max-steps = 2
    [[stage.cycle]]
    objective = 'rdrop'
    data = '@/pairs.tsv'
";

/// Files that say where and when.
const TIMED: [&str; 3] = ["run.toml", "provenance.json", "times.jsonl"];

const DATA: &str = "a cat sleeps\ta cat naps\t4\nit rains\tdogs run\t1\nhe reads\tshe reads\t3\n\
                    a man sings\tsomeone sings\t5\nbirds fly\tthe sun shines\t0\n";

fn config(place: &Path, out: &str) -> RunConfig {
    fs::write(place.join("pairs.tsv"), DATA).unwrap();
    let text = RUN_FILE.replace('@', place.to_str().unwrap());
    RunConfig { output_dir: Some(place.join(out)), ..toml::from_str(&text).unwrap() }
}

/// The step of the last checkpoint that was said to be written, and how the run ended.
fn run(run: Run) -> (u64, Result<()>) {
    let mut written = 0;
    let ended = run.run(&mut |event| {
        if let Event::Checkpointed { step, .. } = event {
            written = *step;
        }
        Ok(())
    });
    (written, ended.map(drop))
}

/// Every file of the model, and the log.
fn files(output: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["", "1_Pooling", "2_Dense"].map(|folder| output.join(folder));
    let entries = names.iter().flat_map(|folder| fs::read_dir(folder).unwrap().flatten());
    let paths = entries.map(|entry| entry.path()).filter(|path| path.is_file());
    let mut files: Vec<_> = paths
        .filter(|path| !TIMED.iter().any(|name| path.ends_with(name)))
        .map(|path| (path.strip_prefix(output).unwrap().into(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_disk_that_fails_at_any_write_loses_no_checkpoint() {
    let place = tempfile::tempdir().unwrap();
    let whole = config(place.path(), "whole");
    assert!(run(Run::new(&whole).unwrap()).1.is_ok());
    let whole = files(whole.output_dir.as_ref().unwrap());
    let (mut failures, mut resumed) = (0, 0);
    for point in 0.. {
        let config = config(place.path(), &format!("out-{point}"));
        let output = config.output_dir.clone().unwrap();
        let begins = Run::new(&config).unwrap();
        let ((written, ended), failed) = failing(point, || run(begins));
        assert_eq!(ended.is_err(), failed, "point {point}");
        if !failed {
            break;
        }
        failures += 1;
        let last =
            found(&output).into_iter().find_map(|(_, path)| Checkpoint::open(&path).ok());
        let last = last.map_or(0, |checkpoint| checkpoint.record.progress.taken);
        assert!(last >= written, "point {point}: {last} of {written} steps were kept");
        if output.join("run.toml").is_file() {
            let (_, ended) = run(Run::resume(&config, &Resume::default()).unwrap());
            ended.unwrap();
            assert!(files(&output) == whole, "point {point}");
            resumed += 1;
        }
        fs::remove_dir_all(&output).unwrap();
    }
    assert!(failures > 60 && resumed > 60, "{failures} failures, {resumed} resumed");
    println!("{failures} operations failed in turn, {resumed} runs resumed");
}
