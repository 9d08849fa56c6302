#!/usr/bin/env bash
# Makes the guest that tests/guest boots: vmlinuz, initrd.img and root.img (a file system of its own, on no
# partition) in a directory. Nothing of this machine is mounted and nothing is downloaded but Debian's packages.
#
#   tests/guest/image.sh DIRECTORY SUITE [KERNEL-SUITE]
#
# SUITE         Debian's, such as bookworm; its systemd, C library and libraries
# KERNEL-SUITE  where the kernel comes from, such as trixie-backports; else SUITE
#
# Root makes it in a mount namespace of its own; another user by user namespaces and fakeroot.
# shellcheck disable=SC2016 # what is quoted is for the hooks' shells
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

out=$1
suite=$2
kernel_suite=${3-}

# What the tests are linked with, what runs them, and what a logged-in user has on a Debian machine.
packages=systemd,systemd-sysv,udev,dbus,dbus-user-session,libpam-systemd,systemd-container,login,util-linux
packages+=,procps,kmod,apparmor,auditd,initramfs-tools,libseccomp2,libjansson4,libsodium23,libcmocka0,libsystemd0,cmake

scratch=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

as_owner=() # keeps the owners of the unpacked files
[ "$(id -u)" -eq 0 ] || as_owner=(fakeroot)

options=(--variant=minbase --format=tar)
if [ -n "$kernel_suite" ]; then
    # By its own entry for apt, below the suite in preference, so that only the kernel is taken from it.
    options+=(--essential-hook="sed 's/$suite/$kernel_suite/g' \"\$1/etc/apt/sources.list\" | grep -m1 ' $kernel_suite ' \
        >\"\$1/etc/apt/sources.list.d/kernel.list\""
        --customize-hook="chroot \"\$1\" apt-get -q update"
        --customize-hook="chroot \"\$1\" apt-get -qy --no-install-recommends -t $kernel_suite install linux-image-cloud-amd64")
else
    packages+=,linux-image-cloud-amd64
fi
# The drivers of QEMU's virtio devices are all that the initial RAM disk needs: a tenth of the usual one to unpack.
options+=(--customize-hook="upload $here/initramfs.conf /etc/initramfs-tools/conf.d/guest"
    --customize-hook="upload $here/modules /etc/initramfs-tools/modules"
    --customize-hook='chroot "$1" update-initramfs -u'
    --customize-hook="upload $here/sbx-guest.service /etc/systemd/system/sbx-guest.service"
    --customize-hook='chroot "$1" systemctl enable sbx-guest.service'
    --customize-hook='chroot "$1" systemctl mask getty@.service serial-getty@.service apt-daily.timer apt-daily-upgrade.timer \
        systemd-networkd-wait-online.service auditd.service'
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash --user-group sbx-test'
    --customize-hook='echo sbx-guest >"$1/etc/hostname"; echo "127.0.0.1 localhost sbx-guest" >"$1/etc/hosts"')

mmdebstrap "${options[@]}" --include="$packages" "$suite" "$scratch/root.tar"

mkdir "$scratch/root" "$scratch/image"
"${as_owner[@]}" sh -euc '
    tar -C "$1/root" -xf "$1/root.tar" --exclude="./dev/*"
    rm "$1/root.tar"
    cp "$1"/root/boot/vmlinuz-* "$1/image/vmlinuz"
    cp "$1"/root/boot/initrd.img-* "$1/image/initrd.img"
    rm -rf "$1"/root/boot/* "$1"/root/var/cache/apt/* "$1"/root/usr/share/doc/*
    mke2fs -q -t ext4 -L sbx-root -d "$1/root" "$1/image/root.img" 3G' sh "$scratch"
rm -rf "$out"
mv "$scratch/image" "$out"
