#!/usr/bin/env bash
# The README's line on embeddings: 100 mixed sentences by sentence-transformers and by us, and the
# largest difference. Downloads nothing.
# usage: PYTHON=venv/bin/python eval/parity.sh MODEL OUT
#   PYTHON has sentence-transformers; OUT receives parity.npy and parity.json
#   TWINDROP is the program [target/release/twindrop]
set -euo pipefail
usage="usage: PYTHON=venv/bin/python eval/parity.sh MODEL OUT"
model=${1:?$usage} out=${2:?$usage} python=${PYTHON:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop}
sentences=$here/../tests/fixtures/minilm_sentences.txt
mkdir -p "$out"
"$twindrop" embed --model "$model" --input "$sentences" --output "$out/parity.npy"
"$python" "$here/peers/load_saved.py" --model "$model" --sentences "$sentences" \
  --expected "$out/parity.npy" --json "$out/parity.json"
