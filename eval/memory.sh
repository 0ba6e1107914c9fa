#!/usr/bin/env bash
# The peaks of memory of eval/results/speed.md: training MiniLM at once and in parts, the whole
# program with its save. Downloads nothing.
# usage: eval/memory.sh MODEL DATA OUT
#   DATA holds stsb-train.tsv; OUT receives memory.json and memory.md
#   BATCHES [64 1024/32] batch sizes, /N in parts of N; TWINDROP [target/release/twindrop]
set -euo pipefail
usage="usage: eval/memory.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop}
mkdir -p "$out"
cut -f 3,4 "$data/stsb-train.tsv" | tr '\t' '\n' > "$out/sentences.txt"
for batch in ${BATCHES:-64 1024/32}; do
  python3 "$here/tables.py" peak "$out/memory-${batch/\//-}.json" \
    "$twindrop" train --model "$model" --data "$out/sentences.txt" --objective simcse \
    --max-steps 2 --per-device-train-batch-size "${batch%/*}" \
    $([ "$batch" = "${batch%/*}" ] || echo --mini-batch-size "${batch#*/}") \
    --quiet --overwrite-output-dir --output-dir "$out/memory"
done
python3 "$here/tables.py" memory "$out" ${BATCHES:-64 1024/32} > "$out/memory.md"
cat "$out/memory.md"
