#!/usr/bin/env bash
# The tables of eval/results/speed.md and of the README's speed: twindrop and its rivals in turn.
# Builds what it runs, and downloads nothing. Nothing else should run meanwhile.
# usage: PYTHON=venv/bin/python eval/speed.sh MODEL DATA OUT
#   PYTHON has eval/peers/requirements.txt; DATA holds sts-raw/stsb-train.tsv and stsb-test.tsv
#   OUT receives the ONNX files, speed.json and speed.md
#   ONLY [all] part of a comparison's name, ROUNDS [7], WARM [2]; TWINDROP and PEER are the
#   programs, where they are built already
set -euo pipefail
usage="usage: PYTHON=venv/bin/python eval/speed.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage} python=${PYTHON:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-} peer=${PEER:-}
mkdir -p "$out"
# the path of what cargo built, as cargo tells it; a bench's program comes with the bins it may start
built() {
  cargo build --release --quiet --message-format json "--$1" "$2" | python3 -c 'import json, sys
told = map(json.loads, sys.stdin)
print([one["executable"] for one in told if one.get("executable") and one["target"]["name"] == sys.argv[1]][-1])' "$2"
}
[ -n "$twindrop" ] || twindrop=$(built bin twindrop)
[ -n "$peer" ] || peer=$(built bench peer)
[ -e "$out/onnx/model.onnx" ] ||
  "$python" "$here/peers/export_onnx.py" --model "$model" --output "$out/onnx"
"$python" "$here/peers/compare.py" --model "$model" --onnx "$out/onnx" --data "$data" \
  --peer "$peer" --twindrop "$twindrop" --only "${ONLY:-}" --rounds "${ROUNDS:-7}" \
  --warm "${WARM:-2}" --output "$out/speed.md" --json "$out/speed.json"
