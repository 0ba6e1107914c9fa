#!/usr/bin/env bash
# The table of eval/results/operations.md: each operation of the encoder against what the machine
# can do. Builds what it runs, and downloads nothing. Nothing else should run meanwhile.
# usage: eval/operations.sh OUT [more of the bench, as --quick, or a name]
#   OUT receives operations.txt (what the bench prints), operations.json and operations.md
set -euo pipefail
out=${1:?usage: eval/operations.sh OUT [more of the bench]}
here=$(dirname "$0")
mkdir -p "$out"
RAYON_NUM_THREADS=${RAYON_NUM_THREADS:-2} cargo bench --bench operations -- "${@:2}" |
  tee "$out/operations.txt"
python3 "$here/tables.py" operations "$out" > "$out/operations.md"
cat "$out/operations.md"
