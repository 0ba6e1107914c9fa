"""What twindrop writes, in the programs that read it, and tables that they wrote.

    python outputs.py TWINDROP MODEL [PLACE]

TWINDROP is the program, MODEL a model directory. Every number must be the one in the .npy, or in
log.jsonl, to the bit. Parquet is skipped where the program was built without it.
"""

import csv
import hashlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
from safetensors.numpy import load_file
from sentence_transformers.util import quantize_embeddings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerState

program, model = (Path(path).resolve() for path in sys.argv[1:3])
given = sys.argv[3] if len(sys.argv) > 3 else None
place = Path(given or tempfile.mkdtemp(prefix="twindrop-outputs-"))
place.mkdir(parents=True, exist_ok=True)
logging.disable(logging.WARNING)  # that 40 rows are few to calibrate with
failures = []


def run(*arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, cwd=place)
    return None if done.returncode == 0 else done.stderr.strip()


def must(*arguments):
    error = run(*arguments)
    if error:
        sys.exit(f"{' '.join(map(str, arguments))}: {error}")


def check(what, holds):
    """Failures are said once more at the end."""
    print(f"{'ok' if holds else 'FAILED':8}{what}")
    if not holds:
        failures.append(what)


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def lists(column, kind=np.float32):
    """A column of lists as a matrix; what was read as float64 is rounded to what was written."""
    return np.array([list(cell) for cell in column]).astype(kind)


# what separates, quotes and breaks lines elsewhere; a column that is not always there
subjects = ["A man", "Two dogs", 'The "old" river', "Nobody, ever,", "Ein Bär\tim Wald", "猫が", "🙂\nand", "back\\slash"]
verbs = ["sleeps", "runs home", "is playing the flute", "waits for rain", "sings"]
texts = [f"{subject} {verb}." for subject in subjects for verb in verbs]
ids = [None if n % 7 == 3 else f"row {n}" for n in range(len(texts))]
rows = [{"id": key, "text": text} for key, text in zip(ids, texts)]
(place / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def embed(output, *flags, source="in.jsonl"):
    must("embed", "--model", model, "--input", source, "--output", output, *flags)
    return place / output


def keys(column):
    return [None if pandas.isna(key) else key for key in column] == ids


def vectors():
    whole = np.load(embed("all.npy"))
    check("all.npy by numpy", whole.dtype == np.float32 and len(whole) == len(texts) and np.isfinite(whole).all())
    found = load_file(embed("all.safetensors"))
    check("all.safetensors by safetensors", list(found) == ["embeddings"] and same(found["embeddings"], whole))

    kept = ("--keep-columns", "id")
    lines = [json.loads(line) for line in embed("all.jsonl", *kept).read_text().split("\n")[:-1]]
    check("all.jsonl by json: texts and columns", [(x["id"], x["text"]) for x in lines] == list(zip(ids, texts)))
    check("all.jsonl by json: vectors", same(lists(x["embedding"] for x in lines), whole))
    table = pandas.read_json(place / "all.jsonl", lines=True)
    check("all.jsonl by pandas: texts and columns", list(table["text"]) == texts and keys(table["id"]))
    check("all.jsonl by pandas: vectors", same(lists(table["embedding"]), whole))

    with open(embed("all.csv", *kept), newline="") as file:
        head, *cells = csv.reader(file)
    named = ["text", "id", *map(str, range(whole.shape[1]))]
    check("all.csv by csv: texts and columns", head == named and [x[0] for x in cells] == texts)
    check("all.csv by csv: vectors", same(np.array([x[2:] for x in cells]).astype(np.float32), whole))
    table = pandas.read_csv(place / "all.csv")
    check("all.csv by pandas: texts and columns", list(table["text"]) == texts and keys(table["id"]))
    check("all.csv by pandas: vectors", same(table.iloc[:, 2:].to_numpy().astype(np.float32), whole))

    for precision in ["float16", "int8", "uint8", "binary", "ubinary"]:
        found = np.load(embed(f"{precision}.npy", "--precision", precision))
        expected = whole.astype(np.float16) if precision == "float16" else quantize_embeddings(whole, precision)
        check(f"{precision}.npy by numpy, as quantize_embeddings has it", same(found, expected))
        found = load_file(embed(f"{precision}.safetensors", "--precision", precision))["embeddings"]
        check(f"{precision}.safetensors by safetensors", same(found, expected))
    return whole


def shards(whole, form, read):
    """Files that a manifest lists, one behind another."""
    folder = place / f"shards-{form}"
    shutil.rmtree(folder, ignore_errors=True)
    embed(folder.name, "--output-format", form, "--shard-size", 7)
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = manifest["shards"]
    files = [folder / shard["file"] for shard in listed]
    parts = [read(file) for file in files]
    check(f"shards of {form}: vectors", same(np.concatenate(parts), whole))
    told = [(shard["rows"], shard["bytes"], shard["sha256"]) for shard in listed]
    true = [
        (len(part), file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
        for part, file in zip(parts, files)
    ]
    there = {file.name for file in folder.iterdir()} == {"manifest.json", *(file.name for file in files)}
    complete = manifest["complete"] and (manifest["rows"], manifest["numbers"]) == whole.shape
    check(f"shards of {form}: manifest.json", told == true and there and complete)


def parquet(whole):
    """The same as a table, and tables that others wrote."""
    error = run("embed", "--model", model, "--input", "in.jsonl", "--output", "all.parquet", "--keep-columns", "id")
    if error and "without parquet" in error:
        print("skipped parquet: this twindrop was built without it")
        return
    if error:
        sys.exit(f"embed to parquet: {error}")
    table = pyarrow.parquet.read_table(place / "all.parquet")
    columns = table.to_pydict()
    kinds = [str(field.type) for field in table.schema]
    check("all.parquet by pyarrow: schema",
          table.column_names == ["text", "id", "embedding"] and kinds[:2] == ["string", "string"]
          and pyarrow.types.is_list(table.schema.field("embedding").type)
          and table.schema.field("embedding").type.value_type == pyarrow.float32())
    check("all.parquet by pyarrow: texts and columns", columns["text"] == texts and columns["id"] == ids)
    flat = table["embedding"].combine_chunks().flatten().to_numpy()
    check("all.parquet by pyarrow: vectors", same(flat.reshape(whole.shape), whole))
    frame = pandas.read_parquet(place / "all.parquet")
    check("all.parquet by pandas: texts and columns", list(frame["text"]) == texts and keys(frame["id"]))
    check("all.parquet by pandas: vectors", same(np.stack(frame["embedding"]), whole))
    for precision in ["float16", "int8", "uint8", "binary", "ubinary"]:
        found = pyarrow.parquet.read_table(embed(f"{precision}.parquet", "--precision", precision))
        found = found["embedding"].combine_chunks().flatten().to_numpy()
        expected = np.load(place / f"{precision}.npy")
        # parquet has no half floats that its readers share: the same numbers, wider
        wide = expected.astype(np.float32) if precision == "float16" else expected
        check(f"{precision}.parquet by pyarrow", same(found.reshape(wide.shape), wide))
    shards(whole, "parquet", lambda file: np.stack(pandas.read_parquet(file)["embedding"]))

    plain = pyarrow.table({"id": ids, "text": texts})
    words = pyarrow.array(texts)
    forms = {
        "as it comes": (plain, {}),
        "gzip": (plain, {"compression": "gzip"}),
        "no compression": (plain, {"compression": "none"}),
        "no dictionary": (plain, {"use_dictionary": False}),
        "pages of version 2": (plain, {"data_page_version": "2.0", "version": "2.6"}),
        "row groups of 7": (plain, {"row_group_size": 7}),
        "large strings": (plain.set_column(1, "text", words.cast(pyarrow.large_string())), {}),
        "a dictionary": (plain.set_column(1, "text", words.dictionary_encode()), {}),
        "other columns": (plain.append_column("more", pyarrow.array([[1, 2]] * len(texts))), {}),
    }
    for name, (table, options) in forms.items():
        pyarrow.parquet.write_table(table, place / "theirs.parquet", **options)
        found = np.load(embed("theirs.npy", source="theirs.parquet"))
        check(f"parquet of pyarrow read by us: {name}", same(found, whole))
    pandas.DataFrame(rows).to_parquet(place / "theirs.parquet")
    found = np.load(embed("theirs.npy", source="theirs.parquet"))
    check("parquet of pandas read by us", same(found, whole))
    again = embed("again.parquet", "--keep-columns", "id", source="theirs.parquet")
    check("parquet of pandas read by us: the column kept", pyarrow.parquet.read_table(again)["id"].to_pylist() == ids)


def training():
    """A run of 20 steps, as others read its course."""
    words = [text for text in texts if not set(text) & set('\t\n"')]
    pairs = [f"{a}\t{b}\t{(3 * n + n // 5) % 6}" for n, (a, b) in enumerate(zip(words, words[3:]))]
    (place / "pairs.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *pairs]) + "\n")
    shutil.rmtree(place / "run", ignore_errors=True)
    must("train", "--preset", "tiny", "--data", "pairs.tsv", "--dev", "pairs.tsv", "--objective", "rdrop",
         "--max-steps", 20, "--eval-steps", 10, "--per-device-train-batch-size", 8, "--learning-rate", "1e-3",
         "--save-strategy", "no", "--report-to", "tensorboard", "--quiet", "--output-dir", "run")
    log = [json.loads(line) for line in (place / "run/log.jsonl").read_text().splitlines()]
    steps = [line for line in log if line["event"] == "step"]
    evaluated = [line for line in log if line["event"] == "evaluated"]
    check("log.jsonl by json: 20 steps, 2 evaluations or more",
          [line["step"] for line in steps] == list(range(1, 21)) and len(evaluated) >= 2)

    expected = {}
    for line in steps:
        figures = {f"train/{name}": line[name] for name in ["loss", "learning_rate", "grad_norm"]}
        figures[f"loss/{line['objective']}"] = line["loss"]
        figures |= {f"train/{name}": value for name, value in line["terms"]}
        for tag, value in figures.items():
            expected.setdefault(tag, []).append((line["step"], np.float32(value)))
    for line in evaluated:
        geometry = {name: line[name] for name in ["alignment", "uniformity", "mean_cosine", "effective_rank"]}
        for name, value in (line["metrics"] | geometry).items():
            if value is not None:
                expected.setdefault(f"eval/{name}", []).append((line["step"], np.float32(value)))
    board = EventAccumulator(str(place / "run/runs"), size_guidance={"scalars": 0})
    board.Reload()
    tags = board.Tags()["scalars"]
    check(f"events by tensorboard: {len(expected)} tags", sorted(tags) == sorted(expected))
    for tag in sorted(set(tags) & set(expected)):
        points = [(point.step, np.float32(point.value)) for point in board.Scalars(tag)]
        check(f"events by tensorboard: {len(points)} points of {tag}", points == expected[tag])

    state = TrainerState.load_from_json(str(place / "run/trainer_state.json"))
    table = pandas.DataFrame(state.log_history)
    logged = table.dropna(subset=["loss"]).set_index("step")
    check("trainer_state.json by transformers and pandas: steps",
          state.global_step == 20
          and all(list(logged[name]) == [line[name] for line in steps] for name in ["loss", "learning_rate", "grad_norm"]))
    logged = table.dropna(subset=["eval_spearman_cosine"])
    figures = [(line["step"], line["metrics"]["pearson_cosine"], line["metrics"]["spearman_cosine"])
               for line in evaluated]
    named = ["step", "eval_pearson_cosine", "eval_spearman_cosine"]
    check("trainer_state.json by transformers and pandas: evaluations",
          list(logged[named].itertuples(index=False, name=None)) == figures)
    table = pandas.read_csv(place / "run/eval/similarity_evaluation_pairs_results.csv")
    named = ["epoch", "steps", "cosine_pearson", "cosine_spearman"]
    check("the evaluator's CSV by pandas",
          list(table.columns) == named and list(table[named[1:]].itertuples(index=False, name=None)) == figures)


whole = vectors()
shards(whole, "npy", np.load)
shards(whole, "safetensors", lambda file: load_file(file)["embeddings"])
shards(whole, "jsonl", lambda file: lists(pandas.read_json(file, lines=True)["embedding"]))
parquet(whole)
training()
for what in failures:
    print(f"not as it should be: {what}", file=sys.stderr)
if given is None:
    shutil.rmtree(place)
sys.exit(bool(failures))
