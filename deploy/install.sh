#!/usr/bin/env bash
# Installs radnode from a wheelhouse (deploy/wheelhouse.sh), brings it to a newer version, and back; without a network.
#   install.sh install  WHEELHOUSE PREFIX             PREFIX/versions/X, and PREFIX/current points to it
#   install.sh upgrade  WHEELHOUSE PREFIX CONFIG      copies the ledger, checks the new version, switches
#   install.sh rollback PREFIX CONFIG [--accept-loss] back to the version before
# The node has to be stopped for the last two, unless it runs as the systemd unit that UNIT names (radnode), which is then
# stopped and started. SHA256: digest that SHA256SUMS of the wheelhouse must have, told by another way than the wheelhouse.
# To be run as somebody who may write PREFIX and the data folder; commands of the node run as the owner of the latter.
set -euo pipefail

unit=${UNIT:-radnode}
python=${PYTHON:-python3}
say() { echo "install.sh: $*"; }
fail() { echo "install.sh: $*" >&2; exit 1; }

# What a wheelhouse holds

manifest() { sed -n "s/^$1 //p" "$house/MANIFEST"; }

check_house() {
    [ -f "$house/SHA256SUMS" ] || fail "$house is no wheelhouse: it has no SHA256SUMS"
    if [ -n "${SHA256:-}" ]; then
        [ "$(sha256sum < "$house/SHA256SUMS" | cut -d' ' -f1)" = "$SHA256" ] || fail "SHA256SUMS is not the one that was told"
    fi
    (cd "$house" && sha256sum --check --quiet --strict SHA256SUMS) || fail "a file is not the one that was made: copy it again"
    local file
    for file in "$house"/*.whl; do
        grep -qF "  $(basename "$file")" "$house/SHA256SUMS" || fail "$(basename "$file") is not in SHA256SUMS"
    done
    local here
    here=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    [ "$here" = "$(manifest python)" ] || fail "the wheels are for Python $(manifest python), this is $here: set PYTHON"
    [ "$(uname -s) $(uname -m)" = "$(manifest machine)" ] || fail "the wheels are for $(manifest machine)"
    here=$("$python" -c 'import sys; print(sys.base_prefix)')
    case "$here/" in
        /home?* | /root?*) say "$here is in a home, which radnode.service does not see (ProtectHome): for it, set PYTHON" ;;
    esac
}

# A version: whole once it has the file `.whole`

make_version() {
    version=$(manifest radnode)-$(sha256sum "$house/$(manifest wheel)" | cut -c1-8)
    local target=$prefix/versions/$version
    if [ -f "$target/.whole" ]; then
        say "$version is installed already"
        return
    fi
    rm -rf "$target"
    mkdir -p "$prefix/versions"
    "$python" -m venv "$target"
    local extras
    extras=$(manifest extras)
    [ "$extras" = none ] && extras="" || extras="[$extras]"
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$house" \
        "radnode$extras == $(manifest radnode)"
    "$target/bin/radnode" --version > /dev/null
    touch "$target/.whole"
    sync "$target/.whole"
    say "installed $version"
}

# One rename: there is always a current version.
switch() {
    ln -sfn "versions/$1" "$prefix/.current"
    mv -T "$prefix/.current" "$prefix/current"
    say "current is $1"
}

current() { basename "$(readlink "$prefix/current" || true)"; }

# The node

as_owner() {
    local owner
    owner=$(stat -c %U "$data")
    if [ "$(id -un)" = "$owner" ] || [ "$(id -u)" != 0 ]; then "$@"; else setpriv --reuid "$owner" --regid "$(stat -c %G "$data")" --init-groups "$@"; fi
}

find_data() {
    local program='import json, sys; print(json.load(sys.stdin)["node"]["data_dir"])'
    data=$("$prefix/current/bin/radnode" config show --json -c "$config" | "$prefix/current/bin/python" -c "$program")
    [ -f "$data/ledger.db" ] || fail "this node has never run, there is no $data/ledger.db: install.sh install is all it needs"
}

is_running() { [ -e "$data/serve.lock" ] && ! flock --nonblock "$data/serve.lock" true; }

was_running=no
stop_node() {
    is_running || return 0
    systemctl is-active --quiet "$unit" 2> /dev/null || fail "the node runs, and not as the systemd unit $unit: stop it first"
    was_running=yes
    trap start_node EXIT # whatever happens from here on
    say "stopping $unit"
    systemctl stop "$unit"
    ! is_running || fail "another radnode serves $data: stop it first"
}
start_node() {
    [ "$was_running" = no ] || { say "starting $unit"; systemctl start "$unit"; }
}

# What a version finds, right and wrong, as JSON.
findings() { as_owner "$1/bin/radnode" doctor --json -c "$config" || true; }

# Of what the new version finds wrong, a line each. `worse`: what the old one found right, and what only the new one looks
# at, if it is of the version itself or the node needs it to start. `more`: what only the new one looks at, around the node:
# it was no better before. What the old one found wrong, too, is none of both.
compared() {
    local program='
import json, sys
def read(text):
    try:
        return json.loads(text)
    except ValueError:
        return [{"check": "radnode doctor", "ok": False, "found": "gives no answer"}]
old, new = read(sys.argv[1]), read(sys.argv[2])
was = {one["check"]: one["ok"] for one in old}
for one in new:
    if not one["ok"] and was.get(one["check"], True):
        is_more = one["check"] not in was and one.get("around", False)
        print("more" if is_more else "worse", "{}: {}".format(one["check"], " ".join(one["found"].split())))'
    "$python" -c "$program" "$1" "$2"
}

ledger_version() {
    "$1/bin/python" -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone()[0])' "$data/ledger.db"
}
knows_version() {
    local program='
try:
    from node.ledger.steps import VERSION
except ImportError:  # an older program has it there
    from node.ledger.schema import VERSION
print(VERSION)'
    "$1/bin/python" -c "$program"
}
# Whether the program of a version reads the ledger as the program of another left it. Who cannot tell, ends the script.
reads_ledger() {
    local knows is
    knows=$(knows_version "$prefix/versions/$1") || fail "it cannot be told which ledgers $1 reads: nothing is changed"
    is=$(ledger_version "$prefix/versions/$2") || fail "it cannot be told of which version the ledger is: nothing is changed"
    [ "$is" -le "$knows" ]
}

# What is asked for

do_install() {
    house=$(cd "$1" && pwd) prefix=$2
    check_house
    mkdir -p "$prefix"
    [ ! -e "$prefix/current" ] || fail "$(current) is installed there: install.sh upgrade WHEELHOUSE PREFIX CONFIG"
    make_version
    switch "$version"
    say "next: $prefix/current/bin/radnode init"
}

do_upgrade() {
    house=$(cd "$1" && pwd) prefix=$(cd "$2" && pwd) config=$3
    [ -e "$prefix/current" ] || fail "nothing is installed in $prefix: install.sh install WHEELHOUSE PREFIX"
    check_house
    find_data
    if is_running && ! systemctl is-active --quiet "$unit" 2> /dev/null; then
        fail "the node runs, and not as the systemd unit $unit: stop it first"
    fi
    local old new
    old=$(current)
    make_version
    new=$version
    [ "$new" != "$old" ] || { say "$new is the current version"; return; }
    "$prefix/versions/$new/bin/radnode" config check -c "$config" || fail "$new does not take the configuration; $old stays"
    local before backup after wrong worse more
    stop_node
    before=$(findings "$prefix/versions/$old")
    backup=$data/ledger.before-$new-$(date +%Y%m%d-%H%M%S)
    as_owner "$prefix/versions/$old/bin/radnode" db backup "$backup" -c "$config"
    # From here on the ledger may be a newer one: doctor opens it.
    after=$(findings "$prefix/versions/$new")
    wrong=$(compared "$before" "$after")
    worse=$(sed -n 's/^worse //p' <<< "$wrong")
    if [ -n "$worse" ]; then
        back_to "$old" "$backup"
        fail "$new finds wrong what $old did not: $old stays, with its ledger
$worse"
    fi
    more=$(sed -n 's/^more //p' <<< "$wrong")
    [ -z "$more" ] || say "$new looks at what $old did not, and finds wrong what the upgrade has not changed:
$more"
    printf '%s\n%s\n' "$old" "$backup" > "$prefix/versions/$new/.came-from"
    switch "$new"
    say "back: $0 rollback $prefix $config; the ledger as it was is $backup"
}

# A ledger that the older program reads: the one that is there, or the copy.
back_to() {
    if ! reads_ledger "$1" "$1"; then
        as_owner "$prefix/versions/$1/bin/radnode" db restore "$2" -c "$config"
    fi
}

do_rollback() {
    prefix=$(cd "$1" && pwd) config=$2
    local new old backup
    new=$(current)
    [ -f "$prefix/versions/$new/.came-from" ] || fail "$new did not come by an upgrade: there is no version before it"
    { read -r old; read -r backup; } < "$prefix/versions/$new/.came-from"
    [ -f "$prefix/versions/$old/.whole" ] || fail "$old is not there any more"
    find_data
    "$prefix/versions/$old/bin/radnode" config check -c "$config" || fail "$old does not take the configuration; $new stays"
    stop_node
    if ! reads_ledger "$old" "$new"; then
        [ -f "$backup" ] || fail "$old cannot read the ledger of $new, and its copy $backup is gone; $new stays"
        local status=0
        as_owner "$prefix/versions/$new/bin/radnode" db since "$backup" -c "$config" || status=$?
        if [ "$status" -ne 0 ] && [ "${3:-}" != --accept-loss ]; then
            fail "$old cannot read the ledger of $new, and the above has happened since its copy was made. $new stays, nothing is changed.
Images are in the spool, and none is lost in either case. With --accept-loss the copy takes the ledger's place: what is
marked 'again' comes again by itself, what is marked 'lost' stands only in ledger.db.before-* then, which $new reads:
radnode db restore puts it back, and what came meanwhile is taken from the spool. No program merges two ledgers."
        fi
    fi
    back_to "$old" "$backup"
    switch "$old"
}

case "${1:-} $#" in
    "install 3") do_install "$2" "$3" ;;
    "upgrade 4") do_upgrade "$2" "$3" "$4" ;;
    "rollback 3") do_rollback "$2" "$3" ;;
    "rollback 4") do_rollback "$2" "$3" "$4" ;;
    *) sed -n '2,9s/^# //p' "$0"; exit 64 ;;
esac
