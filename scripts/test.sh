#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test:
#   release             as the caller
#   release             as the unprivileged user sbx-test, where the caller is root
#   debug (sanitizers)  as the caller, and as sbx-test the same way
#   mingw               the Windows programs, under Wine (scripts/test-windows.sh)
#
#   scripts/test.sh [CTEST-ARGUMENT…]      such as -L unit, -R limits
#
# Root makes the user sbx-test where there is none and leaves it (another test run may be using it; userdel -r
# sbx-test takes it away). It runs installed copies of the test programs in its own home, because the clone
# may lie where it cannot enter. CI=true sets SBX_MUST_WORK=1: a test that skips has failed. How often something was done
# to sbx goes to build/tally.tsv, for scripts/assurance.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

user=sbx-test
jobs=$(nproc)
scratch=

if [ "${CI-}" = true ]; then
    export SBX_MUST_WORK=1
fi

clean_up() {
    if [ -n "$scratch" ]; then
        rm -rf "$scratch"
    fi
}
trap clean_up EXIT

say() {
    printf '\n=== %s\n' "$*"
}

failures=0
summary=()

# run_tests TITLE COMMAND…: runs ctest somehow; its verdict is said again at the end.
run_tests() {
    local title=$1 log=$scratch/log
    shift
    say "tests: $title"
    "$@" </dev/null 2>&1 | tee "$log" || failures=$((failures + 1))
    summary+=("$title: $(grep ' tests passed, ' "$log" || echo "ctest did not finish")")
}

# Root's scratch is in the user's home: the user can enter it, and it is not /tmp, which is private inside sbx.
make_scratch() {
    if [ "$(id -u)" -ne 0 ]; then
        scratch=$(mktemp -d)
        return
    fi
    if ! id -u "$user" >/dev/null 2>&1; then
        useradd --user-group --create-home --home-dir "/home/$user" --shell /usr/sbin/nologin "$user"
    fi
    scratch=$(mktemp -d "$(getent passwd "$user" | cut -d: -f6)/run.XXXXXX")
    chmod 0755 "$scratch"
}

# as_user PRESET [CTEST-ARGUMENT…]: the installed tests of a build, by the user, in a home of its own.
as_user() {
    local preset=$1 place=$scratch/$1 code=0
    shift
    cmake --install "build/$preset" --component tests --prefix "$place" >/dev/null
    mkdir "$place/home"
    chown -R "$user:$user" "$place"
    (
        cd "$place"
        setpriv --reuid="$user" --regid="$user" --clear-groups \
            env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$place/home" USER="$user" LOGNAME="$user" \
            LANG=C.UTF-8 ${CI+CI="$CI"} ${SBX_MUST_WORK+SBX_MUST_WORK="$SBX_MUST_WORK"} \
            SBX_TEST_TALLY="$place/tally.tsv" \
            ctest --test-dir "$place" --output-on-failure --no-tests=error -j "$jobs" "$@"
    ) || code=$?
    cat "$place/tally.tsv" >>"$SBX_TEST_TALLY" 2>/dev/null || true # nothing that is counted was among the tests
    return "$code"
}

# Skipped where there is no Wine, unless tests must work.
under_wine() {
    scripts/test-windows.sh --no-tests=ignore "$@" || [ $? -eq 77 ]
}

scripts/setup-deps.sh --test
for preset in release debug; do
    say "build: $preset"
    cmake --preset "$preset" --log-level=WARNING
    cmake --build --preset "$preset" -j "$jobs" -- --quiet
done

make_scratch
export SBX_TEST_TALLY=$PWD/build/tally.tsv
for preset in release debug; do
    run_tests "$preset, as $(id -un)" ctest --preset "$preset" -j "$jobs" "$@"
    if [ "$(id -u)" -eq 0 ]; then
        run_tests "$preset, as $user" as_user "$preset" "$@"
    fi
done
run_tests "mingw, under Wine" under_wine "$@"

say "summary"
printf '%s\n' "${summary[@]}"
[ "$failures" -eq 0 ]
