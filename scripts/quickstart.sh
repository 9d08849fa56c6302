#!/usr/bin/env bash
# Installs what is missing, builds, and does the main job on real input: four commands under sbx, of which one
# is good and three are stopped, and then what the audit database says about them.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup-deps.sh
echo "Building …"
cmake --preset release --log-level=WARNING
cmake --build --preset release -j "$(nproc)" --target sbx -- --quiet

# What is shown lives below one directory: out/ may be written, outside/ may not.
clone=$PWD
demo=$clone/build/quickstart
rm -rf "$demo"
mkdir -p "$demo/out" "$demo/outside" "$demo/state"
PATH=$clone/build/release/bin:$PATH
source=$clone/build/release/sqlite
database=$demo/state/audit.db
cd "$demo"

# The command line as one would type it, with paths relative to the clone.
show() {
    local word line='$'
    for word in "$@"; do
        word=${word#"$clone"/}
        if [[ $word =~ ^[[:alnum:]_./:=,+-]+$ ]]; then
            line+=" $word"
        else
            line+=" '$word'"
        fi
    done
    printf '%s\n' "$line"
}

# run "WHAT" EXPECTED-EXIT COMMAND…: EXPECTED-EXIT is a number, or "not 0".
run() {
    local what=$1 expected=$2 code=0
    shift 2
    printf '\n# %s\n' "$what"
    show "$@"
    "$@" </dev/null || code=$?
    echo "exit $code"
    if [ "$code" = "$expected" ] || { [ "$expected" = "not 0" ] && [ "$code" -ne 0 ] && [ "$code" -ne 125 ]; }; then
        return
    fi
    echo "quickstart: expected exit $expected" >&2
    exit 1
}

export SBX_AUDIT_DB=$database

run "A real job: compile SQLite, a quarter of a million lines of C" 0 \
    sbx exec --mem 2G --cpus 2 --procs 64 --wall 120s --read "$source" --write out -- \
    cc -O0 -c "$source/sqlite3.c" -o out/sqlite3.o
test -s out/sqlite3.o

run "More memory than it may have" 137 \
    sbx exec --mem 64M --wall 60s --write out -- \
    sh -c 'head -c 400M /dev/zero | tail -c 400M | wc -c'

run "A write outside its root" "not 0" \
    sbx exec --wall 60s --read . --write out -- sh -c 'echo stolen > outside/file'
if [ -e outside/file ]; then
    echo "quickstart: outside/file was written" >&2
    exit 1
fi

run "A connection to the network" "not 0" \
    sbx exec --wall 60s --write out -- bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'

run "What happened" 0 sbx audit ls
run "What was denied" 0 sbx audit denials

# The record is the point: four runs, and the two attempts among the denials.
rows=$(sbx audit ls --jsonl | wc -l)
denials=$(sbx audit denials --jsonl)
if [ "$rows" -ne 4 ]; then
    echo "quickstart: $rows runs in the audit database, expected 4" >&2
    exit 1
fi
for target in outside/file 192.0.2.1; do
    if ! grep -qF "$target" <<<"$denials"; then
        echo "quickstart: no denial names $target" >&2
        exit 1
    fi
done
printf '\nDone. The program is build/release/bin/sbx, the database %s\n' "$database"
