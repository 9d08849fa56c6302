#!/usr/bin/env bash
# Writes docs/assurance.md: what the suites try, counted from the sources and from what was run here.
#
#   scripts/assurance.sh            the counts of tests/ and of build/*; fuzz runs since the last time are added up in
#                                   tests/fuzz/runs.tsv (target, seconds, inputs), which is kept
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -f build/fuzz/runs.tsv ]; then # scripts/fuzz.sh writes it
    cat build/fuzz/runs.tsv >>tests/fuzz/runs.tsv
    rm build/fuzz/runs.tsv
fi
touch tests/fuzz/runs.tsv

# tests_in FOLDER: its cases; rows FOLDER: programs and cases.
tests_in() {
    cat "tests/$1"/test_*.c 2>/dev/null | grep -oE '(cmocka|sbx)_unit_test[a-z_]*\(' | wc -l
}

{
    echo '# Assurance'
    echo
    echo 'Made by `scripts/assurance.sh`; do not edit. What a suite holds is at the head of each of its files.'
    echo
    echo '| suite | programs | cases |'
    echo '|---|---|---|'
    for folder in unit integration escape abuse faults; do
        echo "| $folder | $(find "tests/$folder" -name 'test_*.c' | wc -l) | $(tests_in $folder) |"
    done
    echo
    echo "The probe has $(grep -hoE '^    \{"[a-z0-9-]+", "' tests/probe/*.c | wc -l) verbs."
    echo
    echo '## Fuzzing'
    echo
    echo '| target | seeds | hours | inputs tried |'
    echo '|---|---|---|---|'
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        name=${name%.c}
        awk -F'\t' -v name="$name" -v seeds="$(find "tests/fuzz/corpus/$name" -type f | wc -l)" '
            $1 == name { seconds += $2; inputs += $3 }
            END { printf "| %s | %d | %.2f | %d |\n", name, seeds, seconds / 3600, inputs }' tests/fuzz/runs.tsv
    done
    echo
    echo '## Found and mended'
    echo
    cat tests/found.txt
} >docs/assurance.md
