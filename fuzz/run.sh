#!/usr/bin/env bash
# Runs the fuzz targets, JOBS [1] at once, and prints what each cost.
#
#   fuzz/run.sh [SECONDS | COUNTx] [TARGET...]
#
# SECONDS (30) is the time of each target, 1000000x a million executions of each. Needs cargo and a
# C++ compiler (libFuzzer is built), no nightly and no cargo-fuzz. Exits with 1 where an input
# crashes a reader, keeps it longer than a second, or makes it hold more than the bound of
# twindrop::io; the input is then in fuzz/corpus/crashes/.
set -euo pipefail
cd "$(dirname "$0")"

amount=30
if [[ ${1:-} =~ ^[0-9]+x?$ ]]; then
  amount=$1
  shift
fi
limit=-max_total_time=$amount
[[ $amount == *x ]] && limit=-runs=${amount%x}
targets=("$@")
(( ${#targets[@]} )) || targets=($(ls seeds))

# the versions that twindrop itself is built with
cp ../Cargo.lock Cargo.lock
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# with --target, build scripts and macros are left as they are
RUSTFLAGS="--cfg fuzzing $coverage" cargo build --release --target "$host" --quiet
program=${CARGO_TARGET_DIR:-target}/$host/release/readers

work=$PWD/corpus
mkdir -p "$work/crashes"
rows=$work/rows.tsv

# one target: leaves its row, and says what broke
fuzz() {
  local target=$1 log=$work/$1.log report=$work/$1.report crashes=0
  mkdir -p "$work/$target"
  printf '%s\t0\t0\t0\n' "$target" > "$report"
  TWINDROP_FUZZ=$target TWINDROP_FUZZ_REPORT=$report RAYON_NUM_THREADS=1 RUST_BACKTRACE=1 \
    "$program" "$limit" -max_len=16384 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$work/crashes/$target-" "$work/$target" "seeds/$target" \
    > "$log" 2>&1 || crashes=1
  if (( crashes )); then
    grep -E "panicked|twindrop-fuzz:|ERROR: libFuzzer|Test unit written" -A1 "$log" >&2 || true
  fi
  awk -F'\t' -v OFS='\t' -v crashes=$crashes \
    '{ printf "%s\t%d\t%d\t%d ms\t%.1f MiB\n", $1, $2, crashes, $3, $4 / 1048576 }' \
    "$report" > "$work/$target.row"
  return $crashes
}

failed=0 running=0
for target in "${targets[@]}"; do
  if (( running == ${JOBS:-1} )); then
    wait -n || failed=1
    running=$(( running - 1 ))
  fi
  fuzz "$target" &
  running=$(( running + 1 ))
done
for (( ; running > 0; running-- )); do wait -n || failed=1; done
rm -rf /dev/shm/twindrop-fuzz-*
printf 'target\texecutions\tcrashes\tslowest\tlargest\n' > "$rows"
for target in "${targets[@]}"; do cat "$work/$target.row" >> "$rows"; done
column -t -s $'\t' "$rows" 2> /dev/null || cat "$rows"
exit $failed
