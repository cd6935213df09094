#!/bin/sh
# Usage: run.sh SITE [OUTPUT]; CHROMIUM names the browser, by default the first that is found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
site=$(cd "$1" && pwd)
output=${2:-_build/browser}
for tool in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$tool" ] && command -v "$tool" >/dev/null; then browser=$(command -v "$tool"); break; fi
done
if [ -z "${browser:-}" ] || ! command -v npm >/dev/null; then
    echo "skipped: looking at the pages needs Chromium and npm"
    exit 0
fi
# Only packages that are plain files: no browser is downloaded.
cmp -s "$here/package.json" "$here/node_modules/.installed" || {
    (cd "$here" && npm install --silent --no-audit --no-fund --no-package-lock)
    cp "$here/package.json" "$here/node_modules/.installed"
}
node "$here/browse.mjs" "$site" "$output" "$browser"
