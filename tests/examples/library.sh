#!/usr/bin/env bash
# libsbx as it is installed: what it exports and needs, and the example runners built and run against that tree, shared,
# static, by pkg-config, by CMake's find_package, from Python, and after the tree was moved.
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
need cc pkg-config nm readelf python3
install_sbx

library_dir=$(dirname "$(find "$prefix" -name libsbx.so)")
library=$library_dir/libsbx.so.0
PKG_CONFIG_PATH=$library_dir/pkgconfig
export PKG_CONFIG_PATH

# Exactly what the header declares, under a soname, with the C library alone.
header=$prefix/include/sbx/sbx.h
declared=$(tr '\n' ' ' <"$header" | grep -oE 'SBX_API [^;{}]*;' | grep -oE 'sbx_[a-z_]+\(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | sort -u)
[ "$declared" = "$exported" ] || fail "declared: $declared; exported: $exported"
[ "$(wc -l <<<"$declared")" -ge 12 ] || fail "the header declares: $declared"
readelf -d "$library" | grep -q 'SONAME.*\[libsbx\.so\.0\]' || fail "no soname"
[ "$(readelf -d "$library" | grep -c NEEDED)" -eq "$(readelf -d "$library" | grep -c 'NEEDED.*\[\(libc\.so\.6\|ld-linux.*\)\]')" ] ||
    fail "needs more than the C library: $(readelf -d "$library" | grep NEEDED)"
[ "$(wc -l <"$source_dir/examples/runner.c")" -le 60 ] || fail "runner.c has more than 60 lines"
[ "$(wc -l <"$source_dir/examples/runner.py")" -le 60 ] || fail "runner.py has more than 60 lines"
echo '#include <sbx/sbx.h>' | cc -std=c99 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -xc -fsyntax-only -
if command -v c++ >/dev/null; then
    echo '#include <sbx/sbx.h>' | c++ -pedantic -Wall -Wextra -Werror -I"$prefix/include" -xc++ -fsyntax-only -
fi

cat >"$place/commands" <<'END'
echo hello
exit 3
kill -9 $$
touch /made 2>/dev/null || echo held
END

# check_c PROGRAM [ENVIRONMENT…]
check_c() {
    local program=$1 out code=0
    shift
    out=$(env "$@" "$program" "$place/commands") || code=$?
    [ "$code" -eq 1 ] || fail "$program: exit $code: $out"
    [ "$(sort <<<"$out" | sed 's/, [0-9.]* ms//')" = "1: ok, exit 0, 6 bytes of output
2: nonzero, exit 3, 0 bytes of output
3: signal, exit 137, 0 bytes of output
4: ok, exit 0, 5 bytes of output" ] || fail "$program: $out"
}

cd "$place/work"
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror -o shared "$source_dir/examples/runner.c" $(pkg-config --cflags --libs sbx)
check_c ./shared LD_LIBRARY_PATH="$library_dir"
cc -Wall -Wextra -Werror -o static "$source_dir/examples/runner.c" -I"$prefix/include" "$library_dir/libsbx.a" -ldl -pthread
check_c ./static # finds the program by PATH

out=$(LIBSBX=$library "$source_dir/examples/runner.py" "$place/commands" | sort) && fail "runner.py: exit 0"
[ "$out" = "echo hello -> ok  0 b'hello\\n'
exit 3 -> nonzero  3 b''
kill -9 \$\$ -> signal  137 b''
touch /made 2>/dev/null || echo held -> ok  0 b'held\\n'" ] || fail "runner.py: $out"

mkdir cmake
cat >cmake/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(sbx 0.1 REQUIRED)
add_executable(by_cmake ${RUNNER})
target_link_libraries(by_cmake PRIVATE sbx::sbx)
add_executable(by_cmake_static ${RUNNER})
target_link_libraries(by_cmake_static PRIVATE sbx::sbx_static)
END
{ cmake -S cmake -B by_cmake -DCMAKE_PREFIX_PATH="$prefix" -DRUNNER="$source_dir/examples/runner.c" &&
    cmake --build by_cmake; } >log 2>&1 || fail "find_package: $(cat log)"
check_c by_cmake/by_cmake
check_c by_cmake/by_cmake_static

mv "$prefix" "$place/moved"
check_c ./shared LD_LIBRARY_PATH="${library_dir/#$prefix/$place/moved}" PATH=/usr/bin:/bin
