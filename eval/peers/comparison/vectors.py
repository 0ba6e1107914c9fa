"""Whether a side computes what it should: cosines with the reference, and Spearman on STS-B."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from .process import Failed


def cosines(one, other):
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(1) / lengths


class VectorCheck:
    def __init__(self, test, lines_of, least_cosine):
        """`test`: scores and pairs of STS-B; `lines_of` gives the lines of a file."""
        self.test, self.lines_of, self.least_cosine, self.references = test, lines_of, least_cosine, {}

    def reference(self, text, command, environment):
        """The vectors of PyTorch in float32."""
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "vectors.npy"
            subprocess.run(list(map(str, command("once", text, file))), check=True, env=environment)
            self.references[text] = np.load(file)

    def check(self, text, file):
        """Spearman × 100 where the text holds STS-B test (else None), and the mean cosine."""
        vectors = np.load(file)
        reference = self.references[text]
        # NaN must fail too
        if vectors.shape != reference.shape or not np.isfinite(vectors).all():
            raise Failed(f"REFUSED: vectors {vectors.shape} instead of {reference.shape}, or not finite")
        cosine = float(cosines(vectors, reference).mean())
        spearman = self.spearman(text, vectors)
        if cosine < self.least_cosine:
            told = f", Spearman {spearman:.2f}" if spearman is not None else ""
            raise Failed(f"REFUSED: mean cosine with float32 {cosine:.4f}, under {self.least_cosine}{told}")
        return spearman, cosine

    def spearman(self, text, vectors):
        row = {line: i for i, line in enumerate(self.lines_of(text))}
        if not all(first in row and second in row for _, first, second in self.test):
            return None
        scores, first, second = zip(*[(score, row[one], row[other]) for score, one, other in self.test])
        return 100 * float(spearmanr(scores, cosines(vectors[list(first)], vectors[list(second)])).statistic)
