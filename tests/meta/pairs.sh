#!/usr/bin/env bash
# A function that both systems have is in a file of the same name on both sides: who looks for one finds the other.
# But one file that bears its folder's name may stand for a whole side that only refuses (batch/windows/batch.c).
#   pairs.sh ROOT | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

# "NAME FILE:LINE FILE-WITHOUT-SIDE" of each function that is defined in a folder of that side.
definitions() {
    meta_stripped "$1" harness limits audit | awk -v side="/$2/" '
        { at = index($0, ":"); file = substr($0, 1, at - 1); rest = substr($0, at + 1)
          at = index(rest, ":"); line = substr(rest, 1, at - 1); text = substr(rest, at + 1) }
        index(file, side) && text ~ /^[a-zA-Z_].*sbx_[a-z0-9_]+\(/ && text !~ /;[ \t]*$/ &&
        text !~ /^(static|extern|typedef)/ && file ~ /\.c$/ {
            match(text, /sbx_[a-z0-9_]+\(/)
            neutral = file
            sub(side, "/", neutral)
            print substr(text, RSTART, RLENGTH - 1), file ":" line, neutral
        }' | sort
}

check() {
    join <(definitions "$1" linux) <(definitions "$1" windows) |
        awk '
            function stands_for_all(file, part, count) {
                count = split(file, part, "/")
                return part[count] == part[count - 1] ".c"
            }
            $3 != $5 && !stands_for_all($5) { print $2 ": " $1 " is in " $4 " on the other side" }'
}

clean() {
    mkdir -p "$1"/limits/{linux,windows}
    printf 'int sbx_one(void)\n{\n}\n' >"$1/limits/linux/a.c"
    printf 'int sbx_one(void)\n{\n    return sbx_two();\n}\nint sbx_only(int a,\n    int b)\n{\n}\n' \
        >"$1/limits/windows/a.c"
    printf 'int sbx_two(void)\n{\n}\n' >"$1/limits/linux/b.c"
    mkdir -p "$1"/harness/batch/{linux,windows}
    printf 'int sbx_three(void)\n{\n}\n' | tee "$1/harness/batch/linux/loop.c" >"$1/harness/batch/windows/batch.c"
    printf 'int sbx_two(void);\n/* int sbx_one(void) */\n' >"$1/limits/windows/c.c"
}

plant_other_name() {
    printf 'int sbx_two(void)\n{\n}\n' >>"$1/limits/windows/a.c"
}

meta_main "$@"
