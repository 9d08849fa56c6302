#!/usr/bin/env bash
# make, with every recipe under sbx.
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
need make
install_sbx

mkdir "$place/work/tree"
cd "$place/work/tree"
make -f "$source_dir/examples/make/Makefile" -j2 >out 2>&1 || fail "$(cat out)"
grep -q 'sorted 3 words' out || fail "$(cat out)"
[ "$(head -n 1 words.sorted)" = apple ] || fail "words.sorted: $(cat words.sorted)"
make -f "$source_dir/examples/make/Makefile" outside >out 2>&1 && fail "a recipe could write outside"
[ ! -e ../outside.txt ] || fail "a recipe wrote outside"
expect_runs 4 build=make
