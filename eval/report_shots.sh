#!/usr/bin/env bash
# Pictures of a report as its readers see it: light, dark, on a telephone, on paper.
# usage: eval/report_shots.sh TWINDROP OUT RUN [more of `twindrop report`]
#   needs Chromium (CHROMIUM=…), and pdftoppm for paper
set -euo pipefail
usage='usage: eval/report_shots.sh TWINDROP OUT RUN [more of `twindrop report`]'
twindrop=${1:?$usage} out=${2:?$usage} run=${3:?$usage}
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
mkdir -p "$out"
out=$(cd "$out" && pwd)
"$twindrop" report "$run" "${@:4}" -o "$out/report.html" --plots "$out/plots"

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
browse() {
  "$chromium" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
    --user-data-dir="$profile" "$@" "file://$out/report.html" 2> /dev/null
}
# a window as tall as the page: the page is asked how tall it is at that width
tall() {
  sed 's|</body>|<script>document.title=document.documentElement.scrollHeight</script></body>|' \
    "$out/report.html" > "$profile/tall.html"
  "$chromium" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
    --user-data-dir="$profile" --window-size="$1,900" --dump-dom "file://$profile/tall.html" \
    2> /dev/null | sed -n 's|.*<title>\([0-9]*\)</title>.*|\1|p' | head -1
}
shot() { # name width [flags]
  browse --window-size="$2,$(tall "$2")" --screenshot="$out/$1.png" "${@:3}"
  echo "$out/$1.png"
}
shot light 1100
shot dark 1100 --blink-settings=preferredColorScheme=0
# a window is at least 500 wide: a telephone is a frame in it
height=$(tall 500)
cat > "$profile/phone.html" <<PHONE
<body style="margin:0"><iframe src="file://$out/report.html"
 style="width:390px;height:$((height * 13 / 10))px;border:0"></iframe></body>
PHONE
"$chromium" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
  --user-data-dir="$profile" --allow-file-access-from-files \
  --window-size="500,$((height * 13 / 10))" --screenshot="$out/phone.png" \
  "file://$profile/phone.html" 2> /dev/null
echo "$out/phone.png"
browse --print-to-pdf="$out/report.pdf" --no-pdf-header-footer
pdftoppm -r 70 -png "$out/report.pdf" "$out/paper"
ls "$out"/paper*.png
