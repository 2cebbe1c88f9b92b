#!/bin/sh
# Fetches what the viewer tests run, into a cache folder and never into the repository: OHIF's prebuilt files (npm,
# MIT, 50 MB, 204 MB unpacked), playwright-core, which drives Debian's chromium, dcmjs, a reader, and dcmjs-dimse, which
# sends and takes.
#   RADNODE_VIEWER   the cache folder; default: radnode-viewer in the user's cache
set -eu
OHIF=3.13.2 PLAYWRIGHT=1.61.1 DCMJS=0.52.2 DIMSE=0.3.3
folder=${RADNODE_VIEWER:-${XDG_CACHE_HOME:-$HOME/.cache}/radnode-viewer}
mark="ohif $OHIF, playwright-core $PLAYWRIGHT, dcmjs $DCMJS, dcmjs-dimse $DIMSE"

if [ "$(cat "$folder/installed" 2>/dev/null)" = "$mark" ]; then
  echo "viewer for the tests: all here ($mark)"
  exit 0
fi
command -v npm >/dev/null 2>&1 || { echo "npm is missing: the viewer tests cannot run without it" >&2; exit 1; }
echo "installing $mark into $folder"
mkdir -p "$folder"
cd "$folder"
rm -rf installed ohif package node_modules ohif-app-*.tgz
npm pack --silent "@ohif/app@$OHIF" >/dev/null
tar xzf ohif-app-*.tgz
mv package/dist ohif
rm -rf package ohif-app-*.tgz
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund "playwright-core@$PLAYWRIGHT" "dcmjs@$DCMJS" "dcmjs-dimse@$DIMSE"
echo "$mark" >installed
