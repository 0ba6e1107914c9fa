#!/usr/bin/env bash
# The tables of eval/results/sts.md: the suite as SimCSE reports it and as SentEval does, and the
# check against SciPy. Downloads nothing.
# usage: eval/sts.sh MODEL DATA [more of `twindrop eval`]
#   DATA holds sts/sts12.tsv … or SentEval's downloads; PYTHON (numpy, scipy) adds the check
set -euo pipefail
model=${1:?usage: eval/sts.sh MODEL DATA} data=${2:?usage: eval/sts.sh MODEL DATA}
twindrop=${TWINDROP:-target/release/twindrop}
for protocol in simcse senteval; do
  "$twindrop" eval --suite sts --data-dir "$data" --model "$model" --protocol "$protocol" "${@:3}"
done
if [ -n "${PYTHON:-}" ]; then
  "$PYTHON" "$(dirname "$0")/peers/senteval.py" --model "$model" --data "$data/sts" \
    --twindrop "$twindrop"
fi
