#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The two faces show the same: scans and gets against find and cat.
# shellcheck disable=SC2154 # lib.sh sets work, store, mnt, port and others
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/mount/lib.sh"
mount_need python3
mount_up || exit 1

python3 "$mount_scripts/faces.py" "$mnt" "$port"
mount_down || echo 'Bail out! the daemon did not end'
