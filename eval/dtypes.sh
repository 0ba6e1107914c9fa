#!/usr/bin/env bash
# The tables of eval/results/speed.md on what fewer bits cost: STS-B test in float32, bfloat16 and
# int8, and training in bfloat16 seed by seed. Downloads nothing.
# usage: eval/dtypes.sh MODEL DATA OUT
#   DATA holds stsb-train.tsv, stsb-dev.tsv and stsb-test.tsv; OUT receives dtypes.json, dtypes.md
#   SEEDS [42 43 44]; MAX_STEPS cuts every run short; TWINDROP [target/release/twindrop]
set -euo pipefail
usage="usage: eval/dtypes.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop} seeds=${SEEDS:-42 43 44}
mkdir -p "$out"
score() {
  "$twindrop" eval --model "$1" --data "$data/stsb-test.tsv" --bootstrap 0 --dtype "$2" \
    --format json --output "$3" > /dev/null
}
for dtype in float32 bfloat16 int8; do
  score "$model" "$dtype" "$out/$dtype.json"
done
for seed in $seeds; do
  for dtype in float32 bfloat16; do
    "$twindrop" train --model "$model" --data "$data/stsb-train.tsv" --objective cosine-mse \
      --per-device-train-batch-size 16 --learning-rate 2e-5 --num-train-epochs 1 --eval-steps 0 \
      ${MAX_STEPS:+--max-steps "$MAX_STEPS"} --seed "$seed" --dtype "$dtype" --quiet \
      --overwrite-output-dir --output-dir "$out/$dtype-$seed"
    score "$out/$dtype-$seed" "$dtype" "$out/$dtype-$seed.json"
  done
done
python3 "$here/tables.py" dtypes "$out" $seeds > "$out/dtypes.md"
cat "$out/dtypes.md"
