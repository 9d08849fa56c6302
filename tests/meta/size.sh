#!/usr/bin/env bash
# A file is at most 600 lines, a function at most 80: what is longer holds more than one thing.
#   size.sh ROOT | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

check() {
    local files
    mapfile -t files < <(meta_sources "$1" harness limits audit tests bench)
    [ ${#files[@]} -gt 0 ] || return 0
    (cd "$1" && awk '
        function end_file() { if (lines > 600) print name ": " lines " lines" }
        FNR == 1 { end_file(); start = 0; name = FILENAME }
        { lines = FNR }
        /^\{/ { start = FNR }
        /^\}/ && start {
            if (FNR - start - 1 > 80)
                print name ":" start ": a function of " FNR - start - 1 " lines"
            start = 0
        }
        END { end_file() }' "${files[@]}")
}

repeat() {
    local i
    for ((i = 0; i < $1; i++)); do echo "$2"; done
}

clean() {
    mkdir -p "$1/limits"
    { printf 'void f(void)\n{\n'; repeat 80 '    x();'; printf '}\n'; } >"$1/limits/a.c"
    repeat 600 'int x;' >"$1/limits/b.c"
}

plant_long_function() {
    { printf 'void f(void)\n{\n'; repeat 81 '    x();'; printf '}\n'; } >"$1/limits/c.c"
}

plant_long_file() {
    repeat 601 'int x;' >"$1/limits/c.c"
}

meta_main "$@"
