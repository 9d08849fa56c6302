#!/usr/bin/env bash
# Writes docs/assurance.md: what the suites try, counted from the sources and from what was run here.
#
#   scripts/assurance.sh            the counts of tests/ and of build/*; what was run since the last time is added up in
#                                   tests/fuzz/runs.tsv (target, seconds, inputs) and tests/faults/tally.tsv (what was done
#                                   to sbx, in how many tests, how often, how often at most in one), which are kept
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -f build/fuzz/runs.tsv ]; then # scripts/fuzz.sh writes it
    cat build/fuzz/runs.tsv >>tests/fuzz/runs.tsv
    rm build/fuzz/runs.tsv
fi
touch tests/fuzz/runs.tsv tests/faults/tally.tsv

if [ -f build/tally.tsv ]; then # scripts/test.sh has the tests write it
    awk -F'\t' -v OFS='\t' '
        { tests[$1] += NF > 2 ? $2 : 1; total[$1] += NF > 2 ? $3 : $2; most = NF > 2 ? $4 : $2 }
        most > largest[$1] { largest[$1] = most }
        END { for (what in tests) print what, tests[what], total[what], largest[what] }
    ' tests/faults/tally.tsv build/tally.tsv | LC_ALL=C sort >build/tally.new
    mv build/tally.new tests/faults/tally.tsv
    rm build/tally.tsv
fi

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
    echo '## Done to sbx'
    echo
    echo 'What a suite did to it, one at a time, and then looked for what a row lacks and what is left on the host. *In one*: at most in'
    echo 'one test; where a test does the same to several commands or errors, each counts as one.'
    echo
    echo '| what | tests | times | in one |'
    echo '|---|---|---|---|'
    awk -F'\t' '{ printf "| %s | %d | %d | %d |\n", $1, $2, $3, $4 }' tests/faults/tally.tsv
    echo
    echo '## Found and mended'
    echo
    cat tests/found.txt
} >docs/assurance.md
