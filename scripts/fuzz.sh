#!/usr/bin/env bash
# Builds the fuzz targets (clang, libFuzzer, ASan, UBSan) and runs them, one after the other.
#
#   scripts/fuzz.sh [--seconds N] [TARGET…]      600 seconds each; TARGET as in tests/fuzz/fuzz_TARGET.c, default all
#
# What a run learns stays in build/fuzz/corpus/TARGET; an input that breaks something in build/fuzz/findings, named by
# its target. Exits 1 where there is one. Each run is a line of build/fuzz/runs.tsv: target, seconds, inputs tried.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=600
targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
        -*) echo "usage: scripts/fuzz.sh [--seconds N] [TARGET…]" >&2; exit 2 ;;
        *) targets+=("$1"); shift ;;
    esac
done

scripts/setup-deps.sh --fuzz
cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz -j "$(nproc)" -- --quiet

if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        targets+=("${name%.c}")
    done
fi

failures=0
for target in "${targets[@]}"; do
    program=build/fuzz/tests/fuzz/fuzz_$target
    if [ ! -x "$program" ]; then
        echo "fuzz: there is no target $target" >&2
        exit 2
    fi
    corpus=build/fuzz/corpus/$target
    log=build/fuzz/$target.log
    mkdir -p "$corpus" build/fuzz/findings
    words=()
    if [ -f "tests/fuzz/dictionary/$target.txt" ]; then
        words=(-dict="tests/fuzz/dictionary/$target.txt")
    fi
    code=0
    started=$SECONDS
    "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$target-" "${words[@]}" \
        "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 || code=$?
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%s\t%s\t%s\n' "$target" "$((SECONDS - started))" "${tried:-0}" >>build/fuzz/runs.tsv
    echo "$target: $((SECONDS - started)) s, ${tried:-0} inputs, $([ "$code" -eq 0 ] && echo clean || echo "BROKEN, see $log")"
    if [ "$code" -ne 0 ]; then
        failures=$((failures + 1))
    fi
done
[ "$failures" -eq 0 ]
