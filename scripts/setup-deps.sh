#!/usr/bin/env bash
# Installs what building and testing need and this machine does not have (Debian 12 and its relatives).
#
#   scripts/setup-deps.sh [--bench | --test | --fuzz | --guest]
#
#   --bench   also the programs that the benchmarks compare with
#   --test    also what the tests use: a browser, readers of batches' results, what examples/ are for, Wine
#   --fuzz    also clang with libFuzzer
#   --guest   also QEMU and what makes the guest of scripts/test-guest.sh
#
# Only what is missing is installed, and where nothing is, nothing is asked of the network. Not root: by
# sudo.
set -euo pipefail

packages=()

# need PACKAGE COMMAND: PACKAGE is wanted where COMMAND is not found.
need() {
    command -v "$2" >/dev/null 2>&1 || packages+=("$1")
}

# need_library PACKAGE MODULE: the same by pkg-config's module, which stands for header and library.
need_library() {
    pkg-config --exists "$2" 2>/dev/null || packages+=("$1")
}

need gcc cc
need cmake cmake
need ninja-build ninja
need pkg-config pkg-config
need npm npm
if ! echo 'int main(void) { return 0; }' | cc -xc -static -o /dev/null - 2>/dev/null; then
    packages+=(gcc libc6-dev)
fi
# The C library of the program: it starts faster with this one. Without it it is linked with the system's.
need musl-tools musl-gcc
need_library libseccomp-dev libseccomp
need_library libjansson-dev jansson
need_library libsodium-dev libsodium
need_library libcmocka-dev cmocka
# Optional for the build: with it, a plain user gets limits from the systemd user manager.
need_library libsystemd-dev libsystemd
if [ "${1-}" = --bench ]; then
    need bubblewrap bwrap
    need firejail firejail
    need parallel parallel
fi
if [ "${1-}" = --guest ]; then
    need qemu-system-x86 qemu-system-x86_64
    need mmdebstrap mmdebstrap
    need e2fsprogs mke2fs
    [ "$(id -u)" -eq 0 ] || need fakeroot fakeroot
fi
if [ "${1-}" = --test ]; then
    need chromium chromium
    need nodejs node
    # what reads the results of batches
    need libxml2-utils xmllint
    need python3 python3
    # a file system whose snapshots are tried
    need btrfs-progs mkfs.btrfs
    need perl prove
    # what runs commands in examples/
    need meson meson
    need parallel parallel
    need make make
    # the Windows program, and what it runs under
    if [ "$(dpkg --print-architecture)" = amd64 ]; then # elsewhere those tests are skipped
        need gcc-mingw-w64-x86-64-win32 x86_64-w64-mingw32-gcc
        need zip zip
        [ -x /usr/lib/wine/wine64 ] || packages+=(wine64) # Debian keeps it off the PATH
    fi
fi
if [ "${1-}" = --fuzz ]; then
    need clang clang
    if ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -xc -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; then
        packages+=(clang libclang-rt-14-dev)
    fi
fi
[ ${#packages[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup-deps: missing: ${packages[*]}; run this as root, or install sudo" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "setup-deps: installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# ca-certificates: npm speaks TLS, and a bare system has none.
if ! {
    "${as_root[@]}" apt-get -qq update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 install ca-certificates "${packages[@]}"
} </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "setup-deps: apt-get failed" >&2
    exit 1
fi
