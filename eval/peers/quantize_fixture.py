"""Writes tests/fixtures/quantized.json: what sentence-transformers' quantize_embeddings makes of a
small matrix, with ranges of its own rows and of others.

usage: python eval/peers/quantize_fixture.py
"""

import json
from pathlib import Path

import numpy as np
from sentence_transformers.util import quantize_embeddings

generator = np.random.default_rng(7)
rows = generator.normal(size=(6, 11)).astype(np.float32)
rows[0, :3] = [0.0, -0.0, 1e-30]
rows[:, 4] = 0.25  # a place that never moves
other = (generator.normal(size=(9, 11)) * 0.5).astype(np.float32)
found = {"rows": rows.tolist(), "calibration": other.tolist()}
for precision in ["int8", "uint8", "binary", "ubinary"]:
    found[precision] = quantize_embeddings(rows, precision).tolist()
for precision in ["int8", "uint8"]:
    quantized = quantize_embeddings(rows, precision, calibration_embeddings=other)
    found[precision + "_calibrated"] = quantized.tolist()
place = Path(__file__).parents[2] / "tests/fixtures/quantized.json"
place.write_text(json.dumps(found) + "\n")
