#!/usr/bin/env bash
# Makes a large audit database: a million runs with three million denials, some 4 GB, in some minutes.
#
#   bench/audit.sh generate FILE [--runs N] [--denials N] [--seed N] [--days N]
#
# Builds build/release if it is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

# The generator, built where it is missing.
need_generator() {
    generator=$root/build/release/bench/audit_generate
    if [ ! -x "$generator" ]; then
        "$root/scripts/setup-deps.sh"
        (cd "$root" && cmake --preset release --log-level=WARNING &&
            cmake --build --preset release --target audit_generate -- --quiet)
    fi
}

case ${1-} in
generate)
    shift
    need_generator
    exec "$generator" "$@"
    ;;
*) bench_fail "usage: bench/audit.sh generate FILE [--runs N] [--denials N] [--seed N] [--days N]" ;;
esac
