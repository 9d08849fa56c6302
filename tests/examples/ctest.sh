#!/usr/bin/env bash
# CTest, with every test under sbx.
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
need cc cmake ctest
install_sbx

cd "$place/work"
{ cmake -S "$source_dir/examples/ctest" -B build && cmake --build build; } >log 2>&1 || fail "$(cat log)"
build/nosy || fail "nosy finds no network even outside"
ctest --test-dir build >log 2>&1 && fail "all passed: $(cat log)"
for line in 'good \.* *Passed' 'greedy \.*\*\*\*Failed' 'nosy \.*\*\*\*Failed'; do
    grep -q "$line" log || fail "\"$line\" is not in: $(cat log)"
done
[ "$(cat build/good.out)" = written ] || fail "good could not write"
expect_runs 3 suite=ctest
sbx audit ls --label suite=ctest --reason memory --jsonl | grep -q greedy || fail "greedy was not stopped by memory"
