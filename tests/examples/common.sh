# Sourced by the tests of examples/: an installed tree, a place to work in, and saying what went wrong.
#   NAME.sh SOURCE BUILD
# shellcheck shell=bash
set -euo pipefail
# shellcheck disable=SC2034 # for who sources this
source_dir=$1
build_dir=$2

skip() {
    echo "${0##*/}: $*" >&2
    [ "${SBX_MUST_WORK-}" = 1 ] && exit 1
    exit 77
}

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# need COMMAND…: each is here.
need() {
    local each
    for each in "$@"; do
        command -v "$each" >/dev/null 2>&1 || skip "$each is not here (scripts/setup-deps.sh --test)"
    done
}

# Not below /tmp, which is private inside. $place/work is where commands work.
place=$(mktemp -d "$build_dir/example.XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir "$place/work" "$place/state"
export SBX_AUDIT_DB=$place/state/audit.db
export HOME=$place

# install_sbx: the component that is installed, below $prefix, and first in PATH.
install_sbx() {
    prefix=$place/prefix
    cmake --install "$build_dir" --prefix "$prefix" --component sbx >"$place/install.log" 2>&1 ||
        fail "cannot be installed: $(tail -n 5 "$place/install.log")"
    PATH=$prefix/bin:$PATH
    [ "$(command -v sbx)" = "$prefix/bin/sbx" ] || fail "sbx is not in $prefix/bin"
}

# expect_runs N LABEL: so many runs with that label are in the audit database.
expect_runs() {
    local count
    count=$(sbx audit ls --label "$2" --limit unlimited --jsonl | wc -l)
    [ "$count" -eq "$1" ] || fail "$count runs with $2 are recorded, and not $1"
}
