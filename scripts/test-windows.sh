#!/usr/bin/env bash
# Builds the Windows programs and runs their tests under Wine, without a screen.
#
#   scripts/test-windows.sh [CTEST-ARGUMENT…]
#
# Installs mingw-w64 and Wine where they are missing (Debian: 100 MB and 8 s each on a fast line). Wine's prefix lies
# in the build directory, and only its own server is ended, and with it every program of that prefix. Where Wine cannot be had the tests are skipped (exit
# 77); with SBX_MUST_WORK=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

wine=/usr/lib/wine/wine64
server=/usr/lib/wine/wineserver64

scripts/build-windows.sh

if [ ! -x "$wine" ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo -n)
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install wine64 </dev/null >/dev/null 2>&1 || true
    cmake --preset mingw --log-level=WARNING >/dev/null # finds it
fi
if [ ! -x "$wine" ] || [ ! -x "$server" ]; then
    echo "test-windows: there is no Wine here (package wine64), so nothing was run" >&2
    if [ "${SBX_MUST_WORK-}" = 1 ]; then
        exit 1
    fi
    exit 77
fi

export WINEPREFIX=$PWD/build/mingw/wine WINEDEBUG=-all WINEDLLOVERRIDES="winedbg.exe,mscoree,mshtml=d"
unset DISPLAY
stop_server() {
    "$server" -k >/dev/null 2>&1 || true
}
trap stop_server EXIT
# A server that stays, and one run that nobody waits for: what starts it would hold a test's pipe open.
mkdir -p "$WINEPREFIX"
"$server" -p
timeout 300 "$wine" wineboot -i </dev/null >/dev/null 2>&1
ctest --preset mingw -j 2 "$@"
