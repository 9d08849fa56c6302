# What the benchmarks share. Sourced by bash; expects $here (bench/) and $root (the checkout).

bench_fail() {
    echo "bench: $*" >&2
    exit 1
}

# sbx: $SBX, or the release build, which is made where it is missing.
bench_need_sbx() {
    sbx=${SBX-$root/build/release/bin/sbx}
    if [ ! -x "$sbx" ]; then
        [ -z "${SBX-}" ] || bench_fail "SBX=$SBX is no program"
        "$root/scripts/setup-deps.sh" --bench
        (cd "$root" && cmake --preset release --log-level=WARNING &&
            cmake --build --preset release --target sbx -- --quiet)
    fi
    sbx=$(realpath "$sbx")
    unset SBX_AUDIT_DB
}

# bubblewrap, firejail and GNU parallel, where this caller may install them.
bench_need_peers() {
    if command -v bwrap >/dev/null && command -v firejail >/dev/null && command -v parallel >/dev/null; then
        return
    fi
    if [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; then
        "$root/scripts/setup-deps.sh" --bench || true
    fi
    for peer in bwrap firejail parallel; do
        command -v $peer >/dev/null || echo "bench: $peer is not here: left out" >&2
    done
}

# scratch: a directory of this run, gone at its end.
bench_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/sbx-bench.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
}

# bench_compile OUTPUT SOURCE…: of bench/.
bench_compile() {
    local output=$1
    shift
    "${CC:-cc}" -std=c17 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$root" -o "$output" "${@/#/$here/}"
}

# What a run of sbx is limited to, and the nearest policy that bubblewrap can express: read-only world, private temp, its own
# namespaces, no capabilities. It has no limits, no secrets, no record; no second wall; no filter without one made by hand.
bench_limits=(--mem 1G --procs 64 --wall 60s)
bench_bwrap=(bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /var/tmp
    --unshare-all --die-with-parent --new-session --cap-drop ALL -- /bin/true)

# bench_works COMMAND…: it is here, and does what it is asked.
bench_works() {
    command -v "$1" >/dev/null && "$@" </dev/null >/dev/null 2>&1
}

# KEY=VALUE lines about the machine and what is measured on it.
bench_facts() {
    echo "cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
    echo "cpus=$(nproc)"
    echo "memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
    echo "kernel=$(uname -r)"
    echo "system=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
    echo "user=$(id -un)"
    echo "date=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    echo "load=$(cut -d' ' -f1-3 /proc/loadavg)"
    echo "sbx=$("$sbx" --version 2>/dev/null | head -n 1)"
    if command -v bwrap >/dev/null; then
        echo "bwrap=$(bwrap --version)"
    fi
    if command -v firejail >/dev/null; then
        echo "firejail=$(firejail --version 2>/dev/null | head -n 1)"
    fi
}
