"""Load a model saved by twindrop with sentence-transformers and compare the embeddings.

The expected embeddings are those `twindrop embed` made of the same sentences (one per line).
Prints the largest absolute difference; the exit status is 1 if it is above 1e-5, if any number is
not finite, or if the shapes differ.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries below are imported

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

TOLERANCE = 1e-5


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare sentence-transformers with twindrop on a saved model.")
    parser.add_argument("--model", type=Path, required=True, help="directory saved by twindrop")
    parser.add_argument("--sentences", type=Path, required=True, help="text file, one sentence per line")
    parser.add_argument("--expected", type=Path, required=True, help=".npy file made by `twindrop embed`")
    parser.add_argument("--json", type=Path, help="also write the difference to this file")
    options = parser.parse_args()

    sentences = options.sentences.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    expected = np.load(options.expected)
    actual = SentenceTransformer(str(options.model), device="cpu").encode(sentences)
    if actual.shape != expected.shape:
        print(f"shapes differ: sentence-transformers {actual.shape}, expected {expected.shape}")
        return 1
    difference = float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
    if options.json:
        report = {"sentences": len(sentences), "max_abs_difference": difference, "tolerance": TOLERANCE}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{len(sentences)} sentences, max abs difference {difference:.3e}")
    return 0 if difference <= TOLERANCE else 1  # a NaN is not below the tolerance


if __name__ == "__main__":
    sys.exit(main())
