"""A static embedding model distilled by twindrop and by model2vec.

    pip install --no-deps model2vec==0.10.0 skeletoken==0.6.1 joblib tqdm
    python static_embeddings.py TWINDROP MODEL [STS]

TWINDROP is the program, MODEL a teacher's directory, STS a file of scored pairs in the format of
STS-B (genre, score, two sentences). Prints how far tokens, table and embeddings are apart, and the
Spearman correlation of both models. Embeddings more than 1e-5 apart are a failure, other tokens too.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from model2vec import StaticModel
from model2vec.distill import distill
from safetensors.numpy import load_file

BOUND = 1e-5
TEXTS = ["A cat sleeps.", "The quick brown fox!", "字 unknown 字", "", "naïve café", "an unbelievably long word"]

program, teacher = sys.argv[1], sys.argv[2]
place = Path(tempfile.mkdtemp(prefix="twindrop-static-"))
ours, theirs = place / "ours", place / "theirs"
subprocess.run(
    [program, "distill-static", "--model", teacher, "--output-dir", ours, "--layout", "model2vec"], check=True)
distill(teacher, quantize_to="float32").save_pretrained(theirs)
a, b = StaticModel.from_pretrained(ours), StaticModel.from_pretrained(theirs)
same = a.tokens == b.tokens
table = np.abs(a.embedding - b.embedding).max() if same else float("inf")
apart = np.abs(a.encode(TEXTS) - b.encode(TEXTS)).max()
print(f"{len(b.tokens)} tokens, {'the same' if same else 'others'}; table of {b.embedding.shape[1]} dimensions, "
      f"values up to {np.abs(b.embedding).max():.2f}: {table:.1e} apart; embeddings: {apart:.1e} apart")


def ranks(values):
    values = np.asarray(values, float)
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


if len(sys.argv) > 3:
    rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[3], encoding="utf-8")]
    for name, model in [("twindrop", a), ("model2vec", b)]:
        left, right = (model.encode([row[at] for row in rows]) for at in (2, 3))
        scores = ranks((left * right).sum(1)), ranks([row[1] for row in rows])
        print(f"{name}: Spearman {100 * np.corrcoef(*scores)[0, 1]:.2f}")
sys.exit(bool(not same or apart > BOUND))
