#!/bin/sh
# bazel test --run_under=/path/to/run_under.sh //…        (in .bazelrc: test --run_under=…)
#
# Bazel starts this with the test's command line behind it, and says in the environment where a test may write.
# Its own sandbox (--spawn_strategy) is around that; sbx adds limits, the network wall, and the record.
# Bazel is not in Debian: the tests of sbx start this script as Bazel's documentation says that it does.
set -eu
set -- -- "$@"
for place in "${TEST_UNDECLARED_OUTPUTS_DIR-}" "${TEST_TMPDIR-}" "${XML_OUTPUT_FILE:+$(dirname "$XML_OUTPUT_FILE")}"; do
    [ -z "$place" ] || set -- --write "$place" "$@"
done
for place in "${RUNFILES_DIR-}" "${TEST_SRCDIR-}"; do
    [ -z "$place" ] || set -- --read "$place" "$@"
done
exec sbx exec --quiet --mem 2G --wall "${TEST_TIMEOUT:-300}s" --label "bazel=${TEST_TARGET:-test}" "$@"
