#!/usr/bin/env bash
# What does it cost to start /bin/true: by itself, under bubblewrap and firejail, and under sbx with everything on.
#
#   bench/run.sh [--json FILE] [--runs N] [--cold-runs N] [--gap-ms N] [--quick] [--before PROGRAM]
#
# Builds build/release if it is missing, and installs what it compares with where it may. Runs as whoever calls
# it: root and an ordinary user are different launches (see README.md). SBX=PROGRAM measures another sbx; --before adds one,
# by turns with the others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/common.sh
. "$here/common.sh"

options=() before=''
while [ $# -gt 0 ]; do
    case $1 in
    --quick) options+=(--runs 40 --cold-runs 10) ;;
    --json | --runs | --cold-runs | --gap-ms | --before)
        [ $# -ge 2 ] || bench_fail "$1 needs a value"
        if [ "$1" = --json ]; then
            options+=(--json "$(realpath -m "$2")")
        elif [ "$1" = --before ]; then
            before=$(realpath "$2")
        else
            options+=("$1" "$2")
        fi
        shift
        ;;
    *) bench_fail "unknown option: $1" ;;
    esac
    shift
done

bench_need_sbx
bench_need_peers
bench_scratch
launch=$scratch/launch
bench_compile "$launch" launch.c report.c
while IFS= read -r fact; do
    options+=(--fact "$fact")
done < <(bench_facts)

true=/bin/true
mkdir "$scratch/state"
database=$scratch/state/audit.db
cd / # where nobody works: sbx's default policy has no writable root

contestants=(@nothing "$true" @env /usr/bin/env "$true")
base=nothing

if bench_works "${bench_bwrap[@]}"; then
    base=bwrap
    contestants+=(@bwrap "${bench_bwrap[@]}")
fi
firejail=(firejail --quiet --noprofile --net=none --private-tmp --private-dev --read-only=/ --caps.drop=all
    --seccomp --nonewprivs --ipc-namespace -- "$true")
if bench_works "${firejail[@]}"; then
    contestants+=(@firejail "${firejail[@]}")
fi

whole=("$sbx" exec --audit-db "$database" "${bench_limits[@]}" -- "$true")
"${whole[@]}" </dev/null || bench_fail "this does not work: ${whole[*]}"
contestants+=("@sbx, all of it" "${whole[@]}")
if [ -n "$before" ]; then
    contestants+=("@the same, before" "$before" exec --audit-db "$scratch/state/before.db" "${bench_limits[@]}" -- "$true")
fi
contestants+=("@sbx, not watching" "$sbx" exec --audit-db "$database" "${bench_limits[@]}" --no-watch -- "$true")
contestants+=("@sbx, no limits" "$sbx" exec --audit-db "$database" -- "$true")
# A database below a file that is no directory cannot be opened: the run is done all the same, unrecorded.
unrecorded=(--audit best-effort --audit-db /dev/null/none)
contestants+=("@sbx, no audit" "$sbx" exec "${unrecorded[@]}" "${bench_limits[@]}" -- "$true")
contestants+=("@sbx, none of these" "$sbx" exec "${unrecorded[@]}" --no-watch -- "$true")
if [ "$(id -u)" -eq 0 ]; then
    contestants+=("@sbx, identity self" "$sbx" exec --identity self --audit-db "$database" "${bench_limits[@]}" --
        "$true")
fi
contestants+=("@sbx --version" "$sbx" --version)

echo "/bin/true as $(id -un), $(bench_facts | sed -n 's/^cpu=//p'), $(nproc) CPUs, Linux $(uname -r)"
"$launch" --base "$base" "${options[@]}" "${contestants[@]}"
