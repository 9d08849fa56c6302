#!/usr/bin/env bash
# What does a real build cost under sbx's default policy: natively and under sbx by turns, wall and CPU time.
#
#   bench/build_overhead.sh [--rounds N] [--tree-rounds N] [--files N] [--own-path] [--before PROGRAM] [--json FILE] [--check]
#
#   one large file       the SQLite amalgamation that the build fetched, cc -O0
#   thousands of files   a generated checkout of small C files, make -j2: many processes, many writes
#
# gcc looks for its assembler in one directory of PATH after the other, and each look is a call that the watch answers: PATH
# is that of a new Debian, or the caller's (--own-path). --before: the tree under another sbx, too. --check: exit 1 where a ratio of wall times is above 1.03.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

rounds=7 tree_rounds=3 files=3000 json='' is_check=false before='' path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
while [ $# -gt 0 ]; do
    case $1 in
    --check) is_check=true ;;
    --own-path) path=$PATH ;;
    --rounds | --tree-rounds | --files | --json | --before)
        [ $# -ge 2 ] || bench_fail "$1 needs a value"
        name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift
        ;;
    *) bench_fail "unknown option: $1" ;;
    esac
    shift
done
[ -z "$json" ] || json=$(realpath -m "$json")
[ -z "$before" ] || before=$(realpath "$before")

bench_need_sbx
bench_scratch
cc=${CC:-cc}
mkdir "$scratch/state" "$scratch/out"
export PATH=$path
export SBX_AUDIT_DB=$scratch/state/audit.db
TIMEFORMAT='%R %U %S'

# by_turns NAME ROUNDS CLEAN WAYS COMMAND…: times COMMAND natively and under sbx, CLEAN before each. Lines of "wall cpu"
# go to $scratch/NAME.native, NAME.sbx and so on.
by_turns() {
    local name=$1 count=$2 clean=$3 round way
    local ways
    read -ra ways <<<"$4"
    shift 4
    for ((round = 0; round <= count; round++)); do
        for way in "${ways[@]:round % ${#ways[@]}}" "${ways[@]:0:round % ${#ways[@]}}"; do
            $clean
            local under=()
            case $way in
            sbx) under=("$sbx" exec --quiet "${roots[@]}" --) ;;
            before) under=("$before" exec --quiet --audit-db "$scratch/state/before.db" "${roots[@]}" --) ;;
            esac
            { time "${under[@]}" "$@" </dev/null >"$scratch/log" 2>&1 || touch "$scratch/failed"; } 2>"$scratch/time"
            if [ -e "$scratch/failed" ]; then
                tail -n 20 "$scratch/log" >&2
                bench_fail "$name, $way: the build failed"
            fi
            # The first round warms the caches and does not count.
            if ((round > 0)); then
                awk '{ printf "%.3f %.3f\n", $1, $2 + $3 }' "$scratch/time" >>"$scratch/$name.$way"
            fi
        done
    done
}

# median FILE COLUMN
median() {
    awk -v column="$2" '{ print $column }' "$1" | sort -n |
        awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

worst=0
json_rows=''

# report NAME WHAT ROUNDS [WAY]
report() {
    local way=${4-sbx} wall_native wall_sbx cpu_native cpu_sbx wall_ratio cpu_ratio
    wall_native=$(median "$scratch/$1.native" 1) wall_sbx=$(median "$scratch/$1.$way" 1)
    cpu_native=$(median "$scratch/$1.native" 2) cpu_sbx=$(median "$scratch/$1.$way" 2)
    wall_ratio=$(awk "BEGIN { printf \"%.4f\", $wall_sbx / $wall_native }")
    cpu_ratio=$(awk "BEGIN { printf \"%.4f\", $cpu_sbx / $cpu_native }")
    printf '%-40s %9.2f %9.2f %8.3f %9.2f %9.2f %8.3f %7d\n' "$2" "$wall_native" "$wall_sbx" "$wall_ratio" \
        "$cpu_native" "$cpu_sbx" "$cpu_ratio" "$3"
    [ "$way" = sbx ] || return 0
    worst=$(awk "BEGIN { print ($wall_ratio > $worst ? $wall_ratio : $worst) }")
    json_rows+="${json_rows:+,}
  {\"name\": \"$1\", \"rounds\": $3, \"wall_native_s\": $wall_native, \"wall_sbx_s\": $wall_sbx,"
    json_rows+=" \"wall_ratio\": $wall_ratio, \"cpu_native_s\": $cpu_native, \"cpu_sbx_s\": $cpu_sbx,"
    json_rows+=" \"cpu_ratio\": $cpu_ratio}"
}

no_cleaning() { :; }

clean_tree() {
    find "$tree" -name '*.o' -delete
}

make_tree() {
    local i directory
    tree=$scratch/tree
    for ((i = 0; i < files; i++)); do
        directory=$tree/part$((i % 40))
        [ -d "$directory" ] || mkdir -p "$directory"
        printf '#include "../common.h"\nint part_%d(int x)\n{\n    return shared(x) + %d;\n}\n' $i $i \
            >"$directory/file$i.c"
    done
    printf 'static inline int shared(int x)\n{\n    return x * 3;\n}\n' >"$tree/common.h"
    # shellcheck disable=SC2016 # for make
    printf '%s\n' 'objects := $(patsubst %.c,%.o,$(wildcard part*/*.c))' 'all: $(objects)' \
        '%.o: %.c common.h' "	$cc -O0 -c \$< -o \$@" >"$tree/Makefile"
}

echo "builds as $(id -un), $(bench_facts | sed -n 's/^cpu=//p'), $(nproc) CPUs, Linux $(uname -r), $($cc --version | head -n 1)"
printf '%-40s %9s %9s %8s %9s %9s %8s %7s\n' 'seconds, medians' native sbx ratio 'cpu nat.' 'cpu sbx' ratio rounds

source=$(dirname "$(dirname "$sbx")")/sqlite
[ -f "$source/sqlite3.c" ] || source=$root/build/release/sqlite
if [ -f "$source/sqlite3.c" ]; then
    cp "$source/sqlite3.c" "$source/sqlite3.h" "$scratch"
    roots=(--read "$scratch" --write "$scratch/out")
    cd "$scratch/out"
    by_turns sqlite "$rounds" no_cleaning "native sbx" "$cc" -O0 -c "$scratch/sqlite3.c" -o sqlite3.o
    report sqlite 'one large file (SQLite, cc -O0)' "$rounds"
else
    echo "bench: there is no sqlite3.c in $source: left out" >&2
fi

make_tree
roots=(--write "$tree")
cd "$tree"
by_turns tree "$tree_rounds" clean_tree "native sbx${before:+ before}" make -j2 -s
report tree "$files small files (make -j2)" "$tree_rounds"
[ -z "$before" ] || report tree "the same, before" "$tree_rounds" before

if [ -n "$json" ]; then
    printf '{"version": 1, "builds": [%s\n]}\n' "$json_rows" >"$json"
fi
if $is_check && awk "BEGIN { exit !($worst > 1.03) }"; then
    bench_fail "the worst ratio is $worst, above 1.03"
fi
