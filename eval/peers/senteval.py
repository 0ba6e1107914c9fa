"""SentEval's STS protocol in Python, against `twindrop eval --suite sts`.

Reads the sets by itself (their .tsv), has `twindrop embed` write a vector for each sentence, and computes with
NumPy and SciPy what SentEval (as SimCSE changed it) prints: Pearson and Spearman of the cosine
over all pairs, their mean over subsets and the mean weighted by pairs. Each figure, times 100,
must lie within 0.005 of what twindrop prints.

    python eval/peers/senteval.py --model MODEL --data DATA/sts --twindrop target/release/twindrop
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import scipy.stats

# SentEval's subsets; STS-B and SICK-R are one each
SETS = {
    "sts12": ["MSRpar", "MSRvid", "SMTeuroparl", "OnWN", "SMTnews"],
    "sts13": ["FNWN", "headlines", "OnWN"],
    "sts14": ["deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"],
    "sts15": ["answers-forums", "answers-students", "belief", "headlines", "images"],
    "sts16": ["answer-answer", "headlines", "plagiarism", "postediting", "question-question"],
    "stsb-test": None,
    "sickr-test": None,
}
CORRELATIONS = {"pearson": scipy.stats.pearsonr, "spearman": scipy.stats.spearmanr}
WITHIN = 0.005


def read(path, subsets):
    """(gold, left, right) of each subset."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]
    found = {}
    for subset, score, left, right, *_ in rows:
        subset = subset if subsets else "all"
        found.setdefault(subset, []).append((float(score), left.strip(), right.strip()))
    return {subset: list(zip(*found[subset])) for subset in subsets or ["all"]}


def embed(options, sentences, folder):
    """A row for each sentence, by the program."""
    source, target = folder / "sentences.txt", folder / "vectors.npy"
    source.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    command = [options.twindrop, "embed", "--model", options.model]
    subprocess.run([*command, "--input", source, "--output", target], check=True)
    rows = np.load(target).astype(np.float64)
    assert len(rows) == len(sentences), f"{len(rows)} vectors of {len(sentences)} sentences"
    return dict(zip(sentences, rows))


def cosines(vectors, left, right):
    """One root, so that a sentence is exactly 1 with itself. SentEval divides by each norm, which
    leaves such pairs at 1 ± 2e-16 and ranks them by rounding; STS12 has 79 of them."""
    u, v = (np.stack([vectors[sentence] for sentence in side]) for side in (left, right))
    return (u * v).sum(1) / np.sqrt((u * u).sum(1) * (v * v).sum(1))


def figures(vectors, subsets):
    """What SentEval computes of a set, under twindrop's names."""
    parts = [(np.array(gold), cosines(vectors, a, b)) for gold, a, b in subsets.values()]
    sizes = [len(gold) for gold, _ in parts]
    together = [np.concatenate(side) for side in zip(*parts)]
    found = {}
    for name, correlation in CORRELATIONS.items():
        values = [correlation(gold, found_cosines)[0] for gold, found_cosines in parts]
        found[f"{name}_cosine"] = correlation(*together)[0]
        found[f"{name}_cosine_mean"] = np.average(values)
        found[f"{name}_cosine_wmean"] = np.average(values, weights=sizes)
    return found


def ours(options):
    command = [options.twindrop, "eval", "--suite", "sts", "--data-dir", options.data]
    command += ["--model", options.model, "--aggregation", "all,mean,wmean"]
    command += ["--correlation", "pearson,spearman", "--bootstrap", "0", "--format", "json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["models"][0]["sets"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="holds sts12.tsv …")
    parser.add_argument("--twindrop", default="target/release/twindrop")
    options = parser.parse_args()
    sets = {name: read(options.data / f"{name}.tsv", subsets) for name, subsets in SETS.items()}
    pairs = [subset for of_set in sets.values() for subset in of_set.values()]
    sentences = sorted({text for _, *sides in pairs for side in sides for text in side})
    with tempfile.TemporaryDirectory() as folder:
        vectors = embed(options, sentences, pathlib.Path(folder))
    told, worst = ours(options), 0.0
    for name, subsets in sets.items():
        name = name.removesuffix("-test")
        for figure, value in figures(vectors, subsets).items():
            found = told[name]["figures"][figure]["value"]
            difference = 100 * abs(found - value)
            worst = max(worst, difference)
            mark = "" if difference < WITHIN else "  <-"
            print(f"{name:6} {figure:22} {100 * value:9.4f} {100 * found:9.4f}{mark}")
    print(f"{len(sentences)} sentences; largest difference {worst:.2g} (of 100)")
    sys.exit(bool(worst >= WITHIN))


if __name__ == "__main__":
    main()
