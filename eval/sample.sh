#!/usr/bin/env bash
# The table of datasets/sample.md: what the default run gains on the bundled sample, seed by seed.
# usage: eval/sample.sh OUT
#   OUT receives sample.json and sample.md
#   SEEDS [42 1 2 3 4]; MAX_STEPS cuts every run short; TWINDROP [target/release/twindrop]
set -euo pipefail
out=${1:?usage: eval/sample.sh OUT}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop} seeds=${SEEDS:-42 1 2 3 4}
sample=$here/../datasets/sample
mkdir -p "$out"
for seed in $seeds; do
  "$twindrop" train --preset tiny --data "$sample/train.tsv" --objective rdrop \
    --data "$sample/unlabelled.txt" --objective simcse --dev "$sample/dev.tsv" \
    --test "$sample/test.tsv" --num-train-epochs 7 --learning-rate 1e-3 --eval-steps 200 \
    ${MAX_STEPS:+--max-steps "$MAX_STEPS"} --seed "$seed" --quiet --overwrite-output-dir \
    --output-dir "$out/sample-$seed" > "$out/sample-$seed.txt"
done
python3 "$here/tables.py" sample "$out" $seeds > "$out/sample.md"
cat "$out/sample.md"
