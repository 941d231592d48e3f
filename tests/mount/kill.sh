#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# SIGKILL while both faces are being written to, again and again: nothing
# acknowledged is lost. TT_KILL_SECONDS lengthens it.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3

tap_run 'what was acknowledged outlives SIGKILL, as a prefix' \
	python3 "$mount_scripts/kill.py" "$store" "$mnt" \
	"${TT_KILL_SECONDS:-$((12 * ${TT_TEST_SCALE:-1}))}"
if command -v ttrunks-fsck >/dev/null; then
	tap_run 'and the store checks clean' ttrunks-fsck check "$store"
else
	tap_skip 'and the store checks clean' 'ttrunks-fsck is not built'
fi
tap_done
