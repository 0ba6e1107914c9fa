#!/usr/bin/env bash
# A million distinct short sentences through `twindrop embed`: rows a second, and the resident
# memory at row 100,000 and at the end, which must be within 5 % of one another. Then the same
# killed KILLS [20] times on its way, and as two processes that share it: the same bytes.
# usage: eval/bulk.sh TEXT PLACE [more of `twindrop embed`]
#   TEXT is a file of sentences; PLACE (some 2 GB free) gets million.txt, a tiny model, vectors
set -euo pipefail
text=${1:?usage: eval/bulk.sh TEXT PLACE} place=${2:?usage: eval/bulk.sh TEXT PLACE}
twindrop=${TWINDROP:-target/release/twindrop} rows=${ROWS:-1000000}
mkdir -p "$place"
million=$place/million.txt
# the first twelve words of line after line, over and over, each with a number of its own
[ -f "$million" ] || while cat "$text" 2> /dev/null; do :; done | awk -v rows="$rows" 'NF > 2 {
  line = $1; for (i = 2; i <= NF && i <= 12; i++) line = line " " $i
  print line, ++n; if (n == rows) exit }' > "$million" || true
[ "$(wc -l < "$million")" = "$rows" ] || { echo "$million has not $rows lines" >&2; exit 1; }
[ -d "$place/tiny" ] || "$twindrop" train --preset tiny --data "$text" --objective simcse \
  --max-steps 1 --quiet --output-dir "$place/tiny" > /dev/null
rm -rf "$place/vectors"
log=$place/log
"$twindrop" embed --model "$place/tiny" --input "$million" --output "$place/vectors" \
  --shard-size 20000 "${@:3}" 2> "$log" &
process=$! start=$(date +%s.%N) early=
while kill -0 "$process" 2> /dev/null; do
  resident=$(awk '/VmRSS/ { print $2 }' "/proc/$process/status" 2> /dev/null || true)
  [ -z "$resident" ] || last=$resident
  if [ -z "$early" ] && compgen -G "$place/vectors/shard-00004.*[a-z]" > /dev/null \
    && ! compgen -G "$place/vectors/shard-00004*.part" > /dev/null; then
    early=$last
  fi
  sleep 0.2
done
wait "$process"
seconds=$(echo "$(date +%s.%N) - $start" | bc)
tail -1 "$log"
awk -v rows="$rows" -v seconds="$seconds" -v early="$early" -v last="$last" 'BEGIN {
  printf "%d rows in %.1f s: %.0f rows/s; resident %.0f MiB at row 100,000, %.0f MiB at the end (%+.1f %%)\n",
    rows, seconds, rows / seconds, early / 1024, last / 1024, 100 * (last / early - 1) }'

[ "${KILLS:=20}" -gt 0 ] || exit 0
# in a process of its own, which a signal reaches
embed() {
  exec "$twindrop" embed --model "$place/tiny" --input "$million" --shard-size 20000 "$@" 2>> "$log"
}
# what a directory of vectors holds, but for who wrote it
bytes() { (cd "$1" && sha256sum shard-*); }
rm -rf "$place/killed"
for ((kill = 1; kill <= KILLS; kill++)); do
  embed --output "$place/killed" --resume "${@:3}" &
  process=$!
  # a different moment of a part of the run each time, of which writing a shard is one; two such
  # parts are left for the end
  sleep "$(awk -v kill="$kill" -v part="$(echo "$seconds / ($KILLS + 2)" | bc -l)" \
    'BEGIN { golden = kill * 0.618034; print part * (0.5 + golden - int(golden)) }')"
  ! kill -KILL "$process" 2> /dev/null || killed=$((${killed:-0} + 1))
  wait "$process" || true
done
(embed --output "$place/killed" --resume "${@:3}")
cmp <(bytes "$place/vectors") <(bytes "$place/killed")
echo "killed ${killed:-0} times and resumed: the same bytes"
rm -rf "$place/killed" "$place/shared"
for rank in 0 1; do
  embed --output "$place/shared" --rank "$rank" --world-size 2 "${@:3}" &
done
wait
cmp <(bytes "$place/vectors") <(bytes "$place/shared")
echo "two processes that share the work: the same bytes"
