#!/usr/bin/env bash
# Where the time of one launch goes: the kernel's own trace of each system call of sbx, its init and the command.
# Root only. Nothing is switched on for others: a trace instance of its own, in a mount namespace of its own, with
# the launches' processes in it.
#
#   bench/steps.sh [--runs N] [OPTION-OF-SBX-EXEC…]      such as --mem 1G --no-watch; default: as in run.sh
#
# A traced call costs about a microsecond more; the last line says what tracing cost in all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

[ "$(id -u)" -eq 0 ] || bench_fail "only root may trace"
if [ "${SBX_STEPS_INSIDE-}" != 1 ]; then
    SBX_STEPS_INSIDE=1 exec unshare --mount "$0" "$@"
fi

runs=100
if [ "${1-}" = --runs ]; then
    runs=$2
    shift 2
fi
bench_need_sbx
bench_scratch
bench_compile "$scratch/launch" launch.c report.c
mkdir "$scratch/state" "$scratch/tracefs"
mount -t tracefs tracefs "$scratch/tracefs"
trace=$scratch/tracefs/instances/sbx-steps.$$
trap 'rmdir "$trace"; umount "$scratch/tracefs"; rm -rf "$scratch"' EXIT
mkdir "$trace"

command=$(realpath /bin/true)
options=("$@")
[ ${#options[@]} -gt 0 ] || options=("${bench_limits[@]}")
measure=("$scratch/launch" --runs "$runs" --cold-runs 0 --gap-ms 0)
launches=(@sbx "$sbx" exec --audit-db "$scratch/state/audit.db" "${options[@]}" -- "$command")
cd /
"${measure[@]}" --json "$scratch/untraced" "${launches[@]}" >/dev/null

echo 0 >"$trace/tracing_on"
echo 1 >"$trace/options/event-fork"
echo 65536 >"$trace/buffer_size_kb"
echo mono >"$trace/trace_clock"
for event in syscalls sched/sched_process_fork sched/sched_process_exec sched/sched_process_exit; do
    echo 1 >"$trace/events/$event/enable"
done
(
    echo $BASHPID >"$trace/set_event_pid"
    echo 1 >"$trace/tracing_on"
    exec "${measure[@]}" --json "$scratch/traced" "${launches[@]}" >/dev/null
)
echo 0 >"$trace/tracing_on"

echo "sbx exec ${options[*]} -- $command, as $(id -un), $(nproc) CPUs, Linux $(uname -r)"
awk -v sbx="$sbx" -v command="$command" -f "$here/steps.awk" "$trace/trace"
hot_median() {
    sed -n 's/.*"hot":.*"median_us": \([0-9.]*\),.*/\1/p' "$1"
}
echo
echo "with posix_spawn() and wait4() around it: $(hot_median "$scratch/untraced") us untraced, $(hot_median "$scratch/traced") us traced"
