#!/usr/bin/env bash
# The table of eval/results/stsb.md and of the README's results: before training, the rival, and
# three runs of ours, on STS-B. Downloads nothing.
# usage: eval/stsb.sh MODEL DATA OUT
#   DATA holds stsb-train.tsv, stsb-dev.tsv and stsb-test.tsv
#   OUT receives the models, stsb.json (every run and seed) and stsb.md
#   SEEDS [42]; MAX_STEPS cuts every run short; TWINDROP is the program [target/release/twindrop]
#   PYTHON (sentence-transformers) adds the rival; DATA must then be called sts-raw
set -euo pipefail
usage="usage: eval/stsb.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop}
train=$data/stsb-train.tsv
mkdir -p "$out"
# what a model is worth on dev and test
score() {
  for split in dev test; do
    "$twindrop" eval --model "$1" --data "$data/stsb-$split.tsv" --bootstrap 0 --format json \
      --output "$2-$split.json" > /dev/null
  done
}
run() {
  "$twindrop" train --model "$model" --num-train-epochs 4 --per-device-train-batch-size 16 \
    --learning-rate 2e-5 --warmup-steps 0.1 --weight-decay 0 --eval-steps 0 \
    ${MAX_STEPS:+--max-steps "$MAX_STEPS"} --overwrite-output-dir --quiet "${@:2}" --output-dir "$out/$1"
  score "$out/$1" "$out/$1"
}
score "$model" "$out/before"
for seed in ${SEEDS:-42}; do
  if [ -n "${PYTHON:-}" ]; then
    "$PYTHON" "$here/peers/train_sentence_transformers.py" --model "$model" --data-dir "$data/.." \
      --output-dir "$out/st-$seed" --epochs 4 --batch-size 16 --learning-rate 2e-5 \
      --warmup-ratio 0.1 --seed "$seed" --max-steps "${MAX_STEPS:--1}" --json "$out/st-$seed.json"
  fi
  run "a-$seed" --objective cosine-mse --data "$train" --seed "$seed"
  run "b-$seed" --objective rdrop --data "$train" --seed "$seed"
  run "c-$seed" --objective rdrop --data "$train" --objective simcse --data "$train" --seed "$seed"
done
python3 "$here/tables.py" stsb "$out" ${SEEDS:-42} > "$out/stsb.md"
cat "$out/stsb.md"
