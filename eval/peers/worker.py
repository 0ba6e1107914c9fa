"""One side of an interleaved comparison, in Python: does one unit of work for each line on standard
input and prints its milliseconds. `compare.py` drives it.

    worker.py encode SIDE MODEL sentences.txt    a unit encodes all sentences
    worker.py one SIDE MODEL sentences.txt       a unit encodes the first sentence 50 times
    worker.py once SIDE MODEL sentences.txt      encodes all sentences at once, and ends
    worker.py train SIDE MODEL sentences.txt     a unit is a step of training (PyTorch only)

SIDE is a file of `sides`; MODEL is a directory, or what its library reads (`comparison/forms.py` has them).
`--vectors FILE.npy` first encodes the sentences and writes their vectors.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import importlib
from pathlib import Path

import numpy as np

from sides.common import Settings, serve, serve_stream


def main() -> None:
    parser = argparse.ArgumentParser(description="One side of an interleaved comparison.")
    parser.add_argument("work", choices=["encode", "one", "once", "train", "stream"])
    parser.add_argument("side")
    parser.add_argument("model")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--streams", default="1x2", help="streams x threads of each; 2p1: two processes")
    parser.add_argument("--set", action="append", default=[], help="name=value, for this side alone")
    parser.add_argument("--vectors", type=Path, help="write the vectors of the file here first")
    given = parser.parse_args()
    settings = Settings(given.side, given.model, given.dtype, given.batch, given.streams,
                        dict(pair.split("=", 1) for pair in given.set))
    side = importlib.import_module(f"sides.{given.side}")
    if given.work == "stream":
        return serve_stream(side.make_streams(settings)[0])
    texts = given.file.read_text(encoding="utf-8").splitlines()
    if given.work == "train":
        return serve(side.make_trainer(settings, texts))
    encode = side.make_encoder(settings)
    if given.work == "one":
        texts = texts[:1]
    if given.vectors:
        np.save(given.vectors, np.asarray(encode(texts), dtype=np.float32))
    if given.work == "one":
        serve(lambda: [encode(texts) for _ in range(50)])
    elif given.work == "encode":
        serve(lambda: encode(texts))
    elif not given.vectors:
        encode(texts)


if __name__ == "__main__":
    main()
