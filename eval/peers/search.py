"""Exact search, `twindrop search` and NumPy in turn: seconds for all queries against a corpus of
random vectors on disk, and whether both find the same.

NumPy's side maps the file and takes it in tiles: unit rows, a matrix product, argpartition of each
tile's scores, the best of those and the best so far.

usage: python eval/peers/search.py PLACE [--twindrop BINARY] [--rows N] [--queries N] [--width N]
       [--top-k K] [--threads N] [--rounds N]
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("place", type=Path)
parser.add_argument("--twindrop", default="target/release/twindrop")
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--queries", type=int, default=1_000)
parser.add_argument("--width", type=int, default=384)
parser.add_argument("--top-k", type=int, default=10)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--tile", type=int, default=16_384)
args = parser.parse_args()
for name in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(args.threads)

import numpy as np  # noqa: E402  after the number of threads is said


def make(path, rows, seed):
    if path.exists() and np.load(path, mmap_mode="r").shape == (rows, args.width):
        return
    generator = np.random.default_rng(seed)
    shape = (rows, args.width)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for first in range(0, rows, 50_000):
        last = min(first + 50_000, rows)
        out[first:last] = generator.standard_normal((last - first, args.width), dtype=np.float32)
    out.flush()


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best(scores, ids, k):
    places = np.argpartition(-scores, k - 1, axis=1)[:, :k] if scores.shape[1] > k else None
    if places is None:
        return scores, ids
    return np.take_along_axis(scores, places, 1), np.take_along_axis(ids, places, 1)


def numpy_search(corpus, queries):
    start = time.perf_counter()
    corpus, queries = np.load(corpus, mmap_mode="r"), unit(np.load(queries))
    held = None
    for first in range(0, len(corpus), args.tile):
        scores = queries @ unit(corpus[first : first + args.tile]).T
        ids = np.broadcast_to(np.arange(first, first + scores.shape[1]), scores.shape)
        found = best(scores, ids, args.top_k)
        if held is not None:
            joined = [np.concatenate(both, axis=1) for both in zip(held, found)]
            found = best(*joined, args.top_k)
        held = found
    order = np.argsort(-held[0], axis=1, kind="stable")
    ids = np.take_along_axis(held[1], order, 1)
    return time.perf_counter() - start, ids


def twindrop_search(corpus, queries):
    command = [args.twindrop, "search", "--corpus", corpus, "--queries", queries]
    command += ["--top-k", str(args.top_k), "--format", "tsv", "--threads", str(args.threads)]
    start = time.perf_counter()
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - start
    ids = [int(line.split("\t")[3]) for line in out.splitlines()[1:]]
    return seconds, np.array(ids).reshape(-1, args.top_k)


args.place.mkdir(parents=True, exist_ok=True)
corpus, queries = args.place / "corpus.npy", args.place / "queries.npy"
make(corpus, args.rows, 1)
make(queries, args.queries, 2)
seconds = {"twindrop": [], "numpy": []}
for number in range(args.rounds):
    ours, found = twindrop_search(corpus, queries)
    theirs, expected = numpy_search(corpus, queries)
    seconds["twindrop"].append(ours)
    seconds["numpy"].append(theirs)
    same = (found == expected).mean()
    print(f"round {number}: twindrop {ours:.2f} s, numpy {theirs:.2f} s, same hits {same:.4%}")
    sys.stdout.flush()
    if same < 0.999:  # rounding may swap two of nearly the same score
        sys.exit("twindrop and numpy do not find the same")
middle = {name: sorted(times)[len(times) // 2] for name, times in seconds.items()}
ratio = middle["numpy"] / middle["twindrop"]
print(
    f"{args.queries} queries × {args.rows} × {args.width}, top {args.top_k}, {args.threads} threads:"
    f" twindrop {middle['twindrop']:.2f} s, numpy {middle['numpy']:.2f} s (medians), ratio {ratio:.2f}"
)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"twindrop holds {peak:.0f} MiB at most")
