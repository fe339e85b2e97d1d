#!/usr/bin/env bash
# Refresh the page's vendored libraries from npm, by pinned version and checksum of the package.
# The page has no build step and works with no internet, so these files live in the repository.
# Usage: scripts/vendor.sh            (re)write static/vendor
#        scripts/vendor.sh --check    only compare what is there with SHA256SUMS
set -euo pipefail

target="$(cd "$(dirname "$0")/.." && pwd)/src/trendvane/serve/static/vendor"

if [ "${1:-}" = "--check" ]; then
  cd "$target" && exec sha256sum --check --quiet SHA256SUMS
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"

# fetch NAME VERSION SHA256-OF-THE-TARBALL
fetch() {
  npm pack --silent "$1@$2" > /dev/null
  local tarball
  tarball="$(echo ./*-"$2".tgz)"
  echo "$3  $tarball" | sha256sum --check --quiet
  mkdir "$work/${1##*/}"
  tar xzf "$tarball" -C "$work/${1##*/}" --strip-components=1
  rm "$tarball"
}

fetch echarts 6.1.0 681aff88cc1038c3fa941a3a53d1b177a52250b05335efc607d6105ae13be481
fetch preact 11.2.0 3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf
fetch htm 3.1.1 2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90
fetch @picocss/pico 2.1.1 4affbb56f49df6d5325610b06762156f1dcdbc6ef57cea5c136d7e8a00a8cd24

# A browser cannot resolve a bare name such as "preact", and an import map would have to be an inline
# script, which the Content-Security-Policy forbids. Source map comments would ask for files we do not ship.
rewrite() { sed -e 's#from"preact"#from"./preact.js"#' -e '/^\/\/# sourceMappingURL=/d' "$1"; }

mkdir -p "$target/licences"
rewrite preact/dist/preact.mjs > "$target/preact.js"
rewrite preact/hooks/dist/hooks.mjs > "$target/preact-hooks.js"
cp htm/dist/htm.mjs "$target/htm.js"
cp echarts/dist/echarts.esm.min.mjs "$target/echarts.js"
cp pico/css/pico.classless.slate.min.css "$target/pico.css"

cp echarts/LICENSE "$target/licences/echarts.LICENSE"
cp echarts/NOTICE "$target/licences/echarts.NOTICE"
cp preact/LICENSE "$target/licences/preact.LICENSE"
cp htm/LICENSE "$target/licences/htm.LICENSE"
cp pico/LICENSE.md "$target/licences/pico.LICENSE.md"

cd "$target" && sha256sum ./*.js ./*.css > SHA256SUMS
