#!/usr/bin/env bash
# ThreadSanitizer on what has threads: the launcher of a worker, the region that memory comes from, and libsbx in a caller with threads of its own.
#
#   scripts/test-threads.sh
#
# Built by the preset tsan; the program that libsbx starts is the release build's. What a worker makes runs in the
# worker's memory (vfork), with the sanitizer's own state among it, so that an instrumented worker reports races
# that are none: for it the launcher is tested without what it makes (tests/unit/test_launcher.c).
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)

for preset in release tsan; do
    cmake --preset "$preset" --log-level=WARNING
done
cmake --build --preset release -j "$jobs" --target sbx probe -- --quiet
cmake --build --preset tsan -j "$jobs" --target unit_launcher unit_region integration_libsbx -- --quiet

export TSAN_OPTIONS="halt_on_error=1 exitcode=66 die_after_fork=0 ${TSAN_OPTIONS-}"
export SBX_BIN=$PWD/build/release/bin/sbx SBX_PROBE=$PWD/build/release/bin/probe
for test in unit/test_launcher unit/test_region integration/test_libsbx; do
    (cd build/tsan/tests && "./$test")
done
