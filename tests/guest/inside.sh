#!/bin/bash
# The part of scripts/test-guest.sh that runs in the guest, as root, by sbx-guest.service; what it prints comes out
# of the virtual machine through a virtio port. /srv/sbx is the second disk:
#
#   tree/          the installed tests (cmake --install --component tests)
#   guest/         this, and `settings`, written by the host:
#     runs=(NAME…)        of the functions run_NAME below
#     arguments=(…)       for ctest
#     slow=N              how much slower than a real machine this one is
#     must_work=0|1
#
# The last line is "guest: N runs failed"; without it the guest did not get to its end.
set -uo pipefail

user=sbx-test
runs=() arguments=() slow=1 must_work=0
# shellcheck source=/dev/null
. /srv/sbx/guest/settings

failures=0
summary=()

say() {
    printf '\n=== %s (%s s after boot)\n' "$*" "$(cut -d. -f1 /proc/uptime)"
}

# as_login USER COMMAND…: in a session of its own, as sshd or login would make it: PAM, logind, user manager.
as_login() {
    local who=$1
    shift
    su --login "$who" --shell /bin/bash --command "$(printf '%q ' "$@")" </dev/null
}

# as_service USER PROPERTY… -- COMMAND…: as a unit of the system manager.
as_service() {
    local properties=(-p "User=$1")
    shift
    while [ "$1" != -- ]; do
        properties+=(-p "$1")
        shift
    done
    shift
    systemd-run --quiet --wait --collect --pipe "${properties[@]}" "$@" </dev/null
}

# tree_of USER: that user's own copy of the tests, below its home.
tree_of() {
    local home
    home=$(getent passwd "$1" | cut -d: -f6)
    if ! [ -d "$home/tree" ]; then
        cp -r /srv/sbx/tree "$home/tree"
        chown -R "$1:" "$home/tree"
    fi
    echo "$home/tree"
}

# The tests to leave out, with why.
left_out=(
    guest_refused             # for a host that refuses namespaces, where nothing starts without being told to
    integration_batch_reports # reads files with xmllint, python3 and perl, which are not here; no matter of the kernel
)
leave_out=(-E "^($(IFS='|' && echo "${left_out[*]}"))\$")

# Emulated, fewer of the same: one task of each kind, three killed coordinators.
fewer=()
[ "$slow" -le 2 ] || fewer=(SBX_BATCH_TASKS=18 SBX_BATCH_KILLS=3 SBX_TEST_ZOMBIES=300)

# try TITLE USER WRAPPER… : what sbx says of this place, then the tests in it. The doctor's verdict is not
# judged here; the tests are.
try() {
    local title=$1 who=$2 tree log=/run/sbx-guest.log
    shift 2
    tree=$(tree_of "$who")
    say "$title: sbx doctor"
    "$@" "$tree/bin/sbx" doctor
    echo "(exit $?)"
    say "$title: tests"
    "$@" env LANG=C.UTF-8 SBX_GUEST=1 SBX_TEST_SLOW="$slow" SBX_MUST_WORK="$must_work" "${fewer[@]}" \
        ctest --test-dir "$tree" --output-on-failure --no-tests=error -j "$(nproc)" "${arguments[@]}" "${leave_out[@]}" 2>&1 |
        tee "$log"
    if [ "${PIPESTATUS[0]}" -ne 0 ]; then
        failures=$((failures + 1))
    fi
    summary+=("$title: $(grep ' tests passed, ' "$log" || echo "ctest did not finish")")
}

run_root() {
    try "root, logged in" root as_login root
}

run_user() {
    try "$user, logged in" "$user" as_login "$user"
}

# In a unit that was given its group and has put its processes into a leaf of it; nobody is logged in. The walls are
# those of run_user; what differs is who holds the job.
run_service() {
    local arguments=(-R 'integration_(exec|kill|limits)|abuse_' "${arguments[@]}") # ctest takes the last -R
    loginctl terminate-user "$user" 2>/dev/null
    # shellcheck disable=SC2016
    try "$user, in a unit with Delegate=yes" "$user" as_service "$user" Delegate=yes -- /bin/sh -c '
        group=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
        mkdir "$group/leaf" && echo 0 >"$group/leaf/cgroup.procs" && exec "$@"' sh
}

run_refused() {
    local before
    before=$(sysctl -n user.max_user_namespaces)
    sysctl -q user.max_user_namespaces=0
    local arguments=(-R guest_refused) leave_out=()
    try "$user, logged in, user namespaces refused" "$user" as_login "$user"
    sysctl -q user.max_user_namespaces="$before"
}

say "$(uname -sr), $(systemctl --version | head -1), $(stat -fc %T /sys/fs/cgroup), $(nproc) CPUs"
systemd-analyze time 2>/dev/null | head -1
tr ',' ' ' </sys/kernel/security/lsm
echo

if [ -e /srv/sbx/guest/shell ]; then
    exec bash >&0 2>&1
fi
for name in "${runs[@]}"; do
    "run_$name"
done
say "summary"
printf '%s\n' "${summary[@]}"
echo "guest: $failures runs failed"
