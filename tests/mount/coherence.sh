#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The mount and the port agree at every moment; TT_TEST_SCALE lengthens the
# hammering.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up || exit 1

python3 "$mount_scripts/coherence.py" "$mnt" "$port" \
	"$((3 * ${TT_TEST_SCALE:-1}))"
mount_down || echo 'Bail out! the daemon did not end'
