#!/usr/bin/env bash
# Installs the peers that the integration tests talk to; with `viewer` also the browser of the viewer tests,
# with `others` what only slow tests use. On a system without apt it says what is missing; those tests then skip with the
# reason (in CI a skip is a failure).
set -u
declare -A package=([storescu]=dcmtk [dcm2pnm]=dcmtk [Orthanc]=orthanc [java]=default-jre-headless [systemd-analyze]=systemd [strace]=strace [faketime]=faketime [promtool]=prometheus [nginx]=nginx-light [zsh]=zsh [fish]=fish [man]=man-db [groff]=groff)
all="dcmtk, orthanc, orthanc-dicomweb, orthanc-python, pixelmed, systemd, strace, faketime, prometheus, nginx, zsh, fish, man-db, groff"
missing=()
if [ "${1:-}" = viewer ]; then
  package+=([chromium]=chromium [node]=nodejs [npm]=npm)
  all="$all, chromium, nodejs, npm"
  # without a font the browser draws the viewer's words as boxes
  [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing+=(fonts-dejavu-core)
fi
if [ "${1:-}" = others ]; then
  package+=([odil]=odil [systemd-nspawn]=systemd-container [node]=nodejs [npm]=npm)
  all="$all, odil, systemd-container, nodejs, npm"
fi
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null 2>&1 || missing+=("${package[$program]}")
done
[ -e /usr/share/java/pixelmed.jar ] || missing+=(pixelmed-apps)
[ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || missing+=(orthanc-dicomweb)
[ -e /usr/share/orthanc/plugins/libOrthancPython.so ] || missing+=(orthanc-python)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "peers for the integration tests: all here ($all)"
  exit 0
fi
missing=($(printf '%s\n' "${missing[@]}" | sort -u))
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
  echo "missing for the integration tests: ${missing[*]} (no apt-get, or not root: install them by hand)"
  exit 0
fi
echo "installing Debian packages for the integration tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
