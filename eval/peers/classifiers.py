"""Classifiers and cross-encoders between twindrop, transformers and sentence-transformers.

Every architecture is trained for two steps with a head on one text, on a pair, and as a regression of a
pair; transformers' AutoModelForSequenceClassification and sentence-transformers' CrossEncoder load what was
saved, and their logits are compared with `twindrop predict --logits`. Then classifiers that transformers and
CrossEncoder save are predicted with.

    python classifiers.py target/release/twindrop MODEL
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import sentence_transformers
import torch
import transformers
from sentence_transformers import CrossEncoder
from transformers import AutoModelForSequenceClassification, AutoTokenizer

FIXTURES = pathlib.Path(__file__).parents[2] / "tests" / "fixtures"
WITHIN = 1e-5
SUPPORTED = "bert roberta xlm-roberta camembert distilbert electra mpnet albert deberta-v2 modernbert"
PAIRS = [["the dogs run", "a cat sleeps"], ["x", "the cat plays a flute"], ["dogs run", "dogs run"]] * 4
# what transformers 4 cannot run: several layers in a group of ALBERT (its head masks are by group), and
# `rope_parameters` of ModernBERT (it has other keys)
NEWER = ["albert-groups", "modernbert-biased"]
RUNS = {
    "sequence": ("softmax", ["no", "maybe", "yes"]),
    "joined": ("rdrop-classes", ["no", "maybe", "yes"]),
    "regression": ("regression", None),
}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def write_data(folder, kind, labels):
    pairs = kind != "sequence"
    header = ["sentence1", "sentence2"] if pairs else ["text"]
    header.append("class" if labels else "score")
    rows = [
        (pair if pairs else pair[:1]) + [labels[at % 3] if labels else str(at % 6)]
        for at, pair in enumerate(PAIRS)
    ]
    path = folder / f"{kind}.tsv"
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n")
    return path


def predicted(twindrop, model, data, columns):
    lines = run(twindrop, "predict", "--model", model, "--input", data, "--columns", columns,
                "--format", "jsonl", "--logits").splitlines()
    rows = [json.loads(line) for line in lines]
    return torch.tensor([[row["logit"]] if "logit" in row else [*row["logits"].values()] for row in rows])


def reference(model, texts):
    """Logits by transformers, one example at a time."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForSequenceClassification.from_pretrained(model).eval()
    rows = []
    for example in texts:
        encoded = tokenizer(*example, truncation=True, return_tensors="pt")
        with torch.no_grad():
            rows.append(network(**encoded).logits[0])
    return torch.stack(rows)


def cross_encoder(model, texts):
    encoder = CrossEncoder(str(model), device="cpu")
    scores = encoder.predict(texts, convert_to_numpy=False, convert_to_tensor=True, batch_size=1)
    return scores.reshape(len(texts), -1)


class Table:
    def __init__(self):
        self.worst, self.count, self.failed = 0.0, 0, []

    def check(self, name, ours, theirs):
        off = (ours - theirs).abs().max().item()
        self.count += 1
        self.worst = max(self.worst, off)
        print(f"{name}: {off:.1e}", flush=True)
        if not off <= WITHIN:
            self.failed.append(name)


def trained(twindrop, base, folder, table):
    for kind, (objective, labels) in RUNS.items():
        data, out = write_data(folder, kind, labels), folder / f"{base.name}-{kind}"
        head = "sequence" if kind == "sequence" else "joined"
        run(twindrop, "train", "--model", base, "--data", data, "--objective", objective, "--head", head,
            "--max-steps", 2, "--learning-rate", 1e-3, "--output-dir", out, "--quiet")
        texts = [pair[:1] if kind == "sequence" else pair for pair in PAIRS]
        columns = "text,_" if kind == "sequence" else "sentence1,sentence2,_"
        ours = predicted(twindrop, out, data, columns)
        table.check(f"{base.name} {kind} transformers", ours, reference(out, texts))
        if kind != "sequence":
            table.check(f"{base.name} {kind} CrossEncoder", ours, cross_encoder(out, texts))


def saved_by_python(twindrop, folder, table):
    """Directories as transformers and CrossEncoder write them."""
    texts = folder / "texts.tsv"
    texts.write_text("sentence1\tsentence2\n" + "".join("\t".join(pair) + "\n" for pair in PAIRS))
    for base in sorted((FIXTURES / "classifiers").iterdir()):
        ours = predicted(twindrop, base, texts, "sentence1,sentence2")
        table.check(f"{base.name} of transformers", ours, reference(base, PAIRS))
        again = folder / f"again-{base.name}"
        CrossEncoder(str(base), device="cpu").save_pretrained(str(again))
        ours = predicted(twindrop, again, texts, "sentence1,sentence2")
        table.check(f"{base.name} of CrossEncoder", ours, reference(base, PAIRS))


def main():
    twindrop, model = sys.argv[1], pathlib.Path(sys.argv[2])
    table = Table()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        bases = [model]
        for base in sorted((FIXTURES / "architectures").iterdir()):
            kind = json.loads((base / "config.json").read_text())["model_type"]
            is_newer = transformers.__version__.startswith("4.") and base.name in NEWER
            if kind in SUPPORTED.split() and not is_newer:
                bases.append(base)
        for base in bases:
            trained(twindrop, base, folder, table)
        saved_by_python(twindrop, folder, table)
    versions = f"transformers {transformers.__version__}, sentence-transformers {sentence_transformers.__version__}"
    print(f"{versions}: {table.count} comparisons, worst {table.worst:.1e}, {len(table.failed)} failed")
    if table.failed:
        sys.exit("\n".join(table.failed))


if __name__ == "__main__":
    main()
