#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Writers and readers on both faces at once, and a checker that no look is
# stale or torn. TT_HAMMER_SECONDS lengthens it: minutes, before a change to
# what the kernel is told.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up -o memory=16M || exit 1 # so that some is wanting

seconds=${TT_HAMMER_SECONDS:-$((6 * ${TT_TEST_SCALE:-1}))}
if timeout $((seconds + 180)) python3 "$mount_scripts/hammer.py" "$mnt" \
	"$port" "$seconds" >"$work/said" 2>&1; then
	tap_ok 'no look on either face is stale or torn, and all go on'
else
	tap_not_ok 'no look on either face is stale or torn, and all go on'
fi
sed 's/^/# /' "$work/said"
tap_run 'the daemon ends' mount_down
tap_run 'and the store checks clean' ttrunks-fsck check "$store"
tap_done
