#!/usr/bin/env bash
# The tables of eval/results/sts.md: the suite as SimCSE, SentEval and MTEB report it, what 8-bit
# integers cost, and the check against SciPy. Downloads nothing.
# usage: eval/sts.sh MODEL DATA OUT [more of `twindrop eval`, as --only stsb --bootstrap 0]
#   DATA holds sts/sts12.tsv … or SentEval's downloads; with DATA/sts-raw also the original text
#   OUT receives sts.md and, for each table, a .json
#   PYTHON (numpy, scipy) adds the check; TWINDROP is the program [target/release/twindrop]
set -euo pipefail
usage="usage: eval/sts.sh MODEL DATA OUT [more of twindrop eval]"
model=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(dirname "$0") twindrop=${TWINDROP:-target/release/twindrop}
mkdir -p "$out"
table() {
  "$twindrop" eval --suite sts --data-dir "$data" --model "$model" --output "$out/$1.json" "${@:2}"
}
table sts-simcse --protocol simcse "${@:4}"
table sts-senteval --protocol senteval "${@:4}"
if [ -d "$data/sts-raw" ]; then
  "$twindrop" eval --suite sts --data-dir "$data/sts-raw" --model "$model" --protocol mteb \
    --output "$out/sts-mteb.json" "${@:4}"
fi
"$twindrop" quantize "$model" --output-dir "$out/int8" --overwrite-output-dir
table sts-int8 --protocol simcse --compare "$out/int8" "${@:4}"
python3 "$here/tables.py" sts "$out"/sts-{simcse,senteval,mteb,int8}.json > "$out/sts.md"
cat "$out/sts.md"
if [ -n "${PYTHON:-}" ]; then
  "$PYTHON" "$here/peers/senteval.py" --model "$model" --data "$data/sts" --twindrop "$twindrop"
fi
