#!/usr/bin/env bash
# The script for Bazel's --run_under, started as Bazel does it: command line behind it, places in the environment.
# (Bazel itself is not in Debian.)
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
install_sbx

mkdir "$place/work/tmp" "$place/work/outputs" "$place/work/other"
export TEST_TMPDIR=$place/work/tmp TEST_UNDECLARED_OUTPUTS_DIR=$place/work/outputs TEST_TARGET=//pkg:test TEST_TIMEOUT=20
run_under=$source_dir/examples/bazel/run_under.sh
cd "$place/work"
# shellcheck disable=SC2016 # the test's own variables
"$run_under" /bin/sh -c 'echo "$1" >"$TEST_TMPDIR/made" && cp "$TEST_TMPDIR/made" "$TEST_UNDECLARED_OUTPUTS_DIR"' sh 'a  b' ||
    fail "a test that writes where it may: exit $?"
[ "$(cat outputs/made)" = 'a  b' ] || fail "arguments were changed"
"$run_under" /bin/sh -c 'echo x >other/made' 2>/dev/null && fail "a test could write elsewhere"
[ ! -e other/made ] || fail "a test wrote elsewhere"
code=0
"$run_under" /bin/sh -c 'exit 42' || code=$?
[ $code -eq 42 ] || fail "exit $code and not 42"
expect_runs 3 bazel=//pkg:test
