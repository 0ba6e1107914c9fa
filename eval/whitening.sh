#!/usr/bin/env bash
# STS-B test before and after whitening and
# all-but-the-top, fitted to the sentences of STS-B train. Downloads nothing.
# usage: eval/whitening.sh MODEL DATA OUT
#   DATA holds stsb-train.tsv and stsb-test.tsv
#   OUT receives the models, whitening.json and whitening.md
#   DIMS [128 256 all], COMPONENTS [1 3]; TWINDROP is the program [target/release/twindrop]
#   PYTHON (sentence-transformers) compares what it makes of every model saved with ours
set -euo pipefail
usage="usage: eval/whitening.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop}
mkdir -p "$out"
whiten() {
  "$twindrop" whiten --model "$model" --data "$data/stsb-train.tsv" --overwrite-output-dir \
    --output-dir "$out/$1" "${@:2}"
  models+=(--model "$out/$1")
  if [ -n "${PYTHON:-}" ]; then
    sentences=$here/../tests/fixtures/minilm_sentences.txt
    "$twindrop" embed --model "$out/$1" --input "$sentences" --output "$out/$1.npy"
    "$PYTHON" "$here/peers/load_saved.py" --model "$out/$1" --sentences "$sentences" \
      --expected "$out/$1.npy"
  fi
}
models=(--model "$model")
for dim in ${DIMS:-128 256 all}; do
  if [ "$dim" = all ]; then whiten whitening-all; else whiten "whitening-$dim" --dim "$dim"; fi
done
for components in ${COMPONENTS:-1 3}; do
  whiten "abtt-$components" --method abtt --components "$components"
done
# one model at a time: the mean of different methods is nobody's
for ((i = 1; i < ${#models[@]}; i += 2)); do
  "$twindrop" eval --model "${models[i]}" --data "$data/stsb-test.tsv" --geometry \
    --protocol simcse --format json --output "$out/$((i / 2)).json" > /dev/null
done
python3 "$here/tables.py" whitening "$out" "${models[@]}" > "$out/whitening.md"
cat "$out/whitening.md"
