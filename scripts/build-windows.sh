#!/usr/bin/env bash
# Makes the Windows programs on Debian (12 and its relatives), with mingw-w64, and a zip of what a user needs.
#
#   scripts/build-windows.sh            gives build/mingw/bin/sbx.exe, sbx-runner.exe, sbx-setup.exe, sbx-trace.dll and
#                                       build/mingw/sbx-windows-x86_64.zip
#
# Installs the toolchain where it is missing (not root: by sudo). The libraries are built from pinned sources;
# see cmake/sqlite.cmake and cmake/debian_source.cmake. Tests run under Wine: scripts/test-windows.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
need() {
    command -v "$2" >/dev/null 2>&1 || packages+=("$1")
}
need gcc-mingw-w64-x86-64-win32 x86_64-w64-mingw32-gcc
need cmake cmake
need ninja-build ninja
need npm npm
need zip zip
if [ ${#packages[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
    fi
    echo "build-windows: installing ${packages[*]}"
    "${as_root[@]}" apt-get -qq update >/dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install ca-certificates "${packages[@]}" </dev/null >/dev/null
fi

cmake --preset mingw --log-level=WARNING >/dev/null
cmake --build --preset mingw -j "$(nproc)" -- --quiet

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/sbx"
cp build/mingw/bin/{sbx.exe,sbx-runner.exe,sbx-setup.exe,sbx-trace.dll} LICENSE docs/windows.md docs/exit-codes.md docs/policy.md docs/policy.schema.json "$stage/sbx/"
x86_64-w64-mingw32-strip "$stage"/sbx/*.exe "$stage"/sbx/*.dll
archive=$PWD/build/mingw/sbx-windows-x86_64.zip
rm -f "$archive"
(cd "$stage" && zip -q -X -r "$archive" sbx)
ls -l "$archive"
