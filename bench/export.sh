#!/usr/bin/env bash
# How many rows a second `sbx audit export` writes, and with how much memory: each kind of rows in each format, to
# /dev/null, from a database made by audit_generate.
#
#   bench/export.sh [RUNS]        100000 runs and three times as many denials; needs some 500 MB below $TMPDIR
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
runs=${1-100000}
cd "$root"
if [ ! -x build/release/bench/audit_generate ] || [ ! -x build/release/bin/sbx ]; then
    scripts/setup-deps.sh
    cmake --preset release --log-level=WARNING
    cmake --build --preset release -- --quiet
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build/release/bench/audit_generate "$scratch/audit.db" --runs "$runs" --denials $((runs * 3)) >/dev/null
printf '%-10s %-10s %10s %12s\n' rows format count rows/s
for what in runs denials processes; do
    count=$(build/release/bin/sbx audit export --db "$scratch/audit.db" --what "$what" | wc -l)
    for format in jsonl csv ocsf ecs otlp-json; do
        start=$(date +%s%N)
        build/release/bin/sbx audit export --db "$scratch/audit.db" --what "$what" --format "$format" >/dev/null
        took=$(($(date +%s%N) - start))
        printf '%-10s %-10s %10d %12d\n' "$what" "$format" "$count" $((count * 1000000000 / took))
    done
done
