#!/usr/bin/env bash
# Runs the tests in a virtual machine: Debian with systemd and pure cgroup v2, by QEMU, with KVM or without. What is
# built in build/release is tested (built first), as root and as a logged-in user, see tests/guest/inside.sh.
#
#   scripts/test-guest.sh [CTEST-ARGUMENT…]   such as -R limits; none: labels integration, escape, abuse, guest
#   scripts/test-guest.sh --shell             a root shell in the guest, on this terminal
#
#   SBX_GUEST_RUNS="root user …"    which of the runs
#   SBX_GUEST_SUITE=bookworm        Debian's
#   SBX_GUEST_KERNEL=SUITE          its kernel from another suite, such as bookworm-backports
#   SBX_GUEST_KVM=0                 without KVM, where it is there and does not work (a guest's own, say)
#   SBX_GUEST_MINUTES=120           after that the guest is ended, and the test has failed
#   SBX_MUST_WORK=1                 also where QEMU is missing
#
# Exit 77: skipped, QEMU or what makes the guest is not here (scripts/setup-deps.sh --guest gets it). The guest is
# made once and kept in build/guest; it never changes, what is written in it is thrown away.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${SBX_GUEST_SUITE-bookworm}
kernel=${SBX_GUEST_KERNEL-}
minutes=${SBX_GUEST_MINUTES-120}
runs=${SBX_GUEST_RUNS-root user service refused}
must_work=${SBX_MUST_WORK-0}

scratch=
qemu=
clean_up() {
    [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
    [ -z "$scratch" ] || rm -rf "$scratch"
}
trap clean_up EXIT

skip() {
    echo "skipped: $*" >&2
    [ "$must_work" = 1 ] && exit 1
    exit 77
}

needed=(qemu-system-x86_64 mmdebstrap mke2fs)
[ "$(id -u)" -eq 0 ] || needed+=(fakeroot)
for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || skip "$program is not installed (scripts/setup-deps.sh --guest)"
done

# The guest, by everything that it is made of.
guest=build/guest/$suite-$({
    echo "$suite $kernel"
    cat tests/guest/{image.sh,initramfs.conf,modules,sbx-guest.service}
} | sha256sum | cut -c1-16)
if [ ! -e "$guest/root.img" ]; then
    echo "making the guest $guest"
    mkdir -p build/guest
    if ! tests/guest/image.sh "$guest" "$suite" "$kernel" >build/guest/image.log 2>&1; then
        tail -n 20 build/guest/image.log >&2
        skip "the guest could not be made, see build/guest/image.log"
    fi
fi

if [ -z "${SBX_GUEST_BUILT-}" ]; then
    cmake --preset release --log-level=WARNING
    cmake --build --preset release -- --quiet
fi

# The second disk: the tests, and what to do with them.
scratch=$(mktemp -d build/guest/run.XXXXXX)
mkdir "$scratch/disk" "$scratch/disk/guest"
cmake --install build/release --component tests --prefix "$scratch/disk/tree" >/dev/null
cp tests/guest/inside.sh "$scratch/disk/guest"

machine=(-accel "tcg,thread=multi" -cpu Nehalem) # without AVX, which costs TCG more than it brings
slow=20
if [ -w /dev/kvm ] && [ "${SBX_GUEST_KVM-1}" = 1 ]; then
    machine=(-accel kvm -cpu host)
    slow=2
fi
is_shell=
if [ "${1-}" = --shell ]; then
    is_shell=1
    : >"$scratch/disk/guest/shell"
    shift
fi
[ $# -gt 0 ] || set -- -L 'integration|escape|abuse|guest'
{
    printf 'runs=(%s)\nslow=%s\nmust_work=%s\narguments=(' "$runs" "${SBX_GUEST_SLOW-$slow}" "$must_work"
    printf '%q ' "$@"
    printf ')\n'
} >"$scratch/disk/guest/settings"
mke2fs -q -t ext4 -L sbx-tests -d "$scratch/disk" "$scratch/tests.img" 400M

report=build/guest/report.log
console=build/guest/console.log
: >"$report"
# boot CHARDEV: the report goes there; TMPDIR has what the guest writes to its disk.
boot() {
    TMPDIR=$PWD/$scratch exec qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
        -machine q35 "${machine[@]}" -smp 2 -m 2G \
        -kernel "$guest/vmlinuz" -initrd "$guest/initrd.img" \
        -append "root=LABEL=sbx-root rw console=ttyS0 loglevel=4 mitigations=off panic=-1 \
            systemd.show_status=no systemd.default_timeout_start_sec=900 systemd.default_device_timeout_sec=900" \
        -drive "file=$guest/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
        -drive "file=$scratch/tests.img,format=raw,if=virtio,cache=unsafe" \
        -serial "file:$console" -device virtio-serial-pci -chardev "$1,id=report" \
        -device virtserialport,chardev=report,name=sbx.report
}
if [ -n "$is_shell" ]; then
    (boot stdio,signal=off)
    exit
fi
started=$SECONDS
boot "file,path=$report" </dev/null &
qemu=$!
tail --pid="$qemu" -n +1 -f "$report" &
while kill -0 "$qemu" 2>/dev/null && [ $((SECONDS - started)) -lt $((minutes * 60)) ]; do
    sleep 1
done
kill "$qemu" 2>/dev/null && echo "the guest was ended after $minutes minutes" >&2
wait "$qemu" || true
qemu=
wait
echo "the guest ran for $((SECONDS - started)) s; its console is in $console, all of the above in $report"
grep -qx 'guest: 0 runs failed' <(tr -d '\r' <"$report")
