# Sourced by the meta tests: finding sources, and the self-test that each of them has.
#
# A meta test defines check ROOT, which prints one line per fault ("file:line: what") and nothing else,
# and plant ROOT, which puts exactly one fault into a tree. `meta_main "$@"` then does
#   NAME.sh ROOT          fails where check finds something
#   NAME.sh --self-test   fails unless check finds the planted fault and nothing in the clean tree
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C

# The C files of ROOT below the given folders, relative to ROOT.
meta_sources() {
    local root=$1 folder
    shift
    for folder in "$@"; do
        if [ -d "$root/$folder" ]; then
            (cd "$root" && find "$folder" -name '*.[ch]' -type f)
        fi
    done | sort -u
}

# Those files as "file:line:text", without comments and without what is in strings and characters.
meta_stripped() {
    local root=$1 files
    mapfile -t files < <(meta_sources "$@")
    [ ${#files[@]} -gt 0 ] || return 0
    (cd "$root" && awk '
    FNR == 1 { in_comment = 0 }
    {
        line = $0; out = ""
        while (line != "") {
            if (in_comment) {
                end = index(line, "*/")
                if (end == 0) break
                line = substr(line, end + 2); in_comment = 0
            } else if (match(line, /\/\*|\/\/|"|\x27/)) {
                out = out substr(line, 1, RSTART - 1)
                mark = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                if (mark == "//") break
                if (mark == "/*") { in_comment = 1; continue }
                quote = mark == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^\x27\\\\]|\\\\.)*\x27"
                line = match(line, quote) ? substr(line, RLENGTH + 1) : ""
                out = out mark mark
            } else { out = out line; line = "" }
        }
        if (out != "") print FILENAME ":" FNR ":" out
    }' "${files[@]}")
}

# grep that is content with finding nothing.
meta_grep() {
    grep "$@" || [ $? -eq 1 ]
}

meta_self_test() {
    local tree faults
    tree=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$tree'" EXIT
    clean "$tree"
    faults=$(check "$tree")
    if [ -n "$faults" ]; then
        printf 'self-test: faults in a clean tree:\n%s\n' "$faults" >&2
        return 1
    fi
    for fault in $(faults); do
        rm -rf "${tree:?}"/*
        clean "$tree"
        "plant_$fault" "$tree"
        faults=$(check "$tree")
        if [ "$(printf '%s' "$faults" | grep -c '')" -ne 1 ]; then
            printf 'self-test: planted "%s", found: %s\n' "$fault" "${faults:-nothing}" >&2
            return 1
        fi
    done
}

# The plant_* functions of the test.
faults() {
    declare -F | sed -n 's/^declare -f plant_//p'
}

meta_main() {
    local found
    if [ "${1-}" = --self-test ]; then
        meta_self_test
        return
    fi
    found=$(check "$@")
    if [ -n "$found" ]; then
        printf '%s\n' "$found" >&2
        return 1
    fi
}
