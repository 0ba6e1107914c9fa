#!/usr/bin/env bash
# The three runs of eval/results/stsb.md. Downloads nothing.
# usage: eval/stsb.sh MODEL DATA OUT      DATA holds stsb-train.tsv, stsb-dev.tsv, stsb-test.tsv
set -euo pipefail
model=${1:?usage: eval/stsb.sh MODEL DATA OUT} data=${2:?} out=${3:?}
twindrop=${TWINDROP:-target/release/twindrop}
run() {
  "$twindrop" train --model "$model" --dev "$data/stsb-dev.tsv" --test "$data/stsb-test.tsv" \
    --num-train-epochs 4 --per-device-train-batch-size 16 --learning-rate 2e-5 \
    --warmup-steps 0.1 --weight-decay 0 --eval-steps 0 --seed 42 --output-dir "$out/$1" "${@:2}"
}
train=$data/stsb-train.tsv
run a --objective cosine-mse --data "$train"
run b --objective rdrop --data "$train"
run c --objective rdrop --data "$train" --objective simcse --data "$train"
