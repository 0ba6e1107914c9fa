#!/usr/bin/env bash
# The tables of eval/results/speed.md and of the README's speed: twindrop and its rivals in turn.
# Builds what it runs, exports the model for every rival, and downloads nothing. Nothing else should
# run meanwhile.
# usage: PYTHON=venv/bin/python eval/speed.sh MODEL DATA OUT
#   PYTHON has eval/peers/requirements-speed.txt; DATA holds sts-raw/stsb-train.tsv and stsb-test.tsv
#   OUT receives the exports in built, kept for the next time, speed.json and speed.md
#   OVERLAYS [OUT/overlays] holds onnx and openvino, installed from requirements-speed-onnx.txt and
#   requirements-speed-openvino.txt (eval/peers/README.md); without one, its back end is not compared
#   ISA [what the processor has]: avx2 holds back every side that can be held back, and writes
#   speed-avx2.json and speed-avx2.md
#   ONLY [all] part of a work's name, ROUNDS [7], WARM [1], SCREEN [1], KEEP [4] as compare.py has
#   them; TWINDROP and PEER are the programs, where they are built already
set -euo pipefail
usage="usage: PYTHON=venv/bin/python eval/speed.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage} python=${PYTHON:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-} peer=${PEER:-} overlays=${OVERLAYS:-$out/overlays}
export HF_HUB_OFFLINE=1
mkdir -p "$out/built"
# the path of what cargo built, as cargo tells it; a bench's program comes with the bins it may start
built() {
  cargo build --release --quiet --message-format json "--$1" "$2" | python3 -c 'import json, sys
told = map(json.loads, sys.stdin)
print([one["executable"] for one in told if one.get("executable") and one["target"]["name"] == sys.argv[1]][-1])' "$2"
}
[ -n "$twindrop" ] || twindrop=$(built bin twindrop)
[ -n "$peer" ] || peer=$(built bench peer)
# an export in OUT/built, where it is missing; moved there when it is whole
export_to() {
  local name=$1
  shift
  [ ! -e "$out/built/$name" ] || return 0
  rm -rf "$out/built/$name.part"
  "$@" --model "$model" --output "$out/built/$name.part"
  mv "$out/built/$name.part" "$out/built/$name"
}
# what int8 is calibrated with, of every part of the file: it is in order of origin
sentences=$out/built/sentences.txt
awk -F '\t' 'NR % 35 == 1 { print $3; print $4 }' "$data/sts-raw/stsb-train.tsv" > "$sentences"
export_to onnx "$python" "$here/peers/export_onnx.py"
export_to openvino "$python" "$here/peers/export_openvino.py" --sentences "$sentences"
export_to ctranslate2 "$python" "$here/peers/export_ctranslate2.py"
for backend in onnx openvino; do
  if [ -d "$overlays/$backend" ]; then
    export_to "st-$backend" env PYTHONPATH="$overlays/$backend" "$python" \
      "$here/peers/export_sentence_transformers.py" --backend "$backend" --sentences "$sentences"
  else
    echo "note: no $overlays/$backend, so no $backend back end of sentence-transformers" >&2
  fi
done
"$python" "$here/peers/compare.py" --model "$model" --built "$out/built" --overlays "$overlays" \
  --data "$data" --peer "$peer" --twindrop "$twindrop" --work "$out/work" ${ISA:+--isa "$ISA"} \
  --only "${ONLY:-}" --screen "${SCREEN:-1}" --keep "${KEEP:-4}" --rounds "${ROUNDS:-7}" \
  --warm "${WARM:-1}" --output "$out/speed${ISA:+-$ISA}.md" --json "$out/speed${ISA:+-$ISA}.json"
