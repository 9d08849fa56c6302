#!/usr/bin/env bash
# What does it cost to run /bin/true thousands of times, two at a time: by posix_spawn(), by sbx batch run, by xargs and by
# GNU parallel with bubblewrap or firejail? And does a run cost the same in a batch of 100 and in one of 100,000?
#
#   bench/batch.sh [--runs N] [--rounds N] [--jobs N] [--flat "100 1000 10000"] [--no-compare]
#
# --runs is of each, in all rounds together (5000; slow ones: a tenth). Builds build/release where it is missing, and
# installs what it compares with where it may. SBX=PROGRAM measures another sbx.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

runs=5000
rounds=5
jobs=2
flat="100 1000 10000"
compares=true
while [ $# -gt 0 ]; do
    case $1 in
    --no-compare) compares=false ;;
    --runs | --rounds | --jobs | --flat)
        [ $# -ge 2 ] || bench_fail "$1 needs a value"
        printf -v "${1#--}" %s "$2"
        shift
        ;;
    *) bench_fail "unknown option: $1" ;;
    esac
    shift
done

bench_need_sbx
bench_need_peers
bench_scratch
bench_compile "$scratch/floor" floor.c
true=/bin/true
export SBX_AUDIT_DB=$scratch/audit.db
cd / # where nobody works: sbx's default policy has no writable root

# manifest N: of so many tasks, in $scratch/N.jsonl
manifest() {
    [ -e "$scratch/$1.jsonl" ] ||
        awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "{\"id\":\"t%d\",\"argv\":[\"/bin/true\"]}\n", i }' \
            >"$scratch/$1.jsonl"
}

# --- contestants: run_NAME N ---

run_floor() { "$scratch/floor" "$jobs" "$1" "$true"; }
run_batch() { "$sbx" batch run -q -j "$jobs" "${bench_limits[@]}" "$scratch/$1.jsonl"; }
run_batch_out() {
    rm -rf "$scratch/out"
    "$sbx" batch run -q -j "$jobs" "${bench_limits[@]}" --out "$scratch/out" "$scratch/$1.jsonl"
}
run_library() { "$scratch/library" "$sbx" "$SBX_AUDIT_DB" "$jobs" "$1" "$true"; }
run_exec() { seq "$1" | xargs -P "$jobs" -n 1 "$sbx" exec -q "${bench_limits[@]}" -- "$true"; }
run_xargs_bwrap() { seq "$1" | xargs -P "$jobs" -n 1 "${bench_bwrap[@]}"; }
run_parallel_bwrap() { seq "$1" | parallel --will-cite -j "$jobs" "${bench_bwrap[@]}"; }
firejail=(firejail --quiet --noprofile --net=none --private-tmp --private-dev --read-only=/ --caps.drop=all
    --seccomp --nonewprivs --ipc-namespace -- "$true")
run_parallel_firejail() { seq "$1" | parallel --will-cite -j "$jobs" "${firejail[@]}"; }

names=(floor batch batch_out)
declare -A describe=(
    [floor]="posix_spawn, nothing else"
    [batch]="sbx batch run"
    [batch_out]="the same, with --out"
    [library]="libsbx"
    [exec]="xargs sbx exec"
    [xargs_bwrap]="xargs bwrap"
    [parallel_bwrap]="parallel bwrap"
    [parallel_firejail]="parallel firejail"
)
library_archive=$(dirname "$(dirname "$sbx")")/lib/libsbx.a
if [ -e "$library_archive" ]; then
    "${CC:-cc}" -std=c17 -O2 -I"$root" -o "$scratch/library" "$here/batch_library.c" "$library_archive" -ldl -pthread
    names+=(library)
fi
names+=(exec)
bench_works "${bench_bwrap[@]}" && names+=(xargs_bwrap)
if command -v parallel >/dev/null; then
    bench_works "${bench_bwrap[@]}" && names+=(parallel_bwrap)
    bench_works "${firejail[@]}" && names+=(parallel_firejail)
fi

# count_of NAME: of one round. What starts a large program for each run is given a tenth.
count_of() {
    local count=$((runs / rounds))
    case $1 in exec | *bwrap | *firejail) count=$((count / 10)) ;; esac
    echo $((count > 0 ? count : 1))
}

# measure NAME: adds to ${wall[NAME]} and ${cpu[NAME]} (ms) and ${ran[NAME]}.
declare -A wall cpu ran
measure() {
    local name=$1 count used
    count=$(count_of "$name")
    manifest "$count"
    TIMEFORMAT='%R %U %S'
    used=$({ time "run_$name" "$count" >"$scratch/log" 2>&1 </dev/null || echo failed >>"$scratch/failed"; } 2>&1)
    [ ! -e "$scratch/failed" ] || bench_fail "$name: $(tail -n 3 "$scratch/log")"
    wall[$name]=$(awk -v sum="${wall[$name]-0}" '{ print sum + $1 * 1000 }' <<<"$used")
    cpu[$name]=$(awk -v sum="${cpu[$name]-0}" '{ print sum + ($2 + $3) * 1000 }' <<<"$used")
    ran[$name]=$((${ran[$name]-0} + count))
}

compare() {
    local round i name
    echo "/bin/true, $jobs at a time, by turns in $rounds rounds"
    for ((round = 0; round < rounds; round++)); do
        for ((i = 0; i < ${#names[@]}; i++)); do
            measure "${names[(i + round) % ${#names[@]}]}"
        done
    done
    printf '%-28s %8s %10s %10s %10s %9s %9s\n' "" runs runs/s "ms/run" "CPU ms" "x floor" "x bwrap"
    for name in "${names[@]}"; do
        awk -v name="${describe[$name]}" -v n="${ran[$name]}" -v wall="${wall[$name]}" -v cpu="${cpu[$name]}" \
            -v floor="${wall[floor]}" -v floor_n="${ran[floor]}" \
            -v bwrap="${wall[xargs_bwrap]-0}" -v bwrap_n="${ran[xargs_bwrap]-1}" 'BEGIN {
                of_bwrap = bwrap == 0 ? "-" : sprintf("%.2f", wall / n / (bwrap / bwrap_n))
                printf "%-28s %8d %10.1f %10.3f %10.3f %9.2f %9s\n", name, n, n * 1000 / wall, wall / n, cpu / n,
                    wall / n / (floor / floor_n), of_bwrap }'
    done
}

# peak_of PID: adds what its VmHWM is now to a file.
peak_of() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2>/dev/null >>"$2" || true
}

children_of() {
    cat "/proc/$1/task/$1/children" 2>/dev/null || true
}

# Samples until the shell PID ends, whose child is the coordinator.
watch_peaks() {
    local coordinator worker
    while kill -0 "$1" 2>/dev/null; do
        for coordinator in $(children_of "$1"); do
            peak_of "$coordinator" "$scratch/peak"
            for worker in $(children_of "$coordinator"); do
                peak_of "$worker" "$scratch/peak_worker"
            done
        done
        sleep 0.05
    done
}

# Every size has its own database, so that they differ in nothing else. CPU time says more than wall time where others
# use the machine meanwhile.
flatness() {
    local count pid
    echo
    echo "one batch with --out, by its size"
    printf '%10s %10s %10s %22s %18s\n' tasks "ms/run" "CPU ms" "coordinator peak KiB" "worker peak KiB"
    for count in $flat; do
        manifest "$count"
        rm -rf "$scratch/out" "$scratch/flat"
        mkdir "$scratch/flat"
        : >"$scratch/peak"
        : >"$scratch/peak_worker"
        (
            export SBX_AUDIT_DB=$scratch/flat/audit.db
            TIMEFORMAT='%R %U %S'
            time "$sbx" batch run -q -j "$jobs" "${bench_limits[@]}" --out "$scratch/out" "$scratch/$count.jsonl" </dev/null
        ) 2>"$scratch/used" &
        pid=$!
        watch_peaks "$pid"
        wait "$pid" || bench_fail "the batch of $count failed: $(cat "$scratch/used")"
        awk -v n="$count" -v peak="$(sort -n "$scratch/peak" | tail -n 1)" \
            -v worker="$(sort -n "$scratch/peak_worker" | tail -n 1)" '{
                printf "%10d %10.3f %10.3f %22d %18d\n", n, $1 * 1000 / n, ($2 + $3) * 1000 / n, peak, worker }' \
            "$scratch/used"
    done
}

bench_facts | sed -n 's/^\(cpu\|cpus\|kernel\|user\|load\|sbx\)=/\1: /p'
[ $compares = false ] || compare
[ -z "$flat" ] || flatness
