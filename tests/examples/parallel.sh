#!/usr/bin/env bash
# GNU parallel, whose joblog has the commands' own exit codes and sbx's.
# shellcheck source=tests/examples/common.sh
. "$(dirname "$0")/common.sh"
need parallel
install_sbx

cd "$place/work"
code=0
printf '%s\n' 'echo one > one' 'exit 3' 'echo "a  b"' 'echo x > ../outside' 'sleep 60' |
    sed 's/^sleep.*/kill -9 $$/' | "$source_dir/examples/parallel/run.sh" log >out 2>err || code=$?
[ $code -eq 3 ] || fail "exit $code: three jobs fail; $(cat err)"
grep -qxF 'a  b' out || fail "its output was changed: $(cat out)"
[ "$(cat one)" = one ] || fail "a command could not write"
[ ! -e ../outside ] || fail "a command wrote outside"
[ "$(tail -n +2 log | sort -n | cut -f7 | tr '\n' ' ')" = '0 3 0 2 137 ' ] || fail "joblog: $(cat log)"
expect_runs 5 queue=parallel

# Our own joblog is one that parallel goes on with: nothing is left of a manifest that has been run.
printf '%s\n' 'echo one' 'echo two' >lines
sbx batch run -q --lines --out results lines
[ "$(head -n 1 results/joblog)" = "$(head -n 1 log)" ] || fail "another head than parallel's"
cp results/joblog ours
parallel --will-cite --joblog ours --resume 'echo ran {}' ::: 1 2 3 >out
[ "$(cat out)" = 'ran 3' ] || fail "parallel --resume with our joblog: $(cat out)"
