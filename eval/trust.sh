#!/usr/bin/env bash
# The figures of eval/results/trust.md that no test asks: the same bits on 1, 2 and 4 threads in 200
# real steps, and resident memory over 2,000. Downloads nothing.
# usage: eval/trust.sh MODEL DATA OUT
#   DATA holds stsb-train.tsv and stsb-dev.tsv; OUT receives the runs and resident.tsv
#   STEPS [200] of the first, LONG [2000] of the second, THREADS [1 2 4]; TWINDROP is the program
#   [target/release/twindrop]
set -euo pipefail
usage="usage: eval/trust.sh MODEL DATA OUT"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
twindrop=${TWINDROP:-target/release/twindrop}
mkdir -p "$out"
for threads in ${THREADS:-1 2 4}; do
  "$twindrop" train --threads "$threads" --model "$model" --data "$data/stsb-train.tsv" \
    --dev "$data/stsb-dev.tsv" --objective rdrop --batch-size 8 --max-steps "${STEPS:-200}" \
    --eval-steps 100 --save-strategy no --quiet --overwrite-output-dir \
    --output-dir "$out/$threads" > /dev/null
  "$twindrop" embed --threads "$threads" --model "$out/$threads" --columns _,_,text,_ \
    --input "$data/stsb-dev.tsv" --output "$out/$threads/vectors.npy"
done
(cd "$out" && for file in log.jsonl model.safetensors vectors.npy; do
  sha256sum */"$file" | cut -c 1-64 | sort | uniq -c | sed "s/$/  $file/"
done)

# sentences cut short, so that one batch is like another and what grows is what is not given back
"$twindrop" train --model "$model" --data "$data/stsb-train.tsv" --objective simcse \
  --batch-size 8 --max-seq-length 12 --max-steps "${LONG:-2000}" --save-steps 100 --quiet \
  --overwrite-output-dir --output-dir "$out/long" > /dev/null &
process=$!
printf 'step\tKiB\n' > "$out/resident.tsv"
while kill -0 "$process" 2> /dev/null; do
  step=$(grep -c '"event":"step"' "$out/long/log.jsonl" 2> /dev/null || true)
  resident=$(awk '/VmRSS/ { print $2 }' "/proc/$process/status" 2> /dev/null || true)
  [ -z "$resident" ] || printf '%s\t%s\n' "${step:-0}" "$resident" >> "$out/resident.tsv"
  sleep 0.5
done
wait "$process"
awk 'NR > 1 && $1 >= 200 { last = $2; if (!first) first = $2; if ($2 > most) most = $2 } END {
  printf "resident %.1f MiB at step 200, %.1f MiB at the end (%+.2f %%), %.1f MiB at most\n",
    first / 1024, last / 1024, 100 * (last / first - 1), most / 1024 }' "$out/resident.tsv"
