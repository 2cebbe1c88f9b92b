#!/usr/bin/env bash
# A folder from which radnode is installed without a network: its wheel, the pinned wheels of all that it needs, their
# SHA-256 and a manifest. To be run where there is a network, on the same kind of machine with the same Python.
#   deploy/wheelhouse.sh FOLDER [EXTRA...]        EXTRA: openvino, train
# PYTHON: the interpreter, python3 unless given. TORCH_INDEX: URL of an index that has a torch for processors alone, which
# is a fifth of the size; else torch is taken as it is found.
set -euo pipefail

folder=${1:?"usage: deploy/wheelhouse.sh FOLDER [EXTRA...]"}
shift
python=${PYTHON:-python3}
top=$(cd "$(dirname "$0")/.." && pwd)
[ ! -e "$folder" ] || { echo "wheelhouse.sh: $folder is there already: give the name of a new folder" >&2; exit 73; }

# Whole or not there: what was cut off is made anew.
part=$folder.part
rm -rf "$part"
mkdir -p "$part"
pip() { "$python" -m pip --disable-pip-version-check "$@"; }
pip wheel --quiet --no-deps --wheel-dir "$part" "$top"
wheel=$(basename "$part"/radnode-*.whl)
pip wheel --quiet --no-deps --constraint "$top/deploy/constraints.txt" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    --wheel-dir "$part" torch
extras=$(IFS=,; echo "$*")
pip wheel --quiet --constraint "$top/deploy/constraints.txt" --find-links "$part" --wheel-dir "$part" \
    "radnode${extras:+[$extras]} @ file://$(cd "$part" && pwd)/$wheel"

install -m 755 "$top/deploy/install.sh" "$part/install.sh"
install -m 644 "$top/deploy/radnode.service" "$top/deploy/constraints.txt" "$part/"
{
    echo "radnode $(echo "$wheel" | cut -d- -f2)"
    echo "wheel $wheel"
    echo "extras ${extras:-none}"
    echo "python $("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')"
    echo "machine $(uname -s) $(uname -m)"
    echo "commit $(git -C "$top" rev-parse HEAD 2>/dev/null || echo unknown)"
    echo "wheels $(find "$part" -name '*.whl' | wc -l)"
} > "$part/MANIFEST"
(cd "$part" && sha256sum -- *.whl MANIFEST constraints.txt install.sh radnode.service > SHA256SUMS)
mv -T "$part" "$folder"
cat "$folder/MANIFEST"
echo "sha256 of $folder/SHA256SUMS: $(sha256sum < "$folder/SHA256SUMS" | cut -d' ' -f1)"
echo "next, where radnode is to run: $folder/install.sh install $folder /opt/radnode"
