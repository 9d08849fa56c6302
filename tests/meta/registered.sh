#!/usr/bin/env bash
# Every test source has become a test: what is not named test_*.c in a test folder would be silently left out.
#   registered.sh ROOT BUILD | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

check() {
    local root=$1 list=${2:-$1/build}/tests/installed.cmake file
    meta_sources "$root" tests/unit tests/integration tests/escape tests/abuse tests/faults |
        meta_grep '\.c$' | while IFS= read -r file; do
            grep -qF " \"\${here}/${file%.c}\")" "$list" ||
                echo "$file: is no registered test"
        done
}

clean() {
    mkdir -p "$1"/{tests/unit,build/tests}
    : >"$1/tests/unit/test_a.c"
    : >"$1/tests/unit/common.h"
    # shellcheck disable=SC2016
    echo 'add_test(unit_a "${here}/tests/unit/test_a")' >"$1/build/tests/installed.cmake"
}

plant_odd_name() {
    : >"$1/tests/unit/tests_b.c"
}

plant_sub_folder() {
    mkdir "$1/tests/unit/deep"
    : >"$1/tests/unit/deep/test_c.c"
}

meta_main "$@"
