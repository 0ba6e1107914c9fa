"""Directories of twindrop in sentence-transformers, and the other way round.

    python round_trip.py TWINDROP MODEL [PLACE]

TWINDROP is the program, MODEL a directory of all-MiniLM-L6-v2. Each row is the largest difference
between two readers of one directory over 40 sentences; more than 1e-5 is a failure.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

BOUND = 1e-5
FLAGS = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
OLD = tuple(int(part) for part in sentence_transformers.__version__.split(".")[:2]) < (5, 4)

program, model = sys.argv[1], Path(sys.argv[2])
given = sys.argv[3] if len(sys.argv) > 3 else None
place = Path(given or tempfile.mkdtemp(prefix="twindrop-round-trip-"))
place.mkdir(parents=True, exist_ok=True)
subjects = ["A man", "Two dogs", "The old river", "Nobody", "A very tall woman in a red coat"]
verbs = ["sleeps", "runs home", "is playing the flute", "waits for rain"]
texts = [f"{subject} {verb}{end}" for subject in subjects for verb in verbs for end in [".", " again!"]]
(place / "texts.txt").write_text("\n".join(texts) + "\n")
pairs = [f"{a}\t{b}\t{n % 6}" for n, (a, b) in enumerate(zip(texts, reversed(texts)))]
(place / "pairs.tsv").write_text("sentence1\tsentence2\tscore\n" + "\n".join(pairs) + "\n")


def run(*arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr}")


def ours(directory, *flags):
    out = place / "ours.npy"
    run("embed", "--model", directory, "--input", place / "texts.txt", "--output", out, *flags)
    return np.load(out)


def theirs(directory, **options):
    return SentenceTransformer(str(directory), device="cpu").encode(texts, **options)


def variant(name, pooling=None, layers=None, config=None):
    """MODEL with another pooling, weights of layers, or top-level configuration."""
    directory = place / name
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(model, directory)
    if pooling is not None:
        (directory / "1_Pooling/config.json").write_text(json.dumps(pooling))
    if layers is not None:
        start, weights = layers
        told = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps({**told, "output_hidden_states": True}))
        folder = directory / "1_WeightedLayerPooling"
        folder.mkdir()
        about = {"word_embedding_dimension": 384, "layer_start": start, "num_hidden_layers": 6}
        (folder / "config.json").write_text(json.dumps(about))
        save_file({"layer_weights": torch.tensor(weights)}, folder / "model.safetensors")
        modules = json.loads((directory / "modules.json").read_text())
        kind = "sentence_transformers.models.WeightedLayerPooling"
        modules.insert(1, {"path": folder.name, "type": kind})
        modules = [{**m, "idx": n, "name": str(n)} for n, m in enumerate(modules)]
        (directory / "modules.json").write_text(json.dumps(modules))
    if config is not None:
        (directory / "config_sentence_transformers.json").write_text(json.dumps(config))
    return directory


def flags(*on):
    return {"word_embedding_dimension": 384, **{f"pooling_mode_{name}": name in on for name in FLAGS}}


def saved(directory, *more):
    """What twindrop writes of it after a step that changes nothing."""
    out = place / f"{directory.name}-saved"
    shutil.rmtree(out, ignore_errors=True)
    run("train", "--model", directory, "--data", place / "pairs.tsv", "--objective", "cosine-mse",
        "--learning-rate", 0, "--weight-decay", 0, "--max-steps", 1, "--batch-size", 8,
        "--save-strategy", "no", "--quiet", "--output-dir", out, *more)
    return out


rows = []


def row(name, a, b):
    apart = float(abs(a - b).max()) if a.shape == b.shape else float("inf")
    rows.append((name, apart))
    print(f"{name:48} {'x'.join(map(str, a.shape)):>8} {apart:.1e} {'' if apart <= BOUND else 'FAILED'}")


variants = {
    "mean, normalized": variant("plain"),
    "cls": variant("cls", flags("cls_token")),
    "max": variant("max", flags("max_tokens")),
    "mean over the root of the length": variant("root", flags("mean_sqrt_len_tokens")),
    "cls + max": variant("cls-max", flags("cls_token", "max_tokens")),
    "mean + weighted mean + last": variant("three", flags("mean_tokens", "weightedmean_tokens", "lasttoken")),
    "layers weighted": variant("layers", flags("mean_tokens"), (2, [0.5, 1.0, 2.0, 0.1, 0.7])),
}
if not OLD:
    named = {"embedding_dimension": 384, "pooling_mode": ["lasttoken", "cls", "mean"]}
    variants["last + cls + mean, by name"] = variant("named", named)
for name, directory in variants.items():
    row(f"theirs read by us: {name}", ours(directory), theirs(directory))
    written = saved(directory)
    row(f"ours read by them: {name}", ours(written), theirs(written))

dense = saved(variants["mean, normalized"], "--dense", "out=48,activation=tanh")
row("ours read by them: dense layer", ours(dense), theirs(dense))
white = place / "white"
shutil.rmtree(white, ignore_errors=True)
run("whiten", "--model", variants["mean, normalized"], "--data", place / "texts.txt", "--dim", 16,
    "--output-dir", white)
row("ours read by them: whitening", ours(white), theirs(white))

fresh = place / "fresh"
shutil.rmtree(fresh, ignore_errors=True)
run("train", "--preset", "tiny", "--data", place / "pairs.tsv", "--objective", "rdrop", "--max-steps", 2,
    "--save-strategy", "no", "--quiet", "--output-dir", fresh)
row("ours read by them: a preset", ours(fresh), theirs(fresh))

# one vector a token: distilled, trained, with a dense layer
static = place / "static"
shutil.rmtree(static, ignore_errors=True)
run("distill-static", "--model", model, "--pca-dims", 64, "--output-dir", static)
white_static = place / "white-static"
shutil.rmtree(white_static, ignore_errors=True)
run("whiten", "--model", static, "--data", place / "texts.txt", "--dim", 8, "--output-dir", white_static)
for name, directory in [("distilled", static), ("saved by train", saved(static)), ("whitened", white_static)]:
    row(f"ours read by them: static, {name}", ours(directory), theirs(directory))
static_again = place / "static-again"
shutil.rmtree(static_again, ignore_errors=True)
SentenceTransformer(str(white_static), device="cpu").save(str(static_again))
row("theirs read by us: static", ours(static_again), theirs(static_again))

# their own latest form
again = place / "again"
shutil.rmtree(again, ignore_errors=True)
SentenceTransformer(str(dense), device="cpu").save(str(again))
row("theirs read by us: what they write of ours", ours(again), theirs(again))

failed = [name for name, apart in rows if not apart <= BOUND]
print(f"sentence-transformers {sentence_transformers.__version__}: {len(rows)} directories, {len(failed)} failed")
if given is None:
    shutil.rmtree(place)
sys.exit(bool(failed))
