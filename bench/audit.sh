#!/usr/bin/env bash
# What does it cost to ask a large audit database: a million runs with three million denials?
#
#   bench/audit.sh [--db FILE] [--runs N] [--denials N]      measure; FILE is made where it is missing
#   bench/audit.sh generate FILE [--runs N] [--denials N] [--seed N] [--days N]
#
# The database has some 4 GB and takes some minutes to make; without --db it is made in $TMPDIR and removed.
# Builds build/release if it is missing. Each question is asked 21 times in turn with the others.
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

if [ "${1-}" = generate ]; then
    shift
    need_generator
    exec "$generator" "$@"
fi

database=
size=()
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || bench_fail "$1 needs a value"
    case $1 in
    --db) database=$(realpath -m "$2") ;;
    --runs | --denials) size+=("$1" "$2") ;;
    *) bench_fail "unknown option: $1" ;;
    esac
    shift 2
done

bench_need_sbx
need_generator
bench_scratch
bench_compile "$scratch/launch" launch.c report.c
database=${database:-$scratch/audit.db}
[ -e "$database" ] || "$generator" "$database" "${size[@]}"
export XDG_STATE_HOME=$scratch/state SBX_AUDIT_DB=$database

echo "$("$sbx" audit sql --timeout 1m --format csv 'SELECT count(*) FROM run' | tail -n 1 | tr -d '\r') runs," \
    "$(stat -c %s "$database") bytes, $(bench_facts | sed -n 's/^cpu=//p'), $(nproc) CPUs"
began=$(date +%s)
"$sbx" audit stats >/dev/null 2>&1
echo "the index: $(($(date +%s) - began)) s to make, $(stat -c %s "$scratch"/state/sbx/index-*.db) bytes"
for i in 1 2; do # what is measured is warm
    "$sbx" audit ls --path '*needle*' >/dev/null
done
"$scratch/launch" --runs 21 --cold-runs 1 \
    "@ls" "$sbx" audit ls \
    "@ls --label needle=1" "$sbx" audit ls --label needle=1 \
    "@ls --path /srv/rare/*" "$sbx" audit ls --path '/srv/rare/*' \
    "@ls --path *needle*" "$sbx" audit ls --path '*needle*' \
    "@ls --status limit" "$sbx" audit ls --status limit \
    "@top --by mem" "$sbx" audit top --by mem \
    "@top --by denials" "$sbx" audit top --by denials \
    "@stats" "$sbx" audit stats \
    "@denials --by path" "$sbx" audit denials --by path \
    "@denials --by run" "$sbx" audit denials --by run
