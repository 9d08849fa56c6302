#!/usr/bin/env bash
# Is one sbx faster than another? The launch of run.sh ("all of it"), by turns, each program as several copies of its file:
# copies of one and the same program differ by up to 4 % of a launch, by how their pages came to lie in memory.
#
#   bench/compare.sh [--runs N] [--copies N] PROGRAM…      default: 150 launches of each of 5 copies
#
# Runs as whoever calls it. What is printed is compared with bubblewrap's nearest policy where that is here, else with PROGRAM 1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

runs=150 copies=5
while [ $# -gt 0 ]; do
    case $1 in
    --runs | --copies)
        [ $# -ge 2 ] || bench_fail "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    -*) bench_fail "unknown option: $1" ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || bench_fail "which programs? (bench/compare.sh PROGRAM…)"
[ $((copies * $# + 1)) -le 32 ] || bench_fail "$copies copies of $# programs and bubblewrap are more than 32: fewer with --copies"

bench_scratch
chmod 755 "$scratch"
bench_compile "$scratch/launch" launch.c report.c
unset SBX_AUDIT_DB
contestants=()
base=1.1
if bench_works "${bench_bwrap[@]}"; then
    base=bwrap
    contestants=(@bwrap "${bench_bwrap[@]}")
fi
for copy in $(seq "$copies"); do
    number=0
    for program in "$@"; do
        number=$((number + 1))
        name=$number.$copy
        mkdir "$scratch/$name"
        cp "$program" "$scratch/$name/sbx"
        run=("$scratch/$name/sbx" exec --audit-db "$scratch/$name/audit.db" "${bench_limits[@]}" -- /bin/true)
        (cd / && "${run[@]}" </dev/null) || bench_fail "this does not work: $program exec … ${bench_limits[*]} -- /bin/true"
        contestants+=("@$name" "${run[@]}")
    done
done
(cd / && "$scratch/launch" --json "$scratch/result" --base "$base" --runs "$runs" --cold-runs 0 --gap-ms 0 \
    "${contestants[@]}" >/dev/null)

printf '%d launches of each of %d copies, hot; CPU: of all processes together\n\n' "$runs" "$copies"
printf '%9s %9s   %9s   %s\n' 'mean ms' 'x base' 'CPU ms' program
awk -v base="$base" '
    function median() { match($0, /"median_us": [0-9.]+/); return substr($0, RSTART + 13, RLENGTH - 13) / 1000 }
    /"name":/ { split($2, part, "\""); name = part[2]; program = name; sub(/\..*/, "", program) }
    /"hot":/ { if (name == base) base_ms = median(); hot[program] += median(); count[program]++ }
    /"cpu":/ { cpu[program] += median() }
    END {
        for (program in hot)
            printf "%s %9.2f %9.3f   %9.2f\n", program, hot[program] / count[program],
                hot[program] / count[program] / base_ms, cpu[program] / count[program]
    }' "$scratch/result" | sort | while read -r number figures; do
    case $number in
    bwrap) name=bwrap ;;
    *) name=${!number} ;;
    esac
    read -r ms ratio cpu <<<"$figures"
    printf '%9s %9s   %9s   %s\n' "$ms" "$ratio" "$cpu" "$name"
done
