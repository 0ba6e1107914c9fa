"""Write the reference embeddings that twindrop's own are tested against.

Encodes the sentences of tests/fixtures/minilm_sentences.txt with sentence-transformers, through
all modules of the model (all-MiniLM-L6-v2 ends with a normalisation), and writes them as
minilm_embeddings.npy: little-endian float32, C order, one row per sentence.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries below are imported

import argparse
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

SENTENCES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "minilm_sentences.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the reference embeddings of the test sentences.")
    parser.add_argument("--model", type=Path, required=True, help="directory of all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, required=True, help="directory for minilm_embeddings.npy")
    options = parser.parse_args()

    sentences = SENTENCES.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    model = SentenceTransformer(str(options.model), device="cpu")
    embeddings = np.ascontiguousarray(model.encode(sentences), dtype="<f4")
    assert embeddings.shape == (len(sentences), model.get_embedding_dimension())
    np.save(options.output / "minilm_embeddings.npy", embeddings)
    print(f"{embeddings.shape[0]} embeddings of {embeddings.shape[1]} numbers")


if __name__ == "__main__":
    main()
