#!/usr/bin/env bash
# Meson's tests with --wrapper.
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
need cc meson ninja
install_sbx

cd "$place/work"
{ meson setup build "$source_dir/examples/meson" && meson compile -C build; } >log 2>&1 || fail "$(cat log)"
wrapper=$(sed -n "s/^# .*--wrapper '\(.*\) --'\$/\1/p" "$source_dir/examples/meson/meson.build")
[ -n "$wrapper" ] || fail "meson.build does not say how it is run"
meson test -C build --wrapper "$wrapper --label suite=meson --" >log 2>&1 && fail "all passed: $(cat log)"
for line in '^Ok: *1' '^Fail: *2'; do
    grep -q "$line" log || fail "$(cat log)"
done
[ "$(cat build/good.out)" = written ] || fail "good could not write"
expect_runs 3 suite=meson
