"""SentEval's transfer tasks in Python, against `twindrop eval --suite senteval-transfer`.

Reads the sets by itself, has `twindrop embed` write a vector for each text, and computes with
scikit-learn what SentEval computes with `usepytorch=False`: LogisticRegression, StratifiedKFold with
seed 1111, C by the mean accuracy of the folds rounded to 0.01. Each figure, times 100, must lie
within 0.05 of what twindrop prints. SENTEVAL_TOL (1e-8) is where scikit-learn stops: at its
default, 1e-4, it is some examples away from the minimum, which twindrop computes.

    python eval/peers/senteval_transfer.py --model MODEL --data DATA --twindrop target/release/twindrop

`--save FILE` keeps scikit-learn's figures, `--saved FILE` compares with them.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

# the files of each part: one part is cross-validated, two are train and test, three have a dev set
TASKS = {
    "mr": [["mr-all"]],
    "cr": [["cr-all"]],
    "subj": [["subj-all"]],
    "mpqa": [["mpqa-all"]],
    "sst2": [["sst2-train"], ["sst2-dev"], ["sst2-test"]],
    "trec": [["trec-train"], ["trec-test"]],
    "mrpc": [["mrpc-train", "mrpc-dev"], ["mrpc-test"]],
}
WITHIN = 0.05
TOL = float(os.environ.get("SENTEVAL_TOL", "1e-8"))


def read(options, names):
    """(label, texts) in SentEval's order: by the numbers of words, then the label."""
    files = [(options.data / "cls-en" / f"{name}.tsv").read_text(encoding="utf-8") for name in names]
    rows = [line.split("\t") for text in files for line in text.split("\n") if line]
    return sorted(rows, key=lambda row: ([len(text.split()) for text in row[1:]], row[0]))


def embed(options, texts, folder):
    """A row for each text, by the program."""
    source, target = folder / "texts.txt", folder / "vectors.npy"
    texts = sorted(set(texts))
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    command = [options.twindrop, "embed", "--model", options.model]
    subprocess.run([*command, "--input", source, "--output", target], check=True)
    rows = np.load(target).astype(np.float64)
    assert len(rows) == len(texts), f"{len(rows)} vectors of {len(texts)} texts"
    target.unlink()
    return dict(zip(texts, rows))


def features(rows, vectors):
    sides = [np.stack([vectors[text] for text in side]) for side in list(zip(*rows))[1:]]
    if len(sides) == 1:
        return sides[0]
    u, v = sides
    return np.c_[np.abs(u - v), u * v]


def fit(x, y, c):
    return LogisticRegression(C=c, tol=TOL, max_iter=100_000).fit(x, y)


def rounded(share):
    return round(100 * share, 2)


def folds(x, y):
    return StratifiedKFold(n_splits=10, shuffle=True, random_state=1111).split(x, y)


def by_folds(x, y, grid):
    """(best C, its accuracy) by cross-validation."""
    scores = [
        rounded(np.mean([fit(x[a], y[a], c).score(x[b], y[b]) for a, b in folds(x, y)]))
        for c in grid
    ]
    return grid[int(np.argmax(scores))], max(scores)


def one_fold(x, y, train, test):
    c, dev = by_folds(x[train], y[train], [2.0**t for t in range(-2, 4)])
    return dev, rounded(fit(x[train], y[train], c).score(x[test], y[test]))


def evaluate(parts):
    """Accuracies × 100 by SentEval's protocol."""
    (x, y), (test_x, test_y) = parts[0], parts[-1]
    if len(parts) == 1:
        found = Parallel(n_jobs=2)(delayed(one_fold)(x, y, a, b) for a, b in folds(x, y))
        dev, test = np.mean(found, axis=0)
        return {"dev_accuracy": dev, "test_accuracy": test}
    if len(parts) == 2:
        c, dev = by_folds(x, y, [2.0**t for t in range(-1, 6)])
    else:
        grid = [2.0**t for t in range(-2, 4)]
        scores = [rounded(fit(x, y, c).score(*parts[1])) for c in grid]
        c, dev = grid[int(np.argmax(scores))], max(scores)
    called = fit(x, y, c).predict(test_x)
    found = {"dev_accuracy": dev, "test_accuracy": 100 * np.mean(called == test_y)}
    classes = np.unique(y)
    if len(classes) == 2:
        found["test_f1"] = 100 * f1_score(test_y, called, pos_label=classes[1])
    return found


def computed(options):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or TASKS:
            rows = [read(options, names) for names in TASKS[name]]
            texts = [text for part in rows for row in part for text in row[1:]]
            vectors = embed(options, texts, pathlib.Path(folder))
            parts = [(features(part, vectors), np.array([row[0] for row in part])) for part in rows]
            found[name] = {key: float(value) for key, value in evaluate(parts).items()}
            print(name, found[name], file=sys.stderr, flush=True)
            if options.save:
                options.save.write_text(json.dumps(found, indent=1) + "\n")
    return found


def printed(options, names):
    command = [options.twindrop, "eval", "--suite", "senteval-transfer", "--model", options.model]
    command += ["--data-dir", options.data, "--format", "json", "--only", ",".join(names)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["models"][0]["sets"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--twindrop", required=True)
    parser.add_argument("--only", nargs="*", choices=TASKS)
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("--saved", type=pathlib.Path)
    options = parser.parse_args()
    found = json.loads(options.saved.read_text()) if options.saved else computed(options)
    ours = printed(options, list(found))
    wrong = 0
    print("| task | metric | scikit-learn | twindrop | difference |")
    print("| --- | --- | ---: | ---: | ---: |")
    for name, figures in found.items():
        for metric, value in figures.items():
            if metric not in ours[name]:
                continue
            own = 100 * ours[name][metric]
            wrong += metric != "dev_accuracy" and abs(own - value) > WITHIN
            print(f"| {name} | {metric} | {value:.2f} | {own:.2f} | {own - value:+.3f} |")
    if wrong:
        sys.exit(f"{wrong} figures differ by more than {WITHIN}")


if __name__ == "__main__":
    main()
